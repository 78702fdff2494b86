//! Patterns as a tree of segments in flat arrays: one hash probe per segment, however many
//! routes there are, and some 50 bytes a route beside the route itself.

use super::leaf::LeafId;

/// Index of a node.
pub(super) type NodeId = u32;

const NONE: u32 = u32::MAX;

/// All trees of a policy; each host pattern has its own root.
#[derive(Debug, Default)]
pub(super) struct Tree {
    nodes: Vec<Node>,
    /// Open addressing over the literal children of all nodes; a power of two, half empty.
    slots: Vec<NodeId>,
    literals: usize,
    text: Vec<u8>,
    /// How a literal is written where that is not its folded form, in the order of ids.
    spelled: Vec<(NodeId, Box<str>)>,
}

#[derive(Debug)]
struct Node {
    parent: NodeId,
    key: u32,
    key_len: u16,
    spelled: bool,
    /// For a root: something below it asks for money.
    priced: bool,
    any: NodeId,
    leaf: LeafId,
    rest: LeafId,
}

// === impl Tree ===

impl Tree {
    /// Room for two nodes a route, such as its last literal and a variable, and for those before.
    pub(super) fn of(routes: usize) -> Self {
        Self { nodes: Vec::with_capacity(routes.saturating_mul(17).div_euclid(8)), ..Self::default() }
    }

    /// Adds a node that is nobody's child.
    pub(super) fn root(&mut self) -> NodeId {
        self.push(NONE, b"")
    }

    fn push(&mut self, parent: NodeId, key: &[u8]) -> NodeId {
        let id = index(self.nodes.len());
        let start = index(self.text.len());
        self.text.extend_from_slice(key);
        let key_len = u16::try_from(key.len()).unwrap_or(u16::MAX);
        self.nodes.push(Node {
            parent,
            key: start,
            key_len,
            spelled: false,
            priced: false,
            any: NONE,
            leaf: LeafId::NONE,
            rest: LeafId::NONE,
        });
        id
    }

    fn node(&self, id: NodeId) -> Option<&Node> {
        self.nodes.get(id as usize)
    }

    fn node_mut(&mut self, id: NodeId) -> Option<&mut Node> {
        self.nodes.get_mut(id as usize)
    }

    /// The child for a folded literal.
    pub(super) fn child(&self, parent: NodeId, key: &[u8]) -> Option<NodeId> {
        let mask = self.slots.len().checked_sub(1)?;
        let mut slot = hash(parent, key) & mask;
        loop {
            let id = *self.slots.get(slot)?;
            let node = self.node(id)?;
            if node.parent == parent && self.key(node) == key {
                return Some(id);
            }
            slot = slot.wrapping_add(1) & mask;
        }
    }

    fn key(&self, node: &Node) -> &[u8] {
        let start = node.key as usize;
        self.text.get(start..start.saturating_add(usize::from(node.key_len))).unwrap_or_default()
    }

    /// The child that stands for any one segment.
    pub(super) fn any(&self, id: NodeId) -> Option<NodeId> {
        self.node(id).map(|node| node.any).filter(|&any| any != NONE)
    }

    /// What ends here.
    pub(super) fn leaf(&self, id: NodeId) -> Option<LeafId> {
        self.node(id).map(|node| node.leaf).filter(|&leaf| leaf != LeafId::NONE)
    }

    /// What takes everything from here on.
    pub(super) fn rest(&self, id: NodeId) -> Option<LeafId> {
        self.node(id).map(|node| node.rest).filter(|&leaf| leaf != LeafId::NONE)
    }

    /// The node one segment up; none for a root.
    pub(super) fn parent(&self, id: NodeId) -> Option<NodeId> {
        self.node(id).map(|node| node.parent).filter(|&parent| parent != NONE)
    }

    /// Whether the operator wrote this literal other than folded, for example in capitals.
    pub(super) fn is_spelled(&self, id: NodeId) -> bool {
        self.node(id).is_some_and(|node| node.spelled)
    }

    /// Whether a raw segment is this literal, letter for letter.
    pub(super) fn is_exactly(&self, id: NodeId, raw: &str) -> bool {
        match self.spelling(id) {
            Some(text) => *text == *raw,
            None => self.node(id).is_some_and(|node| self.key(node) == raw.as_bytes()),
        }
    }

    fn spelling(&self, id: NodeId) -> Option<&str> {
        let place = self.spelled.binary_search_by_key(&id, |(id, _)| *id).ok()?;
        self.spelled.get(place).map(|(_, text)| &**text)
    }

