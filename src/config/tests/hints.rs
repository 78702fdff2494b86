//! No mistake without a hint: those that the other tests do not make.

use std::collections::BTreeMap;

use super::*;

fn many(count: usize, value: &Json) -> Json {
    (0..count).map(|i| (format!("n{i}"), value.clone())).collect::<serde_json::Map<_, _>>().into()
}

#[test]
fn every_mistake_says_what_to_write_instead() {
    let token = |name: &str| json!({"address": "0x5425890298aed601595a70AB815c96711a31Bc65", "decimals": 6, "name": name, "version": "2"});
    let way = |asset: Json| json!({"network": "avalanche-fuji", "asset": asset, "payTo": "0x209693Bc6afc0C5328bA36FaF03C514EF312287C"});
    let methods = |first: &str| ('A'..='T').map(|last| format!("{first}{last}")).collect::<Vec<_>>();
    let route = |name: &str| json!({"name": name, "match": {"path": "/x", "methods": methods(&name.to_uppercase())}, "free": true});
    for (changes, expected) in [
        (
            vec![("/accepts", json!([way(token("A")), way(token("B"))]))],
            "the same token is described otherwise",
        ),
        (vec![("/accepts/0/payTo", json!("acme.eth"))], "an address is 0x"),
        (
            vec![("/accepts/0/network", json!("eip155:999999")), ("/accepts/0/asset", json!(null))],
            "has no token of its own",
        ),
        (vec![("/facilitators/main/cluster", json!("a b"))], "printable ASCII"),
        (vec![("/facilitators/main/headers", many(17, &json!({"env": "TOKEN"})))], "more than 16 headers"),
        (vec![("/facilitators/main/headers", json!({"a": {"insecureLiteral": ""}}))], "the value is empty"),
        (
            vec![("/facilitators", many(65, &json!({"cluster": "c", "authority": "a"})))],
            "more than 64 facilitators",
        ),
        (vec![("/offers/tile/labels", many(17, &json!("x")))], "more than 16 labels"),
        (vec![("/offers/tile/labels", json!(7))], "an object belongs here"),
        (vec![("/offers/tile/facilitators", json!(["something"]))], "no facilitator is named"),
        (vec![("/offers/tile/sku", json!(true))], "text belongs here"),
        (vec![("/offers/tile/mimeType", json!("json"))], "is no media type"),
        (vec![("/routes/0/offer", json!("something"))], "no offer is named"),
        (vec![("/sellers", json!({"acme": {}})), ("/routes/2/seller", json!("acme"))], "nothing is sold"),
        (vec![("/routes/0/match/methods", json!(["GET", "GET"]))], "is there twice"),
        (vec![("/routes/0/match/methods", json!("GET"))], "a list belongs here"),
        (vec![("/routes/0/match/hosts", json!(vec!["a.com"; 65]))], "the list must have 1 to 64"),
        (vec![("/routes/0/match/path", json!("v1"))], "a path template starts with /"),
        (vec![("/routes/0/match/path", json!("/healthz/"))], "only by a final slash"),
        (vec![("/routes/-", route("a")), ("/routes/-", route("b"))], "more than 31 different methods"),
        (vec![("/something", json!(1))], "unknown key"),
    ] {
        let errors = read(&with(&changes)).unwrap_err();
        assert!(
            errors.mistakes().iter().any(|mistake| mistake.message().contains(expected)),
            "{expected}: {errors}"
        );
    }
    let long = format!("{{{}}}", " ".repeat(64 << 20));
    let texts = BTreeMap::from([
        ("", "is empty"),
        (long.as_str(), "longer than"),
        ("{", "not JSON"),
        ("\n\u{1}", "not a google.protobuf.Struct"),
        ("[]", "neither a JSON object"),
        ("{\"version\": 1, \"version\": 1}", "the key is there twice"),
    ]);
    for (text, expected) in texts {
        let shown = read_text(text.as_bytes()).unwrap_err().to_string();
        assert!(shown.contains(expected), "{expected}: {shown}");
    }
}
