//! Reading a few known fields out of a hostile JSON object, in one pass, and writing
//! strings into one.
//!
//! serde's derived readers take an array for a struct and skip names they do not know.
//! Both are wrong here, because a facilitator reads the same text with another parser: Go's
//! matches names without regard to case and keeps the last one, so `"Signature"` beside
//! `"signature"` would let it settle something else than what was verified. A known name
//! may therefore appear once, and no name that folds to it may appear at all.

use std::borrow::Cow;
use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, Error, IgnoredAny, MapAccess, SeqAccess, Visitor};

use super::Malformed;

/// How deep objects and arrays may be nested; a payment with its extensions needs 8.
pub const MAX_DEPTH: usize = 32;

/// The fields read from one object; all others are skipped.
#[derive(Debug)]
pub(super) struct Schema(pub(super) &'static [Field]);

/// One field: its name, where it stands in the payload, and what to read from an object in
/// its place.
#[derive(Debug)]
pub(super) struct Field {
    pub(super) name: &'static str,
    pub(super) path: &'static str,
    pub(super) schema: Option<&'static Schema>,
}

/// What stands in a field's place.
#[derive(Debug)]
pub(super) enum Node<'a> {
    Absent,
    Null,
    Text(Cow<'a, str>),
    Number(u64),
    Object(Object<'a>),
    /// A boolean, an array, another number, or an object where none is read.
    Other,
}

/// The known fields of one object, in its schema's order.
#[derive(Debug)]
pub(super) struct Object<'a> {
    schema: &'static Schema,
    nodes: Vec<Node<'a>>,
}

/// Reads `text` as one object.
///
/// # Errors
/// [`Malformed::TooDeep`], [`Malformed::NotJson`], [`Malformed::Repeated`], or
/// [`Malformed::Shape`] when the text is not an object.
pub(super) fn read<'a>(text: &'a str, schema: &'static Schema) -> Result<Object<'a>, Malformed> {
    if is_too_deep(text) {
        return Err(Malformed::TooDeep);
    }
    let mut deserializer = serde_json::Deserializer::from_str(text);
    let node = Reader(Some(schema))
        .deserialize(&mut deserializer)
        .and_then(|node| deserializer.end().map(|()| node))
        .map_err(|error| {
            if error.is_data() {
                Malformed::Repeated
            } else {
                Malformed::NotJson
            }
        })?;
    match node {
        Node::Object(object) => Ok(object),
        _ => Err(Malformed::Shape("JSON object")),
    }
}

/// Counts brackets outside strings. On text that is not JSON the count means little, but
/// then nothing else accepts the text either.
fn is_too_deep(text: &str) -> bool {
    let mut depth = 0usize;
    let mut in_string = false;
    let mut escaped = false;
    for byte in text.bytes() {
        if in_string {
            in_string = escaped || byte != b'"';
            escaped = !escaped && byte == b'\\';
            continue;
        }
        match byte {
            b'"' => in_string = true,
            b'{' | b'[' => depth = depth.saturating_add(1),
            b'}' | b']' => depth = depth.saturating_sub(1),
            _ => {}
        }
        if depth > MAX_DEPTH {
            return true;
        }
    }
    false
}

/// Appends `text` as a JSON string, quotes included (RFC 8259, 7).
pub(super) fn push_string(out: &mut String, text: &str) {
    out.push('"');
    for char in text.chars() {
        match char {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            control if control < ' ' => {
                out.push_str("\\u00");
                out.push(if control < '\u{10}' { '0' } else { '1' });
                out.extend(char::from_digit(u32::from(control) & 0xf, 16));
            }
            other => out.push(other),
        }
    }
    out.push('"');
}

// === impl Object ===

impl<'a> Object<'a> {
    /// Removes and returns the field `name`, with its path.
    pub(super) fn take(&mut self, name: &str) -> (Node<'a>, &'static str) {
        let fields = self.schema.0.iter().zip(&mut self.nodes);
        fields
            .into_iter()
            .find(|(field, _)| field.name == name)
            .map_or((Node::Absent, "unknown field"), |(field, node)| {
                (std::mem::replace(node, Node::Absent), field.path)
            })
    }

    /// A string that must be there.
    pub(super) fn text(&mut self, name: &str) -> Result<(Cow<'a, str>, &'static str), Malformed> {
        match self.take(name) {
            (Node::Text(text), path) => Ok((text, path)),
            (_, path) => Err(Malformed::Shape(path)),
        }
    }

    /// A string that may be missing or null.
    pub(super) fn optional_text(&mut self, name: &str) -> Result<Option<String>, Malformed> {
        match self.take(name) {
            (Node::Text(text), _) => Ok(Some(text.into_owned())),
            (Node::Absent | Node::Null, _) => Ok(None),
            (_, path) => Err(Malformed::Shape(path)),
        }
    }

    /// A non-negative integer that must be there.
    pub(super) fn number(&mut self, name: &str) -> Result<u64, Malformed> {
        match self.take(name) {
            (Node::Number(number), _) => Ok(number),
            (_, path) => Err(Malformed::Shape(path)),
        }
    }

    /// An object that must be there.
    pub(super) fn object(&mut self, name: &str) -> Result<Object<'a>, Malformed> {
        match self.take(name) {
            (Node::Object(object), _) => Ok(object),
            (_, path) => Err(Malformed::Shape(path)),
        }
    }
}

