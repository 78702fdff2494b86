//! One HTTP exchange that pays, from the claim to the last byte, as a machine.
//!
//! It belongs to a stream and knows nothing of it. The driver feeds [`Event`]s and carries
//! out [`Effect`]s; while the machine holds, neither request nor response moves. Content
//! goes to the client by two effects only, and each follows proof that the money moved and
//! that this exchange alone may deliver:
//!
//! - [`Effect::Forward`] under `settle: before` comes after [`Settled::Paid`], or after a
//!   claim already taken was redeemed. Under `settle: after` it sends work upstream whose
//!   result is held.
//! - [`Effect::Release`] comes after [`Settled::Paid`] (`after`), or after the claim was
//!   renewed at the response (`before` and redemptions; the driver answers for a lease too young to
//!   have lapsed), so that an exchange that lost its
//!   lease meanwhile releases nothing. A response that is not worth its price comes after the
//!   claim was given back: whoever signs again on seeing it is owed something by then. A charge
//!   of zero comes after the authorisation was used up without money.
//!
//! ```text
//! Opening -> Verifying -> Arming -> Paying -> Working(paid) -> Fencing -> Delivering -> Over
//!  |   ^         `------------------------->  Working(held) -> Closing -> Collecting -^  ^
//!  v   |                                            |`-------> Waiving ------------------+
//! Screening                                         `--------> Withholding -> refused ---'
//! ```
//!
//! A wallet that is owed something is not charged anew: Opening -> Reserving -> Crediting ->
//! Pledging, and then as if the payment it is owed for had been presented. If somebody else was
//! served in the meantime, Crediting goes on with the new payment, which is reserved.
//!
//! Any state may end in a refusal, and so in Over.

use crate::claims;
use crate::config::Settle;
use crate::facilitator::Verdict;
use crate::money::Amount;

mod credit;
mod delivery;
mod standing;
mod words;

pub use crate::claims::Paid;
pub use words::{Charge, Check, Denial, Effect, Event, Owed, Settled, Step, Terms};

/// Where an exchange stands.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Exchange {
    /// The claim is being begun, or looked for; the request is held.
    Opening(Terms),
    /// The wallet is owed something on the claim of this nonce; the payment is being reserved;
    /// the request is held.
    Reserving(Terms, [u8; 32]),
    /// The claim of this nonce is being begun in the payment's place; the request is held.
    Crediting {
        /// What goes on if it cannot be had.
        terms: Terms,
        /// The other claim's.
        nonce: [u8; 32],
        /// The payment was used up for it before, and buys nothing else.
        pledged: bool,
    },
    /// The other claim is ours; the payment is being used up in its favour; the request is held.
    Pledging(Owed),
    /// There is no claim and `/verify` is asked first; the request is held.
    Screening(Terms),
    /// `/verify` is asked; the request is held.
    Verifying(Terms),
    /// `/verify` did not pass it; the claim is being given up, or looked for where none was
    /// begun; the request is held. Only if it was still ours, or there still is none, may the
    /// client hear that nothing was paid.
    Refusing(Denial),
    /// Verified, the claim is being armed for settlement; the request is held.
    Arming,
    /// The settlement of this amount is under way; the request is held.
    Paying(Option<Amount>),
    /// The upstream works. `paid` says whether the money has moved already.
    Working {
        /// The settlement, when it came first.
        paid: Option<Paid>,
    },
    /// The held response is charged for; the claim is being armed for settlement.
    Closing {
        /// Of this amount.
        amount: Option<Amount>,
        /// Whether the response is what was bought.
        worth: bool,
    },
    /// The settlement is under way; the response is held.
    Collecting {
        /// Of this amount.
        amount: Option<Amount>,
        /// Whether the response is what was bought.
        worth: bool,
    },
    /// The held response costs nothing; the authorisation is being used up.
    Waiving,
    /// What the held response costs cannot be read, or is more than was paid; the claim is being
    /// given up, or given back. Only if it was still ours may the client hear what became of it.
    Withholding(Denial),
    /// A paid response arrived; the claim is being renewed, or given back if the response is not
    /// worth its price; the response is held.
    Fencing {
        /// The settlement.
        paid: Paid,
        /// Whether the response is worth its price.
        worth: bool,
    },
    /// The response is on its way to the client.
    Delivering {
        /// Whether the response is worth its price.
        worth: bool,
    },
    /// Nothing is owed any more: refused, passed on unpaid, or ended.
    Over,
}

