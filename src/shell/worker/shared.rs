//! Claims that replicas share: ops that leave this host, and what comes back.
//!
//! A call is made by the root, as all are. Its deadline is the store's timeout; while calls go
//! unanswered the breaker refuses payments and quotes alike. Nothing passes without the store: what
//! cannot be written is not granted.

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::time::Duration;

use proxy_wasm::hostcalls;

use super::ledger::{Case, Owner};
use super::outbound::Outgoing;
use super::Worker;
use crate::claims::{Attempt, Binding, Claim, Identity, Op, Outcome, State};
use crate::config::SharedStore;
use crate::demand::Demand;
use crate::exchange;
use crate::facilitator::breaker::Breaker;
use crate::facilitator::Delivery;
use crate::map::Map;
use crate::protocol::abilities::Standing;
use crate::settlement;
use crate::shell::host::{self, SharedData};
use crate::store::errand::{Errand, Start, Turn};
use crate::store::undone::{Undo, Undone};
use crate::store::{Call, Reply};

/// How much of what is not written yet is tried in one second.
const UNDONE_AT_ONCE: usize = 64;

/// What a worker has under way with the store.
#[derive(Default)]
pub(super) struct Line {
    breaker: Cell<Breaker>,
    /// Seconds the store's clock is ahead; unknown until it answered once.
    ahead: Cell<Option<i64>>,
    /// Whether what is heard now was asked for longer ago than the store may take. A worker that stood
    /// still meanwhile would be as far behind afterwards as the clock in it, and take a lease that
    /// lapsed for its own.
    late: Cell<bool>,
    errands: RefCell<Map<u64, (Owner, Box<Errand>)>>,
    /// Numbers of errands and lists, and when they were sent, by their call's token.
    calls: RefCell<Map<u64, (u64, u64)>>,
    undone: RefCell<Undone>,
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
        (breaker.is_closed() || breaker.quotes(host::now())) && !self.is_behind()
    }

    /// Whether so much is still to be written that nothing more may be begun.
    fn is_behind(&self) -> bool {
        self.line.undone.try_borrow().map_or(true, |undone| undone.is_full())
    }

    /// Whether something is under way with the store that must be heard.
    pub(super) fn store_busy(&self) -> bool {
        self.line.errands.try_borrow().map_or(true, |errands| !errands.is_empty())
            || self.line.undone.try_borrow().map_or(true, |undone| !undone.is_empty())
    }

    /// Whether an op of this settlement is under way.
    pub(super) fn awaits_store(&self, attempt: Attempt) -> bool {
        let of = |owner: &Owner| matches!(owner, Owner::Settlement(other) if *other == attempt);
        self.line.errands.try_borrow().map_or(true, |errands| errands.values().any(|(owner, _)| of(owner)))
    }

    /// Runs one op on a claim that replicas share. `None` when its owner is told later.
    pub(super) fn claim_shared(&self, owner: Owner, case: &Case<'_>, op: Op) -> Option<Outcome> {
        let opens = matches!(op, Op::Begin(_) | Op::Mark { .. } | Op::Peek);
        // Without the store's clock no lease can be measured.
        if self.lacks_clock() || (opens && self.is_behind()) {
            return Some(Outcome::Unavailable);
        }
        let now = self.now();
        let local = match self.table.read(&SharedData, &case.identity) {
            Ok(local) => local,
            // What became of a claim is decided over what the store knows of it.
            Err(_) if !opens => None,
            Err(_) => return Some(Outcome::Unavailable),
        };
        let asks = matches!(op, Op::Begin(_) | Op::Settling { .. } | Op::Move { .. });
        let demand = if asks { (case.demand)() } else { None };
        let payment = demand.and_then(|demand| demand.to_text());
        let names = (case.identity, case.offered);
        let store = self.policy.shared_claims.as_ref();
        let one_at_a_time = store.is_some_and(|store| store.one_at_a_time());
        let errand = match Errand::start(names, op, local, payment, case.first, case.seal, now) {
            Start::Known(outcome) => return Some(outcome),
            Start::Away(errand) => errand.one_at_a_time(one_at_a_time),
        };
        let reserves = errand.reserves().is_some();
        if reserves || errand.is_known_here() {
            let applied = self.table.run(&SharedData, &case.identity, &op, now);
            self.meters.claims(&applied.delta);
            self.record_forgotten(applied.forgotten);
            if reserves && matches!(applied.outcome, Outcome::Full | Outcome::Unavailable) {
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
        let undo = self.undo_of(&owner, &errand);
        self.over(&owner, undo, errand.on(Reply::Down, now))
    }

    /// What is to be kept if the errand's outcome is not known: its own op stands for the one
    /// that undoes it.
    fn undo_of(&self, owner: &Owner, errand: &Errand) -> Undo {
        let until = if let Owner::Undo(until) = owner { *until } else { errand.matters_until(self.now()) };
        Undo { identity: errand.identity, offered: errand.offered, op: errand.op, until }
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
            calls.insert(token.into(), (id, host::now()));
        }
        true
    }

    /// The call to the store that this token belongs to.
    pub(super) fn take_store_call(&self, token: u32) -> Option<u64> {
        let (id, sent) = self.line.calls.try_borrow_mut().ok()?.remove(&token.into())?;
        let timeout = self.policy.shared_claims.as_ref().map_or(0, |store| store.timeout_millis());
        let may_take = u64::from(timeout).div_ceil(1_000).saturating_add(1);
        self.line.late.set(host::now().saturating_sub(sent) > may_take);
        Some(id)
    }

    /// An answer of the store, or none.
    pub(super) fn store_answered(&self, id: u64, delivery: &Delivery<'_>) {
        let found = self.line.errands.try_borrow_mut().ok().and_then(|mut errands| errands.remove(&id));
        let Some((owner, errand)) = found else { return self.listed(id, delivery) };
        let reply = Reply::read(delivery, id);
        match &reply {
            Reply::Written { now, .. }
            | Reply::Differs { now, .. }
            | Reply::OpenFirst { now, .. }
            | Reply::Sealed { now }
            | Reply::Late { now } => {
                self.store_spoke(Some(*now));
            }
            Reply::Unscripted => self.store_spoke(None),
            Reply::Down => self.store_failed("it could not be reached"),
            Reply::Unsure(doubt) => self.store_failed(&doubt.to_string()),
        }
        if let (Owner::Exchange(context), Reply::Written { payment: Some(text), .. }) = (&owner, &reply) {
            self.found(*context, &errand.identity, text);
        }
        // Whoever else comes with it does not leave this host.
        if let (Reply::Written { .. }, Some(seal)) = (&reply, errand.seal()) {
            let _ = self.run(&seal.name, &seal.op());
        }
        let (names, attempt) = ((errand.identity, errand.offered), errand.op.attempt());
        let undo = self.undo_of(&owner, &errand);
        let own = errand.identity;
        let over = |nonce| {
            let known = self.known(&Identity { nonce, ..own }, self.now());
            known.is_some_and(|claim| claim.state == State::Delivered)
        };
        match errand.knowing(&reply, over).on(reply, self.now()) {
            Turn::Again(errand) => {
                let id = self.attempt().0;
                self.keep_errand(id, owner, errand);
                self.send_errand(id);
            }
            turn @ Turn::Over { .. } => {
                if let Some(outcome) = self.over(&owner, undo, turn) {
                    self.hear(owner, names, attempt, outcome);
                }
            }
        }
    }

    /// The store answered; with its clock, if it told it.
    pub(super) fn store_spoke(&self, now: Option<u64>) {
        let mut breaker = self.line.breaker.get();
        let closed = breaker.is_closed();
        breaker.answered();
        self.line.breaker.set(breaker);
        let clock = now.filter(|_| !self.line.late.get());
        let ahead = clock.map(|now| now.cast_signed().saturating_sub(host::now().cast_signed()));
        self.line.ahead.set(ahead.or(self.line.ahead.get()));
        if !closed {
            self.undo_again();
        }
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

    /// Takes over what an errand came to; its outcome. What has to be undone is tried at once, so
    /// that it is on its way before whoever waits is told, and then every second.
    fn over(&self, owner: &Owner, errand: Undo, turn: Turn) -> Option<Outcome> {
        let Turn::Over { outcome, adopt, undo } = turn else { return None };
        let identity = errand.identity;
        let outdated = |answer: &Option<Claim>| {
            Errand::is_outdated(&errand.op, answer.as_ref(), || self.known(&identity, self.now()))
        };
        if let Some(answer) = adopt.filter(|answer| !outdated(answer)) {
            let claim = Errand::lasting(&errand.op, answer, || self.known(&identity, self.now()));
            let applied = self.table.adopt(&SharedData, &identity, claim, self.now());
            self.meters.claims(&applied.delta);
            self.record_forgotten(applied.forgotten);
        }
        // A settlement tries again by itself.
        let undo = undo.filter(|_| !matches!(owner, Owner::Settlement(_) | Owner::Spend(..)));
        if let Some(op) = undo {
            let undo = Undo { op, ..errand };
            if matches!(owner, Owner::Undo(_)) || !self.line.breaker.get().is_closed() {
                self.keep_undone(undo);
            } else {
                self.try_undo(undo);
            }
        }
        Some(outcome)
    }

    fn keep_undone(&self, undo: Undo) {
        let gone = self.line.undone.try_borrow_mut().map_or(Some(undo), |mut undone| undone.push(undo));
        if let Some(Undo { identity, op: Op::Delivered { .. }, .. }) = gone {
            log::error!(
                "too much could not be written to the shared claim store: payment {} was delivered and can \
                 be redeemed once more",
                identity.receipt_id(),
            );
        }
    }

    fn try_undo(&self, undo: Undo) {
        let Undo { identity, offered, op, until } = undo;
        let case = Case::of(identity, offered);
        let _ = self.claim_shared(Owner::Undo(until), &case, op);
    }

    /// Once a second, and as soon as the store is back: writes what could not be written.
    pub(super) fn undo_again(&self) {
        let most = match self.line.breaker.get().standing(host::now()) {
            Standing::Ready => UNDONE_AT_ONCE,
            Standing::Trial => 1,
            Standing::Shut => return,
        };
        let now = self.now();
        let undone = self.line.undone.try_borrow_mut().map(|mut undone| undone.take(most, now));
        for undo in undone.unwrap_or_default() {
            self.try_undo(undo);
        }
    }

    /// Tells an op's owner what came of it.
    fn hear(
        &self,
        owner: Owner,
        (identity, offered): (Identity, Binding),
        attempt: Option<Attempt>,
        outcome: Outcome,
    ) {
        match owner {
            Owner::Exchange(context) if self.has_visit(context) => {
                self.tell(context, exchange::Event::Claim(outcome));
            }
            Owner::Exchange(_) => self.give_back((identity, offered), attempt, outcome),
            Owner::Settlement(attempt) => {
                let told = self.settle(attempt, settlement::Event::Claim(outcome));
                // What is known is on its way again before whoever waits is told that it is not.
                let again = told.is_some() && outcome == Outcome::Unavailable;
                if again && self.line.breaker.get().is_closed() {
                    let _ = self.settle(attempt, settlement::Event::Tick);
                }
                if let Some((context, settled)) = told {
                    self.tell(context, exchange::Event::Settled(settled));
                }
            }
            Owner::Spend(attempt, transaction) => self.spent(attempt, transaction, outcome),
            Owner::Again(attempt, demand) => self.begun_anew(attempt, demand, outcome),
            Owner::Undo(_) | Owner::Nobody => {}
        }
    }

    /// What the store kept of the claim that an exchange is given: it asks again with that.
    fn found(&self, context: u32, identity: &Identity, text: &str) {
        let Ok(visits) = self.visits.try_borrow() else { return };
        let visit = visits.get(&context).map(|visit| visit.try_borrow_mut());
        if let Some(Ok(mut visit)) = visit {
            visit.found = Demand::kept_for(identity, text).map(Rc::new);
        }
    }

    /// Gives back what was granted to an attempt that has no use for it.
    pub(super) fn give_back(
        &self,
        (identity, offered): (Identity, Binding),
        attempt: Option<Attempt>,
        outcome: Outcome,
    ) {
        let op = match exchange::Step::undoing(outcome).zip(attempt) {
            Some((exchange::Step::Release, attempt)) => Op::Release { attempt },
            Some((exchange::Step::Return, attempt)) => Op::Return { attempt },
            Some((_, attempt)) => Op::Unknown { attempt },
            None => return,
        };
        let case = Case::of(identity, offered);
        let _ = self.claim(Owner::Nobody, &case, &op);
    }

    fn has_visit(&self, context: u32) -> bool {
        self.visits.try_borrow().is_ok_and(|visits| visits.get(&context).is_some())
    }
}
