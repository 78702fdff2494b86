//! What has to work at all.

use x402_devstack::facilitator::FaultKind;
use x402_devstack::payer::{Draft, Wallet};

use super::Table;
use crate::shop::Shop;
use crate::stage::{receipt_of, refused, served, Stage};

pub(super) fn add(table: &mut Table) {
    table.add("spine_unpaid_gets_a_quote", unpaid_gets_a_quote);
    table.add("spine_paid_before", |stage| paid(stage, "/v1/tiles/1/2/3", 5_000));
    table.add("spine_paid_after", |stage| paid(stage, "/v1/reports/7", 20_000));
    table.add("spine_paid_post_with_a_body_before", |stage| posted(stage, "/v1/uploads"));
    table.add("spine_paid_post_with_a_body_after", |stage| posted(stage, "/v1/embeddings"));
    table.add("spine_unpaid_post_is_not_forwarded", unpaid_post);
    table.add("spine_free_route_passes", |stage| free(stage, "/healthz"));
    table.add("spine_unmatched_passes_when_free", |stage| free(stage, "/elsewhere"));
    table.add_in(Shop::Closed, "spine_unmatched_is_refused_when_denied", unmatched_denied);
    table.add("spine_forged_is_refused_without_a_call", forged);
    for settle in ["before", "after"] {
        table.add_on_lane(format!("spine_rejected_for_lack_of_funds_{settle}"), move |stage| {
            no_funds(stage, settle);
        });
        table.add_on_lane(format!("spine_unknown_outcome_resolves_{settle}"), move |stage| {
            unknown_resolves(stage, settle);
        });
        table.add_alone(Shop::Open, format!("spine_unreached_facilitator_releases_{settle}"), move |stage| {
            unreached(stage, settle);
        });
        table
            .add(format!("spine_verified_by_the_facilitator_{settle}"), move |stage| verified(stage, settle));
    }
    table.add("spine_after_charges_nothing_for_a_404", not_charged);
    table.add("spine_the_facilitator_gets_its_token", token);
}

fn unpaid_gets_a_quote(stage: &mut Stage<'_>) {
    let answer = stage.send(&stage.get("/v1/tiles/1/2/3"));
    refused(&answer, 402, "payment_required");
    let quote = answer.quote().expect("a quote");
    assert_eq!(quote.version, 2);
    assert_eq!(quote.resource.expect("a resource")["url"], "https://shop.example/v1/tiles/1/2/3");
    assert_eq!(quote.accepts[0]["scheme"], "exact");
    assert_eq!(quote.accepts[0]["network"], "eip155:84532");
    assert_eq!(quote.accepts[0]["amount"], "5000");
    assert_eq!(quote.accepts[0]["extra"]["paymentFlow"], "upfront");
    assert_eq!(answer.json()["paymentState"], "none");
    assert_eq!(stage.hits(), 0);
}

fn paid(stage: &mut Stage<'_>, path: &str, price: u64) {
    let (payment, request) = stage.paid(&stage.get(path));
    let answer = stage.send(&request);
    assert_eq!(served(&answer)["path"], path);
    stage.charged_once(&payment, 1);
    let moved = stage.moved(&payment).remove(0);
    assert_eq!(moved.amount.to_string(), price.to_string());
    assert_eq!(receipt_of(&answer), moved.transaction);
    assert_eq!(stage.settles(&payment), 1);
}

fn posted(stage: &mut Stage<'_>, path: &str) {
    let body = vec![b'b'; 60_000];
    let asked = stage.request("POST", path).body(body.clone());
    let (payment, request) = stage.paid(&asked);
    assert_eq!(stage.hits(), 0, "the unpaid one was forwarded");
    let echo = served(&stage.send(&request));
    assert_eq!(echo["body"]["length"], body.len());
    assert_eq!(stage.received()[0].body, body);
    stage.charged_once(&payment, 1);
}

fn unpaid_post(stage: &mut Stage<'_>) {
    for path in ["/v1/uploads", "/v1/embeddings"] {
        let answer = stage.send(&stage.request("POST", path).body(vec![b'b'; 100_000]));
        refused(&answer, 402, "payment_required");
    }
    assert_eq!(stage.hits(), 0);
}

fn free(stage: &mut Stage<'_>, path: &str) {
    let request = stage.get(path).header("x-test-echo", "1").header("payment-signature", "theirs");
    let answer = stage.send(&request);
    assert_eq!(answer.status, 200);
    assert_eq!(answer.count("payment-response"), 0);
    assert_eq!(stage.hits(), 1);
    let upstream = stage.received().remove(0);
    assert_eq!(upstream.header_text("payment-signature"), Some("theirs"), "the upstream may run x402 itself");
}

fn unmatched_denied(stage: &mut Stage<'_>) {
    refused(&stage.send(&stage.get("/elsewhere")), 403, "not_offered");
    assert_eq!(stage.hits(), 0);
    paid(stage, "/v1/tiles/1/2/3", 5_000);
}

