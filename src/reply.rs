//! What the client reads when it is refused: a status, one stable code, and what to do next.
//!
//! The texts here are public and fixed. Nothing of a facilitator's or a client's own words
//! enters a reply. `docs/errors.md` lists every code; a test keeps the two the same.

use crate::claims::{Paid, State, Transaction};
use crate::exchange::Denial;
use crate::facilitator::Reason;

pub mod budget;
pub mod cache;
pub mod code;
pub mod cors;
pub mod grpc;

/// Why a request is not served.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Refusal {
    /// It costs something and nothing was offered.
    PaymentRequired,
    /// What was offered cannot be a payment for it; the code says why.
    Invalid(&'static str),
    /// It does not name itself as it has to; the code says how. A quote goes with the 400: it
    /// shows what is asked for.
    Unnamed(&'static str),
    /// The payer gave its name to another payment or request before.
    NameTaken {
        /// Whether this payment, too, was seen before.
        claimed: bool,
    },
    /// The money path refused.
    Denied(Denial),
    /// Its source has had its share; seconds until the next.
    RateLimited(u64),
    /// Its source sent too many payments that were no good, and this one was not looked at;
    /// seconds until the next may be.
    Barred(u64),
    /// As much of the filter's own documents is on its way as may be.
    DocumentsBusy,
    /// No quote is given while the facilitator does not answer.
    QuotesSuspended,
    /// Some reading of the path is for sale, and not this one.
    PathAmbiguous,
    /// A header names another method, and that one is sold otherwise.
    MethodAmbiguous,
    /// The path is for sale, with other methods.
    MethodNotAllowed,
    /// Nothing is offered here, and the operator lets nothing else pass.
    NotOffered,
    /// gRPC says how a call ended after its body: what is charged for cannot be known
    /// before it is released.
    GrpcSettlesBefore,
}

/// What became of the money, as far as the client is told.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum PaymentState {
    /// No money moved.
    None,
    /// The payment is at work.
    Held,
    /// The money moved, nothing was delivered.
    Taken,
    /// The money may have moved.
    Unknown,
    /// The money moved and the response was delivered.
    Delivered,
}

/// What to do next.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Retry {
    /// The same request, with the same payment if there was one.
    Same,
    /// The same request with a new payment.
    New,
    /// Nothing will change.
    Never,
}

/// The receipt a refusal carries.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum ReceiptKind {
    /// None.
    None,
    /// `success: true`, of the settlement that was.
    Original(Paid),
    /// `success: false` with the refusal's code.
    Failed,
}

/// What is quoted with a refusal.
#[derive(Clone, Debug)]
pub struct Quote {
    /// The value of `PAYMENT-REQUIRED`; empty where version 2 has no way to pay.
    pub header: String,
    /// Version 1's `accepts`, a JSON list.
    pub v1_accepts: Option<String>,
}

/// A refusal, spelled.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Reply {
    /// HTTP status.
    pub status: u16,
    /// Header names in lower case, with values.
    pub headers: Vec<(&'static str, String)>,
    /// JSON, or the page for a person.
    pub body: String,
}

// === impl Refusal ===

