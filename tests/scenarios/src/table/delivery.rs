//! A12, A13 and A14: money that moved and an answer that did not; a table that is full.

use x402_devstack::client::RawRequest;
use x402_devstack::facilitator::FaultKind;
use x402_devstack::payer::Payment;

use super::Table;
use crate::shop::Shop;
use crate::stage::{receipt_of, refused, served, Stage};

pub(super) fn add(table: &mut Table) {
    for settle in ["before", "after"] {
        table.add_on_lane(format!("a12_hangs_up_while_settling_{settle}"), move |stage| {
            hung_up(stage, settle)
        });
    }
    for (name, order, value) in FAILURES {
        table.add(format!("a13_upstream_{name}_then_redeemed"), move |stage| redeemed(stage, order, value));
    }
    table.add("spine_large_request_before", |stage| large_request(stage, "/v1/uploads"));
    table.add("spine_large_request_after", |stage| large_request(stage, "/v1/embeddings"));
    table.add("spine_large_response_before", |stage| large_response(stage, "/v1/cheap"));
    table.add("spine_large_response_after", |stage| large_response(stage, "/v1/late"));
    for (name, path) in [("before", "/v1/cheap"), ("after", "/v1/late")] {
        table
            .add(format!("a12_events_cut_after_they_began_are_delivered_{name}"), |stage| began(stage, path));
        table.add(format!("a12_events_cut_before_they_began_are_owed_{name}"), |stage| {
            never_began(stage, path)
        });
    }
    table.add("a13_upstream_fails_for_ever", exhausted);
    table.add("a13_grpc_call_fails_under_a_200", grpc);
    table.add("a13_what_is_called_grpc_and_is_not_is_delivered_once", |stage| {
        let asked = stage.get("/v1/cheap").header("content-type", "application/grpc");
        let payment = stage.pay(&stage.get("/v1/cheap"));
        served(&stage.send(&asked.clone().pay(&payment)));
        let again = stage.again(&asked.pay(&payment));
        assert_eq!(again.header_text("grpc-status"), Some("9"));
        assert_eq!(again.header_text("x402-code"), Some("payment_already_used"));
        receipt_of(&again);
        stage.charged_once(&payment, 1);
    });
    table.add("a13_taken_payment_on_another_route", bound);
    table.add_alone(Shop::Tiny, "a14_table_full", full);
    table.add_alone(Shop::Tiny, "a14_open_outcomes_leave_room", doubtful);
}

pub(super) fn add_in_process(table: &mut Table) {
    for (name, path) in [("before", "/v1/cheap"), ("after", "/v1/late")] {
        table.add(format!("a14_store_lost_{name}"), move |stage| lost(stage, path));
    }
}

/// How an upstream fails.
const FAILURES: [(&str, &str, &str); 6] = [
    ("500", "status", "500"),
    ("503", "status", "503"),
    ("404", "status", "404"),
    ("304", "status", "304"),
    ("hangs_up", "close", "1"),
    ("breaks_off", "reset", "100"),
];

fn hung_up(stage: &mut Stage<'_>, settle: &str) {
    let (payment, request) = stage.paid(&stage.get(stage.lane(settle)));
    stage.fault(&payment, FaultKind::Delay { ms: 300, book_late: false });
    stage.hang_up(&request);
    let first = u64::from(settle == "after");
    stage.charged_once(&payment, first);
    // It was paid for: the same payment is served, once, and nothing is asked again.
    let answer = stage.again(&request);
    served(&answer);
    assert_eq!(receipt_of(&answer), stage.moved(&payment)[0].transaction);
    stage.charged_once(&payment, first + 1);
    assert_eq!(stage.settles(&payment), 1);
    refused(&stage.again(&request), 402, "payment_already_used");
}

/// Sends a paid request whose events are cut after so many bytes.
fn cut_events(stage: &mut Stage<'_>, path: &str, bytes: &str) -> (Payment, RawRequest) {
    let asked = stage.get(path);
    let payment = stage.pay(&asked);
    let cut =
        asked.clone().header("x-test-h", "content-type:text/event-stream").header("x-test-reset", bytes);
    let answer = stage.send(&cut.pay(&payment));
    assert_eq!((answer.status, answer.header_text("content-type")), (200, Some("text/event-stream")));
    assert!(answer.broken.is_some(), "{path}: {answer:?}");
    stage.charged_once(&payment, 1);
    let request = asked.pay(&payment);
    (payment, request)
}

fn began(stage: &mut Stage<'_>, path: &str) {
    let (payment, request) = cut_events(stage, path, "100");
    refused(&stage.again(&request), 402, "payment_already_used");
    stage.charged_once(&payment, 1);
}

fn never_began(stage: &mut Stage<'_>, path: &str) {
    let (payment, request) = cut_events(stage, path, "0");
    served(&stage.again(&request));
    stage.charged_once(&payment, 2);
    refused(&stage.again(&request), 402, "payment_already_used");
}

fn redeemed(stage: &mut Stage<'_>, order: &str, value: &str) {
    let asked = stage.get("/v1/cheap");
    let payment = stage.pay(&asked);
    let answer = stage.send(&asked.clone().header(format!("x-test-{order}"), value).pay(&payment));
    assert_ne!((answer.status, answer.broken), (200, None));
    assert_eq!(answer.count("payment-required"), 0, "the payer is not asked again");
    let transaction = receipt_of(&answer);
    stage.charged_once(&payment, 1);
    let answer = stage.again(&asked.clone().pay(&payment));
    served(&answer);
    assert_eq!(receipt_of(&answer), transaction);
    stage.charged_once(&payment, 2);
    assert_eq!(stage.settles(&payment), 1);
    refused(&stage.again(&asked.pay(&payment)), 402, "payment_already_used");
}

