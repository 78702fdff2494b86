//! The table of bytes against a map of claims, over random histories.

use std::collections::HashMap;

use proptest::prelude::*;

use super::*;
use crate::money::Amount;

/// Few enough to meet in every bucket, few enough that nothing is ever full.
const IDENTITIES: u64 = 12;

/// An op as drawn; leases and terms are filled in from the clock.
#[derive(Clone, Copy, Debug)]
enum Draw {
    Peek,
    Begin(Opening),
    Settling(Option<Amount>),
    Waive,
    Void,
    Mark,
    Renew,
    Release,
    Settled { deliver: bool },
    Unknown,
    Delivered,
    Undelivered,
    Return,
    Lead,
    Move,
    Orphan,
    Suspect,
    Credit,
    Disprove,
    Cancel,
    Sweep,
}

#[derive(Clone, Copy, Debug)]
struct Move {
    draw: Draw,
    who: u64,
    attempt: u64,
    other_purchase: bool,
    passes: u64,
}

impl Move {
    fn op(self, now: UnixSeconds) -> Op {
        let (attempt, lease) = (Attempt(self.attempt), now + 30);
        let terms = |opening| Begin {
            attempt,
            opening,
            binding: Binding([u8::from(self.other_purchase); 16]),
            valid_before: now + 60,
            redeem_for: 600,
            lease,
            settler: self.attempt as u32,
            vouched: self.passes > 0,
        };
        match self.draw {
            Draw::Peek | Draw::Sweep => Op::Peek,
            Draw::Begin(opening) => Op::Begin(terms(opening)),
            Draw::Settling(amount) => Op::Settling { attempt, lease, amount, settler: 77 },
            Draw::Waive => Op::Waive { attempt },
            Draw::Void => Op::Void { attempt, transaction: Transaction([9; 32]) },
            Draw::Mark => Op::Mark { fingerprint: [self.attempt as u8; 32], expires: now + 40 },
            Draw::Renew => Op::Renew { attempt, lease },
            Draw::Release => Op::Release { attempt },
            Draw::Settled { deliver } => Op::Settled {
                attempt,
                transaction: Transaction([self.attempt as u8; 32]),
                deliver: deliver.then_some(lease),
                until: 0,
                otherwise: terms(Opening::Nothing),
            },
            Draw::Unknown => Op::Unknown { attempt },
            Draw::Delivered => Op::Delivered { attempt },
            Draw::Undelivered => Op::Undelivered { attempt },
            Draw::Return => Op::Return { attempt },
            Draw::Lead => Op::Lead { attempt, binding: Binding([u8::from(!self.other_purchase); 16]) },
            Draw::Move => Op::Move { attempt, lease, settler: 78 },
            Draw::Orphan => Op::Orphan { attempt },
            Draw::Suspect => Op::Suspect { attempt, since: 79 },
            Draw::Credit => Op::Credit { attempt, nonce: [5; 32] },
            Draw::Disprove => Op::Disprove { attempt },
            Draw::Cancel => Op::Cancel { attempt },
        }
    }
}

/// As signed, and amounts that fit beside a transaction, just, and not at all.
fn amounts() -> impl Strategy<Value = Option<Amount>> {
    let units = [1, 70_000, u64::MAX].map(|units| Some(Amount::from_u64(units)));
    prop::sample::select([&units[..], &[None, Some(Amount::from_be_bytes([3; 32]))]].concat())
}

fn moves() -> impl Strategy<Value = Move> {
    let draw = prop_oneof![
        1 => Just(Draw::Peek),
        2 => Just(Draw::Begin(Opening::Held)),
        3 => Just(Draw::Begin(Opening::Settling)),
        1 => Just(Draw::Begin(Opening::Nothing)),
        2 => amounts().prop_map(Draw::Settling),
        1 => Just(Draw::Waive),
        1 => Just(Draw::Void),
        1 => Just(Draw::Mark),
        1 => Just(Draw::Renew),
        1 => Just(Draw::Release),
        3 => any::<bool>().prop_map(|deliver| Draw::Settled { deliver }),
        1 => Just(Draw::Unknown),
        2 => Just(Draw::Delivered),
        1 => Just(Draw::Undelivered),
        1 => Just(Draw::Return),
        1 => Just(Draw::Lead),
        1 => prop::sample::select(vec![Draw::Move, Draw::Orphan, Draw::Suspect, Draw::Disprove, Draw::Cancel]),
        1 => Just(Draw::Credit),
        1 => Just(Draw::Sweep),
    ];
    let passes = prop_oneof![12 => Just(0), 4 => Just(1), 2 => Just(31), 1 => Just(200), 1 => Just(2_000)];
    (draw, 0..IDENTITIES, 1..4u64, prop::bool::weighted(0.1), passes).prop_map(
        |(draw, who, attempt, other_purchase, passes)| Move { draw, who, attempt, other_purchase, passes },
    )
}

