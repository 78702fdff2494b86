use proptest::prelude::*;
use serde_json::{json, Value};

use super::*;
use crate::protocol::abilities::Unasked;
use crate::protocol::header;
use crate::protocol::payload::PaymentPayload;
use crate::protocol::tests::{base, offer, terms, v2_parts, vectors};

fn decoded(header: &str) -> Value {
    serde_json::from_slice(&STANDARD.decode(header).unwrap()).unwrap()
}

/// The same whatever the request.
fn constant(members: &str) -> Declared {
    Declared { constant: members.to_owned(), ..Declared::default() }
}

/// An offer that makes `required`, a vector's `PaymentRequired`.
fn offer_for(required: &Value, settle: Settle) -> Offer {
    let accepts = required["accepts"].as_array().unwrap();
    let mut built = offer(&accepts[0], settle);
    for other in &accepts[1..] {
        built = built.or(&offer(other, settle));
    }
    built.mime_type = required["resource"]["mimeType"].as_str().unwrap().into();
    built.described(required["resource"]["description"].as_str().unwrap())
}

#[test]
fn the_quote_says_what_the_sdk_says() {
    let group = &vectors()["eip712_exact_upto"];
    let spec = &vectors()["spec_examples_v2_http"]["PAYMENT-REQUIRED_decoded"];
    let mut required = group["payment_required"]["paymentRequired"].clone();
    // One offer has one lifetime; the vector's second accept has its own.
    required["accepts"][1]["maxTimeoutSeconds"] = json!(60);
    for required in [&required, &group["payment_required_unicode"]["paymentRequired"], spec] {
        let challenge = Challenge::new(&offer_for(required, Settle::After), &Unasked, Declared::default());
        let header = challenge.header(
            required["error"].as_str().unwrap(),
            required["resource"]["url"].as_str().unwrap(),
            "",
            "",
        );
        assert_eq!(decoded(&header), *required);
    }
}

