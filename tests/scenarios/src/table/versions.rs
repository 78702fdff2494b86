//! Version 1 beside version 2: one 402 for both, either header for either payload, the answer
//! where the client looks, the facilitator in the payload's version, one claim.

use serde_json::{json, Value};
use x402_devstack::client::Answer;
use x402_devstack::payer::{Draft, Payment};

use super::Table;
use crate::shop::Shop;
use crate::stage::{refused, served, Stage};

const PATH: &str = "/v1/tiles/1/2/3";

pub(super) fn add(table: &mut Table) {
    for (name, path) in [("before", PATH), ("after", "/v1/reports/7")] {
        table.add(format!("v1_payload_in_x_payment_{name}"), move |stage| {
            v1(stage, path, "x-payment", &["x-payment-response"]);
        });
    }
    table.add("v1_payload_in_payment_signature", |stage| {
        v1(stage, PATH, "payment-signature", &["payment-response", "x-payment-response"]);
    });
    table.add("v1_header_with_a_v2_payload", v2_in_x_payment);
    table.add("a8_v1_and_v2_headers_together", both_headers);
    table.add("v1_quote_stands_in_every_402", quoted);
    table.add("v1_asks_the_facilitator_in_version_1", asks_in_version_1);
    for first in [1, 2] {
        table.add(format!("a2_v1_and_v2_are_one_claim_v{first}_first"), move |stage| one_claim(stage, first));
    }
    table.add("a3_v1_forged_is_refused_without_a_call", forged);
    table.add_in(Shop::Second, "v1_off", off);
}

fn same_in_v1(stage: &mut Stage<'_>, draft: &Draft) -> Draft {
    let v1 = stage.draft_v1(&stage.get(PATH));
    Draft { version: 1, accepted: v1.accepted, resource: None, extensions: None, ..draft.clone() }
}

fn v1(stage: &mut Stage<'_>, path: &str, header: &str, answered_in: &[&str]) {
    let asked = stage.get(path);
    let payment = stage.draft_v1(&asked).sign(&stage.wallet);
    assert_eq!(payment.version, 1);
    let request = asked.header(header, payment.header());
    let answer = stage.send(&request);
    receipt(&answer, 200, answered_in);
    stage.charged_once(&payment, 1);
    assert_eq!(stage.received()[0].header_text("x-payment"), None, "the payment is not the upstream's");
    let again = stage.again(&request);
    assert_eq!(again.json()["code"], "payment_already_used");
    receipt(&again, 402, answered_in);
    stage.charged_once(&payment, 1);
}

/// The receipt of a version 1 payment is in these headers and in no other.
fn receipt(answer: &Answer, status: u16, headers: &[&str]) {
    assert_eq!(answer.status, status, "{}", answer.text());
    for name in ["payment-response", "x-payment-response"] {
        assert_eq!(answer.count(name), usize::from(headers.contains(&name)), "{name}");
    }
    let receipt = answer.receipt().expect("a receipt");
    assert_eq!((&receipt["success"], &receipt["network"]), (&json!(true), &json!("base-sepolia")));
}

fn v2_in_x_payment(stage: &mut Stage<'_>) {
    let asked = stage.get(PATH);
    let payment = stage.pay(&asked);
    let answer = stage.send(&asked.header("x-payment", payment.header()));
    served(&answer);
    assert_eq!(answer.count("x-payment-response"), 1, "the header its client reads");
    stage.charged_once(&payment, 1);
    assert_eq!(stage.calls(payment.nonce)[0].body["x402Version"], 2);
}

fn both_headers(stage: &mut Stage<'_>) {
    let asked = stage.get(PATH);
    let payment = stage.pay(&asked);
    let request = asked.header("x-payment", payment.header()).pay(&payment);
    refused(&stage.send(&request), 402, "payment_ambiguous");
    stage.untouched(&payment);
}

fn quoted(stage: &mut Stage<'_>) {
    let asked = stage.get(PATH);
    let (payment, request) = stage.paid(&asked);
    served(&stage.send(&request));
    let answers = [
        stage.send(&asked),
        stage.send(&asked.clone().header("x-payment", "e30=")),
        stage.send(&asked.clone().header("payment-signature", "?")),
        stage.again(&request),
    ];
    for answer in answers {
        assert_eq!((answer.status, answer.count("payment-required")), (402, 1), "{}", answer.text());
        let body = answer.json();
        assert_eq!(body["x402Version"], 1);
        assert_eq!(body["error"], body["code"]);
        let way = &body["accepts"][0];
        assert_eq!(body["accepts"].as_array().map(Vec::len), Some(1));
        assert_eq!((&way["scheme"], &way["network"]), (&json!("exact"), &json!("base-sepolia")));
        assert_eq!(
            (&way["maxAmountRequired"], &way["payTo"]),
            (&json!("5000"), &payment.requirements["payTo"])
        );
        assert_eq!(way["resource"], "https://shop.example/v1/tiles/1/2/3");
        assert!(way["description"].is_string() && way["mimeType"].is_string(), "legacy clients want both");
        assert!(way.get("outputSchema").is_none(), "legacy clients refuse null");
        assert_eq!(way["extra"], json!({"name": "USDC", "version": "2"}));
    }
}

