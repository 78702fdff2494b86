//! Every way the store can fail ends in a refusal.

use std::cell::Cell;

use super::*;
use crate::money::Amount;

/// One op of each kind, all of which would write on the claim of [`opened`].
fn writers() -> [Op; 10] {
    let (attempt, lease) = (Attempt(1), NOW + 40);
    [
        Op::Settling { attempt, lease, amount: None, settler: 77 },
        Op::Settling { attempt, lease, amount: Some(Amount::from_u64(7)), settler: 77 },
        Op::Waive { attempt },
        Op::Credit { attempt, nonce: [3; 32] },
        Op::Renew { attempt, lease },
        Op::Release { attempt },
        settled(1, true),
        settled(2, false),
        Op::Mark { fingerprint: [4; 32], expires: NOW + 50 },
        Op::Begin(begin(3, Opening::Settling)),
    ]
}

/// A table of one bucket in which `who(1)` is held; `who(2)` has no claim.
fn opened(store: &Memory) -> Table {
    let table = Table::open(store, 32, Layout::Two, SEED).unwrap();
    bring_to(&table, store, 1, State::Held);
    table
}

/// The last two of [`writers`] are about something new; the others are about the claim there is.
fn subject(op: &Op) -> Identity {
    who(if matches!(op, Op::Begin(_) | Op::Mark { .. }) { 2 } else { 1 })
}

#[test]
fn a_store_that_is_down_refuses_everything() {
    let store = Memory::new(DIALECTS[0]);
    let table = opened(&store);
    let before = store.image();
    for op in writers().into_iter().chain([Op::Peek]) {
        // Down at the read, and between the read and the write.
        for calls in 0..2 {
            store.dies_after(calls);
            let applied = table.run(&store, &subject(&op), &op, NOW);
            if (op, calls) != (Op::Peek, 1) {
                assert_eq!(
                    (applied.outcome, applied.delta),
                    (Outcome::Unavailable, [0; 7]),
                    "{op:?} at {calls}"
                );
            }
            store.dies_after(0);
            assert_eq!(table.sweep(&store, 0, NOW + 100, &mut Default::default()), Err(StoreDown));
        }
    }
    assert_eq!(Table::open(&store, 32, Layout::Two, SEED).unwrap_err(), OpenError::Down(StoreDown));
    assert_eq!(store.image(), before);
}

#[test]
fn a_write_that_always_loses_is_given_up_in_bounded_time() {
    for dialect in DIALECTS {
        let store = Memory::new(dialect);
        let table = opened(&store);
        let before = store.image();
        for op in writers() {
            store.mismatches(i64::MAX);
            store.dies_after(2 * 64 + 1);
            let applied = table.run(&store, &subject(&op), &op, NOW);
            assert_eq!((applied.outcome, applied.delta), (Outcome::Unavailable, [0; 7]), "{op:?}");
            assert!(store.get("x402/2/meta").is_ok(), "{op:?}: 64 tries and no more");
        }
        store.dies_after(i64::MAX);
        assert_eq!(store.image(), before);
        assert_eq!(
            table.sweep(&store, 0, NOW + 30, &mut Default::default()),
            Ok([0; 7]),
            "a sweep that lost claims nothing"
        );
    }
}

#[test]
fn a_write_that_loses_for_a_while_succeeds_once() {
    let store = Memory::new(DIALECTS[0]);
    let table = opened(&store);
    store.mismatches(63);
    let applied = table.run(&store, &who(2), &Op::Begin(begin(2, Opening::Held)), NOW);
    assert_eq!((applied.outcome, applied.delta), (Outcome::Granted, [1, 0, 0, 0, 0, 0, 0]));
}

/// A store in which somebody else is always a little faster, once.
struct Overtaken<'a> {
    store: &'a Memory,
    table: &'a Table,
    op: Cell<Option<Op>>,
}

impl Shared for Overtaken<'_> {
    fn get(&self, key: &str) -> Result<Option<(Vec<u8>, u32)>, StoreDown> {
        self.store.get(key)
    }

    fn set(&self, key: &str, value: &[u8], cas: u32) -> Result<bool, StoreDown> {
        if let Some(op) = self.op.take() {
            self.table.run(self.store, &who(2), &op, NOW);
        }
        self.store.set(key, value, cas)
    }
}

