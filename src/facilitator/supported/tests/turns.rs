//! Who asks, when, and what a failure leaves.

use std::cell::RefCell;
use std::collections::HashMap;

use super::super::store::{load, may_report, record, take_turn, Before};
use super::*;
use crate::claims::table::{Shared, StoreDown};

/// The host's shared data; `creates_with_zero` in the other dialect of compare-and-swap.
#[derive(Default)]
struct Memory {
    values: RefCell<HashMap<String, (Vec<u8>, u32)>>,
    creates_with_zero: bool,
    writes: RefCell<u32>,
}

impl Shared for Memory {
    fn get(&self, key: &str) -> Result<Option<(Vec<u8>, u32)>, StoreDown> {
        Ok(self.values.borrow().get(key).cloned())
    }

    fn set(&self, key: &str, value: &[u8], cas: u32) -> Result<bool, StoreDown> {
        let mut values = self.values.borrow_mut();
        let fits = match values.get(key) {
            Some((_, known)) => cas == *known || (cas == 0 && !self.creates_with_zero),
            None => !self.creates_with_zero || cas == 0,
        };
        if fits {
            let next = self.writes.replace_with(|n| *n + 1) + 1;
            values.insert(key.to_owned(), (value.to_vec(), next));
        }
        Ok(fits)
    }
}

const KEY: &str = "x402/supported/1/test";

fn broken() -> Fetched {
    Fetched::Failed(Trouble::Broken)
}

fn redirected() -> Fetched {
    Fetched::read(&Delivery::arrived(308, true, Some(b"https://www.example.com/"), None))
}

#[test]
fn one_of_many_workers_asks_per_period() {
    for creates_with_zero in [false, true] {
        let memory = Memory { creates_with_zero, ..Memory::default() };
        let turns = |now| (0..8).filter(|_| take_turn(&memory, KEY, 60, 10, now) == Ok(true)).count();
        assert_eq!((turns(100), turns(101), turns(114)), (1, 0, 0), "the first asks, the others wait");
        assert_eq!(turns(115), 1, "an answer that never came");
        let before = record(&memory, KEY, &fetched(&npm(0)), 0, 116).unwrap();
        assert_eq!(before, Before { known: false, failures: 0, redirected: false });
        assert_eq!((turns(117), turns(175), turns(176), turns(177)), (0, 0, 1, 0));
        let (stored, _) = load(&memory, KEY).unwrap();
        assert_eq!((stored.knowledge(), stored.supported()), (Knowledge::Known(116), Some(&answer(&npm(0)))));
    }
}

#[test]
fn a_lease_outlives_the_call() {
    let memory = Memory::default();
    assert_eq!(take_turn(&memory, KEY, 60, 60, 100), Ok(true));
    assert_eq!(take_turn(&memory, KEY, 60, 60, 164), Ok(false));
    assert_eq!(take_turn(&memory, KEY, 60, 60, 165), Ok(true));
}

#[test]
fn a_worker_that_read_too_early_does_not_win() {
    /// Lets somebody else write between the read and the write.
    struct Late<'m>(&'m Memory);
    impl Shared for Late<'_> {
        fn get(&self, key: &str) -> Result<Option<(Vec<u8>, u32)>, StoreDown> {
            let read = self.0.get(key);
            assert_eq!(take_turn(self.0, key, 60, 10, 200), Ok(true));
            read
        }
        fn set(&self, key: &str, value: &[u8], cas: u32) -> Result<bool, StoreDown> {
            self.0.set(key, value, cas)
        }
    }
    let memory = Memory::default();
    record(&memory, KEY, &fetched(&npm(0)), 0, 100).unwrap();
    assert_eq!(take_turn(&Late(&memory), KEY, 60, 10, 200), Ok(false));
}

#[test]
fn what_is_stored_and_not_ours_is_written_over() {
    let memory = Memory::default();
    memory.set(KEY, b"something else", u32::MAX).unwrap();
    assert_eq!(take_turn(&memory, KEY, 60, 10, 100), Ok(true));
    assert!(record(&memory, KEY, &fetched(&npm(0)), 0, 101).is_ok());
    assert_eq!(load(&memory, KEY).unwrap().0.knowledge(), Knowledge::Known(101));
}

