//! What an op leaves behind when its answer is late, lost, or never comes.

use super::super::Doubt;
use super::*;
use crate::claims::{Attempt, Begin, Opening, Paid, Transaction};
use crate::evm::address::Address;

mod late;
mod open;
mod seal;

const NOW: UnixSeconds = 1_800_000_000;
const LEASE: UnixSeconds = NOW + 15;
const OWN: Attempt = Attempt(7);

fn names() -> (Identity, Binding) {
    let identity = Identity {
        chain_id: 8453,
        verifying_contract: Address::new([1; 20]),
        payer: Address::new([2; 20]),
        nonce: [3; 32],
    };
    (identity, Binding([4; 16]))
}

fn begin(opening: Opening) -> Op {
    Op::Begin(Begin {
        attempt: OWN,
        opening,
        binding: Binding([4; 16]),
        valid_before: NOW + 60,
        redeem_for: 3_600,
        lease: LEASE,
        settler: 0,
        vouched: false,
    })
}

fn put(claim: Option<Claim>, op: &Op) -> Option<Claim> {
    match Claim::apply(claim, op, NOW).0 {
        Next::Put(claim) => Some(claim),
        Next::Keep => claim,
        Next::Remove => None,
    }
}

fn held() -> Option<Claim> {
    put(None, &begin(Opening::Held))
}

fn settling_claim() -> Option<Claim> {
    put(None, &begin(Opening::Settling))
}

fn redeeming() -> Option<Claim> {
    let settling = put(None, &begin(Opening::Settling));
    let Op::Begin(otherwise) = begin(Opening::Nothing) else { return None };
    let transaction = Transaction([9; 32]);
    put(settling, &Op::Settled { attempt: OWN, transaction, deliver: Some(LEASE), until: 0, otherwise })
}

fn away(local: Option<Claim>, op: Op) -> Errand {
    match Errand::start(names(), op, local, None, false, None, NOW) {
        Start::Away(errand) => *errand,
        Start::Known(outcome) => panic!("{op:?}: {outcome:?}"),
    }
}

/// A store of one claim: what it answers to an errand, and what stands there then.
fn arrive(store: &mut Option<Claim>, errand: &Errand) -> Reply {
    let current = store.as_ref().map(to_text);
    errand.with_swap(1, NOW, |swap| {
        let expected = match swap.before {
            Before::Absent => current.is_none(),
            Before::Value(text) => current.as_deref() == Some(text),
            Before::Never => false,
        };
        if expected {
            *store = swap.next.and_then(from_text);
            return Reply::Written { now: NOW, payment: None };
        }
        Reply::Differs { now: NOW, current: current.clone(), open: Vec::new() }
    })
}

/// Until the op is over.
fn run(store: &mut Option<Claim>, mut errand: Errand) -> Outcome {
    loop {
        let reply = arrive(store, &errand);
        match errand.on(reply, NOW) {
            Turn::Again(next) => errand = *next,
            Turn::Over { outcome, .. } => return outcome,
        }
    }
}

fn ops(attempt: Attempt) -> [(Op, Option<Claim>, Option<Op>); 12] {
    let release = Op::Release { attempt };
    let (delivered, undelivered) = (Op::Delivered { attempt }, Op::Undelivered { attempt });
    let returned = Op::Return { attempt };
    let settling = Op::Settling { attempt, lease: LEASE, amount: None, settler: 1 };
    let suspect = Op::Suspect { attempt, since: 1 };
    [
        (release, held(), Some(release)),
        (settling, held(), Some(release)),
        // Used up or not: what is only held is given up, and what stands for another stays.
        (Op::Credit { attempt, nonce: [5; 32] }, held(), Some(release)),
        (delivered, redeeming(), Some(delivered)),
        (undelivered, redeeming(), Some(undelivered)),
        (returned, redeeming(), Some(returned)),
        // Who was not let go is owed it where he was.
        (Op::Lead { attempt, binding: Binding([6; 16]) }, redeeming(), Some(undelivered)),
        (Op::Unknown { attempt }, settling_claim(), Some(Op::Unknown { attempt })),
        (Op::Orphan { attempt }, settling_claim(), Some(Op::Orphan { attempt })),
        (suspect, settling_claim(), Some(suspect)),
        (Op::Renew { attempt, lease: LEASE + 4 }, held(), None),
        (Op::Waive { attempt }, held(), Some(release)),
    ]
}

