//! What a facilitator said, and what it proves.
//!
//! A settlement's answer is read by one question: may money have moved? Only three answers
//! close it; everything else is [`Answer::Unknown`].
//!
//! 1. **Accepted**: 2xx, `success` is `true`, a transaction hash, our network, and no payer or
//!    amount that differs from what was signed.
//! 2. **NotSent**: the host would not send it, or Envoy's own 503 says that no connection was
//!    made.
//! 3. **Rejected**: `success` is `false` with no transaction, below 500, and a reason after which
//!    a first ask cannot have moved money. A used nonce, a failed simulation or a
//!    failed transaction is not such a reason: facilitators give it for payments that
//!    succeeded before, and for authorisations the payer cancelled.

use crate::claims::Transaction;
use crate::evm::address::Address;
use crate::evm::keccak256;
use crate::money::Amount;
use crate::protocol::json::{self, place, schema, Field, Object};
use crate::protocol::Malformed;

pub mod breaker;
pub mod choice;
mod endpoint;
mod reason;
mod redirect;
pub mod said;
pub mod supported;

pub use endpoint::Endpoint;
pub use reason::Reason;
pub use redirect::Redirect;

/// An answer longer than this is not read. The reference facilitators stay under 4 KB.
pub const MAX_ANSWER_BYTES: usize = 64 * 1024;

/// What the host delivered for a callout.
#[derive(Debug)]
pub enum Delivery<'a> {
    /// The host refused to send: no such cluster, no healthy host, breaker open.
    Refused,
    /// The connection broke in the answer, or the host says only that it failed.
    Broken,
    /// The facilitator is elsewhere. That is not followed.
    Redirected {
        /// The HTTP status: 301, 302, 303, 307 or 308.
        status: u16,
        /// The `location` header; empty when there is none.
        location: &'a [u8],
    },
    /// An answer arrived, from the facilitator or from the host itself.
    Answered {
        /// The HTTP status.
        status: u16,
        /// Whether Envoy marked it as coming from upstream (`x-envoy-upstream-service-time`).
        from_upstream: bool,
        /// The body, whole, or `None` when it was over [`MAX_ANSWER_BYTES`].
        body: Option<&'a [u8]>,
    },
}

/// What a settlement's answer must agree with.
#[derive(Clone, Copy, Debug)]
pub struct Expected<'a> {
    /// The network, as the payment's version spells it.
    pub network: &'a str,
    /// CAIP-2; some facilitators answer so in version 1 as well.
    pub caip2: &'a str,
    /// Who signed, where that is known.
    pub payer: Option<Address>,
    /// What was asked for, where that is known.
    pub amount: Option<Amount>,
}

/// What an answer to `/settle` proves.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Answer {
    /// The money moved in this transaction.
    Accepted(Transaction),
    /// The facilitator refused for a reason that leaves the authorisation unspent.
    Rejected(Reason),
    /// Nothing was sent.
    NotSent,
    /// The money may have moved.
    Unknown(Doubt),
}

/// What an answer to `/verify` says.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Verdict {
    /// It would settle.
    Valid,
    /// It would not.
    Invalid(Reason),
    /// Nobody could say.
    Unavailable,
}

/// Why an answer leaves the outcome open; for the log.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, thiserror::Error)]
pub enum Doubt {
    /// No whole answer came.
    #[error("the connection broke or the call timed out")]
    Broken,
    /// The status and body are no protocol answer.
    #[error("the answer is not a settlement response")]
    NotProtocol,
    /// It was sent elsewhere, which may have taken it.
    #[error("the facilitator answered with a redirect")]
    Redirected,
    /// It was over the cap.
    #[error("the answer is larger than 64 KiB")]
    TooLarge,
    /// `success: true` for something else than was asked.
    #[error("success is reported for another network, payer, amount or without a transaction")]
    Contradicts,
    /// A failure that facilitators also report for payments that succeeded.
    #[error("the failure reported does not prove that the authorisation is unspent")]
    Inconclusive,
    /// `settlement_pending`.
    #[error("the facilitator reports the settlement as pending")]
    Pending,
}

struct SettleResponse {
    success: bool,
    error_reason: Option<String>,
    transaction: Option<String>,
    network: Option<String>,
    payer: Option<String>,
    amount: Option<String>,
}

struct VerifyResponse {
    is_valid: bool,
    invalid_reason: Option<String>,
}

const SETTLE_RESPONSE: [Field; 6] =
    schema(["success", "errorReason", "transaction", "network", "payer", "amount"]);

const VERIFY_RESPONSE: [Field; 2] = schema(["isValid", "invalidReason"]);

