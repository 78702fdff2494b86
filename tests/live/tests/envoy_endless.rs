//! Responses that have no end of their own (A12): sockets and events. Whoever closes one has had
//! what he paid for; what never began is owed.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::Arc;

use serde_json::{json, Value};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

use x402_devstack::client::{RawConnection, RawRequest};
use x402_devstack::envoy::Options;
use x402_devstack::payer::{Draft, Payment, Wallet};
use x402_live::{code, pause, plugin, refused, transaction as receipt, until, Scene, Stage};

const SWITCHED: &[u8] =
    b"HTTP/1.1 101 Switching Protocols\r\nupgrade: websocket\r\nconnection: upgrade\r\n\r\n";
const EVENTS: &[u8] =
    b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n";
const EVENT: &[u8] = b"d\r\ndata: first\n\n\r\n";

/// An upstream that says one head for every request and, unless it is one of the first
/// `failing`, goes on until its client leaves; those it cuts after their head. Counts them.
async fn upstream(
    head: &'static [u8],
    begins: &'static [u8],
    failing: usize,
) -> (SocketAddr, Arc<AtomicUsize>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let address = listener.local_addr().expect("an address");
    let served = Arc::new(AtomicUsize::new(0));
    let count = served.clone();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            tokio::spawn(serve(stream, head, begins, failing, count.clone()));
        }
    });
    (address, served)
}

async fn serve(mut stream: TcpStream, head: &[u8], begins: &[u8], failing: usize, count: Arc<AtomicUsize>) {
    let mut asked = Vec::new();
    while !asked.ends_with(b"\r\n\r\n") {
        match stream.read_u8().await {
            Ok(byte) => asked.push(byte),
            Err(_) => return,
        }
    }
    let _ = stream.write_all(head).await;
    if count.fetch_add(1, Ordering::Relaxed) < failing {
        // Long enough for the head to be on its way alone.
        pause(150).await;
        return;
    }
    let _ = stream.write_all(begins).await;
    while stream.read_u8().await.is_ok() {}
}

fn upgrades(tree: &mut Value) {
    let manager = "/static_resources/listeners/0/filter_chains/0/filters/0/typed_config";
    tree.pointer_mut(manager).expect("the connection manager")["upgrade_configs"] =
        json!([{ "upgrade_type": "websocket" }]);
}

fn ask(path: &str, payment: &Payment) -> RawRequest {
    let ask = RawRequest::get(path).pay(payment);
    if !path.ends_with("socket") {
        return ask;
    }
    ask.header("connection", "Upgrade")
        .header("upgrade", "websocket")
        .header("sec-websocket-version", "13")
        .header("sec-websocket-key", "dGhlIHNhbXBsZSBub25jZQ==")
}

/// A fresh payment of this wallet.
async fn sign(stage: &Stage, wallet: &Wallet, path: &str) -> Payment {
    Draft::for_quote(wallet, &stage.quote(path).await).expect("a way to pay").sign(wallet)
}

/// One session, closed by its client as soon as it has begun.
async fn session(stage: &Stage, path: &str, payment: &Payment) {
    let mut connection = RawConnection::open(stage.envoy.address()).await.unwrap();
    connection.send(&ask(path, payment)).await.unwrap();
    let head = connection.read(true).await;
    assert!(matches!(head.status, 101 | 200), "{path}: {head:?}");
    assert!(head.receipt().is_some_and(|receipt| receipt["success"] == true), "{path}: {head:?}");
    connection.read_at_least(5).await.unwrap();
}