/// What others have under way is over at any moment, and nobody here hears of it: it is not kept, and
/// whoever comes next asks.
#[test]
fn what_others_are_at_work_on_is_not_remembered() {
    let own = away(None, begin(Opening::Held)).on(Reply::Written { now: NOW, payment: None }, NOW);
    let adopt = Some(held());
    assert_eq!(own, Turn::Over { outcome: Outcome::Granted, adopt, undo: None });
    for claim in [held(), settling_claim(), redeeming()] {
        let theirs = claim.map(|claim| Claim { attempt: Attempt(8), ..claim });
        let reply = Reply::Differs { now: NOW, current: theirs.as_ref().map(to_text), open: Vec::new() };
        let met = away(None, begin(Opening::Held)).on(reply, NOW);
        assert_eq!(met, Turn::Over { outcome: Outcome::InFlight, adopt: Some(theirs), undo: None });
        let op = begin(Opening::Held);
        assert_eq!(Errand::lasting(&op, theirs, || None), None);
        assert_eq!(Errand::lasting(&op, theirs, held), None, "a reservation of one's own is not theirs");
        // Of another worker of this host: what it delivers is used here, whether the store hears it or not.
        assert_eq!(Errand::lasting(&op, theirs, || theirs), theirs);
        assert_eq!(Errand::lasting(&op, claim, || None), claim, "one's own");
    }
    let delivered = put(redeeming(), &Op::Delivered { attempt: OWN });
    let reply = Reply::Differs { now: NOW, current: delivered.as_ref().map(to_text), open: Vec::new() };
    let Turn::Over { adopt, .. } = away(None, begin(Opening::Held)).on(reply, NOW) else { panic!() };
    let kept = Errand::lasting(&begin(Opening::Held), adopt.flatten(), || None);
    assert_eq!(kept.map(|claim| claim.state), Some(State::Delivered), "what is over is kept");
}

/// Whoever ends an attempt does not wait for the store: it is written when it can be, whether the
/// first try was lost on its way or never left.
#[test]
fn the_end_of_an_attempt_is_written_later() {
    for (op, local, expected) in ops(OWN) {
        for reply in [Reply::Down, Reply::Unsure(Doubt::Error)] {
            let Turn::Over { outcome, adopt, undo } = away(local, op).on(reply.clone(), NOW) else {
                panic!("{op:?}")
            };
            assert_eq!((outcome, adopt, undo), (Outcome::Unavailable, None, expected), "{op:?} {reply:?}");
        }
    }
}

/// What was delivered is tried to be written for as long as its claim could be redeemed, which is
/// longer than its tombstone is kept.
#[test]
fn a_delivery_matters_until_its_claim_is_over() {
    let delivered = Op::Delivered { attempt: OWN };
    let claim = redeeming().unwrap();
    assert_eq!(away(Some(claim), delivered).matters_until(NOW), claim.expires);
    assert!(claim.expires >= LEASE + 3_600);
    // Tried again over the tombstone that stands here by then, it finds the claim all the same.
    let mut store = Some(claim);
    let errand = away(put(Some(claim), &delivered), delivered);
    assert_eq!((run(&mut store, errand), store.map(|c| c.state)), (Outcome::Done, Some(State::Delivered)));
}

/// A try whose grant nobody heard of is no try.
#[test]
fn a_redemption_that_nobody_heard_of_is_not_counted() {
    let mut store = redeeming();
    run(&mut store, away(redeeming(), Op::Undelivered { attempt: OWN }));
    let Op::Begin(terms) = begin(Opening::Nothing) else { panic!("no begin") };
    for attempt in (10..20).map(Attempt) {
        let begin = away(store, Op::Begin(Begin { attempt, ..terms }));
        arrive(&mut store, &begin);
        let Turn::Over { outcome, undo: Some(undo), .. } = begin.on(Reply::Unsure(Doubt::Broken), NOW) else {
            panic!("nothing to undo")
        };
        assert_eq!((outcome, undo), (Outcome::Unavailable, Op::Return { attempt }));
        assert_eq!(run(&mut store, away(None, undo)), Outcome::Done);
        assert_eq!(store.map(|claim| (claim.state, claim.redeems)), Some((State::Taken, 0)));
    }
}

