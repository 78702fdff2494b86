//! The configurations under test.

use serde_json::{json, Value};

/// The variable that holds the facilitator's token.
pub const TOKEN_VARIABLE: &str = "X402_FACILITATOR_TOKEN";

/// Its value in every rig.
pub const TOKEN: &str = "development";

/// The cluster of the store that replicas share.
pub const STORE: &str = "store";

/// How many lanes there are; see [`lane`].
pub const LANES: usize = 62;

/// A configuration, by what is special about it.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Shop {
    /// Everything is sold here, and what no route names is free.
    Open,
    /// The same, and what no route names is refused.
    Closed,
    /// The same, and only four payments can be remembered.
    Tiny,
    /// Every wallet, every scheme: see [`ways`].
    Any,
    /// The same, and only four payments can be remembered.
    TinyAny,
    /// The same, and a source may have two signatures judged by the facilitator.
    Limited,
    /// As `Open`, and a source may have three prices told, and one more every two seconds.
    FewQuotes,
    /// As `Open`, and a source may have two payments fail, and one more every two seconds.
    FewFailures,
    /// As `Open`, without version 1.
    Second,
    /// As `Open`, and some of it is declared at length: see [`declared`].
    Declaring,
    /// As `Open`, and claims are shared with other replicas; of the rigs only the native one has a store.
    Shared,
}

impl Shop {
    /// The plugin's configuration.
    pub fn config(self) -> Value {
        let any = matches!(self, Self::Any | Self::TinyAny | Self::Limited);
        let tiny = matches!(self, Self::Tiny | Self::TinyAny);
        let checks = if self == Self::Limited {
            json!({"perMinute": 1, "burst": 2})
        } else {
            json!({"burst": 1_000_000})
        };
        let mut limit = json!({"walletChecks": checks});
        match self {
            Self::FewQuotes => limit["challenges"] = json!({"perMinute": 30, "burst": 3}),
            Self::FewFailures => limit["failures"] = json!({"perMinute": 30, "burst": 2}),
            _ => {}
        }
        let mut routes = routes();
        if any {
            routes.extend(ways());
        }
        if self == Self::Declaring {
            routes.extend(declared());
        }
        let mut claims = json!({"capacity": if tiny { 4 } else { 131_072 }});
        if self == Self::Shared {
            claims["shared"] = json!({"cluster": STORE, "authority": "store.example", "kind": "upstash"});
        }
        json!({
            "version": 1,
            "x402Versions": if self == Self::Second { json!([2]) } else { json!([1, 2]) },
            "wallets": if any { "any" } else { "eoa" },
            "limit": limit,
            "origin": "https://shop.example",
            "unmatched": if self == Self::Closed { "deny" } else { "free" },
            "settle": "before",
            "facilitators": facilitators(),
            "accepts": [{
                "network": "base-sepolia",
                "asset": "USDC",
                "payTo": "0x209693Bc6afc0C5328bA36FaF03C514EF312287C",
            }],
            "discovery": {"catalogue": self == Self::FewQuotes, "openapi": self == Self::FewQuotes},
            "routes": routes,
            "claims": claims,
        })
    }
}

/// A path that no other scenario of the run shares a facilitator with: what one scenario
/// makes the facilitator do opens no breaker for another.
pub fn lane(number: usize, settle: &str) -> String {
    format!("/lane/{number}/{settle}")
}

fn facilitators() -> Value {
    let token = json!({"authorization": {"env": TOKEN_VARIABLE, "prefix": "Bearer "}});
    let facilitator = |timeout: &str| {
        json!({
            "cluster": "facilitator", "authority": "x402.example.com",
            "timeout": timeout, "headers": token,
        })
    };
    let mut all = serde_json::Map::new();
    all.insert("main".to_owned(), facilitator("5s"));
    all.extend((0..LANES).map(|lane| (format!("lane-{lane}"), facilitator("1s"))));
    Value::Object(all)
}

