//! Where demands are kept.

use proptest::prelude::*;

use super::*;
use crate::claims::table::tests::store::{Memory, DIALECTS};
use crate::demand::tests::{demand, NOW};
use crate::money::Amount;

const DUE: UnixSeconds = NOW + 20;
const LATER: UnixSeconds = NOW + 4_000;

fn kept(store: &Memory, n: u64) -> bool {
    keep(store, &demand(n), DUE, LATER, NOW, false)
}

fn slots_of(n: u64) -> Vec<u16> {
    slots(&name(&demand(n).identity)).collect()
}

/// Somebody else's demand stands there.
fn occupy(store: &Memory, slot: u16, n: u64, expires: UnixSeconds) -> Vec<u8> {
    let other = demand(n);
    let mut value = header(&name(&other.identity), DUE, expires, 3);
    value.extend_from_slice(&other.to_bytes().unwrap());
    store.put(&key(slot), &value);
    value
}

fn standing(store: &Memory, n: u64) -> Vec<u16> {
    let own = |slot: &u16| {
        let held = store.get(&key(*slot)).unwrap();
        held.is_some_and(|(held, _)| held.starts_with(&name(&demand(n).identity)))
    };
    slots_of(n).into_iter().filter(own).collect()
}

fn take(store: &Memory, n: u64, now: UnixSeconds) -> Option<Kept> {
    slots_of(n).into_iter().find_map(|slot| take_due(store, slot, now, |_| true).unwrap())
}

#[test]
fn what_is_kept_is_found_until_it_is_dropped() {
    for dialect in DIALECTS {
        let store = Memory::new(dialect);
        assert_eq!(find(&store, &demand(1).identity), None);
        assert!(kept(&store, 1) && kept(&store, 2), "{dialect:?}");
        assert_eq!(find(&store, &demand(1).identity), Some(demand(1)));
        drop(&store, &demand(1).identity);
        assert_eq!(find(&store, &demand(1).identity), None);
        assert_eq!(find(&store, &demand(2).identity), Some(demand(2)), "another's stays");
        drop(&store, &demand(1).identity);
        assert_eq!(take(&store, 1, LATER - 1), None, "and is never due");
    }
}

#[test]
fn dropping_what_was_never_kept_writes_nothing() {
    let store = Memory::new(DIALECTS[0]);
    drop(&store, &demand(1).identity);
    postpone(&store, &demand(1).identity, NOW);
    assert!(store.keys().is_empty());
}

#[test]
fn what_is_kept_again_stands_once_and_says_what_was_said_last() {
    for free in 0..3 {
        let store = Memory::new(DIALECTS[0]);
        let slots = slots_of(1);
        for slot in &slots[..free] {
            occupy(&store, *slot, 9, LATER);
        }
        assert!(kept(&store, 1));
        // What stood before it is gone: a second copy would name the facilitator of before.
        for slot in &slots[..free] {
            store.put(&key(*slot), &[]);
        }
        let moved = Demand { settler: 78, amount: Some(Amount::from_u64(5)), ..demand(1) };
        assert!(keep(&store, &moved, DUE + 9, LATER, NOW, false));
        assert_eq!(standing(&store, 1), [slots[free]]);
        assert_eq!(find(&store, &moved.identity), Some(moved.clone()));
        assert_eq!(take(&store, 1, DUE - 1), None);
        assert_eq!(take(&store, 1, DUE).map(|kept| (kept.demand, kept.tries)), Some((moved, 0)));
    }
}

#[test]
fn what_is_new_takes_the_first_free_slot_and_looks_no_further() {
    let store = Memory::new(DIALECTS[0]);
    let slots = slots_of(1);
    let new = |n| keep(&store, &demand(n), DUE, LATER, NOW, true);
    assert!(new(1));
    assert_eq!(standing(&store, 1), slots[..1]);
    drop(&store, &demand(1).identity);
    store.dies_after(2);
    assert!(new(1), "one look and one write");
    store.dies_after(i64::MAX);
    // Its own of before, if that is where it would go, is written over.
    assert!(new(1));
    assert_eq!(standing(&store, 1), slots[..1]);
    occupy(&store, slots[0], 9, LATER);
    assert!(new(1));
    assert_eq!(standing(&store, 1), slots[1..2], "another's stays");
}

