//! What directories read.

use serde_json::{json, Value};

use super::*;

fn read(changes: &[(&str, Value)]) -> Policy {
    let mut config = json!({
        "version": 1, "origin": "https://api.example.com", "unmatched": "free", "settle": "before",
        "facilitators": {"main": {"cluster": "facilitator", "authority": "x402.example.com"}},
        "accepts": [{"network": "base", "asset": "USDC", "payTo": "0x209693Bc6afc0C5328bA36FaF03C514EF312287C"}],
        "discovery": {"catalogue": true, "openapi": true},
        "offers": {"tile": {
            "price": "$0.005", "description": "One \"tile\"", "mimeType": "image/png",
            "bazaar": {"input": {"queryParams": {"scale": 2}}, "output": {"example": "png"}},
        }},
        "routes": [
            {"name": "tiles", "match": {"methods": ["GET", "PURGE"], "path": "/v1/tiles/{z}/*/*"}, "offer": "tile"},
            {"name": "embeddings", "match": {"path": "/v1/embeddings"}, "offer": {
                "price": "$12", "bazaar": {"input": {"body": {"text": "hi"}}},
            }},
            {"name": "files", "match": {"hosts": ["*.example.com", "files.example.com"], "path": "/**"},
             "offer": {"price": "$0.5", "settle": "after"}},
            {"name": "health", "match": {"path": "/healthz"}, "free": true},
        ],
    });
    for (pointer, value) in changes {
        let (parent, key) = pointer.rsplit_once('/').unwrap();
        match config.pointer_mut(parent).unwrap() {
            Value::Array(list) => list.push(value.clone()),
            Value::Object(map) => drop(map.insert(key.to_owned(), value.clone())),
            _ => panic!("{pointer}"),
        }
    }
    Policy::from_bytes(config.to_string().as_bytes(), &|_| None).unwrap_or_else(|errors| panic!("{errors}"))
}

fn parsed(text: &str) -> Value {
    serde_json::from_str(text).unwrap_or_else(|error| panic!("{error}: {text}"))
}

#[test]
fn the_documents_are_those_that_were_shown_to_a_directory() {
    let shown: Value = serde_json::from_str(include_str!("../../tests/vectors/documents.json")).unwrap();
    let policy = read(&[]);
    assert_eq!(parsed(&catalogue(&policy)), shown["catalogue"]);
    assert_eq!(parsed(&openapi(&policy)), shown["openapi"]);
}

#[test]
fn the_catalogue_lists_what_is_sold_and_its_terms() {
    let document = parsed(&catalogue(&read(&[])));
    assert_eq!((&document["version"], &document["x402Version"]), (&json!(1), &json!(2)));
    assert_eq!(
        document["resources"],
        json!([
            "https://api.example.com/v1/tiles/{z}/*/*",
            "https://api.example.com/v1/embeddings",
            "https://files.example.com/**",
        ])
    );
    let items = document["items"].as_array().unwrap();
    assert_eq!(items.len(), 3, "nothing is said of free routes");
    assert_eq!(items[0]["resource"], document["resources"][0]);
    assert_eq!((&items[0]["type"], &items[0]["x402Version"]), (&json!("http"), &json!(2)));
    let accept = &items[0]["accepts"][0];
    assert_eq!((&accept["amount"], &accept["network"]), (&json!("5000"), &json!("eip155:8453")));
    assert_eq!(
        items[0]["metadata"],
        json!({"name": "tiles", "methods": ["GET", "PURGE"], "price": "$0.005",
               "description": "One \"tile\"", "mimeType": "image/png"})
    );
    assert_eq!(items[1]["metadata"]["price"], "$12");
    assert!(document.get("truncated").is_none());
}

#[test]
fn the_description_has_an_operation_for_every_method_sold() {
    let document = parsed(&openapi(&read(&[])));
    assert_eq!(document["openapi"], "3.1.0");
    for key in ["title", "version", "x-guidance"] {
        assert!(document["info"][key].is_string(), "{key}");
    }
    assert_eq!(document["servers"], json!([{"url": "https://api.example.com"}]));
    let paths = document["paths"].as_object().unwrap();
    assert_eq!(
        paths.keys().collect::<Vec<_>>(),
        ["/v1/embeddings", "/v1/tiles/{z}/{var1}/{var2}", "/{rest}"]
    );
    let tile = &paths["/v1/tiles/{z}/{var1}/{var2}"];
    // PURGE is sold, but OpenAPI has no place for it.
    assert_eq!(tile.as_object().unwrap().keys().collect::<Vec<_>>(), ["get"]);
    let tile = &tile["get"];
    assert_eq!((&tile["operationId"], &tile["summary"]), (&json!("tiles-get"), &json!("One \"tile\"")));
    let parameter = |name: &str, place: &str| {
        let list = tile["parameters"].as_array().unwrap();
        list.iter().any(|p| p["name"] == name && p["in"] == place)
    };
    assert!(["z", "var1", "var2"].iter().all(|name| parameter(name, "path")) && parameter("scale", "query"));
    assert_eq!(
        tile["x-payment-info"],
        json!({"price": {"mode": "fixed", "currency": "USD", "amount": "0.005"}, "protocols": [{"x402": {}}]})
    );
    assert_eq!(tile["responses"]["402"]["description"], "Payment Required");
    assert_eq!(
        tile["responses"]["200"]["content"],
        json!({"image/png": {"schema": {"type": "string"}, "example": "png"}})
    );
    // For all methods: under the one its input says.
    let embeddings = &paths["/v1/embeddings"];
    assert_eq!(embeddings.as_object().unwrap().keys().collect::<Vec<_>>(), ["post"]);
    assert_eq!(
        embeddings["post"]["requestBody"]["content"]["application/json"],
        json!({"schema": {"type": "object", "properties": {"text": {"type": "string"}}}, "example": {"text": "hi"}})
    );
    let files = &paths["/{rest}"]["get"];
    assert_eq!(files["servers"], json!([{"url": "https://files.example.com"}]));
}

