//! One claim as text.

use proptest::prelude::*;

use super::*;

prop_compose! {
    fn times()(at in prop::array::uniform3(0..=u32::MAX)) -> [u64; 3] { at.map(u64::from) }
}

/// Any claim a table may hold.
pub(super) fn claims() -> impl Strategy<Value = Claim> {
    let counts = (any::<u8>(), any::<u8>(), any::<bool>(), any::<u32>());
    let bytes = (any::<u64>(), any::<[u8; 16]>(), any::<[u8; 32]>(), any::<bool>(), any::<u64>());
    let states = prop::sample::select(State::ALL.to_vec());
    (states, times(), any::<u32>(), counts, bytes).prop_map(
        |(state, [lease, expires, valid_before], redeem_for, (redeems, asks, orphan, settler), bytes)| {
            let (attempt, binding, value, some, units) = bytes;
            let (transaction, amount) = match state {
                State::Delivered => return Claim::tombstone(expires, some.then_some(Transaction(value))),
                _ if is_open(state) => (None, some.then(|| Amount::from_be_bytes(value))),
                _ => (some.then_some(Transaction(value)), (units > 0).then(|| Amount::from_u64(units))),
            };
            Claim {
                state,
                attempt: Attempt(attempt),
                lease,
                expires,
                valid_before,
                redeem_for,
                redeems,
                asks,
                binding: Binding(binding),
                settler,
                orphan,
                foreign: (!orphan).then_some(if is_open(state) { lease } else { 0 }),
                transaction,
                amount,
            }
        },
    )
}

proptest! {
    #[test]
    fn a_claim_survives_being_text(claim in claims()) {
        prop_assert_eq!(from_text(&to_text(&claim)), Some(claim));
    }

    #[test]
    fn a_claim_is_the_same_in_a_bucket_and_as_text(claim in claims()) {
        prop_assume!(claim.expires > NOW);
        let bytes = Bucket::empty(Layout::Two);
        let bucket = Bucket::parse(&bytes).unwrap().rewrite(&[1; 12], &Next::Put(claim), NOW);
        let found = Bucket::parse(&bucket.bytes).unwrap().find(&[1; 12]);
        prop_assert_eq!(found, from_text(&to_text(&claim)));
    }

    #[test]
    fn no_text_panics_or_reads_as_what_is_not_written(text in "\\PC{0,200}|05[0-9a-f]{72}|0[0-9][0-9a-f]{174}") {
        if let Some(claim) = from_text(&text) {
            prop_assert_eq!(to_text(&claim), text);
        }
    }

    /// No claim's text cut short is a claim, nor is one with more behind it, or with its own
    /// beginning before it.
    #[test]
    fn a_text_that_was_cut_or_run_together_is_no_claim(claim in claims(), other in claims()) {
        let (text, other) = (to_text(&claim), to_text(&other));
        for cut in 1..text.len() {
            let start = text.get(..cut).unwrap();
            prop_assert_eq!(from_text(start), None, "the first {} of {}", cut, text);
            prop_assert_eq!(from_text(&format!("{start}{text}")), None);
            prop_assert_eq!(from_text(&format!("{text}{}", other.get(..cut).unwrap_or(&other))), None);
        }
        prop_assert_eq!(from_text(""), None);
    }
}

#[test]
fn a_text_of_another_length_or_alphabet_is_no_claim() {
    for state in State::ALL {
        let text = to_text(&claim(state));
        for cut in 0..text.len() {
            assert_eq!(from_text(text.get(..cut).unwrap()), None, "{state:?} cut at {cut}");
        }
        for other in [format!("{text}00"), format!("{text}0"), format!(" {text}"), format!("0x{text}")] {
            assert_eq!(from_text(&other), None, "{other}");
        }
        let mut foreign = text.clone();
        foreign.replace_range(4..5, "g");
        assert_eq!(from_text(&foreign), None);
        foreign.replace_range(3..5, "é");
        assert_eq!(from_text(&foreign), None);
    }
    for byte in (8..=u8::MAX).chain([0]) {
        let mut text = to_text(&claim(State::Taken));
        text.replace_range(..2, &format!("{byte:02x}"));
        assert_eq!(from_text(&text), None, "a state nobody knows: {byte}");
    }
}

/// Text is compared with text in the store: what another hand wrote otherwise is not ours.
#[test]
fn one_claim_has_one_text() {
    let text = to_text(&Claim { transaction: Some(Transaction([0xab; 32])), ..claim(State::Taken) });
    assert!(from_text(&text).is_some());
    assert_eq!(from_text(&text.to_uppercase()), None, "another case");
    let mut flags = text.clone();
    flags.replace_range(6..8, "81");
    assert_eq!(from_text(&flags), None, "a flag nobody knows");
    let mut gone = text.clone();
    gone.replace_range(6..8, "00");
    assert_eq!(from_text(&gone), None, "bytes that are not there");
    // Another state in the same bytes: a tombstone has its own length.
    let mut buried = text;
    buried.replace_range(..2, "05");
    assert_eq!(from_text(&buried), None);
}
