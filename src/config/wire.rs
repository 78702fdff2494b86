//! The whole configuration: bytes, sections, routes.

use std::cell::Cell;
use std::ops::Range;

use super::accepts::{self, Assets};
use super::catalogue::Catalogue;
use super::chosen::Chosen;
use super::error::Errors;
use super::facilitators::{self, Surroundings};
use super::fields::{list, Fields};
use super::offers::{Defaults, SETTLE, WALLETS};
use super::public;
use super::publication::Publication;
use super::tree::{Path, Value};
use super::{claims, extensions, json, notary, routes, rpc, structpb, Policy, Unmatched, Wallets};
use crate::limit::{Limits, Rate};

pub(super) const KEYS: &[&str] = &[
    "version",
    "origin",
    "unmatched",
    "settle",
    "facilitators",
    "defaultFacilitators",
    "accepts",
    "offers",
    "sellers",
    "routes",
    "claims",
    "cors",
    "offerReceipt",
    "challenge",
    "discovery",
    "x402Versions",
    "wallets",
    "limit",
    "paywall",
    "rpc",
];
pub(super) const LIMIT_KEYS: &[&str] = &["walletChecks", "challenges", "failures"];
pub(super) const RATE_KEYS: &[&str] = &["perMinute", "burst"];
pub(super) const CHALLENGE_KEYS: &[&str] = &["allowLarge"];
pub(super) const UNMATCHED: &[(&str, Unmatched)] = &[("free", Unmatched::Free), ("deny", Unmatched::Deny)];

/// Longest configuration read, in bytes.
const MAX_BYTES: usize = 64 * 1024 * 1024;
/// From so many bytes on the routes are read one by one: a tree takes ten times its text.
pub(super) const SMALL: usize = 16 * 1024;

/// The items of the list that the tree is without, as they came.
#[derive(Default)]
pub(super) struct Items {
    text: Vec<u8>,
    /// A `Struct`, not JSON.
    binary: bool,
    pub(super) count: usize,
}

/// Reads a configuration: its routes one by one, if it is `small` bytes or longer.
pub(super) fn read(
    mut bytes: Vec<u8>,
    small: usize,
    env: &dyn Fn(&str) -> Option<String>,
) -> Result<Policy, Errors> {
    if bytes.starts_with(b"\xef\xbb\xbf") {
        forget(&mut bytes, 3);
    }
    let mut errors = Errors::default();
    let mut items = Items::default();
    if (small..=MAX_BYTES).contains(&bytes.len()) {
        items.split(&mut bytes);
    }
    let policy =
        parse(&bytes, &mut errors).and_then(|value| read_policy(&value, &mut items, env, &mut errors));
    match policy {
        Some(policy) if errors.is_empty() => Ok(policy),
        _ => Err(errors),
    }
}

/// Tells JSON text from a binary `Struct`. A `Struct` starts with byte 0x0a, which is also
/// a line break before JSON text, and its second byte may be a `{`; but JSON text holds no
/// control characters other than white space, and a `Struct` with a value does (the tag
/// 0x12), so nothing is both.
fn parse<'b>(bytes: &'b [u8], errors: &mut Errors) -> Option<Value<'b>> {
    let text = bytes.trim_ascii();
    if text.is_empty() {
        errors.push(
            Path::Root,
            "the configuration is empty",
            "at least version, origin, unmatched and routes are needed",
        );
        return None;
    }
    if bytes.len() > MAX_BYTES {
        errors.push(
            Path::Root,
            format_args!("the configuration is longer than {MAX_BYTES} bytes"),
            "name offers once",
        );
        return None;
    }
    let json = text.starts_with(b"{").then(|| json::read(bytes));
    if let Some(Ok(value)) = json {
        return Some(value);
    }
    let binary = bytes.starts_with(b"\n").then(|| structpb::read_apart(bytes, None));
    match (json, binary) {
        (_, Some(Ok(value))) => Some(value),
        (Some(Err(error)), _) => {
            errors.push(Path::Root, format_args!("not JSON: {error}"), "write one JSON object");
            None
        }
        (None, Some(Err(error))) => {
            errors.push(
                Path::Root,
                format_args!("not a google.protobuf.Struct: {error}"),
                "send one, or JSON text",
            );
            None
        }
        _ => {
            errors.push(
                Path::Root,
                "neither a JSON object nor a google.protobuf.Struct",
                "write one JSON object",
            );
            None
        }
    }
}

