//! JWS in the compact form (RFC 7515, 7.1), and the fields of its JSON.

use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use base64::Engine;

use super::Key;
use crate::json::push_string;

/// `base64url(header).base64url(payload).base64url(signature)`; without a key, zeros stand for the
/// signature.
pub(super) fn compact(key: Option<&Key>, header: &str, payload: &str) -> Option<String> {
    let mut jws = String::with_capacity(512);
    URL_SAFE_NO_PAD.encode_string(header, &mut jws);
    jws.push('.');
    URL_SAFE_NO_PAD.encode_string(payload, &mut jws);
    let signature = match key {
        Some(key) => key.sign(jws.as_bytes())?,
        None => [0; 64],
    };
    jws.push('.');
    URL_SAFE_NO_PAD.encode_string(signature, &mut jws);
    Some(jws)
}

/// Appends `,"name":` and a string.
pub(super) fn push_field(out: &mut String, name: &str, text: &str) {
    out.push_str(",\"");
    out.push_str(name);
    out.push_str("\":");
    push_string(out, text);
}
