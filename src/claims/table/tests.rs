//! The table over a store that speaks either dialect, races, fails and forgets. What it
//! does to one claim is compared with [`Claim::apply`] in `model`; `race` is about workers,
//! `capacity` about figures.

#![allow(clippy::arithmetic_side_effects, reason = "a test may panic")]

use super::super::bucket::Bucket;
use super::super::{Attempt, Begin, Binding, Opening, Paid, State, Transaction};
use super::*;
use crate::evm::address::Address;

mod capacity;
mod faults;
mod layout;
mod model;
mod race;
pub(crate) mod store;

use store::{Memory, DIALECTS};

const NOW: UnixSeconds = 1_767_225_600;
const SEED: [u8; 16] = [5; 16];
const TX: Transaction = Transaction([1; 32]);
const PAID: Paid = Paid { transaction: Some(TX), amount: None };

fn who(n: u64) -> Identity {
    let mut nonce = [0; 32];
    nonce[..8].copy_from_slice(&n.to_be_bytes());
    Identity {
        chain_id: 8_453,
        verifying_contract: Address::new([1; 20]),
        payer: Address::new([2; 20]),
        nonce,
    }
}

fn begin(attempt: u64, opening: Opening) -> Begin {
    Begin {
        attempt: Attempt(attempt),
        opening,
        binding: Binding([7; 16]),
        valid_before: NOW + 60,
        redeem_for: 3_600,
        lease: NOW + 30,
        settler: 77,
        vouched: false,
    }
}

fn settled(attempt: u64, deliver: bool) -> Op {
    Op::Settled {
        attempt: Attempt(attempt),
        transaction: TX,
        deliver: deliver.then_some(NOW + 30),
        until: 0,
        otherwise: begin(attempt, Opening::Nothing),
    }
}

/// An op that opens a claim in the state given, for an identity that has none.
fn bring_to(table: &Table, store: &Memory, n: u64, state: State) {
    let attempt = Attempt(n);
    let held = [Op::Begin(begin(n, Opening::Held))];
    let settling = [Op::Begin(begin(n, Opening::Settling))];
    let rest: &[Op] = match state {
        State::Held | State::Settling => &[],
        State::Unknown => &[Op::Unknown { attempt }],
        State::Taken => &[settled(n, false)],
        State::Redeeming => &[settled(n, true)],
        State::Delivered => &[settled(n, true), Op::Delivered { attempt }],
        State::Credited => &[Op::Credit { attempt, nonce: [3; 32] }],
    };
    let first = if matches!(state, State::Held | State::Credited) { &held } else { &settling };
    for op in first.iter().chain(rest) {
        let applied = table.run(store, &who(n), op, NOW);
        assert!(!matches!(applied.outcome, Outcome::Full | Outcome::Unavailable), "{n} {op:?}: {applied:?}");
    }
}

fn run(table: &Table, store: &Memory, n: u64, op: Op) -> Outcome {
    table.run(store, &who(n), &op, NOW).outcome
}

#[test]
fn opening_creates_the_shape_and_every_bucket() {
    for dialect in DIALECTS {
        let store = Memory::new(dialect);
        let table = Table::open(&store, 1_000, Layout::Two, SEED).unwrap();
        assert_eq!(table.buckets(), 32, "{dialect:?}");
        assert_eq!(store.keys().len(), 33);
        for bucket in 0..32 {
            assert_eq!(store.value(&table.bucket_key(bucket)), Bucket::empty(Layout::Two));
        }
        assert_eq!(run(&table, &store, 1, Op::Begin(begin(1, Opening::Held))), Outcome::Granted);
    }
}

#[test]
fn a_second_opening_wipes_nothing_and_the_first_shape_wins() {
    for dialect in DIALECTS {
        let store = Memory::new(dialect);
        let first = Table::open(&store, 1_000, Layout::Two, SEED).unwrap();
        for n in 0..100 {
            bring_to(&first, &store, n, State::ALL[n as usize % 7]);
        }
        let before = store.image();
        for capacity in [1, 1_000, 1_000_000, u32::MAX] {
            let second = Table::open(&store, capacity, Layout::Two, [6; 16]).unwrap();
            assert_eq!((second.buckets(), second.seed), (32, SEED), "{dialect:?} {capacity}");
            assert_eq!(store.image(), before, "{dialect:?} {capacity}");
            for n in 0..100 {
                assert_eq!(run(&second, &store, n, Op::Peek), Outcome::Present);
                assert_eq!(run(&second, &store, n + 1_000, Op::Peek), Outcome::Absent);
            }
        }
    }
}

