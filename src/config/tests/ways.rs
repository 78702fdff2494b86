//! Every way to pay: versions, schemes, methods, wallets, prices by quantity.

use serde_json::json;

use super::mistakes::{check, mistakes};
use super::*;

const PAYEE: &str = "0x209693Bc6afc0C5328bA36FaF03C514EF312287C";
const SOLANA: &str = "solana:5eykt4UsFv8P8NJdTREpY1vzqKqZKvdp";

fn metered() -> Json {
    json!({"rate": "$0.02", "per": 1000, "max": "$0.50", "quantity": {"responseHeader": "X-Tokens", "default": 1}})
}

/// The example, selling `/v1/embeddings` under `upto`.
fn upto(price: Json) -> Json {
    with(&[("/routes/1/offer", json!({"price": price, "scheme": "upto", "settle": "after"}))])
}

#[test]
fn versions_are_both_unless_one_is_turned_off() {
    let spoken = |versions: Json| {
        let policy = read(&with(&[("/x402Versions", versions)])).unwrap();
        offer(&policy, "/v1/embeddings").v1
    };
    assert!(spoken(json!(null)) && spoken(json!([1, 2])) && spoken(json!([2, 1])));
    assert!(!spoken(json!([2])));
    for versions in [json!([1]), json!([2, 2]), json!([2, 3]), json!(["2"])] {
        check(
            "/x402Versions",
            versions,
            "x402Versions: the versions spoken are [2] or [1, 2] (write [2] to turn version 1 off)",
        );
    }
    check("/x402Versions", json!(2), "x402Versions: a list belongs here, not a number (write [ ] around it)");
    check("/x402Versions", json!([]), "x402Versions: the list must have 1 to 2 entries");
}

#[test]
fn an_offer_says_which_wallets_before_the_top_does() {
    let policy = read(&with(&[("/wallets", json!("eoa")), ("/offers/tile/wallets", json!("any"))])).unwrap();
    assert_eq!(offer(&policy, "/v1/tiles/1/2/3").wallets, Wallets::Any);
    assert_eq!(offer(&policy, "/v1/embeddings").wallets, Wallets::Eoa);
    assert_eq!(offer(&read(&example()).unwrap(), "/v1/embeddings").wallets, Wallets::Any);
    check("/wallets", json!("smart"), "wallets: \"smart\" is not one of its values (write any or eoa)");
    check("/offers/tile/wallets", json!("x"), "offers.tile.wallets: \"x\" is not one of its values");
}

#[test]
fn what_one_source_may_have_is_bounded() {
    let limits = |limit: Json| read(&with(&[("/limit", limit)])).unwrap().limits;
    let rate = |per_minute, burst| Rate { per_minute, burst };
    let given = Limits {
        wallet_checks: rate(60, 20),
        challenges: Some(rate(30_000, 5_000)),
        failures: Some(rate(6_000, 1_000)),
    };
    assert_eq!(read(&example()).unwrap().limits, given);
    for key in ["walletChecks", "challenges", "failures"] {
        let found = limits(json!({key: {"perMinute": 6, "burst": 2}}));
        let own = Some(rate(6, 2));
        let expected = match key {
            "challenges" => Limits { challenges: own, ..given },
            "failures" => Limits { failures: own, ..given },
            _ => Limits { wallet_checks: rate(6, 2), ..given },
        };
        assert_eq!(found, expected, "{key}");
    }
    let off = Limits { challenges: None, failures: None, ..given };
    assert_eq!(limits(json!({"challenges": "off", "failures": false})), off);
    assert_eq!(limits(json!({"challenges": {}, "failures": null})), given);
    check(
        "/limit",
        json!({"challenges": true}),
        "limit.challenges: an object belongs here, not true or false",
    );
    check("/limit", json!({"failures": "on"}), "limit.failures: an object belongs here, not text");
    check("/limit", json!({"walletChecks": false}), "limit.walletChecks: an object belongs here");
    check("/limit", json!({"failures": {"burst": 1_000_001}}), "limit.failures.burst: not a whole number");
    check(
        "/limit",
        json!({"walletChecks": {"perMinute": 0}}),
        "limit.walletChecks.perMinute: not a whole number from 1 to 1000000 (write one, unquoted)",
    );
    check("/limit", json!({"walletChecks": {"burst": "9"}}), "limit.walletChecks.burst: not a whole number");
    check(
        "/limit",
        json!({"perMinute": 3}),
        "limit.perMinute: unknown key (known here: walletChecks, challenges, failures)",
    );
    check("/limit", json!({"walletChecks": {"perSecond": 3}}), "limit.walletChecks.perSecond: unknown key");
    check("/limits", json!({}), "limits: unknown key (did you mean \"limit\"?)");
}