#[test]
fn failures_are_repeated_after_ever_longer_pauses_and_keep_what_was_known() {
    let mut snapshot = told(&npm(0), 100);
    let (generation, kinds) = (snapshot.generation(), snapshot.supported().cloned());
    let mut now = 160;
    let mut pauses = Vec::new();
    for _ in 0..10 {
        snapshot = snapshot.on(Event::Over(broken(), 0), now);
        let pause = (0..).find(|pause| snapshot.is_due(60, now + pause)).unwrap();
        pauses.push(pause);
        now += pause;
    }
    assert_eq!(pauses, [1, 2, 4, 8, 16, 32, 60, 60, 60, 60]);
    assert_eq!((snapshot.knowledge(), snapshot.failures), (Knowledge::Stale(100), 10));
    assert_eq!((snapshot.generation(), snapshot.supported()), (generation, kinds.as_ref()));
    let again = snapshot.on(Event::Over(fetched(&npm(0)), 0), now);
    assert_eq!((again.knowledge(), again.generation()), (Knowledge::Known(now), generation));
    let never = Snapshot::default().on(Event::Over(broken(), 0), 5);
    assert_eq!(
        (never.knowledge(), never.kind(2, "exact", "eip155:1")),
        (Knowledge::Never, Kindness::Unknown)
    );
}

#[test]
fn the_generation_moves_with_what_quotes_depend_on_and_with_nothing_else() {
    let first = told(&npm(0), 100);
    assert_eq!(first.generation(), 1);
    let same = first.clone().on(Event::Asking(15), 160).on(Event::Over(fetched(&npm(2)), 0), 161);
    assert_eq!(same.generation(), 1, "another member of the pool is no news");
    let mut fewer = npm(0);
    fewer["kinds"].as_array_mut().unwrap().remove(0);
    assert_eq!(same.on(Event::Over(fetched(&fewer), 0), 220).generation(), 2);
}

#[test]
fn a_redirect_is_remembered_until_something_else_answers() {
    let known = told(&npm(0), 100);
    let moved = known.clone().on(Event::Over(redirected(), 0), 160);
    assert!(moved.is_redirected() && !known.is_redirected());
    assert_eq!((moved.generation(), moved.knowledge()), (2, Knowledge::Stale(100)));
    let silent =
        moved.on(Event::Over(broken(), 0), 170).on(Event::Over(Fetched::Failed(Trouble::NotSent), 0), 180);
    assert!(silent.is_redirected() && silent.generation() == 2, "a silence says nothing");
    let refused = silent.clone().on(Event::Over(Fetched::Failed(Trouble::Status(404)), 0), 190);
    assert!(!refused.is_redirected() && refused.generation() == 3);
    let back = silent.on(Event::Over(fetched(&npm(0)), 0), 190);
    assert!(!back.is_redirected() && back.generation() == 3);
}

#[test]
fn a_clock_that_is_set_back_stops_nobody() {
    let known = told(&npm(0), 1_000_000);
    assert!(known.is_due(60, 999_999));
    assert!(known.clone().on(Event::Asking(15), 1_000_060).is_due(60, 500_000));
    assert!(known.on(Event::Over(broken(), 9), 1_000_060).is_due(60, 500_000));
}

#[test]
fn a_report_is_made_once_per_change() {
    let memory = Memory::default();
    assert_eq!(may_report(&memory, KEY, 0, 1), Ok(false), "nothing to say at first");
    let said: Vec<_> = [7, 7, 8, 8, 0, 0, 7].map(|hash| may_report(&memory, KEY, hash, 1).unwrap()).into();
    assert_eq!(said, [true, false, true, false, true, false, true]);
    record(&memory, KEY, &broken(), 0, 2).unwrap();
    assert_eq!(may_report(&memory, KEY, 7, 3), Ok(false), "remembered over a failure");
}

proptest! {
    #[test]
    fn a_pause_is_never_longer_than_a_minute_and_a_half(failures in 0..80u32, dice in any::<u64>(), now in 0..u64::MAX / 2) {
        let snapshot = (0..failures).fold(Snapshot::default(), |s, _| s.on(Event::Over(broken(), dice), now));
        let after = snapshot.on(Event::Over(broken(), dice), now);
        prop_assert!(after.is_due(60, now + 91));
        prop_assert!(!after.is_due(60, now));
    }
}
