//! What became of claims and could not be written down yet: it is tried again until it is.
//!
//! What an op says that [ends](Op::ends) an attempt is known to this worker alone. It is kept until
//! the store answers, or until the claim is over and it says nothing any more. There is room for
//! [`MOST`]; when there is none, no payment is begun, and what ends during that time pushes out what
//! a lapsed lease says as well, and only then a delivery.

use std::collections::VecDeque;

use crate::claims::{Binding, Identity, Op, UnixSeconds};

/// The most that is kept by one worker: some 300 KiB.
pub const MOST: usize = 1_024;

/// Something to be written.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Undo {
    /// Whose claim.
    pub identity: Identity,
    /// What is bought.
    pub offered: Binding,
    /// The op.
    pub op: Op,
    /// When the claim is over, by the store's clock.
    pub until: UnixSeconds,
}

/// What is to be written, those first that wait longest.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Undone {
    list: VecDeque<Undo>,
}

// === impl Undone ===

impl Undone {
    /// Keeps one. Returns what had to go for it.
    #[must_use]
    pub fn push(&mut self, undo: Undo) -> Option<Undo> {
        let gone = if self.is_full() {
            // Without it a lease lapses, and that comes to the same.
            let lapses = |undo: &Undo| !matches!(undo.op, Op::Delivered { .. } | Op::Suspect { .. });
            let at = self.list.iter().position(lapses).unwrap_or(0);
            self.list.remove(at)
        } else {
            None
        };
        self.list.push_back(undo);
        gone
    }

    /// Takes out at most so many, to be tried; what is over goes.
    pub fn take(&mut self, most: usize, now: UnixSeconds) -> Vec<Undo> {
        let matters = |undo: &Undo| now < undo.until;
        std::iter::from_fn(|| self.list.pop_front()).filter(matters).take(most).collect()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.list.is_empty()
    }

    /// Whether nothing more may be begun.
    pub fn is_full(&self) -> bool {
        self.list.len() >= MOST
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::claims::Attempt;

    fn undo(id: u64, op: Op) -> Undo {
        Undo {
            identity: Identity::named("a", &[&id.to_le_bytes()]),
            offered: Binding([0; 16]),
            op,
            until: 100,
        }
    }

    fn delivered(id: u64) -> Undo {
        undo(id, Op::Delivered { attempt: Attempt(id) })
    }

    #[test]
    fn what_waits_longest_is_tried_first_and_what_is_over_never() {
        let mut undone = Undone::default();
        for id in 0..5 {
            assert_eq!(undone.push(Undo { until: if id == 1 { 50 } else { 100 }, ..delivered(id) }), None);
        }
        assert_eq!(undone.take(2, 50), [delivered(0), delivered(2)]);
        assert_eq!(undone.push(delivered(0)), None, "tried in vain: behind the others");
        assert_eq!(undone.take(9, 99), [delivered(3), delivered(4), delivered(0)]);
        assert!(undone.is_empty());
        assert_eq!(undone.push(delivered(7)), None);
        assert!(undone.take(9, 100).is_empty() && undone.is_empty());
    }

    #[test]
    fn there_is_a_bound_and_deliveries_go_last() {
        let mut undone = Undone::default();
        let release = undo(9, Op::Release { attempt: Attempt(9) });
        assert_eq!(undone.push(delivered(0)), None);
        assert_eq!(undone.push(release), None);
        for id in 2..MOST as u64 {
            assert!(!undone.is_full());
            assert_eq!(undone.push(delivered(id)), None);
        }
        assert!(undone.is_full());
        assert_eq!(undone.push(delivered(5_000)), Some(release), "a lease says as much");
        assert_eq!(undone.push(delivered(5_001)), Some(delivered(0)), "then the oldest");
        assert_eq!(undone.take(usize::MAX, 0).len(), MOST);
    }
}
