//! What is sold, as documents for directories.
//!
//! | path | who reads it |
//! |---|---|
//! | `/.well-known/x402` | directories of x402: `resources` lists URLs, `items` has the entries of a facilitator's `/discovery/resources` |
//! | `/openapi.json` | directories and programs: OpenAPI 3.1 with `x-payment-info` on every operation |
//!
//! Only routes that are sold are listed, the first 10,000 in the order of the configuration;
//! `truncated` (`x-truncated`) says that there are more. A path is its template, `{name}` for
//! a variable. Nothing here is a promise: the 402 is, and readers say so themselves.
//!
//! The conventions are those of x402scan (`DISCOVERY.md`) and of `@agentcash/discovery`
//! 1.7, which ask for `price: {mode, currency, amount}` and `protocols: [{"x402": {}}]`.

mod openapi;

#[cfg(test)]
mod tests;

pub use openapi::openapi;

use crate::config::{Listing, Means, Offer, Policy};
use crate::json::{extend, push_after, push_string};
use crate::money::Amount;
use crate::protocol::terms::Terms;

/// The price catalogue.
pub fn catalogue(policy: &Policy) -> String {
    let mut json = String::from(r#"{"version":1,"x402Version":2,"resources":["#);
    let listings = &policy.listings;
    for (index, listing) in listings.routes.iter().enumerate() {
        comma(&mut json, index);
        push_string(&mut json, &url(policy, listing));
    }
    json.push_str(r#"],"items":["#);
    for (index, listing) in listings.routes.iter().enumerate() {
        comma(&mut json, index);
        push_item(&mut json, policy, listing);
    }
    let truncated = if listings.truncated { r#"],"truncated":true}"# } else { "]}" };
    json.push_str(truncated);
    json
}

fn push_item(json: &mut String, policy: &Policy, listing: &Listing) {
    let offer = &listing.offer;
    push_after(json, r#"{"resource":"#, &url(policy, listing));
    json.push_str(r#","type":"http","x402Version":2,"accepts":["#);
    for (index, accept) in offer.accepts.iter().enumerate() {
        comma(json, index);
        // Who may submit it under upto is in the quote: it changes.
        Terms::of(accept, offer.amount(index), offer, None).push_v2(json);
    }
    for (index, accept) in offer.others.iter().enumerate() {
        comma(json, index.saturating_add(offer.accepts.len()));
        accept.push_v2(json, offer.other_amount(index), &accept.extra, offer);
    }
    // What is ours alone stands where a directory keeps such things.
    push_after(json, r#"],"metadata":{"name":"#, &listing.name);
    json.push_str(r#","methods":["#);
    for (index, method) in listing.methods.iter().enumerate() {
        comma(json, index);
        push_string(json, method);
    }
    json.push(']');
    if let Some(price) = price(offer) {
        push_after(json, r#","price":"#, &price.text());
    }
    for (name, text) in [("description", offer.description()), ("mimeType", &offer.mime_type)] {
        if !text.is_empty() {
            extend(json, &[",\"", name, "\":"]);
            push_string(json, text);
        }
    }
    json.push_str("}}");
}

/// A price as it is shown.
struct Price<'a> {
    /// In whole tokens.
    amount: String,
    /// `None` for dollars.
    ticker: Option<&'a str>,
    /// It is the most there can be.
    upto: bool,
}

/// The price of an offer, from the first way to pay it.
fn price(offer: &Offer) -> Option<Price<'_>> {
    let (decimals, symbol, upto) = match (offer.accepts.first(), offer.others.first()) {
        (Some(accept), _) => {
            let asset = &accept.asset;
            (asset.decimals, asset.symbol.as_str(), accept.means == Means::Upto)
        }
        (None, Some(other)) => (other.decimals, other.symbol.as_str(), false),
        (None, None) => return None,
    };
    let ticker = (!offer.in_dollars).then_some(symbol);
    Some(Price { amount: tokens(offer.amount(0), decimals), ticker, upto })
}

/// An amount in whole tokens: `0.005`.
fn tokens(amount: Amount, decimals: u8) -> String {
    let decimals = usize::from(decimals);
    let mut digits = amount.to_string();
    while digits.len() <= decimals {
        digits.insert(0, '0');
    }
    let (whole, fraction) = digits.split_at(digits.len().saturating_sub(decimals));
    let mut text = whole.to_owned();
    let fraction = fraction.trim_end_matches('0');
    if !fraction.is_empty() {
        text.push('.');
        text.push_str(fraction);
    }
    text
}

/// The URL of a route: at the first host it names, else at the origin.
fn url(policy: &Policy, listing: &Listing) -> String {
    let mut url = base(policy, listing);
    url.push_str(&listing.path);
    url
}

/// The origin a route is served under.
fn base(policy: &Policy, listing: &Listing) -> String {
    match &listing.host {
        Some(host) => {
            let scheme = if policy.origin.starts_with("http:") { "http://" } else { "https://" };
            let mut base = String::from(scheme);
            base.push_str(host);
            base
        }
        None => policy.origin.clone(),
    }
}

fn comma(json: &mut String, index: usize) {
    if index > 0 {
        json.push(',');
    }
}

// === impl Price ===

impl Price<'_> {
    /// `$0.005`, `1.5 EURC`, `up to $0.5`.
    fn text(&self) -> String {
        let mut text = String::from(if self.upto { "up to " } else { "" });
        if self.ticker.is_none() {
            text.push('$');
        }
        text.push_str(&self.amount);
        if let Some(ticker) = self.ticker {
            text.push(' ');
            text.push_str(ticker);
        }
        text
    }
}
