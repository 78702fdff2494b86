//! A10 and A11: whatever the facilitator does, nothing is free and nobody pays twice.

use x402_devstack::facilitator::{AuthorizationKey, FaultKind};

use super::spine::pending;
use super::Table;
use crate::stage::{refused, served, Stage};

pub(super) fn add(table: &mut Table) {
    for settle in ["before", "after"] {
        for (name, kind, booked) in open() {
            table.add_on_lane(format!("a10_{name}_{settle}"), move |stage| {
                stays_open(stage, settle, kind.clone(), booked);
            });
        }
        table.add_on_lane(format!("a11_unknown_then_cancelled_{settle}"), move |stage| {
            cancelled(stage, settle)
        });
        table.add_on_lane(format!("a10_rejected_then_accepted_{settle}"), move |stage| {
            rejected(stage, settle)
        });
    }
    table.add_on_lane("a10_late_but_in_time", |stage| {
        let (payment, request) = stage.paid(&stage.get(stage.lane("before")));
        stage.fault(&payment, FaultKind::Delay { ms: 300, book_late: false });
        served(&stage.send(&request));
        stage.charged_once(&payment, 1);
    });
}

/// Faults that leave the outcome open, and whether the money moved all the same.
fn open() -> Vec<(&'static str, FaultKind, bool)> {
    let status = |code: u16| FaultKind::Status { code, body: "<p>leaked text</p>".to_owned() };
    vec![
        ("hang", FaultKind::Hang, false),
        ("too_late", FaultKind::Delay { ms: 1_500, book_late: false }, true),
        ("reset_before", FaultKind::ResetBefore, false),
        ("reset_after", FaultKind::ResetAfter, true),
        ("lost_answer", FaultKind::LostAnswer, true),
        ("cut_body", FaultKind::CutBody, true),
        ("slow_drip", FaultKind::SlowDrip { ms: 100 }, true),
        ("status_500", status(500), false),
        ("status_429", status(429), false),
        ("status_401", status(401), false),
        ("redirect", FaultKind::Redirect { location: "http://127.0.0.1:1/".to_owned() }, false),
        ("garbage", FaultKind::Garbage, true),
        ("html", FaultKind::Html, true),
        ("half_json", FaultKind::HalfJson, true),
        ("three_megabytes", FaultKind::Huge, true),
        ("no_success", FaultKind::MissingSuccess, true),
        ("success_is_text", FaultKind::SuccessNotBool, true),
        ("wrong_network", FaultKind::WrongNetwork, true),
        ("wrong_payer", FaultKind::WrongPayer, true),
        ("wrong_amount", FaultKind::WrongAmount, true),
        ("unheard_of_reason", FaultKind::Reject { reason: "leaked text".to_owned() }, false),
    ]
}

/// The outcome is open until a success proves it. If the money moved, this facilitator never
/// says so again: it stays open, unserved, and charged once.
fn stays_open(stage: &mut Stage<'_>, settle: &str, kind: FaultKind, booked: bool) {
    let (payment, request) = stage.paid(&stage.get(stage.lane(settle)));
    stage.fault(&payment, kind);
    let answer = stage.send(&request);
    pending(&answer);
    assert!(!answer.text().contains("leaked"), "{}", answer.text());
    let first = u64::from(settle == "after");
    assert_eq!(stage.hits(), first);
    let answer = stage.again(&request);
    if booked {
        pending(&answer);
        stage.charged_once(&payment, first);
    } else {
        served(&answer);
        stage.charged_once(&payment, first + 1);
        refused(&stage.again(&request), 402, "payment_already_used");
    }
}

/// A cancelled authorisation looks like one that was used: nobody may believe it was paid.
fn cancelled(stage: &mut Stage<'_>, settle: &str) {
    let (payment, request) = stage.paid(&stage.get(stage.lane(settle)));
    stage.fault(&payment, FaultKind::ResetBefore);
    pending(&stage.send(&request));
    let key = AuthorizationKey {
        network: "eip155:84532".to_owned(),
        asset: payment.requirements["asset"].as_str().and_then(|text| text.parse().ok()).expect("an asset"),
        payer: payment.payer,
        nonce: payment.nonce,
    };
    stage.world().facilitator.cancel(key).expect("unspent");
    let first = u64::from(settle == "after");
    for _ in 0..2 {
        pending(&stage.again(&request));
    }
    assert_eq!(stage.hits(), first, "served without money");
    assert!(stage.moved(&payment).is_empty());
}

/// A certain refusal releases: the payment is good once its reason is gone.
fn rejected(stage: &mut Stage<'_>, settle: &str) {
    let (payment, request) = stage.paid(&stage.get(stage.lane(settle)));
    stage.fault(&payment, FaultKind::Reject { reason: "insufficient_funds".to_owned() });
    let answer = stage.send(&request);
    refused(&answer, 402, "insufficient_funds");
    assert_eq!(answer.json()["paymentState"], "none");
    served(&stage.again(&request));
    stage.charged_once(&payment, 1 + u64::from(settle == "after"));
}
