//! A Redis, both fronts, and a configuration for each.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::Arc;
use std::time::Duration;

use base64::prelude::{Engine, BASE64_STANDARD};
use serde_json::json;

use x402_devstack::client::{Answer, Broken, RawConnection, RawRequest};
use x402_devstack::redis::resp::Value;
use x402_devstack::redis::{available, Redis, Upstash, Webdis};
use x402_proxy_wasm::claims::{Binding, Identity};
use x402_proxy_wasm::config::{Policy, SharedStore};
use x402_proxy_wasm::evm::address::Address;
use x402_proxy_wasm::facilitator::Delivery;
use x402_proxy_wasm::store::{Ahead, Before, Call, Change, Due, Listed, Name, Reply, Swap};

pub(crate) const BINDING: Binding = Binding([7; 16]);
pub(crate) const PASSWORD: &str = "shop:s3cret";

/// What Envoy 1.40 answers when it reaches nobody.
const NOBODY: &[u8] =
    b"upstream connect error or disconnect/reset before headers. reset reason: remote connection failure";

pub(crate) struct Rig {
    pub(crate) redis: Redis,
    pub(crate) webdis: Webdis,
    pub(crate) upstash: Upstash,
    pub(crate) fronts: [Front; 2],
}

/// One way to the store.
#[derive(Clone)]
pub(crate) struct Front {
    pub(crate) kind: &'static str,
    pub(crate) address: SocketAddr,
    pub(crate) store: Arc<SharedStore>,
    pub(crate) prefix: String,
}

/// A connection through a front. Sends what it is told, once.
pub(crate) struct Line {
    pub(crate) front: Front,
    connection: Option<RawConnection>,
    pub(crate) patience: Duration,
}

// === impl Rig ===

impl Rig {
    pub(crate) fn start() -> Option<Self> {
        if !available() {
            return None;
        }
        let redis = Redis::start().expect("redis");
        let webdis = Webdis::start(redis.address(), PASSWORD).expect("webdis");
        let upstash = Upstash::start(redis.address(), "t0ken").expect("a free port");
        let fronts = [Front::webdis(&webdis), Front::new("upstash", upstash.address(), "Bearer t0ken")];
        Some(Self { redis, webdis, upstash, fronts })
    }

    /// A number that Redis tells.
    pub(crate) fn count(&self, words: &[&str]) -> i64 {
        self.redis.run(words).integer().expect("a number")
    }

    pub(crate) fn text(&self, words: &[&str]) -> Option<String> {
        self.redis.run(words).text().map(str::to_owned)
    }

    pub(crate) fn now(&self) -> u64 {
        self.redis.run(&["TIME"]).texts()[0].parse().expect("seconds")
    }

    pub(crate) fn exists(&self, key: &str) -> bool {
        self.redis.run(&["EXISTS", key]) == Value::Integer(1)
    }
}

// === impl Front ===

impl Front {
    pub(crate) fn webdis(webdis: &Webdis) -> Self {
        let authorization = format!("Basic {}", BASE64_STANDARD.encode(PASSWORD));
        Self::new("webdis", webdis.address(), &authorization)
    }

    pub(crate) fn new(kind: &'static str, address: SocketAddr, authorization: &str) -> Self {
        let prefix = format!("{kind}/?.+ {{x}}:").replace(' ', "_");
        let config = json!({
            "version": 1,
            "origin": "https://api.example.com",
            "unmatched": "deny",
            "routes": [{ "name": "free", "match": { "path": "/**" }, "free": true }],
            "claims": { "shared": {
                "cluster": "store", "authority": "store:7379", "kind": kind, "keyPrefix": prefix,
                "headers": { "authorization": { "insecureLiteral": authorization } },
            } },
        });
        let policy = Policy::from_bytes(config.to_string().as_bytes(), &|_| None).expect("a configuration");
        let store = Arc::clone(policy.shared_claims().expect("a store"));
        Self { kind, address, store, prefix }
    }

