//! Declarations against the reference package's, echoes, names.

#![allow(clippy::string_slice, reason = "a slice out of bounds fails the test")]

use proptest::prelude::*;
use serde_json::{json, Value};

use super::gas::Sponsored;
use super::identifier::Unnamed;
use super::*;
use crate::claims::Identity;
use crate::config::{Facilitator, Policy, Target};
use crate::evm::address::Address;
use crate::protocol::abilities::{Abilities, Ability, Standing};
use crate::protocol::Version;
use crate::route::Resolution;

mod quoted;

const BOTH: Sponsored = Sponsored { eip2612: true, erc20_approval: true };
const NONE: Sponsored = Sponsored { eip2612: false, erc20_approval: false };
const NAME: &str = "order_0123456789";

fn vectors() -> Value {
    serde_json::from_str(include_str!("../../tests/vectors/extensions.json")).unwrap()
}

fn policy(offer: &Value, route: &str) -> Policy {
    let mut priced = json!({"price": "$0.01"});
    priced.as_object_mut().unwrap().extend(offer.as_object().unwrap().clone());
    let config = json!({
        "version": 1, "origin": "https://api.example.com", "unmatched": "free", "settle": "before",
        "facilitators": {"main": {"cluster": "facilitator", "authority": "x402.example.com"}},
        "accepts": [{"network": "base", "asset": "USDC", "payTo": "0x209693Bc6afc0C5328bA36FaF03C514EF312287C"}],
        "routes": [{"name": "r", "match": {"path": route}, "offer": priced}],
    });
    Policy::from_bytes(config.to_string().as_bytes(), &|_| None).unwrap()
}

/// What is declared, parsed.
fn declared(offer: &Value, route: &str, method: &str, path: &str, gas: Sponsored) -> Value {
    let policy = policy(offer, route);
    let Resolution::Route(found) = policy.routes.resolve(method, "h", path) else { panic!("{path}") };
    let Target::Offer(offer) = &found.target else { panic!("{path}") };
    let asked = Asked { method, path, template: found.template() };
    let mut members = super::whole(&offer.extensions, &asked);
    append(&mut members, &constant(&offer.extensions, gas));
    let whole = serde_json::from_str(&format!("{{{members}}}"));
    let whole = whole.unwrap_or_else(|error| panic!("{error}: {members}"));
    let quote = quoted::quote(offer, &asked, gas);
    assert_eq!(quote.get("extensions").unwrap_or(&json!({})), &whole, "quoted in pieces");
    whole
}

fn offer(extensions: &Value) -> Extensions {
    let policy = policy(extensions, "/r");
    let route = policy.routes().next().unwrap();
    Extensions::clone(route.offer().unwrap().extensions())
}

fn payment(extensions: &Value) -> String {
    json!({"x402Version": 2, "accepted": {"extra": {}}, "extensions": extensions, "payload": {}}).to_string()
}

#[test]
fn declarations_are_the_reference_packages() {
    let vectors = vectors();
    for case in ["reference", "ours"].iter().flat_map(|group| vectors[group].as_array().unwrap()) {
        let path = case["path"].as_str().unwrap();
        let route = case["route"].as_str().unwrap_or(path.split('?').next().unwrap());
        let offer = json!({"bazaar": case["bazaar"]});
        let ours = declared(&offer, route, case["method"].as_str().unwrap(), path, NONE);
        assert_eq!(ours["bazaar"], case["declared"], "{}", case["name"]);
    }
    for required in ["optional", "required"] {
        let ours = declared(&json!({"paymentIdentifier": required}), "/r", "GET", "/r", NONE);
        assert_eq!(ours["payment-identifier"], vectors["identifiers"][required]);
    }
    assert_eq!(declared(&json!({}), "/r", "GET", "/r", BOTH), vectors["gas"]);
    assert_eq!(declared(&json!({}), "/r", "GET", "/r", NONE), json!({}));
}

