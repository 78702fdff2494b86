//! Offers, receipts and the DID document against the reference's.

use serde_json::{json, Value};

use super::{keys, some_key, vectors};
use crate::evm::{address::Address, recover::recover, signature::Signature};
use crate::signing::did;
use crate::signing::notary::{Format, NotEip712, Notary, OfferTerms, Settled};
use crate::signing::Key;

const URL: &str = "https://api.example.com/premium-data";
const KEY_ID: &str = "did:web:api.example.com#key-1";
const NOW: u64 = 1_767_225_600;
/// The first development account of every local chain.
const DEV_KEY: &str = "0xac0974bec39a17e36ba4a6b4d238ff944bacb478cbed5efcae784d7bf4f2ff80";
const TRANSACTION: &str = "0x1212121212121212121212121212121212121212121212121212121212121212";

fn terms() -> OfferTerms<'static> {
    OfferTerms {
        scheme: "exact",
        network: "eip155:84532",
        asset: "0x036CbD53842c5426634e7929541eC2318f3dCF7e".to_owned(),
        pay_to: "0x209693Bc6afc0C5328bA36FaF03C514EF312287C".to_owned(),
        amount: "10000".to_owned(),
    }
}

fn settled() -> Settled<'static> {
    Settled {
        network: "eip155:84532",
        payer: "0xf39Fd6e51aad88F6F4ce6aB8827279cffFb92266",
        transaction: TRANSACTION,
    }
}

fn eip712(names_transaction: bool) -> Notary {
    Notary::new(Format::Eip712, Key::parse(DEV_KEY).unwrap(), KEY_ID.to_owned(), names_transaction).unwrap()
}

/// With the vectors' key.
fn jws(names_transaction: bool) -> Notary {
    let all = vectors();
    let key = Key::parse(all["cdp_jwt_eddsa"]["apiKeySecret_base64"].as_str().unwrap()).unwrap();
    Notary::new(Format::Jws, key, KEY_ID.to_owned(), names_transaction).unwrap()
}

fn offer(notary: &Notary) -> String {
    let mut json = String::new();
    notary.push_offer(&mut json, 0, &terms(), (URL, NOW + 60), true).unwrap();
    json
}

fn receipt(notary: &Notary) -> String {
    let mut json = String::new();
    notary.push_receipt(&mut json, &settled(), URL, NOW).unwrap();
    json
}

fn extension(member: &str) -> Value {
    let all: Value = serde_json::from_str(&format!("{{{member}}}")).unwrap();
    all["offer-receipt"].clone()
}

/// The vector as the reference wrote it: `serde_json` keeps no order, the signature does.
fn same(ours: &str, theirs: &Value) {
    assert_eq!(serde_json::from_str::<Value>(ours).unwrap(), *theirs);
}

#[test]
fn offers_and_receipts_are_the_references() {
    let all = vectors();
    same(&offer(&eip712(false)), &all["offer_eip712"]["offer"]);
    same(&receipt(&eip712(false)), &all["receipt_eip712_no_tx"]["receipt"]);
    same(&receipt(&eip712(true)), &all["receipt_eip712_tx"]["receipt"]);
    same(&offer(&jws(false)), &all["offer_jws"]);
    same(&receipt(&jws(false)), &all["receipt_jws"]);
}

#[test]
fn what_is_signed_is_spelled_in_the_references_key_order() {
    let raw = include_str!("../../../tests/vectors/x402.json");
    let tight: String = raw.split('\n').map(str::trim_start).collect();
    let tight = tight.replace("\": ", "\":");
    for text in [offer(&eip712(false)), receipt(&eip712(true)), receipt(&eip712(false)), offer(&jws(false))] {
        assert!(tight.contains(&text), "{text}");
    }
}

#[test]
fn a_receipt_names_the_transaction_only_if_it_is_to() {
    for (notary, named) in [(jws(true), true), (jws(false), false)] {
        let json: Value = serde_json::from_str(&receipt(&notary)).unwrap();
        let payload = json["signature"].as_str().unwrap().split('.').nth(1).unwrap();
        let bytes =
            base64::Engine::decode(&base64::engine::general_purpose::URL_SAFE_NO_PAD, payload).unwrap();
        let payload = String::from_utf8(bytes).unwrap();
        assert_eq!(payload.contains(TRANSACTION), named, "{payload}");
        // Canonical: the names in order.
        let names: Vec<usize> = ["issuedAt", "network", "payer", "resourceUrl", "version"]
            .map(|name| payload.find(&format!("\"{name}\":")).unwrap())
            .to_vec();
        assert!(names.is_sorted(), "{payload}");
    }
}

#[test]
fn every_way_to_pay_gets_its_offer() {
    let other = OfferTerms { network: "eip155:8453", ..terms() };
    for notary in [jws(false), eip712(false)] {
        let found = extension(&notary.offers(&[terms(), other.clone()], URL, NOW + 60).unwrap());
        let offers = found["info"]["offers"].as_array().unwrap();
        assert_eq!(
            offers.iter().map(|offer| &offer["acceptIndex"]).collect::<Vec<_>>(),
            [&json!(0), &json!(1)]
        );
        assert_ne!(offers[0]["signature"], offers[1]["signature"]);
        assert_eq!(found["schema"]["required"], json!(["offers"]));
        let found = extension(&notary.receipt(&settled(), URL, NOW).unwrap());
        assert!(found["info"]["receipt"]["signature"].is_string());
        assert_eq!(found["schema"]["required"], json!(["receipt"]));
        assert_eq!(notary.offers(&[], URL, NOW), None);
        let unsigned = notary.unsigned_offers(&[terms(), other.clone()], URL).unwrap();
        assert_eq!(unsigned.len(), notary.offers(&[terms(), other.clone()], URL, NOW).unwrap().len());
    }
}

