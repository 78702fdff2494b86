//! Configurations as operators write them, and what comes of them.

#![allow(
    clippy::arithmetic_side_effects,
    clippy::string_slice,
    reason = "a sum or slice out of bounds fails the test"
)]

mod auth;
mod bytes;
mod chosen;
mod claims;
mod extensions;
mod hints;
mod mistakes;
mod notary;
mod public;
mod rpc;
mod schema;
mod sharing;
mod ways;

use serde_json::{json, Value as Json};

use super::*;
use crate::limit::Rate;
use crate::route::Resolution;

/// The example of the documentation, which every test bends.
pub(super) fn example() -> Json {
    json!({
        "version": 1,
        "origin": "https://api.example.com",
        "unmatched": "free",
        "settle": "before",
        "facilitators": {"main": {"cluster": "facilitator", "authority": "x402.example.com"}},
        "accepts": [{"network": "base", "asset": "USDC", "payTo": "0x209693Bc6afc0C5328bA36FaF03C514EF312287C"}],
        "offers": {"tile": {"price": "$0.005", "description": "One map tile", "sku": "tile"}},
        "routes": [
            {"name": "tiles", "match": {"methods": ["GET"], "path": "/v1/tiles/{z}/{x}/{y}"}, "offer": "tile"},
            {"name": "embeddings", "match": {"path": "/v1/embeddings"}, "offer": {"price": "$0.02", "settle": "after"}},
            {"name": "health", "match": {"path": "/healthz"}, "free": true},
        ],
    })
}

/// The example with one value set, by JSON pointer; null removes.
pub(super) fn with(changes: &[(&str, Json)]) -> Json {
    let mut config = example();
    for (pointer, value) in changes {
        let (parent, key) = pointer.rsplit_once('/').unwrap();
        match config.pointer_mut(parent).unwrap() {
            Json::Object(map) => drop(map.insert(key.to_owned(), value.clone())),
            Json::Array(list) if key == "-" => list.push(value.clone()),
            Json::Array(list) => list[key.parse::<usize>().unwrap()] = value.clone(),
            _ => panic!("{pointer}"),
        }
    }
    config
}

pub(super) fn env(name: &str) -> Option<String> {
    match name {
        "TOKEN" | "BASE_NODE_TOKEN" | "STORE_TOKEN" => Some("s3cret".to_owned()),
        "BROKEN" => Some("s3cret\n".to_owned()),
        "CDP_API_KEY_ID" => Some("11111111-2222-3333-4444-555555555555".to_owned()),
        // The key of the test vectors.
        "CDP_API_KEY_SECRET" | "OFFER_KEY" => Some(
            "BwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwfqSmxj4pxSCr71UHsTLsX5lUd2rr6+e5JCHuppFEbSLA==\n"
                .to_owned(),
        ),
        "SECP256K1" => Some("0x".to_owned() + &"07".repeat(32)),
        _ => None,
    }
}

pub(super) fn read(config: &Json) -> Result<Policy, error::Errors> {
    read_text(config.to_string().as_bytes())
}

/// Whatever a test gets wrong, each mistake says what to write instead.
pub(super) fn read_text(text: &[u8]) -> Result<Policy, error::Errors> {
    let read = read_both(text);
    for mistake in read.as_ref().err().map_or(&[][..], error::Errors::mistakes) {
        assert!(!mistake.hint().trim().is_empty() && !mistake.message().is_empty(), "{mistake:?}");
    }
    read
}

/// Whether its routes are read one by one or all at once, a configuration comes to the same.
pub(super) fn read_both(text: &[u8]) -> Result<Policy, error::Errors> {
    let [apart, whole] = [0, usize::MAX].map(|small| wire::read(text.to_vec(), small, &env));
    match (&apart, &whole) {
        (Ok(apart), Ok(whole)) => assert_eq!(format!("{apart:?}"), format!("{whole:?}")),
        (Err(apart), Err(whole)) => assert_eq!(apart.to_string(), whole.to_string()),
        _ => panic!("read one by one: {:?}", apart.err()),
    }
    apart
}

pub(super) fn route(policy: &Policy, path: &str) -> Arc<Route> {
    match policy.routes.resolve("GET", "h", path) {
        Resolution::Route(route) => route.clone(),
        other => panic!("{other:?}"),
    }
}

