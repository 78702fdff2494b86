//! What is sold at one pattern: routes by method.

use std::sync::Arc;

use crate::config::Route;

/// Index of a leaf.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct LeafId(u32);

/// A set of methods; all of them when an operator lists none.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct MethodSet(u32);

/// Every leaf of a policy, and the methods they name.
#[derive(Debug)]
pub(super) struct Leaves {
    leaves: Vec<Leaf>,
    methods: Vec<Box<str>>,
    /// Places of the methods, by their names.
    by_name: Vec<usize>,
}

#[derive(Debug)]
pub(super) struct Leaf {
    first: Entry,
    /// The pattern ends in a slash.
    pub(super) slash: bool,
}

/// A route at a pattern, and the next one there. Most patterns have one, and it takes twelve bytes.
#[derive(Debug)]
struct Entry {
    methods: MethodSet,
    route: Arc<Route>,
    next: Option<Box<Entry>>,
}

/// What a leaf says to a method.
pub(super) enum Answer<'a> {
    Route(&'a Arc<Route>),
    NotAllowed(Allow<'a>),
}

/// The methods of a pattern.
#[derive(Clone, Copy, Debug)]
pub struct Allow<'a> {
    leaves: &'a Leaves,
    set: MethodSet,
}

const GET: u32 = 1;
const HEAD: u32 = 2;
const OPTIONS: u32 = 4;

// === impl LeafId ===

impl LeafId {
    pub(super) const NONE: Self = Self(u32::MAX);
}

// === impl MethodSet ===

impl MethodSet {
    pub(super) const ALL: Self = Self(u32::MAX);
    pub(super) const NONE: Self = Self(0);

    pub(super) fn meets(self, other: Self) -> bool {
        self.0 & other.0 != 0
    }

    pub(super) fn with(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    fn without(self, other: Self) -> Self {
        Self(self.0 & !other.0)
    }
}

// === impl Leaf ===

impl Leaf {
    fn entries(&self) -> impl Iterator<Item = &Entry> {
        std::iter::successors(Some(&self.first), |entry| entry.next.as_deref())
    }

    fn union(&self) -> MethodSet {
        MethodSet(self.entries().fold(0, |all, entry| all | entry.methods.0))
    }
}

// === impl Allow ===

impl Allow<'_> {
    /// As the header of that name lists them, by name: written when it is asked for, since there
    /// may be as many sets as there are routes.
    pub fn list(self) -> String {
        let mut list = String::new();
        for &place in &self.leaves.by_name {
            let listed = self.set.0 & bit(place) != 0 || bit(place) == OPTIONS;
            let Some(name) = self.leaves.methods.get(place).filter(|_| listed) else { continue };
            if !list.is_empty() {
                list.push_str(", ");
            }
            list.push_str(name);
        }
        list
    }
}

// === impl Leaves ===

impl Leaves {
    /// Room for so many.
    pub(super) fn of(count: usize) -> Self {
        Self {
            leaves: Vec::with_capacity(count),
            methods: ["GET", "HEAD", "OPTIONS"].map(Box::from).into(),
            by_name: Vec::new(),
        }
    }

    /// Every route, once for each pattern it stands at.
    pub(super) fn routes(&self) -> impl Iterator<Item = &Arc<Route>> {
        self.leaves.iter().flat_map(Leaf::entries).map(|entry| &entry.route)
    }

    /// The set an operator's list means; `None` when a policy names more than 31 methods.
    pub(super) fn method_set(&mut self, methods: &[String]) -> Option<MethodSet> {
        if methods.is_empty() {
            return Some(MethodSet::ALL);
        }
        let mut set = 0;
        for method in methods {
            let place = match self.methods.iter().position(|known| **known == **method) {
                Some(place) => place,
                None if self.methods.len() >= 31 => return None,
                None => {
                    self.methods.push(method.as_str().into());
                    self.methods.len().saturating_sub(1)
                }
            };
            set |= bit(place);
        }
        // HEAD costs what GET costs.
        if set & GET != 0 {
            set |= HEAD;
        }
        Some(MethodSet(set))
    }

