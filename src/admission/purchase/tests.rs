//! One offer, several facilitators: what is quoted, what fits, and who can settle it.

use base64::engine::general_purpose::STANDARD;
use base64::Engine;
use serde_json::{json, Value};

use super::*;
use crate::claims::Seal;
use crate::config::{OtherAccept, Settle, Target, Wallets};
use crate::exchange::Step;
use crate::extensions::gas::{EIP2612, ERC20_APPROVAL};
use crate::protocol::abilities::{Ability, Standing};
use crate::protocol::challenge::{Challenge, Declared};
use crate::protocol::tests::{base, offer, vectors, Said, Several};

const NOW: u64 = 1_767_225_600;
const SOLANA: &str = "solana:EtWTRABZaYq6iMfeYKouRu166VU2xqa1";
const FIRST: &str = "0x70997970C51812dc3A010C7d01b50e0d17dc79C8";
const SECOND: &str = "0x3C44CdDdB6a900fa2b585dd299e03d12FA4293BC";

use Standing::{Ready, Shut, Trial};

/// The policy of any offer here: it knows the asset.
fn policy() -> Policy {
    let config = json!({
        "version": 1, "origin": "https://a.example", "unmatched": "free", "settle": "after",
        "facilitators": {"main": {"cluster": "c", "authority": "f"}},
        "accepts": [{"network": "base-sepolia", "asset": "USDC", "payTo": FIRST}],
        "routes": [{"name": "r", "match": {"path": "/"}, "offer": {"price": "$1"}}],
    });
    Policy::from_bytes(config.to_string().as_bytes(), &|_| None).unwrap()
}

fn present(offer: Offer, known: &Several, encoded: &str) -> Purchase {
    let offer = Arc::new(offer);
    let target = Target::Offer(Arc::clone(&offer));
    let route = Arc::new(Route { name: "r".into(), index: 0, target, template: None });
    let asked = Asked { method: "GET", path: "/", template: None };
    let resource = "https://a/".to_owned();
    let presented = Presented { encoded: encoded.as_bytes(), resource, authority: "a", asked };
    Purchase::read(&policy(), known, &route, &offer, presented, NOW).unwrap()
}

/// The facilitators that can settle it, by place.
fn honoured(purchase: &Purchase, known: &Several) -> Vec<usize> {
    let all = purchase.offer.facilitators.iter().enumerate();
    all.filter(|(_, one)| purchase.is_honoured_by(one, known)).map(|(at, _)| at).collect()
}

fn quoted(offer: &Offer, known: &Several) -> Value {
    let header = Challenge::new(offer, known, Declared::default()).header("e", "u", "", "");
    let mut quote: Value = serde_json::from_slice(&STANDARD.decode(header).unwrap()).unwrap();
    quote["accepts"].take()
}

fn standing(standing: Standing) -> Said {
    Said { standing, ..Said::default() }
}

fn entry(name: &str) -> Value {
    vectors()["eip712_exact_upto"][name].clone()
}

fn encoded(name: &str) -> String {
    STANDARD.encode(entry(name)["paymentPayload"].to_string())
}

fn address(text: &str) -> Address {
    Address::parse(text).unwrap()
}

/// Two facilitators with addresses of their own.
fn two_submitters(first: Standing, second: Standing) -> Several {
    let said = |standing, named| Said { standing, address: Some(address(named)), ..Said::default() };
    Several(vec![said(first, FIRST), said(second, SECOND)])
}

fn upto() -> Offer {
    offer(&entry("base_sepolia_upto")["requirements"], Settle::After)
}

/// Sold by what only facilitators understand.
fn other() -> Offer {
    let mut offer = offer(&base()["requirements"], Settle::After);
    offer.accepts.clear();
    offer.others.push(Arc::new(OtherAccept {
        scheme: "exact".to_owned(),
        network: SOLANA.to_owned(),
        v1_network: Some("solana-devnet"),
        asset: "mint".to_owned(),
        symbol: "USDC".to_owned(),
        decimals: 6,
        pay_to: "payee".to_owned(),
        extra: "{}".to_owned(),
    }));
    offer.asking(&[Amount::from_u64(10)])
}

