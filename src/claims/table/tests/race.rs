//! Workers that present the same payments at once: one is granted each.

use std::collections::HashMap;

use super::*;

const WORKERS: u64 = 4;

/// Every worker runs the op it is given for every identity, all at once.
fn race(
    store: &Memory,
    table: &Table,
    identities: u64,
    op: impl Fn(u64) -> Op + Sync,
) -> HashMap<u64, Vec<Outcome>> {
    let (table, op) = (table.clone(), &op);
    let seen = std::thread::scope(|scope| {
        let workers: Vec<_> = (1..=WORKERS)
            .map(|worker| {
                let table = table.clone();
                scope.spawn(move || {
                    (0..identities)
                        .map(|n| (n, table.run(store, &who(n), &op(worker), NOW).outcome))
                        .collect::<Vec<_>>()
                })
            })
            .collect();
        workers.into_iter().flat_map(|worker| worker.join().unwrap()).collect::<Vec<_>>()
    });
    let mut outcomes: HashMap<u64, Vec<Outcome>> = HashMap::new();
    for (n, outcome) in seen {
        outcomes.entry(n).or_default().push(outcome);
    }
    outcomes
}

fn assert_one(outcomes: &HashMap<u64, Vec<Outcome>>, wins: Outcome, loses: Outcome) {
    for (n, seen) in outcomes {
        assert_eq!(seen.iter().filter(|o| **o == wins).count(), 1, "{n}: {seen:?}");
        assert!(seen.iter().all(|o| [wins, loses].contains(o)), "{n}: {seen:?}");
    }
}

#[test]
fn of_100_000_raced_begins_each_payment_is_granted_once() {
    for (dialect, layout) in
        DIALECTS.into_iter().flat_map(|dialect| [(dialect, Layout::One), (dialect, Layout::Two)])
    {
        let store = Memory::new(dialect);
        let table = Table::open(&store, 131_072, layout, SEED).unwrap();
        let outcomes = race(&store, &table, 25_000, |worker| Op::Begin(begin(worker, Opening::Settling)));
        assert_eq!(outcomes.len(), 25_000);
        assert_one(&outcomes, Outcome::Granted, Outcome::InFlight);
        let begins: usize = outcomes.values().map(Vec::len).sum();
        assert_eq!(begins, 100_000, "{layout:?}, {dialect:?}");
    }
}

#[test]
fn of_raced_redemptions_and_resolutions_each_is_won_once() {
    let taken = (State::Taken, Outcome::Redeem(PAID), Outcome::InFlight);
    let unknown = (State::Unknown, Outcome::Resolve(None), Outcome::Awaited);
    for (state, wins, loses) in [taken, unknown] {
        let store = Memory::new(DIALECTS[0]);
        let table = Table::open(&store, 4_096, Layout::Two, SEED).unwrap();
        for n in 0..1_000 {
            bring_to(&table, &store, n, state);
        }
        let outcomes = race(&store, &table, 1_000, |worker| {
            // A second after the first ask.
            let again = begin(worker + 10_000, Opening::Nothing);
            Op::Begin(Begin { lease: again.lease + 1, ..again })
        });
        assert_one(&outcomes, wins, loses);
    }
}

#[test]
fn of_raced_marks_each_name_is_given_away_once() {
    let store = Memory::new(DIALECTS[0]);
    let table = Table::open(&store, 4_096, Layout::Two, SEED).unwrap();
    let mark = |worker| Op::Mark { fingerprint: [worker as u8; 32], expires: NOW + 60 };
    let outcomes = race(&store, &table, 1_000, mark);
    assert_one(&outcomes, Outcome::Granted, Outcome::Elsewhere(State::Delivered));
    let again = race(&store, &table, 1_000, mark);
    assert_one(&again, Outcome::Present, Outcome::Elsewhere(State::Delivered));
}
