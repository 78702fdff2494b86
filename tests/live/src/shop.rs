//! Two Envoys that share their claims in a Redis; or one alone, to compare with.

use std::any::Any;
use std::net::SocketAddr;

use base64::prelude::*;
use serde_json::{json, Value};

use x402_devstack::client::{request, Answer, RawConnection, RawRequest};
use x402_devstack::network::Line;
use x402_devstack::payer::{Draft, Payment, Wallet};
use x402_devstack::redis::{available, Redis, Upstash, Webdis};

use crate::{code, pause, plugin, Replicas, Scene};

const PASSWORD: &str = "claims:secret";

/// Two Envoys, their store, and the line to it.
pub struct Shop {
    pub replicas: Replicas,
    /// The plugin's configuration.
    pub config: Value,
    store: Option<Store>,
}

/// A Redis, its front, and the line to that.
struct Store {
    line: Line,
    redis: Redis,
    _front: Box<dyn Any + Send + Sync>,
}

// === impl Shop ===

impl Shop {
    /// Settles within ten seconds; the store's front is `webdis` or `upstash`. `None`, said
    /// aloud, where there is no Redis, no webdis, no Envoy or no module.
    ///
    /// # Panics
    /// When one of them does not start.
    pub fn open(kind: &str, change: impl FnOnce(Scene) -> Scene) -> Option<Self> {
        Self::open_with(kind, |_| {}, change)
    }

    /// The same, with more in the plugin's configuration.
    ///
    /// # Panics
    /// As [`open`](Self::open).
    pub fn open_with(
        kind: &str,
        configure: impl FnOnce(&mut Value),
        change: impl FnOnce(Scene) -> Scene,
    ) -> Option<Self> {
        if !available() {
            assert!(std::env::var_os("CI").is_none(), "no Redis or no webdis");
            eprintln!("skipped: no Redis, or no webdis: apt-get install redis-server webdis");
            return None;
        }
        let redis = Redis::start().expect("a Redis");
        let (address, authorization, front): (_, _, Box<dyn Any + Send + Sync>) = match kind {
            "webdis" => {
                let webdis = Webdis::start(redis.address(), PASSWORD).expect("webdis");
                (webdis.address(), format!("Basic {}", BASE64_STANDARD.encode(PASSWORD)), Box::new(webdis))
            }
            _ => {
                let front = Upstash::start(redis.address(), "secret").expect("a front");
                (front.address(), "Bearer secret".to_owned(), Box::new(front))
            }
        };
        let line = Line::start(address).expect("a free port");
        let mut config = plugin("10s");
        config["claims"] = json!({ "shared": {
            "cluster": "store", "authority": "store", "kind": kind, "timeout": "1500ms",
            "headers": { "authorization": { "insecureLiteral": authorization } },
        } });
        configure(&mut config);
        let scene = change(Scene::new(config.clone())).cluster("store", line.address());
        let replicas = scene.start_replicas(2)?;
        // Every worker has to learn the store's clock first.
        std::thread::sleep(std::time::Duration::from_millis(300));
        let store = Some(Store { line, redis, _front: front });
        Some(Self { replicas, config, store })
    }

    /// One Envoy, which is both, and no store.
    ///
    /// # Panics
    /// When it does not start.
    pub fn alone(change: impl FnOnce(Scene) -> Scene) -> Option<Self> {
        let mut config = plugin("10s");
        config["claims"] = json!({});
        let replicas = change(Scene::new(config.clone())).start_replicas(1)?;
        Some(Self { replicas, config, store: None })
    }

    /// The line to the store.
    ///
    /// # Panics
    /// Where there is none.
    pub fn to_store(&self) -> &Line {
        &self.store.as_ref().expect("a store").line
    }

    /// The store loses everything it knew.
    ///
    /// # Panics
    /// Where there is none.
    pub fn forget(&self) {
        self.store.as_ref().expect("a store").redis.run(&["FLUSHALL"]);
    }

    /// How many claims the store knows.
    ///
    /// # Panics
    /// Where there is none.
    pub fn claims(&self) -> usize {
        self.store.as_ref().expect("a store").redis.run(&["KEYS", "*c:*"]).texts().len()
    }

    /// Whether claims are shared.
    pub fn shares(&self) -> bool {
        self.store.is_some()
    }

    fn address(&self, at: usize) -> SocketAddr {
        self.replicas.envoy(if self.shares() { at } else { 0 }).address()
    }

    /// A GET with a payment, of one of the Envoys.
    pub async fn ask(&self, at: usize, target: &str, payment: &Payment) -> Answer {
        request(self.address(at), &RawRequest::get(target).pay(payment)).await
    }

    /// The same, sent, and nothing read.
    ///
    /// # Panics
    /// When there is no connection.
    pub async fn sent(&self, at: usize, target: &str, payment: &Payment) -> RawConnection {
        let mut connection = RawConnection::open(self.address(at)).await.expect("Envoy listens");
        connection.send(&RawRequest::get(target).pay(payment)).await.expect("a connection");
        connection
    }

    /// A fresh payment of this wallet, quoted by the second Envoy; once the store's clock is known.
    ///
    /// # Panics
    /// When nothing is quoted.
    pub async fn sign_by(&self, wallet: &Wallet, target: &str) -> Payment {
        let mut quote = None;
        for _ in 0..100 {
            let answer = request(self.address(1), &RawRequest::get(target)).await;
            quote = answer.quote();
            if quote.is_some() {
                break;
            }
            pause(50).await;
        }
        Draft::for_quote(wallet, &quote.expect("a quote")).expect("payable").sign(wallet)
    }

    /// The same, of a wallet of its own.
    pub async fn sign(&self, target: &str) -> Payment {
        self.sign_by(&Wallet::another(), target).await
    }

    /// The same payment, again and again, until it is no longer in flight and the store's clock is
    /// known.
    ///
    /// # Panics
    /// When it never comes to an end.
    pub async fn come_back(&self, at: usize, target: &str, payment: &Payment) -> Answer {
        for _ in 0..500 {
            let answer = self.ask(at, target, payment).await;
            if !["payment_in_flight", "claim_store_unavailable"].contains(&code(&answer).as_str()) {
                return answer;
            }
            pause(50).await;
        }
        panic!("in flight for ever")
    }

    /// The transactions that moved money for these payments.
    pub fn transfers(&self, payments: &[&Payment]) -> Vec<String> {
        let of = |payment: &&Payment| self.replicas.stage.facilitator.transfers_of(payment.nonce);
        payments.iter().flat_map(of).map(|transfer| transfer.transaction.to_string()).collect()
    }

    /// How often this payment was sent to `/settle`.
    pub fn settles(&self, payment: &Payment) -> u64 {
        self.replicas.stage.facilitator.settles_of(payment.nonce)
    }
}
