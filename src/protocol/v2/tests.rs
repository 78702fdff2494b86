use std::sync::Arc;

use proptest::prelude::*;
use serde_json::{json, Value};

use super::*;
use crate::config::{Asset, SettleOn, Verify};
use crate::evm::eip712::domain_separator;
use crate::protocol::header;

pub(crate) fn vectors() -> Value {
    serde_json::from_str(include_str!("../../../tests/vectors/x402.json")).unwrap()
}

/// An offer with the one accept that `requirements` (a vector's JSON) spells.
pub(crate) fn offer(requirements: &Value, settle: Settle) -> Offer {
    let text = |name: &str| requirements[name].as_str().unwrap();
    let extra = |name: &str| requirements["extra"][name].as_str().unwrap().to_owned();
    let chain_id = text("network").strip_prefix("eip155:").unwrap().parse().unwrap();
    let address = Address::parse(text("asset")).unwrap();
    let asset = Asset {
        network: text("network").to_owned(),
        chain_id,
        v1_network: None,
        symbol: "USDC".to_owned(),
        address,
        decimals: 6,
        name: extra("name"),
        version: extra("version"),
        domain_separator: domain_separator(&extra("name"), &extra("version"), chain_id, &address),
    };
    Offer {
        name: "test".to_owned(),
        accepts: vec![Accept {
            asset: Arc::new(asset),
            pay_to: Address::parse(text("payTo")).unwrap(),
            amount: Amount::parse(text("amount")).unwrap(),
        }],
        facilitators: Vec::new(),
        settle,
        verify: Verify::Local,
        settle_on: SettleOn::default(),
        max_timeout_seconds: requirements["maxTimeoutSeconds"].as_u64().unwrap() as u32,
        redeem_for_seconds: 3600,
        description: String::new(),
        mime_type: String::new(),
        sku: None,
        seller: None,
        labels: Default::default(),
        extensions: Default::default(),
        in_dollars: true,
    }
}

pub(crate) fn base() -> Value {
    vectors()["eip712_exact_upto"]["base_sepolia_eip3009"].clone()
}

pub(crate) fn parse(payload: &Value) -> Result<PaymentPayload, Malformed> {
    PaymentPayload::parse(payload.to_string().as_bytes())
}

mod matching;

fn valid() -> Value {
    base()["paymentPayload"].clone()
}

#[test]
fn spec_examples_v2_http_are_read() {
    let group = &vectors()["spec_examples_v2_http"];
    let encoded = group["PAYMENT-SIGNATURE"].as_str().unwrap();
    let json = header::decode(encoded.as_bytes()).unwrap();
    let payload = PaymentPayload::parse(&json).unwrap();
    assert_eq!(payload, parse(&group["PAYMENT-SIGNATURE_decoded"]).unwrap());
    let quoted = &group["PAYMENT-REQUIRED_decoded"]["accepts"][0];
    let offer = offer(quoted, Settle::After);
    assert!(matches(&payload.accepted, &offer.accepts[0], &offer));
}

#[test]
fn sdk_payment_headers_are_read() {
    for name in ["base_sepolia_eip3009", "base_eip3009"] {
        let entry = &vectors()["eip712_exact_upto"][name];
        let encoded = entry["paymentSignatureHeader"].as_str().unwrap();
        let payload = PaymentPayload::parse(&header::decode(encoded.as_bytes()).unwrap()).unwrap();
        assert_eq!(payload, parse(&entry["paymentPayload"]).unwrap());
        assert_eq!(payload.authorization.from.to_string(), entry["payer"].as_str().unwrap());
    }
}

#[test]
fn other_schemes_and_versions_are_refused_as_what_they_are() {
    let group = &vectors()["eip712_exact_upto"];
    let refusal = |name: &str| parse(&group[name]["paymentPayload"]).unwrap_err();
    assert_eq!(refusal("v1_base_sepolia_eip3009"), Malformed::Version(1));
    let permit2 = Malformed::Shape("payload.permit2Authorization");
    assert_eq!(refusal("base_sepolia_permit2"), permit2);
    assert_eq!(refusal("base_sepolia_upto"), permit2);
    assert_eq!(parse(&json!({"x402Version": 3})), Err(Malformed::Version(3)));
    assert_eq!(parse(&json!({"x402Version": "2"})), Err(Malformed::Shape("x402Version")));
    assert_eq!(parse(&json!({"payload": {}})), Err(Malformed::Shape("x402Version")));
}

/// The reference facilitator would settle the Permit2 half, which was not verified here.
#[test]
fn a_payload_cannot_carry_two_authorisations() {
    for second in [Value::Null, json!({}), json!("x")] {
        let mut payload = valid();
        payload["payload"]["permit2Authorization"] = second;
        assert_eq!(parse(&payload), Err(Malformed::Shape("payload.permit2Authorization")));
    }
}

