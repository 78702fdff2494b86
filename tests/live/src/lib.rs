//! A real Envoy of two workers with the module, a facilitator and an upstream, and what the
//! tests beside this file ask of them.
//!
//! [`Scene`] sets a [`Stage`]: one Envoy; or [`Replicas`]: several behind a balancer, with a
//! [`Line`](x402_devstack::network::Line) that can be broken before facilitator and upstream.
//!
//! The configuration is the repository's `envoy/envoy.yaml`. Without an Envoy or a module
//! there is nothing to test: the tests say so, and fail where `CI` is set.

pub mod change;
pub mod flood;
pub mod frames;
mod liar;
mod replicas;
mod scene;
mod shop;
pub mod trap;
mod upgrade;

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use serde_json::{json, Value};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;

use x402_devstack::client::{request, Answer, RawRequest};
use x402_devstack::envoy::Envoy;
use x402_devstack::facilitator::{Facilitator, Fault, FaultKind};
use x402_devstack::payer::{Draft, Payment, Quote, Wallet};
use x402_devstack::upstream::Upstream;

pub use liar::Liar;
pub use replicas::Replicas;
pub use scene::Scene;
pub use shop::Shop;
pub use upgrade::{load, offer, upgrade};

/// Where the seller is paid.
pub const PAY_TO: &str = "0x209693Bc6afc0C5328bA36FaF03C514EF312287C";

/// A word that stands in every text a broken facilitator can be made to say.
pub const LOUD: &str = "sk_live_do_not_repeat";

/// The plugin's configuration, settling within `timeout`: `/before/**` and `/after/**` cost
/// $0.001, `/free/**` nothing, the rest is refused.
pub fn plugin(timeout: &str) -> Value {
    json!({
        "version": 1,
        "origin": "http://shop.test",
        "unmatched": "deny",
        "settle": "before",
        "facilitators": { "main": {
            "cluster": "facilitator", "authority": "facilitator", "timeout": timeout,
        } },
        "accepts": [{ "network": "base-sepolia", "asset": "USDC", "payTo": PAY_TO }],
        "routes": [
            { "name": "before", "match": { "path": "/before/**" },
              "offer": { "price": "$0.001" } },
            { "name": "after", "match": { "path": "/after/**" },
              "offer": { "price": "$0.001", "settle": "after" } },
            { "name": "free", "match": { "path": "/free/**" }, "free": true },
        ],
    })
}

/// Sells by Permit2 alone, and for $5 at `/dear`, settled before, and at `/late`, settled after.
///
/// # Panics
/// When there is no list of routes.
pub fn sell_by_permit(config: &mut Value) {
    config["accepts"] = json!([
        { "network": "base-sepolia", "asset": "USDC", "payTo": PAY_TO, "assetTransferMethod": "permit2" },
    ]);
    let dear = |name: &str, settle: &str| {
        json!({
            "name": name, "match": { "path": format!("/{name}/**") },
            "offer": { "price": "$5", "settle": settle },
        })
    };
    let routes = config["routes"].as_array_mut().expect("routes");
    routes.extend([dear("dear", "before"), dear("late", "after")]);
}

/// The same, and `/tiles/{z}`: an offer by name of a seller, with a SKU and labels.
pub fn furnished(timeout: &str) -> Value {
    let mut config = plugin(timeout);
    config["sellers"] = json!({ "acme": { "labels": { "tenant": "t-17" } } });
    config["offers"] = json!({
        "tile": { "price": "$0.002", "sku": "tile-v1", "labels": { "team": "maps" } },
    });
    let tiles = json!({
        "name": "tiles", "match": { "path": "/tiles/{z}" }, "offer": "tile", "seller": "acme",
    });
    let routes = config["routes"].as_array_mut().expect("routes");
    routes.push(tiles);
    config
}

/// A facilitator, an upstream, and Envoy between client and both.
pub struct Stage {
    pub facilitator: Facilitator,
    pub upstream: Upstream,
    pub envoy: Envoy,
    /// Where clients come in: Envoy, or what stands before it.
    door: SocketAddr,
}

/// Makes Envoy speak HTTP/2 to the upstream.
pub fn http2_upstream(tree: &mut Value) {
    let clusters = tree["static_resources"]["clusters"].as_array_mut();
    let upstream = clusters.expect("clusters").iter_mut().find(|cluster| cluster["name"] == "upstream");
    let protocol = "/typed_extension_protocol_options/envoy.extensions.upstreams.http.v3.HttpProtocolOptions/explicit_http_config";
    *upstream.and_then(|upstream| upstream.pointer_mut(protocol)).expect("a protocol") =
        json!({ "http2_protocol_options": {} });
}

