//! The world the machines live in: presentations of one payment, its claim, and the chain.

use x402_proxy_wasm::claims::{self, Attempt, Begin, Binding, Claim, Next, Op, Opening};
use x402_proxy_wasm::config::Settle;
use x402_proxy_wasm::exchange::{Check, Exchange, Terms};
use x402_proxy_wasm::facilitator::Answer;
use x402_proxy_wasm::money::Amount;
use x402_proxy_wasm::settlement::Settlement;

use super::digest::digest;
use super::{LEASE, NOW};

#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub(super) enum Call {
    Travelling,
    Answering(Answer),
    /// Accepted, with a transaction that is another claim's.
    Reused,
}

#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
pub(super) enum Chain {
    #[default]
    Unspent,
    /// For this claim, this much.
    Paid(Option<Amount>),
    /// For another claim: the same payment in another spelling.
    Spent,
    Cancelled,
}

/// One presentation of the payment: its exchange, its settlement and its call.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
pub(super) struct Presentation {
    /// Its attempt.
    pub(super) id: u64,
    /// It is for another route.
    pub(super) elsewhere: bool,
    pub(super) exchange: Option<Exchange>,
    pub(super) settlement: Option<Settlement>,
    pub(super) call: Option<Call>,
    /// What the settlement and its call ask for.
    pub(super) asked: Option<Amount>,
    /// What its response costs, where that was measured.
    pub(super) costs: Option<Amount>,
    /// `/verify` said yes, and had to be asked first.
    pub(super) verified: bool,
}

#[derive(Clone, PartialEq, Eq, Hash, Debug, Default)]
pub(super) struct World {
    pub(super) presented: Vec<Presentation>,
    /// How many there were.
    pub(super) count: usize,
    pub(super) claim: Option<Claim>,
    pub(super) chain: Chain,
    pub(super) expired: bool,
    pub(super) reloaded: bool,
    pub(super) delivered: bool,
    pub(super) waived: bool,
}

impl World {
    pub(super) fn may_still_book(&self) -> bool {
        self.chain == Chain::Unspent
            && !self.expired
            && self.presented.iter().any(|p| p.call == Some(Call::Travelling))
    }

    /// A new presentation.
    pub(super) fn enter(&mut self, elsewhere: bool) -> usize {
        let id = (1..).find(|id| self.presented.iter().all(|p| p.id != *id)).unwrap();
        self.presented.push(Presentation { id, elsewhere, ..Presentation::default() });
        self.count += 1;
        self.presented.len() - 1
    }

    /// Worlds that can do the same look the same: presentations that can do nothing more are
    /// gone, however they ended, and the others have no order.
    pub(super) fn forget_what_is_over(&mut self) {
        for p in &mut self.presented {
            p.exchange = p.exchange.filter(|e| *e != Exchange::Over);
            p.settlement = p.settlement.filter(|s| *s != Settlement::Done);
            let heard = matches!(p.settlement, Some(Settlement::Sent { .. }));
            p.call = p.call.filter(|c| heard || *c == Call::Travelling);
            p.asked = p.asked.filter(|_| p.call.is_some() || p.settlement.is_some());
            p.verified &= matches!(p.exchange, Some(Exchange::Opening(_)));
            p.elsewhere &= p.exchange.is_some() || p.settlement.is_some();
        }
        self.presented.retain(|p| p.exchange.is_some() || p.settlement.is_some() || p.call.is_some());
        self.presented.sort_by_cached_key(|p| digest(&Presentation { id: 0, ..*p }));
        let ids: Vec<u64> = self.presented.iter().map(|p| p.id).collect();
        for (p, id) in self.presented.iter_mut().zip(1..) {
            p.id = id;
        }
        if let Some(claim) = &mut self.claim {
            let owner = ids.iter().position(|id| Attempt(*id) == claim.attempt);
            claim.attempt = Attempt(owner.map_or(0, |i| self.presented[i].id));
            // More asks than one are all the same.
            claim.asks = claim.asks.min(2);
        }
    }

    pub(super) fn live(&self) -> usize {
        self.presented.iter().filter(|p| !matches!(p.exchange, None | Some(Exchange::Over))).count()
    }

    pub(super) fn apply(&mut self, op: &Op) -> claims::Outcome {
        let current = self.claim.and_then(|claim| claim.at(NOW));
        let (next, outcome) = Claim::apply(current, op, NOW);
        match next {
            Next::Keep => {}
            Next::Put(claim) => self.claim = Some(claim),
            Next::Remove => self.claim = None,
        }
        outcome
    }

    pub(super) fn begin(&self, i: usize, terms: Terms) -> Begin {
        let opening = match terms {
            _ if self.reloaded => Opening::Nothing,
            Terms { settle: Settle::Before, check: Check::Local | Check::First, .. } => Opening::Settling,
            _ => Opening::Held,
        };
        let presentation = &self.presented[i];
        Begin {
            attempt: Attempt(presentation.id),
            opening,
            binding: Binding([u8::from(presentation.elsewhere); 16]),
            valid_before: 5_000,
            redeem_for: 1_000_000,
            lease: LEASE,
            settler: 1,
            vouched: false,
        }
    }

    /// Whether the claim's owner is streaming a released response.
    pub(super) fn streams(&self, claim: &Claim) -> bool {
        let owner = self.presented.iter().find(|p| Attempt(p.id) == claim.attempt);
        owner.is_some_and(|p| matches!(p.exchange, Some(Exchange::Delivering { .. })))
    }
}