fn asks_in_version_1(stage: &mut Stage<'_>) {
    let asked = stage.get("/v1/checked/before?secret=1");
    let payment = stage.draft_v1(&asked).sign(&stage.wallet);
    let answer = stage.send(&asked.pay(&payment));
    assert_eq!(answer.status, 200, "{}", answer.text());
    let calls = stage.calls(payment.nonce);
    assert_eq!(calls.len(), 2);
    for call in calls {
        let body = call.body;
        assert_eq!((&body["x402Version"], &body["paymentPayload"]["x402Version"]), (&json!(1), &json!(1)));
        assert_eq!(body["paymentPayload"]["network"], "base-sepolia");
        assert_eq!(body["paymentPayload"]["payload"], payment.json["payload"]);
        let wanted = &body["paymentRequirements"];
        assert_eq!((&wanted["scheme"], &wanted["network"]), (&json!("exact"), &json!("base-sepolia")));
        assert_eq!((&wanted["maxAmountRequired"], &wanted["amount"]), (&json!("1000"), &Value::Null));
        assert_eq!(wanted["resource"], "https://shop.example/v1/checked/before");
        assert_eq!(wanted["maxTimeoutSeconds"], 60);
        assert_eq!(wanted["extra"], json!({"name": "USDC", "version": "2"}));
    }
}

fn one_claim(stage: &mut Stage<'_>, first: u64) {
    let asked = stage.get(PATH);
    let draft = stage.draft(&asked);
    let v1 = same_in_v1(stage, &draft).sign(&stage.wallet);
    let v2 = draft.sign(&stage.wallet);
    assert_eq!(v1.nonce, v2.nonce);
    let (one, two) = if first == 1 { (&v1, &v2) } else { (&v2, &v1) };
    let answer = stage.send(&asked.clone().pay(one));
    assert_eq!(answer.status, 200, "{}", answer.text());
    let again = stage.again(&asked.pay(two));
    refused(&again, 402, "payment_already_used");
    assert_eq!(
        again.receipt().expect("a receipt")["transaction"],
        answer.receipt().expect("one")["transaction"]
    );
    stage.charged_once(&v1, 1);
    assert_eq!(stage.settles(&v1), 1);
}

fn forged(stage: &mut Stage<'_>) {
    let asked = stage.get(PATH);
    let lies: [fn(Payment) -> Payment; 3] = [
        |payment| payment.tamper("/payload/authorization/value", "4999".into()),
        |payment| payment.tamper("/network", "base".into()),
        |payment| {
            payment.tamper("/payload/authorization/to", "0x00000000000000000000000000000000000000aa".into())
        },
    ];
    for lie in lies {
        let payment = lie(stage.draft_v1(&asked).sign(&stage.wallet));
        let answer = stage.send(&asked.clone().pay(&payment));
        assert_eq!((answer.status, answer.count("payment-required")), (402, 1), "{}", answer.text());
        stage.untouched(&payment);
    }
    let mut draft = stage.draft_v1(&asked);
    draft.value += alloy_primitives::U256::from(1);
    let payment = draft.sign(&stage.wallet);
    let code = "invalid_exact_evm_payload_authorization_value_mismatch";
    refused(&stage.send(&asked.pay(&payment)), 402, code);
    stage.untouched(&payment);
}

fn off(stage: &mut Stage<'_>) {
    let asked = stage.get(PATH);
    let answer = stage.send(&asked);
    refused(&answer, 402, "payment_required");
    let body = answer.json();
    assert!(body.get("accepts").is_none() && body.get("x402Version").is_none(), "{body}");
    let draft = stage.draft(&asked);
    let quote = draft.accepted.clone();
    let v1 = json!({
        "scheme": "exact", "network": "base-sepolia", "maxAmountRequired": quote["amount"],
        "payTo": quote["payTo"], "asset": quote["asset"], "maxTimeoutSeconds": 60, "extra": quote["extra"],
    });
    let payment =
        Draft { version: 1, accepted: v1, resource: None, extensions: None, ..draft }.sign(&stage.wallet);
    refused(&stage.send(&asked.clone().pay(&payment)), 402, "no_matching_payment_requirements");
    stage.untouched(&payment);
    let (payment, request) = stage.paid(&asked);
    served(&stage.send(&request));
    stage.charged_once(&payment, 1);
}
