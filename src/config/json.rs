//! JSON text into a tree.

use std::borrow::Cow;
use std::cell::Cell;
use std::fmt;
use std::ops::Range;

use serde::de::{DeserializeSeed, Deserializer, MapAccess, SeqAccess, Visitor};

pub(crate) use super::tree::Value;
use super::tree::{Count, APART, MAX_DEPTH};

/// Why a text is not read.
#[derive(Debug, thiserror::Error)]
pub(crate) enum JsonError {
    #[error("the text is not UTF-8 from byte {0} on")]
    Utf8(usize),
    #[error("nested too deeply")]
    Deep,
    /// With line and column.
    #[error(transparent)]
    Syntax(#[from] serde_json::Error),
}

/// Reads one JSON value and nothing after it.
pub(crate) fn read(text: &[u8]) -> Result<Value<'_>, JsonError> {
    read_apart(text, None)
}

/// The same, with the items of its list [`APART`] counted and not kept. When there is more than one,
/// those of the first that is not null.
#[inline(never)]
pub(super) fn read_apart<'b>(text: &'b [u8], count: Option<Count<'_>>) -> Result<Value<'b>, JsonError> {
    let text = std::str::from_utf8(text).map_err(|error| JsonError::Utf8(error.valid_up_to()))?;
    let mut reader = serde_json::Deserializer::from_str(text);
    let too_deep = Cell::new(false);
    let value = Seed { depth: MAX_DEPTH, too_deep: &too_deep, count }.deserialize(&mut reader);
    if too_deep.get() {
        return Err(JsonError::Deep);
    }
    let value = value?;
    reader.end()?;
    Ok(value)
}

/// The items of the list [`APART`] of an object: where its value stands in the text, and where its
/// first item begins. The text was read before.
pub(super) fn find_apart(text: &[u8]) -> Option<(Range<usize>, usize)> {
    let mut at = text.iter().position(|byte| *byte == b'{')?;
    loop {
        let key = at.checked_add(1)?;
        let colon = end(text, key);
        let value = colon.checked_add(1)?;
        at = end(text, value);
        let is_apart = read(text.get(key..colon)?).ok()? == Value::Text(APART.into());
        let written = text.get(value..at)?;
        if is_apart && written.trim_ascii() != b"null" {
            let open = written.iter().position(|byte| !byte.is_ascii_whitespace())?;
            let list = value.checked_add(open)?;
            return (text.get(list) == Some(&b'[')).then_some((value..at, list.checked_add(1)?));
        }
    }
}

/// The value that the first item of a list is, and what follows.
pub(super) fn first(list: &[u8]) -> Option<(Value<'_>, &[u8])> {
    let end = end(list, 0);
    Some((read(list.get(..end)?).ok()?, list.get(end.checked_add(1)?..).unwrap_or_default()))
}

/// Where the value ends that begins here: at the comma, colon or bracket after it.
fn end(text: &[u8], mut at: usize) -> usize {
    let (mut depth, mut quoted) = (0_usize, false);
    while let Some(byte) = text.get(at) {
        match byte {
            b'\\' => at = at.saturating_add(1),
            b'"' => quoted = !quoted,
            _ if quoted => {}
            b'[' | b'{' => depth = depth.saturating_add(1),
            b']' | b'}' | b',' | b':' if depth == 0 => break,
            b']' | b'}' => depth = depth.saturating_sub(1),
            _ => {}
        }
        at = at.saturating_add(1);
    }
    at
}

#[derive(Clone, Copy)]
struct Seed<'c> {
    depth: usize,
    /// Set in place of an error: an error of the format would carry it as formatted text.
    too_deep: &'c Cell<bool>,
    /// For items of this list, or of the object's list [`APART`].
    count: Option<Count<'c>>,
}

/// A key, borrowed when it holds no escapes.
struct Key;

impl Seed<'_> {
    fn deeper(self) -> Option<Self> {
        let depth = self.depth.checked_sub(1);
        self.too_deep.set(self.too_deep.get() || depth.is_none());
        depth.map(|depth| Self { depth, count: None, ..self })
    }
}

impl<'de> DeserializeSeed<'de> for Seed<'_> {
    type Value = Value<'de>;

    fn deserialize<D: Deserializer<'de>>(self, reader: D) -> Result<Value<'de>, D::Error> {
        reader.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Seed<'_> {
    type Value = Value<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON value")
    }

    fn visit_unit<E>(self) -> Result<Value<'de>, E> {
        Ok(Value::Null)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Value<'de>, E> {
        Ok(Value::Bool(value))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Value<'de>, E> {
        Ok(Value::Number(value as f64))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Value<'de>, E> {
        Ok(Value::Number(value as f64))
    }

    fn visit_f64<E>(self, value: f64) -> Result<Value<'de>, E> {
        Ok(Value::Number(value))
    }

    fn visit_borrowed_str<E>(self, text: &'de str) -> Result<Value<'de>, E> {
        Ok(Value::Text(Cow::Borrowed(text)))
    }

    fn visit_str<E>(self, text: &str) -> Result<Value<'de>, E> {
        Ok(Value::Text(Cow::Owned(text.to_owned())))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Value<'de>, A::Error> {
        let mut values = Vec::new();
        // What is too deep is not read on: the reader stumbles over the rest, and is not asked.
        let Some(seed) = self.deeper() else { return Ok(Value::Null) };
        while let Some(value) = list.next_element_seed(seed)? {
            match self.count {
                Some(count) => count.set(count.get().saturating_add(1)),
                None => values.push(value),
            }
        }
        Ok(Value::List(values))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Value<'de>, A::Error> {
        let mut fields = Vec::new();
        let Some(seed) = self.deeper() else { return Ok(Value::Null) };
        let mut apart = self.count;
        while let Some(key) = map.next_key_seed(Key)? {
            let count = apart.filter(|_| key == APART);
            let value = map.next_value_seed(Seed { count, ..seed })?;
            apart = apart.filter(|_| count.is_none() || matches!(value, Value::Null));
            fields.push((key, value));
        }
        Ok(Value::Object(fields))
    }
}

impl<'de> DeserializeSeed<'de> for Key {
    type Value = Cow<'de, str>;

    fn deserialize<D: Deserializer<'de>>(self, reader: D) -> Result<Self::Value, D::Error> {
        reader.deserialize_str(self)
    }
}

impl<'de> Visitor<'de> for Key {
    type Value = Cow<'de, str>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a key")
    }

    fn visit_borrowed_str<E>(self, text: &'de str) -> Result<Self::Value, E> {
        Ok(Cow::Borrowed(text))
    }

    fn visit_str<E>(self, text: &str) -> Result<Self::Value, E> {
        Ok(Cow::Owned(text.to_owned()))
    }
}
