//! A bucket written again, against one that is read whole and written anew.

use std::collections::BTreeMap;

use proptest::prelude::*;

use super::text::claims;
use super::*;

/// Claims by the first byte of their tags.
type Model = BTreeMap<u8, Claim>;

fn tag(n: u8) -> Tag {
    [n; 12]
}

/// Claims whose times lie around `NOW`, as a bucket of a layout keeps them.
fn stored(layout: Layout) -> impl Strategy<Value = (Model, Vec<u8>)> {
    let near = || prop::sample::select(vec![NOW - 2, NOW - 1, NOW, NOW + 1, NOW + 9]);
    let one = (claims(), near(), near()).prop_map(|(claim, lease, expires)| {
        // What is buried has neither lease nor another end than its own.
        let lease = if claim.state == State::Delivered { 0 } else { lease };
        Claim { lease, expires, ..claim }
    });
    prop::collection::btree_map(0u8..24, one, 0..16).prop_map(move |model| {
        let bytes = model.iter().fold(Bucket::empty(layout), |bytes, (n, claim)| {
            Bucket::parse(&bytes).unwrap().rewrite(&tag(*n), &Next::Put(*claim), 0).bytes
        });
        (read(&bytes), bytes)
    })
}

fn read(bytes: &[u8]) -> Model {
    let bucket = Bucket::parse(bytes).unwrap();
    (0..=u8::MAX).filter_map(|n| Some((n, bucket.find(&tag(n))?))).collect()
}

fn census(claims: &Model) -> Delta {
    let mut counts = Delta::default();
    claims.values().for_each(|claim| count(&mut counts, claim.state, 1));
    counts
}

proptest! {
    #[test]
    fn a_rewrite_is_what_reading_everything_and_writing_it_anew_is(
        ((before, bytes), layout) in prop::sample::select(LAYOUTS.to_vec())
            .prop_flat_map(|layout| (stored(layout), Just(layout))),
        n in 0u8..24,
        next in prop_oneof![Just(None), Just(Some(None)), claims().prop_map(|claim| Some(Some(claim)))],
    ) {
        let bucket = Bucket::parse(&bytes).unwrap();
        let next = match next {
            None => Next::Keep,
            Some(None) => Next::Remove,
            Some(Some(claim)) => Next::Put(claim),
        };
        let rewritten = bucket.rewrite(&tag(n), &next, NOW);

        let stands = |(n, claim): (&u8, &Claim)| Some((*n, claim.at(NOW)?));
        let mut after: Model = before.iter().filter_map(stands).collect();
        prop_assert_eq!(bucket.lapsed(NOW), before.values().filter(|c| c.at(NOW) != Some(**c)).count());
        let doubtful = after.values().filter(|c| matches!(c.state, State::Settling | State::Unknown));
        prop_assert_eq!(bucket.load(NOW), (after.len(), doubtful.count()));
        let mut forgotten = Forgotten::default();
        before.values().filter(|claim| claim.at(NOW).is_none()).for_each(|claim| forgotten.note(claim.state));
        match next {
            Next::Keep => {}
            Next::Remove => _ = after.remove(&n),
            Next::Put(claim) => {
                // As this layout keeps it.
                let alone = Bucket::parse(&Bucket::empty(layout)).unwrap().rewrite(&tag(n), &next, 0);
                after.insert(n, *read(&alone.bytes).get(&n).unwrap_or(&claim));
            }
        }
        let written = read(&rewritten.bytes);
        prop_assert_eq!(&written, &after);
        prop_assert_eq!(rewritten.forgotten, forgotten);
        let gained = census(&written).iter().zip(census(&before)).map(|(now, then)| now.wrapping_sub(then)).collect::<Vec<_>>();
        prop_assert_eq!(rewritten.delta.to_vec(), gained);
        // Bytes of as many entries as it says, and none beside.
        let entries: usize = written
            .values()
            .map(|claim| if is_buried(claim.state, layout) { TOMBSTONE } else { layout.live() })
            .sum();
        prop_assert_eq!(rewritten.bytes.len(), HEADER.saturating_add(entries));
    }
}
