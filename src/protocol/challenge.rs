//! The quote of a 402: version 2 in the `PAYMENT-REQUIRED` header, version 1 in the body.

use base64::engine::general_purpose::STANDARD;
use base64::Engine;

use super::abilities::{quoter, Abilities, Ability};
use super::json::push_string;
use super::other;
use super::terms::{Sold, Terms, UPFRONT};
use super::Version;
use crate::config::{Facilitator, Means, Offer, OtherAccept, Settle};
use crate::json::{extend, push_after};
use crate::signing::notary::OfferTerms;

/// What extensions stand in.
const MEMBERS: &str = r#","extensions":{"#;

/// The networks that version 1 clients know by name. Legacy `x402-fetch` parses every entry of
/// a quote, so that one name it does not know kills the whole 402.
const LEGACY_NETWORKS: &[&str] = &[
    "abstract",
    "abstract-testnet",
    "base-sepolia",
    "base",
    "avalanche-fuji",
    "avalanche",
    "iotex",
    "solana-devnet",
    "solana",
    "sei",
    "sei-testnet",
    "polygon",
    "polygon-amoy",
    "peaq",
    "story",
    "educhain",
    "skale-base-sepolia",
];

/// What an offer's quotes declare beside its terms: members of `extensions`, without braces.
#[derive(Clone, Default, Debug)]
pub struct Declared {
    /// A member of quotes for some requests: what stands before what is said of the request, and
    /// behind it. Empty where there is none.
    pub around: [String; 2],
    /// What every quote declares; may be empty.
    pub constant: String,
}

/// An offer's quote. Everything but the error, the resource's URL and what is declared of the request
/// is rendered and encoded once: each of these pieces is followed by as many spaces as make its length
/// a multiple of three, so that encoded text may follow.
#[derive(Clone, Debug)]
pub struct Challenge {
    /// Base64 of `{"x402Version":2,"accepts":[...],"resource":{...,"url":`.
    head: String,
    /// Base64 of the member around what is declared of the request; what follows it comes with it.
    around: [String; 2],
    /// Base64 of the other members of `extensions` that there always are, and of the end of the quote.
    constant: String,
    /// Version 1's `accepts`, cut where the resource's URL goes: it follows each but the last.
    v1: Vec<String>,
    /// The ways to pay that are quoted, by their place in the offer's `accepts` and `others`.
    quoted: Vec<usize>,
    missing: Vec<String>,
}

// === impl Challenge ===

