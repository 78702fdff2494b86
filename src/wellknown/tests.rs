//! What is answered by the filter itself.

use serde_json::{json, Value};

use super::*;

fn policy(section: Value) -> Policy {
    let config = json!({
        "version": 1, "origin": "https://api.example.com", "unmatched": "deny", "settle": "before",
        "offerReceipt": section,
        "routes": [{"name": "all", "match": {"path": "/**"}, "free": true}],
    });
    let env = |_: &str| Some("0x".to_owned() + &"07".repeat(32));
    Policy::from_bytes(config.to_string().as_bytes(), &env).unwrap()
}

#[test]
fn the_did_document_is_served_at_its_path_alone() {
    let policy = policy(json!({"format": "eip712", "key": {"env": "KEY"}}));
    for (method, path) in [
        ("GET", "/.well-known/did.json"),
        ("HEAD", "/.well-known/did.json"),
        ("GET", "/.well-known/did.json?x=1"),
    ] {
        assert_eq!(find(&policy, method, path), Some(Document::Did), "{method} {path}");
    }
    for (method, path) in [
        ("POST", "/.well-known/did.json"),
        ("OPTIONS", "/.well-known/did.json"),
        ("GET", "/.well-known/did.json/"),
        ("GET", "//.well-known/did.json"),
        ("GET", "/.Well-known/did.json"),
        ("GET", "/.well-known/did%2Ejson"),
        ("GET", "/a/.well-known/did.json"),
        ("GET", ""),
    ] {
        assert_eq!(find(&policy, method, path), None, "{method} {path}");
    }
}

#[test]
fn nothing_is_served_without_a_key_of_this_origin() {
    for section in
        [json!(null), json!({"format": "jws", "key": {"env": "KEY"}, "kid": "did:web:keys.example.com#1"})]
    {
        assert_eq!(find(&policy(section), "GET", "/.well-known/did.json"), None);
    }
}

#[test]
fn anybody_may_read_and_keep_it() {
    let policy = policy(json!({"format": "eip712", "key": {"env": "KEY"}}));
    let documents = Documents::default();
    let reply = documents.serve(&policy, Document::Did);
    assert_eq!(reply.body, documents.serve(&policy, Document::Did).body);
    let header = |name: &str| &reply.headers.iter().find(|(n, _)| *n == name).unwrap().1;
    assert_eq!(*header("access-control-allow-origin"), "*");
    assert_eq!(*header("cache-control"), "public, max-age=300");
    let body: Value = serde_json::from_str(reply.body).unwrap();
    assert_eq!(body["id"], "did:web:api.example.com");
}

fn publishing(catalogue: bool, openapi: bool) -> Policy {
    let config = json!({
        "version": 1, "origin": "https://api.example.com", "unmatched": "free", "settle": "before",
        "facilitators": {"main": {"cluster": "facilitator", "authority": "x402.example.com"}},
        "accepts": [{"network": "base", "payTo": "0x209693Bc6afc0C5328bA36FaF03C514EF312287C"}],
        "discovery": {"catalogue": catalogue, "openapi": openapi},
        "routes": [{"name": "all", "match": {"path": "/**"}, "offer": {"price": "$1"}}],
    });
    Policy::from_bytes(config.to_string().as_bytes(), &|_| None).unwrap()
}

#[test]
fn only_what_is_switched_on_at_exactly_its_path_is_served() {
    let both = publishing(true, true);
    for (method, path, expected) in [
        ("GET", "/.well-known/x402", Some(Document::Catalogue)),
        ("HEAD", "/.well-known/x402?a=b", Some(Document::Catalogue)),
        ("GET", "/openapi.json", Some(Document::OpenApi)),
        ("POST", "/openapi.json", None),
        ("get", "/openapi.json", None),
        ("OPTIONS", "/.well-known/x402", None),
        ("GET", "/.well-known/x402/", None),
        ("GET", "/.well-known/x402/a", None),
        ("GET", "//openapi.json", None),
        ("GET", "/openapi.json;a", None),
        ("GET", "/%6fpenapi.json", None),
        ("GET", "/OpenAPI.json", None),
        ("GET", "", None),
    ] {
        assert_eq!(find(&both, method, path), expected, "{method} {path}");
    }
    assert_eq!(find(&publishing(true, false), "GET", "/openapi.json"), None);
    assert_eq!(find(&publishing(false, true), "GET", "/.well-known/x402"), None);
}

#[test]
fn anybody_may_read_and_keep_a_document() {
    let (policy, documents) = (publishing(true, true), Documents::default());
    for document in [Document::Catalogue, Document::OpenApi] {
        let reply = documents.serve(&policy, document);
        let header = |name: &str| reply.headers.iter().find(|(n, _)| *n == name).map(|(_, value)| *value);
        assert_eq!(header("content-type"), Some("application/json"));
        assert_eq!(header("cache-control"), Some("public, max-age=60"));
        assert_eq!(header("access-control-allow-origin"), Some("*"));
        assert!(serde_json::from_str::<serde_json::Value>(reply.body).unwrap().is_object());
    }
}

/// With so long a description.
fn wordy(bytes: usize) -> Policy {
    let config = json!({
        "version": 1, "origin": "https://api.example.com", "unmatched": "free", "settle": "before",
        "facilitators": {"main": {"cluster": "facilitator", "authority": "x402.example.com"}},
        "accepts": [{"network": "base", "payTo": "0x209693Bc6afc0C5328bA36FaF03C514EF312287C"}],
        "discovery": {"catalogue": true},
        "challenge": {"allowLarge": true},
        "offers": {"long": {"price": "$1", "description": "d".repeat(500)}},
        "routes": (0..bytes / 500).map(|at| json!({
            "name": format!("r{at}"), "match": {"path": format!("/r{at}")}, "offer": "long",
        })).collect::<Vec<_>>(),
    });
    Policy::from_bytes(config.to_string().as_bytes(), &|_| None).unwrap()
}

#[test]
fn a_large_document_is_worth_one_warning() {
    let (small, large) = (wordy(100_000), wordy(LARGE));
    let documents = Documents::default();
    assert!(!documents.serve(&small, Document::Catalogue).warns());
    let documents = Documents::default();
    let first = documents.serve(&large, Document::Catalogue);
    assert!(first.is_new && first.warns() && first.body.len() > LARGE);
    let second = documents.serve(&large, Document::Catalogue);
    assert!(!second.is_new && !second.warns());
}
