//! A wallet that is owed something presents another payment.

use super::*;

pub(super) fn following(terms: Terms) -> Exchange {
    Exchange::Crediting { terms, nonce: OTHER, pledged: true }
}

/// The payment was used up before: what it stands for decides as if it had been presented.
fn rows_of_following(terms: Terms) -> Vec<Row> {
    let from = following(terms);
    let own = [
        Outcome::Absent,
        Outcome::Granted,
        Outcome::Owed(OTHER),
        Outcome::Credited(OTHER),
        Outcome::CreditedElsewhere(OTHER),
    ];
    let mut rows = as_opening(terms, from, &own);
    // Nothing is owed any more, and the payment was never asked for: nobody pays for it again.
    rows.push(over(from, &claims(&[Outcome::Absent]), &[Deny(AlreadyUsed(Paid::NOTHING))]));
    rows.push(over(from, &claims(&own[1..]), &[Deny(StoreDown)]));
    rows.push(over(from, &gone(), &[]));
    rows
}

/// What an opening makes of every other claim outcome.
fn as_opening(terms: Terms, from: Exchange, own: &[Outcome]) -> Vec<Row> {
    let others = |event: &Event| matches!(event, Event::Claim(outcome) if !own.contains(outcome));
    let rows = opening(terms).into_iter();
    let rows = rows
        .map(|(_, on, to, effects)| (from, on.into_iter().filter(others).collect::<Vec<_>>(), to, effects));
    rows.filter(|(_, on, ..)| !on.is_empty()).collect()
}

fn reserving(terms: Terms) -> Vec<Row> {
    let from = Exchange::Reserving(terms, OTHER);
    let crediting = Exchange::Crediting { terms, nonce: OTHER, pledged: false };
    let mut rows = as_opening(terms, from, &[Outcome::Granted]);
    rows.push(row(from, &claims(&[Outcome::Granted]), crediting, &[Claim(Step::Credit(OTHER))]));
    rows.push(over(from, &gone(), &[Claim(Step::Release)]));
    rows
}

fn crediting(terms: Terms) -> Vec<Row> {
    let from = Exchange::Crediting { terms, nonce: OTHER, pledged: false };
    let ours = [
        (Outcome::Redeem(UNNAMED), Owed::Content(UNNAMED)),
        (Outcome::Redeem(METERED), Owed::Content(METERED)),
        (Outcome::Resolve(None), Owed::Answer(None)),
        (Outcome::Resolve(SOME), Owed::Answer(SOME)),
    ];
    let pledge = ours.map(|(outcome, owed)| {
        row(from, &claims(&[outcome]), Exchange::Pledging(owed), &[Claim(Step::Pledge(OTHER))])
    });
    let mut rows = pledge.to_vec();
    rows.push(over(from, &down(), &[Claim(Step::Release), Deny(StoreDown)]));
    // It is being asked about and nobody waits, or somebody is at work on it, or is taken for that: it
    // may serve this wallet soon.
    let soon = claims(&[Outcome::Awaited, Outcome::InFlight]);
    rows.push(over(from, &soon, &[Claim(Step::Release), Deny(InFlight)]));
    rows.push(over(from, &gone(), &[Claim(Step::Release)]));
    // Somebody else has it: the payment, which is held, buys for itself, if it may.
    let rest = claims(&but(&[
        &ours.map(|(outcome, _)| outcome)[..],
        &[Outcome::Unavailable, Outcome::Awaited, Outcome::InFlight],
    ]
    .concat()));
    rows.push(match terms {
        Terms { fit: false, .. } => over(from, &rest, &[Claim(Step::Release), Deny(Mismatch)]),
        Terms { single: true, .. } => over(from, &rest, &[Claim(Step::Release), Deny(InFlight)]),
        Terms { check: Check::Facilitator, .. } => row(from, &rest, Exchange::Verifying(terms), &[Verify]),
        Terms { check: Check::Local, settle: Settle::Before, .. } => {
            row(from, &rest, Exchange::Arming, &[Claim(Step::Settling(None))])
        }
        Terms { check: Check::Local, settle: Settle::After, .. } => {
            row(from, &rest, Exchange::Working { paid: None }, &[Forward])
        }
        Terms { check: Check::First, .. } => over(from, &rest, &[Deny(StoreDown)]),
    });
    rows
}

fn pledging() -> Vec<Row> {
    let content = |paid: Paid| (Owed::Content(paid), Exchange::Working { paid: Some(paid) }, Forward);
    let answer = |amount| (Owed::Answer(amount), Exchange::Paying(amount), Ask(amount));
    let mut rows = Vec::new();
    for (owed, to, effect) in [content(UNNAMED), content(METERED), answer(None), answer(SOME)] {
        let from = Exchange::Pledging(owed);
        let back = Claim(if matches!(owed, Owed::Content(_)) { Step::Return } else { Step::Doubt });
        rows.push(row(from, &done(), to, &[effect]));
        // Not pledged: what it stands for is left as it was, and nothing is asked.
        rows.push(over(from, &claims(&but(&[Outcome::Done])), &[back, Deny(StoreDown)]));
        rows.push(over(from, &gone(), &[back]));
    }
    rows
}

pub(super) fn rows() -> Vec<Row> {
    let terms = all_terms().into_iter();
    let rows =
        terms.flat_map(|terms| [reserving(terms), crediting(terms), rows_of_following(terms)].concat());
    rows.chain(pledging()).collect()
}

#[test]
fn what_is_credited_is_never_settled_itself() {
    // Until the pledge is written nothing is asked and nothing passes; then the other is.
    for owed in [Owed::Content(PAID), Owed::Answer(SOME)] {
        for event in events() {
            let (to, effects) = Exchange::Pledging(owed).on(event);
            let goes_on = effects.into_iter().flatten().any(|e| matches!(e, Forward | Ask(_)));
            assert_eq!(goes_on, event == Event::Claim(Outcome::Done), "{event:?}");
            assert_ne!(to, Exchange::Arming);
        }
    }
    for terms in all_terms() {
        for event in events() {
            let (to, _) = following(terms).on(event);
            assert!(!matches!(to, Exchange::Arming | Exchange::Verifying(_)), "{event:?}");
            let held = matches!(to, Exchange::Working { paid: None } | Exchange::Reserving(..));
            assert!(!held, "{event:?}: the payment is used up");
        }
    }
}

/// What may not buy for itself is served what its wallet is owed, and opens nothing.
#[test]
fn a_payment_that_became_unfit_lives_on_what_is_owed() {
    for terms in all_terms() {
        let unfit = Terms { fit: false, ..terms };
        let opening = Exchange::open(terms).0.unfit();
        assert_eq!(opening, Exchange::Opening(unfit));
        let (reserving, _) = opening.on(Event::Claim(Outcome::Owed(OTHER)));
        assert_eq!(reserving, Exchange::Reserving(unfit, OTHER));
        // Somebody else has it by then.
        let (crediting, _) = reserving.on(Event::Claim(Outcome::Granted));
        let (to, effects) = crediting.on(Event::Claim(Outcome::Absent));
        assert_eq!((to, effects), (Exchange::Over, [Some(Claim(Step::Release)), Some(Deny(Mismatch))]));
        assert_eq!(Exchange::Arming.unfit(), Exchange::Arming, "what was begun goes on");
    }
}
