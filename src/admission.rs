//! What a request is, before any money moves: passed, refused, or a payment to present.
//!
//! A request passes without paying if, and only if,
//! 1. under every reading of its path it resolves to one free route; or
//! 2. no reading of its path reaches a priced route, and `unmatched` is `free`.
//!
//! In both cases no header may name another method that is not free there.
//!
//! Everything else is answered here or becomes a [`Purchase`], whose signature is already
//! known to be its payer's, or which waits for the facilitator to say so.

use std::sync::Arc;

use crate::claims::UnixSeconds;
use crate::config::{Policy, Route, Settle, Target, Unmatched};
use crate::protocol::abilities::Abilities;
use crate::reply::{code, Refusal};
use crate::route::Resolution;

pub mod browser;
pub mod endless;
pub mod grpc;
pub mod head;
mod method;
mod preflight;
mod purchase;

pub use head::{Head, Offered};
pub use purchase::{Onward, Purchase};

/// What a request is.
#[derive(Debug)]
pub enum Admission {
    /// It passes. `None` when no route names it.
    Pass(Option<Arc<Route>>),
    /// A CORS preflight for a priced route, to be answered with these methods.
    Preflight(Option<Arc<Route>>, String),
    /// It is refused. The `Allow` value is empty unless the method is the reason.
    Refuse(Option<Arc<Route>>, Refusal, String),
    /// It pays.
    Present(Box<Purchase>),
}

/// Decides what a request is at `now`, given what is known of facilitators.
pub fn admit(policy: &Policy, head: &Head<'_>, abilities: &impl Abilities, now: UnixSeconds) -> Admission {
    let refuse =
        |route: Option<&Arc<Route>>, refusal| Admission::Refuse(route.cloned(), refusal, String::new());
    let Some(path) = head.path else {
        return refuse(None, Refusal::PathAmbiguous);
    };
    if let Some((route, methods)) = preflight::methods(policy, head, path) {
        return Admission::Preflight(route, methods);
    }
    let route = match policy.routes.resolve(head.method, head.authority, path) {
        Resolution::Route(route) => Some(route),
        Resolution::Unmatched if policy.unmatched == Unmatched::Free => None,
        Resolution::Unmatched => return refuse(None, Refusal::NotOffered),
        Resolution::Ambiguous => return refuse(None, Refusal::PathAmbiguous),
        Resolution::MethodNotAllowed { allow, .. } => {
            return Admission::Refuse(None, Refusal::MethodNotAllowed, allow.list());
        }
    };
    if head.overridden && method::is_ambiguous(policy, head, path, route.map(|route| &**route)) {
        return refuse(None, Refusal::MethodAmbiguous);
    }
    let Some(route) = route else { return Admission::Pass(None) };
    let Target::Offer(offer) = &route.target else {
        return Admission::Pass(Some(Arc::clone(route)));
    };
    if head.grpc && offer.settle == Settle::After {
        return refuse(Some(route), Refusal::GrpcSettlesBefore);
    }
    let offered = head.payment(policy.paywall);
    if let (Some(seconds), true) = (head.barred, offered != Offered::Nothing) {
        return refuse(Some(route), Refusal::Barred(seconds));
    }
    let encoded = match offered {
        Offered::Nothing => return refuse(Some(route), Refusal::PaymentRequired),
        Offered::Many => return refuse(Some(route), Refusal::Invalid(code::PAYMENT_AMBIGUOUS)),
        Offered::One(encoded) => encoded,
    };
    let resource = head.resource(policy);
    let authority = head.authority;
    let presented = purchase::Presented { encoded, resource, authority, asked: head.asked(path, route) };
    match Purchase::read(policy, abilities, route, offer, presented, now) {
        Ok(purchase) => Admission::Present(Box::new(purchase)),
        Err(code) => refuse(Some(route), Refusal::Invalid(code)),
    }
}
