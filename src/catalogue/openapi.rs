//! OpenAPI 3.1 with `x-payment-info`.

use super::{base, comma, price, Price};
use crate::config::{Bazaar, Example, Listing, Policy, BODY_METHODS};
use crate::json::push_string;

/// The methods OpenAPI knows, in lower case. Others are sold but cannot be described.
const METHODS: [&str; 8] = ["get", "put", "post", "delete", "options", "head", "patch", "trace"];

/// One method of one path.
struct Operation<'p> {
    path: String,
    method: &'static str,
    listing: &'p Listing,
}

/// The description of everything sold.
pub fn openapi(policy: &Policy) -> String {
    let mut json = String::from(r#"{"openapi":"3.1.0","info":{"title":"#);
    let host = policy.origin.split_once("://").map_or(policy.origin.as_str(), |(_, host)| host);
    push_string(&mut json, host);
    json.push_str(concat!(
        r#","version":"1","x-guidance":"Every operation here costs money. Call it without payment: the answer is 402, "#,
        r#"and its PAYMENT-REQUIRED header says what to pay and how (x402). Prices here are for orientation."},"#,
        r#""servers":[{"url":"#
    ));
    push_string(&mut json, &policy.origin);
    json.push_str("}],");
    if policy.listings.truncated {
        json.push_str(r#""x-truncated":true,"#);
    }
    json.push_str(r#""paths":{"#);
    let mut operations: Vec<Operation<'_>> = policy.listings.routes.iter().flat_map(operations).collect();
    // The first of those at one place stays: what is sold there on another host is left out.
    operations.sort_by(|a, b| (&a.path, a.method).cmp(&(&b.path, b.method)));
    operations.dedup_by(|later, first| later.path == first.path && later.method == first.method);
    let mut path: Option<&str> = None;
    for (index, operation) in operations.iter().enumerate() {
        if path == Some(&operation.path) {
            json.push(',');
        } else {
            json.push_str(if index > 0 { "}," } else { "" });
            push_string(&mut json, &operation.path);
            json.push_str(":{");
            path = Some(&operation.path);
        }
        push_operation(&mut json, policy, operation);
    }
    json.push_str(if operations.is_empty() { "}}" } else { "}}}" });
    json
}

/// The operations of a route. One for all methods stands under the method it is declared
/// with, else under the one its kind of request usually has.
fn operations(listing: &Listing) -> Vec<Operation<'_>> {
    let path = path(&listing.path);
    let bazaar = listing.offer.extensions.bazaar.as_ref();
    let usual = match bazaar.map(|bazaar| (bazaar.method, bazaar.body.is_some())) {
        Some((Some(method), _)) => method,
        Some((None, true)) => "POST",
        _ => "GET",
    };
    let usual = [usual.to_owned()];
    let methods = if listing.methods.is_empty() { &usual[..] } else { &listing.methods[..] };
    let known = |method: &String| METHODS.iter().copied().find(|known| known.eq_ignore_ascii_case(method));
    methods.iter().filter_map(known).map(|method| Operation { path: path.clone(), method, listing }).collect()
}

/// A path template as OpenAPI spells it: every variable named.
fn path(template: &str) -> String {
    let mut spelled = String::new();
    let mut unnamed = 0u32;
    for part in template.strip_prefix('/').unwrap_or(template).split('/') {
        spelled.push('/');
        match part {
            "*" => {
                unnamed = unnamed.saturating_add(1);
                spelled.push_str("{var");
                spelled.push_str(&unnamed.to_string());
                spelled.push('}');
            }
            "**" => spelled.push_str("{rest}"),
            part => spelled.push_str(part),
        }
    }
    spelled
}

fn push_operation(json: &mut String, policy: &Policy, operation: &Operation<'_>) {
    let listing = operation.listing;
    let offer = &listing.offer;
    json.push('"');
    json.push_str(operation.method);
    json.push_str(r#"":{"operationId":"#);
    push_string(json, &format!("{}-{}", listing.name, operation.method));
    let summary = if offer.description.is_empty() { &listing.name } else { &offer.description };
    json.push_str(r#","summary":"#);
    push_string(json, summary);
    if listing.host.is_some() {
        json.push_str(r#","servers":[{"url":"#);
        push_string(json, &base(policy, listing));
        json.push_str("}]");
    }
    let method = operation.method.to_ascii_uppercase();
    let bazaar = offer.extensions.bazaar.as_ref().filter(|bazaar| bazaar.method(&method) == Some(&method));
    push_parameters(json, &operation.path, bazaar);
    if let Some((kind, body)) = bazaar.and_then(|bazaar| bazaar.body.as_ref()) {
        if BODY_METHODS.contains(&method.as_str()) {
            json.push_str(r#","requestBody":{"required":true,"content":{"#);
            push_content(json, media(kind), body);
            json.push_str("}}");
        }
    }
    json.push_str(r#","x-payment-info":{"#);
    push_price(json, price(offer));
    json.push_str(r#"},"responses":{"200":{"description":"What was paid for""#);
    let output = bazaar.and_then(|bazaar| bazaar.output.as_ref()).and_then(|output| output.example.as_ref());
    if let Some(example) = output {
        let media = if offer.mime_type.is_empty() { "application/json" } else { &offer.mime_type };
        json.push_str(r#","content":{"#);
        push_content(json, media, example);
        json.push('}');
    }
    json.push_str(r#"},"402":{"description":"Payment Required"}}}"#);
}

/// `x-payment-info`. Readers want a currency of ISO 4217: a price that is not in dollars is
/// told in the form that takes any.
fn push_price(json: &mut String, price: Option<Price<'_>>) {
    let Some(Price { amount, ticker }) = price else { return };
    match ticker {
        None => {
            json.push_str(r#""price":{"mode":"fixed","currency":"USD","amount":""#);
            json.push_str(&amount);
            json.push_str(r#""},"protocols":[{"x402":{}}]"#);
        }
        Some(ticker) => {
            json.push_str(r#""protocols":["x402"],"amount":""#);
            json.push_str(&amount);
            json.push_str(r#"","currency":"#);
            push_string(json, ticker);
        }
    }
}

fn push_parameters(json: &mut String, path: &str, bazaar: Option<&Bazaar>) {
    let variables = path.split('/').filter_map(|part| part.strip_prefix('{')?.strip_suffix('}'));
    let mut count = 0usize;
    json.push_str(r#","parameters":["#);
    for name in variables {
        comma(json, count);
        count = count.saturating_add(1);
        json.push_str(r#"{"in":"path","required":true,"schema":{"type":"string"},"name":"#);
        push_string(json, name);
        json.push('}');
    }
    if let Some(query) = bazaar.and_then(|bazaar| bazaar.query.as_ref()) {
        // Each property is `"name":{"type":"..."}`, which is a parameter's schema already.
        for (name, schema) in &query.members {
            comma(json, count);
            count = count.saturating_add(1);
            json.push_str(r#"{"in":"query","name":"#);
            push_string(json, name);
            json.push_str(r#","schema":{"type":""#);
            json.push_str(schema);
            json.push_str("\"}}");
        }
    }
    json.push(']');
}

fn push_content(json: &mut String, media: &str, example: &Example) {
    push_string(json, media);
    json.push_str(r#":{"schema":"#);
    example.push_schema(json);
    json.push_str(r#","example":"#);
    json.push_str(&example.json);
    json.push('}');
}

fn media(kind: &str) -> &'static str {
    match kind {
        "form-data" => "multipart/form-data",
        "text" => "text/plain",
        _ => "application/json",
    }
}