// === impl Delivery ===

impl<'a> Delivery<'a> {
    /// An answer with a head. `body` is whole, or `None` when it was over the cap.
    pub fn arrived(
        status: u16,
        from_upstream: bool,
        location: Option<&'a [u8]>,
        body: Option<&'a [u8]>,
    ) -> Self {
        if Redirect::is_one(status) {
            return Self::Redirected { status, location: location.unwrap_or_default() };
        }
        Self::Answered { status, from_upstream, body }
    }
}

// === impl Answer ===

impl Answer {
    /// Reads what came back from `/settle`.
    pub fn read(delivery: &Delivery<'_>, expected: &Expected<'_>) -> Self {
        let (status, body) = match delivery {
            Delivery::Refused => return Self::NotSent,
            Delivery::Broken => return Self::Unknown(Doubt::Broken),
            Delivery::Redirected { .. } => return Self::Unknown(Doubt::Redirected),
            Delivery::Answered { body: None, .. } => return Self::Unknown(Doubt::TooLarge),
            Delivery::Answered { status, from_upstream, body: Some(body) } => {
                if !from_upstream && never_connected(*status, body) {
                    return Self::NotSent;
                }
                if !from_upstream && matches!(status, 503 | 504) {
                    return Self::Unknown(Doubt::Broken);
                }
                (*status, *body)
            }
        };
        let Ok(response) = read_object(body, &SETTLE_RESPONSE).and_then(SettleResponse::read) else {
            return Self::Unknown(Doubt::NotProtocol);
        };
        if response.success {
            return response.accepted(status, expected);
        }
        response.refused(status)
    }

    /// Whether the facilitator is at work, for the breaker. An open outcome that it reports
    /// itself is no silence: whoever presents a used or cancelled authorisation again and
    /// again gets one each time, and must not be able to stop the sale for everybody.
    pub fn spoke(&self) -> bool {
        match self {
            Self::Accepted(_) | Self::Rejected(_) => true,
            Self::Unknown(doubt) => matches!(doubt, Doubt::Inconclusive | Doubt::Pending),
            Self::NotSent => false,
        }
    }

    /// Whether the facilitator itself reports a failure, which it also does for an authorisation
    /// that was spent before.
    pub fn is_failure(&self) -> bool {
        match self {
            Self::Unknown(doubt) => {
                matches!(doubt, Doubt::Inconclusive | Doubt::NotProtocol | Doubt::Redirected)
            }
            _ => false,
        }
    }

    /// Its name in metrics and the log.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Accepted(_) => "accepted",
            Self::Rejected(_) => "rejected",
            Self::NotSent => "not_sent",
            Self::Unknown(_) => "unknown",
        }
    }
}

// === impl SettleResponse ===

impl SettleResponse {
    fn read(object: Object<'_>) -> Result<Self, Malformed> {
        Ok(Self {
            success: object.flag(const { place(&SETTLE_RESPONSE, "success") })?,
            error_reason: object.optional_text(const { place(&SETTLE_RESPONSE, "errorReason") })?,
            transaction: object.optional_text(const { place(&SETTLE_RESPONSE, "transaction") })?,
            network: object.optional_text(const { place(&SETTLE_RESPONSE, "network") })?,
            payer: object.optional_text(const { place(&SETTLE_RESPONSE, "payer") })?,
            amount: object.optional_text(const { place(&SETTLE_RESPONSE, "amount") })?,
        })
    }

    fn accepted(&self, status: u16, expected: &Expected<'_>) -> Answer {
        let differs = |theirs: &Option<String>, same: &dyn Fn(&str) -> bool| {
            theirs.as_deref().is_some_and(|text| !text.is_empty() && !same(text))
        };
        let network = self.network.as_deref();
        let network = network == Some(expected.network) || network == Some(expected.caip2);
        let payer = expected
            .payer
            .is_some_and(|payer| differs(&self.payer, &|text| Address::parse(text) == Ok(payer)));
        let amount = expected
            .amount
            .is_some_and(|amount| differs(&self.amount, &|text| Amount::parse(text) == Some(amount)));
        let transaction = self.transaction.as_deref().and_then(|text| match expected.payer {
            Some(_) => transaction_hash(text),
            // Another network's: known by the hash of its name.
            None => is_name(text).then(|| Transaction(keccak256([text.as_bytes()]))),
        });
        match transaction {
            Some(hash) if network && !payer && !amount && (200..300).contains(&status) => {
                Answer::Accepted(hash)
            }
            _ => Answer::Unknown(Doubt::Contradicts),
        }
    }

