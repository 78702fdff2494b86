//! The `facilitators` section.

use std::sync::Arc;

use super::auth::{self, Sourced};
use super::error::Errors;
use super::fields::{entries, text, Fields};
use super::text::{authority, check_name};
use super::tree::{quoted, Path, Value};
use super::{Facilitator, Secret};
use crate::evm::keccak256;

pub(super) const KEYS: &[&str] =
    &["cluster", "authority", "pathPrefix", "timeout", "headers", "supported", "auth"];
pub(super) const SUPPORTED_KEYS: &[&str] = &["every"];
pub(super) const HEADER_KEYS: &[&str] = &["env", "prefix", "insecureLiteral"];

/// Most facilitators of a policy.
const MAX_FACILITATORS: usize = 64;
/// Most static headers of a facilitator.
const MAX_HEADERS: usize = 16;
/// Seconds between two looks at `/supported`, unless something else is written.
const SUPPORTED_EVERY: u32 = 60;

/// Headers that belong to the connection or that the filter writes itself.
const OWNED: &[&str] = &[
    "host",
    "connection",
    "keep-alive",
    "proxy-connection",
    "proxy-authenticate",
    "proxy-authorization",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
    "content-length",
    "content-type",
    "content-encoding",
    "accept-encoding",
    "expect",
];

/// A facilitator by name; `None` once its mistakes are reported.
pub(super) type Named<'v> = (&'v str, Option<Arc<Facilitator>>);

/// What reading a section needs beside the section.
pub(super) struct Surroundings<'e> {
    pub(super) env: &'e dyn Fn(&str) -> Option<String>,
    pub(super) warnings: Vec<String>,
}

pub(super) fn read<'v>(
    value: &'v Value<'v>,
    path: Path<'_>,
    around: &mut Surroundings<'_>,
    errors: &mut Errors,
) -> Vec<Named<'v>> {
    let fields = entries(value, path, errors).unwrap_or_default();
    if fields.len() > MAX_FACILITATORS {
        errors.push(path, format_args!("more than {MAX_FACILITATORS} facilitators"), "remove some");
    }
    let mut named: Vec<Named<'v>> = Vec::new();
    for (index, (name, value)) in fields.iter().take(MAX_FACILITATORS).enumerate() {
        let path = path.key(name);
        check_name(name, &path, errors);
        let facilitator = read_one(name, index, value, path, around, errors);
        let tag = facilitator.as_ref().map(Facilitator::tag);
        let same =
            |other: &Option<Arc<Facilitator>>| other.as_ref().is_some_and(|other| Some(other.tag()) == tag);
        if let Some((other, _)) = named.iter().find(|(other, known)| *other != &**name && same(known)) {
            errors.push(
                path,
                format_args!("claims could not tell it from {}: they have one tag", quoted(other)),
                "rename one",
            );
        }
        named.push((&**name, facilitator.map(Arc::new)));
    }
    named
}

/// The tag of a name and a place, as its authority and path prefix say it: a cluster is one proxy's own name.
/// What bears the same name in another plugin, or under another configuration, is somebody else elsewhere.
pub(super) fn tag(name: &str, authority: &str, prefix: &str) -> u32 {
    tag_of([name, "\n", authority, "\n", prefix].map(str::as_bytes))
}

/// The first four bytes of a text's Keccak-256, little-endian; never zero.
pub(super) fn tag_of<const N: usize>(text: [&[u8]; N]) -> u32 {
    let hash = keccak256(text);
    hash.first_chunk::<4>().map_or(1, |bytes| u32::from_le_bytes(*bytes).max(1))
}

fn read_one(
    name: &str,
    index: usize,
    value: &Value<'_>,
    path: Path<'_>,
    around: &mut Surroundings<'_>,
    errors: &mut Errors,
) -> Option<Facilitator> {
    let fields = Fields::open(value, path, KEYS, errors)?;
    let (cluster, authority) = read_upstream(
        &fields,
        "the proxy's name for the facilitator's upstream",
        "the facilitator's host, for example x402.example.com",
        errors,
    );
    let path_prefix = read_prefix(&fields, errors);
    let timeout = fields.duration("timeout", ("100ms", "60s"), 10_000, errors);
    let headers = read_headers(&fields, around, errors);
    let supported_every = match fields.get("supported") {
        Some(_) if fields.is_off("supported") => Some(None),
        Some(value) => read_supported(value, path.key("supported"), errors),
        None => Some(Some(SUPPORTED_EVERY)),
    };
    let auth = match fields.get("auth") {
        Some(value) => {
            let path = path.key("auth");
            for minted in ["authorization", "correlation-context"] {
                if headers.iter().any(|(name, _)| name == minted) {
                    errors.push(
                        path,
                        format_args!("it writes the header {minted}, which is configured too"),
                        "remove one of them",
                    );
                }
            }
            Some(auth::read(value, path, around, errors)?)
        }
        None => None,
    };
    let timeout_millis = u32::try_from(timeout?).ok()?;
    let (cluster, authority, path_prefix) = (cluster?, authority?, path_prefix?);
    Some(Facilitator {
        name: name.to_owned(),
        tag: tag(name, &authority, &path_prefix),
        index,
        cluster: cluster.to_owned(),
        authority,
        path_prefix,
        timeout_millis,
        supported_every: supported_every?,
        headers,
        auth,
    })
}