impl Challenge {
    /// Renders an offer's quote, as far as a facilitator that may be asked settles it. A way
    /// whose terms need something of the facilitator's waits until that is known of one; it is
    /// quoted with what the first has said that does.
    pub fn new(offer: &Offer, abilities: &dyn Abilities, declared: Declared) -> Self {
        let mut quote = Self {
            head: String::new(),
            around: Default::default(),
            constant: String::new(),
            v1: vec![String::new()],
            quoted: Vec::new(),
            missing: Vec::new(),
        };
        let mut json = String::from(r#"{"x402Version":2,"accepts":["#);
        let sold = Sold { url: "", description: offer.description(), mime_type: &offer.mime_type };
        for (place, accept) in offer.accepts.iter().enumerate() {
            let amount = offer.amount(place);
            let (scheme, network) = (accept.means.scheme(), &accept.asset.network);
            let submitter = |facilitator: &Facilitator| match accept.means {
                Means::Upto => abilities.submitter(facilitator, network),
                Means::Eip3009 | Means::Permit2 => None,
            };
            let takes = |version, facilitator: &Facilitator, network: &str| {
                abilities.takes(facilitator, version, scheme, network, None)
            };
            let quotes = |facilitator: &Facilitator| {
                takes(Version::V2, facilitator, network)
                    && (accept.means != Means::Upto || submitter(facilitator).is_some())
            };
            if let Some(facilitator) = quoter(offer, abilities, &quotes) {
                quote.separate(&mut json, place);
                Terms::of(accept, amount, offer, submitter(facilitator)).push_v2(&mut json);
            } else if !offer.facilitators.iter().any(|one| takes(Version::V2, one, network)) {
                quote.missing.push(format!("{scheme} on {network}"));
            }
            let Some(network) = offer.v1_network(accept.asset.v1_network, accept.means == Means::Eip3009)
            else {
                continue;
            };
            if quoter(offer, abilities, &|one| takes(Version::V1, one, network)).is_some() {
                let terms = Terms::of(accept, amount, offer, None);
                quote.push_v1(|out| terms.push_v1_head(out), |out| terms.push_v1_tail(out, &sold));
            }
        }
        for (place, accept) in (offer.accepts.len()..).zip(&offer.others) {
            let amount = offer.amount(place);
            let theirs =
                |facilitator: &Facilitator, version| extra(accept, offer, facilitator, abilities, version);
            let v2 = quoter(offer, abilities, &|one| theirs(one, Version::V2).is_ok());
            if let Some(extra) = v2.and_then(|facilitator| theirs(facilitator, Version::V2).ok()) {
                quote.separate(&mut json, place);
                accept.push_v2(&mut json, amount, &extra, offer);
            } else if offer.facilitators.iter().all(|one| theirs(one, Version::V2) == Err(Ability::No)) {
                quote.missing.push(format!("{} on {}", accept.scheme, accept.network));
            }
            if offer.v1_network(accept.v1_network, true).is_none() {
                continue;
            }
            // A payment of version 1 does not repeat what it was quoted, so there is one quote.
            let Some(extra) = offer.facilitators.iter().find_map(|one| theirs(one, Version::V1).ok()) else {
                continue;
            };
            let same = |one: &Facilitator| theirs(one, Version::V1).as_ref() == Ok(&extra);
            if quoter(offer, abilities, &same).is_some() {
                quote.push_v1(
                    |out| accept.push_v1_head(out, amount),
                    |out| accept.push_v1_tail(out, &extra, offer, &sold),
                );
            }
        }
        push_after(&mut json, r#"],"resource":{"description":"#, sold.description);
        push_after(&mut json, r#","mimeType":"#, sold.mime_type);
        json.push_str(r#","url":"#);
        quote.head = encoded(json);
        let Declared { around: [before, mut after], mut constant } = declared;
        let (next, end) = if constant.is_empty() { ("}}", "") } else { (",", "}}") };
        after.push_str(next);
        constant.push_str(end);
        quote.around = [encoded(before), encoded(after)];
        quote.constant = encoded(constant);
        quote
    }

    /// Whether there is nothing in it that could be paid now.
    pub fn is_empty(&self) -> bool {
        self.quoted.is_empty() && self.v1.len() == 1
    }

    /// How many ways to pay there are.
    pub fn ways(&self) -> usize {
        self.quoted.len()
    }

    /// What keeping it takes, in bytes: its texts with the room they grew into, and an allowance for
    /// what holds them.
    pub fn bytes(&self) -> usize {
        let texts = [&self.head, &self.constant].into_iter().chain(&self.around).chain(&self.v1);
        texts.fold(512, |sum, text| sum.saturating_add(text.capacity()))
    }

    /// What there is to sign of its offer's ways to pay: those quoted, in the order quoted.
    pub fn offered<'o>(&self, offer: &'o Offer) -> Vec<OfferTerms<'o>> {
        let mut offered = Vec::with_capacity(self.quoted.len());
        for place in &self.quoted {
            let others = place.checked_sub(offer.accepts.len());
            let other = others.and_then(|place| offer.others.get(place));
            let (scheme, network, asset, pay_to) = match (offer.accepts.get(*place), other) {
                (Some(own), _) => {
                    let (asset, pay_to) = (own.asset.address.to_string(), own.pay_to.to_string());
                    (own.means.scheme(), &own.asset.network, asset, pay_to)
                }
                (_, Some(other)) => {
                    (&*other.scheme, &other.network, other.asset.clone(), other.pay_to.clone())
                }
                (None, None) => continue,
            };
            let amount = offer.amount(*place).to_string();
            offered.push(OfferTerms { scheme, network, asset, pay_to, amount });
        }
        offered
    }

    /// What the facilitator says it does not settle, for the log.
    pub fn missing(&self) -> &[String] {
        &self.missing
    }

    /// The value of `PAYMENT-REQUIRED`: base64, one line, ASCII whatever the arguments.
    ///
    /// `error` is a stable code or the SDK's text; `resource_url` the public URL asked for; `asked`
    /// what is declared of the request between the pieces of [`Declared::around`], empty where they are
    /// not for it; `dynamic` members of `extensions` that only this quote has, without braces, may be
    /// empty. The header is longer than the URL by a third: callers bound the URL.
    pub fn header(&self, error: &str, resource_url: &str, asked: &str, dynamic: &str) -> String {
        let varying = length(&[error, resource_url, asked, dynamic]).saturating_add(48);
        let mut json = String::with_capacity(varying);
        push_string(&mut json, resource_url);
        push_after(&mut json, r#"},"error":"#, error);
        let more = !(asked.is_empty() && self.constant.is_empty());
        let (members, end) = match (dynamic, more) {
            ("", false) => ("", "}"),
            ("", true) => (MEMBERS, ""),
            (_, true) => (MEMBERS, ","),
            (_, false) => (MEMBERS, "}}"),
        };
        extend(&mut json, &[members, dynamic, end]);

        let [before, after] = &self.around;
        let constant = length(&[&self.head, before, after, &self.constant]);
        let varying = varying.div_ceil(3).saturating_mul(4);
        let mut header = String::with_capacity(constant.saturating_add(varying));
        header.push_str(&self.head);
        push_encoded(&mut header, &mut json);
        if !asked.is_empty() {
            header.push_str(before);
            json.clear();
            json.push_str(asked);
            push_encoded(&mut header, &mut json);
            header.push_str(after);
        }
        header.push_str(&self.constant);
        header
    }

    /// Version 1's `accepts`, a JSON list; `None` when version 1 has no way to pay.
    pub fn v1_accepts(&self, resource_url: &str) -> Option<String> {
        let (last, before) = self.v1.split_last().filter(|(_, before)| !before.is_empty())?;
        let mut url = String::with_capacity(resource_url.len().saturating_add(2));
        push_string(&mut url, resource_url);
        let mut json = String::with_capacity(512usize.saturating_mul(before.len()));
        for (index, piece) in before.iter().enumerate() {
            json.push_str(if index == 0 { "[" } else { "" });
            json.push_str(piece);
            json.push_str(&url);
        }
        json.push_str(last);
        json.push(']');
        Some(json)
    }

    fn separate(&mut self, json: &mut String, place: usize) {
        if !self.quoted.is_empty() {
            json.push(',');
        }
        self.quoted.push(place);
    }

    fn push_v1(&mut self, head: impl FnOnce(&mut String), tail: impl FnOnce(&mut String)) {
        let first = self.v1.len() == 1;
        if let Some(piece) = self.v1.last_mut() {
            if !first {
                piece.push(',');
            }
            head(piece);
        }
        let mut next = String::new();
        tail(&mut next);
        self.v1.push(next);
    }
}

/// How long texts are, in bytes.
#[inline(never)]
fn length(texts: &[&str]) -> usize {
    texts.iter().fold(0, |sum, text| sum.saturating_add(text.len()))
}

/// Appends base64 of JSON, and of as many spaces behind it as let encoded text follow.
#[inline(never)]
fn push_encoded(out: &mut String, json: &mut String) {
    while !json.len().is_multiple_of(3) {
        json.push(' ');
    }
    out.reserve(json.len().div_ceil(3).saturating_mul(4));
    STANDARD.encode_string(json, out);
}

/// [`push_encoded`] alone, in no more room than it takes.
fn encoded(mut json: String) -> String {
    let mut out = String::new();
    push_encoded(&mut out, &mut json);
    out
}

/// The `extra` to quote for a way only the facilitator understands: the operator's, and this
/// facilitator's where he says nothing. Until it was asked, nobody knows what it needs there.
///
/// # Errors
/// The ability, if it is not a yes.
pub fn extra(
    accept: &OtherAccept,
    offer: &Offer,
    facilitator: &Facilitator,
    abilities: &dyn Abilities,
    version: Version,
) -> Result<String, Ability> {
    let network = match version {
        Version::V1 => accept.v1_network.ok_or(Ability::No)?,
        Version::V2 => &accept.network,
    };
    let theirs = match abilities.settles(facilitator, version, &accept.scheme, network) {
        Ability::Yes(theirs) => theirs,
        ability => return Err(ability),
    };
    let ours = match (version, offer.settle) {
        (Version::V2, Settle::Before) => {
            let flow = format!(r#"{{"paymentFlow":"{UPFRONT}"}}"#);
            other::merged(&accept.extra, &flow).ok_or(Ability::No)?
        }
        _ => accept.extra.clone(),
    };
    other::merged(&ours, &theirs).ok_or(Ability::No)
}

// === impl Offer ===

impl Offer {
    /// The name under which version 1 may be told of a way to pay.
    fn v1_network(&self, name: Option<&'static str>, spoken: bool) -> Option<&'static str> {
        name.filter(|name| self.v1 && spoken && LEGACY_NETWORKS.contains(name))
    }

    /// What it sells, at a URL.
    pub fn sold<'a>(&'a self, url: &'a str) -> Sold<'a> {
        Sold { url, description: self.description(), mime_type: &self.mime_type }
    }
}

#[cfg(test)]
mod tests;
