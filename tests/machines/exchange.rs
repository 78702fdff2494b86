//! The exchange.

use x402_proxy_wasm::config::Settle;
use x402_proxy_wasm::exchange::Denial::{
    AlreadyUsed, Elsewhere, Exhausted, FacilitatorDown, Full, InFlight, Mismatch, Pending, Rejected,
    StoreDown, Unverified,
};
use x402_proxy_wasm::exchange::Effect::{
    Claim, Deny, Forward, Leave, PassUnpaid, Release, Settle as Ask, Verify,
};
use x402_proxy_wasm::exchange::{Denial, Effect, Effects, Event, Exchange, Paid, Settled, Step, Terms};
use x402_proxy_wasm::facilitator::Verdict;

use super::*;

const BEFORE: Terms = Terms { settle: Settle::Before, verify: false };
const AFTER: Terms = Terms { settle: Settle::After, verify: false };
const PAID: Paid = Paid(Some(TX));
const ENDS: [Event; 2] = [Event::End { clean: false }, Event::End { clean: true }];
const RESPONSES: [Event; 2] = [Event::Response { charges: false }, Event::Response { charges: true }];

fn verify(terms: Terms) -> Terms {
    Terms { verify: true, ..terms }
}

fn events() -> Vec<Event> {
    let settled = [
        Settled::Paid(TX),
        Settled::Rejected(REASON),
        Settled::NotSent,
        Settled::Unknown,
        Settled::Superseded,
    ];
    let verdicts = [Verdict::Valid, Verdict::Invalid(REASON), Verdict::Unavailable];
    let mut events = [ENDS, RESPONSES].concat();
    events.extend(OUTCOMES.map(Event::Claim));
    events.extend(verdicts.map(Event::Verified));
    events.extend(settled.map(Event::Settled));
    events
}

/// A state, the events that move it, where to, and what is done.
type Row = (Exchange, Vec<Event>, Exchange, Effects);

fn row(from: Exchange, on: &[Event], to: Exchange, effects: &[Effect]) -> Row {
    let effects = [effects.first().copied(), effects.get(1).copied()];
    (from, on.to_vec(), to, effects)
}

fn over(from: Exchange, on: &[Event], effects: &[Effect]) -> Row {
    row(from, on, Exchange::Over, effects)
}

fn claims(outcomes: &[Outcome]) -> Vec<Event> {
    outcomes.iter().copied().map(Event::Claim).collect()
}

fn opening(terms: Terms) -> Vec<Row> {
    let from = Exchange::Opening(terms);
    let at = |outcome| [Event::Claim(outcome)];
    let denied = |outcome, denial| over(from, &at(outcome), &[Deny(denial)]);
    let redeem = |paid| {
        row(from, &at(Outcome::Redeem(paid)), Exchange::Working { paid: Some(Paid(paid)) }, &[Forward])
    };
    let granted = match terms {
        Terms { verify: true, .. } => row(from, &at(Outcome::Granted), Exchange::Verifying(terms), &[Verify]),
        Terms { settle: Settle::Before, .. } => row(from, &at(Outcome::Granted), Exchange::Paying, &[Ask]),
        Terms { settle: Settle::After, .. } => {
            row(from, &at(Outcome::Granted), Exchange::Working { paid: None }, &[Forward])
        }
    };
    let mut rows = vec![
        granted,
        row(from, &at(Outcome::Resolve), Exchange::Paying, &[Ask]),
        redeem(None),
        redeem(Some(TX)),
        denied(Outcome::InFlight, InFlight),
        denied(Outcome::Delivered(Some(TX)), AlreadyUsed(Some(TX))),
        denied(Outcome::Exhausted(Some(TX)), Exhausted(Some(TX))),
        denied(Outcome::Elsewhere(State::Taken), Elsewhere(State::Taken)),
        denied(Outcome::Absent, Mismatch),
        denied(Outcome::Full, Full),
        over(from, &[ENDS, RESPONSES].concat(), &[]),
    ];
    // What a begin never comes to reads as a store that cannot be trusted.
    for outcome in [
        Outcome::Unavailable,
        Outcome::Present,
        Outcome::Done,
        Outcome::Doubtful,
        Outcome::Deliver,
        Outcome::Lost,
    ] {
        rows.push(denied(outcome, StoreDown));
    }
    rows
}

/// A claim step that must be `Done`: what then, and what if it is ours no longer.
fn step(from: Exchange, done: Row) -> Vec<Row> {
    let lost = but(&[Outcome::Done, Outcome::Unavailable]);
    vec![done, over(from, &claims(&lost), &[Deny(InFlight)])]
}

fn done() -> [Event; 1] {
    [Event::Claim(Outcome::Done)]
}

fn down() -> [Event; 1] {
    [Event::Claim(Outcome::Unavailable)]
}

fn unpaid(from: Exchange) -> Vec<Row> {
    let told = |settled, denial| over(from, &[Event::Settled(settled)], &[Deny(denial)]);
    vec![
        told(Settled::Rejected(REASON), Rejected(REASON)),
        told(Settled::NotSent, FacilitatorDown),
        told(Settled::Unknown, Pending),
        told(Settled::Superseded, InFlight),
    ]
}

