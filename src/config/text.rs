//! The small texts of a configuration: names, durations, statuses, labels, origins.

use std::fmt;
use std::ops::Deref;

use super::error::Errors;
use super::fields::{entries, list, text};
use super::tree::{quoted, shown, Path, Value};
use super::SettleOn;

/// Most labels of an offer or seller.
const MAX_LABELS: usize = 16;

/// A text of the operator's that is kept as it is, so without room to grow.
#[derive(Clone, PartialEq, Eq, Default)]
pub struct Text(Box<str>);

/// A name of the operator's: a metric label, so short and without dots.
pub(super) fn is_name(text: &str) -> bool {
    (1..=64).contains(&text.len())
        && text.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_' || b == b'-')
}

/// Reports a text that is no name.
#[inline(never)]
pub(super) fn check_name(name: &str, path: &Path<'_>, errors: &mut Errors) {
    if !is_name(name) {
        errors.push(
            path,
            format_args!("{} is not a name", quoted(name)),
            "a name is 1 to 64 of a-z 0-9 _ -: it becomes a metric label",
        );
    }
}

/// Printable text up to a length in bytes.
#[inline(never)]
pub(super) fn printable<'v>(
    value: &'v Value<'v>,
    path: &Path<'_>,
    most: usize,
    errors: &mut Errors,
) -> Option<&'v str> {
    let text = text(value, path, errors)?;
    if text.len() > most || text.contains(char::is_control) {
        errors.push(
            path,
            format_args!("must be at most {most} bytes without control characters"),
            "shorten it",
        );
        return None;
    }
    Some(text)
}

/// Printable ASCII without spaces, not empty, up to a length in bytes.
#[inline(never)]
pub(super) fn token<'v>(
    value: &'v Value<'v>,
    path: &Path<'_>,
    most: usize,
    errors: &mut Errors,
) -> Option<&'v str> {
    let text = text(value, path, errors)?;
    if text.is_empty() || text.len() > most || !text.bytes().all(|b| b.is_ascii_graphic()) {
        errors.push(
            path,
            format_args!("must be 1 to {most} printable ASCII characters without spaces"),
            "rewrite it",
        );
        return None;
    }
    Some(text)
}

/// A duration such as `500ms`, `10s`, `1h`, in milliseconds.
#[inline(never)]
pub(super) fn duration(
    value: &Value<'_>,
    path: &Path<'_>,
    bounds: (&str, &str),
    errors: &mut Errors,
) -> Option<u64> {
    let (from, to) = (millis(bounds.0)?, millis(bounds.1)?);
    let text = text(value, path, errors)?;
    match millis(text) {
        Some(millis) if (from..=to).contains(&millis) => Some(millis),
        Some(_) => {
            errors.push(
                path,
                format_args!("{} is out of bounds", shown(text)),
                format_args!("from {} to {}", bounds.0, bounds.1),
            );
            None
        }
        None => {
            errors.push(
                path,
                format_args!("{} is not a duration", quoted(text)),
                "write a whole number and ms, s, m, h or d, for example 10s",
            );
            None
        }
    }
}

fn millis(text: &str) -> Option<u64> {
    let digits = text.trim_end_matches(|c: char| c.is_ascii_lowercase());
    let unit = match text.strip_prefix(digits)? {
        "ms" => 1,
        "s" => 1_000,
        "m" => 60_000,
        "h" => 3_600_000,
        "d" => 86_400_000,
        _ => return None,
    };
    if digits.is_empty() || !digits.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    digits.parse::<u64>().ok()?.checked_mul(unit)
}

/// Statuses worth charging for: `["2xx", "304", "400-403"]`.
pub(super) fn settle_on(value: &Value<'_>, path: &Path<'_>, errors: &mut Errors) -> Option<SettleOn> {
    let mut ranges = Vec::new();
    for (index, value) in list(value, path, 32, errors)?.iter().enumerate() {
        let path = path.index(index);
        let Some(text) = text(value, &path, errors) else { continue };
        match statuses(text) {
            Some(range) => ranges.push(range),
            None => errors.push(
                path,
                format_args!("{} is no status", quoted(text)),
                "write \"2xx\", \"304\" or \"400-403\", from 100 to 599",
            ),
        }
    }
    Some(SettleOn { ranges })
}