/// Three sessions of one wallet, each with a payment of its own.
async fn every_session_is_charged(stage: &Stage, path: &str) {
    let (wallet, mut payments) = (Wallet::another(), Vec::new());
    for _ in 0..3 {
        let payment = sign(stage, &wallet, path).await;
        session(stage, path, &payment).await;
        pause(200).await;
        assert_eq!(stage.settled(&payment), (1, 1), "{path}: each pays for itself");
        payments.push(payment);
    }
    for payment in &payments {
        let again = stage.ask(&ask(path, payment)).await;
        refused(&again, 402, "payment_already_used");
    }
    let outcomes = stage.outcomes_of(path).await;
    let bought: Vec<_> = outcomes.iter().filter(|name| *name != "quoted" && *name != "replayed").collect();
    assert_eq!(bought, ["delivered"; 3], "{path}: {outcomes:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a12_closing_a_websocket_is_its_end() {
    let (address, _) = upstream(SWITCHED, b"frame", 0).await;
    for allow in [false, true] {
        let how = |envoy: Options| envoy.allow_on_headers_stop_iteration(allow).edit(upgrades);
        let Some(stage) = Scene::new(plugin("5s")).envoy(how).upstream(address).start() else { return };
        every_session_is_charged(&stage, "/before/socket").await;
        every_session_is_charged(&stage, "/after/socket").await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a12_closing_events_once_they_began_is_their_end() {
    let (address, _) = upstream(EVENTS, EVENT, 0).await;
    for allow in [false, true] {
        let how = |envoy: Options| envoy.allow_on_headers_stop_iteration(allow);
        let Some(stage) = Scene::new(plugin("5s")).envoy(how).upstream(address).start() else { return };
        every_session_is_charged(&stage, "/before/events").await;
        every_session_is_charged(&stage, "/after/events").await;
    }
}

/// While a session lasts its payment is used already, and the wallet's next one is for itself.
#[tokio::test(flavor = "multi_thread")]
async fn a12_an_open_session_has_used_its_payment() {
    let (address, _) = upstream(EVENTS, EVENT, 0).await;
    let Some(stage) = Scene::new(plugin("5s")).upstream(address).start() else { return };
    for path in ["/before/events", "/after/events"] {
        let wallet = Wallet::another();
        let payment = sign(&stage, &wallet, path).await;
        let mut connection = RawConnection::open(stage.envoy.address()).await.unwrap();
        connection.send(&ask(path, &payment)).await.unwrap();
        connection.read(true).await;
        connection.read_at_least(5).await.unwrap();
        assert_eq!(code(&stage.ask(&ask(path, &payment)).await), "payment_already_used", "{path}");
        let next = sign(&stage, &wallet, path).await;
        session(&stage, path, &next).await;
        assert_eq!(stage.settled(&next), (1, 1), "{path}");
    }
}

/// The head alone was not what was bought: cut before the first event it is owed, to the same
/// payment and to the wallet's next one.
#[tokio::test(flavor = "multi_thread")]
async fn a12_events_that_never_began_are_owed() {
    for path in ["/before/events", "/after/events"] {
        let (address, served) = upstream(EVENTS, EVENT, 2).await;
        let wallet = Wallet::another();
        let Some(stage) = Scene::new(plugin("5s")).upstream(address).start() else { return };
        let first = sign(&stage, &wallet, path).await;
        let cut = stage.ask(&ask(path, &first)).await;
        assert!(cut.status == 200 && cut.broken.is_some() && cut.body.is_empty(), "{path}: {cut:?}");
        until("it is written down", || served.load(Ordering::Relaxed) == 1).await;
        let again = stage.come_back(path, &first).await;
        assert!(again.broken.is_some() && again.body.is_empty(), "{path}: {again:?}");
        let transaction = stage.facilitator.transfers_of(first.nonce)[0].transaction.to_string();
        assert_eq!(receipt(&again), Some(transaction), "{path}: served from what was paid");
        pause(200).await;
        let next = sign(&stage, &wallet, path).await;
        session(&stage, path, &next).await;
        pause(200).await;
        assert_eq!((stage.settled(&first), stage.settled(&next)), ((1, 1), (0, 0)), "{path}: one charge");
        refused(&stage.buy(path, &first).await, 402, "payment_already_used");
        let last = sign(&stage, &wallet, path).await;
        session(&stage, path, &last).await;
        assert_eq!(stage.settled(&last), (1, 1), "{path}: then it is charged again");
    }
}
