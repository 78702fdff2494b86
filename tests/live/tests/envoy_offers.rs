//! Signed offers and receipts, and where their key is found.

use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use base64::Engine;
use serde_json::{json, Value};
use x402_devstack::client::{Answer, RawRequest};
use x402_live::{paid, pause, plugin, refused, Scene, Stage, PAY_TO};
use x402_proxy_wasm::signing::notary::{Format, Notary, OfferTerms, Settled};
use x402_proxy_wasm::signing::Key;

const KEYS: &str = include_str!("../../vectors/signing.json");
const DID: &str = "/.well-known/did.json";
const USDC: &str = "0x036CbD53842c5426634e7929541eC2318f3dCF7e";

fn key(algorithm: &str) -> String {
    let keys: Value = serde_json::from_str(KEYS).expect("JSON");
    let mut all = keys["keys"].as_array().expect("keys").iter();
    let key = all.find(|key| key["algorithm"] == algorithm).expect("a key");
    key["text"].as_str().expect("text").to_owned()
}

fn scene(format: &str, algorithm: &str) -> Scene {
    let mut config = plugin("10s");
    config["offerReceipt"] =
        json!({ "format": format, "key": { "env": "OFFER_KEY" }, "includeTxHash": true });
    let key = key(algorithm);
    Scene::new(config).envoy(move |options| options.concurrency(1).vm_variable("OFFER_KEY", &key))
}

/// The same key, signing on this machine.
fn notary(format: Format, algorithm: &str) -> Notary {
    let key = Key::parse(&key(algorithm)).expect("a key");
    Notary::new(format, key, "did:web:shop.test#key-1".to_owned(), true).expect("fits")
}

fn decoded(answer: &Answer, name: &str) -> Value {
    let text = answer.header_text(name).unwrap_or_else(|| panic!("{name}: {answer:?}"));
    serde_json::from_slice(&STANDARD.decode(text).expect("base64")).expect("JSON")
}

/// What was signed, whatever the format.
fn payload(signed: &Value) -> Value {
    match signed["payload"].as_object() {
        Some(_) => signed["payload"].clone(),
        None => {
            let part = signed["signature"].as_str().and_then(|jws| jws.split('.').nth(1)).expect("a JWS");
            serde_json::from_slice(&URL_SAFE_NO_PAD.decode(part).expect("base64url")).expect("JSON")
        }
    }
}

fn member(text: &str) -> Value {
    let all: Value = serde_json::from_str(&format!("{{{text}}}")).expect("JSON");
    all["offer-receipt"].clone()
}

async fn offered(stage: &Stage, target: &str) -> Value {
    let answer = stage.ask(&RawRequest::get(target)).await;
    refused(&answer, 402, "payment_required");
    decoded(&answer, "payment-required")["extensions"]["offer-receipt"].clone()
}

#[tokio::test]
async fn s32_offers_and_receipts_are_signed_with_the_operators_key() {
    for (name, format, algorithm) in
        [("jws", Format::Jws, "EdDSA"), ("jws", Format::Jws, "ES256"), ("eip712", Format::Eip712, "ES256K")]
    {
        let Some(stage) = scene(name, algorithm).start() else { return };
        let notary = notary(format, algorithm);
        let offers = offered(&stage, "/before/a").await;
        let offer = payload(&offers["info"]["offers"][0]);
        let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).expect("now").as_secs();
        let until = offer["validUntil"].as_u64().expect("seconds");
        assert!(until > now + 25 && until <= now + 60, "{until} at {now}");
        let terms = OfferTerms {
            scheme: "exact",
            network: "eip155:84532",
            asset: USDC.to_owned(),
            pay_to: PAY_TO.to_owned(),
            amount: "1000".to_owned(),
        };
        let expected = notary.offers(&[terms], "http://shop.test/before/a", until).expect("signed");
        assert_eq!(offers, member(&expected), "the 32-bit sandbox signs what this machine does");

        let payment = stage.payment("/before/a").await;
        let answer = stage.buy("/before/a", &payment).await;
        let transaction = paid(&answer);
        let receipt = decoded(&answer, "payment-response")["extensions"]["offer-receipt"].clone();
        let issued = payload(&receipt["info"]["receipt"])["issuedAt"].as_u64().expect("seconds");
        assert!(issued >= now && issued < now + 30);
        let payer = payment.payer.to_string();
        let settled = Settled { network: "eip155:84532", payer: &payer, transaction: &transaction };
        let expected = notary.receipt(&settled, "http://shop.test/before/a", issued).expect("signed");
        assert_eq!(receipt, member(&expected));
        // Whoever shows a payment again gets no new signature for it.
        let again = stage.buy("/before/a", &payment).await;
        refused(&again, 402, "payment_already_used");
        assert!(decoded(&again, "payment-response").get("extensions").is_none());
        assert!(!stage.filter_log().contains("PRIVATE"));
    }
}

#[tokio::test]
async fn s33_the_key_is_published_at_one_path() {
    let Some(stage) = scene("jws", "EdDSA").start() else { return };
    let answer = stage.ask(&RawRequest::get(DID)).await;
    assert_eq!(answer.status, 200, "{answer:?}");
    assert_eq!(answer.header_text("access-control-allow-origin"), Some("*"));
    assert_eq!(answer.header_text("cache-control"), Some("public, max-age=300"));
    let expected = notary(Format::Jws, "EdDSA").did_document("http://shop.test").expect("ours");
    assert_eq!(answer.text(), expected);
    let head = stage.ask(&RawRequest::new("HEAD", DID)).await;
    assert_eq!((head.status, head.text().as_str()), (200, ""), "{head:?}");
    for (method, target) in [("POST", DID), ("GET", "/.well-known/did.json/")] {
        let answer = stage.ask(&RawRequest::new(method, target)).await;
        assert_ne!(answer.status, 200, "{method} {target}");
    }
    let Some(without) = Scene::new(plugin("10s")).start() else { return };
    refused(&without.ask(&RawRequest::get(DID)).await, 403, "not_offered");
}

#[tokio::test]
async fn s34_a_flood_is_quoted_and_costs_few_signatures() {
    let Some(stage) = scene("jws", "EdDSA").start() else { return };
    let mut signed = 0;
    let begun = std::time::Instant::now();
    for request in 0..300 {
        let offers = offered(&stage, &format!("/before/{request}")).await;
        signed += u64::from(!offers.is_null());
    }
    let seconds = begun.elapsed().as_secs() + 2;
    assert!(signed >= 50 && signed <= 50 * seconds, "{signed} in {seconds} s");
    pause(1_100).await;
    let first = offered(&stage, "/before/again").await;
    assert!(!first.is_null());
    assert_eq!(first["info"]["offers"].as_array().map(Vec::len), Some(1));
}
