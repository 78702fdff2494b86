//! Whether a payment repeats what was declared.
//!
//! The payment's text is walked once, along the declaration: what the declaration does not
//! name is skipped without being kept, so the work is bounded by the text, the depth and the
//! memory by the declaration.

use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};

use crate::config::json::{self, Value};

/// Whether every declared `info` (as [`super::fixed`] gives them) that the payment repeats
/// holds the declared one. `payload` is the payment's JSON.
///
/// A text that is no JSON, and a name that stands there twice, repeat nothing faithfully.
pub fn agrees(payload: &str, declared: &[(&'static str, String)]) -> bool {
    if declared.is_empty() {
        return true;
    }
    let mut extensions = Vec::with_capacity(declared.len());
    for (name, info) in declared {
        let Ok(info) = json::read(info.as_bytes()) else { return false };
        extensions.push(((*name).into(), Value::Object(vec![("info".into(), info)])));
    }
    let expected = Value::Object(vec![("extensions".into(), Value::Object(extensions))]);
    let mut reader = serde_json::Deserializer::from_str(payload);
    let agrees = Within { expected: &expected, how: How::Optional(1) }.deserialize(&mut reader);
    agrees.unwrap_or(false) && reader.end().is_ok()
}

/// How a value compares.
#[derive(Clone, Copy)]
enum How {
    /// Members may be missing, here and so many levels below; null stands for none.
    Optional(u8),
    /// Every expected member is there; there may be more.
    Subset,
    /// The same.
    Exact,
}

/// Reads one value; whether it is as expected.
#[derive(Clone, Copy)]
struct Within<'t> {
    expected: &'t Value<'t>,
    how: How,
}

/// Reads a name; its place among the expected ones.
struct Place<'t>(&'t [(std::borrow::Cow<'t, str>, Value<'t>)]);

// === impl How ===

impl How {
    /// For the members of an object.
    fn below(self) -> Self {
        match self {
            Self::Optional(levels) => levels.checked_sub(1).map_or(Self::Subset, Self::Optional),
            other => other,
        }
    }
}

impl<'de> DeserializeSeed<'de> for Within<'_> {
    type Value = bool;

    fn deserialize<D: Deserializer<'de>>(self, reader: D) -> Result<bool, D::Error> {
        reader.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Within<'_> {
    type Value = bool;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a value")
    }

    fn visit_unit<E>(self) -> Result<bool, E> {
        Ok(matches!(self.how, How::Optional(_)) || *self.expected == Value::Null)
    }

    fn visit_bool<E>(self, value: bool) -> Result<bool, E> {
        Ok(*self.expected == Value::Bool(value))
    }

    fn visit_u64<E>(self, value: u64) -> Result<bool, E> {
        Ok(*self.expected == Value::Number(value as f64))
    }

    fn visit_i64<E>(self, value: i64) -> Result<bool, E> {
        Ok(*self.expected == Value::Number(value as f64))
    }

    fn visit_f64<E>(self, value: f64) -> Result<bool, E> {
        Ok(*self.expected == Value::Number(value))
    }

    fn visit_str<E>(self, value: &str) -> Result<bool, E> {
        Ok(matches!(self.expected, Value::Text(text) if text == value))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<bool, A::Error> {
        let mut same = true;
        if let Value::List(expected) = self.expected {
            for expected in expected {
                // The SDK compares lists item by item, and items as wholes.
                let item = Within { expected, how: How::Exact };
                same &= items.next_element_seed(item)?.unwrap_or(false);
            }
        } else {
            same = false;
        }
        while items.next_element::<IgnoredAny>()?.is_some() {
            same = false;
        }
        Ok(same)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<bool, A::Error> {
        let fields = match self.expected {
            Value::Object(fields) => fields.as_slice(),
            _ => &[],
        };
        let mut same = matches!(self.expected, Value::Object(_));
        let mut seen = vec![false; fields.len()];
        while let Some(place) = map.next_key_seed(Place(fields))? {
            match place.and_then(|place| fields.get(place).zip(seen.get_mut(place))) {
                Some(((_, expected), seen)) if !*seen => {
                    *seen = true;
                    same &= map.next_value_seed(Within { expected, how: self.how.below() })?;
                }
                known => {
                    same &= known.is_none() && !matches!(self.how, How::Exact);
                    map.next_value::<IgnoredAny>()?;
                }
            }
        }
        let whole = seen.iter().all(|seen| *seen) || matches!(self.how, How::Optional(_));
        Ok(same && whole)
    }
}

impl<'de> DeserializeSeed<'de> for Place<'_> {
    type Value = Option<usize>;

    fn deserialize<D: Deserializer<'de>>(self, reader: D) -> Result<Self::Value, D::Error> {
        reader.deserialize_str(self)
    }
}

impl Visitor<'_> for Place<'_> {
    type Value = Option<usize>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a name")
    }

    fn visit_str<E>(self, name: &str) -> Result<Self::Value, E> {
        Ok(self.0.iter().position(|(expected, _)| *expected == name))
    }
}
