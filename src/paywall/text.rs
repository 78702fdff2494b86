//! Words and figures for people, from whatever was sent or configured.

use crate::money::Amount;

/// Appends what needs no escaping. A call, where the method would be inlined at every place.
#[inline(never)]
pub(super) fn put(out: &mut String, text: &str) {
    out.push_str(text);
}

/// Appends text for an HTML element or a quoted attribute. What could reorder or hide text in a
/// reader's eyes (control and bidirectional formatting characters) is shown as a replacement.
#[inline(never)]
pub(super) fn escape(out: &mut String, text: &str) {
    let mut rest = text;
    loop {
        // Most of it is the quote, in base64.
        let plain = rest.bytes().take_while(|byte| is_plain(*byte)).count();
        let (run, after) = rest.split_at_checked(plain).unwrap_or((rest, ""));
        put(out, run);
        let mut chars = after.chars();
        match chars.next() {
            None => return,
            Some('&') => put(out, "&amp;"),
            Some('<') => put(out, "&lt;"),
            Some('>') => put(out, "&gt;"),
            Some('"') => put(out, "&quot;"),
            Some('\'') => put(out, "&#39;"),
            Some(c) if (c.is_control() && c != '\n') || is_format(c) => out.push('\u{fffd}'),
            Some(c) => out.push(c),
        }
        rest = chars.as_str();
    }
}

/// Whether a byte is a letter that stands for itself.
fn is_plain(byte: u8) -> bool {
    matches!(byte, b' '..=b'~') && !matches!(byte, b'&' | b'<' | b'>' | b'"' | b'\'')
}

fn is_format(c: char) -> bool {
    matches!(c, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}')
}

/// Base units as a decimal number of whole tokens: 5000 of six decimals is 0.005.
pub(super) fn amount(units: Amount, decimals: u8) -> String {
    let digits = units.to_string();
    let decimals = usize::from(decimals);
    let width = decimals.saturating_add(1);
    let padded = format!("{digits:0>width$}");
    let (whole, fraction) = padded.split_at(padded.len().saturating_sub(decimals));
    match fraction.trim_end_matches('0') {
        "" => whole.to_owned(),
        fraction => format!("{whole}.{fraction}"),
    }
}

/// A network's name with capitals: `base-sepolia` is Base Sepolia. Without a name, a network.
pub(super) fn network(name: &str) -> String {
    if name.is_empty() {
        return "the network".to_owned();
    }
    let mut out = String::with_capacity(name.len());
    for word in name.split('-') {
        if !out.is_empty() {
            out.push(' ');
        }
        let mut letters = word.chars();
        out.extend(letters.next().map(|first| first.to_ascii_uppercase()));
        out.push_str(letters.as_str());
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_that_is_interpolated_can_leave_its_place() {
        let mut out = String::new();
        escape(&mut out, "<img src=x onerror='a(\"b\")'>&amp;\u{202e}\u{0}\r\u{200b}é");
        let expected = "&lt;img src=x onerror=&#39;a(&quot;b&quot;)&#39;&gt;&amp;amp;";
        assert_eq!(out, format!("{expected}\u{fffd}\u{fffd}\u{fffd}\u{fffd}é"));
    }

    #[test]
    fn amounts_read_as_people_write_them() {
        for (units, decimals, text) in [
            (5_000, 6, "0.005"),
            (1_000_000, 6, "1"),
            (1_500_000, 6, "1.5"),
            (12_345_678, 6, "12.345678"),
            (1, 18, "0.000000000000000001"),
            (7, 0, "7"),
            (100, 0, "100"),
            (0, 6, "0"),
        ] {
            assert_eq!(amount(Amount::from_u64(units), decimals), text);
        }
        let most = Amount::parse(&format!("{}", ruint::aliases::U256::MAX)).unwrap();
        assert!(amount(most, 36).starts_with("115792089237316195423570985008687907853269.98"));
    }

    #[test]
    fn networks_are_called_by_name() {
        assert_eq!(network("base-sepolia"), "Base Sepolia");
        assert_eq!(network("polygon"), "Polygon");
        assert_eq!(network(""), "the network");
    }
}
