//! Where a redirect leads: on to what was bought, or elsewhere.
//!
//! It leads on if, and only if,
//! 1. its `Location` can be read in one way ([`Location`]), and has no query but the request's own: what an
//!    upstream adds there may be what opens it;
//! 2. it stays where the request went; or names the host and port of the operator's `origin`, or a host
//!    that one of his routes names in full, at the port of its scheme: never merely the request's own
//!    `Host`, which a client chooses, and which then need not be this shop to anybody who follows;
//! 3. asked there by the method that clients use, the routes lead to an offer that takes what was paid, and
//!    the filter answers with no document of its own;
//! 4. nothing is to be had there for nothing, by whatever method, at that host, at `origin`'s or where no host
//!    is named: who is led on need not follow as clients do.
//!
//! Such a redirect is charged, and what was paid serves what it leads to: one link for one payment, whatever
//! was not seen here.

use std::sync::Arc;

use super::{claim, Purchase};
use crate::claims::Binding;
use crate::config::{Policy, Route, Unmatched};
use crate::precheck::Form;
use crate::route::host;
use crate::route::location::Location;
use crate::route::Resolution;
use crate::wellknown;

/// What a redirect leads to: what is bought there.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Onward(pub Binding);

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

    /// The route that it leads to.
    fn leads_to(&self, policy: &Policy, status: u16, location: &[u8]) -> Option<Arc<Route>> {
        let part = |range| self.text.get(range).unwrap_or_default();
        let (method, path) = (part(0..self.authority_at), part(self.path_at..self.query_at));
        let place = Location::read(location, path)?;
        let own = part(self.query_at..self.text.len()).strip_prefix('?').unwrap_or_default();
        if place.query.is_some_and(|query| query != own) {
            return None;
        }
        let method = match (status, method) {
            (307 | 308, _) | (_, "HEAD") => method,
            _ => "GET",
        };
        if place.authority.is_some_and(|authority| !is_own(policy, authority)) {
            return None;
        }
        let authority = place.authority.unwrap_or(part(self.authority_at..self.path_at));
        let open = policy.unmatched == Unmatched::Free;
        let sold = |host| !policy.routes.lets_in(host, &place.path, open);
        let Resolution::Route(route) = policy.routes.resolve(method, authority, &place.path) else {
            return None;
        };
        let hosts = [authority, host_of(&policy.origin), ""];
        let sold = wellknown::find(policy, "GET", &place.path).is_none() && hosts.into_iter().all(sold);
        sold.then(|| Arc::clone(route))
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
    /// What a redirect with this status and `Location` leads to, if that is sold for what was paid.
    pub fn leads_on(&self, policy: &Policy, status: u16, location: &[u8]) -> Option<Onward> {
        let route = self.sent.leads_to(policy, status, location)?;
        self.is_sold_by(&route).then(|| Onward(claim::offered(&route, &self.payment)))
    }

    /// Whether a route sells for what was paid: it is the same, or has the same offer of the same seller, or
    /// takes as much of the same asset for the same payee, and the word of the same facilitators for it.
    fn is_sold_by(&self, route: &Route) -> bool {
        let Some(offer) = route.offer() else { return false };
        if route.name == self.route.name || Arc::ptr_eq(offer, &self.offer) {
            return true;
        }
        let Form::Evm { signed, asset, .. } = self.payment.form() else { return false };
        let (to, amount) = (signed.authorization.to(), signed.authorization.amount());
        let mut ways = offer.accepts.iter().enumerate();
        let fits = ways.any(|(place, way)| {
            (way.asset.chain_id, way.asset.address) == (asset.chain_id, asset.address)
                && way.pay_to == to
                && offer.amount(place) == amount
        });
        let believes = |tag| offer.facilitators.iter().any(|facilitator| facilitator.tag() == tag);
        let believed = self.offer.facilitators.iter().all(|facilitator| believes(facilitator.tag()));
        fits && believed && self.metered().is_none() && offer.meter.is_none()
    }
}

#[cfg(test)]
mod tests;
