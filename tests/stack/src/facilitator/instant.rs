//! The fast counter for benchmarks: no verification, no ledger, no log.

use std::sync::atomic::Ordering;

use alloy_primitives::keccak256;
use serde_json::{json, Value};

use crate::eip3009::{chain_id, V1_NETWORKS};
use crate::http1::Response;

use super::faults::Operation;
use super::State;

pub(super) fn answer(state: &State, operation: Operation, body: &[u8]) -> Response {
    let number = state.instant_calls.fetch_add(1, Ordering::Relaxed);
    let body = std::str::from_utf8(body).unwrap_or_default();
    let payer = field(body, "\"from\"");
    let text = if operation == Operation::Verify {
        format!(r#"{{"isValid":true,"payer":"{payer}"}}"#)
    } else {
        let network = field(body, "\"network\"");
        let transaction = keccak256(number.to_be_bytes());
        format!(r#"{{"success":true,"transaction":"{transaction}","network":"{network}","payer":"{payer}"}}"#)
    };
    Response::new(200).typed("application/json", text)
}

/// The string after a key, found by scanning: good enough for well-formed bodies.
fn field<'a>(body: &'a str, key: &str) -> &'a str {
    body.split_once(key)
        .and_then(|(_, rest)| rest.split_once('"'))
        .and_then(|(_, rest)| rest.split_once('"'))
        .map_or("", |(value, _)| value)
}

pub(super) fn supported(state: &State) -> Value {
    let mut kinds = Vec::new();
    for network in &state.options.networks {
        kinds.push(json!({ "x402Version": 2, "scheme": "exact", "network": network }));
        let id = chain_id(network);
        if let Some((name, _)) = V1_NETWORKS.iter().find(|(_, known)| Some(*known) == id) {
            kinds.push(json!({ "x402Version": 1, "scheme": "exact", "network": name }));
        }
    }
    json!({
        "kinds": kinds,
        "extensions": [],
        "signers": { "eip155:*": ["0x70997970C51812dc3A010C7d01b50e0d17dc79C8"] },
    })
}