fn routes() -> Vec<Value> {
    let main = json!(["main"]);
    let sold = |name: &str, matching: Value, price: &str, settle: &str| {
        let offer = json!({"price": price, "settle": settle, "facilitators": main});
        json!({"name": name, "match": matching, "offer": offer})
    };
    let mut routes = vec![
        sold("tiles", json!({"methods": ["GET"], "path": "/v1/tiles/{z}/{x}/{y}"}), "$0.005", "before"),
        sold("uploads", json!({"methods": ["POST"], "path": "/v1/uploads"}), "$0.01", "before"),
        sold("reports", json!({"methods": ["GET"], "path": "/v1/reports/{id}"}), "$0.02", "after"),
        sold("embeddings", json!({"methods": ["POST"], "path": "/v1/embeddings"}), "$0.03", "after"),
        sold("cheap", json!({"path": "/v1/cheap"}), "$0.001", "before"),
        sold("twin", json!({"path": "/v1/twin"}), "$0.001", "before"),
        sold("dear", json!({"path": "/v1/dear"}), "$0.50", "before"),
        sold("late", json!({"path": "/v1/late"}), "$0.001", "after"),
        sold("tree", json!({"path": "/v1/tree/**"}), "$0.001", "before"),
        sold("hosted", json!({"hosts": ["api.shop.example"], "path": "/hosted"}), "$0.001", "before"),
        sold("order", json!({"methods": ["POST"], "path": "/v1/orders"}), "$0.01", "before"),
        sold("recall", json!({"methods": ["DELETE"], "path": "/v1/orders"}), "$0.50", "before"),
        json!({"name": "named", "match": {"path": "/v1/named"}, "offer": {
            "price": "$0.001", "settle": "after", "settleOn": ["2xx", "303"], "facilitators": main,
        }}),
        json!({"name": "orders", "match": {"methods": ["GET"], "path": "/v1/orders"}, "free": true}),
        json!({"name": "health", "match": {"path": "/healthz"}, "free": true}),
        json!({"name": "docs", "match": {"path": "/docs/**"}, "free": true}),
    ];
    for settle in ["before", "after"] {
        routes.push(json!({
            "name": format!("checked-{settle}"),
            "match": {"path": format!("/v1/checked/{settle}")},
            "offer": {"price": "$0.001", "settle": settle, "verify": "facilitator", "facilitators": main},
        }));
        routes.extend((0..LANES).map(|number| {
            json!({
                "name": format!("lane-{number}-{settle}"),
                "match": {"path": lane(number, settle)},
                "offer": {"price": "$0.001", "settle": settle, "facilitators": [format!("lane-{number}")]},
            })
        }));
    }
    routes
}

/// Routes of the shops that take every wallet: Permit2, `upto`, and what only the facilitator
/// understands.
fn ways() -> Vec<Value> {
    let payee = "0x209693Bc6afc0C5328bA36FaF03C514EF312287C";
    let permit = json!({"network": "base-sepolia", "payTo": payee, "assetTransferMethod": "permit2"});
    let upto = json!({"network": "base-sepolia", "payTo": payee, "scheme": "upto"});
    let others = json!([
        {"network": SOLANA, "asset": "USDC", "payTo": "2wKupLR9q6wXYppw8Gr2NvWxKBUqm4PPJKkQfoxHDBg4"},
        {"network": "base-sepolia", "payTo": payee, "scheme": "escrow", "extra": {"term": "30d"}},
    ]);
    let sold = |name: &str, mut offer: Value| {
        offer["facilitators"] = json!(["main"]);
        let path = format!("/ways/{}", name.replace('-', "/"));
        json!({"name": name, "match": {"path": path}, "offer": offer})
    };
    let metered = json!({
        "rate": "$0.02", "per": 1000, "max": "$0.50", "quantity": {"responseHeader": "x-tokens", "default": 7},
    });
    let strict = json!({"rate": "$0.02", "max": "$0.50", "quantity": {"responseHeader": "x-tokens"}});
    let after = |price: Value, way: &Value| json!({"price": price, "settle": "after", "accepts": [way]});
    vec![
        sold("permit-before", json!({"price": "$0.001", "settle": "before", "accepts": [permit]})),
        sold("permit-after", after(json!("$0.001"), &permit)),
        sold("upto-plain", after(json!("$0.50"), &upto)),
        sold("upto-metered", after(metered, &upto)),
        sold("upto-strict", after(strict, &upto)),
        sold("other-before", json!({"price": "$0.001", "settle": "before", "accepts": others})),
        sold("other-after", json!({"price": "$0.001", "settle": "after", "accepts": others})),
    ]
}

/// Routes whose quotes declare how they are called and that payments have names: one in few words, and
/// one in two thousand more.
fn declared() -> [Value; 2] {
    [("brief", 20), ("large", 1_000)].map(|(name, length)| {
        let text = "x".repeat(length);
        json!({"name": name, "match": {"path": format!("/declared/{name}/{{id}}")}, "offer": {
            "price": "$0.001", "settle": "before", "facilitators": ["main"], "description": "Some tiles",
            "paymentIdentifier": "optional",
            "bazaar": {"input": {"queryParams": {"q": text}}, "output": {"example": {"text": text}}},
        }})
    })
}

/// The development network of a family of which the filter knows nothing.
pub const SOLANA: &str = "solana:EtWTRABZaYq6iMfeYKouRu166VU2xqa1";
