//! What goes along with a claim.

use super::*;

/// Its signature's key comes last, and until when it is the claim's; zero where it is only looked at.
#[test]
fn whose_a_signature_is_goes_along() {
    let claim = Name::of(&who(2));
    let name = Identity { nonce: [0xef; 32], ..Identity::NONE };
    for (takes, until) in [(true, "1800000600"), (false, "0")] {
        let seal = Some(Seal { name, fingerprint: [1; 32], expires: 1_800_000_600, takes });
        let swap = Swap { seal, ..swap(&claim, Before::Absent, Some("0a")) };
        let body = swap.call(&store("upstash", &[]), false).unwrap().body;
        let words: Vec<String> = serde_json::from_str(&body).unwrap();
        assert_eq!((&*words[2], &*words[7]), ("5", &*format!("x402:s:{}", "ef".repeat(32))));
        assert_eq!(words[18..], [id_text(ID).as_str(), until]);
    }
}

/// What is kept is told where it stays and is wanted, and nothing is written for it.
#[test]
fn what_is_kept_is_asked_for_where_it_stays() {
    let claim = Name::of(&who(2));
    for (payment, want_payment, expected) in [
        (Change::Leave, false, ""),
        (Change::Leave, true, "?"),
        (Change::Remove, true, "-"),
        (Change::Put("cGF5"), true, "cGF5"),
    ] {
        let swap = Swap { payment, want_payment, ..swap(&claim, Before::Value("00"), Some("01")) };
        let body = swap.call(&store("upstash", &[]), false).unwrap().body;
        let words: Vec<String> = serde_json::from_str(&body).unwrap();
        assert_eq!(words[14], expected, "{words:?}");
    }
    let marked = Swap { payment: Change::Put("?"), ..swap(&claim, Before::Absent, Some("01")) };
    assert_eq!(marked.call(&store("upstash", &[]), false), None, "no payment is that text");
}
