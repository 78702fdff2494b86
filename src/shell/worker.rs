//! What the streams of one root share, and the hands of the two machines.
//!
//! Every `RefCell` here is borrowed for the length of one statement and never across a
//! hostcall that could call back: Envoy defers resumes and local replies to the end of the
//! callback, and nothing else re-enters.

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::rc::Rc;

use proxy_wasm::hostcalls;

use super::host;
use super::meters::Meters;
use super::stream::Visit;
use crate::admission::Purchase;
use crate::claims::open::Seen;
use crate::claims::table::Table;
use crate::claims::{Attempt, Outcome};
use crate::config::Policy;
use crate::demand::Demand;
use crate::exchange::{self, Effect, Settled, Step, Terms};
use crate::facilitator::{Answer, Verdict};
use crate::map::Map;
use crate::settlement::{self, Settlement};
use crate::signing::ring::Ring;
use crate::wellknown::Documents;

mod again;
mod answers;
mod calls;
mod inquiries;
mod leases;
mod ledger;
mod limits;
mod line;
mod outbound;
mod owed;
mod quotes;
mod shared;
mod signed;
mod supported;
mod tokens;

pub(super) use calls::Job;
use ledger::{Case, Owner};
use tokens::Token;

/// The shared state of one root context.
pub(super) struct Worker {
    /// The root's own context.
    root: u32,
    pub(super) policy: Policy,
    pub(super) meters: Meters,
    table: Table,
    queue: u32,
    pub(super) documents: Documents,
    rendered: quotes::Rendered,
    /// By facilitator.
    fuses: RefCell<Vec<line::Fuse>>,
    tokens: RefCell<Vec<Token>>,
    signed: RefCell<Ring>,
    visits: RefCell<Map<u32, Rc<RefCell<Visit>>>>,
    jobs: RefCell<Map<Attempt, Job>>,
    /// Attempts, by their call's token.
    calls: RefCell<Map<u64, u64>>,
    inquiries: RefCell<Vec<inquiries::Asking>>,
    outbound: outbound::Outbound,
    /// To the store that replicas share.
    line: shared::Line,
    /// What was looked up last of what a wallet is owed: where nothing is, this payment is noted there.
    seen: Cell<Option<Seen>>,
    next_attempt: Cell<u64>,
    sweep_from: Cell<u32>,
    warned_of_bodies: Cell<bool>,
    ticked: Cell<bool>,
    /// By facilitator.
    watches: RefCell<Vec<supported::Watch>>,
    asks: RefCell<Vec<supported::Ask>>,
    watch: limits::Watch,
}

/// What a stream has to do once the machines have come to rest.
#[derive(Debug, Default)]
pub(super) struct Outbox {
    pub(super) forward: bool,
    pub(super) release: Option<exchange::Paid>,
    pub(super) pass_unpaid: bool,
    pub(super) deny: Option<exchange::Denial>,
}

// === impl Worker ===

impl Worker {
    /// A worker for a validated policy over an opened table.
    pub(super) fn new(root: u32, policy: Policy, table: Table, queue: u32) -> Self {
        let fuses = line::Fuse::all(&policy);
        let meters = Meters::open(policy.claims.capacity);
        let watches = supported::Watch::all(&policy);
        let watch = limits::Watch::new(&policy.limits);
        Self {
            root,
            policy,
            meters,
            table,
            queue,
            documents: Documents::default(),
            rendered: quotes::Rendered::default(),
            fuses: RefCell::new(fuses),
            tokens: RefCell::default(),
            signed: RefCell::default(),
            visits: RefCell::default(),
            jobs: RefCell::default(),
            calls: RefCell::default(),
            inquiries: RefCell::default(),
            outbound: outbound::Outbound::default(),
            line: shared::Line::default(),
            seen: Cell::default(),
            next_attempt: Cell::new(host::random_u64()),
            sweep_from: Cell::new(0),
            warned_of_bodies: Cell::new(false),
            ticked: Cell::new(false),
            watches: RefCell::new(watches),
            asks: RefCell::default(),
            watch,
        }
    }

    /// An attempt id no other worker has: a random start, counted up.
    pub(super) fn attempt(&self) -> Attempt {
        let id = self.next_attempt.get();
        self.next_attempt.set(id.wrapping_add(1));
        Attempt(id)
    }

    /// Makes a paying stream reachable for what the root learns.
    pub(super) fn enter(&self, context: u32, visit: Rc<RefCell<Visit>>) {
        if let Ok(mut visits) = self.visits.try_borrow_mut() {
            visits.insert(context, visit);
        }
    }

    /// The stream is gone.
    pub(super) fn leave(&self, context: u32) {
        if let Ok(mut visits) = self.visits.try_borrow_mut() {
            visits.remove(&context);
        }
    }

