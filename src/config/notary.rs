//! The `offerReceipt` section.

use super::auth::key;
use super::error::Errors;
use super::facilitators::Surroundings;
use super::fields::Fields;
use super::text::token;
use super::tree::{quoted, Path, Value};
use crate::signing::did;
use crate::signing::notary::{Format, Notary};

pub(super) const KEYS: &[&str] = &["format", "key", "kid", "includeTxHash"];
pub(super) const FORMATS: &[(&str, Format)] = &[("jws", Format::Jws), ("eip712", Format::Eip712)];

/// Reads who signs offers and receipts. `origin` is empty when it is a mistake itself.
pub(super) fn read(
    value: &Value<'_>,
    path: Path<'_>,
    origin: &str,
    around: &mut Surroundings<'_>,
    errors: &mut Errors,
) -> Option<Notary> {
    let fields = Fields::open(value, path, KEYS, errors)?;
    let format = fields.need("format", "write jws or eip712", errors);
    let format = format.and_then(|_| fields.choice("format", FORMATS, errors));
    let secret = fields.need("key", "write {\"env\": \"VARIABLE\"}: a private key", errors);
    let secret = secret.and_then(|value| key(value, path.key("key"), around, errors));
    let key_id = match fields.get("kid") {
        Some(value) => read_key_id(value, &path.key("kid"), errors),
        None => Some(did::of_origin(origin) + "#key-1"),
    };
    let names_transaction = match fields.get("includeTxHash") {
        None => Some(false),
        Some(Value::Bool(flag)) => Some(*flag),
        Some(other) => {
            errors.push(
                path.key("includeTxHash"),
                format_args!("true or false belongs here, not {}", other.kind()),
                "write one, unquoted",
            );
            None
        }
    };
    match Notary::new(format?, secret?, key_id?, names_transaction?) {
        Ok(notary) => {
            if !notary.publishes(origin) && !origin.is_empty() {
                around.warnings.push(format!(
                    "{}: it is not of {}: publish the key's document there, the filter does not",
                    path.key("kid"),
                    did::of_origin(origin)
                ));
            }
            Some(notary)
        }
        Err(error) => {
            errors.push(path.key("key"), error, "use one, or write \"format\": \"jws\"");
            None
        }
    }
}

/// A DID URL with a fragment: verifiers look for exactly that method in the DID's document.
fn read_key_id(value: &Value<'_>, path: &Path<'_>, errors: &mut Errors) -> Option<String> {
    let id = token(value, path, 256, errors)?;
    let parts = id.strip_prefix("did:").and_then(|rest| rest.split_once('#'));
    let fine = parts.is_some_and(|(did, fragment)| {
        let (method, name) = did.split_once(':').unwrap_or_default();
        !method.is_empty() && !name.is_empty() && !fragment.is_empty() && !fragment.contains('#')
    }) && !id.contains(['"', '\\']);
    if !fine {
        errors.push(
            path,
            format_args!("{} is not a DID URL with a fragment", quoted(id)),
            "for example did:web:api.example.com#key-1",
        );
    }
    fine.then(|| id.to_owned())
}
