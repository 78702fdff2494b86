//! Writing JSON.

/// Appends `text` as a JSON string, quotes included (RFC 8259, 7).
pub(crate) fn push_string(out: &mut String, text: &str) {
    out.push('"');
    for char in text.chars() {
        match char {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            control if control < ' ' => {
                out.push_str("\\u00");
                out.push(if control < '\u{10}' { '0' } else { '1' });
                out.extend(char::from_digit(u32::from(control) & 0xf, 16));
            }
            other => out.push(other),
        }
    }
    out.push('"');
}

/// Appends `before` and, as a JSON string, `text`.
#[inline(never)]
pub(crate) fn push_after(out: &mut String, before: &str, text: &str) {
    out.push_str(before);
    push_string(out, text);
}

/// Appends several texts: one call for many keeps the module small.
#[inline(never)]
pub(crate) fn extend(out: &mut String, parts: &[&str]) {
    for part in parts {
        out.push_str(part);
    }
}
