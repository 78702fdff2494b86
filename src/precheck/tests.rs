use std::collections::BTreeMap;

use serde_json::{json, Value};

use super::*;
use crate::config::Settle;
use crate::config::CHAIN_MARGIN_SECONDS;
use crate::evm::eip712;
use crate::evm::signature::Signature;
use crate::protocol::header;
use crate::protocol::v2::tests::{base, offer, parse, vectors};

const NOW: u64 = 1_767_225_600;

fn verified() -> Payment {
    let offer = offer(&base()["requirements"], Settle::After);
    let payload = parse(&base()["paymentPayload"]).unwrap();
    Payment::verify(payload, &offer.accepts[0].asset).unwrap()
}

/// The whole decision, as a code: `None` when the payment may open a claim.
fn verdict(payload: &Value, requirements: &Value, now: u64) -> Option<&'static str> {
    let offer = offer(requirements, Settle::After);
    let assets: Vec<_> = offer.accepts.iter().map(|accept| Arc::clone(&accept.asset)).collect();
    let payload = match parse(payload) {
        Ok(payload) => payload,
        Err(malformed) => return Some(malformed.code()),
    };
    let Some(asset) = find_asset(&assets, &payload.accepted) else {
        return Some(Mismatch::NoMatch.code());
    };
    match Payment::verify(payload, asset) {
        Err(forged) => Some(forged.code()),
        Ok(payment) => precheck(&payment, &offer, now, CHAIN_MARGIN_SECONDS).err().map(Mismatch::code),
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
    let payload = parse(&payload).unwrap();
    assert_eq!(payload.authorization.struct_hash(), bytes32(&golden["structHash"]));
    assert_eq!(payload.authorization.digest(&separator), bytes32(&golden["digest"]));

    let offer = offer(&base()["requirements"], Settle::After);
    let payment = Payment::verify(payload, &offer.accepts[0].asset).unwrap();
    assert_eq!(payment.payer().to_string(), golden["recovered"].as_str().unwrap());
    assert!(precheck(&payment, &offer, 1_740_672_100, CHAIN_MARGIN_SECONDS).is_ok());
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
        assert_eq!(payload.authorization.struct_hash(), bytes32(&expected["structHash"]));
        let digest = payload.authorization.digest(&asset.domain_separator);
        assert_eq!(digest, bytes32(&expected["digest"]));
        let payer = verify(&payload, asset).unwrap();
        assert_eq!(payer.to_string(), entry["payer"].as_str().unwrap());
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
    ("sig_6492", Some("eip6492_factory_not_allowed"), Some(SIGNATURE), "no smart wallets"),
    (
        "payer_has_code_1271_accepts_garbage_sig",
        Some("invalid_exact_evm_transaction_simulation_failed"),
        Some(SIGNATURE),
        "no smart wallets",
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
fn altered(change: impl FnOnce(&mut PaymentPayload)) -> Payment {
    let mut payment = verified();
    change(&mut payment.payload);
    payment
}

#[test]
fn every_rule_has_a_payment_that_breaks_only_it() {
    let offer = offer(&base()["requirements"], Settle::After);
    let before = |seconds: u64| altered(|p| p.authorization.valid_before = Amount::from_u64(NOW + seconds));
    let after = |time| altered(|p| p.authorization.valid_after = Amount::from_u64(time));
    let huge =
        Amount::parse("115792089237316195423570985008687907853269984665640564039457584007913129639935");
    let margin = 16;
    let cases = [
        (verified(), None),
        (altered(|p| p.accepted.amount = Amount::from_u64(9_999)), Some(Mismatch::NoMatch)),
        (altered(|p| p.authorization.to = p.authorization.from), Some(Mismatch::Recipient)),
        (before(margin), None),
        (before(margin - 1), Some(Mismatch::Expired)),
        (before(60 + SKEW_SECONDS), None),
        (before(60 + SKEW_SECONDS + 1), Some(Mismatch::TooLong)),
        (altered(|p| p.authorization.valid_before = huge.unwrap()), Some(Mismatch::TooLong)),
        (altered(|p| p.authorization.valid_before = Amount::ZERO), Some(Mismatch::Expired)),
        (after(NOW), None),
        (after(NOW + 1), Some(Mismatch::NotYet)),
        (altered(|p| p.authorization.valid_after = huge.unwrap()), Some(Mismatch::NotYet)),
        (altered(|p| p.authorization.value = Amount::from_u64(9_999)), Some(Mismatch::Value)),
        (altered(|p| p.authorization.value = Amount::from_u64(10_001)), Some(Mismatch::Value)),
    ];
    for (payment, refusal) in cases {
        let verdict = precheck(&payment, &offer, NOW, margin).err();
        assert_eq!(verdict, refusal, "{:?}", payment.payload.authorization);
    }
    assert_eq!(precheck(&verified(), &offer, u64::MAX, u64::MAX).err(), Some(Mismatch::Expired));
}

/// The accept a client names must be in the asset its signature was verified under.
#[test]
fn a_payment_verified_in_one_asset_does_not_buy_in_another() {
    let offer = offer(&base()["requirements"], Settle::After);
    let mut payment = verified();
    let mut other = crate::protocol::v2::tests::offer(&base()["requirements"], Settle::After);
    let asset = Arc::get_mut(&mut other.accepts[0].asset).unwrap();
    asset.chain_id = 1;
    payment.asset = Arc::clone(&other.accepts[0].asset);
    assert_eq!(precheck(&payment, &offer, NOW, 6).err(), Some(Mismatch::NoMatch));
}

#[test]
fn a_payment_finds_its_own_accept_among_several() {
    let mut offer = offer(&base()["requirements"], Settle::After);
    let mainnet = vectors()["eip712_exact_upto"]["base_eip3009"]["requirements"].clone();
    let other = crate::protocol::v2::tests::offer(&mainnet, Settle::After);
    offer.accepts.insert(0, other.accepts.into_iter().next().unwrap());
    let payment = verified();
    let assets: Vec<_> = offer.accepts.iter().map(|accept| Arc::clone(&accept.asset)).collect();
    let mut accepted = payment.payload().accepted.clone();
    assert_eq!(find_asset(&assets, &accepted), Some(&assets[1]));
    accepted.asset = assets[0].address;
    assert_eq!(find_asset(&assets, &accepted), None, "mainnet's contract, on the testnet");
    let accept = precheck(&payment, &offer, NOW, 6).unwrap();
    assert_eq!(accept.asset.chain_id, 84_532);
}

#[test]
fn a_payment_says_what_was_signed() {
    let payment = verified();
    assert_eq!(payment.to().to_string(), "0x209693Bc6afc0C5328bA36FaF03C514EF312287C");
    assert_eq!(payment.amount(), Amount::from_u64(10_000));
    assert_eq!(payment.valid_before(), NOW + 60);
    assert_eq!(payment.nonce()[0], 0x04);
    assert_eq!(payment.asset().network, "eip155:84532");
}
