//! Clients that leave (A12): what they paid for is theirs, what they did not get is not
//! charged twice, and the record says how it came out.

use std::sync::OnceLock;

use x402_devstack::client::{RawConnection, RawRequest};
use x402_devstack::payer::Payment;
use x402_live::{paid, pause, plugin, refused, until, Scene, Stage};

static STAGE: OnceLock<Option<Stage>> = OnceLock::new();

fn stage() -> Option<&'static Stage> {
    let set = || Scene::new(plugin("10s")).start();
    STAGE.get_or_init(set).as_ref()
}

/// Sends a paid request and returns the connection, nothing read.
async fn present(stage: &Stage, target: &str, payment: &Payment) -> RawConnection {
    let mut connection = RawConnection::open(stage.envoy.address()).await.unwrap();
    let ask = RawRequest::get(target).pay(payment);
    connection.send(&ask).await.unwrap();
    connection
}

/// The payment is redeemed once, with the receipt of the one transfer there was, then used up.
async fn assert_redeemed_once(stage: &Stage, target: &str, payment: &Payment) {
    let answer = stage.come_back(target, payment).await;
    let transfers = stage.facilitator.transfers_of(payment.nonce);
    assert_eq!(paid(&answer), transfers[0].transaction.to_string());
    refused(&stage.buy(target, payment).await, 402, "payment_already_used");
    assert_eq!(stage.settled(payment), (1, 1));
}

