//! Limits per source, counted by all workers together.
//!
//! They keep load away, not money: where the store does not answer, or the host does not say who
//! asks, nothing is limited but the calls to `/verify`, which would load somebody else.

use std::cell::{Cell, RefCell};

use proxy_wasm::hostcalls;

use super::{Purchase, Worker};
use crate::claims::table::Shared;
use crate::claims::Attempt;
use crate::limit::{self, Counted, Deed, Gate, Source, Taken};
use crate::precheck::Judge;
use crate::reply::Refusal;
use crate::shell::host::{self, SharedData};
use crate::shell::stream::Visit;

/// Tries at a slot that other workers write too.
const TRIES: usize = 4;

/// What this worker knows of sources.
pub(super) struct Watch {
    /// Of unpaid requests.
    gate: RefCell<Option<Gate>>,
    /// Until when (milliseconds since the epoch) a source that used up its failures has none: so
    /// long, whoever pays is looked at first. Zero while none is known.
    failing_until: Cell<u64>,
}

// === impl Watch ===

impl Watch {
    pub(super) fn new(limits: &limit::Limits) -> Self {
        let gate = limits.challenges.map(|rate| Gate::new(rate, host::random_u64()));
        Self { gate: RefCell::new(gate), failing_until: Cell::new(0) }
    }
}

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
        match self.apply(Counted::WalletChecks, &source, host::now_millis(), Deed::TAKE) {
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
            let _ = self.apply(Counted::WalletChecks, &source, host::now_millis(), Deed::GIVE);
        }
    }

    /// Counts a refusal against its source. An unpaid request of one that had its share is told
    /// to wait, and not what it costs.
    pub(in crate::shell) fn counted(&self, refusal: Refusal) -> Refusal {
        if refusal == Refusal::PaymentRequired {
            return self.challenged().map_or(refusal, Refusal::RateLimited);
        }
        if refusal.blames_sender() {
            self.failed();
        }
        refusal
    }

    /// Counts a failure of whoever the host acts for.
    pub(in crate::shell) fn failed(&self) {
        let now = host::now_millis();
        if let Some(seconds) = self.wait_of(Counted::Failures, now, Deed::CHARGE) {
            self.watch_failing(now, seconds);
        }
    }

    /// Seconds until the source of this unpaid request may be told a price again.
    pub(in crate::shell) fn challenged(&self) -> Option<u64> {
        let mut gate = self.watch.gate.try_borrow_mut().ok()?;
        let gate = gate.as_mut()?;
        let passed = gate.look(if gate.watches() { host::now_millis() } else { 0 })?;
        let now = host::now_millis();
        let seconds = self.wait_of(Counted::Challenges, now, Deed { gone: passed.into(), take: 1 })?;
        gate.watch(until(now, seconds));
        Some(seconds)
    }

    /// Seconds until the source of this request may be told as much as so many prices. No such request
    /// is left to chance: one is worth a hundred that are.
    pub(in crate::shell) fn told(&self, prices: u32) -> Option<u64> {
        self.wait_of(Counted::Challenges, host::now_millis(), Deed::take(prices))
    }

    /// Seconds until a payment of this source is looked at again, if its failures are used up.
    pub(in crate::shell) fn barred(&self) -> Option<u64> {
        if self.watch.failing_until.get() == 0 {
            return None;
        }
        let now = host::now_millis();
        if self.watch.failing_until.get() <= now {
            self.watch.failing_until.set(0);
            return None;
        }
        let seconds = self.wait_of(Counted::Failures, now, Deed::LOOK)?;
        self.watch_failing(now, seconds);
        Some(seconds)
    }

    fn watch_failing(&self, now: u64, seconds: u64) {
        let known = self.watch.failing_until.get();
        self.watch.failing_until.set(known.max(until(now, seconds)));
    }

    /// Does something to the bucket of whoever the host acts for. Seconds until there is a
    /// token, if there is none.
    fn wait_of(&self, counted: Counted, now: u64, deed: Deed) -> Option<u64> {
        let peer = host::peer();
        if peer.is_empty() {
            return None;
        }
        match self.apply(counted, &Source::of(&peer), now, deed)? {
            Taken::Yes => None,
            Taken::After(seconds) => Some(seconds),
        }
    }

    fn apply(&self, counted: Counted, source: &Source, now: u64, deed: Deed) -> Option<Taken> {
        let rate = self.policy.limits.of(counted)?;
        let key = source.key(counted);
        for _ in 0..TRIES {
            let (bytes, cas) = match SharedData.get(&key).ok()? {
                Some(found) => found,
                None => {
                    // A compare-and-swap that cannot match inserts where nothing is, on Envoy.
                    let _ = hostcalls::set_shared_data(&key, Some(&[]), Some(u32::MAX));
                    SharedData.get(&key).ok()??
                }
            };
            let (next, taken) = limit::apply(&bytes, source, rate, now, deed);
            let Some(next) = next else { return Some(taken) };
            if SharedData.set(&key, &next, cas).ok()? {
                return Some(taken);
            }
        }
        None
    }
}

fn until(now: u64, seconds: u64) -> u64 {
    now.saturating_add(seconds.saturating_mul(1_000))
}
