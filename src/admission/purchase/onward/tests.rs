use serde_json::{json, Value};

use super::*;

const PAYEE: &str = "0x209693Bc6afc0C5328bA36FaF03C514EF312287C";

fn policy() -> Policy {
    let sold =
        |name: &str, matching: Value| json!({"name": name, "match": matching, "offer": {"price": "$1"}});
    let config = json!({
        "version": 1, "origin": "https://shop.example:8443", "unmatched": "free", "settle": "after",
        "facilitators": {"main": {"cluster": "f", "authority": "f"}},
        "accepts": [{"network": "base", "payTo": PAYEE}],
        "discovery": {"catalogue": true},
        "routes": [
            sold("all", json!({"path": "/all/**"})),
            sold("posted", json!({"path": "/posted", "methods": ["POST"]})),
            json!({"name": "list", "match": {"path": "/list", "methods": ["GET"]}, "free": true}),
            sold("listed", json!({"path": "/list", "methods": ["POST", "DELETE"]})),
            sold("known", json!({"path": "/.well-known/**"})),
            sold("one", json!({"hosts": ["one.example"], "path": "/one"})),
            sold("below", json!({"hosts": ["*.below.example"], "path": "/below"})),
        ],
    });
    Policy::from_bytes(config.to_string().as_bytes(), &|_| None).unwrap()
}

fn leads_on(sent: (&str, &str, &str), status: u16, location: &str) -> bool {
    let (method, authority, path) = sent;
    Sent::new(method, authority, path).leads_to(&policy(), status, location.as_bytes()).is_some()
}

const SENT: (&str, &str, &str) = ("GET", "any.example", "/all/a?b=/c");

#[test]
fn a_place_here_that_is_sold_leads_on() {
    for location in [
        "/all/b",
        "b",
        "?b=/c",
        "b?b=/c#d",
        "/all/a",
        "https://shop.example:8443/all/b",
        "//SHOP.example.:08443/all/b",
        "http://one.example:80/all/b",
        "//ONE.example:443/all/b",
    ] {
        assert!(leads_on(SENT, 302, location), "{location}");
    }
}

#[test]
fn a_place_elsewhere_or_free_does_not() {
    for location in [
        "/",
        "/free",
        "/all/../free",
        "/All/b",
        "/all/%2e%2e/free",
        "/all//b",
        "/one",
        "https://shop.example/all/b",
        "https://shop.example:443/all/b",
        "https://shop.example:0/all/b",
        "https://shop.example:8443.evil.example/all/b",
        "https://shop.example:8443@evil.example/all/b",
        "https://evil.example/all/b",
        "https:///all/b",
        "//:8443/all/b",
        "https://one.example:8443/one",
        "https://one.example@evil.example/one",
        "https://evil.example#@one.example/one",
        "https://one.example/free",
        "https://two.example/one",
        "/posted",
        "/list",
        "/.well-known/x402",
        "?page=2",
        "?",
        "/all/b?signature=s",
        "/all/b?b=/c&signature=s",
        "https://one.example/one",
    ] {
        assert!(!leads_on(SENT, 302, location), "{location}");
    }
}

/// A client chooses its `Host`, and with it where a place with that name leads for nobody but itself.
#[test]
fn the_requests_own_host_is_not_the_shops() {
    for (authority, location) in [
        ("files.example", "https://files.example/all/b"),
        ("files.below.example", "https://files.below.example/below"),
        ("", "https:///all/b"),
    ] {
        assert!(!leads_on(("GET", authority, "/all/a"), 302, location), "{location}");
    }
    assert!(leads_on(("GET", "files.below.example", "/all/a"), 302, "/all/b"), "it stays where it was");
    // Sold at that host, and free at others.
    for (authority, location) in [("files.below.example", "/below"), ("one.example", "/one")] {
        assert!(!leads_on(("GET", authority, "/all/a"), 302, location), "{location}");
    }
}

#[test]
fn it_is_followed_by_the_method_that_clients_use() {
    for (status, method, path, leads) in [
        (301, "POST", "/list", false),
        (302, "POST", "/list", false),
        (303, "DELETE", "/list", false),
        // Free by another method: who is led there need not follow as clients do.
        (307, "DELETE", "/list", false),
        (308, "POST", "/list", false),
        (308, "GET", "/list", false),
        (308, "PUT", "/list", false),
        (303, "HEAD", "/list", false),
        (303, "HEAD", "/all/b", true),
        (307, "HEAD", "/all/b", true),
        (303, "POST", "/posted", false),
        (307, "POST", "/posted", true),
        (303, "PUT", "/all/b", true),
    ] {
        assert_eq!(
            leads_on((method, "any.example", "/all/a"), status, path),
            leads,
            "{status} {method} {path}"
        );
    }
}
