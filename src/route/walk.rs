//! One reading of a path against the tree: the plain one.
//!
//! Literal before variable before `**`, segment by segment from the left, stepping back
//! where a more specific branch leads nowhere. Depth is bounded by the longest pattern,
//! not by the request, and the number of steps by what `Builder::finish` lets through.

use super::leaf::{LeafId, Leaves};
use super::reading::{folded, plain};
use super::tree::{NodeId, Tree};

/// What a walk found.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Found {
    Leaf(LeafId),
    Nothing,
    /// Only in quick walks: a pattern is spelled so that a clean path may miss it by
    /// capitals or a slash. The guard must look.
    Doubt,
}

/// How a path is compared.
#[derive(Clone, Copy)]
pub(super) struct Walk<'a> {
    pub(super) tree: &'a Tree,
    pub(super) leaves: &'a Leaves,
    /// The path ends in a slash, which `rest` does not carry.
    pub(super) slash: bool,
    /// The path is clean, so that its segments are their own folded form.
    pub(super) quick: bool,
}

// === impl Walk ===

impl Walk<'_> {
    /// Follows `rest`, the path below `node` without its leading slash; `None` is the end.
    pub(super) fn below(&self, node: NodeId, rest: Option<&str>) -> Found {
        #[cfg(test)]
        super::effort::add(1);
        let Some(rest) = rest else { return self.end(node) };
        let (segment, rest) = match rest.split_once('/') {
            Some((segment, rest)) => (segment, Some(rest)),
            None => (rest, None),
        };
        match self.literal(node, segment) {
            Ok(Some(child)) => match self.below(child, rest) {
                Found::Nothing => {}
                found => return found,
            },
            Ok(None) => {}
            Err(doubt) => return doubt,
        }
        if let (false, Some(any)) = (segment.is_empty(), self.tree.any(node)) {
            match self.below(any, rest) {
                Found::Nothing => {}
                found => return found,
            }
        }
        self.tree.rest(node).map_or(Found::Nothing, Found::Leaf)
    }

    fn end(&self, node: NodeId) -> Found {
        if let Some(id) = self.tree.leaf(node) {
            if self.leaves.get(id).is_some_and(|leaf| leaf.slash == self.slash) {
                return Found::Leaf(id);
            }
            if self.quick {
                return Found::Doubt;
            }
        }
        self.tree.rest(node).map_or(Found::Nothing, Found::Leaf)
    }

    fn literal(&self, node: NodeId, segment: &str) -> Result<Option<NodeId>, Found> {
        if self.quick {
            let child = self.tree.child(node, segment.as_bytes());
            return match child {
                Some(child) if self.tree.is_spelled(child) => Err(Found::Doubt),
                child => Ok(child),
            };
        }
        let child = if segment.bytes().all(plain) {
            self.tree.child(node, segment.as_bytes())
        } else {
            self.tree.child(node, &folded(segment))
        };
        Ok(child.filter(|&child| self.tree.is_exactly(child, segment)))
    }
}
