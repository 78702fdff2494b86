//! What only the facilitator understands: matched, checked, settled; one claim for one payload
//! and one payload for one transaction.

use alloy_primitives::{keccak256, B256};
use serde_json::{json, Value};
use x402_devstack::client::{Answer, RawRequest};
use x402_devstack::payer::{KeyOrder, Payment, Style};

use super::Table;
use crate::shop::{Shop, SOLANA};
use crate::stage::{refused, Stage};

const NO_MATCH: &str = "no_matching_payment_requirements";
const BEFORE: &str = "/ways/other/before";

pub(super) fn add(table: &mut Table) {
    for (name, pointer, value) in lies() {
        table.add_in(Shop::Any, format!("a3_other_quote_with_{name}"), move |stage| {
            let asked = stage.get(BEFORE);
            let payment = payment(stage, &asked, SOLANA, json!({})).tamper(pointer, value.clone());
            refused(&stage.send(&asked.pay(&payment)), 402, NO_MATCH);
            stage.untouched(&payment);
        });
    }
}

pub(super) fn add_hosted(table: &mut Table) {
    for (name, path) in [("before", BEFORE), ("after", "/ways/other/after")] {
        for (kind, network) in [("network", SOLANA), ("scheme", "eip155:84532")] {
            table.add_in(
                Shop::Any,
                format!("o_another_{kind}_is_checked_and_settled_{name}"),
                move |stage| {
                    served_once(stage, path, network);
                },
            );
        }
    }
    table.add_in(Shop::Any, "a1_one_transaction_pays_once", one_transaction);
    table.add_in(Shop::Any, "o_version_1", version_1);
    table.add_in(Shop::Any, "a2_both_versions_are_one_payment", both_versions);
}

fn lies() -> Vec<(&'static str, &'static str, Value)> {
    vec![
        ("another_scheme", "/accepted/scheme", json!("escrow")),
        ("another_network", "/accepted/network", json!("solana:other")),
        ("another_asset", "/accepted/asset", json!("x")),
        ("another_payee", "/accepted/payTo", json!("x")),
        ("a_lower_amount", "/accepted/amount", json!("999")),
        ("a_longer_timeout", "/accepted/maxTimeoutSeconds", json!(61)),
        ("another_extra", "/accepted/extra", json!({"feePayer": "me"})),
    ]
}

/// A payment for the quote's way of a network, with a payload nobody here reads.
fn payment(stage: &mut Stage<'_>, asked: &RawRequest, network: &str, payload: Value) -> Payment {
    let ways = |answer: Answer| answer.quote().expect("a quote").accepts;
    let begun = std::time::Instant::now();
    let way = loop {
        let found = ways(stage.asked(asked)).into_iter().find(|way| way["network"] == network);
        match found {
            Some(way) => break way,
            None if begun.elapsed().as_secs() > 8 => panic!("{network} is not quoted"),
            None => std::thread::sleep(std::time::Duration::from_millis(100)),
        }
    };
    let mut payload = payload;
    // Something of its own, so that payloads of scenarios differ.
    let fresh = stage.wallet.sign(keccak256(format!("{begun:?}")));
    payload["proof"] = json!(alloy_primitives::hex::encode(fresh));
    payload["steps"] = json!([{"b": 1, "a": "é"}]);
    Payment {
        version: 2,
        nonce: keccak256(payload.to_string()),
        json: json!({"x402Version": 2, "accepted": way, "payload": payload}),
        requirements: way,
        payer: stage.wallet.address(),
    }
}

fn settled(answer: &Answer, network: &str) -> Value {
    assert_eq!((answer.status, answer.broken), (200, None), "{}", answer.text());
    let receipt = answer.receipt().expect("a receipt");
    assert_eq!((&receipt["success"], &receipt["network"]), (&json!(true), &json!(network)), "{receipt}");
    receipt
}