/// What came back late makes nothing free that was delivered here.
#[test]
fn what_was_delivered_here_stays_used_here() {
    let (renew, delivered) = (Op::Renew { attempt: OWN, lease: LEASE }, Op::Delivered { attempt: OWN });
    let used = put(redeeming(), &delivered);
    for op in [renew, delivered] {
        assert!(Errand::is_outdated(&op, redeeming().as_ref(), || used));
        assert!(Errand::is_outdated(&op, None, || used));
        assert!(!Errand::is_outdated(&op, used.as_ref(), || used));
        assert!(!Errand::is_outdated(&op, None, redeeming));
    }
    // Nor is it at work again, once it was given back or led on.
    let owed = put(redeeming(), &Op::Undelivered { attempt: OWN });
    assert!(Errand::is_outdated(&renew, redeeming().as_ref(), || owed));
    assert!(!Errand::is_outdated(&renew, redeeming().as_ref(), redeeming));
    assert!(!Errand::is_outdated(&renew, redeeming().as_ref(), || None));
    let mark = Op::Mark { fingerprint: [1; 32], expires: LEASE };
    assert!(!Errand::is_outdated(&mark, None, || used), "a name that was not given is free again");
}

/// Another replica may have been told of a redirect that led it here.
#[test]
fn what_belongs_elsewhere_as_far_as_is_known_here_is_asked_about() {
    let owed = put(redeeming(), &Op::Undelivered { attempt: OWN });
    let Op::Begin(here) = begin(Opening::Held) else { panic!() };
    let there = Binding([9; 16]);
    let op = Op::Begin(Begin { binding: there, ..here });
    let run = |mut store| {
        let Start::Away(errand) = Errand::start(names(), op, owed, None, true, None, NOW) else { panic!() };
        run(&mut store, *errand)
    };
    assert_eq!(run(owed), Outcome::Elsewhere(State::Taken));
    let led = put(redeeming(), &Op::Lead { attempt: OWN, binding: there });
    assert!(matches!(run(led), Outcome::Redeem(_)));
}

#[test]
fn what_was_begun_and_never_sent_leaves_nothing_to_undo() {
    let turn = away(None, begin(Opening::Held)).on(Reply::Down, NOW);
    assert_eq!(turn, Turn::Over { outcome: Outcome::Unavailable, adopt: Some(None), undo: None });
}

/// The release of a payment whose pledge is not known: it frees what is held, and nothing else.
#[test]
fn a_pledge_that_may_have_been_written_is_released_only_if_it_was_not() {
    let pledge = away(held(), Op::Credit { attempt: OWN, nonce: [5; 32] });
    for written in [false, true] {
        let mut store = held();
        if written {
            arrive(&mut store, &pledge);
        }
        let outcome = run(&mut store, away(held(), Op::Release { attempt: OWN }));
        if written {
            assert_eq!((outcome, store.map(|c| c.state)), (Outcome::Lost, Some(State::Credited)));
        } else {
            assert_eq!((outcome, store), (Outcome::Done, None));
            // The pledge that arrives after all finds nothing.
            assert_eq!((run(&mut store, pledge.clone()), store), (Outcome::Lost, None));
        }
    }
}

/// A client that leaves while its lease is being renewed: in whichever order the two arrive, the
/// claim is nobody's when both have.
#[test]
fn a_renewal_on_its_way_takes_nothing_up_again() {
    let renew = Op::Renew { attempt: OWN, lease: LEASE + 4 };
    let ends = [
        (held(), Op::Release { attempt: OWN }, None),
        (redeeming(), Op::Undelivered { attempt: OWN }, Some(State::Taken)),
        (redeeming(), Op::Delivered { attempt: OWN }, Some(State::Delivered)),
    ];
    for (local, end, expected) in ends {
        for renewed_first in [true, false] {
            let mut store = local;
            let (first, second) = if renewed_first { (renew, end) } else { (end, renew) };
            let (first, second) = (away(local, first), away(local, second));
            run(&mut store, first);
            run(&mut store, second);
            assert_eq!(store.map(|claim| claim.state), expected, "{end:?}, renewed first: {renewed_first}");
        }
    }
    // Another one that redeems meanwhile is not disturbed by either.
    let Op::Begin(other) = begin(Opening::Nothing) else { panic!("a begin") };
    let mut store = redeeming();
    run(&mut store, away(redeeming(), Op::Undelivered { attempt: OWN }));
    let next = Op::Begin(Begin { attempt: Attempt(8), ..other });
    let paid = Paid { transaction: Some(Transaction([9; 32])), amount: None };
    assert_eq!(run(&mut store, away(None, next)), Outcome::Redeem(paid));
    for late in [renew, Op::Undelivered { attempt: OWN }, Op::Delivered { attempt: OWN }] {
        assert_eq!(run(&mut store, away(redeeming(), late)), Outcome::Lost);
    }
    assert_eq!(store.map(|claim| (claim.state, claim.attempt)), Some((State::Redeeming, Attempt(8))));
}

