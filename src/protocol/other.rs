//! Payments only the facilitator understands: other schemes, other networks.
//!
//! Nothing of them can be verified here, so their `payload` is neither judged nor changed: it
//! is written again in one canonical form (keys sorted, no key twice, whole numbers only), so
//! that every parser behind us reads the same thing, and so that the same payload in another
//! spelling has the same digest.

use std::borrow::Cow;
use std::collections::BinaryHeap;
use std::fmt::Write;

use crate::config::json;
use crate::config::tree::Value;
use crate::config::OtherAccept;
use crate::evm::keccak256;
use crate::money::{assets, Amount};

use super::json::push_string;
use super::{Malformed, Version};

/// A payment for which there is no reader here.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Other {
    /// The version it is written in.
    pub version: Version,
    /// How it pays.
    pub scheme: String,
    /// CAIP-2, or a name in version 1.
    pub network: String,
    /// The rest of the quote; version 1 states nothing of it.
    pub terms: Option<Terms>,
    /// The client's `payload` object, in canonical form.
    pub payload: String,
}

/// What version 2 echoes of the quote.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Terms {
    /// Base units.
    pub amount: Amount,
    /// The asset, by its network's spelling.
    pub asset: String,
    /// Who is paid, likewise.
    pub pay_to: String,
    /// The quote's lifetime, in seconds.
    pub max_timeout_seconds: u64,
    /// `extra`, in canonical form; `{}` when there is none.
    pub extra: String,
}

// === impl Other ===

impl Other {
    pub(super) fn read(text: &str, version: Version) -> Result<Self, Malformed> {
        let root = json::read(text.as_bytes()).map_err(|_| Malformed::NotJson)?;
        let stated = match version {
            Version::V1 => &root,
            Version::V2 => root.field("accepted").ok_or(Malformed::Shape("accepted"))?,
        };
        let text = |name, path| match stated.field(name) {
            Some(Value::Text(text)) => Ok(text.as_ref()),
            _ => Err(Malformed::Shape(path)),
        };
        let payload = match root.field("payload") {
            Some(object @ Value::Object(_)) => object.canonical().ok_or(Malformed::Repeated)?,
            _ => return Err(Malformed::Shape("payload")),
        };
        let terms = match version {
            Version::V1 => None,
            Version::V2 => Some(Terms {
                amount: Amount::parse(text("amount", "accepted.amount")?)
                    .ok_or(Malformed::Amount("accepted.amount"))?,
                asset: text("asset", "accepted.asset")?.to_owned(),
                pay_to: text("payTo", "accepted.payTo")?.to_owned(),
                max_timeout_seconds: stated
                    .field("maxTimeoutSeconds")
                    .and_then(Value::whole)
                    .ok_or(Malformed::Shape("accepted.maxTimeoutSeconds"))?,
                extra: match stated.field("extra") {
                    None | Some(Value::Null) => "{}".to_owned(),
                    Some(extra @ Value::Object(_)) => extra.canonical().ok_or(Malformed::Repeated)?,
                    Some(_) => return Err(Malformed::Shape("accepted.extra")),
                },
            }),
        };
        Ok(Self {
            version,
            scheme: text("scheme", "scheme")?.to_owned(),
            network: text("network", "network")?.to_owned(),
            terms,
            payload,
        })
    }

    /// Whether this says it pays `accept`, quoted with this amount, `extra` and lifetime. Version 1
    /// says only scheme and network.
    pub fn pays(&self, accept: &OtherAccept, amount: Amount, extra: &str, max_timeout_seconds: u64) -> bool {
        let network = match self.version {
            Version::V1 => accept.v1_network == Some(self.network.as_str()),
            Version::V2 => accept.network == self.network,
        };
        self.scheme == accept.scheme
            && network
            && self.terms.as_ref().is_none_or(|terms| {
                terms.amount == amount
                    && terms.asset == accept.asset
                    && terms.pay_to == accept.pay_to
                    && terms.max_timeout_seconds == max_timeout_seconds
                    && contains(&terms.extra, extra)
            })
    }

