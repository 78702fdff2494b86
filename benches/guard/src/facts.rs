//! What the paths are run on, all of it fixed.

use std::cell::RefCell;
use std::collections::BTreeMap;

use base64::engine::general_purpose::STANDARD;
use base64::Engine;
use serde_json::{json, Value};
use x402_proxy_wasm::admission::head::fields;
use x402_proxy_wasm::admission::{admit, Admission, Head, Purchase};
use x402_proxy_wasm::claims::bucket::Layout;
use x402_proxy_wasm::claims::table::{Applied, Shared, StoreDown, Table};
use x402_proxy_wasm::claims::Attempt;
use x402_proxy_wasm::config::{Facilitator, Policy};
use x402_proxy_wasm::evm::signature::Signature;
use x402_proxy_wasm::exchange::Step;
use x402_proxy_wasm::facilitator::{Answer, Delivery};
use x402_proxy_wasm::protocol::abilities::{Abilities, Ability, Standing};
use x402_proxy_wasm::protocol::challenge::{Challenge, Declared};
use x402_proxy_wasm::protocol::Version;

use crate::fixed::NOW;

const VECTORS: &str = include_str!("../../../tests/vectors/x402.json");

/// A request's headers.
type Pairs = Vec<(String, Vec<u8>)>;

pub(crate) struct Facts {
    /// The configuration.
    pub(crate) text: String,
    pub(crate) policy: Policy,
    pub(crate) challenge: Challenge,
    pub(crate) listed: Listed,
    pub(crate) free: Pairs,
    pub(crate) unpaid: Pairs,
    pub(crate) paid: Pairs,
    pub(crate) unsignable: Pairs,
    pub(crate) digest: [u8; 32],
    pub(crate) signature: Signature,
    pub(crate) purchase: Purchase,
    answer: String,
    table: Table,
    store: Store,
    /// A small table, half full, and where it is.
    crowded: (Table, Store),
}

/// No variables.
pub(crate) fn environment(_: &str) -> Option<String> {
    None
}

// === impl Facts ===

impl Facts {
    /// # Panics
    /// When the configuration, the vectors or the core have moved apart.
    pub(crate) fn new(routes: usize) -> Self {
        let text = policy(routes).to_string();
        let policy = Policy::from_bytes(text.as_bytes(), &environment).expect("a configuration");
        let vectors: Value = serde_json::from_str(VECTORS).expect("the vectors");
        let vector = &vectors["eip712_exact_upto"]["base_sepolia_eip3009"];
        let variants = &vectors["eip712_exact_upto"]["signature_variants"];
        let header = vector["paymentSignatureHeader"].as_str().expect("a header");
        let canonical = vector["paymentPayload"]["payload"]["signature"].as_str().expect("a signature");
        let zeros = format!("0x{}1b", "00".repeat(64));
        let priced = policy.routes().find(|route| route.name() == "priced").and_then(|route| route.offer());
        let challenge = Challenge::new(priced.expect("a priced route"), &Listed, Declared::default());
        let paid = head("/premium-data", Some(header));
        let purchase = present(&policy, &paid);
        let store = Store::default();
        let table = Table::open(&store, 131_072, Layout::Two, [7; 16]).expect("a table");
        let payer = vector["payer"].as_str().unwrap_or_default();
        Self {
            challenge,
            listed: Listed,
            free: head("/free/1", None),
            unpaid: head("/premium-data", None),
            unsignable: head("/premium-data", Some(&resigned(header, canonical, &zeros))),
            paid,
            digest: bytes(variants["digest"].as_str().expect("a digest")),
            signature: Signature::parse(canonical).expect("a signature"),
            answer: format!(
                r#"{{"success":true,"transaction":"0x{}","network":"eip155:84532","payer":"{payer}"}}"#,
                "ab".repeat(32)
            ),
            table,
            store,
            crowded: crowded(&purchase),
            text,
            policy,
            purchase,
        }
    }

    /// Everything once, uncounted.
    pub(crate) fn warm(&self) {
        for pairs in [&self.free, &self.unpaid, &self.unsignable, &self.paid] {
            drop(admit(&self.policy, &Head::read(&fields(pairs)), &self.listed, NOW));
        }
    }

    /// The payment's claim.
    #[inline]
    pub(crate) fn claim(&self) -> Applied {
        let op = self.purchase.exchange_op(Step::Begin, Attempt(1), 1, NOW);
        self.table.run(&self.store, &self.purchase.identity, &op, NOW)
    }

    /// The same in a table that is half full.
    #[inline]
    pub(crate) fn claim_among_others(&self) -> Applied {
        let (table, store) = &self.crowded;
        let op = self.purchase.exchange_op(Step::Begin, Attempt(1), 1, NOW);
        table.run(store, &self.purchase.identity, &op, NOW)
    }

    /// The facilitator's answer to its settlement.
    #[inline]
    pub(crate) fn answer(&self) -> Answer {
        let delivery =
            Delivery::Answered { status: 200, from_upstream: true, body: Some(self.answer.as_bytes()) };
        Answer::read(&delivery, &self.purchase.expected(None))
    }
}

