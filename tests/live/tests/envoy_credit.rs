//! Credit for wallets: clients sign anew instead of sending a payment again, so whoever is owed
//! something is served before he is charged again.

use std::sync::OnceLock;

use serde_json::Value;
use x402_devstack::client::{RawConnection, RawRequest};
use x402_devstack::facilitator::{Fault, FaultKind};
use x402_devstack::payer::{Draft, Payment, Wallet};
use x402_live::{assert_pending, code, paid, pause, plugin, refused, until, Scene, Stage};

static STAGE: OnceLock<Option<Stage>> = OnceLock::new();

fn stage() -> Option<&'static Stage> {
    STAGE.get_or_init(|| Scene::new(plugin("3s")).start()).as_ref()
}

/// A fresh payment of a wallet that nobody else in this file uses.
async fn sign_by(stage: &Stage, wallet: &Wallet, target: &str) -> Payment {
    let quote = stage.quote(target).await;
    Draft::for_quote(wallet, &quote).expect("something payable").sign(wallet)
}

/// What the one transfer there is says, for these payments in all.
fn transfer(stage: &Stage, payments: &[&Payment]) -> String {
    let all = payments.iter().flat_map(|payment| stage.facilitator.transfers_of(payment.nonce));
    let all: Vec<_> = all.collect();
    assert_eq!(all.len(), 1, "the money moved once: {all:?}");
    all[0].transaction.to_string()
}

