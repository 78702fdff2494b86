//! Whether any reading of a path reaches money that the plain reading does not.
//!
//! A **reading** is what some chain of proxies and servers could make of a path. It picks,
//! at every doubtful piece and independently of all others, one of these:
//!
//! 1. the piece is the literal it folds to, or an opaque segment that only a variable or
//!    `**` takes (case, escapes at any depth, `;parameters`, control characters, spaces and
//!    trailing dots);
//! 2. a piece that folds to nothing or `.` is dropped, one that folds to `..` takes its
//!    predecessor away, hidden or more dots do either; or they stand for themselves;
//! 3. a backslash or hidden slash separates, or belongs to its segment; inside
//!    `;parameters` it and what follows may vanish with them;
//! 4. a control character, `?` or `#` ends the path, or does not;
//! 5. after a `//` that begins the path comes a host, which is no segment, or a segment;
//! 6. a final slash counts, or does not.
//!
//! A server that applies any of these globally, in any order and any number of times, makes
//! one such choice per piece, so following all choices at every piece covers every chain
//! and every combination. The guard follows them as a set of places in the tree, so the
//! work is linear in the path and bounded by [`MAX_STEPS`]; whatever exceeds a bound counts
//! as reaching money. Following too much costs a 400 on an odd path; following too little
//! would give content away.
//!
//! Paths whose readings have the same segments in the same order, differing in their text
//! alone (the capital or `%20` of an honest variable), are walked with the precedence of
//! the plain walk, so that an overlapping pattern which no reading prefers is not met.

use super::leaf::{LeafId, Leaves};
use super::reading::{Piece, Reading, DOTS};
use super::tree::{NodeId, Tree};

/// Places visited for one path before it counts as hostile; honest ones take up to a hundred.
pub(super) const MAX_STEPS: u32 = 1_000;
/// Places open at once.
const MAX_PLACES: usize = 48;
/// Segments below the last known node that are told apart.
const MANY: u8 = 4;

/// Follows every reading of one path.
pub(super) struct Guard<'a, F> {
    pub(super) tree: &'a Tree,
    pub(super) leaves: &'a Leaves,
    pub(super) reading: &'a Reading,
    /// Whether arriving here is what must not happen.
    pub(super) danger: F,
    pub(super) steps: u32,
}

/// What the readings come to, together.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Reach {
    /// Some reading arrives where it must not.
    pub(super) danger: bool,
    /// Some reading arrives nowhere, so that the next tree decides it.
    pub(super) nothing: bool,
}

/// A prefix of a reading: the deepest node it matches, and how far it went beyond.
#[derive(Clone, Copy, PartialEq, Eq)]
struct Place {
    node: NodeId,
    beyond: u8,
    /// The next piece belongs to the segment already taken.
    within: bool,
}

const DANGER: Reach = Reach { danger: true, nothing: false };
const NOTHING: Reach = Reach { danger: false, nothing: true };

// === impl Guard ===

