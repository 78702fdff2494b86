//! Claims, and what is written beside them: what a wallet holds, and how to ask again.

use x402_proxy_wasm::admission::Purchase;
use x402_proxy_wasm::claims::{Claim, Identity, Op, Outcome, Owes, State};
use x402_proxy_wasm::demand::Demand;

use super::{now, Sansio};

impl Sansio {
    /// Runs one op on the claim of a demand.
    pub(super) fn claim(&self, demand: &Demand, op: &Op) -> Outcome {
        let identity = &demand.identity;
        let applied = self.table.run(&self.memory, identity, op, now());
        let Some((before, after)) = applied.change else { return applied.outcome };
        let wallet = self.table.wallet(identity, demand.offered);
        match after.as_ref().map(|claim| claim.state) {
            Some(State::Settling) => {
                self.note_open(demand, after.as_ref());
                self.demands.borrow_mut().entry(*identity).or_insert_with(|| demand.clone());
            }
            Some(State::Unknown | State::Taken) => self.note_open(demand, after.as_ref()),
            Some(State::Held | State::Credited | State::Redeeming) => {}
            Some(State::Delivered) | None if before.is_some() => {
                self.table.note_closed(&self.memory, &wallet, &identity.nonce, now());
                self.demands.borrow_mut().remove(identity);
            }
            Some(State::Delivered) | None => {}
        }
        applied.outcome
    }

    fn note_open(&self, demand: &Demand, claim: Option<&Claim>) {
        let Some(claim) = claim.filter(|_| demand.identity.chain_id != 0) else { return };
        let wallet = self.table.wallet(&demand.identity, demand.offered);
        self.table.note_open(&self.memory, &wallet, &demand.identity.nonce, claim.expires, now());
    }

    /// An open claim of the wallet for the same offer, for a payment that has none of its own.
    pub(super) fn owed(&self, purchase: &Purchase) -> Option<Outcome> {
        let own = &purchase.identity;
        if !purchase.proves_wallet() || self.known(own).is_some() {
            return None;
        }
        let wallet = self.table.wallet(own, purchase.offered);
        let nonces = self.table.open_claims(&self.memory, &wallet, now()).ok()?;
        let mut owed = None;
        for nonce in nonces {
            match self.known(&Identity { nonce, ..*own }).map_or(Owes::Nothing, |claim| claim.owes()) {
                Owes::Content => return Some(Outcome::Owed(nonce)),
                Owes::Answer => owed = Some(Outcome::Owed(nonce)),
                Owes::Patience => owed = owed.or(Some(Outcome::Awaited)),
                Owes::Nothing => {}
            }
        }
        owed
    }

    /// What was asked for on a claim.
    pub(super) fn kept(&self, identity: &Identity) -> Demand {
        self.demands.borrow().get(identity).cloned().expect("what was asked for is kept")
    }

    /// The tag of whoever settles.
    pub(super) fn settler(&self, purchase: &Purchase) -> u32 {
        purchase.offer.facilitators().first().map_or(0, |facilitator| facilitator.tag())
    }

    pub(super) fn known(&self, identity: &Identity) -> Option<Claim> {
        self.table.read(&self.memory, identity).ok().flatten().and_then(|claim| claim.at(now()))
    }
}