/// Puts `instead` in the place of a part, and gives what of it lies within `kept`. No room is left
/// over: a sandbox's memory never shrinks.
#[inline(never)]
fn cut(bytes: &mut Vec<u8>, part: Range<usize>, kept: Range<usize>, instead: &[u8]) -> Vec<u8> {
    let length = bytes.len().saturating_sub(part.len()).saturating_add(instead.len());
    let mut rest = Vec::with_capacity(length);
    rest.extend_from_slice(bytes.get(..part.start).unwrap_or_default());
    rest.extend_from_slice(instead);
    rest.extend_from_slice(bytes.get(part.end..).unwrap_or_default());
    let mut cut = std::mem::replace(bytes, rest);
    cut.truncate(kept.end);
    forget(&mut cut, kept.start);
    cut
}

/// Gives back the first so many bytes.
#[inline(never)]
fn forget(text: &mut Vec<u8>, bytes: usize) {
    text.drain(..bytes.min(text.len()));
    text.shrink_to_fit();
}

// === impl Items ===

impl Items {
    /// Takes the items out of a configuration. One with a mistake stays as it is.
    fn split(&mut self, bytes: &mut Vec<u8>) {
        let count = Cell::new(0);
        let json = bytes.trim_ascii().starts_with(b"{") && json::read_apart(bytes, Some(&count)).is_ok();
        let (part, list, instead) = if json {
            let Some((part, first)) = json::find_apart(bytes).filter(|_| count.get() > 0) else { return };
            (part.clone(), first..part.end, &b"[]"[..])
        } else {
            let mut apart = structpb::Apart::default();
            let read = structpb::read_apart(bytes, Some(&mut apart));
            if read.is_err() || apart.count == 0 {
                return;
            }
            drop(read);
            let place = |part: &[u8]| {
                let start = part.as_ptr().addr().saturating_sub(bytes.as_ptr().addr());
                start..start.saturating_add(part.len())
            };
            count.set(apart.count);
            (place(apart.field), place(apart.list), structpb::EMPTY)
        };
        *self = Self { text: cut(bytes, part, list, instead), binary: !json, count: count.get() };
    }

