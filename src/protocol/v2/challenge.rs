//! The quote of a 402: `PaymentRequired` in the `PAYMENT-REQUIRED` header.

use std::fmt::Write;

use base64::engine::general_purpose::STANDARD;
use base64::Engine;

use super::{PaymentPayload, UPFRONT};
use crate::config::{Accept, Asset, Offer, Settle};
use crate::evm::address::Address;
use crate::money::Amount;
use crate::protocol::json::push_string;

/// An offer's quote. Everything but the error and the resource's URL is rendered and
/// encoded once, so that an unpaid request costs the encoding of a short tail.
#[derive(Clone, Debug)]
pub struct Challenge {
    /// Base64 of `{"x402Version":2,"accepts":[...],` and as many spaces as make its length
    /// a multiple of three, so that encoded text may follow.
    prefix: String,
    /// What follows the URL, as JSON.
    suffix: String,
}

/// One `PaymentRequirements`, as the SDK spells it: its key order, checksummed addresses,
/// no `assetTransferMethod` (absent means EIP-3009). `paymentFlow` is stated only when it is
/// not the default.
pub fn requirements(accept: &Accept, offer: &Offer) -> String {
    let mut json = String::with_capacity(384);
    push_requirements(&mut json, accept, offer);
    json
}

/// The `PaymentRequirements` a payment states itself, once it is known to be its payer's. An authorisation that was
/// claimed under an earlier quote is settled under that quote, whatever the offer is today.
pub fn signed_requirements(payload: &PaymentPayload, asset: &Asset) -> String {
    let accepted = &payload.accepted;
    let flow = accepted.extra.as_ref().and_then(|extra| extra.payment_flow.as_deref());
    let mut json = String::with_capacity(384);
    Terms {
        asset,
        amount: payload.authorization.value,
        pay_to: &payload.authorization.to,
        max_timeout_seconds: accepted.max_timeout_seconds,
        upfront: flow == Some(UPFRONT),
    }
    .push(&mut json);
    json
}

/// The `ResourceInfo` of what is sold at `url`.
pub fn resource(offer: &Offer, url: &str) -> String {
    let mut json = String::from(r#"{"url":"#);
    push_string(&mut json, url);
    push_description(&mut json, offer);
    json.push('}');
    json
}

fn push_description(out: &mut String, offer: &Offer) {
    out.push_str(r#","description":"#);
    push_string(out, &offer.description);
    out.push_str(r#","mimeType":"#);
    push_string(out, &offer.mime_type);
}

/// What a `PaymentRequirements` says.
struct Terms<'a> {
    asset: &'a Asset,
    amount: Amount,
    pay_to: &'a Address,
    max_timeout_seconds: u64,
    upfront: bool,
}

fn push_requirements(out: &mut String, accept: &Accept, offer: &Offer) {
    Terms {
        asset: &accept.asset,
        amount: accept.amount,
        pay_to: &accept.pay_to,
        max_timeout_seconds: offer.max_timeout_seconds.into(),
        upfront: offer.settle == Settle::Before,
    }
    .push(out);
}

// === impl Terms ===

impl Terms<'_> {
    fn push(&self, out: &mut String) {
        out.push_str(r#"{"scheme":"exact","network":"#);
        push_string(out, &self.asset.network);
        // Writing into a String cannot fail.
        let _ = write!(
            out,
            r#","amount":"{}","asset":"{}","payTo":"{}","maxTimeoutSeconds":{},"extra":{{"name":"#,
            self.amount, self.asset.address, self.pay_to, self.max_timeout_seconds,
        );
        push_string(out, &self.asset.name);
        out.push_str(r#","version":"#);
        push_string(out, &self.asset.version);
        if self.upfront {
            out.push_str(r#","paymentFlow":"#);
            push_string(out, UPFRONT);
        }
        out.push_str("}}");
    }
}

// === impl Challenge ===

impl Challenge {
    /// Renders an offer's quote.
    pub fn new(offer: &Offer) -> Self {
        let mut json = String::from(r#"{"x402Version":2,"accepts":["#);
        for (index, accept) in offer.accepts.iter().enumerate() {
            if index > 0 {
                json.push(',');
            }
            push_requirements(&mut json, accept, offer);
        }
        json.push_str("],");
        while json.len() % 3 != 0 {
            json.push(' ');
        }
        let mut suffix = String::new();
        push_description(&mut suffix, offer);
        suffix.push_str("}}");
        Self { prefix: STANDARD.encode(json), suffix }
    }

    /// The value of `PAYMENT-REQUIRED`: base64, one line, ASCII whatever the arguments.
    ///
    /// `error` is a stable code or the SDK's text; `resource_url` the public URL asked for.
    /// The header is longer than the URL by a third: callers bound the URL.
    pub fn header(&self, error: &str, resource_url: &str) -> String {
        let length = 32usize
            .saturating_add(error.len())
            .saturating_add(resource_url.len())
            .saturating_add(self.suffix.len());
        let mut tail = String::with_capacity(length);
        tail.push_str(r#""error":"#);
        push_string(&mut tail, error);
        tail.push_str(r#","resource":{"url":"#);
        push_string(&mut tail, resource_url);
        tail.push_str(&self.suffix);

        let encoded = tail.len().div_ceil(3).saturating_mul(4);
        let mut header = String::with_capacity(self.prefix.len().saturating_add(encoded));
        header.push_str(&self.prefix);
        STANDARD.encode_string(tail, &mut header);
        header
    }
}

#[cfg(test)]
mod tests;
