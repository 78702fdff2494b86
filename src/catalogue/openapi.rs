//! OpenAPI 3.1 with `x-payment-info`.

use super::{base, comma, price, Price};
use crate::config::{Bazaar, Example, Listing, Policy};
use crate::json::{extend, push_after, push_string};
use crate::map::Map;

/// The methods OpenAPI knows. Others are sold but cannot be described.
const METHODS: [&str; 8] = ["GET", "PUT", "POST", "DELETE", "OPTIONS", "HEAD", "PATCH", "TRACE"];

/// What is sold at one path.
#[derive(Default)]
struct Item {
    methods: Vec<&'static str>,
    /// Its operations, as members of an object.
    json: String,
}

/// The description of everything sold.
pub fn openapi(policy: &Policy) -> String {
    let mut json = String::from(r#"{"openapi":"3.1.0","info":{"title":"#);
    let origin = policy.origin.as_str();
    let host = origin.strip_prefix("https://").or(origin.strip_prefix("http://")).unwrap_or(origin);
    push_string(&mut json, host);
    json.push_str(concat!(
        r#","version":"1","x-guidance":"Every operation here costs money. Call it without payment: the answer is 402, "#,
        r#"and its PAYMENT-REQUIRED header says what to pay and how (x402). Prices here are for orientation."},"#,
        r#""servers":[{"url":"#
    ));
    push_string(&mut json, origin);
    json.push_str("}],");
    if policy.listings.truncated {
        json.push_str(r#""x-truncated":true,"#);
    }
    json.push_str(r#""paths":{"#);
    let listings = &policy.listings.routes;
    let paths: Vec<String> = listings.iter().map(|listing| path(&listing.path)).collect();
    let mut places: Map<&str, usize> = Map::default();
    let mut items: Vec<(&str, Item)> = Vec::with_capacity(paths.len());
    for (listing, path) in listings.iter().zip(&paths) {
        let place = places.get(path.as_str()).copied().unwrap_or(items.len());
        if place == items.len() {
            places.insert(path, place);
            items.push((path, Item::default()));
        }
        if let Some((_, item)) = items.get_mut(place) {
            item.add(policy, listing, path);
        }
    }
    let mut count = 0usize;
    for (path, item) in items.iter().filter(|(_, item)| !item.methods.is_empty()) {
        comma(&mut json, count);
        count = count.saturating_add(1);
        push_string(&mut json, path);
        extend(&mut json, &[":{", &item.json]);
        json.push('}');
    }
    json.push_str("}}");
    json
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
                extend(&mut spelled, &["{var", &unnamed.to_string()]);
                spelled.push('}');
            }
            "**" => spelled.push_str("{rest}"),
            part => spelled.push_str(part),
        }
    }
    spelled
}

fn push_operation(json: &mut String, policy: &Policy, listing: &Listing, path: &str, method: &str) {
    let offer = &listing.offer;
    let lower = method.to_ascii_lowercase();
    extend(json, &["\"", &lower, r#"":{"operationId":""#, &listing.name, "-", &lower, "\""]);
    let summary = if offer.description().is_empty() { listing.name.as_str() } else { offer.description() };
    push_after(json, r#","summary":"#, summary);
    if listing.host.is_some() {
        push_after(json, r#","servers":[{"url":"#, &base(policy, listing));
        json.push_str("}]");
    }
    let bazaar = offer.extensions.bazaar.as_ref().filter(|bazaar| bazaar.method(method) == Some(method));
    push_parameters(json, path, bazaar);
    if let Some((kind, body)) = bazaar.and_then(|bazaar| bazaar.body.as_ref()) {
        json.push_str(r#","requestBody":{"required":true,"content":{"#);
        push_content(json, media(kind), body);
        json.push_str("}}");
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
    let Some(Price { amount, ticker, upto }) = price else { return };
    match ticker {
        None => {
            json.push_str(if upto {
                r#""price":{"mode":"dynamic","currency":"USD","min":"0","max":""#
            } else {
                r#""price":{"mode":"fixed","currency":"USD","amount":""#
            });
            extend(json, &[&amount, r#""},"protocols":[{"x402":{}}]"#]);
        }
        Some(ticker) => {
            extend(json, &[r#""protocols":["x402"],"amount":""#, &amount, r#"","currency":"#]);
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
        push_after(json, r#"{"in":"path","required":true,"schema":{"type":"string"},"name":"#, name);
        json.push('}');
    }
    if let Some(query) = bazaar.and_then(|bazaar| bazaar.query.as_ref()) {
        for (name, schema) in &query.members {
            comma(json, count);
            count = count.saturating_add(1);
            push_after(json, r#"{"in":"query","name":"#, name);
            extend(json, &[r#","schema":{"type":""#, schema, "\"}}"]);
        }
    }
    json.push(']');
}

fn push_content(json: &mut String, media: &str, example: &Example) {
    push_string(json, media);
    json.push_str(r#":{"schema":"#);
    example.push_schema(json);
    extend(json, &[r#","example":"#, &example.json]);
    json.push('}');
}

fn media(kind: &str) -> &'static str {
    match kind {
        "form-data" => "multipart/form-data",
        "text" => "text/plain",
        _ => "application/json",
    }
}

// === impl Item ===

impl Item {
    /// Adds a route's operations; the first at a place stays. A route for all methods stands
    /// under the one it is declared with, else under the one its kind of request usually has.
    fn add(&mut self, policy: &Policy, listing: &Listing, path: &str) {
        let bazaar = listing.offer.extensions.bazaar.as_ref();
        let usual = bazaar.and_then(|bazaar| match (bazaar.method, &bazaar.body) {
            (None, Some(_)) => Some("POST"),
            (method, _) => method,
        });
        for method in METHODS {
            let sold = if listing.methods.is_empty() {
                usual.unwrap_or("GET") == method
            } else {
                listing.methods.iter().any(|sold| sold == method)
            };
            if sold && !self.methods.contains(&method) {
                comma(&mut self.json, self.methods.len());
                self.methods.push(method);
                push_operation(&mut self.json, policy, listing, path, method);
            }
        }
    }
}
