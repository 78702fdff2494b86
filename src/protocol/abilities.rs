//! What a facilitator can do, as far as a quote depends on it.

use std::sync::Arc;

use super::Version;
use crate::config::{Facilitator, Offer};
use crate::evm::address::Address;

/// Whether a facilitator settles a kind of payment.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Ability {
    /// Nobody has told yet: not the same as no.
    Unknown,
    /// No.
    No,
    /// Yes; its `extra` for quotes, as one canonical JSON object.
    Yes(String),
}

/// Whether a facilitator may be asked to settle.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Standing {
    /// It answers, as far as anybody knows.
    Ready,
    /// It did not lately, and it is time to try: where no other can do it.
    Trial,
    /// Not now: it did not answer just now, or is elsewhere.
    Shut,
}

/// What is known of facilitators; from their `/supported`, and from how they answered lately.
pub trait Abilities {
    /// Whether `facilitator` may be asked now.
    fn standing(&self, facilitator: &Facilitator) -> Standing;

    /// Whether `facilitator` settles a scheme of a version on a network, which is spelled as
    /// that version spells it.
    fn settles(&self, facilitator: &Facilitator, version: Version, scheme: &str, network: &str) -> Ability;

    /// The address to name in an `upto` quote on a network (CAIP-2); of one that told nothing, none.
    fn submitter(&self, _facilitator: &Facilitator, _network: &str) -> Option<Address> {
        None
    }

    /// Whether a quote that named this address is still honoured.
    fn submits(&self, _facilitator: &Facilitator, _network: &str, _address: &Address) -> bool {
        false
    }

    /// Whether `facilitator` lists an extension.
    fn extends(&self, _facilitator: &Facilitator, _extension: &str) -> bool {
        false
    }

    /// Whether `facilitator` takes a payment of this kind, as far as is known; under `upto` one
    /// that names this `submitter`.
    fn takes(
        &self,
        facilitator: &Facilitator,
        version: Version,
        scheme: &str,
        network: &str,
        submitter: Option<&Address>,
    ) -> bool {
        self.settles(facilitator, version, scheme, network) != Ability::No
            && submitter.is_none_or(|address| self.submits(facilitator, network, address))
    }
}

/// Whom a quote is for: the first of an offer's facilitators that fits and is ready, else the
/// first that is due for a trial.
pub fn quoter<'o>(
    offer: &'o Offer,
    abilities: &dyn Abilities,
    fits: &dyn Fn(&Facilitator) -> bool,
) -> Option<&'o Facilitator> {
    let find = |wanted| {
        let standing = |facilitator: &&Arc<Facilitator>| abilities.standing(facilitator) == wanted;
        offer.facilitators.iter().filter(standing).find(|facilitator| fits(facilitator))
    };
    find(Standing::Ready).or_else(|| find(Standing::Trial)).map(Arc::as_ref)
}

/// Of facilitators nobody has asked.
#[derive(Clone, Copy, Debug)]
pub struct Unasked;

impl Abilities for Unasked {
    fn standing(&self, _: &Facilitator) -> Standing {
        Standing::Ready
    }

    fn settles(&self, _: &Facilitator, _: Version, _: &str, _: &str) -> Ability {
        Ability::Unknown
    }
}
