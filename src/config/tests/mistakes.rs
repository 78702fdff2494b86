//! Every mistake is reported, each with its place.

use serde_json::json;

use super::*;

/// `path: message (hint)` of each mistake.
pub(super) fn mistakes(changes: &[(&str, Json)]) -> Vec<String> {
    read(&with(changes)).unwrap_err().mistakes().iter().map(ToString::to_string).collect()
}

/// One change makes one mistake, whose text starts so.
pub(super) fn check(pointer: &str, value: Json, expected: &str) {
    let found = mistakes(&[(pointer, value.clone())]);
    assert!(
        found.len() == 1 && found[0].starts_with(expected),
        "{pointer} = {value}\n  expected {expected}\n  found {found:?}"
    );
}

#[test]
fn all_mistakes_are_reported_at_once() {
    let errors = read(&with(&[
        ("/version", json!(2)),
        ("/origin", json!("https://api.example.com/x")),
        ("/unmatched", json!(null)),
        ("/offers/tile/price", json!("0.005$")),
        ("/routes/0/offer", json!("tiel")),
        ("/routes/1/offer/settel", json!("after")),
        ("/routes/2/name", json!("tiles")),
    ]))
    .unwrap_err();
    let shown = errors.to_string();
    for line in [
        "7 mistakes in the configuration\n",
        "\n  version: this module reads version 1 (write 1)",
        "\n  origin: \"https://api.example.com/x\" is not https://host",
        "\n  unmatched: missing (write free or deny",
        "\n  offers.tile.price: \"0.005$\" is no price",
        "\n  routes[0].offer: no offer is named \"tiel\" (did you mean \"tile\"?)",
        "\n  routes[1].offer.settel: unknown key (did you mean \"settle\"?)",
        "\n  routes[2].name: routes[0] has the name \"tiles\" too",
    ] {
        assert!(shown.contains(line), "{line} in\n{shown}");
    }
}

#[test]
fn clashes_are_reported_beside_other_mistakes() {
    let route = |name: &str, matched: Json| json!({"name": name, "match": matched, "offer": "tile"});
    let found = mistakes(&[
        ("/routes/1/offer", json!({"price": "0.02$", "settle": "after"})),
        ("/routes/1/match/path", json!("/v1/{id}")),
        ("/routes/2/match/path", json!("/v1/*")),
        ("/routes/-", json!({"match": {"path": "/v2"}, "free": true})),
        ("/routes/-", route("v2", json!({"path": "/v2"}))),
    ]);
    assert_eq!(found.len(), 4, "{found:?}");
    assert!(found[0].starts_with("routes[1].offer.price: \"0.02$\" is no price"), "{found:?}");
    assert_eq!(found[1], "routes[3].name: missing (a name of its own, which labels its metrics)");
    assert!(found[2].starts_with("routes[2].match: matches the same requests as route \"embeddings\""));
    assert!(found[3].starts_with("routes[4].match: matches the same requests as route \"routes[3]\""));
    // What is left of a match with mistakes is not taken for all hosts or all methods.
    let apart = mistakes(&[
        ("/routes/-", route("a", json!({"path": "/v3", "hosts": ["a.com:80"]}))),
        ("/routes/-", route("b", json!({"path": "/v3", "hosts": ["b.com:80"]}))),
        ("/routes/-", route("c", json!({"path": "/v3", "methods": ["get"]}))),
        ("/routes/-", route("d", json!({"path": "/v3", "hosts": ["c.com"], "methods": []}))),
        ("/routes/-", route("e", json!({"path": "/v3", "hosts": ["c.com", "d:1"], "methods": ["GET"]}))),
    ]);
    assert_eq!(apart.len(), 5, "{apart:?}");
    assert!(apart.iter().all(|mistake| !mistake.contains("same requests")), "{apart:?}");
}

#[test]
fn missing_keys_are_named() {
    let errors = read_text(b"{}").unwrap_err();
    let paths: Vec<&str> = errors.mistakes().iter().map(error::Mistake::path).collect();
    assert_eq!(paths, ["version", "origin", "unmatched", "routes"]);
    check("/facilitators/main/cluster", json!(null), "facilitators.main.cluster: missing");
    check("/routes/2/match", json!(null), "routes[2].match: missing");
    check("/settle", json!(null), "offers.tile.settle: missing");
    assert!(mistakes(&[("/accepts", json!(null))])[0].starts_with("offers.tile.accepts: missing"));
}

