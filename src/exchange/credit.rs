//! A wallet that is owed something presents another payment.

use super::{deny, give_up, one, Denial, Effect, Effects, Event, Exchange, Owed, Step, Terms, HOLD};
use crate::claims::{Outcome, Paid};
use crate::config::Settle;
use crate::exchange::Check;

// === impl Exchange ===

impl Exchange {
    /// The payment that is being presented opens no claim of its own; what its wallet is owed serves it.
    #[must_use]
    pub fn unfit(self) -> Self {
        match self {
            Self::Opening(terms) => Self::Opening(Terms { fit: false, ..terms }),
            other => other,
        }
    }

    pub(super) fn reserving(terms: Terms, nonce: [u8; 32], event: Event) -> (Self, Effects) {
        match event {
            Event::Claim(Outcome::Granted) => {
                (Self::Crediting { terms, nonce, pledged: false }, one(Effect::Claim(Step::Credit(nonce))))
            }
            Event::Claim(_) => Self::opening(terms, event),
            Event::End { .. } | Event::Response { .. } => give_up(Step::Release),
            _ => (Self::Reserving(terms, nonce), HOLD),
        }
    }

    pub(super) fn crediting(terms: Terms, nonce: [u8; 32], event: Event) -> (Self, Effects) {
        let pledge = |owed| (Self::Pledging(owed), one(Effect::Claim(Step::Pledge(nonce))));
        let release = |denial| (Self::Over, [Some(Effect::Claim(Step::Release)), Some(Effect::Deny(denial))]);
        match event {
            Event::Claim(Outcome::Redeem(paid)) => pledge(Owed::Content(paid)),
            Event::Claim(Outcome::Resolve(amount)) => pledge(Owed::Answer(amount)),
            Event::Claim(Outcome::Unavailable) => release(Denial::StoreDown),
            // It is being asked about, and whoever comes next is served with it.
            Event::Claim(Outcome::Awaited) => release(Denial::InFlight),
            // The store has just said that it is owed. Either somebody is being served with it since,
            // and then the store says so next time; or this host takes it for being at work because it
            // has not heard that a try of its own came to nothing. Bought now, it would be paid twice.
            Event::Claim(Outcome::InFlight) => release(Denial::InFlight),
            // Somebody else was served with it: this payment buys for itself, if it may. So may another
            // that was told of the same.
            Event::Claim(_) if terms.fit && terms.single => release(Denial::InFlight),
            Event::Claim(_) if terms.fit => Self::reserved(terms),
            Event::Claim(_) => release(Denial::Mismatch),
            Event::End { .. } | Event::Response { .. } => give_up(Step::Release),
            _ => (Self::Crediting { terms, nonce, pledged: false }, HOLD),
        }
    }

    /// The payment is held by this exchange, and nothing was asked.
    fn reserved(terms: Terms) -> (Self, Effects) {
        match (terms.check, terms.settle) {
            (Check::Local, Settle::Before) => (Self::Arming, one(Effect::Claim(Step::Settling(None)))),
            _ => Self::granted(terms),
        }
    }

    /// The payment was used up before, in favour of the claim that decides now.
    pub(super) fn following(terms: Terms, nonce: [u8; 32], event: Event) -> (Self, Effects) {
        match event {
            // Proven unpaid, or given up after its time: nothing is owed for it any more.
            Event::Claim(Outcome::Absent) => deny(Denial::AlreadyUsed(Paid::NOTHING)),
            // One payment stands for another, and that for none.
            Event::Claim(
                Outcome::Granted | Outcome::Owed(_) | Outcome::Credited(_) | Outcome::CreditedElsewhere(_),
            ) => deny(Denial::StoreDown),
            Event::Claim(_) => Self::opening(terms, event),
            Event::End { .. } | Event::Response { .. } => (Self::Over, HOLD),
            _ => (Self::Crediting { terms, nonce, pledged: true }, HOLD),
        }
    }

    pub(super) fn pledging(owed: Owed, event: Event) -> (Self, Effects) {
        let back = match owed {
            Owed::Content(_) => Step::Return,
            Owed::Answer(_) => Step::Doubt,
        };
        match (event, owed) {
            (Event::Claim(Outcome::Done), Owed::Content(paid)) => {
                (Self::Working { paid: Some(paid) }, one(Effect::Forward))
            }
            (Event::Claim(Outcome::Done), Owed::Answer(amount)) => {
                (Self::Paying(amount), one(Effect::Settle(amount)))
            }
            (Event::Claim(_), _) => {
                (Self::Over, [Some(Effect::Claim(back)), Some(Effect::Deny(Denial::StoreDown))])
            }
            (Event::End { .. } | Event::Response { .. }, _) => give_up(back),
            _ => (Self::Pledging(owed), HOLD),
        }
    }
}