pub(super) fn offer(policy: &Policy, path: &str) -> Arc<Offer> {
    match &route(policy, path).target {
        Target::Offer(offer) => offer.clone(),
        Target::Free => panic!("{path} is free"),
    }
}

#[test]
fn reads_the_example() {
    let policy = read(&example()).unwrap();
    assert_eq!(
        (policy.origin.as_str(), policy.unmatched, policy.claims.capacity),
        ("https://api.example.com", Unmatched::Free, 131_072)
    );
    let tile = offer(&policy, "/v1/tiles/1/2/3");
    assert_eq!(
        (
            tile.name(&route(&policy, "/v1/tiles/1/2/3")),
            tile.settle,
            tile.verify,
            tile.max_timeout_seconds,
            tile.redeem_for_seconds
        ),
        ("tile", Settle::Before, Verify::ByMeans, 60, 3600)
    );
    assert_eq!((tile.price().as_str(), tile.accepts[0].asset.symbol.as_str()), ("5000", "USDC"));
    assert_eq!((tile.description(), tile.sku()), ("One map tile", Some("tile")));
    let inline = offer(&policy, "/v1/embeddings");
    assert_eq!(
        (inline.name(&route(&policy, "/v1/embeddings")), inline.settle, inline.price().as_str()),
        ("embeddings", Settle::After, "20000")
    );
    let facilitator = &policy.facilitators[0];
    assert_eq!((facilitator.path_prefix.as_str(), facilitator.timeout_millis), ("", 10_000));
    assert!(
        matches!(policy.routes.resolve("GET", "h", "/healthz"), Resolution::Route(route) if !route.is_priced() && route.index == 2)
    );
    assert!(policy.warnings().is_empty());
    assert_eq!(policy.assets.len(), 1);
}

#[test]
fn the_domain_separator_is_the_one_on_chain() {
    // DOMAIN_SEPARATOR() of USDC on Base and of the test token on Base Sepolia.
    let policy = read(&with(&[(
        "/accepts/-",
        json!({"network": "eip155:84532", "payTo": "0x209693bc6afc0c5328ba36faf03c514ef312287c"}),
    )]))
    .unwrap();
    let separators: Vec<String> =
        policy.assets.iter().map(|asset| hex::encode(asset.domain_separator)).collect();
    assert_eq!(
        separators,
        [
            "02fa7265e7c5d81118673727957699e4d68f74cd74b7db77da710fe8a2c7834f",
            "71f17a3b2ff373b803d70a5a07c046c1a2bc8e89c09ef722fcb047abe94c9818"
        ]
    );
    let names: Vec<_> =
        policy.assets.iter().map(|asset| (asset.network.as_str(), asset.v1_network)).collect();
    assert_eq!(names, [("eip155:8453", Some("base")), ("eip155:84532", Some("base-sepolia"))]);
}

#[test]
fn a_seller_is_paid_in_place_of_the_default() {
    let pay_to = "0x70997970C51812dc3A010C7d01b50e0d17dc79C8";
    let policy = read(&with(&[
        ("/sellers", json!({"acme": {"accepts": [{"network": "polygon", "asset": "USDC", "payTo": pay_to}], "labels": {"team": "a", "tier": "x"}}})),
        ("/offers/tile/labels", json!({"tier": "y"})),
        ("/routes/-", json!({"name": "acme", "match": {"hosts": ["acme.example.com"], "path": "/**"}, "offer": "tile", "seller": "acme"})),
        ("/routes/-", json!({"name": "acme2", "match": {"hosts": ["acme2.example.com"], "path": "/**"}, "offer": "tile", "seller": "acme"})),
    ]))
    .unwrap();
    let find = |host: &str| match policy.routes.resolve("GET", host, "/x") {
        Resolution::Route(route) => match &route.target {
            Target::Offer(offer) => offer.clone(),
            Target::Free => panic!(),
        },
        other => panic!("{other:?}"),
    };
    let acme = find("acme.example.com");
    assert_eq!(
        (acme.accepts[0].pay_to.to_string().as_str(), acme.accepts[0].asset.chain_id, acme.seller.as_deref()),
        (pay_to, 137, Some("acme"))
    );
    assert_eq!(*acme.labels, [("team".to_owned(), "a".to_owned()), ("tier".to_owned(), "y".to_owned())]);
    assert!(Arc::ptr_eq(&acme, &find("acme2.example.com")));
}