#[test]
fn money_is_exact_text_and_never_nothing() {
    check(
        "/offers/tile/price",
        json!(0.005),
        "offers.tile.price: money is text, not a number (quote it: \"0.005\")",
    );
    check(
        "/offers/tile/price",
        json!("$0.0000001"),
        "offers.tile.price: comes to nothing in USDC on eip155:8453, which has 6 decimals",
    );
    check("/offers/tile/price", json!("$0"), "offers.tile.price: comes to nothing");
    check(
        "/offers/tile/price",
        json!("1 USDT"),
        "offers.tile.price: the price names a ticker, but USDC on eip155:8453 is accepted too",
    );
    check(
        "/offers/tile/price",
        json!(format!("1{}", "0".repeat(80))),
        "offers.tile.price: the price does not fit a uint256",
    );
    let truncated = read(&with(&[("/offers/tile/price", json!("$0.0050009"))])).unwrap();
    assert_eq!(offer(&truncated, "/v1/tiles/1/2/3").price(), "5000", "cut off as in the reference");
}

#[test]
fn whom_and_in_what_to_pay_is_checked() {
    check(
        "/accepts/0/payTo",
        json!("0x209693bc6afc0C5328bA36FaF03C514EF312287C"),
        "accepts[0].payTo: the address has a wrong EIP-55 checksum (these digits are spelled 0x209693Bc",
    );
    check(
        "/accepts/0/payTo",
        json!("0x0000000000000000000000000000000000000000"),
        "accepts[0].payTo: the zero address",
    );
    check("/accepts/0/payTo", json!("acme.eth"), "accepts[0].payTo: an address is 0x");
    check(
        "/accepts/0/network",
        json!("basee"),
        "accepts[0].network: unknown network \"basee\" (did you mean \"base\"?)",
    );
    check("/accepts/0/network", json!("eip155:08453"), "accepts[0].network: unknown network");
    check(
        "/accepts/0/network",
        json!("eip155:999999"),
        "accepts[0].asset: no token \"USDC\" on eip155:999999",
    );
    check(
        "/accepts/0/network",
        json!("megaeth"),
        "accepts[0].asset: no token \"USDC\" on eip155:4326 in the registry (known there: MegaUSD",
    );
    check("/accepts/0/asset", json!("DAI"), "accepts[0].asset: no token \"DAI\" on eip155:8453");
    let usdc = |name: &str| json!({"address": "0x833589fCD6eDb6E08f4c7C32D4f71b54bdA02913", "decimals": 6, "name": name, "version": "2"});
    check("/accepts/0/asset", usdc("USDC"), "accepts[0].asset: the registry knows this token as decimals 6, name \"USD Coin\", version \"2\" (write \"USDC\")");
    assert!(read(&with(&[("/accepts/0/asset", usdc("USD Coin"))])).is_ok());
    check("/accepts/-", example()["accepts"][0].clone(), "accepts[1]: the same token is in the list before");
    check("/accepts/0/price", json!("$1"), "accepts[0].price: unknown key");
}

#[test]
fn what_is_planned_is_refused_by_name() {
    for key in ["bundle", "mode", "protocol", "store", "credit", "extensions", "outputSchema"] {
        check(&format!("/{key}"), json!({}), &format!("{key}: not in this version"));
        check(&format!("/offers/tile/{key}"), json!("x"), &format!("offers.tile.{key}: not in this version"));
    }
    check(
        "/routes/2/free",
        json!({"uses": 3, "every": "1d"}),
        "routes[2].free: free allowances are not in this version",
    );
}

#[test]
fn routes_are_checked() {
    check("/routes/2/free", json!(false), "routes[2].free: only true");
    check("/routes/2/offer", json!("tile"), "routes[2]: exactly one of offer and free");
    check("/routes/2/seller", json!("acme"), "routes[2].seller: no seller is named \"acme\"");
    check("/routes/2/name", json!("a.b"), "routes[2].name: \"a.b\" is not a name");
    check(
        "/routes/2/match/path",
        json!("/healthz*"),
        "routes[2].match.path: \"healthz*\" matches part of a segment",
    );
    check(
        "/routes/2/match/path",
        json!("/v1/embeddings"),
        "routes[2].match: matches the same requests as route \"embeddings\"",
    );
    check(
        "/routes/2/match/path",
        json!("/V1/x"),
        "routes[2].match: its segment \"V1\" is written \"v1\" in another route",
    );
    check(
        "/routes/2/match/methods",
        json!(["get"]),
        "routes[2].match.methods[0]: \"get\" does not belong here",
    );
    check(
        "/routes/2/match/hosts",
        json!(["a.com:80"]),
        "routes[2].match.hosts[0]: \"a.com:80\" does not belong here",
    );
    check("/routes/2/match/hosts", json!([]), "routes[2].match.hosts: the list must have 1 to 64 entries");
    check("/routes", json!([]), "routes: the list must have");
}

