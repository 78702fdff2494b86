//! A payment used up in favour of another; who was asked; who waits; what is owed.

use super::*;

fn put(current: Claim, op: &Op) -> Claim {
    let (Next::Put(claim), _) = Claim::apply(Some(current), op, NOW) else { panic!("{op:?} on {current:?}") };
    claim
}

#[test]
fn a_credited_authorisation_is_never_asked_for_again_whoever_tries() {
    let credited = put(claim(State::Held), &Op::Credit { attempt: OWNER, nonce: STANDS });
    assert_eq!((credited.state, credited.asks, credited.settler), (State::Credited, 0, 0));
    for attempt in [OWNER, STRANGER, NEWCOMER] {
        let ops = [
            Op::Settling { attempt, lease: LONGER, amount: None, settler: SETTLER },
            Op::Move { attempt, lease: LONGER, settler: SETTLER },
            Op::Renew { attempt, lease: LONGER },
            Op::Release { attempt },
            Op::Waive { attempt },
            Op::Disprove { attempt },
            Op::Credit { attempt, nonce: [1; 32] },
            settled(attempt, Some(LONGER)),
        ];
        for op in ops {
            assert_eq!(Claim::apply(Some(credited), &op, NOW), (Next::Keep, Outcome::Lost), "{op:?}");
        }
    }
    for opening in [Opening::Held, Opening::Settling, Opening::Nothing] {
        for vouched in [false, true] {
            let op = Op::Begin(Begin { vouched, ..begin(opening) });
            let expected = (Next::Keep, Outcome::Credited(STANDS));
            assert_eq!(Claim::apply(Some(credited), &op, NOW), expected, "{opening:?} {vouched}");
        }
    }
    // It outlives what was signed, whatever clock the chain goes by.
    let end = credited.valid_before + CLOCK_SKEW_SECONDS;
    assert!(credited.at(end - 1).is_some() && credited.at(end).is_none());
}

#[test]
fn only_what_was_never_asked_for_can_be_credited() {
    for state in State::ALL {
        let (next, outcome) =
            Claim::apply(Some(claim(state)), &Op::Credit { attempt: OWNER, nonce: STANDS }, NOW);
        assert_eq!(
            (outcome == Outcome::Done, next == Next::Keep),
            (state == State::Held, state != State::Held)
        );
    }
}

#[test]
fn a_presenter_who_is_not_vouched_for_gets_nothing_bought_elsewhere() {
    let other = Begin { binding: Binding([8; 16]), ..begin(Opening::Nothing) };
    for state in [State::Taken, State::Unknown, State::Credited] {
        let (next, outcome) = Claim::apply(Some(claim(state)), &Op::Begin(other), NOW);
        let expected = match state {
            // What it was used up for decides, and is bound itself.
            State::Credited => Outcome::CreditedElsewhere(STANDS),
            state => Outcome::Elsewhere(state),
        };
        assert_eq!((next, outcome), (Next::Keep, expected));
        let vouched = Op::Begin(Begin { vouched: true, ..other });
        let (next, _) = Claim::apply(Some(claim(state)), &vouched, NOW);
        if let Next::Put(after) = next {
            assert_eq!(after.binding, Binding([7; 16]), "{state:?}: it stays what it was begun for");
        }
    }
}

#[test]
fn an_open_claim_stays_with_whoever_was_asked() {
    let asked = put(
        claim(State::Held),
        &Op::Settling { attempt: OWNER, lease: LEASE, amount: None, settler: SETTLER },
    );
    assert_eq!(asked.settler, SETTLER);
    // Another policy names another facilitator first: the open claim does not follow.
    let mut open = put(asked, &Op::Unknown { attempt: OWNER });
    for _ in 0..3 {
        let lease = open.lease + 1;
        let again = Op::Begin(Begin { settler: OTHER_SETTLER, lease, ..begin(Opening::Settling) });
        let resolving = put(open, &again);
        assert_eq!((resolving.state, resolving.settler), (State::Settling, SETTLER));
        open = put(resolving, &Op::Release { attempt: NEWCOMER });
        assert_eq!((open.state, open.settler), (State::Unknown, SETTLER));
        let moved = Op::Move { attempt: NEWCOMER, lease: LONGER, settler: OTHER_SETTLER };
        assert_eq!(
            Claim::apply(Some(open), &moved, NOW),
            (Next::Keep, Outcome::Lost),
            "not while it is open"
        );
    }
    let moved = put(asked, &Op::Move { attempt: OWNER, lease: LONGER, settler: OTHER_SETTLER });
    assert_eq!((moved.settler, moved.lease, moved.asks), (OTHER_SETTLER, LONGER, 1), "and is one ask still");
}

