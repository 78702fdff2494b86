use std::collections::BTreeSet;

use serde_json::{json, Value};

use super::{base, offer, parse, terms, v2_parts, valid, vectors};
use crate::config::Offer;
use crate::config::Settle;
use crate::evm::address::Address;
use crate::money::Amount;
use crate::protocol::payload::PaymentPayload;
use crate::protocol::v2::{Accepted, Extra, Scheme};

/// Where matching differs from the reference server, and why.
const MATCHING_DIFFERENCES: [(&str, &str); 4] = [
    ("core_added_key", "clients echo whatever a quote contained"),
    ("core_added_null", "as above"),
    ("asset_lowercase", "Rust clients write lower case"),
    ("payTo_lowercase", "as above"),
];

/// Cases about quotes this filter never makes: its `extra` always names the domain.
const NOT_OURS: [&str; 2] =
    ["required_no_extra_accepted_any_extra", "required_empty_extra_accepted_no_extra"];

fn pays(payload: PaymentPayload, offer: &Offer) -> bool {
    match payload {
        PaymentPayload::V2 { accepted, .. } => accepted.matches(&terms(offer)),
        _ => false,
    }
}

#[test]
fn matching_agrees_with_the_reference_server() {
    let base = base();
    let offer = offer(&base["requirements"], Settle::After);
    let mut different = BTreeSet::new();
    let table = vectors()["pricing_routing_matching"]["matching"].clone();
    for (name, verdict) in table.as_object().unwrap() {
        if NOT_OURS.contains(&name.as_str()) {
            continue;
        }
        let payload = mutated(name);
        let ours = parse(&payload).is_ok_and(|payload| pays(payload, &offer));
        if ours != (*verdict == Value::Bool(true)) {
            different.insert(name.clone());
        }
    }
    assert_eq!(different, MATCHING_DIFFERENCES.map(|(name, _)| name.to_owned()).into());
}

fn mutated(name: &str) -> Value {
    let mut payload = valid();
    let accepted = &mut payload["accepted"];
    let lower = |value: &Value| json!(value.as_str().unwrap().to_lowercase());
    match name {
        // A `Value` is written in sorted order, which is already another than the SDK's.
        "identical" | "key_reordered" | "core_added_key_undefined" => {}
        "extra_added_key" => accepted["extra"]["added"] = json!(1),
        "extra_missing_key" => drop(accepted["extra"].as_object_mut().unwrap().remove("version")),
        "extra_absent" => drop(accepted.as_object_mut().unwrap().remove("extra")),
        "extra_null" => accepted["extra"] = Value::Null,
        "core_added_key" => accepted["added"] = json!(1),
        "core_added_null" => accepted["added"] = Value::Null,
        "maxTimeout_string" => accepted["maxTimeoutSeconds"] = json!("60"),
        "maxTimeout_other" => accepted["maxTimeoutSeconds"] = json!(61),
        "amount_number" => accepted["amount"] = json!(10000),
        "amount_higher" => accepted["amount"] = json!("10001"),
        "asset_lowercase" => accepted["asset"] = lower(&accepted["asset"]),
        "payTo_lowercase" => accepted["payTo"] = lower(&accepted["payTo"]),
        "v1_style" => {
            return vectors()["eip712_exact_upto"]["v1_base_sepolia_eip3009"]["paymentPayload"].clone()
        }
        "v3" => payload["x402Version"] = json!(3),
        "no_version" => drop(payload.as_object_mut().unwrap().remove("x402Version")),
        other => panic!("no such case: {other}"),
    }
    payload
}

#[test]
fn how_the_money_moves_is_ours_to_say() {
    let cases = [
        (Settle::After, "paymentFlow", json!("upfront"), false),
        (Settle::Before, "paymentFlow", json!("upfront"), true),
        (Settle::Before, "paymentFlow", Value::Null, false),
        (Settle::Before, "paymentFlow", json!("escrow"), false),
        (Settle::After, "assetTransferMethod", json!("eip3009"), true),
        (Settle::After, "assetTransferMethod", json!("permit2"), false),
    ];
    for (settle, key, value, verdict) in cases {
        let offer = offer(&base()["requirements"], settle);
        let mut payload = valid();
        payload["accepted"]["extra"][key] = value;
        assert_eq!(pays(parse(&payload).unwrap(), &offer), verdict, "{key}");
    }
    let mut payload = valid();
    payload["accepted"]["scheme"] = json!("upto");
    let offer = offer(&base()["requirements"], Settle::After);
    assert!(!pays(parse(&payload).unwrap(), &offer));
}

#[test]
fn each_term_decides_alone() {
    const OTHER: Address = Address::new([7; 20]);
    let offer = offer(&base()["requirements"], Settle::After);
    let terms = terms(&offer);
    let (honest, _) = v2_parts(parse(&valid()).unwrap());
    let changed = |change: fn(&mut Accepted)| {
        let mut accepted = honest.clone();
        change(&mut accepted);
        accepted
    };
    let dishonest = [
        changed(|accepted| accepted.scheme = Scheme::Upto),
        changed(|accepted| accepted.network = "eip155:8453".to_owned()),
        changed(|accepted| accepted.asset = OTHER),
        changed(|accepted| accepted.pay_to = OTHER),
        changed(|accepted| accepted.amount = Amount::from_u64(1)),
        changed(|accepted| accepted.max_timeout_seconds = 61),
        changed(|accepted| accepted.extra = None),
        changed(|accepted| accepted.extra = Some(Extra::default())),
        changed(|accepted| accepted.extra.as_mut().unwrap().name = Some("usdc".to_owned())),
        changed(|accepted| accepted.extra.as_mut().unwrap().version = Some("1".to_owned())),
    ];
    assert!(honest.matches(&terms));
    for accepted in dishonest {
        assert!(!accepted.matches(&terms), "{accepted:?}");
    }
}
