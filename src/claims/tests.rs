//! Every state against every op, as one table; what a put claim carries over; who owns what.
//! Leases and keep-times are in `time`, identity and binding in `identity`.

use super::*;

mod amount;
mod credit;
mod identity;
mod time;

pub(super) const NOW: UnixSeconds = 1_767_225_600;
/// Who holds the claim of a cell, somebody who does not, and who begins anew.
pub(super) const OWNER: Attempt = Attempt(7);
pub(super) const STRANGER: Attempt = Attempt(8);
pub(super) const NEWCOMER: Attempt = Attempt(9);
/// Known before the op, and told by it.
pub(super) const KNOWN: Transaction = Transaction([0xaa; 32]);
pub(super) const LED: Binding = Binding([0x1e; 16]);
const TOLD: Transaction = Transaction([0xbb; 32]);
/// What [`KNOWN`] paid, as a claim tells it.
pub(super) const PAID: Paid = Paid { transaction: Some(KNOWN), amount: None };
/// Who is asked, and who is asked instead.
pub(super) const SETTLER: u32 = 77;
pub(super) const OTHER_SETTLER: u32 = 78;
/// The nonce of the claim that stands for a credited one.
pub(super) const STANDS: [u8; 32] = [0xcc; 32];
pub(super) const LEASE: UnixSeconds = NOW + 30;
pub(super) const LONGER: UnixSeconds = NOW + 45;

/// A claim as its state usually looks: money that moved has a transaction.
/// When the first ask began.
pub(super) const SINCE: UnixSeconds = NOW - 3;

pub(super) fn claim(state: State) -> Claim {
    let transaction = match state {
        State::Taken | State::Redeeming | State::Delivered => Some(KNOWN),
        State::Credited => Some(Transaction(STANDS)),
        State::Held | State::Settling | State::Unknown => None,
    };
    let asked = !matches!(state, State::Held | State::Credited);
    Claim {
        state,
        attempt: OWNER,
        lease: LEASE,
        expires: NOW + 4_000,
        valid_before: NOW + 60,
        redeem_for: 3_600,
        redeems: 1,
        asks: u8::from(asked),
        binding: Binding([7; 16]),
        settler: if asked { SETTLER } else { 0 },
        orphan: false,
        foreign: None,
        transaction,
        amount: None,
    }
}

pub(super) fn begin(opening: Opening) -> Begin {
    Begin {
        attempt: NEWCOMER,
        opening,
        binding: Binding([7; 16]),
        valid_before: NOW + 90,
        redeem_for: 1_800,
        lease: LONGER,
        settler: SETTLER,
        vouched: false,
    }
}

pub(super) fn settled(attempt: Attempt, deliver: Option<UnixSeconds>) -> Op {
    Op::Settled { attempt, transaction: TOLD, deliver, until: 0, otherwise: begin(Opening::Nothing) }
}

/// What becomes of the record, without its details.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Fate {
    Kept,
    Gone,
    Now(State),
}

fn fate(next: Next) -> Fate {
    match next {
        Next::Keep => Fate::Kept,
        Next::Remove => Fate::Gone,
        Next::Put(claim) => Fate::Now(claim.state),
    }
}

