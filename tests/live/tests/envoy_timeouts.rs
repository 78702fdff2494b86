//! Envoy gives up while a settlement is out: its own reply must not look as if no money moved,
//! and what the settlement comes to is in the log.

use serde_json::Value;
use x402_devstack::envoy::Options;
use x402_live::{paid, plugin, refused, until, Scene};

#[tokio::test]
async fn a12_envoys_own_reply_says_that_the_payment_is_pending() {
    let hasty = |tree: &mut Value| {
        let manager = "/static_resources/listeners/0/filter_chains/0/filters/0/typed_config";
        let manager = tree.pointer_mut(manager).expect("a connection manager");
        manager["stream_idle_timeout"] = "1s".into();
    };
    let Some(stage) = Scene::new(plugin("10s")).envoy(|envoy: Options| envoy.edit(hasty)).start() else {
        return;
    };
    let path = "/before/idle";
    let payment = stage.payment(path).await;
    stage.settle_slowly(&payment, 2_500);
    let answer = stage.buy(path, &payment).await;
    assert!(answer.status >= 400, "{answer:?}");
    let receipt = answer.receipt().expect("a failed receipt");
    assert_eq!((&receipt["success"], &receipt["errorReason"]), (&false.into(), &"settlement_pending".into()));
    assert_eq!(answer.header_text("cache-control"), Some("no-store"));
    assert!(answer.header("payment-required").is_none(), "nobody is asked to pay again: {answer:?}");
    let records = stage.records_of(path, 2).await;
    assert!(records.iter().any(|record| record["outcome"] == "pending"), "{records:?}");

    let second = stage.come_back(path, &payment).await;
    let transaction = stage.facilitator.transfers_of(payment.nonce)[0].transaction.to_string();
    assert_eq!(paid(&second), transaction);
    refused(&stage.buy(path, &payment).await, 402, "payment_already_used");
    assert_eq!(stage.settled(&payment), (1, 1));
    let told = || {
        let log = stage.filter_log();
        log.contains("was accepted and nobody waits for it") && log.contains(&transaction)
    };
    until("the log names the transaction", told).await;
}