#[test]
fn scheme_and_method_decide_the_means() {
    let means = |changes: &[(&str, Json)]| {
        let policy = read(&with(changes)).unwrap();
        offer(&policy, "/v1/embeddings").accepts[0].means
    };
    assert_eq!(means(&[]), Means::Eip3009);
    assert_eq!(means(&[("/accepts/0/scheme", json!("exact"))]), Means::Eip3009);
    assert_eq!(means(&[("/accepts/0/assetTransferMethod", json!("permit2"))]), Means::Permit2);
    // A token of the registry without EIP-3009.
    let megaeth = json!({"network": "megaeth", "payTo": PAYEE});
    assert_eq!(means(&[("/accepts/0", megaeth.clone())]), Means::Permit2);
    let offer = json!({"price": "$0.02", "scheme": "upto", "settle": "after"});
    assert_eq!(means(&[("/routes/1/offer", offer)]), Means::Upto);
    check(
        "/accepts/0/assetTransferMethod",
        json!("erc7710"),
        "accepts[0].assetTransferMethod: \"erc7710\" is not one of its values (write eip3009 or permit2)",
    );
    let mut told = megaeth;
    told["assetTransferMethod"] = json!("eip3009");
    check(
        "/accepts/0",
        told,
        "accepts[0].assetTransferMethod: the registry knows this token as one without EIP-3009 (write permit2",
    );
    check(
        "/accepts/0",
        json!({"network": "base", "payTo": PAYEE, "scheme": "upto", "assetTransferMethod": "eip3009"}),
        "accepts[0].assetTransferMethod: upto is paid through Permit2 (write permit2, or nothing)",
    );
    check(
        "/accepts/0/extra",
        json!({}),
        "accepts[0].extra: only goes with schemes and networks that the facilitator alone understands",
    );
    check(
        "/offers/tile/scheme",
        json!("channel"),
        "offers.tile.scheme: \"channel\" is not one of its values (write exact or upto)",
    );
    // One token may be taken in several ways, and each once.
    let way = |method: &str| json!({"network": "base", "payTo": PAYEE, "assetTransferMethod": method});
    assert!(read(&with(&[("/accepts", json!([way("eip3009"), way("permit2")]))])).is_ok());
    check(
        "/accepts",
        json!([way("permit2"), way("permit2")]),
        "accepts[1]: the same token is in the list before, paid in the same way",
    );
}

#[test]
fn upto_is_charged_after_the_upstream_answered() {
    let before = json!({"price": "$0.02", "scheme": "upto", "settle": "before"});
    check(
        "/routes/1/offer",
        before,
        "routes[1].offer.settle: upto only goes with settle: after (what is charged is known once",
    );
    let way = json!({"network": "base", "payTo": PAYEE, "scheme": "upto"});
    check("/accepts/0", way, "offers.tile.settle: upto only goes with settle: after");
}

#[test]
fn schemes_with_state_of_their_own_are_refused_by_name() {
    for scheme in ["batch-settlement", "auth-capture"] {
        check(
            "/accepts/0/scheme",
            json!(scheme),
            &format!(
                "accepts[0].scheme: {scheme} needs durable state of the seller's, which this filter does not keep (use exact or upto"
            ),
        );
    }
}

