//! What holds in every state.

use x402_proxy_wasm::claims::{Attempt, State};
use x402_proxy_wasm::exchange::Denial;
use x402_proxy_wasm::money::Amount;
use x402_proxy_wasm::reply::{PaymentState, Refusal};
use x402_proxy_wasm::settlement::Settlement;

use super::world::{Call, Chain, World};
use super::NOW;

pub(super) fn check_denial(world: &World, denial: Denial) {
    // What the client really reads decides, not what the denial is called.
    let refusal = Refusal::Denied(denial);
    let delivered = matches!(denial, Denial::AlreadyUsed(_));
    let says_unpaid = refusal.payment_state() == PaymentState::None || (refusal.quotes() && !delivered);
    if says_unpaid {
        assert!(!matches!(world.chain, Chain::Paid(_)), "{denial:?} after the money moved: {world:#?}");
        assert!(!world.may_still_book(), "{denial:?} while the money may move: {world:#?}");
    }
    if matches!(denial, Denial::AlreadyUsed(_)) {
        let spent = world.chain == Chain::Spent;
        assert!(world.delivered || spent, "told that it was delivered: {world:#?}");
    }
}

/// A settlement is about to be asked for by the presentation `i`.
pub(super) fn check_ask(world: &World, i: usize, amount: Option<Amount>) {
    assert!(!world.waived, "asked to settle what was waived: {world:#?}");
    let claim = world.claim.filter(|claim| claim.state == State::Settling);
    let written =
        claim.filter(|claim| claim.attempt == Attempt(world.presented[i].id)).map(|claim| claim.amount);
    assert_eq!(written, Some(amount), "asked before it was written down: {world:#?}");
    for other in &world.presented {
        let queued = matches!(other.settlement, Some(Settlement::Queued { .. } | Settlement::Sent { .. }));
        if queued || other.call == Some(Call::Travelling) {
            assert_eq!(other.asked, amount, "two sums may both arrive: {world:#?}");
        }
    }
}

pub(super) fn check(world: &World) {
    if world.waived {
        assert!(!matches!(world.chain, Chain::Paid(_)), "waived, and paid: {world:#?}");
        assert!(!world.may_still_book(), "waived, and may be paid yet: {world:#?}");
        let state = world.claim.map(|claim| claim.state);
        assert_eq!(state, Some(State::Delivered), "waived, and not used up: {world:#?}");
    }
    if matches!(world.chain, Chain::Paid(_)) {
        let state = world.claim.and_then(|claim| claim.at(NOW)).map(|claim| claim.state);
        assert!(
            matches!(
                state,
                Some(State::Settling | State::Taken | State::Redeeming | State::Delivered | State::Unknown)
            ),
            "the money moved and the claim does not know: {world:#?}"
        );
    }
}
