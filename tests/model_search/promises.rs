//! What holds in every state.

use x402_proxy_wasm::claims::State;
use x402_proxy_wasm::exchange::Denial;

use super::{Chain, World, NOW};

pub(super) fn check_denial(world: &World, denial: Denial) {
    let says_unpaid = matches!(
        denial,
        Denial::Mismatch
            | Denial::Unverified(_)
            | Denial::Rejected(_)
            | Denial::FacilitatorDown
            | Denial::Full
    );
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
