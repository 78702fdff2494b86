//! Replicas that sell one thing at a time to a wallet (`oneAtATime`): who signs anew while a payment of
//! his is at work at another replica is told to come back, whether that one's client left, its replica
//! died, or both were meant; and is served from the first, or buys (A12, A15).

use std::time::Duration;

use x402_devstack::client::{Answer, RawConnection};
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

/// Sent to the first replica while the store's answers take so long; to whoever comes next they come at once.
async fn sent_with_a_late_store(
    shop: &Shop,
    millis: u64,
    target: &str,
    payments: &[&Payment],
) -> Vec<RawConnection> {
    shop.to_store().trouble(Trouble::Delay(Duration::from_millis(millis)), Aim::All);
    shop.to_store().break_off();
    let mut sent = Vec::new();
    for payment in payments {
        sent.push(shop.sent(0, target, payment).await);
    }
    pause(100).await;
    shop.to_store().mend();
    sent
}

/// One of them at most was sold while the other was: it is told to come back, and then buys.
async fn one_waited(shop: &Shop, path: &str, [one, two]: [(Answer, &Payment); 2]) {
    assert!(one.0.status != 200 || two.0.status != 200, "two were sold at once");
    for (answer, payment) in [one, two] {
        if answer.status != 200 {
            assert_eq!(answer.status, 503, "{answer:?}");
            assert!(answer.header("payment-required").is_none(), "{answer:?}");
            paid(&shop.come_back(1, path, payment).await);
        }
        assert_eq!((shop.settles(payment), shop.transfers(&[payment]).len()), (1, 1));
    }
}

/// Both were told of the same; it serves a third payment before they come to it.
#[tokio::test(flavor = "multi_thread")]
async fn a12_one_at_a_time_two_that_found_something_owed_are_not_sold_at_once() {
    let Some(shop) = open("webdis") else { return };
    let (wallet, path) = (Wallet::another(), "/before/owed");
    let owed = shop.sign_by(&wallet, path).await;
    assert_eq!(shop.ask(1, &format!("{path}?status=500"), &owed).await.status, 500);
    let (first, second) = (shop.sign_by(&wallet, path).await, shop.sign_by(&wallet, path).await);
    let third = shop.sign_by(&wallet, path).await;
    let mut sent =
        sent_with_a_late_store(&shop, 300, &format!("{path}?delay=3000"), &[&first, &second]).await;
    assert_eq!([paid(&shop.ask(1, path, &third).await)], *shop.transfers(&[&owed, &third]));
    let answers = [sent[0].read(false).await, sent[1].read(false).await];
    let [one, two] = answers;
    one_waited(&shop, path, [(one, &first), (two, &second)]).await;
}

/// Its replica died while the upstream worked, and its lease is over: another one is begun before it is begun anew.
#[tokio::test(flavor = "multi_thread")]
async fn a15_one_at_a_time_a_payment_that_comes_back_after_a_crash_waits_for_what_is_at_work() {
    let Some(mut shop) = open("webdis") else { return };
    let (wallet, path) = (Wallet::another(), "/after/crash");
    let (first, second) = (shop.sign_by(&wallet, path).await, shop.sign_by(&wallet, path).await);
    let left = shop.sent(1, &format!("{path}?delay=30000"), &first).await;
    pause(500).await;
    shop.replicas.crash(1);
    left.abort();
    waits(&shop, &[0], path, &second, "its lease stands").await;
    // Fifteen seconds from when it was begun, or renewed; then it is kept for five more.
    pause(17_000).await;
    let target = format!("{path}?delay=3000");
    let mut one = sent_with_a_late_store(&shop, 300, &target, &[&first]).await;
    let mut two = shop.sent(1, &target, &second).await;
    let answers = [(one[0].read(false).await, &first), (two.read(false).await, &second)];
    one_waited(&shop, path, answers).await;
}

/// What was delivered here is over here, before the store has heard of it.
#[tokio::test(flavor = "multi_thread")]
async fn a12_one_at_a_time_who_buys_one_after_the_other_at_one_replica_waits_for_nothing() {
    let Some(shop) = open("webdis") else { return };
    shop.to_store().trouble(Trouble::Delay(Duration::from_millis(5)), Aim::All);
    shop.to_store().break_off();
    for flow in ["before", "after"] {
        let (wallet, path) = (Wallet::another(), format!("/{flow}/in-a-row"));
        let mut payments = Vec::new();
        for _ in 0..40 {
            payments.push(shop.sign_by(&wallet, &path).await);
        }
        for payment in &payments {
            paid(&shop.ask(0, &path, payment).await);
        }
    }
}
