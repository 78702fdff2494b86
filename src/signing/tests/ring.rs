//! What a flood costs.

use std::cell::Cell;

use crate::signing::notary::Notary;
use crate::signing::ring::{Ring, ENTRIES, MAX_URL, SIGNATURES_A_SECOND};

#[test]
fn more_than_half_of_an_offers_time_is_left() {
    for timeout in [1u32, 2, 3, 60, 61, 3600] {
        let mut ends = std::collections::BTreeSet::new();
        for now in 1_767_225_600..1_767_225_600 + 2 * u64::from(timeout) {
            let until = Notary::valid_until(now, timeout);
            assert!(until > now && 2 * (until - now) > u64::from(timeout), "{timeout}: {now} {until}");
            assert!(until <= now + u64::from(timeout), "never longer than quoted");
            ends.insert(until);
        }
        assert!(ends.len() <= 5 || timeout <= 3, "{timeout}: {}", ends.len());
    }
    assert_eq!(Notary::valid_until(1_767_225_600, 60), 1_767_225_660, "as the reference, at a slot's start");
}

#[test]
fn the_same_quote_is_signed_once() {
    let (mut ring, signed) = (Ring::default(), Cell::new(0));
    let mut ask = |quote, url: &str, until, now| {
        let sign = || {
            signed.set(signed.get() + 1);
            Some(format!("{quote} {url} {until}"))
        };
        ring.offers((quote, url, until), now, 1, sign).map(str::to_owned)
    };
    for now in 0..10 {
        assert_eq!(ask(0, "https://a/", 60, now).unwrap(), "0 https://a/ 60");
    }
    assert_eq!(signed.get(), 1);
    for (quote, url, until) in [(1, "https://a/", 60), (0, "https://b/", 60), (0, "https://a/", 90)] {
        assert_eq!(ask(quote, url, until, 20).unwrap(), format!("{quote} {url} {until}"));
    }
    assert_eq!(signed.get(), 4);
}

#[test]
fn a_flood_of_urls_costs_a_bounded_number_of_signatures() {
    let mut ring = Ring::default();
    let mut signed = 0;
    for second in 100..103 {
        for request in 0..1000 {
            let url = format!("https://a/{second}/{request}");
            ring.offers((0, &url, 60), second, 3, || {
                signed += 3;
                Some(url.clone())
            });
        }
    }
    assert!(signed <= 3 * SIGNATURES_A_SECOND && signed > 2 * SIGNATURES_A_SECOND, "{signed}");
    // What is kept is still given out when nothing more is signed.
    assert!(ring.offers((0, "https://a/102/0", 60), 102, 3, || None).is_some());
    assert!(ring.offers((0, "https://a/102/999", 60), 102, 3, || Some("x".to_owned())).is_none());
    ring.clear();
    assert!(ring.offers((0, "https://a/102/0", 60), 102, 3, || None).is_none());
}

#[test]
fn little_is_kept_and_no_long_url() {
    let mut ring = Ring::default();
    for now in 0..2 * ENTRIES as u64 {
        ring.offers((0, &format!("https://a/{now}"), 60), now, 1, || Some("x".to_owned()));
    }
    let kept = (0..2 * ENTRIES)
        .filter(|i| ring.offers((0, &format!("https://a/{i}"), 60), 7, 99, || None).is_some());
    assert_eq!(kept.collect::<Vec<_>>(), (ENTRIES..2 * ENTRIES).collect::<Vec<_>>());
    let long = "u".repeat(MAX_URL + 1);
    assert!(ring.offers((0, &long, 60), 999, 1, || Some("x".to_owned())).is_none());
}
