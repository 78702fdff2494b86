//! Signatures that only a contract can judge: asked about first, remembered once judged good,
//! and never asked about without end.

use alloy_primitives::{Address, U256};
use x402_devstack::client::RawRequest;
use x402_devstack::facilitator::FaultKind;
use x402_devstack::payer::{Payment, SignatureForm};

use super::Table;
use crate::shop::Shop;
use crate::stage::{receipt_of, refused, served, Stage};

const SIGNATURE: &str = "invalid_exact_evm_signature";

pub(super) fn add(table: &mut Table) {
    for (name, path) in [("before", "/v1/cheap"), ("after", "/v1/late")] {
        table
            .add_in(Shop::Any, format!("w_refused_then_valid_{name}"), move |stage| no_then_yes(stage, path));
        table.add_in(Shop::Any, format!("a1_wallet_valid_is_served_once_{name}"), move |stage| {
            once(stage, path)
        });
    }
    table.add_in(Shop::Any, "a2_wallet_another_signature_gets_nothing", another_signature);
    for (name, form) in [("high_s", SignatureForm::HighS), ("v_zero_or_one", SignatureForm::ZeroOneV)] {
        table.add_in(Shop::Any, format!("a2_wallet_twin_{name}_is_refused_without_a_call"), move |stage| {
            let asked = stage.get("/v1/cheap");
            let payment = stage.pay(&asked).sign_as(form);
            refused(&stage.send(&asked.pay(&payment)), 402, SIGNATURE);
            stage.untouched(&payment);
        });
    }
    table.add_alone(Shop::TinyAny, "a14_what_nobody_vouches_for_takes_no_room", no_room_taken);
    table.add("w_eoa_only_asks_nobody", |stage| {
        let asked = stage.get("/v1/cheap");
        let payment = contract(stage, &asked, Some(true));
        refused(&stage.send(&asked.pay(&payment)), 402, SIGNATURE);
        stage.untouched(&payment);
    });
}

pub(super) fn add_hosted(table: &mut Table) {
    for (name, path) in [("before", "/v1/cheap"), ("after", "/v1/late")] {
        table.add_in(Shop::Any, format!("a2_wallet_one_signature_buys_one_thing_{name}"), move |stage| {
            one_signature(stage, path)
        });
    }
    table.add_in(Shop::Any, "a2_wallet_what_was_used_up_decides_whoever_has_its_signature", used_up);
    table.add_alone(Shop::Limited, "a16_checks_are_limited_per_source", limited);
}

/// A payment of a contract wallet of this scenario's own, which has money, and accepts every
/// signature or none; or which has no code at all.
pub(super) fn contract(stage: &mut Stage<'_>, asked: &RawRequest, accepts: Option<bool>) -> Payment {
    let mut draft = stage.draft(asked);
    draft.from = Address::from_slice(&draft.nonce[..20]);
    let facilitator = &stage.world().facilitator;
    if let Some(accepts) = accepts {
        facilitator.deploy_wallet(draft.from, accepts);
    }
    facilitator.fund("eip155:84532", draft.token, draft.from, U256::from(1_000_000));
    let signature = [draft.nonce.as_slice(), draft.nonce.as_slice(), &[0x5a]].concat();
    draft.sign(&stage.wallet).with_signature(&signature)
}

fn paths(stage: &Stage<'_>, payment: &Payment) -> Vec<String> {
    stage.calls(payment.nonce).into_iter().map(|call| call.path).collect()
}

fn no_then_yes(stage: &mut Stage<'_>, path: &str) {
    let asked = stage.get(path);
    let payment = contract(stage, &asked, Some(false));
    let request = asked.pay(&payment);
    for _ in 0..2 {
        refused(&stage.again(&request), 402, SIGNATURE);
    }
    assert_eq!(paths(stage, &payment), ["/verify", "/verify"], "asked, and nothing remembered");
    assert!(stage.moved(&payment).is_empty());
    assert_eq!(stage.hits(), 0);
    stage.world().facilitator.deploy_wallet(payment.payer, true);
    served(&stage.again(&request));
    stage.charged_once(&payment, 1);
}

fn once(stage: &mut Stage<'_>, path: &str) {
    let asked = stage.get(path);
    let payment = contract(stage, &asked, Some(true));
    let request = asked.pay(&payment);
    let first = stage.send(&request);
    served(&first);
    assert_eq!(paths(stage, &payment), ["/verify", "/settle"]);
    assert_eq!(stage.received()[0].header_text("x402-payer"), Some(payment.payer.to_string().as_str()));
    let second = stage.again(&request);
    refused(&second, 402, "payment_already_used");
    assert_eq!(receipt_of(&second), receipt_of(&first), "the original receipt");
    stage.charged_once(&payment, 1);
    assert_eq!(stage.settles(&payment), 1);
}

