//! Examples: any JSON of the operator's, bounded, and the least schema it fits.

use super::error::Errors;
use super::prices::decimal;
use super::tree::{Path, Value};
use crate::json::{extend, push_string};

/// Longest example, as JSON without white space, in bytes.
const MAX_BYTES: usize = 4_096;
/// Deepest nesting of an example.
const MAX_DEPTH: usize = 16;

/// A value, as JSON.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Example {
    /// Without white space, keys as they were written.
    pub(crate) json: String,
    /// Its JSON Schema type.
    pub(crate) kind: &'static str,
    /// An object's members, each with its type.
    pub(crate) members: Vec<(String, &'static str)>,
}

/// Reads an example.
pub(super) fn read(value: &Value<'_>, path: &Path<'_>, errors: &mut Errors) -> Option<Example> {
    let mut json = String::new();
    if let Err(wrong) = push(&mut json, value, MAX_DEPTH) {
        let (message, hint) = wrong.says();
        errors.push(path, message, hint);
        return None;
    }
    let members = match value {
        Value::Object(fields) => fields.iter().map(|(name, value)| (name.to_string(), kind(value))).collect(),
        _ => Vec::new(),
    };
    Some(Example { json, kind: kind(value), members })
}

/// Why a value is no example.
#[derive(Clone, Copy)]
enum Wrong {
    Long,
    Deep,
    Twice,
    Number,
}

/// Appends a value as JSON.
fn push(out: &mut String, value: &Value<'_>, depth: usize) -> Result<(), Wrong> {
    match value {
        Value::Null => out.push_str("null"),
        Value::Bool(flag) => out.push_str(if *flag { "true" } else { "false" }),
        Value::Number(number) => out.push_str(&decimal(*number).ok_or(Wrong::Number)?),
        Value::Text(text) => push_string(out, text),
        Value::List(values) => {
            let depth = depth.checked_sub(1).ok_or(Wrong::Deep)?;
            out.push('[');
            for (index, value) in values.iter().enumerate() {
                if index > 0 {
                    out.push(',');
                }
                push(out, value, depth)?;
            }
            out.push(']');
        }
        Value::Object(fields) => {
            let depth = depth.checked_sub(1).ok_or(Wrong::Deep)?;
            out.push('{');
            for (index, (name, value)) in fields.iter().enumerate() {
                if fields.iter().take(index).any(|(other, _)| other == name) {
                    return Err(Wrong::Twice);
                }
                if index > 0 {
                    out.push(',');
                }
                push_string(out, name);
                out.push(':');
                push(out, value, depth)?;
            }
            out.push('}');
        }
    }
    // Checked on the way, so that a long example is not written out first.
    if out.len() > MAX_BYTES {
        return Err(Wrong::Long);
    }
    Ok(())
}

fn kind(value: &Value<'_>) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "boolean",
        Value::Number(_) => "number",
        Value::Text(_) => "string",
        Value::List(_) => "array",
        Value::Object(_) => "object",
    }
}

// === impl Wrong ===

impl Wrong {
    fn says(self) -> (&'static str, &'static str) {
        match self {
            Self::Long => (
                "the example is longer than 4096 bytes",
                "shorten it: every client sends it back with its payment",
            ),
            Self::Deep => ("the example is nested deeper than 16", "flatten it"),
            Self::Twice => ("a key is there twice in the example", "remove one"),
            Self::Number => ("a number of the example has too many digits", "round it, or quote it"),
        }
    }
}

// === impl Example ===

impl Example {
    /// The empty object.
    pub(super) fn nothing() -> Self {
        Self { json: "{}".to_owned(), kind: "object", members: Vec::new() }
    }

    /// Appends a JSON Schema that the example fits: its type, and its members' types.
    pub(crate) fn push_schema(&self, out: &mut String) {
        extend(out, &[r#"{"type":""#, self.kind]);
        out.push('"');
        if self.kind == "object" {
            out.push_str(r#","properties":{"#);
            for (index, (name, kind)) in self.members.iter().enumerate() {
                if index > 0 {
                    out.push(',');
                }
                push_string(out, name);
                extend(out, &[r#":{"type":""#, kind, "\"}"]);
            }
            out.push('}');
        }
        out.push('}');
    }
}
