//! The `claims` section.

use std::sync::Arc;

use super::error::Errors;
use super::facilitators::{read_headers, read_prefix, read_upstream, Surroundings};
use super::fields::Fields;
use super::tree::{Path, Value};
use super::Secret;

pub(super) const KEYS: &[&str] = &["capacity", "layout", "shared"];
pub(super) const SHARED_KEYS: &[&str] =
    &["cluster", "authority", "kind", "pathPrefix", "timeout", "headers", "keyPrefix", "oneAtATime"];
pub(super) const KINDS: &[(&str, StoreKind)] =
    &[("webdis", StoreKind::Webdis), ("upstash", StoreKind::Upstash)];

/// The claim table's settings.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct ClaimsPolicy {
    /// How many authorisations are remembered at once, per process.
    pub(crate) capacity: u32,
    /// How a process's table is written, if this policy is the first to open it.
    pub(crate) layout: u8,
}

/// Where and how the shared claim store is called.
#[derive(Debug)]
pub struct SharedStore {
    /// The host's name for the upstream: an Envoy cluster.
    pub(crate) cluster: String,
    pub(crate) authority: String,
    pub(crate) kind: StoreKind,
    /// Never empty.
    pub(crate) path: String,
    pub(crate) timeout_millis: u32,
    /// Static headers; values may be secrets and are never logged.
    pub(crate) headers: Vec<(String, Secret)>,
    /// What every key begins with.
    pub(crate) key_prefix: String,
    /// Whether a wallet buys one thing of an offer at a time.
    pub(crate) one_at_a_time: bool,
}

/// The HTTP front of a store.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum StoreKind {
    /// Webdis: the command's words, escaped, with slashes between them.
    Webdis,
    /// Upstash's REST API, and what speaks it: the command as a JSON array.
    Upstash,
}

/// Reads the section, or takes its defaults.
pub(super) fn read(
    fields: &Fields<'_>,
    around: &mut Surroundings<'_>,
    errors: &mut Errors,
) -> (ClaimsPolicy, Option<Arc<SharedStore>>) {
    let path = fields.path.key("claims");
    let claims = fields.get("claims").and_then(|value| Fields::open(value, path, KEYS, errors));
    let capacity = claims.as_ref().and_then(|claims| claims.number("capacity", 1, 4_194_304, errors));
    let layout = claims.as_ref().and_then(|claims| claims.number("layout", 1, 2, errors));
    let layout = if layout == Some(1) { 1 } else { 2 };
    let shared = claims.as_ref().and_then(|claims| claims.get("shared"));
    let shared = shared.and_then(|value| read_shared(value, path.key("shared"), around, errors));
    (ClaimsPolicy { capacity: capacity.unwrap_or(131_072), layout }, shared.map(Arc::new))
}

fn read_shared(
    value: &Value<'_>,
    path: Path<'_>,
    around: &mut Surroundings<'_>,
    errors: &mut Errors,
) -> Option<SharedStore> {
    let fields = Fields::open(value, path, SHARED_KEYS, errors)?;
    let (cluster, authority) = read_upstream(
        &fields,
        "the proxy's name for the store's HTTP front",
        "the front's host, for example webdis:7379",
        errors,
    );
    let kind = fields.need("kind", "write webdis or upstash: what speaks HTTP in front of Redis", errors);
    let kind = kind.and_then(|_| fields.choice("kind", KINDS, errors));
    let prefix = read_prefix(&fields, errors);
    let timeout = fields.duration("timeout", ("50ms", "5s"), 500, errors);
    let headers = read_headers(&fields, around, errors);
    let key_prefix = match fields.get("keyPrefix") {
        Some(_) => fields.token("keyPrefix", 64, errors),
        None => Some("x402:"),
    };
    let one_at_a_time = fields.flag("oneAtATime", false, errors);
    let mut path = prefix?;
    if path.is_empty() {
        path.push('/');
    }
    Some(SharedStore {
        cluster: cluster?.to_owned(),
        authority: authority?,
        kind: kind?,
        path,
        timeout_millis: u32::try_from(timeout?).ok()?,
        headers,
        key_prefix: key_prefix?.to_owned(),
        one_at_a_time,
    })
}
