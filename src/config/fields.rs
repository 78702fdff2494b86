//! Reading an object key by key, so that every mistake in it is found.

use super::error::Errors;
use super::text::{duration, printable, token};
use super::tree::{quoted, Path, Value};
use crate::map::Map;

/// Keys of later versions: refused by name wherever they stand.
pub(super) const PLANNED: &[&str] =
    &["bundle", "mode", "protocol", "store", "credit", "extensions", "outputSchema"];

/// An object being read.
pub(super) struct Fields<'v> {
    fields: &'v [(std::borrow::Cow<'v, str>, Value<'v>)],
    pub(super) path: Path<'v>,
}

// === impl Fields ===

impl<'v> Fields<'v> {
    /// Opens an object, reporting keys that are unknown, not built yet or there twice.
    #[inline(never)]
    pub(super) fn open(
        value: &'v Value<'v>,
        path: Path<'v>,
        keys: &[&str],
        errors: &mut Errors,
    ) -> Option<Self> {
        let fields = entries(value, path, errors)?;
        for (key, _) in fields {
            if !keys.contains(&&**key) {
                unknown(&path.key(key), key, keys, errors);
            }
        }
        Some(Self { fields, path })
    }

    /// The value of a key; null is as good as absent.
    #[inline(never)]
    pub(super) fn get(&self, key: &str) -> Option<&'v Value<'v>> {
        self.fields
            .iter()
            .find(|(name, value)| *name == key && !matches!(value, Value::Null))
            .map(|(_, value)| value)
    }

    /// All fields but some, as one text; `None` where a value has no single spelling.
    #[inline(never)]
    pub(super) fn but(&self, keys: &[&str]) -> Option<String> {
        let mut text = String::new();
        for (key, value) in self.fields.iter().filter(|(key, _)| !keys.contains(&&**key)) {
            text.push_str(key);
            if !value.push_canonical(&mut text) {
                return None;
            }
        }
        Some(text)
    }

    /// The value of a key that must be there.
    #[inline(never)]
    pub(super) fn need(&self, key: &str, hint: &str, errors: &mut Errors) -> Option<&'v Value<'v>> {
        let value = self.get(key);
        if value.is_none() {
            errors.push(self.path.key(key), "missing", hint);
        }
        value
    }

    /// A text that must be there.
    #[inline(never)]
    pub(super) fn text(&self, key: &str, hint: &str, errors: &mut Errors) -> Option<&'v str> {
        text(self.need(key, hint, errors)?, &self.path.key(key), errors)
    }

    /// See [`printable`].
    #[inline(never)]
    pub(super) fn printable(&self, key: &str, most: usize, errors: &mut Errors) -> Option<&'v str> {
        printable(self.get(key)?, &self.path.key(key), most, errors)
    }

    /// See [`token`].
    #[inline(never)]
    pub(super) fn token(&self, key: &str, most: usize, errors: &mut Errors) -> Option<&'v str> {
        token(self.get(key)?, &self.path.key(key), most, errors)
    }

    /// See [`duration`]; `default` milliseconds when it is not there.
    #[inline(never)]
    pub(super) fn duration(
        &self,
        key: &str,
        bounds: (&str, &str),
        default: u64,
        errors: &mut Errors,
    ) -> Option<u64> {
        match self.get(key) {
            Some(value) => duration(value, &self.path.key(key), bounds, errors),
            None => Some(default),
        }
    }

    /// A text of one of these spellings.
    pub(super) fn choice<T: Copy>(&self, key: &str, choices: &[(&str, T)], errors: &mut Errors) -> Option<T> {
        let place = self.place(key, &mut choices.iter().map(|(name, _)| *name), errors)?;
        choices.get(place).map(|(_, choice)| *choice)
    }

    /// Which of these spellings a text is: one copy of the code for all that is chosen.
    #[inline(never)]
    fn place(&self, key: &str, names: &mut dyn Iterator<Item = &str>, errors: &mut Errors) -> Option<usize> {
        let text = text(self.get(key)?, &self.path.key(key), errors)?;
        let names: Vec<&str> = names.collect();
        let found = names.iter().position(|name| *name == text);
        if found.is_none() {
            errors.push(
                self.path.key(key),
                format_args!("{} is not one of its values", quoted(text)),
                format_args!("write {}", joined(&names, " or ")),
            );
        }
        found
    }

    /// A switch; `default` when it is not there.
    #[inline(never)]
    pub(super) fn flag(&self, key: &str, default: bool, errors: &mut Errors) -> bool {
        match self.get(key) {
            None => default,
            Some(Value::Bool(flag)) => *flag,
            Some(_) => {
                errors.push(self.path.key(key), "not true or false", "write true or false, unquoted");
                default
            }
        }
    }

    /// Whether it is switched off. A bare `off` in YAML is false.
    pub(super) fn is_off(&self, key: &str) -> bool {
        match self.get(key) {
            Some(Value::Text(text)) => text == "off",
            value => value == Some(&Value::Bool(false)),
        }
    }

    /// A whole number within bounds.
    #[inline(never)]
    pub(super) fn number(&self, key: &str, from: u32, to: u32, errors: &mut Errors) -> Option<u32> {
        let value = self.get(key)?;
        let number = match value {
            Value::Number(number)
                if number.fract() == 0.0 && *number >= f64::from(from) && *number <= f64::from(to) =>
            {
                Some(*number as u32)
            }
            _ => None,
        };
        if number.is_none() {
            errors.push(
                self.path.key(key),
                format_args!("not a whole number from {from} to {to}"),
                "write one, unquoted",
            );
        }
        number
    }
}

