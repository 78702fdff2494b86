//! `/verify`: valid, invalid, or nobody could say.

use super::*;

fn verdict(status: u16, from_upstream: bool, body: impl AsRef<[u8]>) -> Verdict {
    Verdict::read(&Delivery::Answered { status, from_upstream, body: Some(body.as_ref()) })
}

fn npm(reason: &str) -> String {
    json!({"isValid": false, "invalidReason": reason, "payer": PAYER}).to_string()
}

fn rust(reason: &str) -> String {
    json!({"isValid": false, "invalidReason": reason, "invalidReasonDetails": "why", "payer": ""}).to_string()
}

#[test]
fn the_recorded_verdicts() {
    let valid = json!({"isValid": true, "payer": PAYER}).to_string();
    assert_eq!(verdict(200, true, &valid), Verdict::Valid);
    assert_eq!(verdict(200, false, &valid), Verdict::Valid, "NGINX marks nothing");
    for code in ["insufficient_funds", "invalid_exact_evm_insufficient_balance"] {
        assert_eq!(verdict(200, true, npm(code)), Verdict::Invalid(Reason::InsufficientFunds));
        assert_eq!(verdict(400, true, rust(code)), Verdict::Invalid(Reason::InsufficientFunds));
    }
    assert_eq!(verdict(400, true, rust("invalid_payment_expired")), Verdict::Invalid(Reason::Expired));
    // Nothing was asked to move, so these refuse like any other.
    for code in
        ["invalid_exact_evm_nonce_already_used", "permit2_simulation_failed", "transaction_simulation"]
    {
        assert_eq!(verdict(200, true, npm(code)), Verdict::Invalid(Reason::Other), "{code}");
    }
    for status in [200, 400, 412] {
        let allowance = Verdict::Invalid(Reason::Allowance);
        assert_eq!(verdict(status, true, rust("permit2_allowance_required")), allowance);
        assert_eq!(verdict(status, true, npm("permit2_allowance_required")), allowance);
    }
    assert_eq!(verdict(200, true, json!({"isValid": false}).to_string()), Verdict::Invalid(Reason::Other));
    let nulls = json!({"isValid": false, "invalidReason": null, "payer": null}).to_string();
    assert_eq!(verdict(200, true, nulls), Verdict::Invalid(Reason::Other));
}

#[test]
fn the_reference_facilitators_outcomes_are_read_as_they_are() {
    let vectors: Value = serde_json::from_str(include_str!("../../../tests/vectors/x402.json")).unwrap();
    let cases = vectors["facilitator_verify_outcomes"]["cases"].as_array().unwrap();
    assert!(cases.len() > 10, "the recording is there");
    for case in cases {
        let result = &case["result"];
        let Some(is_valid) = result["isValid"].as_bool() else { continue };
        let read = verdict(200, true, result.to_string());
        assert_eq!(read == Verdict::Valid, is_valid, "{case}");
        assert_eq!(matches!(read, Verdict::Invalid(_)), !is_valid, "{case}");
    }
}

#[test]
fn whatever_cannot_be_read_is_unavailable_and_never_valid() {
    assert_eq!(Verdict::read(&Delivery::Refused), Verdict::Unavailable);
    assert_eq!(Verdict::read(&Delivery::Broken), Verdict::Unavailable);
    let bodies = [
        "",
        "null",
        "true",
        "[]",
        "[true]",
        r#"[true, "insufficient_funds"]"#,
        "{}",
        "<html>isValid: true</html>",
        r#"{"isValid": tru"#,
        r#"{"isValid": "true"}"#,
        r#"{"isValid": 1}"#,
        r#"{"isValid": null}"#,
        r#"{"valid": true}"#,
        r#"{"isvalid": true}"#,
        r#"{"success": true}"#,
        r#"{"isValid": false, "isValid": true}"#,
        r#"{"isValid": true, "invalidReason": 7}"#,
        r#"{"isValid": true} {"isValid": true}"#,
        NO_CONNECTION,
        CUT,
    ];
    for body in bodies {
        for status in [200, 302, 400, 401, 429, 500, 503, 504] {
            for from_upstream in [false, true] {
                assert_eq!(verdict(status, from_upstream, body), Verdict::Unavailable, "{status} {body}");
            }
        }
    }
    assert_eq!(verdict(200, true, [0xff, 0xfe]), Verdict::Unavailable);
}

#[test]
fn a_verdict_counts_only_under_its_own_kind_of_status() {
    let valid = r#"{"isValid": true}"#;
    for status in (100..200).chain(300..1_000) {
        assert_eq!(verdict(status, true, valid), Verdict::Unavailable, "{status}");
    }
    for status in (0..200).chain(500..1_000) {
        assert_eq!(verdict(status, true, npm("insufficient_funds")), Verdict::Unavailable, "{status}");
    }
}

#[test]
fn a_facilitator_that_cannot_say_is_not_silent() {
    let read = |status, body: &str| {
        let delivery = Delivery::Answered { status, from_upstream: true, body: Some(body.as_bytes()) };
        (Verdict::read(&delivery), Verdict::read(&delivery).spoke(&delivery))
    };
    assert_eq!(read(500, &rust("unexpected_error")), (Verdict::Unavailable, true));
    assert_eq!(read(400, &rust("invalid_signature")), (Verdict::Invalid(Reason::Signature), true));
    assert_eq!(read(200, r#"{"isValid":true}"#), (Verdict::Valid, true));
    for body in ["", "<html>", "{}", r#"{"error":"unauthorized"}"#, r#"{"success":false}"#] {
        assert_eq!(read(500, body), (Verdict::Unavailable, false), "{body}");
    }
    for delivery in [Delivery::Refused, Delivery::Broken] {
        assert!(!Verdict::read(&delivery).spoke(&delivery));
    }
}

#[test]
fn verdicts_have_names() {
    let verdicts = [Verdict::Valid, Verdict::Invalid(Reason::Other), Verdict::Unavailable];
    assert_eq!(verdicts.map(|v| v.name()), ["accepted", "rejected", "unavailable"]);
}
