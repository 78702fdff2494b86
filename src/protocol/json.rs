//! Reading a few known fields out of a hostile JSON object, in one pass.
//!
//! serde's derived readers take an array for a struct and skip names they do not know.
//! Both are wrong here, because the same text is read elsewhere with other parsers (a client's
//! own logs, a mirror, an auditor): Go's matches names without regard to case and keeps the
//! last one. A known name may therefore appear once, and no name that folds to it at all.

use std::borrow::Cow;
use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};

use super::Malformed;
pub(crate) use crate::json::push_string;

pub(crate) mod raw;

/// How deep objects and arrays may be nested; a payment with its extensions needs 8.
pub const MAX_DEPTH: usize = 32;

/// The fields read from one object; all others are skipped.
#[derive(Debug)]
pub(crate) struct Schema(pub(crate) &'static [Field]);

/// One field: its name, where it stands in the payload, and what to read from an object in
/// its place.
#[derive(Debug)]
pub(crate) struct Field {
    pub(crate) name: &'static str,
    pub(crate) path: &'static str,
    pub(crate) schema: Option<&'static Schema>,
}

/// What stands in a field's place.
#[derive(Debug)]
pub(crate) enum Node<'a> {
    Absent,
    Null,
    Flag(bool),
    Text(Cow<'a, str>),
    Number(u64),
    Object(Object<'a>),
    /// An array, another number, or an object where none is read.
    Other,
    /// An object in which a known name appears twice, or under another spelling.
    Repeated,
}

/// The known fields of one object, in its schema's order.
#[derive(Debug)]
pub(crate) struct Object<'a> {
    schema: &'static Schema,
    nodes: Vec<Node<'a>>,
}

/// Reads `text` as one object, nested at most [`MAX_DEPTH`] deep.
///
/// # Errors
/// [`Malformed::TooDeep`], and what [`read_any_depth`] refuses.
pub(super) fn read<'a>(text: &'a str, schema: &'static Schema) -> Result<Object<'a>, Malformed> {
    if is_too_deep(text) {
        return Err(Malformed::TooDeep);
    }
    read_any_depth(text, schema)
}

/// Reads `text` as one object. What is skipped is not recursed into, so depth costs nothing.
///
/// # Errors
/// [`Malformed::NotJson`], [`Malformed::Repeated`], or [`Malformed::Shape`] when the text is
/// not an object.
pub(crate) fn read_any_depth<'a>(text: &'a str, schema: &'static Schema) -> Result<Object<'a>, Malformed> {
    match value(text, Some(schema))? {
        Node::Object(object) => Ok(object),
        Node::Repeated => Err(Malformed::Repeated),
        _ => Err(Malformed::Shape("JSON object")),
    }
}

/// Reads `text` as one value; an object by its schema, if it has one.
fn value<'a>(text: &'a str, schema: Option<&'static Schema>) -> Result<Node<'a>, Malformed> {
    let mut deserializer = serde_json::Deserializer::from_str(text);
    let node = Reader(schema).deserialize(&mut deserializer);
    node.and_then(|node| deserializer.end().map(|()| node)).map_err(|_| Malformed::NotJson)
}

/// A field of which no object is read.
pub(crate) const fn leaf(name: &'static str, path: &'static str) -> Field {
    Field { name, path, schema: None }
}

/// Whether objects and arrays are nested deeper than [`MAX_DEPTH`].
fn is_too_deep(text: &str) -> bool {
    // Nobody nests more of them than there are, those in strings included.
    opening(text.as_bytes()) > MAX_DEPTH && goes_too_deep(text)
}

/// How many bytes are `{` or `[`, which differ in one bit: eight at a time.
fn opening(bytes: &[u8]) -> usize {
    const LOW: u64 = 0x7f7f_7f7f_7f7f_7f7f;
    let count = |word: &[u8; 8]| {
        let other = (u64::from_le_bytes(*word) & !0x2020_2020_2020_2020) ^ 0x5b5b_5b5b_5b5b_5b5b;
        // The high bit of each byte that is zero, and of no other.
        let zero = !((other & LOW).wrapping_add(LOW) | other | LOW);
        zero.count_ones() as usize
    };
    let (words, rest) = bytes.as_chunks::<8>();
    let rest = rest.iter().filter(|byte| matches!(byte, b'{' | b'[')).count();
    words.iter().map(count).fold(rest, usize::saturating_add)
}

/// Counts brackets outside strings. On text that is not JSON the count means little, but
/// then nothing else accepts the text either.
fn goes_too_deep(text: &str) -> bool {
    let mut depth = 0usize;
    let mut strings = Strings::default();
    for byte in text.bytes() {
        if strings.holds(byte) {
            continue;
        }
        match byte {
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

/// Tells what stands in strings from what stands between them.
#[derive(Default)]
struct Strings {
    inside: bool,
    escaped: bool,
}

impl Strings {
    /// Whether a byte belongs to a string, quotes included.
    fn holds(&mut self, byte: u8) -> bool {
        if !self.inside {
            self.inside = byte == b'"';
            return self.inside;
        }
        self.inside = self.escaped || byte != b'"';
        self.escaped = !self.escaped && byte == b'\\';
        true
    }
}

// === impl Object ===

impl<'a> Object<'a> {
    /// Removes and returns the field `name`, with its path.
    pub(crate) fn take(&mut self, name: &str) -> (Node<'a>, &'static str) {
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
    pub(crate) fn optional_text(&mut self, name: &str) -> Result<Option<String>, Malformed> {
        match self.take(name) {
            (Node::Text(text), _) => Ok(Some(text.into_owned())),
            (Node::Absent | Node::Null, _) => Ok(None),
            (_, path) => Err(Malformed::Shape(path)),
        }
    }

    /// A boolean that must be there.
    pub(crate) fn flag(&mut self, name: &str) -> Result<bool, Malformed> {
        match self.take(name) {
            (Node::Flag(flag), _) => Ok(flag),
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
    /// What `key` is.
    fn name(&self, key: &str) -> Name {
        if let Some(index) = self.0.iter().position(|field| field.name == key) {
            return Name::Known(index);
        }
        if self.0.iter().any(|field| folds_to(key, field.name)) {
            return Name::Misspelt;
        }
        Name::Foreign
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

/// A name of an object, as its schema knows it.
enum Name {
    Known(usize),
    /// Another spelling of a known name.
    Misspelt,
    Foreign,
}

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

    fn visit_bool<E>(self, flag: bool) -> Result<Self::Value, E> {
        Ok(Node::Flag(flag))
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
        let mut repeated = false;
        while let Some(name) = map.next_key_seed(Key(schema))? {
            let known = match name {
                Name::Known(index) => schema.0.get(index).zip(nodes.get_mut(index)),
                Name::Misspelt | Name::Foreign => None,
            };
            if let Some((field, node @ Node::Absent)) = known {
                *node = map.next_value_seed(Reader(field.schema))?;
                repeated |= matches!(node, Node::Repeated);
            } else {
                repeated |= !matches!(name, Name::Foreign);
                map.next_value::<IgnoredAny>()?;
            }
        }
        Ok(if repeated { Node::Repeated } else { Node::Object(Object { schema, nodes }) })
    }
}

impl<'de> DeserializeSeed<'de> for Key {
    type Value = Name;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_str(self)
    }
}

impl Visitor<'_> for Key {
    type Value = Name;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a name")
    }

    fn visit_str<E>(self, name: &str) -> Result<Self::Value, E> {
        Ok(self.0.name(name))
    }
}

#[cfg(test)]
mod tests;
