//! What holds in every state.

use x402_proxy_wasm::claims::{Attempt, Claim, Paid, State, MAX_REDEEMS};
use x402_proxy_wasm::config::Settle;
use x402_proxy_wasm::exchange::{Denial, Exchange};
use x402_proxy_wasm::reply::{PaymentState, Refusal, Retry};

use super::world::{named, transaction, Call, Chain, Slot, Stage, World};

impl World {
    fn promise(&mut self, kept: bool, what: &'static str) {
        if !kept {
            self.broken = self.broken.or(Some(what));
        }
    }

    fn paid(&self, claim: u8) -> Option<u32> {
        match self.chain[usize::from(claim)] {
            Chain::Paid(settler) => Some(settler),
            Chain::Unspent | Chain::Cancelled => None,
        }
    }

    fn may_still_book(&self, claim: u8) -> bool {
        let travels = |call: Call| call.claim == claim && call.stage == Stage::Travelling;
        self.chain[usize::from(claim)] == Chain::Unspent
            && !self.is_over(usize::from(claim))
            && self.slots.iter().any(|slot| slot.call.is_some_and(travels))
    }

    /// Which claim decides about a payment: its own, or the one that stands for it.
    fn decides(&self, own: u8) -> u8 {
        let claim = self.claims[usize::from(own)].filter(|claim| claim.state == State::Credited);
        claim.and_then(|claim| claim.transaction).map_or(own, |stands| named(stands.0))
    }

    /// A settlement is about to be asked for; `first` if nobody was asked in this attempt.
    pub(super) fn check_ask(&mut self, i: usize, first: bool) {
        let slot = self.slots[i];
        let claim = self.claims[usize::from(slot.on)];
        // What is asked about again may have been answered, and served, in the meantime.
        if slot.resolving && claim.is_some_and(|claim| claim.state == State::Delivered) {
            return;
        }
        let written = claim.is_some_and(|claim| {
            let mine = claim.state == State::Settling && claim.attempt == Attempt(slot.id);
            let known = slot.resolving && matches!(claim.state, State::Taken | State::Redeeming);
            (mine || known) && claim.settler == slot.settler
        });
        self.promise(written, "asked before it, and who is asked, was written down");
        let elsewhere = |call: Call| call.claim == slot.on && call.settler != slot.settler;
        let stays = self.paid(slot.on).is_none_or(|settler| settler == slot.settler)
            && !self.slots.iter().any(|other| {
                other.call.is_some_and(|call| elsewhere(call) && call.stage == Stage::Travelling)
            });
        self.promise(stays, "asked of another than the one who may have booked it");
        if first && !slot.resolving {
            let free = !self.owes(1 - slot.own) || slot.contended;
            self.promise(free, "charged while the wallet is owed something");
        }
    }

    /// Whether a claim is to serve the wallet's next payment, now or soon.
    fn owes(&self, claim: u8) -> bool {
        self.now(claim).is_some_and(|claim| match claim.state {
            State::Taken => claim.redeems < MAX_REDEEMS,
            State::Unknown => true,
            State::Settling => claim.asks > 1 || self.is_for_nobody(&claim),
            _ => false,
        })
    }

    /// Whether a settlement is under way that its presentation does not wait for any more: by what
    /// it is, whatever its claim says.
    pub(super) fn is_for_nobody(&self, claim: &Claim) -> bool {
        let settles = |slot: &&Slot| Attempt(slot.id) == claim.attempt;
        let machine = self.slots.iter().find(settles).and_then(|slot| slot.machine);
        claim.state == State::Settling && machine.is_some_and(|machine| !machine.is_awaited())
    }

    pub(super) fn check_forward(&mut self, i: usize) {
        let slot = self.slots[i];
        let before = slot.terms.is_some_and(|terms| terms.settle == Settle::Before);
        let works_for = matches!(slot.exchange, Some(Exchange::Working { paid: Some(_) }));
        if before || works_for {
            self.promise(self.paid(slot.at).is_some(), "work for nothing");
        }
    }

    pub(super) fn check_release(&mut self, i: usize, paid: Paid) {
        let slot = self.slots[i];
        self.promise(self.paid(slot.at).is_some(), "released unpaid");
        self.promise(paid.transaction == Some(transaction(slot.at)), "a receipt for another payment");
        self.promise(!self.delivered[usize::from(slot.at)], "released again after a delivery");
        let others = self.slots.iter().filter(|other| other.id != slot.id && other.at == slot.at);
        let both = others
            .filter(|other| matches!(other.exchange, Some(Exchange::Delivering { worth: true })))
            .count();
        self.promise(both == 0, "two deliver at once");
    }

    pub(super) fn check_denial(&mut self, i: usize, denial: Denial) {
        let slot = self.slots[i];
        let unfit = slot.terms.is_some_and(|terms| !terms.fit);
        let refusal = match denial {
            Denial::Mismatch if unfit => Refusal::QuotesSuspended,
            denial => Refusal::Denied(denial),
        };
        let used = matches!(denial, Denial::AlreadyUsed(_));
        let anew = refusal.quotes() || refusal.retry() == Retry::New;
        let unpaid = refusal.payment_state() == PaymentState::None || (anew && !used);
        for claim in [slot.own, self.decides(slot.own)] {
            let delivered = self.delivered[usize::from(claim)];
            let owed = (self.paid(claim).is_some() && !delivered) || self.may_still_book(claim);
            self.promise(!(unpaid && self.paid(claim).is_some()), "told that a payment was not made");
            self.promise(!((unpaid || used) && owed), "sent away while something is, or may be, owed");
        }
    }

    pub(super) fn check(&mut self) {
        for claim in 0..2u8 {
            let state = self.now(claim).map(|claim| claim.state);
            if self.paid(claim).is_some() {
                let knows = matches!(
                    state,
                    Some(
                        State::Settling | State::Taken | State::Redeeming | State::Delivered | State::Unknown
                    )
                );
                self.promise(knows, "the money moved and the claim does not know");
            }
            if state == Some(State::Credited) {
                self.promise(self.paid(claim).is_none(), "used up for the other, and paid");
                self.promise(!self.may_still_book(claim), "used up for the other, and may be paid yet");
                let stands = self.decides(claim);
                self.promise(stands != claim, "stands for itself");
            }
            let delivered = self.delivered[usize::from(claim)];
            self.promise(!delivered || self.paid(claim).is_some(), "delivered, and not paid");
        }
        let both = self.claims.iter().flatten().filter(|claim| claim.state == State::Credited).count();
        self.promise(both < 2, "each stands for the other");
    }
}
