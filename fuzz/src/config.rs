//! Configurations: as JSON text and as a binary `Struct`, which must come to the same.
//!
//! 1. Whatever is wrong is said, with a hint, in text fit for a log, and never a secret.
//! 2. A text and its `Struct` give the same policy, or the same mistakes.
//! 3. So does either where its routes are taken apart first, as those of a long one are.
//! 4. A policy that was read can be put to work: quotes, catalogues and refusals come out.

use serde_json::Value;
use x402_proxy_wasm::admission::head::fields;
use x402_proxy_wasm::admission::{admit, Head};
use x402_proxy_wasm::catalogue;
use x402_proxy_wasm::config::error::Errors;
use x402_proxy_wasm::config::{Offer, Policy};
use x402_proxy_wasm::extensions::{self, gas};
use x402_proxy_wasm::protocol::challenge::Challenge;
use x402_proxy_wasm::reply::budget;

use crate::{cost, shop};

mod tree;

use tree::Tree;

/// No configuration holds it, and no text that is shown may.
const SECRET: &str = "iT2lwUjR0sEcReT";

/// One configuration.
pub fn run(data: &[u8]) {
    let read = cost::within(1 << 20, 1_024, data.len(), || Policy::from_bytes(data, &environment));
    match &read {
        Ok(policy) => work(policy, data),
        Err(errors) => said(errors, data.len()),
    }
    same(&read, &Policy::from_bytes_apart(data, &environment), "taken apart");
    let text = std::str::from_utf8(data).ok();
    // One byte order mark is one; a second is a character.
    let text = text.map(|text| text.strip_prefix('\u{feff}').unwrap_or(text));
    let Some(tree) = text.and_then(Tree::read) else { return };
    let Some(bytes) = tree.to_struct() else { return };
    same(&read, &Policy::from_bytes(&bytes, &environment), "as a Struct");
    same(&read, &Policy::from_bytes_apart(&bytes, &environment), "as a Struct, taken apart");
}

fn same(one: &Result<Policy, Errors>, other: &Result<Policy, Errors>, how: &str) {
    match (one, other) {
        (Ok(one), Ok(other)) => assert_eq!(format!("{one:?}"), format!("{other:?}"), "{how}"),
        (Err(one), Err(other)) => assert_eq!(one.to_string(), other.to_string(), "{how}"),
        (one, other) => panic!("{one:?}, and {how} {other:?}"),
    }
}

/// Variables of the VM's.
fn environment(name: &str) -> Option<String> {
    Some(match name {
        "TOKEN" => SECRET.to_owned(),
        "BROKEN" => format!("{SECRET}\n"),
        "ID" => "11111111-2222-3333-4444-555555555555".to_owned(),
        "ED25519" => {
            "BwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwfqSmxj4pxSCr71UHsTLsX5lUd2rr6+e5JCHuppFEbSLA=="
                .to_owned()
        }
        "SECP256K1" => "0x".to_owned() + &"07".repeat(32),
        _ => return None,
    })
}

fn said(errors: &Errors, len: usize) {
    assert!(!errors.mistakes().is_empty(), "refused for nothing");
    for mistake in errors.mistakes() {
        assert!(!mistake.message().is_empty() && !mistake.hint().is_empty(), "{mistake}");
        let text = mistake.to_string();
        assert!(!text.contains(char::is_control), "{text:?}");
        assert!(text.len() < 4_096, "{}", text.len());
    }
    let text = errors.to_string();
    assert!(!text.contains(SECRET), "{text}");
    assert!(text.len() < 4_096 + 64 * len.min(4_096), "{}", text.len());
}

fn work(policy: &Policy, data: &[u8]) {
    assert!(!format!("{policy:?}").contains(SECRET));
    for text in [catalogue::catalogue(policy), catalogue::openapi(policy)] {
        assert!(serde_json::from_str::<Value>(&text).is_ok(), "{text}");
    }
    for warning in policy.warnings() {
        assert!(!warning.is_empty() && !warning.contains(SECRET) && !warning.contains(char::is_control));
    }
    let most = |offer: &Offer| extensions::most(offer);
    if let Err(errors) = budget::check(policy, &most) {
        said(&errors, data.len());
    }
    for route in policy.routes().take(64) {
        assert_eq!(route.is_priced(), route.offer().is_some());
        let Some(offer) = route.offer() else { continue };
        let declared = extensions::declared(offer.extensions(), gas::most(offer));
        let quote = Challenge::new(offer, &shop::Able, declared);
        let header = quote.header("payment_required", "https://example.com/x", "", "");
        let value = decode(&header);
        for way in value["accepts"].as_array().expect("ways to pay") {
            let amount = way["amount"].as_str().expect("an amount");
            assert!(amount != "0" && amount.bytes().all(|b| b.is_ascii_digit()), "{amount}");
        }
        if let Some(v1) = quote.v1_accepts("https://example.com/x") {
            assert!(serde_json::from_str::<Value>(&v1).is_ok(), "{v1}");
        }
    }
    for path in ["/", "/v1/tiles/1/2/3", "/healthz", "*"] {
        let pairs = [(":method", "GET"), (":authority", "api.example.com"), (":path", path)]
            .map(|(name, value)| (name.to_owned(), value.as_bytes().to_vec()));
        let _ = admit(policy, &Head::read(&fields(&pairs)), &shop::Able, shop::NOW);
    }
}

fn decode(header: &str) -> Value {
    let json = x402_proxy_wasm::protocol::header::decode(header.as_bytes());
    // A quote may be longer than a payment that is read.
    match json {
        Ok(json) => serde_json::from_slice(&json).expect("a quote is JSON"),
        Err(_) => serde_json::json!({"accepts": []}),
    }
}
