//! Two Envoys that share their claims in a Redis: what holds within one process holds across both.

use std::collections::BTreeMap;
use std::sync::Arc;

use x402_devstack::client::{request, RawConnection, RawRequest};
use x402_devstack::facilitator::{Fault, FaultKind};
use x402_devstack::network::{Aim, Trouble};
use x402_devstack::payer::Wallet;
use x402_live::{assert_pending, code, paid, pause, refused, until, Shop};

fn open(kind: &'static str) -> Option<Shop> {
    Shop::open(kind, |scene| scene)
}

async fn served_once_everywhere(shop: &Shop, kind: &str) {
    for path in ["/before/both", "/after/both"] {
        let payment = shop.sign(path).await;
        let transaction = paid(&shop.ask(0, path, &payment).await);
        for at in [1, 0, 1] {
            let again = shop.come_back(at, path, &payment).await;
            refused(&again, 402, "payment_already_used");
            assert_eq!(x402_live::transaction(&again).as_ref(), Some(&transaction), "{kind}: the receipt");
        }
        assert_eq!(shop.settles(&payment), 1);
        assert_eq!(shop.transfers(&[&payment]), [transaction]);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a1_a_payment_delivered_by_one_replica_is_used_in_the_other_webdis() {
    let Some(shop) = open("webdis") else { return };
    served_once_everywhere(&shop, "webdis").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a1_a_payment_delivered_by_one_replica_is_used_in_the_other_upstash() {
    let Some(shop) = open("upstash") else { return };
    served_once_everywhere(&shop, "upstash").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a1_copies_raced_over_two_replicas_are_one_grant() {
    let Some(shop) = open("webdis") else { return };
    let shop = Arc::new(shop);
    let mut seen: BTreeMap<String, usize> = BTreeMap::new();
    for round in 0..20 {
        let kind = ["before", "after"][round % 2];
        let target = format!("/{kind}/race?delay=30&marker=r{round}");
        let payment = shop.sign(&target).await;
        let copies: Vec<_> = (0..24)
            .map(|copy| {
                let (shop, target, payment) = (Arc::clone(&shop), target.clone(), payment.clone());
                tokio::spawn(async move { shop.ask((copy + round / 2) % 2, &target, &payment).await })
            })
            .collect();
        let mut granted = 0;
        for copy in copies {
            let answer = copy.await.unwrap();
            if answer.status == 200 {
                paid(&answer);
                granted += 1;
            } else {
                *seen.entry(code(&answer)).or_default() += 1;
                assert!(
                    ["payment_in_flight", "payment_already_used"].contains(&code(&answer).as_str()),
                    "{answer:?}"
                );
            }
        }
        assert_eq!(granted, 1, "round {round}: {seen:?}");
        assert_eq!(shop.settles(&payment), 1);
        assert_eq!(shop.replicas.stage.upstream.marked(&format!("r{round}")), 1);
    }
    assert!(seen.get("payment_in_flight").is_some_and(|count| *count > 20), "{seen:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a13_credit_is_given_by_the_other_replica() {
    let Some(shop) = open("webdis") else { return };
    let (wallet, path) = (Wallet::another(), "/before/credit");
    let first = shop.sign_by(&wallet, path).await;
    assert_eq!(shop.ask(0, &format!("{path}?status=500"), &first).await.status, 500);
    let second = shop.sign_by(&wallet, path).await;
    let answer = shop.ask(1, path, &second).await;
    assert_eq!([paid(&answer)].as_slice(), shop.transfers(&[&first, &second]));
    assert_eq!(shop.settles(&second), 0);
    pause(100).await;
    for at in [0, 1] {
        refused(&shop.ask(at, path, &first).await, 402, "payment_already_used");
        refused(&shop.ask(at, path, &second).await, 402, "payment_already_used");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a11_an_open_outcome_is_resolved_by_the_other_replica() {
    let Some(shop) = open("webdis") else { return };
    let (wallet, path) = (Wallet::another(), "/before/open");
    let first = shop.sign_by(&wallet, path).await;
    let facilitator = &shop.replicas.stage.facilitator;
    facilitator.fault(Fault::once(FaultKind::Pending).nonce(first.nonce));
    assert_pending(&shop.ask(0, path, &first).await, "open");
    let answer = shop.come_back(1, path, &first).await;
    assert_eq!([paid(&answer)].as_slice(), shop.transfers(&[&first]));
}

#[tokio::test(flavor = "multi_thread")]
async fn a15_what_a_replica_left_when_it_crashed_is_taken_up_by_the_other() {
    let Some(mut shop) = open("webdis") else { return };
    let (wallet, path) = (Wallet::another(), "/before/crash");
    let first = shop.sign_by(&wallet, path).await;
    let slow = FaultKind::Delay { ms: 1_500, book_late: false };
    shop.replicas.stage.facilitator.fault(Fault::once(slow).nonce(first.nonce));
    let mut connection = RawConnection::open(shop.replicas.envoy(0).address()).await.unwrap();
    connection.send(&RawRequest::get(path).pay(&first)).await.unwrap();
    until("the facilitator was asked", || shop.settles(&first) == 1).await;
    shop.replicas.crash(0);
    // Its lease is live: nobody is granted anything on it, and nobody is asked to pay again.
    let early = shop.ask(1, path, &first).await;
    assert!(["payment_in_flight", "settlement_pending"].contains(&code(&early).as_str()), "{early:?}");
    let answer = shop.come_back(1, path, &first).await;
    // This facilitator does not repeat a success: the outcome stays open, and is never sold again.
    assert_pending(&answer, "nobody heard");
    let second = shop.sign_by(&wallet, path).await;
    assert_pending(&shop.come_back(0, path, &second).await, "nor is the wallet charged again");
    assert_eq!(shop.transfers(&[&first, &second]).len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a14_without_the_store_nothing_is_sold_and_nothing_is_free() {
    let Some(shop) = open("webdis") else { return };
    let path = "/before/down";
    let payment = shop.sign(path).await;
    shop.to_store().refuse();
    // A worker may be asking what is due: that connection is not idle, and would outlive this.
    shop.to_store().break_off();
    for at in [0, 1] {
        let answer = shop.ask(at, path, &payment).await;
        refused(&answer, 503, "claim_store_unavailable");
        assert!(answer.header("retry-after").is_some());
    }
    // Until each worker has seen enough of it.
    for _ in 0..40 {
        let next = shop.ask(0, path, &payment).await;
        assert_eq!(next.status, 503, "{next:?}");
    }
    let unpaid = request(shop.replicas.envoy(0).address(), &RawRequest::get(path)).await;
    assert_eq!(unpaid.status, 503, "nobody signs what cannot be taken");
    assert!(unpaid.header("payment-required").is_none());
    let free = request(shop.replicas.envoy(0).address(), &RawRequest::get("/free/x")).await;
    assert_eq!(free.status, 200);
    assert_eq!(shop.settles(&payment), 0);
    shop.to_store().resume();
    let mut answer = shop.ask(0, path, &payment).await;
    for _ in 0..100 {
        if answer.status == 200 {
            break;
        }
        assert_eq!(answer.status, 503, "{answer:?}");
        pause(100).await;
        answer = shop.ask(0, path, &payment).await;
    }
    paid(&answer);
    assert_eq!(shop.settles(&payment), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a14_answers_of_the_store_that_are_lost_grant_nothing_twice() {
    let Some(shop) = open("webdis") else { return };
    let path = "/before/lossy";
    for round in 0..8 {
        let payment = shop.sign(path).await;
        // Some calls are never answered; or they are written, and nobody hears of it.
        let lost = [Trouble::BlackHole, Trouble::ResetAfterAnswer(0)][round % 2];
        shop.to_store().trouble(lost, Aim::Every(2));
        shop.to_store().break_off();
        let mut granted = 0;
        for try_ in 0..6 {
            let answer = shop.ask(try_ % 2, path, &payment).await;
            granted += usize::from(answer.status == 200);
            assert!([200, 402, 503].contains(&answer.status), "{answer:?}");
        }
        shop.to_store().mend();
        shop.to_store().break_off();
        pause(2_500).await;
        let answer = shop.come_back(round % 2, path, &payment).await;
        granted += usize::from(answer.status == 200);
        assert!(granted <= 1, "round {round}: granted {granted} times");
        assert!(shop.transfers(&[&payment]).len() <= 1);
    }
}
