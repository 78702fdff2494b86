//! A method that a header names beside the request's own: frameworks that obey it would serve one
//! method for the price of another.
//!
//! Such a request is refused if, for the same host and path, the method it names
//! 1. is for sale, by another offer than the request's own method is; or
//! 2. is not to be had, beside ones that are for sale; or
//! 3. makes the path one that may be read in two ways.
//!
//! A method in the query or the body (`_method`) is an application's own, and not looked for.

use std::sync::Arc;

use super::Head;
use crate::config::{Policy, Route, Target};
use crate::route::Resolution;

/// Whether a header of the request names a method that costs something its own does not.
pub(super) fn is_ambiguous(policy: &Policy, head: &Head<'_>, path: &str, plain: Option<&Route>) -> bool {
    let wrong = |other: &Resolution<'_>| match other {
        Resolution::Route(other) => match (&other.target, plain.map(|route| &route.target)) {
            (Target::Free, _) => false,
            (Target::Offer(other), Some(Target::Offer(offer))) => !Arc::ptr_eq(other, offer),
            (Target::Offer(_), _) => true,
        },
        Resolution::MethodNotAllowed { priced, .. } => *priced,
        Resolution::Ambiguous | Resolution::Unmatched => false,
    };
    policy.routes.resolve_any(head.other_methods(), head.authority, path, wrong)
}

#[cfg(test)]
mod tests;