/// Whoever saw the authorisation but did not sign it invents a signature. The money is taken and
/// its answer still owed: not to him.
fn another_signature(stage: &mut Stage<'_>) {
    let asked = stage.get("/v1/cheap");
    let payment = contract(stage, &asked, Some(true));
    let failed = stage.send(&asked.clone().header("x-test-status", "500").pay(&payment));
    assert_eq!(failed.status, 500);
    let other = payment.clone().with_signature(&[0x5b; 65]);
    let answer = stage.again(&asked.clone().pay(&other));
    refused(&answer, 409, "payment_bound_elsewhere");
    assert_eq!(stage.hits(), 1, "nothing more reached the upstream");
    served(&stage.again(&asked.clone().pay(&payment)));
    stage.charged_once(&payment, 2);
    let late = stage.again(&asked.pay(&other));
    assert!(matches!(late.status, 402 | 409), "{}", late.text());
    stage.charged_once(&payment, 2);
}

/// A contract takes the same bytes for two payments, and a facilitator may do as much.
fn one_signature(stage: &mut Stage<'_>, path: &str) {
    let asked = stage.get(path);
    let first = contract(stage, &asked, Some(true));
    let request = asked.clone().pay(&first);
    served(&stage.send(&request));
    let second = contract(stage, &asked, Some(true));
    let signature = first.json["payload"]["signature"].as_str().expect("a signature").to_owned();
    for spelled in [signature.to_uppercase().replacen('X', "x", 1), signature] {
        let second = second.clone().tamper("/payload/signature", spelled.into());
        let answer = stage.again(&asked.clone().pay(&second));
        refused(&answer, 409, "payment_bound_elsewhere");
        let said = answer.json();
        assert_eq!((&said["paymentState"], &said["retry"]), (&"none".into(), &"never".into()));
        assert!(stage.calls(second.nonce).is_empty(), "the facilitator was called");
    }
    refused(&stage.again(&request), 402, "payment_already_used");
    stage.charged_once(&first, 1);
    served(&stage.again(&asked.pay(&second)));
}

/// Used up in favour of an open one of its wallet, a payment was never asked for, and its signature is
/// free. Somebody else's then, it still stands for what its wallet paid.
fn used_up(stage: &mut Stage<'_>) {
    let (asked, twin) = (stage.get("/v1/late"), stage.get("/v1/twin"));
    let open = contract(stage, &asked, Some(true));
    let mut draft = stage.draft(&asked);
    draft.from = open.payer;
    let signature = [0x5c; 80];
    let new = draft.sign(&stage.wallet).with_signature(&signature);
    for payment in [&open, &new] {
        stage.fault(&open, FaultKind::Pending);
        refused(&stage.again(&asked.clone().pay(payment)), 503, "settlement_pending");
    }
    let other = contract(stage, &twin, Some(true)).with_signature(&signature);
    served(&stage.again(&twin.pay(&other)));
    let answer = stage.again(&asked.pay(&new));
    served(&answer);
    assert_eq!(receipt_of(&answer), stage.moved(&open)[0].transaction);
    assert_eq!((stage.moved(&open).len(), stage.settles(&new)), (1, 0));
}

/// Four payments can be remembered; a dozen inventions leave room for them.
fn no_room_taken(stage: &mut Stage<'_>) {
    let asked = stage.get("/v1/cheap");
    for _ in 0..12 {
        let payment = contract(stage, &asked, None);
        refused(&stage.send(&asked.clone().pay(&payment)), 402, SIGNATURE);
        assert_eq!(paths(stage, &payment), ["/verify"], "nobody vouched for it");
        assert!(stage.moved(&payment).is_empty());
    }
    let (payment, request) = stage.paid(&asked);
    served(&stage.send(&request));
    stage.charged_once(&payment, 1);
}

/// Two checks at once, and one a minute. Those that come out well do not count.
fn limited(stage: &mut Stage<'_>) {
    let asked = stage.get("/v1/cheap");
    for _ in 0..4 {
        let payment = contract(stage, &asked, Some(true));
        served(&stage.send(&asked.clone().pay(&payment)));
    }
    for _ in 0..2 {
        let payment = contract(stage, &asked, Some(false));
        refused(&stage.send(&asked.clone().pay(&payment)), 402, SIGNATURE);
    }
    let payment = contract(stage, &asked, Some(true));
    let answer = stage.send(&asked.clone().pay(&payment));
    refused(&answer, 429, "rate_limited");
    let wait = answer.header_text("retry-after").and_then(|text| text.parse::<u64>().ok());
    assert!(wait.is_some_and(|seconds| (1..=60).contains(&seconds)), "{wait:?}");
    assert_eq!((&answer.json()["paymentState"], &answer.json()["retry"]), (&"none".into(), &"same".into()));
    assert!(stage.calls(payment.nonce).is_empty(), "the facilitator was called");
    // What recovers here needs no check.
    let (_, request) = stage.paid(&asked);
    served(&stage.send(&request));
}
