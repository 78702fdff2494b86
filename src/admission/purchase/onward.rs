//! Where a redirect leads: on to what was bought, or elsewhere.
//!
//! It leads on if, and only if,
//! 1. its `Location` can be read in one way ([`Location`]), and has no query but the request's own: what an
//!    upstream adds there may be what opens it;
//! 2. it stays where the request went; or names the host and port of the operator's `origin`, or a host
//!    that one of his routes names in full, at the port of its scheme: never merely the request's own
//!    `Host`, which a client chooses, and which then need not be this shop to anybody who follows;
//! 3. asked there by the method that clients use, the routes lead to the offer that was bought, and the
//!    filter answers with no document of its own;
//! 4. nothing is to be had there for nothing, by whatever method, nor at the shop's other hosts: who is led
//!    on need not follow as clients do.
//!
//! Such a redirect is charged, and what was paid serves what it leads to: one link for one payment, whatever
//! was not seen here.

use super::{claim, Purchase};
use crate::config::{Policy, Route, Unmatched};
use crate::route::host;
use crate::route::location::Location;
use crate::route::Resolution;
use crate::wellknown;

/// What a `Location` is read against: method, authority, path and query of a request, in one text.
#[derive(Debug)]
pub(super) struct Sent {
    text: String,
    authority_at: usize,
    path_at: usize,
    query_at: usize,
}

// === impl Sent ===

impl Sent {
    /// `target` is a path, and may have a query.
    pub(super) fn new(method: &str, authority: &str, target: &str) -> Self {
        let authority_at = method.len();
        let path_at = authority_at.saturating_add(authority.len());
        let path = target.find('?').unwrap_or(target.len());
        Self {
            text: [method, authority, target].concat(),
            authority_at,
            path_at,
            query_at: path_at.saturating_add(path),
        }
    }

    /// `sells` says of a route whether it sells what was bought.
    fn leads_on(
        &self,
        policy: &Policy,
        status: u16,
        location: &[u8],
        sells: impl FnOnce(&Route) -> bool,
    ) -> bool {
        let part = |range| self.text.get(range).unwrap_or_default();
        let (method, path) = (part(0..self.authority_at), part(self.path_at..self.query_at));
        let Some(place) = Location::read(location, path) else { return false };
        let own = part(self.query_at..self.text.len()).strip_prefix('?').unwrap_or_default();
        if place.query.is_some_and(|query| query != own) {
            return false;
        }
        let method = match (status, method) {
            (307 | 308, _) | (_, "HEAD") => method,
            _ => "GET",
        };
        if place.authority.is_some_and(|authority| !is_own(policy, authority)) {
            return false;
        }
        let authority = place.authority.unwrap_or(part(self.authority_at..self.path_at));
        let open = policy.unmatched == Unmatched::Free;
        let sold = |host| !policy.routes.lets_in(host, &place.path, open);
        wellknown::find(policy, "GET", &place.path).is_none()
            && matches!(
                policy.routes.resolve(method, authority, &place.path),
                Resolution::Route(route) if sells(&route)
            )
            && [authority, host_of(&policy.origin), ""].into_iter().all(sold)
    }
}

/// Of an origin, host and port.
fn host_of(origin: &str) -> &str {
    origin.split_once("://").map_or("", |(_, authority)| authority)
}

/// Whether an authority is one that the operator has written down as the shop's.
fn is_own(policy: &Policy, authority: &str) -> bool {
    host::same(authority, host_of(&policy.origin))
        || (policy.routes.names(authority) && host::at_usual_port(authority))
}

// === impl Purchase ===

impl Purchase {
    /// Whether a redirect with this status and `Location` leads to something of the same offer.
    pub fn leads_on(&self, policy: &Policy, status: u16, location: &[u8]) -> bool {
        let own = claim::sold_by(&self.route, &self.offer);
        let sells = |route: &Route| route.offer().is_some_and(|offer| claim::sold_by(route, offer) == own);
        self.sent.leads_on(policy, status, location, sells)
    }
}

#[cfg(test)]
mod tests;
