//! A shared store that fails under payments (A1, A13, A14): what became of a claim is written when it
//! is back, nobody is charged again, and nothing is delivered twice.

use std::time::{Duration, Instant};

use serde_json::json;
use x402_devstack::client::{request, RawRequest};
use x402_devstack::facilitator::Node;
use x402_devstack::network::{Aim, Trouble};
use x402_devstack::payer::{Payment, Wallet};
use x402_live::{assert_pending, code, paid, pause, refused, until, Shop};

/// Base Sepolia.
const CHAIN: u64 = 84_532;

/// How late the store's answers are, in milliseconds. What they tell is written at once.
const LATE: u64 = 300;

/// The longest that a payer waits once the store is back; a lease takes longer.
const GIVEN_BACK: Duration = Duration::from_secs(3);

/// The longest until a claim whose owner is gone can be had, and some.
const LAPSED: u64 = 16_500;

fn open() -> Option<Shop> {
    Shop::open("webdis", |scene| scene)
}

/// Delivers a response whose end finds the store gone; its transaction.
async fn deliver_without(shop: &Shop, path: &str, payment: &Payment) -> String {
    let mut connection = shop.sent(0, &format!("{path}?stream=30,100"), payment).await;
    // It was renewed, and only its end is to be written.
    assert!(connection.read_at_least(400).await.unwrap() >= 400);
    let begun = Instant::now();
    shop.to_store().refuse();
    shop.to_store().break_off();
    assert!(begun.elapsed() < Duration::from_secs(2), "cut too late to matter");
    let answer = connection.read(false).await;
    assert!(answer.broken.is_none());
    paid(&answer)
}

