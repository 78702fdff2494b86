//! An outcome that is open in the shared store, and a wallet that comes with another payment (A11,
//! A13): that payment asks about the open one itself, while its client waits, from what the store
//! kept; and however often it is tried, the timer is not put off.

use std::time::{Duration, Instant};

use serde_json::json;
use x402_devstack::client::Answer;
use x402_devstack::facilitator::{Fault, FaultKind, Node};
use x402_devstack::payer::{Payment, Wallet};
use x402_live::{assert_pending, code, paid, pause, refused, Shop};

/// Base Sepolia.
const CHAIN: u64 = 84_532;

fn open(kind: &str) -> Option<Shop> {
    Shop::open(kind, |scene| scene)
}

/// With a node of the chain.
fn with_node() -> Option<(Shop, Node)> {
    let node = Node::start(CHAIN).expect("a free port");
    let shop = Shop::open_with(
        "webdis",
        |config| {
            config["rpc"] = json!({ "base-sepolia": {
                "cluster": "node", "authority": "node", "timeout": "500ms", "finality": "2s",
            } });
        },
        |scene| scene.cluster("node", node.address()),
    )?;
    node.follow(&shop.replicas.stage.facilitator);
    Some((shop, node))
}

/// A payment of which the first replica's facilitator says that it pends, so often.
async fn left_open(shop: &Shop, wallet: &Wallet, path: &str, times: u32) -> Payment {
    let payment = shop.sign_by(wallet, path).await;
    let pends = Fault::once(FaultKind::Pending).times(times);
    shop.replicas.stage.facilitator.fault(pends.nonce(payment.nonce));
    assert_pending(&shop.ask(0, path, &payment).await, "open");
    payment
}

async fn all_used(shop: &Shop, path: &str, payments: &[&Payment]) {
    pause(100).await;
    for payment in payments {
        for at in [0, 1] {
            refused(&shop.ask(at, path, payment).await, 402, "payment_already_used");
        }
    }
}

/// What keeps a client waiting is at most this.
fn is_open(answer: &Answer) -> bool {
    answer.status == 503 && ["settlement_pending", "payment_in_flight"].contains(&code(answer).as_str())
}

