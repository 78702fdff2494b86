use std::sync::Arc;

use proptest::prelude::*;
use serde_json::{json, Value};

use super::abilities::{Abilities, Ability, Standing};
use super::payload::PaymentPayload;
use super::signed::Signed;
use super::terms::Terms;
use super::v2::Accepted;
use super::*;
use crate::config::{
    Accept, Asset, Conditions, Facilitator, Means, Offer, Settle, SettleOn, Text, Verify, Wallets,
};
use crate::evm::address::Address;
use crate::evm::authorization::Authorization;
use crate::evm::eip712::domain_separator;
use crate::evm::permit2;
use crate::money::Amount;
use crate::protocol::header;

pub(crate) fn vectors() -> Value {
    serde_json::from_str(include_str!("../../tests/vectors/x402.json")).unwrap()
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
        v1_network: crate::money::assets::v1_name(chain_id),
        symbol: "USDC".to_owned(),
        address,
        decimals: 6,
        name: extra("name"),
        version: extra("version"),
        domain_separator: domain_separator(&extra("name"), &extra("version"), chain_id, &address),
        permit2_separator: permit2::domain_separator(chain_id),
    };
    let conditions = Conditions {
        name: None,
        accepts: vec![Accept {
            asset: Arc::new(asset),
            pay_to: Address::parse(text("payTo")).unwrap(),
            means: match (text("scheme"), requirements["extra"]["assetTransferMethod"].as_str()) {
                ("upto", _) => Means::Upto,
                (_, Some("permit2")) => Means::Permit2,
                _ => Means::Eip3009,
            },
        }],
        others: Vec::new(),
        meter: None,
        wallets: Wallets::Eoa,
        v1: true,
        facilitators: Arc::new(vec![Arc::new(Facilitator::for_tests())]),
        weights: Box::default(),
        settle,
        verify: Verify::Local,
        settle_on: SettleOn::default(),
        max_timeout_seconds: requirements["maxTimeoutSeconds"].as_u64().unwrap() as u32,
        redeem_for_seconds: 3600,
        mime_type: Text::default(),
        seller: None,
        labels: Default::default(),
        extensions: Default::default(),
        in_dollars: true,
    };
    let amount = Amount::parse(text("amount")).unwrap();
    Offer::new(Arc::new(conditions), Text::default(), vec![amount])
}

/// The terms of an offer's first way to pay.
pub(crate) fn terms(offer: &Offer) -> Terms {
    Terms::of(&offer.accepts[0], offer.amount(0), offer, None)
}

pub(crate) fn base() -> Value {
    vectors()["eip712_exact_upto"]["base_sepolia_eip3009"].clone()
}

/// A payload of version 2, in parts.
pub(crate) fn v2_parts(payload: PaymentPayload) -> (Accepted, Signed) {
    match payload {
        PaymentPayload::V2 { accepted, signed } => (accepted, *signed),
        other => panic!("{other:?}"),
    }
}

pub(crate) fn transfer(signed: &Signed) -> &crate::evm::eip3009::Authorization {
    match &signed.authorization {
        Authorization::Transfer(transfer) => transfer,
        Authorization::Permit(_) => panic!("a permit"),
    }
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
    assert!(v2_parts(payload).0.matches(&terms(&offer)));
}

#[test]
fn sdk_payment_headers_are_read() {
    for name in ["base_sepolia_eip3009", "base_eip3009"] {
        let entry = &vectors()["eip712_exact_upto"][name];
        let encoded = entry["paymentSignatureHeader"].as_str().unwrap();
        let payload = PaymentPayload::parse(&header::decode(encoded.as_bytes()).unwrap()).unwrap();
        assert_eq!(payload, parse(&entry["paymentPayload"]).unwrap());
        let payer = v2_parts(payload).1.authorization.payer();
        assert_eq!(payer.to_string(), entry["payer"].as_str().unwrap());
    }
}

