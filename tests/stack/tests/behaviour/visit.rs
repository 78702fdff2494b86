//! The payer against the smallest shop there can be.

use std::process::Command;
use std::sync::Arc;

use base64::engine::general_purpose::STANDARD;
use base64::Engine;
use serde_json::json;
use x402_devstack::client::request;
use x402_devstack::client::RawRequest;
use x402_devstack::facilitator::Facilitator;
use x402_devstack::http1::{serve, Reply, Request, Response, Server, Service};
use x402_devstack::payer::{decode_header, visit, VisitError, Wallet};

use super::{facilitator, requirement};

/// Quotes, settles what it is given, and shows the receipt.
#[derive(Clone)]
struct Shop(Arc<Facilitator>);

impl Service for Shop {
    async fn call(&self, ask: Request) -> Reply {
        let quote = json!({
            "x402Version": 2, "resource": { "url": "http://shop/" }, "accepts": [requirement()],
        });
        let unpaid =
            Response::json(402, &json!({})).header("PAYMENT-REQUIRED", STANDARD.encode(quote.to_string()));
        let Some(payment) = ask.header("payment-signature").and_then(decode_header) else {
            return match ask.path() {
                "/free" => Response::json(200, &json!({})).into(),
                "/mute" => Response::new(402).into(),
                _ => unpaid.into(),
            };
        };
        assert_eq!(payment["resource"]["url"], "http://shop/");
        let body = json!({
            "x402Version": 2, "paymentPayload": payment, "paymentRequirements": requirement(),
        });
        let settle = RawRequest::new("POST", "/settle").body(body.to_string());
        let receipt = request(self.0.address(), &settle).await;
        let paid = receipt.json()["success"] == true;
        Response::json(if paid { 200 } else { 402 }, &json!({ "goods": paid }))
            .header("PAYMENT-RESPONSE", STANDARD.encode(&receipt.body))
            .into()
    }
}

fn shop() -> Server {
    let listen = "127.0.0.1:0".parse().unwrap();
    serve(listen, 1, Shop(Arc::new(facilitator()))).unwrap()
}

#[tokio::test]
async fn a_visit_pays_once_and_only_when_asked() {
    let shop = shop();
    let go = |path: &'static str, wallet: Wallet| {
        let url = format!("http://{}{path}", shop.address());
        async move { visit(&url, "GET", &[], "".into(), &wallet).await }
    };
    let paid = go("/x", Wallet::dev(0)).await.unwrap();
    assert!(paid.paid());
    assert_eq!((paid.first.status, paid.answer().status), (402, 200));
    let poor = go("/x", Wallet::unfunded()).await.unwrap();
    assert!(!poor.paid());
    assert_eq!(poor.answer().status, 402);
    let free = go("/free", Wallet::dev(0)).await.unwrap();
    assert!(free.payment.is_none() && !free.paid());
    assert_eq!(go("/mute", Wallet::dev(0)).await.unwrap_err(), VisitError::NoQuote);
}

#[tokio::test]
async fn the_program_leaves_with_what_happened() {
    let shop = shop();
    let url = format!("http://{}/x", shop.address());
    let run = |arguments: &[&str]| {
        let payer =
            Command::new(env!("CARGO_BIN_EXE_x402-payer")).arg(&url).args(arguments).output().unwrap();
        let said = String::from_utf8(payer.stdout).unwrap();
        (payer.status.code(), said)
    };
    let (code, said) = run(&[]);
    assert_eq!(code, Some(0), "{said}");
    assert!(said.contains("quote (version 2)") && said.contains("receipt"));
    assert!(said.ends_with("paid 200\n"));
    assert_eq!(run(&["--key", "dev9"]).0, Some(1));
    assert_eq!(run(&["--key", "dev9", "--expect", "402"]).0, Some(0));
    assert_eq!(run(&["--key", "nonsense"]).0, Some(2));
    assert_eq!(run(&["--help"]).0, Some(0));
}