/// Pays, and the upstream fails: the money moved and nothing was delivered.
async fn fail(stage: &Stage, path: &str, payment: &Payment) {
    let answer = stage.buy(&format!("{path}?status=500"), payment).await;
    assert_eq!(answer.status, 500, "{answer:?}");
    assert_eq!(stage.facilitator.transfers_of(payment.nonce).len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a13_a_new_payment_of_the_wallet_is_served_from_the_one_that_was_taken() {
    let Some(stage) = stage() else { return };
    let (wallet, path) = (Wallet::dev(1), "/before/credit-taken");
    let first = sign_by(stage, &wallet, path).await;
    fail(stage, path, &first).await;
    let second = sign_by(stage, &wallet, path).await;
    let answer = stage.buy(path, &second).await;
    assert_eq!(paid(&answer), transfer(stage, &[&first, &second]), "the first one's receipt");
    assert_eq!(stage.settled(&second), (0, 0), "the second is never submitted");
    pause(50).await;
    refused(&stage.buy(path, &second).await, 402, "payment_already_used");
    refused(&stage.buy(path, &first).await, 402, "payment_already_used");
    // What was owed is served: the next one pays for itself.
    let third = sign_by(stage, &wallet, path).await;
    paid(&stage.buy(path, &third).await);
    assert_eq!(stage.settled(&third), (1, 1));
}

#[tokio::test(flavor = "multi_thread")]
async fn a13_credit_is_for_the_same_offer_and_the_same_wallet() {
    let Some(stage) = stage() else { return };
    let (wallet, path) = (Wallet::dev(2), "/before/credit-scope");
    let first = sign_by(stage, &wallet, path).await;
    fail(stage, path, &first).await;
    let stranger = sign_by(stage, &Wallet::dev(3), path).await;
    paid(&stage.buy(path, &stranger).await);
    assert_eq!(stage.settled(&stranger), (1, 1), "another wallet pays");
    let elsewhere = sign_by(stage, &wallet, "/after/credit-scope").await;
    paid(&stage.buy("/after/credit-scope", &elsewhere).await);
    assert_eq!(stage.settled(&elsewhere), (1, 1), "another offer is paid");
    let second = sign_by(stage, &wallet, path).await;
    assert_eq!(paid(&stage.buy(path, &second).await), transfer(stage, &[&first, &second]));
}

#[tokio::test(flavor = "multi_thread")]
async fn a13_an_upstream_that_fails_three_times_leaves_a_claim_exhausted_and_the_next_payment_pays() {
    let Some(stage) = stage() else { return };
    let (wallet, path) = (Wallet::dev(4), "/before/credit-exhausted");
    let first = sign_by(stage, &wallet, path).await;
    fail(stage, path, &first).await;
    let mut credited = Vec::new();
    for _ in 0..3 {
        let next = sign_by(stage, &wallet, path).await;
        let answer = stage.buy(&format!("{path}?status=500"), &next).await;
        assert_eq!(answer.status, 500);
        assert_eq!(stage.settled(&next), (0, 0));
        credited.push(next);
    }
    // The payments that stand for it say what it says.
    refused(&stage.buy(path, &credited[0]).await, 502, "redemption_exhausted");
    let next = sign_by(stage, &wallet, path).await;
    paid(&stage.buy(path, &next).await);
    assert_eq!(stage.settled(&next), (1, 1));
}

#[tokio::test(flavor = "multi_thread")]
async fn a13_a_payment_that_stands_for_another_serves_once_however_often_it_is_sent() {
    let Some(stage) = stage() else { return };
    let (wallet, path) = (Wallet::dev(5), "/before/credit-alias");
    let first = sign_by(stage, &wallet, path).await;
    fail(stage, path, &first).await;
    let second = sign_by(stage, &wallet, path).await;
    // It is used up in the first one's favour, and the upstream fails again.
    let answer = stage.buy(&format!("{path}?status=500"), &second).await;
    assert_eq!(answer.status, 500);
    refused(&stage.buy("/after/credit-alias", &second).await, 409, "payment_bound_elsewhere");
    // Sent again it is the first one that is presented.
    assert_eq!(paid(&stage.buy(path, &second).await), transfer(stage, &[&first, &second]));
    pause(50).await;
    refused(&stage.buy(path, &first).await, 402, "payment_already_used");
    refused(&stage.buy(path, &second).await, 402, "payment_already_used");
}

#[tokio::test(flavor = "multi_thread")]
async fn a11_a_new_payment_asks_about_the_open_one_first() {
    let Some(stage) = stage() else { return };
    // The money moved, the answer was lost; asked again, this facilitator says so.
    let (wallet, path) = (Wallet::dev(6), "/before/credit-open");
    let first = sign_by(stage, &wallet, path).await;
    stage.facilitator.fault(Fault::once(FaultKind::Pending).nonce(first.nonce));
    assert_pending(&stage.buy(path, &first).await, "open");
    let second = sign_by(stage, &wallet, path).await;
    let answer = stage.come_back(path, &second).await;
    assert_eq!(paid(&answer), transfer(stage, &[&first, &second]));
    assert_eq!(stage.settled(&second), (0, 0));
}

#[tokio::test(flavor = "multi_thread")]
async fn a11_a_new_payment_is_not_taken_while_the_open_one_proves_nothing() {
    let Some(stage) = stage() else { return };
    let (wallet, path) = (Wallet::dev(7), "/before/credit-unproven");
    let first = sign_by(stage, &wallet, path).await;
    stage.facilitator.fault(Fault::once(FaultKind::LostAnswer).nonce(first.nonce));
    assert_pending(&stage.buy(path, &first).await, "open");
    for _ in 0..3 {
        let next = sign_by(stage, &wallet, path).await;
        let answer = stage.come_back(path, &next).await;
        assert_pending(&answer, "still open");
        assert_eq!(stage.settled(&next), (0, 0), "nobody pays twice");
    }
    transfer(stage, &[&first]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a12_who_left_while_it_settled_is_not_charged_for_coming_back_with_a_new_payment() {
    let Some(stage) = stage() else { return };
    for (wallet, path) in [(8, "/before/credit-left"), (8, "/after/credit-left")] {
        let wallet = Wallet::dev(wallet);
        let first = sign_by(stage, &wallet, path).await;
        stage.settle_slowly(&first, 700);
        let mut connection = RawConnection::open(stage.envoy.address()).await.unwrap();
        connection.send(&RawRequest::get(path).pay(&first)).await.unwrap();
        until("it is being settled", || stage.facilitator.settles_of(first.nonce) == 1).await;
        connection.abort();
        pause(100).await;
        let second = sign_by(stage, &wallet, path).await;
        let early = stage.buy(path, &second).await;
        assert_eq!((early.status, code(&early).as_str()), (503, "payment_in_flight"));
        pause(900).await;
        let third = sign_by(stage, &wallet, path).await;
        let answer = stage.buy(path, &third).await;
        assert_eq!(paid(&answer), transfer(stage, &[&first, &second, &third]), "{path}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_outcome_left_open_is_asked_about_by_the_timer() {
    let Some(stage) = stage() else { return };
    let (wallet, path) = (Wallet::dev(0), "/before/credit-timer");
    let first = sign_by(stage, &wallet, path).await;
    stage.facilitator.fault(Fault::once(FaultKind::Pending).nonce(first.nonce));
    assert_pending(&stage.buy(path, &first).await, "open");
    until("the timer asked again", || stage.facilitator.settles_of(first.nonce) >= 2).await;
    pause(300).await;
    let second = sign_by(stage, &wallet, path).await;
    assert_eq!(paid(&stage.buy(path, &second).await), transfer(stage, &[&first, &second]));
    assert_eq!(stage.settled(&first).0, 2, "once more, and no more");
}

/// Two payments of a contract that accepts every signature and has money for one. Only the facilitator can say
/// whose they are.
async fn spends_its_last(stage: &Stage, path: &str) -> [Payment; 2] {
    let wallet = Wallet::another();
    stage.facilitator.deploy_wallet(wallet.address(), true);
    let quote = stage.quote(path).await;
    let number = |text: &Value| text.as_str().expect("text").to_owned();
    let way = &quote.accepts[0];
    let (asset, amount) = (number(&way["asset"]).parse(), number(&way["amount"]).parse());
    let (asset, amount) = (asset.expect("an address"), amount.expect("a number"));
    stage.facilitator.fund("eip155:84532", asset, wallet.address(), amount);
    let sign = || {
        let payment = Draft::for_quote(&wallet, &quote).expect("payable").sign(&wallet);
        let own = payment.nonce.repeat(3);
        payment.with_signature(&own)
    };
    [sign(), sign()]
}

/// Not told to pay again, and nobody asked for more.
async fn told_to_wait(stage: &Stage, path: &str, next: &Payment) {
    refused(&stage.buy(path, next).await, 503, "facilitator_unavailable");
    assert_eq!(stage.settled(next), (0, 0));
}

#[tokio::test(flavor = "multi_thread")]
async fn a13_a_contract_wallet_that_spent_its_last_is_not_told_to_pay_again_for_what_it_is_owed() {
    let Some(stage) = stage() else { return };
    let path = "/before/last-owed";
    let [first, next] = spends_its_last(stage, path).await;
    fail(stage, path, &first).await;
    told_to_wait(stage, path, &next).await;
    assert_eq!(paid(&stage.come_back(path, &first).await), transfer(stage, &[&first, &next]));
}

#[tokio::test(flavor = "multi_thread")]
async fn a11_a_contract_wallet_that_spent_its_last_is_not_told_to_pay_again_while_that_is_open() {
    let Some(stage) = stage() else { return };
    for path in ["/before/last-open", "/after/last-open"] {
        let [first, next] = spends_its_last(stage, path).await;
        stage.facilitator.fault(Fault::once(FaultKind::Pending).nonce(first.nonce));
        assert_pending(&stage.buy(path, &first).await, "open");
        told_to_wait(stage, path, &next).await;
        assert_eq!(paid(&stage.come_back(path, &first).await), transfer(stage, &[&first, &next]));
    }
}
