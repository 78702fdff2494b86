//! `facilitators.*.auth`, and secrets wherever they are read from.

use super::error::Errors;
use super::facilitators::Surroundings;
use super::fields::{text, Fields};
use super::tree::{Path, Value};
use crate::signing::jwt::Cdp;
use crate::signing::Key;

pub(super) const KEYS: &[&str] = &["cdp"];
pub(super) const CDP_KEYS: &[&str] = &["keyId", "secret"];
pub(super) const SECRET_KEYS: &[&str] = &["env", "insecureLiteral"];

/// A value that came from somewhere, and where to look when it is wrong.
pub(super) struct Sourced {
    pub(super) text: String,
    pub(super) hint: String,
}

pub(super) fn read(
    value: &Value<'_>,
    path: Path<'_>,
    around: &mut Surroundings<'_>,
    errors: &mut Errors,
) -> Option<Cdp> {
    let fields = Fields::open(value, path, KEYS, errors)?;
    let cdp = fields.need("cdp", "write {\"cdp\": {\"keyId\": ..., \"secret\": ...}}", errors)?;
    let path = path.key("cdp");
    let fields = Fields::open(cdp, path, CDP_KEYS, errors)?;
    let id = fields.need("keyId", "write {\"env\": \"VARIABLE\"}: the API key's id", errors);
    let id = id.and_then(|value| read_id(value, path.key("keyId"), around, errors));
    let secret = fields.need("secret", "write {\"env\": \"VARIABLE\"}: the API key's secret", errors);
    let key = secret.and_then(|value| key(value, path.key("secret"), around, errors));
    match Cdp::new(id?, key?) {
        Ok(cdp) => Some(cdp),
        Err(error) => {
            errors.push(path.key("secret"), error, "create an API key of one of these kinds");
            None
        }
    }
}

fn read_id(
    value: &Value<'_>,
    path: Path<'_>,
    around: &mut Surroundings<'_>,
    errors: &mut Errors,
) -> Option<String> {
    let warnings = around.warnings.len();
    let Sourced { text, hint } = open(value, path, around, errors)?;
    // An id is no secret.
    around.warnings.truncate(warnings);
    let fine = (1..=256).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_graphic());
    if !fine {
        errors.push(path, "the value is not 1 to 256 printable ASCII characters without spaces", hint);
    }
    fine.then_some(text)
}

/// A private key. Whatever is wrong with it, it is not repeated.
pub(super) fn key(
    value: &Value<'_>,
    path: Path<'_>,
    around: &mut Surroundings<'_>,
    errors: &mut Errors,
) -> Option<Key> {
    let Sourced { text, hint } = open(value, path, around, errors)?;
    match Key::parse(&text) {
        Ok(key) => Some(key),
        Err(error) => {
            errors.push(path, error, hint);
            None
        }
    }
}

fn open(
    value: &Value<'_>,
    path: Path<'_>,
    around: &mut Surroundings<'_>,
    errors: &mut Errors,
) -> Option<Sourced> {
    if let Value::Text(_) = value {
        errors.push(path, "a secret does not stand here", "write {\"env\": \"VARIABLE\"}, or {\"insecureLiteral\": \"...\"} for what may be seen by all who read the configuration");
        return None;
    }
    sourced(&Fields::open(value, path, SECRET_KEYS, errors)?, around, errors)
}

/// The value that exactly one of `env` and `insecureLiteral` leads to.
pub(super) fn sourced(
    fields: &Fields<'_>,
    around: &mut Surroundings<'_>,
    errors: &mut Errors,
) -> Option<Sourced> {
    let path = &fields.path;
    match (fields.get("env"), fields.get("insecureLiteral")) {
        (Some(_), None) => {
            let variable = fields.token("env", 256, errors)?;
            let Some(text) = (around.env)(variable) else {
                errors.push(
                    path.key("env"),
                    format_args!("the environment variable {variable} is not set"),
                    "pass it to the VM: vm_config.environment_variables in Envoy",
                );
                return None;
            };
            Some(Sourced { text, hint: format!("look at {variable}") })
        }
        (None, Some(literal)) => {
            around
                .warnings
                .push(format!("{path}: a literal value can be seen by all who read the configuration"));
            let text = text(literal, &path.key("insecureLiteral"), errors)?.to_owned();
            Some(Sourced { text, hint: "rewrite it".to_owned() })
        }
        _ => {
            errors.push(
                path,
                "exactly one of env and insecureLiteral belongs here",
                "write {\"env\": \"VARIABLE\"}",
            );
            None
        }
    }
}