/// At most two things to do, in order.
pub type Effects = [Option<Effect>; 2];

const HOLD: Effects = [None, None];

fn one(effect: Effect) -> Effects {
    [Some(effect), None]
}

fn deny(denial: Denial) -> (Exchange, Effects) {
    (Exchange::Over, one(Effect::Deny(denial)))
}

fn give_up(step: Step) -> (Exchange, Effects) {
    (Exchange::Over, one(Effect::Claim(step)))
}

// === impl Exchange ===

impl Exchange {
    /// Presents a payment.
    pub fn open(terms: Terms) -> (Self, Effects) {
        let step = if terms.check == Check::First { Step::Look } else { Step::Begin };
        (Self::Opening(terms), one(Effect::Claim(step)))
    }

    /// One step.
    #[must_use]
    pub fn on(self, event: Event) -> (Self, Effects) {
        match self {
            Self::Opening(terms) => Self::opening(terms, event),
            Self::Reserving(terms, nonce) => Self::reserving(terms, nonce, event),
            Self::Crediting { terms, nonce, pledged: false } => Self::crediting(terms, nonce, event),
            Self::Crediting { terms, nonce, pledged: true } => Self::following(terms, nonce, event),
            Self::Pledging(owed) => Self::pledging(owed, event),
            Self::Screening(terms) => Self::screening(terms, event),
            Self::Verifying(terms) => Self::verifying(terms, event),
            Self::Refusing(denial) => Self::refusing(denial, event),
            Self::Arming => Self::arming(event),
            Self::Paying(amount) => Self::paying(amount, event),
            Self::Working { paid: Some(paid) } => Self::working_paid(paid, event),
            Self::Working { paid: None } => Self::working_held(event),
            Self::Closing { amount, worth } => Self::closing(amount, worth, event),
            Self::Collecting { amount, worth } => Self::collecting(amount, worth, event),
            Self::Waiving => Self::waiving(event),
            Self::Withholding(denial) => Self::withholding(denial, event),
            Self::Fencing { paid, worth } => Self::fencing(paid, worth, event),
            Self::Delivering { worth } => Self::delivering(worth, event),
            // What is granted when nobody waits any more is given back.
            Self::Over => match event {
                Event::Settled(Settled::Paid(_)) => give_up(Step::Undelivered),
                Event::Claim(outcome) => Step::undoing(outcome).map_or((Self::Over, HOLD), give_up),
                _ => (Self::Over, HOLD),
            },
        }
    }

    fn opening(terms: Terms, event: Event) -> (Self, Effects) {
        use claims::Outcome;
        let Event::Claim(outcome) = event else {
            return match event {
                Event::End { .. } | Event::Response { .. } => (Self::Over, HOLD),
                _ => (Self::Opening(terms), HOLD),
            };
        };
        match outcome {
            Outcome::Granted => Self::granted(terms),
            Outcome::Owed(nonce) => (Self::Reserving(terms, nonce), one(Effect::Claim(Step::Hold))),
            Outcome::Credited(nonce) => {
                (Self::Crediting { terms, nonce, pledged: true }, one(Effect::Claim(Step::Credit(nonce))))
            }
            Outcome::CreditedElsewhere(nonce) => {
                (Self::Crediting { terms, nonce, pledged: true }, one(Effect::Claim(Step::Follow(nonce))))
            }
            Outcome::Resolve(amount) => (Self::Paying(amount), one(Effect::Settle(amount))),
            Outcome::Redeem(paid) => (Self::Working { paid: Some(paid) }, one(Effect::Forward)),
            Outcome::InFlight | Outcome::Awaited => deny(Denial::InFlight),
            Outcome::Delivered(paid) => deny(Denial::AlreadyUsed(paid)),
            Outcome::Exhausted(paid) => deny(Denial::Exhausted(paid)),
            Outcome::Elsewhere(state) => deny(Denial::Elsewhere(state)),
            Outcome::Absent if terms.check == Check::First => (Self::Screening(terms), one(Effect::Verify)),
            Outcome::Absent => deny(Denial::Mismatch),
            Outcome::Full => deny(Denial::Full),
            _ => deny(Denial::StoreDown),
        }
    }

