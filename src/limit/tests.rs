#![allow(clippy::arithmetic_side_effects, reason = "a sum out of bounds fails the test")]

use super::*;

const RATE: Rate = Rate { per_minute: 60, burst: 3 };

fn does(bytes: &mut Vec<u8>, source: &Source, now: u64, deed: Deed) -> Taken {
    let (next, taken) = apply(bytes, source, RATE, now, deed);
    *bytes = next.unwrap_or_else(|| bytes.clone());
    taken
}

fn takes(bytes: &mut Vec<u8>, source: &Source, now: u64) -> Taken {
    does(bytes, source, now, Deed::TAKE)
}

#[test]
fn a_burst_and_then_the_rate() {
    let (mut bytes, source) = (Vec::new(), Source::of("192.0.2.1:5000"));
    for _ in 0..3 {
        assert_eq!(takes(&mut bytes, &source, 1_000), Taken::Yes);
    }
    assert_eq!(takes(&mut bytes, &source, 1_000), Taken::After(1));
    assert_eq!(takes(&mut bytes, &source, 1_999), Taken::After(1));
    assert_eq!(takes(&mut bytes, &source, 2_000), Taken::Yes);
    assert_eq!(takes(&mut bytes, &source, 2_000), Taken::After(1));
    does(&mut bytes, &source, 2_000, Deed::GIVE);
    assert_eq!(takes(&mut bytes, &source, 2_000), Taken::Yes);
}

#[test]
fn what_is_gone_is_paid_back_first_and_is_bounded() {
    let (mut bytes, source) = (Vec::new(), Source::of("192.0.2.1:5000"));
    for left in [Taken::Yes, Taken::Yes, Taken::After(1), Taken::After(2), Taken::After(3), Taken::After(4)] {
        assert_eq!(does(&mut bytes, &source, 0, Deed::CHARGE), left);
    }
    for _ in 0..100 {
        assert_eq!(does(&mut bytes, &source, 0, Deed::CHARGE), Taken::After(4), "three below zero at most");
    }
    assert_eq!(does(&mut bytes, &source, 3_999, Deed::LOOK), Taken::After(1));
    assert_eq!(does(&mut bytes, &source, 4_000, Deed::LOOK), Taken::Yes);
    let late = Deed { gone: 2, take: 1 };
    assert_eq!(does(&mut bytes, &source, 7_000, late), Taken::Yes, "three were there");
    assert_eq!(does(&mut bytes, &source, 7_000, late), Taken::After(3));
}

#[test]
fn many_are_taken_at_once_or_none() {
    let (mut bytes, source) = (Vec::new(), Source::of("192.0.2.1:5000"));
    assert_eq!(does(&mut bytes, &source, 0, Deed::take(2)), Taken::Yes);
    assert_eq!(apply(&bytes, &source, RATE, 0, Deed::take(2)), (None, Taken::After(1)), "one is left");
    assert_eq!(does(&mut bytes, &source, 0, Deed { gone: 1, take: 2 }), Taken::After(2));
    assert_eq!(does(&mut bytes, &source, 1_000, Deed::take(2)), Taken::After(1));
    assert_eq!(takes(&mut bytes, &source, 1_000), Taken::Yes, "who wants less has it");
    assert_eq!(does(&mut bytes, &source, 3_000, Deed::take(2)), Taken::Yes);
    assert_eq!(takes(&mut bytes, &source, 3_000), Taken::After(1));
}

/// What the fuzzer found: a thousandth of a token more than there was, from time that a full bucket kept.
#[test]
fn a_full_bucket_keeps_no_time_for_later() {
    let (mut bytes, source) = (Vec::new(), Source::of("192.0.2.1:5000"));
    let rate = Rate { per_minute: 1, burst: 1 };
    let mut take = |now| {
        let (next, taken) = apply(&bytes, &source, rate, now, Deed::TAKE);
        bytes = next.unwrap_or_else(|| bytes.clone());
        taken
    };
    // Full again after a minute. A third of one later another third of a thousandth would be over.
    assert_eq!([0, 80_000].map(&mut take), [Taken::Yes, Taken::Yes]);
    assert_eq!([139_980, 140_000].map(take), [Taken::After(1), Taken::Yes]);
}

