//! A binary `google.protobuf.Struct` into a tree.
//!
//! Envoy hands a plugin configuration of type `Struct` over as protobuf bytes (1.40; Istio
//! and Envoy Gateway make JSON of it first). Three message types are all there is:
//! `Struct { map<string, Value> fields = 1 }`, `ListValue { repeated Value values = 1 }` and
//! `Value { null 1 | number 2 | string 3 | bool 4 | struct 5 | list 6 }`.

use std::borrow::Cow;

use super::tree::{Value, APART, MAX_DEPTH};

/// Why bytes are no `Struct`.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub(super) enum StructError {
    #[error("the bytes end in the middle of a field")]
    Short,
    #[error("a field has a number or wire type that a Struct does not have")]
    Field,
    #[error("a text is not UTF-8")]
    Text,
    #[error("nested too deeply")]
    Deep,
}

/// Bytes not yet read.
struct Bytes<'a>(&'a [u8]);

/// One field of a message.
enum Field<'a> {
    Varint(u64),
    Fixed(f64),
    Bytes(&'a [u8]),
}

/// Reads a `Struct`, and counts the items of its list [`APART`] without keeping them: when there is
/// more than one, those of the first that is not null. Work and memory are linear in the bytes: each is
/// looked at once a level, and levels are bounded.
pub(super) fn read_apart<'b>(
    bytes: &'b [u8],
    apart: Option<&mut Apart<'b>>,
) -> Result<Value<'b>, StructError> {
    read_struct(bytes, MAX_DEPTH, apart)
}

/// The value that a list's first item is, and what follows.
pub(super) fn first<'b>(list: &'b [u8]) -> Option<(Value<'b>, &'b [u8])> {
    let mut list = Bytes(list);
    let (1, Field::Bytes(item)) = list.field().ok()?? else { return None };
    Some((read_value(item, MAX_DEPTH, None).ok()?, list.0))
}

/// A field of a `Struct`: [`APART`], an empty list.
pub(super) const EMPTY: &[u8] = b"\x0a\x0c\x0a\x06routes\x12\x02\x32\x00";

/// The list [`APART`], if it was met.
#[derive(Default)]
pub(super) struct Apart<'b> {
    pub(super) count: usize,
    /// The whole field of the outermost `Struct`, and the list in it.
    pub(super) field: &'b [u8],
    pub(super) list: &'b [u8],
}

fn read_struct<'b>(
    bytes: &'b [u8],
    depth: usize,
    mut apart: Option<&mut Apart<'b>>,
) -> Result<Value<'b>, StructError> {
    let depth = depth.checked_sub(1).ok_or(StructError::Deep)?;
    let mut fields = Vec::new();
    let mut bytes = Bytes(bytes);
    loop {
        let rest = bytes.0;
        let Some(field) = bytes.field()? else { return Ok(Value::Object(fields)) };
        let (1, Field::Bytes(entry)) = field else { return Err(StructError::Field) };
        let mut entry = Bytes(entry);
        let (mut key, mut value) = ("", Value::Null);
        while let Some(field) = entry.field()? {
            match field {
                (1, Field::Bytes(bytes)) => key = text(bytes)?,
                (2, Field::Bytes(bytes)) => {
                    // A key or a value that comes after it would count in its place.
                    let apart = apart.as_deref_mut().filter(|_| key == APART && entry.0.is_empty());
                    value = read_value(bytes, depth, apart)?;
                }
                _ => return Err(StructError::Field),
            }
        }
        if key == APART && value != Value::Null {
            if let Some(apart) = apart.take() {
                apart.field = rest.strip_suffix(bytes.0).unwrap_or_default();
            }
        }
        fields.push((Cow::Borrowed(key), value));
    }
}

fn read_list<'b>(
    bytes: &'b [u8],
    depth: usize,
    mut apart: Option<&mut Apart<'b>>,
) -> Result<Value<'b>, StructError> {
    let depth = depth.checked_sub(1).ok_or(StructError::Deep)?;
    let mut values = Vec::new();
    if let Some(apart) = &mut apart {
        apart.list = bytes;
    }
    let mut bytes = Bytes(bytes);
    while let Some(field) = bytes.field()? {
        let (1, Field::Bytes(value)) = field else { return Err(StructError::Field) };
        let value = read_value(value, depth, None)?;
        match &mut apart {
            Some(apart) => apart.count = apart.count.saturating_add(1),
            None => values.push(value),
        }
    }
    Ok(Value::List(values))
}

fn read_value<'b>(
    bytes: &'b [u8],
    depth: usize,
    mut apart: Option<&mut Apart<'b>>,
) -> Result<Value<'b>, StructError> {
    let mut value = Value::Null;
    let mut bytes = Bytes(bytes);
    while let Some(field) = bytes.field()? {
        value = match field {
            (1, Field::Varint(_)) => Value::Null,
            (2, Field::Fixed(number)) => Value::Number(number),
            (3, Field::Bytes(bytes)) => Value::Text(Cow::Borrowed(text(bytes)?)),
            (4, Field::Varint(flag)) => Value::Bool(flag != 0),
            (5, Field::Bytes(bytes)) => read_struct(bytes, depth, None)?,
            (6, Field::Bytes(list)) => {
                read_list(list, depth, apart.as_deref_mut().filter(|_| bytes.0.is_empty()))?
            }
            _ => return Err(StructError::Field),
        };
    }
    Ok(value)
}

fn text(bytes: &[u8]) -> Result<&str, StructError> {
    std::str::from_utf8(bytes).map_err(|_| StructError::Text)
}

// === impl Bytes ===

impl<'a> Bytes<'a> {
    fn field(&mut self) -> Result<Option<(u64, Field<'a>)>, StructError> {
        if self.0.is_empty() {
            return Ok(None);
        }
        let tag = self.varint()?;
        let field = match tag & 7 {
            0 => Field::Varint(self.varint()?),
            1 => {
                let (bytes, rest) = self.0.split_first_chunk::<8>().ok_or(StructError::Short)?;
                self.0 = rest;
                Field::Fixed(f64::from_le_bytes(*bytes))
            }
            2 => {
                let len = usize::try_from(self.varint()?).map_err(|_| StructError::Short)?;
                let (bytes, rest) = self.0.split_at_checked(len).ok_or(StructError::Short)?;
                self.0 = rest;
                Field::Bytes(bytes)
            }
            _ => return Err(StructError::Field),
        };
        Ok(Some((tag >> 3, field)))
    }

    fn varint(&mut self) -> Result<u64, StructError> {
        let mut value = 0_u64;
        for shift in (0..64_u32).step_by(7) {
            let (&byte, rest) = self.0.split_first().ok_or(StructError::Short)?;
            self.0 = rest;
            value |= u64::from(byte & 0x7f).checked_shl(shift).unwrap_or(0);
            if byte & 0x80 == 0 {
                return Ok(value);
            }
        }
        Err(StructError::Field)
    }
}
