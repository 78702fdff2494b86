//! Claims that replicas share: ops that leave this host, and what comes back.
//!
//! A call is made by the root, as all are. Its deadline is the store's timeout; while calls go
//! unanswered the breaker refuses payments and quotes alike. Nothing passes without the store: what
//! cannot be written is not granted.

use std::cell::{Cell, RefCell};
use std::time::Duration;

use proxy_wasm::hostcalls;

use super::ledger::{Case, Owner};
use super::outbound::Outgoing;
use super::Worker;
use crate::claims::{Binding, Identity, Op, Outcome};
use crate::config::SharedStore;
use crate::exchange;
use crate::facilitator::breaker::Breaker;
use crate::facilitator::Delivery;
use crate::map::Map;
use crate::settlement;
use crate::shell::host::{self, SharedData};
use crate::store::errand::{Errand, Start, Turn};
use crate::store::{Call, Reply};

/// How long it is tried to undo what may have been written, in seconds.
const UNDO_SECONDS: u64 = 300;

/// What a worker has under way with the store.
#[derive(Default)]
pub(super) struct Line {
    breaker: Cell<Breaker>,
    /// Seconds the store's clock is ahead; unknown until it answered once.
    ahead: Cell<Option<i64>>,
    errands: RefCell<Map<u64, (Owner, Box<Errand>)>>,
    /// Numbers of errands and lists, by their call's token.
    calls: RefCell<Map<u64, u64>>,
    undone: RefCell<Vec<Undo>>,
}

struct Undo {
    identity: Identity,
    offered: Binding,
    op: Op,
    until: u64,
}

// === impl Worker ===

impl Worker {
    /// Seconds since the epoch by the clock that leases are measured with.
    pub(super) fn now(&self) -> u64 {
        host::now().saturating_add_signed(self.line.ahead.get().unwrap_or(0))
    }

    /// Whether the store has not told its clock yet.
    pub(super) fn lacks_clock(&self) -> bool {
        self.policy.shared_claims.is_some() && self.line.ahead.get().is_none()
    }

    /// Whether the store, if there is one, answers.
    pub(super) fn store_quotes(&self) -> bool {
        let breaker = self.line.breaker.get();
        breaker.is_closed() || breaker.quotes(host::now())
    }

    /// Whether something is under way with the store that must be heard.
    pub(super) fn store_busy(&self) -> bool {
        self.line.errands.try_borrow().map_or(true, |errands| !errands.is_empty())
            || self.line.undone.try_borrow().map_or(true, |undone| !undone.is_empty())
    }

    /// Whether an op of this settlement is under way.
    pub(super) fn awaits_store(&self, attempt: crate::claims::Attempt) -> bool {
        let of = |owner: &Owner| matches!(owner, Owner::Settlement(other) if *other == attempt);
        self.line.errands.try_borrow().map_or(true, |errands| errands.values().any(|(owner, _)| of(owner)))
    }

    /// Runs one op on a claim that replicas share. `None` when its owner is told later.
    pub(super) fn claim_shared(&self, owner: Owner, case: &Case<'_>, op: Op) -> Option<Outcome> {
        // Without the store's clock no lease can be measured.
        if self.lacks_clock() {
            return Some(Outcome::Unavailable);
        }
        let now = self.now();
        let Ok(local) = self.table.read(&SharedData, &case.identity) else {
            return Some(Outcome::Unavailable);
        };
        let asks = matches!(op, Op::Begin(_) | Op::Settling { .. } | Op::Move { .. });
        let demand = if asks { (case.demand)() } else { None };
        let payment = demand.and_then(|demand| demand.to_bytes()).map(hex::encode);
        let names = (case.identity, case.offered);
        let errand = match Errand::start(names, op, local, payment, case.first, now) {
            Start::Known(outcome) => return Some(outcome),
            Start::Away(errand) => errand,
        };
        if errand.reserves().is_some() {
            let applied = self.table.run(&SharedData, &case.identity, &op, now);
            self.meters.claims(&applied.delta);
            self.record_forgotten(applied.forgotten);
            if matches!(applied.outcome, Outcome::Full | Outcome::Unavailable) {
                return Some(applied.outcome);
            }
        }
        let mut breaker = self.line.breaker.get();
        let admitted = breaker.admits(host::now());
        self.line.breaker.set(breaker);
        let id = self.attempt().0;
        if admitted && self.post(Outgoing::Errand(id)) {
            self.keep_errand(id, owner, errand);
            return None;
        }
        self.over(&owner, names, errand.on(Reply::Down, now))
    }

    fn keep_errand(&self, id: u64, owner: Owner, errand: Box<Errand>) {
        if let Ok(mut errands) = self.line.errands.try_borrow_mut() {
            errands.insert(id, (owner, errand));
        }
    }

    /// Sends an errand, as the root.
    pub(super) fn send_errand(&self, id: u64) {
        let Some(store) = &self.policy.shared_claims else { return };
        let call = {
            let Ok(errands) = self.line.errands.try_borrow() else { return };
            let Some((_, errand)) = errands.get(&id) else { return };
            errand.with_swap(id, self.now(), |swap| swap.call(store, errand.is_full()))
        };
        let sent = call.is_some_and(|call| self.send_to_store(store, id, &call));
        if !sent && !self.defers(Outgoing::Errand(id)) {
            self.store_answered(id, &Delivery::Refused);
        }
    }