#[test]
fn a_hostile_url_stays_inside_its_string() {
    let url = "https://a/\"},{\\\u{1}\u{8}\u{c}\t\r\n\u{e9}\u{1f600}/";
    for notary in [jws(false), eip712(false)] {
        let found = extension(&notary.offers(&[terms()], url, NOW).unwrap());
        let offer = &found["info"]["offers"][0];
        let payload = match offer["payload"].as_object() {
            Some(_) => offer["payload"].clone(),
            None => {
                let part = offer["signature"].as_str().unwrap().split('.').nth(1).unwrap();
                let bytes =
                    base64::Engine::decode(&base64::engine::general_purpose::URL_SAFE_NO_PAD, part).unwrap();
                let text = String::from_utf8(bytes).unwrap();
                // RFC 8785, 3.2.2.2.
                assert!(text.contains("\\\"},{\\\\\\u0001\\b\\f\\t\\r\\n\u{e9}\u{1f600}/"), "{text}");
                serde_json::from_str(&text).unwrap()
            }
        };
        assert_eq!(payload["resourceUrl"], url);
    }
}

#[test]
fn typed_data_recovers_to_the_accounts_address() {
    let all = vectors();
    let digest = all["offer_eip712"]["digest"].as_str().unwrap();
    let mut bytes = [0; 32];
    hex::decode_to_slice(&digest[2..], &mut bytes).unwrap();
    assert_eq!(crate::signing::typed::offer(&terms(), URL, NOW + 60), bytes);
    let json: Value = serde_json::from_str(&offer(&eip712(false))).unwrap();
    let signature = Signature::parse(json["signature"].as_str().unwrap()).unwrap();
    let signer = Address::parse(all["signer"].as_str().unwrap()).unwrap();
    assert_eq!(recover(&bytes, &signature), Some(signer));
}

#[test]
fn typed_data_needs_a_secp256k1_key() {
    for algorithm in ["EdDSA", "ES256"] {
        let refused = Notary::new(Format::Eip712, some_key(algorithm), String::new(), false);
        assert_eq!(refused.unwrap_err(), NotEip712);
        assert!(Notary::new(Format::Jws, some_key(algorithm), String::new(), false).is_ok());
    }
    assert!(Notary::new(Format::Jws, some_key("ES256K"), String::new(), false).is_ok());
}

#[test]
fn the_key_is_found_under_its_did() {
    let document: Value =
        serde_json::from_str(&jws(false).did_document("https://api.example.com").unwrap()).unwrap();
    let all = vectors();
    let method = &document["verificationMethod"][0];
    assert_eq!((&document["id"], &method["id"]), (&json!("did:web:api.example.com"), &json!(KEY_ID)));
    assert_eq!((&method["controller"], &document["assertionMethod"]), (&document["id"], &json!([KEY_ID])));
    for name in ["crv", "x", "kty"] {
        assert_eq!(method["publicKeyJwk"][name], all["jws_key"]["publicJwk"][name]);
    }
    assert_eq!(method["publicKeyJwk"]["alg"], "EdDSA");

    let account: Value =
        serde_json::from_str(&eip712(false).did_document("https://api.example.com").unwrap()).unwrap();
    let id = &account["verificationMethod"][0]["blockchainAccountId"];
    assert_eq!(*id, json!(format!("eip155:1:{}", all["signer"].as_str().unwrap())));
    assert!(account["verificationMethod"][0].get("publicKeyJwk").is_none());
}

#[test]
fn points_are_published_whole() {
    for case in keys()["keys"].as_array().unwrap() {
        let key = Key::parse(case["text"].as_str().unwrap()).unwrap();
        let notary = Notary::new(Format::Jws, key, KEY_ID.to_owned(), false).unwrap();
        let document: Value =
            serde_json::from_str(&notary.did_document("https://api.example.com").unwrap()).unwrap();
        let jwk = &document["verificationMethod"][0]["publicKeyJwk"];
        let part = |name: &str| {
            let text = jwk[name].as_str().unwrap_or_default();
            base64::Engine::decode(&base64::engine::general_purpose::URL_SAFE_NO_PAD, text).unwrap()
        };
        let encoded = hex::encode([part("x"), part("y")].concat());
        let public = case["public"].as_str().unwrap();
        let public = if public.len() == 130 { &public[2..] } else { public };
        assert_eq!(encoded, public, "{}", case["name"]);
    }
}

#[test]
fn somebody_elses_did_is_not_ours_to_publish() {
    assert_eq!(did::of_origin("https://api.example.com"), "did:web:api.example.com");
    assert_eq!(did::of_origin("http://localhost:8080"), "did:web:localhost%3A8080");
    for origin in [
        "https://api.example.co",
        "https://example.com",
        "https://api.example.com:8443",
        "https://api.example.com.evil",
    ] {
        assert_eq!(jws(false).did_document(origin), None, "{origin}");
    }
}
