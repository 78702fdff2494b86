//! Clients that leave while the shared store is being asked (A12): nothing of theirs stays at work
//! behind them. Whoever left meets no lease when he comes back.

use std::time::Duration;

use x402_devstack::network::{Aim, Trouble};
use x402_devstack::payer::{Payment, Wallet};
use x402_live::{paid, pause, refused, Shop};

/// How late the store's answers are, in milliseconds. What they tell is written at once.
const LATE: u64 = 300;

fn open() -> Option<Shop> {
    Shop::open("webdis", |scene| scene)
}

/// Presents a payment to the first replica and leaves so long after. What was under way with the
/// store is answered, then the store is quick again.
async fn leave(shop: &Shop, target: &str, payment: &Payment, millis: u64) {
    shop.to_store().trouble(Trouble::Delay(Duration::from_millis(LATE)), Aim::All);
    shop.to_store().break_off();
    pause(50).await;
    let connection = shop.sent(0, target, payment).await;
    pause(millis).await;
    connection.abort();
    pause(5 * LATE).await;
    shop.to_store().mend();
    shop.to_store().break_off();
    pause(100).await;
}

/// How long an upstream works so that the lease is renewed at its response, in milliseconds.
const WORKS: u64 = 2_500;

/// In the middle of each of so many calls to the store; and of the one that renews the lease, at the response
/// of an upstream that worked for so long.
fn calls(before_the_upstream: u64) -> impl Iterator<Item = (u64, u64)> {
    let in_call = |call: u64| call * LATE + LATE / 2;
    let renewal = in_call(before_the_upstream) + WORKS;
    (0..before_the_upstream).map(move |call| (in_call(call), 0)).chain([(renewal, WORKS)])
}

/// Begin, reserve, begin what is owed, pledge; renew.
#[tokio::test(flavor = "multi_thread")]
async fn a12_leaving_while_the_store_gives_credit_leaves_nothing_at_work() {
    let Some(shop) = open() else { return };
    for (at, (millis, works)) in calls(4).enumerate() {
        let (wallet, path) = (Wallet::another(), "/before/leave-credit");
        let first = shop.sign_by(&wallet, path).await;
        assert_eq!(shop.ask(0, &format!("{path}?status=500"), &first).await.status, 500);
        pause(100).await;
        let second = shop.sign_by(&wallet, path).await;
        leave(&shop, &format!("{path}?delay={works}"), &second, millis).await;
        let answer = shop.ask(at % 2, path, &second).await;
        assert_eq!([paid(&answer)], *shop.transfers(&[&first, &second]), "left after {millis} ms");
        assert_eq!(shop.settles(&second), 0, "left after {millis} ms");
        pause(100).await;
        for payment in [&first, &second] {
            refused(&shop.ask(1 - at % 2, path, payment).await, 402, "payment_already_used");
        }
    }
}

/// Begin, settled, renew; and held, settling, settled.
#[tokio::test(flavor = "multi_thread")]
async fn a12_leaving_while_the_store_is_asked_leaves_nothing_at_work() {
    let Some(shop) = open() else { return };
    for kind in ["before", "after"] {
        let calls = calls(if kind == "before" { 2 } else { 3 });
        for (at, (millis, works)) in calls.enumerate() {
            // Under `after` no lease is renewed at the response.
            if kind == "after" && works > 0 {
                continue;
            }
            let path = format!("/{kind}/leave-{at}");
            let payment = shop.sign(&path).await;
            leave(&shop, &format!("{path}?delay={works}"), &payment, millis).await;
            assert!(shop.transfers(&[&payment]).len() <= 1);
            let answer = shop.ask(at % 2, &path, &payment).await;
            assert_eq!([paid(&answer)], *shop.transfers(&[&payment]), "{kind}, left after {millis} ms");
            pause(100).await;
            refused(&shop.ask(1 - at % 2, &path, &payment).await, 402, "payment_already_used");
            assert_eq!(shop.settles(&payment), 1, "{kind}, left after {millis} ms");
        }
    }
}

/// A delivery that ends while the store cannot be reached is written down when it can be.
#[tokio::test(flavor = "multi_thread")]
async fn a14_a_delivery_that_ends_without_the_store_is_not_forgotten() {
    let Some(shop) = open() else { return };
    let path = "/before/ends-without";
    let payment = shop.sign(path).await;
    let mut connection = shop.sent(0, &format!("{path}?stream=10,100"), &payment).await;
    // The response is on its way: it was renewed, and only its end is to be written.
    assert!(connection.read_at_least(400).await.unwrap() >= 400);
    shop.to_store().refuse();
    shop.to_store().break_off();
    let answer = connection.read(false).await;
    assert_eq!([paid(&answer)], *shop.transfers(&[&payment]));
    pause(1_500).await;
    shop.to_store().resume();
    for at in [1, 0] {
        refused(&shop.come_back(at, path, &payment).await, 402, "payment_already_used");
    }
    assert_eq!((shop.settles(&payment), shop.replicas.stage.upstream.hits(path)), (1, 1));
}