    fn granted(terms: Terms) -> (Self, Effects) {
        match (terms.check, terms.settle) {
            (Check::Facilitator, _) => (Self::Verifying(terms), one(Effect::Verify)),
            (Check::Local, Settle::Before) => (Self::Paying(None), one(Effect::Settle(None))),
            (Check::Local, Settle::After) => (Self::Working { paid: None }, one(Effect::Forward)),
            // A look opens nothing: whatever answered is no table of ours.
            (Check::First, _) => deny(Denial::StoreDown),
        }
    }

    /// Somebody else may have begun meanwhile: the table decides as ever. A payment that is
    /// being settled may well be why `/verify` says no.
    fn screening(terms: Terms, event: Event) -> (Self, Effects) {
        let refuse = |denial| (Self::Refusing(denial), one(Effect::Claim(Step::Peek)));
        match event {
            Event::Verified(Verdict::Valid) => Self::open(Terms { check: Check::Local, ..terms }),
            Event::Verified(Verdict::Invalid(reason)) => refuse(Denial::Unverified(reason)),
            Event::Verified(Verdict::Unavailable) => refuse(Denial::FacilitatorDown),
            Event::End { .. } | Event::Response { .. } => (Self::Over, HOLD),
            _ => (Self::Screening(terms), HOLD),
        }
    }

    fn verifying(terms: Terms, event: Event) -> (Self, Effects) {
        let refuse = |denial| (Self::Refusing(denial), one(Effect::Claim(Step::Release)));
        match event {
            Event::Verified(Verdict::Valid) if terms.settle == Settle::Before => {
                (Self::Arming, one(Effect::Claim(Step::Settling(None))))
            }
            Event::Verified(Verdict::Valid) => (Self::Working { paid: None }, one(Effect::Forward)),
            Event::Verified(Verdict::Invalid(reason)) => refuse(Denial::Unverified(reason)),
            Event::Verified(Verdict::Unavailable) => refuse(Denial::FacilitatorDown),
            Event::End { .. } | Event::Response { .. } => give_up(Step::Release),
            _ => (Self::Verifying(terms), HOLD),
        }
    }

    fn refusing(denial: Denial, event: Event) -> (Self, Effects) {
        match event {
            Event::Claim(claims::Outcome::Done | claims::Outcome::Absent) => deny(denial),
            Event::Claim(claims::Outcome::Unavailable) => deny(Denial::StoreDown),
            Event::Claim(_) => deny(Denial::InFlight),
            Event::End { .. } | Event::Response { .. } => (Self::Over, HOLD),
            _ => (Self::Refusing(denial), HOLD),
        }
    }

    fn arming(event: Event) -> (Self, Effects) {
        match event {
            Event::Claim(claims::Outcome::Done) => (Self::Paying(None), one(Effect::Settle(None))),
            Event::Claim(claims::Outcome::Unavailable) => deny(Denial::StoreDown),
            Event::Claim(_) => deny(Denial::InFlight),
            Event::End { .. } | Event::Response { .. } => give_up(Step::Release),
            _ => (Self::Arming, HOLD),
        }
    }

    fn paying(amount: Option<Amount>, event: Event) -> (Self, Effects) {
        match event {
            Event::Settled(Settled::Paid(transaction)) => {
                let paid = Paid { transaction: Some(transaction), amount };
                (Self::Working { paid: Some(paid) }, one(Effect::Forward))
            }
            Event::Settled(other) => unpaid(other),
            // A response to a request that was never forwarded is the host's own.
            Event::End { .. } | Event::Response { .. } => (Self::Over, one(Effect::Leave)),
            _ => (Self::Paying(amount), HOLD),
        }
    }

    fn working_paid(paid: Paid, event: Event) -> (Self, Effects) {
        match event {
            // A client that is told of a failure signs again at once: by then it must be known that
            // it is owed something.
            Event::Response { charge: Charge::Nothing | Charge::Onward(_) } => {
                (Self::Fencing { paid, worth: false }, one(Effect::Claim(Step::Undelivered)))
            }
            // What was measured before was paid for; asked again, the upstream may have done more.
            Event::Response { charge: Charge::Metered(cost) }
                if paid.amount.is_some_and(|amount| amount < cost) =>
            {
                (Self::Withholding(Denial::Short(paid)), one(Effect::Claim(Step::Undelivered)))
            }
            Event::Response { .. } => (Self::Fencing { paid, worth: true }, one(Effect::Claim(Step::Renew))),
            Event::End { .. } => give_up(Step::Undelivered),
            _ => (Self::Working { paid: Some(paid) }, HOLD),
        }
    }