/// A payment for [`other`] that repeats this `extra`.
fn pays_other(extra: &Value) -> String {
    let payload = json!({"x402Version": 2, "payload": {"transaction": "x"}, "accepted": {
        "scheme": "exact", "network": SOLANA, "amount": "10", "asset": "mint", "payTo": "payee",
        "maxTimeoutSeconds": other().max_timeout_seconds, "extra": extra,
    }});
    STANDARD.encode(payload.to_string())
}

fn with_extra(standing: Standing, extra: &str) -> Said {
    Said { standing, settles: Ability::Yes(extra.to_owned()), ..Said::default() }
}

#[test]
fn a_way_is_quoted_while_one_that_may_be_asked_settles_it() {
    let no = Said { settles: Ability::No, ..Said::default() };
    for (said, expected) in [
        (vec![standing(Ready), standing(Ready)], true),
        (vec![standing(Shut), standing(Ready)], true),
        (vec![standing(Shut), standing(Trial)], true),
        (vec![no.clone(), standing(Ready)], true),
        (vec![standing(Shut), standing(Shut)], false),
        (vec![standing(Shut), no.clone()], false),
        (vec![no.clone(), no.clone()], false),
    ] {
        let known = Several(said);
        let offer = known.settle(offer(&base()["requirements"], Settle::After));
        let challenge = Challenge::new(&offer, &known, Declared::default());
        assert_eq!((challenge.ways() == 1, challenge.v1_accepts("u").is_some()), (expected, expected));
        let denied = known.0.iter().all(|said| said.settles == Ability::No);
        assert_eq!(challenge.missing().is_empty(), !denied, "silence is no denial");
    }
}