#[test]
fn a_token_outside_the_registry_is_described() {
    let token = json!({"address": "0x5425890298aed601595a70AB815c96711a31Bc65", "decimals": 6, "name": "USD Coin", "version": "2", "symbol": "USDC"});
    let policy = read(&with(&[
        ("/accepts/0/network", json!("avalanche-fuji")),
        ("/accepts/0/asset", token),
        ("/offers/tile/price", json!("0.005 usdc")),
    ]))
    .unwrap();
    let tile = offer(&policy, "/v1/tiles/1/2/3");
    let asset = &tile.accepts[0].asset;
    assert_eq!(
        (asset.chain_id, asset.v1_network, tile.price().as_str()),
        (43113, Some("avalanche-fuji"), "5000")
    );
}

#[test]
fn supported_is_asked_every_minute_or_never() {
    let every = |value: Json| {
        let policy = read(&with(&[("/facilitators/main/supported", value)])).unwrap();
        policy.facilitators[0].supported_every()
    };
    assert_eq!((every(json!(null)), every(json!({}))), (Some(60), Some(60)));
    assert_eq!((every(json!({"every": "5s"})), every(json!({"every": "1h"}))), (Some(5), Some(3_600)));
    // Envoy reads a bare `off` in YAML as false.
    assert_eq!((every(json!("off")), every(json!(false))), (None, None));
}

#[test]
fn secrets_come_from_the_environment_and_are_never_shown() {
    let headers = json!({"Authorization": {"env": "TOKEN", "prefix": "Bearer "}, "x-team": {"insecureLiteral": "blue"}});
    let policy = read(&with(&[
        ("/facilitators/main/headers", headers),
        ("/facilitators/main/pathPrefix", json!("/v2/x402/")),
        ("/facilitators/main/timeout", json!("1500ms")),
    ]))
    .unwrap();
    let main = &policy.facilitators[0];
    let sent: Vec<_> = main.headers.iter().map(|(name, value)| (name.as_str(), value.expose())).collect();
    assert_eq!(sent, [("authorization", "Bearer s3cret"), ("x-team", "blue")]);
    assert_eq!((main.path_prefix.as_str(), main.timeout_millis), ("/v2/x402", 1500));
    assert!(!format!("{policy:?}").contains("s3cret"));
    assert_eq!(policy.warnings().len(), 1);
}

#[test]
fn every_offer_key_is_read() {
    let policy = read(&with(&[(
        "/routes/1/offer",
        json!({"price": "1.50 USDC", "facilitators": ["main"], "settle": "after", "verify": "facilitator", "settleOn": ["2xx", "304", "400-403"], "maxTimeoutSeconds": 300, "redeemFor": "90s", "mimeType": "application/json", "labels": {"a": "b"}}),
    )]))
    .unwrap();
    let offer = offer(&policy, "/v1/embeddings");
    assert_eq!(offer.settle_on.ranges, [(200, 299), (304, 304), (400, 403)]);
    assert_eq!(
        (offer.verify, offer.max_timeout_seconds, offer.redeem_for_seconds, offer.mime_type.as_str()),
        (Verify::Facilitator, 300, 90, "application/json")
    );
    let default = SettleOn::default();
    assert!(default.charges(206) && !default.charges(304) && !default.charges(400));
}

#[test]
fn origins_are_normalised() {
    for (written, read_as) in [
        ("HTTPS://API.Example.com:443/", "https://api.example.com"),
        ("http://localhost:8080", "http://localhost:8080"),
        ("https://[::1]:8443", "https://[::1]:8443"),
    ] {
        assert_eq!(read(&with(&[("/origin", json!(written))])).unwrap().origin, read_as);
    }
}

#[test]
fn a_hundred_thousand_routes_share_their_offer() {
    let mut config = example();
    let route = |i: usize| json!({"name": format!("r{i}"), "match": {"methods": ["GET"], "path": format!("/v2/items/i{i}/{{id}}")}, "offer": "tile"});
    config["routes"] = (0..100_000).map(route).collect();
    let policy = read(&config).unwrap();
    assert!(Arc::ptr_eq(&offer(&policy, "/v2/items/i7/x"), &offer(&policy, "/v2/items/i99999/x")));
}
