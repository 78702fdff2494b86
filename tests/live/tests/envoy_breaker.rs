//! A facilitator that is not reached, or silent, and the breaker that stops asking it (A10,
//! A11): nothing is left in doubt over a call that never was, and no payer can trip it.

use std::time::{Duration, Instant};

use serde_json::json;

use x402_devstack::client::RawRequest;
use x402_devstack::envoy::Options;
use x402_devstack::facilitator::Operation::{Settle, Verify};
use x402_devstack::facilitator::{self, AuthorizationKey, Facilitator, Fault, FaultKind};
use x402_live::{assert_pending, assert_quiet, code, paid, pause, plugin, refused, sign, Scene, LOUD};

/// Nothing was sent: the claim is given up, and the same payment works once somebody listens.
#[tokio::test(flavor = "multi_thread")]
async fn a10_a_refused_connection_charges_nothing_and_keeps_nothing() {
    let Some(stage) = Scene::new(plugin("600ms")).start() else {
        return;
    };
    for kind in ["before", "after"] {
        let target = format!("/{kind}/refused?marker={kind}");
        let payment = stage.payment(&target).await;
        stage.facilitator.refuse();
        // A pooled connection is seen to be closed before anything is written to it.
        pause(100).await;
        for _ in 0..2 {
            let answer = stage.buy(&target, &payment).await;
            refused(&answer, 503, "facilitator_unavailable");
            assert_eq!(answer.json()["paymentState"], "none");
            assert!(answer.header("retry-after").is_some() && answer.receipt().is_none());
        }
        stage.facilitator.resume();
        assert_eq!(stage.settled(&payment), (0, 0));
        paid(&stage.buy(&target, &payment).await);
        assert_eq!(stage.settled(&payment), (1, 1));
    }
    assert!(stage.envoy.log().contains("could not be reached"), "the log names the cause");
}

/// The first in the line says nothing, neither to `/verify` nor, if it were asked, to `/settle`.
#[tokio::test(flavor = "multi_thread")]
async fn a10_who_verified_a_payment_settles_it_while_the_first_is_silent() {
    let backup = Facilitator::start(facilitator::Options::default()).expect("a free port");
    let mut config = plugin("700ms");
    for (name, cluster) in [("main", "facilitator"), ("backup", "backup")] {
        config["facilitators"][name] =
            json!({ "cluster": cluster, "authority": cluster, "timeout": "700ms", "supported": "off" });
    }
    config["defaultFacilitators"] = json!(["main", "backup"]);
    for at in 0..2 {
        config["routes"][at]["offer"]["verify"] = "facilitator".into();
    }
    let Some(stage) = Scene::new(config).cluster("backup", backup.address()).start() else { return };
    for path in ["/before/verified", "/after/verified"] {
        let payment = stage.payment(path).await;
        for operation in [Verify, Settle] {
            stage.facilitator.fault(Fault::always(FaultKind::Hang).nonce(payment.nonce).on(operation));
        }
        paid(&stage.buy(path, &payment).await);
        let there = (backup.settles_of(payment.nonce), backup.transfers_of(payment.nonce).len());
        assert_eq!((stage.settled(&payment), there), ((0, 0), (1, 1)), "{path}");
    }
}

/// One worker, so that one breaker sees all five silences.
#[tokio::test(flavor = "multi_thread")]
async fn a10_the_breaker_suspends_quotes_after_five_silences_and_recovers() {
    let Some(stage) = Scene::new(plugin("200ms")).envoy(|envoy| envoy.concurrency(1)).start() else {
        return;
    };
    let path = "/before/breaker";
    let quote = stage.quote(path).await;
    let silent: Vec<_> = (0..5).map(|_| sign(&quote)).collect();
    for payment in &silent {
        stage.facilitator.fault(Fault::once(FaultKind::Hang).nonce(payment.nonce));
        assert_pending(&stage.buy(path, payment).await, "silence");
    }
    let unpaid = stage.ask(&RawRequest::get(path)).await;
    refused(&unpaid, 503, "facilitator_unavailable");
    assert!(unpaid.header("retry-after").is_some());
    let late = sign(&quote);
    refused(&stage.buy(path, &late).await, 503, "facilitator_unavailable");
    assert_eq!(stage.facilitator.settles_of(late.nonce), 0, "not called while open");
    // The other routes' content is not held up by it.
    assert_eq!(stage.ask(&RawRequest::get("/free/x")).await.status, 200);
    pause(6_000).await;
    paid(&stage.buy(path, &late).await);
    paid(&stage.buy(path, &stage.payment(path).await).await);
    for payment in &silent {
        paid(&stage.buy(path, payment).await);
        assert_eq!(stage.settled(payment), (2, 1), "asked twice, moved once");
    }
}

/// A payment that stays open is asked about whenever it is presented. Were those answers
/// counted as silence, one payer could stop the sale for everybody.
#[tokio::test(flavor = "multi_thread")]
async fn a11_presenting_an_open_payment_again_and_again_does_not_suspend_quotes() {
    let one_worker = |envoy: Options| envoy.concurrency(1);
    let Some(stage) = Scene::new(plugin("600ms")).envoy(one_worker).start() else {
        return;
    };
    let path = "/before/insist";
    let lost = stage.payment(path).await;
    stage.facilitator.fault(Fault::once(FaultKind::ResetAfter).nonce(lost.nonce));
    let cancelled = stage.payment(path).await;
    let key = AuthorizationKey {
        network: "eip155:84532".to_owned(),
        asset: cancelled.requirements["asset"].as_str().unwrap().parse().unwrap(),
        payer: cancelled.payer,
        nonce: cancelled.nonce,
    };
    stage.facilitator.cancel(key).unwrap();
    for payment in [&lost, &cancelled] {
        for _ in 0..6 {
            assert_pending(&stage.buy(path, payment).await, "open");
        }
    }
    paid(&stage.buy(path, &stage.payment(path).await).await);
    assert_eq!((stage.settled(&lost), stage.settled(&cancelled)), ((6, 1), (6, 0)));
}

