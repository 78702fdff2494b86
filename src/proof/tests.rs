//! What a node may say, and what is made of it.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::string_slice,
    clippy::arithmetic_side_effects,
    clippy::panic,
    reason = "a test may panic"
)]

mod hostile;
mod node;
mod proofs;
mod recorded;

use std::sync::LazyLock;

use super::*;
use node::{Log, Node};

pub(super) const FINALITY: u64 = 900;
pub(super) const END: u64 = 1_900_000_000;

pub(super) fn address(byte: u8) -> Address {
    Address::new([byte; 20])
}

pub(super) fn question(means: Means) -> Question {
    Question {
        chain_id: 8453,
        token: address(0x70),
        pay_to: address(0x9a),
        payer: address(0xa1),
        nonce: std::array::from_fn(|at| 0x10 + at as u8),
        amount: Amount::from_u64(5_000),
        means,
        valid_before: END,
    }
}

pub(super) const ALL: [Means; 3] = [Means::Eip3009, Means::Permit2, Means::Upto];
pub(super) const BY_PERMIT: [Means; 2] = [Means::Permit2, Means::Upto];

/// What a question comes to, asked of this node.
pub(super) fn ask(question: &Question, node: &Node) -> Proof {
    asked(question, node).0
}

/// And the methods that were called.
pub(super) fn asked(question: &Question, node: &Node) -> (Proof, Vec<String>) {
    asked_since(question, node, None)
}

/// Where it counts only since some time.
pub(super) fn asked_since(
    question: &Question,
    node: &Node,
    since: Option<UnixSeconds>,
) -> (Proof, Vec<String>) {
    let mut methods = Vec::new();
    let (inquiry, mut body) = Inquiry::new(*question, FINALITY);
    let mut inquiry = inquiry.since(since);
    loop {
        let (method, answer) = node.answer(&body);
        methods.push(method);
        match inquiry.on(&Delivery::arrived(200, true, None, Some(answer.as_bytes()))) {
            Next::Ask(next, next_body) => (inquiry, body) = (next, next_body),
            Next::Done(proof) => return (proof, methods),
        }
        assert!(methods.len() <= usize::from(MAX_CALLS));
    }
}

#[test]
fn a_question_is_kept_as_it_is() {
    for means in ALL {
        let question = question(means);
        let bytes = question.to_bytes();
        assert_eq!(bytes.len(), Question::BYTES);
        assert_eq!(Question::from_bytes(&bytes), Some(question));
        for len in 0..bytes.len() {
            assert_eq!(Question::from_bytes(&bytes[..len]), None, "{len} bytes");
        }
        assert_eq!(Question::from_bytes(&[&bytes[..], &[0]].concat()), None, "one more byte");
    }
    let mut unknown = question(Means::Upto).to_bytes();
    unknown[0] = 3;
    assert_eq!(Question::from_bytes(&unknown), None);
}

#[test]
fn selectors_and_events_are_the_hashes_of_their_signatures() {
    use crate::evm::keccak256;
    let selector = |text: &str| -> [u8; 4] { keccak256([text.as_bytes()])[..4].try_into().unwrap() };
    let permit = "((address,uint256),uint256,uint256)";
    let sponsored = "(uint256,uint256,bytes32,bytes32,uint8)";
    let exact = "address,(address,uint256),bytes";
    let upto = "uint256,address,(address,address,uint256),bytes";
    for ([plain, with_permit], rest) in [(receipt::EXACT, exact), (receipt::UPTO, upto)] {
        assert_eq!(plain, selector(&format!("settle({permit},{rest})")));
        assert_eq!(with_permit, selector(&format!("settleWithPermit({sponsored},{permit},{rest})")));
    }
    for (event, text) in [
        (receipt::TRANSFER, "Transfer(address,address,uint256)"),
        (receipt::USED, "AuthorizationUsed(address,bytes32)"),
        (receipt::CANCELLED, "AuthorizationCanceled(address,bytes32)"),
    ] {
        assert_eq!(event, keccak256([text.as_bytes()]));
    }
    let says = |body: Vec<u8>, text: &str| {
        let selector = hex::encode(selector(text));
        assert!(String::from_utf8(body).unwrap().contains(&format!("\"data\":\"0x{selector}")));
    };
    says(call::is_used(1, &question(Means::Eip3009), 0), "authorizationState(address,bytes32)");
    says(call::is_used(1, &question(Means::Permit2), 0), "nonceBitmap(address,uint256)");
}