fn exhausted(stage: &mut Stage<'_>) {
    let (payment, request) = stage.paid(&stage.get("/v1/cheap").header("x-test-status", "500"));
    for attempt in 0..4 {
        let answer = stage.again(&request);
        assert_eq!(answer.status, 500, "attempt {attempt}: {}", answer.text());
        receipt_of(&answer);
        assert_eq!(answer.count("payment-required"), 0);
    }
    let answer = stage.again(&request);
    refused(&answer, 502, "redemption_exhausted");
    assert_eq!(receipt_of(&answer), stage.moved(&payment)[0].transaction);
    assert_eq!(answer.json()["retry"], "never");
    stage.charged_once(&payment, 4);
    assert_eq!(stage.settles(&payment), 1);
}

/// gRPC says last, and not in its HTTP status, how a call ended.
fn grpc(stage: &mut Stage<'_>) {
    let payment = stage.pay(&stage.get("/v1/cheap"));
    let call = |stage: &Stage<'_>, status: &str| {
        let asked = stage.get("/v1/cheap").header("content-type", "application/grpc");
        asked.header("x-test-h", format!("grpc-status:{status}")).pay(&payment)
    };
    for (status, hits) in [("14", 1), ("0", 2), ("0", 2)] {
        let request = call(stage, status);
        stage.again(&request);
        stage.charged_once(&payment, hits);
    }
    assert_eq!(stage.settles(&payment), 1);
}

fn bound(stage: &mut Stage<'_>) {
    let (payment, request) = stage.paid(&stage.get("/v1/cheap").header("x-test-status", "500"));
    receipt_of(&stage.send(&request));
    let answer = stage.again(&stage.get("/v1/twin").pay(&payment));
    refused(&answer, 409, "payment_bound_elsewhere");
    assert_eq!(answer.count("payment-required"), 0, "what it bought is still owed");
    assert_eq!(answer.json()["paymentState"], "taken");
    served(&stage.again(&stage.get("/v1/cheap").pay(&payment)));
    stage.charged_once(&payment, 2);
}

fn full(stage: &mut Stage<'_>) {
    let asked = stage.get("/v1/cheap");
    let held: Vec<_> = (0..4).map(|_| stage.paid(&asked)).collect();
    for (_, request) in &held {
        served(&stage.send(request));
    }
    let (payment, request) = stage.paid(&asked);
    let answer = stage.again(&request);
    refused(&answer, 503, "claim_table_full");
    assert_eq!(answer.json()["paymentState"], "none");
    assert!(stage.calls(payment.nonce).is_empty());
    assert_eq!(stage.hits(), 4);
    for (payment, request) in &held {
        refused(&stage.again(request), 402, "payment_already_used");
        assert_eq!(stage.moved(payment).len(), 1);
    }
}

/// Half of the table, and no more, may be payments whose outcome is open.
fn doubtful(stage: &mut Stage<'_>) {
    // One wallet has one open payment for an offer: a second one asks about the first.
    for path in ["/v1/cheap", "/v1/twin"] {
        let (payment, request) = stage.paid(&stage.get(path));
        stage.fault(&payment, FaultKind::ResetAfter);
        super::spine::pending(&stage.send(&request));
    }
    let (payment, request) = stage.paid(&stage.get("/v1/tree/a"));
    refused(&stage.send(&request), 503, "claim_table_full");
    stage.untouched(&payment);
}

const LARGE: usize = 1_000_000;

/// A host that has to hold the body itself refuses it when it is too long for it. Nothing
/// must be lost by that: the payment buys the next request.
fn large_request(stage: &mut Stage<'_>, path: &str) {
    let asked = stage.request("POST", path);
    let payment = stage.pay(&asked);
    let answer = stage.send(&asked.clone().body(vec![b'b'; LARGE]).pay(&payment));
    if stage.held_body_limit().is_some() && answer.status == 413 {
        assert_eq!((answer.count("payment-required"), stage.hits()), (0, 0));
        served(&stage.again(&asked.pay(&payment)));
        return stage.charged_once(&payment, 1);
    }
    assert_eq!(served(&answer)["body"]["length"], LARGE);
    stage.charged_once(&payment, 1);
}

fn large_response(stage: &mut Stage<'_>, path: &str) {
    let asked = stage.get(path);
    let payment = stage.pay(&asked);
    let answer = stage.send(&asked.clone().header("x-test-body", LARGE.to_string()).pay(&payment));
    if stage.held_body_limit().is_some() && answer.status == 500 {
        assert!(answer.body.len() < 1_000, "held content leaked");
        served(&stage.again(&asked.pay(&payment)));
        return stage.charged_once(&payment, 2);
    }
    receipt_of(&answer);
    assert_eq!((answer.status, answer.broken, answer.body.len()), (200, None, LARGE));
    stage.charged_once(&payment, 1);
}

/// Without the record of payments nothing is sold, nothing is given, and nothing is asked.
fn lost(stage: &mut Stage<'_>, path: &str) {
    let (used, replay) = stage.paid(&stage.get(path));
    let (fresh, request) = stage.paid(&stage.get(path));
    served(&stage.send(&replay));
    stage.lose_claims();
    for request in [&replay, &request] {
        let answer = stage.send(request);
        refused(&answer, 503, "claim_store_unavailable");
        assert_eq!(answer.json()["paymentState"], "unknown");
    }
    assert!(stage.calls(fresh.nonce).is_empty());
    stage.charged_once(&used, 1);
    assert_eq!(stage.send(&stage.get("/elsewhere")).status, 200, "what is free stays free");
}
