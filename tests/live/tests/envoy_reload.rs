//! New configurations over LDS (A15): a bad one changes nothing, a good one takes over
//! without losing a payment, an answer or the memory of what was used.

use serde_json::{json, Value};

use x402_devstack::client::{RawConnection, RawRequest};
use x402_devstack::envoy::{PluginConfig, Update};
use x402_devstack::facilitator::{Fault, FaultKind};
use x402_devstack::payer::{Draft, Quote, Wallet};
use x402_live::{paid, plugin, refused, sign, until, Scene, Stage};

fn stage() -> Option<Stage> {
    Scene::new(plugin("5s")).start_lds()
}

/// The configuration with another price on both routes.
fn priced(price: &str) -> Value {
    let mut config = plugin("5s");
    for route in 0..2 {
        config["routes"][route]["offer"]["price"] = price.into();
    }
    config
}

fn update(stage: &mut Stage, config: Value) -> Update {
    let config = PluginConfig::Json(config);
    stage.envoy.update_listener(&config).expect("a verdict")
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bad_configuration_is_refused_whole_and_the_old_one_keeps_serving() {
    let Some(mut stage) = stage() else { return };
    let payment = stage.payment("/before/used").await;
    paid(&stage.buy("/before/used", &payment).await);
    let claims = |stage: &Stage| {
        stage.envoy.stats().0.into_iter().filter(|(name, _)| name.contains("x402.claims")).collect::<Vec<_>>()
    };
    let before = claims(&stage);
    assert!(!before.is_empty());
    let bad = json!({
        "version": 1,
        "origin": "ftp://shop.test",
        "unmatched": "maybe",
        "settle": "before",
        "facilitators": { "main": { "cluster": "facilitator", "authority": "facilitator", "timeout": "10" } },
        "accepts": [{ "network": "base-sepolia", "asset": "USDC", "payTo": "0x209693bc6afc0c5328ba36faf03c514ef312287C" }],
        "claims": { "capacity": 64 },
        "routes": [
            { "name": "before", "match": { "path": "/before/**" }, "offer": { "price": 0.001 } },
            { "name": "before", "match": { "path": "/twice" }, "offer": { "price": "$0", "bundle": 3 } },
            { "name": "lost", "match": { "path": "no-slash" }, "offer": "nowhere" },
        ],
    });
    let rejected = update(&mut stage, bad);
    assert!(matches!(rejected, Update::Rejected(_)), "{rejected:?}");
    assert_eq!(stage.envoy.stat("listener_manager.lds.update_rejected"), 1);
    let log = stage.envoy.log();
    assert!(log.contains("the configuration is refused"), "{log}");
    for path in [
        "origin",
        "unmatched",
        "facilitators.main.timeout",
        "accepts[0].payTo",
        "routes[0].offer.price",
        "routes[1].name",
        "routes[1].offer.bundle",
        "routes[2].match.path",
        "routes[2].offer",
    ] {
        assert!(log.contains(path), "no mention of {path} in\n{log}");
    }
    for hint in ["not in this version", "quote it", "checksum"] {
        assert!(log.contains(hint), "no hint {hint:?} in\n{log}");
    }
    assert_eq!(claims(&stage), before, "a refused configuration writes nothing");
    refused(&stage.buy("/before/used", &payment).await, 402, "payment_already_used");
    paid(&stage.buy("/before/used", &stage.payment("/before/used").await).await);
}

#[tokio::test(flavor = "multi_thread")]
async fn a15_payments_and_claims_of_the_old_price_are_honoured_after_it_changed() {
    let Some(mut stage) = stage() else { return };
    let quote = stage.quote("/before/x").await;
    let used = sign(&quote);
    paid(&stage.buy("/before/x", &used).await);
    // Taken and not delivered: the upstream failed after the money moved.
    let taken = sign(&quote);
    let failed = stage.buy("/before/x?status=500", &taken).await;
    assert_eq!(failed.status, 500);
    // Unknown: the answer was lost, and nothing booked.
    let open = sign(&quote);
    stage.facilitator.fault(Fault::once(FaultKind::ResetBefore).nonce(open.nonce));
    refused(&stage.buy("/before/x", &open).await, 503, "settlement_pending");
    let fresh = sign(&quote);
    assert_eq!(update(&mut stage, priced("$0.002")), Update::Accepted);
    assert_eq!(stage.quote("/before/x").await.accepts[0]["amount"], "2000");
    refused(&stage.buy("/before/x", &used).await, 402, "payment_already_used");
    let transfers = stage.facilitator.transfers_of(taken.nonce);
    let redeemed = paid(&stage.buy("/before/x", &taken).await);
    assert_eq!(redeemed, transfers[0].transaction.to_string(), "the original receipt");
    paid(&stage.buy("/before/x", &open).await);
    for payment in [&used, &taken, &open] {
        refused(&stage.buy("/before/x", payment).await, 402, "payment_already_used");
        assert_eq!(stage.settled(payment).1, 1);
    }
    // A payment that never opened a claim fits today's price or nothing.
    let answer = stage.buy("/before/x", &fresh).await;
    assert_eq!((answer.status, stage.settled(&fresh)), (402, (0, 0)));
    assert_eq!(answer.quote().unwrap().accepts[0]["amount"], "2000");
    paid(&stage.buy("/before/x", &stage.payment("/before/x").await).await);
}

#[tokio::test(flavor = "multi_thread")]
async fn a15_claims_outlive_the_asset_they_were_paid_in() {
    let Some(mut stage) = stage() else { return };
    let quote = stage.quote("/before/x").await;
    let (used, taken, fresh) = (sign(&quote), sign(&quote), sign(&quote));
    paid(&stage.buy("/before/x", &used).await);
    assert_eq!(stage.buy("/before/x?status=500", &taken).await.status, 500);
    let mut elsewhere = plugin("5s");
    elsewhere["accepts"][0]["network"] = "base".into();
    assert_eq!(update(&mut stage, elsewhere), Update::Accepted);
    refused(&stage.buy("/before/x", &used).await, 402, "payment_already_used");
    let redeemed = paid(&stage.buy("/before/x", &taken).await);
    assert_eq!(redeemed, stage.facilitator.transfers_of(taken.nonce)[0].transaction.to_string());
    let answer = stage.buy("/before/x", &fresh).await;
    refused(&answer, 402, "no_matching_payment_requirements");
    assert_eq!(stage.settled(&fresh), (0, 0));
}

/// What is owed is bound to the route's name, the payee, the asset, the amount and the contract that
/// burns the authorisation. Where one of these is another, the wallet's next payment buys; the payment
/// itself is still served, but under another name.
#[tokio::test(flavor = "multi_thread")]
async fn a15_what_was_paid_under_other_terms_serves_the_same_payment_alone() {
    type Change = fn(&mut Value);
    let changes: [(&str, Change); 4] = [
        ("price", |config| config["routes"][0]["offer"]["price"] = "$0.002".into()),
        ("payee", |config| {
            config["accepts"][0]["payTo"] = "0x70997970C51812dc3A010C7d01b50e0d17dc79C8".into();
        }),
        ("means", |config| config["accepts"][0]["assetTransferMethod"] = "permit2".into()),
        ("name", |config| config["routes"][0]["name"] = "before-renamed".into()),
    ];
    for (what, change) in changes {
        let Some(mut stage) = stage() else { return };
        let wallet = Wallet::dev(1);
        let by_wallet = |quote: &Quote| Draft::for_quote(&wallet, quote).unwrap().sign(&wallet);
        let first = by_wallet(&stage.quote("/before/x").await);
        assert_eq!(stage.buy("/before/x?status=500", &first).await.status, 500);
        let owed = stage.facilitator.transfers_of(first.nonce)[0].transaction.to_string();
        let mut config = plugin("5s");
        change(&mut config);
        assert_eq!(update(&mut stage, config), Update::Accepted, "{what}");
        let next = by_wallet(&stage.quote("/before/x").await);
        assert_ne!(paid(&stage.buy("/before/x", &next).await), owed, "{what}");
        assert_eq!(stage.settled(&next).1, 1, "{what}: it bought for itself");
        let same = stage.buy("/before/x", &first).await;
        if what == "name" {
            refused(&same, 409, "payment_bound_elsewhere");
        } else {
            assert_eq!(paid(&same), owed, "{what}");
        }
        assert_eq!(stage.settled(&first).1, 1, "{what}");
    }
}

/// The old listener drains for a second. Whoever is answered within it is served; whoever
/// waits longer is cut off, and the answer is kept for them all the same.
#[tokio::test(flavor = "multi_thread")]
async fn a15_a_reload_while_settling_loses_no_answer() {
    let Some(mut stage) = stage() else { return };
    let settlements = [
        ("before", 300, "$0.002"),
        ("after", 300, "$0.003"),
        ("before", 2_000, "$0.004"),
        ("after", 2_000, "$0.005"),
    ];
    for (kind, ms, price) in settlements {
        let path = format!("/{kind}/reload-{ms}");
        let payment = stage.payment(&path).await;
        stage.settle_slowly(&payment, ms);
        let waiting = stage.under_way(&path, &payment);
        until("the facilitator was called", || stage.facilitator.settles_of(payment.nonce) == 1).await;
        assert_eq!(update(&mut stage, priced(price)), Update::Accepted);
        let first = waiting.await.unwrap();
        let second = stage.come_back(&path, &payment).await;
        if ms == 300 {
            paid(&first);
            refused(&second, 402, "payment_already_used");
        } else {
            assert_eq!(first.status, 0, "cut off: {first:?}");
            let transfers = stage.facilitator.transfers_of(payment.nonce);
            assert_eq!(paid(&second), transfers[0].transaction.to_string());
            refused(&stage.buy(&path, &payment).await, 402, "payment_already_used");
        }
        assert_eq!(stage.settled(&payment), (1, 1), "{kind} {ms}");
    }
}

/// Several reloads while one settlement is out, and the client leaves as well.
#[tokio::test(flavor = "multi_thread")]
async fn a15_reloads_and_a_client_that_leaves_lose_no_answer() {
    let Some(mut stage) = stage() else { return };
    let path = "/before/reload-leave";
    let payment = stage.payment(path).await;
    stage.settle_slowly(&payment, 3_000);
    let mut connection = RawConnection::open(stage.envoy.address()).await.unwrap();
    connection.send(&RawRequest::get(path).pay(&payment)).await.unwrap();
    until("the facilitator was called", || stage.facilitator.settles_of(payment.nonce) == 1).await;
    connection.abort();
    for price in ["$0.002", "$0.003", "$0.001"] {
        assert_eq!(update(&mut stage, priced(price)), Update::Accepted);
    }
    let answer = stage.come_back(path, &payment).await;
    let transfers = stage.facilitator.transfers_of(payment.nonce);
    assert_eq!(paid(&answer), transfers[0].transaction.to_string());
    refused(&stage.buy(path, &payment).await, 402, "payment_already_used");
    assert_eq!(stage.settled(&payment), (1, 1));
}

/// A capacity changed by a reload moves the limit, never the claims.
#[tokio::test(flavor = "multi_thread")]
async fn a14_a15_a_changed_capacity_forgets_nothing() {
    let Some(mut stage) = stage() else { return };
    let quote = stage.quote("/before/x").await;
    let payments: Vec<_> = (0..20).map(|_| sign(&quote)).collect();
    for payment in &payments {
        paid(&stage.buy("/before/x", payment).await);
    }
    for capacity in [1, 4_000_000, 64, 131_072] {
        let mut config = plugin("5s");
        config["claims"] = json!({ "capacity": capacity });
        assert_eq!(update(&mut stage, config), Update::Accepted);
        for payment in &payments {
            refused(&stage.buy("/before/x", payment).await, 402, "payment_already_used");
        }
        assert_eq!(stage.envoy.stat("wasmcustom.x402.claims_table.capacity"), capacity);
    }
    paid(&stage.buy("/before/x", &sign(&quote)).await);
}

#[tokio::test(flavor = "multi_thread")]
async fn a15_thirty_reloads_under_load_grant_nothing_twice() {
    let Some(mut stage) = stage() else { return };
    let quote = stage.quote("/before/load").await;
    let payments: Vec<_> = (0..30).map(|_| sign(&quote)).collect();
    for (round, payment) in payments.iter().enumerate() {
        let target = format!("/before/load?delay=100&marker=load-{round}");
        let copies: Vec<_> = (0..4).map(|_| stage.under_way(&target, payment)).collect();
        let capacity = 1_000 + round;
        let mut config = plugin("5s");
        config["claims"] = json!({ "capacity": capacity });
        assert_eq!(update(&mut stage, config), Update::Accepted);
        copies.into_iter().for_each(drop);
    }
    for (round, payment) in payments.iter().enumerate() {
        refused(&stage.come_back("/before/load", payment).await, 402, "payment_already_used");
        assert_eq!(stage.settled(payment), (1, 1));
        assert_eq!(stage.upstream.marked(&format!("load-{round}")), 1);
    }
}
