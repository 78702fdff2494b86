//! What the outside sees: the URL the shop is known by, and the pages that may read it.

use super::error::Errors;
use super::fields::{list, text, Fields};
use super::text::{self, authority};
use super::tree::{quoted, Path, Value};
use crate::route::HostPattern;

pub(super) const ORIGIN_KEYS: &[&str] = &["trustedHops", "hosts", "fallback"];
pub(super) const CORS_KEYS: &[&str] = &["origins"];

/// Most proxies in front that append to the forwarded headers.
const MAX_HOPS: u32 = 8;
/// Most names the shop is known by, and most pages' origins.
const MAX_LISTED: usize = 64;

/// Pages of which origins may read what they are told.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Cors {
    /// All.
    Any,
    /// None: nothing is said of it.
    Off,
    /// These, spelled as browsers do.
    Origins(Vec<String>),
}

/// Proxies in front of this one, which say by what URL they were reached.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Forwarded {
    hops: usize,
    hosts: Vec<HostPattern>,
}

/// The origin quoted to payers: the one written, or what to fall back on.
pub(super) struct Public {
    pub(super) origin: String,
    pub(super) forwarded: Option<Forwarded>,
}

// === impl Forwarded ===

impl Forwarded {
    /// How many proxies in front are trusted, at least 1: the value each list is read at,
    /// counted from its end.
    pub fn hops(&self) -> usize {
        self.hops
    }

    /// `https://host[:port]` from what the outermost trusted proxy says, in lower case and
    /// without the scheme's own port. `None` unless the scheme is one of the web and the host
    /// one of the operator's: nothing else of a client's may enter a quote.
    pub fn origin(&self, scheme: &str, host: &str) -> Option<String> {
        let authority = authority(host.trim_ascii())?;
        let name = match authority.rsplit_once(':') {
            Some((name, port)) if !port.contains(']') => name,
            _ => &authority,
        };
        if !self.hosts.iter().any(|pattern| pattern.meets(name)) {
            return None;
        }
        text::origin(&format!("{}://{authority}", scheme.trim_ascii()))
    }
}

// === reading ===

/// Reads `origin`: a text, or an object.
pub(super) fn read_origin(
    value: &Value<'_>,
    warnings: &mut Vec<String>,
    errors: &mut Errors,
) -> Option<Public> {
    let path = Path::Root.key("origin");
    let Value::Object(_) = value else {
        return Some(Public { origin: written(value, &path, warnings, errors)?, forwarded: None });
    };
    let fields = Fields::open(value, path, ORIGIN_KEYS, errors)?;
    let hint = "how many proxies in front append to X-Forwarded-Proto, at least 1";
    let hops = fields.need("trustedHops", hint, errors);
    let hops = hops.and_then(|_| fields.number("trustedHops", 1, MAX_HOPS, errors));
    let hint = "the names the shop is reached by: no other is quoted";
    let hosts = fields.need("hosts", hint, errors);
    let hosts = hosts.and_then(|value| read_hosts(value, &path.key("hosts"), errors));
    let hint = "the public URL quoted when the forwarded headers do not say";
    let fallback = fields.need("fallback", hint, errors);
    let origin = fallback.and_then(|value| written(value, &path.key("fallback"), warnings, errors))?;
    let hops = usize::try_from(hops?).ok()?;
    Some(Public { origin, forwarded: Some(Forwarded { hops, hosts: hosts? }) })
}

fn written(
    value: &Value<'_>,
    path: &Path<'_>,
    warnings: &mut Vec<String>,
    errors: &mut Errors,
) -> Option<String> {
    let text = text(value, path, errors)?;
    let read = text::origin(text);
    match &read {
        None => errors.push(
            path,
            format_args!("{} is not https://host or https://host:port", quoted(text)),
            "without path and query",
        ),
        Some(origin) if origin.starts_with("http://") => {
            warnings.push(format!("{path}: payers are quoted an http:// address"));
        }
        Some(_) => {}
    }
    read
}

fn read_hosts(value: &Value<'_>, path: &Path<'_>, errors: &mut Errors) -> Option<Vec<HostPattern>> {
    let mut hosts = Vec::new();
    for (index, value) in list(value, path, MAX_LISTED, errors)?.iter().enumerate() {
        let path = path.index(index);
        let Some(text) = text(value, &path, errors) else { continue };
        match HostPattern::parse(text).filter(|pattern| *pattern != HostPattern::Any) {
            Some(pattern) => hosts.push(pattern),
            None => errors.push(
                path,
                format_args!("{} does not belong here", quoted(text)),
                "write api.example.com or *.example.com, without a port: any name at all would be a client's",
            ),
        }
    }
    (!hosts.is_empty()).then_some(hosts)
}

/// Reads `cors`; pages of all origins when it is not there.
pub(super) fn read_cors(fields: &Fields<'_>, errors: &mut Errors) -> Cors {
    let path = fields.path.key("cors");
    match fields.get("cors") {
        None => Cors::Any,
        // YAML spells false this way.
        Some(Value::Bool(false)) => Cors::Off,
        Some(value @ Value::Object(_)) => read_origins(value, path, errors).unwrap_or(Cors::Off),
        Some(Value::Text(text)) if *text == "any" => Cors::Any,
        Some(Value::Text(text)) if *text == "off" => Cors::Off,
        Some(_) => {
            errors.push(path, "not one of its values", "write any, off or {origins: [...]}");
            Cors::Off
        }
    }
}

fn read_origins(value: &Value<'_>, path: Path<'_>, errors: &mut Errors) -> Option<Cors> {
    let fields = Fields::open(value, path, CORS_KEYS, errors)?;
    let value = fields.need("origins", "the pages that may read, or write cors: any", errors)?;
    let path = path.key("origins");
    let mut origins = Vec::new();
    for (index, value) in list(value, &path, MAX_LISTED, errors)?.iter().enumerate() {
        let path = path.index(index);
        let Some(text) = text(value, &path, errors) else { continue };
        match text::origin(text) {
            Some(origin) => origins.push(origin),
            None => errors.push(
                path,
                format_args!("{} is not https://host or https://host:port", quoted(text)),
                "one origin each, without path; for all of them write cors: any",
            ),
        }
    }
    Some(Cors::Origins(origins))
}