fn statuses(text: &str) -> Option<(u16, u16)> {
    let status =
        |text: &str| text.parse::<u16>().ok().filter(|status| text.len() == 3 && (100..600).contains(status));
    if let Some(class) = text.strip_suffix("xx") {
        let from = status(&format!("{class}00"))?;
        return Some((from, from.checked_add(99)?));
    }
    let (from, to) = text.split_once('-').unwrap_or((text, text));
    let (from, to) = (status(from)?, status(to)?);
    (from <= to).then_some((from, to))
}

/// Labels for the record: few, short, printable.
pub(super) fn labels(value: &Value<'_>, path: Path<'_>, errors: &mut Errors) -> Vec<(String, String)> {
    let mut labels = Vec::new();
    let Some(fields) = entries(value, path, errors) else { return labels };
    if fields.len() > MAX_LABELS {
        errors.push(path, format_args!("more than {MAX_LABELS} labels"), "remove some");
    }
    for (key, value) in fields.iter().take(MAX_LABELS) {
        let path = path.key(key);
        if !(1..=64).contains(&key.len())
            || !key.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-' | b'.'))
        {
            errors.push(path, "not a label's name", "1 to 64 of A-Z a-z 0-9 _ - .");
        }
        if let Some(value) = printable(value, &path, 128, errors) {
            put_label(&mut labels, key, value.to_owned());
        }
    }
    labels
}

/// Puts a label among others, in the order of names; a later value replaces an earlier one.
pub(super) fn put_label(labels: &mut Vec<(String, String)>, name: &str, value: String) {
    let place = labels.iter().position(|(other, _)| other.as_str() >= name).unwrap_or(labels.len());
    match labels.get_mut(place) {
        Some((other, old)) if other == name => *old = value,
        _ => labels.insert(place, (name.to_owned(), value)),
    }
}

/// `https://host[:port]`, in lower case, without the scheme's own port.
pub(super) fn origin(text: &str) -> Option<String> {
    let (scheme, rest) = text.split_once(':')?;
    let rest = rest.strip_prefix("//")?;
    let scheme = scheme.to_ascii_lowercase();
    let own_port = match scheme.as_str() {
        "https" => ":443",
        "http" => ":80",
        _ => return None,
    };
    let authority = authority(rest.strip_suffix('/').unwrap_or(rest))?;
    Some(format!("{scheme}://{}", authority.strip_suffix(own_port).unwrap_or(&authority)))
}

/// `host[:port]`, in lower case.
#[inline(never)]
pub(super) fn authority(text: &str) -> Option<String> {
    let (host, port) = match text.rsplit_once(':') {
        Some((host, port)) if !port.contains(']') => (host, Some(port)),
        _ => (text, None),
    };
    let port_fine = port.is_none_or(|port| {
        port.bytes().all(|b| b.is_ascii_digit()) && port.parse::<u16>().is_ok_and(|port| port > 0)
    });
    let host_fine =
        matches!(crate::route::HostPattern::parse(host), Some(crate::route::HostPattern::Exact(_)));
    (port_fine && host_fine).then(|| text.to_ascii_lowercase())
}

// === impl Text ===

impl Text {
    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl Deref for Text {
    type Target = str;

    fn deref(&self) -> &str {
        &self.0
    }
}

impl From<&str> for Text {
    fn from(text: &str) -> Self {
        Self(text.into())
    }
}

impl From<String> for Text {
    fn from(text: String) -> Self {
        Self(text.into_boxed_str())
    }
}

impl fmt::Display for Text {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self)
    }
}

impl fmt::Debug for Text {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&**self, f)
    }
}
