//! An op whose payment's signature may be another's.

use super::*;

fn sealed(local: Option<Claim>, op: Op, takes: bool) -> Errand {
    let name = Identity::named("signature", &[b"one"]);
    let seal = Seal { name, fingerprint: [1; 32], expires: NOW + 600, takes };
    match Errand::start(names(), op, local, None, false, Some(seal), NOW) {
        Start::Away(errand) => *errand,
        Start::Known(outcome) => panic!("{op:?}: {outcome:?}"),
    }
}

fn takes(errand: &Errand) -> bool {
    errand.with_swap(1, NOW, |swap| swap.seal.expect("a signature").takes)
}

/// It is refused as a payment that belongs elsewhere. What was reserved here is free, and what the store
/// holds of it is given up.
#[test]
fn a_payment_whose_signature_is_anothers_buys_nothing() {
    let outcome = Outcome::Elsewhere(State::Delivered);
    for opening in [Opening::Nothing, Opening::Held, Opening::Settling] {
        let errand = sealed(None, begin(opening), opening == Opening::Settling);
        let adopt = errand.reserves().map(|_| None);
        let over = Turn::Over { outcome, adopt, undo: None };
        assert_eq!(errand.on(Reply::Sealed { now: NOW }, NOW), over, "{opening:?}");
    }
    let settling = Op::Settling { attempt: OWN, lease: LEASE, amount: None, settler: 1 };
    let over = Turn::Over { outcome, adopt: None, undo: Some(Op::Release { attempt: OWN }) };
    assert_eq!(sealed(held(), settling, true).on(Reply::Sealed { now: NOW }, NOW), over);
}

/// It stands in the store, and another took its signature since: what was paid is delivered. What is open is
/// not asked about, and nobody hears that nothing was paid.
#[test]
fn what_was_begun_before_its_signature_was_anothers_is_still_its_payers() {
    let taken = put(redeeming(), &Op::Undelivered { attempt: OWN });
    let open = put(settling_claim(), &Op::Unknown { attempt: OWN });
    let seals = |errand: &Errand| errand.with_swap(1, NOW, |swap| swap.seal.is_some());
    for opening in [Opening::Nothing, Opening::Held, Opening::Settling] {
        let takes = opening == Opening::Settling;
        let current = |claim: &Option<Claim>| claim.as_ref().map(to_text);
        let differs = |claim| Reply::Differs { now: NOW, current: current(claim), open: Vec::new() };
        let Turn::Again(seen) = sealed(None, begin(opening), takes).on(differs(&taken), NOW) else {
            panic!("it is decided over what stands there")
        };
        for errand in [sealed(taken, begin(opening), takes), *seen] {
            assert!(!seals(&errand), "{opening:?}: nobody is asked for money");
            assert_eq!(errand.seal(), None);
        }
        let errand = sealed(open, begin(opening), takes);
        assert!(seals(&errand), "{opening:?}: it is asked about with it");
        let over = Turn::Over { outcome: Outcome::Unavailable, adopt: Some(open), undo: None };
        assert_eq!(errand.on(Reply::Sealed { now: NOW }, NOW), over, "{opening:?}");
    }
}

/// A payment that is asked about again may come with another signature than it was begun with.
#[test]
fn what_is_asked_about_again_takes_its_signature() {
    assert!(takes(&sealed(None, begin(Opening::Settling), true)));
    assert!(!takes(&sealed(None, begin(Opening::Held), false)));
    let open = put(settling_claim(), &Op::Unknown { attempt: OWN });
    let Turn::Again(again) = sealed(None, begin(Opening::Held), false)
        .on(Reply::Differs { now: NOW, current: open.as_ref().map(to_text), open: Vec::new() }, NOW)
    else {
        panic!("it is decided over what stands there")
    };
    assert!(takes(&again));
    let until = again.with_swap(1, NOW, |swap| swap.seal.map(|seal| seal.expires));
    assert_eq!(until, Some(LEASE + 600), "for as long as that ask may be remembered");
    assert!(!takes(&sealed(redeeming(), Op::Renew { attempt: OWN, lease: LEASE }, false)));
}