impl Refusal {
    /// The stable code.
    pub fn code(self) -> &'static str {
        match self {
            Self::PaymentRequired => code::PAYMENT_REQUIRED,
            Self::Invalid(code) | Self::Unnamed(code) => code,
            Self::NameTaken { .. } => code::PAYMENT_IDENTIFIER_CONFLICT,
            Self::QuotesSuspended => code::FACILITATOR_UNAVAILABLE,
            Self::RateLimited(_) | Self::Barred(_) => code::RATE_LIMITED,
            Self::DocumentsBusy => code::DOCUMENTS_BUSY,
            Self::PathAmbiguous => code::PATH_AMBIGUOUS,
            Self::MethodAmbiguous => code::METHOD_AMBIGUOUS,
            Self::MethodNotAllowed => code::METHOD_NOT_ALLOWED,
            Self::NotOffered => code::NOT_OFFERED,
            Self::GrpcSettlesBefore => code::GRPC_SETTLES_BEFORE,
            Self::Denied(denial) => match denial {
                Denial::Mismatch => code::NO_MATCH,
                Denial::InFlight => code::PAYMENT_IN_FLIGHT,
                Denial::AlreadyUsed(_) => code::PAYMENT_ALREADY_USED,
                Denial::Exhausted(_) => code::REDEMPTION_EXHAUSTED,
                Denial::Elsewhere(_) => code::PAYMENT_BOUND_ELSEWHERE,
                Denial::Full => code::CLAIM_TABLE_FULL,
                Denial::StoreDown => code::CLAIM_STORE_UNAVAILABLE,
                Denial::FacilitatorDown => code::FACILITATOR_UNAVAILABLE,
                Denial::Unverified(reason) | Denial::Rejected(reason) => reason.code(),
                Denial::Pending => code::SETTLEMENT_PENDING,
                Denial::ChargeUnreadable => code::CHARGE_UNREADABLE,
                Denial::Short(_) => code::REDEMPTION_INSUFFICIENT,
            },
        }
    }

    /// The HTTP status.
    pub fn status(self) -> u16 {
        match self {
            Self::PaymentRequired | Self::Invalid(_) => 402,
            Self::PathAmbiguous | Self::MethodAmbiguous | Self::GrpcSettlesBefore | Self::Unnamed(_) => 400,
            Self::NameTaken { .. } => 409,
            Self::MethodNotAllowed => 405,
            Self::NotOffered => 403,
            Self::RateLimited(_) | Self::Barred(_) => 429,
            Self::QuotesSuspended | Self::DocumentsBusy => 503,
            // The specification's, and what the reference server and x402-rs answer.
            Self::Denied(Denial::Unverified(Reason::Allowance) | Denial::Rejected(Reason::Allowance)) => 412,
            Self::Denied(denial) => match denial {
                Denial::Mismatch | Denial::AlreadyUsed(_) | Denial::Unverified(_) | Denial::Rejected(_) => {
                    402
                }
                Denial::Elsewhere(_) | Denial::Short(_) => 409,
                Denial::Exhausted(_) | Denial::ChargeUnreadable => 502,
                Denial::InFlight
                | Denial::Full
                | Denial::StoreDown
                | Denial::FacilitatorDown
                | Denial::Pending => 503,
            },
        }
    }

    /// Whether the reply invites a new payment (`PAYMENT-REQUIRED`). Never once money may
    /// have moved without a delivery.
    pub fn quotes(self) -> bool {
        match self {
            Self::PaymentRequired | Self::Invalid(_) | Self::Unnamed(_) => true,
            Self::Denied(denial) => {
                matches!(denial, Denial::Mismatch | Denial::AlreadyUsed(_) | Denial::Unverified(_))
            }
            _ => false,
        }
    }

    /// Whether the sender could have known: of a payment that is none, that does not fit, that
    /// nobody stands for (one too many of those is not even asked about), or that was used up.
    /// What is ours, the facilitator's or a race's is not.
    pub fn blames_sender(self) -> bool {
        match self {
            Self::Invalid(_) | Self::Unnamed(_) | Self::NameTaken { .. } | Self::RateLimited(_) => true,
            Self::Denied(Denial::Unverified(reason) | Denial::Rejected(reason)) => {
                reason != Reason::Unsupported
            }
            Self::Denied(denial) => matches!(
                denial,
                Denial::Mismatch | Denial::AlreadyUsed(_) | Denial::Exhausted(_) | Denial::Elsewhere(_)
            ),
            _ => false,
        }
    }

    /// What became of the money.
    pub fn payment_state(self) -> PaymentState {
        let denial = match self {
            Self::Denied(denial) => denial,
            Self::NameTaken { claimed: true } | Self::Barred(_) => return PaymentState::Unknown,
            _ => return PaymentState::None,
        };
        match denial {
            Denial::InFlight => PaymentState::Held,
            Denial::AlreadyUsed(_) => PaymentState::Delivered,
            Denial::Exhausted(_) | Denial::Short(_) | Denial::Elsewhere(State::Taken) => PaymentState::Taken,
            // Its signature is, and it was not asked for.
            Denial::Elsewhere(State::Delivered)
            | Denial::Mismatch
            | Denial::Full
            | Denial::FacilitatorDown
            | Denial::Unverified(_)
            | Denial::Rejected(_)
            | Denial::ChargeUnreadable => PaymentState::None,
            Denial::Elsewhere(_) | Denial::Pending | Denial::StoreDown => PaymentState::Unknown,
        }
    }

    /// What the client should do.
    pub fn retry(self) -> Retry {
        match (self, self.status()) {
            (Self::Denied(Denial::ChargeUnreadable | Denial::Short(_)), _) | (_, 429 | 503) => Retry::Same,
            (_, 402 | 412) | (Self::Unnamed(_), _) => Retry::New,
            _ => Retry::Never,
        }
    }

    /// Seconds after which to come back, for 503.
    fn retry_after(self) -> Option<u64> {
        match self {
            Self::Denied(Denial::InFlight) | Self::DocumentsBusy => Some(1),
            Self::RateLimited(seconds) | Self::Barred(seconds) => Some(seconds),
            _ if self.status() == 503 => Some(5),
            _ => None,
        }
    }

    /// The receipt that goes with it.
    pub fn receipt(self) -> ReceiptKind {
        match self {
            Self::Denied(Denial::AlreadyUsed(paid) | Denial::Exhausted(paid) | Denial::Short(paid)) => {
                ReceiptKind::Original(paid)
            }
            Self::Denied(Denial::Rejected(_) | Denial::Pending) => ReceiptKind::Failed,
            _ => ReceiptKind::None,
        }
    }

    /// Spells the refusal. Quote and receipts are used only where the refusal calls for them;
    /// receipts come with the names of their headers.
    pub fn reply(self, quote: Option<Quote>, receipts: Vec<(&'static str, String)>, allow: &str) -> Reply {
        let mut headers = Vec::with_capacity(6);
        headers.push(("content-type", "application/json".to_owned()));
        // Whatever it is, it is about one request: shared caches must not keep it.
        headers.push(("cache-control", "no-store".to_owned()));
        let quote = quote.filter(|_| self.quotes());
        let v1_accepts = quote.and_then(|quote| {
            if !quote.header.is_empty() {
                headers.push(("payment-required", quote.header));
            }
            quote.v1_accepts
        });
        if self.receipt() != ReceiptKind::None {
            headers.extend(receipts);
        }
        if let Some(seconds) = self.retry_after() {
            headers.push(("retry-after", seconds.to_string()));
        }
        if self == Self::MethodNotAllowed {
            headers.push(("allow", allow.to_owned()));
        }
        Reply { status: self.status(), headers, body: self.body(v1_accepts.as_deref()) }
    }

    /// Version 1 clients read the quote here, and nothing beside it disturbs them.
    fn body(self, v1_accepts: Option<&str>) -> String {
        let code = self.code();
        let transaction = match self.receipt() {
            ReceiptKind::Original(Paid { transaction: Some(Transaction(hash)), .. }) => {
                format!(r#","transaction":"0x{}""#, crate::digits::hex(&hash))
            }
            _ => String::new(),
        };
        // Every text below is a constant of this crate without quotes or escapes.
        let mut body = String::with_capacity(v1_accepts.map_or(256, str::len).saturating_add(384));
        body.push_str(if v1_accepts.is_some() { r#"{"x402Version":1,"error":""# } else { r#"{"error":""# });
        body.push_str(code);
        if let Some(accepts) = v1_accepts {
            body.push_str(r#"","accepts":"#);
            body.push_str(accepts);
            body.push_str(r#","code":""#);
        } else {
            body.push_str(r#"","code":""#);
        }
        for part in [
            code,
            r#"","message":""#,
            code::explain(code),
            r#"","paymentState":""#,
            self.payment_state().name(),
            r#"","retry":""#,
            self.retry().name(),
            "\"",
            &transaction,
            "}",
        ] {
            body.push_str(part);
        }
        body
    }
}

// === impl Reply ===

impl Reply {
    /// The first header of a name.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(known, _)| *known == name).map(|(_, value)| value.as_str())
    }
}

// === impl PaymentState ===

impl PaymentState {
    /// Its wire text.
    pub fn name(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Held => "held",
            Self::Taken => "taken",
            Self::Unknown => "unknown",
            Self::Delivered => "delivered",
        }
    }
}

// === impl Retry ===

impl Retry {
    /// Its wire text.
    pub fn name(self) -> &'static str {
        match self {
            Self::Same => "same",
            Self::New => "new",
            Self::Never => "never",
        }
    }
}

#[cfg(test)]
mod tests;
