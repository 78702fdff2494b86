//! Who may be asked: breakers, shared by all workers of the process, and the line of
//! facilitators a payment is taken to.
//!
//! While all is well nothing is shared, and neither a request nor a payment asks the host for
//! anything here: a closed breaker needs no time, and what the others found out is looked up
//! once a second with everything else. So a silence that one worker counts stops the quotes of
//! that worker at once, and those of the others within a second.

use std::sync::Arc;

use super::Worker;
use crate::admission::Purchase;
use crate::claims::table::Shared;
use crate::config::{Facilitator, Offer, Policy};
use crate::facilitator::breaker::{Breaker, OPEN_SECONDS};
use crate::facilitator::choice;
use crate::facilitator::supported::store;
use crate::protocol::abilities::Standing;
use crate::shell::host::{self, SharedData};

/// One facilitator's breaker.
pub(super) struct Fuse {
    /// Where it is shared.
    key: String,
    breaker: Breaker,
    /// What quotes were last rendered by.
    rendered: Standing,
}

// === impl Fuse ===

impl Fuse {
    /// One per facilitator, by its index.
    pub(super) fn all(policy: &Policy) -> Vec<Self> {
        let fuse = |facilitator: &Arc<Facilitator>| Self {
            key: store::breaker_key(facilitator),
            breaker: Breaker::default(),
            rendered: Standing::Ready,
        };
        policy.facilitators.iter().map(fuse).collect()
    }

    /// Tells the other workers, if there is news.
    fn share(&self, before: Breaker) {
        if before.shared() != self.breaker.shared() {
            // Without a store each worker is on its own. What others wrote meanwhile is as good.
            let _ = SharedData.set(&self.key, &self.breaker.shared(), 0);
        }
    }
}

// === impl Worker ===

impl Worker {
    /// Whom to take a payment to, one after the other as long as it certainly did not arrive.
    /// Empty when nobody may be asked. Ask [`Self::admits`] before each call.
    pub(super) fn line(&self, purchase: &Purchase) -> Vec<Arc<Facilitator>> {
        let offer = &purchase.offer;
        let dice = if offer.weights.is_empty() { 0 } else { host::random_u64() };
        let honours = |facilitator: &Facilitator| purchase.is_honoured_by(facilitator, self);
        choice::line(offer, &honours, &|facilitator| self.standing_of(facilitator), dice)
    }

    /// Whether a call that may move money may be made now. The one trial of a breaker whose pause
    /// is over goes to the first worker of all that asks.
    pub(super) fn admits(&self, facilitator: &Facilitator) -> bool {
        let admitted = self.fuse(facilitator, |fuse| {
            if fuse.breaker.is_closed() {
                return true;
            }
            let now = host::now();
            let Ok(stored) = SharedData.get(&fuse.key) else { return fuse.breaker.admits(now) };
            let (bytes, cas) = stored.unwrap_or_default();
            if let Some(shared) = bytes.first_chunk::<8>() {
                fuse.breaker.learn(*shared);
            }
            if !fuse.breaker.admits(now) {
                return false;
            }
            let shared = fuse.breaker.shared();
            fuse.breaker.is_closed() || SharedData.set(&fuse.key, &shared, cas).unwrap_or(true)
        });
        self.notice(facilitator);
        admitted.unwrap_or(false)
    }

    /// Whether quotes may be given for an offer; `false` while none of its facilitators may be
    /// asked, or what they did could not be written down.
    pub(in crate::shell) fn quotes(&self, offer: &Offer) -> bool {
        self.store_quotes()
            && offer.facilitators.iter().any(|facilitator| self.standing_of(facilitator) != Standing::Shut)
    }

    /// Whether a payment may be taken, likewise: by one that honours it.
    pub(in crate::shell) fn may_settle(&self, purchase: &Purchase) -> bool {
        self.store_quotes()
            && purchase.offer.facilitators.iter().any(|facilitator| {
                self.standing_of(facilitator) != Standing::Shut && purchase.is_honoured_by(facilitator, self)
            })
    }

    /// How a facilitator stands. One that never said what it supports cannot be tried without
    /// a payment, so it takes its trial in its place among those that are ready.
    pub(super) fn standing_of(&self, facilitator: &Facilitator) -> Standing {
        let supported = self.supported(facilitator);
        // What is signed for a facilitator that is elsewhere cannot be settled.
        if supported.is_redirected() {
            return Standing::Shut;
        }
        let standing = self.fuse(facilitator, |fuse| {
            if fuse.breaker.is_closed() {
                return Standing::Ready;
            }
            fuse.breaker.standing(host::now())
        });
        match standing {
            Some(Standing::Trial) if supported.supported().is_none() => Standing::Ready,
            Some(standing) => standing,
            None => Standing::Shut,
        }
    }

    /// Takes down whether a call that may have moved money was answered.
    pub(super) fn spoke(&self, facilitator: &Facilitator, spoke: bool) {
        let now = host::now();
        let change = |breaker: &mut Breaker| if spoke { breaker.answered() } else { breaker.failed(now) };
        self.update(facilitator, change);
    }

    /// `/supported` was answered.
    pub(super) fn reached(&self, facilitator: &Facilitator) {
        let closed = self.fuse(facilitator, |fuse| fuse.breaker.is_closed());
        if closed == Some(false) {
            let now = host::now();
            self.update(facilitator, |breaker| breaker.reached(now));
        }
    }

    /// Once a second: what the other workers found out, and whether a pause is over.
    pub(super) fn look_at_breaker(&self, facilitator: &Facilitator) {
        self.fuse(facilitator, |fuse| {
            let stored = SharedData.get(&fuse.key).ok().flatten();
            if let Some(shared) = stored.as_ref().and_then(|(bytes, _)| bytes.first_chunk::<8>()) {
                fuse.breaker.learn(*shared);
            }
        });
        self.notice(facilitator);
    }

    /// How often `/supported` is asked now, in seconds: soon, while that may end a pause.
    pub(super) fn asking_every(&self, facilitator: &Facilitator, every: u32) -> u64 {
        let closed = self.fuse(facilitator, |fuse| fuse.breaker.is_closed());
        let every = u64::from(every);
        if closed == Some(false) {
            every.min(OPEN_SECONDS)
        } else {
            every
        }
    }

    fn update(&self, facilitator: &Facilitator, change: impl FnOnce(&mut Breaker)) {
        self.fuse(facilitator, |fuse| {
            let before = fuse.breaker;
            change(&mut fuse.breaker);
            fuse.share(before);
        });
        self.notice(facilitator);
    }

    /// Has quotes rendered anew where they depend on how a facilitator stands.
    fn notice(&self, facilitator: &Facilitator) {
        let standing = self.standing_of(facilitator);
        let before = self.fuse(facilitator, |fuse| std::mem::replace(&mut fuse.rendered, standing));
        if before.is_some_and(|before| before != standing) {
            self.render_anew();
        }
    }

    fn fuse<T>(&self, facilitator: &Facilitator, with: impl FnOnce(&mut Fuse) -> T) -> Option<T> {
        self.fuses.try_borrow_mut().ok()?.get_mut(facilitator.index).map(with)
    }
}
