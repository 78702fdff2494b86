//! `payment-identifier`: a name of the client's for its payment, so that a retry is known for one.
//!
//! A named payment is served if
//! 1. the name is 16 to 128 of `A-Z a-z 0-9 _ -`, else 400 `payment_identifier_invalid`;
//! 2. there is one, where the offer requires it, else 400 `payment_identifier_required`;
//! 3. the same payer has not given the name to another authorisation or another request:
//!    else 409 `payment_identifier_conflict`, unless its wallet is owed something for the offer:
//!    then it is served that, and buys nothing.
//!
//! The same name with the same payment is an ordinary retry, which the claim decides. A name
//! belongs to its payer: two payers may use the same, and nobody can use up another's. Where
//! the filter cannot read who pays (schemes only the facilitator understands), 3 is not held.
//! Requests are told apart by method and by path with query; a body is not looked at, because
//! the filter decides before it arrives. (`specs/extensions/payment_identifier.md`.)

use super::{extend, DIALECT};
use crate::claims::{self, Identity, CLOCK_SKEW_SECONDS};
use crate::evm::address::Address;
use crate::protocol::json::{self, place, schema, Field, Node};

/// The extension's name.
pub const KEY: &str = "payment-identifier";

/// Bounds of a name's length.
const LENGTH: std::ops::RangeInclusive<usize> = 16..=128;

/// Why a payment's name is refused.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum Unnamed {
    /// There is none and there must be.
    #[error("the payment has no identifier")]
    Missing,
    /// It is not of the form.
    #[error("the payment's identifier is not 16 to 128 of A-Z a-z 0-9 _ -")]
    Form,
}

/// The client's name for its payment.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Name(String);

const PAYMENT: [Field; 4] = schema(["extensions", ".payment-identifier", "..info", "...id"]);

/// The name in a payment's JSON. `None` when there is none and none is required.
///
/// # Errors
/// [`Unnamed`].
pub fn read(payload: &str, required: bool) -> Result<Option<Name>, Unnamed> {
    let missing = if required { Err(Unnamed::Missing) } else { Ok(None) };
    let payment = json::read_deeper(payload, &PAYMENT).map_err(|_| Unnamed::Form)?;
    for within in 0..const { place(&PAYMENT, "...id") } {
        match payment.at(within).0 {
            Node::Object => {}
            Node::Absent | Node::Null => return missing,
            _ => return Err(Unnamed::Form),
        }
    }
    match payment.at(const { place(&PAYMENT, "...id") }).0 {
        Node::Text(id) if is_name(id) => Ok(Some(Name(id.as_ref().to_owned()))),
        Node::Absent | Node::Null => missing,
        _ => Err(Unnamed::Form),
    }
}

/// What a name stands for: the authorisation it came with and the request it was sent for.
/// `path` is the raw path with its query.
pub fn fingerprint(identity: &Identity, method: &str, path: &str) -> [u8; 32] {
    claims::fingerprint(
        "named payment",
        &[
            &identity.chain_id.to_be_bytes(),
            identity.verifying_contract.as_bytes(),
            identity.payer.as_bytes(),
            &identity.nonce,
            method.as_bytes(),
            path.as_bytes(),
        ],
    )
}

/// Until when a name is remembered: as long as its authorisation could be used. Seconds.
pub fn expires(valid_before: u64) -> u64 {
    valid_before.saturating_add(CLOCK_SKEW_SECONDS)
}

/// `info` as declared.
pub(super) fn info(required: bool) -> String {
    format!(r#"{{"required":{required}}}"#)
}

pub(super) fn push(json: &mut String, required: bool) {
    extend(
        json,
        &[
            r#""payment-identifier":{"info":"#,
            &info(required),
            r#","schema":{"#,
            DIALECT,
            r#""required":{"type":"boolean"},"id":{"type":"string","minLength":16,"maxLength":128,"#,
            r#""pattern":"^[a-zA-Z0-9_-]+$"}},"required":["required"]}}"#,
        ],
    );
}

fn is_name(text: &str) -> bool {
    LENGTH.contains(&text.len()) && text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_' || b == b'-')
}

// === impl Unnamed ===

impl Unnamed {
    /// The stable code.
    pub fn code(self) -> &'static str {
        match self {
            Self::Missing => "payment_identifier_required",
            Self::Form => "payment_identifier_invalid",
        }
    }
}

// === impl Name ===

impl Name {
    /// Where the name is found in the claim table: under its payer.
    pub fn identity(&self, payer: Address) -> Identity {
        Identity::named(KEY, &[payer.as_bytes(), self.0.as_bytes()])
    }
}
