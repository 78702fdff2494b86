//! What is asked for when it is not what was signed, and what is used up without money.

use super::*;

fn five() -> Amount {
    Amount::from_u64(5)
}

/// More than fits beside a transaction.
fn vast() -> Amount {
    Amount::from_be_bytes([1; 32])
}

fn put(current: Claim, op: &Op) -> Claim {
    let (Next::Put(claim), _) = Claim::apply(Some(current), op, NOW) else { panic!("{op:?} on {current:?}") };
    claim
}

fn asked(amount: Option<Amount>) -> Claim {
    put(claim(State::Held), &Op::Settling { attempt: OWNER, lease: LEASE, amount, settler: 77 })
}

#[test]
fn every_later_ask_repeats_the_first_whatever_happened_between() {
    for amount in [None, Some(five()), Some(vast())] {
        let mut current = asked(amount);
        for round in 0..5 {
            assert_eq!((current.state, current.amount), (State::Settling, amount), "{round}");
            let holder = current.attempt;
            current = match round % 3 {
                0 => put(current, &Op::Unknown { attempt: holder }),
                1 => Claim { asks: 2, ..current }.at(LONGER).unwrap(),
                _ => put(current, &Op::Release { attempt: holder }),
            };
            assert_eq!((current.state, current.amount), (State::Unknown, amount), "{round}");
            let again = Begin { lease: current.lease + 1, ..begin(Opening::Nothing) };
            let (next, outcome) = Claim::apply(Some(current), &Op::Begin(again), NOW);
            assert_eq!(outcome, Outcome::Resolve(amount));
            let Next::Put(again) = next else { panic!() };
            let changed = Op::Settling {
                attempt: NEWCOMER,
                lease: LEASE,
                amount: Some(Amount::from_u64(6)),
                settler: 77,
            };
            assert_eq!(Claim::apply(Some(again), &changed, NOW), (Next::Keep, Outcome::Lost), "not over it");
            current = again;
        }
    }
}

#[test]
fn a_claim_released_and_begun_again_forgets_what_was_asked() {
    let (next, _) = Claim::apply(Some(asked(Some(five()))), &Op::Release { attempt: OWNER }, NOW);
    assert_eq!(next, Next::Remove);
    let (Next::Put(anew), _) = Claim::apply(None, &Op::Begin(begin(Opening::Held)), NOW) else { panic!() };
    assert_eq!(anew.amount, None);
}

#[test]
fn what_was_settled_is_told_for_as_long_as_it_is_kept() {
    for (amount, kept) in
        [(None, None), (Some(five()), Some(five())), (Some(vast()), None), (Some(Amount::ZERO), None)]
    {
        let paid = Paid { transaction: Some(TOLD), amount: kept };
        for deliver in [None, Some(LONGER)] {
            let settled = put(asked(amount), &settled(OWNER, deliver));
            let taken = Claim { state: State::Taken, ..settled };
            let (next, outcome) = Claim::apply(Some(taken), &Op::Begin(begin(Opening::Nothing)), NOW);
            assert_eq!(outcome, Outcome::Redeem(paid));
            let Next::Put(redeeming) = next else { panic!() };
            assert_eq!(redeeming.amount, kept);
            let exhausted = Claim { redeems: MAX_REDEEMS, ..taken };
            let (_, outcome) = Claim::apply(Some(exhausted), &Op::Begin(begin(Opening::Nothing)), NOW);
            assert_eq!(outcome, Outcome::Exhausted(paid));
            let buried = put(redeeming, &Op::Delivered { attempt: NEWCOMER });
            let (_, outcome) = Claim::apply(Some(buried), &Op::Begin(begin(Opening::Nothing)), NOW);
            let told = Paid { amount: None, ..paid };
            assert_eq!(outcome, Outcome::Delivered(told), "a tombstone has no room for it");
        }
    }
}

#[test]
fn a_waived_payment_is_used_up_and_answers_that_nothing_was_charged() {
    let waived = put(claim(State::Held), &Op::Waive { attempt: OWNER });
    assert_eq!(waived.asks, 0, "nobody was asked");
    for opening in [Opening::Held, Opening::Settling, Opening::Nothing] {
        let (next, outcome) = Claim::apply(Some(waived), &Op::Begin(begin(opening)), NOW);
        assert_eq!((next, outcome), (Next::Keep, Outcome::Delivered(Paid::NOTHING)));
    }
    let last = waived.valid_before + CLOCK_SKEW_SECONDS - 1;
    assert!(waived.at(last).is_some() && waived.at(last + 1).is_none());
}

#[test]
fn a_void_claim_names_the_transaction_that_served_another() {
    for state in [State::Settling, State::Unknown] {
        let asked = Claim { amount: Some(five()), ..claim(state) };
        let void = put(asked, &Op::Void { attempt: OWNER, transaction: TOLD });
        let (next, outcome) = Claim::apply(Some(void), &Op::Begin(begin(Opening::Held)), NOW);
        let told = Paid { transaction: Some(TOLD), amount: None };
        assert_eq!((next, outcome), (Next::Keep, Outcome::Delivered(told)));
    }
}

#[test]
fn nothing_but_a_lapse_of_time_takes_a_mark_away() {
    let mark = |byte| Op::Mark { fingerprint: [byte; 32], expires: NOW + 50 };
    let (Next::Put(marked), Outcome::Granted) = Claim::apply(None, &mark(1), NOW) else { panic!() };
    assert_eq!(Claim::apply(Some(marked), &mark(1), NOW), (Next::Keep, Outcome::Present));
    let another = (Next::Keep, Outcome::Elsewhere(State::Delivered));
    assert_eq!(Claim::apply(Some(marked), &mark(2), NOW), another);
    for attempt in [Attempt(0), OWNER, STRANGER] {
        let ops = [
            Op::Settling { attempt, lease: LONGER, amount: None, settler: 77 },
            Op::Renew { attempt, lease: LONGER },
            Op::Release { attempt },
            Op::Unknown { attempt },
            Op::Delivered { attempt },
            Op::Undelivered { attempt },
            Op::Return { attempt },
            Op::Lead { attempt, binding: LED },
            Op::Waive { attempt },
            Op::Void { attempt, transaction: TOLD },
            Op::Move { attempt, lease: LONGER, settler: OTHER_SETTLER },
            Op::Orphan { attempt },
            Op::Suspect { attempt, since: SINCE },
            Op::Credit { attempt, nonce: STANDS },
            Op::Disprove { attempt },
            Op::Cancel { attempt },
        ];
        for op in ops {
            assert_eq!(Claim::apply(Some(marked), &op, NOW), (Next::Keep, Outcome::Lost), "{op:?}");
        }
    }
    assert!(marked.at(NOW + 49).is_some() && marked.at(NOW + 50).is_none());
}