/// The module: `X402_MODULE`, else what `make build` writes.
pub fn module() -> PathBuf {
    let built = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../target/x402_proxy_wasm.wasm");
    std::env::var_os("X402_MODULE").map_or(built, PathBuf::from)
}

// === impl Stage ===

impl Stage {
    /// One request on a connection of its own.
    pub async fn ask(&self, ask: &RawRequest) -> Answer {
        request(self.door, ask).await
    }

    /// Where clients come in: Envoy, or what stands before it.
    pub fn door(&self) -> SocketAddr {
        self.door
    }

    /// A GET with a payment.
    pub async fn buy(&self, target: &str, payment: &Payment) -> Answer {
        self.ask(&RawRequest::get(target).pay(payment)).await
    }

    /// What a route asks for.
    pub async fn quote(&self, target: &str) -> Quote {
        let answer = self.ask(&RawRequest::get(target)).await;
        answer.quote().unwrap_or_else(|| panic!("no quote for {target}: {answer:?}"))
    }

    /// A fresh payment for what a route asks for.
    pub async fn payment(&self, target: &str) -> Payment {
        sign(&self.quote(target).await)
    }

    /// How often this payment was sent to `/settle`, and how often it moved money.
    pub fn settled(&self, payment: &Payment) -> (u64, usize) {
        let settles = self.facilitator.settles_of(payment.nonce);
        (settles, self.facilitator.transfers_of(payment.nonce).len())
    }

    /// The module's own lines in Envoy's log.
    pub fn filter_log(&self) -> String {
        let log = self.envoy.log();
        let ours = log.lines().filter(|line| line.contains("][wasm]"));
        ours.collect::<Vec<_>>().join("\n")
    }

    /// Lets the next settlement of this payment take its time; the money moves at once.
    pub fn settle_slowly(&self, payment: &Payment, ms: u64) {
        let slow = FaultKind::Delay { ms, book_late: false };
        self.facilitator.fault(Fault::once(slow).nonce(payment.nonce));
    }

    /// A GET with a payment, under way.
    pub fn under_way(&self, target: &str, payment: &Payment) -> JoinHandle<Answer> {
        let (address, ask) = (self.door, RawRequest::get(target).pay(payment));
        tokio::spawn(async move { request(address, &ask).await })
    }

    /// The same payment, again and again, until it is no longer in flight.
    pub async fn come_back(&self, target: &str, payment: &Payment) -> Answer {
        let begun = Instant::now();
        while begun.elapsed() < Duration::from_secs(25) {
            let answer = self.buy(target, payment).await;
            // Envoy's own, without a word, while it loads a VM that crashed anew.
            let reloading = answer.status == 503 && answer.body.is_empty();
            if code(&answer) != "payment_in_flight" && answer.status != 0 && !reloading {
                return answer;
            }
            pause(50).await;
        }
        panic!("in flight for ever")
    }

    /// Access log lines of a path (without query), the filter's records opened, once there
    /// are `count` of them.
    pub async fn log_of(&self, path: &str, count: usize) -> Vec<Value> {
        let mut found = Vec::new();
        until("its lines are in the access log", || {
            found = self.log();
            found.retain(|line| line["path"] == path);
            found.len() >= count
        })
        .await;
        found
    }

    /// The lines of the access log there are, the filter's records opened.
    pub fn log(&self) -> Vec<Value> {
        opened(&std::fs::read_to_string(self.envoy.access_log_path()).unwrap_or_default())
    }

    /// How the requests for a path came out, once the log says no more of them for a while.
    pub async fn outcomes_of(&self, path: &str) -> Vec<String> {
        let mut before = Vec::new();
        // Access logs are flushed every 20 ms, and later on a busy machine.
        for _ in 0..15 {
            pause(200).await;
            let now = outcomes(&self.log(), path);
            if !now.is_empty() && now == before {
                break;
            }
            before = now;
        }
        before
    }

    /// The filter's records of a path.
    pub async fn records_of(&self, path: &str, count: usize) -> Vec<Value> {
        let lines = self.log_of(path, count).await;
        lines.into_iter().map(|line| line["x402"].clone()).collect()
    }
}

