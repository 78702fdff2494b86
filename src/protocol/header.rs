//! From a header's raw bytes to the JSON text inside it.
//!
//! Every SDK writes RFC 4648 standard base64, padded, on one line; readers differ. Accepted
//! here: that alphabet, with its full padding or none at all, and optional whitespace
//! around it (RFC 9110, 5.6.3). Refused: the URL-safe alphabet, whitespace inside, partial
//! or excess padding, and non-zero trailing bits. The last could be let through, because a
//! payment's identity is its authorisation and never its bytes, but no encoder writes them.

use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD};
use base64::Engine;

use super::Malformed;

/// The longest encoded payment read, in bytes: one with every known extension echoed has
/// about 6,800, an ordinary one 1,076.
pub const MAX_ENCODED: usize = 16 * 1024;

/// Decodes a payment header.
///
/// # Errors
/// [`Malformed::TooLarge`] above [`MAX_ENCODED`], before anything is decoded;
/// [`Malformed::NotBase64`] for every other form, the empty one included.
pub fn decode(bytes: &[u8]) -> Result<Vec<u8>, Malformed> {
    if bytes.len() > MAX_ENCODED {
        return Err(Malformed::TooLarge);
    }
    let encoded = trim(bytes);
    if encoded.is_empty() {
        return Err(Malformed::NotBase64);
    }
    let engine = if encoded.last() == Some(&b'=') { STANDARD } else { STANDARD_NO_PAD };
    engine.decode(encoded).map_err(|_| Malformed::NotBase64)
}

/// Without leading and trailing OWS: spaces and tabs, and nothing else.
fn trim(mut bytes: &[u8]) -> &[u8] {
    while let [b' ' | b'\t', rest @ ..] | [rest @ .., b' ' | b'\t'] = bytes {
        bytes = rest;
    }
    bytes
}

#[cfg(test)]
mod tests;
