//! What is sold, as documents for directories.
//!
//! | path | who reads it |
//! |---|---|
//! | `/.well-known/x402` | directories of x402: `resources` lists URLs, `items` has the entries of a facilitator's `/discovery/resources` |
//! | `/openapi.json` | directories and agents: OpenAPI 3.1 with `x-payment-info` on every operation |
//!
//! Only routes that are sold are listed, the first 10,000 in the order of the configuration;
//! `truncated` (`x-truncated`) says that there are more. A path is its template, `{name}` for
//! a variable. Nothing here is a promise: the 402 is, and readers say so themselves.
//!
//! The conventions are x402scan's and agentcash's (their `DISCOVERY.md`; `@agentcash/discovery`
//! 1.7), who ask for `price: {mode, currency, amount}` and `protocols: [{"x402": {}}]`.

mod openapi;

#[cfg(test)]
mod tests;

pub use openapi::openapi;

use std::fmt::Write;

use crate::config::{Accept, Listing, Offer, Policy};
use crate::json::push_string;
use crate::protocol::v2;

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
    json.push_str(r#"{"resource":"#);
    push_string(json, &url(policy, listing));
    json.push_str(r#","type":"http","x402Version":2,"accepts":["#);
    for (index, accept) in offer.accepts.iter().enumerate() {
        comma(json, index);
        json.push_str(&v2::requirements(accept, offer));
    }
    // What is ours alone stands where a directory keeps such things.
    json.push_str(r#"],"metadata":{"name":"#);
    push_string(json, &listing.name);
    json.push_str(r#","methods":["#);
    for (index, method) in listing.methods.iter().enumerate() {
        comma(json, index);
        push_string(json, method);
    }
    json.push(']');
    if let Some(price) = price(offer) {
        json.push_str(r#","price":"#);
        push_string(json, &price.text());
    }
    for (name, text) in [("description", &offer.description), ("mimeType", &offer.mime_type)] {
        if !text.is_empty() {
            let _ = write!(json, ",\"{name}\":");
            push_string(json, text);
        }
    }
    json.push_str("}}");
}

/// A price as it is shown.
struct Price<'a> {
    amount: String,
    /// `None` for dollars.
    ticker: Option<&'a str>,
}

/// The price of an offer, from its first accept.
fn price(offer: &Offer) -> Option<Price<'_>> {
    let accept = offer.accepts.first()?;
    let ticker = (!offer.in_dollars).then_some(accept.asset.symbol.as_str());
    Some(Price { amount: tokens(accept), ticker })
}

/// An amount in whole tokens: `0.005`.
fn tokens(accept: &Accept) -> String {
    let units = accept.amount.to_string();
    let decimals = usize::from(accept.asset.decimals);
    let padded = format!("{}{units}", "0".repeat(decimals.saturating_add(1).saturating_sub(units.len())));
    let (whole, fraction) = padded.split_at(padded.len().saturating_sub(decimals));
    match fraction.trim_end_matches('0') {
        "" => whole.to_owned(),
        fraction => format!("{whole}.{fraction}"),
    }
}

/// The URL of a route: at the first host it names, else at the origin.
fn url(policy: &Policy, listing: &Listing) -> String {
    format!("{}{}", base(policy, listing), listing.path)
}

/// The origin a route is served under.
fn base(policy: &Policy, listing: &Listing) -> String {
    match &listing.host {
        Some(host) => {
            let scheme = policy.origin.split(':').next().unwrap_or("https");
            format!("{scheme}://{host}")
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
    /// `$0.005`, or `1.5 EURC`.
    fn text(&self) -> String {
        match self.ticker {
            None => format!("${}", self.amount),
            Some(ticker) => format!("{} {ticker}", self.amount),
        }
    }
}
