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
//!   renewed at the response (`before` and redemptions), so that an exchange that lost its
//!   lease meanwhile releases nothing.
//!
//! ```text
//! Opening -> Verifying -> Arming -> Paying -> Working(paid) -> Fencing -> Delivering -> Over
//!    |           `------------------------->  Working(held) -> Closing -> Collecting -^
//!    `-> any refusal -> Over
//! ```

use crate::claims::{self, State, Transaction};
use crate::config::Settle;
use crate::facilitator::{Reason, Verdict};

/// What the machine needs to know of the offer.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Terms {
    /// When the money moves.
    pub settle: Settle,
    /// Whether the facilitator's `/verify` is asked first.
    pub verify: bool,
}

/// Where an exchange stands.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Exchange {
    /// The claim is being begun; the request is held.
    Opening(Terms),
    /// `/verify` is asked; the request is held.
    Verifying(Terms),
    /// `/verify` did not pass it; the claim is being given up; the request is held. Only if
    /// it was still ours may the client hear that nothing was paid.
    Refusing(Denial),
    /// Verified, the claim is being armed for settlement; the request is held.
    Arming,
    /// The settlement is under way; the request is held.
    Paying,
    /// The upstream works. `paid` says whether the money has moved already.
    Working {
        /// The settlement, when it came first.
        paid: Option<Paid>,
    },
    /// The held response is worth its price; the claim is being armed for settlement.
    Closing,
    /// The settlement is under way; the response is held.
    Collecting,
    /// A paid response arrived; the claim is being renewed; the response is held.
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

/// Proof of payment; the transaction is missing only if the facilitator never named it.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Paid(pub Option<Transaction>);

/// What happens to an exchange.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Event {
    /// A claim step came out like this.
    Claim(claims::Outcome),
    /// `/verify` came out like this.
    Verified(Verdict),
    /// The settlement came out like this.
    Settled(Settled),
    /// Response headers arrived, from the upstream or from the host itself.
    Response {
        /// Whether the offer charges for this status.
        charges: bool,
    },
    /// The exchange ended.
    End {
        /// Whether the whole response went out and nobody hung up.
        clean: bool,
    },
}

/// What the settlement tells the exchange that waits for it.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Settled {
    /// The money moved and this exchange may deliver.
    Paid(Transaction),
    /// The facilitator refused and no money can have moved.
    Rejected(Reason),
    /// The facilitator was not reached and no money can have moved.
    NotSent,
    /// The money may have moved.
    Unknown,
    /// Another exchange took the claim over.
    Superseded,
}

/// A step of the exchange's own claim.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Step {
    /// Present the payment.
    Begin,
    /// Write "settling" before the call leaves.
    Settling,
    /// Keep the lease, and learn whether it is still ours.
    Renew,
    /// Give up a claim for which nothing was asked.
    Release,
    /// The response was delivered.
    Delivered,
    /// The response was not.
    Undelivered,
}

/// What the driver must do.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Effect {
    /// Run a claim step; its outcome is the next event unless the machine is Over.
    Claim(Step),
    /// Ask `/verify`.
    Verify,
    /// Hand the payment to the root to be settled.
    Settle,
    /// Nobody waits for the settlement any more.
    Leave,
    /// Let the request go upstream.
    Forward,
    /// Let the held response go to the client, with its receipt.
    Release(Paid),
    /// Let the response go to the client as it is: it is not charged for.
    PassUnpaid,
    /// Answer the client ourselves, in place of whatever is held.
    Deny(Denial),
}