    /// Finds or adds a literal child. The error is the spelling already there.
    pub(super) fn add_literal(&mut self, parent: NodeId, key: &[u8], text: &str) -> Result<NodeId, String> {
        if let Some(id) = self.child(parent, key) {
            if self.is_exactly(id, text) {
                return Ok(id);
            }
            return Err(self
                .spelling(id)
                .map_or_else(|| String::from_utf8_lossy(key).into_owned(), str::to_owned));
        }
        self.reserve();
        let id = self.push(parent, key);
        self.place(id);
        self.literals = self.literals.saturating_add(1);
        if key != text.as_bytes() {
            self.spelled.push((id, text.into()));
            if let Some(node) = self.node_mut(id) {
                node.spelled = true;
            }
        }
        Ok(id)
    }

    /// Finds or adds the child that stands for any one segment.
    pub(super) fn add_any(&mut self, parent: NodeId) -> NodeId {
        if let Some(any) = self.any(parent) {
            return any;
        }
        let id = self.push(parent, b"");
        if let Some(node) = self.node_mut(parent) {
            node.any = id;
        }
        id
    }

    /// Whether something below this root asks for money.
    pub(super) fn is_priced(&self, root: NodeId) -> bool {
        self.node(root).is_some_and(|node| node.priced)
    }

    pub(super) fn set_priced(&mut self, root: NodeId) {
        if let Some(node) = self.node_mut(root) {
            node.priced = true;
        }
    }

    pub(super) fn set_leaf(&mut self, id: NodeId, leaf: LeafId) {
        if let Some(node) = self.node_mut(id) {
            node.leaf = leaf;
        }
    }

    pub(super) fn set_rest(&mut self, id: NodeId, leaf: LeafId) {
        if let Some(node) = self.node_mut(id) {
            node.rest = leaf;
        }
    }

    fn reserve(&mut self) {
        let wanted = self.literals.saturating_add(1).saturating_mul(2);
        if wanted <= self.slots.len() {
            return;
        }
        let size = wanted.next_power_of_two().max(16);
        // Freed before there is another: a sandbox's memory grows and never shrinks.
        self.slots = Vec::new();
        self.slots = vec![NONE; size];
        for id in 0..index(self.nodes.len()) {
            // Literals alone have a key.
            if self.node(id).is_some_and(|node| node.key_len > 0) {
                self.place(id);
            }
        }
    }

    fn place(&mut self, id: NodeId) {
        let Some(mask) = self.slots.len().checked_sub(1) else { return };
        let Some(node) = self.node(id) else { return };
        let mut slot = hash(node.parent, self.key(node)) & mask;
        while self.slots.get(slot).is_some_and(|&taken| taken != NONE) {
            slot = slot.wrapping_add(1) & mask;
        }
        if let Some(free) = self.slots.get_mut(slot) {
            *free = id;
        }
    }

    /// The first node below which one path may be followed to more than `most` nodes, if there is
    /// one: of the children of a node it may match one literal, and the one that takes any segment.
    pub(super) fn beyond(&self, most: u16) -> Option<NodeId> {
        // Of a node that is still to come, the most of its literal children; then of all its own.
        let mut reach = vec![0_u16; self.nodes.len()];
        let at = |reach: &[u16], id: NodeId| reach.get(id as usize).copied().unwrap_or_default();
        // Children come after their parents.
        for id in (0..index(self.nodes.len())).rev() {
            let Some(node) = self.node(id) else { continue };
            let own = at(&reach, id).saturating_add(at(&reach, node.any)).saturating_add(1);
            if own > most {
                return Some(id);
            }
            if let Some(place) = reach.get_mut(id as usize) {
                *place = own;
            }
            // Literals alone have a key.
            if let Some(parent) = reach.get_mut(node.parent as usize).filter(|_| node.key_len > 0) {
                *parent = own.max(*parent);
            }
        }
        None
    }

    /// Any leaf at or below a node.
    pub(super) fn leaf_below(&self, node: NodeId) -> Option<LeafId> {
        let below =
            |&id: &NodeId| std::iter::successors(Some(id), |id| self.parent(*id)).any(|above| above == node);
        (node..index(self.nodes.len())).filter(below).find_map(|id| self.leaf(id).or_else(|| self.rest(id)))
    }

    /// Gives back what growing left over.
    pub(super) fn shrink(&mut self) {
        self.nodes.shrink_to_fit();
        self.text.shrink_to_fit();
        self.spelled.shrink_to_fit();
    }
}

fn index(len: usize) -> u32 {
    u32::try_from(len).unwrap_or(NONE)
}

/// FNV-1a. Only operators insert, so nobody hostile can build a chain to walk.
fn hash(parent: NodeId, key: &[u8]) -> usize {
    const PRIME: u64 = 0x0100_0000_01b3;
    let seed = (0xcbf2_9ce4_8422_2325 ^ u64::from(parent)).wrapping_mul(PRIME);
    let hash = key.iter().fold(seed, |hash, &byte| (hash ^ u64::from(byte)).wrapping_mul(PRIME));
    let folded = hash ^ hash >> 32;
    usize::try_from(folded & 0xffff_ffff).unwrap_or(0)
}
