//! Where a `Location` leads, if every client reads it alike.
//!
//! Clients disagree on what they do to a place before they go there: some cut controls and spaces
//! out of it, take a backslash for a slash, undo escapes of plain letters, follow dots that an
//! escape hides; and hosts in front join empty segments and undo escaped slashes. So a place is
//! read only if none of that would change it, and dot segments that stand as themselves are
//! followed, as all do.

/// Longest `Location` read, in bytes.
const MAX_LOCATION: usize = 8 * 1024;

/// A place that all clients read alike.
#[derive(PartialEq, Eq, Debug)]
pub(crate) struct Location<'a> {
    /// Of an absolute one, as it is written; `None` stays where the request went.
    pub(crate) authority: Option<&'a str>,
    /// From its first slash, without query and fragment, dot segments followed.
    pub(crate) path: String,
    /// What stands behind its first question mark.
    pub(crate) query: Option<&'a str>,
}

// === impl Location ===

impl<'a> Location<'a> {
    /// Reads the header's value. `base` is the path of the request, without its query.
    pub(crate) fn read(value: &'a [u8], base: &str) -> Option<Self> {
        let fine = |b: &u8| b.is_ascii_graphic() && *b != b'\\';
        if value.is_empty() || value.len() > MAX_LOCATION || !value.iter().all(fine) {
            return None;
        }
        let text = std::str::from_utf8(value).ok()?;
        let whole = text.split('#').next().filter(|whole| !whole.is_empty())?;
        let (place, query) =
            whole.split_once('?').map_or((whole, None), |(place, query)| (place, Some(query)));
        if let Some(rest) = without_scheme(place)? {
            let (authority, path) = match rest.find('/') {
                Some(at) => rest.split_at_checked(at)?,
                None => (rest, "/"),
            };
            return Some(Self { authority: Some(authority), path: settled(path)?, query });
        }
        let path = match place {
            "" => settled(base)?,
            place if place.starts_with('/') => settled(place)?,
            place => {
                let (folder, _) = base.rsplit_once('/')?;
                settled(&[folder, "/", place].concat())?
            }
        };
        Some(Self { authority: None, path, query })
    }
}

/// Authority and path of an absolute place: `Some(None)` where it is a relative one, `None` where it is
/// not of the web.
fn without_scheme(place: &str) -> Option<Option<&str>> {
    if let Some(rest) = place.strip_prefix("//") {
        return Some(Some(rest));
    }
    match place.split_once(':') {
        Some((scheme, rest)) if !scheme.contains('/') => {
            let web = ["http", "https"].iter().any(|known| scheme.eq_ignore_ascii_case(known));
            rest.strip_prefix("//").filter(|_| web).map(Some)
        }
        _ => Some(None),
    }
}

/// A path without dot segments. `None` if somebody could read another in it.
fn settled(path: &str) -> Option<String> {
    let body = path.strip_prefix('/')?;
    let mut kept: Vec<&str> = Vec::new();
    let mut segments = body.split('/').peekable();
    while let Some(segment) = segments.next() {
        let last = segments.peek().is_none();
        match segment {
            "" if !last => return None,
            "." => {}
            ".." => {
                kept.pop()?;
            }
            segment if is_plain(segment) => {
                kept.push(segment);
                continue;
            }
            _ => return None,
        }
        if last {
            kept.push("");
        }
    }
    let len = kept.iter().map(|segment| segment.len().saturating_add(1)).fold(0, usize::saturating_add);
    let mut settled = String::with_capacity(len);
    for segment in kept {
        settled.push('/');
        settled.push_str(segment);
    }
    Some(settled)
}

/// Whether nobody changes a segment on its way: characters of a URL's path, and escapes that stand for
/// nothing that could as well stand for itself, for no slash of either kind and for no control.
fn is_plain(segment: &str) -> bool {
    let mut bytes = segment.bytes();
    while let Some(byte) = bytes.next() {
        let fine = match byte {
            b'%' => {
                let digit = |b: Option<u8>| char::from(b?).to_digit(16);
                let (high, low) = (digit(bytes.next()), digit(bytes.next()));
                let stands_for = high.zip(low).map(|(high, low)| high.wrapping_shl(4) | low);
                stands_for.and_then(|code| u8::try_from(code).ok()).is_some_and(stays_escaped)
            }
            byte => is_unreserved(byte) || b"!$&'()*+,;=:@".contains(&byte),
        };
        if !fine {
            return false;
        }
    }
    true
}

fn is_unreserved(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"-._~".contains(&byte)
}

fn stays_escaped(byte: u8) -> bool {
    !is_unreserved(byte) && !byte.is_ascii_control() && byte != b'/' && byte != b'\\'
}

#[cfg(test)]
mod tests;
