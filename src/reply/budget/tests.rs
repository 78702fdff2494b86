#![allow(clippy::arithmetic_side_effects, reason = "a sum out of bounds fails the test")]

use serde_json::{json, Value};

use super::*;

const PAY_TO: &str = "0x209693Bc6afc0C5328bA36FaF03C514EF312287C";

/// An offer by name and one at its route, with this many ways to pay.
fn shop(ways: usize, challenge: &Value) -> Value {
    let networks = ["base", "polygon", "avalanche", "sei"];
    let tokens = networks.iter().cycle().zip(1..=ways).map(|(network, way)| {
        let asset = json!({
            "address": format!("0x{way:040x}"), "decimals": 6, "name": "A token of some length",
            "version": "1", "symbol": "TOK",
        });
        json!({"network": network, "asset": asset, "payTo": PAY_TO})
    });
    json!({
        "version": 1, "origin": "https://api.example.com", "unmatched": "deny", "settle": "before",
        "challenge": challenge,
        "facilitators": {"main": {"cluster": "f", "authority": "f"}},
        "accepts": tokens.collect::<Vec<_>>(),
        "offers": {"tile": {"price": "0.5", "description": "x".repeat(400)}},
        "routes": [
            {"name": "tiles", "match": {"path": "/tiles"}, "offer": "tile"},
            {"name": "tiles2", "match": {"path": "/tiles2"}, "offer": "tile"},
            {"name": "inline", "match": {"path": "/inline"}, "offer": {"price": "0.5"}},
        ],
    })
}

fn checked(ways: usize, challenge: &Value, extensions: &str) -> Result<Vec<String>, Errors> {
    let policy = Policy::from_bytes(shop(ways, challenge).to_string().as_bytes(), &|_| None);
    let declared = Declared { constant: extensions.to_owned(), ..Declared::default() };
    check(&policy.unwrap_or_else(|errors| panic!("{errors}")), &|_| (declared.clone(), String::new()))
}

#[test]
fn an_offer_is_measured_once_and_named_by_its_place() {
    assert_eq!(checked(3, &json!({}), "").unwrap(), [""; 0]);
    let extensions = format!(r#""x":"{}""#, "y".repeat(2_600));
    let warned = checked(2, &json!({}), &extensions).unwrap();
    let [tile, inline] = &warned[..] else { panic!("{warned:?}") };
    assert!(tile.starts_with("offers.tile: PAYMENT-REQUIRED takes up to "), "{tile}");
    assert!(inline.starts_with("routes[2].offer: PAYMENT-REQUIRED takes up to "), "{inline}");
}

#[test]
fn what_may_not_arrive_is_refused_unless_allowed() {
    let extensions = format!(r#""x":"{}""#, "y".repeat(6_000));
    let errors = checked(2, &json!({"allowLarge": false}), &extensions).unwrap_err();
    let paths: Vec<_> = errors.mistakes().iter().map(|mistake| mistake.path()).collect();
    assert_eq!(paths, ["offers.tile", "routes[2].offer"]);
    assert!(errors.mistakes().iter().all(|mistake| mistake.hint().contains("allowLarge: true")), "{errors}");
    let allowed = checked(2, &json!({"allowLarge": true}), &extensions).unwrap();
    assert_eq!(allowed.len(), 2, "still worth a warning");
}

#[test]
fn many_ways_to_pay_make_a_large_quote() {
    assert!(checked(4, &json!({}), "").unwrap().is_empty());
    assert_eq!(checked(10, &json!({}), "").unwrap().len(), 1);
    assert_eq!(checked(16, &json!({}), "").unwrap().len(), 2);
}

/// What `check` does not measure stays small whatever is written.
#[test]
fn a_few_ways_need_no_measuring() {
    let mut config = shop(FEW, &json!({}));
    for accept in config["accepts"].as_array_mut().unwrap() {
        accept["asset"]["name"] = json!("\"".repeat(64));
        accept["asset"]["version"] = json!("\"".repeat(64));
        accept["asset"]["decimals"] = json!(36);
    }
    config["origin"] = json!(format!("https://{}.example.com:65535", vec!["a".repeat(60); 3].join(".")));
    config["offers"]["tile"]["description"] = json!("\"".repeat(500));
    config["offers"]["tile"]["mimeType"] = json!(format!("a/{}", "\"".repeat(126)));
    config["offers"]["tile"]["price"] = json!(format!("{}", "9".repeat(40)));
    let policy = Policy::from_bytes(config.to_string().as_bytes(), &|_| None).unwrap();
    let bytes = policy
        .routes()
        .map(|route| largest(&policy, route.offer().unwrap(), Declared::default(), ""))
        .max()
        .unwrap();
    assert!((3_000..=WARNED).contains(&bytes), "{bytes}");
}

#[test]
fn the_switch_is_one() {
    let config = shop(1, &json!({"allowLarge": "yes"}));
    let errors = Policy::from_bytes(config.to_string().as_bytes(), &|_| None).unwrap_err();
    assert_eq!(errors.mistakes()[0].path(), "challenge.allowLarge");
}

#[test]
fn signed_offers_are_measured_with_the_quote() {
    for (format, ways, warned) in [("jws", 2, 0), ("jws", 4, 2), ("eip712", 4, 2)] {
        let mut config = shop(ways, &json!({}));
        config["offerReceipt"] = json!({"format": format, "key": {"env": "KEY"}});
        let key = |_: &str| Some("07".repeat(32));
        let policy = Policy::from_bytes(config.to_string().as_bytes(), &key).unwrap();
        let warnings = check(&policy, &|_| Default::default()).unwrap();
        assert_eq!(warnings.len(), warned, "{format} {ways}: {warnings:?}");
    }
    assert!(checked(4, &json!({}), "").unwrap().is_empty(), "the same unsigned");
}

#[test]
fn what_an_offer_declares_counts() {
    let warned = |bazaar: &Value| {
        let mut config = shop(2, &json!({}));
        config["offers"]["tile"]["bazaar"] = bazaar.clone();
        let policy = Policy::from_bytes(config.to_string().as_bytes(), &|_| None);
        check(&policy.unwrap_or_else(|errors| panic!("{errors}")), &|offer| crate::extensions::most(offer))
            .unwrap()
    };
    assert_eq!(warned(&json!(null)), [""; 0]);
    let example = json!({"output": {"type": "json", "example": {"x": "y".repeat(2_000)}}});
    let warnings = warned(&example);
    assert!(matches!(&warnings[..], [one] if one.starts_with("offers.tile: ")), "{warnings:?}");
}