/// A facilitator that lists one extension.
struct Lists(&'static str);

impl Abilities for Lists {
    fn standing(&self, _: &Facilitator) -> Standing {
        Standing::Ready
    }

    fn settles(&self, _: &Facilitator, _: Version, _: &str, _: &str) -> Ability {
        Ability::Unknown
    }

    fn extends(&self, _: &Facilitator, extension: &str) -> bool {
        extension == self.0
    }
}

#[test]
fn sponsoring_is_offered_where_it_is_needed_and_listed() {
    let offered = |accept: Value, more: Value, lists| {
        let mut sold = json!({"accepts": [accept]});
        sold.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        let policy = policy(&sold, "/r");
        let route = policy.routes().next().unwrap();
        let sponsored = gas::offered(route.offer().unwrap(), &Lists(lists));
        (sponsored.eip2612, sponsored.erc20_approval)
    };
    let to = "0x209693Bc6afc0C5328bA36FaF03C514EF312287C";
    let permit2 = json!({"network": "base", "payTo": to, "assetTransferMethod": "permit2"});
    let eip3009 = json!({"network": "base", "payTo": to});
    assert_eq!(offered(permit2.clone(), json!({}), gas::EIP2612), (true, false));
    assert_eq!(offered(permit2.clone(), json!({}), gas::ERC20_APPROVAL), (false, true));
    assert_eq!(offered(permit2.clone(), json!({}), "bazaar"), (false, false));
    assert_eq!(offered(eip3009, json!({}), gas::EIP2612), (false, false));
    assert_eq!(offered(permit2, json!({"gasSponsoring": "off"}), gas::EIP2612), (false, false));
}

#[test]
fn several_are_declared_side_by_side_and_small() {
    let bazaar = json!({"input": {"queryParams": {"q": "paris"}}, "output": {"example": {"celsius": 21}}});
    let offer = json!({"bazaar": bazaar, "paymentIdentifier": "required"});
    let all = declared(&offer, "/w/{city}", "GET", "/w/paris", BOTH);
    let names: Vec<_> = all.as_object().unwrap().keys().collect();
    assert_eq!(names, ["bazaar", gas::EIP2612, gas::ERC20_APPROVAL, "payment-identifier"]);
    let size = |name: &str| all[name].to_string().len() + name.len() + 4;
    assert!(size("bazaar") <= 720, "{}", size("bazaar"));
    assert!(size("payment-identifier") <= 320, "{}", size("payment-identifier"));
    assert!(size(gas::EIP2612) <= 900 && size(gas::ERC20_APPROVAL) <= 900);
}

#[test]
fn a_quote_of_another_kind_of_request_declares_nothing_of_it() {
    let body = json!({"bazaar": {"input": {"body": {}}}});
    for (method, there) in
        [("POST", true), ("PUT", true), ("GET", false), ("DELETE", false), ("OPTIONS", false)]
    {
        assert_eq!(declared(&body, "/r", method, "/r", NONE)["bazaar"].is_object(), there, "{method}");
        let query = json!({"bazaar": {}});
        assert_eq!(
            declared(&query, "/r", method, "/r", NONE)["bazaar"].is_object(),
            !there && method != "OPTIONS",
            "{method}"
        );
    }
}

#[test]
fn a_path_is_repeated_within_bounds_and_escaped() {
    let bazaar = json!({"bazaar": {}});
    let long = format!("/t/{}", "a".repeat(512));
    for (path, expected) in [
        ("/t/1%22%7B?q=1", json!({"z": "1%22%7B"})),
        ("/t/a\"b", json!({"z": "a\"b"})),
        (long.as_str(), Value::Null),
    ] {
        let ours = declared(&bazaar, "/t/{z}", "GET", path, NONE);
        assert_eq!(ours["bazaar"]["info"]["input"]["pathParams"], expected, "{path}");
        assert_eq!(ours["bazaar"]["routeTemplate"], "/t/:z");
    }
    for route in ["/t/**", "/t", "/a,b/{z}"] {
        assert!(policy(&bazaar, route).routes().next().unwrap().template().is_none(), "{route}");
    }
}

#[test]
fn an_echo_holds_what_was_declared() {
    let all = json!({
        "bazaar": {"input": {"queryParams": {"q": "paris", "n": 1}}, "output": {"example": {"list": [1, {"a": 2}]}}},
        "paymentIdentifier": "required",
    });
    let extensions = offer(&all);
    let fixed = fixed(&extensions, BOTH);
    let faithful = declared(&all, "/r/{id}", "GET", "/r/7", BOTH);
    let with = |pointer: &str, value: Value| {
        let mut echo = faithful.clone();
        let (parent, name) = pointer.rsplit_once('/').unwrap();
        let parent = echo.pointer_mut(parent).unwrap().as_object_mut().unwrap();
        if value == json!("<removed>") {
            parent.remove(name);
        } else {
            parent.insert(name.to_owned(), value);
        }
        echo
    };
    let gone = || json!("<removed>");
    for (echo, agrees) in [
        (faithful.clone(), true),
        (json!({}), true),
        (Value::Null, true),
        (json!({"theirs": {"info": 7}}), true),
        (with("/payment-identifier/info/id", json!(NAME)), true),
        (with("/bazaar/schema", gone()), true),
        (with("/bazaar/info/input/queryParams/more", json!([1])), true),
        // What described the request that was quoted.
        (with("/bazaar/info/input/pathParams", json!({"id": "8"})), true),
        (with("/bazaar/info/input/method", json!("HEAD")), true),
        (with("/bazaar/info/input/queryParams/n", json!(1.0)), true),
        (with("/payment-identifier/info/required", json!(false)), false),
        (with("/payment-identifier/info/required", json!("true")), false),
        (with("/payment-identifier/info", gone()), false),
        (with("/payment-identifier/info", Value::Null), false),
        (with("/payment-identifier", Value::Null), false),
        (with("/payment-identifier", json!([])), false),
        (with("/bazaar/info/input/queryParams/q", json!("oslo")), false),
        (with("/bazaar/info/input/queryParams", json!([])), false),
        (with("/bazaar/info/input/queryParams/q", gone()), false),
        (with("/bazaar/info/output", gone()), false),
        // Lists and what is in them are equal.
        (with("/bazaar/info/output/example/list", json!([1])), false),
        (with("/bazaar/info/output/example/list", json!([1, {"a": 2}, 3])), false),
        (with("/bazaar/info/output/example/list", json!([1, {"a": 2, "b": 3}])), false),
        (with("/bazaar/info/output/example/list", json!({"0": 1})), false),
        (with("/eip2612GasSponsoring/info/version", json!("2")), false),
        (with("/eip2612GasSponsoring/info/from", json!("0x1")), true),
        // As @x402/axios 2.11 leaves it.
        (with("/eip2612GasSponsoring/info/description", gone()), true),
        (with("/eip2612GasSponsoring/info/version", gone()), false),
        (json!(7), false),
        (json!([]), false),
    ] {
        assert_eq!(echo::agrees(&payment(&echo), &fixed), agrees, "{echo}");
    }
}

#[test]
fn an_echo_in_doubt_is_none() {
    let fixed = fixed(&offer(&json!({"paymentIdentifier": "optional"})), NONE);
    let named = |info: &str| format!(r#"{{"extensions":{{"payment-identifier":{{"info":{info}}}}}}}"#);
    assert!(echo::agrees(&named(r#"{"required":false}"#), &fixed));
    for text in [
        named(r#"{"required":false,"required":false}"#),
        named(r#"{"required":false,"required":true}"#),
        named(r#"{"required":false}"#).replace(r#""extensions":{"#, r#""extensions":{},"extensions":{"#),
        format!("{}x", named(r#"{"required":false}"#)),
        named("{"),
        "[]".to_owned(),
        String::new(),
    ] {
        assert!(!echo::agrees(&text, &fixed), "{text}");
    }
    // Without declarations there is nothing to repeat.
    assert!(echo::agrees(r#"{"extensions":{"bazaar":1}}"#, &[]));
}

#[test]
fn a_name_is_read_once_and_in_its_form() {
    let named = |id: Value| payment(&json!({"payment-identifier": {"info": {"required": true, "id": id}}}));
    let read = |text: &str, required| identifier::read(text, required).map(|name| name.is_some());
    for id in [NAME.to_owned(), "a".repeat(128), "-_AZaz09-_AZaz09".to_owned()] {
        assert_eq!(read(&named(json!(id)), true), Ok(true), "{id}");
    }
    for id in [
        json!("short"),
        json!("a".repeat(129)),
        json!("order 0123456789"),
        json!("caf\u{e9}_0123456789"),
        json!(7),
        json!({}),
        json!([]),
    ] {
        for required in [true, false] {
            assert_eq!(read(&named(id.clone()), required), Err(Unnamed::Form), "{id}");
        }
    }
    for absent in
        [json!(null), json!({}), json!({"payment-identifier": null}), json!({"payment-identifier": {}})]
    {
        assert_eq!(read(&payment(&absent), false), Ok(false), "{absent}");
        assert_eq!(read(&payment(&absent), true), Err(Unnamed::Missing), "{absent}");
    }
    assert_eq!(read(&named(Value::Null), true), Err(Unnamed::Missing));
    let twice = named(json!(NAME)).replace(r#""id":"#, r#""id":"other_0123456789","id":"#);
    assert_eq!(read(&twice, false), Err(Unnamed::Form));
}

#[test]
fn a_name_stands_for_one_authorisation_and_one_request() {
    let identity = Identity {
        chain_id: 8453,
        verifying_contract: Address::new([1; 20]),
        payer: Address::new([2; 20]),
        nonce: [3; 32],
    };
    let first = identifier::fingerprint(&identity, "GET", "/a?b=1");
    assert_eq!(first, identifier::fingerprint(&identity, "GET", "/a?b=1"));
    let other = Identity { nonce: [4; 32], ..identity };
    for another in [
        identifier::fingerprint(&other, "GET", "/a?b=1"),
        identifier::fingerprint(&identity, "POST", "/a?b=1"),
        identifier::fingerprint(&identity, "GET", "/a?b=2"),
        identifier::fingerprint(&identity, "GET", "/a"),
        identifier::fingerprint(&identity, "GET/", "a?b=1"),
    ] {
        assert_ne!(first, another);
    }
    let name = |id: &str| {
        let text = payment(&json!({"payment-identifier": {"info": {"id": id}}}));
        identifier::read(&text, true).unwrap().unwrap()
    };
    let place = name(NAME).identity(identity.payer);
    assert_eq!(place.chain_id, 0, "no chain's");
    assert_ne!(place.nonce, name("order_9876543210").identity(identity.payer).nonce);
    assert_ne!(place, name(NAME).identity(Address::new([9; 20])));
    assert_eq!(identifier::expires(1_000), 1_120);
}

#[test]
fn what_is_signed_for_the_facilitator_is_passed_on_in_its_form() {
    let signed = json!({
        "from": "0x209693Bc6afc0C5328bA36FaF03C514EF312287C", "asset": "0x209693Bc6afc0C5328bA36FaF03C514EF312287C",
        "spender": "0x000000000022D473030F116dDEE9F6B43aC78BA3", "amount": "1", "nonce": "0", "deadline": "99",
        "signature": "0xabcd", "version": "1",
    });
    let passed = |info: &Value, declared| {
        let members = gas::passed_on(&payment(&json!({"eip2612GasSponsoring": {"info": info}})), declared);
        members.map(|members| serde_json::from_str::<Value>(&format!("{{{members}}}")).unwrap())
    };
    let mut sent = signed.clone();
    sent["description"] = json!("...");
    sent["huge"] = json!(1e300);
    assert_eq!(passed(&sent, BOTH).unwrap(), json!({"eip2612GasSponsoring": {"info": signed}}));
    assert_eq!(passed(&sent, NONE).unwrap(), json!({}));
    // An echo, with nothing signed.
    assert_eq!(passed(&json!({"description": "...", "version": "1"}), BOTH).unwrap(), json!({}));
    for (name, value) in [
        ("from", json!("0x12")),
        ("amount", json!(1)),
        ("amount", json!("-1")),
        ("signature", json!("0x")),
        ("signature", json!(format!("0x{}", "a".repeat(5_000)))),
        ("version", json!("1\"")),
    ] {
        let mut wrong = signed.clone();
        wrong[name] = value;
        assert!(passed(&wrong, BOTH).is_err(), "{wrong}");
    }
}

proptest! {
    #[test]
    fn any_text_is_read_or_refused(bytes: Vec<u8>) {
        let text = String::from_utf8_lossy(&bytes);
        let _ = identifier::read(&text, true);
        let _ = gas::passed_on(&text, BOTH);
        let _ = echo::agrees(&text, &fixed(&offer(&json!({"bazaar": {}})), BOTH));
    }

    #[test]
    fn a_damaged_echo_never_passes_for_another_value(at in 0usize..400, to: u8) {
        let all = json!({"bazaar": {"output": {"example": {"celsius": 21}}}, "paymentIdentifier": "required"});
        let fixed = fixed(&offer(&all), NONE);
        let text = payment(&declared(&all, "/r", "GET", "/r", NONE));
        let mut bytes = text.into_bytes();
        if let Some(byte) = bytes.get_mut(at) {
            *byte = to;
        }
        let Ok(text) = String::from_utf8(bytes) else { return Ok(()) };
        let agrees = echo::agrees(&text, &fixed);
        // What agrees is JSON in which the declared values stand, where their names stand.
        if let (true, Ok(value)) = (agrees, serde_json::from_str::<Value>(&text)) {
            let info = &value["extensions"]["bazaar"]["info"];
            prop_assert!(info.is_null() || info["output"]["example"]["celsius"] == json!(21));
        } else {
            prop_assert!(!agrees);
        }
    }
}
