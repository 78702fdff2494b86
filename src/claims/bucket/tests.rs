//! Claims as bytes, and back.

use super::entry::{is_open, HAS_BYTES, ORPHAN};
use super::*;
use crate::claims::{Attempt, Binding, Transaction};
use crate::money::Amount;

mod rewrite;
mod text;

const NOW: UnixSeconds = 1_767_225_600;

const LAYOUTS: [Layout; 2] = [Layout::One, Layout::Two];

fn claim(state: State) -> Claim {
    Claim {
        state,
        attempt: Attempt(0x0102_0304_0506_0708),
        lease: NOW + 30,
        expires: NOW + 4_000,
        valid_before: NOW + 60,
        redeem_for: 3_600,
        redeems: 2,
        asks: 1,
        binding: Binding([7; 16]),
        settler: 0x0a0b_0c0d,
        orphan: state == State::Settling,
        foreign: (state == State::Unknown).then_some(NOW - 1),
        transaction: (!is_open(state)).then_some(Transaction([9; 32])),
        amount: None,
    }
}

/// What layout 1 has no room for.
fn without_settler(claim: Claim) -> Claim {
    // Nor when it was asked.
    Claim { settler: 0, foreign: claim.foreign.map(|_| 0), ..claim }
}

fn put(bytes: &[u8], tag: Tag, next: Next) -> Rewritten {
    Bucket::parse(bytes).unwrap().rewrite(&tag, &next, NOW)
}

fn only(layout: Layout, claim: Claim) -> Vec<u8> {
    put(&Bucket::empty(layout), [1; 12], Next::Put(claim)).bytes
}

#[test]
fn live_claims_survive_the_round_trip() {
    for layout in LAYOUTS {
        let mut bytes = Bucket::empty(layout);
        for (i, state) in State::ALL.into_iter().enumerate() {
            bytes = put(&bytes, [i as u8; 12], Next::Put(claim(state))).bytes;
        }
        let (live, buried) = if layout == Layout::One { (5 * 96, 2) } else { (6 * 100, 1) };
        assert_eq!(bytes.len(), HEADER + live + buried * TOMBSTONE);
        let bucket = Bucket::parse(&bytes).unwrap();
        for (i, state) in State::ALL.into_iter().enumerate() {
            let found = bucket.find(&[i as u8; 12]).unwrap();
            match (state, layout) {
                (State::Delivered, _) => assert_eq!(
                    (found.state, found.expires, found.transaction),
                    (state, NOW + 4_000, Some(Transaction([9; 32])))
                ),
                (State::Credited, Layout::One) => {
                    assert_eq!(found, Claim::tombstone(NOW + 4_000, None), "used up, and charged nothing");
                }
                (_, Layout::One) => assert_eq!(found, without_settler(claim(state))),
                (_, Layout::Two) => assert_eq!(found, claim(state)),
            }
        }
        assert_eq!(bucket.load(NOW), (7, 2));
    }
}

#[test]
fn a_rewrite_drops_what_is_over_and_counts_it() {
    for layout in LAYOUTS {
        let held = Claim { lease: NOW - 1, expires: NOW - 1, ..claim(State::Held) };
        let settling = Claim { lease: NOW - 1, ..claim(State::Settling) };
        let mut bytes = only(layout, held);
        bytes = Bucket::parse(&bytes).unwrap().rewrite(&[2; 12], &Next::Put(settling), NOW - 10).bytes;
        assert_eq!(Bucket::parse(&bytes).unwrap().lapsed(NOW), 2);
        let swept = put(&bytes, [0; 12], Next::Keep);
        assert_eq!(swept.delta, [-1, -1, 0, 0, 0, 1, 0], "held is gone, settling is unknown");
        assert_eq!(Bucket::parse(&swept.bytes).unwrap().lapsed(NOW), 0);
    }
}

