//! What an operator may write as `match`: path templates in Envoy's syntax, hosts, methods.

use super::reading::{folded, settled_literal};

/// Longest path template, in bytes.
const MAX_PATTERN: usize = 1024;
/// Most segments of a path template.
const MAX_SEGMENTS: usize = 32;

/// A path template: literal segments, `{name}` or `*` for one segment, a final `**` for the rest.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Pattern {
    pub(super) segments: Vec<Segment>,
    /// It ends in `**`: zero or more segments.
    pub(super) rest: bool,
    /// It ends in a slash.
    pub(super) slash: bool,
}

#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) enum Segment {
    Literal { text: String, folded: Vec<u8> },
    Any,
}

/// Why a text is no path template.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub(crate) enum PatternError {
    #[error("a path template starts with /")]
    Start,
    #[error("the path template is longer than {MAX_PATTERN} bytes or {MAX_SEGMENTS} segments")]
    Long,
    #[error("the path template has an empty segment")]
    Empty,
    #[error("** stands alone as the last segment")]
    Rest,
    #[error(
        "{0:?} matches part of a segment, which is not in this version: * and {{name}} stand for a whole one"
    )]
    Partial(String),
    #[error("{0:?} is not a variable: a variable is {{name}} with a name of letters, digits and _")]
    Variable(String),
    #[error("the variable {0:?} is there twice")]
    Twice(String),
    #[error("{0:?} means different things to different servers: no dot segments, no spaces or dots at an end, no ; \\ ? #, no control characters, and %-escapes only once and only where needed")]
    Literal(String),
}

/// Which authorities a route is for.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) enum HostPattern {
    /// This host.
    Exact(String),
    /// Every host that ends in a dot and this.
    Below(String),
    /// All of them.
    Any,
}

// === impl Pattern ===

impl Pattern {
    /// Reads a path template.
    pub(crate) fn parse(text: &str) -> Result<Self, PatternError> {
        let body = text.strip_prefix('/').ok_or(PatternError::Start)?;
        let mut pattern = Self { segments: Vec::new(), rest: false, slash: false };
        if body.is_empty() {
            return Ok(pattern);
        }
        if text.len() > MAX_PATTERN {
            return Err(PatternError::Long);
        }
        let body = match body.strip_suffix('/') {
            Some(body) => {
                pattern.slash = true;
                body
            }
            None => body,
        };
        let mut names = Vec::new();
        for segment in body.split('/') {
            if pattern.rest || (segment == "**" && pattern.slash) {
                return Err(PatternError::Rest);
            }
            if segment == "**" {
                pattern.rest = true;
                continue;
            }
            pattern.segments.push(parse_segment(segment, &mut names)?);
        }
        if pattern.segments.len() > MAX_SEGMENTS {
            return Err(PatternError::Long);
        }
        Ok(pattern)
    }
}

fn parse_segment<'a>(text: &'a str, names: &mut Vec<&'a str>) -> Result<Segment, PatternError> {
    if text.is_empty() {
        return Err(PatternError::Empty);
    }
    if text == "*" {
        return Ok(Segment::Any);
    }
    if let Some(name) = text.strip_prefix('{').and_then(|text| text.strip_suffix('}')) {
        let letter = name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_');
        if !letter || !name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_') {
            return Err(PatternError::Variable(text.to_owned()));
        }
        if names.contains(&name) {
            return Err(PatternError::Twice(name.to_owned()));
        }
        names.push(name);
        return Ok(Segment::Any);
    }
    if text.contains(['*', '{', '}']) {
        return Err(PatternError::Partial(text.to_owned()));
    }
    if !text.bytes().all(|b| b.is_ascii_graphic()) || !settled_literal(text) {
        return Err(PatternError::Literal(text.to_owned()));
    }
    Ok(Segment::Literal { text: text.to_owned(), folded: folded(text) })
}

// === impl HostPattern ===

impl HostPattern {
    /// Reads `api.example.com`, `*.example.com` or `*`, without a port; case and one
    /// trailing dot do not matter.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        if text == "*" {
            return Some(Self::Any);
        }
        let (below, name) = match text.strip_prefix("*.") {
            Some(name) => (true, name),
            None => (false, text),
        };
        let name = name.strip_suffix('.').unwrap_or(name).to_ascii_lowercase();
        let bracketed = !below && name.starts_with('[');
        let fine =
            if bracketed { super::host::is_ipv6(&name) } else { super::host::is_name(name.as_bytes()) };
        match (fine, below) {
            (false, _) => None,
            (true, true) => Some(Self::Below(name)),
            (true, false) => Some(Self::Exact(name)),
        }
    }
}

impl HostPattern {
    /// Whether a name in lower case, with or without a trailing dot, is one of these.
    pub(crate) fn meets(&self, name: &str) -> bool {
        let name = name.strip_suffix('.').unwrap_or(name);
        match self {
            Self::Any => true,
            Self::Exact(exact) => exact == name,
            Self::Below(parent) => name.strip_suffix(parent).is_some_and(|below| below.ends_with('.')),
        }
    }
}

/// A method as a request line spells it: upper case. `CONNECT` asks for no path.
pub(crate) fn is_method(text: &str) -> bool {
    text != "CONNECT"
        && (1..=24).contains(&text.len())
        && text.bytes().all(|b| b.is_ascii_uppercase() || b == b'-' || b == b'_')
}
