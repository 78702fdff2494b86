//! Reading a few known fields out of a hostile JSON object, in one pass.
//!
//! They are written into one row of slots, those of objects in it included, and a field's place in
//! the row is known when this is compiled: nothing is nested, nothing is looked up by name.
//!
//! serde's derived readers take an array for a struct and skip names they do not know.
//! Both are wrong here, because the same text is read elsewhere with other parsers (a client's
//! own logs, a mirror, an auditor): Go's matches names without regard to case and keeps the
//! last one. A known name may therefore appear once, and no name that folds to it at all.

use std::borrow::Cow;

use reader::Reader;

use super::Malformed;
pub(crate) use crate::json::push_string;
pub(crate) use schema::{place, schema, Field};

pub(crate) mod raw;
mod reader;
mod schema;

/// How deep objects and arrays may be nested; a payment with its extensions needs 8.
pub const MAX_DEPTH: usize = 32;

/// What stands in a field's place.
#[derive(Debug)]
pub(crate) enum Node<'a> {
    Absent,
    Null,
    Flag(bool),
    Text(Cow<'a, str>),
    Number(u64),
    /// An object; its members have slots of their own.
    Object,
    /// An array, another number, or an object where none is read.
    Other,
}

/// The known fields of one object and of the objects in it, in their schema's order. They are asked
/// for by their [`place`].
#[derive(Debug)]
pub(crate) struct Object<'a> {
    fields: &'static [Field],
    slots: Vec<Node<'a>>,
}

/// A string of a text, and where it stands.
pub(crate) type Located<'o> = (&'o str, &'static str);

/// Reads `text` as one object, nested at most [`MAX_DEPTH`] deep.
///
/// # Errors
/// [`Malformed::TooDeep`], and what [`read_deeper`] refuses.
pub(super) fn read<'a>(text: &'a str, fields: &'static [Field]) -> Result<Object<'a>, Malformed> {
    let mut reader = Reader::new(text);
    let object = read_by(&mut reader, fields);
    let too_deep = match object {
        // Not all of it was read.
        Err(Malformed::NotJson) => is_too_deep(text),
        _ => reader.deepest > MAX_DEPTH,
    };
    if too_deep {
        return Err(Malformed::TooDeep);
    }
    object
}

/// Reads `text` as one object, nested at most twice as deep.
///
/// # Errors
/// [`Malformed::NotJson`], [`Malformed::Repeated`], or [`Malformed::Shape`] when the text is
/// not an object.
pub(crate) fn read_deeper<'a>(text: &'a str, fields: &'static [Field]) -> Result<Object<'a>, Malformed> {
    read_by(&mut Reader::new(text), fields)
}

fn read_by<'a>(reader: &mut Reader<'a>, fields: &'static [Field]) -> Result<Object<'a>, Malformed> {
    let mut slots: Vec<Node<'a>> = fields.iter().map(|_| Node::Absent).collect();
    match reader.whole(fields, &mut slots)? {
        Node::Object => Ok(Object { fields, slots }),
        _ => Err(Malformed::Shape("JSON object")),
    }
}

/// Reads `text` as one value, of which no object is read.
fn value(text: &str) -> Result<Node<'_>, Malformed> {
    Reader::new(text).whole(&[], &mut [])
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
    /// The field at `place`, with its path.
    pub(crate) fn at(&self, place: usize) -> (&Node<'a>, &'static str) {
        let field = self.slots.get(place).zip(self.fields.get(place));
        field.map_or((&Node::Absent, "unknown field"), |(node, field)| (node, field.path()))
    }

    /// The members of the object at `place`, each with its name, and members of theirs among them.
    pub(crate) fn members(&self, place: usize) -> impl Iterator<Item = (&Node<'a>, &'static str)> {
        let count = self.fields.get(place).map_or(0, Field::members);
        let fields = self.slots.iter().zip(self.fields).skip(place.saturating_add(1)).take(count);
        fields.map(|(node, field)| (node, field.name()))
    }

    /// A string that must be there.
    pub(crate) fn text(&self, place: usize) -> Result<Located<'_>, Malformed> {
        match self.at(place) {
            (Node::Text(text), path) => Ok((text, path)),
            (_, path) => Err(Malformed::Shape(path)),
        }
    }

    /// A string that may be missing or null.
    pub(crate) fn optional_text(&self, place: usize) -> Result<Option<String>, Malformed> {
        match self.at(place) {
            (Node::Text(text), _) => Ok(Some(text.as_ref().to_owned())),
            (Node::Absent | Node::Null, _) => Ok(None),
            (_, path) => Err(Malformed::Shape(path)),
        }
    }

    /// A boolean that must be there.
    pub(crate) fn flag(&self, place: usize) -> Result<bool, Malformed> {
        match self.at(place) {
            (Node::Flag(flag), _) => Ok(*flag),
            (_, path) => Err(Malformed::Shape(path)),
        }
    }

    /// A non-negative integer that must be there.
    pub(super) fn number(&self, place: usize) -> Result<u64, Malformed> {
        match self.at(place) {
            (Node::Number(number), _) => Ok(*number),
            (_, path) => Err(Malformed::Shape(path)),
        }
    }

    /// An object that must be there, whose members are asked for next.
    pub(super) fn object(&self, place: usize) -> Result<(), Malformed> {
        match self.at(place) {
            (Node::Object, _) => Ok(()),
            (_, path) => Err(Malformed::Shape(path)),
        }
    }
}

#[cfg(test)]
mod tests;