#[test]
fn what_is_quoted_is_of_the_first_that_may_be_asked() {
    for (first, second, expected) in [
        (Ready, Ready, FIRST),
        (Shut, Ready, SECOND),
        (Trial, Ready, SECOND),
        (Trial, Shut, FIRST),
        (Trial, Trial, FIRST),
    ] {
        let known = two_submitters(first, second);
        let quote = quoted(&known.settle(upto()), &known);
        assert_eq!(quote[0]["extra"]["facilitatorAddress"], expected, "{first:?} {second:?}");
    }
    let mut unknown = two_submitters(Ready, Ready);
    unknown.0[0].address = None;
    assert_eq!(quoted(&unknown.settle(upto()), &unknown)[0]["extra"]["facilitatorAddress"], SECOND);
    let known =
        Several(vec![with_extra(Shut, r#"{"feePayer":"a"}"#), with_extra(Ready, r#"{"feePayer":"b"}"#)]);
    let offer = known.settle(other());
    assert_eq!(quoted(&offer, &known)[0]["extra"]["feePayer"], "b");
    assert_eq!(
        Challenge::new(&offer, &known, Declared::default()).v1_accepts("u"),
        None,
        "version 1 is the first's alone"
    );
    let known =
        Several(vec![with_extra(Shut, r#"{"feePayer":"a"}"#), with_extra(Ready, r#"{"feePayer":"a"}"#)]);
    assert!(
        Challenge::new(&offer, &known, Declared::default()).v1_accepts("u").is_some(),
        "unless both say the same"
    );
}

/// Whoever is named can settle it, and nobody else; who that is does not depend on who may be
/// asked.
#[test]
fn a_payment_fits_whichever_facilitator_it_names() {
    for standings in [(Ready, Ready), (Shut, Ready), (Ready, Shut), (Shut, Shut)] {
        let mut known = two_submitters(standings.0, standings.1);
        let purchase = present(known.settle(upto()), &known, &encoded("base_sepolia_upto"));
        assert_eq!((purchase.unfit, honoured(&purchase, &known)), (None, vec![0]));
        known.0.swap(0, 1);
        let purchase = present(known.settle(upto()), &known, &encoded("base_sepolia_upto"));
        assert_eq!((purchase.unfit, honoured(&purchase, &known)), (None, vec![1]));
        known.0[1].settles = Ability::No;
        let purchase = present(known.settle(upto()), &known, &encoded("base_sepolia_upto"));
        assert_eq!(honoured(&purchase, &known), [0; 0]);
        assert_eq!(purchase.unfit, Some(Refusal::Invalid("no_matching_payment_requirements")));
        known.0[0].settles = Ability::No;
        let purchase = present(known.settle(upto()), &known, &encoded("base_sepolia_upto"));
        assert_eq!(purchase.unfit, Some(Refusal::Invalid("unsupported_by_facilitator")));
    }
}

#[test]
fn an_exact_payment_can_be_settled_by_all_that_settle_such() {
    let no = Said { settles: Ability::No, ..Said::default() };
    let unasked = Said { settles: Ability::Unknown, ..Said::default() };
    let exact = || offer(&base()["requirements"], Settle::After);
    let header = STANDARD.encode(base()["paymentPayload"].to_string());
    for (said, expected) in [
        (vec![standing(Ready), standing(Shut), unasked.clone(), no.clone()], vec![0, 1, 2]),
        (vec![no.clone(), unasked], vec![1]),
        (vec![no.clone(), no], vec![]),
    ] {
        let known = Several(said);
        let purchase = present(known.settle(exact()), &known, &header);
        let fits = purchase.unfit.is_none()
            || purchase.unfit != Some(Refusal::Invalid("unsupported_by_facilitator"));
        assert_eq!((honoured(&purchase, &known), fits), (expected.clone(), !expected.is_empty()));
    }
}

#[test]
fn what_only_facilitators_understand_stays_with_whom_it_was_quoted_for() {
    let (a, b) = (r#"{"feePayer":"a"}"#, r#"{"feePayer":"b"}"#);
    for (said, extra, expected) in [
        (vec![(Ready, a), (Ready, b)], a, vec![0]),
        (vec![(Ready, a), (Ready, b)], b, vec![1]),
        (vec![(Shut, a), (Ready, b)], a, vec![0]),
        (vec![(Ready, a), (Ready, b), (Ready, a)], a, vec![0, 2]),
        // An echo may add, so it holds the first one's nothing too.
        (vec![(Ready, "{}"), (Ready, b)], b, vec![1]),
        (vec![(Ready, "{}"), (Ready, b)], r#"{"mine":1}"#, vec![0]),
        (vec![(Ready, a), (Ready, b)], "{}", vec![]),
    ] {
        let known = Several(said.iter().map(|(standing, extra)| with_extra(*standing, extra)).collect());
        let extra: Value = serde_json::from_str(extra).unwrap();
        let purchase = present(known.settle(other()), &known, &pays_other(&extra));
        assert_eq!(honoured(&purchase, &known), expected, "{said:?} {extra}");
        assert_eq!(purchase.unfit.is_some(), expected.is_empty());
    }
    let known = Several(vec![with_extra(Ready, a), with_extra(Ready, b)]);
    let purchase = present(known.settle(other()), &known, &pays_other(&json!({"feePayer": "b"})));
    let body: Value = serde_json::from_slice(&purchase.body(None)).unwrap();
    assert_eq!(body["paymentRequirements"]["extra"], json!({"feePayer": "b"}), "as it was quoted");
}

#[test]
fn sponsored_gas_is_declared_by_whom_the_quote_is_for_and_paid_by_who_declares_it() {
    let permit2 = || offer(&entry("base_sepolia_permit2")["requirements"], Settle::After);
    let sponsor = |standing, extensions| Said { standing, extensions, ..Said::default() };
    for (first, second, expected) in
        [(Ready, Ready, true), (Shut, Ready, false), (Trial, Ready, false), (Ready, Shut, true)]
    {
        let known = Several(vec![sponsor(first, &[EIP2612]), sponsor(second, &[ERC20_APPROVAL])]);
        let offer = known.settle(permit2());
        let offered = gas::offered(&offer, &known);
        assert_eq!((offered.eip2612, offered.erc20_approval), (expected, !expected), "{first:?} {second:?}");
        let honoured = gas::honoured(&offer, &known);
        assert!(honoured.eip2612 && honoured.erc20_approval, "either may have been declared");
    }
    let mut payload = entry("base_sepolia_permit2")["paymentPayload"].clone();
    let address = FIRST.to_lowercase();
    payload["extensions"] = json!({EIP2612: {"info": {
        "from": address, "asset": address, "spender": address, "amount": "1", "nonce": "1",
        "deadline": "1", "signature": "0x01", "version": "1",
    }}});
    let known = Several(vec![sponsor(Ready, &[]), sponsor(Shut, &[EIP2612])]);
    let purchase = present(known.settle(permit2()), &known, &STANDARD.encode(payload.to_string()));
    assert!(purchase.extensions.contains(EIP2612), "{}", purchase.extensions);
    assert_eq!(honoured(&purchase, &known), [1]);
    let bare = present(known.settle(permit2()), &known, &encoded("base_sepolia_permit2"));
    assert_eq!(honoured(&bare, &known), [0, 1], "who needs nothing sponsored is anybody's");
}

/// A signature that a facilitator may answer for by its bytes alone belongs to one authorisation: those
/// of contracts, and of all permits. It is given away when money is about to be asked for.
#[test]
fn a_signature_that_could_stand_for_others_has_a_name() {
    let known = Several(vec![standing(Ready)]);
    let (exact, permit) = (base(), entry("base_sepolia_permit2"));
    let payment = |from: &Value, signature: Option<&str>| {
        let mut payload = from["paymentPayload"].clone();
        if let Some(signature) = signature {
            payload["payload"]["signature"] = signature.into();
        }
        payload
    };
    let read = |from: &Value, settle, payload: &Value| {
        let mut payload = payload.clone();
        if settle == Settle::Before {
            payload["accepted"]["extra"]["paymentFlow"] = "upfront".into();
        }
        let mut offer = offer(&from["requirements"], settle);
        (offer.wallets, offer.verify) = (Wallets::Any, Verify::ByMeans);
        present(known.settle(offer), &known, &STANDARD.encode(payload.to_string()))
    };
    let (one, other) = (format!("0x{}", "ab".repeat(80)), format!("0x{}", "AC".repeat(80)));
    let by_account = read(&exact, Settle::Before, &payment(&exact, None));
    assert_eq!((by_account.unfit, by_account.seal(Step::Begin)), (None, None), "the token knows whose it is");
    assert_eq!(by_account.demand(None, 0).seal(0), None);
    for (from, signature, before) in
        [(&exact, Some(one.as_str()), true), (&permit, Some(&one), true), (&permit, None, false)]
    {
        let payload = payment(from, signature);
        let purchase = read(from, Settle::Before, &payload);
        assert_eq!(purchase.unfit, None);
        let seal = purchase.seal(Step::Begin).unwrap();
        assert_eq!(seal.takes, before, "an account's permit is verified after it was begun");
        assert_eq!(seal.expires, purchase.valid_before + 600);
        let (taken, seen) = (Seal { takes: true, ..seal }, Seal { takes: false, ..seal });
        assert_eq!(purchase.seal(Step::Look), Some(seen));
        assert_eq!(purchase.seal(Step::Settling(None)), Some(taken));
        assert_eq!(purchase.seal(Step::Renew), None);
        assert_eq!(purchase.demand(None, 0).seal(0), Some(taken), "as it is asked about again");
        let after = read(from, Settle::After, &payload);
        assert_eq!(after.seal(Step::Begin), Some(seen), "nothing is asked for yet");
        // In other letters it is the same.
        let mut spelled = payload.clone();
        let text = spelled["payload"]["signature"].as_str().unwrap().replacen("ab", "AB", 3);
        spelled["payload"]["signature"] = text.into();
        assert_eq!(read(from, Settle::After, &spelled).seal(Step::Look), Some(seen));
        let another = read(from, Settle::Before, &payment(from, Some(&other)));
        assert_ne!(another.seal(Step::Begin).unwrap().name, seal.name);
    }
    let names = |from| read(from, Settle::Before, &payment(from, Some(&one))).seal(Step::Begin).unwrap();
    let (transfer, permit) = (names(&exact), names(&permit));
    assert_eq!(transfer.name, permit.name, "whatever was signed");
    assert_ne!(transfer.fingerprint, permit.fingerprint, "it is one of them");
    let mut unfit = payment(&exact, Some(&one));
    unfit["accepted"]["amount"] = "1".into();
    assert_eq!(read(&exact, Settle::Before, &unfit).seal(Step::Begin), None, "what was begun decides");
}
