//! The published schema and the documentation say what the parser does.

use std::collections::BTreeSet;

use super::*;
use crate::config::{
    accepts, auth, chosen, claims, extensions, facilitators, notary, offers, prices, public, rpc, wire,
};

const SCHEMA: &str = include_str!("../../../schema/config-v1.schema.json");
const REFERENCE: &str = include_str!("../../../docs/configuration.md");

fn keys(keys: &[&str]) -> BTreeSet<String> {
    keys.iter().map(|&key| key.to_owned()).collect()
}

#[test]
fn the_schema_lists_the_keys_of_the_parser() {
    let schema: Json = serde_json::from_str(SCHEMA).unwrap();
    for (pointer, expected) in [
        ("", wire::KEYS),
        ("/$defs/route", routes::ROUTE_KEYS),
        ("/$defs/match", routes::MATCH_KEYS),
        ("/$defs/claims", claims::KEYS),
        ("/$defs/sharedClaims", claims::SHARED_KEYS),
        ("/$defs/forwardedOrigin", public::ORIGIN_KEYS),
        ("/$defs/cors", public::CORS_KEYS),
        ("/$defs/challenge", wire::CHALLENGE_KEYS),
        ("/$defs/discovery", extensions::DISCOVERY_KEYS),
        ("/$defs/bazaar", extensions::BAZAAR_KEYS),
        ("/$defs/bazaarInput", extensions::INPUT_KEYS),
        ("/$defs/bazaarOutput", extensions::OUTPUT_KEYS),
        ("/$defs/facilitator", facilitators::KEYS),
        ("/$defs/weightedFacilitator", chosen::KEYS),
        ("/$defs/header", facilitators::HEADER_KEYS),
        ("/$defs/supported", facilitators::SUPPORTED_KEYS),
        ("/$defs/auth", auth::KEYS),
        ("/$defs/offerReceipt", notary::KEYS),
        ("/$defs/cdp", auth::CDP_KEYS),
        ("/$defs/secret", auth::SECRET_KEYS),
        ("/$defs/accept", accepts::KEYS),
        ("/$defs/asset", accepts::ASSET_KEYS),
        ("/$defs/limit", wire::LIMIT_KEYS),
        ("/$defs/walletChecks", wire::RATE_KEYS),
        ("/$defs/challenges", wire::RATE_KEYS),
        ("/$defs/failures", wire::RATE_KEYS),
        ("/$defs/metered", prices::KEYS),
        ("/$defs/quantity", prices::QUANTITY_KEYS),
        ("/$defs/offer", offers::KEYS),
        ("/$defs/seller", offers::SELLER_KEYS),
        ("/$defs/rpc", rpc::KEYS),
    ] {
        let object = schema.pointer(pointer).unwrap();
        let listed: BTreeSet<String> = object["properties"].as_object().unwrap().keys().cloned().collect();
        assert_eq!(listed, keys(expected), "{pointer}");
        assert_eq!(object["additionalProperties"], false, "{pointer}");
        for required in object["required"].as_array().into_iter().flatten() {
            assert!(listed.contains(required.as_str().unwrap()), "{pointer} {required}");
        }
    }
}

#[test]
fn the_reference_has_a_row_for_every_key() {
    let all = [
        wire::KEYS,
        routes::ROUTE_KEYS,
        routes::MATCH_KEYS,
        claims::KEYS,
        claims::SHARED_KEYS,
        wire::LIMIT_KEYS,
        wire::RATE_KEYS,
        prices::KEYS,
        prices::QUANTITY_KEYS,
        public::ORIGIN_KEYS,
        public::CORS_KEYS,
        wire::CHALLENGE_KEYS,
        facilitators::KEYS,
        chosen::KEYS,
        facilitators::HEADER_KEYS,
        facilitators::SUPPORTED_KEYS,
        auth::KEYS,
        notary::KEYS,
        auth::CDP_KEYS,
        auth::SECRET_KEYS,
        accepts::KEYS,
        accepts::ASSET_KEYS,
        offers::KEYS,
        offers::SELLER_KEYS,
        rpc::KEYS,
        extensions::DISCOVERY_KEYS,
        extensions::BAZAAR_KEYS,
        extensions::INPUT_KEYS,
        extensions::OUTPUT_KEYS,
    ];
    for key in all.concat() {
        assert!(REFERENCE.lines().any(|line| line.starts_with(&format!("| `{key}` |"))), "{key}");
    }
}

#[test]
fn the_examples_of_the_reference_are_valid() {
    let mut examples = 0;
    for block in REFERENCE.split("```json\n").skip(1) {
        let text = block.split("```").next().unwrap();
        if let Err(errors) = Policy::from_bytes(text.as_bytes(), &env) {
            panic!("{errors}\n{text}");
        }
        examples += 1;
    }
    assert!(examples >= 2);
}
