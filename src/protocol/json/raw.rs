//! Walking objects and arrays whose names and length nobody knows beforehand, and writing a
//! value anew in one spelling.
//!
//! A text is read once as JSON, by the tokenizer that reads payments, and is cut at its commas
//! afterwards. Values are handed over as their own text, so nothing is built that the caller
//! does not keep.

use super::{push_string, read_deeper, value, Field, Malformed, Node, Strings};

/// How deep [`compact`] looks.
const MAX_DEPTH: usize = 8;

/// Hands over each field of an object: its name, and its value's text.
///
/// # Errors
/// [`Malformed::NotJson`], also when the text is no object.
pub(crate) fn fields<'a>(text: &'a str, each: &mut dyn FnMut(String, &'a str)) -> Result<(), Malformed> {
    value(text)?;
    cut_fields(text, each)
}

/// The text of each of a schema's fields; null is as good as absent. The rules are those of
/// payments: a name said twice, or in another spelling, is nobody's answer.
///
/// # Errors
/// What [`read_deeper`] refuses.
pub(crate) fn members<'a, const N: usize>(
    text: &'a str,
    fields: &'static [Field],
) -> Result<[Option<&'a str>; N], Malformed> {
    let mut found = [None; N];
    fill(text, fields, &mut found)?;
    Ok(found)
}

/// One copy of the code for any number of fields.
#[inline(never)]
fn fill<'a>(text: &'a str, fields: &'static [Field], found: &mut [Option<&'a str>]) -> Result<(), Malformed> {
    read_deeper(text, fields)?;
    cut_fields(text, &mut |name, value| {
        let place = fields.iter().position(|field| field.name() == name);
        if let Some(slot) = place.and_then(|place| found.get_mut(place)) {
            *slot = (value != "null").then_some(value);
        }
    })
}

/// Hands over the text of each item of an array.
///
/// # Errors
/// [`Malformed::NotJson`], also when the text is no array.
pub(crate) fn items<'a>(text: &'a str, each: &mut dyn FnMut(&'a str)) -> Result<(), Malformed> {
    value(text)?;
    cut(inside(text, '[', ']').ok_or(Malformed::NotJson)?, each);
    Ok(())
}

/// A string's characters; `None` when the text is another value.
pub(crate) fn string(text: &str) -> Option<String> {
    match value(text) {
        Ok(Node::Text(text)) => Some(text.into_owned()),
        _ => None,
    }
}

/// Writes a value without spaces, strings in the spelling of [`push_string`] and numbers as
/// they are, in at most `most` bytes.
///
/// # Errors
/// [`Malformed::TooDeep`] beyond eight levels, [`Malformed::Repeated`] for a name that is there
/// twice, [`Malformed::Shape`] when it is too long, [`Malformed::NotJson`].
pub(crate) fn compact(text: &str, most: usize) -> Result<String, Malformed> {
    value(text)?;
    let mut out = String::new();
    write(text, most, MAX_DEPTH, &mut out)?;
    Ok(out)
}

fn write(text: &str, most: usize, depth: usize, out: &mut String) -> Result<(), Malformed> {
    let text = trim(text);
    let below = depth.checked_sub(1).ok_or(Malformed::TooDeep)?;
    let mut outcome = Ok(());
    match text.as_bytes().first() {
        Some(b'{') => {
            let mut names: Vec<String> = Vec::new();
            out.push('{');
            cut_fields(text, &mut |name, value| {
                if outcome.is_err() {
                    return;
                }
                if names.contains(&name) {
                    outcome = Err(Malformed::Repeated);
                    return;
                }
                separate(out, names.is_empty());
                push_string(out, &name);
                out.push(':');
                names.push(name);
                outcome = write(value, most, below, out);
            })?;
            out.push('}');
        }
        Some(b'[') => {
            let mut first = true;
            out.push('[');
            cut(inside(text, '[', ']').ok_or(Malformed::NotJson)?, &mut |item| {
                if outcome.is_ok() {
                    separate(out, std::mem::take(&mut first));
                    outcome = write(item, most, below, out);
                }
            });
            out.push(']');
        }
        Some(b'"') => push_string(out, &string(text).ok_or(Malformed::NotJson)?),
        _ => out.push_str(text),
    }
    outcome?;
    if out.len() > most {
        return Err(Malformed::Shape("short value"));
    }
    Ok(())
}

