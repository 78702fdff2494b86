//! JWS in the compact form (RFC 7515, 7.1), and JSON written so that its bytes are settled.

use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use base64::Engine;

use super::Key;

/// `base64url(header).base64url(payload).base64url(signature)`.
pub(super) fn compact(key: &Key, header: &str, payload: &str) -> Option<String> {
    let mut jws = String::with_capacity(512);
    URL_SAFE_NO_PAD.encode_string(header, &mut jws);
    jws.push('.');
    URL_SAFE_NO_PAD.encode_string(payload, &mut jws);
    let signature = key.sign(jws.as_bytes())?;
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
            '"' => Some('"'),
            '\\' => Some('\\'),
            '\u{8}' => Some('b'),
            '\t' => Some('t'),
            '\n' => Some('n'),
            '\u{c}' => Some('f'),
            '\r' => Some('r'),
            _ => None,
        };
        match (short, char) {
            (Some(short), _) => out.extend(['\\', short]),
            (None, control) if control < ' ' => {
                out.push_str("\\u00");
                let byte = u32::from(control);
                out.extend(
                    [byte >> 4, byte & 0xf].into_iter().filter_map(|digit| char::from_digit(digit, 16)),
                );
            }
            (None, other) => out.push(other),
        }
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
