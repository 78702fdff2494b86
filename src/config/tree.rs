//! Configuration as a tree, whether it came as JSON text or as a protobuf `Struct`.

use std::borrow::Cow;
use std::fmt;

/// Deepest nesting read.
pub(super) const MAX_DEPTH: usize = 32;

/// A value as written. Objects keep duplicate keys, so that they can be refused.
#[derive(Clone, PartialEq, Debug)]
pub(crate) enum Value<'a> {
    Null,
    Bool(bool),
    /// A `Struct` knows only doubles; JSON integers are read as such too, since every
    /// integer of a configuration is far below 2^53.
    Number(f64),
    Text(Cow<'a, str>),
    List(Vec<Value<'a>>),
    Object(Vec<(Cow<'a, str>, Value<'a>)>),
}

/// Counts the items of one list of the outermost object, which are not kept.
pub(super) type Count<'c> = &'c std::cell::Cell<usize>;

/// That list: its items are read one by one. What holds it is left with an empty one.
pub(super) const APART: &str = "routes";

/// Where a value stands. Lives on the stack: written out only for mistakes.
#[derive(Clone, Copy)]
pub(super) enum Path<'a> {
    Root,
    Key(&'a Path<'a>, &'a str),
    Index(&'a Path<'a>, usize),
}

// === impl Value ===

impl Value<'_> {
    /// What it is, for a message.
    pub(super) fn kind(&self) -> &'static str {
        match self {
            Self::Null => "null",
            Self::Bool(_) => "true or false",
            Self::Number(_) => "a number",
            Self::Text(_) => "text",
            Self::List(_) => "a list",
            Self::Object(_) => "an object",
        }
    }
}

// === impl Path ===

impl<'a> Path<'a> {
    // Called some hundred times, for mistakes: a call is smaller than what it does.
    #[inline(never)]
    pub(super) fn key(&'a self, key: &'a str) -> Path<'a> {
        Path::Key(self, key)
    }

    #[inline(never)]
    pub(super) fn index(&'a self, index: usize) -> Path<'a> {
        Path::Index(self, index)
    }
}

impl fmt::Display for Path<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Path::Root => Ok(()),
            Path::Key(Path::Root, key) => write!(f, "{}", shown(key)),
            Path::Key(parent, key) => write!(f, "{parent}.{}", shown(key)),
            Path::Index(parent, index) => write!(f, "{parent}[{index}]"),
        }
    }
}

/// Text of the operator's in quotes, as [`shown`].
pub(super) fn quoted(text: &str) -> Quoted<'_> {
    Quoted(text)
}

/// See [`quoted`].
pub(super) struct Quoted<'a>(&'a str);

impl fmt::Display for Quoted<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}", shown(self.0))
    }
}

/// Text of the operator's, short enough and printable for a log line.
#[inline(never)]
pub(super) fn shown(text: &str) -> Cow<'_, str> {
    const LONGEST: usize = 64;
    if text.len() <= LONGEST && !text.contains(char::is_control) {
        return Cow::Borrowed(text);
    }
    let short: String =
        text.chars().take(LONGEST).map(|c| if c.is_control() { '\u{fffd}' } else { c }).collect();
    Cow::Owned(if text.len() > LONGEST { format!("{short}…") } else { short })
}
