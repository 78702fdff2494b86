//! x402 on the wire: bounded decoding, wire types, challenges and receipts.
//!
//! A payment header is read if
//! 1. it is at most [`header::MAX_ENCODED`] bytes of standard base64;
//! 2. it holds one JSON object, nested at most [`MAX_DEPTH`] deep;
//! 3. the object states a supported `x402Version`;
//! 4. every field this filter acts on is there, once, under its exact name, in its one
//!    spelling. Other fields are ignored: clients echo whatever a quote contained.
//!
//! What is read is forwarded to the facilitator as it stands, so rule 4 also keeps the
//! two readings of one text the same; see `json`.

pub mod header;
pub(crate) mod json;
mod malformed;
pub mod v2;

pub use json::MAX_DEPTH;
pub use malformed::Malformed;
