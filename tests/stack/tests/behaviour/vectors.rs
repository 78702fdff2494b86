//! The published outcomes of the reference facilitator, case by case.

use alloy_primitives::Address;
use serde_json::{json, Value};
use x402_devstack::eip3009::{digest, domain, recover, TransferWithAuthorization};
use x402_devstack::facilitator::{verify, Ledger, PaymentRequest, Token, Verdict};
use x402_devstack::permit2::{EXACT_PROXY, UPTO_PROXY};

fn vectors() -> Value {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../vectors/x402.json");
    let text = std::fs::read_to_string(path).expect("tests/vectors/x402.json");
    serde_json::from_str(&text).expect("JSON")
}

/// The request of a case: its base, mutated as the case says in words.
fn mutated(vectors: &Value, case: &Value) -> Value {
    let base = &vectors["eip712_exact_upto"][case["base"].as_str().unwrap()];
    let signatures = &vectors["eip712_exact_upto"]["signature_variants"];
    let mut body = json!({
        "x402Version": base["paymentPayload"]["x402Version"],
        "paymentPayload": base["paymentPayload"],
        "paymentRequirements": base["requirements"],
    });
    let signature = "/paymentPayload/payload/signature";
    let authorization = |field: &str| format!("/paymentPayload/payload/authorization/{field}");
    let permit = |field: &str| format!("/paymentPayload/payload/permit2Authorization/{field}");
    let upto = case["base"] == "base_sepolia_upto";
    let changes: Vec<(String, Value)> = match case["name"].as_str().unwrap() {
        "deadline" => vec![],
        "spender" => vec![(permit("spender"), json!(UPTO_PROXY.to_string()))],
        "spender_exact_proxy" => vec![(permit("spender"), json!(EXACT_PROXY.to_string()))],
        "amount" => vec![("/paymentRequirements/amount".to_owned(), json!("9999"))],
        "token" => {
            let base = json!("0x833589fCD6eDb6E08f4c7C32D4f71b54bdA02913");
            vec![("/paymentRequirements/asset".to_owned(), base)]
        }
        "bad_sig" if upto => vec![(permit("witness/validAfter"), json!("1"))],
        "bad_sig" => vec![(permit("nonce"), json!("1"))],
        "no_eip712_extra" => {
            vec![("/paymentRequirements/extra".to_owned(), json!({ "assetTransferMethod": "permit2" }))]
        }
        "facilitator_other" => {
            let other = json!("0x3C44CdDdB6a900fa2b585dd299e03d12FA4293BC");
            vec![(permit("witness/facilitator"), other)]
        }
        "valid" | "expired" | "expired_exact" => vec![],
        "eoa_sig_but_payer_has_code_1271_rejects" => vec![],
        "valid_after_future" => vec![(authorization("validAfter"), json!("1767225601"))],
        "value_low_reqs" => both("amount", json!("10001")),
        "value_high_reqs" => both("amount", json!("9999")),
        "to_lowercase" => {
            let to = base["paymentPayload"]["payload"]["authorization"]["to"].as_str();
            vec![(authorization("to"), json!(to.unwrap().to_lowercase()))]
        }
        "from_other" => vec![(authorization("from"), json!("0x1111111111111111111111111111111111111111"))],
        "nonce_short" => vec![(authorization("nonce"), json!(format!("0x{}", "11".repeat(31))))],
        "wrong_domain_name" => {
            vec![("/paymentRequirements/extra/name".to_owned(), json!("USD Coin"))]
        }
        "wrong_chain" => both("network", json!("eip155:8453")),
        "network_mismatch" => {
            vec![("/paymentRequirements/network".to_owned(), json!("eip155:8453"))]
        }
        "sig_high_s" => vec![(signature.to_owned(), signatures["high_s"].clone())],
        "sig_v01" => vec![(signature.to_owned(), signatures["v_as_0_1"].clone())],
        "sig_flipped_v" => vec![(signature.to_owned(), signatures["flipped_v"].clone())],
        "sig_6492" => vec![(signature.to_owned(), signatures["erc6492_wrapped"].clone())],
        "payer_has_code_1271_accepts_garbage_sig" => {
            vec![(signature.to_owned(), json!(format!("0x{}", "5a".repeat(65))))]
        }
        "value_decimal_garbage" => vec![(authorization("value"), json!("1e4"))],
        "value_hex" => vec![(authorization("value"), json!("0x2710"))],
        "value_number" => vec![(authorization("value"), json!(10000))],
        "validbefore_u256max_plus1" => vec![(
            authorization("validBefore"),
            json!("115792089237316195423570985008687907853269984665640564039457584007913129639936"),
        )],
        "overpay" => vec![("/paymentRequirements/maxAmountRequired".to_owned(), json!("9999"))],
        "underpay" => vec![("/paymentRequirements/maxAmountRequired".to_owned(), json!("10001"))],
        other => panic!("a case nobody taught this test: {other}"),
    };
    for (pointer, value) in changes {
        *body.pointer_mut(&pointer).expect("a place to change") = value;
    }
    body
}

