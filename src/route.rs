//! (host, method, path) to a route, and no way around a price.
//!
//! Decision list of [`Routes::resolve`]:
//!
//! 1. The host chooses its patterns: exact names before `*.` names (longest first) before
//!    routes for all hosts. A host that could be read in two ways is refused where anything
//!    is priced.
//! 2. `CONNECT`, a path that does not start with `/` and one beyond 8 KiB are refused
//!    where anything is priced for that host.
//! 3. The most specific pattern wins whatever the order of the routes: segment by segment
//!    from the left, a literal before `{name}` and `*`, and these before `**`.
//! 4. Path first, method second: a known path with an unlisted method is refused, it does
//!    not fall to a less specific pattern. `HEAD` goes where `GET` goes.
//! 5. A path that is not clean is also followed under every other reading (see `guard`).
//!    If any of them reaches a priced pattern that the plain reading does not, it is refused.
//!
//! A **clean** path has only lower-case letters, digits and punctuation that no server
//! touches, single slashes, no slash at its end and no segment that ends in a dot. All
//! readings agree on it, so one walk without allocation decides it.
//!
//! The guard knows what URL processing does to a path. It does not know an application's
//! own aliases, such as `/report.json` for `/report`: price both.

mod build;
#[cfg(test)]
pub(crate) mod effort;
mod guard;
pub(crate) mod host;
mod leaf;
pub(crate) mod location;
mod pattern;
mod reading;
mod tree;
mod walk;

#[cfg(test)]
mod tests;

use std::sync::Arc;

use crate::config::Route;
#[cfg(test)]
use build::ClashKind;
pub(crate) use build::{Builder, Clash, Entry};
use guard::{Guard, MAX_STEPS};
use host::Host;
pub use leaf::Allow;
use leaf::{Answer, LeafId, Leaves, MethodSet};
pub(crate) use pattern::{is_method, HostPattern, Pattern};
use reading::{plain, Reading};
use tree::{NodeId, Tree};
use walk::{Found, Walk};

/// Longest path followed, in bytes and without its query.
const MAX_PATH: usize = 8 * 1024;

/// Most host patterns one host may meet: itself, names above it, and all hosts.
const MAX_CHAIN: usize = 8;

/// The compiled routes of a policy.
#[derive(Debug)]
pub struct Routes {
    tree: Tree,
    leaves: Leaves,
    /// Parent of the roots of exact hosts.
    exact: NodeId,
    /// Parent of the roots of `*.` hosts.
    below: NodeId,
    /// Root of the routes for all hosts.
    any: NodeId,
    /// Some route names a host.
    hosted: bool,
    /// Some route asks for money.
    priced: bool,
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
        /// Those that are.
        allow: Allow<'a>,
        /// Whether any of them costs something here.
        priced: bool,
    },
}

/// The roots a request is looked up under, most specific first.
struct Chain {
    roots: [NodeId; MAX_CHAIN],
    len: usize,
}

// === impl Routes ===

impl Routes {
    /// Every route; one that several hosts share may come more than once.
    pub fn iter(&self) -> impl Iterator<Item = &Arc<Route>> {
        self.leaves.routes()
    }

