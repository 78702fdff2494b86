//! Quotes, rendered for each offer that is asked for, and again when a facilitator says something
//! new, or falls silent, or is back.

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::sync::Arc;

use super::Worker;
use crate::config::{Facilitator, Offer};
use crate::evm::address::Address;
use crate::extensions::{self, gas};
use crate::facilitator::supported::Kindness;
use crate::protocol::abilities::{Abilities, Ability, Standing};
use crate::protocol::challenge::Challenge;
use crate::protocol::quotes::Quotes;
use crate::protocol::Version;
use crate::shell::host;

/// What was rendered.
#[derive(Default)]
pub(super) struct Rendered {
    /// By [`address`].
    quotes: RefCell<Quotes>,
    /// Moves whenever what is known of any facilitator has changed in a way that quotes depend on.
    generation: Cell<u64>,
}

// === impl Worker ===

impl Worker {
    /// The quote of an offer.
    pub(in crate::shell) fn challenge(&self, offer: &Arc<Offer>) -> Option<Rc<Challenge>> {
        let challenge = self.rendered(offer)?;
        if !challenge.is_empty() {
            return Some(challenge);
        }
        offer.facilitators.iter().for_each(|facilitator| self.catch_up(facilitator));
        self.rendered(offer)
    }

    /// What quotes are rendered by has changed.
    pub(super) fn render_anew(&self) {
        self.rendered.generation.set(self.rendered.generation.get().wrapping_add(1));
    }

    fn rendered(&self, offer: &Arc<Offer>) -> Option<Rc<Challenge>> {
        let (address, generation) = (address(offer), self.rendered.generation.get());
        let known = |quotes: &mut Quotes| (quotes.renew(generation), quotes.get(address));
        let (renewed, known) = self.rendered.quotes.try_borrow_mut().ok().as_deref_mut().map(known)?;
        if renewed {
            self.forget_offers();
        }
        if known.is_some() {
            return known;
        }
        let declared = extensions::declared(offer.extensions(), gas::offered(offer, self));
        let challenge = Rc::new(Challenge::new(offer, self, declared));
        if let Ok(mut quotes) = self.rendered.quotes.try_borrow_mut() {
            quotes.keep(address, Rc::clone(&challenge));
        }
        Some(challenge)
    }
}

impl Abilities for Worker {
    fn standing(&self, facilitator: &Facilitator) -> Standing {
        self.standing_of(facilitator)
    }

    fn settles(&self, facilitator: &Facilitator, version: Version, scheme: &str, network: &str) -> Ability {
        if self.supported(facilitator).supported().is_none() {
            self.catch_up(facilitator);
        }
        match self.supported(facilitator).kind(version.number().into(), scheme, network) {
            Kindness::Unknown => Ability::Unknown,
            Kindness::Unsupported => Ability::No,
            Kindness::Supported(kind) => Ability::Yes(kind.extra.as_deref().unwrap_or("{}").to_owned()),
        }
    }

    fn submitter(&self, facilitator: &Facilitator, network: &str) -> Option<Address> {
        self.supported(facilitator).facilitator_address(network)
    }

    fn submits(&self, facilitator: &Facilitator, network: &str, address: &Address) -> bool {
        let honoured = || self.supported(facilitator).accepts_facilitator(network, address, host::now());
        if honoured() {
            return true;
        }
        self.catch_up(facilitator);
        honoured()
    }

    fn extends(&self, facilitator: &Facilitator, extension: &str) -> bool {
        self.supported(facilitator).extension(extension) == Some(true)
    }
}

/// An offer's identity: the policy that owns it outlives the worker's maps.
pub(super) fn address(offer: &Arc<Offer>) -> u64 {
    Arc::as_ptr(offer).addr() as u64
}