/// The entries of an object whose keys the operator chooses.
#[inline(never)]
pub(super) fn entries<'v>(
    value: &'v Value<'v>,
    path: Path<'_>,
    errors: &mut Errors,
) -> Option<&'v [(std::borrow::Cow<'v, str>, Value<'v>)]> {
    let Value::Object(fields) = value else {
        errors.push(
            path,
            format_args!("an object belongs here, not {}", value.kind()),
            "write { } with its keys",
        );
        return None;
    };
    let mut seen: Map<&str, usize> = Map::default();
    for (place, (key, _)) in fields.iter().enumerate() {
        if seen.insert(key, place).is_some() {
            errors.push(path.key(key), "the key is there twice", "readers disagree on which one counts");
        }
    }
    Some(fields)
}

/// The entries of a list of bounded length.
#[inline(never)]
pub(super) fn list<'v>(
    value: &'v Value<'v>,
    path: &Path<'_>,
    most: usize,
    errors: &mut Errors,
) -> Option<&'v [Value<'v>]> {
    match value {
        Value::List(values) => has_length(values.len(), path, most, errors).then_some(values),
        other => {
            errors.push(
                path,
                format_args!("a list belongs here, not {}", other.kind()),
                "write [ ] around it",
            );
            None
        }
    }
}

/// Whether a list is as long as it may be.
#[inline(never)]
pub(super) fn has_length(len: usize, path: &Path<'_>, most: usize, errors: &mut Errors) -> bool {
    let fine = (1..=most).contains(&len);
    if !fine {
        let hint = if len == 0 { "remove the key, or add one" } else { "remove some" };
        errors.push(path, format_args!("the list must have 1 to {most} entries"), hint);
    }
    fine
}

/// A text.
#[inline(never)]
pub(super) fn text<'v>(value: &'v Value<'v>, path: &Path<'_>, errors: &mut Errors) -> Option<&'v str> {
    if let Value::Text(text) = value {
        return Some(text);
    }
    let hint = if matches!(value, Value::Number(_)) { "quote it" } else { "write \"...\"" };
    errors.push(path, format_args!("text belongs here, not {}", value.kind()), hint);
    None
}

/// Reports a name that is none of those known, with the nearest.
#[inline(never)]
pub(super) fn unknown(path: &Path<'_>, name: &str, known: &[&str], errors: &mut Errors) {
    if PLANNED.contains(&name) {
        return errors.push(path, "not in this version", "remove it");
    }
    match nearest(name, &mut known.iter().copied()) {
        Some(near) => errors.push(path, "unknown key", format_args!("did you mean {near:?}?")),
        None => errors.push(path, "unknown key", format_args!("known here: {}", joined(known, ", "))),
    }
}

/// Texts with something between them.
pub(super) fn joined(texts: &[&str], between: &str) -> String {
    let mut joined = String::new();
    for (index, text) in texts.iter().enumerate() {
        if index > 0 {
            joined.push_str(between);
        }
        joined.push_str(text);
    }
    joined
}

/// The known name a misspelt one was most likely meant to be.
#[inline(never)]
pub(super) fn nearest<'k>(name: &str, known: &mut dyn Iterator<Item = &'k str>) -> Option<&'k str> {
    let allowed = name.len().checked_div(2).unwrap_or(0).clamp(1, 3);
    if name.len() > 64 {
        return None;
    }
    let lower = name.to_ascii_lowercase();
    let scored = known
        .filter(|known| known.len().abs_diff(name.len()) <= allowed)
        .map(|known| (distance(&lower, &known.to_ascii_lowercase()), known));
    scored
        .filter(|(distance, _)| *distance <= allowed)
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, known)| known)
}

/// Levenshtein's edit distance.
fn distance(a: &str, b: &str) -> usize {
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, x) in a.bytes().enumerate() {
        let mut diagonal = i;
        let mut left = i.saturating_add(1);
        let mut next = vec![left];
        for (y, &above) in b.bytes().zip(row.iter().skip(1)) {
            let changed = diagonal.saturating_add(usize::from(x != y));
            left = changed.min(left.saturating_add(1)).min(above.saturating_add(1));
            diagonal = above;
            next.push(left);
        }
        row = next;
    }
    row.last().copied().unwrap_or(0)
}