#[test]
fn one_operation_stands_at_one_place() {
    let twin = json!({"name": "twin", "match": {"hosts": ["b.example.com"], "path": "/v1/embeddings"}, "offer": "tile"});
    let document = parsed(&openapi(&read(&[("/routes/-", twin)])));
    let there = document["paths"]["/v1/embeddings"].as_object().unwrap();
    assert_eq!(there.keys().collect::<Vec<_>>(), ["get", "post"]);
    let other = json!({"name": "twin", "match": {"hosts": ["b.example.com"], "methods": ["POST"], "path": "/v1/embeddings"}, "offer": "tile"});
    let document = parsed(&openapi(&read(&[("/routes/-", other)])));
    assert_eq!(document["paths"]["/v1/embeddings"]["post"]["operationId"], "embeddings-post");
}

#[test]
fn a_price_that_is_not_in_dollars_says_so() {
    let token = json!({"address": "0x60a3E35Cc302bFA44Cb288Bc5a4F316Fdb1adb42", "decimals": 6, "name": "EURC", "version": "2"});
    let policy = read(&[
        (
            "/accepts",
            json!([{"network": "base", "asset": token, "payTo": "0x209693Bc6afc0C5328bA36FaF03C514EF312287C"}]),
        ),
        ("/routes", json!([{"name": "a", "match": {"path": "/a"}, "offer": {"price": "1.50 EURC"}}])),
        ("/offers", json!({})),
    ]);
    assert_eq!(parsed(&catalogue(&policy))["items"][0]["metadata"]["price"], "1.5 EURC");
    assert_eq!(
        parsed(&openapi(&policy))["paths"]["/a"]["get"]["x-payment-info"],
        json!({"protocols": ["x402"], "amount": "1.5", "currency": "EURC"})
    );
}

#[test]
fn what_is_measured_costs_at_most_so_much() {
    let metered =
        json!({"rate": "$0.02", "per": 1000, "max": "$0.50", "quantity": {"responseHeader": "x-tokens"}});
    let offer = json!({"price": metered, "scheme": "upto", "settle": "after"});
    let policy = read(&[
        ("/routes", json!([{"name": "a", "match": {"path": "/a"}, "offer": offer}])),
        ("/offers", json!({})),
    ]);
    let item = &parsed(&catalogue(&policy))["items"][0];
    assert_eq!(
        (&item["metadata"]["price"], &item["accepts"][0]["amount"]),
        (&json!("up to $0.5"), &json!("500000"))
    );
    assert_eq!(
        parsed(&openapi(&policy))["paths"]["/a"]["get"]["x-payment-info"]["price"],
        json!({"mode": "dynamic", "currency": "USD", "min": "0", "max": "0.5"})
    );
}

#[test]
fn ten_thousand_routes_are_listed_and_no_more() {
    let routes: Vec<Value> = (0..10_001)
        .map(|i| json!({"name": format!("r{i}"), "match": {"path": format!("/{i}")}, "offer": "tile"}))
        .collect();
    let policy = read(&[("/routes", routes.into())]);
    let document = parsed(&catalogue(&policy));
    assert_eq!((document["items"].as_array().unwrap().len(), &document["truncated"]), (10_000, &json!(true)));
    let document = parsed(&openapi(&policy));
    assert_eq!(
        (document["paths"].as_object().unwrap().len(), &document["x-truncated"]),
        (10_000, &json!(true))
    );
}

#[test]
fn nothing_sold_is_a_document_too() {
    let policy = read(&[
        ("/routes", json!([{"name": "a", "match": {"path": "/a"}, "free": true}])),
        ("/offers", json!({})),
    ]);
    assert_eq!(parsed(&catalogue(&policy))["resources"], json!([]));
    assert_eq!(parsed(&openapi(&policy))["paths"], json!({}));
}
