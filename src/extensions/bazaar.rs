//! `bazaar`: how to call what is sold, for directories.
//!
//! The shape is that of `declareDiscoveryExtension` after its server has filled in the
//! request (`@x402/extensions` 2.27): `info` with an example of input and output, `schema`
//! that `info` fits. Input schemas are read off the examples.
//!
//! Most of it is the offer's. What is the request's stands together, at the end of the schema and the
//! beginning of `info`, so that the rest is written once, in two pieces.

use super::{extend, Asked, DIALECT};
use crate::config::Bazaar;
use crate::json::push_after;

/// The extension's name.
pub(super) const KEY: &str = "bazaar";

/// Longest `pathParams` that are read off a path, as JSON: what a client asks for comes back in
/// the quote, and again in its payment.
const MAX_PATH_PARAMS: usize = 512;

const PATH_PARAMS_SCHEMA: &str = r#","pathParams":{"type":"object"}"#;

/// The declaration but for what [`asked`] says, which stands between the two.
pub(super) fn around(bazaar: &Bazaar) -> [String; 2] {
    let [mut before, mut after] = [String::new(), String::new()];
    extend(&mut before, &[r#""bazaar":{"schema":{"required":["input"],"#, DIALECT]);
    push_schema(&mut before, bazaar);
    after.push_str(r#","type":"http""#);
    if let Some(example) = &bazaar.path_params {
        extend(&mut after, &[r#","pathParams":"#, &example.json]);
    }
    push_fixed(&mut after, bazaar);
    after.push('}');
    [before, after]
}

/// What of the declaration is about one request: from the last property of the schema's input to the
/// method in `info`, and what stands in the path. Empty when the declaration is about other requests.
pub(super) fn asked(bazaar: &Bazaar, asked: &Asked<'_>) -> String {
    let Some(method) = bazaar.method(asked.method) else { return String::new() };
    let path_params = match asked.template {
        Some(template) if bazaar.path_params.is_none() => path_params(template, asked.path),
        _ => String::new(),
    };
    let [schema, name, end] = match path_params.as_str() {
        "" => [""; 3],
        _ => [PATH_PARAMS_SCHEMA, r#","pathParams":"#, "}"],
    };
    let mut json = String::new();
    json.reserve(path_params.len().saturating_add(256));
    extend(&mut json, &[r#","method":{"type":"string","enum":[""#, method, "\"]}", schema, "}}}}"]);
    if let Some(template) = asked.template {
        push_after(&mut json, r#","routeTemplate":"#, template);
    }
    extend(&mut json, &[r#","info":{"input":{"method":""#, method, "\"", name, &path_params, end]);
    json
}

/// The part of `info` that is the same for every request.
pub(super) fn fixed(bazaar: &Bazaar) -> String {
    let mut json = String::from(r#"{"input":{"type":"http""#);
    push_fixed(&mut json, bazaar);
    json
}

/// The end of `info`, from within its input.
fn push_fixed(json: &mut String, bazaar: &Bazaar) {
    if let Some((kind, body)) = &bazaar.body {
        extend(json, &[r#","bodyType":""#, kind, r#"","body":"#, &body.json]);
    }
    for (name, example) in [("queryParams", &bazaar.query), ("headers", &bazaar.headers)] {
        if let Some(example) = example {
            extend(json, &[",\"", name, "\":", &example.json]);
        }
    }
    if let Some(output) = &bazaar.output {
        push_after(json, r#"},"output":{"type":"#, &output.kind);
        if let Some(format) = &output.format {
            push_after(json, r#","format":"#, format);
        }
        if let Some(example) = &output.example {
            extend(json, &[r#","example":"#, &example.json]);
        }
    }
    json.push_str("}}");
}

/// The schema's properties, up to what depends on the request.
fn push_schema(json: &mut String, bazaar: &Bazaar) {
    if let Some(output) = &bazaar.output {
        let format = if output.format.is_some() { r#","format":{"type":"string"}"# } else { "" };
        let example = output.example.as_ref().map(|example| [r#","example":{"type":""#, example.kind, "\"}"]);
        let [before, kind, after] = example.unwrap_or_default();
        let properties = r#""output":{"type":"object","properties":{"type":{"type":"string"}"#;
        extend(json, &[properties, format, before, kind, after, r#"},"required":["type"]},"#]);
    }
    let required = if bazaar.body.is_some() { r#","bodyType","body""# } else { "" };
    extend(
        json,
        &[
            r#""input":{"type":"object","required":["type","method""#,
            required,
            r#"],"additionalProperties":false,"properties":{"type":{"type":"string","const":"http"}"#,
        ],
    );
    if let Some((_, body)) = &bazaar.body {
        json.push_str(r#","bodyType":{"type":"string","enum":["json","form-data","text"]},"body":"#);
        body.push_schema(json);
    }
    for (name, example) in [("queryParams", &bazaar.query), ("headers", &bazaar.headers)] {
        if let Some(example) = example {
            extend(json, &[",\"", name, "\":"]);
            example.push_schema(json);
        }
    }
    if bazaar.path_params.is_some() {
        json.push_str(PATH_PARAMS_SCHEMA);
    }
}

/// What stands in the variables of a template, as a JSON object but for its end; nothing when there are
/// none, when the path does not have the template's shape, or when they are too long to repeat.
fn path_params(template: &str, path: &str) -> String {
    let path = path.split('?').next().unwrap_or_default();
    let mut json = String::new();
    let mut segments = path.split('/');
    for part in template.split('/') {
        let Some(segment) = segments.next() else { return String::new() };
        let Some(name) = part.strip_prefix(':') else { continue };
        let before = if json.is_empty() { "{" } else { "," };
        push_after(&mut json, before, name);
        push_after(&mut json, ":", segment);
        if json.len() > MAX_PATH_PARAMS {
            return String::new();
        }
    }
    if segments.next().is_some() || json.is_empty() {
        return String::new();
    }
    json
}
