//! `GET /supported`: what is listed, and how it goes wrong.

use std::sync::Arc;
use std::time::Duration;

use alloy_primitives::B256;
use serde::Deserialize;
use serde_json::{json, Value};

use crate::eip3009::{chain_id, V1_NETWORKS};
use crate::http1::{Reply, Request, Response};

use super::answer::Answer;
use super::broken::break_answer;
use super::faults::{FaultKind, Operation};
use super::others::Kind;
use super::service::{respond, Processed};
use super::terms::PaymentRequest;
use super::{lock, State};

/// What `/supported` lists.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "camelCase")]
pub struct Listing {
    /// CAIP-2; each by `exact` in both versions, and by `upto` if there is a pool.
    pub networks: Vec<String>,
    /// The facilitator's own addresses: `upto` names one of them.
    pub pool: Vec<String>,
    /// Names them in turn, another with every call, as the reference facilitator does by
    /// chance. Otherwise it is always the first.
    pub rotate: bool,
    /// Whether `signers` lists the pool.
    pub signers: bool,
    pub extensions: Vec<String>,
    /// Kinds of payment that are accepted unread.
    pub others: Vec<Kind>,
}

impl Default for Listing {
    fn default() -> Self {
        Self {
            networks: ["eip155:8453", "eip155:84532"].map(str::to_owned).into(),
            pool: [
                "0x70997970C51812dc3A010C7d01b50e0d17dc79C8",
                "0x3C44CdDdB6a900fa2b585dd299e03d12FA4293BC",
                "0x90F79bf6EB2c4f870365E785982E1f101E93b906",
            ]
            .map(str::to_owned)
            .into(),
            rotate: false,
            signers: true,
            extensions: Vec::new(),
            others: Vec::new(),
        }
    }
}

impl Listing {
    /// The answer to the call of this number.
    fn answer(&self, number: usize) -> Value {
        let mut kinds = Vec::new();
        let member = if self.rotate { number % self.pool.len().max(1) } else { 0 };
        for network in &self.networks {
            kinds.push(json!({ "x402Version": 2, "scheme": "exact", "network": network }));
            let id = chain_id(network);
            if let Some((name, _)) = V1_NETWORKS.iter().find(|(_, known)| Some(*known) == id) {
                kinds.push(json!({ "x402Version": 1, "scheme": "exact", "network": name }));
            }
            if let Some(address) = self.pool.get(member) {
                kinds.push(json!({
                    "x402Version": 2, "scheme": "upto", "network": network,
                    "extra": { "facilitatorAddress": address },
                }));
            }
        }
        kinds.extend(self.others.iter().map(Kind::listed));
        let mut answer = json!({ "kinds": kinds, "extensions": self.extensions });
        if self.signers {
            answer["signers"] = json!({ "eip155:*": self.pool });
        }
        answer
    }
}

impl State {
    pub(super) async fn list(self: &Arc<Self>, request: &Request) -> Reply {
        let number = lock(&self.inquiries).begin(request, None, String::new());
        let body = lock(&self.listing).answer(usize::try_from(number).unwrap_or_default());
        let answer = Answer { status: 200, body };
        let fault = lock(&self.faults).take(Operation::Supported, None, None);
        let (reply, outcome) = match fault {
            None => (respond(&answer).into(), "listed".to_owned()),
            Some(fault) => {
                let outcome = format!("fault:{}", fault.kind.name());
                (self.list_badly(answer, &fault.kind).await, outcome)
            }
        };
        lock(&self.inquiries).end(number, outcome);
        reply
    }

    async fn list_badly(&self, answer: Answer, kind: &FaultKind) -> Reply {
        if let FaultKind::Delay { ms, .. } = kind {
            tokio::time::sleep(Duration::from_millis(*ms)).await;
            return respond(&answer).into();
        }
        let nothing = PaymentRequest { version: 2, payload: Value::Null, requirements: Value::Null };
        let processed = Some(Processed { answer, outcome: String::new() });
        break_answer(self, Operation::Supported, &nothing, kind, processed, B256::ZERO.to_string())
    }

    /// The same without a log: for benchmarks.
    pub(super) fn list_at_once(&self) -> Response {
        Response::json(200, &lock(&self.listing).answer(0))
    }
}
