//! Leases of what is at work here: which are renewed, and when.

use super::ledger::{Case, Owner};
use super::Worker;
use crate::claims::Claim;
use crate::exchange::Step;
use crate::shell::stream::Visit;

/// Seconds after a grant in which its lease is not renewed: the shortest is 15.
const YOUNG_SECONDS: u64 = 2;

/// Seconds that a lease which replicas share must have left then.
const LEFT_SECONDS: u64 = 5;

// === impl Worker ===

impl Worker {
    /// Whether the lease of what is delivered is so young that it is nobody else's, and has no need of being
    /// renewed. Of replicas, what was granted may have been heard of late.
    pub(super) fn is_young(&self, visit: &Visit, now: u64) -> bool {
        let age = now.checked_sub(visit.granted);
        let young = age.is_some_and(|age| age < YOUNG_SECONDS);
        let own =
            |claim: Claim| claim.attempt == visit.attempt && claim.lease >= now.saturating_add(LEFT_SECONDS);
        young && (self.policy.shared_claims.is_none() || self.known(&visit.identity, now).is_some_and(own))
    }

    /// Once a second: renews those of exchanges that are still at work.
    pub(super) fn renew_leases(&self, now: u64) {
        const EVERY_SECONDS: u64 = 4;
        let visits: Vec<_> =
            self.visits.try_borrow().map_or_else(|_| Vec::new(), |v| v.values().cloned().collect());
        for visit in visits {
            let Ok(mut visit) = visit.try_borrow_mut() else { continue };
            let Some(purchase) = visit.purchase.clone() else { continue };
            if visit.machine.leases() && now.saturating_sub(visit.renewed) >= EVERY_SECONDS {
                visit.renewed = now;
                let op = purchase.exchange_op(Step::Renew, visit.attempt, 0, now);
                let (identity, offered) = (visit.identity, purchase.offered);
                let case = Case::of(identity, offered);
                // Lost is learnt where it matters: at the response, before anything is released.
                let _ = self.claim(Owner::Nobody, &case, &op);
            }
        }
    }
}
