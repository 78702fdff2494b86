use std::collections::BTreeMap;

use serde_json::{json, Value};

use super::*;
use crate::config::Facilitator;
use crate::config::Settle;
use crate::config::CHAIN_MARGIN_SECONDS;
use crate::evm::eip712;
use crate::protocol::abilities::Standing;
use crate::protocol::header;
use crate::protocol::tests::{base, offer, parse, transfer, v2_parts, vectors};

mod schemes;

const NOW: u64 = 1_767_225_600;

/// A facilitator that says yes to everything, under one address.
struct Willing;

impl Abilities for Willing {
    fn standing(&self, _: &Facilitator) -> Standing {
        Standing::Ready
    }

    fn settles(&self, _: &Facilitator, _: Version, _: &str, _: &str) -> Ability {
        Ability::Yes("{}".to_owned())
    }

    fn submitter(&self, _: &Facilitator, _: &str) -> Option<Address> {
        Address::parse("0x70997970C51812dc3A010C7d01b50e0d17dc79C8").ok()
    }

    fn submits(&self, facilitator: &Facilitator, network: &str, address: &Address) -> bool {
        self.submitter(facilitator, network) == Some(*address)
    }
}

fn verified() -> Payment {
    let offer = offer(&base()["requirements"], Settle::After);
    read(&base()["paymentPayload"], &offer).unwrap()
}

fn read(payload: &Value, offer: &Offer) -> Result<Payment, Forged> {
    let assets: Vec<_> = offer.accepts.iter().map(|accept| Arc::clone(&accept.asset)).collect();
    Payment::read(parse(payload).unwrap(), offer, &assets)
}

/// The whole decision, as a code: `None` when the payment may open a claim.
fn verdict(payload: &Value, requirements: &Value, now: u64) -> Option<&'static str> {
    let offer = offer(requirements, Settle::After);
    let assets: Vec<_> = offer.accepts.iter().map(|accept| Arc::clone(&accept.asset)).collect();
    let payload = match parse(payload) {
        Ok(payload) => payload,
        Err(malformed) => return Some(malformed.code()),
    };
    match Payment::read(payload, &offer, &assets) {
        Err(forged) => Some(forged.code()),
        Ok(payment) => payment.foreign().map(Forged::code).or_else(|| {
            precheck(&payment, &offer, &Willing, now, CHAIN_MARGIN_SECONDS).err().map(Mismatch::code)
        }),
    }
}

fn bytes32(value: &Value) -> [u8; 32] {
    let mut bytes = [0; 32];
    hex::decode_to_slice(value.as_str().unwrap().trim_start_matches("0x"), &mut bytes).unwrap();
    bytes
}

#[test]
fn spec_golden_eip3009() {
    let golden = &vectors()["spec_golden_eip3009"];
    let (domain, message) = (&golden["domain"], &golden["authorization"]);
    let contract = Address::parse(domain["verifyingContract"].as_str().unwrap()).unwrap();
    let separator = eip712::domain_separator("USDC", "2", 84_532, &contract);
    assert_eq!(separator, bytes32(&golden["domainSeparator"]));

    let mut payload = base()["paymentPayload"].clone();
    payload["payload"] = json!({"authorization": message, "signature": golden["signature"]});
    let (_, signed) = v2_parts(parse(&payload).unwrap());
    assert_eq!(transfer(&signed).struct_hash(), bytes32(&golden["structHash"]));
    assert_eq!(transfer(&signed).digest(&separator), bytes32(&golden["digest"]));

    let offer = offer(&base()["requirements"], Settle::After);
    let payment = read(&payload, &offer).unwrap();
    assert_eq!(payment.payer().unwrap().to_string(), golden["recovered"].as_str().unwrap());
    assert!(precheck(&payment, &offer, &Willing, 1_740_672_100, CHAIN_MARGIN_SECONDS).is_ok());
}

#[test]
fn eip712_exact_of_the_sdk() {
    for name in ["base_sepolia_eip3009", "base_eip3009"] {
        let entry = &vectors()["eip712_exact_upto"][name];
        let offer = offer(&entry["requirements"], Settle::After);
        let asset = &offer.accepts[0].asset;
        let encoded = entry["paymentSignatureHeader"].as_str().unwrap();
        let payload = PaymentPayload::parse(&header::decode(encoded.as_bytes()).unwrap()).unwrap();

        let expected = &entry["eip712"];
        assert_eq!(asset.domain_separator, bytes32(&expected["domainSeparator"]));
        let (_, signed) = v2_parts(payload.clone());
        assert_eq!(transfer(&signed).struct_hash(), bytes32(&expected["structHash"]));
        assert_eq!(transfer(&signed).digest(&asset.domain_separator), bytes32(&expected["digest"]));
        let payment = Payment::read(payload, &offer, &[Arc::clone(asset)]).unwrap();
        assert_eq!(payment.judge(), Judge::Sandbox);
        assert_eq!(payment.payer().unwrap().to_string(), entry["payer"].as_str().unwrap());
    }
}

