//! What is known of one facilitator, and who asks it next: one value for all workers.

use super::pins::{self, Pin};
use super::{Fetched, Kindness, Supported, Trouble};
use crate::claims::UnixSeconds;
use crate::evm::address::Address;

/// Longest pause after failures, in seconds, before jitter.
const MAX_PAUSE: u64 = 60;

/// Times further ahead than this, in seconds, were written by a clock that has been set back.
const MAX_AHEAD: u64 = 300;

/// One facilitator's answer, shared by all workers.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Snapshot {
    /// Counts what quotes depend on: it moves when an answer says something new.
    pub(super) generation: u64,
    /// When an answer was last read; zero for never.
    pub(super) fetched_at: UnixSeconds,
    /// Failures since.
    pub(super) failures: u32,
    /// Before this nobody asks again after a failure.
    pub(super) retry_at: UnixSeconds,
    /// Until then somebody is asking.
    pub(super) lease_until: UnixSeconds,
    /// Whether the facilitator said last that it is elsewhere.
    pub(super) redirected: bool,
    /// A hash of the offers that were last reported as not settled.
    pub(super) reported: u64,
    pub(super) supported: Option<Supported>,
    pub(super) pins: Vec<Pin>,
}

/// What happens to it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Event {
    /// Somebody asks, and has this many seconds.
    Asking(u64),
    /// The call is over; the number spreads the next try after a failure.
    Over(Fetched, u64),
    /// The offers with this hash were reported.
    Reported(u64),
}

/// How good it is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Knowledge {
    /// Nobody was ever answered.
    Never,
    /// The last answer, at this time, was read.
    Known(UnixSeconds),
    /// The answer of this time stands; later calls failed.
    Stale(UnixSeconds),
}

// === impl Snapshot ===

impl Snapshot {
    /// One step.
    #[must_use]
    pub fn on(self, event: Event, now: UnixSeconds) -> Self {
        match event {
            Event::Asking(seconds) => Self { lease_until: now.saturating_add(seconds), ..self },
            Event::Over(Fetched::Supported(answer), _) => self.answered(answer, now),
            Event::Over(Fetched::Failed(trouble), dice) => self.failed(&trouble, dice, now),
            Event::Reported(hash) => Self { reported: hash, ..self },
        }
    }

    fn answered(self, answer: Supported, now: UnixSeconds) -> Self {
        let (pins, answer) = pins::hold(self.pins, self.supported.as_ref(), answer, now);
        let news = self.redirected || self.supported.as_ref() != Some(&answer);
        Self {
            generation: self.generation.wrapping_add(news.into()),
            fetched_at: now.max(1),
            failures: 0,
            retry_at: 0,
            lease_until: 0,
            redirected: false,
            reported: self.reported,
            supported: Some(answer),
            pins,
        }
    }

    fn failed(self, trouble: &Trouble, dice: u64, now: UnixSeconds) -> Self {
        let pause = 1u64.checked_shl(self.failures).unwrap_or(MAX_PAUSE).clamp(1, MAX_PAUSE);
        let jitter = dice.checked_rem(pause.div_ceil(2).saturating_add(1)).unwrap_or(0);
        // A silence says nothing about where the facilitator is.
        let redirected = match trouble {
            Trouble::Redirected(_) => true,
            Trouble::NotSent | Trouble::Broken => self.redirected,
            _ => false,
        };
        Self {
            generation: self.generation.wrapping_add((redirected != self.redirected).into()),
            failures: self.failures.saturating_add(1),
            retry_at: now.saturating_add(pause).saturating_add(jitter),
            lease_until: 0,
            redirected,
            ..self
        }
    }

    /// Whether somebody should ask now, when an answer is good for `every` seconds.
    pub fn is_due(&self, every: u64, now: UnixSeconds) -> bool {
        let ahead = |time: UnixSeconds| now < time && time <= now.saturating_add(MAX_AHEAD);
        if ahead(self.lease_until) {
            return false;
        }
        match self.failures {
            0 => now < self.fetched_at || now >= self.fetched_at.saturating_add(every),
            _ => !ahead(self.retry_at),
        }
    }

    /// How good it is.
    pub fn knowledge(&self) -> Knowledge {
        match (&self.supported, self.failures) {
            (None, _) => Knowledge::Never,
            (Some(_), 0) => Knowledge::Known(self.fetched_at),
            (Some(_), _) => Knowledge::Stale(self.fetched_at),
        }
    }

    /// Counts what quotes depend on. Comparable only within one facilitator.
    pub fn generation(&self) -> u64 {
        self.generation
    }

    /// Whether the facilitator said last that it is elsewhere: what is signed for it now
    /// cannot be settled.
    pub fn is_redirected(&self) -> bool {
        self.redirected
    }

    /// The last answer, with pinned addresses in it.
    pub fn supported(&self) -> Option<&Supported> {
        self.supported.as_ref()
    }

    /// Whether a scheme is settled on a network, both as the version spells them.
    pub fn kind(&self, version: u32, scheme: &str, network: &str) -> Kindness<'_> {
        match &self.supported {
            None => Kindness::Unknown,
            Some(answer) => {
                answer.kind(version, scheme, network).map_or(Kindness::Unsupported, Kindness::Supported)
            }
        }
    }

    /// Whether an extension is understood; `None` when nobody has said.
    pub fn extension(&self, name: &str) -> Option<bool> {
        Some(self.supported.as_ref()?.extensions.iter().any(|known| known == name))
    }

    /// The facilitator's own address to advertise for a network (`upto`); the same for all
    /// workers.
    pub fn facilitator_address(&self, network: &str) -> Option<Address> {
        let kinds = &self.supported.as_ref()?.kinds;
        kinds.iter().filter(|kind| super::covers(&kind.network, network)).find_map(super::Kind::address)
    }

    /// Whether a payment may name this address: it is advertised, was within the last ten
    /// minutes, or is one the facilitator lists as its own. The last is what an earlier life
    /// of this process may have advertised.
    pub fn accepts_facilitator(&self, network: &str, address: &Address, now: UnixSeconds) -> bool {
        let listed = || self.supported.as_ref().and_then(|answer| answer.signs_as(network, address));
        let current = self.facilitator_address(network);
        let known = current.is_some_and(|current| current == *address || listed() == Some(true));
        known || pins::of(&self.pins, network).any(|pin| pin.accepts(address, now))
    }
}