/// What a step writes beside its claim, once it is decided over what stands in the store: when it is
/// to be asked about, what is kept for that, and whether that is told.
fn beside(
    store: &mut Option<Claim>,
    op: Op,
    payment: Option<String>,
) -> Vec<(Change<UnixSeconds>, bool, bool)> {
    let Start::Away(mut errand) = Errand::start(names(), op, None, payment, false, None, NOW) else {
        panic!("{op:?} is known here")
    };
    let mut written = Vec::new();
    loop {
        written.push(
            errand.with_swap(1, NOW, |swap| {
                (swap.due, matches!(swap.payment, Change::Put(_)), swap.want_payment)
            }),
        );
        let reply = arrive(store, &errand);
        match errand.on(reply, NOW) {
            Turn::Again(next) => errand = next,
            Turn::Over { .. } => return written,
        }
    }
}

fn try_of(attempt: Attempt) -> Op {
    let Op::Begin(terms) = begin(Opening::Nothing) else { panic!("no begin") };
    // Each a second later than the one before.
    Op::Begin(Begin { attempt, vouched: true, lease: terms.lease.saturating_add(attempt.0), ..terms })
}

/// However often it is tried, and however each try ends, the timer is not put off by it: only the
/// first ask says when the next one is due.
#[test]
fn no_try_puts_off_when_an_open_claim_is_asked_about() {
    let mut store = None;
    let asked = beside(&mut store, begin(Opening::Settling), Some("0a".to_owned()));
    assert_eq!(asked, [(Change::Put(LEASE + 2), true, false)]);
    let open = beside(&mut store, Op::Unknown { attempt: OWN }, None);
    assert_eq!(open.last(), Some(&(Change::Put(NOW + 2), false, false)), "soon");
    for attempt in (10..20).map(Attempt) {
        for op in [try_of(attempt), Op::Renew { attempt, lease: LEASE + 9 }] {
            let written = beside(&mut store, op, None);
            assert!(written.iter().all(|(due, ..)| *due == Change::Leave), "{op:?}: {written:?}");
            assert_eq!(store.map(|claim| claim.state), Some(State::Settling));
        }
        for end in [Op::Unknown { attempt }, Op::Release { attempt }] {
            let written = beside(&mut store, end, None);
            assert!(written.iter().all(|(due, ..)| *due == Change::Leave), "{end:?}: {written:?}");
            assert_eq!(store.map(|claim| claim.state), Some(State::Unknown));
        }
    }
    // Proven, it is due no more.
    let transaction = Transaction([9; 32]);
    let Op::Begin(otherwise) = begin(Opening::Nothing) else { panic!("no begin") };
    beside(&mut store, try_of(Attempt(20)), None);
    let settled = Op::Settled { attempt: Attempt(20), transaction, deliver: None, until: 0, otherwise };
    assert_eq!(beside(&mut store, settled, None).last(), Some(&(Change::Remove, false, false)));
}

/// Who is given an open claim without the payment that it is for is told what was kept of it, and
/// nobody else is.
#[test]
fn who_asks_again_without_the_payment_is_told_what_was_kept() {
    for own in [None, Some("0b".to_owned())] {
        let mut store = put(settling_claim(), &Op::Unknown { attempt: OWN });
        let told = own.is_none();
        let written = beside(&mut store, try_of(Attempt(8)), own);
        assert_eq!(written.last(), Some(&(Change::Leave, !told, told)));
        let settling = beside(&mut store, Op::Renew { attempt: Attempt(8), lease: LEASE + 9 }, None);
        assert!(settling.iter().all(|(_, put, told)| !put && !told));
    }
    let mut store = redeeming();
    run(&mut store, away(redeeming(), Op::Undelivered { attempt: OWN }));
    let redeemed = beside(&mut store, try_of(Attempt(8)), None);
    assert!(redeemed.iter().all(|(_, put, told)| !put && !told), "of a claim that is paid nothing is kept");
}
