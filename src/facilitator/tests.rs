//! Recorded answers of the two facilitators in the field (npm `@x402/evm` 2.27 and x402-rs
//! 2.0.2), Envoy's own, and every way an answer can be wrong. `verdict` is about `/verify`,
//! `host` about what the host says in its place,
//! `noise` about bytes nobody meant.

#![allow(clippy::string_slice, reason = "a test may panic")]

use serde_json::{json, Value};

use super::*;

mod host;
mod noise;
mod verdict;

const TX: &str = "0x1212121212121212121212121212121212121212121212121212121212121212";
const PAYER: &str = "0xf39Fd6e51aad88F6F4ce6aB8827279cffFb92266";
const HASH: Transaction = Transaction([0x12; 32]);

/// Envoy 1.40's own answers, and what it appends to them.
const NO_CONNECTION: &str = "upstream connect error or disconnect/reset before headers. reset reason: \
    remote connection failure, transport failure reason: delayed connect error: Connection refused";
const CUT: &str =
    "upstream connect error or disconnect/reset before headers. reset reason: connection termination";
const RETRIED: &str = "upstream connect error or disconnect/reset before headers. retried and the latest \
    reset reason: remote connection failure, transport failure reason: delayed connect error: Connection refused";

fn expected() -> Expected<'static> {
    Expected {
        network: "eip155:84532",
        caip2: "eip155:84532",
        payer: Address::parse(PAYER).ok(),
        amount: Some(Amount::from_u64(10_000)),
    }
}

fn answered(status: u16, from_upstream: bool, body: &[u8]) -> Answer {
    Answer::read(&Delivery::Answered { status, from_upstream, body: Some(body) }, &expected())
}

/// The facilitator's own answer.
fn read(status: u16, body: impl AsRef<[u8]>) -> Answer {
    answered(status, true, body.as_ref())
}

/// What npm and x402-rs alike answer when the money moved.
fn success() -> Value {
    json!({"success": true, "transaction": TX, "network": "eip155:84532", "payer": PAYER})
}

/// What npm answers, with 200, when it refuses.
fn npm(reason: &str) -> Value {
    json!({"success": false, "errorReason": reason, "transaction": "", "network": "eip155:84532", "payer": PAYER})
}

/// What x402-rs answers when it refuses.
fn rust(reason: &str) -> Value {
    json!({
        "success": false, "network": "", "transaction": "", "errorReason": reason,
        "errorMessage": "execution reverted: FiatTokenV2: authorization is used or canceled", "payer": "",
    })
}

/// `base` with some fields changed; `null` in `changes` stays `null`.
fn with(base: Value, changes: Value) -> String {
    let mut body = base;
    for (key, value) in changes.as_object().unwrap() {
        body[key] = value.clone();
    }
    body.to_string()
}

fn without(base: Value, key: &str) -> String {
    let mut body = base;
    body.as_object_mut().unwrap().remove(key);
    body.to_string()
}

#[test]
fn a_success_for_what_was_asked_is_accepted() {
    let accepted = Answer::Accepted(HASH);
    assert_eq!(read(200, success().to_string()), accepted);
    assert_eq!(answered(200, false, success().to_string().as_bytes()), accepted, "NGINX marks nothing");
    assert_eq!(read(201, success().to_string()), accepted);
    let variants = [
        json!({"amount": "10000"}),
        json!({"amount": ""}),
        json!({"amount": null, "payer": null, "errorReason": null, "extensions": null}),
        json!({"payer": ""}),
        json!({"payer": PAYER.to_lowercase()}),
        json!({"transaction": format!("0x{}", "1212".repeat(16))}),
        json!({"errorReason": "settlement_pending"}),
        json!({"extensions": {"bazaar": [1, {"success": false}]}, "extra": {"a": null}, "x": -1.5e300}),
    ];
    for changes in variants {
        assert_eq!(read(200, with(success(), changes.clone())), accepted, "{changes}");
    }
    assert_eq!(read(200, without(success(), "payer")), accepted);
    assert_eq!(read(200, format!("\r\n\t {} \n", success())), accepted, "space around it");
    assert_eq!(read(200, success().to_string().replace("success", "\\u0073uccess")), accepted, "escapes");
}

