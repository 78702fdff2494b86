use serde_json::{json, Value};

use super::*;
use crate::admission::head::fields;
use crate::admission::{admit, Admission};
use crate::protocol::abilities::Unasked;

fn policy() -> Policy {
    let priced = |name: &str, matching: Value| json!({"name": name, "match": matching, "offer": {"price": "$0.01", "settle": "before"}});
    let free = |name: &str, matching: Value| json!({"name": name, "match": matching, "free": true});
    let config = json!({
        "version": 1, "origin": "https://api.example.com", "unmatched": "free",
        "facilitators": {"main": {"cluster": "f", "authority": "f"}},
        "accepts": [{"network": "base", "payTo": "0x209693Bc6afc0C5328bA36FaF03C514EF312287C"}],
        "routes": [
            priced("all", json!({"path": "/all"})),
            priced("get", json!({"path": "/get", "methods": ["GET"]})),
            priced("options", json!({"path": "/options", "methods": ["GET", "OPTIONS"]})),
            free("mixed-free", json!({"path": "/mixed", "methods": ["GET"]})),
            priced("mixed", json!({"path": "/mixed", "methods": ["POST", "OPTIONS"]})),
            free("free", json!({"path": "/free"})),
            free("free-get", json!({"path": "/free-get", "methods": ["GET"]})),
        ],
    });
    Policy::from_bytes(config.to_string().as_bytes(), &|_| None).unwrap()
}

/// What is made of a preflight: the methods allowed, "passes", or the refusal's code.
fn asked(path: &str, method: &str) -> String {
    let pairs = [
        (":method", "OPTIONS"),
        (":authority", "api.example.com"),
        (":path", path),
        ("origin", "https://page.test"),
        ("access-control-request-method", method),
    ];
    let pairs = pairs.map(|(name, value)| (name.to_owned(), value.as_bytes().to_vec()));
    match admit(&policy(), &Head::read(&fields(&pairs)), &Unasked, 0) {
        Admission::Preflight(_, methods) => methods,
        Admission::Pass(_) => "passes".to_owned(),
        Admission::Refuse(_, refusal, _) => refusal.code().to_owned(),
        Admission::Present(_) => panic!("{path} {method}"),
    }
}

#[test]
fn the_methods_allowed_are_those_for_sale() {
    assert_eq!(asked("/all", "PATCH"), "PATCH");
    assert_eq!(asked("/get", "GET"), "GET");
    assert_eq!(asked("/get", "HEAD"), "HEAD");
    assert_eq!(asked("/get", "DELETE"), "GET, HEAD, OPTIONS");
    // OPTIONS is sold here, and DELETE is not.
    assert_eq!(asked("/options", "DELETE"), "GET, HEAD, OPTIONS");
}

#[test]
fn free_routes_answer_for_themselves() {
    assert_eq!(asked("/free", "DELETE"), "passes");
    assert_eq!(asked("/unmatched", "GET"), "passes");
    assert_eq!(asked("/free-get", "GET"), "method_not_allowed");
}

#[test]
fn a_preflight_is_no_way_to_an_options_that_is_for_sale() {
    assert_eq!(asked("/mixed", "GET"), "GET", "answered here, whatever it asks for");
    assert_eq!(asked("/mixed", "DELETE"), "GET, HEAD, OPTIONS, POST");
    for method in ["GET", "CONNECT", "x y", "\u{e9}"] {
        assert_ne!(asked("/all", method), "passes", "{method}");
        for path in ["//all", "/All", "/all/", "/%61ll"] {
            assert_eq!(asked(path, method), "path_ambiguous", "{path} {method}");
        }
    }
}