fn separate(out: &mut String, first: bool) {
    if !first {
        out.push(',');
    }
}

/// JSON's own idea of space.
fn trim(text: &str) -> &str {
    text.trim_matches([' ', '\n', '\r', '\t'])
}

fn inside(text: &str, open: char, close: char) -> Option<&str> {
    trim(text).strip_prefix(open)?.strip_suffix(close).map(trim)
}

/// The fields of a text that is JSON.
fn cut_fields<'a>(text: &'a str, each: &mut dyn FnMut(String, &'a str)) -> Result<(), Malformed> {
    let mut outcome = Ok(());
    cut(inside(text, '{', '}').ok_or(Malformed::NotJson)?, &mut |field| {
        let (name, rest) = field.split_at_checked(first_end(field)).unwrap_or((field, ""));
        match (string(name), trim(rest).strip_prefix(':')) {
            (Some(name), Some(value)) => each(name, trim(value)),
            // Half a character, which the tokenizer skips over and does not read.
            _ => outcome = Err(Malformed::NotJson),
        }
    });
    outcome
}

/// Where the string ends that a text begins with.
fn first_end(text: &str) -> usize {
    let mut strings = Strings::default();
    let end = text.bytes().position(|byte| !strings.holds(byte) && byte == b':');
    end.unwrap_or(text.len())
}

/// Cuts what stands in brackets at its commas.
fn cut<'a>(inside: &'a str, each: &mut dyn FnMut(&'a str)) {
    let (mut strings, mut depth, mut from) = (Strings::default(), 0usize, 0usize);
    for (at, byte) in inside.bytes().enumerate() {
        if strings.holds(byte) {
            continue;
        }
        match byte {
            b'{' | b'[' => depth = depth.saturating_add(1),
            b'}' | b']' => depth = depth.saturating_sub(1),
            b',' if depth == 0 => {
                each(trim(inside.get(from..at).unwrap_or_default()));
                from = at.saturating_add(1);
            }
            _ => {}
        }
    }
    let last = trim(inside.get(from..).unwrap_or_default());
    if !last.is_empty() {
        each(last);
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::Value;

    use super::*;

    #[test]
    fn a_value_is_written_anew_in_one_spelling() {
        let written = compact(
            " { \"a\" : [ 1 , -2.50e+3, { } , [] ],\n\"\\u0062\":\"\\u0041\\n\" , \"c\":null } ",
            100,
        );
        assert_eq!(written.as_deref(), Ok(r#"{"a":[1,-2.50e+3,{},[]],"b":"A\n","c":null}"#));
    }

    #[test]
    fn what_cannot_be_passed_on_is_refused() {
        assert_eq!(compact(r#"{"a":1,"\u0061":2}"#, 100), Err(Malformed::Repeated));
        assert_eq!(compact(r#"{"a":"\ud800"}"#, 100), Err(Malformed::NotJson), "half a character");
        assert_eq!(compact(&("[".repeat(9) + &"]".repeat(9)), 100), Err(Malformed::TooDeep));
        assert!(compact(&("[".repeat(8) + &"]".repeat(8)), 100).is_ok());
        assert!(matches!(compact(&format!("\"{}\"", "x".repeat(99)), 100), Err(Malformed::Shape(_))));
        for text in ["", " ", "{", "[1", "tru", "01", "{\"a\"}", "1 2", "nan", "{}x"] {
            assert!(compact(text, 100).is_err(), "{text:?}");
        }
    }

    proptest! {
        #[test]
        fn what_is_written_means_the_same(text in r#"[\[\]{}":,0-9a-z\\ .-]{0,40}"#) {
            match compact(&text, 1_000) {
                Ok(written) => {
                    let (theirs, ours): (Value, Value) =
                        (serde_json::from_str(&text).unwrap(), serde_json::from_str(&written).unwrap());
                    prop_assert_eq!(theirs, ours);
                    prop_assert_eq!(compact(&written, 1_000), Ok(written));
                }
                Err(Malformed::NotJson) => prop_assert!(serde_json::from_str::<Value>(&text).is_err()),
                Err(_) => {}
            }
        }
    }
}
