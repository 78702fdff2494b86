//! What is granted when its lease is over: the call was long on its way, or nobody was awake to hear of it.

use super::*;

fn settled(deliver: Option<UnixSeconds>) -> Op {
    let Op::Begin(otherwise) = begin(Opening::Nothing) else { panic!("no begin") };
    Op::Settled { attempt: OWN, transaction: Transaction([9; 32]), deliver, until: 0, otherwise }
}

fn redeem() -> Option<Claim> {
    put(redeeming(), &Op::Undelivered { attempt: OWN })
}

/// Nobody acts on it, whether the store wrote it late or its answer was heard late: another may have the
/// claim by then.
#[test]
fn nobody_acts_on_a_lease_that_is_over() {
    let attempt = OWN;
    let release = Some(Op::Release { attempt });
    let redeem = redeem();
    let open = put(settling_claim(), &Op::Unknown { attempt });
    for (op, local, undo) in [
        (begin(Opening::Held), None, release),
        (begin(Opening::Settling), None, release),
        (begin(Opening::Nothing), redeem, Some(Op::Return { attempt })),
        (begin(Opening::Nothing), open, Some(Op::Unknown { attempt })),
        (Op::Settling { attempt, lease: LEASE, amount: None, settler: 1 }, held(), release),
        (settled(Some(LEASE)), settling_claim(), None),
        (Op::Renew { attempt, lease: LEASE }, redeeming(), None),
        (Op::Move { attempt, lease: LEASE, settler: 2 }, settling_claim(), None),
    ] {
        for (stored, heard) in [(LEASE, NOW), (NOW, LEASE), (LEASE + 600, LEASE + 600)] {
            let turn = away(local, op).on(Reply::Written { now: stored, payment: None }, heard);
            let expected = Turn::Over { outcome: Outcome::Unavailable, adopt: None, undo };
            assert_eq!(turn, expected, "{op:?} written at {stored}, heard at {heard}");
        }
        let Turn::Over { outcome, .. } =
            away(local, op).on(Reply::Written { now: LEASE - 1, payment: None }, LEASE - 1)
        else {
            panic!("{op:?}")
        };
        assert_ne!(outcome, Outcome::Unavailable, "{op:?}, a second before");
    }
}

/// Of a grant that reached the store too late nothing is written, and whoever asked tries again.
#[test]
fn a_grant_that_comes_too_late_is_not_written() {
    let reply = Reply::Late { now: LEASE };
    let turn = away(None, begin(Opening::Settling)).on(reply.clone(), LEASE);
    assert_eq!(turn, Turn::Over { outcome: Outcome::Unavailable, adopt: Some(None), undo: None });
    let turn = away(settling_claim(), settled(Some(LEASE))).on(reply, LEASE);
    assert_eq!(turn, Turn::Over { outcome: Outcome::Unavailable, adopt: None, undo: None });
    let settling = Op::Settling { attempt: OWN, lease: LEASE, amount: None, settler: 1 };
    let turn = away(held(), settling).on(Reply::Late { now: LEASE }, LEASE);
    let undo = Some(Op::Release { attempt: OWN });
    assert_eq!(turn, Turn::Over { outcome: Outcome::Unavailable, adopt: None, undo }, "it is still held");
    let lease = |local, op| away(local, op).with_swap(1, NOW, |swap| swap.lease);
    assert_eq!(lease(settling_claim(), settled(Some(LEASE))), Some(LEASE));
    for (op, local, _) in ops(OWN) {
        assert_eq!(lease(local, op).is_some(), op.grants(), "{op:?}");
    }
}

/// So it is where the server ran the call, said that it had not, and was asked in full.
#[test]
fn what_was_written_by_an_earlier_try_is_over_as_soon() {
    for (op, local) in [(begin(Opening::Held), None), (begin(Opening::Nothing), redeem())] {
        for (heard, granted) in [(LEASE - 1, true), (LEASE, false)] {
            let Turn::Again(full) = away(local, op).on(Reply::Unscripted, NOW) else { panic!("{op:?}") };
            let current = full.with_swap(1, NOW, |swap| swap.next.map(str::to_owned));
            let turn = full.on(Reply::Differs { now: heard, current, open: Vec::new() }, heard);
            let Turn::Over { outcome, undo, .. } = turn else { panic!("{op:?}: {turn:?}") };
            assert_eq!(outcome != Outcome::Unavailable, granted, "{op:?}, heard at {heard}");
            assert_eq!(undo.is_none(), granted, "{op:?}, heard at {heard}");
        }
    }
}

/// What ends an attempt, or says what is known of it, holds however late it is written.
#[test]
fn an_end_is_never_too_late() {
    for (op, local, _) in ops(OWN) {
        if !op.grants() {
            let late = LEASE + 600;
            let turn = away(local, op).on(Reply::Written { now: late, payment: None }, late);
            assert!(
                matches!(turn, Turn::Over { outcome, .. } if outcome != Outcome::Unavailable),
                "{op:?}: {turn:?}"
            );
        }
    }
    let late = LEASE + 600;
    let turn = away(settling_claim(), settled(None)).on(Reply::Written { now: late, payment: None }, late);
    assert!(matches!(turn, Turn::Over { outcome: Outcome::Lost, .. }), "a success is a success: {turn:?}");
}

/// One payment, one delivery: whoever was granted it late finds it as it stands, and whoever comes next has
/// it alone.
#[test]
fn what_was_granted_late_is_had_once() {
    let (mut store, late) = (settling_claim(), LEASE + 600);
    let grant = away(settling_claim(), settled(Some(LEASE)));
    arrive(&mut store, &grant);
    let Turn::Over { outcome, .. } = grant.on(Reply::Written { now: late, payment: None }, late) else {
        panic!()
    };
    assert_eq!(outcome, Outcome::Unavailable);
    assert_eq!(store.and_then(|claim| claim.at(late)).map(|claim| claim.state), Some(State::Taken));
    let again = Claim::apply(store.and_then(|claim| claim.at(late)), &settled(Some(late + 15)), late);
    assert_eq!(again.1, Outcome::Lost, "the settlement asks once more");
    let Op::Begin(terms) = begin(Opening::Nothing) else { panic!("no begin") };
    let next = Op::Begin(Begin { attempt: Attempt(8), lease: late + 15, ..terms });
    let outcome = Claim::apply(store.and_then(|claim| claim.at(late)), &next, late).1;
    assert!(matches!(outcome, Outcome::Redeem(_)), "{outcome:?}");
}
