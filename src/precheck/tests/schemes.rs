//! Permit2, `upto`, version 1, and signatures only a contract can judge.

use super::*;
use crate::config::Wallets;

fn entry(name: &str) -> Value {
    vectors()["eip712_exact_upto"][name].clone()
}

/// An offer that quotes a vector's requirements; version 1's are those of version 2.
fn offer_of(name: &str) -> Offer {
    match name {
        "v1_base_sepolia_eip3009" => offer(&base()["requirements"], Settle::After),
        _ => offer(&entry(name)["requirements"], Settle::After),
    }
}

fn fit(payment: &Payment, offer: &Offer) -> Result<Fit, Mismatch> {
    precheck(payment, offer, &Willing, NOW, CHAIN_MARGIN_SECONDS)
}

#[test]
fn every_scheme_of_the_sdk_is_verified_here() {
    for name in ["base_sepolia_permit2", "base_sepolia_upto", "v1_base_sepolia_eip3009"] {
        let offer = offer_of(name);
        let payment = read(&entry(name)["paymentPayload"], &offer).unwrap();
        assert_eq!(payment.judge(), Judge::Sandbox, "{name}");
        assert_eq!(payment.payer().unwrap().to_string(), entry(name)["payer"], "{name}");
        assert!(matches!(fit(&payment, &offer), Ok(Fit::Terms(_))), "{name}");
    }
}

