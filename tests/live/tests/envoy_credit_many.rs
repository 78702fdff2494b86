//! Credit for a wallet that buys much at once (A13): what it is owed is found however many of its
//! other purchases are at work, with a store and without, and whatever its payments are called.

use serde_json::{json, Value};
use tokio::task::JoinHandle;
use x402_devstack::client::{request, Answer, RawConnection, RawRequest};
use x402_devstack::payer::{Draft, Payment, Wallet};
use x402_live::{paid, pause, plugin, refused, until, Scene, Shop};

const NAME: &str = "order_0123456789";

/// A purchase that is under way.
fn go(shop: &Shop, target: String, payment: &Payment) -> JoinHandle<Answer> {
    let (door, ask) = (shop.replicas.envoy(0).address(), RawRequest::get(target).pay(payment));
    tokio::spawn(async move { request(door, &ask).await })
}

async fn many(shop: &Shop, wallet: &Wallet, path: &str, count: usize) -> Vec<Payment> {
    let mut payments = Vec::new();
    for _ in 0..count {
        payments.push(shop.sign_by(wallet, path).await);
    }
    payments
}

async fn all_served(tasks: Vec<JoinHandle<Answer>>) {
    for task in tasks {
        paid(&task.await.expect("an answer"));
    }
}

/// The first purchase is paid and fails while others of the wallet, which began a second later and end
/// later, are upstream: the wallet's next payment is served from it.
async fn found_behind(shop: Option<Shop>, others: usize) {
    let Some(shop) = shop else { return };
    let (wallet, path) = (Wallet::another(), "/before/behind");
    let mut payments = many(&shop, &wallet, path, others + 2).await;
    let (next, first) = (payments.pop().expect("the last"), payments.pop().expect("one more"));
    let failing = go(&shop, format!("{path}?delay=2000&status=503"), &first);
    pause(1_100).await;
    let tasks = payments.iter().map(|payment| go(&shop, format!("{path}?delay=2500"), payment)).collect();
    assert_eq!(failing.await.expect("an answer").status, 503);
    let answer = shop.ask(0, path, &next).await;
    assert_eq!([paid(&answer)], *shop.transfers(&[&first, &next]), "it is not charged");
    assert_eq!((shop.settles(&first), shop.settles(&next)), (1, 0));
    all_served(tasks).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a13_what_is_owed_is_found_behind_many_purchases_at_work_alone() {
    found_behind(Shop::alone(|scene| scene), 12).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a13_what_is_owed_is_found_behind_many_purchases_at_work_webdis() {
    found_behind(Shop::open("webdis", |scene| scene), 12).await;
}

/// Who left while his first payment settled is told to wait for it, however many others settle.
async fn awaited_behind(shop: Option<Shop>) {
    let Some(shop) = shop else { return };
    let (wallet, path) = (Wallet::another(), "/before/left-behind");
    let mut payments = many(&shop, &wallet, path, 14).await;
    let (next, first) = (payments.pop().expect("the last"), payments.pop().expect("one more"));
    let stage = &shop.replicas.stage;
    stage.settle_slowly(&first, 2_500);
    for payment in &payments {
        stage.settle_slowly(payment, 3_000);
    }
    let mut connection = RawConnection::open(shop.replicas.envoy(0).address()).await.unwrap();
    connection.send(&RawRequest::get(path).pay(&first)).await.unwrap();
    until("it is being settled", || shop.settles(&first) == 1).await;
    pause(1_000).await;
    let tasks = payments.iter().map(|payment| go(&shop, path.to_owned(), payment)).collect();
    until("all are being settled", || payments.iter().all(|payment| shop.settles(payment) == 1)).await;
    connection.abort();
    pause(200).await;
    refused(&shop.ask(0, path, &next).await, 503, "payment_in_flight");
    let answer = shop.come_back(0, path, &next).await;
    assert_eq!([paid(&answer)], *shop.transfers(&[&first, &next]), "it is not charged");
    assert_eq!(shop.settles(&next), 0);
    all_served(tasks).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a13_who_left_behind_many_purchases_at_work_is_not_charged_again_alone() {
    awaited_behind(Shop::alone(|scene| scene)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a13_who_left_behind_many_purchases_at_work_is_not_charged_again_webdis() {
    awaited_behind(Shop::open("webdis", |scene| scene)).await;
}

/// More at once than the store's index once had room for: when all is quiet again, what is owed still
/// stands there.
#[tokio::test(flavor = "multi_thread")]
async fn a13_many_purchases_at_once_push_nothing_that_is_owed_out_of_the_store() {
    let Some(shop) = Shop::open("webdis", |scene| scene) else { return };
    let (wallet, path) = (Wallet::another(), "/before/pushed");
    let mut payments = many(&shop, &wallet, path, 71).await;
    let first = payments.pop().expect("the last");
    let failing = go(&shop, format!("{path}?delay=2800&status=503"), &first);
    pause(1_100).await;
    let tasks = payments.iter().map(|payment| go(&shop, format!("{path}?delay=4500"), payment)).collect();
    assert_eq!(failing.await.expect("an answer").status, 503);
    all_served(tasks).await;
    let next = shop.sign_by(&wallet, path).await;
    let answer = shop.ask(1, path, &next).await;
    assert_eq!([paid(&answer)], *shop.transfers(&[&first, &next]), "it is not charged");
    assert_eq!(shop.settles(&next), 0);
}

fn orders(config: &mut Value) {
    config["routes"].as_array_mut().expect("routes").push(json!({ "name": "orders",
        "match": { "path": "/orders/**" }, "offer": { "price": "$0.003", "paymentIdentifier": "optional" } }));
}

async fn named(shop: &Shop, wallet: &Wallet, target: &str) -> Payment {
    let answer = request(shop.replicas.envoy(0).address(), &RawRequest::get(target)).await;
    let mut draft = Draft::for_quote(wallet, &answer.quote().expect("a quote")).expect("payable");
    draft.extensions.as_mut().expect("extensions")["payment-identifier"]["info"]["id"] = json!(NAME);
    draft.sign(wallet)
}

async fn fail(shop: &Shop, path: &str, payment: &Payment) -> u16 {
    let ask = RawRequest::get(path).header("x-test-status", "503").pay(payment);
    request(shop.replicas.envoy(0).address(), &ask).await.status
}

/// An order that was paid and failed is tried again under its name with a new signature: it is served
/// from what was paid, once. The name buys nothing more, and to another wallet it is worth nothing.
async fn named_again(shop: Option<Shop>) {
    let Some(shop) = shop else { return };
    let (wallet, path) = (Wallet::another(), "/orders/a");
    let first = named(&shop, &wallet, path).await;
    assert_eq!(fail(&shop, path, &first).await, 503);
    let stranger = named(&shop, &Wallet::another(), path).await;
    let answer = shop.ask(0, path, &stranger).await;
    assert_eq!([paid(&answer)], *shop.transfers(&[&stranger]), "a stranger pays for himself");
    // It fails once more: the payment that stands for it can be sent again as well.
    let second = named(&shop, &wallet, path).await;
    assert_eq!(fail(&shop, path, &second).await, 503);
    let answer = shop.ask(0, path, &second).await;
    assert_eq!([paid(&answer)], *shop.transfers(&[&first, &second]));
    assert_eq!((shop.settles(&first), shop.settles(&second)), (1, 0));
    pause(100).await;
    for _ in 0..2 {
        let third = named(&shop, &wallet, path).await;
        refused(&shop.ask(0, path, &third).await, 409, "payment_identifier_conflict");
        assert_eq!(shop.settles(&third), 0);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a13_a_named_order_that_failed_is_served_under_its_name_alone() {
    let mut config = plugin("10s");
    orders(&mut config);
    named_again(Shop::alone(|_| Scene::new(config))).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a13_a_named_order_that_failed_is_served_under_its_name_webdis() {
    named_again(Shop::open_with("webdis", orders, |scene| scene)).await;
}