#[test]
fn a_success_for_something_else_leaves_it_open() {
    let contradicts = [
        json!({"network": "eip155:8453"}),
        json!({"network": "base-sepolia"}),
        json!({"network": "EIP155:84532"}),
        json!({"network": "eip155:84532 "}),
        json!({"network": ""}),
        json!({"network": null}),
        json!({"payer": "0x70997970C51812dc3A010C7d01b50e0d17dc79C8"}),
        json!({"payer": "somebody"}),
        json!({"amount": "9999"}),
        json!({"amount": "10001"}),
        json!({"amount": "0"}),
        json!({"amount": "010000"}),
        json!({"amount": "0x2710"}),
        json!({"amount": " 10000"}),
        json!({"amount": "10000.0"}),
        json!({"amount": "-10000"}),
        json!({"amount": "9".repeat(80)}),
        json!({"transaction": ""}),
        json!({"transaction": null}),
        json!({"transaction": "0x"}),
        json!({"transaction": "pending"}),
        json!({"transaction": &TX[..65]}),
        json!({"transaction": format!("{TX}12")}),
        json!({"transaction": &TX[2..]}),
        json!({"transaction": TX.replace("0x", "0X")}),
        json!({"transaction": TX.replace("12", "1g")}),
        json!({"transaction": format!(" {TX}")}),
    ];
    for changes in contradicts {
        let answer = read(200, with(success(), changes.clone()));
        assert_eq!(answer, Answer::Unknown(Doubt::Contradicts), "{changes}");
    }
    for missing in ["network", "transaction"] {
        assert_eq!(read(200, without(success(), missing)), Answer::Unknown(Doubt::Contradicts), "{missing}");
    }
}

#[test]
fn a_success_under_any_other_status_leaves_it_open() {
    for status in (100..200).chain(300..1_000).chain([0, u16::MAX]) {
        assert_eq!(read(status, success().to_string()), Answer::Unknown(Doubt::Contradicts), "{status}");
    }
}