fn before_the_upstream() -> Vec<Row> {
    use Exchange::{Arming, Paying, Refusing, Verifying};
    let gone = [ENDS, RESPONSES].concat();
    let mut rows = Vec::new();
    for terms in [verify(BEFORE), verify(AFTER)] {
        let (from, release) = (Verifying(terms), [Claim(Step::Release)]);
        let (passed, effect) = match terms.settle {
            Settle::Before => (Arming, Claim(Step::Settling)),
            Settle::After => (Exchange::Working { paid: None }, Forward),
        };
        rows.push(row(from, &[Event::Verified(Verdict::Valid)], passed, &[effect]));
        let invalid = Event::Verified(Verdict::Invalid(REASON));
        rows.push(row(from, &[invalid], Refusing(Unverified(REASON)), &release));
        rows.push(row(from, &[Event::Verified(Verdict::Unavailable)], Refusing(FacilitatorDown), &release));
        rows.push(over(from, &gone, &release));
    }
    for denial in [Unverified(REASON), FacilitatorDown] {
        let from = Refusing(denial);
        rows.extend(step(from, over(from, &done(), &[Deny(denial)])));
        rows.push(over(from, &down(), &[Deny(StoreDown)]));
        rows.push(over(from, &gone, &[]));
    }
    rows.extend(step(Arming, row(Arming, &done(), Paying, &[Ask])));
    rows.push(over(Arming, &down(), &[Deny(StoreDown)]));
    rows.push(over(Arming, &gone, &[Claim(Step::Release)]));
    let paid = Exchange::Working { paid: Some(PAID) };
    rows.push(row(Paying, &[Event::Settled(Settled::Paid(TX))], paid, &[Forward]));
    rows.extend(unpaid(Paying));
    rows.push(over(Paying, &gone, &[Leave]));
    rows
}

fn after_the_upstream() -> Vec<Row> {
    use Exchange::{Closing, Collecting, Delivering, Fencing, Over, Working};
    let give_back = [Claim(Step::Undelivered)];
    let held = Working { paid: None };
    let mut rows = vec![
        row(held, &[Event::Response { charges: true }], Closing, &[Claim(Step::Settling)]),
        over(held, &[Event::Response { charges: false }], &[Claim(Step::Release), PassUnpaid]),
        over(held, &ENDS, &[Claim(Step::Release)]),
        over(Closing, &down(), &[Deny(StoreDown)]),
        over(Closing, &ENDS, &[Claim(Step::Release)]),
        row(Collecting, &[Event::Settled(Settled::Paid(TX))], Delivering { worth: true }, &[Release(PAID)]),
        over(Collecting, &ENDS, &[Leave]),
        over(Over, &[Event::Settled(Settled::Paid(TX))], &give_back),
    ];
    rows.extend(step(Closing, row(Closing, &done(), Collecting, &[Ask])));
    rows.extend(unpaid(Collecting));
    for paid in [PAID, Paid(None)] {
        rows.push(over(Working { paid: Some(paid) }, &ENDS, &give_back));
        for worth in [false, true] {
            let (from, response) = (Fencing { paid, worth }, Event::Response { charges: worth });
            rows.push(row(Working { paid: Some(paid) }, &[response], from, &[Claim(Step::Renew)]));
            rows.extend(step(from, row(from, &done(), Delivering { worth }, &[Release(paid)])));
            rows.push(over(from, &down(), &[Claim(Step::Undelivered), Deny(StoreDown)]));
            rows.push(over(from, &ENDS, &give_back));
        }
    }
    let [unclean, clean] = ENDS;
    rows.push(over(Delivering { worth: true }, &[clean], &[Claim(Step::Delivered)]));
    rows.push(over(Delivering { worth: true }, &[unclean], &give_back));
    rows.push(over(Delivering { worth: false }, &ENDS, &give_back));
    rows
}

fn table() -> Vec<Row> {
    let terms = [BEFORE, AFTER, verify(BEFORE), verify(AFTER)];
    terms.into_iter().flat_map(opening).chain(before_the_upstream()).chain(after_the_upstream()).collect()
}

fn states() -> Vec<Exchange> {
    let mut states: Vec<Exchange> = Vec::new();
    for (from, ..) in table() {
        if !states.contains(&from) {
            states.push(from);
        }
    }
    states
}

#[test]
fn every_state_against_every_event() {
    let table = table();
    for from in states() {
        for event in events() {
            let mut rows = table.iter().filter(|(state, on, ..)| *state == from && on.contains(&event));
            let expected = rows.next().map_or((from, [None, None]), |(_, _, to, effects)| (*to, *effects));
            assert_eq!(from.on(event), expected, "{from:?} on {event:?}");
            assert!(rows.next().is_none(), "two rows for {from:?} on {event:?}");
        }
    }
}

#[test]
fn an_exchange_opens_by_presenting_its_payment() {
    let (machine, effects) = Exchange::open(BEFORE);
    assert_eq!((machine, effects), (Exchange::Opening(BEFORE), [Some(Claim(Step::Begin)), None]));
}

#[test]
fn what_is_held_is_what_is_not_paid_for() {
    for state in states() {
        use Exchange as E;
        let (request, response, leases) = match state {
            E::Opening(_) => (true, false, false),
            E::Verifying(_) | E::Refusing(_) | E::Arming | E::Paying => (true, false, true),
            E::Closing | E::Collecting | E::Fencing { .. } => (false, true, true),
            E::Working { .. } | E::Delivering { .. } => (false, false, true),
            E::Over => (false, false, false),
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
            !effects.into_iter().flatten().any(|e| matches!(e, Forward | Release(_) | PassUnpaid | Ask)),
            "{from:?}"
        );
        let denied =
            effects.into_iter().flatten().find_map(|e| if let Deny(why) = e { Some(why) } else { None });
        assert!(to == from || denied == Some(Denial::StoreDown), "{from:?}: {denied:?}");
    }
}
