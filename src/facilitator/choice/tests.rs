#![allow(clippy::arithmetic_side_effects, reason = "a test may panic")]

use proptest::prelude::*;

use super::*;
use crate::config::{Policy, Target};

/// An offer of facilitators `a`, `b`, ... with these weights, or in order.
fn offer(count: usize, weights: &[u32]) -> Arc<Offer> {
    let name = |at: usize| char::from(b'a' + at as u8).to_string();
    let listed: Vec<_> = match weights {
        [] => (0..count).map(|at| name(at).into()).collect(),
        weights => weights
            .iter()
            .enumerate()
            .map(|(at, weight)| serde_json::json!({"name": name(at), "weight": weight}))
            .collect(),
    };
    let defined: serde_json::Map<_, _> = (0..count)
        .map(|at| (name(at), serde_json::json!({"cluster": "c", "authority": "f", "timeout": "1s"})))
        .collect();
    let config = serde_json::json!({
        "version": 1, "origin": "https://a.example", "unmatched": "free", "settle": "before",
        "facilitators": defined, "defaultFacilitators": serde_json::Value::Array(listed),
        "accepts": [{"network": "base", "asset": "USDC", "payTo": "0x209693Bc6afc0C5328bA36FaF03C514EF312287C"}],
        "routes": [{"name": "r", "match": {"path": "/"}, "offer": {"price": "$1"}}],
    });
    let policy = Policy::from_bytes(config.to_string().as_bytes(), &|_| None).unwrap();
    let route = policy.routes().next().unwrap();
    match &route.target {
        Target::Offer(offer) => Arc::clone(offer),
        Target::Free => panic!("it is sold"),
    }
}

/// The names in line; `standings` and `honoured` are by place.
fn names(offer: &Offer, honoured: &[bool], standings: &[Standing], dice: u64) -> String {
    let honours = |facilitator: &Facilitator| honoured[facilitator.index()];
    let standing = |facilitator: &Facilitator| standings[facilitator.index()];
    line(offer, &honours, &standing, dice).iter().map(|facilitator| facilitator.name.as_str()).collect()
}

use Standing::{Ready, Shut, Trial};

#[test]
fn in_order_the_first_that_is_ready_comes_first() {
    let offer = offer(3, &[]);
    for (standings, expected) in [
        ([Ready, Ready, Ready], "abc"),
        ([Shut, Ready, Ready], "bc"),
        ([Ready, Shut, Ready], "ac"),
        ([Trial, Ready, Ready], "bca"),
        ([Trial, Shut, Trial], "ac"),
        ([Shut, Shut, Shut], ""),
    ] {
        for dice in [0, 1, u64::MAX] {
            assert_eq!(names(&offer, &[true; 3], &standings, dice), expected, "{standings:?}");
        }
    }
}

#[test]
fn only_those_that_honour_it_are_asked() {
    let offer = offer(3, &[]);
    assert_eq!(names(&offer, &[false, true, false], &[Ready; 3], 0), "b");
    assert_eq!(names(&offer, &[false, true, false], &[Ready, Shut, Ready], 0), "", "not whoever is ready");
    assert_eq!(names(&offer, &[false; 3], &[Ready, Shut, Ready], 0), "ac", "where none does, any");
}

/// Each comes first as often as its weight says, and takes the place of one that is away as
/// often as its weight says among the rest.
#[test]
fn weights_are_shares() {
    let offer = offer(3, &[1, 2, 7]);
    let firsts = |standings: &[Standing], rounds: u64| {
        let mut counts = [0u64; 3];
        let mut dice = 1;
        for _ in 0..rounds {
            dice = mixed(dice);
            let line = names(&offer, &[true; 3], standings, dice);
            counts[usize::from(line.as_bytes()[0] - b'a')] += 1;
        }
        counts.map(|count| count * 1_000 / rounds)
    };
    for (standings, expected) in [
        ([Ready; 3], [100, 200, 700]),
        ([Ready, Ready, Shut], [333, 667, 0]),
        ([Shut, Ready, Trial], [0, 1_000, 0]),
    ] {
        for (share, expected) in firsts(&standings, 30_000).iter().zip(expected) {
            assert!(share.abs_diff(expected) <= 15, "{standings:?}: {share} of 1000, not {expected}");
        }
    }
}

/// Whoever comes second is drawn as well, not found where the first draw ended.
#[test]
fn the_rest_are_drawn_too() {
    let offer = offer(3, &[1, 1, 1]);
    let mut seen = std::collections::BTreeMap::new();
    let mut dice = 7;
    for _ in 0..6_000 {
        dice = mixed(dice);
        *seen.entry(names(&offer, &[true; 3], &[Ready; 3], dice)).or_insert(0) += 1;
    }
    assert_eq!(seen.len(), 6);
    assert!(seen.values().all(|count| (850..1_150).contains(count)), "{seen:?}");
}

fn any_standing() -> impl Strategy<Value = Standing> {
    prop_oneof![Just(Ready), Just(Trial), Just(Shut)]
}

proptest! {
    /// Everybody who may be asked, once, and nobody else; the ready before the tried.
    #[test]
    fn a_line_is_complete(
        weights in prop::collection::vec(1u32..=1_000, 1..6),
        ordered in any::<bool>(),
        standings in prop::collection::vec(any_standing(), 6),
        honoured in prop::collection::vec(any::<bool>(), 6),
        dice in any::<u64>(),
    ) {
        let offer = offer(weights.len(), if ordered { &[] } else { &weights });
        let count = weights.len();
        let any = !honoured[..count].contains(&true);
        let line = names(&offer, &honoured, &standings, dice);
        for at in 0..count {
            let name = char::from(b'a' + at as u8);
            let expected = usize::from((any || honoured[at]) && standings[at] != Shut);
            prop_assert_eq!(line.matches(name).count(), expected, "{} of {}", name, &line);
        }
        let tried = line.bytes().map(|name| standings[usize::from(name - b'a')] == Trial);
        prop_assert!(tried.is_sorted());
    }
}