#[test]
fn what_was_decided_on_an_old_record_is_decided_again() {
    for dialect in DIALECTS {
        let store = Memory::new(dialect);
        let table = opened(&store);
        let faster = |op| Overtaken { store: &store, table: &table, op: Cell::new(Some(op)) };
        let rival = faster(Op::Begin(begin(3, Opening::Settling)));
        let applied = table.run(&rival, &who(2), &Op::Begin(begin(2, Opening::Settling)), NOW);
        assert_eq!((applied.outcome, applied.delta), (Outcome::InFlight, [0; 7]), "two began at once");
        let rival = faster(settled(3, true));
        let applied = table.run(&rival, &who(2), &Op::Release { attempt: Attempt(3) }, NOW);
        assert_eq!((applied.outcome, applied.delta), (Outcome::Lost, [0; 7]), "a success and a no at once");
    }
}

#[test]
fn two_workers_that_open_at_once_agree() {
    /// Runs another worker's opening before the first write.
    struct Slow<'a>(&'a Memory, Cell<bool>);
    impl Shared for Slow<'_> {
        fn get(&self, key: &str) -> Result<Option<(Vec<u8>, u32)>, StoreDown> {
            self.0.get(key)
        }
        fn set(&self, key: &str, value: &[u8], cas: u32) -> Result<bool, StoreDown> {
            if !self.1.replace(true) {
                opened(self.0);
            }
            self.0.set(key, value, cas)
        }
    }
    for dialect in DIALECTS {
        let store = Memory::new(dialect);
        let slow = Table::open(&Slow(&store, Cell::new(false)), 100_000, Layout::Two, [6; 16]).unwrap();
        assert_eq!((slow.seed, slow.buckets()), (SEED, 1), "{dialect:?}");
        assert_eq!(run(&slow, &store, 1, Op::Peek), Outcome::Present, "and its claim is there");
    }
}

#[test]
fn a_shape_somebody_else_wrote_is_refused_and_left_alone() {
    for (layout, dialect) in [Layout::One, Layout::Two].into_iter().flat_map(|l| DIALECTS.map(|d| (l, d))) {
        let shape = |layout: u8, buckets: u8, seed: usize| [&[layout, buckets][..], &vec![0; seed]].concat();
        let own = layout as u8;
        let foreign = [shape(own, 2, 17), shape(own, 2, 15), shape(3 - own, 2, 16), shape(own, 17, 16)];
        for foreign in [b"".to_vec(), b"1".to_vec(), b"{}".to_vec()].iter().chain(&foreign) {
            let store = Memory::new(dialect);
            let key = format!("x402/{own}/meta");
            store.put(&key, foreign);
            assert_eq!(
                Table::open(&store, 32, Layout::Two, SEED).unwrap_err(),
                OpenError::Foreign,
                "{foreign:?}"
            );
            assert_eq!((store.keys().len(), store.value(&key)), (1, foreign.clone()));
        }
    }
}

#[test]
fn a_bucket_that_cannot_be_trusted_refuses_everything() {
    for dialect in DIALECTS {
        let store = Memory::new(dialect);
        let table = opened(&store);
        let good = store.value("x402/2/0000");
        let mut unknown_state = good.clone();
        unknown_state[8 + 12] = 8;
        let mut no_state = good.clone();
        no_state[8 + 12] = 0;
        let mut other_layout = good.clone();
        other_layout[0] = 1;
        let garbled: [&[u8]; 7] =
            [b"", b"x", &[0xff; 8], &good[..good.len() - 1], &unknown_state, &no_state, &other_layout];
        for bytes in garbled {
            store.put("x402/2/0000", bytes);
            for op in writers().into_iter().chain([Op::Peek]) {
                let applied = table.run(&store, &subject(&op), &op, NOW);
                assert_eq!(applied.outcome, Outcome::Unavailable, "{op:?} over {bytes:?}");
            }
            assert_eq!(table.sweep(&store, 0, NOW + 10_000, &mut Default::default()), Ok([0; 7]));
            assert_eq!(store.value("x402/2/0000"), bytes, "left for somebody to look at");
            Table::open(&store, 32, Layout::Two, SEED).unwrap();
            assert_eq!(store.value("x402/2/0000"), bytes, "an opening does not wipe it either");
        }
    }
}

#[test]
fn a_bucket_that_is_gone_refuses_everything() {
    for dialect in DIALECTS {
        let store = Memory::new(dialect);
        let table = opened(&store);
        store.remove("x402/2/0000");
        for op in writers().into_iter().chain([Op::Peek]) {
            assert_eq!(table.run(&store, &subject(&op), &op, NOW).outcome, Outcome::Unavailable, "{op:?}");
        }
        assert_eq!(store.keys(), ["x402/2/meta"]);
    }
}