    /// Feeds an exchange one event and whatever follows from it, until it rests.
    pub(super) fn drive(&self, visit: &mut Visit, purchase: &Rc<Purchase>, event: exchange::Event) -> Outbox {
        let mut outbox = Outbox::default();
        let mut events = VecDeque::from([event]);
        while let Some(event) = events.pop_front() {
            let (machine, effects) = visit.machine.on(event);
            visit.machine = machine;
            visit.note(&event);
            let redeems = matches!(event, exchange::Event::Claim(Outcome::Redeem(_)));
            visit.redeems |= redeems;
            if redeems || matches!(event, exchange::Event::Settled(Settled::Paid(_))) {
                visit.granted = self.now();
            }
            for effect in effects.into_iter().flatten() {
                self.perform(visit, purchase, effect, &mut events, &mut outbox);
            }
        }
        outbox
    }

    /// Carries out the effects an exchange opened with.
    pub(super) fn open(&self, visit: &mut Visit, purchase: &Rc<Purchase>) -> Outbox {
        let single = self.policy.shared_claims.as_ref().is_some_and(|store| store.one_at_a_time());
        let (machine, effects) = exchange::Exchange::open(Terms { single, ..purchase.terms() });
        visit.machine = machine;
        let mut events = VecDeque::new();
        let mut outbox = Outbox::default();
        for effect in effects.into_iter().flatten() {
            self.perform(visit, purchase, effect, &mut events, &mut outbox);
        }
        match events.pop_front() {
            Some(event) => self.drive(visit, purchase, event),
            None => outbox,
        }
    }

    fn perform(
        &self,
        visit: &mut Visit,
        purchase: &Rc<Purchase>,
        effect: Effect,
        events: &mut VecDeque<exchange::Event>,
        outbox: &mut Outbox,
    ) {
        match effect {
            Effect::Claim(step) => {
                if let Some(outcome) = self.step(visit, purchase, step) {
                    events.push_back(exchange::Event::Claim(outcome));
                }
            }
            Effect::Verify if !self.may_ask(visit, purchase) => {
                visit.limited = true;
                events.push_back(exchange::Event::Verified(Verdict::Unavailable));
            }
            Effect::Verify => {
                if let Some(verdict) = self.queue_verify(visit, purchase) {
                    events.push_back(exchange::Event::Verified(verdict));
                }
            }
            Effect::Settle(amount) => {
                visit.charged = amount.or(visit.charged);
                if let Some(settled) = self.queue_settle(visit, purchase, amount) {
                    events.push_back(exchange::Event::Settled(settled));
                }
            }
            Effect::Leave => {
                let _ = self.settle(visit.attempt, settlement::Event::Left);
            }
            Effect::Forward => outbox.forward = true,
            Effect::Release(paid) => outbox.release = Some(paid),
            Effect::PassUnpaid => outbox.pass_unpaid = true,
            Effect::Deny(denial) => outbox.deny = Some(denial),
        }
    }

    /// Runs a step of an exchange's claim. `None` when what comes of it is told later.
    fn step(&self, visit: &mut Visit, purchase: &Rc<Purchase>, step: Step) -> Option<Outcome> {
        let now = self.now();
        if step == Step::Renew && self.is_young(visit, now) {
            return Some(Outcome::Done);
        }
        visit.renewed = now;
        let first = step == Step::Begin && purchase.proves_wallet();
        let seal = purchase.seal(step);
        if let Some(told) = seal.and_then(|seal| self.seal(purchase, &seal, step, now)) {
            return Some(told);
        }
        let step = match step {
            Step::Begin => match self.begins(visit, purchase, now) {
                Ok(step) => step,
                Err(told) => return Some(told),
            },
            step => step,
        };
        let settler = match step {
            Step::Begin | Step::Settling(_) => {
                self.line_of(visit, purchase).first().map_or(0, |first| first.tag())
            }
            _ => 0,
        };
        let onward = visit.onward.filter(|_| step == Step::Undelivered);
        let op = match onward {
            Some(onward) => purchase.lead_op(visit.attempt, onward),
            None => purchase.exchange_op(step, visit.attempt, settler, now),
        };
        let offered = onward.map_or(purchase.offered, |onward| onward.0);
        let amount = if let Step::Settling(amount) = step { amount } else { None };
        let own = Rc::clone(purchase);
        let demand = move || Some(own.demand(amount, settler));
        match step {
            Step::Credit(nonce) | Step::Follow(nonce) => {
                visit.crediting = true;
                visit.identity.nonce = nonce;
            }
            Step::Pledge(_) => {
                let (identity, offered) = (purchase.identity, purchase.offered);
                let case = Case { demand: &demand, ..Case::of(identity, offered) };
                return self.claim(Owner::Exchange(visit.context), &case, &op);
            }
            _ => {}
        }
        // Until the other claim is the exchange's, what it gives up is its own.
        let identity =
            if visit.crediting && step == Step::Release { purchase.identity } else { visit.identity };
        let found = || self.find_demand(&identity);
        let demand: &dyn Fn() -> Option<Rc<Demand>> =
            if identity == purchase.identity { &demand } else { &found };
        let case = Case { identity, offered, demand, first, seal };
        self.claim(Owner::Exchange(visit.context), &case, &op)
    }

