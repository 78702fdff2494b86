//! A3 and A4: payments for something else, and amounts that are not the price. All of them
//! are refused before anybody is called.

use alloy_primitives::{Address, U256};
use serde_json::{json, Value};
use x402_devstack::payer::{Draft, Payment};

use super::Table;
use crate::stage::{refused, Stage};

const NO_MATCH: &str = "no_matching_payment_requirements";
const SIGNATURE: &str = "invalid_exact_evm_signature";
const VALUE: &str = "invalid_exact_evm_payload_authorization_value_mismatch";
const RECIPIENT: &str = "invalid_exact_evm_recipient_mismatch";
const PAYLOAD: &str = "invalid_payload";

/// What is asked for; 5,000 units.
const PATH: &str = "/v1/tiles/1/2/3";

pub(super) fn add(table: &mut Table) {
    table.add("a3_cheap_payment_on_a_dear_route", |stage| other_route(stage, "/v1/cheap", "/v1/dear"));
    table.add("a3_dear_payment_on_a_cheap_route", |stage| other_route(stage, "/v1/dear", "/v1/cheap"));
    table.add("a3_after_payment_on_a_before_route", |stage| other_route(stage, "/v1/late", "/v1/cheap"));
    table.add("a3_before_payment_on_an_after_route", |stage| other_route(stage, "/v1/cheap", "/v1/late"));
    for (name, pointer, value) in quoted() {
        table.add(format!("a3_quote_with_{name}"), move |stage| {
            lie(stage, NO_MATCH, |draft| *at(&mut draft.accepted, pointer) = value.clone());
        });
    }
    table.add("a3_signed_for_another_payee", |stage| {
        lie(stage, RECIPIENT, |draft| draft.to = Address::repeat_byte(9));
    });
    table.add("a3_quoted_and_signed_for_another_payee", |stage| {
        lie(stage, NO_MATCH, |draft| {
            draft.to = Address::repeat_byte(9);
            draft.accepted["payTo"] = json!(draft.to.to_string());
        });
    });
    table.add("a3_signed_for_another_chain", |stage| lie(stage, SIGNATURE, |draft| draft.chain_id = 8453));
    table.add("a3_signed_for_another_token", |stage| {
        lie(stage, SIGNATURE, |draft| draft.token = Address::repeat_byte(3));
    });
    table.add("a3_signed_under_another_domain", |stage| {
        lie(stage, SIGNATURE, |draft| draft.domain_name = "USD Coin".to_owned());
    });
    table.add("a3_somebody_elses_money", |stage| {
        lie(stage, SIGNATURE, |draft| draft.from = Address::repeat_byte(1));
    });
    for (name, value) in signed() {
        table.add(format!("a4_signed_value_{name}"), move |stage| {
            lie(stage, VALUE, |draft| draft.value = value);
        });
        table.add(format!("a4_quoted_and_signed_value_{name}"), move |stage| {
            lie(stage, NO_MATCH, |draft| {
                draft.value = value;
                draft.accepted["amount"] = json!(value.to_string());
            });
        });
    }
    for (name, value) in spelled() {
        for (place, pointer) in
            [("value", "/payload/authorization/value"), ("quoted_amount", "/accepted/amount")]
        {
            let value = value.clone();
            table.add(format!("a4_{place}_{name}"), move |stage| {
                tampered(stage, PAYLOAD, |payment| payment.tamper(pointer, value.clone()));
            });
        }
    }
    table.add("a4_value_left_out", |stage| {
        tampered(stage, PAYLOAD, |payment| payment.without("/payload/authorization/value"));
    });
    table.add("a4_value_changed_after_signing", |stage| {
        tampered(stage, SIGNATURE, |payment| payment.tamper("/payload/authorization/value", "4999".into()));
    });
}

fn quoted() -> Vec<(&'static str, &'static str, Value)> {
    vec![
        ("another_scheme", "/scheme", json!("upto")),
        ("another_network", "/network", json!("eip155:8453")),
        ("an_unknown_network", "/network", json!("eip155:424242")),
        ("the_networks_old_name", "/network", json!("base-sepolia")),
        ("another_asset", "/asset", json!("0x833589fCD6eDb6E08f4c7C32D4f71b54bdA02913")),
        ("another_payee", "/payTo", json!("0x00000000000000000000000000000000000000aa")),
        ("a_lower_amount", "/amount", json!("4999")),
        ("a_longer_timeout", "/maxTimeoutSeconds", json!(61)),
        ("another_token_name", "/extra/name", json!("USD Coin")),
        ("another_token_version", "/extra/version", json!("1")),
        ("another_flow", "/extra/paymentFlow", json!("deferred")),
        ("no_flow", "/extra/paymentFlow", Value::Null),
        ("another_method", "/extra/assetTransferMethod", json!("permit2")),
        ("nothing_extra", "/extra", Value::Null),
    ]
}

fn signed() -> [(&'static str, U256); 5] {
    [
        ("one_less", U256::from(4_999)),
        ("one_more", U256::from(5_001)),
        ("nothing", U256::ZERO),
        ("everything", U256::MAX),
        ("two_to_the_64", U256::from(1) << 64),
    ]
}

fn spelled() -> Vec<(&'static str, Value)> {
    let two_to_the_256 = "115792089237316195423570985008687907853269984665640564039457584007913129639936";
    vec![
        ("too_big", json!(two_to_the_256)),
        ("leading_zero", json!("05000")),
        ("hex", json!("0x1388")),
        ("space_before", json!(" 5000")),
        ("space_after", json!("5000 ")),
        ("plus", json!("+5000")),
        ("minus", json!("-5000")),
        ("exponent", json!("5e3")),
        ("fraction", json!("5000.0")),
        ("separators", json!("5_000")),
        ("other_digits", json!("５０００")),
        ("empty", json!("")),
        ("number", json!(5_000)),
        ("list", json!(["5000"])),
        ("null", Value::Null),
        ("very_long", json!("1".repeat(3_000))),
    ]
}

fn at<'v>(json: &'v mut Value, pointer: &str) -> &'v mut Value {
    let (parent, name) = pointer.rsplit_once('/').expect("a pointer");
    &mut json.pointer_mut(parent).expect("a parent")[name]
}

fn other_route(stage: &mut Stage<'_>, quoted: &str, asked: &str) {
    let payment = stage.pay(&stage.get(quoted));
    refused(&stage.send(&stage.get(asked).pay(&payment)), 402, NO_MATCH);
    stage.untouched(&payment);
}

fn lie(stage: &mut Stage<'_>, code: &str, change: impl FnOnce(&mut Draft)) {
    let asked = stage.get(PATH);
    let mut draft = stage.draft(&asked);
    change(&mut draft);
    let payment = draft.sign(&stage.wallet);
    refused(&stage.send(&asked.pay(&payment)), 402, code);
    stage.untouched(&payment);
}

fn tampered(stage: &mut Stage<'_>, code: &str, change: impl FnOnce(Payment) -> Payment) {
    let asked = stage.get(PATH);
    let payment = change(stage.pay(&asked));
    refused(&stage.send(&asked.pay(&payment)), 402, code);
    stage.untouched(&payment);
}
