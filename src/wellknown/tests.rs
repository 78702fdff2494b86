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
    let reply = documents.reply(&policy, Document::Did);
    assert_eq!(reply, documents.reply(&policy, Document::Did));
    assert_eq!(reply.status, 200);
    let header = |name: &str| &reply.headers.iter().find(|(n, _)| *n == name).unwrap().1;
    assert_eq!(header("access-control-allow-origin"), "*");
    assert_eq!(header("cache-control"), "public, max-age=300");
    let body: Value = serde_json::from_str(&reply.body).unwrap();
    assert_eq!(body["id"], "did:web:api.example.com");
}
