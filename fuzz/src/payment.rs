//! The JSON of a payment, and what becomes of it at a shop.
//!
//! 1. What is read is what the text says, by another reader: every field, under its exact name,
//!    once, and no other spelling of it beside.
//! 2. What was read and is written again is read as the same.
//! 3. The shop never lets it pass; it takes as signed only what the vectors' payers signed; and
//!    what it would ask the facilitator is JSON of bounded size that says the same payment.

use serde::de::IgnoredAny;
use serde_json::Value;
use x402_proxy_wasm::admission::head::fields;
use x402_proxy_wasm::admission::{admit, Admission, Head, Purchase};
use x402_proxy_wasm::evm::authorization::Authorization;
use x402_proxy_wasm::exchange::Check;
use x402_proxy_wasm::precheck::{Form, Judge};
use x402_proxy_wasm::protocol::header::MAX_ENCODED;
use x402_proxy_wasm::protocol::other::Other;
use x402_proxy_wasm::protocol::payload::PaymentPayload;
use x402_proxy_wasm::protocol::signed::Signed;
use x402_proxy_wasm::protocol::{Malformed, Version, MAX_DEPTH};

use crate::{cost, shop};

/// One payment's JSON.
pub fn run(data: &[u8]) {
    let parsed = cost::within(16_384, 64, data.len(), || PaymentPayload::parse(data));
    match &parsed {
        Ok(payload) => read(std::str::from_utf8(data).expect("text was read"), payload),
        Err(malformed) => refused(data, *malformed),
    }
    present(data, parsed.is_ok());
}

fn refused(data: &[u8], malformed: Malformed) {
    let text = std::str::from_utf8(data);
    let json = text.is_ok_and(|text| serde_json::from_str::<IgnoredAny>(text).is_ok());
    match malformed {
        Malformed::NotJson => {
            // The one thing more that is not read: half of a surrogate pair.
            let halves = text.is_ok_and(|text| serde_json::from_str::<Value>(text).is_err());
            assert!(!json || halves, "JSON: {text:?}");
        }
        Malformed::TooDeep => assert!(data.iter().filter(|b| b"[{".contains(b)).count() > MAX_DEPTH),
        _ => assert!(json, "{malformed} of no JSON: {text:?}"),
    }
    assert!(!malformed.code().is_empty() && malformed.to_string().len() < 120);
}

// === what was read ===

fn read(text: &str, payload: &PaymentPayload) {
    assert!(serde_json::from_str::<IgnoredAny>(text).is_ok(), "no JSON: {text}");
    // Halves of surrogate pairs and numbers beyond a double are skipped here, and read there.
    let Ok(value) = serde_json::from_str::<Value>(text) else { return };
    once(&value, &["x402Version", "scheme", "network", "accepted", "payload", "extensions"]);
    match payload {
        PaymentPayload::V1 { network, signed } => {
            assert_eq!(value["x402Version"], 1);
            assert_eq!((&value["scheme"], &value["network"]), (&"exact".into(), &network.as_str().into()));
            says(&value["payload"], signed);
        }
        PaymentPayload::V2 { accepted, signed } => {
            assert_eq!(value["x402Version"], 2);
            says(&value["payload"], signed);
            let stated = &value["accepted"];
            once(stated, &["scheme", "network", "amount", "asset", "payTo", "maxTimeoutSeconds", "extra"]);
            assert_eq!(stated["network"], accepted.network);
            assert_eq!(stated["amount"], accepted.amount.to_string());
            assert!(same_digits(&stated["asset"], &accepted.asset.to_string()));
            assert!(same_digits(&stated["payTo"], &accepted.pay_to.to_string()));
            assert_eq!(stated["maxTimeoutSeconds"], accepted.max_timeout_seconds);
            if let Some(extra) = &accepted.extra {
                let names = ["name", "version", "paymentFlow", "assetTransferMethod", "facilitatorAddress"];
                once(&stated["extra"], &names);
                for (name, ours) in names.iter().zip([
                    &extra.name,
                    &extra.version,
                    &extra.payment_flow,
                    &extra.asset_transfer_method,
                    &extra.facilitator_address,
                ]) {
                    assert_eq!(stated["extra"][name].as_str(), ours.as_deref());
                }
            }
        }
        PaymentPayload::Other(other) => only_theirs(&value, other),
    }
}