/// What a claim's record must agree on; a tombstone keeps only what a replay is told.
fn seen(claim: Option<Claim>) -> Option<Claim> {
    claim.map(|claim| match claim.state {
        State::Delivered => Claim {
            attempt: Attempt(0),
            lease: 0,
            valid_before: 0,
            redeem_for: 0,
            redeems: 0,
            asks: 0,
            binding: Binding([0; 16]),
            settler: 0,
            orphan: false,
            foreign: None,
            ..claim
        },
        _ => claim,
    })
}

/// What a layout keeps of a claim.
fn kept(claim: Claim, layout: Layout) -> Claim {
    match (layout, claim.state) {
        (Layout::Two, _) => claim,
        (Layout::One, State::Credited) => Claim::tombstone(claim.expires, None),
        (Layout::One, _) => Claim { settler: 0, foreign: claim.foreign.map(|_| 0), ..claim },
    }
}

/// Counts a store's entries by state from its bytes, by the layout as it is documented.
fn stored(store: &Memory, table: &Table) -> [i64; 7] {
    let mut counts = [0; 7];
    for bucket in 0..table.buckets() {
        let bytes = store.value(&table.bucket_key(bucket));
        let size = if table.layout() == Layout::One { 96 } else { 100 };
        let live = usize::from(u16::from_le_bytes([bytes[2], bytes[3]]));
        for entry in 0..live {
            counts[usize::from(bytes[8 + size * entry + 12]) - 1] += 1;
        }
        let tombstones = usize::from(u16::from_le_bytes([bytes[4], bytes[5]]));
        counts[4] += tombstones as i64;
        assert_eq!(bytes.len(), 8 + size * live + 48 * tombstones);
    }
    counts
}

fn add(total: &mut [i64; 7], delta: [i64; 7]) {
    for (sum, by) in total.iter_mut().zip(delta) {
        *sum += by;
    }
}

proptest! {
    #[test]
    fn the_table_does_to_bytes_what_apply_does_to_claims(history in prop::collection::vec(moves(), 1..120)) {
        let store = Memory::new(DIALECTS[history.len() % 2]);
        let layout = if history.len() % 4 < 2 { Layout::One } else { Layout::Two };
        let table = Table::open(&store, 64, layout, SEED).unwrap();
        let mut model: HashMap<u64, Claim> = HashMap::new();
        let mut gauges = [0; 7];
        let mut now = NOW;
        for step in history {
            now += step.passes;
            if let Draw::Sweep = step.draw {
                add(&mut gauges, table.sweep(&store, step.who as u32 % table.buckets(), now, &mut Default::default()).unwrap());
                prop_assert_eq!(gauges, stored(&store, &table));
                continue;
            }
            let op = step.op(now);
            let current = model.get(&step.who).and_then(|claim| claim.at(now));
            let (next, outcome) = Claim::apply(current, &op, now);
            match next {
                Next::Keep => {}
                Next::Put(claim) => { model.insert(step.who, kept(claim, layout)); }
                Next::Remove => { model.remove(&step.who); }
            }
            let applied = table.run(&store, &who(step.who), &op, now);
            prop_assert_eq!(applied.outcome, outcome, "{:?}", op);
            add(&mut gauges, applied.delta);
            prop_assert_eq!(gauges, stored(&store, &table), "the gauges drift: {:?}", op);
            for n in 0..IDENTITIES {
                let (bucket, tag) = table.locate(&who(n));
                let bytes = store.value(&table.bucket_key(bucket));
                let there = Bucket::parse(&bytes).unwrap().find(&tag).and_then(|claim| claim.at(now));
                let expected = model.get(&n).and_then(|claim| claim.at(now));
                prop_assert_eq!(seen(there), seen(expected), "{} after {:?}", n, op);
            }
        }
        for bucket in 0..table.buckets() {
            add(&mut gauges, table.sweep(&store, bucket, now, &mut Default::default()).unwrap());
        }
        let mut alive = [0; 7];
        for claim in model.values().filter_map(|claim| claim.at(now)) {
            alive[claim.state as usize - 1] += 1;
        }
        prop_assert_eq!(gauges, alive, "swept, the gauges are the claims there are");
    }
}