fn paths(stage: &Stage<'_>, nonce: B256) -> Vec<String> {
    stage.calls(nonce).into_iter().map(|call| call.path).collect()
}

fn served_once(stage: &mut Stage<'_>, path: &str, network: &str) {
    let asked = stage.get(path);
    let payment = payment(stage, &asked, network, json!({}));
    let answer = stage.send(&asked.clone().pay(&payment));
    let receipt = settled(&answer, network);
    assert_eq!(receipt["transaction"], keccak256(payment.nonce).to_string());
    assert_eq!(paths(stage, payment.nonce), ["/verify", "/settle"]);
    for call in stage.calls(payment.nonce) {
        assert_eq!(call.body["x402Version"], 2);
        assert_eq!(call.body["paymentPayload"]["payload"], payment.json["payload"]);
        assert_eq!(call.body["paymentRequirements"], payment.requirements);
    }
    for order in [KeyOrder::Sdk, KeyOrder::Sorted, KeyOrder::Reversed] {
        let again = asked.clone().header("payment-signature", payment.styled(&Style::order(order)));
        let answer = stage.again(&again);
        refused(&answer, 402, "payment_already_used");
        // A claim has no room for the name of another network's transaction, and its hash is none.
        assert_eq!(answer.json()["transaction"], serde_json::Value::Null);
        assert_eq!(answer.receipt().expect("a receipt")["transaction"], "");
    }
    assert_eq!((stage.settles(&payment), stage.hits()), (1, 1));
}

/// Two payloads, one transaction: the second buys nothing.
fn one_transaction(stage: &mut Stage<'_>) {
    let asked = stage.get(BEFORE);
    let first = payment(stage, &asked, SOLANA, json!({}));
    let transaction = keccak256(first.nonce).to_string();
    let named = |payment: Payment| {
        let payment = payment.tamper("/payload/transaction", json!(transaction));
        Payment { nonce: keccak256(payment.json["payload"].to_string()), ..payment }
    };
    let first = named(first);
    settled(&stage.send(&asked.clone().pay(&first)), SOLANA);
    let second = named(payment(stage, &asked, SOLANA, json!({})));
    assert_ne!(first.nonce, second.nonce);
    for _ in 0..2 {
        refused(&stage.again(&asked.clone().pay(&second)), 402, "payment_already_used");
    }
    assert_eq!(stage.hits(), 1, "served for nothing");
}

fn version_1(stage: &mut Stage<'_>) {
    let asked = stage.get(BEFORE);
    let mut payment = payment(stage, &asked, SOLANA, json!({}));
    let way = stage.asked(&asked).json()["accepts"][0].clone();
    assert_eq!(
        (&way["network"], &way["maxAmountRequired"]),
        (&json!("solana-devnet"), &json!("1000")),
        "{way}"
    );
    payment.json = json!({
        "x402Version": 1, "scheme": "exact", "network": "solana-devnet", "payload": payment.json["payload"],
    });
    payment.version = 1;
    let answer = stage.send(&asked.pay(&payment));
    settled(&answer, "solana-devnet");
    assert_eq!(answer.count("x-payment-response"), 1);
    let calls = stage.calls(payment.nonce);
    assert_eq!(calls.len(), 2);
    assert_eq!(calls[1].body["paymentRequirements"]["maxAmountRequired"], "1000");
}

/// The versions name a network differently, and burn the same.
fn both_versions(stage: &mut Stage<'_>) {
    let asked = stage.get(BEFORE);
    let mut payment = payment(stage, &asked, SOLANA, json!({}));
    settled(&stage.send(&asked.clone().pay(&payment)), SOLANA);
    payment.json = json!({
        "x402Version": 1, "scheme": "exact", "network": "solana-devnet", "payload": payment.json["payload"],
    });
    payment.version = 1;
    refused(&stage.again(&asked.clone().pay(&payment)), 402, "payment_already_used");
    assert_eq!(stage.hits(), 1);
}
