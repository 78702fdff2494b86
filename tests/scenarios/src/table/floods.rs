//! A16: more of what is free than one source may have. All of a stage's requests come from one.
//!
//! Two workers count together. A worker that has not seen a source fail since its last token looks
//! at one payment more than the limit says.

use std::thread::sleep;
use std::time::{Duration, Instant};

use serde_json::json;
use x402_devstack::client::{Answer, RawRequest};
use x402_devstack::facilitator::FaultKind;
use x402_devstack::payer::{Payment, Wallet};

use super::Table;
use crate::shop::Shop;
use crate::stage::{refused, served, Stage};

/// What the shops with few of something give at once.
const QUOTES: usize = 3;
const FAILURES: usize = 2;

/// So many that every worker sees some of them.
const MANY: usize = 24;

pub(super) fn add_hosted(table: &mut Table) {
    table.add_alone(Shop::FewQuotes, "a16_unpaid_requests_are_limited_and_payers_are_served", unpaid);
    table.add_alone(Shop::FewQuotes, "a16_who_is_limited_is_told_so_in_every_dialect", dialects);
    table.add_alone(Shop::FewQuotes, "a16_documents_count_as_challenges", documents);
    table.add_alone(Shop::FewQuotes, "a16_heads_of_documents_count_as_challenges", heads_of_documents);
    table.add_alone(Shop::FewFailures, "a16_failing_malformed", |stage| {
        let asked = stage.get("/v1/cheap").header("payment-signature", "e30=");
        failing(stage, &asked, "invalid_payload");
    });
    table.add_alone(Shop::FewFailures, "a16_failing_forged", |stage| {
        let asked = stage.get("/v1/cheap");
        let forged = stage.draft(&asked).sign(&Wallet::dev(1));
        failing(stage, &asked.pay(&forged), "invalid_exact_evm_signature");
        nobody_was_asked(stage, &forged);
    });
    table.add_alone(Shop::FewFailures, "a16_failing_mismatched", |stage| {
        let payment = stage.pay(&stage.get("/v1/dear"));
        let asked = stage.get("/v1/cheap").pay(&payment);
        failing(stage, &asked, "no_matching_payment_requirements");
        nobody_was_asked(stage, &payment);
    });
    table.add_alone(Shop::FewFailures, "a16_failing_replayed", |stage| {
        let (payment, request) = stage.paid(&stage.get("/v1/cheap"));
        served(&stage.send(&request));
        refused(&stage.again(&request), 402, "payment_already_used");
        failing_after(stage, &request, "payment_already_used", 1);
        assert_eq!(stage.moved(&payment).len(), 1);
    });
    table.add_alone(Shop::FewFailures, "a16_failing_at_the_facilitator", rejected);
    table.add_alone(Shop::FewFailures, "a16_failing_by_leaving", leaving);
    table.add_alone(Shop::FewFailures, "a16_what_is_not_the_payers_fault_is_not_counted", blameless);
}

#[track_caller]
fn nobody_was_asked(stage: &Stage<'_>, payment: &Payment) {
    assert!(stage.calls(payment.nonce).is_empty() && stage.moved(payment).is_empty());
}

#[track_caller]
fn limited(answer: &Answer, payment_state: &str) -> u64 {
    refused(answer, 429, "rate_limited");
    let said = answer.json();
    assert_eq!((&said["paymentState"], &said["retry"]), (&json!(payment_state), &json!("same")));
    assert_eq!(answer.count("payment-response"), 0);
    answer.header_text("retry-after").and_then(|text| text.parse().ok()).expect("seconds")
}

fn unpaid(stage: &mut Stage<'_>) {
    let asked = stage.get("/v1/cheap");
    let (payment, request) = stage.paid(&asked);
    let mut quoted = 1;
    let mut wait = 0;
    for _ in 0..MANY {
        let answer = stage.send(&asked);
        if answer.status == 402 {
            quoted += 1;
        } else {
            wait = limited(&answer, "none");
        }
    }
    assert_eq!(quoted, QUOTES);
    assert!((1..=2).contains(&wait), "{wait}");
    served(&stage.send(&request));
    stage.charged_once(&payment, 1);
    assert_eq!(stage.send(&stage.get("/healthz")).status, 200, "what is free is not limited");
    sleep(Duration::from_millis(wait * 1_000 + 50));
    refused(&stage.send(&asked), 402, "payment_required");
}

/// They are longer than all that one source may be told at once, and take all of it.
fn documents(stage: &mut Stage<'_>) {
    let [catalogue, openapi] = ["/.well-known/x402", "/openapi.json"].map(|path| stage.get(path));
    let answer = stage.send(&catalogue);
    assert_eq!((answer.status, answer.count("cache-control")), (200, 1));
    assert!(answer.json().is_object() && answer.body.len() > QUOTES * (8 << 10));
    for (asked, waits) in [(catalogue, 5..=6), (openapi, 5..=6), (stage.get("/v1/cheap"), 1..=2)] {
        let answer = stage.send(&asked);
        assert!(waits.contains(&limited(&answer, "none")), "{answer:?}");
        assert_eq!(answer.header_text("cache-control"), Some("no-store"));
    }
    assert_eq!(stage.hits(), 0);
}