#[test]
fn each_field_has_one_type() {
    for pointer in [
        "/accepted",
        "/payload",
        "/accepted/scheme",
        "/accepted/network",
        "/accepted/amount",
        "/accepted/asset",
        "/accepted/payTo",
        "/accepted/maxTimeoutSeconds",
        "/payload/signature",
        "/payload/authorization",
        "/payload/authorization/from",
        "/payload/authorization/to",
        "/payload/authorization/value",
        "/payload/authorization/validAfter",
        "/payload/authorization/validBefore",
        "/payload/authorization/nonce",
    ] {
        let path = pointer.trim_start_matches('/').replace('/', ".");
        for wrong in [Value::Null, json!(true), json!([]), json!(-1), json!(1.5)] {
            let mut payload = valid();
            *payload.pointer_mut(pointer).unwrap() = wrong.clone();
            let refusal = parse(&payload).unwrap_err();
            assert!(matches!(refusal, Malformed::Shape(p) if p == path), "{pointer} {wrong} {refusal}");
        }
        let mut payload = valid();
        let (parent, name) = pointer.rsplit_once('/').unwrap();
        payload.pointer_mut(parent).unwrap().as_object_mut().unwrap().remove(name);
        assert!(matches!(parse(&payload), Err(Malformed::Shape(p)) if p == path), "{pointer}");
    }
}

#[test]
fn each_number_has_one_spelling() {
    let cases = [
        json!("0x2710"),
        json!(" 10000 "),
        json!("010000"),
        json!("1e4"),
        json!("+1"),
        json!("-1"),
        json!(""),
        json!("10000.0"),
        json!("\u{0661}"),
        json!("115792089237316195423570985008687907853269984665640564039457584007913129639936"),
    ];
    for field in ["value", "validAfter", "validBefore"] {
        for case in &cases {
            let mut payload = valid();
            payload["payload"]["authorization"][field] = case.clone();
            assert!(matches!(parse(&payload), Err(Malformed::Amount(_))), "{field} {case}");
        }
    }
    for nonce in ["", "0x", "0x00", &"0".repeat(64), &format!("0x{}", "g".repeat(64))] {
        let mut payload = valid();
        payload["payload"]["authorization"]["nonce"] = json!(nonce);
        assert!(matches!(parse(&payload), Err(Malformed::Bytes32(_))), "{nonce}");
    }
    let mut payload = valid();
    payload["payload"]["authorization"]["from"] = json!("0x12");
    assert_eq!(parse(&payload), Err(Malformed::Address("payload.authorization.from")));
}

#[test]
fn unknown_and_null_optional_fields_are_tolerated() {
    let mut payload = valid();
    for pointer in ["", "/accepted", "/accepted/extra", "/payload", "/payload/authorization"] {
        payload.pointer_mut(pointer).unwrap()["unknown"] = json!({"any": ["thing", 1e300, null]});
    }
    payload["resource"] = Value::Null;
    payload["extensions"] = Value::Null;
    assert!(parse(&payload).is_ok());
}

#[test]
fn a_malformed_payload_is_never_quoted() {
    let mut payload = valid();
    payload["accepted"]["payTo"] = json!("<secret>");
    let refusal = parse(&payload).unwrap_err();
    assert!(!refusal.to_string().contains("secret"));
    assert_eq!(refusal.code(), "invalid_payload");
    assert_eq!(Malformed::Version(3).code(), "invalid_x402_version");
}

#[test]
fn a_facilitator_gets_what_was_verified_and_nothing_else() {
    let base = base();
    let offer = offer(&base["requirements"], Settle::After);
    let mut sent_by_client = valid();
    sent_by_client["z"] = json!("\u{fffd}");
    sent_by_client["extensions"] = json!({"a": [1, 2, {"b": null}]});
    sent_by_client["payload"]["authorization"]["more"] = json!(7);
    let odd = sent_by_client.to_string().replacen('{', r#"{"huge":1e999,"lone":"\ud800","#, 1);
    let payload = PaymentPayload::parse(odd.as_bytes()).unwrap();
    let resource = resource(&offer, "https://api.example.com/a");
    let body = settle_body(&payload, &requirements(&offer.accepts[0], &offer), &resource);
    let sent: Value = serde_json::from_slice(&body).unwrap();
    let expected = json!({
        "x402Version": 2,
        "paymentPayload": {
            "x402Version": 2,
            "payload": valid()["payload"],
            "accepted": base["requirements"],
            "resource": {"url": "https://api.example.com/a", "description": "", "mimeType": ""},
        },
        "paymentRequirements": base["requirements"],
    });
    assert_eq!(sent, expected);
    let live = &vectors()["live_express_2_27"]["facilitator_requests_for_one_paid_call"][1];
    let keys = |value: &Value| value.as_object().unwrap().keys().cloned().collect::<Vec<_>>();
    assert_eq!(keys(&sent), keys(&live["body"]));
}

proptest! {
    #[test]
    fn any_bytes_are_read_or_refused(bytes: Vec<u8>) {
        let _ = PaymentPayload::parse(&bytes);
    }

    #[test]
    fn any_damage_to_a_valid_payload_is_read_or_refused(
        at in 0usize..700, to: u8, cut in 0usize..700,
    ) {
        let mut bytes = valid().to_string().into_bytes();
        if let Some(byte) = bytes.get_mut(at) {
            *byte = to;
        }
        let _ = PaymentPayload::parse(&bytes);
        bytes.truncate(cut);
        prop_assert!(PaymentPayload::parse(&bytes).is_err());
    }
}
