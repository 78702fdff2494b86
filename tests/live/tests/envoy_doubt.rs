//! Outcomes that are open (A11, A14): many ask, one is sent; no other route, no other payment and
//! no cancelled authorisation is served from them.

use x402_devstack::facilitator::{AuthorizationKey, Fault, FaultKind};
use x402_devstack::payer::{Payment, Quote};
use x402_live::{assert_pending, code, paid, pause, plugin, refused, sign, Scene, Stage};

fn stage() -> Option<Stage> {
    Scene::new(plugin("1s")).start()
}

/// A payment whose settlement was reset, booked or not.
async fn in_doubt(stage: &Stage, path: &str, quote: &Quote, booked: bool) -> Payment {
    let payment = sign(quote);
    let fault = if booked { FaultKind::ResetAfter } else { FaultKind::ResetBefore };
    stage.facilitator.fault(Fault::once(fault).nonce(payment.nonce));
    assert_pending(&stage.buy(path, &payment).await, "in doubt");
    payment
}

fn cancel(stage: &Stage, payment: &Payment) {
    let key = AuthorizationKey {
        network: "eip155:84532".to_owned(),
        asset: payment.requirements["asset"].as_str().unwrap().parse().unwrap(),
        payer: payment.payer,
        nonce: payment.nonce,
    };
    stage.facilitator.cancel(key).unwrap();
}

/// Whoever comes while somebody is asking waits; one grant, one transfer.
#[tokio::test(flavor = "multi_thread")]
async fn a11_copies_of_an_open_payment_are_one_grant() {
    let Some(stage) = stage() else { return };
    for kind in ["before", "after"] {
        let path = format!("/{kind}/open-copies");
        let quote = stage.quote(&path).await;
        for round in 0..5 {
            let payment = in_doubt(&stage, &path, &quote, false).await;
            let target = format!("{path}?delay=50");
            let racing: Vec<_> = (0..25).map(|_| stage.under_way(&target, &payment)).collect();
            let mut granted = 0;
            for copy in racing {
                let answer = copy.await.unwrap();
                match answer.status {
                    200 => granted += 1,
                    402 => refused(&answer, 402, "payment_already_used"),
                    _ => assert!(
                        matches!(&*code(&answer), "payment_in_flight" | "settlement_pending"),
                        "{answer:?}"
                    ),
                }
            }
            if granted == 0 {
                paid(&stage.come_back(&path, &payment).await);
            }
            assert!(granted <= 1, "round {round}: {granted} grants");
            refused(&stage.come_back(&path, &payment).await, 402, "payment_already_used");
            assert_eq!(stage.settled(&payment).1, 1);
        }
    }
}

/// What is open on one route is open there.
#[tokio::test(flavor = "multi_thread")]
async fn a11_an_open_payment_buys_nothing_elsewhere() {
    let Some(stage) = stage() else { return };
    let path = "/before/open-here";
    let quote = stage.quote(path).await;
    let payment = in_doubt(&stage, path, &quote, true).await;
    let answer = stage.buy("/after/elsewhere", &payment).await;
    refused(&answer, 409, "payment_bound_elsewhere");
    assert_eq!(stage.upstream.hits("/after/elsewhere"), 0);
    assert_pending(&stage.buy(path, &payment).await, "still open here");
    assert_eq!(stage.settled(&payment).1, 1);
}

/// The payer cancels while nobody knows, in each order: nothing is ever served for it.
#[tokio::test(flavor = "multi_thread")]
async fn a11_a_payment_cancelled_while_it_is_open_never_becomes_content() {
    let Some(stage) = stage() else { return };
    for kind in ["before", "after"] {
        let path = format!("/{kind}/cancelled");
        let quote = stage.quote(&path).await;
        let payment = in_doubt(&stage, &path, &quote, false).await;
        let worked = stage.upstream.hits(&path);
        cancel(&stage, &payment);
        for _ in 0..4 {
            assert_pending(&stage.buy(&path, &payment).await, kind);
        }
        assert_eq!(stage.upstream.hits(&path), worked, "{kind}");
        assert_eq!(stage.settled(&payment).1, 0);
    }
}