    pub(super) fn send_to_store(&self, store: &SharedStore, id: u64, call: &Call) -> bool {
        let timeout = Duration::from_millis(store.timeout_millis().into());
        let (head, body) = (store.head(call), Some(call.body.as_bytes()));
        let Ok(token) = hostcalls::dispatch_http_call(store.cluster(), head, body, vec![], timeout) else {
            return false;
        };
        if let Ok(mut calls) = self.line.calls.try_borrow_mut() {
            calls.insert(token.into(), id);
        }
        true
    }

    /// The call to the store that this token belongs to.
    pub(super) fn take_store_call(&self, token: u32) -> Option<u64> {
        self.line.calls.try_borrow_mut().ok()?.remove(&token.into())
    }

    /// An answer of the store, or none.
    pub(super) fn store_answered(&self, id: u64, delivery: &Delivery<'_>) {
        let found = self.line.errands.try_borrow_mut().ok().and_then(|mut errands| errands.remove(&id));
        let Some((owner, errand)) = found else { return self.listed(id, delivery) };
        let reply = Reply::read(delivery, id);
        match &reply {
            Reply::Written { now } | Reply::Differs { now, .. } | Reply::OpenFirst { now, .. } => {
                self.store_spoke(Some(*now));
            }
            Reply::Unscripted => self.store_spoke(None),
            Reply::Down => self.store_failed("it could not be reached"),
            Reply::Unsure(doubt) => self.store_failed(&doubt.to_string()),
        }
        let (names, attempt) = ((errand.identity, errand.offered), errand.op.attempt());
        match errand.on(reply, self.now()) {
            Turn::Again(errand) => {
                let id = self.attempt().0;
                self.keep_errand(id, owner, errand);
                self.send_errand(id);
            }
            turn @ Turn::Over { .. } => {
                if let Some(outcome) = self.over(&owner, names, turn) {
                    self.hear(owner, names, attempt, outcome);
                }
            }
        }
    }

    /// The store answered; with its clock, if it told it.
    pub(super) fn store_spoke(&self, now: Option<u64>) {
        let mut breaker = self.line.breaker.get();
        breaker.answered();
        self.line.breaker.set(breaker);
        let ahead = now.map(|now| now.cast_signed().saturating_sub(host::now().cast_signed()));
        self.line.ahead.set(ahead.or(self.line.ahead.get()));
    }

    pub(super) fn store_failed(&self, why: &str) {
        let mut breaker = self.line.breaker.get();
        let closed = breaker.is_closed();
        breaker.failed(host::now());
        self.line.breaker.set(breaker);
        if closed {
            log::warn!("the shared claim store failed: {why}; payments it cannot write down are refused");
        }
    }

    /// Takes over what an errand came to; its outcome.
    fn over(&self, owner: &Owner, (identity, offered): (Identity, Binding), turn: Turn) -> Option<Outcome> {
        let Turn::Over { outcome, adopt, undo } = turn else { return None };
        if let Some(claim) = adopt {
            let applied = self.table.adopt(&SharedData, &identity, claim, self.now());
            self.meters.claims(&applied.delta);
            self.record_forgotten(applied.forgotten);
        }
        // A settlement tries again by itself.
        let undo = undo.filter(|_| !matches!(owner, Owner::Settlement(_) | Owner::Spend(..)));
        let until = match owner {
            Owner::Undo(until) => *until,
            _ => host::now().saturating_add(UNDO_SECONDS),
        };
        if let (Some(op), Ok(mut undone)) = (undo, self.line.undone.try_borrow_mut()) {
            undone.push(Undo { identity, offered, op, until });
        }
        Some(outcome)
    }

    /// Once a second: tries again to undo what may have been written.
    pub(super) fn undo_again(&self) {
        let now = host::now();
        let undone = self.line.undone.try_borrow_mut().map(|mut undone| std::mem::take(&mut *undone));
        for undo in undone.unwrap_or_default().into_iter().filter(|undo| now < undo.until) {
            let Undo { identity, offered, op, until } = undo;
            let case = Case { identity, offered, demand: &|| None, first: false };
            let _ = self.claim_shared(Owner::Undo(until), &case, op);
        }
    }

    /// Tells an op's owner what came of it.
    fn hear(
        &self,
        owner: Owner,
        (identity, offered): (Identity, Binding),
        attempt: Option<crate::claims::Attempt>,
        outcome: Outcome,
    ) {
        match owner {
            Owner::Exchange(context) if self.has_visit(context) => {
                self.tell(context, exchange::Event::Claim(outcome));
            }
            Owner::Exchange(_) => {
                let step = exchange::Step::undoing(outcome).zip(attempt);
                let op = match step {
                    Some((exchange::Step::Release, attempt)) => Op::Release { attempt },
                    Some((exchange::Step::Undelivered, attempt)) => Op::Undelivered { attempt },
                    Some((_, attempt)) => Op::Unknown { attempt },
                    None => return,
                };
                let case = Case { identity, offered, demand: &|| None, first: false };
                let _ = self.claim_shared(Owner::Nobody, &case, op);
            }
            Owner::Settlement(attempt) => {
                if let Some((context, settled)) = self.settle(attempt, settlement::Event::Claim(outcome)) {
                    self.tell(context, exchange::Event::Settled(settled));
                }
            }
            Owner::Spend(attempt, transaction) => self.spent(attempt, transaction, outcome),
            Owner::Again(attempt, demand) => {
                if matches!(outcome, Outcome::Resolve(_)) {
                    self.resolve(attempt, demand);
                }
            }
            Owner::Undo(_) | Owner::Nobody => {}
        }
    }

    fn has_visit(&self, context: u32) -> bool {
        self.visits.try_borrow().is_ok_and(|visits| visits.get(&context).is_some())
    }
}