    /// Every method that some route names.
    pub(super) fn methods(&self) -> impl Iterator<Item = &str> {
        self.methods.iter().map(|name| &**name)
    }

    /// The set of one request's method; empty for a method nobody listed.
    pub(super) fn request(&self, method: &str) -> MethodSet {
        let place = self.methods.iter().position(|known| **known == *method);
        // The top bit is in no list, only in ALL.
        MethodSet(place.map_or(1 << 31, bit))
    }

    pub(super) fn add(&mut self, slash: bool, methods: MethodSet, route: Arc<Route>) -> LeafId {
        let id = LeafId(u32::try_from(self.leaves.len()).unwrap_or(u32::MAX));
        self.leaves.push(Leaf { first: Entry { methods, route, next: None }, slash });
        id
    }

    /// Adds a route where another is; the error is the one whose methods overlap.
    pub(super) fn join(
        &mut self,
        id: LeafId,
        methods: MethodSet,
        route: Arc<Route>,
    ) -> Result<(), Arc<Route>> {
        let Some(leaf) = self.leaves.get_mut(id.0 as usize) else { return Ok(()) };
        if let Some(other) = leaf.entries().find(|entry| entry.methods.meets(methods)) {
            return Err(other.route.clone());
        }
        let mut next = &mut leaf.first.next;
        while let Some(entry) = next {
            next = &mut entry.next;
        }
        *next = Some(Box::new(Entry { methods, route, next: None }));
        Ok(())
    }

    pub(super) fn get(&self, id: LeafId) -> Option<&Leaf> {
        self.leaves.get(id.0 as usize)
    }

    /// Any route of the leaf, to name it by.
    pub(super) fn route(&self, id: LeafId) -> Option<&Arc<Route>> {
        self.get(id).map(|leaf| &leaf.first.route)
    }

    /// Everything has been added.
    pub(super) fn finish(&mut self) {
        for (place, name) in self.methods.iter().enumerate() {
            // The standard library's sort, for a handful of names, would be 5 KB of code.
            let before = |other: &usize| self.methods.get(*other).is_some_and(|other| other < name);
            self.by_name.insert(self.by_name.partition_point(before), place);
        }
        self.leaves.shrink_to_fit();
    }

    pub(super) fn answer(&self, id: LeafId, method: MethodSet) -> Option<Answer<'_>> {
        let leaf = self.get(id)?;
        if let Some(entry) = leaf.entries().find(|entry| entry.methods.meets(method)) {
            return Some(Answer::Route(&entry.route));
        }
        Some(Answer::NotAllowed(Allow { leaves: self, set: leaf.union() }))
    }

    /// Whether money is asked here for any method.
    pub(super) fn asks_money(&self, id: LeafId) -> bool {
        self.get(id).is_some_and(|leaf| leaf.entries().any(|entry| entry.route.is_priced()))
    }

    /// Whether money is asked here for one of these methods, or for any when one of them is not
    /// listed; and not by the very route that this method has at `plain`.
    pub(super) fn asks_otherwise(&self, id: LeafId, methods: MethodSet, plain: Option<LeafId>) -> bool {
        let Some(leaf) = self.get(id).filter(|_| plain != Some(id)) else { return false };
        let plain = plain.and_then(|plain| self.get(plain));
        let mut unlisted = methods;
        let mut priced = false;
        for entry in leaf.entries() {
            unlisted = unlisted.without(entry.methods);
            if !entry.route.is_priced() {
                continue;
            }
            priced = true;
            let same = plain.into_iter().flat_map(Leaf::entries);
            let same = same.filter(|other| Arc::ptr_eq(&other.route, &entry.route));
            let others = same.fold(methods, |left, other| left.without(other.methods));
            if entry.methods.meets(others) {
                return true;
            }
        }
        priced && unlisted != MethodSet::NONE
    }
}

fn bit(place: usize) -> u32 {
    u32::try_from(place).ok().and_then(|place| 1_u32.checked_shl(place)).unwrap_or(0)
}
