//! `bazaar`: how to call what is sold, for directories.
//!
//! The shape is that of `declareDiscoveryExtension` after its server has filled in the
//! request (`@x402/extensions` 2.27): `info` with an example of input and output, `schema`
//! that `info` fits. Input schemas are read off the examples.

use super::{extend, Asked, DIALECT};
use crate::config::Bazaar;
use crate::json::{push_after, push_string};

/// The extension's name.
pub(super) const KEY: &str = "bazaar";

/// Longest `pathParams` that are read off a path, as JSON: what a client asks for comes back in
/// the quote, and again in its payment.
const MAX_PATH_PARAMS: usize = 512;

/// Appends the declaration for one request; nothing when it is about other requests.
pub(super) fn push(json: &mut String, bazaar: &Bazaar, asked: &Asked<'_>) {
    let Some(method) = bazaar.method(asked.method) else { return };
    let path_params = match (&bazaar.path_params, asked.template) {
        (Some(example), _) => example.json.clone(),
        (None, Some(template)) => path_params(template, asked.path),
        (None, None) => String::new(),
    };
    extend(json, &[r#""bazaar":{"info":{"input":{"type":"http","method":""#, method, "\""]);
    push_input(json, bazaar);
    if !path_params.is_empty() {
        extend(json, &[r#","pathParams":"#, &path_params]);
    }
    json.push('}');
    push_output(json, bazaar);
    extend(json, &[r#"},"schema":"#, DIALECT]);
    push_input_schema(json, bazaar, method, !path_params.is_empty());
    push_output_schema(json, bazaar);
    json.push_str(r#"},"required":["input"]}"#);
    if let Some(template) = asked.template {
        push_after(json, r#","routeTemplate":"#, template);
    }
    json.push('}');
}

/// The part of `info` that is the same for every request.
pub(super) fn fixed(bazaar: &Bazaar) -> String {
    let mut json = String::from(r#"{"input":{"type":"http""#);
    push_input(&mut json, bazaar);
    json.push('}');
    push_output(&mut json, bazaar);
    json.push('}');
    json
}

fn push_input(json: &mut String, bazaar: &Bazaar) {
    if let Some((kind, body)) = &bazaar.body {
        extend(json, &[r#","bodyType":""#, kind, r#"","body":"#, &body.json]);
    }
    for (name, example) in [("queryParams", &bazaar.query), ("headers", &bazaar.headers)] {
        if let Some(example) = example {
            extend(json, &[",\"", name, "\":", &example.json]);
        }
    }
}

fn push_output(json: &mut String, bazaar: &Bazaar) {
    let Some(output) = &bazaar.output else { return };
    push_after(json, r#","output":{"type":"#, &output.kind);
    if let Some(format) = &output.format {
        push_after(json, r#","format":"#, format);
    }
    if let Some(example) = &output.example {
        extend(json, &[r#","example":"#, &example.json]);
    }
    json.push('}');
}

fn push_input_schema(json: &mut String, bazaar: &Bazaar, method: &str, path_params: bool) {
    json.push_str(
        r#""input":{"type":"object","properties":{"type":{"type":"string","const":"http"},"method":{"type":"string","enum":[""#,
    );
    extend(json, &[method, "\"]}"]);
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
    if path_params {
        json.push_str(r#","pathParams":{"type":"object"}"#);
    }
    let required = if bazaar.body.is_some() { r#","bodyType","body""# } else { "" };
    extend(json, &[r#"},"required":["type","method""#, required, r#"],"additionalProperties":false}"#]);
}

fn push_output_schema(json: &mut String, bazaar: &Bazaar) {
    let Some(output) = &bazaar.output else { return };
    json.push_str(r#","output":{"type":"object","properties":{"type":{"type":"string"}"#);
    if output.format.is_some() {
        json.push_str(r#","format":{"type":"string"}"#);
    }
    if let Some(example) = &output.example {
        extend(json, &[r#","example":{"type":""#, example.kind, "\"}"]);
    }
    json.push_str(r#"},"required":["type"]}"#);
}

/// What stands in the variables of a template, as a JSON object; nothing when there are none,
/// when the path does not have the template's shape, or when they are too long to repeat.
fn path_params(template: &str, path: &str) -> String {
    let path = path.split('?').next().unwrap_or_default();
    let mut json = String::new();
    let mut segments = path.split('/');
    for part in template.split('/') {
        let Some(segment) = segments.next() else { return String::new() };
        let Some(name) = part.strip_prefix(':') else { continue };
        json.push(if json.is_empty() { '{' } else { ',' });
        push_string(&mut json, name);
        json.push(':');
        push_string(&mut json, segment);
        if json.len() > MAX_PATH_PARAMS {
            return String::new();
        }
    }
    if segments.next().is_some() || json.is_empty() {
        return String::new();
    }
    json.push('}');
    json
}
