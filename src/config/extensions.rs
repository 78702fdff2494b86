//! What an offer declares besides its price, and what is published of the whole.

use std::sync::Arc;

use super::error::Errors;
use super::example::{self, Example};
use super::fields::Fields;
use super::tree::{Path, Value};

pub(super) const BAZAAR_KEYS: &[&str] = &["method", "input", "output"];
pub(super) const INPUT_KEYS: &[&str] = &["queryParams", "bodyType", "body", "pathParams", "headers"];
pub(super) const OUTPUT_KEYS: &[&str] = &["type", "format", "example"];
pub(super) const DISCOVERY_KEYS: &[&str] = &["catalogue", "openapi"];
pub(super) const IDENTIFIER: &[(&str, Identifier)] =
    &[("optional", Identifier::Optional), ("required", Identifier::Required)];
pub(super) const GAS: &[(&str, bool)] = &[("auto", true), ("off", false)];
const METHODS: &[(&str, &str)] = &[
    ("GET", "GET"),
    ("HEAD", "HEAD"),
    ("DELETE", "DELETE"),
    ("POST", "POST"),
    ("PUT", "PUT"),
    ("PATCH", "PATCH"),
];
const BODY_TYPES: &[(&str, &str)] = &[("json", "json"), ("form-data", "form-data"), ("text", "text")];

/// Methods whose requests have a body, as the discovery extension sees it.
const BODY_METHODS: [&str; 3] = ["POST", "PUT", "PATCH"];
/// Methods whose requests have none.
const QUERY_METHODS: [&str; 3] = ["GET", "HEAD", "DELETE"];

/// What an offer declares besides its price.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Extensions {
    pub(crate) bazaar: Option<Bazaar>,
    pub(crate) payment_identifier: Option<Identifier>,
    /// Whether gas sponsoring is declared where the facilitator offers it.
    pub(crate) gas_sponsoring: bool,
}

/// Whether a client has to name its payment.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Identifier {
    /// It may.
    Optional,
    /// It must.
    Required,
}

/// What a directory is told of the requests an offer takes, and of the answers.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Bazaar {
    /// In place of the request's own.
    pub(crate) method: Option<&'static str>,
    /// What goes into the query; an empty object when a request has neither query nor body.
    pub(crate) query: Option<Example>,
    /// Its `bodyType`, and the body.
    pub(crate) body: Option<(&'static str, Example)>,
    pub(crate) path_params: Option<Example>,
    pub(crate) headers: Option<Example>,
    pub(crate) output: Option<Output>,
}

/// What comes back.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Output {
    pub(crate) kind: String,
    pub(crate) format: Option<String>,
    pub(crate) example: Option<Example>,
}

/// What the filter publishes of the offers: prices are the operator's to publish.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Discovery {
    /// `/.well-known/x402`
    pub(crate) catalogue: bool,
    /// `/openapi.json`
    pub(crate) openapi: bool,
}

/// Reads `bazaar`, `paymentIdentifier` and `gasSponsoring` of an offer; `plain` is what an offer
/// has that says nothing of them.
pub(super) fn read(fields: &Fields<'_>, plain: &Arc<Extensions>, errors: &mut Errors) -> Arc<Extensions> {
    let path = fields.path;
    if ["bazaar", "paymentIdentifier", "gasSponsoring"].iter().all(|key| fields.get(key).is_none()) {
        return Arc::clone(plain);
    }
    Arc::new(Extensions {
        bazaar: fields.get("bazaar").and_then(|value| bazaar(value, path.key("bazaar"), errors)),
        payment_identifier: fields.choice("paymentIdentifier", IDENTIFIER, errors),
        gas_sponsoring: fields.choice("gasSponsoring", GAS, errors).unwrap_or(true),
    })
}

/// Reads `discovery`.
pub(super) fn discovery(fields: &Fields<'_>, errors: &mut Errors) -> Discovery {
    let path = fields.path.key("discovery");
    let Some(fields) =
        fields.get("discovery").and_then(|value| Fields::open(value, path, DISCOVERY_KEYS, errors))
    else {
        return Discovery::default();
    };
    Discovery { catalogue: flag(&fields, "catalogue", errors), openapi: flag(&fields, "openapi", errors) }
}

