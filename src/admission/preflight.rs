//! A browser's question before it pays: an `OPTIONS` that says which method is to follow.
//!
//! It is answered here, without a payment, if, and only if,
//! 1. the method it asks for is for sale at this path, or not to be had beside ones that are; or
//! 2. `OPTIONS` itself is, whatever it asks for: nothing that is for sale goes upstream unpaid.
//!
//! Any other is a request like all the rest: free where its route is free, to be answered by
//! the application.

use std::sync::Arc;

use super::Head;
use crate::config::{Policy, Route};
use crate::route::Resolution;

/// The methods to allow, and the route if there is one.
pub(super) fn methods(policy: &Policy, head: &Head<'_>, path: &str) -> Option<(Option<Arc<Route>>, String)> {
    if !head.preflight {
        return None;
    }
    let asked = head.asked_method();
    [asked, head.method].into_iter().find_map(|method| {
        match policy.routes.resolve(method, head.authority, path) {
            Resolution::Route(route) if route.is_priced() => {
                Some((Some(Arc::clone(route)), asked.to_owned()))
            }
            Resolution::MethodNotAllowed { allow, priced: true } => Some((None, allow.list())),
            _ => None,
        }
    })
}

#[cfg(test)]
mod tests;
