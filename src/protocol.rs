//! x402 on the wire: bounded decoding, wire types, challenges and receipts.
//!
//! A payment header is read if
//! 1. it is at most [`header::MAX_ENCODED`] bytes of standard base64;
//! 2. it holds one JSON object, nested at most [`MAX_DEPTH`] deep;
//! 3. the object states a supported `x402Version`;
//! 4. every field this filter acts on is there, once, under its exact name, in its one
//!    spelling. Other fields are ignored: clients echo whatever a quote contained.
//!
//! Only what was read goes on to the facilitator, so no other parser has a say in what the
//! client's text means; see [`body`].

pub mod abilities;
pub mod body;
pub mod challenge;
pub mod header;
pub(crate) mod json;
mod malformed;
pub mod other;
pub mod payload;
pub mod quotes;
pub mod receipt;
pub mod signed;
pub mod terms;
#[cfg(test)]
pub(crate) mod tests;
pub mod v2;

pub use json::MAX_DEPTH;
pub use malformed::Malformed;

/// Versions of x402.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Version {
    /// `X-PAYMENT`, networks by name, the quote in the body.
    V1,
    /// `PAYMENT-SIGNATURE`, networks by CAIP-2, the quote in a header.
    V2,
}

// === impl Version ===

impl Version {
    /// `x402Version`.
    pub fn number(self) -> u8 {
        match self {
            Self::V1 => 1,
            Self::V2 => 2,
        }
    }
}
