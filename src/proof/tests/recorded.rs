//! What a real node answered, recorded by `tests/clients/proof.test.mjs`.

use serde_json::Value;

use super::*;

#[test]
fn a_real_nodes_answers_are_read() {
    let vectors: Value = serde_json::from_str(include_str!("../../../tests/vectors/proof.json")).unwrap();
    let recorded = vectors["recorded"].as_array().unwrap();
    assert_eq!(recorded.len(), 8);
    for one in recorded {
        let text = |key: &str| one[key].as_str().unwrap_or_default();
        let question = Question::from_bytes(&hex::decode(text("question")).unwrap()).unwrap();
        let mut transaction = [0; 32];
        let expected = match text("proof") {
            "paid" => {
                hex::decode_to_slice(&text("transaction")[2..], &mut transaction).unwrap();
                Proof::Paid(Transaction(transaction))
            }
            "unspent" => Proof::Unspent,
            "cancelled" => Proof::Cancelled,
            other => panic!("{other}"),
        };
        let mut answers = one["answers"].as_array().unwrap().iter();
        let mut inquiry = Inquiry::new(question, FINALITY).0;
        let proof = loop {
            let text = answers.next().unwrap().as_str().unwrap();
            match inquiry.on(&Delivery::arrived(200, true, None, Some(text.as_bytes()))) {
                Next::Ask(next, _) => inquiry = next,
                Next::Done(proof) => break proof,
            }
        };
        assert_eq!((proof, answers.next()), (expected, None), "{}", text("name"));
    }
}
