//! How the two published facilitators put the same facts.

use alloy_primitives::U256;
use serde_json::{json, Value};

use super::terms::PaymentRequest;
use super::verify::{reason, Verdict};

/// Whose manners to copy.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Dialect {
    /// npm `@x402/core` under `node:http`: 200 whatever the verdict.
    #[default]
    Npm,
    /// crates `x402-facilitator-local`: 400 for a refusal, 500 for the chain.
    X402Rs,
}

impl std::str::FromStr for Dialect {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "npm" => Ok(Self::Npm),
            "x402-rs" => Ok(Self::X402Rs),
            other => Err(format!("unknown mode {other}: npm or x402-rs")),
        }
    }
}

/// What became of a settlement.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Settled {
    Success {
        transaction: String,
        /// What moved, where the scheme lets less be taken than was signed.
        amount: Option<U256>,
    },
    /// Refused before any transaction was sent.
    Refused(&'static str),
    /// The chain said no; a transaction that reverted has a hash too.
    Reverted {
        reason: &'static str,
        transaction: String,
    },
    Threw(String),
}

/// A status and a body.
#[derive(Clone, Debug)]
pub struct Answer {
    pub status: u16,
    pub body: Value,
}

impl Dialect {
    pub(super) fn verified(self, request: &PaymentRequest, verdict: &Verdict) -> Answer {
        let payer = request.payer();
        match (self, verdict) {
            (_, Verdict::Valid(_)) => {
                Answer { status: 200, body: json!({ "isValid": true, "payer": payer }) }
            }
            (Self::Npm, Verdict::Invalid(reason)) => Answer {
                status: 200,
                body: json!({ "isValid": false, "invalidReason": reason, "payer": payer }),
            },
            (Self::Npm, Verdict::Threw(why)) => Answer { status: 500, body: json!({ "error": why }) },
            (Self::X402Rs, Verdict::Invalid(reason)) => rust_refusal(rust_reason(reason), ""),
            (Self::X402Rs, Verdict::Threw(why)) => rust_refusal("invalid_format", why),
        }
    }

    pub(super) fn settled(self, request: &PaymentRequest, settled: &Settled) -> Answer {
        let (payer, network) = (request.payer(), request.network());
        let npm = |reason: &str, transaction: &str| Answer {
            status: 200,
            body: json!({
                "success": false, "errorReason": reason, "transaction": transaction,
                "network": network, "payer": payer,
            }),
        };
        match (self, settled) {
            (_, Settled::Success { transaction, amount }) => {
                let mut body = json!({
                    "success": true, "transaction": transaction,
                    "network": network, "payer": payer,
                });
                if let Some(amount) = amount {
                    body["amount"] = json!(amount.to_string());
                }
                Answer { status: 200, body }
            }
            (Self::Npm, Settled::Refused(reason)) => npm(reason, ""),
            (Self::Npm, Settled::Reverted { reason, transaction }) => npm(reason, transaction),
            (Self::Npm, Settled::Threw(why)) => Answer { status: 500, body: json!({ "error": why }) },
            (Self::X402Rs, Settled::Refused(reason::NONCE_USED)) => rust_failure(
                500,
                "unexpected_error",
                "execution reverted: FiatTokenV2: authorization is used or canceled",
            ),
            (Self::X402Rs, Settled::Refused(reason)) => rust_failure(400, rust_reason(reason), ""),
            (Self::X402Rs, Settled::Reverted { .. }) => {
                rust_failure(500, "unexpected_error", "transaction reverted")
            }
            (Self::X402Rs, Settled::Threw(why)) => rust_failure(400, "invalid_format", why),
        }
    }
}

fn rust_refusal(reason: &str, details: &str) -> Answer {
    Answer {
        status: 400,
        body: json!({
            "isValid": false, "invalidReason": reason, "invalidReasonDetails": details,
            "payer": "",
        }),
    }
}

fn rust_failure(status: u16, reason: &str, message: &str) -> Answer {
    Answer {
        status,
        body: json!({
            "success": false, "network": "", "transaction": "", "errorReason": reason,
            "errorMessage": message, "payer": "",
        }),
    }
}

fn rust_reason(reason: &str) -> &'static str {
    match reason {
        reason::SCHEME => "unsupported_scheme",
        reason::DOMAIN => "invalid_format",
        reason::NETWORK => "chain_id_mismatch",
        reason::SIGNATURE | reason::FACTORY => "invalid_signature",
        reason::RECIPIENT => "recipient_mismatch",
        reason::VALID_BEFORE => "invalid_payment_expired",
        reason::VALID_AFTER => "invalid_payment_early",
        reason::VALUE | reason::VALUE_V1 => "invalid_payment_amount",
        reason::BALANCE => "insufficient_funds",
        reason::NONCE_USED | reason::SIMULATION => "transaction_simulation",
        _ => "unexpected_error",
    }
}
