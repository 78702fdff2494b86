//! JSON text into a tree.

use std::borrow::Cow;
use std::cell::Cell;
use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};

pub(crate) use super::tree::Value;
use super::tree::{Each, APART, MAX_DEPTH};

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

/// The same, with the items of its list [`APART`] handed over. When there is more than one, those
/// of the first that is not null.
pub(super) fn read_apart<'b>(text: &'b [u8], each: Option<Each<'_, 'b>>) -> Result<Value<'b>, JsonError> {
    let text = std::str::from_utf8(text).map_err(|error| JsonError::Utf8(error.valid_up_to()))?;
    let mut reader = serde_json::Deserializer::from_str(text);
    let too_deep = Cell::new(false);
    let value = Seed { depth: MAX_DEPTH, too_deep: &too_deep, each }.deserialize(&mut reader);
    if too_deep.get() {
        return Err(JsonError::Deep);
    }
    let value = value?;
    reader.end()?;
    Ok(value)
}

#[derive(Clone, Copy)]
struct Seed<'c, 'de> {
    depth: usize,
    /// Set in place of an error: an error of the format would carry it as formatted text.
    too_deep: &'c Cell<bool>,
    /// Who takes items: of this list, or of the object's list [`APART`].
    each: Option<Each<'c, 'de>>,
}

/// A key, borrowed when it holds no escapes.
struct Key;

impl Seed<'_, '_> {
    fn deeper(self) -> Option<Self> {
        let depth = self.depth.checked_sub(1);
        self.too_deep.set(self.too_deep.get() || depth.is_none());
        depth.map(|depth| Self { depth, each: None, ..self })
    }
}

impl<'de> DeserializeSeed<'de> for Seed<'_, 'de> {
    type Value = Value<'de>;

    fn deserialize<D: Deserializer<'de>>(self, reader: D) -> Result<Value<'de>, D::Error> {
        reader.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Seed<'_, 'de> {
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
            match self.each {
                Some(each) => (each.take)(value),
                None => values.push(value),
            }
        }
        Ok(Value::List(values))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Value<'de>, A::Error> {
        let mut fields = Vec::new();
        let Some(seed) = self.deeper() else { return Ok(Value::Null) };
        let mut apart = self.each;
        while let Some(key) = map.next_key_seed(Key)? {
            let each = apart.filter(|_| key == APART);
            if each.is_none() && self.each.is_some_and(|each| each.alone) {
                map.next_value::<IgnoredAny>()?;
                continue;
            }
            let value = map.next_value_seed(Seed { each, ..seed })?;
            apart = apart.filter(|_| each.is_none() || matches!(value, Value::Null));
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
