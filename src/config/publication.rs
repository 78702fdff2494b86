//! What is kept of the routes for publishing them.

use std::sync::Arc;

use super::error::Errors;
use super::fields::Fields;
use super::tree::{quoted, Path, Value};
use super::{Discovery, Listing, Listings, Target, Text};
use crate::route::HostPattern;

/// Where the price catalogue is published.
pub const CATALOGUE_PATH: &str = "/.well-known/x402";
/// Where the description of the API is published.
pub const OPENAPI_PATH: &str = "/openapi.json";

/// Most routes published.
const MAX_LISTED: usize = 10_000;

/// What is published, as routes are read.
pub(super) struct Publication {
    pub(super) discovery: Discovery,
    pub(super) listings: Listings,
}

/// A route's path template, if its `match` says one.
pub(super) fn written<'v>(route: &Fields<'v>) -> &'v str {
    let Some(Value::Object(fields)) = route.get("match") else { return "" };
    fields
        .iter()
        .find_map(|(name, value)| match value {
            Value::Text(text) if name == "path" => Some(&**text),
            _ => None,
        })
        .unwrap_or_default()
}

/// A route's path template as directories spell it: `:name` for `{name}`, `:var1`, `:var2`,
/// ... for `*`. `None` when there is nothing variable in it, when it ends in `**` (no one
/// template stands for what it matches), and when it holds what readers refuse.
fn template(pattern: &str) -> Option<String> {
    let mut spelled = String::new();
    let mut unnamed = 0u32;
    let mut variable = false;
    for part in pattern.strip_prefix('/')?.split('/') {
        spelled.push('/');
        if part == "**" {
            return None;
        } else if part == "*" {
            unnamed = unnamed.saturating_add(1);
            spelled.push_str(":var");
            spelled.push_str(&unnamed.to_string());
            variable = true;
        } else if let Some(name) = part.strip_prefix('{').and_then(|part| part.strip_suffix('}')) {
            spelled.push(':');
            spelled.push_str(name);
            variable = true;
        } else {
            spelled.push_str(part);
        }
    }
    let legible = |b: u8| b.is_ascii_alphanumeric() || b"_/:.-~%".contains(&b);
    (variable && spelled.bytes().all(legible)).then_some(spelled)
}

// === impl Publication ===

impl Publication {
    pub(super) fn new(discovery: Discovery) -> Self {
        Self { discovery, listings: Listings::default() }
    }

    /// Notes a route at `place` in the configuration. Gives the path template that its
    /// quotes declare, if they declare one.
    #[allow(clippy::too_many_arguments, reason = "a route's parts, read one by one")]
    pub(super) fn add(
        &mut self,
        name: &str,
        hosts: &[HostPattern],
        methods: &[String],
        path: &str,
        target: &Target,
        place: &Path<'_>,
        errors: &mut Errors,
    ) -> Option<Box<Text>> {
        let published = (self.discovery.catalogue && path == CATALOGUE_PATH)
            || (self.discovery.openapi && path == OPENAPI_PATH);
        if published {
            errors.push(
                place.key("match").key("path"),
                format_args!("{} is answered by the filter itself, as discovery says", quoted(path)),
                "remove the route, or switch that document off under discovery",
            );
        }
        let Target::Offer(offer) = target else { return None };
        if self.discovery.catalogue || self.discovery.openapi {
            if self.listings.routes.len() < MAX_LISTED {
                let host = hosts.iter().find_map(|host| match host {
                    HostPattern::Exact(name) => Some(name.clone()),
                    HostPattern::Below(_) | HostPattern::Any => None,
                });
                self.listings.routes.push(Listing {
                    host,
                    methods: methods.to_vec(),
                    path: path.to_owned(),
                    name: name.to_owned(),
                    offer: Arc::clone(offer),
                });
            } else {
                self.listings.truncated = true;
            }
        }
        offer
            .extensions
            .bazaar
            .as_ref()
            .and_then(|_| template(path))
            .map(|template| Box::new(template.into()))
    }
}