#[test]
fn every_scheme_and_version_is_read_as_what_it_is() {
    let group = &vectors()["eip712_exact_upto"];
    let read = |name: &str| parse(&group[name]["paymentPayload"]).unwrap();
    for (name, proxy) in
        [("base_sepolia_permit2", permit2::EXACT_PROXY), ("base_sepolia_upto", permit2::UPTO_PROXY)]
    {
        let (accepted, signed) = v2_parts(read(name));
        let Authorization::Permit(permit) = signed.authorization else { panic!("{name}") };
        assert_eq!((permit.spender, permit.token), (proxy, accepted.asset));
        assert_eq!(permit.witness.facilitator.is_some(), name.ends_with("upto"));
    }
    let PaymentPayload::V1 { network, signed } = read("v1_base_sepolia_eip3009") else {
        panic!("not version 1")
    };
    assert_eq!((network.as_str(), signed.authorization.amount()), ("base-sepolia", Amount::from_u64(10_000)));
    assert_eq!(parse(&json!({"x402Version": 3})), Err(Malformed::Version(3)));
    assert_eq!(parse(&json!({"x402Version": "2"})), Err(Malformed::Shape("x402Version")));
    assert_eq!(parse(&json!({"payload": {}})), Err(Malformed::Shape("x402Version")));
}

#[test]
fn spec_examples_v1_http_are_read() {
    let group = &vectors()["spec_examples_v1_http"];
    let json = header::decode(group["X-PAYMENT"].as_str().unwrap().as_bytes()).unwrap();
    let payload = PaymentPayload::parse(&json).unwrap();
    assert_eq!(payload, parse(&group["X-PAYMENT_decoded"]).unwrap());
    assert_eq!(payload.version(), Version::V1);
}

#[test]
fn what_nobody_here_understands_is_kept_in_one_form() {
    let mut payload = json!({
        "x402Version": 2,
        "accepted": {"scheme": "exact", "network": "solana:EtWTRABZaYq6iMfeYKouRu166VU2xqa1", "amount": "5",
            "asset": "mint", "payTo": "seller", "maxTimeoutSeconds": 60, "extra": {"feePayer": "f"}},
        "payload": {"transaction": "AAAA", "b": {"z": 1, "a": [true]}},
    });
    let PaymentPayload::Other(other) = parse(&payload).unwrap() else { panic!("understood") };
    assert_eq!(other.payload, r#"{"b":{"a":[true],"z":1},"transaction":"AAAA"}"#);
    payload["payload"]["b"]["z"] = json!(1.5);
    assert_eq!(parse(&payload), Err(Malformed::Repeated));
    payload["accepted"]["network"] = json!("eip155:8453");
    payload["accepted"]["scheme"] = json!("stream");
    payload["payload"] = json!({});
    let PaymentPayload::Other(other) = parse(&payload).unwrap() else { panic!("understood") };
    assert_eq!(other.scheme, "stream");
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

/// What is known of one of several facilitators.
#[derive(Clone)]
pub(crate) struct Said {
    pub(crate) standing: Standing,
    pub(crate) settles: Ability,
    pub(crate) address: Option<Address>,
    pub(crate) extensions: &'static [&'static str],
}

impl Default for Said {
    /// It is ready, and settles everything.
    fn default() -> Self {
        Self {
            standing: Standing::Ready,
            settles: Ability::Yes("{}".to_owned()),
            address: None,
            extensions: &[],
        }
    }
}

/// Several facilitators, by their index.
pub(crate) struct Several(pub(crate) Vec<Said>);

impl Several {
    /// An offer that all of them settle, in order.
    pub(crate) fn settle(&self, mut offer: Offer) -> Offer {
        let named = |index| Facilitator { index, name: format!("f-{index}"), ..Facilitator::for_tests() };
        offer.facilitators = Arc::new((0..self.0.len()).map(named).map(Arc::new).collect());
        offer
    }
}

impl Abilities for Several {
    fn standing(&self, facilitator: &Facilitator) -> Standing {
        self.0[facilitator.index].standing
    }

    fn settles(&self, facilitator: &Facilitator, _: Version, _: &str, _: &str) -> Ability {
        self.0[facilitator.index].settles.clone()
    }

    fn submitter(&self, facilitator: &Facilitator, _: &str) -> Option<Address> {
        self.0[facilitator.index].address
    }

    fn submits(&self, facilitator: &Facilitator, _: &str, address: &Address) -> bool {
        self.0[facilitator.index].address == Some(*address)
    }

    fn extends(&self, facilitator: &Facilitator, extension: &str) -> bool {
        self.0[facilitator.index].extensions.contains(&extension)
    }
}