/// Nothing of a document is sent, and a GET's length is told.
fn heads_of_documents(stage: &mut Stage<'_>) {
    let head = stage.request("HEAD", "/openapi.json");
    let told = |answer: &Answer| {
        ["content-type", "content-length", "cache-control"]
            .map(|name| answer.header_text(name).map(str::to_owned))
    };
    let heads: Vec<_> = (0..QUOTES).map(|_| stage.send(&head)).collect();
    for answer in &heads {
        assert_eq!((answer.status, answer.body.len()), (200, 0), "{answer:?}");
        assert!(told(answer).iter().all(Option::is_some), "{answer:?}");
    }
    let wait = limited(&stage.send(&stage.get("/v1/cheap")), "none");
    assert!((1..=2).contains(&wait), "{wait}");
    sleep(Duration::from_millis(QUOTES as u64 * 2_000 + 50));
    let whole = stage.send(&stage.get("/openapi.json"));
    assert_eq!(told(&whole), told(&heads[0]));
    assert_eq!(whole.header_text("content-length"), Some(&*whole.body.len().to_string()));
}

fn dialects(stage: &mut Stage<'_>) {
    let asked = stage.get("/v1/cheap");
    for _ in 0..=QUOTES {
        stage.send(&asked);
    }
    let page = asked.clone().header("accept", "text/html").header("sec-fetch-mode", "navigate");
    let page = stage.send(&page.header("user-agent", "Mozilla/5.0"));
    assert_eq!((page.status, page.count("retry-after"), page.count("payment-required")), (429, 1, 0));
    assert!(page.text().starts_with("<!doctype html>"), "{}", page.text());
    let call = stage
        .request("POST", "/v1/cheap")
        .header("content-type", "application/grpc")
        .header("te", "trailers");
    let call = stage.send(&call);
    assert_eq!((call.status, call.header_text("grpc-status")), (200, Some("8")));
    assert_eq!(call.count("payment-required"), 0);
    let other = stage.send(&asked.clone().header("origin", "https://page.example"));
    limited(&other, "none");
    assert_eq!(stage.hits(), 0);
}

/// This request, which fails: a few times it is told why, and then nothing is looked at.
fn failing(stage: &mut Stage<'_>, request: &RawRequest, code: &str) {
    failing_after(stage, request, code, 0);
}

fn failing_after(stage: &mut Stage<'_>, request: &RawRequest, code: &str, before: usize) {
    let honest = stage.get("/v1/late");
    let payment = stage.pay(&honest);
    let paying = honest.clone().pay(&payment);
    let hits = stage.hits();
    let mut told = before;
    for _ in 0..MANY {
        let answer = stage.send(request);
        if answer.status == 429 {
            limited(&answer, "unknown");
        } else {
            refused(&answer, 402, code);
            told += 1;
        }
    }
    assert!((FAILURES..=FAILURES + 1).contains(&told), "{told} were looked at");
    let wait = limited(&stage.send(&paying), "unknown");
    assert!((1..=4).contains(&wait), "{wait}");
    assert!(stage.calls(payment.nonce).is_empty(), "it was looked at");
    refused(&stage.send(&honest), 402, "payment_required");
    let free = stage.get("/healthz").header("x-test-echo", "1").header("payment-signature", "theirs");
    assert_eq!(stage.send(&free).status, 200, "what is free is not limited");
    assert_eq!(stage.hits(), hits + 1);
    sleep(Duration::from_millis(wait * 1_000 + 50));
    served(&stage.send(&paying));
    assert_eq!(stage.moved(&payment).len(), 1);
}

/// Each payment is signed by its payer, who has nothing: only the facilitator knows.
fn rejected(stage: &mut Stage<'_>) {
    let asked = stage.get("/v1/cheap");
    let honest = stage.pay(&asked);
    stage.wallet = Wallet::unfunded();
    let payments: Vec<_> = (0..MANY).map(|_| stage.pay(&asked)).collect();
    let mut asked_about = 0;
    for payment in &payments {
        let answer = stage.send(&asked.clone().pay(payment));
        let calls = stage.calls(payment.nonce).len();
        asked_about += calls;
        if answer.status == 429 {
            limited(&answer, "unknown");
            assert_eq!(calls, 0);
        } else {
            refused(&answer, 402, "insufficient_funds");
        }
    }
    assert!(
        (FAILURES..=FAILURES + 1).contains(&asked_about),
        "the facilitator was asked {asked_about} times"
    );
    sleep(Duration::from_millis(4_050));
    served(&stage.send(&asked.pay(&honest)));
}

/// A payer who has nothing and does not wait to be told: the facilitator is asked all the same.
fn leaving(stage: &mut Stage<'_>) {
    let asked = stage.get("/v1/cheap");
    stage.wallet = Wallet::unfunded();
    let begun = Instant::now();
    for _ in 0..FAILURES {
        let payment = stage.pay(&asked);
        stage.fault(&payment, FaultKind::Delay { ms: 300, book_late: false });
        stage.hang_up(&asked.clone().pay(&payment));
    }
    let mut told = 0;
    let answer = loop {
        let payment = stage.pay(&asked);
        let answer = stage.send(&asked.clone().pay(&payment));
        if answer.status == 429 {
            break answer;
        }
        refused(&answer, 402, "insufficient_funds");
        told += 1;
        let gained = begun.elapsed().as_secs() / 2;
        assert!(told <= 1 + gained, "a worker that has not heard of it looks at one more");
    };
    limited(&answer, "unknown");
}

fn blameless(stage: &mut Stage<'_>) {
    let asked = stage.get("/v1/cheap");
    for _ in 0..FAILURES + 2 {
        let (payment, request) = stage.paid(&asked);
        stage.fault(&payment, FaultKind::Pending);
        refused(&stage.send(&request), 503, "settlement_pending");
        served(&stage.again(&request));
    }
    stage.world().facilitator.refuse();
    let (_, request) = stage.paid(&asked);
    for _ in 0..FAILURES + 2 {
        refused(&stage.send(&request), 503, "facilitator_unavailable");
    }
    for method in ["GET", "POST"] {
        assert_eq!(stage.send(&stage.request(method, "/elsewhere")).status, 200);
    }
    stage.world().facilitator.resume();
    served(&stage.again(&request));
}