/// Nor does one that is overdrawn as far as it can be.
#[test]
fn an_overdrawn_bucket_keeps_no_time_for_later() {
    let (mut bytes, source) = (Vec::new(), Source::of("192.0.2.1:5000"));
    let rate = Rate { per_minute: 1, burst: 1 };
    let mut does = |now, deed| {
        let (next, taken) = apply(&bytes, &source, rate, now, deed);
        bytes = next.unwrap_or_else(|| bytes.clone());
        taken
    };
    let charged = [0, 40, 80].map(|now| does(now, Deed::CHARGE));
    assert_eq!(charged, [Taken::After(60), Taken::After(120), Taken::After(120)]);
    // Two tokens later there is one: 80 ms into the second minute, and not at its beginning.
    assert_eq!([120_060, 120_079].map(|now| does(now, Deed::LOOK)), [Taken::After(1); 2]);
    assert_eq!(does(120_080, Deed::LOOK), Taken::Yes);
}

#[test]
fn a_full_bucket_is_enough_for_more_than_it_holds() {
    for wanted in [RATE.burst, RATE.burst + 1, 3_000, u32::MAX] {
        let (mut bytes, source) = (Vec::new(), Source::of("192.0.2.1:5000"));
        assert_eq!(does(&mut bytes, &source, 0, Deed::take(wanted)), Taken::Yes);
        assert_eq!(does(&mut bytes, &source, 0, Deed::take(wanted)), Taken::After(3));
        assert_eq!(does(&mut bytes, &source, 2_999, Deed::take(wanted)), Taken::After(1));
        assert_eq!(does(&mut bytes, &source, 3_000, Deed::take(wanted)), Taken::Yes, "{wanted}");
        assert_eq!(takes(&mut bytes, &source, 3_000), Taken::After(1), "all of it is gone");
    }
    let most = Rate { per_minute: 1_000_000, burst: 1_000_000 };
    let (next, taken) = apply(&[], &Source::of("x"), most, 0, Deed::take(u32::MAX));
    assert_eq!((taken, read(&next.unwrap())[0].tokens), (Taken::Yes, 0));
}

#[test]
fn a_look_and_a_refusal_write_nothing() {
    let (mut bytes, source) = (Vec::new(), Source::of("192.0.2.1:5000"));
    assert_eq!(apply(&bytes, &source, RATE, 0, Deed::LOOK), (None, Taken::Yes));
    while takes(&mut bytes, &source, 0) == Taken::Yes {}
    assert_eq!(apply(&bytes, &source, RATE, 0, Deed::TAKE), (None, Taken::After(1)));
}

#[test]
fn what_is_asked_often_gains_no_less() {
    let (mut bytes, source) = (Vec::new(), Source::of("192.0.2.1:5000"));
    while takes(&mut bytes, &source, 0) == Taken::Yes {}
    // Every 17 ms, in which a token a second gains 17 thousandths; 59 for a minute's 3.5.
    for now in (17..1_000).step_by(17) {
        does(&mut bytes, &source, now, Deed { gone: 0, take: 1 });
        does(&mut bytes, &Source { tag: [1; 8], ..source }, now, Deed::GIVE);
    }
    assert_eq!(takes(&mut bytes, &source, 1_000), Taken::Yes);
    let slow = Rate { per_minute: 1, burst: 1 };
    let mut bytes = apply(&[], &source, slow, 0, Deed::TAKE).0.unwrap();
    for now in (119..60_000).step_by(119) {
        assert_ne!(apply(&bytes, &source, slow, now, Deed::LOOK).1, Taken::Yes);
        bytes = apply(&bytes, &Source { tag: [1; 8], ..source }, slow, now, Deed::GIVE).0.unwrap();
    }
    assert_eq!(
        apply(&bytes, &source, slow, 61_000, Deed::LOOK).1,
        Taken::Yes,
        "a second may be lost to rounding"
    );
}

#[test]
fn a_clock_set_back_stops_no_bucket() {
    let (mut bytes, source) = (Vec::new(), Source::of("192.0.2.1:5000"));
    while takes(&mut bytes, &source, 3_600_000) == Taken::Yes {}
    assert_eq!(takes(&mut bytes, &source, 5_000), Taken::After(1));
    does(&mut bytes, &Source { tag: [1; 8], ..source }, 5_000, Deed::CHARGE);
    assert_eq!(takes(&mut bytes, &source, 6_000), Taken::Yes);
}

#[test]
fn memory_is_bounded_and_who_is_at_the_limit_stays_there() {
    let source = |tag: u8| Source { tag: [tag; 8], slot: 0 };
    let mut bytes = Vec::new();
    for _ in 0..4 {
        let _ = takes(&mut bytes, &source(255), 0);
    }
    for tag in 0..100 {
        assert_eq!(takes(&mut bytes, &source(tag), 0), Taken::Yes);
        assert!(bytes.len() <= SOURCES * ENTRY);
    }
    assert_eq!(takes(&mut bytes, &source(255), 0), Taken::After(1));
}