/// No name stands there in another spelling.
fn once(object: &Value, names: &[&str]) {
    let fold = |text: &str| text.replace('\u{17f}', "s").replace('\u{212a}', "k").to_ascii_lowercase();
    for key in object.as_object().expect("an object").keys() {
        assert!(names.iter().all(|name| name == key || fold(name) != fold(key)), "{key:?}");
    }
}

fn same_digits(theirs: &Value, ours: &str) -> bool {
    theirs.as_str().is_some_and(|theirs| theirs.starts_with("0x") && theirs.eq_ignore_ascii_case(ours))
}

fn says(payload: &Value, signed: &Signed) {
    once(payload, &["signature", "authorization", "permit2Authorization"]);
    assert!(payload["signature"].is_string());
    match &signed.authorization {
        Authorization::Transfer(transfer) => {
            let stated = &payload["authorization"];
            assert!(payload.get("permit2Authorization").is_none());
            once(stated, &["from", "to", "value", "validAfter", "validBefore", "nonce"]);
            assert!(same_digits(&stated["from"], &transfer.from.to_string()));
            assert!(same_digits(&stated["to"], &transfer.to.to_string()));
            assert_eq!(stated["value"], transfer.value.to_string());
            assert_eq!(stated["validAfter"], transfer.valid_after.to_string());
            assert_eq!(stated["validBefore"], transfer.valid_before.to_string());
            let nonce: String = transfer.nonce.iter().map(|byte| format!("{byte:02x}")).collect();
            assert!(same_digits(&stated["nonce"], &format!("0x{nonce}")));
        }
        Authorization::Permit(permit) => {
            let stated = &payload["permit2Authorization"];
            assert!(payload.get("authorization").is_none());
            once(stated, &["from", "permitted", "spender", "nonce", "deadline", "witness"]);
            once(&stated["permitted"], &["token", "amount"]);
            once(&stated["witness"], &["to", "facilitator", "validAfter"]);
            assert!(same_digits(&stated["from"], &permit.from.to_string()));
            assert!(same_digits(&stated["permitted"]["token"], &permit.token.to_string()));
            assert_eq!(stated["permitted"]["amount"], permit.amount.to_string());
            assert!(same_digits(&stated["spender"], &permit.spender.to_string()));
            assert_eq!(stated["nonce"], permit.nonce.to_string());
            assert_eq!(stated["deadline"], permit.deadline.to_string());
            assert!(same_digits(&stated["witness"]["to"], &permit.witness.to.to_string()));
            assert_eq!(stated["witness"]["validAfter"], permit.witness.valid_after.to_string());
            let facilitator = permit.witness.facilitator.map(|address| address.to_string());
            assert_eq!(facilitator.is_some(), stated["witness"].get("facilitator").is_some());
            let theirs = &stated["witness"]["facilitator"];
            assert!(facilitator.is_none_or(|ours| same_digits(theirs, &ours)));
        }
    }
    if signed.signature.is_ok() {
        let mut text = r#"{"x402Version":1,"scheme":"exact","network":"base-sepolia","payload":"#.to_owned();
        signed.push(&mut text);
        text.push('}');
        match PaymentPayload::parse(text.as_bytes()) {
            Ok(PaymentPayload::V1 { signed: again, .. }) => assert_eq!(*again, *signed),
            other => panic!("{other:?} of {text}"),
        }
    }
}

/// Nothing of it is understood: it is kept, in one spelling.
fn only_theirs(value: &Value, other: &Other) {
    let kept: Value = serde_json::from_str(&other.payload).expect("canonical JSON");
    assert!(means(&kept, &value["payload"]), "{kept} for {}", value["payload"]);
    let stated = match other.version {
        Version::V1 => value,
        Version::V2 => &value["accepted"],
    };
    assert_eq!(
        (stated["scheme"].as_str(), stated["network"].as_str()),
        (Some(&*other.scheme), Some(&*other.network))
    );
    let mut requirements = String::new();
    other.push_requirements(&mut requirements);
    let accepted: Value = serde_json::from_str(&requirements).expect("requirements are JSON");
    let again = match other.version {
        Version::V1 => {
            serde_json::json!({"x402Version": 1, "scheme": other.scheme, "network": other.network, "payload": kept})
        }
        Version::V2 => serde_json::json!({"x402Version": 2, "accepted": accepted, "payload": kept}),
    };
    match PaymentPayload::parse(again.to_string().as_bytes()) {
        Ok(PaymentPayload::Other(again)) => assert_eq!((&again, again.digest()), (other, other.digest())),
        other => panic!("{other:?} of {again}"),
    }
}

