//! What no exchange does, in whatever state, whatever comes.

use super::*;

#[test]
fn what_is_held_is_what_is_not_paid_for() {
    for state in states() {
        use Exchange as E;
        let (request, response, leases) = match state {
            E::Opening(_) | E::Screening(_) => (true, false, false),
            E::Reserving(..) | E::Crediting { .. } | E::Pledging(_) => (true, false, true),
            E::Verifying(_) | E::Refusing(_) | E::Arming | E::Paying(_) => (true, false, true),
            // The claim was given back, or is about to be.
            E::Fencing { worth: false, .. } => (false, true, false),
            E::Withholding(Short(_)) => (false, true, false),
            E::Closing { .. } | E::Collecting { .. } | E::Waiving | E::Withholding(_) | E::Fencing { .. } => {
                (false, true, true)
            }
            E::Working { .. } | E::Delivering { worth: true } => (false, false, true),
            E::Over | E::Delivering { worth: false } => (false, false, false),
        };
        let holds = (state.holds_request(), state.holds_response(), state.leases());
        assert_eq!(holds, (request, response, leases), "{state:?}");
    }
}

#[test]
fn the_client_hears_at_most_one_answer_whatever_comes() {
    let answers = |effects: Effects| {
        let all = effects.into_iter().flatten();
        all.filter(|e| matches!(e, Deny(_) | Release(_) | PassUnpaid)).count()
    };
    for from in states() {
        for first in events() {
            let (to, effects) = from.on(first);
            let heard = answers(effects);
            assert!(heard <= 1);
            if heard == 1 {
                for second in events() {
                    assert_eq!(answers(to.on(second).1), 0, "{from:?}, {first:?}, {second:?}");
                }
            }
        }
    }
}

#[test]
fn no_failure_of_the_store_lets_anything_pass() {
    for from in states() {
        let (to, effects) = from.on(Event::Claim(Outcome::Unavailable));
        assert!(
            !effects.into_iter().flatten().any(|e| matches!(e, Forward | Release(_) | PassUnpaid | Ask(_))),
            "{from:?}"
        );
        let denied =
            effects.into_iter().flatten().find_map(|e| if let Deny(why) = e { Some(why) } else { None });
        assert!(to == from || denied == Some(Denial::StoreDown), "{from:?}: {denied:?}");
    }
}

#[test]
fn no_claim_is_touched_for_a_signature_nobody_judged_yet() {
    for terms in [first(BEFORE), first(AFTER)] {
        for event in events().into_iter().filter(|event| *event != Event::Verified(Verdict::Valid)) {
            let (to, effects) = Exchange::Screening(terms).on(event);
            let touched = effects
                .into_iter()
                .flatten()
                .any(|e| matches!(e, Forward | Ask(_)) || matches!(e, Claim(step) if step != Step::Peek));
            assert!(!touched && !matches!(to, Exchange::Opening(_)), "{event:?}");
        }
    }
}

#[test]
fn only_a_waived_response_is_released_without_a_settlement() {
    for from in states() {
        for event in events() {
            let (_, effects) = from.on(event);
            let free = effects.into_iter().flatten().any(|e| e == Release(Paid::NOTHING));
            let waived = (from, event) == (Exchange::Waiving, Event::Claim(Outcome::Done));
            assert_eq!(free, waived, "{from:?} on {event:?}");
        }
    }
}

/// Whatever comes after it, of the stream and of the store that is told.
#[test]
fn what_has_begun_is_delivered_once() {
    let delivering = Exchange::Delivering { worth: true };
    let (begun, effects) = delivering.on(Event::Begun);
    assert_eq!(effects, [Some(Claim(Step::Delivered)), None]);
    let heard = [Outcome::Done, Outcome::Lost, Outcome::Unavailable].map(Event::Claim);
    for event in ENDS.into_iter().chain(RESPONSES).chain(heard).chain([Event::Begun]) {
        assert_eq!(begun.on(event), (begun, [None, None]), "{event:?}");
    }
    for state in states().into_iter().filter(|state| *state != delivering) {
        assert_eq!(state.on(Event::Begun), (state, [None, None]), "nothing begins before it was let go");
    }
}