    fn refused(&self, status: u16) -> Answer {
        let code = self.error_reason.as_deref().unwrap_or("");
        if code == "settlement_pending" {
            return Answer::Unknown(Doubt::Pending);
        }
        let transaction = self.transaction.as_deref().unwrap_or("");
        match Reason::proving_unspent(code) {
            Some(reason) if status < 500 && transaction.is_empty() => Answer::Rejected(reason),
            _ => Answer::Unknown(Doubt::Inconclusive),
        }
    }
}

// === impl VerifyResponse ===

impl VerifyResponse {
    fn read(object: Object<'_>) -> Result<Self, Malformed> {
        Ok(Self {
            is_valid: object.flag(const { place(&VERIFY_RESPONSE, "isValid") })?,
            invalid_reason: object.optional_text(const { place(&VERIFY_RESPONSE, "invalidReason") })?,
        })
    }
}

// === impl Verdict ===

impl Verdict {
    /// Reads what came back from `/verify`. Nothing moves there, so what cannot be read is
    /// merely unavailable.
    pub fn read(delivery: &Delivery<'_>) -> Self {
        let Delivery::Answered { status, body: Some(body), .. } = delivery else {
            return Self::Unavailable;
        };
        let Ok(response) = read_object(body, &VERIFY_RESPONSE).and_then(VerifyResponse::read) else {
            return Self::Unavailable;
        };
        match (response.is_valid, status) {
            (true, 200..=299) => Self::Valid,
            (false, 200..=499) => {
                let code = response.invalid_reason.as_deref().unwrap_or("");
                Self::Invalid(Reason::proving_unspent(code).unwrap_or(Reason::Other))
            }
            _ => Self::Unavailable,
        }
    }

    /// Whether the facilitator is at work, for the breaker: it answered as a facilitator, even
    /// if only that it cannot say. x402-rs answers 500 with `isValid: false` to signatures that
    /// its chain's node chokes on, and whoever sends those must not be able to stop the sale
    /// for everybody.
    pub fn spoke(&self, delivery: &Delivery<'_>) -> bool {
        let said = |body| read_object(body, &VERIFY_RESPONSE).and_then(VerifyResponse::read).is_ok();
        match (self, delivery) {
            (Self::Unavailable, Delivery::Answered { body: Some(body), .. }) => said(body),
            (verdict, _) => *verdict != Self::Unavailable,
        }
    }

    /// Its name in metrics and the log.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Valid => "accepted",
            Self::Invalid(_) => "rejected",
            Self::Unavailable => "unavailable",
        }
    }
}

/// The transaction an answer to `/settle` names, as its network spells it: printable and short.
pub fn transaction_text(delivery: &Delivery<'_>) -> Option<String> {
    let Delivery::Answered { body: Some(body), .. } = delivery else { return None };
    let response = read_object(body, &SETTLE_RESPONSE).and_then(SettleResponse::read).ok()?;
    response.transaction.filter(|text| is_name(text))
}

/// The same of a settlement that pends; on EVM chains it is a hash.
pub fn pending_text(delivery: &Delivery<'_>, evm: bool) -> Option<String> {
    transaction_text(delivery).filter(|text| !evm || transaction_hash(text).is_some())
}

/// Whether a text can name a transaction of some network.
fn is_name(text: &str) -> bool {
    (1..=128).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_graphic())
}

/// Envoy 1.40: refused and timed-out connections answer 503 without
/// `x-envoy-upstream-service-time` and with this text. Were the text to change, the answer
/// would be Unknown, which is the safe side. After a retry Envoy says "retried and the latest
/// reset reason: …" instead, which leaves open what became of the earlier tries.
pub(crate) fn never_connected(status: u16, body: &[u8]) -> bool {
    const SAYS: &[u8] =
        b"upstream connect error or disconnect/reset before headers. reset reason: remote connection failure";
    status == 503 && body.starts_with(SAYS)
}

/// Reads a JSON object by the rules of payments: a name said twice, or in another spelling
/// beside or instead of its own, is nobody's answer.
fn read_object<'a>(body: &'a [u8], fields: &'static [Field]) -> Result<Object<'a>, Malformed> {
    let text = std::str::from_utf8(body).map_err(|_| Malformed::NotJson)?;
    json::read_deeper(text, fields)
}

fn transaction_hash(text: &str) -> Option<Transaction> {
    let mut hash = [0; 32];
    if !crate::digits::unhex(text.strip_prefix("0x")?, &mut hash) {
        return None;
    }
    Some(Transaction(hash))
}

#[cfg(test)]
mod tests;