/// Why the money path refuses.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Denial {
    /// The payment does not fit the offer and no claim stands behind it.
    Mismatch,
    /// The same payment is at work elsewhere.
    InFlight,
    /// The same payment was delivered.
    AlreadyUsed(Option<Transaction>),
    /// The same payment was presented too often without a delivery.
    Exhausted(Option<Transaction>),
    /// The payment belongs to another purchase.
    Elsewhere(State),
    /// The claim table has no room.
    Full,
    /// The claim table cannot answer.
    StoreDown,
    /// The facilitator was certainly not reached, or could not verify.
    FacilitatorDown,
    /// `/verify` refused; nothing was asked to settle.
    Unverified(Reason),
    /// `/settle` refused.
    Rejected(Reason),
    /// The money may have moved.
    Pending,
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
        (Self::Opening(terms), one(Effect::Claim(Step::Begin)))
    }

    /// Whether the request may not move yet.
    pub fn holds_request(self) -> bool {
        matches!(
            self,
            Self::Opening(_) | Self::Verifying(_) | Self::Refusing(_) | Self::Arming | Self::Paying
        )
    }

    /// Whether the response may not move yet.
    pub fn holds_response(self) -> bool {
        matches!(self, Self::Closing | Self::Collecting | Self::Fencing { .. })
    }

    /// Whether a lease has to be kept alive for it.
    pub fn leases(self) -> bool {
        !matches!(self, Self::Over | Self::Opening(_))
    }

    /// One step.
    #[must_use]
    pub fn on(self, event: Event) -> (Self, Effects) {
        match self {
            Self::Opening(terms) => Self::opening(terms, event),
            Self::Verifying(terms) => Self::verifying(terms, event),
            Self::Refusing(denial) => Self::refusing(denial, event),
            Self::Arming => Self::arming(event),
            Self::Paying => Self::paying(event),
            Self::Working { paid: Some(paid) } => Self::working_paid(paid, event),
            Self::Working { paid: None } => Self::working_held(event),
            Self::Closing => Self::closing(event),
            Self::Collecting => Self::collecting(event),
            Self::Fencing { paid, worth } => Self::fencing(paid, worth, event),
            Self::Delivering { worth } => Self::delivering(worth, event),
            // A settlement that found nobody waiting gives the delivery back.
            Self::Over => match event {
                Event::Settled(Settled::Paid(_)) => give_up(Step::Undelivered),
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
            Outcome::Granted if terms.verify => (Self::Verifying(terms), one(Effect::Verify)),
            Outcome::Granted if terms.settle == Settle::Before => (Self::Paying, one(Effect::Settle)),
            Outcome::Granted => (Self::Working { paid: None }, one(Effect::Forward)),
            Outcome::Resolve => (Self::Paying, one(Effect::Settle)),
            Outcome::Redeem(transaction) => {
                (Self::Working { paid: Some(Paid(transaction)) }, one(Effect::Forward))
            }
            Outcome::InFlight => deny(Denial::InFlight),
            Outcome::Delivered(transaction) => deny(Denial::AlreadyUsed(transaction)),
            Outcome::Exhausted(transaction) => deny(Denial::Exhausted(transaction)),
            Outcome::Elsewhere(state) => deny(Denial::Elsewhere(state)),
            Outcome::Absent => deny(Denial::Mismatch),
            Outcome::Full => deny(Denial::Full),
            _ => deny(Denial::StoreDown),
        }
    }

    fn verifying(terms: Terms, event: Event) -> (Self, Effects) {
        let refuse = |denial| (Self::Refusing(denial), one(Effect::Claim(Step::Release)));
        match event {
            Event::Verified(Verdict::Valid) if terms.settle == Settle::Before => {
                (Self::Arming, one(Effect::Claim(Step::Settling)))
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
            Event::Claim(claims::Outcome::Done) => deny(denial),
            Event::Claim(claims::Outcome::Unavailable) => deny(Denial::StoreDown),
            Event::Claim(_) => deny(Denial::InFlight),
            Event::End { .. } | Event::Response { .. } => (Self::Over, HOLD),
            _ => (Self::Refusing(denial), HOLD),
        }
    }

    fn arming(event: Event) -> (Self, Effects) {
        match event {
            Event::Claim(claims::Outcome::Done) => (Self::Paying, one(Effect::Settle)),
            Event::Claim(claims::Outcome::Unavailable) => deny(Denial::StoreDown),
            Event::Claim(_) => deny(Denial::InFlight),
            Event::End { .. } | Event::Response { .. } => give_up(Step::Release),
            _ => (Self::Arming, HOLD),
        }
    }

    fn paying(event: Event) -> (Self, Effects) {
        match event {
            Event::Settled(Settled::Paid(transaction)) => {
                let paid = Some(Paid(Some(transaction)));
                (Self::Working { paid }, one(Effect::Forward))
            }
            Event::Settled(other) => unpaid(other),
            // A response to a request that was never forwarded is the host's own.
            Event::End { .. } | Event::Response { .. } => (Self::Over, one(Effect::Leave)),
            _ => (Self::Paying, HOLD),
        }
    }

    fn working_paid(paid: Paid, event: Event) -> (Self, Effects) {
        match event {
            Event::Response { charges } => {
                (Self::Fencing { paid, worth: charges }, one(Effect::Claim(Step::Renew)))
            }
            Event::End { .. } => give_up(Step::Undelivered),
            _ => (Self::Working { paid: Some(paid) }, HOLD),
        }
    }

    fn working_held(event: Event) -> (Self, Effects) {
        match event {
            Event::Response { charges: true } => (Self::Closing, one(Effect::Claim(Step::Settling))),
            Event::Response { charges: false } => {
                (Self::Over, [Some(Effect::Claim(Step::Release)), Some(Effect::PassUnpaid)])
            }
            Event::End { .. } => give_up(Step::Release),
            _ => (Self::Working { paid: None }, HOLD),
        }
    }

    fn closing(event: Event) -> (Self, Effects) {
        match event {
            Event::Claim(claims::Outcome::Done) => (Self::Collecting, one(Effect::Settle)),
            Event::Claim(claims::Outcome::Unavailable) => deny(Denial::StoreDown),
            Event::Claim(_) => deny(Denial::InFlight),
            Event::End { .. } => give_up(Step::Release),
            _ => (Self::Closing, HOLD),
        }
    }

    fn collecting(event: Event) -> (Self, Effects) {
        match event {
            Event::Settled(Settled::Paid(transaction)) => {
                let paid = Paid(Some(transaction));
                (Self::Delivering { worth: true }, one(Effect::Release(paid)))
            }
            Event::Settled(other) => unpaid(other),
            Event::End { .. } => (Self::Over, one(Effect::Leave)),
            _ => (Self::Collecting, HOLD),
        }
    }

    fn fencing(paid: Paid, worth: bool, event: Event) -> (Self, Effects) {
        match event {
            Event::Claim(claims::Outcome::Done) => (Self::Delivering { worth }, one(Effect::Release(paid))),
            Event::Claim(claims::Outcome::Unavailable) => {
                (Self::Over, [Some(Effect::Claim(Step::Undelivered)), Some(Effect::Deny(Denial::StoreDown))])
            }
            Event::Claim(_) => deny(Denial::InFlight),
            Event::End { .. } => give_up(Step::Undelivered),
            _ => (Self::Fencing { paid, worth }, HOLD),
        }
    }

    fn delivering(worth: bool, event: Event) -> (Self, Effects) {
        match event {
            Event::End { clean: true } if worth => give_up(Step::Delivered),
            Event::End { .. } => give_up(Step::Undelivered),
            _ => (Self::Delivering { worth }, HOLD),
        }
    }
}

fn unpaid(settled: Settled) -> (Exchange, Effects) {
    deny(match settled {
        Settled::Rejected(reason) => Denial::Rejected(reason),
        Settled::NotSent => Denial::FacilitatorDown,
        Settled::Superseded => Denial::InFlight,
        // Paid is taken by the caller; were it not, the answer is still not to pay again.
        Settled::Unknown | Settled::Paid(_) => Denial::Pending,
    })
}