#[test]
fn what_is_due_is_taken_once_and_comes_back_later_and_later() {
    let store = Memory::new(DIALECTS[0]);
    assert!(kept(&store, 1));
    assert_eq!(take(&store, 1, DUE - 1), None, "not due");
    let mut now = DUE;
    for (tries, wait) in [5, 15, 30, 60, 120, 300, 300, 300, 300].into_iter().enumerate() {
        let taken = take(&store, 1, now).unwrap();
        assert_eq!((usize::from(taken.tries), taken.due, taken.expires), (tries, now, LATER));
        assert_eq!(taken.demand, demand(1));
        // As long as whoever has it may be at work on it, and then as long as he should have waited.
        let again = now + wait + u64::from(demand(1).lease);
        assert_eq!(take(&store, 1, again - 1), None);
        now = again;
    }
    assert_eq!(take(&store, 1, LATER), None, "over");
    assert_eq!([0, 6, 7, 100, 255].map(backoff), [2, 300, 300, 300, 300]);
}

#[test]
fn a_look_that_settled_nothing_is_repeated_after_its_wait() {
    let store = Memory::new(DIALECTS[0]);
    assert!(kept(&store, 1));
    assert!(take(&store, 1, DUE).is_some());
    postpone(&store, &demand(1).identity, DUE + 1);
    assert_eq!(take(&store, 1, DUE + 1 + 4), None, "five seconds after one look");
    assert_eq!(take(&store, 1, DUE + 1 + 5).map(|kept| kept.tries), Some(1));
    postpone(&store, &demand(2).identity, DUE);
    assert_eq!(find(&store, &demand(2).identity), None, "nobody's is not made");
}

/// Who asks again keeps the demand again: neither he nor how his try ends changes when the next look
/// is due, or how many there were.
#[test]
fn no_try_puts_off_a_look_or_has_them_begin_anew() {
    let store = Memory::new(DIALECTS[0]);
    assert!(kept(&store, 1));
    postpone(&store, &demand(1).identity, NOW);
    let try_it = |now: UnixSeconds| {
        assert!(keep(&store, &demand(1), now + 17, LATER, now, false));
        postpone(&store, &demand(1).identity, now);
    };
    let mut due = NOW + 2;
    for (tries, wait) in [5, 15, 30, 60, 120, 300, 300].into_iter().enumerate() {
        for now in due - 2..due {
            try_it(now);
        }
        assert_eq!(take(&store, 1, due - 1), None, "look {tries}");
        assert_eq!(take(&store, 1, due).map(|kept| usize::from(kept.tries)), Some(tries));
        // Whoever looks asks, and settles nothing.
        try_it(due);
        due += wait;
    }
}

#[test]
fn of_workers_that_look_at_once_one_has_it() {
    for dialect in DIALECTS {
        let store = Memory::new(dialect);
        for n in 0..200 {
            assert!(kept(&store, n));
        }
        let taken: usize = std::thread::scope(|scope| {
            let look = || {
                (0..SLOTS).filter(|slot| take_due(&store, *slot, DUE, |_| true).unwrap().is_some()).count()
            };
            let workers: Vec<_> = (0..4).map(|_| scope.spawn(look)).collect();
            workers.into_iter().map(|worker| worker.join().unwrap()).sum()
        });
        assert_eq!(taken, 200, "{dialect:?}");
    }
}

#[test]
fn what_another_plugin_asks_about_is_left_to_it() {
    let store = Memory::new(DIALECTS[0]);
    assert!(kept(&store, 1) && kept(&store, 2));
    let look = |mine: u64| {
        let mine = demand(mine).identity;
        let take = |slot| take_due(&store, slot, DUE, |demand| demand.identity == mine).unwrap();
        (0..SLOTS).filter_map(take).map(|kept| kept.demand.identity).collect::<Vec<_>>()
    };
    assert_eq!(look(1), [demand(1).identity]);
    assert_eq!(look(3), []);
    assert_eq!(look(2), [demand(2).identity], "as due as it was");
}

#[test]
fn a_slot_of_anothers_is_never_written_over() {
    for (dialect, taken) in
        DIALECTS.into_iter().flat_map(|dialect| (0..=4).map(move |taken| (dialect, taken)))
    {
        let store = Memory::new(dialect);
        let slots = slots_of(1);
        let values: Vec<_> = slots[..taken].iter().map(|slot| occupy(&store, *slot, 9, LATER)).collect();
        assert_eq!(kept(&store, 1), taken < 4, "{dialect:?} {taken}");
        assert_eq!(standing(&store, 1), slots.get(taken).copied().into_iter().collect::<Vec<_>>());
        assert_eq!(find(&store, &demand(1).identity).is_some(), taken < 4);
        postpone(&store, &demand(1).identity, NOW);
        drop(&store, &demand(1).identity);
        for (slot, value) in slots.iter().zip(values) {
            assert_eq!(store.value(&key(*slot)), value, "{dialect:?} {taken}");
        }
    }
}