fn policy(count: usize) -> Value {
    let mut routes = vec![
        json!({"name": "free", "match": {"path": "/free/{id}"}, "free": true}),
        json!({"name": "priced", "match": {"methods": ["GET"], "path": "/premium-data"}, "offer": "item"}),
    ];
    routes.extend((2..count).map(|number| {
        let path = format!("/service-{}/resource-{}/{{id}}", number % 100, number / 100);
        json!({"name": format!("more-{number}"), "match": {"path": path}, "offer": "item"})
    }));
    selling(&json!(routes))
}

/// The text of a configuration in which nothing is alike that routes may have of their own: names,
/// hosts, methods, paths, prices.
pub(crate) fn varied(count: usize) -> String {
    let named = |set: usize, at: usize| (set >> at & 1 == 1).then(|| format!("M{}", "X".repeat(at)));
    let routes = (1..=count).map(|number| {
        let methods: Vec<_> = (0..12).filter_map(|at| named(number, at)).collect();
        let host = format!("{number}.example.com");
        let path = format!("/way-{number}/{{id}}");
        let offer = json!({"price": format!("$0.{number:06}"), "description": format!("Number {number}")});
        json!({"name": format!("r{number}"), "match": {"hosts": [host], "methods": methods, "path": path}, "offer": offer})
    });
    selling(&routes.collect()).to_string()
}

/// As many claims as half a table holds, of one payer's and some nonces.
fn crowded(purchase: &Purchase) -> (Table, Store) {
    const CAPACITY: u32 = 1_024;
    let store = Store::default();
    let table = Table::open(&store, CAPACITY, Layout::Two, [7; 16]).expect("a table");
    for number in 0..CAPACITY / 2 {
        let mut identity = purchase.identity;
        identity.nonce[..4].copy_from_slice(&number.to_be_bytes());
        let op = purchase.exchange_op(Step::Begin, Attempt(u64::from(number) + 100), 1, NOW);
        table.run(&store, &identity, &op, NOW);
    }
    (table, store)
}

fn selling(routes: &Value) -> Value {
    json!({
        "version": 1,
        "origin": "https://api.example.com",
        "unmatched": "free",
        "settle": "after",
        "wallets": "eoa",
        "facilitators": {"main": {"cluster": "facilitator", "authority": "facilitator", "timeout": "10s"}},
        "accepts": [{
            "network": "base-sepolia", "asset": "USDC", "payTo": "0x209693Bc6afc0C5328bA36FaF03C514EF312287C",
        }],
        "offers": {"item": {
            "price": "$0.01", "maxTimeoutSeconds": 60, "description": "Access to premium market data",
            "mimeType": "application/json",
        }},
        "routes": routes,
    })
}

fn head(path: &str, payment: Option<&str>) -> Pairs {
    let mut pairs = vec![
        (":authority", "api.example.com"),
        (":path", path),
        (":method", "GET"),
        (":scheme", "https"),
        ("user-agent", "x402-guard/1.0"),
        ("accept", "application/json"),
        ("accept-encoding", "gzip, br"),
        ("authorization", "Bearer 0123456789abcdef0123456789abcdef"),
        ("x-forwarded-for", "127.0.0.1"),
        ("x-forwarded-proto", "https"),
        ("x-request-id", "8b0f2b62-6c7a-4a19-9d7e-5c2b1d1f0a3e"),
    ];
    pairs.extend(payment.map(|header| ("payment-signature", header)));
    pairs.into_iter().map(|(name, value)| (name.to_owned(), value.as_bytes().to_vec())).collect()
}

fn present(policy: &Policy, pairs: &Pairs) -> Purchase {
    match admit(policy, &Head::read(&fields(pairs)), &Listed, NOW) {
        Admission::Present(purchase) if purchase.unfit.is_none() => *purchase,
        other => panic!("the payment of the vectors is not taken: {other:?}"),
    }
}

/// The header with another signature in it.
fn resigned(header: &str, signature: &str, other: &str) -> String {
    let json = STANDARD.decode(header).expect("a header");
    let json = String::from_utf8(json).expect("a payment in UTF-8");
    assert!(json.contains(signature));
    STANDARD.encode(json.replace(signature, other))
}

fn bytes(hex: &str) -> [u8; 32] {
    let digits = hex.trim_start_matches("0x");
    std::array::from_fn(|at| u8::from_str_radix(&digits[2 * at..2 * at + 2], 16).expect("hex"))
}

/// A facilitator that settles everything.
pub(crate) struct Listed;

impl Abilities for Listed {
    fn standing(&self, _: &Facilitator) -> Standing {
        Standing::Ready
    }

    fn settles(&self, _: &Facilitator, _: Version, _: &str, _: &str) -> Ability {
        Ability::Yes("{}".to_owned())
    }
}

/// Shared data in memory, in an order that does not change from run to run.
#[derive(Default)]
struct Store(RefCell<BTreeMap<String, (Vec<u8>, u32)>>);

impl Shared for Store {
    fn get(&self, key: &str) -> Result<Option<(Vec<u8>, u32)>, StoreDown> {
        Ok(self.0.borrow().get(key).cloned())
    }

    fn set(&self, key: &str, value: &[u8], cas: u32) -> Result<bool, StoreDown> {
        let mut entries = self.0.borrow_mut();
        let known = entries.get(key).map(|(_, cas)| *cas);
        if known.is_some_and(|known| cas != 0 && cas != known) {
            return Ok(false);
        }
        entries.insert(key.to_owned(), (value.to_vec(), known.map_or(1, |known| known + 1)));
        Ok(true)
    }
}
