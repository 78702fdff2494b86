//! What the reference server was recorded to do (`live_express_2_27` of the vectors), played
//! against the core: where the status, or where an answer stands, differs, it is listed with the
//! reason. A difference that is not listed fails, and so does one that is gone.
//!
//! The recorded server verifies first and settles after its handler, unless the way to pay says
//! `upfront`.

use serde_json::Value;
use x402_devstack::client::{Answer, RawRequest};
use x402_devstack::facilitator::{Fault, FaultKind, Operation};
use x402_devstack::payer::{Base64Form, Style};
use x402_scenarios::sansio::Sansio;
use x402_scenarios::shop::Shop;
use x402_scenarios::stage::Stage;

const DEFERRED: &str = "/v1/checked/after";
const UPFRONT: &str = "/v1/cheap";
const UPTO: &str = "/ways/upto/plain";

/// A case, its status and ours, and why.
const DIFFERENCES: [(&str, u16, u16, &str); 11] = [
    ("verify_500json", 402, 503, "no answer is not a refusal: nobody should sign anew"),
    ("verify_500text", 402, 503, "as above"),
    ("verify_schema200", 502, 503, "as above; and it may work in a moment"),
    ("verify_hang", 502, 503, "as above"),
    ("verify_429", 402, 503, "as above"),
    ("settle_fail", 402, 503, "a failed transaction proves nothing about the authorisation"),
    ("settle_pending", 402, 503, "402 would invite a second payment"),
    ("settle_garbage200", 502, 503, "the money may have moved: the same payment asks again"),
    ("upfront_settle_fail", 402, 503, "as settle_fail"),
    ("v1_x_payment_header", 402, 200, "version 1 is spoken here"),
    ("OPTIONS_on_star_verb", 402, 204, "a browser cannot pay a preflight"),
];

fn recorded() -> Vec<Value> {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../vectors/x402.json");
    let text = std::fs::read_to_string(path).expect("tests/vectors/x402.json");
    let vectors: Value = serde_json::from_str(&text).expect("JSON");
    vectors["live_express_2_27"]["cases"].as_array().expect("cases").clone()
}

fn fault(mode: &str) -> FaultKind {
    let status = |code: u16, body: &str| FaultKind::Status { code, body: body.to_owned() };
    match mode {
        "invalid" => FaultKind::Reject { reason: "insufficient_funds".to_owned() },
        "invalid400" => status(400, r#"{"isValid":false,"invalidReason":"insufficient_funds","payer":""}"#),
        "allowance" => {
            status(412, r#"{"isValid":false,"invalidReason":"permit2_allowance_required","payer":""}"#)
        }
        "500json" => status(500, r#"{"error":"boom"}"#),
        "500text" => status(500, "<html>oops</html>"),
        "schema200" => status(200, r#"{"ok":1}"#),
        "429" => status(429, r#"{"error":"rate"}"#),
        "hang" => FaultKind::Hang,
        "fail" => FaultKind::Reject { reason: "invalid_exact_evm_transaction_failed".to_owned() },
        "fail400" => status(
            400,
            r#"{"success":false,"errorReason":"invalid_payload","errorMessage":"bad","network":"eip155:84532","transaction":""}"#,
        ),
        "pending" => FaultKind::Pending,
        "garbage200" => status(200, "nope"),
        other => panic!("a mode nobody taught this test: {other}"),
    }
}

/// The request of a case, to the route of ours that is like the recorded one.
fn ask(stage: &Stage<'_>, case: &Value) -> RawRequest {
    let name = case["name"].as_str().expect("a name");
    let (method, target) = case["request"].as_str().and_then(|text| text.split_once(' ')).expect("a request");
    let path = match target.split('?').next().unwrap_or_default() {
        "/upto" => UPTO,
        "/upfront" | "/upfront500" | "/any" => UPFRONT,
        _ => DEFERRED,
    };
    let request = stage.request(method, path);
    let order = |amount: &str| format!(r#"settlement-overrides: {{"amount":"{amount}"}}"#);
    match name {
        "browser" | "browser_with_bad_payment" => {
            request.header("accept", "text/html").header("user-agent", "Mozilla/5.0")
        }
        "OPTIONS_on_star_verb" => {
            request.header("origin", "https://page.example").header("access-control-request-method", "GET")
        }
        "handler/err500" | "handler/throw" | "upfront_handler_500" => request.header("x-test-status", "500"),
        "handler/err404" => request.header("x-test-status", "404"),
        "handler/cached" => request.header("x-test-h", "cache-control: public, max-age=60"),
        _ => match name.strip_prefix("upto_").filter(|amount| *amount != "no_payment") {
            Some(amount) => request.header("x-test-h", order(amount)),
            None => request,
        },
    }
}

fn play(stage: &mut Stage<'_>, case: &Value) -> Answer {
    let name = case["name"].as_str().expect("a name");
    let asked = ask(stage, case);
    let header = |value: &str| asked.clone().header("payment-signature", value);
    let paid = match name {
        "malformed_base64" => header("%%%"),
        "not_json" => header("bm90IGpzb24="),
        "json_no_accepted" => header("eyJ4NDAyVmVyc2lvbiI6MiwicGF5bG9hZCI6e319"),
        _ if name.ends_with("no_payment") || matches!(name, "browser" | "OPTIONS_on_star_verb") => asked,
        _ => {
            let plain = stage.get(&asked.target);
            let mut payment = match name {
                "v1_x_payment_header" => stage.draft_v1(&plain).sign(&stage.wallet),
                _ => stage.pay(&plain),
            };
            payment = match name {
                "version_1_in_v2_header" => payment.tamper("/x402Version", 1.into()),
                "mismatch" => payment.tamper("/accepted/amount", "1".into()),
                _ => payment,
            };
            for (operation, at) in [(Operation::Verify, "verify"), (Operation::Settle, "settle")] {
                if let Some(mode) = case["facMode"][at].as_str() {
                    let fault = Fault::once(fault(mode)).on(operation).nonce(payment.nonce);
                    stage.world().facilitator.fault(fault);
                }
            }
            let request = match name {
                "base64url_header" => header(&payment.clone().styled(&Style::base64(Base64Form::UrlSafe))),
                _ => asked.pay(&payment),
            };
            return stage.send(&request);
        }
    };
    stage.send(&paid)
}

#[test]
fn every_recorded_answer_is_ours_or_listed() {
    let mut different = Vec::new();
    for (number, case) in recorded().iter().enumerate() {
        let name = case["name"].as_str().expect("a name").to_owned();
        // What one case makes the facilitator do is no other's business.
        let mut rig = Sansio::start(Shop::Any).expect("a shop");
        let mut stage = Stage::new(&mut rig, format!("reference-{number}"), usize::MAX);
        let answer = play(&mut stage, case);
        let theirs = u16::try_from(case["status"].as_u64().expect("a status")).expect("a status");
        if answer.status != theirs {
            different.push((name.clone(), theirs, answer.status));
        } else {
            let said = |name: &str| case["headers"].get(name).is_some();
            let same =
                ["payment-required", "payment-response"].iter().all(|at| said(at) == (answer.count(at) > 0));
            assert!(same, "{name}: {:?}", answer.headers);
            assert_eq!(stage.hits(), case["handlerRuns"].as_u64().expect("a count"), "{name}");
        }
    }
    let listed: Vec<_> =
        DIFFERENCES.iter().map(|(name, theirs, ours, _)| ((*name).to_owned(), *theirs, *ours)).collect();
    let sorted = |mut list: Vec<(String, u16, u16)>| {
        list.sort();
        list
    };
    assert_eq!(sorted(different), sorted(listed));
}