#[test]
fn who_is_paid_is_said_once() {
    let seller = json!({"acme": {"accepts": example()["accepts"]}});
    let found = mistakes(&[
        ("/sellers", seller),
        ("/routes/0/seller", json!("acme")),
        ("/offers/tile/accepts", example()["accepts"].clone()),
    ]);
    assert_eq!(found, ["offers.tile.accepts: both the offer and the seller of its route say who is paid (leave one of them out)"]);
}

/// `upto` names the facilitator's address; what only it understands may need an `extra` of its.
#[test]
fn ways_that_need_the_facilitators_answer_are_refused_when_it_is_never_asked() {
    let of = |scheme: &str, network: &str| {
        let way = match scheme {
            "upto" => {
                json!([{"network": network, "asset": "USDC", "payTo": "0x209693Bc6afc0C5328bA36FaF03C514EF312287C", "scheme": scheme}])
            }
            _ => {
                json!([{"network": network, "asset": {"address": "4zMMC9srt5Ri5X14GAgXhaHii3GnPAEERYPJgZJDncDU", "decimals": 6, "symbol": "USDC"},
                         "payTo": "2wKupLR9q6wXYppw8Gr2NvWxKBUqm4PPJKkQfoxHDBg4", "scheme": scheme}])
            }
        };
        let offer = json!({"price": "$0.02", "settle": "after", "accepts": way});
        vec![("/routes/1/offer", offer)]
    };
    for (scheme, network) in [("upto", "base"), ("exact", "solana:EtWTRABZaYq6iMfeYKouRu166VU2xqa1")] {
        let mut changes = of(scheme, network);
        if let Err(errors) = read(&with(&changes)) {
            panic!("{errors}");
        }
        changes.push(("/facilitators/main/supported", json!("off")));
        let found = mistakes(&changes);
        assert_eq!(found.len(), 1, "{found:?}");
        assert!(found[0].starts_with("routes[1].offer.accepts: a way to pay needs what"), "{found:?}");
    }
}

#[test]
fn facilitators_are_checked() {
    check("/facilitators/main/timeout", json!("10"), "facilitators.main.timeout: \"10\" is not a duration");
    check(
        "/facilitators/main/timeout",
        json!("61s"),
        "facilitators.main.timeout: 61s is out of bounds (from 100ms to 60s)",
    );
    check(
        "/facilitators/main/authority",
        json!("https://x"),
        "facilitators.main.authority: \"https://x\" is not host",
    );
    check("/facilitators/main/pathPrefix", json!("v2"), "facilitators.main.pathPrefix: \"v2\" is not a path");
    for (value, expected) in [
        (json!({"every": "4s"}), ".every: 4s is out of bounds (from 5s to 1h)"),
        (json!({"every": "61m"}), ".every: 61m is out of bounds"),
        (json!({"every": 60}), ".every: text belongs here"),
        (json!({"evry": "60s"}), ".evry: unknown key (did you mean \"every\"?)"),
        (json!("on"), ": an object or off belongs here, not text"),
        (json!(true), ": an object or off belongs here, not true or false"),
    ] {
        let expected = format!("facilitators.main.supported{expected}");
        check("/facilitators/main/supported", value, &expected);
    }
    let ambiguous = mistakes(&[("/facilitators/other", json!({"cluster": "c", "authority": "a"}))]);
    assert_eq!(
        ambiguous,
        [
            "offers.tile.facilitators: missing (several are defined: name those that settle it, here or in defaultFacilitators)",
            "routes[1].offer.facilitators: missing (several are defined: name those that settle it, here or in defaultFacilitators)"
        ]
    );
    check(
        "/offers/tile/facilitators",
        json!(["mian"]),
        "offers.tile.facilitators[0]: no facilitator is named \"mian\" (did you mean \"main\"?)",
    );
    assert!(mistakes(&[("/facilitators", json!({}))])[0]
        .starts_with("offers.tile.facilitators: no facilitator is defined"));
}

