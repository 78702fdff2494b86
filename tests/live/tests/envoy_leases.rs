//! Work that takes longer than a lease (A1, A13): who is at it renews it, so that a copy that comes
//! when the first lease is over finds the payment in use, and one upstream works for it once.

use std::time::Duration;

use tokio::time::{sleep_until, Instant};

use x402_devstack::client::{request, Answer, RawRequest};
use x402_devstack::payer::Payment;
use x402_live::{paid, plugin, refused, Scene, Shop, Stage};

/// Seconds; the shortest there is, whatever the facilitators' timeouts.
const LEASE: u64 = 15;

/// When the copy comes: clocks of leases count whole seconds.
const COPY: Duration = Duration::from_millis(LEASE * 1_000 + 1_800);

/// How an upstream works on until a while after the copy.
const LONG: [(&str, &str); 3] = [
    ("/before/long", "delay=19000"),
    ("/after/long", "delay=19000"),
    ("/before/long-stream", "stream=10,1900"),
];

/// Buys at one door; the copy comes to the other.
async fn outlast(stage: &Stage, doors: [std::net::SocketAddr; 2], path: &str, work: &str, payment: &Payment) {
    let begun = Instant::now();
    let ask = RawRequest::get(format!("{path}?{work}")).pay(payment);
    let first = tokio::spawn(async move { request(doors[0], &ask).await });
    sleep_until(begun + COPY).await;
    assert_eq!(stage.upstream.hits(path), 1, "{path}: it is at work");
    let ask = async |at: usize| -> Answer { request(doors[at], &RawRequest::get(path).pay(payment)).await };
    refused(&ask(1).await, 503, "payment_in_flight");
    assert!(!first.is_finished(), "{path}: the copy came too late to tell");
    paid(&first.await.expect("an answer"));
    // A delivery is written down just after its last byte.
    tokio::time::sleep(Duration::from_millis(500)).await;
    refused(&ask(1).await, 402, "payment_already_used");
    assert_eq!((stage.upstream.hits(path), stage.settled(payment)), (1, (1, 1)), "{path}");
}

/// All of them at once.
async fn outlast_all(stage: &Stage, doors: [std::net::SocketAddr; 2], payments: [Payment; 3]) {
    let [(a, work_a), (b, work_b), (c, work_c)] = LONG;
    let [pay_a, pay_b, pay_c] = &payments;
    tokio::join!(
        outlast(stage, doors, a, work_a, pay_a),
        outlast(stage, doors, b, work_b, pay_b),
        outlast(stage, doors, c, work_c, pay_c),
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a1_a_copy_that_comes_after_a_lease_finds_the_first_at_work() {
    let Some(stage) = Scene::new(plugin("3s")).start() else { return };
    let [a, b, c] = LONG.map(|(path, _)| path);
    let payments = [stage.payment(a).await, stage.payment(b).await, stage.payment(c).await];
    outlast_all(&stage, [stage.door(); 2], payments).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a1_a_copy_that_comes_to_another_replica_after_a_lease_finds_the_first_at_work() {
    let Some(shop) = Shop::open("webdis", |scene| scene) else { return };
    let [a, b, c] = LONG.map(|(path, _)| path);
    let payments = [shop.sign(a).await, shop.sign(b).await, shop.sign(c).await];
    let doors = [0, 1].map(|at| shop.replicas.envoy(at).address());
    outlast_all(&shop.replicas.stage, doors, payments).await;
}