/// Where we say something else than the reference facilitator: the case, its reason, ours, why.
type Difference = (&'static str, &'static str, Option<&'static str>, Option<&'static str>, &'static str);

const DIFFERENCES: [Difference; 6] = [
    ("base_sepolia_permit2", "amount", Some("permit2_amount_mismatch"), NO_MATCH, "the quote differs first"),
    ("base_sepolia_permit2", "token", Some("permit2_token_mismatch"), NO_MATCH, "as above"),
    ("base_sepolia_permit2", "no_eip712_extra", None, NO_MATCH, "our quotes name the domain"),
    (
        "base_sepolia_permit2",
        "spender",
        Some("invalid_permit2_spender"),
        SIGNER,
        "the signature is judged first",
    ),
    ("base_sepolia_upto", "facilitator_other", Some("upto_facilitator_mismatch"), SIGNER, "as above"),
    ("base_sepolia_upto", "spender_exact_proxy", Some("invalid_permit2_spender"), SIGNER, "as above"),
];

const NO_MATCH: Option<&str> = Some("no_matching_payment_requirements");
const SIGNER: Option<&str> = Some("invalid_permit2_signature");

#[test]
fn facilitator_verify_outcomes_of_permit2_and_upto() {
    let group = vectors()["facilitator_verify_outcomes"]["cases"].clone();
    let mut different = Vec::new();
    for case in group.as_array().unwrap() {
        let (base, name) = (case["base"].as_str().unwrap(), case["name"].as_str().unwrap());
        if !matches!(base, "base_sepolia_permit2" | "base_sepolia_upto") {
            continue;
        }
        let mut payload = entry(base)["paymentPayload"].clone();
        let mut requirements = entry(base)["requirements"].clone();
        let signed = &mut payload["payload"]["permit2Authorization"];
        match (base, name) {
            (_, "deadline" | "valid") => {}
            (_, "spender") => signed["spender"] = json!(UPTO_PROXY.to_string()),
            (_, "spender_exact_proxy") => signed["spender"] = json!(EXACT_PROXY.to_string()),
            (_, "amount") => requirements["amount"] = json!("9999"),
            (_, "token") => requirements["asset"] = json!("0x833589fCD6eDb6E08f4c7C32D4f71b54bdA02913"),
            ("base_sepolia_permit2", "bad_sig") => signed["nonce"] = json!("1"),
            (_, "bad_sig") => signed["witness"]["validAfter"] = json!("1"),
            (_, "facilitator_other") => {
                signed["witness"]["facilitator"] = json!("0x3C44CdDdB6a900fa2b585dd299e03d12FA4293BC");
            }
            (_, "no_eip712_extra") => {
                let extra = payload["accepted"]["extra"].as_object_mut().unwrap();
                extra.retain(|key, _| key == "assetTransferMethod");
            }
            other => panic!("no such case: {other:?}"),
        }
        let reference = match case["result"]["isValid"].as_bool() {
            Some(true) => None,
            _ => case["result"]["invalidReason"].as_str(),
        };
        let ours = verdict(&payload, &requirements, case["now"].as_u64().unwrap());
        if ours != reference {
            different.push((base.to_owned(), name.to_owned(), reference.map(str::to_owned), ours));
        }
    }
    let mut listed: Vec<_> = DIFFERENCES
        .iter()
        .map(|(base, name, theirs, ours, _)| {
            ((*base).to_owned(), (*name).to_owned(), theirs.map(str::to_owned), *ours)
        })
        .collect();
    listed.sort_unstable();
    different.sort_unstable();
    assert_eq!(different, listed);
}

/// A permit with its own signature, to reach what stands behind the signature check.
fn permit(name: &str, change: impl FnOnce(&mut crate::evm::permit2::Permit)) -> Result<Fit, Mismatch> {
    let offer = offer_of(name);
    let mut payment = read(&entry(name)["paymentPayload"], &offer).unwrap();
    if let Form::Evm { signed, .. } = &mut payment.form {
        if let Authorization::Permit(permit) = &mut signed.authorization {
            change(permit);
        }
    }
    fit(&payment, &offer)
}

#[test]
fn every_rule_of_permit2_decides_alone() {
    let (exact, upto) = ("base_sepolia_permit2", "base_sepolia_upto");
    let other = Address::new([9; 20]);
    assert_eq!(permit(exact, |p| p.spender = UPTO_PROXY).err(), Some(Mismatch::Spender));
    assert_eq!(permit(exact, |p| p.token = other).err(), Some(Mismatch::Token));
    assert_eq!(permit(exact, |p| p.witness.to = other).err(), Some(Mismatch::Recipient(Means::Permit2)));
    assert_eq!(permit(exact, |p| p.amount = Amount::ZERO).err(), Some(Mismatch::Value(Means::Permit2)));
    assert_eq!(permit(exact, |p| p.deadline = Amount::ZERO).err(), Some(Mismatch::Expired(Means::Permit2)));
    assert_eq!(
        permit(exact, |p| p.witness.valid_after = Amount::MAX).err(),
        Some(Mismatch::NotYet(Means::Permit2))
    );
    assert_eq!(permit(exact, |p| p.witness.facilitator = Some(other)).err(), Some(Mismatch::Submitter));
    assert_eq!(permit(upto, |p| p.witness.facilitator = Some(other)).err(), Some(Mismatch::Submitter));
    assert_eq!(permit(upto, |p| p.witness.facilitator = None).err(), Some(Mismatch::Submitter));
    assert_eq!(permit(upto, |p| p.spender = EXACT_PROXY).err(), Some(Mismatch::Spender));
    assert_eq!(permit(upto, |p| p.amount = Amount::from_u64(1)).err(), Some(Mismatch::Value(Means::Upto)));
}

/// Nobody signed for a submitter that no quote of ours ever named.
#[test]
fn a_submitter_we_never_quoted_is_refused() {
    let offer = offer_of("base_sepolia_upto");
    let payment = read(&entry("base_sepolia_upto")["paymentPayload"], &offer).unwrap();
    let unasked = precheck(&payment, &offer, &crate::protocol::abilities::Unasked, NOW, 6);
    assert_eq!(unasked.err(), Some(Mismatch::NoMatch));
}

#[test]
fn version_1_can_be_turned_off() {
    let mut offer = offer_of("v1_base_sepolia_eip3009");
    let payment = read(&entry("v1_base_sepolia_eip3009")["paymentPayload"], &offer).unwrap();
    offer.v1 = false;
    assert_eq!(fit(&payment, &offer).err(), Some(Mismatch::NoMatch));
}

/// One claim for all encodings: what is burnt has no version.
#[test]
fn both_versions_of_a_payment_burn_the_same() {
    let signed = base()["paymentPayload"]["payload"].clone();
    let v1 = json!({"x402Version": 1, "scheme": "exact", "network": "base-sepolia", "payload": signed});
    let offer = offer_of("v1_base_sepolia_eip3009");
    let (one, two) = (read(&v1, &offer).unwrap(), verified());
    let (Form::Evm { signed: one, asset: a, .. }, Form::Evm { signed: two, asset: b, .. }) =
        (one.form(), two.form())
    else {
        panic!()
    };
    assert_eq!((one, a), (two, b));
}

#[test]
fn only_the_facilitator_can_judge_a_contracts_signature() {
    let variants = vectors()["eip712_exact_upto"]["signature_variants"].clone();
    let with = |signature: &str, wallets| {
        let mut payload = base()["paymentPayload"].clone();
        payload["payload"]["signature"] = json!(signature);
        let mut offer = offer(&base()["requirements"], Settle::After);
        offer.wallets = wallets;
        let payment = read(&payload, &offer)?;
        payment.foreign().map_or(Ok(payment.judge()), Err)
    };
    let garbage = format!("0x{}", "5a".repeat(65));
    for plausible in
        [variants["erc6492_wrapped"].as_str().unwrap(), variants["flipped_v"].as_str().unwrap(), &garbage]
    {
        assert_eq!(with(plausible, Wallets::Any), Ok(Judge::Facilitator));
        assert!(with(plausible, Wallets::Eoa).is_err());
    }
    // A twin of the account's own signature: it proves whose it is, and the token refuses it.
    for twin in ["v_as_0_1", "high_s"] {
        assert!(with(variants[twin].as_str().unwrap(), Wallets::Any).is_err(), "{twin}");
    }
    for hopeless in
        ["0x", "0x00", variants["eip2098_compact"].as_str().unwrap(), &format!("0x{}", "ab".repeat(4_097))]
    {
        assert!(with(hopeless, Wallets::Any).is_err(), "{hopeless}");
    }
}
