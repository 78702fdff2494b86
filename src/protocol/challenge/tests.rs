use proptest::prelude::*;
use serde_json::{json, Value};

use super::*;
use crate::protocol::v2::tests::{base, offer, vectors};
use crate::protocol::{header, v2};

fn decoded(header: &str) -> Value {
    serde_json::from_slice(&STANDARD.decode(header).unwrap()).unwrap()
}

/// An offer that makes `required`, a vector's `PaymentRequired`.
fn offer_for(required: &Value, settle: Settle) -> Offer {
    let accepts = required["accepts"].as_array().unwrap();
    let mut built = offer(&accepts[0], settle);
    for other in &accepts[1..] {
        built.accepts.extend(offer(other, settle).accepts);
    }
    built.description = required["resource"]["description"].as_str().unwrap().to_owned();
    built.mime_type = required["resource"]["mimeType"].as_str().unwrap().to_owned();
    built
}

#[test]
fn the_quote_says_what_the_sdk_says() {
    let group = &vectors()["eip712_exact_upto"];
    let spec = &vectors()["spec_examples_v2_http"]["PAYMENT-REQUIRED_decoded"];
    let mut required = group["payment_required"]["paymentRequired"].clone();
    // One offer has one lifetime; the vector's second accept has its own.
    required["accepts"][1]["maxTimeoutSeconds"] = json!(60);
    for required in [&required, &group["payment_required_unicode"]["paymentRequired"], spec] {
        let challenge = Challenge::new(&offer_for(required, Settle::After));
        let header = challenge
            .header(required["error"].as_str().unwrap(), required["resource"]["url"].as_str().unwrap());
        assert_eq!(decoded(&header), *required);
    }
}

#[test]
fn requirements_are_spelled_as_the_sdk_spells_them() {
    let built = &vectors()["pricing_routing_matching"]["built_requirements"]["exact"];
    let sdk = r#"{"scheme":"exact","network":"eip155:84532","amount":"10000","asset":"0x036CbD53842c5426634e7929541eC2318f3dCF7e","payTo":"0x209693Bc6afc0C5328bA36FaF03C514EF312287C","maxTimeoutSeconds":300,"extra":{"name":"USDC","version":"2"}}"#;
    let after = offer(built, Settle::After);
    assert_eq!(requirements(&after.accepts[0], &after), sdk);
    let before = offer(built, Settle::Before);
    let upfront = sdk.replace("}}", r#","paymentFlow":"upfront"}}"#);
    assert_eq!(requirements(&before.accepts[0], &before), upfront);
}

#[test]
fn an_unset_description_is_an_empty_one() {
    let offer = offer(&base()["requirements"], Settle::Before);
    let quote = decoded(&Challenge::new(&offer).header("Payment required", "https://a/b"));
    assert_eq!(quote["resource"], json!({"url": "https://a/b", "description": "", "mimeType": ""}));
}

proptest! {
    #[test]
    fn encoding_the_tail_alone_is_encoding_the_whole(
        error: String, url: String, description: String, name: String,
    ) {
        let mut requirements = base()["requirements"].clone();
        requirements["extra"]["name"] = json!(name);
        let mut offer = offer(&requirements, Settle::Before);
        offer.description = description.clone();
        let header = Challenge::new(&offer).header(&error, &url);

        let whole = STANDARD.decode(&header).unwrap();
        prop_assert_eq!(&STANDARD.encode(&whole), &header);
        requirements["extra"]["paymentFlow"] = json!("upfront");
        let quote: Value = serde_json::from_slice(&whole).unwrap();
        prop_assert_eq!(quote, json!({
            "x402Version": 2,
            "accepts": [requirements],
            "error": error,
            "resource": {"url": url, "description": description, "mimeType": ""},
        }));
    }
}

/// What a client does with a quote: echo the accept it chose.
#[test]
fn an_echoed_quote_matches() {
    for settle in [Settle::Before, Settle::After] {
        let offer = offer(&base()["requirements"], settle);
        let quote = decoded(&Challenge::new(&offer).header("e", "u"));
        let mut payload = base()["paymentPayload"].clone();
        payload["accepted"] = quote["accepts"][0].clone();
        let sent = STANDARD.encode(payload.to_string());
        let json = header::decode(sent.as_bytes()).unwrap();
        let payload = v2::PaymentPayload::parse(&json).unwrap();
        assert!(v2::matches(&payload.accepted, &offer.accepts[0], &offer));
    }
}