// === impl Schema ===

impl Schema {
    /// The index of `key`, `None` for a foreign name.
    fn index<E: Error>(&self, key: &str) -> Result<Option<usize>, E> {
        if let Some(index) = self.0.iter().position(|field| field.name == key) {
            return Ok(Some(index));
        }
        if self.0.iter().any(|field| folds_to(key, field.name)) {
            return Err(E::custom("another spelling of a known name"));
        }
        Ok(None)
    }
}

/// Whether `key` equals `name` under Unicode simple case folding, as in Go's
/// `encoding/json`. Only two characters outside ASCII fold into it.
fn folds_to(key: &str, name: &str) -> bool {
    let fold = |char: char| match char {
        '\u{17f}' => 's',
        '\u{212a}' => 'k',
        other => other.to_ascii_lowercase(),
    };
    key.chars().map(fold).eq(name.chars().map(fold))
}

/// Reads one value; an object by its schema, if it has one.
struct Reader(Option<&'static Schema>);

/// Reads one name.
struct Key(&'static Schema);

impl<'de> DeserializeSeed<'de> for Reader {
    type Value = Node<'de>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Reader {
    type Value = Node<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("any value")
    }

    fn visit_borrowed_str<E>(self, text: &'de str) -> Result<Self::Value, E> {
        Ok(Node::Text(Cow::Borrowed(text)))
    }

    fn visit_str<E>(self, text: &str) -> Result<Self::Value, E> {
        Ok(Node::Text(Cow::Owned(text.to_owned())))
    }

    fn visit_u64<E>(self, number: u64) -> Result<Self::Value, E> {
        Ok(Node::Number(number))
    }

    fn visit_i64<E>(self, _: i64) -> Result<Self::Value, E> {
        Ok(Node::Other)
    }

    fn visit_f64<E>(self, _: f64) -> Result<Self::Value, E> {
        Ok(Node::Other)
    }

    fn visit_bool<E>(self, _: bool) -> Result<Self::Value, E> {
        Ok(Node::Other)
    }

    fn visit_unit<E>(self) -> Result<Self::Value, E> {
        Ok(Node::Null)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Self::Value, A::Error> {
        while items.next_element::<IgnoredAny>()?.is_some() {}
        Ok(Node::Other)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let Some(schema) = self.0 else {
            while map.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
            return Ok(Node::Other);
        };
        let mut nodes: Vec<Node<'de>> = schema.0.iter().map(|_| Node::Absent).collect();
        while let Some(index) = map.next_key_seed(Key(schema))? {
            let known = index.and_then(|index| schema.0.get(index).zip(nodes.get_mut(index)));
            match known {
                None => {
                    map.next_value::<IgnoredAny>()?;
                }
                Some((field, node @ Node::Absent)) => {
                    *node = map.next_value_seed(Reader(field.schema))?;
                }
                Some(_) => return Err(A::Error::custom("a known name, twice")),
            }
        }
        Ok(Node::Object(Object { schema, nodes }))
    }
}

impl<'de> DeserializeSeed<'de> for Key {
    type Value = Option<usize>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_str(self)
    }
}

impl Visitor<'_> for Key {
    type Value = Option<usize>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a name")
    }

    fn visit_str<E: Error>(self, name: &str) -> Result<Self::Value, E> {
        self.0.index(name)
    }
}

#[cfg(test)]
mod tests;
