//! Writing JSON.

/// Appends `text` as a JSON string, quotes included, as RFC 8785 (3.2.2.2) and `JSON.stringify`
/// write it: the short escapes, `\u00xx` in lower case for other control characters, everything
/// else as it is.
#[inline(never)]
pub(crate) fn push_string(out: &mut String, text: &str) {
    out.push('"');
    let mut rest = text;
    let special = |byte: u8| matches!(byte, b'"' | b'\\' | 0..=0x1f);
    while let Some((plain, after)) = rest.bytes().position(special).and_then(|at| rest.split_at_checked(at)) {
        let byte = after.bytes().next().unwrap_or_default();
        let escape = match byte {
            b'"' => "\\\"",
            b'\\' => "\\\\",
            0x08 => "\\b",
            b'\t' => "\\t",
            b'\n' => "\\n",
            0x0c => "\\f",
            b'\r' => "\\r",
            0..=0x0f => "\\u000",
            _ => "\\u001",
        };
        extend(out, &[plain, escape]);
        if escape.ends_with(['0', '1']) {
            out.extend(char::from_digit(u32::from(byte) & 0xf, 16));
        }
        rest = after.get(1..).unwrap_or_default();
    }
    extend(out, &[rest, "\""]);
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn strings_are_those_of_a_json_writer() {
        let all: String = ('\0'..'\u{a0}').chain("é\u{2028}€😀\\\"".chars()).collect();
        for text in ["", "plain", "\"", "a\"b\\c", "\u{1f}é\u{0}", "\u{8}\u{c}\n", &all] {
            let mut out = String::new();
            push_string(&mut out, text);
            assert_eq!(out, serde_json::to_string(text).unwrap());
        }
    }
}
