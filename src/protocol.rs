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
//! client's text means; see [`v2::settle_body`].

pub mod header;
pub(crate) mod json;
mod malformed;
pub mod v2;

pub use json::MAX_DEPTH;
pub use malformed::Malformed;