#[test]
fn an_orphan_is_one_until_somebody_asks_again() {
    let orphan = put(claim(State::Settling), &Op::Orphan { attempt: OWNER });
    assert!(orphan.orphan);
    let renewed = put(orphan, &Op::Renew { attempt: OWNER, lease: LONGER });
    assert!(renewed.orphan, "nobody came back");
    let lapsed = orphan.at(LEASE).unwrap();
    let begin = Begin { lease: LEASE + 30, ..begin(Opening::Nothing) };
    let (Next::Put(again), Outcome::Resolve(None)) = Claim::apply(Some(lapsed), &Op::Begin(begin), LEASE)
    else {
        panic!()
    };
    assert!(!again.orphan, "somebody waits again");
}

#[test]
fn what_is_asked_about_again_is_waited_for_and_not_paid_again() {
    let orphan = put(claim(State::Settling), &Op::Orphan { attempt: OWNER });
    let asked_again = put(claim(State::Unknown), &Op::Begin(begin(Opening::Nothing)));
    for current in [orphan, asked_again] {
        assert_eq!(current.owes(), Owes::Patience);
        for opening in [Opening::Held, Opening::Settling, Opening::Nothing] {
            let (next, outcome) = Claim::apply(Some(current), &Op::Begin(begin(opening)), NOW);
            assert_eq!((next, outcome), (Next::Keep, Outcome::Awaited), "{opening:?}");
        }
    }
}

#[test]
fn what_a_claim_owes_its_wallet() {
    let owes = |state| claim(state).owes();
    assert_eq!(owes(State::Taken), Owes::Content);
    assert_eq!(owes(State::Unknown), Owes::Answer);
    for state in [State::Held, State::Settling, State::Redeeming, State::Delivered, State::Credited] {
        assert_eq!(owes(state), Owes::Nothing, "{state:?}");
        let orphan = Claim { orphan: true, ..claim(state) };
        let expected = if state == State::Settling { Owes::Patience } else { Owes::Nothing };
        assert_eq!(orphan.owes(), expected, "{state:?}");
        // Its outcome was open before it was asked about again: it may have been paid.
        let again = Claim { asks: 2, ..claim(state) };
        assert_eq!(again.owes(), expected, "{state:?}, asked again");
    }
    for redeems in 0..=u8::MAX {
        let taken = Claim { redeems, ..claim(State::Taken) };
        let expected = if redeems < MAX_REDEEMS { Owes::Content } else { Owes::Nothing };
        assert_eq!(taken.owes(), expected, "after {redeems} redemptions");
    }
    // As time shows it: a lapsed lease makes the safe state owe.
    assert_eq!(claim(State::Settling).at(LEASE).map(|claim| claim.owes()), Some(Owes::Answer));
    assert_eq!(claim(State::Redeeming).at(LEASE).map(|claim| claim.owes()), Some(Owes::Content));
}

#[test]
fn what_is_disproven_may_be_begun_again_and_what_is_cancelled_may_not() {
    for state in [State::Settling, State::Unknown] {
        let current = Claim { asks: 9, amount: Some(Amount::from_u64(5)), ..claim(state) };
        let gone = Claim::apply(Some(current), &Op::Disprove { attempt: OWNER }, NOW);
        assert_eq!(gone, (Next::Remove, Outcome::Done), "however often it was asked for");
        let cancelled = put(current, &Op::Cancel { attempt: OWNER });
        let (next, outcome) = Claim::apply(Some(cancelled), &Op::Begin(begin(Opening::Held)), NOW);
        assert_eq!((next, outcome), (Next::Keep, Outcome::Delivered(Paid::NOTHING)));
    }
    for state in [State::Held, State::Taken, State::Redeeming, State::Delivered, State::Credited] {
        for op in [Op::Disprove { attempt: OWNER }, Op::Cancel { attempt: OWNER }] {
            let kept = Claim::apply(Some(claim(state)), &op, NOW);
            assert_eq!(
                kept,
                (Next::Keep, Outcome::Lost),
                "{op:?} on {state:?}: the money moved, or nothing did"
            );
        }
    }
}

/// A redirect is no try, three times; then it is what was bought.
#[test]
fn redirects_come_to_an_end() {
    let lead = Op::Lead { attempt: NEWCOMER, binding: LED };
    let failed = Op::Undelivered { attempt: NEWCOMER };
    let vouched = Op::Begin(Begin { vouched: true, ..begin(Opening::Nothing) });
    for before in 0..MAX_REDEEMS {
        let mut current = Claim { redeems: before, asks: 0, ..claim(State::Taken) };
        let (mut led, mut tries) = (0, 0);
        for _ in 0..20 {
            let (Next::Put(redeeming), _) = Claim::apply(Some(current), &vouched, NOW) else { break };
            let leads = redeeming.may_be_led();
            (led, tries) = if leads { (led + 1, tries) } else { (led, tries + 1) };
            let op = if leads { &lead } else { &failed };
            let (Next::Put(taken), Outcome::Done) = Claim::apply(Some(redeeming), op, NOW) else { panic!() };
            current = taken;
        }
        assert_eq!((led, tries), (3, MAX_REDEEMS - before), "after {before} tries");
    }
}