/// Whether two values are the same; `1` and `1.0` are.
pub fn means(one: &Value, other: &Value) -> bool {
    match (one, other) {
        (Value::Number(one), Value::Number(other)) => one.as_f64() == other.as_f64(),
        (Value::Array(one), Value::Array(other)) => {
            one.len() == other.len() && one.iter().zip(other).all(|(one, other)| means(one, other))
        }
        (Value::Object(one), Value::Object(other)) => {
            let same = |(name, value)| other.get(name).is_some_and(|other| means(value, other));
            one.len() == other.len() && one.iter().all(same)
        }
        _ => one == other,
    }
}

// === at the shop ===

fn present(json: &[u8], readable: bool) {
    let encoded = encode(json);
    for path in shop::PATHS {
        let pairs = [
            (":method".to_owned(), b"GET".to_vec()),
            (":authority".to_owned(), b"api.example.com".to_vec()),
            (":path".to_owned(), path.as_bytes().to_vec()),
            ("payment-signature".to_owned(), encoded.clone()),
        ];
        let fields = fields(&pairs);
        let head = Head::read(&fields);
        let work = || admit(shop::policy(), &head, &shop::Able, shop::NOW);
        match cost::within(65_536, 64, json.len(), work) {
            Admission::Refuse(Some(_), refusal, _) => assert_eq!(refusal.status(), 402, "{refusal:?}"),
            Admission::Present(purchase) => {
                assert!(readable && encoded.len() <= MAX_ENCODED);
                bought(&purchase, json.len());
            }
            other => panic!("{other:?}"),
        }
    }
}

fn bought(purchase: &Purchase, len: usize) {
    let payment = &purchase.payment;
    if payment.judge() == Judge::Sandbox {
        let Form::Evm { signed, .. } = payment.form() else { panic!("{payment:?}") };
        assert!(shop::signed().iter().any(|known| known == &**signed), "forged: {signed:?}");
    }
    if purchase.unfit.is_none() {
        let check = purchase.terms().check;
        assert_eq!(check == Check::First, payment.judge() == Judge::Facilitator);
        let price = if purchase.route.name() == "upto" { "5000000" } else { "10000" };
        assert_eq!(purchase.amount.to_string(), price);
    }
    let body = cost::within(16_384, 64, len, || purchase.body(None));
    assert!(body.len() <= 16_384 + 8 * len);
    let asked: Value = serde_json::from_slice(&body).expect("the facilitator is asked in JSON");
    assert!(asked["paymentRequirements"].is_object());
    match (PaymentPayload::parse(asked["paymentPayload"].to_string().as_bytes()), payment.form()) {
        (
            Ok(PaymentPayload::V1 { signed: asked, .. } | PaymentPayload::V2 { signed: asked, .. }),
            Form::Evm { signed, .. },
        ) => {
            assert_eq!(asked, *signed);
        }
        (Ok(PaymentPayload::Other(asked)), Form::Other(other)) => assert_eq!(asked.digest(), other.digest()),
        // A signature that cannot be read is written as none.
        (_, Form::Evm { signed, .. }) if signed.signature.is_err() => {}
        other => panic!("{other:?}"),
    }
}

/// Standard base64, padded.
pub(crate) fn encode(bytes: &[u8]) -> Vec<u8> {
    const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut encoded = Vec::with_capacity(bytes.len().div_ceil(3) * 4);
    for three in bytes.chunks(3) {
        let at = |place: usize| usize::from(three.get(place).copied().unwrap_or_default());
        let bits = at(0) << 16 | at(1) << 8 | at(2);
        let digits = [bits >> 18, bits >> 12, bits >> 6, bits].map(|bits| DIGITS[bits & 63]);
        encoded.extend_from_slice(&digits[..=three.len()]);
    }
    encoded.resize(encoded.len().next_multiple_of(4), b'=');
    encoded
}