#[test]
fn what_is_over_or_garbled_makes_room_and_is_never_due() {
    let whole = demand(9).to_bytes().unwrap();
    let cut = [&header(&[9; 16], NOW, LATER, 0)[..], &whole[..whole.len() - 1]].concat();
    for garbled in [b"".to_vec(), b"x".to_vec(), vec![0xff; 24], vec![0xff; 25], vec![0; 300], cut] {
        let store = Memory::new(DIALECTS[0]);
        for slot in slots_of(1) {
            store.put(&key(slot), &garbled);
            assert_eq!(take_due(&store, slot, LATER, |_| true), Ok(None), "{garbled:?}");
        }
        assert!(kept(&store, 1), "{garbled:?}");
        assert_eq!(find(&store, &demand(1).identity), Some(demand(1)));
    }
    let store = Memory::new(DIALECTS[0]);
    for slot in slots_of(1) {
        occupy(&store, slot, 9, NOW);
        assert_eq!(take_due(&store, slot, DUE, |_| true), Ok(None), "over");
    }
    assert!(kept(&store, 1));
}

#[test]
fn a_slot_that_begins_like_its_name_and_is_garbled_is_nobodys_demand() {
    let store = Memory::new(DIALECTS[0]);
    let [slot, ..] = slots_of(1)[..] else { panic!() };
    store.put(&key(slot), &name(&demand(1).identity));
    assert_eq!(find(&store, &demand(1).identity), None);
    postpone(&store, &demand(1).identity, NOW);
    assert!(kept(&store, 1));
    assert_eq!(find(&store, &demand(1).identity), Some(demand(1)));
}

#[test]
fn what_is_too_large_is_not_kept_and_wipes_nothing() {
    let store = Memory::new(DIALECTS[0]);
    assert!(kept(&store, 1));
    let large = Demand { body: vec![b'x'; crate::demand::MAX_BODY_BYTES + 1], ..demand(1) };
    assert!(!keep(&store, &large, DUE, LATER, NOW, false));
    assert_eq!(find(&store, &demand(1).identity), Some(demand(1)));
}

#[test]
fn a_store_that_is_down_or_contended_keeps_nothing_and_loses_nothing() {
    for (dialect, calls) in
        DIALECTS.into_iter().flat_map(|dialect| (0..14).map(move |calls| (dialect, calls)))
    {
        let store = Memory::new(dialect);
        store.dies_after(calls);
        let noted = kept(&store, 1);
        store.dies_after(0);
        assert_eq!(take_due(&store, slots_of(1)[0], DUE, |_| true), Err(StoreDown));
        assert_eq!(find(&store, &demand(1).identity), None);
        drop(&store, &demand(1).identity);
        store.dies_after(i64::MAX);
        assert_eq!(find(&store, &demand(1).identity).is_some(), noted, "{dialect:?} after {calls}");
    }
    let store = Memory::new(DIALECTS[0]);
    assert!(kept(&store, 1));
    store.mismatches(i64::MAX);
    assert!(!kept(&store, 1) && !kept(&store, 2));
    assert_eq!(take(&store, 1, DUE), None, "somebody else has it");
    drop(&store, &demand(1).identity);
    store.mismatches(0);
    assert_eq!(find(&store, &demand(1).identity), Some(demand(1)));
    store.mismatches(TRIES as i64 - 1);
    drop(&store, &demand(1).identity);
    store.mismatches(0);
    assert_eq!(find(&store, &demand(1).identity), None);
}

#[test]
fn every_slot_is_one_there_is() {
    for first in 0..=u16::MAX {
        let mut name = [0; 16];
        name[..2].copy_from_slice(&first.to_le_bytes());
        let slots: Vec<_> = slots(&name).collect();
        assert!(slots.len() == usize::from(CHOICES) && slots.iter().all(|slot| *slot < SLOTS));
    }
    assert_eq!(key(SLOTS - 1), "x402/ring/1/3ff");
}

proptest! {
    #[test]
    fn no_bytes_panic(bytes in prop::collection::vec(any::<u8>(), 0..400), now in any::<u32>()) {
        let store = Memory::new(DIALECTS[bytes.len() % 2]);
        for slot in slots_of(1) {
            store.put(&key(slot), &bytes);
        }
        let _ = take(&store, 1, now.into());
        let _ = find(&store, &demand(1).identity);
        postpone(&store, &demand(1).identity, now.into());
        prop_assert!(kept(&store, 1));
    }
}