#[test]
fn a_later_capacity_moves_the_limit_of_the_buckets_only() {
    let store = Memory::new(DIALECTS[0]);
    let first = Table::open(&store, 1_024, Layout::Two, SEED).unwrap();
    let larger = Table::open(&store, 10_240, Layout::Two, SEED).unwrap();
    let smaller = Table::open(&store, 1, Layout::Two, SEED).unwrap();
    assert!(smaller.bucket_limit() < first.bucket_limit() && first.bucket_limit() < larger.bucket_limit());
    assert!(smaller.bucket_limit() > 0);
    let raised = Table::open(&store, 131_072, Layout::Two, SEED).unwrap();
    assert_eq!([&first, &larger, &raised].map(Table::is_outgrown), [false, true, true]);
}

#[test]
fn an_opening_cut_short_anywhere_is_finished_by_the_next() {
    for dialect in DIALECTS {
        for calls in 0..30 {
            let store = Memory::new(dialect);
            store.dies_after(calls);
            let cut = Table::open(&store, 128, Layout::Two, SEED);
            store.dies_after(i64::MAX);
            let table = Table::open(&store, 128, Layout::Two, [6; 16]).unwrap();
            assert_eq!((table.buckets(), store.keys().len()), (4, 5), "{dialect:?} after {calls}");
            if let Ok(cut) = cut {
                assert_eq!(cut.seed, table.seed);
            }
        }
    }
}

#[test]
fn any_capacity_has_a_shape() {
    for (capacity, buckets) in
        [(0, 1), (1, 1), (32, 1), (33, 2), (131_072, 4_096), (1 << 21, 65_536), (u32::MAX, 65_536)]
    {
        // The store is down after the shape is known: 65,536 buckets are not the point here.
        let store = Memory::new(DIALECTS[0]);
        store.dies_after(3);
        let _ = Table::open(&store, capacity, Layout::Two, SEED);
        assert_eq!(1u32 << store.value("x402/2/meta")[1], buckets, "{capacity}");
        let limit = bucket_limit(capacity, store.value("x402/2/meta")[1]);
        assert!((1..=4_096).contains(&limit), "{capacity}: {limit}");
        // More than the configuration takes.
        assert!(limit <= LONGEST || capacity > 1 << 22, "{capacity}: {limit}");
    }
    assert_eq!(bucket_limit(20, 0), 20, "one bucket holds what was asked for");
}

#[test]
fn a_full_bucket_refuses_and_evicts_nothing() {
    for (dialect, state) in DIALECTS.into_iter().flat_map(|d| State::ALL.map(|s| (d, s))) {
        // One bucket; settling and unknown reach their own cap at half of it.
        let store = Memory::new(dialect);
        let table = Table::open(&store, 20, Layout::Two, SEED).unwrap();
        let room = if matches!(state, State::Settling | State::Unknown) { 10 } else { 20 };
        for n in 0..room {
            bring_to(&table, &store, n, state);
        }
        let before = store.image();
        for (n, opening) in [(100, Opening::Held), (101, Opening::Settling)] {
            assert_eq!(run(&table, &store, n, Op::Begin(begin(n, opening))), Outcome::Full, "{state:?}");
            assert_eq!(run(&table, &store, n, Op::Begin(begin(n, Opening::Nothing))), Outcome::Absent);
        }
        let mark = Op::Mark { fingerprint: [1; 32], expires: NOW + 60 };
        assert_eq!(run(&table, &store, 102, mark), Outcome::Full, "{state:?}");
        assert_eq!(store.image(), before);
        for n in 0..room {
            assert_eq!(run(&table, &store, n, Op::Peek), Outcome::Present, "{state:?} {n}");
        }
    }
}

