//! What a node of the chain says, answer after answer, and what it proves.
//!
//! The first line is the question in hexadecimal digits, as it is kept; every other one the body of
//! an answer, in order. An answer's `"id":0` stands for the one that is asked for.

use serde_json::Value;
use x402_proxy_wasm::config::Means;
use x402_proxy_wasm::evm::address::Address;
use x402_proxy_wasm::facilitator::Delivery;
use x402_proxy_wasm::proof::{Inquiry, Next, Proof, Question, MAX_CALLS};

use crate::cost;

const TRANSFER: &str = "0xddf252ad1be2c89b69c2b068fc378daa952ba7f163c4a11628f55a4df523b3ef";
const USED: &str = "0x98de503528ee59b575ef0c0a2576a82497bfc029a5685b209e9ec333479b10a5";
const CANCELLED: &str = "0x1cdd46ff242716cdaa72d159d339a485b3438398348d68f09d7c8c0a59353d81";
const FINALITY: u64 = 900;

/// A conversation.
pub fn run(data: &[u8]) {
    let mut lines = data.split(|b| *b == b'\n');
    let Some(question) = lines.next().and_then(digits).and_then(|bytes| Question::from_bytes(&bytes)) else {
        return;
    };
    assert_eq!(Question::from_bytes(&question.to_bytes()), Some(question));
    let (mut inquiry, mut asked) = Inquiry::new(question, FINALITY);
    let mut answers: Vec<Vec<u8>> = Vec::new();
    for line in lines {
        let call: Value = serde_json::from_slice(&asked).expect("a node is asked in JSON");
        let id = call["id"].as_u64().expect("a number");
        assert!(id == answers.len() as u64 + 1 && id <= u64::from(MAX_CALLS), "{call}");
        let answer =
            String::from_utf8_lossy(line).replace(r#""id":0,"#, &format!(r#""id":{id},"#)).into_bytes();
        let delivery = Delivery::arrived(200, true, None, Some(&answer));
        let next = cost::within(16_384, 64, answer.len(), || inquiry.on(&delivery));
        answers.push(answer);
        match next {
            Next::Ask(next, body) => (inquiry, asked) = (next, body),
            Next::Done(proof) => return proven(proof, &question, &answers),
        }
    }
}

fn digits(text: &[u8]) -> Option<Vec<u8>> {
    let digit = |b: &u8| char::from(*b).to_digit(16).and_then(|digit| u8::try_from(digit).ok());
    let pair = |pair: &[u8]| Some(digit(pair.first()?)? << 4 | digit(pair.get(1)?)?);
    text.chunks(2).map(pair).collect()
}

fn hex(bytes: &[u8]) -> String {
    let digits: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
    format!("0x{digits}")
}

/// What is proven was said, in so many words.
fn proven(proof: Proof, question: &Question, answers: &[Vec<u8>]) {
    if proof == Proof::Open {
        return;
    }
    let said: Vec<Value> =
        answers.iter().map(|answer| serde_json::from_slice(answer).expect("what proves is JSON")).collect();
    let result = |place: usize| &said[place]["result"];
    let last = result(said.len() - 1);
    let quantity = |value: &Value| u64::from_str_radix(&value.as_str()?[2..], 16).ok();
    assert_eq!(quantity(result(0)), Some(question.chain_id), "another chain's word");
    let time = quantity(&result(1)["timestamp"]).expect("a time");
    let word = |address: &Address| format!("0x{:0>64}", &hex(address.as_bytes())[2..]);
    let (payer, payee, nonce) = (word(&question.payer), word(&question.pay_to), hex(&question.nonce));
    let late = time > question.valid_before.saturating_add(FINALITY);
    match proof {
        Proof::Paid(transaction) => {
            let hash = hex(&transaction.0);
            assert!(last["transactionHash"].as_str().is_some_and(|text| text.eq_ignore_ascii_case(&hash)));
            assert_eq!(quantity(&last["status"]), Some(1));
            let logs = last["logs"].as_array().expect("logs");
            let amount = hex(&question.amount.to_be_bytes());
            let is = |log: &Value, topics: [&str; 3]| {
                let same = |one: &Value, other: &str| {
                    one.as_str().is_some_and(|one| one.eq_ignore_ascii_case(other))
                };
                let listed = log["topics"].as_array().expect("topics");
                same(&log["address"], &hex(question.token.as_bytes()))
                    && listed.len() == 3
                    && listed.iter().zip(topics).all(|(one, other)| same(one, other))
            };
            let moved = |log: &Value| {
                let data = log["data"].as_str().is_some_and(|data| data.eq_ignore_ascii_case(&amount));
                is(log, [TRANSFER, &payer, &payee]) && data
            };
            assert!(logs.iter().any(moved), "nothing moved: {last}");
            assert!(
                question.means != Means::Eip3009 || logs.iter().any(|log| is(log, [USED, &payer, &nonce])),
                "{last}"
            );
        }
        Proof::Unspent => {
            assert!(late, "too early to say: {time}");
            assert_eq!(said.len(), 3);
        }
        Proof::Cancelled => {
            assert!(late && question.means == Means::Eip3009, "{time}");
            assert!(last.to_string().to_lowercase().contains(CANCELLED));
        }
        Proof::Open => {}
    }
}
