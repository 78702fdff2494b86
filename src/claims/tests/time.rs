//! What time does to a claim: lapsed leases, and how long a record is remembered.

use super::*;

const TOMBSTONE: UnixSeconds = NOW + 60 + CLOCK_SKEW_SECONDS;

#[test]
fn a_lapsed_lease_turns_each_state_into_the_safe_one() {
    let lapsed = |state| Claim { lease: NOW, ..claim(state) }.at(NOW).map(|c| c.state);
    assert_eq!(lapsed(State::Held), None, "nothing was asked for");
    assert_eq!(lapsed(State::Settling), Some(State::Unknown), "the call may have left");
    assert_eq!(lapsed(State::Redeeming), Some(State::Taken), "the money moved, the delivery did not end");
    for state in [State::Taken, State::Delivered, State::Unknown, State::Credited] {
        assert_eq!(lapsed(state), Some(state), "has no lease");
    }
}

#[test]
fn a_live_lease_changes_nothing() {
    for state in State::ALL {
        let live = Claim { lease: NOW + 1, ..claim(state) };
        assert_eq!(live.at(NOW), Some(live));
    }
}

#[test]
fn a_lapse_changes_the_state_and_nothing_else() {
    for state in State::ALL {
        let Some(seen) = claim(state).at(LEASE) else { continue };
        assert_eq!(Claim { state, ..seen }, claim(state));
    }
}

#[test]
fn an_expired_claim_is_over_in_every_state() {
    for state in State::ALL {
        let expiring = Claim { expires: NOW + 10, ..claim(state) };
        assert!(expiring.at(NOW + 9).is_some(), "{state:?} until its end");
        assert_eq!(expiring.at(NOW + 10), None, "{state:?} from its end on");
    }
}

/// When the record written by an op is forgotten.
fn forgotten(current: Option<Claim>, op: &Op) -> UnixSeconds {
    let (Next::Put(claim), _) = Claim::apply(current, op, NOW) else { panic!("{op:?} on {current:?}") };
    claim.expires
}

#[test]
fn each_state_is_remembered_for_as_long_as_it_matters() {
    let opened = |opening| forgotten(None, &Op::Begin(begin(opening)));
    assert_eq!(opened(Opening::Held), LONGER, "held: as long as its lease");
    assert_eq!(opened(Opening::Settling), LONGER + 1_800, "settling: the lease, then as unknown");
    assert_eq!(forgotten(None, &settled(OWNER, None)), LONGER + 1_800, "taken by a late answer");
    let on = |state, op: Op| forgotten(Some(claim(state)), &op);
    let (attempt, lease) = (OWNER, LONGER);
    assert_eq!(on(State::Held, Op::Renew { attempt, lease }), LONGER);
    assert_eq!(on(State::Held, Op::Settling { attempt, lease, amount: None, settler: 77 }), LONGER + 3_600);
    assert_eq!(on(State::Held, Op::Waive { attempt }), TOMBSTONE, "waived: used up like delivered");
    for state in [State::Settling, State::Unknown] {
        assert_eq!(on(state, Op::Void { attempt, transaction: TOLD }), TOMBSTONE, "void");
        assert_eq!(on(state, Op::Cancel { attempt }), TOMBSTONE, "cancelled");
    }
    assert_eq!(on(State::Held, Op::Credit { attempt, nonce: STANDS }), TOMBSTONE, "credited");
    let moved = Op::Move { attempt, lease, settler: OTHER_SETTLER };
    assert_eq!(on(State::Settling, moved), LONGER + 3_600, "asked of another");
    assert_eq!(on(State::Settling, Op::Orphan { attempt }), NOW + 4_000, "as it was");
    assert_eq!(forgotten(None, &Op::Mark { fingerprint: [1; 32], expires: NOW + 7 }), NOW + 7);
    assert_eq!(on(State::Settling, Op::Renew { attempt, lease }), LONGER + 3_600);
    assert_eq!(on(State::Settling, settled(OWNER, Some(lease))), LONGER + 3_600, "redeeming");
    assert_eq!(on(State::Settling, settled(OWNER, None)), LEASE + 3_600, "taken");
    assert_eq!(on(State::Settling, Op::Unknown { attempt }), LEASE + 3_600, "unknown");
    assert_eq!(on(State::Unknown, Op::Begin(begin(Opening::Nothing))), LONGER + 3_600, "asked again");
    assert_eq!(on(State::Taken, Op::Begin(begin(Opening::Nothing))), LONGER + 3_600, "redeemed");
    assert_eq!(on(State::Taken, Op::Renew { attempt, lease }), LONGER + 3_600, "taken up again");
    assert_eq!(on(State::Redeeming, Op::Undelivered { attempt }), LEASE + 3_600);
    assert_eq!(on(State::Redeeming, Op::Return { attempt }), LEASE + 3_600);
    assert_eq!(on(State::Redeeming, Op::Lead { attempt, binding: LED }), LEASE + 3_600);
    assert_eq!(
        on(State::Redeeming, Op::Delivered { attempt }),
        TOMBSTONE,
        "delivered: until nobody can replay it"
    );
    assert_eq!(on(State::Taken, Op::Delivered { attempt }), TOMBSTONE);
}