/// The lines of an access log, the filter's records opened.
fn opened(text: &str) -> Vec<Value> {
    let lines = text.lines().filter_map(|line| serde_json::from_str(line).ok());
    let lines = lines.map(|mut line: Value| {
        if let Some(record) = line["x402"].as_str() {
            line["x402"] = serde_json::from_str(record).unwrap_or_default();
        }
        line
    });
    lines.collect()
}

/// How the requests for a path (without query) came out, as a log's records say, in order.
pub fn outcomes(lines: &[Value], path: &str) -> Vec<String> {
    let ours = lines.iter().filter(|line| line["path"] == path);
    ours.filter_map(|line| line["x402"]["outcome"].as_str()).map(str::to_owned).collect()
}

/// An honest payment by a wallet of its own.
pub fn sign(quote: &Quote) -> Payment {
    let wallet = Wallet::another();
    let draft = Draft::for_quote(&wallet, quote).expect("something payable");
    draft.sign(&wallet)
}

/// The code a refusal names.
pub fn code(answer: &Answer) -> String {
    answer.json()["code"].as_str().unwrap_or_default().to_owned()
}

/// The transaction of a receipt that says success.
pub fn transaction(answer: &Answer) -> Option<String> {
    let receipt = answer.receipt().filter(|receipt| receipt["success"] == true)?;
    receipt["transaction"].as_str().map(str::to_owned)
}

/// Asserts that an answer is paid content with a receipt; returns the transaction.
#[track_caller]
pub fn paid(answer: &Answer) -> String {
    assert_eq!((answer.status, answer.broken), (200, None), "{answer:?}");
    transaction(answer).unwrap_or_else(|| panic!("no receipt: {answer:?}"))
}

/// Asserts a refusal by status and code, and that it quotes if and only if it is a 402.
#[track_caller]
pub fn refused(answer: &Answer, status: u16, expected: &str) {
    assert_eq!((answer.status, code(answer).as_str()), (status, expected), "{answer:?}");
    let quotes = answer.header("payment-required").is_some();
    assert_eq!(quotes, status == 402 && answer.receipt().is_none_or(|r| r["success"] == true));
}

/// Asserts that nothing of what a broken facilitator said is in the answer.
#[track_caller]
pub fn assert_quiet(answer: &Answer, what: &str) {
    let head = format!("{:?}", answer.headers);
    let receipt = answer.receipt().unwrap_or_default().to_string();
    for text in [&head, &answer.text(), &receipt] {
        assert!(!text.contains(LOUD) && !text.contains("10.0.0.7"), "{what}: {text}");
    }
}

/// Asserts the answer to a payment whose settlement is open.
#[track_caller]
pub fn assert_pending(answer: &Answer, what: &str) {
    assert_eq!((answer.status, code(answer).as_str()), (503, "settlement_pending"), "{what}");
    assert!(answer.header("payment-required").is_none(), "{what}: never asked to pay again");
    let receipt = answer.receipt().unwrap_or_default();
    assert_eq!(receipt["success"], false, "{what}");
    assert_eq!(receipt["errorReason"], "settlement_pending", "{what}");
    let body = answer.json();
    assert_eq!((&body["paymentState"], &body["retry"]), (&"unknown".into(), &"same".into()));
    assert_eq!(answer.header_text("cache-control"), Some("no-store"), "{what}");
    assert!(answer.header("retry-after").is_some(), "{what}");
}

/// Waits for something to become true; panics after ten seconds.
pub async fn until(what: &str, mut happens: impl FnMut() -> bool) {
    let begun = Instant::now();
    while !happens() {
        assert!(begun.elapsed() < Duration::from_secs(10), "waited in vain until {what}");
        pause(20).await;
    }
}

/// Waits.
pub async fn pause(millis: u64) {
    tokio::time::sleep(Duration::from_millis(millis)).await;
}

/// An upstream that says this as soon as it has read a head, and never reads a body.
pub async fn hasty_upstream(answer: &'static [u8]) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let address = listener.local_addr().expect("an address");
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            tokio::spawn(answer_at_once(stream, answer));
        }
    });
    address
}

async fn answer_at_once(mut stream: TcpStream, answer: &[u8]) {
    let mut seen = Vec::new();
    while !seen.windows(4).any(|window| window == b"\r\n\r\n") {
        if stream.read_buf(&mut seen).await.unwrap_or(0) == 0 {
            return;
        }
    }
    let _ = stream.write_all(answer).await;
    pause(5_000).await;
}
