//! What a wallet is owed when it comes with another payment, and what a payment and its signature are
//! called.

use super::Worker;
use crate::admission::Purchase;
use crate::claims::{Op, Outcome, Owes, Seal, State};
use crate::demand::Demand;
use crate::exchange::Step;
use crate::facilitator::{Reason, Verdict};
use crate::shell::host::SharedData;
use crate::shell::stream::Visit;

// === impl Worker ===

impl Worker {
    /// How a payment is begun; or what is told to its exchange in place of that.
    ///
    /// A payment whose name is another's buys nothing. Whoever tries an order again under its name, with
    /// a new signature, is served what his wallet is owed all the same; where replicas share claims, the
    /// store says what that is.
    pub(super) fn begins(&self, visit: &mut Visit, purchase: &Purchase, now: u64) -> Result<Step, Outcome> {
        let shared = self.policy.shared_claims.is_some();
        let owed = if shared { None } else { self.owed(purchase, now) };
        if owed == Some(Outcome::Awaited) {
            return Err(Outcome::Awaited);
        }
        let refused = self.mark(visit, purchase, now);
        if refused == Some(Outcome::Absent) {
            visit.machine = visit.machine.unfit();
            if shared && visit.name_taken == Some(false) && purchase.proves_wallet() {
                return Ok(Step::Look);
            }
        }
        owed.or(refused).map_or(Ok(Step::Begin), Err)
    }

    /// What there is before a payment is begun: an open claim of its wallet for the same offer. All of
    /// them are looked into: one that owes something may stand behind many that are at work. A payment
    /// that was presented before is decided by its own claim.
    fn owed(&self, purchase: &Purchase, now: u64) -> Option<Outcome> {
        if !purchase.proves_wallet() {
            return None;
        }
        let own = &purchase.identity;
        let wallet = self.table.wallet(own, purchase.offered);
        let seen = self.table.look(&SharedData, &wallet).ok()?;
        let nonces = seen.nonces(now);
        self.seen.set(Some(seen));
        let mut others = nonces.into_iter().filter(|nonce| *nonce != own.nonce).peekable();
        others.peek()?;
        if self.known(own, now).is_some() {
            return None;
        }
        let mut owed = None;
        for nonce in others {
            let other = crate::claims::Identity { nonce, ..*own };
            let claim = self.known(&other, now);
            // Where a redirect led on, its claim stands under both places.
            if claim.is_none_or(|claim| matches!(claim.state, State::Delivered | State::Credited)) {
                self.table.note_closed(&SharedData, &wallet, &nonce, now);
            }
            match claim.map_or(Owes::Nothing, |claim| claim.owes()) {
                Owes::Content => return Some(Outcome::Owed(nonce)),
                Owes::Answer => owed = Some(Outcome::Owed(nonce)),
                Owes::Patience => owed = owed.or(Some(Outcome::Awaited)),
                Owes::Nothing => {}
            }
        }
        owed
    }

    /// A contract wallet whose last went into what it is owed is not told to pay again. It is named and
    /// not proven: it is served by the payment that paid.
    pub(super) fn unless_owed(&self, verdict: Verdict, purchase: &Purchase) -> Verdict {
        let poor = matches!(verdict, Verdict::Invalid(Reason::InsufficientFunds | Reason::Allowance));
        if poor && self.owed(purchase, self.now()).is_some() {
            return Verdict::Unavailable;
        }
        verdict
    }

    /// Gives a signature to its authorisation, before money is asked for. What comes back is told in place
    /// of the step: the signature is another authorisation's. Where replicas share claims, the store gives
    /// it away with the claim, and what is known here stands in front.
    pub(super) fn seal(&self, purchase: &Purchase, seal: &Seal, step: Step, now: u64) -> Option<Outcome> {
        let shared = self.policy.shared_claims.is_some();
        let only_looks = shared || !seal.takes;
        if (shared && step == Step::Look) || (only_looks && self.known(&seal.name, now).is_none()) {
            return None;
        }
        // What was begun before decides alone.
        let begins = !matches!(step, Step::Settling(_));
        let decided = || begins && self.known(&purchase.identity, now).is_some();
        self.give(seal).filter(|_| !decided())
    }

    /// Whether a claim would be asked about with a signature that is another's by now. If it is nobody's,
    /// it is this one's from now on: a payment that is presented again may bring another than it was begun
    /// with.
    pub(super) fn is_anothers(&self, demand: &Demand) -> bool {
        let taken = |seal: Seal| matches!(self.run(&seal.name, &seal.op()), Outcome::Elsewhere(_));
        demand.seal(self.now()).is_some_and(taken)
    }

    fn give(&self, seal: &Seal) -> Option<Outcome> {
        let outcome = self.run(&seal.name, &seal.op());
        (!matches!(outcome, Outcome::Granted | Outcome::Present)).then_some(outcome)
    }

    /// Gives a named payment its name. If the name is another's, nothing is begun: what comes
    /// back is told to the exchange in its place.
    fn mark(&self, visit: &mut Visit, purchase: &Purchase, now: u64) -> Option<Outcome> {
        let (name, op) = purchase.mark()?;
        // One authorisation has one name. A replay costs its sender nothing, and could else fill the
        // table with names.
        let known = self.known(&purchase.identity, now);
        let claimed = known.is_some();
        // What it paid for is owed to it wherever it was led since; and used up for another claim of its
        // wallet it buys nothing. Either way a claim decides, whatever its name.
        if known.is_some_and(|claim| matches!(claim.state, State::Credited | State::Taken)) {
            return None;
        }
        if claimed && self.run(&name, &Op::Peek) == Outcome::Absent {
            return None;
        }
        let outcome = self.run(&name, &op);
        if matches!(outcome, Outcome::Granted | Outcome::Present) {
            return None;
        }
        match outcome {
            Outcome::Elsewhere(_) => {
                visit.name_taken = Some(claimed);
                Some(Outcome::Absent)
            }
            // What was paid for does not wait for room for its name.
            Outcome::Full if claimed => None,
            other => Some(other),
        }
    }
}