    /// Hands over one by one, and gives back the room they take: together with what is made of them
    /// they would take half as much again, and a sandbox's memory never shrinks.
    pub(super) fn each(&mut self, take: &mut dyn FnMut(&Value<'_>)) {
        let step = self.text.len() / 8;
        let mut read = 0;
        loop {
            let Some(rest) = self.text.get(read..).filter(|rest| !rest.is_empty()) else { return };
            // All of it was read before, to its end and without a mistake.
            let item = match self.binary {
                true => structpb::first(rest),
                false => json::first(rest),
            };
            let Some((item, after)) = item else { return };
            read = self.text.len().saturating_sub(after.len());
            take(&item);
            if read > step {
                drop(item);
                forget(&mut self.text, read);
                read = 0;
            }
        }
    }
}

fn read_policy(
    value: &Value<'_>,
    items: &mut Items,
    env: &dyn Fn(&str) -> Option<String>,
    errors: &mut Errors,
) -> Option<Policy> {
    let path = Path::Root;
    let mut around = Surroundings { env, warnings: Vec::new() };
    let fields = Fields::open(value, path, KEYS, errors)?;
    if fields.need("version", "write \"version\": 1", errors).is_some()
        && fields.get("version") != Some(&Value::Number(1.0))
    {
        errors.push("version", "this module reads version 1", "write 1");
    }
    let origin =
        fields.need("origin", "the public URL quoted to payers, for example https://api.example.com", errors);
    let public = origin.and_then(|value| public::read_origin(value, &mut around.warnings, errors));
    let cors = public::read_cors(&fields, errors);
    let unmatched =
        fields.need("unmatched", "write free or deny: what no route names passes, or is refused", errors);
    let unmatched = unmatched.and_then(|_| fields.choice("unmatched", UNMATCHED, errors));
    let (claims, shared_claims) = claims::read(&fields, &mut around, errors);
    let large_quotes = read_challenge(&fields, errors);
    let paywall = fields.flag("paywall", true, errors);
    let mut publication = Publication::new(extensions::discovery(&fields, errors));
    let named = fields
        .get("facilitators")
        .map(|value| facilitators::read(value, path.key("facilitators"), &mut around, errors))
        .unwrap_or_default();
    let notary = fields.get("offerReceipt").and_then(|value| {
        let origin = public.as_ref().map_or("", |public| public.origin.as_str());
        notary::read(value, path.key("offerReceipt"), origin, &mut around, errors)
    });
    let mut assets = Assets::default();
    let defaults = Defaults {
        accepts: fields
            .get("accepts")
            .map(|value| accepts::read(value, path.key("accepts"), &mut assets, errors)),
        settle: fields.get("settle").map(|_| fields.choice("settle", SETTLE, errors)),
        wallets: fields.choice("wallets", WALLETS, errors).unwrap_or(Wallets::Any),
        v1: fields
            .get("x402Versions")
            .is_none_or(|value| read_versions(value, &path.key("x402Versions"), errors)),
        chosen: fields
            .get("defaultFacilitators")
            .map(|value| Chosen::read(value, &path.key("defaultFacilitators"), &named, errors)),
        only: match named.as_slice() {
            [(_, Some(only))] => Some(Chosen::only(only)),
            _ => None,
        },
        plain: Default::default(),
        facilitators: named,
    };
    let limits = read_limits(&fields, errors);
    let mut catalogue = Catalogue::read(&fields, defaults, assets, errors);
    let routes = routes::read(&fields, items, &mut catalogue, &mut publication, errors);
    catalogue.check_unused(errors);
    let rpcs = rpc::read(&fields, &catalogue.assets, &mut around, errors);
    let facilitators =
        catalogue.defaults.facilitators.into_iter().filter_map(|(_, facilitator)| facilitator).collect();
    let assets = catalogue.assets.into_vec();
    let public = public?;
    Some(Policy {
        origin: public.origin,
        forwarded: public.forwarded,
        cors,
        large_quotes,
        unmatched: unmatched?,
        facilitators,
        rpcs,
        routes: routes?,
        claims,
        shared_claims,
        notary,
        limits,
        paywall,
        assets,
        discovery: publication.discovery,
        listings: publication.listings,
        warnings: around.warnings,
    })
}

/// Whether version 1 is spoken beside version 2.
fn read_versions(value: &Value<'_>, path: &Path<'_>, errors: &mut Errors) -> bool {
    let Some(versions) = list(value, path, 2, errors) else { return true };
    let spoken = |version: f64| versions.contains(&Value::Number(version));
    let known = versions.iter().all(|version| [Value::Number(1.0), Value::Number(2.0)].contains(version));
    if !known || !spoken(2.0) || (versions.len() == 2 && !spoken(1.0)) {
        errors.push(path, "the versions spoken are [2] or [1, 2]", "write [2] to turn version 1 off");
    }
    spoken(1.0)
}

fn read_limits(fields: &Fields<'_>, errors: &mut Errors) -> Limits {
    let path = fields.path.key("limit");
    let limit = fields.get("limit").and_then(|value| Fields::open(value, path, LIMIT_KEYS, errors));
    let mut read = |key: &str, otherwise| match limit.as_ref().and_then(|limit| limit.get(key)) {
        Some(value) => read_rate(value, path.key(key), otherwise, errors),
        None => otherwise,
    };
    let on = |key: &str| !limit.as_ref().is_some_and(|limit| limit.is_off(key));
    Limits {
        wallet_checks: read("walletChecks", Rate { per_minute: 60, burst: 20 }),
        challenges: on("challenges").then(|| read("challenges", Rate { per_minute: 30_000, burst: 5_000 })),
        failures: on("failures").then(|| read("failures", Rate { per_minute: 6_000, burst: 1_000 })),
    }
}

fn read_rate(value: &Value<'_>, path: Path<'_>, otherwise: Rate, errors: &mut Errors) -> Rate {
    let Some(fields) = Fields::open(value, path, RATE_KEYS, errors) else { return otherwise };
    Rate {
        per_minute: fields.number("perMinute", 1, 1_000_000, errors).unwrap_or(otherwise.per_minute),
        burst: fields.number("burst", 1, 1_000_000, errors).unwrap_or(otherwise.burst),
    }
}

fn read_challenge(fields: &Fields<'_>, errors: &mut Errors) -> bool {
    let path = fields.path.key("challenge");
    let challenge =
        fields.get("challenge").and_then(|value| Fields::open(value, path, CHALLENGE_KEYS, errors));
    challenge.is_some_and(|challenge| challenge.flag("allowLarge", false, errors))
}
