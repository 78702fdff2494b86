//! Quotes, rendered once for each offer and again when a facilitator says something new, or
//! falls silent, or is back.

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::sync::Arc;

use super::Worker;
use crate::config::{Facilitator, Offer, Policy, Target};
use crate::evm::address::Address;
use crate::extensions::{self, gas};
use crate::facilitator::supported::Kindness;
use crate::map::Map;
use crate::protocol::abilities::{Abilities, Ability, Standing};
use crate::protocol::challenge::Challenge;
use crate::protocol::Version;
use crate::shell::host;

/// Every offer's quote.
pub(super) struct Quotes {
    /// Places in `rendered`, by [`address`].
    places: Map<u64, u64>,
    rendered: RefCell<Vec<Option<Rendered>>>,
    /// Moves whenever what is known of any facilitator has changed in a way that quotes depend on.
    generation: Cell<u64>,
}

struct Rendered {
    challenge: Rc<Challenge>,
    /// What was known of facilitators when it was rendered.
    generation: u64,
}

// === impl Quotes ===

impl Quotes {
    /// One place per offer, however many routes share it.
    pub(super) fn new(policy: &Policy) -> Self {
        let offers = policy.routes.iter().filter_map(|route| match &route.target {
            Target::Offer(offer) => Some(offer),
            Target::Free => None,
        });
        let mut places = Map::<u64, u64>::default();
        for offer in offers {
            let address = address(offer);
            if places.get(&address).is_none() {
                places.insert(address, places.len() as u64);
            }
        }
        let rendered = (0..places.len()).map(|_| None).collect();
        Self { places, rendered: RefCell::new(rendered), generation: Cell::new(0) }
    }
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
        self.quotes.generation.set(self.quotes.generation.get().wrapping_add(1));
    }

    fn rendered(&self, offer: &Arc<Offer>) -> Option<Rc<Challenge>> {
        let place = self.place(offer)?;
        let generation = self.quotes.generation.get();
        let known = self.quotes.rendered.try_borrow().ok().and_then(|rendered| {
            let rendered = rendered.get(place)?.as_ref()?;
            (rendered.generation == generation).then(|| Rc::clone(&rendered.challenge))
        });
        if known.is_some() {
            return known;
        }
        let constant = extensions::constant(offer.extensions(), gas::offered(offer, self));
        let challenge = Rc::new(Challenge::new(offer, self, &constant));
        if let Some(slot) = self.quotes.rendered.try_borrow_mut().ok().as_mut().and_then(|r| r.get_mut(place))
        {
            let before = slot.replace(Rendered { challenge: Rc::clone(&challenge), generation });
            if before.is_some() {
                self.forget_offers();
            }
        }
        Some(challenge)
    }

    /// The offer's number among those quoted.
    pub(super) fn place(&self, offer: &Arc<Offer>) -> Option<usize> {
        usize::try_from(*self.quotes.places.get(&address(offer))?).ok()
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
