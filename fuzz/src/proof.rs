//! What a node of the chain says, answer after answer, and what it proves.
//!
//! The first line is `e` for a transfer by EIP-3009, `p` for one by Permit2; every other line is the
//! body of one answer, in order. An answer's `"id":0` stands for the one that is asked for.

use serde_json::Value;
use x402_proxy_wasm::config::Means;
use x402_proxy_wasm::evm::address::Address;
use x402_proxy_wasm::facilitator::Delivery;
use x402_proxy_wasm::money::Amount;
use x402_proxy_wasm::proof::{Inquiry, Next, Proof, Question, MAX_CALLS};

use crate::cost;

const PAYER: &str = "0xf39fd6e51aad88f6f4ce6ab8827279cfffb92266";
const PAYEE: &str = "0x209693bc6afc0c5328ba36faf03c514ef312287c";
const TOKEN: &str = "0x036cbd53842c5426634e7929541ec2318f3dcf7e";
const TRANSFER: &str = "0xddf252ad1be2c89b69c2b068fc378daa952ba7f163c4a11628f55a4df523b3ef";
const USED: &str = "0x98de503528ee59b575ef0c0a2576a82497bfc029a5685b209e9ec333479b10a5";
const CANCELLED: &str = "0x1cdd46ff242716cdaa72d159d339a485b3438398348d68f09d7c8c0a59353d81";
const END: u64 = 1_767_225_660;
const FINALITY: u64 = 900;

/// A conversation.
pub fn run(data: &[u8]) {
    let mut lines = data.split(|b| *b == b'\n');
    let permit2 = lines.next() == Some(b"p");
    let question = question(permit2);
    assert_eq!(Question::from_bytes(&question.to_bytes()), Some(question));
    if let Some(read) = Question::from_bytes(data) {
        assert_eq!(read.to_bytes(), data);
    }
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
            Next::Done(proof) => return proven(proof, permit2, &answers),
        }
    }
}

fn question(permit2: bool) -> Question {
    let address = |text| Address::parse(text).expect("an address");
    Question {
        chain_id: 84_532,
        token: address(TOKEN),
        pay_to: address(PAYEE),
        payer: address(PAYER),
        nonce: [0x11; 32],
        amount: Amount::from_u64(10_000),
        means: if permit2 { Means::Permit2 } else { Means::Eip3009 },
        valid_before: END,
    }
}

/// What is proven was said, in so many words.
fn proven(proof: Proof, permit2: bool, answers: &[Vec<u8>]) {
    if proof == Proof::Open {
        return;
    }
    let said: Vec<Value> =
        answers.iter().map(|answer| serde_json::from_slice(answer).expect("what proves is JSON")).collect();
    let result = |place: usize| &said[place]["result"];
    let last = result(said.len() - 1);
    let quantity = |value: &Value| u64::from_str_radix(&value.as_str()?[2..], 16).ok();
    assert_eq!(quantity(result(0)), Some(84_532), "another chain's word");
    let time = quantity(&result(1)["timestamp"]).expect("a time");
    let word = |address: &str| format!("0x{:0>64}", &address[2..]);
    let nonce = format!("0x{}", "11".repeat(32));
    match proof {
        Proof::Paid(transaction) => {
            let hash: String = transaction.0.iter().map(|byte| format!("{byte:02x}")).collect();
            assert!(last["transactionHash"]
                .as_str()
                .is_some_and(|text| text[2..].eq_ignore_ascii_case(&hash)));
            assert_eq!(quantity(&last["status"]), Some(1));
            let logs = last["logs"].as_array().expect("logs");
            let amount = format!("0x{:064x}", 10_000);
            let is = |log: &Value, topics: [&str; 3]| {
                let same = |one: &Value, other: &str| {
                    one.as_str().is_some_and(|one| one.eq_ignore_ascii_case(other))
                };
                let listed = log["topics"].as_array().expect("topics");
                same(&log["address"], TOKEN)
                    && listed.len() == 3
                    && listed.iter().zip(topics).all(|(one, other)| same(one, other))
            };
            let moved = |log: &Value| {
                let data = log["data"].as_str().is_some_and(|data| data.eq_ignore_ascii_case(&amount));
                is(log, [TRANSFER, &word(PAYER), &word(PAYEE)]) && data
            };
            assert!(logs.iter().any(moved), "nothing moved: {last}");
            assert!(permit2 || logs.iter().any(|log| is(log, [USED, &word(PAYER), &nonce])), "{last}");
        }
        Proof::Unspent => {
            assert!(time > END + FINALITY, "too early to say: {time}");
            assert_eq!(said.len(), 3);
        }
        Proof::Cancelled => {
            assert!(time > END + FINALITY && !permit2, "{time}");
            assert!(last.to_string().to_lowercase().contains(CANCELLED));
        }
        Proof::Open => {}
    }
}
