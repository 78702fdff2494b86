//! Patterns into a tree, or every clash between them.

use std::sync::Arc;

use super::host::is_name;
use super::leaf::{LeafId, Leaves, MethodSet};
use super::pattern::{HostPattern, Pattern, Segment};
use super::tree::{NodeId, Tree};
use super::Routes;
use crate::config::Route;

/// Most nodes below a root that a walk may visit for one path, stepping back: the limit is the
/// operator's to meet, so that no request has to be refused for it.
const MAX_WALK: u16 = 1_000;

/// A route and what it matches.
#[derive(Debug)]
pub(crate) struct Entry {
    /// Empty for all hosts.
    pub(crate) hosts: Vec<HostPattern>,
    /// Empty for all methods.
    pub(crate) methods: Vec<String>,
    pub(crate) path: Pattern,
    pub(crate) route: Arc<Route>,
}

/// Two routes that cannot stand side by side.
#[derive(PartialEq, Eq, Debug)]
pub(crate) struct Clash {
    /// Index of the later route.
    pub(crate) route: usize,
    pub(crate) kind: ClashKind,
}

#[derive(PartialEq, Eq, Debug, thiserror::Error)]
pub(crate) enum ClashKind {
    /// Neither is more specific.
    #[error("matches the same requests as route {0:?}")]
    Tie(String),
    /// They differ in ways that servers ignore.
    #[error("differs from route {0:?} only by a final slash, which servers ignore")]
    Slash(String),
    /// They differ in ways that servers ignore.
    #[error("its segment {0:?} is written {1:?} in another route: many servers take them for the same")]
    Spelling(String, String),
    #[error("more than 31 different methods are named")]
    Methods,
    #[error("is one of those whose variables stand beside literals on so many levels that one path would be followed to more than {MAX_WALK} places")]
    Branches,
}

// === impl ClashKind ===

impl ClashKind {
    /// What to write instead.
    pub(crate) fn hint(&self) -> &'static str {
        match self {
            Self::Tie(_) => "change hosts, methods or path of one",
            Self::Slash(_) => "write both alike",
            Self::Spelling(..) => "spell it one way",
            Self::Methods => "leave methods out for all",
            Self::Branches => "let one route take the rest with **",
        }
    }
}

/// Routes being compiled, one after the other. Linear in their number.
pub(crate) struct Builder {
    routes: Routes,
    clashes: Vec<Clash>,
}

// === impl Builder ===

impl Builder {
    /// For so many routes, most likely each with a pattern of its own.
    pub(crate) fn new(count: usize) -> Self {
        let mut tree = Tree::of(count);
        let [exact, below, any] = std::array::from_fn(|_| tree.root());
        let leaves = Leaves::of(count);
        let routes = Routes { tree, leaves, exact, below, any, hosted: false, priced: false };
        Self { routes, clashes: Vec::new() }
    }

    /// Adds a route.
    pub(crate) fn add(&mut self, entry: &Entry) {
        let Some(methods) = self.routes.leaves.method_set(&entry.methods) else {
            return self.clash(entry, ClashKind::Methods);
        };
        let Routes { any, exact, below, .. } = self.routes;
        self.routes.priced |= entry.route.is_priced();
        if entry.hosts.is_empty() {
            self.insert(any, entry, methods);
        }
        for host in &entry.hosts {
            let root = match host {
                HostPattern::Any => any,
                HostPattern::Exact(name) => self.host(exact, name),
                HostPattern::Below(name) => self.host(below, name),
            };
            self.routes.hosted |= root != any;
            self.insert(root, entry, methods);
        }
    }

    /// All of them.
    ///
    /// # Errors
    /// Every pair of routes that matches the same requests equally well, or that differs
    /// only in ways servers ignore; or routes among which a path could not be followed in a
    /// bounded number of steps.
    pub(crate) fn finish(mut self) -> Result<Routes, Vec<Clash>> {
        if !self.clashes.is_empty() {
            return Err(self.clashes);
        }
        if let Some(node) = self.routes.tree.beyond(MAX_WALK) {
            // Its variable doubled the steps.
            let leaf = self.routes.tree.leaf_below(self.routes.tree.any(node).unwrap_or(node));
            let route = leaf.and_then(|leaf| self.routes.leaves.route(leaf)).map_or(0, |route| route.index);
            return Err(vec![Clash { route, kind: ClashKind::Branches }]);
        }
        self.routes.tree.shrink();
        self.routes.leaves.finish();
        Ok(self.routes)
    }

    /// Hosts are literals below a root of their own; the node found is the root of the
    /// host's paths.
    fn host(&mut self, parent: NodeId, name: &str) -> NodeId {
        debug_assert!(is_name(name.as_bytes()) || name.starts_with('['));
        self.routes.tree.add_literal(parent, name.as_bytes(), name).unwrap_or(parent)
    }

    fn insert(&mut self, root: NodeId, entry: &Entry, methods: MethodSet) {
        if entry.route.is_priced() {
            self.routes.tree.set_priced(root);
        }
        let mut node = root;
        for segment in &entry.path.segments {
            node = match segment {
                Segment::Any => self.routes.tree.add_any(node),
                Segment::Literal { text, folded } => match self.routes.tree.add_literal(node, folded, text) {
                    Ok(child) => child,
                    Err(other) => return self.clash(entry, ClashKind::Spelling(text.clone(), other)),
                },
            };
        }
        let there = if entry.path.rest { self.routes.tree.rest(node) } else { self.routes.tree.leaf(node) };
        match there {
            Some(leaf) => self.join(leaf, entry, methods),
            None => {
                let leaf = self.routes.leaves.add(entry.path.slash, methods, entry.route.clone());
                if entry.path.rest {
                    self.routes.tree.set_rest(node, leaf);
                } else {
                    self.routes.tree.set_leaf(node, leaf);
                }
            }
        }
    }

    fn join(&mut self, leaf: LeafId, entry: &Entry, methods: MethodSet) {
        let other = self.routes.leaves.route(leaf).map_or_else(String::new, |route| route.name.to_string());
        if self.routes.leaves.get(leaf).is_some_and(|leaf| leaf.slash != entry.path.slash) {
            return self.clash(entry, ClashKind::Slash(other));
        }
        if let Err(other) = self.routes.leaves.join(leaf, methods, entry.route.clone()) {
            self.clash(entry, ClashKind::Tie(other.name.to_string()));
        }
    }

    fn clash(&mut self, entry: &Entry, kind: ClashKind) {
        self.clashes.push(Clash { route: entry.route.index, kind });
    }
}