/// Cancelled before anything was asked: the first answer says "used", as it would of a payment
/// that was paid.
#[tokio::test(flavor = "multi_thread")]
async fn a11_a_payment_cancelled_before_it_is_sent_never_becomes_content() {
    let Some(stage) = stage() else { return };
    for kind in ["before", "after"] {
        let path = format!("/{kind}/cancelled-first");
        let payment = stage.payment(&path).await;
        cancel(&stage, &payment);
        for _ in 0..3 {
            let answer = stage.buy(&path, &payment).await;
            assert_pending(&answer, kind);
            assert!(!answer.text().contains("\"upstream\""));
        }
        assert_eq!(stage.settled(&payment).1, 0);
    }
}

/// Somebody else settles the payment first, by another road: the money moved, and our asking is
/// answered "used". Not free, and not asked for again.
#[tokio::test(flavor = "multi_thread")]
async fn a11_a_payment_settled_by_somebody_else_is_open_and_not_free() {
    let Some(stage) = stage() else { return };
    let path = "/before/front-run";
    let payment = stage.payment(path).await;
    let body = payment.facilitator_body().to_string();
    let settle = x402_devstack::client::RawRequest::new("POST", "/settle")
        .header("content-type", "application/json")
        .body(body);
    let first = x402_devstack::client::request(stage.facilitator.address(), &settle).await;
    assert_eq!(first.json()["success"], true);
    let answer = stage.buy(path, &payment).await;
    assert_pending(&answer, "front-run");
    assert_eq!(stage.upstream.hits(path), 0);
    assert_eq!(stage.settled(&payment).1, 1);
}

/// `settlement_pending` is no refusal: it is asked again, and served when the facilitator says so.
#[tokio::test(flavor = "multi_thread")]
async fn a11_a_settlement_that_pends_is_served_when_it_is_done() {
    let Some(stage) = stage() else { return };
    for kind in ["before", "after"] {
        let path = format!("/{kind}/pends");
        let payment = stage.payment(&path).await;
        stage.facilitator.fault(Fault::once(FaultKind::Pending).nonce(payment.nonce));
        assert_pending(&stage.buy(&path, &payment).await, kind);
        paid(&stage.come_back(&path, &payment).await);
        refused(&stage.come_back(&path, &payment).await, 402, "payment_already_used");
        assert_eq!(stage.settled(&payment).1, 1);
    }
}

/// Its payer can look it up.
#[tokio::test(flavor = "multi_thread")]
async fn a11_a_settlement_that_pends_names_its_transaction() {
    let Some(stage) = stage() else { return };
    for kind in ["before", "after"] {
        let path = format!("/{kind}/pends-by-name");
        let payment = stage.payment(&path).await;
        stage.facilitator.fault(Fault::once(FaultKind::Pending).nonce(payment.nonce));
        let answer = stage.buy(&path, &payment).await;
        assert_pending(&answer, kind);
        let moved = stage.facilitator.transfers_of(payment.nonce);
        let named = answer.receipt().expect("a receipt")["transaction"].clone();
        assert_eq!(named, moved[0].transaction.to_string(), "{kind}");
    }
}

/// One who leaves an outcome open on purpose takes room from nobody: half of a table is kept for
/// payments whose fate is known.
#[tokio::test(flavor = "multi_thread")]
async fn a14_open_outcomes_of_one_payer_leave_room_for_others() {
    let mut config = plugin("1s");
    config["claims"] = serde_json::json!({ "capacity": 16 });
    let Some(stage) = Scene::new(config).start() else { return };
    let path = "/before/room";
    let quote = stage.quote(path).await;
    let mut open = 0;
    for _ in 0..14 {
        let payment = sign(&quote);
        cancel(&stage, &payment);
        let answer = stage.buy(path, &payment).await;
        match &*code(&answer) {
            "settlement_pending" => open += 1,
            _ => refused(&answer, 503, "claim_table_full"),
        }
    }
    assert!(open <= 8, "{open} of 16 are open");
    pause(50).await;
    let entries = stage.envoy.stat("wasmcustom.x402.claims_table.entries");
    assert!(entries <= 8, "{entries}");
}
