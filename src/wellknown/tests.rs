use serde_json::json;

use super::*;

fn policy(catalogue: bool, openapi: bool) -> Policy {
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
    let both = policy(true, true);
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
    assert_eq!(find(&policy(true, false), "GET", "/openapi.json"), None);
    assert_eq!(find(&policy(false, true), "GET", "/.well-known/x402"), None);
}

#[test]
fn anybody_may_read_and_keep_a_document() {
    let (policy, documents) = (policy(true, true), Documents::default());
    for document in [Document::Catalogue, Document::OpenApi] {
        let reply = documents.reply(&policy, document);
        let header =
            |name: &str| reply.headers.iter().find(|(n, _)| *n == name).map(|(_, value)| value.as_str());
        assert_eq!((reply.status, header("content-type")), (200, Some("application/json")));
        assert_eq!(header("cache-control"), Some("public, max-age=60"));
        assert_eq!(header("access-control-allow-origin"), Some("*"));
        assert!(serde_json::from_str::<serde_json::Value>(&reply.body).unwrap().is_object());
    }
}
