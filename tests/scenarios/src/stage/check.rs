//! What every answer of a kind has to be.

use alloy_primitives::B256;
use serde_json::Value;
use x402_devstack::client::Answer;

/// Refusals that invite a payment, by code; every other one must not.
fn quotes(status: u16, answer: &Answer) -> bool {
    let rejected = answer.receipt().is_some_and(|receipt| receipt["success"] == false);
    matches!(status, 402 | 412) && !rejected
}

/// Asserts a refusal in full: status, code everywhere, `no-store`, and a quote exactly where
/// a new payment is invited.
#[track_caller]
pub fn refused(answer: &Answer, status: u16, code: &str) {
    let text = answer.text();
    assert_eq!(answer.broken, None, "{text}");
    assert_eq!((answer.status, answer.json()["code"].as_str()), (status, Some(code)), "{text}");
    assert_eq!(answer.json()["error"], code);
    assert_eq!(answer.header_text("cache-control"), Some("no-store"));
    assert_eq!(answer.count("content-type"), 1);
    assert_eq!(answer.header_text("content-type"), Some("application/json"));
    assert_eq!(answer.count("payment-required"), usize::from(quotes(status, answer)), "a quote with {code}");
    if let Some(quote) = answer.quote() {
        assert_eq!(quote.error.as_deref(), Some(code));
        assert!(!quote.accepts.is_empty());
    }
    if matches!(status, 429 | 503) {
        let seconds = answer.header_text("retry-after").and_then(|text| text.parse::<u64>().ok());
        assert!(seconds.is_some_and(|seconds| seconds >= 1), "{code} without retry-after");
    }
}

/// The transaction of an answer's receipt, asserted to be one success.
#[track_caller]
pub fn receipt_of(answer: &Answer) -> B256 {
    assert_eq!(answer.count("payment-response"), 1, "receipts");
    let receipt = answer.receipt().expect("a receipt that can be read");
    assert_eq!(receipt["success"], true, "{receipt}");
    assert_eq!(receipt["network"], "eip155:84532");
    receipt["transaction"].as_str().and_then(|hash| hash.parse().ok()).expect("a transaction")
}

/// Asserts a response that was paid for; returns what the upstream says it received.
#[track_caller]
pub fn served(answer: &Answer) -> Value {
    assert_eq!((answer.status, answer.broken), (200, None), "{}", answer.text());
    receipt_of(answer);
    let cached = answer.header_text("cache-control").unwrap_or_default();
    assert!(cached.split(',').any(|part| part.trim() == "private"), "cache-control: {cached}");
    assert_eq!(answer.count("payment-required"), 0);
    answer.json()
}