type Cell = (Fate, Outcome);
/// An op, and what it does to: no claim, then a claim in each of [`State::ALL`].
type Row = (&'static str, Op, [Cell; 8]);

#[rustfmt::skip]
fn table() -> Vec<Row> {
    use Fate::{Gone, Kept, Now};
    use Outcome as O;
    use State::{Credited, Delivered, Held, Redeeming, Settling, Taken, Unknown};
    const LOST: Cell = (Kept, O::Lost);
    const BUSY: Cell = (Kept, O::InFlight);
    const SEEN: Cell = (Kept, O::Present);
    const USED: Cell = (Kept, O::Delivered(PAID));
    const REDEEM: Cell = (Now(Redeeming), O::Redeem(PAID));
    const RESOLVE: Cell = (Now(Settling), O::Resolve(None));
    const ALIAS: Cell = (Kept, O::Credited(STANDS));
    const ASIDE: Cell = (Kept, O::CreditedElsewhere(STANDS));
    let elsewhere = Begin { binding: Binding([8; 16]), ..begin(Opening::Settling) };
    let lease = LONGER;
    vec![
        //                                                                  none, held, settling, taken, redeeming, delivered, unknown, credited
        ("peek", Op::Peek,
            [(Kept, O::Absent), SEEN, SEEN, SEEN, SEEN, SEEN, SEEN, SEEN]),
        ("begin to hold", Op::Begin(begin(Opening::Held)),
            [(Now(Held), O::Granted), BUSY, BUSY, REDEEM, BUSY, USED, RESOLVE, ALIAS]),
        ("begin to settle", Op::Begin(begin(Opening::Settling)),
            [(Now(Settling), O::Granted), BUSY, BUSY, REDEEM, BUSY, USED, RESOLVE, ALIAS]),
        ("begin off the offer", Op::Begin(begin(Opening::Nothing)),
            [(Kept, O::Absent), BUSY, BUSY, REDEEM, BUSY, USED, RESOLVE, ALIAS]),
        ("begin elsewhere", Op::Begin(elsewhere),
            [(Now(Settling), O::Granted), BUSY, BUSY, (Kept, O::Elsewhere(Taken)), BUSY, USED, (Kept, O::Elsewhere(Unknown)), ASIDE]),
        ("begin elsewhere, vouched for", Op::Begin(Begin { vouched: true, ..elsewhere }),
            [(Now(Settling), O::Granted), BUSY, BUSY, REDEEM, BUSY, USED, RESOLVE, ALIAS]),
        ("settling", Op::Settling { attempt: OWNER, lease, amount: None, settler: 77 },
            [LOST, (Now(Settling), O::Done), LOST, LOST, LOST, LOST, LOST, LOST]),
        ("waive", Op::Waive { attempt: OWNER },
            [LOST, (Now(Delivered), O::Done), LOST, LOST, LOST, LOST, LOST, LOST]),
        ("void", Op::Void { attempt: OWNER, transaction: TOLD },
            [LOST, LOST, (Now(Delivered), O::Done), LOST, LOST, LOST, (Now(Delivered), O::Done), LOST]),
        ("renew", Op::Renew { attempt: OWNER, lease },
            [LOST, (Now(Held), O::Done), (Now(Settling), O::Done), (Now(Redeeming), O::Done), (Now(Redeeming), O::Done), LOST, LOST, LOST]),
        ("release", Op::Release { attempt: OWNER },
            [LOST, (Gone, O::Done), (Gone, O::Done), LOST, LOST, LOST, (Gone, O::Done), LOST]),
        ("settled, delivering", settled(OWNER, Some(LONGER)),
            [(Now(Taken), O::Lost), (Now(Taken), O::Lost), (Now(Redeeming), O::Deliver), (Now(Taken), O::Lost), (Now(Redeeming), O::Lost), (Now(Delivered), O::Lost), (Now(Redeeming), O::Deliver), LOST]),
        ("settled, nobody waits", settled(OWNER, None),
            [(Now(Taken), O::Lost), (Now(Taken), O::Lost), (Now(Taken), O::Lost), (Now(Taken), O::Lost), (Now(Taken), O::Lost), (Now(Delivered), O::Lost), (Now(Taken), O::Lost), LOST]),
        ("settled late, delivering", settled(STRANGER, Some(LONGER)),
            [(Now(Taken), O::Lost), (Now(Taken), O::Lost), (Now(Taken), O::Lost), (Now(Taken), O::Lost), (Now(Redeeming), O::Lost), (Now(Delivered), O::Lost), (Now(Taken), O::Lost), LOST]),
        ("unknown", Op::Unknown { attempt: OWNER },
            [LOST, LOST, (Now(Unknown), O::Doubtful), LOST, LOST, LOST, (Kept, O::Doubtful), LOST]),
        ("delivered", Op::Delivered { attempt: OWNER },
            [LOST, LOST, LOST, (Now(Delivered), O::Done), (Now(Delivered), O::Done), LOST, LOST, LOST]),
        ("undelivered", Op::Undelivered { attempt: OWNER },
            [LOST, LOST, LOST, (Kept, O::Done), (Now(Taken), O::Done), LOST, LOST, LOST]),
        ("return", Op::Return { attempt: OWNER },
            [LOST, LOST, LOST, (Now(Taken), O::Done), (Now(Taken), O::Done), LOST, LOST, LOST]),
        ("lead", Op::Lead { attempt: OWNER, binding: LED },
            [LOST, LOST, LOST, (Now(Taken), O::Done), (Now(Taken), O::Done), LOST, LOST, LOST]),
        ("mark", Op::Mark { fingerprint: TOLD.0, expires: LONGER },
            [(Now(Delivered), O::Granted), (Kept, O::Elsewhere(Held)), (Kept, O::Elsewhere(Settling)), (Kept, O::Elsewhere(Taken)), (Kept, O::Elsewhere(Redeeming)), (Kept, O::Elsewhere(Delivered)), (Kept, O::Elsewhere(Unknown)), (Kept, O::Elsewhere(Credited))]),
        ("mark alike", Op::Mark { fingerprint: KNOWN.0, expires: LONGER },
            [(Now(Delivered), O::Granted), (Kept, O::Elsewhere(Held)), (Kept, O::Elsewhere(Settling)), (Kept, O::Elsewhere(Taken)), (Kept, O::Elsewhere(Redeeming)), SEEN, (Kept, O::Elsewhere(Unknown)), (Kept, O::Elsewhere(Credited))]),
        ("move", Op::Move { attempt: OWNER, lease, settler: OTHER_SETTLER },
            [LOST, LOST, (Now(Settling), O::Done), LOST, LOST, LOST, LOST, LOST]),
        ("orphan", Op::Orphan { attempt: OWNER },
            [LOST, LOST, (Now(Settling), O::Done), LOST, LOST, LOST, LOST, LOST]),
        ("suspect", Op::Suspect { attempt: OWNER, since: SINCE },
            [LOST, LOST, (Now(Settling), O::Done), LOST, LOST, LOST, (Now(Unknown), O::Done), LOST]),
        ("credit", Op::Credit { attempt: OWNER, nonce: STANDS },
            [LOST, (Now(Credited), O::Done), LOST, LOST, LOST, LOST, LOST, LOST]),
        ("disprove", Op::Disprove { attempt: OWNER },
            [LOST, LOST, (Gone, O::Done), LOST, LOST, LOST, (Gone, O::Done), LOST]),
        ("cancel", Op::Cancel { attempt: OWNER },
            [LOST, LOST, (Now(Delivered), O::Done), LOST, LOST, LOST, (Now(Delivered), O::Done), LOST]),
    ]
}

fn columns() -> Vec<Option<Claim>> {
    std::iter::once(None).chain(State::ALL.map(|state| Some(claim(state)))).collect()
}

#[test]
fn every_state_against_every_op() {
    for (name, op, cells) in table() {
        for (current, expected) in columns().into_iter().zip(cells) {
            let (next, outcome) = Claim::apply(current, &op, NOW);
            assert_eq!((fate(next), outcome), expected, "{name} on {:?}", current.map(|c| c.state));
        }
    }
}

#[test]
fn a_stranger_moves_nothing_in_any_state() {
    let (attempt, lease) = (STRANGER, LONGER);
    let ops = [
        Op::Settling { attempt, lease, amount: None, settler: 77 },
        Op::Waive { attempt },
        Op::Void { attempt, transaction: TOLD },
        Op::Renew { attempt, lease },
        Op::Release { attempt },
        Op::Unknown { attempt },
        Op::Delivered { attempt },
        Op::Undelivered { attempt },
        Op::Return { attempt },
        Op::Lead { attempt, binding: LED },
        Op::Move { attempt, lease, settler: OTHER_SETTLER },
        Op::Orphan { attempt },
        Op::Suspect { attempt, since: SINCE },
        Op::Credit { attempt, nonce: STANDS },
        Op::Disprove { attempt },
        Op::Cancel { attempt },
    ];
    for op in ops {
        for current in columns() {
            assert_eq!(Claim::apply(current, &op, NOW), (Next::Keep, Outcome::Lost), "{op:?} on {current:?}");
        }
    }
}

#[test]
fn what_a_claim_is_bound_to_never_changes() {
    for (name, op, _) in table() {
        for before in columns().into_iter().flatten() {
            let (Next::Put(after), outcome) = Claim::apply(Some(before), &op, NOW) else { continue };
            let begins = matches!(op, Op::Begin(_));
            let pays = matches!(before.state, State::Settling | State::Unknown | State::Held);
            let asks = matches!(op, Op::Settling { .. }) || outcome == Outcome::Resolve(None);
            let told = match op {
                Op::Settled { .. } | Op::Void { .. } => Some(TOLD),
                Op::Credit { nonce, .. } => Some(Transaction(nonce)),
                _ => None,
            };
            let settler = match op {
                Op::Settling { settler, .. } | Op::Move { settler, .. } => settler,
                _ => before.settler,
            };
            let attempt = match op {
                // Given back for good.
                Op::Undelivered { .. } | Op::Lead { .. } | Op::Return { .. } => Attempt(0),
                // Proven by another: whoever asks has nothing to renew.
                Op::Settled { attempt, .. } if attempt != OWNER && pays => Attempt(0),
                _ if begins => NEWCOMER,
                _ => OWNER,
            };
            let expected = Claim {
                attempt,
                asks: match op {
                    Op::Settled { .. } if pays => 0,
                    Op::Lead { .. } => before.asks + 1,
                    _ => before.asks + u8::from(asks),
                },
                redeems: match op {
                    Op::Return { .. } | Op::Lead { .. } => before.redeems - 1,
                    _ => before.redeems + u8::from(matches!(outcome, Outcome::Redeem(_))),
                },
                settler,
                // But for where a redirect leads.
                binding: if let Op::Lead { binding, .. } = op { binding } else { before.binding },
                orphan: matches!(op, Op::Orphan { .. }),
                foreign: matches!(op, Op::Suspect { .. }).then_some(SINCE),
                transaction: before.transaction.or(told),
                amount: matches!(op, Op::Waive { .. } | Op::Cancel { .. }).then_some(Amount::ZERO),
                ..before
            };
            // State is the table's business, times are `time`'s.
            let after = Claim { state: before.state, lease: before.lease, expires: before.expires, ..after };
            assert_eq!(after, expected, "{name} on {:?}", before.state);
        }
    }
}

#[test]
fn a_new_claim_carries_the_terms_it_was_begun_under() {
    for (opening, state, asks) in [(Opening::Held, State::Held, 0), (Opening::Settling, State::Settling, 1)] {
        let (Next::Put(claim), _) = Claim::apply(None, &Op::Begin(begin(opening)), NOW) else { panic!() };
        assert_eq!((claim.state, claim.asks, claim.redeems, claim.transaction), (state, asks, 0, None));
        assert_eq!((claim.amount, claim.settler, claim.orphan), (None, SETTLER, false));
        assert_eq!((claim.attempt, claim.lease, claim.binding), (NEWCOMER, LONGER, Binding([7; 16])));
        assert_eq!((claim.valid_before, claim.redeem_for), (NOW + 90, 1_800));
    }
}

#[test]
fn a_success_for_a_forgotten_claim_is_written_down_as_taken() {
    for (attempt, deliver) in [(OWNER, None), (NEWCOMER, Some(LONGER))] {
        let (Next::Put(claim), outcome) = Claim::apply(None, &settled(attempt, deliver), NOW) else {
            panic!()
        };
        assert_eq!((claim.state, outcome), (State::Taken, Outcome::Lost), "nobody delivers on it");
        assert_eq!((claim.transaction, claim.binding), (Some(TOLD), Binding([7; 16])));
        let (_, outcome) = Claim::apply(Some(claim), &Op::Begin(begin(Opening::Nothing)), NOW);
        let paid = Paid { transaction: Some(TOLD), amount: None };
        assert_eq!(outcome, Outcome::Redeem(paid), "but the next presentation may");
    }
}

#[test]
fn a_no_releases_only_the_only_ask_there_was() {
    for state in [State::Settling, State::Unknown] {
        for asks in 0..=u8::MAX {
            let current = Claim { asks, ..claim(state) };
            let (next, outcome) = Claim::apply(Some(current), &Op::Release { attempt: OWNER }, NOW);
            let expected = match (state, asks) {
                (_, 0 | 1) => (Fate::Gone, Outcome::Done),
                (State::Unknown, _) => (Fate::Kept, Outcome::Doubtful),
                _ => (Fate::Now(State::Unknown), Outcome::Doubtful),
            };
            assert_eq!((fate(next), outcome), expected, "{state:?} after {asks} asks");
        }
    }
}

#[test]
fn asks_are_counted_over_every_resolution_and_never_wrap() {
    let mut current = claim(State::Unknown);
    for _ in 0..300 {
        let again = Begin { lease: current.lease + 1, ..begin(Opening::Nothing) };
        let (Next::Put(asked), Outcome::Resolve(None)) = Claim::apply(Some(current), &Op::Begin(again), NOW)
        else {
            panic!("an unknown claim is asked about again")
        };
        let no = Op::Release { attempt: NEWCOMER };
        let (Next::Put(unknown), Outcome::Doubtful) = Claim::apply(Some(asked), &no, NOW) else {
            panic!("a later ask's refusal released the claim")
        };
        current = unknown;
    }
    assert_eq!(current.asks, u8::MAX);
}

#[test]
fn a_payment_is_redeemed_three_times_and_then_no_more() {
    let mut current = Claim { redeems: 0, ..claim(State::Taken) };
    for presented in 0..6 {
        let (next, outcome) = Claim::apply(Some(current), &Op::Begin(begin(Opening::Nothing)), NOW);
        if presented >= 3 {
            assert_eq!((next, outcome), (Next::Keep, Outcome::Exhausted(PAID)));
            continue;
        }
        let Next::Put(redeeming) = next else { panic!("{presented}: {outcome:?}") };
        let failed = Op::Undelivered { attempt: NEWCOMER };
        let (Next::Put(taken), Outcome::Done) = Claim::apply(Some(redeeming), &failed, NOW) else { panic!() };
        current = taken;
    }
    assert_eq!((current.redeems, MAX_REDEEMS), (3, 3));
}

/// A try that never was, because the store failed, is none.
#[test]
fn what_is_returned_is_not_counted_and_returned_once() {
    let returns = Op::Return { attempt: NEWCOMER };
    let mut current = Claim { redeems: 2, ..claim(State::Taken) };
    for lapsed in [false, true, false, true] {
        let (Next::Put(redeeming), Outcome::Redeem(_)) =
            Claim::apply(Some(current), &Op::Begin(begin(Opening::Nothing)), NOW)
        else {
            panic!("{current:?}")
        };
        let now = if lapsed { LONGER } else { NOW };
        let (Next::Put(taken), Outcome::Done) = Claim::apply(redeeming.at(now), &returns, now) else {
            panic!("{redeeming:?}")
        };
        assert_eq!((taken.state, taken.redeems), (State::Taken, 2));
        assert_eq!(Claim::apply(Some(taken), &returns, now), (Next::Keep, Outcome::Lost), "once");
        current = taken;
    }
    // The first delivery was no redemption.
    let paid = Claim { redeems: 0, attempt: NEWCOMER, ..claim(State::Redeeming) };
    let (Next::Put(taken), Outcome::Done) = Claim::apply(Some(paid), &returns, NOW) else { panic!() };
    assert_eq!((taken.state, taken.redeems), (State::Taken, 0));
}

#[test]
fn another_purchase_learns_nothing_of_an_exhausted_claim() {
    let other = Begin { binding: Binding([8; 16]), ..begin(Opening::Settling) };
    let exhausted = Claim { redeems: MAX_REDEEMS, ..claim(State::Taken) };
    let (_, outcome) = Claim::apply(Some(exhausted), &Op::Begin(other), NOW);
    assert_eq!(outcome, Outcome::Elsewhere(State::Taken));
}

#[test]
fn the_first_transaction_told_stays() {
    for state in State::ALL.into_iter().filter(|state| *state != State::Credited) {
        for before in [None, Some(KNOWN)] {
            let current = Claim { transaction: before, ..claim(state) };
            let (Next::Put(after), _) = Claim::apply(Some(current), &settled(STRANGER, None), NOW) else {
                panic!()
            };
            assert_eq!(after.transaction, before.or(Some(TOLD)), "{state:?}");
        }
    }
}