/// The bodies, to the byte: any node reads these.
#[test]
fn requests_are_json_rpc() {
    let text = |body: Vec<u8>| String::from_utf8(body).unwrap();
    assert_eq!(text(call::chain_id(1)), r#"{"jsonrpc":"2.0","id":1,"method":"eth_chainId","params":[]}"#);
    assert_eq!(
        text(call::newest_block(2)),
        r#"{"jsonrpc":"2.0","id":2,"method":"eth_getBlockByNumber","params":["latest",false]}"#
    );
    let (payer, pay_to, nonce) = ("a1".repeat(20), "9a".repeat(20), hex::encode(question(Means::Upto).nonce));
    let (zeros, token) = ("0".repeat(24), "70".repeat(20));
    assert_eq!(
        text(call::is_used(3, &question(Means::Eip3009), 0x1230)),
        format!(
            r#"{{"jsonrpc":"2.0","id":3,"method":"eth_call","params":[{{"to":"0x{token}","data":"0xe94a0102{zeros}{payer}{nonce}"}},"0x1230"]}}"#
        )
    );
    let place = format!("00{}", &nonce[..62]);
    assert_eq!(
        text(call::is_used(3, &question(Means::Upto), 0)),
        format!(
            r#"{{"jsonrpc":"2.0","id":3,"method":"eth_call","params":[{{"to":"0x000000000022d473030f116ddee9f6b43ac78ba3","data":"0x4fe02b44{zeros}{payer}{place}"}},"0x0"]}}"#
        )
    );
    let (used, cancelled) = (hex::encode(receipt::USED), hex::encode(receipt::CANCELLED));
    assert_eq!(
        text(call::logs(4, &question(Means::Eip3009), 0, u64::MAX)),
        format!(
            r#"{{"jsonrpc":"2.0","id":4,"method":"eth_getLogs","params":[{{"address":"0x{token}","topics":[["0x{used}","0x{cancelled}"],"0x{zeros}{payer}","0x{nonce}"],"fromBlock":"0x0","toBlock":"0xffffffffffffffff"}}]}}"#
        )
    );
    let transfer = hex::encode(receipt::TRANSFER);
    assert_eq!(
        text(call::logs(4, &question(Means::Permit2), 1, 16)),
        format!(
            r#"{{"jsonrpc":"2.0","id":4,"method":"eth_getLogs","params":[{{"address":"0x{token}","topics":["0x{transfer}","0x{zeros}{payer}","0x{zeros}{pay_to}"],"fromBlock":"0x1","toBlock":"0x10"}}]}}"#
        )
    );
    let transaction = Transaction([7; 32]);
    let (sent, receipt) = (text(call::transaction(5, &transaction)), text(call::receipt(6, &transaction)));
    let hash = "07".repeat(32);
    assert_eq!(
        sent,
        format!(r#"{{"jsonrpc":"2.0","id":5,"method":"eth_getTransactionByHash","params":["0x{hash}"]}}"#)
    );
    assert_eq!(receipt, sent.replace("ByHash", "Receipt").replace(":5,", ":6,"));
}

/// A node on which every kind of payment was made, each with the transaction it is proven by.
pub(super) static PAID: LazyLock<Node> = LazyLock::new(|| Node::default().paying(&ALL.map(question)));

pub(super) fn log_of(event: [u8; 32], question: &Question) -> Log {
    Log::new(question.token, [event, crate::evm::address_word(&question.payer), question.nonce], &[])
}

pub(super) fn transfer_of(question: &Question) -> Log {
    let parties = [question.payer, question.pay_to].map(|party| crate::evm::address_word(&party));
    Log::new(question.token, [receipt::TRANSFER, parties[0], parties[1]], &question.amount.to_be_bytes())
}
