//! The tokenizer: one pass over a text, into the slots of a schema.
//!
//! What decides where a value ends is read here. What strings with escapes say, where they are
//! kept, and numbers other than whole ones, is left to `serde_json`.

use std::borrow::Cow;

use super::schema::{self, Field, Name};
use super::{Malformed, Node, MAX_DEPTH};
use crate::config::json::{self, Value};

/// How deep anything may be nested: twice what a payment may be.
const MOST: usize = 2 * MAX_DEPTH;

/// A text, as far as it was read.
pub(super) struct Reader<'a> {
    text: &'a str,
    at: usize,
    /// A known name appeared twice, or under another spelling.
    repeated: bool,
    /// How many brackets are open, and how many at most were.
    depth: usize,
    pub(super) deepest: usize,
}

// === impl Reader ===

impl<'a> Reader<'a> {
    pub(super) fn new(text: &'a str) -> Self {
        Self { text, at: 0, repeated: false, depth: 0, deepest: 0 }
    }

    /// Reads the one value that the text is; if it is an object, its members into these slots.
    ///
    /// # Errors
    /// [`Malformed::NotJson`], [`Malformed::Repeated`].
    pub(super) fn whole(&mut self, fields: &[Field], slots: &mut [Node<'a>]) -> Result<Node<'a>, Malformed> {
        let node = self.token().and_then(|token| self.value(token, fields, slots));
        let node = node.filter(|_| self.token().is_none());
        match node {
            None => Err(Malformed::NotJson),
            Some(_) if self.repeated => Err(Malformed::Repeated),
            Some(node) => Ok(node),
        }
    }

    /// A value whose first byte is behind us.
    fn value(&mut self, first: u8, fields: &[Field], slots: &mut [Node<'a>]) -> Option<Node<'a>> {
        match first {
            b'"' => self.string().map(Node::Text),
            b'{' | b'[' => self.items(first, fields, slots),
            _ => self.word().and_then(meaning),
        }
    }

    /// The same, of which nothing is kept.
    fn skip(&mut self, first: u8) -> Option<()> {
        match first {
            b'"' => self.quoted().map(drop),
            b'{' | b'[' => self.items(first, &[], &mut []).map(drop),
            // A number here may be beyond what anybody reads.
            _ => self.word().map(drop),
        }
    }

    /// An object or array whose bracket is behind us. Of either nothing is kept where no fields are.
    fn items(&mut self, bracket: u8, fields: &[Field], slots: &mut [Node<'a>]) -> Option<Node<'a>> {
        self.depth = self.depth.wrapping_add(1);
        self.deepest = self.deepest.max(self.depth);
        (self.depth <= MOST).then_some(())?;
        let is_object = bracket == b'{';
        // Two further in ASCII, for both.
        let close = bracket.wrapping_add(2);
        let mut token = self.token()?;
        while token != close {
            let mut known = None;
            if is_object {
                (token == b'"').then_some(())?;
                known = self.name(fields, slots)?;
                (self.token()? == b':').then_some(())?;
                token = self.token()?;
            }
            match known {
                None => self.skip(token)?,
                Some(place) => {
                    let from = place.wrapping_add(1);
                    let within = from..from.wrapping_add(fields.get(place)?.members());
                    let node = self.value(token, fields.get(within.clone())?, slots.get_mut(within)?)?;
                    *slots.get_mut(place)? = node;
                }
            }
            token = self.token()?;
            if token == b',' {
                token = self.token().filter(|token| *token != close)?;
            } else if token != close {
                return None;
            }
        }
        self.depth = self.depth.wrapping_sub(1);
        Some(if is_object && !fields.is_empty() { Node::Object } else { Node::Other })
    }

    /// A name whose first quote is behind us: the place of the field whose value is to be read.
    fn name(&mut self, fields: &[Field], slots: &[Node<'a>]) -> Option<Option<usize>> {
        if fields.is_empty() {
            return self.quoted().map(|_| None);
        }
        let name = schema::name(fields, &self.string()?);
        let known = match name {
            Name::Known(place) if matches!(slots.get(place), Some(Node::Absent)) => Some(place),
            _ => None,
        };
        self.repeated |= known.is_none() && !matches!(name, Name::Foreign);
        Some(known)
    }

    /// A string whose first quote is behind us.
    fn string(&mut self) -> Option<Cow<'a, str>> {
        let from = self.at;
        if !self.quoted()? {
            return self.text.get(from..self.at.wrapping_sub(1)).map(Cow::Borrowed);
        }
        match json::read(self.text.as_bytes().get(from.wrapping_sub(1)..self.at)?) {
            Ok(Value::Text(text)) => Some(text),
            _ => None,
        }
    }

    /// Passes over a string whose first quote is behind us; whether there are escapes in it. Half of
    /// a surrogate pair is as good as any here.
    fn quoted(&mut self) -> Option<bool> {
        let mut escaped = false;
        loop {
            self.at = self.at.wrapping_add(plain(self.text.as_bytes().get(self.at..)?));
            match self.next()? {
                b'"' => return Some(escaped),
                b'\\' => escaped = true,
                _ => return None,
            }
            match self.next()? {
                b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't' => {}
                b'u' => {
                    for _ in 0..4 {
                        self.next()?.is_ascii_hexdigit().then_some(())?;
                    }
                }
                _ => return None,
            }
        }
    }

    /// A number or a literal whose first byte is behind us, up to what may follow it.
    fn word(&mut self) -> Option<&'a str> {
        self.at = self.at.wrapping_sub(1);
        let rest = self.text.get(self.at..)?;
        let ends = |byte| matches!(byte, b',' | b'}' | b']' | b' ' | b'\n' | b'\r' | b'\t');
        let word = rest.get(..rest.bytes().position(ends).unwrap_or(rest.len()))?;
        self.at = self.at.wrapping_add(word.len());
        (matches!(word, "null" | "true" | "false") || is_number(word.as_bytes())).then_some(word)
    }

    fn next(&mut self) -> Option<u8> {
        let byte = self.text.as_bytes().get(self.at)?;
        self.at = self.at.wrapping_add(1);
        Some(*byte)
    }

    /// The next byte that is no space, JSON's own idea of it.
    fn token(&mut self) -> Option<u8> {
        loop {
            let byte = self.next()?;
            if !matches!(byte, b' ' | b'\n' | b'\r' | b'\t') {
                return Some(byte);
            }
        }
    }
}

/// What a word of JSON says; `None` for a number beyond a double.
fn meaning<'a>(word: &str) -> Option<Node<'a>> {
    if let Ok(number) = word.parse() {
        return Some(Node::Number(number));
    }
    match json::read(word.as_bytes()).ok()? {
        Value::Null => Some(Node::Null),
        Value::Bool(flag) => Some(Node::Flag(flag)),
        _ => Some(Node::Other),
    }
}

/// Whether this is a number of JSON (RFC 8259, 6).
fn is_number(word: &[u8]) -> bool {
    let word = word.strip_prefix(b"-").unwrap_or(word);
    let (whole, mut rest) = digits(word);
    let mut fine = whole == 1 || whole > 1 && !word.starts_with(b"0");
    if let [b'.', more @ ..] = rest {
        let (count, more) = digits(more);
        (fine, rest) = (fine && count > 0, more);
    }
    if let [b'e' | b'E', b'+' | b'-', more @ ..] | [b'e' | b'E', more @ ..] = rest {
        let (count, more) = digits(more);
        (fine, rest) = (fine && count > 0, more);
    }
    fine && rest.is_empty()
}

/// How many digits come first, and what follows them.
fn digits(text: &[u8]) -> (usize, &[u8]) {
    let count = text.iter().position(|byte| !byte.is_ascii_digit()).unwrap_or(text.len());
    (count, text.get(count..).unwrap_or_default())
}

/// How many bytes stand before the first quote, backslash or control character: eight at a time.
fn plain(bytes: &[u8]) -> usize {
    const EACH: u64 = 0x0101_0101_0101_0101;
    const fn all(byte: u8) -> u64 {
        EACH.wrapping_mul(byte as u64)
    }
    let mut at = 0usize;
    let (words, rest) = bytes.as_chunks::<8>();
    for word in words {
        let word = u64::from_le_bytes(*word);
        // The high bit of each byte below another, and of none before the first such.
        let below = |word: u64, other: u64| word.wrapping_sub(other) & !word;
        let found = below(word, all(0x20)) | below(word ^ all(b'"'), EACH) | below(word ^ all(b'\\'), EACH);
        let found = found & all(0x80);
        if found != 0 {
            return at.wrapping_add((found.trailing_zeros() / 8) as usize);
        }
        at = at.wrapping_add(8);
    }
    let special = |byte: &u8| matches!(byte, b'"' | b'\\' | 0..=0x1f);
    at.wrapping_add(rest.iter().position(special).unwrap_or(rest.len()))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde::de::IgnoredAny;

    use super::*;

    proptest! {
        #[test]
        fn strings_end_where_byte_by_byte_they_do(bytes in prop::collection::vec(any::<u8>(), 0..40)) {
            let special = |byte: &u8| *byte < 0x20 || *byte == b'"' || *byte == b'\\';
            let one_by_one = bytes.iter().position(special).unwrap_or(bytes.len());
            prop_assert_eq!(plain(&bytes), one_by_one);
        }
    }

    proptest! {
        #[test]
        fn numbers_are_those_of_serde_json(
            word in "-?(0|[0-9]{0,3})(\\.[0-9]{0,2})?([eE][+-]?[0-9]?)?[0-9.eE+-]?",
        ) {
            prop_assert_eq!(is_number(word.as_bytes()), serde_json::from_str::<IgnoredAny>(&word).is_ok());
        }

        #[test]
        fn what_is_skipped_is_what_serde_json_skips(
            text in r#"(\{|\}|\[|\]|"[a-z\\"/u0-9\x1f]{0,7}"|"k":|,|:|[0-9.eE+-]{1,3}|[1-9]|null|true|false| |\n){0,9}"#,
        ) {
            prop_assert_eq!(skips(&text), serde_json::from_str::<IgnoredAny>(&text).is_ok());
        }
    }

    fn skips(text: &str) -> bool {
        let mut reader = Reader::new(text);
        reader.token().and_then(|first| reader.skip(first)).is_some() && reader.token().is_none()
    }

    #[test]
    fn what_is_skipped_is_json() {
        for text in [
            r#"{"a":[],"b":[{}],"c":{"d":[1,-2.5e+3,0],"":""}}"#,
            " [ ] ",
            "[[],{},[{}]]",
            r#""\ud800\"\\\/\b\f\n\r\t\u00Ff""#,
            "1e999",
        ] {
            assert!(skips(text), "{text}");
        }
        for text in [
            "",
            "[",
            "{",
            "]",
            "}",
            "[}",
            "{]",
            "[1,]",
            "[,1]",
            "{,}",
            r#"{"a"}"#,
            r#"{"a":}"#,
            r#"{"a":1,}"#,
            r#"{"a":1}}"#,
            r#"["a":1]"#,
            r#"{"a","b"}"#,
            "{1:1}",
            "[1 1]",
            r#"{"a":1 "b":1}"#,
            "[[]",
            "[{]}",
            r#""\x""#,
            r#""\u12g4""#,
            r#""\u123""#,
            r#"""#,
            "\"\n\"",
            "01",
            "+1",
            ".1",
            "1.",
            "1e",
            "1e+",
            "-",
            "nul",
            "nulll",
        ] {
            assert!(!skips(text), "{text}");
        }
        let nested = |depth: usize| "[".repeat(depth) + &"]".repeat(depth);
        assert!(skips(&nested(64)) && !skips(&nested(65)));
        assert!(skips(&("{\"a\":[".repeat(32) + &"]}".repeat(32))));
    }

    #[test]
    fn every_byte_ends_a_string_or_none_beside_every_other() {
        for first in 0..=u8::MAX {
            for second in 0..=u8::MAX {
                let word = [b'a', first, second, b'~', first, b'"', 0x80, 0xff];
                let special = |byte: &u8| *byte < 0x20 || *byte == b'"' || *byte == b'\\';
                assert_eq!(Some(plain(&word)), word.iter().position(special), "{word:?}");
            }
        }
    }
}