/// Reads `cluster` and `authority`; both are needed, and have these hints.
#[inline(never)]
pub(super) fn read_upstream<'v>(
    fields: &Fields<'v>,
    cluster: &str,
    authority: &str,
    errors: &mut Errors,
) -> (Option<&'v str>, Option<String>) {
    let cluster = fields.need("cluster", cluster, errors).and_then(|_| fields.token("cluster", 256, errors));
    let authority = fields.need("authority", authority, errors);
    (cluster, authority.and_then(|value| read_authority(value, &fields.path.key("authority"), errors)))
}

fn read_authority(value: &Value<'_>, path: &Path<'_>, errors: &mut Errors) -> Option<String> {
    let text = text(value, path, errors)?;
    let read = authority(text);
    if read.is_none() {
        errors.push(
            path,
            format_args!("{} is not host or host:port", quoted(text)),
            "for example x402.example.com",
        );
    }
    read
}

/// Reads `pathPrefix`; empty when it is not there, or only a slash.
#[inline(never)]
pub(super) fn read_prefix(fields: &Fields<'_>, errors: &mut Errors) -> Option<String> {
    let Some(value) = fields.get("pathPrefix") else { return Some(String::new()) };
    let path = &fields.path.key("pathPrefix");
    let text = text(value, path, errors)?;
    let dots = text.split('/').any(|segment| segment == "." || segment == "..");
    let fine = text.starts_with('/')
        && text.len() <= 256
        && !dots
        && !text.as_bytes().windows(2).any(|pair| pair == b"//")
        && text.bytes().all(|b| b.is_ascii_graphic() && !matches!(b, b'?' | b'#' | b'\\'));
    if !fine {
        errors.push(
            path,
            format_args!("{} is not a path", quoted(text)),
            "write /, or for example /platform/v2/x402",
        );
        return None;
    }
    Some(text.trim_end_matches('/').to_owned())
}

/// Reads `{every: 60s}`, as seconds.
fn read_supported(value: &Value<'_>, path: Path<'_>, errors: &mut Errors) -> Option<Option<u32>> {
    match value {
        Value::Object(_) => {}
        other => {
            errors.push(
                path,
                format_args!("an object or off belongs here, not {}", other.kind()),
                "write {\"every\": \"60s\"}, or \"off\"",
            );
            return None;
        }
    }
    let fields = Fields::open(value, path, SUPPORTED_KEYS, errors)?;
    let default = u64::from(SUPPORTED_EVERY).saturating_mul(1_000);
    let millis = fields.duration("every", ("5s", "1h"), default, errors)?;
    u32::try_from(millis.div_ceil(1_000)).ok().map(Some)
}

/// Reads `headers`, if there are any.
#[inline(never)]
pub(super) fn read_headers(
    fields: &Fields<'_>,
    around: &mut Surroundings<'_>,
    errors: &mut Errors,
) -> Vec<(String, Secret)> {
    let mut headers: Vec<(String, Secret)> = Vec::new();
    let Some(value) = fields.get("headers") else { return headers };
    let path = fields.path.key("headers");
    let fields = entries(value, path, errors).unwrap_or_default();
    if fields.len() > MAX_HEADERS {
        errors.push(path, format_args!("more than {MAX_HEADERS} headers"), "remove some");
    }
    for (key, value) in fields.iter().take(MAX_HEADERS) {
        let path = path.key(key);
        let name = key.to_ascii_lowercase();
        let known_char = |b: u8| b.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&b);
        if name.is_empty() || name.len() > 128 || !name.bytes().all(known_char) {
            errors.push(path, "not a header's name", "for example x-api-key");
        } else if OWNED.contains(&name.as_str()) {
            errors.push(path, "this header belongs to the connection or to the filter", "remove it");
        } else if headers.iter().any(|(other, _)| *other == name) {
            errors.push(path, "the header is there twice", "case does not matter in header names");
        }
        if let Some(secret) = read_header(value, path, around, errors) {
            headers.push((name, secret));
        }
    }
    headers
}

/// Reads where a value comes from. Whatever goes wrong, the value is not repeated.
pub(super) fn read_header(
    value: &Value<'_>,
    path: Path<'_>,
    around: &mut Surroundings<'_>,
    errors: &mut Errors,
) -> Option<Secret> {
    if let Value::Text(_) = value {
        errors.push(path, "a header's value does not stand here", "write {\"env\": \"VARIABLE\"}, or {\"insecureLiteral\": \"...\"} for what may be seen by all who read the configuration");
        return None;
    }
    let fields = Fields::open(value, path, HEADER_KEYS, errors)?;
    if fields.get("prefix").is_some() && fields.get("insecureLiteral").is_some() {
        errors.push(path.key("prefix"), "only goes with env", "write it into insecureLiteral");
    }
    let Sourced { text, hint } = auth::sourced(&fields, around, errors)?;
    let prefix = match fields.get("prefix") {
        Some(_) if fields.get("env").is_some() => fields.printable("prefix", 256, errors)?,
        _ => "",
    };
    let secret = prefix.to_owned() + &text;
    let hint = hint + ": a line break at its end is the usual reason";
    let fine = (1..=8192).contains(&secret.len())
        && secret.bytes().all(|b| b == b' ' || b.is_ascii_graphic())
        && secret.trim_ascii() == secret;
    if !fine {
        errors.push(
            path,
            "the value is empty, longer than 8192 bytes, or holds characters that a header must not",
            hint,
        );
        return None;
    }
    Some(Secret::new(secret))
}