    fn working_held(event: Event) -> (Self, Effects) {
        match event {
            Event::Response { charge } => Self::priced(charge),
            Event::End { .. } => give_up(Step::Release),
            _ => (Self::Working { paid: None }, HOLD),
        }
    }

    fn priced(charge: Charge) -> (Self, Effects) {
        let close =
            |amount, worth| (Self::Closing { amount, worth }, one(Effect::Claim(Step::Settling(amount))));
        match charge {
            Charge::Nothing => (Self::Over, [Some(Effect::Claim(Step::Release)), Some(Effect::PassUnpaid)]),
            Charge::Full => close(None, true),
            Charge::Metered(amount) if !amount.is_zero() => close(Some(amount), true),
            Charge::Onward(amount) => close(amount, false),
            Charge::Metered(_) | Charge::Waived => (Self::Waiving, one(Effect::Claim(Step::Waive))),
            Charge::Unreadable => {
                (Self::Withholding(Denial::ChargeUnreadable), one(Effect::Claim(Step::Release)))
            }
        }
    }

    fn closing(amount: Option<Amount>, worth: bool, event: Event) -> (Self, Effects) {
        match event {
            Event::Claim(claims::Outcome::Done) => {
                (Self::Collecting { amount, worth }, one(Effect::Settle(amount)))
            }
            Event::Claim(claims::Outcome::Unavailable) => deny(Denial::StoreDown),
            Event::Claim(_) => deny(Denial::InFlight),
            Event::End { .. } => give_up(Step::Release),
            _ => (Self::Closing { amount, worth }, HOLD),
        }
    }

    fn collecting(amount: Option<Amount>, worth: bool, event: Event) -> (Self, Effects) {
        match event {
            Event::Settled(Settled::Paid(transaction)) => {
                let paid = Paid { transaction: Some(transaction), amount };
                if worth {
                    return (Self::Delivering { worth }, one(Effect::Release(paid)));
                }
                // Whoever follows at once is served from it.
                (Self::Fencing { paid, worth }, one(Effect::Claim(Step::Undelivered)))
            }
            Event::Settled(other) => unpaid(other),
            Event::End { .. } => (Self::Over, one(Effect::Leave)),
            _ => (Self::Collecting { amount, worth }, HOLD),
        }
    }

    /// Nothing is owed after it: the authorisation is gone, whatever becomes of the response.
    fn waiving(event: Event) -> (Self, Effects) {
        match event {
            Event::Claim(claims::Outcome::Done) => (Self::Over, one(Effect::Release(Paid::NOTHING))),
            Event::Claim(claims::Outcome::Unavailable) => deny(Denial::StoreDown),
            Event::Claim(_) => deny(Denial::InFlight),
            Event::End { .. } => (Self::Over, HOLD),
            _ => (Self::Waiving, HOLD),
        }
    }

    fn withholding(denial: Denial, event: Event) -> (Self, Effects) {
        match event {
            Event::Claim(claims::Outcome::Done) => deny(denial),
            Event::Claim(claims::Outcome::Unavailable) => deny(Denial::StoreDown),
            Event::Claim(_) => deny(Denial::InFlight),
            Event::End { .. } => (Self::Over, HOLD),
            _ => (Self::Withholding(denial), HOLD),
        }
    }
}

fn unpaid(settled: Settled) -> (Exchange, Effects) {
    deny(match settled {
        Settled::Rejected(reason) => Denial::Rejected(reason),
        Settled::NotSent => Denial::FacilitatorDown,
        Settled::Superseded => Denial::InFlight,
        Settled::Reused(transaction) => {
            Denial::AlreadyUsed(Paid { transaction: Some(transaction), amount: None })
        }
        // Paid is taken by the caller; were it not, the answer is still not to pay again.
        Settled::Unknown | Settled::Paid(_) => Denial::Pending,
    })
}
