//! JWS in the compact form (RFC 7515, 7.1), and JSON written so that its bytes are settled.

use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use base64::Engine;

use super::Key;

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

/// Appends a JSON string as RFC 8785 (3.2.2.2) and `JSON.stringify` write it: the short escapes,
/// `\u00xx` in lower case for other control characters, everything else as it is.
pub(super) fn push_string(out: &mut String, text: &str) {
    out.push('"');
    for char in text.chars() {
        let short = match char {
            '"' | '\\' => char,
            '\u{8}' => 'b',
            '\t' => 't',
            '\n' => 'n',
            '\u{c}' => 'f',
            '\r' => 'r',
            control if control < ' ' => {
                out.push_str(if control < '\u{10}' { "\\u000" } else { "\\u001" });
                out.push(char::from_digit(u32::from(control) & 0xf, 16).unwrap_or('0'));
                continue;
            }
            other => {
                out.push(other);
                continue;
            }
        };
        out.push('\\');
        out.push(short);
    }
    out.push('"');
}

/// Appends `,"name":` and a string.
pub(super) fn push_field(out: &mut String, name: &str, text: &str) {
    out.push_str(",\"");
    out.push_str(name);
    out.push_str("\":");
    push_string(out, text);
}