fn both(field: &str, value: Value) -> Vec<(String, Value)> {
    vec![
        (format!("/paymentRequirements/{field}"), value.clone()),
        (format!("/paymentPayload/accepted/{field}"), value),
    ]
}

#[test]
fn every_published_outcome_is_ours() {
    let vectors = vectors();
    let cases = vectors["facilitator_verify_outcomes"]["cases"].as_array();
    let mut checked = 0;
    let pool = ["0x70997970C51812dc3A010C7d01b50e0d17dc79C8".to_owned()];
    for case in cases.unwrap() {
        let base = case["base"].as_str().unwrap();
        let mut ledger = Ledger::new(Token::Lenient);
        let body = mutated(&vectors, case);
        let request = PaymentRequest::parse(body.to_string().as_bytes()).unwrap();
        if case["payerHasCode"] == true {
            let accepts = case["mutation"].as_str().unwrap().contains("= magic");
            let accepts = accepts && !case["mutation"].as_str().unwrap().contains("!= magic");
            ledger.deploy_wallet(request.payer().parse().unwrap(), accepts);
        }
        let verdict = verify(&request, case["now"].as_u64().unwrap(), &ledger, &pool);
        let result = &case["result"];
        let name = case["name"].as_str().unwrap();
        match &verdict {
            Verdict::Valid(_) => assert_eq!(result["isValid"], true, "{base} {name}"),
            Verdict::Invalid(reason) => {
                assert_eq!(result["invalidReason"], *reason, "{base} {name}")
            }
            Verdict::Threw(why) => assert_eq!(result["threw"], *why, "{base} {name}"),
        }
        checked += 1;
    }
    assert_eq!(checked, cases.unwrap().len());
}

#[test]
fn the_one_genuine_signature_of_the_specification_recovers() {
    let golden = &vectors()["spec_golden_eip3009"];
    let field = |name: &str| golden["authorization"][name].as_str().unwrap().to_owned();
    let message = TransferWithAuthorization {
        from: field("from").parse().unwrap(),
        to: field("to").parse().unwrap(),
        value: field("value").parse().unwrap(),
        validAfter: field("validAfter").parse().unwrap(),
        validBefore: field("validBefore").parse().unwrap(),
        nonce: field("nonce").parse().unwrap(),
    };
    let token: Address = golden["domain"]["verifyingContract"].as_str().unwrap().parse().unwrap();
    let digest = digest(&message, &domain("USDC", "2", 84_532, token));
    assert_eq!(golden["digest"], digest.to_string());
    let signature = alloy_primitives::hex::decode(golden["signature"].as_str().unwrap()).unwrap();
    assert_eq!(recover(digest, &signature), Some(message.from));
}
