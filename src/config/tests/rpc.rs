//! Nodes that are asked what became of a settlement.

use serde_json::json;

use super::mistakes::{check, mistakes};
use super::*;

fn node(more: &[(&str, Json)]) -> Json {
    let mut node = json!({"cluster": "node", "authority": "Base.example.com:443"});
    for (key, value) in more {
        node[key] = value.clone();
    }
    node
}

#[test]
fn a_node_is_found_by_its_chain() {
    let policy = read(&with(&[("/rpc", json!({"base": node(&[])}))])).unwrap();
    let rpc = policy.rpc(8453).unwrap();
    assert_eq!(
        (rpc.network(), rpc.cluster(), rpc.authority(), rpc.path(), rpc.timeout_millis(), rpc.finality()),
        ("eip155:8453", "node", "base.example.com:443", "/", 5_000, 900)
    );
    assert!(!rpc.is_sole_seller(), "that is for the operator to say");
    assert_eq!(rpc.headers().count(), 0);
    assert!(policy.rpc(84532).is_none());
    assert!(read(&example()).unwrap().rpc(8453).is_none());
}

#[test]
fn everything_can_be_said_and_no_key_is_shown() {
    let full = node(&[
        ("path", json!({"env": "TOKEN", "prefix": "/v2/"})),
        ("timeout", json!("250ms")),
        ("finality", json!("1500ms")),
        ("soleSeller", json!(true)),
        ("headers", json!({"X-Api-Key": {"env": "TOKEN"}})),
    ]);
    let policy = read(&with(&[("/rpc", json!({"eip155:8453": full}))])).unwrap();
    let rpc = policy.rpc(8453).unwrap();
    assert_eq!((rpc.path(), rpc.timeout_millis(), rpc.finality()), ("/v2/s3cret", 250, 2));
    assert!(rpc.is_sole_seller());
    assert_eq!(rpc.headers().collect::<Vec<_>>(), [("x-api-key", "s3cret")]);
    assert!(!format!("{policy:?}").contains("s3cret"));
    let query = json!({"base": node(&[("path", json!("/rpc?key=1"))])});
    assert_eq!(read(&with(&[("/rpc", query)])).unwrap().rpc(8453).unwrap().path(), "/rpc?key=1");
}

#[test]
fn nodes_are_checked() {
    let base = |key: &str, value: Json| json!({"base": node(&[(key, value)])});
    for (value, expected) in [
        (base("cluster", json!(null)), "rpc.base.cluster: missing"),
        (base("authority", json!("https://x")), "rpc.base.authority: \"https://x\" is not host"),
        (base("timeout", json!("61s")), "rpc.base.timeout: 61s is out of bounds (from 100ms to 60s)"),
        (base("finality", json!("0s")), "rpc.base.finality: 0s is out of bounds (from 1s to 24h)"),
        (base("path", json!("v2")), "rpc.base.path: not a path (write /, or {\"env\""),
        (base("path", json!("/a b")), "rpc.base.path: not a path"),
        (base("path", json!("/a#b")), "rpc.base.path: not a path"),
        (base("soleSeller", json!("yes")), "rpc.base.soleSeller: not true or false"),
        (base("path", json!(7)), "rpc.base.path: text belongs here"),
        (base("path", json!({"env": "TOKEN"})), "rpc.base.path: not a path"),
        (base("path", json!({"env": "MISSING"})), "rpc.base.path.env: the environment variable MISSING"),
        (base("headers", json!({"host": {"env": "TOKEN"}})), "rpc.base.headers.host: this header belongs"),
        (base("pathPrefix", json!("/")), "rpc.base.pathPrefix: unknown key"),
        (json!({"base-sepolia": node(&[])}), "rpc.base-sepolia: no offer is paid on eip155:84532"),
        (json!({"bsae": node(&[])}), "rpc.bsae: unknown network \"bsae\" (did you mean \"base\"?)"),
        (json!({"solana": node(&[])}), "rpc.solana: only EVM chains are asked"),
        (json!({"base": node(&[]), "eip155:8453": node(&[])}), "rpc.eip155:8453: the network is there twice"),
        (json!([]), "rpc: an object belongs here"),
    ] {
        check("/rpc", value, expected);
    }
    let shown = mistakes(&[("/rpc", base("path", json!({"env": "TOKEN"})))]).concat();
    assert!(!shown.contains("s3cret"), "{shown}");
    let many: serde_json::Map<_, _> = (0..65).map(|at| (format!("eip155:{}", at + 1), node(&[]))).collect();
    assert!(mistakes(&[("/rpc", many.into())])[0].starts_with("rpc: more than 64 nodes"));
}

/// A way to pay with a mistake in it has no network yet; the node is not blamed for that.
#[test]
fn a_node_is_not_blamed_for_other_mistakes() {
    let changes = [("/accepts/0/payTo", json!("0x")), ("/rpc", json!({"base": node(&[])}))];
    let found = mistakes(&changes);
    assert!(found.len() == 1 && found[0].starts_with("accepts[0].payTo"), "{found:?}");
}
