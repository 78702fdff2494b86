//! The table of payments, and the store that replicas share.

use serde_json::json;

use super::mistakes::check;
use super::*;

const SECTION: &str = "/claims";

fn section() -> Json {
    json!({"shared": {"cluster": "claims", "authority": "webdis:7379", "kind": "webdis"}})
}

fn with_key(key: &str, value: Json) -> Json {
    let mut section = section();
    section["shared"][key] = value;
    section
}

fn shared(section: Json) -> Option<Arc<SharedStore>> {
    read(&with(&[(SECTION, section)])).unwrap().shared_claims().map(Arc::clone)
}

#[test]
fn nothing_is_shared_unless_it_is_said() {
    assert!(read(&example()).unwrap().shared_claims().is_none());
    for section in [json!(null), json!({}), json!({"capacity": 5}), json!({"shared": null})] {
        assert!(shared(section.clone()).is_none(), "{section}");
    }
    let policy = read(&with(&[(SECTION, json!({"capacity": 5, "shared": section()["shared"]}))])).unwrap();
    assert_eq!(policy.claims.capacity, 5);
    assert!(policy.shared_claims().is_some());
}

#[test]
fn a_store_has_defaults() {
    let store = shared(section()).unwrap();
    assert_eq!((store.cluster.as_str(), store.authority.as_str()), ("claims", "webdis:7379"));
    assert_eq!((store.kind, store.path.as_str()), (StoreKind::Webdis, "/"));
    assert_eq!((store.timeout_millis, store.key_prefix.as_str()), (500, "x402:"));
    assert!(!store.one_at_a_time);
    assert!(store.headers.is_empty());
}

#[test]
fn a_store_is_called_as_it_is_said() {
    let mut all = with_key("pathPrefix", json!("/redis/"));
    let more = json!({
        "kind": "upstash", "timeout": "2s", "keyPrefix": "shop-1/", "oneAtATime": true,
        "headers": {"Authorization": {"env": "TOKEN", "prefix": "Bearer "}},
    });
    for (key, value) in more.as_object().unwrap() {
        all["shared"][key] = value.clone();
    }
    let store = shared(all).unwrap();
    assert_eq!((store.kind, store.path.as_str()), (StoreKind::Upstash, "/redis"));
    assert_eq!((store.timeout_millis, store.key_prefix.as_str()), (2_000, "shop-1/"));
    assert!(store.one_at_a_time);
    let (name, value) = &store.headers[0];
    assert_eq!((name.as_str(), value.expose()), ("authorization", "Bearer s3cret"));
    assert!(!format!("{store:?}").contains("s3cret"));
}

#[test]
fn mistakes_are_named() {
    for (section, expected) in [
        (json!({"shared": "redis"}), "claims.shared: an object belongs here, not text"),
        (json!({"share": {}}), "claims.share: unknown key (did you mean \"shared\"?)"),
        (
            with_key("cluster", json!(null)),
            "claims.shared.cluster: missing (the proxy's name for the store's",
        ),
        (with_key("cluster", json!("a b")), "claims.shared.cluster: must be 1 to 256 printable"),
        (with_key("authority", json!(null)), "claims.shared.authority: missing (the front's host"),
        (with_key("authority", json!("a/b")), "claims.shared.authority: \"a/b\" is not host or host:port"),
        (with_key("kind", json!(null)), "claims.shared.kind: missing (write webdis or upstash"),
        (
            with_key("kind", json!("redis")),
            "claims.shared.kind: \"redis\" is not one of its values (write webdis or upstash)",
        ),
        (with_key("pathPrefix", json!("x")), "claims.shared.pathPrefix: \"x\" is not a path"),
        (
            with_key("timeout", json!("49ms")),
            "claims.shared.timeout: 49ms is out of bounds (from 50ms to 5s)",
        ),
        (with_key("timeout", json!("6s")), "claims.shared.timeout: 6s is out of bounds"),
        (with_key("timeout", json!(500)), "claims.shared.timeout: text belongs here, not a number"),
        (
            with_key("headers", json!({"x": "s3cret"})),
            "claims.shared.headers.x: a header's value does not stand here",
        ),
        (
            with_key("headers", json!({"x": {"env": "NONE"}})),
            "claims.shared.headers.x.env: the environment variable NONE is not set",
        ),
        (with_key("keyPrefix", json!("")), "claims.shared.keyPrefix: must be 1 to 64 printable"),
        (with_key("keyPrefix", json!("x".repeat(65))), "claims.shared.keyPrefix: must be 1 to 64 printable"),
        (with_key("ttl", json!("1h")), "claims.shared.ttl: unknown key"),
    ] {
        check(SECTION, section, expected);
    }
}