fn flag(fields: &Fields<'_>, key: &str, errors: &mut Errors) -> bool {
    match fields.get(key) {
        Some(Value::Bool(flag)) => *flag,
        None => false,
        Some(other) => {
            let message = format_args!("true or false belongs here, not {}", other.kind());
            errors.push(fields.path.key(key), message, "write true to publish it");
            false
        }
    }
}

fn bazaar(value: &Value<'_>, path: Path<'_>, errors: &mut Errors) -> Option<Bazaar> {
    let fields = Fields::open(value, path, BAZAAR_KEYS, errors)?;
    let method = fields.choice("method", METHODS, errors);
    let output = fields.get("output").and_then(|value| output(value, path.key("output"), errors));
    let empty = Value::Object(Vec::new());
    let input = Fields::open(fields.get("input").unwrap_or(&empty), path.key("input"), INPUT_KEYS, errors)?;
    let body = body(&input, errors);
    let mut query = object(&input, "queryParams", errors);
    if body.is_none() && query.is_none() {
        query = Some(Example::nothing());
    }
    if method.is_some_and(|method| BODY_METHODS.contains(&method) != body.is_some()) {
        errors.push(
            path.key("method"),
            "does not go with the input",
            "POST, PUT and PATCH have a body, GET, HEAD and DELETE have none",
        );
    }
    Some(Bazaar {
        method,
        query,
        body,
        path_params: object(&input, "pathParams", errors),
        headers: object(&input, "headers", errors),
        output,
    })
}

/// The body and its kind; a body without a kind is JSON.
fn body(input: &Fields<'_>, errors: &mut Errors) -> Option<(&'static str, Example)> {
    let kind = input.choice("bodyType", BODY_TYPES, errors);
    let path = input.path.key("body");
    let Some(value) = input.get("body") else {
        // What a request without example holds is an object, as in the reference.
        return kind.map(|kind| (kind, Example::nothing()));
    };
    let kind = kind.unwrap_or("json");
    let fits = match (kind, value) {
        ("text", value) => matches!(value, Value::Text(_)),
        ("form-data", value) => matches!(value, Value::Object(_)),
        _ => true,
    };
    if !fits {
        errors.push(
            path,
            format_args!("{} is no {kind}", value.kind()),
            "text is text, form-data an object of fields",
        );
    }
    Some((kind, example::read(value, &path, errors)?))
}

fn output(value: &Value<'_>, path: Path<'_>, errors: &mut Errors) -> Option<Output> {
    let fields = Fields::open(value, path, OUTPUT_KEYS, errors)?;
    Some(Output {
        kind: fields.token("type", 64, errors).unwrap_or("json").to_owned(),
        format: fields.printable("format", 64, errors).map(str::to_owned),
        example: fields.get("example").and_then(|value| example::read(value, &path.key("example"), errors)),
    })
}

/// An example that has to be an object.
fn object(fields: &Fields<'_>, key: &str, errors: &mut Errors) -> Option<Example> {
    let value = fields.get(key)?;
    let path = fields.path.key(key);
    if !matches!(value, Value::Object(_)) {
        errors.push(
            path,
            format_args!("an object belongs here, not {}", value.kind()),
            "write { } with an example for each name",
        );
        return None;
    }
    example::read(value, &path, errors)
}

// === impl Extensions ===

impl Default for Extensions {
    fn default() -> Self {
        Self { bazaar: None, payment_identifier: None, gas_sponsoring: true }
    }
}

// === impl Bazaar ===

impl Bazaar {
    /// The method declared for a request of this one; `None` when the declaration is about
    /// other requests.
    pub fn method<'a>(&self, request: &'a str) -> Option<&'a str> {
        let methods = if self.body.is_some() { BODY_METHODS } else { QUERY_METHODS };
        match self.method {
            Some(method) => Some(method),
            None => methods.contains(&request).then_some(request),
        }
    }
}