#[test]
fn what_is_given_up_with_money_in_it_is_counted() {
    for (layout, state) in LAYOUTS.into_iter().flat_map(|layout| State::ALL.map(|state| (layout, state))) {
        let over = Claim { lease: NOW - 9, expires: NOW - 9, ..claim(state) };
        let swept = put(&only(layout, over), [0; 12], Next::Keep);
        let forgotten = match state {
            State::Settling | State::Unknown => Forgotten { disputed: 1, undelivered: 0 },
            State::Taken | State::Redeeming => Forgotten { disputed: 0, undelivered: 1 },
            State::Held | State::Delivered | State::Credited => Forgotten::default(),
        };
        assert_eq!(
            (swept.forgotten, swept.bytes),
            (forgotten, Bucket::empty(layout)),
            "{state:?} {layout:?}"
        );
    }
}

#[test]
fn bytes_that_are_no_bucket_are_refused() {
    for layout in LAYOUTS {
        let good = only(layout, claim(State::Taken));
        for cut in 0..good.len() {
            assert!(Bucket::parse(&good[..cut]).is_none(), "cut at {cut}");
        }
        for other in (0..=u8::MAX).filter(|byte| *byte != layout as u8) {
            let mut bytes = good.clone();
            bytes[0] = other;
            assert!(Bucket::parse(&bytes).is_none(), "another layout: {other}");
        }
        let mut count = good;
        count[4] = 1;
        assert!(Bucket::parse(&count).is_none(), "a tombstone that is not there");
    }
    assert_eq!(
        [0, 1, 2, 3, 255].map(Layout::from_byte),
        [None, Some(LAYOUTS[0]), Some(LAYOUTS[1]), None, None]
    );
}

/// The only live entry of a bucket, as stored.
fn stored(layout: Layout, claim: Claim) -> Vec<u8> {
    only(layout, claim)[HEADER..].to_vec()
}

/// The entry read back.
fn again(layout: Layout, claim: Claim) -> Claim {
    Bucket::parse(&only(layout, claim)).unwrap().find(&[1; 12]).unwrap()
}

#[test]
fn an_entry_of_layout_1_is_what_it_was_before_there_were_amounts() {
    // Written out by hand from the table of the first release.
    let fields: [&[u8]; 9] = [
        &[1; 12],
        &[State::Taken as u8, 2, 1, 1],
        &0x0102_0304_0506_0708u64.to_le_bytes(),
        &((NOW + 30) as u32).to_le_bytes(),
        &((NOW + 4_000) as u32).to_le_bytes(),
        &((NOW + 60) as u32).to_le_bytes(),
        &3_600u32.to_le_bytes(),
        &[7; 16],
        &[[9; 32].as_slice(), &[0; 8]].concat(),
    ];
    assert_eq!(stored(Layout::One, claim(State::Taken)), fields.concat());
    let unknown = Claim { foreign: None, ..without_settler(claim(State::Unknown)) };
    let mut expected = fields.concat();
    expected[12] = State::Unknown as u8;
    expected[15] = 0;
    expected[56..].fill(0);
    assert_eq!(stored(Layout::One, unknown), expected);
    assert_eq!(again(Layout::One, unknown), unknown);
}

#[test]
fn what_the_first_release_wrote_is_read_and_written_back_as_it_was() {
    let text: String = include_str!("tests/first_release.hex").split_whitespace().collect();
    let bytes = hex::decode(text).unwrap();
    let bucket = Bucket::parse(&bytes).unwrap();
    let expected = |state| {
        let amount = match state {
            State::Unknown => Some(Amount::from_u64(70_000)),
            State::Redeeming => Some(Amount::from_u64(5)),
            _ => None,
        };
        // Nor who waits.
        Claim { amount, orphan: false, foreign: None, ..without_settler(claim(state)) }
    };
    for (i, state) in State::ALL.into_iter().enumerate().filter(|(_, state)| *state != State::Credited) {
        let found = bucket.find(&[i as u8 + 1; 12]).unwrap();
        if state == State::Delivered {
            assert_eq!(found, Claim::tombstone(NOW + 4_000, Some(Transaction([9; 32]))));
        } else {
            assert_eq!(found, expected(state));
        }
    }
    assert_eq!(bucket.find(&[9; 12]), Some(Claim::tombstone(NOW + 4_000, None)), "used up, charged nothing");
    assert_eq!(bucket.load(NOW), (7, 2));
    assert_eq!(put(&bytes, [0; 12], Next::Keep).bytes, bytes);
}

