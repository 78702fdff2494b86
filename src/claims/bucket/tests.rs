//! Claims as bytes, and back.

use super::*;

const NOW: UnixSeconds = 1_767_225_600;

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
        transaction: (!is_open(state)).then_some(Transaction([9; 32])),
        amount: None,
    }
}

fn put(bytes: &[u8], tag: Tag, next: Next) -> Rewritten {
    Bucket::parse(bytes).unwrap().rewrite(&tag, &next, NOW)
}

#[test]
fn live_claims_survive_the_round_trip() {
    let mut bytes = Bucket::empty();
    for (i, state) in State::ALL.into_iter().enumerate() {
        bytes = put(&bytes, [i as u8; 12], Next::Put(claim(state))).bytes;
    }
    assert_eq!(bytes.len(), HEADER + 5 * LIVE + TOMBSTONE);
    let bucket = Bucket::parse(&bytes).unwrap();
    for (i, state) in State::ALL.into_iter().enumerate() {
        let found = bucket.find(&[i as u8; 12]).unwrap();
        if state == State::Delivered {
            assert_eq!(
                (found.state, found.expires, found.transaction),
                (state, NOW + 4_000, Some(Transaction([9; 32])))
            );
        } else {
            assert_eq!(found, claim(state));
        }
    }
    assert_eq!(bucket.load(NOW), (6, 2));
}

#[test]
fn a_rewrite_drops_what_is_over_and_counts_it() {
    let held = Claim { lease: NOW - 1, expires: NOW - 1, ..claim(State::Held) };
    let settling = Claim { lease: NOW - 1, ..claim(State::Settling) };
    let mut bytes = put(&Bucket::empty(), [1; 12], Next::Put(held)).bytes;
    bytes = Bucket::parse(&bytes).unwrap().rewrite(&[2; 12], &Next::Put(settling), NOW - 10).bytes;
    assert_eq!(Bucket::parse(&bytes).unwrap().lapsed(NOW), 2);
    let swept = put(&bytes, [0; 12], Next::Keep);
    assert_eq!(swept.delta, [-1, -1, 0, 0, 0, 1], "held is gone, settling is unknown");
    assert_eq!(Bucket::parse(&swept.bytes).unwrap().lapsed(NOW), 0);
}

#[test]
fn bytes_that_are_no_bucket_are_refused() {
    let good = put(&Bucket::empty(), [1; 12], Next::Put(claim(State::Taken))).bytes;
    for cut in 0..good.len() {
        assert!(Bucket::parse(&good[..cut]).is_none(), "cut at {cut}");
    }
    let mut other = good.clone();
    other[0] = 2;
    assert!(Bucket::parse(&other).is_none(), "another layout");
    let mut count = good;
    count[4] = 1;
    assert!(Bucket::parse(&count).is_none(), "a tombstone that is not there");
}

/// The only live entry of a bucket, as stored.
fn stored(claim: Claim) -> [u8; LIVE] {
    let bytes = put(&Bucket::empty(), [1; 12], Next::Put(claim)).bytes;
    *bytes[HEADER..].first_chunk().unwrap()
}

/// The entry read back.
fn again(claim: Claim) -> Claim {
    read_live(&stored(claim)).unwrap()
}

#[test]
fn an_entry_without_an_amount_is_what_it_was_before_there_were_amounts() {
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
    assert_eq!(stored(claim(State::Taken))[..], fields.concat());
    let unknown = claim(State::Unknown);
    let mut expected = fields.concat();
    expected[12] = State::Unknown as u8;
    expected[15] = 0;
    expected[56..].fill(0);
    assert_eq!(stored(unknown)[..], expected);
    assert_eq!(again(unknown), unknown);
}

#[test]
fn an_amount_asked_for_is_kept_whole_until_the_transaction_is_known() {
    let whole =
        [Amount::ZERO, Amount::from_u64(1), Amount::from_u64(u64::MAX), Amount::from_be_bytes([0xfe; 32])];
    for amount in whole {
        for state in [State::Held, State::Settling, State::Unknown] {
            let asked = Claim { amount: Some(amount), ..claim(state) };
            assert_eq!(again(asked), asked);
            // What a worker of the first release writes back: it knows 0 and 1 only, and no units.
            let entry = stored(asked);
            assert_eq!((entry[15], &entry[88..]), (1, &[0; 8][..]));
        }
    }
}

#[test]
fn beside_a_transaction_an_amount_is_kept_if_it_fits_and_never_cut() {
    let beside = |amount| again(Claim { amount: Some(amount), ..claim(State::Taken) });
    for units in [1, 0xff, u64::from(u32::MAX) + 1, u64::MAX] {
        let kept = beside(Amount::from_u64(units));
        assert_eq!(
            (kept.amount, kept.transaction),
            (Some(Amount::from_u64(units)), Some(Transaction([9; 32])))
        );
    }
    let mut over = [0; 32];
    over[23] = 1;
    for large in [Amount::from_be_bytes(over), Amount::from_be_bytes([0xff; 32])] {
        let kept = beside(large);
        assert_eq!((kept.amount, kept.transaction), (None, Some(Transaction([9; 32]))));
    }
}

#[test]
fn a_tombstone_without_a_transaction_says_that_nothing_was_charged() {
    let waived = Claim { transaction: None, amount: Some(Amount::ZERO), ..claim(State::Delivered) };
    let bytes = put(&Bucket::empty(), [1; 12], Next::Put(waived)).bytes;
    assert_eq!(bytes.len(), HEADER + TOMBSTONE);
    assert_eq!(bytes[HEADER + 16..], [0; 32]);
    let found = Bucket::parse(&bytes).unwrap().find(&[1; 12]).unwrap();
    assert_eq!((found.state, found.transaction, found.amount), (State::Delivered, None, Some(Amount::ZERO)));
    assert_eq!(found.expires, NOW + 4_000);
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
