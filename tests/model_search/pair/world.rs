//! Two authorisations, their claims and the chain; who presents them, and who asks about them.

use x402_proxy_wasm::claims::{Attempt, Claim, Next, Op, Outcome, State, Transaction};
use x402_proxy_wasm::exchange::{Exchange, Terms};
use x402_proxy_wasm::facilitator::Answer;
use x402_proxy_wasm::settlement::Settlement;

use crate::digest::digest;
use crate::NOW;

/// The attempt of the timer.
pub(super) const TIMER: u64 = 9;

/// The transaction that books an authorisation.
pub(super) fn transaction(claim: u8) -> Transaction {
    Transaction([claim + 1; 32])
}

/// The nonce of an authorisation, and back.
pub(super) fn nonce(claim: u8) -> [u8; 32] {
    [claim; 32]
}

pub(super) fn named(nonce: [u8; 32]) -> u8 {
    nonce[0]
}

#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub(super) enum Stage {
    Travelling,
    Answering(Answer),
}

/// Bytes on the wire.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub(super) struct Call {
    pub(super) claim: u8,
    /// Where they go.
    pub(super) settler: u32,
    pub(super) stage: Stage,
}

#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
pub(super) enum Chain {
    #[default]
    Unspent,
    /// By this facilitator.
    Paid(u32),
    Cancelled,
}

/// One presentation, or the timer's look: its exchange, its settlement and its call.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
pub(super) struct Slot {
    pub(super) id: u64,
    /// What is presented.
    pub(super) own: u8,
    /// Which claim is the exchange's.
    pub(super) at: u8,
    pub(super) terms: Option<Terms>,
    pub(super) exchange: Option<Exchange>,
    /// What a claim step came to, not told yet.
    pub(super) told: Option<Outcome>,
    pub(super) crediting: bool,
    pub(super) resolving: bool,
    /// Another presentation had the other claim since this one began.
    pub(super) contended: bool,
    pub(super) machine: Option<Settlement>,
    /// Which claim is being settled, and by whom.
    pub(super) on: u8,
    pub(super) settler: u32,
    /// Whether another facilitator comes next.
    pub(super) may_move: bool,
    pub(super) call: Option<Call>,
}

#[derive(Clone, PartialEq, Eq, Hash, Debug, Default)]
pub(super) struct World {
    pub(super) slots: Vec<Slot>,
    pub(super) claims: [Option<Claim>; 2],
    pub(super) chain: [Chain; 2],
    /// The first authorisation's time is over.
    pub(super) expired: bool,
    /// A response that this one bought ended well.
    pub(super) delivered: [bool; 2],
    pub(super) presented: u8,
    pub(super) timers: u8,
    pub(super) broken: Option<&'static str>,
}

impl Slot {
    /// Its worker dies with everything it knew; bytes on the wire live on.
    pub(super) fn dies(&mut self) {
        *self = Self { id: self.id, call: self.call, ..Self::default() };
    }

    fn is_live(&self) -> bool {
        self.exchange.is_some_and(|exchange| exchange != Exchange::Over)
    }

    fn is_settling(&self) -> bool {
        self.machine.is_some_and(|machine| machine != Settlement::Done)
    }

    /// What can matter no more is forgotten.
    fn normalised(mut self) -> Self {
        if !self.is_settling() {
            self = Self { machine: None, on: 0, settler: 0, may_move: false, ..self };
        }
        if !self.is_live() && self.told.is_none() {
            self = Self { own: 0, at: 0, terms: None, exchange: None, crediting: false, ..self };
            self = Self { resolving: false, contended: false, ..self };
        }
        let heard = matches!(self.machine, Some(Settlement::Sent { .. }));
        self.call = self.call.filter(|call| heard || call.stage == Stage::Travelling);
        self
    }

    fn is_over(&self) -> bool {
        self.exchange.is_none() && self.machine.is_none() && self.call.is_none() && self.told.is_none()
    }
}

impl World {
    /// A new presentation.
    pub(super) fn enter(&mut self, own: u8) -> usize {
        let id = (1..TIMER).find(|id| self.slots.iter().all(|slot| slot.id != *id)).unwrap();
        self.slots.push(Slot { id, own, at: own, ..Slot::default() });
        self.slots.len() - 1
    }

    pub(super) fn live(&self) -> usize {
        self.slots.iter().filter(|slot| slot.is_live()).count()
    }

    /// Whether the chain takes an authorisation no more.
    pub(super) fn is_over(&self, claim: usize) -> bool {
        claim == 0 && self.expired
    }

    /// Whether a claim's owner keeps its lease: a released response is streaming, or a step is
    /// about to be told, which takes less than a lease.
    pub(super) fn keeps(&self, claim: &Claim) -> bool {
        let owner = self.slots.iter().find(|slot| Attempt(slot.id) == claim.attempt);
        owner.is_some_and(|slot| {
            slot.told.is_some() || matches!(slot.exchange, Some(Exchange::Delivering { .. }))
        })
    }

    pub(super) fn now(&self, claim: u8) -> Option<Claim> {
        self.claims[usize::from(claim)].and_then(|claim| claim.at(NOW))
    }

    /// Runs one op of the attempt `id`.
    pub(super) fn apply(&mut self, id: u64, claim: u8, op: &Op) -> Outcome {
        let (next, outcome) = Claim::apply(self.now(claim), op, NOW);
        let at = &mut self.claims[usize::from(claim)];
        match next {
            Next::Keep => return outcome,
            Next::Put(claim) => *at = Some(claim),
            Next::Remove => *at = None,
        }
        if id != TIMER {
            for slot in self.slots.iter_mut().filter(|slot| slot.id != id && slot.own != claim) {
                slot.contended = true;
            }
        }
        outcome
    }

    /// Worlds that can do the same look the same.
    pub(super) fn normalise(&mut self) {
        self.slots = self.slots.iter().map(|slot| slot.normalised()).filter(|slot| !slot.is_over()).collect();
        self.slots.sort_by_cached_key(|slot| digest(&Slot { id: 0, ..*slot }));
        let ids: Vec<u64> = self.slots.iter().map(|slot| slot.id).collect();
        for (i, slot) in self.slots.iter_mut().enumerate().filter(|(_, slot)| slot.id != TIMER) {
            slot.id = i as u64 + 1;
        }
        for claim in self.claims.iter_mut().flatten() {
            let owner = ids.iter().position(|id| Attempt(*id) == claim.attempt);
            let mut kept = *claim;
            kept.attempt = Attempt(owner.map_or(0, |i| self.slots[i].id));
            kept.asks = kept.asks.min(2);
            kept.expires = 100_000;
            let over = matches!(kept.state, State::Held | State::Delivered | State::Credited);
            kept.settler = if over { 0 } else { kept.settler };
            kept.orphan &= kept.state == State::Settling;
            let leased = matches!(kept.state, State::Held | State::Settling | State::Redeeming);
            kept.lease = if leased { kept.lease } else { 0 };
            *claim = kept;
        }
    }
}
