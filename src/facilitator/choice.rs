//! Which of an offer's facilitators is asked, and who next.
//!
//! A payment is taken to one facilitator after another, as long as it certainly did not arrive:
//! 1. only to those that honour it: what was signed may name one of them, or what only one of
//!    them pays for. Where none does any more (what was sold then is not sold now), to any;
//! 2. never to one that is [`Standing::Shut`];
//! 3. first to those that are ready, then to those that are due for a trial: a payment is not
//!    risked on a trial where somebody else can settle it;
//! 4. among these, in the order they are written in; or, where they have weights, as drawn: each
//!    comes first as often as its weight says, and those after it are drawn from the rest.

use std::sync::Arc;

use crate::config::{Facilitator, Offer};
use crate::protocol::abilities::Standing;

/// The facilitators to try, in order; none when none may be asked now.
///
/// `honours` says whether one takes the payment, `standing` whether it may be asked; `dice` is a
/// random number, used where there are weights.
pub fn line(
    offer: &Offer,
    honours: &dyn Fn(&Facilitator) -> bool,
    standing: &dyn Fn(&Facilitator) -> Standing,
    dice: u64,
) -> Vec<Arc<Facilitator>> {
    let honoured: Vec<bool> = offer.facilitators.iter().map(|facilitator| honours(facilitator)).collect();
    let any = !honoured.contains(&true);
    let mut line: Vec<Arc<Facilitator>> = Vec::new();
    let mut dice = dice;
    for wanted in [Standing::Ready, Standing::Trial] {
        let mut left: Vec<(&Arc<Facilitator>, u64)> = Vec::new();
        for (place, (facilitator, honoured)) in offer.facilitators.iter().zip(&honoured).enumerate() {
            if (any || *honoured) && standing(facilitator) == wanted {
                left.push((facilitator, offer.weights.get(place).copied().unwrap_or(0).into()));
            }
        }
        while let Some(next) = drawn(&left, dice) {
            line.push(Arc::clone(next));
            left.retain(|(facilitator, _)| !Arc::ptr_eq(facilitator, next));
            dice = mixed(dice);
        }
    }
    line
}

/// The one at which the dice fall; the first where there are no weights.
fn drawn<'o>(left: &[(&'o Arc<Facilitator>, u64)], dice: u64) -> Option<&'o Arc<Facilitator>> {
    let all = left.iter().fold(0u64, |sum, (_, weight)| sum.saturating_add(*weight));
    let mut at = dice.checked_rem(all).unwrap_or(0);
    for (facilitator, weight) in left {
        match at.checked_sub(*weight) {
            Some(beyond) if all > 0 => at = beyond,
            _ => return Some(facilitator),
        }
    }
    None
}

/// Another number as random as the one before (SplitMix64).
fn mixed(dice: u64) -> u64 {
    let z = dice.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

#[cfg(test)]
mod tests;
