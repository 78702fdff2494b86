//! The exchange.

use x402_proxy_wasm::config::Settle;
use x402_proxy_wasm::exchange::Denial::{
    AlreadyUsed, ChargeUnreadable, Elsewhere, Exhausted, FacilitatorDown, Full, InFlight, Mismatch, Pending,
    Rejected, Short, StoreDown, Unverified,
};
use x402_proxy_wasm::exchange::Effect::{
    Claim, Deny, Forward, Leave, PassUnpaid, Release, Settle as Ask, Verify,
};
use x402_proxy_wasm::exchange::{
    Charge, Check, Denial, Effect, Effects, Event, Exchange, Owed, Settled, Step, Terms,
};
use x402_proxy_wasm::facilitator::Verdict;

use super::*;

#[path = "credit.rs"]
mod credit;
#[path = "promises.rs"]
mod promises;

const BEFORE: Terms = Terms { settle: Settle::Before, check: Check::Local, fit: true, single: false };
const AFTER: Terms = Terms { settle: Settle::After, check: Check::Local, fit: true, single: false };
const ENDS: [Event; 2] = [Event::End { clean: false }, Event::End { clean: true }];
const RESPONSES: [Event; 9] = [
    Event::Response { charge: Charge::Nothing },
    Event::Response { charge: Charge::Onward(None) },
    Event::Response { charge: Charge::Onward(SOME) },
    Event::Response { charge: Charge::Full },
    Event::Response { charge: Charge::Metered(Amount::from_u64(3)) },
    Event::Response { charge: Charge::Metered(Amount::ZERO) },
    Event::Response { charge: Charge::Waived },
    Event::Response { charge: Charge::Unreadable },
    Event::Response { charge: Charge::Metered(DEARER) },
];
/// More than [`METERED`].
const DEARER: Amount = Amount::from_u64(4);

fn verify(terms: Terms) -> Terms {
    Terms { check: Check::Facilitator, ..terms }
}

fn first(terms: Terms) -> Terms {
    Terms { check: Check::First, ..terms }
}

fn events() -> Vec<Event> {
    let settled = [
        Settled::Paid(TX),
        Settled::Rejected(REASON),
        Settled::NotSent,
        Settled::Unknown,
        Settled::Superseded,
        Settled::Reused(TX),
    ];
    let verdicts = [Verdict::Valid, Verdict::Invalid(REASON), Verdict::Unavailable];
    let mut events = gone();
    events.push(Event::Begun);
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
    let redeem =
        |paid| row(from, &at(Outcome::Redeem(paid)), Exchange::Working { paid: Some(paid) }, &[Forward]);
    let granted = |to, effect| row(from, &at(Outcome::Granted), to, &[effect]);
    let granted = match (terms.check, terms.settle) {
        (Check::Facilitator, _) => granted(Exchange::Verifying(terms), Verify),
        (Check::Local, Settle::Before) => granted(Exchange::Paying(None), Ask(None)),
        (Check::Local, Settle::After) => granted(Exchange::Working { paid: None }, Forward),
        // Nothing was to be opened: what was granted all the same is not believed.
        (Check::First, _) => denied(Outcome::Granted, StoreDown),
    };
    let absent = match terms.check {
        Check::First => row(from, &at(Outcome::Absent), Exchange::Screening(terms), &[Verify]),
        Check::Local | Check::Facilitator => denied(Outcome::Absent, Mismatch),
    };
    let resolve = |amount| row(from, &at(Outcome::Resolve(amount)), Exchange::Paying(amount), &[Ask(amount)]);
    let mut rows = vec![
        granted,
        absent,
        resolve(None),
        resolve(SOME),
        redeem(UNNAMED),
        redeem(METERED),
        row(from, &at(Outcome::Owed(OTHER)), Exchange::Reserving(terms, OTHER), &[Claim(Step::Hold)]),
        row(from, &at(Outcome::Credited(OTHER)), credit::following(terms), &[Claim(Step::Credit(OTHER))]),
        row(
            from,
            &at(Outcome::CreditedElsewhere(OTHER)),
            credit::following(terms),
            &[Claim(Step::Follow(OTHER))],
        ),
        denied(Outcome::InFlight, InFlight),
        denied(Outcome::Awaited, InFlight),
        denied(Outcome::Delivered(PAID), AlreadyUsed(PAID)),
        denied(Outcome::Delivered(Paid::NOTHING), AlreadyUsed(Paid::NOTHING)),
        denied(Outcome::Exhausted(METERED), Exhausted(METERED)),
        denied(Outcome::Elsewhere(State::Taken), Elsewhere(State::Taken)),
        denied(Outcome::Full, Full),
        over(from, &gone(), &[]),
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
        told(Settled::Reused(TX), AlreadyUsed(PAID)),
    ]
}