/// Nor do those of a gateway in front of the facilitator, and in a loop nobody is asked in a loop.
#[tokio::test(flavor = "multi_thread")]
async fn a11_presenting_an_open_payment_in_a_loop_asks_once_a_second_and_suspends_nothing() {
    let Some(stage) = Scene::new(plugin("600ms")).start() else { return };
    let path = "/before/insist";
    let payment = stage.payment(path).await;
    let busy = FaultKind::Status { code: 429, body: "slow down".to_owned() };
    stage.facilitator.fault(Fault::always(busy).nonce(payment.nonce));
    let (begun, mut quotes) = (Instant::now(), 0);
    while begun.elapsed() < Duration::from_secs(5) {
        let answer = stage.buy(path, &payment).await;
        assert_eq!(answer.status, 503, "{answer:?}");
        assert!(["settlement_pending", "payment_in_flight"].contains(&&*code(&answer)), "{answer:?}");
        refused(&stage.ask(&RawRequest::get(path)).await, 402, "payment_required");
        quotes += 1;
    }
    let (asked, most) = (stage.settled(&payment).0, 8 + begun.elapsed().as_secs() + 1);
    assert!((8..=most).contains(&asked), "asked {asked} times, presented {quotes} times");
    assert!(quotes > 50, "{quotes}");
}

/// The breaker opens while the upstream works: the settlement is not sent, and the payment
/// not left in doubt over a call that never was.
#[tokio::test(flavor = "multi_thread")]
async fn a10_a_settlement_the_breaker_keeps_back_charges_nothing_and_keeps_nothing() {
    let one_worker = |envoy: Options| envoy.concurrency(1);
    let Some(stage) = Scene::new(plugin("100ms")).envoy(one_worker).start() else {
        return;
    };
    let payment = stage.payment("/after/kept-back").await;
    let quote = stage.quote("/before/silence").await;
    let kept_back = async {
        let answer = stage.buy("/after/kept-back?delay=1500", &payment).await;
        refused(&answer, 503, "facilitator_unavailable");
        assert_eq!(answer.json()["paymentState"], "none");
    };
    let silences = async {
        for _ in 0..5 {
            let silent = sign(&quote);
            stage.facilitator.fault(Fault::once(FaultKind::Hang).nonce(silent.nonce));
            assert_pending(&stage.buy("/before/silence", &silent).await, "silence");
        }
    };
    tokio::join!(kept_back, silences);
    assert_eq!(stage.settled(&payment), (0, 0));
    pause(6_000).await;
    paid(&stage.buy("/after/kept-back", &payment).await);
    assert_eq!(stage.settled(&payment), (1, 1));
}

/// Connections the facilitator closes between calls are not written to: the cluster's idle
/// timeout is below the server's, and one closed earlier is seen before it is used.
#[tokio::test(flavor = "multi_thread")]
async fn idle_connections_closed_by_the_facilitator_manufacture_no_unknown_outcomes() {
    let Some(stage) = Scene::new(plugin("2s")).start() else {
        return;
    };
    for round in 0..20 {
        let path = ["/before/idle", "/after/idle"][round % 2];
        paid(&stage.buy(path, &stage.payment(path).await).await);
        // Closes the listener and the idle connections.
        stage.facilitator.refuse();
        pause(100).await;
        stage.facilitator.resume();
    }
    let stats = stage.envoy.stats();
    assert!(stats.get("cluster.facilitator.upstream_cx_total") >= 20, "each call a connection");
}

/// What the facilitator's `/verify` says, under `verify: facilitator`.
#[tokio::test(flavor = "multi_thread")]
async fn a10_a_verify_that_fails_moves_nothing_and_holds_nothing() {
    let mut config = plugin("600ms");
    for (at, kind) in ["before", "after"].iter().enumerate() {
        config["routes"][at]["offer"]["verify"] = "facilitator".into();
        assert_eq!(config["routes"][at]["name"], *kind);
    }
    let Some(stage) = Scene::new(config).start() else {
        return;
    };
    let silent = [FaultKind::Hang, FaultKind::ResetBefore, FaultKind::Html, FaultKind::CutBody];
    for kind in ["before", "after"] {
        let path = format!("/{kind}/verify");
        for fault in silent.clone() {
            let payment = stage.payment(&path).await;
            let name = fault.name();
            stage.facilitator.fault(Fault::once(fault).on(Verify).nonce(payment.nonce));
            let answer = stage.buy(&path, &payment).await;
            assert_eq!(code(&answer), "facilitator_unavailable", "{kind} {name}: {answer:?}");
            assert!(answer.header("payment-required").is_none());
            assert_eq!(stage.settled(&payment), (0, 0));
            paid(&stage.buy(&path, &payment).await);
            assert_eq!(stage.settled(&payment), (1, 1), "{kind} {name}");
        }
        let payment = stage.payment(&path).await;
        let reject = FaultKind::Reject { reason: LOUD.to_owned() };
        stage.facilitator.fault(Fault::once(reject).on(Verify).nonce(payment.nonce));
        let answer = stage.buy(&path, &payment).await;
        refused(&answer, 402, "payment_rejected");
        assert_quiet(&answer, kind);
        assert_eq!(stage.settled(&payment), (0, 0));
    }
}