    /// Finds what a request is. `authority` is `:authority` or `Host`, `path` the raw
    /// `:path` with its query. Takes time linear in the path and bounded for any input
    /// and any routes, and allocates only for paths that are not clean.
    pub fn resolve(&self, method: &str, authority: &str, path: &str) -> Resolution<'_> {
        let chain = match self.chain(authority) {
            Some(chain) => chain,
            None if self.priced => return Resolution::Ambiguous,
            None => Chain::of(self.any),
        };
        let path = path.split('?').next().unwrap_or_default();
        let priced = self.is_priced(&chain);
        let body = match body(method, path, priced) {
            Ok(body) => body,
            Err(answer) => return answer,
        };
        let method = self.leaves.request(method);
        if is_clean(body) {
            match self.walk(&chain, body, true) {
                Found::Leaf(leaf) => return self.answer(Some(leaf), method),
                Found::Nothing => return Resolution::Unmatched,
                Found::Doubt => {}
            }
        }
        let leaf = self.plain(&chain, body);
        let answer = self.answer(leaf, method);
        let refused = matches!(answer, Resolution::MethodNotAllowed { .. });
        if priced && !refused && self.reaches_money(&chain, path, leaf, method) {
            return Resolution::Ambiguous;
        }
        answer
    }

    /// Whether some route names this very host.
    pub(crate) fn names(&self, authority: &str) -> bool {
        let host = Host::of(authority).filter(|host| !host.as_bytes().is_empty());
        host.is_some_and(|host| self.tree.child(self.exact, host.as_bytes()).is_some())
    }

    /// Whether the request would be ambiguous by any of these methods, or is said to be `wrong`. The
    /// path is followed once for all of them, so that one more costs no more than to read it.
    pub fn resolve_any(
        &self,
        mut methods: impl Iterator<Item = impl AsRef<str>>,
        authority: &str,
        path: &str,
        wrong: impl Fn(&Resolution<'_>) -> bool,
    ) -> bool {
        let chain = match self.chain(authority) {
            Some(chain) => chain,
            None if self.priced => return methods.next().is_some(),
            None => Chain::of(self.any),
        };
        let path = path.split('?').next().unwrap_or_default();
        let priced = self.is_priced(&chain);
        let is_wrong = |answer: &_| matches!(answer, Resolution::Ambiguous) || wrong(answer);
        let mut plain = None;
        // Those met so far, and among them those to which some reading may owe another answer.
        let (mut met, mut open) = (MethodSet::NONE, MethodSet::NONE);
        for method in methods {
            let body = match body(method.as_ref(), path, priced) {
                Ok(body) => body,
                Err(answer) if is_wrong(&answer) => return true,
                Err(_) => continue,
            };
            let method = self.leaves.request(method.as_ref());
            if met.meets(method) {
                continue;
            }
            met = met.with(method);
            let leaf = *plain.get_or_insert_with(|| self.plain(&chain, body));
            let answer = self.answer(leaf, method);
            if is_wrong(&answer) {
                return true;
            }
            if !matches!(answer, Resolution::MethodNotAllowed { .. }) {
                open = open.with(method);
            }
        }
        priced && open != MethodSet::NONE && self.reaches_money(&chain, path, plain.flatten(), open)
    }

    /// Whether something can be had here for nothing, by whatever method; `unmatched` says whether that
    /// is what no route matches.
    pub(crate) fn lets_in(&self, authority: &str, path: &str, unmatched: bool) -> bool {
        // And one that no route names.
        let methods = self.leaves.methods().chain(["ANY-OTHER"]);
        self.resolve_any(methods, authority, path, |answer| match answer {
            Resolution::Route(route) => !route.is_priced(),
            Resolution::MethodNotAllowed { .. } => false,
            Resolution::Unmatched => unmatched,
            Resolution::Ambiguous => true,
        })
    }

    fn is_priced(&self, chain: &Chain) -> bool {
        chain.roots().any(|root| self.tree.is_priced(root))
    }

    /// What a path is, read plainly. Not part of what most requests take.
    #[inline(never)]
    fn plain(&self, chain: &Chain, body: &str) -> Option<LeafId> {
        match self.walk(chain, body, false) {
            Found::Leaf(leaf) => Some(leaf),
            Found::Nothing | Found::Doubt => None,
        }
    }

    fn walk(&self, chain: &Chain, body: &str, quick: bool) -> Found {
        let (rest, slash) = match body.strip_suffix('/') {
            Some(rest) => (Some(rest), true),
            None => (Some(body).filter(|body| !body.is_empty()), false),
        };
        let walk = Walk { tree: &self.tree, leaves: &self.leaves, slash, quick };
        chain
            .roots()
            .map(|root| walk.below(root, rest))
            .find(|found| *found != Found::Nothing)
            .unwrap_or(Found::Nothing)
    }

    /// Whether a reading arrives, by one of these methods, at a price that `plain` is not. By each
    /// of them `plain` is a route or nothing.
    fn reaches_money(&self, chain: &Chain, path: &str, plain: Option<LeafId>, methods: MethodSet) -> bool {
        let reading = Reading::of(path);
        let danger = |leaf: LeafId| self.leaves.asks_otherwise(leaf, methods, plain);
        let mut guard =
            Guard { tree: &self.tree, leaves: &self.leaves, reading: &reading, danger, steps: MAX_STEPS };
        for root in chain.roots() {
            let reach = guard.below(root);
            if reach.danger || !reach.nothing {
                return reach.danger;
            }
        }
        false
    }

    fn answer(&self, leaf: Option<LeafId>, method: MethodSet) -> Resolution<'_> {
        match leaf.and_then(|leaf| self.leaves.answer(leaf, method)) {
            Some(Answer::Route(route)) => Resolution::Route(route),
            Some(Answer::NotAllowed(allow)) => Resolution::MethodNotAllowed {
                allow,
                priced: leaf.is_some_and(|leaf| self.leaves.asks_money(leaf)),
            },
            None => Resolution::Unmatched,
        }
    }

    /// `None` when the authority leaves open which host it names.
    fn chain(&self, authority: &str) -> Option<Chain> {
        if !self.hosted {
            return Some(Chain::of(self.any));
        }
        let mut chain = Chain { roots: [self.any; MAX_CHAIN], len: 0 };
        let host = Host::of(authority)?;
        let exact = self.tree.child(self.exact, host.as_bytes());
        let below = host.parents().filter_map(|parent| self.tree.child(self.below, parent));
        for root in exact.into_iter().chain(below).chain([self.any]) {
            chain.push(root)?;
        }
        Some(chain)
    }
}

// === impl Chain ===

impl Chain {
    fn of(root: NodeId) -> Self {
        Self { roots: [root; MAX_CHAIN], len: 1 }
    }

    fn push(&mut self, root: NodeId) -> Option<()> {
        *self.roots.get_mut(self.len)? = root;
        self.len = self.len.saturating_add(1);
        Some(())
    }

    fn roots(&self) -> impl Iterator<Item = NodeId> + '_ {
        self.roots.iter().copied().take(self.len)
    }
}

/// The path after its first slash, or what a request is that has none to follow.
#[inline(always)]
fn body<'p, 'a>(method: &str, path: &'p str, priced: bool) -> Result<&'p str, Resolution<'a>> {
    if priced && (method.eq_ignore_ascii_case("CONNECT") || !path.starts_with('/') || path.len() > MAX_PATH) {
        let asks_the_server = method == "OPTIONS" && path == "*";
        return Err(if asks_the_server { Resolution::Unmatched } else { Resolution::Ambiguous });
    }
    path.strip_prefix('/').ok_or(Resolution::Unmatched)
}

/// Whether all readings of a path agree; `body` comes after its first slash.
fn is_clean(body: &str) -> bool {
    let mut before = b'/';
    for byte in body.bytes() {
        let fine = if byte == b'/' { before != b'/' && before != b'.' } else { plain(byte) };
        if !fine {
            return false;
        }
        before = byte;
    }
    body.is_empty() || (before != b'/' && before != b'.')
}
