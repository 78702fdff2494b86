//! What one client could do to everybody else, and to itself.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test may panic")]

use serde_json::{json, Value};
use x402_devstack::client::{request, RawRequest};
use x402_devstack::envoy::PluginConfig;
use x402_devstack::payer::{Draft, Payment, Wallet};
use x402_live::{plugin, Scene, Stage};

/// A payment under another signature than its payer's.
async fn signed_otherwise(stage: &Stage, wallet: &Wallet, signature: String) -> Payment {
    let quote = stage.quote("/before/x").await;
    let mut payment = Draft::for_quote(wallet, &quote).unwrap().sign(wallet);
    payment.json["payload"]["signature"] = json!(signature);
    payment
}

/// `@x402/evm` 2.27 throws on a wrapper of ERC-6492 that is none, and its server says 500.
#[tokio::test(flavor = "multi_thread")]
async fn who_makes_the_facilitator_throw_stops_nobodys_sale() {
    let stage = Scene::new(plugin("10s")).start().unwrap();
    let fault =
        json!({"kind": "status", "code": 500, "on": "verify", "body": r#"{"error":"not a safe integer"}"#});
    let faults = RawRequest::new("POST", "/admin/faults").body(fault.to_string());
    assert!(request(stage.facilitator.address(), &faults).await.status < 300);
    let wrapper = format!("0x{}{}", "ff".repeat(100), "6492".repeat(16));
    for _ in 0..12 {
        let payment = signed_otherwise(&stage, &Wallet::dev(3), wrapper.clone()).await;
        assert_eq!(stage.buy("/before/x", &payment).await.json()["code"], "facilitator_unavailable");
    }
    for _ in 0..10 {
        assert_eq!(stage.ask(&RawRequest::get("/before/honest")).await.status, 402);
    }
}

/// A name is not signed, and a replay costs nothing.
#[tokio::test(flavor = "multi_thread")]
async fn replays_under_new_names_leave_no_names() {
    const REPLAYS: usize = 600;
    let mut config = plugin("10s");
    config["claims"] = json!({ "capacity": 256 });
    config["routes"].as_array_mut().unwrap().push(json!({
        "name": "orders", "match": { "path": "/orders/**" },
        "offer": { "price": "$0.003", "paymentIdentifier": "optional" },
    }));
    let stage = Scene::new(config).start().unwrap();
    let wallet = Wallet::dev(0);
    let mut draft = Draft::for_quote(&wallet, &stage.quote("/orders/a").await).unwrap();
    draft.extensions.as_mut().unwrap()["payment-identifier"]["info"]["id"] = json!("order_0123456789");
    let payment = draft.sign(&wallet);
    assert_eq!(stage.buy("/orders/a", &payment).await.status, 200);
    for number in 0..REPLAYS {
        let mut again = payment.clone();
        again.json["extensions"]["payment-identifier"]["info"]["id"] = json!(format!("order_{number:016}"));
        assert_eq!(stage.buy("/orders/a", &again).await.json()["code"], "payment_already_used");
    }
    for _ in 0..20 {
        let honest = stage.payment("/before/x").await;
        assert_eq!(stage.buy("/before/x", &honest).await.status, 200);
    }
}

/// Who is taken may change; what was paid for is still owed.
#[tokio::test(flavor = "multi_thread")]
async fn a_wallet_that_paid_is_served_after_wallets_like_it_are_not_taken_any_more() {
    let mut stage = Scene::new(plugin("10s")).start_lds().unwrap();
    let wallet = Wallet::dev(4);
    let contract = json!({"address": wallet.address().to_string(), "accepts": true}).to_string();
    let wallets = RawRequest::new("POST", "/admin/wallets").body(contract);
    assert!(request(stage.facilitator.address(), &wallets).await.status < 300);
    let payment = signed_otherwise(&stage, &wallet, format!("0x{}", "ab".repeat(80))).await;
    let failed = stage.buy("/before/x?status=500", &payment).await;
    assert_eq!((failed.status, &failed.receipt().unwrap()["success"]), (500, &Value::Bool(true)));
    let mut config = plugin("10s");
    config["wallets"] = json!("eoa");
    stage.envoy.update_listener(&PluginConfig::Json(config)).unwrap();
    assert_eq!(stage.buy("/before/x", &payment).await.status, 200);
    let fresh = signed_otherwise(&stage, &wallet, format!("0x{}", "ab".repeat(80))).await;
    assert_eq!(stage.buy("/before/x", &fresh).await.json()["code"], "invalid_exact_evm_signature");
}