impl<F: Fn(LeafId) -> bool> Guard<'_, F> {
    /// Follows every reading below a root.
    pub(super) fn below(&mut self, root: NodeId) -> Reach {
        if self.reading.opaque {
            DANGER
        } else if self.reading.structural {
            self.spread(root)
        } else {
            self.descend(root, 0)
        }
    }

    fn arrive(&self, leaf: LeafId) -> Reach {
        Reach { danger: (self.danger)(leaf), nothing: false }
    }

    fn step(&mut self) -> bool {
        #[cfg(test)]
        super::effort::add(1);
        match self.steps.checked_sub(1) {
            Some(left) => {
                self.steps = left;
                true
            }
            None => false,
        }
    }

    // --- readings that differ in text alone ---

    fn descend(&mut self, node: NodeId, at: usize) -> Reach {
        if !self.step() {
            return DANGER;
        }
        let Some(&piece) = self.reading.pieces.get(at) else { return self.end(node) };
        let next = at.saturating_add(1);
        let mut reach = NOTHING;
        let reading = self.reading;
        for value in reading.values(piece) {
            let Some(child) = self.tree.child(node, value) else { continue };
            let below = self.descend(child, next);
            reach.danger |= below.danger;
            // The literal wins in every reading unless its text is in doubt.
            if reach.danger || (piece.certain && !self.tree.is_spelled(child) && !below.nothing) {
                return Reach { nothing: false, ..reach };
            }
        }
        if let Some(any) = self.tree.any(node) {
            let below = self.descend(any, next);
            reach.danger |= below.danger;
            if reach.danger || !below.nothing {
                return Reach { nothing: false, ..reach };
            }
        }
        self.otherwise(node, reach)
    }

    fn end(&self, node: NodeId) -> Reach {
        let Some(leaf) = self.tree.leaf(node) else { return self.otherwise(node, NOTHING) };
        let reach = self.arrive(leaf);
        // A pattern owns its place with and without the slash; the other spelling is also
        // read as not this pattern.
        if self.leaves.get(leaf).is_some_and(|leaf| leaf.slash == self.reading.slash) {
            return reach;
        }
        self.otherwise(node, reach)
    }

    fn otherwise(&self, node: NodeId, reach: Reach) -> Reach {
        match self.tree.rest(node) {
            Some(rest) => Reach { danger: reach.danger || self.arrive(rest).danger, nothing: false },
            None => Reach { nothing: true, ..reach },
        }
    }

    // --- readings that differ in their segments ---

    fn spread(&mut self, root: NodeId) -> Reach {
        let reading = self.reading;
        let start = Place { node: root, beyond: 0, within: false };
        let mut places = vec![start];
        let mut ends = Vec::new();
        let mut doubled = false;
        for piece in &reading.pieces {
            let mut next = Vec::with_capacity(places.len().saturating_mul(2));
            for place in places {
                if !self.step() {
                    return DANGER;
                }
                if doubled && place == start {
                    add(&mut next, start);
                }
                self.take(place, *piece, &mut next, &mut ends);
            }
            if next.len() > MAX_PLACES || ends.len() > MAX_PLACES {
                return DANGER;
            }
            places = next;
            doubled |= reading.values(*piece).any(|value| matches!(value, b"" | b"." | DOTS));
        }
        let mut reach = Reach { danger: false, nothing: false };
        for place in places.into_iter().chain(ends) {
            let one = self.settle(place);
            reach.danger |= one.danger;
            reach.nothing |= one.nothing;
        }
        reach
    }

    /// Everywhere a piece can lead from a place.
    fn take(&self, place: Place, piece: Piece, next: &mut Vec<Place>, ends: &mut Vec<Place>) {
        let mut go = |place: Place, swallows: bool| {
            if piece.stops {
                add(ends, Place { within: false, ..place });
            }
            add(next, Place { within: false, ..place });
            if piece.soft && swallows {
                add(next, Place { within: true, ..place });
            }
        };
        if place.within {
            return go(place, true);
        }
        let mut literal = false;
        for value in self.reading.values(piece) {
            match value {
                b"" | b"." => go(place, piece.parameters),
                b".." | DOTS => {
                    if value == DOTS {
                        go(place, piece.parameters);
                    }
                    self.back(place).into_iter().flatten().for_each(|place| go(place, piece.parameters));
                }
                value if place.beyond == 0 => {
                    if let Some(child) = self.tree.child(place.node, value) {
                        literal = piece.certain && !piece.soft && !self.tree.is_spelled(child);
                        go(Place { node: child, ..place }, piece.parameters);
                    }
                }
                _ => {}
            }
        }
        match self.tree.any(place.node).filter(|_| place.beyond == 0 && (!piece.empty || piece.soft)) {
            Some(any) => go(Place { node: any, ..place }, true),
            // Beyond a literal that every reading takes, `settle` finds the same `**`.
            None if literal => {}
            None => go(Place { beyond: place.beyond.saturating_add(1).min(MANY), ..place }, true),
        }
    }

    fn back(&self, place: Place) -> [Option<Place>; 2] {
        match place.beyond {
            0 => [Some(Place { node: self.tree.parent(place.node).unwrap_or(place.node), ..place }), None],
            // Many less one may still be many.
            MANY => [Some(place), Some(Place { beyond: MANY.saturating_sub(1), ..place })],
            beyond => [Some(Place { beyond: beyond.saturating_sub(1), ..place }), None],
        }
    }

    fn settle(&self, place: Place) -> Reach {
        let mut reach = NOTHING;
        if let Some(leaf) = self.tree.leaf(place.node).filter(|_| place.beyond == 0) {
            reach = self.arrive(leaf);
            if self.leaves.get(leaf).is_some_and(|leaf| leaf.slash == self.reading.slash) {
                return reach;
            }
        }
        let mut node = Some(place.node);
        while let Some(at) = node {
            if let Some(rest) = self.tree.rest(at) {
                return Reach { danger: reach.danger || self.arrive(rest).danger, nothing: false };
            }
            node = self.tree.parent(at);
        }
        Reach { nothing: true, ..reach }
    }
}

fn add(places: &mut Vec<Place>, place: Place) {
    if places.len() <= MAX_PLACES && !places.contains(&place) {
        places.push(place);
    }
}