async fn resolved_by_a_new_payment(kind: &str) {
    let Some(shop) = open(kind) else { return };
    for at in [0, 1] {
        for flow in ["before", "after"] {
            let (wallet, path) = (Wallet::another(), format!("/{flow}/resolves-{at}"));
            let first = left_open(&shop, &wallet, &path, 1).await;
            let second = shop.sign_by(&wallet, &path).await;
            // At once: no timer was there before it.
            let answer = shop.ask(at, &path, &second).await;
            assert_eq!([paid(&answer)], *shop.transfers(&[&first, &second]), "{flow}, replica {at}");
            assert_eq!((shop.settles(&first), shop.settles(&second)), (2, 0), "{flow}, replica {at}");
            all_used(&shop, &path, &[&first, &second]).await;
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a11_a_new_payment_resolves_the_wallets_open_one_webdis() {
    resolved_by_a_new_payment("webdis").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a11_a_new_payment_resolves_the_wallets_open_one_upstash() {
    resolved_by_a_new_payment("upstash").await;
}

/// Another purchase of the same wallet asks about nothing, and neither does another wallet's.
#[tokio::test(flavor = "multi_thread")]
async fn a11_an_open_payment_is_asked_about_for_its_own_purchase_only() {
    let Some(shop) = open("webdis") else { return };
    let (wallet, path) = (Wallet::another(), "/before/own");
    let first = left_open(&shop, &wallet, path, 9).await;
    let elsewhere = shop.sign_by(&wallet, "/after/elsewhere").await;
    paid(&shop.ask(1, "/after/elsewhere", &elsewhere).await);
    let stranger = shop.sign(path).await;
    paid(&shop.ask(1, path, &stranger).await);
    assert_eq!((shop.settles(&elsewhere), shop.settles(&stranger)), (1, 1));
    let second = shop.sign_by(&wallet, path).await;
    assert_pending(&shop.come_back(1, path, &second).await, "it still pends");
    assert_eq!((shop.settles(&second), shop.transfers(&[&first, &second]).len()), (0, 1));
}

/// A client that signs anew several times a second, and heeds no `Retry-After`, is served as soon as
/// the facilitator knows, and is charged once.
#[tokio::test(flavor = "multi_thread")]
async fn a11_a_client_that_signs_anew_without_waiting_is_served_once_it_is_known() {
    let Some(shop) = open("webdis") else { return };
    let (wallet, path) = (Wallet::another(), "/before/hasty");
    let mut payments = vec![left_open(&shop, &wallet, path, 1_000).await];
    let begun = Instant::now();
    let mut known = None;
    let answer = loop {
        pause(300).await;
        let next = shop.sign_by(&wallet, path).await;
        let answer = shop.ask(payments.len() % 2, path, &next).await;
        payments.push(next);
        if answer.status == 200 {
            break answer;
        }
        assert!(is_open(&answer), "{answer:?}");
        if begun.elapsed() > Duration::from_secs(4) && known.is_none() {
            shop.replicas.stage.facilitator.clear_faults();
            known = Some(Instant::now());
        }
        assert!(begun.elapsed() < Duration::from_secs(12), "starved: {} payments", payments.len());
    };
    let known = known.expect("nobody knew before that");
    // By then it was asked about so often that there is one ask a second.
    assert!(known.elapsed() < Duration::from_millis(2_500), "{:?} after it was known", known.elapsed());
    let all: Vec<&Payment> = payments.iter().collect();
    assert_eq!([paid(&answer)], *shop.transfers(&all));
    assert!(payments[1..].iter().all(|payment| shop.settles(payment) == 0), "none of them is submitted");
    all_used(&shop, path, &[all[0], all[all.len() - 1]]).await;
}

/// Nobody comes: it is asked about by the timer, two seconds later, then five, then fifteen.
async fn asked_about_later_and_later(shop: Option<Shop>) {
    let Some(shop) = shop else { return };
    let (wallet, path) = (Wallet::another(), "/before/stays-open");
    let first = left_open(&shop, &wallet, path, 1_000).await;
    for asked in [2, 3] {
        let begun = Instant::now();
        while shop.settles(&first) < asked {
            assert!(begun.elapsed() < Duration::from_secs(14), "the timer sleeps");
            pause(20).await;
        }
    }
    pause(9_000).await;
    assert_eq!(shop.settles(&first), 3);
}

#[tokio::test(flavor = "multi_thread")]
async fn a11_an_outcome_that_stays_open_is_asked_about_later_and_later_with_a_store() {
    asked_about_later_and_later(open("webdis")).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a11_an_outcome_that_stays_open_is_asked_about_later_and_later_without() {
    asked_about_later_and_later(Shop::alone(|scene| scene)).await;
}

/// The chain is asked first, from what the store kept, and its word serves whoever waits.
#[tokio::test(flavor = "multi_thread")]
async fn a11_a_new_payment_has_the_chain_asked_about_the_wallets_open_one() {
    let Some((shop, node)) = with_node() else { return };
    let (wallet, path) = (Wallet::another(), "/before/chain");
    let first = shop.sign_by(&wallet, path).await;
    let lost = Fault::always(FaultKind::LostAnswer).nonce(first.nonce);
    shop.replicas.stage.facilitator.fault(lost);
    node.refuse();
    assert_pending(&shop.ask(0, path, &first).await, "nobody proves it");
    node.resume();
    let second = shop.sign_by(&wallet, path).await;
    let answer = shop.ask(1, path, &second).await;
    assert_eq!([paid(&answer)], *shop.transfers(&[&first, &second]));
    assert_eq!((shop.settles(&first), shop.settles(&second)), (1, 0), "the chain said it");
    all_used(&shop, path, &[&first, &second]).await;
}

/// A client that leaves while its new payment asks about the open one leaves nothing at work: what
/// comes of the asking is the wallet's.
#[tokio::test(flavor = "multi_thread")]
async fn a12_leaving_while_a_new_payment_resolves_the_open_one_loses_nothing() {
    let Some(shop) = open("webdis") else { return };
    let (wallet, path) = (Wallet::another(), "/before/resolves-and-leaves");
    let first = left_open(&shop, &wallet, path, 1).await;
    let slow = FaultKind::Delay { ms: 800, book_late: false };
    shop.replicas.stage.facilitator.fault(Fault::once(slow).nonce(first.nonce));
    let second = shop.sign_by(&wallet, path).await;
    let connection = shop.sent(1, path, &second).await;
    x402_live::until("it is asked about", || shop.settles(&first) == 2).await;
    connection.abort();
    let third = shop.sign_by(&wallet, path).await;
    refused(&shop.ask(0, path, &third).await, 503, "payment_in_flight");
    let answer = shop.come_back(0, path, &third).await;
    assert_eq!([paid(&answer)], *shop.transfers(&[&first, &second, &third]));
    assert_eq!((shop.settles(&second), shop.settles(&third)), (0, 0));
    all_used(&shop, path, &[&first, &second, &third]).await;
}