/// The end, and a response to a request that was never forwarded.
fn gone() -> Vec<Event> {
    ENDS.into_iter().chain(RESPONSES).collect()
}

fn screening(terms: Terms) -> Vec<Row> {
    let from = Exchange::Screening(first(terms));
    let verified = |verdict| [Event::Verified(verdict)];
    let refused =
        |verdict, denial| row(from, &verified(verdict), Exchange::Refusing(denial), &[Claim(Step::Peek)]);
    vec![
        row(from, &verified(Verdict::Valid), Exchange::Opening(terms), &[Claim(Step::Begin)]),
        refused(Verdict::Invalid(REASON), Unverified(REASON)),
        refused(Verdict::Unavailable, FacilitatorDown),
        over(from, &gone(), &[]),
    ]
}

fn before_the_upstream() -> Vec<Row> {
    use Exchange::{Arming, Paying, Refusing, Verifying};
    let gone = gone();
    let mut rows = [BEFORE, AFTER].into_iter().flat_map(screening).collect::<Vec<_>>();
    for terms in [verify(BEFORE), verify(AFTER)] {
        let (from, release) = (Verifying(terms), [Claim(Step::Release)]);
        let (passed, effect) = match terms.settle {
            Settle::Before => (Arming, Claim(Step::Settling(None))),
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
        // Given up, or never begun; somebody else's is at work.
        rows.push(over(from, &claims(&[Outcome::Done, Outcome::Absent]), &[Deny(denial)]));
        let lost = but(&[Outcome::Done, Outcome::Absent, Outcome::Unavailable]);
        rows.push(over(from, &claims(&lost), &[Deny(InFlight)]));
        rows.push(over(from, &down(), &[Deny(StoreDown)]));
        rows.push(over(from, &gone, &[]));
    }
    rows.extend(step(Arming, row(Arming, &done(), Paying(None), &[Ask(None)])));
    rows.push(over(Arming, &down(), &[Deny(StoreDown)]));
    rows.push(over(Arming, &gone, &[Claim(Step::Release)]));
    for paid in [PAID, METERED] {
        let (from, to) = (Paying(paid.amount), Exchange::Working { paid: Some(paid) });
        rows.push(row(from, &[Event::Settled(Settled::Paid(TX))], to, &[Forward]));
        rows.extend(unpaid(from));
        rows.push(over(from, &gone, &[Leave]));
    }
    rows
}

/// A response that was not paid for yet, by what it costs.
fn priced() -> Vec<Row> {
    use Exchange::{Closing, Collecting, Delivering, Fencing, Waiving, Withholding, Working};
    let held = Working { paid: None };
    let [nothing, onward, partly_onward, full, metered, zero, waived, unreadable, dearer] = RESPONSES;
    let closes = |amount, worth| (Closing { amount, worth }, [Claim(Step::Settling(amount))]);
    let release = [Claim(Step::Release)];
    let mut rows = vec![
        over(held, &[nothing], &[Claim(Step::Release), PassUnpaid]),
        row(held, &[zero, waived], Waiving, &[Claim(Step::Waive)]),
        row(held, &[unreadable], Withholding(ChargeUnreadable), &release),
        over(held, &ENDS, &release),
    ];
    for (response, amount, worth) in [
        (full, None, true),
        (metered, SOME, true),
        (dearer, Some(DEARER), true),
        (onward, None, false),
        (partly_onward, SOME, false),
    ] {
        let (closing, effects) = closes(amount, worth);
        rows.push(row(held, &[response], closing, &effects));
    }
    for (paid, worth) in [PAID, METERED].into_iter().flat_map(|paid| [(paid, true), (paid, false)]) {
        let amount = paid.amount;
        let (closing, collecting) = (Closing { amount, worth }, Collecting { amount, worth });
        rows.extend(step(closing, row(closing, &done(), collecting, &[Ask(paid.amount)])));
        rows.push(over(closing, &down(), &[Deny(StoreDown)]));
        rows.push(over(closing, &ENDS, &release));
        let settled = [Event::Settled(Settled::Paid(TX))];
        let (then, effect) = match worth {
            true => (Delivering { worth }, Release(paid)),
            // What was paid is owed before anybody can follow the redirect.
            false => (Fencing { paid, worth }, Claim(Step::Undelivered)),
        };
        rows.push(row(collecting, &settled, then, &[effect]));
        rows.extend(unpaid(collecting));
        rows.push(over(collecting, &ENDS, &[Leave]));
    }
    for (from, effect) in [
        (Waiving, Release(Paid::NOTHING)),
        (Withholding(ChargeUnreadable), Deny(ChargeUnreadable)),
        (Withholding(Short(METERED)), Deny(Short(METERED))),
    ] {
        rows.extend(step(from, over(from, &done(), &[effect])));
        rows.push(over(from, &down(), &[Deny(StoreDown)]));
        // Nothing is owed: a waived authorisation is gone, a released one is free.
        rows.push(over(from, &ENDS, &[]));
    }
    rows
}

fn after_the_upstream() -> Vec<Row> {
    use Exchange::{Delivering, Fencing, Over, Withholding, Working};
    let give_back = [Claim(Step::Undelivered)];
    let mut rows = priced();
    rows.push(over(Over, &[Event::Settled(Settled::Paid(TX))], &give_back));
    // What is granted to an exchange that is over is given back.
    rows.push(over(Over, &claims(&[Outcome::Granted]), &[Claim(Step::Release)]));
    let granted = claims(&[Outcome::Redeem(UNNAMED), Outcome::Redeem(METERED)]);
    rows.push(over(Over, &granted, &[Claim(Step::Return)]));
    rows.push(over(Over, &claims(&[Outcome::Resolve(None), Outcome::Resolve(SOME)]), &[Claim(Step::Doubt)]));
    let [nothing, onward, partly_onward, worth_it @ .., dearer] = RESPONSES;
    for paid in [PAID, UNNAMED, METERED] {
        rows.push(over(Working { paid: Some(paid) }, &ENDS, &give_back));
        // What is known to be less than it costs does not buy it.
        let (to, next) = match paid.amount {
            Some(_) => (Withholding(Short(paid)), Step::Undelivered),
            None => (Fencing { paid, worth: true }, Step::Renew),
        };
        rows.push(row(Working { paid: Some(paid) }, &[dearer], to, &[Claim(next)]));
        for (worth, responses) in [(false, &[nothing, onward, partly_onward][..]), (true, &worth_it[..])] {
            let from = Fencing { paid, worth };
            let first = if worth { Step::Renew } else { Step::Undelivered };
            rows.push(row(Working { paid: Some(paid) }, responses, from, &[Claim(first)]));
            rows.extend(step(from, row(from, &done(), Delivering { worth }, &[Release(paid)])));
        }
        let (good, bad) = (Fencing { paid, worth: true }, Fencing { paid, worth: false });
        rows.push(over(good, &down(), &[Claim(Step::Return), Deny(StoreDown)]));
        rows.push(over(good, &ENDS, &give_back));
        rows.push(over(bad, &down(), &[Deny(StoreDown)]));
        rows.push(over(bad, &ENDS, &[]));
    }
    let [unclean, clean] = ENDS;
    rows.push(over(Delivering { worth: true }, &[clean, Event::Begun], &[Claim(Step::Delivered)]));
    rows.push(over(Delivering { worth: true }, &[unclean], &give_back));
    rows.push(over(Delivering { worth: false }, &ENDS, &[]));
    rows
}

/// Every kind of terms; what does not fit is [`Check::Local`], and more than may happen.
fn all_terms() -> Vec<Terms> {
    let checks = [|terms| terms, verify, first];
    let fit = checks.into_iter().flat_map(|check| [BEFORE, AFTER].map(check));
    let fit = fit.flat_map(|terms| [terms, Terms { single: true, ..terms }]);
    fit.flat_map(|terms| [terms, Terms { fit: false, ..terms }]).collect()
}

fn table() -> Vec<Row> {
    let opened = all_terms().into_iter().flat_map(opening);
    opened.chain(credit::rows()).chain(before_the_upstream()).chain(after_the_upstream()).collect()
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
    for terms in [BEFORE, AFTER, verify(BEFORE), verify(AFTER)] {
        let opened = Exchange::open(terms);
        assert_eq!(opened, (Exchange::Opening(terms), [Some(Claim(Step::Begin)), None]));
    }
    for terms in [first(BEFORE), first(AFTER)] {
        let opened = Exchange::open(terms);
        assert_eq!(opened, (Exchange::Opening(terms), [Some(Claim(Step::Look)), None]), "and opens nothing");
    }
}