fn forged(stage: &mut Stage<'_>) {
    let asked = stage.get("/v1/cheap");
    let payment = stage.draft(&asked).sign(&Wallet::dev(1));
    refused(&stage.send(&asked.pay(&payment)), 402, "invalid_exact_evm_signature");
    stage.untouched(&payment);
}

fn no_funds(stage: &mut Stage<'_>, settle: &str) {
    stage.wallet = Wallet::unfunded();
    let (payment, request) = stage.paid(&stage.get(stage.lane(settle)));
    let answer = stage.send(&request);
    refused(&answer, 402, "insufficient_funds");
    let receipt = answer.receipt().expect("a failed receipt");
    assert_eq!((&receipt["success"], &receipt["errorReason"]), (&false.into(), &"insufficient_funds".into()));
    assert_eq!(answer.json()["paymentState"], "none");
    assert!(stage.moved(&payment).is_empty());
    assert_eq!(stage.hits(), u64::from(settle == "after"), "before: nothing reaches the upstream");
    assert!(!answer.text().contains("shop.example"), "the held response is not in it");
}

/// The money moved and the answer was lost; the same payment asks again and is served.
fn unknown_resolves(stage: &mut Stage<'_>, settle: &str) {
    let (payment, request) = stage.paid(&stage.get(stage.lane(settle)));
    stage.fault(&payment, FaultKind::Pending);
    let answer = stage.send(&request);
    pending(&answer);
    let first = u64::from(settle == "after");
    assert_eq!(stage.hits(), first);
    let answer = stage.again(&request);
    served(&answer);
    assert_eq!(receipt_of(&answer), stage.moved(&payment)[0].transaction);
    stage.charged_once(&payment, first + 1);
    refused(&stage.again(&request), 402, "payment_already_used");
}

/// Asserts that the outcome is open and nobody is told to pay again.
pub(super) fn pending(answer: &x402_devstack::client::Answer) {
    refused(answer, 503, "settlement_pending");
    assert_eq!(answer.count("payment-required"), 0);
    assert_eq!(answer.json()["paymentState"], "unknown");
    assert_eq!(answer.json()["retry"], "same");
    let receipt = answer.receipt().expect("a failed receipt");
    assert_eq!((&receipt["success"], &receipt["errorReason"]), (&false.into(), &"settlement_pending".into()));
}

fn unreached(stage: &mut Stage<'_>, settle: &str) {
    let (payment, request) =
        stage.paid(&stage.get(format!("/v1/{}", if settle == "after" { "late" } else { "cheap" })));
    stage.world().facilitator.refuse();
    let answer = stage.send(&request);
    refused(&answer, 503, "facilitator_unavailable");
    assert_eq!(answer.json()["paymentState"], "none");
    let first = u64::from(settle == "after");
    assert_eq!(stage.hits(), first);
    stage.world().facilitator.resume();
    served(&stage.again(&request));
    stage.charged_once(&payment, first + 1);
}

fn verified(stage: &mut Stage<'_>, settle: &str) {
    let asked = stage.get(format!("/v1/checked/{settle}"));
    let (payment, request) = stage.paid(&asked);
    served(&stage.send(&request));
    let paths: Vec<_> = stage.calls(payment.nonce).into_iter().map(|call| call.path).collect();
    assert_eq!(paths, ["/verify", "/settle"]);
    stage.charged_once(&payment, 1);
    // What `/verify` refuses costs the upstream nothing.
    stage.wallet = Wallet::unfunded();
    let (payment, request) = stage.paid(&asked);
    refused(&stage.send(&request), 402, "insufficient_funds");
    assert_eq!((stage.settles(&payment), stage.hits()), (0, 1));
}

fn not_charged(stage: &mut Stage<'_>) {
    let asked = stage.get("/v1/late").header("x-test-status", "404");
    let (payment, request) = stage.paid(&asked);
    let answer = stage.send(&request);
    assert_eq!((answer.status, answer.count("payment-response")), (404, 0));
    assert!(stage.calls(payment.nonce).is_empty());
    // Nothing was taken: the payment is good for a request that succeeds.
    let answer = stage.again(&stage.get("/v1/late").pay(&payment));
    served(&answer);
    stage.charged_once(&payment, 2);
}

fn token(stage: &mut Stage<'_>) {
    let (payment, request) = stage.paid(&stage.get("/v1/cheap"));
    served(&stage.send(&request));
    assert!(stage.calls(payment.nonce).iter().all(|call| call.authorization));
    assert_eq!(stage.calls(payment.nonce)[0].headers.iter().filter(|(name, _)| name == "host").count(), 1);
    let draft = Draft::new(&stage.wallet, &payment.requirements).expect("payable");
    assert_ne!(draft.nonce, payment.nonce);
}
