//! What the facilitator is asked.
//!
//! The body of `/verify` and `/settle` is written from what was read and verified: the
//! authorisation and its signature, our own terms as what was accepted, and our own resource.
//!
//! The reference servers forward the client's text as it stands. Whatever else stands in it
//! would be read by another parser than ours: a number no `f64` holds, skipped here, was
//! refused there, and an answer that says nothing about the payment leaves its outcome open.

use super::json::push_string;
use super::terms::Sold;

/// The parts of a version 2 body, each JSON.
#[derive(Clone, Copy, Debug)]
pub struct Parts<'a> {
    /// The `payload` object.
    pub payload: &'a str,
    /// The quote that was accepted.
    pub accepted: &'a str,
    /// What is to be fulfilled: the quote, or less of it under `upto`.
    pub requirements: &'a str,
    /// Members of `extensions`, without braces; may be empty.
    pub extensions: &'a str,
}

/// A version 2 body.
pub fn v2(parts: &Parts<'_>, sold: &Sold<'_>) -> Vec<u8> {
    let mut json = String::with_capacity(1_536);
    json.push_str(r#"{"x402Version":2,"paymentPayload":{"x402Version":2,"payload":"#);
    json.push_str(parts.payload);
    json.push_str(r#","accepted":"#);
    json.push_str(parts.accepted);
    json.push_str(r#","resource":"#);
    push_resource(&mut json, sold);
    if !parts.extensions.is_empty() {
        json.push_str(r#","extensions":{"#);
        json.push_str(parts.extensions);
        json.push('}');
    }
    json.push_str(r#"},"paymentRequirements":"#);
    json.push_str(parts.requirements);
    json.push('}');
    json.into_bytes()
}

/// A version 1 body.
pub fn v1(scheme: &str, network: &str, payload: &str, requirements: &str) -> Vec<u8> {
    let mut json = String::with_capacity(1_536);
    json.push_str(r#"{"x402Version":1,"paymentPayload":{"x402Version":1,"scheme":"#);
    push_string(&mut json, scheme);
    json.push_str(r#","network":"#);
    push_string(&mut json, network);
    for part in [r#","payload":"#, payload, r#"},"paymentRequirements":"#, requirements, "}"] {
        json.push_str(part);
    }
    json.into_bytes()
}

/// The `ResourceInfo` of what is sold.
pub(super) fn push_resource(out: &mut String, sold: &Sold<'_>) {
    out.push_str(r#"{"url":"#);
    push_string(out, sold.url);
    push_description(out, sold);
    out.push('}');
}

/// [`push_resource`] after the URL and before the closing brace.
pub(super) fn push_description(out: &mut String, sold: &Sold<'_>) {
    out.push_str(r#","description":"#);
    push_string(out, sold.description);
    out.push_str(r#","mimeType":"#);
    push_string(out, sold.mime_type);
}