#[test]
fn prices_by_quantity_need_a_scheme_that_takes_less_than_was_signed() {
    let policy = read(&upto(metered())).unwrap();
    let sold = offer(&policy, "/v1/embeddings");
    let meter = sold.meter.as_ref().unwrap();
    assert_eq!((sold.price(), meter.per), ("500000".to_owned(), 1_000));
    assert_eq!((meter.header.as_str(), meter.default), ("x-tokens", Some(1)));
    check(
        "/routes/1/offer",
        json!({"price": metered(), "settle": "after"}),
        "routes[1].offer.price: a price by quantity needs scheme upto, and \"eip155:8453\" is accepted otherwise too (write scheme: upto",
    );
    let wrong = |pointer: &str, value: Json, expected: &str| {
        let mut price = metered();
        *price.pointer_mut(pointer).unwrap() = value;
        let found = read(&upto(price)).unwrap_err();
        let found: Vec<String> = found.mistakes().iter().map(ToString::to_string).collect();
        assert!(found.len() == 1 && found[0].starts_with(expected), "{expected}\n{found:?}");
    };
    wrong(
        "/rate",
        json!(0.02),
        "routes[1].offer.price.rate: money is text, not a number (quote it: \"0.02\")",
    );
    wrong("/rate", json!(null), "routes[1].offer.price.rate: missing (what `per` units cost");
    wrong("/max", json!(null), "routes[1].offer.price.max: missing (the most that is charged");
    wrong("/max", json!("$0"), "routes[1].offer.price: comes to nothing");
    wrong("/per", json!(0), "routes[1].offer.price.per: not a whole number from 1 to 1000000000");
    wrong("/rate", json!("0.02 EURC"), "routes[1].offer.price.rate: rate and max name different tickers");
    wrong("/quantity", json!(null), "routes[1].offer.price.quantity: missing ({responseHeader: x-tokens}");
    wrong("/quantity", json!("x-tokens"), "routes[1].offer.price.quantity: an object belongs here");
    wrong("/quantity/default", json!(-1), "routes[1].offer.price.quantity.default: not a whole number");
    wrong("/quantity/responseHeader", json!("x tokens"), "routes[1].offer.price.quantity.responseHeader: ");
    wrong(
        "/quantity/responseHeader",
        json!(":status"),
        "routes[1].offer.price.quantity.responseHeader: not a header's name (for example x-tokens)",
    );
    wrong("/quantity/responseHeader", json!(null), "routes[1].offer.price.quantity.responseHeader: missing");
    assert_eq!(mistakes(&[("/offers/tile/price", json!({"rate": "1"}))]).len(), 2);
    assert!(mistakes(&[("/offers/tile/price", json!({"rates": 1}))])[0]
        .starts_with("offers.tile.price.rates: unknown key (did you mean \"rate\"?)"));
}

#[test]
fn what_only_the_facilitator_understands_is_quoted_as_written() {
    let way = |more: &[(&str, Json)]| {
        let mut way = json!({"network": "solana", "payTo": "2wKupLR9q6wXYppw8Gr2NvWxKBUqm4PPJKkQfoxHDBg4"});
        way.as_object_mut()
            .unwrap()
            .extend(more.iter().map(|(key, value)| ((*key).to_owned(), value.clone())));
        with(&[("/accepts/0", way)])
    };
    let policy = read(&way(&[("extra", json!({"b": "x", "a": [1]}))])).unwrap();
    let sold = offer(&policy, "/v1/embeddings");
    let other = &sold.others[0];
    assert!(sold.accepts.is_empty());
    assert_eq!(
        (other.scheme.as_str(), other.network.as_str(), other.v1_network),
        ("exact", SOLANA, Some("solana"))
    );
    assert_eq!(other.asset, "EPjFWdd5AufqSSqeM2qN1xzybapC8G4wEGGkZwyTDt1v");
    assert_eq!((sold.price().as_str(), other.extra.as_str()), ("20000", r#"{"a":[1],"b":"x"}"#));
    let wrong = |more: &[(&str, Json)], expected: &str| {
        let found = read(&way(more)).unwrap_err();
        let found: Vec<String> = found.mistakes().iter().map(ToString::to_string).collect();
        assert!(found.iter().any(|one| one.starts_with(expected)), "{expected}\n{found:?}");
    };
    wrong(&[("asset", json!("DAI"))], "accepts[0].asset: no token \"DAI\" on \"solana:");
    wrong(
        &[("asset", json!({"address": "x", "decimals": 6}))],
        "accepts[0].asset.symbol: missing (its ticker",
    );
    wrong(
        &[("assetTransferMethod", json!("x"))],
        "accepts[0].assetTransferMethod: only goes with exact and upto",
    );
    wrong(&[("scheme", json!("a b"))], "accepts[0].scheme: ");
    wrong(&[("payTo", json!("a b"))], "accepts[0].payTo: ");
    wrong(&[("payTo", json!(null))], "accepts[0].payTo: missing (who is paid, as the network spells it)");
    wrong(
        &[("extra", json!("x"))],
        "accepts[0].extra: not an object of texts, whole numbers, lists and objects",
    );
    wrong(&[("extra", json!({"a": "x".repeat(2_100)}))], "accepts[0].extra: not an object of texts");
    wrong(&[("extra", json!({"a": 0.5}))], "accepts[0].extra: not an object of texts");
    // Another scheme on an EVM chain is not understood either, and its payee is an address.
    let escrow = with(&[("/accepts/0/scheme", json!("escrow"))]);
    assert_eq!(offer(&read(&escrow).unwrap(), "/v1/embeddings").others[0].network, "eip155:8453");
}
