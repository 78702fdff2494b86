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