#[test]
fn any_bytes_are_a_slot() {
    for length in 0..200 {
        let (next, taken) = apply(&vec![0xff; length], &Source::of("x"), RATE, 5, Deed::TAKE);
        assert!(matches!(taken, Taken::Yes) && next.unwrap().len() <= SOURCES * ENTRY);
    }
}

/// A number nobody cares about, and another each time.
fn lot(state: &mut u64) -> u64 {
    *state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
    *state >> 33
}

/// Workers with gates of their own over one slot.
struct Fleet {
    rate: Rate,
    gates: Vec<Gate>,
    bytes: Vec<u8>,
    looks: u32,
}

impl Fleet {
    fn new(workers: u64, rate: Rate) -> Self {
        let gates = (0..workers).map(|worker| Gate::new(rate, worker * 77 + 5)).collect();
        Self { rate, gates, bytes: Vec::new(), looks: 0 }
    }

    /// One request at a worker: whether it passes.
    fn ask(&mut self, worker: usize, source: &Source, now: u64) -> bool {
        let Some(passed) = self.gates[worker].look(now) else { return true };
        self.looks += 1;
        let deed = Deed { gone: passed.into(), take: 1 };
        let (next, taken) = apply(&self.bytes, source, self.rate, now, deed);
        self.bytes = next.unwrap_or_else(|| self.bytes.clone());
        if let Taken::After(seconds) = taken {
            self.gates[worker].watch(now + seconds * 1_000);
        }
        taken == Taken::Yes
    }
}

#[test]
fn a_small_burst_is_exact_whatever_the_workers() {
    for (workers, burst) in [(1, 1), (2, 2), (4, 20), (64, 127)] {
        let mut fleet = Fleet::new(workers, Rate { per_minute: 1, burst });
        let source = Source::of("192.0.2.1:1");
        let mut random = 3;
        let passed = (0..5_000).filter(|_| {
            let worker = (lot(&mut random) % workers) as usize;
            fleet.ask(worker, &source, 1_000)
        });
        assert_eq!(passed.count(), burst as usize, "{workers} workers, {burst} at once");
    }
}

#[test]
fn a_source_alone_gets_its_burst_and_what_workers_do_not_see_and_then_its_rate() {
    let rate = Rate { per_minute: 30_000, burst: 5_000 };
    for workers in [1u64, 2, 16] {
        let mut fleet = Fleet::new(workers, rate);
        let source = Source::of("192.0.2.1:1");
        let unseen = workers * u64::from(2 * fleet.gates[0].weight() - 2);
        let mut random = 9;
        let mut served = 0;
        // Twenty in each millisecond of ten seconds: forty times its rate.
        for request in 0..200_000u64 {
            let worker = (lot(&mut random) % workers) as usize;
            let now = request / 20;
            served += u64::from(fleet.ask(worker, &source, 1 + now));
            let due = 5_000 + now / 2;
            assert!(served <= due + unseen + 1, "{workers} workers at {now} ms: {served} served");
        }
        assert!(served + 600 >= 10_000, "{workers} workers: {served} served, and nothing was kept from it");
    }
}

#[test]
fn who_asks_seldom_is_served_beside_who_floods() {
    let mut fleet = Fleet::new(2, Rate { per_minute: 30_000, burst: 5_000 });
    let (loud, quiet) =
        (Source::of("192.0.2.1:1"), Source { tag: [9; 8], slot: Source::of("192.0.2.1:1").slot });
    let mut refused = 0;
    for request in 0..200_000u64 {
        let worker = (request % 2) as usize;
        refused += u64::from(!fleet.ask(worker, &loud, 1 + request / 20));
        if request % 100 == 0 {
            assert!(fleet.ask((request / 100 % 2) as usize, &quiet, 1 + request / 20));
        }
    }
    assert!(refused > 180_000);
}

#[test]
fn the_many_within_their_limits_are_seldom_looked_at() {
    let mut fleet = Fleet::new(2, Rate { per_minute: 30_000, burst: 5_000 });
    let sources: Vec<_> = (1..=5).map(|tag| Source { tag: [tag; 8], slot: 0 }).collect();
    let mut random = 1;
    for request in 0..100_000u64 {
        // Ten a millisecond from five sources: each at four times its rate, for half its burst.
        if request % 10_000 < 2_000 {
            let source = &sources[(lot(&mut random) % 5) as usize];
            assert!(fleet.ask((lot(&mut random) % 2) as usize, source, 1 + request), "at {request}");
        }
    }
    assert!((20_000 / 18..=20_000 / 14).contains(&fleet.looks), "{}", fleet.looks);
}
