//! Documents that are on their way, and how much of them there may be at once.
//!
//! A host keeps what it has not sent yet, and whoever asks and does not read makes it keep a copy for
//! each stream. What is counted is this VM's: streams outlive a configuration, and its documents.
//!
//! A small one needs no room, so that who reads none of the large ones keeps nobody from it. What of
//! those is on its way is bounded by the limit of challenges alone, as 402s are, which may be as long.

use std::cell::Cell;

/// Bytes of documents that may be on their way at once, by one VM. A larger one goes alone.
pub const MOST: usize = 16 << 20;

/// Bytes of a document that may always be sent.
const SMALL: usize = 16 << 10;

thread_local! {
    static FLYING: Cell<usize> = const { Cell::new(0) };
}

/// A document's part of what is on its way, until it is dropped.
#[derive(Debug)]
pub struct Seat(usize);

// === impl Seat ===

impl Seat {
    /// Takes one for a document of so many bytes, if there is room or it needs none.
    pub fn take(bytes: usize) -> Option<Self> {
        if bytes <= SMALL {
            return Some(Self(0));
        }
        let flying = FLYING.get();
        let then = flying.saturating_add(bytes);
        if flying > 0 && then > MOST {
            return None;
        }
        FLYING.set(then);
        Some(Self(bytes))
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        FLYING.set(FLYING.get().saturating_sub(self.0));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The smallest that needs room.
    const LEAST: usize = SMALL + 1;

    #[test]
    fn what_is_on_its_way_is_bounded_and_one_is_always_let_go() {
        let giant = Seat::take(2 * MOST).expect("the only one");
        assert!(Seat::take(LEAST).is_none(), "beside it none");
        drop(giant);
        let seats: Vec<_> = (0..16).map(|_| Seat::take(1 << 20).expect("room")).collect();
        assert!(Seat::take(LEAST).is_none());
        drop(seats);
        assert_eq!(FLYING.get(), 0);
    }

    #[test]
    fn a_small_document_is_always_let_go_and_takes_no_room() {
        let giant = Seat::take(2 * MOST).expect("the only one");
        let small: Vec<_> = (0..=SMALL).map(|bytes| Seat::take(bytes).expect("small")).collect();
        drop(giant);
        assert_eq!(FLYING.get(), 0);
        let large = Seat::take(MOST).expect("small ones take no room");
        drop(small);
        assert_eq!(FLYING.get(), MOST);
        drop(large);
        assert_eq!(FLYING.get(), 0);
    }

    #[test]
    fn a_seat_is_given_back_once() {
        let first = Seat::take(MOST - LEAST).expect("room");
        for _ in 0..1_000 {
            drop(Seat::take(LEAST).expect("room"));
            assert!(Seat::take(LEAST + 1).is_none());
        }
        assert_eq!(FLYING.get(), MOST - LEAST);
        drop(first);
        assert_eq!(FLYING.get(), 0);
    }
}
