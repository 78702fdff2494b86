//! Redirects to what is sold here, where replicas share claims (A17): whoever follows at once is served.

use std::time::Duration;

use serde_json::{json, Value};
use x402_devstack::client::{request, RawRequest};
use x402_devstack::network::{Aim, Trouble};
use x402_devstack::payer::Wallet;
use x402_live::{paid, pause, refused, Shop};

#[tokio::test(flavor = "multi_thread")]
async fn a17_who_follows_a_redirect_at_once_is_served() {
    let Some(shop) = Shop::open("webdis", |scene| scene) else { return };
    for late in [0, 5, 60] {
        if late > 0 {
            shop.to_store().trouble(Trouble::Delay(Duration::from_millis(late)), Aim::All);
            shop.to_store().break_off();
            pause(100).await;
        }
        for settle in ["before", "after"] {
            for round in 0..8 {
                let at = round % 2;
                let first =
                    format!("/{settle}/{late}-{round}?status=302&h=location:/{settle}/there-{late}-{round}");
                let payment = shop.sign(&first).await;
                let answer = shop.ask(at, &first, &payment).await;
                assert_eq!(answer.status, 302, "{answer:?}");
                let next = format!("/{settle}/there-{late}-{round}");
                let answer =
                    request(shop.replicas.envoy(at).address(), &RawRequest::get(&next).pay(&payment)).await;
                assert_eq!(answer.status, 200, "{settle}, the store {late} ms away: {answer:?}");
                assert_eq!(shop.transfers(&[&payment]).len(), 1);
            }
        }
    }
}

/// What was sold under one name is sold under another, at the same price.
fn renamed(config: &mut Value) {
    for (name, settle) in [("old", "before"), ("new", "before"), ("past", "after"), ("present", "after")] {
        let offer = json!({ "price": "$0.003", "settle": settle });
        let route = json!({ "name": name, "match": { "path": format!("/{name}/{{id}}") }, "offer": offer });
        config["routes"].as_array_mut().expect("routes").push(route);
    }
}

/// At the other replica, under a new name, and signed anew.
#[tokio::test(flavor = "multi_thread")]
async fn a17_what_was_renamed_is_paid_once_at_all_replicas() {
    let Some(shop) = Shop::open_with("webdis", renamed, |scene| scene) else { return };
    for (from, to) in [("old", "new"), ("past", "present")] {
        for anew in [false, true] {
            let (wallet, next) = (Wallet::another(), format!("/{to}/{anew}"));
            let target = format!("/{from}/{anew}?status=301&h=location:{next}");
            let first = shop.sign_by(&wallet, &target).await;
            assert_eq!(shop.ask(0, &target, &first).await.status, 301);
            let second = if anew { shop.sign_by(&wallet, &next).await } else { first.clone() };
            let answer = shop.come_back(1, &next, &second).await;
            let moved = shop.transfers(&[&first]);
            assert_eq!(
                ([paid(&answer)].as_slice(), shop.settles(&first)),
                (moved.as_slice(), 1),
                "{from} {anew}"
            );
            assert_eq!(shop.settles(&second), u64::from(!anew));
            pause(100).await;
            for (at, payment) in [(0, &first), (1, &second), (0, &second)] {
                refused(&shop.ask(at, &next, payment).await, 402, "payment_already_used");
            }
            // The next one buys: nothing of the first stands in its way.
            let third = shop.sign_by(&wallet, &next).await;
            paid(&shop.come_back(0, &next, &third).await);
            assert_eq!(shop.settles(&third), 1);
        }
    }
}

/// The one that failed first knows the claim as it was then.
#[tokio::test(flavor = "multi_thread")]
async fn a17_who_follows_to_the_replica_that_failed_first_is_served() {
    let Some(shop) = Shop::open_with("webdis", renamed, |scene| scene) else { return };
    for (from, to) in [("old", "new"), ("past", "present")] {
        let (from, to) = (format!("/{from}/1"), format!("/{to}/1"));
        let payment = shop.sign(&from).await;
        assert_eq!(shop.ask(1, &format!("{from}?status=500"), &payment).await.status, 500);
        pause(100).await;
        let led = shop.come_back(0, &format!("{from}?status=301&h=location:{to}"), &payment).await;
        assert_eq!(led.status, 301, "{led:?}");
        paid(&shop.ask(1, &to, &payment).await);
        assert_eq!(shop.transfers(&[&payment]).len(), 1);
    }
}

/// The lease of slow work is renewed after four seconds; the store's answer to that comes when the redirect has
/// been written down by other connections, which are not late.
#[tokio::test(flavor = "multi_thread")]
async fn a17_who_follows_is_served_whatever_answer_of_the_store_comes_late() {
    const LATE: u64 = 1_200;
    let Some(shop) = Shop::open("webdis", |scene| scene) else { return };
    for round in 0..3 {
        let to = format!("/before/there-{round}");
        let target = format!("/before/late-{round}?status=302&delay=4500&h=location:{to}");
        let mut all = Vec::new();
        for _ in 0..4 {
            let payment = shop.sign(&target).await;
            all.push((shop.sent(0, &target, &payment).await, payment));
        }
        pause(2_800).await;
        shop.to_store().trouble(Trouble::Delay(Duration::from_millis(LATE)), Aim::All);
        // Just before the upstream answers, what is not in use goes.
        pause(1_500).await;
        shop.to_store().trouble(Trouble::Delay(Duration::ZERO), Aim::All);
        for (connection, _) in &mut all {
            let led = connection.read(false).await;
            assert_eq!(led.status, 302, "{led:?}");
        }
        pause(LATE).await;
        for (_, payment) in &all {
            let answer = shop.ask(0, &to, payment).await;
            assert_eq!([paid(&answer)], *shop.transfers(&[payment]), "{round}");
        }
    }
}