#[test]
fn signature_variants() {
    let variants = &vectors()["eip712_exact_upto"]["signature_variants"];
    let digest = bytes32(&variants["digest"]);
    let signer = Address::parse(variants["signer"].as_str().unwrap()).unwrap();
    let recovered =
        |name: &str| Signature::parse(variants[name].as_str().unwrap()).map(|sig| recover(&digest, &sig));
    assert_eq!(recovered("canonical"), Ok(Some(signer)));
    assert!(recovered("flipped_v").unwrap().is_some_and(|other| other != signer));
    assert_eq!(recovered("v_as_0_1"), Err(SignatureError::RecoveryId));
    assert_eq!(recovered("high_s"), Err(SignatureError::HighS));
    assert_eq!(recovered("eip2098_compact"), Err(SignatureError::Compact));
    assert_eq!(recovered("erc6492_wrapped"), Err(SignatureError::Undeployed));
}

/// Where the verdict or its code differs from the reference facilitator's: the case, its
/// verdict, ours, and why. `None` is valid.
const DIFFERENCES: [(&str, Option<&str>, Option<&str>, &str); 11] = [
    ("sig_high_s", None, Some(SIGNATURE), "the token contract demands a low s"),
    ("sig_v01", None, Some(SIGNATURE), "the token contract demands 27 or 28"),
    ("value_hex", None, Some(PAYLOAD), "one spelling for each amount"),
    ("value_number", None, Some(PAYLOAD), "amounts are strings"),
    ("value_decimal_garbage", Some("threw"), Some(PAYLOAD), "refused before anything throws"),
    ("nonce_short", Some(SIGNATURE), Some(PAYLOAD), "a malformed field is called one"),
    ("validbefore_u256max_plus1", Some(SIGNATURE), Some(PAYLOAD), "as above"),
    ("sig_6492", Some("eip6492_factory_not_allowed"), Some(SIGNATURE), "wallets: eoa"),
    (
        "payer_has_code_1271_accepts_garbage_sig",
        Some("invalid_exact_evm_transaction_simulation_failed"),
        Some(SIGNATURE),
        "wallets: eoa",
    ),
    (
        "eoa_sig_but_payer_has_code_1271_rejects",
        Some(SIGNATURE),
        None,
        "an account's code is on the chain: settlement decides",
    ),
    (
        "network_mismatch",
        Some("invalid_exact_evm_network_mismatch"),
        Some("no_matching_payment_requirements"),
        "the reference server says so before it asks the facilitator",
    ),
];

const SIGNATURE: &str = "invalid_exact_evm_signature";
const PAYLOAD: &str = "invalid_payload";

#[test]
fn facilitator_verify_outcomes() {
    let group = vectors()["facilitator_verify_outcomes"]["cases"].clone();
    let mut different = BTreeMap::new();
    let mut cases = 0;
    for case in group.as_array().unwrap() {
        if case["base"] != "base_sepolia_eip3009" {
            continue;
        }
        cases += 1;
        let name = case["name"].as_str().unwrap();
        let result = &case["result"];
        let reference = match result["isValid"].as_bool() {
            Some(true) => None,
            Some(false) => result["invalidReason"].as_str(),
            None => Some("threw"),
        };
        let (payload, requirements) = mutated(name);
        let ours = verdict(&payload, &requirements, case["now"].as_u64().unwrap());
        if ours != reference {
            different.insert(name, (reference, ours));
        }
    }
    assert_eq!(cases, 22);
    let listed = DIFFERENCES.map(|(name, reference, ours, _)| (name, (reference, ours)));
    assert_eq!(different, listed.into());
}

/// A case's payload and requirements, as its `mutation` describes them.
fn mutated(name: &str) -> (Value, Value) {
    let (mut payload, mut requirements) = (base()["paymentPayload"].clone(), base()["requirements"].clone());
    let variant = |name: &str| vectors()["eip712_exact_upto"]["signature_variants"][name].clone();
    let mut both = |key: &str, value: Value| {
        payload["accepted"][key] = value.clone();
        requirements[key] = value;
    };
    match name {
        "value_low_reqs" => both("amount", json!("10001")),
        "value_high_reqs" => both("amount", json!("9999")),
        "wrong_chain" => both("network", json!("eip155:8453")),
        "network_mismatch" => requirements["network"] = json!("eip155:8453"),
        "wrong_domain_name" => requirements["extra"]["name"] = json!("USD Coin"),
        _ => {}
    }
    let signed = &mut payload["payload"];
    match name {
        "sig_high_s" => signed["signature"] = variant("high_s"),
        "sig_v01" => signed["signature"] = variant("v_as_0_1"),
        "sig_flipped_v" => signed["signature"] = variant("flipped_v"),
        "sig_6492" => signed["signature"] = variant("erc6492_wrapped"),
        "payer_has_code_1271_accepts_garbage_sig" => {
            signed["signature"] = json!(format!("0x{}", "5a".repeat(65)));
        }
        _ => {}
    }
    let fields = &mut signed["authorization"];
    match name {
        "valid_after_future" => fields["validAfter"] = json!((NOW + 1).to_string()),
        "to_lowercase" => {
            fields["to"] = json!(fields["to"].as_str().unwrap().to_lowercase());
        }
        "from_other" => fields["from"] = json!(format!("0x{}", "11".repeat(20))),
        "nonce_short" => fields["nonce"] = json!(format!("0x{}", "04".repeat(31))),
        "value_decimal_garbage" => fields["value"] = json!("1e4"),
        "value_hex" => fields["value"] = json!("0x2710"),
        "value_number" => fields["value"] = json!(10000),
        "validbefore_u256max_plus1" => {
            fields["validBefore"] =
                json!("115792089237316195423570985008687907853269984665640564039457584007913129639936");
        }
        _ => {}
    }
    (payload, requirements)
}