#[test]
fn nothing_that_took_money_is_forgotten_while_the_authorisation_can_be_presented() {
    let brief = |state| Claim { redeem_for: 0, ..claim(state) };
    let ops = [
        settled(OWNER, Some(LONGER)),
        settled(STRANGER, None),
        Op::Unknown { attempt: OWNER },
        Op::Delivered { attempt: OWNER },
        Op::Undelivered { attempt: OWNER },
        Op::Return { attempt: OWNER },
        Op::Lead { attempt: OWNER, binding: LED },
        Op::Renew { attempt: OWNER, lease: LONGER },
        Op::Begin(begin(Opening::Nothing)),
        Op::Settling { attempt: OWNER, lease: LONGER, amount: None, settler: 77 },
        Op::Waive { attempt: OWNER },
        Op::Void { attempt: OWNER, transaction: TOLD },
        Op::Move { attempt: OWNER, lease: LONGER, settler: OTHER_SETTLER },
        Op::Credit { attempt: OWNER, nonce: STANDS },
        Op::Cancel { attempt: OWNER },
    ];
    for state in State::ALL {
        for op in ops {
            let (Next::Put(after), _) = Claim::apply(Some(brief(state)), &op, NOW) else { continue };
            if after.state != State::Held {
                assert!(after.expires >= TOMBSTONE, "{state:?} {op:?}: {after:?}");
            }
        }
    }
}

#[test]
fn no_claim_in_flight_is_forgotten_before_its_lease() {
    // A short `redeemFor` and an authorisation about to end, under an exchange that takes long.
    let late = LEASE + 3_600;
    let brief = |state| Claim { redeem_for: 1, valid_before: NOW, ..claim(state) };
    let terms = Begin { redeem_for: 1, valid_before: NOW, lease: late, ..begin(Opening::Settling) };
    let ops = [
        Op::Begin(terms),
        Op::Settling { attempt: OWNER, lease: late, amount: None, settler: 77 },
        Op::Renew { attempt: OWNER, lease: late },
        Op::Move { attempt: OWNER, lease: late, settler: OTHER_SETTLER },
        settled(OWNER, Some(late)),
    ];
    for op in ops {
        for current in std::iter::once(None).chain(State::ALL.map(|state| Some(brief(state)))) {
            let (Next::Put(after), _) = Claim::apply(current, &op, NOW) else { continue };
            if matches!(after.state, State::Held | State::Settling | State::Redeeming) {
                assert!(after.expires >= after.lease, "{op:?} on {current:?}");
            }
        }
    }
}

#[test]
fn a_renewal_never_shortens_a_lease() {
    for state in [State::Held, State::Settling, State::Redeeming] {
        let shorter = Op::Renew { attempt: OWNER, lease: NOW + 1 };
        let (Next::Put(after), _) = Claim::apply(Some(claim(state)), &shorter, NOW) else { panic!() };
        assert_eq!(after.lease, LEASE, "{state:?}");
    }
}

#[test]
fn a_holder_that_stalled_takes_its_delivery_up_again_only_while_nobody_else_came() {
    let stalled = claim(State::Redeeming).at(LEASE).unwrap();
    let renew = Op::Renew { attempt: OWNER, lease: LEASE + 30 };
    let (Next::Put(again), Outcome::Done) = Claim::apply(Some(stalled), &renew, LEASE) else { panic!() };
    assert_eq!(
        (again.state, again.lease, again.redeems),
        (State::Redeeming, LEASE + 30, 1),
        "not another try"
    );

    let begin = Begin { lease: LEASE + 30, ..begin(Opening::Nothing) };
    let (Next::Put(taken_over), Outcome::Redeem(_)) = Claim::apply(Some(stalled), &Op::Begin(begin), LEASE)
    else {
        panic!()
    };
    assert_eq!(Claim::apply(Some(taken_over), &renew, LEASE), (Next::Keep, Outcome::Lost));
}

#[test]
fn an_answer_after_the_lease_still_decides_for_the_attempt_that_asked() {
    let lapsed = claim(State::Settling).at(LEASE).unwrap();
    assert_eq!(lapsed.state, State::Unknown);
    let (next, outcome) = Claim::apply(Some(lapsed), &settled(OWNER, Some(LEASE + 30)), LEASE);
    assert!(matches!(next, Next::Put(Claim { state: State::Redeeming, .. })), "{next:?}");
    assert_eq!(outcome, Outcome::Deliver);
    let (next, outcome) = Claim::apply(Some(lapsed), &Op::Release { attempt: OWNER }, LEASE);
    assert_eq!((next, outcome), (Next::Remove, Outcome::Done), "a certain no to the only ask");
}

#[test]
fn a_late_success_overtakes_whoever_asks_again_and_both_hands_off() {
    let unknown = claim(State::Settling).at(LEASE).unwrap();
    let again = Begin { lease: LEASE + 30, ..begin(Opening::Nothing) };
    let (Next::Put(asking), Outcome::Resolve(None)) = Claim::apply(Some(unknown), &Op::Begin(again), LEASE)
    else {
        panic!()
    };
    let late = settled(OWNER, Some(LEASE + 30));
    let (Next::Put(taken), Outcome::Lost) = Claim::apply(Some(asking), &late, LEASE) else { panic!() };
    assert_eq!((taken.state, taken.transaction), (State::Taken, Some(TOLD)), "knowledge is added");
    // Nor taken up by the renewal of who asks again: he hears that it is lost, and would leave it
    // redeeming for nobody until its lease is over, while the wallet's next payment is charged.
    let renewal = Op::Renew { attempt: NEWCOMER, lease: LEASE + 60 };
    for op in [Op::Release { attempt: NEWCOMER }, Op::Unknown { attempt: NEWCOMER }, renewal] {
        let (next, outcome) = Claim::apply(Some(taken), &op, LEASE);
        assert_eq!((next, outcome), (Next::Keep, Outcome::Lost), "and never taken away: {op:?}");
    }
}

#[test]
fn the_end_of_time_does_not_wrap() {
    let forever =
        Begin { valid_before: u64::MAX, redeem_for: u32::MAX, lease: u64::MAX, ..begin(Opening::Settling) };
    assert_eq!(forgotten(None, &Op::Begin(forever)), u64::MAX);
}
