//! (host, method, path) to a route. See `docs` of [`Routes::resolve`].

use std::sync::Arc;

use crate::config::Route;

/// The compiled routes of a policy.
#[derive(Debug)]
pub struct Routes {
    _private: (),
}

/// What a request is, as far as routing goes.
#[derive(Debug)]
pub enum Resolution<'a> {
    /// Exactly one route, under every reading of the path.
    Route(&'a Arc<Route>),
    /// No route under any reading.
    Unmatched,
    /// Some reading reaches a priced route that the plain one does not: answered 400.
    Ambiguous,
    /// The path is known, the method is not listed: answered 405 with this `Allow`.
    MethodNotAllowed {
        /// Comma-separated methods.
        allow: &'a str,
    },
}
