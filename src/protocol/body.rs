//! What the facilitator is asked.
//!
//! The body of `/verify` and `/settle` is written from what was read and verified: the
//! authorisation and its signature, our own terms as what was accepted, and our own resource.
//!
//! The reference servers forward the client's text as it stands. Whatever else stands in it
//! would be read by another parser than ours: a number no `f64` holds, skipped here, was
//! refused there, and an answer that says nothing about the payment leaves its outcome open.
//!
//! A body is written from its first byte to its last into one buffer, by those who know its parts.

use super::json::push_string;
use super::terms::Sold;
use crate::money::Amount;

/// What a body has room for before it has to grow. By EIP-3009 it takes some 1,100 bytes, by Permit2 1,450.
const ROOM: usize = 1_536;

/// A version 2 body: `payload` writes that object, `requirements` the quote that was accepted, or less of it
/// where that is `charged` under `upto`. `extensions` are members without braces, and may be none.
pub fn v2(
    payload: impl FnOnce(&mut String),
    requirements: impl Fn(&mut String, Option<Amount>),
    charged: Option<Amount>,
    extensions: &str,
    sold: &Sold<'_>,
) -> Vec<u8> {
    let mut json = String::with_capacity(ROOM);
    json.push_str(r#"{"x402Version":2,"paymentPayload":{"x402Version":2,"payload":"#);
    payload(&mut json);
    json.push_str(r#","accepted":"#);
    let begin = json.len();
    requirements(&mut json, None);
    let end = json.len();
    json.push_str(r#","resource":"#);
    push_resource(&mut json, sold);
    if !extensions.is_empty() {
        json.push_str(r#","extensions":{"#);
        json.push_str(extensions);
        json.push('}');
    }
    json.push_str(r#"},"paymentRequirements":"#);
    // As a rule the same once more.
    match json.get(begin..end).filter(|_| charged.is_none()).map(str::to_owned) {
        Some(accepted) => json.push_str(&accepted),
        None => requirements(&mut json, charged),
    }
    json.push('}');
    json.into_bytes()
}

/// A version 1 body; `payload` and `requirements` write those objects.
pub fn v1(
    scheme: &str,
    network: &str,
    payload: impl FnOnce(&mut String),
    requirements: impl FnOnce(&mut String),
) -> Vec<u8> {
    let mut json = String::with_capacity(ROOM);
    json.push_str(r#"{"x402Version":1,"paymentPayload":{"x402Version":1,"scheme":"#);
    push_string(&mut json, scheme);
    json.push_str(r#","network":"#);
    push_string(&mut json, network);
    json.push_str(r#","payload":"#);
    payload(&mut json);
    json.push_str(r#"},"paymentRequirements":"#);
    requirements(&mut json);
    json.push('}');
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
