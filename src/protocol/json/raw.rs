//! Walking objects and arrays whose names and length nobody knows beforehand, and writing a
//! value anew in one spelling.
//!
//! A value is handed over as its own text, so nothing is built that the caller does not keep
//! and skipping costs no stack; whoever looks inside walks that text again.

use std::fmt;

use serde::de::{Deserializer, MapAccess, SeqAccess, Visitor};
use serde_json::value::RawValue;

use super::{push_string, Malformed};

/// How deep [`compact`] looks.
const MAX_DEPTH: usize = 8;

/// Hands over each field of an object: its name, and its value's text.
///
/// # Errors
/// [`Malformed::NotJson`], also when the text is no object.
pub(crate) fn fields<'a>(text: &'a str, each: &mut dyn FnMut(String, &'a str)) -> Result<(), Malformed> {
    let mut deserializer = serde_json::Deserializer::from_str(text);
    let read = deserializer.deserialize_map(Fields(each)).and_then(|()| deserializer.end());
    read.map_err(|_| Malformed::NotJson)
}

/// Hands over the text of each item of an array.
///
/// # Errors
/// [`Malformed::NotJson`], also when the text is no array.
pub(crate) fn items<'a>(text: &'a str, each: &mut dyn FnMut(&'a str)) -> Result<(), Malformed> {
    let mut deserializer = serde_json::Deserializer::from_str(text);
    let read = deserializer.deserialize_seq(Items(each)).and_then(|()| deserializer.end());
    read.map_err(|_| Malformed::NotJson)
}

/// A string's characters; `None` when the text is another value.
pub(crate) fn string(text: &str) -> Option<String> {
    if !text.trim_start().starts_with('"') {
        return None;
    }
    serde_json::from_str(text).ok()
}

/// Writes a value without spaces, strings in the spelling of [`push_string`] and numbers as
/// they are, at most `most` bytes of it.
///
/// # Errors
/// [`Malformed::TooDeep`] beyond eight levels, [`Malformed::Repeated`] for a name that is there
/// twice, [`Malformed::Shape`] when it is too long, [`Malformed::NotJson`].
pub(crate) fn compact(text: &str, most: usize) -> Result<String, Malformed> {
    let mut out = String::new();
    write(text, most, MAX_DEPTH, &mut out)?;
    Ok(out)
}

fn write(text: &str, most: usize, depth: usize, out: &mut String) -> Result<(), Malformed> {
    let text = text.trim_matches([' ', '\n', '\r', '\t']);
    let below = depth.checked_sub(1).ok_or(Malformed::TooDeep)?;
    let mut outcome = Ok(());
    match text.as_bytes().first() {
        Some(b'{') => {
            let mut names: Vec<String> = Vec::new();
            out.push('{');
            fields(text, &mut |name, value| {
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
            items(text, &mut |item| {
                if outcome.is_ok() {
                    separate(out, std::mem::take(&mut first));
                    outcome = write(item, most, below, out);
                }
            })?;
            out.push(']');
        }
        Some(b'"') => push_string(out, &string(text).ok_or(Malformed::NotJson)?),
        _ => {
            // A number or a literal, which a raw value has been read as.
            let _: &RawValue = serde_json::from_str(text).map_err(|_| Malformed::NotJson)?;
            out.push_str(text);
        }
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

struct Fields<'f, 'a>(&'f mut dyn FnMut(String, &'a str));

impl<'de> Visitor<'de> for Fields<'_, 'de> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        while let Some(name) = map.next_key::<String>()? {
            (self.0)(name, map.next_value::<&RawValue>()?.get());
        }
        Ok(())
    }
}

struct Items<'f, 'a>(&'f mut dyn FnMut(&'a str));

impl<'de> Visitor<'de> for Items<'_, 'de> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an array")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<(), A::Error> {
        while let Some(item) = items.next_element::<&RawValue>()? {
            (self.0)(item.get());
        }
        Ok(())
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