/// How the requests for a path came out, once the last one has; those in flight left out.
async fn outcomes(stage: &Stage, path: &str, last: &str) -> Vec<String> {
    let mut count = 1;
    loop {
        let records = stage.records_of(path, count).await;
        let names = records.iter().filter_map(|record| record["outcome"].as_str());
        let settled: Vec<_> = names.filter(|name| *name != "in_flight").map(str::to_owned).collect();
        if settled.last().is_some_and(|name| name == last) {
            return settled;
        }
        count = records.len() + 1;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a12_leaving_while_it_settles_before_leaves_the_content_to_be_redeemed() {
    let Some(stage) = stage() else { return };
    let path = "/before/leave-settling";
    let payment = stage.payment(path).await;
    stage.settle_slowly(&payment, 600);
    let connection = present(stage, path, &payment).await;
    until("the facilitator was called", || stage.facilitator.settles_of(payment.nonce) == 1).await;
    connection.abort();
    pause(100).await;
    refused(&stage.buy(path, &payment).await, 503, "payment_in_flight");
    assert_redeemed_once(stage, path, &payment).await;
    assert_eq!(stage.upstream.hits(path), 1, "nobody was served for the one who left");
    let outcomes = outcomes(stage, path, "replayed").await;
    assert_eq!(outcomes, ["quoted", "pending", "redeemed", "replayed"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a12_leaving_while_it_settles_after_leaves_the_content_to_be_redeemed() {
    let Some(stage) = stage() else { return };
    let path = "/after/leave-settling";
    let payment = stage.payment(path).await;
    stage.settle_slowly(&payment, 600);
    let connection = present(stage, path, &payment).await;
    until("the facilitator was called", || stage.facilitator.settles_of(payment.nonce) == 1).await;
    connection.abort();
    assert_redeemed_once(stage, path, &payment).await;
    assert_eq!(stage.upstream.hits(path), 2);
    let outcomes = outcomes(stage, path, "replayed").await;
    assert_eq!(outcomes, ["quoted", "pending", "redeemed", "replayed"]);
}

/// FIN instead of RST, and an HTTP/2 stream that is cancelled, are the same to the payer.
#[tokio::test(flavor = "multi_thread")]
async fn a12_closing_politely_while_it_settles_is_leaving_too() {
    let Some(stage) = stage() else { return };
    for path in ["/before/leave-politely", "/after/leave-politely"] {
        let payment = stage.payment(path).await;
        stage.settle_slowly(&payment, 600);
        let connection = present(stage, path, &payment).await;
        until("the facilitator was called", || stage.facilitator.settles_of(payment.nonce) == 1).await;
        drop(connection);
        assert_redeemed_once(stage, path, &payment).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a12_leaving_while_the_upstream_works_after_is_not_charged() {
    let Some(stage) = stage() else { return };
    let path = "/after/leave-working";
    let payment = stage.payment(path).await;
    let connection = present(stage, &format!("{path}?delay=800"), &payment).await;
    until("the upstream was asked", || stage.upstream.hits(path) == 1).await;
    connection.abort();
    pause(1_000).await;
    assert_eq!(stage.settled(&payment), (0, 0), "nothing was delivered, nothing is owed");
    let answer = stage.buy(path, &payment).await;
    paid(&answer);
    assert_eq!(stage.settled(&payment), (1, 1));
    let outcomes = outcomes(stage, path, "delivered").await;
    assert_eq!(outcomes, ["quoted", "abandoned", "delivered"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a12_leaving_while_the_upstream_works_before_leaves_the_content_to_be_redeemed() {
    let Some(stage) = stage() else { return };
    let path = "/before/leave-working";
    let payment = stage.payment(path).await;
    let connection = present(stage, &format!("{path}?delay=800"), &payment).await;
    until("the upstream was asked", || stage.upstream.hits(path) == 1).await;
    connection.abort();
    assert_redeemed_once(stage, path, &payment).await;
    let outcomes = outcomes(stage, path, "replayed").await;
    assert_eq!(outcomes, ["quoted", "undelivered", "redeemed", "replayed"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a12_leaving_while_the_response_streams_leaves_it_to_be_redeemed() {
    let Some(stage) = stage() else { return };
    for (path, kind) in [("/before/leave-streaming", "before"), ("/after/leave-streaming", "after")] {
        let payment = stage.payment(path).await;
        let target = format!("{path}?stream=8,200");
        let mut connection = present(stage, &target, &payment).await;
        assert!(connection.read_at_least(400).await.unwrap() >= 400, "{kind}: the stream began");
        connection.abort();
        assert_redeemed_once(stage, path, &payment).await;
        let outcomes = outcomes(stage, path, "replayed").await;
        assert_eq!(outcomes, ["quoted", "undelivered", "redeemed", "replayed"], "{kind}");
    }
}

/// A client that leaves in the instant it has asked is charged or not, but never charged for
/// nothing: whenever money moved, the content can be had.
#[tokio::test(flavor = "multi_thread")]
async fn a12_leaving_at_once_is_never_paying_for_nothing() {
    let Some(stage) = stage() else { return };
    let mut charged = 0;
    for round in 0..40 {
        let path = format!("/{}/leave-{round}", ["before", "after"][round % 2]);
        let payment = stage.payment(&path).await;
        let connection = present(stage, &path, &payment).await;
        pause((round / 4) as u64 % 4).await;
        connection.abort();
        pause(30).await;
        charged += stage.settled(&payment).1;
        // A response that was written whole before the reset was seen counts as delivered.
        let answer = stage.come_back(&path, &payment).await;
        if answer.status == 200 {
            paid(&answer);
        } else {
            refused(&answer, 402, "payment_already_used");
            assert_eq!(stage.upstream.hits(&path), 1, "delivered, so it was served");
        }
        assert_eq!(stage.settled(&payment), (1, 1), "{path}");
    }
    eprintln!("{charged} of 40 were charged before they came back");
}

/// Sends a paid upload whose end is cut off, once its beginning is on its way.
async fn cut_upload(stage: &Stage, path: &str, payment: &Payment) {
    let whole = RawRequest::new("POST", path).body(vec![b'u'; 600_000]).pay(payment).to_bytes("shop.test");
    let mut connection = RawConnection::open(stage.envoy.address()).await.unwrap();
    let (head, rest) = whole.split_at(whole.len() / 4);
    connection.write(head).await.unwrap();
    pause(400).await;
    connection.write(rest.get(..rest.len() / 2).unwrap()).await.unwrap();
    pause(100).await;
    connection.abort();
    pause(200).await;
}

/// The upstream never had the whole request: what was paid for it is owed, to the same payment.
#[tokio::test(flavor = "multi_thread")]
async fn a12_an_upload_cut_in_its_body_settled_before_is_owed() {
    let Some(stage) = stage() else { return };
    let path = "/before/cut-upload";
    let payment = stage.payment(path).await;
    cut_upload(stage, path, &payment).await;
    assert_eq!((stage.settled(&payment), stage.upstream.hits(path)), ((1, 1), 0));
    let whole = RawRequest::new("POST", path).body(vec![b'u'; 600_000]).pay(&payment);
    let answer = stage.ask(&whole).await;
    assert_eq!(paid(&answer), stage.facilitator.transfers_of(payment.nonce)[0].transaction.to_string());
    refused(&stage.ask(&whole).await, 402, "payment_already_used");
    assert_eq!(stage.settled(&payment), (1, 1));
    assert_eq!(outcomes(stage, path, "replayed").await, ["quoted", "undelivered", "redeemed", "replayed"]);
}

/// And what was not asked for yet is not charged.
#[tokio::test(flavor = "multi_thread")]
async fn a12_an_upload_cut_in_its_body_settled_after_is_not_charged() {
    let Some(stage) = stage() else { return };
    let path = "/after/cut-upload";
    let payment = stage.payment(path).await;
    cut_upload(stage, path, &payment).await;
    assert_eq!((stage.settled(&payment), stage.upstream.hits(path)), ((0, 0), 0));
    paid(&stage.ask(&RawRequest::new("POST", path).body(vec![b'u'; 600_000]).pay(&payment)).await);
    assert_eq!(stage.settled(&payment), (1, 1));
    assert_eq!(outcomes(stage, path, "delivered").await, ["quoted", "abandoned", "delivered"]);
}
