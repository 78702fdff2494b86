//! What a wallet is owed when it comes with another payment, and what a payment is called.

use super::Worker;
use crate::admission::Purchase;
use crate::claims::{Op, Outcome, Owes};
use crate::shell::host::SharedData;
use crate::shell::stream::Visit;

/// Most open claims of a wallet that are looked into for one request.
const MOST: usize = 8;

// === impl Worker ===

impl Worker {
    /// What there is before a payment is begun: an open claim of its wallet for the same offer. A
    /// payment that was presented before is decided by its own claim.
    pub(super) fn owed(&self, purchase: &Purchase, now: u64) -> Option<Outcome> {
        if !purchase.proves_wallet() {
            return None;
        }
        let own = &purchase.identity;
        let wallet = self.table.wallet(own, purchase.offered);
        let seen = self.table.look(&SharedData, &wallet).ok()?;
        let nonces = seen.nonces(now);
        self.seen.set(Some(seen));
        let mut others = nonces.into_iter().filter(|nonce| *nonce != own.nonce).take(MOST).peekable();
        others.peek()?;
        if self.known(own, now).is_some() {
            return None;
        }
        let mut owed = None;
        for nonce in others {
            let other = crate::claims::Identity { nonce, ..*own };
            match self.known(&other, now).map_or(Owes::Nothing, |claim| claim.owes()) {
                Owes::Content => return Some(Outcome::Owed(nonce)),
                Owes::Answer => owed = Some(Outcome::Owed(nonce)),
                Owes::Patience => owed = owed.or(Some(Outcome::Awaited)),
                Owes::Nothing => {}
            }
        }
        owed
    }

    /// Gives a named payment its name. If the name is another's, nothing is begun: what comes
    /// back is told to the exchange in its place.
    pub(super) fn mark(&self, visit: &mut Visit, purchase: &Purchase) -> Option<Outcome> {
        let (name, op) = purchase.mark()?;
        // One authorisation has one name. A replay costs its sender nothing, and could else fill the
        // table with names.
        let claimed = self.run(&purchase.identity, &Op::Peek) != Outcome::Absent;
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