#[test]
fn requirements_are_spelled_as_the_sdk_spells_them() {
    let built = &vectors()["pricing_routing_matching"]["built_requirements"]["exact"];
    let sdk = r#"{"scheme":"exact","network":"eip155:84532","amount":"10000","asset":"0x036CbD53842c5426634e7929541eC2318f3dCF7e","payTo":"0x209693Bc6afc0C5328bA36FaF03C514EF312287C","maxTimeoutSeconds":300,"extra":{"name":"USDC","version":"2"}}"#;
    let after = offer(built, Settle::After);
    let requirements = |offer: &Offer| {
        let mut json = String::new();
        terms(offer).push_v2(&mut json);
        json
    };
    assert_eq!(requirements(&after), sdk);
    let before = offer(built, Settle::Before);
    let upfront = sdk.replace("}}", r#","paymentFlow":"upfront"}}"#);
    assert_eq!(requirements(&before), upfront);
}

#[test]
fn an_unset_description_is_an_empty_one() {
    let offer = offer(&base()["requirements"], Settle::Before);
    let quote = decoded(&Challenge::new(&offer, &Unasked, Declared::default()).header(
        "Payment required",
        "https://a/b",
        "",
        "",
    ));
    assert_eq!(quote["resource"], json!({"url": "https://a/b", "description": "", "mimeType": ""}));
}

proptest! {
    #[test]
    fn encoding_the_tail_alone_is_encoding_the_whole(
        error: String, url: String, description in r"\PC*", name: String,
    ) {
        let mut requirements = base()["requirements"].clone();
        requirements["extra"]["name"] = json!(name);
        let offer = offer(&requirements, Settle::Before).described(&description);
        let header = Challenge::new(&offer, &Unasked, Declared::default()).header(&error, &url, "", "");

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
        let quote = decoded(&Challenge::new(&offer, &Unasked, Declared::default()).header("e", "u", "", ""));
        let mut payload = base()["paymentPayload"].clone();
        payload["accepted"] = quote["accepts"][0].clone();
        let sent = STANDARD.encode(payload.to_string());
        let json = header::decode(sent.as_bytes()).unwrap();
        let payload = PaymentPayload::parse(&json).unwrap();
        assert!(v2_parts(payload).0.matches(&terms(&offer)));
    }
}

/// What legacy `x402-fetch` demands of every entry, beside what version 2 says.
#[test]
fn version_1_stands_in_the_body() {
    let vector = vectors()["eip712_exact_upto"]["v1_base_sepolia_eip3009"]["requirements"].clone();
    let mut offer =
        offer(&base()["requirements"], Settle::Before).described(vector["description"].as_str().unwrap());
    offer.mime_type = vector["mimeType"].as_str().unwrap().into();
    let url = vector["resource"].as_str().unwrap();
    let quote = |offer: &Offer| Challenge::new(offer, &Unasked, Declared::default()).v1_accepts(url);
    let accepts: Value = serde_json::from_str(&quote(&offer).unwrap()).unwrap();
    let mut expected = vector.clone();
    assert_eq!(expected.as_object_mut().unwrap().remove("outputSchema"), Some(Value::Null));
    assert_eq!(accepts, json!([expected]));

    offer.v1 = false;
    assert_eq!(quote(&offer), None);
    offer.v1 = true;
    let asset = std::sync::Arc::get_mut(&mut offer.accepts[0].asset).unwrap();
    asset.v1_network = Some("celo");
    assert_eq!(quote(&offer), None, "a network legacy clients do not know kills their whole 402");
}

#[test]
fn several_ways_are_one_list_in_either_version() {
    let two = offer(&base()["requirements"], Settle::After)
        .or(&offer(&vectors()["eip712_exact_upto"]["base_eip3009"]["requirements"], Settle::After));
    let challenge = Challenge::new(&two, &Unasked, constant(r#""x":{"info":{}}"#));
    let url = "https://a/\"b";
    let accepts: Value = serde_json::from_str(&challenge.v1_accepts(url).unwrap()).unwrap();
    let networks: Vec<_> =
        accepts.as_array().unwrap().iter().map(|way| way["network"].as_str().unwrap()).collect();
    assert_eq!(networks, ["base-sepolia", "base"]);
    assert!(accepts.as_array().unwrap().iter().all(|way| way["resource"] == url));
    let quote = decoded(&challenge.header("e", url, "", ""));
    assert_eq!(
        (quote["accepts"].as_array().unwrap().len(), &quote["extensions"]),
        (2, &json!({"x": {"info": {}}}))
    );
}

/// A quote for `upto` names who may submit it, so it waits until somebody said.
#[test]
fn upto_waits_for_its_submitter() {
    struct Asked(Ability);
    impl Abilities for Asked {
        fn standing(&self, _: &crate::config::Facilitator) -> crate::protocol::abilities::Standing {
            crate::protocol::abilities::Standing::Ready
        }
        fn settles(&self, _: &crate::config::Facilitator, _: Version, _: &str, _: &str) -> Ability {
            self.0.clone()
        }
        fn submitter(&self, _: &crate::config::Facilitator, _: &str) -> Option<crate::evm::address::Address> {
            matches!(self.0, Ability::Yes(_)).then(|| crate::evm::address::Address::new([7; 20]))
        }
        fn submits(&self, _: &crate::config::Facilitator, _: &str, _: &crate::evm::address::Address) -> bool {
            true
        }
    }
    let offer = offer(&vectors()["eip712_exact_upto"]["base_sepolia_upto"]["requirements"], Settle::After);
    assert!(Challenge::new(&offer, &Unasked, Declared::default()).is_empty());
    let denied = Challenge::new(&offer, &Asked(Ability::No), Declared::default());
    assert!(denied.is_empty() && denied.missing() == ["upto on eip155:84532"]);
    let quote = Challenge::new(&offer, &Asked(Ability::Yes("{}".to_owned())), Declared::default());
    let quote = decoded(&quote.header("e", "u", "", ""));
    assert_eq!(
        quote["accepts"][0]["extra"],
        json!({
            "name": "USDC", "version": "2", "assetTransferMethod": "permit2",
            "facilitatorAddress": "0x0707070707070707070707070707070707070707",
        })
    );
}

#[test]
fn what_is_signed_is_what_is_quoted() {
    let upto = &vectors()["eip712_exact_upto"]["base_sepolia_upto"]["requirements"];
    let mixed = offer(upto, Settle::After)
        .or(&offer(&base()["requirements"], Settle::After))
        .or(&offer(&vectors()["eip712_exact_upto"]["base_eip3009"]["requirements"], Settle::After));
    // Nobody was asked yet, so `upto` waits, and the next is the first.
    let challenge = Challenge::new(&mixed, &Unasked, Declared::default());
    let quote = decoded(&challenge.header("e", "u", "", ""));
    let quoted = quote["accepts"].as_array().unwrap();
    let offered = challenge.offered(&mixed);
    assert_eq!((offered.len(), challenge.ways(), quoted.len()), (2, 2, 2));
    for (offered, quoted) in offered.iter().zip(quoted) {
        let spelled = json!({
            "scheme": offered.scheme, "network": offered.network, "amount": offered.amount,
            "asset": offered.asset, "payTo": offered.pay_to,
        });
        for (name, value) in spelled.as_object().unwrap() {
            assert_eq!(*value, quoted[name], "{name}");
        }
    }
}

#[test]
fn what_is_declared_in_any_of_three_ways_stands_side_by_side() {
    let offer = offer(&base()["requirements"], Settle::After);
    let members = json!({"a": {"info": {}}, "b": {"info": {"method": "GET"}, "more": 1}, "c": {"d": []}});
    let around = [r#""b":{"info":{"method""#.to_owned(), r#","more":1}"#.to_owned()];
    for present in 0..8 {
        let [always, asked, dynamic] = [0, 1, 2].map(|bit| present >> bit & 1 == 1);
        let constant = if always { r#""a":{"info":{}}"# } else { "" }.to_owned();
        let named = |name: &str| [("a", always), ("b", asked), ("c", dynamic)].contains(&(name, true));
        let mut expected = members.clone();
        expected.as_object_mut().unwrap().retain(|name, _| named(name));
        for around in [around.clone(), Default::default()] {
            if asked && around[0].is_empty() {
                continue;
            }
            let challenge = Challenge::new(&offer, &Unasked, Declared { around, constant: constant.clone() });
            let asked = if asked { r#":"GET"}"# } else { "" };
            let dynamic = if dynamic { r#""c":{"d":[]}"# } else { "" };
            for url in ["", "u", "uv", "uvw"] {
                let header = challenge.header("e", url, asked, dynamic);
                assert!(header.len().is_multiple_of(4) && !header.contains('='), "{header}");
                let quote = decoded(&header);
                let none = present == 0 && quote.get("extensions").is_none();
                assert!(none || quote["extensions"] == expected, "{present} {quote}");
                assert_eq!((&quote["resource"]["url"], &quote["error"]), (&json!(url), &json!("e")));
            }
        }
    }
}