#[test]
fn what_is_not_in_doubt_does_not_count_to_the_cap_of_doubt() {
    let store = Memory::new(DIALECTS[0]);
    let table = Table::open(&store, 20, Layout::Two, SEED).unwrap();
    let calm = [State::Held, State::Taken, State::Redeeming, State::Delivered];
    for n in 0..9 {
        bring_to(&table, &store, n, [State::Settling, State::Unknown][n as usize % 2]);
        bring_to(&table, &store, n + 50, calm[n as usize % 4]);
    }
    assert_eq!(
        run(&table, &store, 90, Op::Begin(begin(90, Opening::Settling))),
        Outcome::Granted,
        "the tenth"
    );
    assert_eq!(
        run(&table, &store, 91, Op::Begin(begin(91, Opening::Held))),
        Outcome::Full,
        "at 19 of 20 entries"
    );
}

#[test]
fn a_full_bucket_still_serves_its_claims_and_never_forgets_money() {
    let store = Memory::new(DIALECTS[0]);
    let table = Table::open(&store, 20, Layout::Two, SEED).unwrap();
    for n in 10..20 {
        bring_to(&table, &store, n, State::Taken);
    }
    for n in 0..10 {
        bring_to(&table, &store, n, State::Settling);
    }
    assert_eq!(run(&table, &store, 99, Op::Begin(begin(99, Opening::Held))), Outcome::Full);
    assert_eq!(run(&table, &store, 10, Op::Begin(begin(98, Opening::Nothing))), Outcome::Redeem(PAID));
    assert_eq!(run(&table, &store, 0, settled(0, true)), Outcome::Deliver);
    assert_eq!(run(&table, &store, 1, Op::Unknown { attempt: Attempt(1) }), Outcome::Doubtful);
    assert_eq!(
        run(&table, &store, 99, settled(99, false)),
        Outcome::Lost,
        "a success nobody remembers asking for"
    );
    assert_eq!(run(&table, &store, 99, Op::Begin(begin(97, Opening::Nothing))), Outcome::Redeem(PAID));
}

#[test]
fn room_returns_when_claims_are_over() {
    let store = Memory::new(DIALECTS[0]);
    let table = Table::open(&store, 20, Layout::Two, SEED).unwrap();
    for n in 0..20 {
        bring_to(&table, &store, n, State::Held);
    }
    let later = NOW + 30;
    let begin = Begin { lease: later + 30, ..begin(50, Opening::Held) };
    let applied = table.run(&store, &who(50), &Op::Begin(begin), later);
    assert_eq!((applied.outcome, applied.delta), (Outcome::Granted, [-19, 0, 0, 0, 0, 0, 0]));
}

#[test]
fn a_sweep_drops_what_is_over_and_writes_only_then() {
    for dialect in DIALECTS {
        let store = Memory::new(dialect);
        let table = Table::open(&store, 32, Layout::Two, SEED).unwrap();
        for n in 0..12 {
            bring_to(&table, &store, n, State::ALL[n as usize % 7]);
        }
        let writes = || store.writes.load(std::sync::atomic::Ordering::SeqCst);
        let before = writes();
        assert_eq!(table.sweep(&store, 0, NOW, &mut Default::default()), Ok([0; 7]));
        assert_eq!(writes(), before, "nothing to do");
        assert_eq!(
            table.sweep(&store, 0, NOW + 30, &mut Default::default()),
            Ok([-2, -2, 2, -2, 0, 2, 0]),
            "leases lapsed"
        );
        assert_eq!(table.sweep(&store, 0, NOW + 30, &mut Default::default()), Ok([0; 7]));
        assert_eq!(
            table.sweep(&store, 0, NOW + 180, &mut Default::default()),
            Ok([0, 0, 0, 0, -2, 0, -1]),
            "tombstones over"
        );
        assert_eq!(
            table.sweep(&store, 0, NOW + 10_000, &mut Default::default()),
            Ok([0, 0, -4, 0, 0, -3, 0]),
            "and the rest"
        );
        assert_eq!(store.value(&table.bucket_key(0)), Bucket::empty(Layout::Two));
        assert_eq!(table.sweep(&store, 7, NOW, &mut Default::default()), Ok([0; 7]), "a bucket there is not");
    }
}
