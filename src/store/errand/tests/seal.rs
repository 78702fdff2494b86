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
    assert!(!takes(&sealed(redeeming(), Op::Renew { attempt: OWN, lease: LEASE }, false)));
}