#[test]
fn an_orphan_and_who_was_asked_stand_where_the_table_says() {
    let entry = stored(Layout::Two, claim(State::Settling));
    assert_eq!((entry.len(), entry[15], &entry[96..]), (100, ORPHAN, &[0x0d, 0x0c, 0x0b, 0x0a][..]));
    let amount = Some(Amount::from_u64(1));
    let entry = stored(Layout::Two, Claim { amount, ..claim(State::Settling) });
    assert_eq!(entry[15], ORPHAN | HAS_BYTES);
    let credited = again(Layout::Two, claim(State::Credited));
    assert_eq!(credited.transaction, Some(Transaction([9; 32])), "whose nonce it is");
}

#[test]
fn an_amount_asked_for_is_kept_whole_until_the_transaction_is_known() {
    let whole =
        [Amount::ZERO, Amount::from_u64(1), Amount::from_u64(u64::MAX), Amount::from_be_bytes([0xfe; 32])];
    for amount in whole {
        for state in [State::Held, State::Settling, State::Unknown] {
            let asked = Claim { amount: Some(amount), ..claim(state) };
            assert_eq!(again(Layout::Two, asked), asked);
            assert_eq!(again(Layout::One, asked), without_settler(asked));
            // What a worker of the first release writes back: it knows 0 and 1 only, and no units.
            let entry = stored(Layout::One, asked);
            assert_eq!((entry[15], &entry[88..]), (1, &[0; 8][..]));
            // And what it makes of who waits: it adds to the count of asks, and rewrites nothing else.
            for (orphan, foreign) in [(false, None), (true, None), (false, Some(0)), (true, Some(0))] {
                let marked = Claim { orphan, foreign, ..asked };
                let mut entry = stored(Layout::One, marked);
                entry[14] += 1;
                let asks = asked.asks + 1;
                assert_eq!(read_record(&entry[12..]), Some(Claim { asks, ..without_settler(marked) }));
            }
            let often = Claim { asks: u8::MAX, ..asked };
            assert_eq!(again(Layout::One, often).asks, 63, "more are not counted");
            let mut entry = stored(Layout::One, often);
            entry[14] += 1;
            assert_eq!(read_record(&entry[12..]).unwrap().asks, 63, "nor one more than fits");
        }
    }
}

#[test]
fn beside_a_transaction_an_amount_is_kept_if_it_fits_and_never_cut() {
    for layout in LAYOUTS {
        let beside = |amount| again(layout, Claim { amount: Some(amount), ..claim(State::Taken) });
        let transaction = Some(Transaction([9; 32]));
        for units in [1, 0xff, u64::from(u32::MAX) + 1, u64::MAX] {
            let kept = beside(Amount::from_u64(units));
            assert_eq!((kept.amount, kept.transaction), (Some(Amount::from_u64(units)), transaction));
        }
        let mut over = [0; 32];
        over[23] = 1;
        for large in [Amount::from_be_bytes(over), Amount::from_be_bytes([0xff; 32])] {
            let kept = beside(large);
            assert_eq!((kept.amount, kept.transaction), (None, transaction));
        }
    }
}

#[test]
fn a_tombstone_without_a_transaction_says_that_nothing_was_charged() {
    let waived = Claim { transaction: None, amount: Some(Amount::ZERO), ..claim(State::Delivered) };
    for layout in LAYOUTS {
        let bytes = only(layout, waived);
        assert_eq!(bytes.len(), HEADER + TOMBSTONE);
        assert_eq!(bytes[HEADER + 16..], [0; 32]);
        assert_eq!(again(layout, waived), Claim::tombstone(NOW + 4_000, None));
    }
}

proptest::proptest! {
    #[test]
    fn no_bytes_panic(bytes in proptest::collection::vec(proptest::num::u8::ANY, 0..400)) {
        if let Some(bucket) = Bucket::parse(&bytes) {
            let _ = bucket.find(&[0; 12]);
            let _ = bucket.rewrite(&[0; 12], &Next::Keep, NOW);
        }
    }
}