    /// The requirements it says it fulfils; empty in version 1, which says none.
    pub fn push_requirements(&self, out: &mut String) {
        let Some(terms) = &self.terms else { return out.push_str("{}") };
        out.push_str(r#"{"scheme":"#);
        push_string(out, &self.scheme);
        out.push_str(r#","network":"#);
        push_string(out, &self.network);
        // Writing into a String cannot fail.
        let _ = write!(out, r#","amount":"{}","asset":"#, terms.amount);
        push_string(out, &terms.asset);
        out.push_str(r#","payTo":"#);
        push_string(out, &terms.pay_to);
        let (seconds, extra) = (terms.max_timeout_seconds, &terms.extra);
        let _ = write!(out, r#","maxTimeoutSeconds":{seconds},"extra":{extra}}}"#);
    }

    /// Its network in CAIP-2, whichever version names it.
    pub fn chain(&self) -> Cow<'_, str> {
        let name = self.network.as_str();
        match (self.version, assets::chain_of(name), assets::other_network(name)) {
            (Version::V1, Some(id), _) => format!("eip155:{id}").into(),
            (Version::V1, None, Some(caip2)) => caip2.into(),
            _ => name.into(),
        }
    }

    /// Names the payment: the same for every spelling of the same payload.
    pub fn digest(&self) -> [u8; 32] {
        keccak256([self.scheme.as_bytes(), b"\n", self.payload.as_bytes()])
    }
}

/// Whether one JSON object says everything another says, at every level; lists are compared
/// whole.
pub fn contains(whole: &str, part: &str) -> bool {
    match (json::read(whole.as_bytes()), json::read(part.as_bytes())) {
        (Ok(whole), Ok(part)) => whole.contains(&part),
        _ => false,
    }
}

/// The members of two JSON objects in one; the first wins where both have one.
pub fn merged(first: &str, second: &str) -> Option<String> {
    let (mut first, second) = (json::read(first.as_bytes()).ok()?, json::read(second.as_bytes()).ok()?);
    let (Value::Object(members), Value::Object(more)) = (&mut first, second) else { return None };
    for (name, value) in more {
        if !members.iter().any(|(known, _)| *known == name) {
            members.push((name, value));
        }
    }
    first.canonical()
}

// === impl Value ===

impl Value<'_> {
    /// The member of a name, if this is an object that has it exactly once.
    pub(crate) fn field(&self, name: &str) -> Option<&Self> {
        let Value::Object(members) = self else { return None };
        let mut named = members.iter().filter(|(key, _)| key == name).map(|(_, value)| value);
        let first = named.next();
        first.filter(|_| named.next().is_none())
    }

    /// A whole number that every JSON reader agrees on.
    pub(crate) fn whole(&self) -> Option<u64> {
        const EXACT: f64 = 9_007_199_254_740_992.0;
        match self {
            Value::Number(number) if (0.0..EXACT).contains(number) && number.fract() == 0.0 => {
                Some(*number as u64)
            }
            _ => None,
        }
    }

    /// Whether everything `part` says is said here too.
    pub(crate) fn contains(&self, part: &Self) -> bool {
        match (self, part) {
            (Value::Object(_), Value::Object(members)) => {
                members.iter().all(|(name, value)| self.field(name).is_some_and(|own| own.contains(value)))
            }
            _ => self == part,
        }
    }

    /// The one text of this value: keys sorted, no white space. `None` where a key is there
    /// twice, or a number is not whole and non-negative: readers differ on those.
    pub(crate) fn canonical(&self) -> Option<String> {
        let mut out = String::new();
        self.push_canonical(&mut out).then_some(out)
    }

    pub(crate) fn push_canonical(&self, out: &mut String) -> bool {
        match self {
            Value::Null => out.push_str("null"),
            Value::Bool(true) => out.push_str("true"),
            Value::Bool(false) => out.push_str("false"),
            Value::Number(_) => {
                let Some(number) = self.whole() else { return false };
                out.push_str(&number.to_string());
            }
            Value::Text(text) => push_string(out, text),
            Value::List(values) => {
                for (index, value) in values.iter().enumerate() {
                    out.push(if index == 0 { '[' } else { ',' });
                    if !value.push_canonical(out) {
                        return false;
                    }
                }
                out.push_str(if values.is_empty() { "[]" } else { "]" });
            }
            Value::Object(members) => return push_members(members, out),
        }
        true
    }
}

fn push_members(members: &[(Cow<'_, str>, Value<'_>)], out: &mut String) -> bool {
    // A heap's sort: the standard library's other ones are 4 KB of code.
    let names: BinaryHeap<(&str, usize)> =
        members.iter().enumerate().map(|(place, (name, _))| (name.as_ref(), place)).collect();
    let mut before: Option<&str> = None;
    out.push('{');
    for (name, place) in names.into_sorted_vec() {
        let Some((_, value)) = members.get(place) else { return false };
        if before == Some(name) {
            return false;
        }
        if before.is_some() {
            out.push(',');
        }
        push_string(out, name);
        out.push(':');
        if !value.push_canonical(out) {
            return false;
        }
        before = Some(name);
    }
    out.push('}');
    true
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_spelling_has_one_canonical_form() {
        let canonical = |text: &str| json::read(text.as_bytes()).unwrap().canonical();
        let one = canonical(r#"{"b":[1,true,null],"a":{"y":"\u00e9","x":{}}}"#);
        assert_eq!(one.as_deref(), Some(r#"{"a":{"x":{},"y":"é"},"b":[1,true,null]}"#));
        assert_eq!(canonical(" { \"a\" : {\"x\":{},\"y\":\"é\"}, \"b\":[1.0,true,null]}"), one);
        for odd in [r#"{"a":1,"a":1}"#, r#"{"a":1.5}"#, r#"{"a":-1}"#, r#"{"a":9007199254740993}"#] {
            assert_eq!(canonical(odd), None, "{odd}");
        }
    }

    #[test]
    fn an_echo_may_add_and_not_change() {
        assert!(contains(r#"{"a":1,"b":{"c":[1],"d":2}}"#, r#"{"b":{"c":[1]}}"#));
        for other in [r#"{"b":{"c":[1,2]}}"#, r#"{"b":{}}"#, "{}", "[]", r#"{"b":{"c":[1]},"b":{"c":[1]}}"#] {
            assert!(!contains(other, r#"{"b":{"c":[1]}}"#), "{other}");
        }
    }

    #[test]
    fn the_operators_extra_wins_over_the_facilitators() {
        let both = merged(r#"{"feePayer":"mine"}"#, r#"{"feePayer":"theirs","memo":"x"}"#);
        assert_eq!(both.as_deref(), Some(r#"{"feePayer":"mine","memo":"x"}"#));
    }
}
