//! Kinds of payment that this facilitator accepts without reading them: what a proxy hands over
//! for schemes and networks of which it knows nothing.

use alloy_primitives::keccak256;
use serde::Deserialize;
use serde_json::{json, Value};

use super::answer::Answer;
use super::faults::Operation;
use super::service::Processed;
use super::terms::PaymentRequest;

/// A kind of payment, as `/supported` lists it.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Kind {
    pub x402_version: u64,
    pub scheme: String,
    pub network: String,
    /// What quotes have to carry.
    #[serde(default)]
    pub extra: Value,
}

impl Kind {
    pub(super) fn listed(&self) -> Value {
        let mut kind =
            json!({ "x402Version": self.x402_version, "scheme": self.scheme, "network": self.network });
        if self.extra.is_object() {
            kind["extra"] = self.extra.clone();
        }
        kind
    }

    pub(super) fn is(&self, request: &PaymentRequest) -> bool {
        let (scheme, network) = request.kind();
        self.x402_version == request.version && self.scheme == scheme && self.network == network
    }
}

/// Always yes. One payload settles in one transaction, however its JSON is spelled; in the one
/// it names as its `transaction`, if it does.
pub(super) fn handle(operation: Operation, request: &PaymentRequest) -> Processed {
    let (body, outcome) = match operation {
        Operation::Settle => {
            let transaction = request.payload["payload"]["transaction"].as_str().map_or_else(
                || request.nonce().map(|nonce| keccak256(nonce).to_string()).unwrap_or_default(),
                str::to_owned,
            );
            let body = json!({
                "success": true, "transaction": transaction,
                "network": request.network(), "payer": "somebody",
            });
            (body, "settled")
        }
        _ => (json!({ "isValid": true, "payer": "somebody" }), "valid"),
    };
    Processed { answer: Answer { status: 200, body }, outcome: outcome.to_owned() }
}