/// A payment that claims to be verified, to reach the rules no signed vector reaches.
fn altered(change: impl FnOnce(&mut Accepted, &mut crate::evm::eip3009::Authorization)) -> Payment {
    let mut payment = verified();
    if let Form::Evm { signed, accepted: Some(accepted), .. } = &mut payment.form {
        if let Authorization::Transfer(transfer) = &mut signed.authorization {
            change(accepted, transfer);
        }
    }
    payment
}

#[test]
fn every_rule_has_a_payment_that_breaks_only_it() {
    const MEANS: Means = Means::Eip3009;
    let offer = offer(&base()["requirements"], Settle::After);
    let before = |seconds: u64| altered(|_, signed| signed.valid_before = Amount::from_u64(NOW + seconds));
    let after = |time| altered(|_, signed| signed.valid_after = Amount::from_u64(time));
    let margin = 16;
    let cases = [
        (verified(), None),
        (altered(|said, _| said.amount = Amount::from_u64(9_999)), Some(Mismatch::NoMatch)),
        (altered(|_, signed| signed.to = signed.from), Some(Mismatch::Recipient(MEANS))),
        (before(margin), None),
        (before(margin - 1), Some(Mismatch::Expired(MEANS))),
        (before(60 + SKEW_SECONDS), None),
        (before(60 + SKEW_SECONDS + 1), Some(Mismatch::TooLong)),
        (altered(|_, signed| signed.valid_before = Amount::MAX), Some(Mismatch::TooLong)),
        (altered(|_, signed| signed.valid_before = Amount::ZERO), Some(Mismatch::Expired(MEANS))),
        (after(NOW), None),
        (after(NOW + 1), Some(Mismatch::NotYet(MEANS))),
        (altered(|_, signed| signed.valid_after = Amount::MAX), Some(Mismatch::NotYet(MEANS))),
        (altered(|_, signed| signed.value = Amount::from_u64(9_999)), Some(Mismatch::Value(MEANS))),
        (altered(|_, signed| signed.value = Amount::from_u64(10_001)), Some(Mismatch::Value(MEANS))),
    ];
    for (payment, refusal) in cases {
        let verdict = precheck(&payment, &offer, &Willing, NOW, margin).err();
        assert_eq!(verdict, refusal, "{payment:?}");
    }
    let late = precheck(&verified(), &offer, &Willing, u64::MAX, u64::MAX);
    assert_eq!(late.err(), Some(Mismatch::Expired(MEANS)));
}

/// The accept a client names must be in the asset its signature was verified under.
#[test]
fn a_payment_verified_in_one_asset_does_not_buy_in_another() {
    let offer = offer(&base()["requirements"], Settle::After);
    let mut payment = verified();
    let Form::Evm { asset, .. } = &mut payment.form else { panic!() };
    Arc::make_mut(asset).chain_id = 1;
    assert_eq!(precheck(&payment, &offer, &Willing, NOW, 6).err(), Some(Mismatch::NoMatch));
}

#[test]
fn a_payment_finds_its_own_accept_among_several() {
    let mainnet = vectors()["eip712_exact_upto"]["base_eip3009"]["requirements"].clone();
    let own = offer(&base()["requirements"], Settle::After);
    let mut offer = offer(&mainnet, Settle::After).or(&own);
    offer.max_timeout_seconds = own.max_timeout_seconds;
    let assets: Vec<_> = offer.accepts.iter().map(|accept| Arc::clone(&accept.asset)).collect();
    let found = |asset: &Asset| find_asset(&assets, "eip155:84532", &asset.address);
    assert_eq!(found(&assets[1]).as_ref(), Some(&assets[1]));
    assert_eq!(found(&assets[0]), None, "mainnet's contract, on the testnet");
    let Ok(Fit::Terms(terms)) = precheck(&verified(), &offer, &Willing, NOW, 6) else { panic!() };
    assert_eq!(terms.asset.chain_id, 84_532);
}

#[test]
fn a_payment_says_what_was_signed() {
    let payment = verified();
    assert_eq!(payment.amount(), Amount::from_u64(10_000));
    assert_eq!(payment.valid_before(), Some(NOW + 60));
    assert_eq!(payment.network(), "eip155:84532");
    let Form::Evm { signed, .. } = payment.form() else { panic!() };
    assert_eq!(signed.authorization.to().to_string(), "0x209693Bc6afc0C5328bA36FaF03C514EF312287C");
    assert_eq!(signed.authorization.nonce()[0], 0x04);
}