/// The store is gone while a response streams, and back so long after it ended.
async fn delivered_without_the_store(back_after: u64) {
    let Some(shop) = open() else { return };
    let path = "/before/outage";
    let payment = shop.sign(path).await;
    let begun = Instant::now();
    let transaction = deliver_without(&shop, path, &payment).await;
    // Nobody else can know; where it was delivered that is known at once.
    refused(&shop.ask(1, path, &payment).await, 503, "claim_store_unavailable");
    // With a quote, until the breaker of the store has counted enough of what was written in vain.
    let known = shop.ask(0, path, &payment).await;
    assert_eq!((known.status, code(&known).as_str()), (402, "payment_already_used"), "{known:?}");
    pause(back_after).await;
    shop.to_store().resume();
    // A breaker's pause, and a second.
    pause(7_000).await;
    for at in [1, 0, 1] {
        let again = shop.ask(at, path, &payment).await;
        refused(&again, 402, "payment_already_used");
        assert_eq!(x402_live::transaction(&again).as_ref(), Some(&transaction));
    }
    pause(LAPSED.saturating_sub(u64::try_from(begun.elapsed().as_millis()).unwrap())).await;
    refused(&shop.come_back(1, path, &payment).await, 402, "payment_already_used");
    assert_eq!(shop.replicas.stage.upstream.hits(path), 1, "granted once");
    assert_eq!(shop.transfers(&[&payment]), [transaction]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a1_a14_a_delivery_in_a_short_outage_of_the_store_is_used_everywhere() {
    delivered_without_the_store(500).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a1_a14_a_delivery_in_an_outage_longer_than_its_lease_is_used_everywhere() {
    delivered_without_the_store(LAPSED + 1_000).await;
}

/// The client is told of the failure when it is known that it is owed something, wherever it goes.
#[tokio::test(flavor = "multi_thread")]
async fn a13_who_signs_anew_as_soon_as_the_upstream_failed_is_not_charged_again() {
    let Some(shop) = open() else { return };
    for late in [0, 60] {
        if late > 0 {
            shop.to_store().trouble(Trouble::Delay(Duration::from_millis(late)), Aim::All);
            shop.to_store().break_off();
            pause(100).await;
        }
        for round in 0..12 {
            let (wallet, path) = (Wallet::another(), format!("/before/at-once-{late}-{round}"));
            let first = shop.sign_by(&wallet, &path).await;
            let second = shop.sign_by(&wallet, &path).await;
            let failed = shop.ask(round % 2, &format!("{path}?status=500"), &first).await;
            assert_eq!(failed.status, 500, "{failed:?}");
            let answer = shop.ask((round + 1) % 2, &path, &second).await;
            assert_eq!([paid(&answer)], *shop.transfers(&[&first, &second]), "{late} ms, round {round}");
        }
    }
}

/// Tries of which the upstream saw nothing are no tries. All at the replica that knows the claim: what it
/// asks for is written at once, and its answer is lost. Elsewhere the first call only learns of the claim,
/// and to lose its answer proves nothing.
#[tokio::test(flavor = "multi_thread")]
async fn a13_answers_of_the_store_that_are_lost_use_up_no_tries() {
    let Some(shop) = open() else { return };
    let path = "/before/tries";
    let payment = shop.sign(path).await;
    assert_eq!(shop.ask(0, &format!("{path}?status=500"), &payment).await.status, 500);
    for _ in 0..4 {
        shop.to_store().trouble(Trouble::ResetAfterAnswer(0), Aim::All);
        shop.to_store().break_off();
        refused(&shop.ask(0, path, &payment).await, 503, "claim_store_unavailable");
        shop.to_store().mend();
        pause(7_000).await;
    }
    assert_eq!(shop.replicas.stage.upstream.hits(path), 1);
    let answer = shop.come_back(1, path, &payment).await;
    assert_eq!([paid(&answer)], *shop.transfers(&[&payment]));
}

/// Whose response finds the store gone, later than his lease is certain, cannot know whether the claim is
/// still his: it is withheld, and that is no try either. Three would be all there are.
#[tokio::test(flavor = "multi_thread")]
async fn a14_a_response_that_finds_the_store_gone_is_withheld_and_no_try() {
    let Some(shop) = open() else { return };
    let path = "/before/withheld";
    let payment = shop.sign(path).await;
    for round in 1..=5 {
        let mut first = shop.sent(0, &format!("{path}?delay=2500"), &payment).await;
        until("the upstream works", || shop.replicas.stage.upstream.hits(path) == round).await;
        shop.to_store().refuse();
        shop.to_store().break_off();
        refused(&first.read(false).await, 503, "claim_store_unavailable");
        shop.to_store().resume();
        // What became of it is sent each second.
        pause(2_500).await;
    }
    let answer = shop.ask(1, path, &payment).await;
    assert_eq!([paid(&answer)], *shop.transfers(&[&payment]));
    assert_eq!(shop.settles(&payment), 1);
}

/// A replica that told a payer of another one's work does not go by that when he signs anew.
#[tokio::test(flavor = "multi_thread")]
async fn a13_who_signs_anew_where_he_was_told_to_wait_is_not_charged_again() {
    let Some(shop) = open() else { return };
    for round in 0..4 {
        let (wallet, path) = (Wallet::another(), format!("/before/told-to-wait-{round}"));
        let first = shop.sign_by(&wallet, &path).await;
        let second = shop.sign_by(&wallet, &path).await;
        let failing = format!("{path}?status=500");
        assert_eq!(shop.ask(0, &failing, &first).await.status, 500);
        let mut slow = shop.sent(0, &format!("{failing}&delay=1000"), &first).await;
        pause(500).await;
        refused(&shop.ask(1, &path, &first).await, 503, "payment_in_flight");
        assert_eq!(slow.read(false).await.status, 500);
        let answer = shop.ask(1, &path, &second).await;
        assert_eq!([paid(&answer)], *shop.transfers(&[&first, &second]), "round {round}");
    }
}

/// What is written, and of which nobody heard: each call of a purchase in turn; also where the store
/// is gone from then on for a while. Then the same payment comes again, and does not wait for a lease.
#[tokio::test(flavor = "multi_thread")]
async fn a14_an_answer_of_the_store_that_is_lost_in_any_state_is_one_delivery_and_one_charge() {
    let Some(shop) = open() else { return };
    for (kind, gone) in [("before", false), ("after", false), ("before", true)] {
        for call in 0..4 {
            let path = format!("/{kind}/lost-{call}-{gone}");
            let payment = shop.sign(&path).await;
            let first = lose(&shop, call, gone, &path, &payment).await;
            assert!([200, 503].contains(&first.status), "{first:?}");
            assert_ne!(code(&first), "payment_already_used");
            let begun = Instant::now();
            let again = shop.come_back(call_at(call), &path, &payment).await;
            assert!(begun.elapsed() < GIVEN_BACK, "{kind}, call {call}: left to its lease");
            let transfers = shop.transfers(&[&payment]);
            if first.status == 200 {
                refused(&again, 402, "payment_already_used");
            } else {
                assert_eq!([paid(&again)], *transfers, "{kind}, call {call}");
            }
            assert_eq!(transfers.len(), 1, "{kind}, call {call}");
            refused(&shop.come_back(0, &path, &payment).await, 402, "payment_already_used");
        }
    }
}

/// The same, and the wallet signs anew.
#[tokio::test(flavor = "multi_thread")]
async fn a13_a14_an_answer_of_the_store_that_is_lost_charges_no_wallet_twice() {
    let Some(shop) = open() else { return };
    for kind in ["before", "after"] {
        for call in 0..4 {
            let (wallet, path) = (Wallet::another(), format!("/{kind}/lost-anew-{call}"));
            let first = shop.sign_by(&wallet, &path).await;
            let second = shop.sign_by(&wallet, &path).await;
            let answer = lose(&shop, call, false, &path, &first).await;
            if answer.status == 200 {
                continue;
            }
            let served = shop.come_back(call_at(call), &path, &second).await;
            assert_eq!([paid(&served)], *shop.transfers(&[&first, &second]), "{kind}, call {call}");
        }
    }
}

fn call_at(call: u64) -> usize {
    usize::from(call.is_multiple_of(2))
}

/// Loses the answer to one of the calls to the store; the others are late. The store may be gone
/// for two seconds from then on.
async fn lose(
    shop: &Shop,
    call: u64,
    gone: bool,
    path: &str,
    payment: &Payment,
) -> x402_devstack::client::Answer {
    shop.to_store().trouble(Trouble::Delay(Duration::from_millis(LATE)), Aim::All);
    shop.to_store().break_off();
    pause(50).await;
    let (address, ask) = (shop.replicas.envoy(0).address(), RawRequest::get(path).pay(payment));
    let asked = tokio::spawn(async move { request(address, &ask).await });
    pause(call * LATE + LATE / 2).await;
    shop.to_store().mend();
    if gone {
        shop.to_store().refuse();
    }
    shop.to_store().break_off();
    let answer = asked.await.unwrap();
    if gone {
        pause(2_000).await;
        shop.to_store().resume();
        // A breaker's pause.
        pause(5_500).await;
    }
    pause(1_500).await;
    answer
}

/// The store may forget. That the chain shows a payment does not say that it was for this claim.
#[tokio::test(flavor = "multi_thread")]
async fn a1_a11_what_the_store_forgot_is_not_served_again_on_the_chains_word() {
    let node = Node::start(CHAIN).expect("a free port");
    let rpc = json!({ "base-sepolia": { "cluster": "node", "authority": "node" } });
    let configure = |config: &mut serde_json::Value| config["rpc"] = rpc;
    let Some(shop) = Shop::open_with("webdis", configure, |scene| scene.cluster("node", node.address()))
    else {
        return;
    };
    node.follow(&shop.replicas.stage.facilitator);
    for kind in ["before", "after"] {
        let path = format!("/{kind}/forgotten");
        let payment = shop.sign(&path).await;
        let transaction = paid(&shop.ask(0, &path, &payment).await);
        shop.forget();
        assert_pending(&shop.come_back(1, &path, &payment).await, "forgotten");
        assert!(shop.claims() > 0);
        refused(&shop.ask(0, &path, &payment).await, 402, "payment_already_used");
        // The timer of either asks as well.
        pause(5_000).await;
        assert_pending(&shop.come_back(1, &path, &payment).await, "nor later");
        assert_eq!(shop.transfers(&[&payment]), [transaction]);
    }
    assert!(node.calls() > 0, "the chain was asked");
}

/// A delivery of which nobody can write any more stays to be redeemed: the payer is not turned away
/// and not charged, and has it once more.
#[tokio::test(flavor = "multi_thread")]
async fn a15_a_delivery_that_died_with_its_replica_is_redeemed_once_more_and_not_charged() {
    let Some(mut shop) = open() else { return };
    let path = "/before/died";
    let payment = shop.sign(path).await;
    let transaction = deliver_without(&shop, path, &payment).await;
    refused(&shop.ask(1, path, &payment).await, 503, "claim_store_unavailable");
    shop.replicas.crash(0);
    shop.to_store().resume();
    let again = shop.come_back(1, path, &payment).await;
    assert_eq!(paid(&again), transaction);
    refused(&shop.come_back(0, path, &payment).await, 402, "payment_already_used");
    assert_eq!(shop.transfers(&[&payment]), [transaction]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a14_an_ordinary_sale_with_a_store_warns_of_nothing() {
    let Some(shop) = open() else { return };
    for kind in ["before", "after"] {
        let path = format!("/{kind}/quiet");
        let payment = shop.sign(&path).await;
        paid(&shop.ask(0, &path, &payment).await);
    }
    let log = shop.replicas.envoy(0).log();
    assert!(!log.contains("nobody waits"), "{log}");
}
