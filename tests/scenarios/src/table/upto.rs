//! `upto`: charged for what was used, never above what was signed, and the same amount again
//! where an answer was lost.

use alloy_primitives::{Address, U256};
use serde_json::{json, Value};
use x402_devstack::client::{Answer, RawRequest};
use x402_devstack::facilitator::FaultKind;
use x402_devstack::payer::Payment;

use super::spine::pending;
use super::Table;
use crate::shop::Shop;
use crate::stage::{refused, served, Stage};

const PLAIN: &str = "/ways/upto/plain";
const METERED: &str = "/ways/upto/metered";
const STRICT: &str = "/ways/upto/strict";

/// What is signed: half a dollar.
const MOST: u64 = 500_000;

pub(super) fn add(table: &mut Table) {
    for (name, path, header, charged) in charges() {
        table.add_in(Shop::Any, format!("a17_upto_charge_{name}"), move |stage| {
            charge(stage, path, header, charged)
        });
    }
    for (name, path, header) in unreadable() {
        table.add_in(Shop::Any, format!("a17_upto_unreadable_{name}"), move |stage| {
            withheld(stage, path, header)
        });
    }
    for (name, path, header) in [
        ("override", PLAIN, r#"settlement-overrides: {"amount":"0"}"#),
        ("percent", PLAIN, r#"settlement-overrides: {"amount":"0%"}"#),
        ("quantity", METERED, "x-tokens: 0"),
    ] {
        table.add_in(Shop::Any, format!("a17_upto_zero_{name}"), move |stage| zero(stage, path, header));
    }
    table.add_in(Shop::Any, "a17_upto_clients_override_is_ignored", clients_override);
    table.add_in(Shop::Any, "a17_upto_lost_answer_repeats_the_amount", lost_answer);
    table.add_in(Shop::Any, "a17_upto_what_was_paid_serves_nothing_dearer", nothing_dearer);
    table.add_in(Shop::Any, "a17_upto_a_404_is_not_charged", not_charged);
    table.add_in(Shop::Any, "a17_upto_signed_for_another_submitter", |stage| {
        let asked = stage.get(PLAIN);
        let mut draft = stage.draft(&asked);
        draft.permit.as_mut().expect("a permit").facilitator = Some(Address::repeat_byte(7));
        let payment = draft.sign(&stage.wallet);
        refused(&stage.send(&asked.clone().pay(&payment)), 402, "upto_facilitator_mismatch");
        stage.untouched(&payment);
        let payment = payment.tamper("/accepted/extra/facilitatorAddress", json!(Address::repeat_byte(7)));
        refused(&stage.send(&asked.pay(&payment)), 402, "no_matching_payment_requirements");
        stage.untouched(&payment);
    });
    table.add("a17_upto_override_under_exact_is_ignored", |stage| {
        let order = r#"settlement-overrides: {"amount":"1"}"#;
        let (payment, request) = stage.paid(&stage.get("/v1/late").header("x-test-h", order));
        let answer = stage.send(&request);
        served(&answer);
        assert_eq!(answer.count("settlement-overrides"), 0);
        assert_eq!(stage.moved(&payment)[0].amount, U256::from(1_000));
    });
}

fn charges() -> Vec<(&'static str, &'static str, &'static str, u64)> {
    vec![
        ("atomic", PLAIN, r#"settlement-overrides: {"amount":"1234"}"#, 1_234),
        ("percent", PLAIN, r#"settlement-overrides: {"amount":"37.5%"}"#, 187_500),
        ("dollars", PLAIN, r#"settlement-overrides: {"amount":"$0.0015"}"#, 1_500),
        ("above_is_cut", PLAIN, r#"settlement-overrides: {"amount":"500001"}"#, MOST),
        ("above_by_percent_is_cut", PLAIN, r#"settlement-overrides: {"amount":"150%"}"#, MOST),
        ("nothing_said_is_all", PLAIN, "x-other: 1", MOST),
        ("quantity", METERED, "x-tokens: 2500", 50_000),
        ("default_quantity", METERED, "x-other: 1", 140),
        ("quantity_above_is_cut", METERED, "x-tokens: 99999999", MOST),
        ("override_before_quantity", METERED, r#"settlement-overrides: {"amount":"9"}"#, 9),
    ]
}

fn unreadable() -> Vec<(&'static str, &'static str, &'static str)> {
    vec![
        ("not_json", PLAIN, "settlement-overrides: 1234"),
        ("negative", PLAIN, r#"settlement-overrides: {"amount":"-1"}"#),
        ("number", PLAIN, r#"settlement-overrides: {"amount":5}"#),
        ("too_precise", PLAIN, r#"settlement-overrides: {"amount":"1.005%"}"#),
        ("quantity_is_no_number", STRICT, "x-tokens: many"),
        ("quantity_is_missing", STRICT, "x-other: 1"),
    ]
}

fn amount_asked(stage: &Stage<'_>, payment: &Payment) -> Vec<Value> {
    let calls = stage.calls(payment.nonce).into_iter();
    let settles = calls.filter(|call| call.path.ends_with("/settle"));
    settles.map(|call| call.body["paymentRequirements"]["amount"].clone()).collect()
}

fn receipt(answer: &Answer, amount: u64) -> Value {
    assert_eq!((answer.status, answer.count("payment-response")), (200, 1), "{}", answer.text());
    let receipt = answer.receipt().expect("a receipt");
    assert_eq!(receipt["success"], true, "{receipt}");
    assert_eq!(receipt["amount"], amount.to_string(), "{receipt}");
    assert_eq!(answer.count("settlement-overrides"), 0, "the upstream's word to us");
    receipt
}

fn charge(stage: &mut Stage<'_>, path: &str, header: &str, charged: u64) {
    let (payment, request) = stage.paid(&stage.get(path).header("x-test-h", header));
    assert_eq!(payment.requirements["amount"], MOST.to_string());
    let answer = stage.send(&request);
    receipt(&answer, charged);
    assert_eq!(amount_asked(stage, &payment), [json!(charged.to_string())]);
    let call = stage.calls(payment.nonce).remove(0);
    assert_eq!(call.body["paymentPayload"]["accepted"]["amount"], MOST.to_string(), "what was signed");
    assert_eq!(stage.moved(&payment)[0].amount, U256::from(charged));
    stage.charged_once(&payment, 1);
    let again = stage.again(&request);
    refused(&again, 402, "payment_already_used");
    let receipt = again.receipt().expect("a receipt");
    assert_eq!(receipt["transaction"], stage.moved(&payment)[0].transaction.to_string());
    assert_eq!(receipt["amount"], Value::Null, "what was delivered is remembered by its transaction");
    stage.charged_once(&payment, 1);
}

fn withheld(stage: &mut Stage<'_>, path: &str, header: &str) {
    let (payment, request) = stage.paid(&stage.get(path).header("x-test-h", header));
    let answer = stage.send(&request);
    refused(&answer, 502, "charge_unreadable");
    assert_eq!(answer.json()["paymentState"], "none");
    assert!(!answer.text().contains("shop.example"), "the held response is not in it");
    assert!(stage.settles(&payment) == 0 && stage.moved(&payment).is_empty());
    // The payment is good for a response that says it.
    let order = r#"settlement-overrides: {"amount":"5"}"#;
    let answer = stage.again(&stage.get(path).header("x-test-h", order).pay(&payment));
    receipt(&answer, 5);
    stage.charged_once(&payment, 2);
}

fn zero(stage: &mut Stage<'_>, path: &str, header: &str) {
    let (payment, request) = stage.paid(&stage.get(path).header("x-test-h", header));
    let answer = stage.send(&request);
    assert_eq!(receipt(&answer, 0)["transaction"], "");
    assert_eq!(stage.settles(&payment), 0, "nothing to settle");
    let again = stage.again(&request);
    refused(&again, 402, "payment_already_used");
    assert!(stage.moved(&payment).is_empty());
    assert_eq!(stage.hits(), 1);
}

fn clients_override(stage: &mut Stage<'_>) {
    let asked = stage.get(PLAIN);
    let (payment, request) = stage.paid(&asked);
    let answer = stage.send(&request.header("settlement-overrides", r#"{"amount":"1"}"#));
    receipt(&answer, MOST);
    let received = stage.received().remove(0);
    assert_eq!(received.header_text("settlement-overrides"), None, "the upstream might echo it");
    stage.charged_once(&payment, 1);
}

fn said(asked: &RawRequest, amount: &str) -> RawRequest {
    asked.clone().header("x-test-h", format!(r#"settlement-overrides: {{"amount":"{amount}"}}"#))
}

/// The money moved and the answer was lost. The upstream would now say something else.
fn lost_answer(stage: &mut Stage<'_>) {
    let asked = stage.get(PLAIN);
    let said = |amount| said(&asked, amount);
    let payment = stage.pay(&asked);
    stage.fault(&payment, FaultKind::Pending);
    pending(&stage.send(&said("1234").pay(&payment)));
    let answer = stage.again(&said("9").pay(&payment));
    receipt(&answer, 1_234);
    assert_eq!(amount_asked(stage, &payment), ["1234", "1234"]);
    assert_eq!(stage.moved(&payment)[0].amount, U256::from(1_234));
    stage.charged_once(&payment, 2);
}

/// Who paid for little asks for much, by the same payment and by another one.
fn nothing_dearer(stage: &mut Stage<'_>) {
    let asked = stage.get(PLAIN);
    let said = |amount| said(&asked, amount);
    let payment = stage.pay(&asked);
    stage.fault(&payment, FaultKind::Pending);
    pending(&stage.send(&said("20").pay(&payment)));
    let other = stage.pay(&asked);
    for payment in [&payment, &other] {
        let answer = stage.again(&said("21").pay(payment));
        refused(&answer, 409, "redemption_insufficient");
        assert_eq!(
            (answer.json()["paymentState"].as_str(), answer.json()["retry"].as_str()),
            (Some("taken"), Some("same"))
        );
        assert_eq!(answer.receipt().expect("a receipt")["amount"], "20");
        assert!(!answer.text().contains("shop.example"), "the held response is not in it");
    }
    receipt(&stage.again(&said("20").pay(&other)), 20);
    assert_eq!(stage.moved(&payment)[0].amount, U256::from(20));
    stage.charged_once(&payment, 4);
    assert_eq!((stage.settles(&other), stage.moved(&other).len()), (0, 0), "never submitted");
}

fn not_charged(stage: &mut Stage<'_>) {
    let order = r#"settlement-overrides: {"amount":"7"}"#;
    let asked = stage.get(PLAIN).header("x-test-h", order);
    let (payment, request) = stage.paid(&asked.clone().header("x-test-status", "404"));
    let answer = stage.send(&request);
    assert_eq!((answer.status, answer.count("payment-response")), (404, 0));
    assert_eq!(answer.count("settlement-overrides"), 0);
    assert_eq!(stage.settles(&payment), 0);
    receipt(&stage.again(&asked.pay(&payment)), 7);
}
