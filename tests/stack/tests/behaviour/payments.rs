//! Payments of the payer, honest and not, before the facilitator.

use serde_json::json;
use x402_devstack::client::{get, Answer};
use x402_devstack::facilitator::{Fault, FaultKind, Operation};
use x402_devstack::payer::{Base64Form, Draft, HexCase, KeyOrder, Quote, SignatureForm, Style, Wallet};

use super::{draft, facilitator, payment, requirement, settle, verify};

#[tokio::test]
async fn an_honest_payment_is_valid_in_either_version() {
    let facilitator = facilitator();
    let wallet = Wallet::dev(0);
    let mut v1 = requirement();
    v1["network"] = json!("base-sepolia");
    v1["maxAmountRequired"] = json!("10000");
    for requirement in [requirement(), v1] {
        let payment = Draft::new(&wallet, &requirement).unwrap().sign(&wallet);
        let answer = verify(&facilitator, &payment).await.json();
        assert_eq!(answer["isValid"], true, "{answer}");
        assert_eq!(settle(&facilitator, &payment).await.json()["success"], true);
    }
}

#[tokio::test]
async fn both_versions_burn_the_same_nonce() {
    let facilitator = facilitator();
    let wallet = Wallet::dev(0);
    let honest = draft(&wallet);
    let mut v1 = honest.clone();
    v1.version = 1;
    v1.accepted["network"] = json!("base-sepolia");
    v1.accepted["maxAmountRequired"] = json!("10000");
    assert_eq!(settle(&facilitator, &honest.sign(&wallet)).await.json()["success"], true);
    let again = settle(&facilitator, &v1.sign(&wallet)).await.json();
    assert_eq!(again["errorReason"], "invalid_exact_evm_nonce_already_used");
}

#[tokio::test]
async fn lies_that_are_signed_and_lies_that_are_not() {
    let facilitator = facilitator();
    let (wallet, thief) = (Wallet::dev(0), Wallet::dev(5));
    let honest = draft(&wallet);
    let cases = [
        (honest.clone().value(9_999_u64).sign(&wallet), "payload_authorization_value_mismatch"),
        (honest.clone().to(thief.address()).sign(&wallet), "recipient_mismatch"),
        (honest.clone().window(0, 1_000).sign(&wallet), "payload_authorization_valid_before"),
        (honest.clone().window(1 << 40, 1 << 41).sign(&wallet), "payload_authorization_valid_after"),
        (honest.sign(&thief), "signature"),
        (honest.sign(&wallet).tamper("/payload/authorization/value", json!("10001")), "signature"),
        (honest.sign(&wallet).sign_as(SignatureForm::FlippedV), "signature"),
        (honest.sign(&wallet).sign_as(SignatureForm::Compact), "signature"),
        (honest.sign(&wallet).sign_as(SignatureForm::Long), "signature"),
        (honest.sign(&wallet).sign_as(SignatureForm::Zero), "signature"),
        (honest.sign(&wallet).tamper("/accepted/scheme", json!("upto")), "scheme"),
        (honest.sign(&wallet).tamper("/accepted/network", json!("eip155:1")), "network_mismatch"),
    ];
    for (payment, reason) in cases {
        let answer = verify(&facilitator, &payment).await.json();
        assert_eq!(answer["invalidReason"], format!("invalid_exact_evm_{reason}"));
        assert_eq!(settle(&facilitator, &payment).await.json()["success"], false);
    }
    assert!(facilitator.ledger().transfers().is_empty());
}

#[test]
fn one_payment_has_many_spellings() {
    let payment = payment(&Wallet::dev(0));
    let styles = [
        Style::default(),
        Style::order(KeyOrder::Sorted),
        Style::order(KeyOrder::Reversed),
        Style::hex(HexCase::Lower),
        Style::hex(HexCase::Upper),
        Style::base64(Base64Form::Unpadded),
        Style::base64(Base64Form::UrlSafe),
        Style::base64(Base64Form::Wrapped),
        Style::base64(Base64Form::Raw),
    ];
    for style in styles {
        let text = payment.text(&style);
        let read: serde_json::Value = serde_json::from_str(&text).expect("JSON");
        if style.hex == HexCase::Sdk {
            assert_eq!(read, payment.json);
        }
        assert!(!payment.styled(&style).is_empty());
    }
    assert!(payment
        .text(&Style::default())
        .starts_with(r#"{"x402Version":2,"payload":{"authorization":{"from":"#));
}

#[test]
fn a_quote_is_read_from_the_header_before_the_body() {
    let v2 = json!({ "x402Version": 2, "error": "x", "accepts": [requirement()] });
    let header = {
        use base64::Engine;
        base64::engine::general_purpose::STANDARD.encode(v2.to_string())
    };
    let v1 = json!({ "x402Version": 1, "accepts": [] }).to_string();
    let version = |quote: Option<Quote>| quote.map(|quote| quote.version);
    assert_eq!(version(Quote::of(Some(header.as_bytes()), v1.as_bytes())), Some(2));
    assert_eq!(version(Quote::of(Some(b"garbage"), v1.as_bytes())), Some(1));
    assert_eq!(version(Quote::of(None, b"{}")), None);
}

#[tokio::test]
async fn supported_lists_both_versions_of_a_network() {
    let kinds = get(facilitator().address(), "/supported").await.json()["kinds"].clone();
    let has = |version: u64, network: &str| {
        kinds
            .as_array()
            .unwrap()
            .iter()
            .any(|kind| kind["x402Version"] == version && kind["network"] == network)
    };
    assert!(has(2, "eip155:84532") && has(1, "base-sepolia") && has(2, "eip155:8453"));
}

#[tokio::test]
async fn supported_names_its_pool_in_turn_and_breaks_on_command() {
    let facilitator = facilitator();
    let ask = || async { get(facilitator.address(), "/supported").await };
    let named = |answer: &Answer| {
        let kinds = answer.json()["kinds"].clone();
        let upto = kinds.as_array().unwrap().iter().find(|kind| kind["scheme"] == "upto").cloned();
        upto.map(|kind| kind["extra"]["facilitatorAddress"].clone())
    };
    let first = ask().await;
    assert_eq!(named(&first), named(&ask().await));
    assert_eq!(first.json()["signers"]["eip155:*"][0], named(&first).unwrap());
    facilitator.list(|listing| (listing.rotate, listing.signers) = (true, false));
    let next = ask().await;
    assert!(named(&next).is_some() && named(&next) != named(&ask().await));
    assert!(next.json()["signers"].is_null());
    facilitator.list(|listing| listing.pool.clear());
    assert_eq!(named(&ask().await), None);
    facilitator.fault(Fault::once(FaultKind::Html).on(Operation::Any));
    assert_eq!(ask().await.status, 200, "a fault of payments");
    let to = FaultKind::Redirect { location: "https://www.example.com/".to_owned() };
    facilitator.fault(Fault::once(to).on(Operation::Supported));
    assert_eq!(ask().await.status, 307);
    let outcomes: Vec<_> = facilitator.inquiries().into_iter().map(|call| call.outcome).collect();
    assert_eq!((outcomes.len(), outcomes[6].as_str()), (7, "fault:redirect"));
    assert!(facilitator.calls().is_empty());
}
