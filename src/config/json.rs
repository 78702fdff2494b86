//! JSON text into a tree.

use std::borrow::Cow;
use std::cell::Cell;
use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};

pub(crate) use super::tree::Value;
use super::tree::MAX_DEPTH;

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
    let text = std::str::from_utf8(text).map_err(|error| JsonError::Utf8(error.valid_up_to()))?;
    let mut reader = serde_json::Deserializer::from_str(text);
    let too_deep = Cell::new(false);
    let value = Seed { depth: MAX_DEPTH, too_deep: &too_deep }.deserialize(&mut reader);
    if too_deep.get() {
        return Err(JsonError::Deep);
    }
    let value = value?;
    reader.end()?;
    Ok(value)
}

#[derive(Clone, Copy)]
struct Seed<'c> {
    depth: usize,
    /// Set in place of an error: an error of the format would carry it as formatted text.
    too_deep: &'c Cell<bool>,
}

/// A key, borrowed when it holds no escapes.
struct Key;

impl Seed<'_> {
    fn deeper(self) -> Option<Self> {
        let depth = self.depth.checked_sub(1);
        self.too_deep.set(self.too_deep.get() || depth.is_none());
        depth.map(|depth| Self { depth, ..self })
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
        let Some(seed) = self.deeper() else {
            while list.next_element::<IgnoredAny>()?.is_some() {}
            return Ok(Value::List(values));
        };
        while let Some(value) = list.next_element_seed(seed)? {
            values.push(value);
        }
        Ok(Value::List(values))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Value<'de>, A::Error> {
        let mut fields = Vec::new();
        let Some(seed) = self.deeper() else {
            while map.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
            return Ok(Value::Object(fields));
        };
        while let Some(key) = map.next_key_seed(Key)? {
            fields.push((key, map.next_value_seed(seed)?));
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
