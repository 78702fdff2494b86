//! What the log says and what nothing says: causes by name, and no secret, no signature, no
//! free text of a facilitator's in log, record, statistics or answer.

use serde_json::{json, Value};

use x402_devstack::envoy::Options;
use x402_devstack::facilitator::{Fault, FaultKind};
use x402_live::{assert_pending, code, furnished, paid, pause, plugin, refused, sign, Scene, Stage, LOUD};

const SECRET: &str = "tok_4242424242424242";

/// With a token for the facilitator, from Envoy's environment.
fn stage() -> Option<Stage> {
    let mut config = furnished("500ms");
    config["facilitators"]["main"]["headers"] =
        json!({ "authorization": { "env": "X402_FACILITATOR_TOKEN", "prefix": "Bearer " } });
    let token = |mut envoy: Options| {
        let name = "X402_FACILITATOR_TOKEN".to_owned();
        envoy.environment.insert(name, SECRET.to_owned());
        envoy
    };
    Scene::new(config).envoy(token).start()
}

#[tokio::test(flavor = "multi_thread")]
async fn no_secret_no_signature_and_no_facilitator_text_is_written_or_answered() {
    let Some(stage) = stage() else { return };
    // The filter's own lines at the finest level. Envoy's own would print whole requests.
    assert_eq!(stage.envoy.admin_post("/logging?wasm=trace").status, 200);
    let mut said = String::new();
    let mut payments = Vec::new();
    let kinds = [
        None,
        Some(FaultKind::Reject { reason: format!("{LOUD}, or call 10.0.0.7") }),
        Some(FaultKind::Reject { reason: "insufficient_funds".to_owned() }),
        Some(FaultKind::Status { code: 500, body: LOUD.to_owned() }),
        Some(FaultKind::Html),
        Some(FaultKind::ResetAfter),
    ];
    for path in ["/before/quiet", "/after/quiet"] {
        for kind in &kinds {
            let payment = stage.payment(path).await;
            if let Some(kind) = kind {
                stage.facilitator.fault(Fault::once(kind.clone()).nonce(payment.nonce));
            }
            for payment in
                [payment.clone(), payment.clone().tamper("/payload/authorization/value", json!("1"))]
            {
                let answer = stage.buy(path, &payment).await;
                said.push_str(&format!("{:?} {:?}", answer.headers, answer.receipt()));
                // The upstream's echo is not ours; it may not hold the payment all the same.
                said.push_str(&answer.text());
            }
            payments.push(payment);
            paid(&stage.buy(path, &stage.payment(path).await).await);
        }
    }
    let calls = stage.facilitator.calls();
    assert!(!calls.is_empty() && calls.iter().all(|call| call.authorization), "the token is sent");
    said.push_str(&stage.envoy.log());
    said.push_str(&stage.log_of("/after/quiet", 24).await.iter().map(Value::to_string).collect::<String>());
    said.push_str(&std::fs::read_to_string(stage.envoy.access_log_path()).unwrap());
    said.push_str(&stage.envoy.admin("/config_dump").text());
    said.push_str(&stage.envoy.admin("/stats").text());
    for secret in [SECRET, LOUD, "Sign in"] {
        assert!(!said.contains(secret), "{secret} got out");
    }
    let payment = stage.payment("/before/quiet").await;
    let reason = "kyc_required_for_this_wallet";
    stage
        .facilitator
        .fault(Fault::once(FaultKind::Reject { reason: reason.to_owned() }).nonce(payment.nonce));
    let answer = stage.buy("/before/quiet", &payment).await;
    assert!(!format!("{:?} {}", answer.headers, answer.text()).contains(reason), "a code is not for clients");
    let log = stage.envoy.log();
    assert!(log.contains("(HTTP 200, kyc_required_for_this_wallet)"), "and is for operators: {log}");
    for payment in payments {
        let signature = payment.json["payload"]["signature"].as_str().unwrap();
        assert!(!said.contains(&signature[2..]), "a signature got out");
        assert!(!said.contains(&payment.header()[..200]), "a payment got out");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_log_names_the_cause_of_what_the_client_may_not_know() {
    let Some(stage) = stage() else { return };
    let path = "/before/cause";
    let quote = stage.quote(path).await;
    let named = |said: &str| {
        let log = stage.filter_log();
        assert!(log.contains(said), "the log does not say {said:?}:\n{log}");
    };
    let suspects = [
        (FaultKind::Garbage, "the answer is not a settlement response"),
        (FaultKind::Huge, "larger than 64 KiB"),
        (FaultKind::Hang, "the connection broke or the call timed out"),
        (FaultKind::WrongPayer, "another network, payer, amount"),
        (FaultKind::Pending, "pending"),
    ];
    // Four silences at most: the breaker stays closed.
    for (kind, cause) in suspects {
        let path = format!("/before/cause-{}", kind.name());
        let payment = sign(&quote);
        stage.facilitator.fault(Fault::once(kind).nonce(payment.nonce));
        assert_pending(&stage.buy(&path, &payment).await, cause);
        named(cause);
        let record = &stage.records_of(&path, 1).await[0];
        assert_eq!(record["outcome"], "pending");
        named(record["receiptId"].as_str().expect("an id"));
    }
    let payment = sign(&quote);
    let reject = FaultKind::Reject { reason: "insufficient_funds".to_owned() };
    stage.facilitator.fault(Fault::once(reject).nonce(payment.nonce));
    assert_eq!(code(&stage.buy(path, &payment).await), "insufficient_funds");
    named("insufficient_funds");
    stage.facilitator.refuse();
    pause(100).await;
    refused(&stage.buy(path, &sign(&quote)).await, 503, "facilitator_unavailable");
    named("could not be reached");
}

/// On Istio a missing ServiceEntry looks like this.
#[tokio::test(flavor = "multi_thread")]
async fn the_log_names_a_cluster_that_does_not_exist() {
    let mut config = plugin("1s");
    config["facilitators"]["main"]["cluster"] = "outbound|443||nowhere.test".into();
    let Some(stage) = Scene::new(config).start() else {
        return;
    };
    for path in ["/before/x", "/after/x"] {
        let payment = stage.payment(path).await;
        refused(&stage.buy(path, &payment).await, 503, "facilitator_unavailable");
        assert_eq!(stage.settled(&payment), (0, 0));
    }
    let log = stage.filter_log();
    assert!(log.contains("outbound|443||nowhere.test") && log.contains("ServiceEntry"), "{log}");
}
