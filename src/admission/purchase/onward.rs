//! Where a redirect leads: on to something that is sold here, or elsewhere.
//!
//! It leads on if, and only if,
//! 1. its `Location` can be read in one way ([`Location`]);
//! 2. it stays where the request went; or names the host and port of the operator's `origin`, or a host
//!    that one of his routes names in full, at the port of its scheme: never merely the request's own
//!    `Host`, which a client chooses, and which then need not be this shop to anybody who follows;
//! 3. asked there by the method that clients use, the routes lead to an offer, and the filter answers
//!    with no document of its own.
//!
//! Whoever follows such a redirect is asked for money there, so that nothing is given away by not
//! charging for it.

use super::Purchase;
use crate::config::Policy;
use crate::route::host;
use crate::route::location::Location;
use crate::route::Resolution;
use crate::wellknown;

/// What a `Location` is read against: method, authority and path of a request, in one text.
#[derive(Debug)]
pub(super) struct Sent {
    text: String,
    authority_at: usize,
    path_at: usize,
}

// === impl Sent ===

impl Sent {
    /// `path` may have a query.
    pub(super) fn new(method: &str, authority: &str, path: &str) -> Self {
        let path = path.split('?').next().unwrap_or_default();
        let authority_at = method.len();
        Self {
            text: [method, authority, path].concat(),
            authority_at,
            path_at: authority_at.saturating_add(authority.len()),
        }
    }

    fn leads_on(&self, policy: &Policy, status: u16, location: &[u8]) -> bool {
        let part = |range| self.text.get(range).unwrap_or_default();
        let (method, path) = (part(0..self.authority_at), part(self.path_at..self.text.len()));
        let Some(place) = Location::read(location, path) else { return false };
        let method = match (status, method) {
            (307 | 308, _) | (_, "HEAD") => method,
            _ => "GET",
        };
        if place.authority.is_some_and(|authority| !is_own(policy, authority)) {
            return false;
        }
        let authority = place.authority.unwrap_or(part(self.authority_at..self.path_at));
        wellknown::find(policy, method, &place.path).is_none()
            && matches!(
                policy.routes.resolve(method, authority, &place.path),
                Resolution::Route(route) if route.is_priced()
            )
    }
}

/// Whether an authority is one that the operator has written down as the shop's.
fn is_own(policy: &Policy, authority: &str) -> bool {
    let origin = policy.origin.split_once("://").map_or("", |(_, authority)| authority);
    host::same(authority, origin) || (policy.routes.names(authority) && host::at_usual_port(authority))
}

// === impl Purchase ===

impl Purchase {
    /// Whether a redirect with this status and `Location` leads to something that is sold here.
    pub fn leads_on(&self, policy: &Policy, status: u16, location: &[u8]) -> bool {
        self.sent.leads_on(policy, status, location)
    }
}

#[cfg(test)]
mod tests;