#[test]
fn header_mistakes_never_repeat_a_value() {
    let header = |value: Json| with(&[("/facilitators/main/headers", json!({"authorization": value}))]);
    for (value, expected) in [
        (json!("s3cret"), "a header's value does not stand here"),
        (json!({"env": "MISSING"}), "environment variable MISSING is not set"),
        (json!({"env": "BROKEN"}), "look at BROKEN"),
        (json!({"insecureLiteral": "s3cret\r\nx: y"}), "characters that a header must not"),
        (json!({"insecureLiteral": "s3cret", "env": "TOKEN"}), "exactly one of env and insecureLiteral"),
        (json!({"insecureLiteral": "s3cret", "prefix": "a"}), "only goes with env"),
    ] {
        let shown = read(&header(value)).unwrap_err().to_string();
        assert!(
            shown.contains(expected)
                && shown.contains("facilitators.main.headers.authorization")
                && !shown.contains("s3cret"),
            "{shown}"
        );
    }
    for name in ["Host", "content-length", ":path", "a b", "Transfer-Encoding", ""] {
        let config = with(&[("/facilitators/main/headers", json!({name: {"env": "TOKEN"}}))]);
        assert_eq!(read(&config).unwrap_err().mistakes().len(), 1, "{name}");
    }
}

#[test]
fn offers_are_bounded() {
    check(
        "/offers/tile/description",
        json!("x".repeat(501)),
        "offers.tile.description: must be at most 500 bytes",
    );
    check("/offers/tile/sku", json!("a\nb"), "offers.tile.sku: must be at most 128 bytes without control");
    check(
        "/offers/tile/maxTimeoutSeconds",
        json!(0),
        "offers.tile.maxTimeoutSeconds: not a whole number from 1 to 3600",
    );
    check("/offers/tile/maxTimeoutSeconds", json!(1.5), "offers.tile.maxTimeoutSeconds: not a whole number");
    check("/offers/tile/redeemFor", json!("8d"), "offers.tile.redeemFor: 8d is out of bounds");
    check("/offers/tile/redeemFor", json!("1500ms"), "offers.tile.redeemFor: must be whole seconds");
    check("/offers/tile/settleOn", json!(["2xx"]), "offers.tile.settleOn: only goes with settle: after");
    check("/routes/1/offer/settleOn", json!(["6xx"]), "routes[1].offer.settleOn[0]: \"6xx\" is no status");
    check(
        "/routes/1/offer/settleOn",
        json!([200]),
        "routes[1].offer.settleOn[0]: text belongs here, not a number (quote it)",
    );
    check("/offers/tile/labels", json!({"a b": "c"}), "offers.tile.labels.a b: not a label's name");
    check("/claims", json!({"capacity": 4_194_305}), "claims.capacity: not a whole number from 1 to 4194304");
    check("/offers/spare", json!({"price": "$0"}), "offers.spare.price: comes to nothing");
}

#[test]
fn a_payment_must_be_able_to_outlive_its_settlement() {
    check("/offers/tile/maxTimeoutSeconds", json!(20), "offers.tile.maxTimeoutSeconds: 20 s is too short: a payment must outlive its settlement (at least 21,");
    check(
        "/routes/1/offer/maxTimeoutSeconds",
        json!(35),
        "routes[1].offer.maxTimeoutSeconds: 35 s is too short",
    );
    assert!(read(&with(&[("/offers/tile/maxTimeoutSeconds", json!(21))])).is_ok());
}

#[test]
fn an_unknown_seller_hides_no_mistake_beside_it() {
    let found = mistakes(&[
        ("/routes/0/seller", json!("acme")),
        ("/routes/0/offer", json!({"price": "x", "skuu": "y"})),
    ]);
    assert_eq!(found.len(), 3, "{found:?}");
    let found = mistakes(&[("/routes/0/seller", json!("acme")), ("/routes/0/offer", json!("tiel"))]);
    assert_eq!(found.len(), 2, "{found:?}");
}

#[test]
fn a_broken_template_is_not_reported_without_end() {
    let mut config = example();
    config["routes"] = (0..5000)
        .map(|i| json!({"name": format!("r{i}"), "match": {"path": format!("/r{i}")}, "offer": "nope"}))
        .collect();
    let errors = read(&config).unwrap_err();
    assert_eq!(errors.mistakes().len(), 1000);
    let shown = errors.to_string();
    assert!(shown.starts_with("5000 mistakes") && shown.ends_with("and 4950 more"));
}
