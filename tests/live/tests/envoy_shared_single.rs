//! Replicas that sell one thing at a time to a wallet (`oneAtATime`): who signs anew while a payment of
//! his is at work at another replica is told to come back, whether that one's client left, its replica
//! died, or both were meant; and is served from the first, or buys (A12, A15).

use std::time::Duration;

use x402_devstack::network::{Aim, Trouble};
use x402_devstack::payer::{Payment, Wallet};
use x402_live::{paid, pause, refused, Shop};

const AT_WORK: &str = "payment_in_flight";

fn open(front: &str) -> Option<Shop> {
    let one = |config: &mut serde_json::Value| config["claims"]["shared"]["oneAtATime"] = true.into();
    Shop::open_with(front, one, |scene| scene)
}

/// Told to come back, by these replicas, and nobody was asked for it.
async fn waits(shop: &Shop, at: &[usize], path: &str, payment: &Payment, what: &str) {
    for at in at {
        let answer = shop.ask(*at, path, payment).await;
        assert!(answer.header("retry-after").is_some(), "{what}: {answer:?}");
        refused(&answer, 503, AT_WORK);
    }
    assert_eq!(shop.settles(payment), 0, "{what}");
}

async fn two_are_sold_one_after_the_other(front: &str) {
    let Some(shop) = open(front) else { return };
    for (target, flow) in
        [("one?stream=12,100", "before"), ("one?delay=1200", "after"), ("one?delay=1200", "before")]
    {
        let (wallet, path) = (Wallet::another(), format!("/{flow}/one"));
        let (first, second) = (shop.sign_by(&wallet, &path).await, shop.sign_by(&wallet, &path).await);
        let mut connection = shop.sent(0, &format!("/{flow}/{target}"), &first).await;
        pause(500).await;
        waits(&shop, &[1, 0], &path, &second, target).await;
        // Another's, and another offer's, have nothing to wait for.
        let other = shop.sign(&path).await;
        paid(&shop.ask(1, &path, &other).await);
        let elsewhere = if flow == "before" { "/after/another" } else { "/before/another" };
        paid(&shop.ask(1, elsewhere, &shop.sign_by(&wallet, elsewhere).await).await);
        paid(&connection.read(false).await);
        pause(100).await;
        paid(&shop.come_back(1, &path, &second).await);
        assert_eq!((shop.settles(&first), shop.settles(&second)), (1, 1), "{flow}");
        assert_eq!(shop.transfers(&[&first, &second]).len(), 2, "two were bought");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a12_one_at_a_time_two_are_sold_one_after_the_other_webdis() {
    two_are_sold_one_after_the_other("webdis").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a12_one_at_a_time_two_are_sold_one_after_the_other_upstash() {
    two_are_sold_one_after_the_other("upstash").await;
}

/// At once, before the store can have heard that nobody waits: its answers are late, so that the first
/// replica is still waiting for one when its client leaves.
#[tokio::test(flavor = "multi_thread")]
async fn a12_one_at_a_time_who_cuts_and_signs_anew_elsewhere_is_charged_once() {
    let Some(shop) = open("webdis") else { return };
    for (round, millis) in [100, 250, 400, 550, 700, 900].into_iter().enumerate() {
        for flow in ["before", "after"] {
            let (wallet, path) = (Wallet::another(), format!("/{flow}/cut-{round}"));
            let (first, second) = (shop.sign_by(&wallet, &path).await, shop.sign_by(&wallet, &path).await);
            shop.to_store().trouble(Trouble::Delay(Duration::from_millis(200)), Aim::All);
            shop.to_store().break_off();
            pause(50).await;
            let connection = shop.sent(0, &format!("{path}?stream=20,100"), &first).await;
            pause(millis).await;
            connection.abort();
            let early = shop.ask(1, &path, &second).await;
            shop.to_store().mend();
            shop.to_store().break_off();
            pause(200).await;
            let answer = match early.status {
                200 => early,
                _ => shop.come_back(1, &path, &second).await,
            };
            let moved = shop.transfers(&[&first, &second]);
            assert_eq!([paid(&answer)], *moved, "{flow}, cut after {millis} ms");
        }
    }
}

/// Killed while its facilitator is at work. Nobody knows what became of that until the lease is over.
#[tokio::test(flavor = "multi_thread")]
async fn a15_one_at_a_time_what_a_dead_replica_sold_serves_the_next_payment() {
    let Some(mut shop) = open("webdis") else { return };
    let (wallet, path) = (Wallet::another(), "/before/dies");
    let (first, second) = (shop.sign_by(&wallet, path).await, shop.sign_by(&wallet, path).await);
    let connection = shop.sent(0, &format!("{path}?delay=20000"), &first).await;
    pause(1_000).await;
    assert_eq!(shop.transfers(&[&first]).len(), 1, "it was paid for");
    shop.replicas.crash(0);
    connection.abort();
    waits(&shop, &[1], path, &second, "its lease stands").await;
    let answer = shop.come_back(1, path, &second).await;
    assert_eq!([paid(&answer)], *shop.transfers(&[&first, &second]), "served from the first");
    assert_eq!(shop.settles(&second), 0);
}