#[test]
fn what_is_no_settlement_response_leaves_it_open() {
    let bodies: Vec<String> = vec![
        String::new(),
        "null".into(),
        "true".into(),
        "\"success\"".into(),
        "[]".into(),
        "{}".into(),
        "<html><body>success: true</body></html>".into(),
        r#"{"success": tru"#.into(),
        r#"{"success": true, "transaction": "0x12"#.into(),
        success().to_string() + success().to_string().as_str(),
        success().to_string() + ",",
        json!([success()]).to_string(),
        json!({"result": success()}).to_string(),
        without(success(), "success"),
        with(success(), json!({"success": null})),
        with(success(), json!({"success": "true"})),
        with(success(), json!({"success": "false"})),
        with(success(), json!({"success": 1})),
        with(success(), json!({"success": [true]})),
        with(success(), json!({"transaction": 12})),
        with(success(), json!({"transaction": {"hash": TX}})),
        with(success(), json!({"transaction": [TX]})),
        with(success(), json!({"network": 84_532})),
        with(success(), json!({"payer": {}})),
        with(success(), json!({"amount": 10_000})),
        with(npm("insufficient_funds"), json!({"errorReason": 402})),
        with(npm("insufficient_funds"), json!({"success": "false"})),
        success().to_string().replace("success", "Success"),
        r#"{"error": "unauthorized"}"#.into(),
        // Deeper than anything is read.
        success().to_string().replacen('{', &format!(r#"{{"x":{}{},"#, "[".repeat(64), "]".repeat(64)), 1),
        success().to_string().replacen(
            '{',
            &format!(r#"{{"x":{}{},"#, "[".repeat(9_000), "]".repeat(9_000)),
            1,
        ),
    ];
    for status in [200, 302, 308, 400, 401, 404, 429, 500, 502, 503] {
        for body in &bodies {
            assert_eq!(read(status, body), Answer::Unknown(Doubt::NotProtocol), "{status} {body}");
        }
    }
    assert_eq!(read(200, [0xff, 0xfe, b'{']), Answer::Unknown(Doubt::NotProtocol));
    let mut not_text = success().to_string().into_bytes();
    not_text[15] = 0xff;
    assert_eq!(read(200, not_text), Answer::Unknown(Doubt::NotProtocol));
}

#[test]
fn a_list_is_no_settlement_response_whatever_is_in_it() {
    // serde reads a struct from a sequence, too: `success` first, and so on.
    let list = json!([true, null, TX, "eip155:84532", PAYER, "10000"]);
    assert_eq!(read(200, list.to_string()), Answer::Unknown(Doubt::NotProtocol));
    let list = json!([false, "insufficient_funds", "", "", "", ""]);
    assert_eq!(read(200, list.to_string()), Answer::Unknown(Doubt::NotProtocol));
}

#[test]
fn a_field_said_twice_is_not_believed_once() {
    let twice = [
        format!(r#"{{"success":false,{}"#, &success().to_string()[1..]),
        format!(r#"{{"success":true,{}"#, &npm("insufficient_funds").to_string()[1..]),
        format!(r#"{{"transaction":"","transaction":"{TX}","success":true,"network":"eip155:84532"}}"#),
        format!(r#"{{"network":"eip155:8453",{}"#, &success().to_string()[1..]),
        format!(r#"{{"payer":null,{}"#, &success().to_string()[1..]),
        r#"{"success":false,"errorReason":"insufficient_funds","errorReason":"settlement_pending"}"#.into(),
        r#"{"success":false,"\u0073uccess":true}"#.into(),
    ];
    for body in twice {
        assert_eq!(read(200, &body), Answer::Unknown(Doubt::NotProtocol), "{body}");
    }
}

#[test]
fn a_refusal_that_can_only_be_true_of_unspent_money_is_a_rejection() {
    let reasons = [
        ("insufficient_funds", Reason::InsufficientFunds),
        ("invalid_exact_evm_insufficient_balance", Reason::InsufficientFunds),
        ("invalid_exact_evm_signature", Reason::Signature),
        ("invalid_signature", Reason::Signature),
        ("invalid_exact_evm_payload_authorization_valid_before", Reason::Expired),
        ("invalid_payment_expired", Reason::Expired),
        ("invalid_exact_evm_payload_authorization_valid_after", Reason::NotYetValid),
        ("invalid_payment_early", Reason::NotYetValid),
        ("unsupported_scheme", Reason::Unsupported),
        ("chain_id_mismatch", Reason::Unsupported),
        ("invalid_exact_evm_recipient_mismatch", Reason::Other),
        ("invalid_payment_amount", Reason::Other),
        ("recipient_mismatch", Reason::Other),
        ("permit2_allowance_required", Reason::Allowance),
        ("permit2_insufficient_balance", Reason::InsufficientFunds),
        ("invalid_permit2_signature", Reason::Signature),
        ("permit2_deadline_expired", Reason::Expired),
        ("permit2_not_yet_valid", Reason::NotYetValid),
        ("invalid_upto_evm_scheme", Reason::Unsupported),
        ("invalid_upto_evm_network_mismatch", Reason::Unsupported),
        ("invalid_permit2_spender", Reason::Other),
        ("invalid_permit2_recipient_mismatch", Reason::Other),
        ("permit2_amount_mismatch", Reason::Other),
        ("permit2_token_mismatch", Reason::Other),
        ("invalid_upto_evm_payload_settlement_exceeds_amount", Reason::Other),
        ("upto_facilitator_mismatch", Reason::Other),
        ("upto_unauthorized_facilitator", Reason::Other),
        ("upto_amount_exceeds_permitted", Reason::Other),
    ];
    for (code, reason) in reasons {
        let rejected = Answer::Rejected(reason);
        assert_eq!(read(200, npm(code).to_string()), rejected, "npm says {code} with 200");
        assert_eq!(read(400, rust(code).to_string()), rejected, "x402-rs and CDP say {code} with 400");
        let nulls = json!({"transaction": null, "network": null, "payer": null, "amount": null});
        assert_eq!(read(402, with(npm(code), nulls)), rejected);
        assert_eq!(read(412, json!({"success": false, "errorReason": code}).to_string()), rejected);
        // The same words where money may have moved after all.
        let open = Answer::Unknown(Doubt::Inconclusive);
        assert_eq!(read(200, with(npm(code), json!({"transaction": TX}))), open, "{code} with a transaction");
        assert_eq!(read(200, with(npm(code), json!({"transaction": "0x"}))), open, "{code} with half of one");
        for status in [500, 502, 503, 504, 599] {
            assert_eq!(read(status, rust(code).to_string()), open, "{code} with {status}");
        }
    }
}

#[test]
fn a_refusal_also_given_for_money_that_moved_leaves_it_open() {
    let codes = [
        "invalid_exact_evm_nonce_already_used",
        "invalid_exact_evm_transaction_failed",
        "invalid_exact_evm_transaction_failed: execution reverted\n  at line 1\n",
        "invalid_exact_evm_transfer_event_mismatch",
        "transaction_failed",
        "transaction_simulation",
        "invalid_transaction_state",
        "duplicate_settlement",
        "permit2_simulation_failed",
        "permit2_invalid_nonce",
        "permit2_payment_too_early",
        "permit2_proxy_not_deployed",
        "invalid_upto_evm_transaction_failed",
        "erc20_approval_tx_failed",
        "erc20_approval_broadcast_failed",
        "smart_wallet_deployment_failed",
        "unexpected_error",
        "unexpected_settle_error",
        "unexpected_verify_error",
        "Insufficient_funds",
        "insufficient_funds ",
        "insufficient_funds: of the facilitator",
        "",
    ];
    let open = Answer::Unknown(Doubt::Inconclusive);
    for code in codes {
        assert_eq!(read(200, npm(code).to_string()), open, "{code:?}");
        assert_eq!(read(400, rust(code).to_string()), open, "{code:?}");
        assert_eq!(read(500, rust(code).to_string()), open, "{code:?}");
    }
    assert_eq!(read(200, json!({"success": false}).to_string()), open);
    assert_eq!(read(200, with(npm(""), json!({"errorReason": null}))), open);
    assert_eq!(read(200, npm(&"x".repeat(8_000)).to_string()), open);
}

#[test]
fn a_pending_settlement_is_open_with_and_without_its_transaction() {
    for transaction in [json!(TX), json!(""), json!(null)] {
        for status in [200, 202, 400, 500] {
            let body = with(npm("settlement_pending"), json!({"transaction": transaction}));
            assert_eq!(read(status, body), Answer::Unknown(Doubt::Pending));
        }
    }
}

#[test]
fn an_answer_that_did_not_come_whole_leaves_it_open() {
    assert_eq!(Answer::read(&Delivery::Broken, &expected()), Answer::Unknown(Doubt::Broken), "zero headers");
    for (status, from_upstream) in [(200, true), (400, true), (503, false), (503, true)] {
        let huge = Delivery::Answered { status, from_upstream, body: None };
        assert_eq!(Answer::read(&huge, &expected()), Answer::Unknown(Doubt::TooLarge));
        assert_eq!(Verdict::read(&huge), Verdict::Unavailable);
    }
}

#[test]
fn endpoints_and_names_are_what_metrics_and_paths_say() {
    let endpoints = [Endpoint::Verify, Endpoint::Settle, Endpoint::Supported];
    let said = endpoints.map(|endpoint| (endpoint.method(), endpoint.path(), endpoint.name()));
    assert_eq!(
        said,
        [("POST", "/verify", "verify"), ("POST", "/settle", "settle"), ("GET", "/supported", "supported")]
    );
    let answers = [
        Answer::Accepted(HASH),
        Answer::Rejected(Reason::Other),
        Answer::NotSent,
        Answer::Unknown(Doubt::Broken),
    ];
    assert_eq!(answers.map(|a| a.name()), ["accepted", "rejected", "not_sent", "unknown"]);
}

#[test]
fn an_open_outcome_that_the_facilitator_reports_itself_is_no_silence() {
    let used = npm("invalid_exact_evm_nonce_already_used").to_string();
    let unexpected = read(500, rust("unexpected_error").to_string());
    for answer in [read(200, &used), unexpected, read(200, npm("settlement_pending").to_string())] {
        assert!(answer.spoke(), "{answer:?}");
    }
    let contradiction = read(200, with(success(), json!({"payer": format!("0x{}", "00".repeat(20))})));
    for answer in [read(500, "down"), Answer::read(&Delivery::Broken, &expected()), contradiction] {
        assert!(!answer.spoke(), "{answer:?}");
    }
}
