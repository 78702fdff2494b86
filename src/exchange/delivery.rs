//! A paid response, from its headers to its last byte.

use super::{deny, give_up, one, Denial, Effect, Effects, Event, Exchange, Paid, Step, HOLD};
use crate::claims;

// === impl Exchange ===

impl Exchange {
    pub(super) fn fencing(paid: Paid, worth: bool, event: Event) -> (Self, Effects) {
        match event {
            Event::Claim(claims::Outcome::Done) => (Self::Delivering { worth }, one(Effect::Release(paid))),
            Event::Claim(claims::Outcome::Unavailable) if worth => {
                (Self::Over, [Some(Effect::Claim(Step::Return)), Some(Effect::Deny(Denial::StoreDown))])
            }
            // It is given back as soon as that can be written.
            Event::Claim(claims::Outcome::Unavailable) => deny(Denial::StoreDown),
            Event::Claim(_) => deny(Denial::InFlight),
            Event::End { .. } if worth => give_up(Step::Undelivered),
            Event::End { .. } => (Self::Over, HOLD),
            _ => (Self::Fencing { paid, worth }, HOLD),
        }
    }

    pub(super) fn delivering(worth: bool, event: Event) -> (Self, Effects) {
        match event {
            Event::End { .. } if !worth => (Self::Over, HOLD),
            Event::Begun | Event::End { clean: true } if worth => give_up(Step::Delivered),
            Event::End { .. } => give_up(Step::Undelivered),
            _ => (Self::Delivering { worth }, HOLD),
        }
    }
}