    pub(crate) fn line(&self) -> Line {
        Line { front: self.clone(), connection: None, patience: Duration::from_secs(20) }
    }

    pub(crate) fn key(&self, rest: &str) -> String {
        format!("{}{rest}", self.prefix)
    }
}

// === impl Line ===

impl Line {
    /// Sends a swap: by the script's hash, and in full if that is not known.
    pub(crate) async fn swap(&mut self, swap: &Swap<'_>) -> Reply {
        match self.swap_once(swap, false).await {
            Reply::Unscripted => self.swap_once(swap, true).await,
            reply => reply,
        }
    }

    pub(crate) async fn swap_once(&mut self, swap: &Swap<'_>, full: bool) -> Reply {
        let call = swap.call(&self.front.store, full).expect("texts that are kept");
        let answer = self.send(&call).await;
        Reply::read(&delivery(&answer), swap.id)
    }

    pub(crate) async fn due(&mut self, most: u32, waits: &[u64]) -> Listed {
        let due = Due { id: fresh_id(), most, waits };
        for full in [false, true] {
            let answer = self.send(&due.call(&self.front.store, full)).await;
            match Listed::read(&delivery(&answer), &self.front.store, due.id) {
                Listed::Unscripted => {}
                listed => return listed,
            }
        }
        Listed::Unscripted
    }

    pub(crate) async fn send(&mut self, call: &Call) -> Answer {
        let mut request = RawRequest::new("POST", "/").body(call.body.clone());
        for (name, value) in self.front.store.head(call) {
            match name {
                ":method" => value.clone_into(&mut request.method),
                ":path" => request.target = value.as_bytes().to_vec(),
                ":authority" => request = request.header("host", value),
                _ => request = request.header(name, value),
            }
        }
        let mut connection = match self.connection.take() {
            Some(connection) => connection,
            None => match RawConnection::open(self.front.address).await {
                Ok(connection) => connection.patience(self.patience),
                Err(_) => return Answer::broken(Broken::Refused),
            },
        };
        let answer = connection.exchange(&request).await;
        if answer.broken.is_none() {
            self.connection = Some(connection);
        }
        answer
    }
}

/// An answer as Envoy hands it over.
pub(crate) fn delivery(answer: &Answer) -> Delivery<'_> {
    match answer.broken {
        Some(Broken::Refused) => Delivery::arrived(503, false, None, Some(NOBODY)),
        Some(_) => Delivery::Broken,
        None => Delivery::arrived(answer.status, true, None, Some(&answer.body)),
    }
}

pub(crate) fn fresh_id() -> u64 {
    static LAST: AtomicU64 = AtomicU64::new(0xfeed_0000_0000_0000);
    LAST.fetch_add(1, Ordering::Relaxed)
}

/// The authorisation of wallet `payer` with this nonce.
pub(crate) fn name(payer: u8, nonce: u16) -> Name {
    let mut bytes = [0xab; 32];
    bytes[..2].copy_from_slice(&nonce.to_be_bytes());
    Name::of(&Identity {
        chain_id: 8453,
        verifying_contract: Address::new([3; 20]),
        payer: Address::new([payer; 20]),
        nonce: bytes,
    })
}

/// A swap that touches nothing but the claim.
pub(crate) fn swap<'a>(claim: &'a Name, before: Before<'a>, next: Option<&'a str>, expires: u64) -> Swap<'a> {
    Swap {
        id: fresh_id(),
        claim,
        binding: &BINDING,
        before,
        next,
        expires,
        open: Change::Leave,
        ahead: Ahead::Nothing,
        payment: Change::Leave,
        want_payment: false,
        due: Change::Leave,
        lease: None,
        seal: None,
    }
}

/// The claim, as it stands.
pub(crate) async fn look(line: &mut Line, claim: &Name) -> Option<String> {
    match line.swap(&swap(claim, Before::Never, None, 0)).await {
        Reply::Differs { current, .. } => current,
        other => panic!("{other:?}"),
    }
}
