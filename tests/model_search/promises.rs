//! What holds in every state.

use x402_proxy_wasm::claims::State;
use x402_proxy_wasm::exchange::Denial;
use x402_proxy_wasm::reply::{PaymentState, Refusal};

use super::{Chain, World, NOW};

pub(super) fn check_denial(world: &World, denial: Denial) {
    // What the client really reads decides, not what the denial is called.
    let refusal = Refusal::Denied(denial);
    let delivered = matches!(denial, Denial::AlreadyUsed(_));
    let says_unpaid = refusal.payment_state() == PaymentState::None || (refusal.quotes() && !delivered);
    if says_unpaid {
        assert_ne!(world.chain, Chain::Paid, "{denial:?} after the money moved: {world:#?}");
        assert!(!world.may_still_book(), "{denial:?} while the money may move: {world:#?}");
    }
    if matches!(denial, Denial::AlreadyUsed(_)) {
        assert!(world.delivered, "told that it was delivered: {world:#?}");
    }
}

pub(super) fn check(world: &World) {
    if world.chain == Chain::Paid {
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
