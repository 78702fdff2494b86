//! Addresses that stay while payers sign.

use super::*;

const NETWORK: &str = "eip155:84532";

/// An answer that names a member of the pool, and lists these as its signers.
fn naming(member: usize, listed: Option<&[usize]>) -> Value {
    let mut body = npm(member);
    body["signers"] = match listed {
        Some(listed) => json!({"eip155:*": listed.iter().map(|n| POOL[*n]).collect::<Vec<_>>()}),
        None => json!(null),
    };
    body
}

fn hear(snapshot: Snapshot, body: &Value, now: u64) -> Snapshot {
    snapshot.on(Event::Over(fetched(body), 0), now)
}

fn advertised(snapshot: &Snapshot) -> Option<Address> {
    let kind = snapshot.supported()?.kind(2, "upto", NETWORK)?;
    let address = snapshot.facilitator_address(NETWORK);
    assert_eq!(kind.address(), address, "the quote's extra says the same");
    address
}

#[test]
fn a_random_member_of_the_pool_does_not_move_the_quote() {
    let mut snapshot = told(&npm(1), 100);
    for (turn, member) in [0, 2, 1, 0, 0, 2].into_iter().enumerate() {
        snapshot = hear(snapshot, &npm(member), 100 + 3_600 * (turn as u64 + 1));
        assert_eq!(advertised(&snapshot), Some(address(1)));
        assert_eq!(snapshot.generation(), 1);
    }
    for member in 0..3 {
        assert!(snapshot.accepts_facilitator(NETWORK, &address(member), 1), "it lists all three as its own");
    }
    assert!(!snapshot.accepts_facilitator("eip155:1", &address(1), 100), "not on this network");
}

#[test]
fn an_address_that_is_listed_no_longer_makes_room_and_is_accepted_for_ten_minutes() {
    let snapshot = told(&naming(0, Some(&[0, 1])), 100);
    let changed = hear(snapshot, &naming(2, Some(&[1, 2])), 200);
    assert_eq!((advertised(&changed), changed.generation()), (Some(address(2)), 2));
    assert!(changed.accepts_facilitator(NETWORK, &address(0), 799));
    assert!(!changed.accepts_facilitator(NETWORK, &address(0), 800));
    assert!(changed.accepts_facilitator(NETWORK, &address(2), 9_999));
}

#[test]
fn without_a_list_an_address_stays_until_nobody_named_it_for_ten_minutes() {
    let mut snapshot = told(&naming(0, None), 100);
    snapshot = hear(snapshot, &naming(1, None), 400);
    assert_eq!(advertised(&snapshot), Some(address(0)));
    snapshot = hear(snapshot, &naming(0, None), 600);
    snapshot = hear(snapshot, &naming(2, None), 1_199);
    assert_eq!(advertised(&snapshot), Some(address(0)), "named at 600");
    snapshot = hear(snapshot, &naming(2, None), 1_200);
    assert_eq!(advertised(&snapshot), Some(address(2)));
    assert!(snapshot.accepts_facilitator(NETWORK, &address(0), 1_799));
    assert!(!snapshot.accepts_facilitator(NETWORK, &address(0), 1_800));
    assert!(!snapshot.accepts_facilitator(NETWORK, &address(1), 1_201), "was never advertised");
}

#[test]
fn a_scheme_that_is_gone_is_not_advertised_and_its_payments_end_softly() {
    let snapshot = hear(told(&naming(0, None), 100), &json!({"kinds": []}), 200);
    assert_eq!(snapshot.facilitator_address(NETWORK), None);
    assert!(snapshot.accepts_facilitator(NETWORK, &address(0), 699));
    assert!(!snapshot.accepts_facilitator(NETWORK, &address(0), 700));
    let later = hear(snapshot, &json!({"kinds": []}), 800);
    assert!(later.pins.is_empty(), "nothing is kept for ever");
}

#[test]
fn other_signers_in_a_quote_stay_too_while_they_are_listed() {
    let body = |fee_payer: &str, listed: &[&str]| {
        json!({"kinds": [{"x402Version": 2, "scheme": "exact", "network": "solana:x",
                          "extra": {"feePayer": fee_payer, "note": fee_payer}}],
               "signers": {"solana:*": listed}})
    };
    let extra = |snapshot: &Snapshot| snapshot.supported().unwrap().kinds()[0].extra.clone().unwrap();
    let snapshot = told(&body("A", &["A", "B"]), 100);
    let same = hear(snapshot.clone(), &body("B", &["A", "B"]), 200);
    assert_eq!((extra(&same), same.generation()), (extra(&snapshot), 1));
    let gone = hear(same, &body("B", &["B"]), 300);
    assert_eq!(extra(&gone), r#"{"feePayer":"B","note":"B"}"#);
}

proptest! {
    /// Whatever a facilitator says, what was quoted is accepted for ten minutes.
    #[test]
    fn what_was_advertised_is_accepted_for_ten_minutes(
        turns in prop::collection::vec((0..3usize, prop::option::of(prop::collection::vec(0..3usize, 0..3)), 1..400u64), 1..20),
    ) {
        let mut snapshot = Snapshot::default();
        let mut now = 1_000;
        let mut quoted: Vec<(Address, u64)> = Vec::new();
        for (member, listed, pause) in turns {
            if let Some(address) = snapshot.facilitator_address(NETWORK) {
                quoted.push((address, now));
            }
            snapshot = hear(snapshot, &naming(member, listed.as_deref()), now);
            for (address, at) in &quoted {
                let fresh = now < at + PIN_SECONDS;
                prop_assert!(!fresh || snapshot.accepts_facilitator(NETWORK, address, now));
            }
            prop_assert!(snapshot.facilitator_address(NETWORK).is_some());
            now += pause;
        }
    }

    /// Two workers that hear different members one after the other agree, whoever is first.
    #[test]
    fn the_first_answer_pins(first in 0..3usize, second in 0..3usize) {
        let snapshot = hear(told(&npm(first), 100), &npm(second), 100);
        prop_assert_eq!(snapshot.facilitator_address(NETWORK), Some(address(first)));
    }
}
