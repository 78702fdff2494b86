//! Limits per source, counted by all workers together.

use proxy_wasm::hostcalls;

use super::{Purchase, Worker};
use crate::claims::table::Shared;
use crate::claims::Attempt;
use crate::limit::{self, Rate, Source, Taken};
use crate::precheck::Judge;
use crate::shell::host::{self, SharedData};
use crate::shell::stream::Visit;

/// Tries at a slot that other workers write too.
const TRIES: usize = 4;

// === impl Worker ===

impl Worker {
    /// Whether the facilitator may be asked about a payment that nothing here vouches for. A slot
    /// that cannot be read or written refuses.
    pub(super) fn may_ask(&self, visit: &mut Visit, purchase: &Purchase) -> bool {
        if purchase.payment.judge() == Judge::Sandbox {
            return true;
        }
        let source = Source::of(&host::peer());
        visit.source = Some(source);
        match self.change(&source, |bytes, rate, now| limit::take(bytes, &source, rate, now)) {
            Some(Taken::Yes) => true,
            Some(Taken::After(seconds)) => {
                visit.retry_after = seconds;
                false
            }
            None => false,
        }
    }

    /// The facilitator vouched for it: honest payers are not counted.
    pub(super) fn forgive(&self, attempt: Attempt) {
        let visits = self.visits.try_borrow();
        let source = visits.ok().and_then(|visits| {
            let mut of = visits.values().filter_map(|visit| visit.try_borrow().ok());
            of.find(|visit| visit.attempt == attempt).and_then(|visit| visit.source)
        });
        if let Some(source) = source {
            let _ =
                self.change(&source, |bytes, rate, now| (limit::give(bytes, &source, rate, now), Taken::Yes));
        }
    }

    fn change(&self, source: &Source, f: impl Fn(&[u8], Rate, u64) -> (Vec<u8>, Taken)) -> Option<Taken> {
        let checks = self.policy.wallet_checks;
        let rate = Rate { per_minute: checks.per_minute, burst: checks.burst };
        let (key, now) = (source.key(), host::now_millis());
        for _ in 0..TRIES {
            let (bytes, cas) = match SharedData.get(&key).ok()? {
                Some(found) => found,
                None => {
                    // A compare-and-swap that cannot match inserts where nothing is, on Envoy.
                    let _ = hostcalls::set_shared_data(&key, Some(&[]), Some(u32::MAX));
                    SharedData.get(&key).ok()??
                }
            };
            let (next, taken) = f(&bytes, rate, now);
            if SharedData.set(&key, &next, cas).ok()? {
                return Some(taken);
            }
        }
        None
    }
}