    /// Feeds a settlement one event and whatever follows from it. What it has to tell is
    /// returned, not delivered: its exchange may be the caller.
    pub(super) fn settle(&self, attempt: Attempt, event: settlement::Event) -> Option<(u32, Settled)> {
        let mut event = event;
        loop {
            let (machine, demand, context) = match self.jobs.try_borrow().ok()?.get(&attempt)? {
                Job::Settle(job) => (job.machine, Rc::clone(&job.demand), job.context),
                Job::Verify { .. } => return None,
            };
            let before = machine;
            let (machine, effect) = machine.on(event);
            self.store_machine(attempt, machine);
            match effect? {
                settlement::Effect::Tell(settled) => return Some((context?, settled)),
                settlement::Effect::Ask => {
                    if self.enqueue(attempt) {
                        return None;
                    }
                    event = settlement::Event::Answer(Answer::NotSent);
                }
                settlement::Effect::Claim(step) => {
                    let op = demand.op(step, attempt, self.now());
                    let again = Rc::clone(&demand);
                    let again = move || Some(Rc::clone(&again));
                    let (identity, offered) = (demand.identity, demand.offered);
                    let case = Case { demand: &again, ..Case::of(identity, offered) };
                    // Who waited left while it was written down.
                    if let (settlement::Step::Undelivered, Some(paid)) = (step, before.paid()) {
                        answers::nobody_waits(&demand, paid);
                    }
                    // Nobody waits for these.
                    if matches!(step, settlement::Step::Orphan | settlement::Step::Undelivered) {
                        let _ = self.claim(Owner::Nobody, &case, &op);
                        return None;
                    }
                    event = settlement::Event::Claim(self.claim(Owner::Settlement(attempt), &case, &op)?);
                }
            }
        }
    }

    fn store_machine(&self, attempt: Attempt, next: Settlement) {
        let Ok(mut jobs) = self.jobs.try_borrow_mut() else { return };
        if next == Settlement::Done {
            jobs.remove(&attempt);
        } else if let Some(Job::Settle(job)) = jobs.get_mut(&attempt) {
            job.machine = next;
        }
    }

    /// Tells a stream what the root learned, as the host's effective context.
    pub(super) fn tell(&self, context: u32, event: exchange::Event) {
        let Some(visit) = self.visits.try_borrow().ok().and_then(|visits| visits.get(&context).cloned())
        else {
            return;
        };
        // The visit is ours until its stream's on_log, so the host still knows the context.
        if hostcalls::set_effective_context(context).is_err() {
            return;
        }
        if let Ok(mut visit) = visit.try_borrow_mut() {
            visit.told(self, event);
        }
        // What the root does next, it does as itself.
        let _ = hostcalls::set_effective_context(self.root);
    }

    /// Says once that the host does not stop bodies with their headers. Envoy then buffers
    /// what is held, and beyond its buffer limit answers 413 or 500, whatever was paid.
    pub(super) fn body_came_while_held(&self) {
        if !self.warned_of_bodies.replace(true) {
            log::warn!(
                "bodies arrive while their headers are held (Envoy: allow_on_headers_stop_iteration): those over \
                 per_connection_buffer_limit_bytes end in 413 or 500 even when they are paid for; leave the option unset"
            );
        }
    }

    /// Whether anything is under way that must not be forgotten. An answer to `/supported`
    /// may be.
    pub(super) fn busy(&self) -> bool {
        self.jobs.try_borrow().map_or(true, |jobs| !jobs.is_empty()) || self.store_busy()
    }

    /// Whether this is the first tick; asks the shared store for its clock.
    pub(super) fn is_new(&self) -> bool {
        let new = !self.ticked.replace(true);
        if new {
            self.fetch_due();
        }
        new
    }

    /// Once a second: renews leases, writes what could not be written, sweeps the table.
    pub(super) fn tick(&self) {
        self.dispatch_waiting();
        let now = self.now();
        self.renew_leases(now);
        self.ask_again(now);
        self.undo_again();
        let open: Vec<Attempt> = self.jobs.try_borrow().map_or_else(
            |_| Vec::new(),
            |jobs| jobs.iter().filter(|(_, job)| job.is_recording()).map(|(attempt, _)| *attempt).collect(),
        );
        for attempt in open.into_iter().filter(|attempt| !self.awaits_store(*attempt)) {
            let _ = self.settle(attempt, settlement::Event::Tick);
        }
        self.sweep(now);
    }
}
