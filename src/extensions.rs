//! Extensions of x402: what a quote declares besides its terms, and what a payment says back.
//!
//! A payment's `extensions` are accepted if
//! 1. every key that this offer declares and the payment repeats has an `info` that holds the
//!    declared one: objects may have more members, lists are equal ([`echo`]);
//! 2. keys that were not declared are ignored, and keys that are missing are not missed;
//! 3. the payment names itself if the offer asks it to ([`identifier`]).
//!
//! What describes the request that was quoted (`info.input.method` and `.pathParams` of
//! `bazaar`) is not compared: it says nothing about the terms, and no payment is bound by it.
//! (x402-specification-v2, 5; `specs/extensions`; `@x402/core` 2.27, `validateExtensions`.)
//!
//! Everything declared comes back in the header of every payment, so declarations are short:
//! schemas carry no descriptions.

mod bazaar;
pub mod echo;
pub mod gas;
pub mod identifier;

#[cfg(test)]
mod tests;

use crate::config::{Extensions, Identifier, Offer};
use crate::json::extend;
use crate::protocol::challenge::Declared;

/// What every schema declared has, up to its properties.
const DIALECT: &str =
    r#""$schema":"https://json-schema.org/draft/2020-12/schema","type":"object","properties":{"#;

/// The request a quote is for.
#[derive(Clone, Copy, Debug)]
pub struct Asked<'a> {
    /// In upper case, as it came.
    pub method: &'a str,
    /// The raw path; a query is ignored.
    pub path: &'a str,
    /// The route's path template as directories spell it, where there is one.
    pub template: Option<&'a str>,
}

/// As long as the path of most requests.
const TYPICAL_PATH: &str = "/0000000000000000/0000000000000000/0000000000000000/0000000000000000";

/// What the quotes of an offer declare, but for what [`asked`] says of one request.
pub fn declared(extensions: &Extensions, gas: gas::Sponsored) -> Declared {
    let around = extensions.bazaar.as_ref().map(bazaar::around).unwrap_or_default();
    Declared { around, constant: constant(extensions, gas) }
}

/// What the quotes of an offer declare whatever the request: members of `extensions`, without
/// braces; empty when there is nothing.
fn constant(extensions: &Extensions, gas: gas::Sponsored) -> String {
    let mut json = String::new();
    if let Some(identifier) = extensions.payment_identifier {
        identifier::push(&mut json, identifier == Identifier::Required);
    }
    gas::push(&mut json, gas);
    json
}

/// What the quote for one request says between the two pieces of [`declared`]; empty when they are
/// not declared for it.
pub fn asked(extensions: &Extensions, asked: &Asked<'_>) -> String {
    extensions.bazaar.as_ref().map(|bazaar| bazaar::asked(bazaar, asked)).unwrap_or_default()
}

/// What the quote for one request declares besides what all do: members of `extensions`, without
/// braces; empty when there is nothing.
pub fn whole(extensions: &Extensions, asked: &Asked<'_>) -> String {
    let own = self::asked(extensions, asked);
    let Some(bazaar) = extensions.bazaar.as_ref().filter(|_| !own.is_empty()) else { return own };
    let [mut json, after] = bazaar::around(bazaar);
    extend(&mut json, &[&own, &after]);
    json
}

/// The most a quote of an offer can declare, and what it says of a typical request.
pub fn most(offer: &Offer) -> (Declared, String) {
    let extensions = offer.extensions();
    let typical = Asked { method: "DELETE", path: TYPICAL_PATH, template: None };
    (declared(extensions, gas::most(offer)), asked(extensions, &typical))
}

/// Puts members behind others.
pub fn append(json: &mut String, members: &str) {
    if !members.is_empty() {
        comma(json);
        json.push_str(members);
    }
}

/// What of a declaration a payment may not change: names, each with its `info` as JSON.
pub fn fixed(extensions: &Extensions, gas: gas::Sponsored) -> Vec<(&'static str, String)> {
    let mut fixed = Vec::new();
    if let Some(bazaar) = &extensions.bazaar {
        fixed.push((bazaar::KEY, bazaar::fixed(bazaar)));
    }
    if let Some(identifier) = extensions.payment_identifier {
        let required = identifier == Identifier::Required;
        fixed.push((identifier::KEY, identifier::info(required)));
    }
    gas::fixed(&mut fixed, gas);
    fixed
}

fn comma(json: &mut String) {
    if !json.is_empty() {
        json.push(',');
    }
}
