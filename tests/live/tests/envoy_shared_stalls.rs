//! A replica that stands still for longer than its leases (A13, A15): a machine that is paused or moved, a
//! process without a processor. What it was granted meanwhile is another's.
//!
//! Envoy 1.40 that wakes up fails what is overdue before it reads what was answered. That a filter which
//! hears the answer first acts on nothing is `src/store/errand/tests/late.rs`, and the model's.

use std::process::Command;
use std::time::Duration;

use x402_devstack::network::{Aim, Trouble};
use x402_live::{paid, pause, until, Shop};

/// How much later the store's answers come; it is asked in less than its timeout.
const LATE: Duration = Duration::from_millis(600);

/// The longest lease, and some.
const LAPSED: u64 = 17_000;

/// What a process is told by a signal.
fn signal(name: &str, process: u32) {
    let told = Command::new("kill").args(["-s", name, &process.to_string()]).status();
    assert!(told.is_ok_and(|status| status.success()), "{name}");
}

/// The money moved, the store wrote that its content may go out, and the answer waits in front of a process
/// that does not run.
async fn delivered_meanwhile(settle: &str) {
    let Some(shop) = Shop::open("webdis", |scene| scene) else { return };
    let path = format!("/{settle}/still");
    let payment = shop.sign(&path).await;
    shop.to_store().trouble(Trouble::Delay(LATE), Aim::All);
    shop.to_store().break_off();
    let mut first = shop.sent(0, &path, &payment).await;
    until("it is settled", || shop.settles(&payment) == 1).await;
    // What came of it is on its way to the store, and its answer on the way back.
    pause(250).await;
    let still = shop.replicas.envoy(0).pid();
    signal("STOP", still);
    pause(LAPSED).await;
    let second = shop.come_back(1, &path, &payment).await;
    signal("CONT", still);
    let transaction = paid(&second);
    let answer = first.read(false).await;
    assert_ne!(answer.status, 200, "{settle}: the same payment's content went out twice");
    assert_eq!(shop.transfers(&[&payment]), [transaction], "{settle}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a13_a15_a_replica_that_stood_still_delivers_nothing_that_another_did_before() {
    delivered_meanwhile("before").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a13_a15_a_replica_that_stood_still_delivers_nothing_that_another_did_after() {
    delivered_meanwhile("after").await;
}

/// It was paid, the upstream works on it, and its answer comes to a process that does not run: by the time it
/// is looked at, another replica has served what was bought.
#[tokio::test(flavor = "multi_thread")]
async fn a13_a15_a_response_that_waited_for_a_replica_that_stood_still_is_not_delivered_again() {
    let Some(shop) = Shop::open("webdis", |scene| scene) else { return };
    let path = "/before/stood";
    let payment = shop.sign(path).await;
    let mut first = shop.sent(0, &format!("{path}?delay=2000"), &payment).await;
    until("the upstream works", || shop.replicas.stage.upstream.hits(path) == 1).await;
    let still = shop.replicas.envoy(0).pid();
    signal("STOP", still);
    pause(LAPSED).await;
    let second = shop.come_back(1, path, &payment).await;
    signal("CONT", still);
    let transaction = paid(&second);
    let answer = first.read(false).await;
    assert_ne!(answer.status, 200, "the same payment's content went out twice: {answer:?}");
    assert_eq!(shop.transfers(&[&payment]), [transaction]);
}
