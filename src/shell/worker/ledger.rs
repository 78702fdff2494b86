//! What becomes of claims: one op at a time, and what is written beside them.
//!
//! Whatever opens a claim, from the call that is about to leave to the delivery, is noted in the
//! wallet's index and, while its outcome is open, with all it takes to ask again. Both follow the
//! claim's state and nothing else, so that no path forgets them.

use std::rc::Rc;

use super::Worker;
use crate::claims::bucket::Forgotten;
use crate::claims::{Attempt, Binding, Claim, Identity, Op, Outcome, Owes, Seal, State, Transaction};
use crate::demand::{ring, Demand};
use crate::shell::host::{self, SharedData};

/// Seconds after a lapsed lease until its demand is looked at.
const GRACE_SECONDS: u64 = 2;

/// Who hears what comes of an op.
#[derive(Clone, Debug)]
pub(super) enum Owner {
    /// The exchange of this stream.
    Exchange(u32),
    /// The settlement of this attempt.
    Settlement(Attempt),
    /// The settlement of this attempt, whose transaction is being marked as spent.
    Spend(Attempt, Transaction),
    /// Whoever asks again about an outcome that is open, as this attempt.
    Again(Attempt, Rc<Demand>),
    /// Nobody; it is tried again until then.
    Undo(u64),
    /// Nobody.
    Nobody,
}

/// A claim to run an op on, and what is written beside it.
pub(super) struct Case<'a> {
    pub(super) identity: Identity,
    /// What is bought.
    pub(super) offered: Binding,
    /// What is kept for asking again, where money is about to be asked for.
    pub(super) demand: &'a dyn Fn() -> Option<Rc<Demand>>,
    /// Whether open claims of the same wallet come before a new one. Of this process they are
    /// looked up before.
    pub(super) first: bool,
    /// Its signature's, where replicas share whose that is. Of this process it is given away before.
    pub(super) seal: Option<Seal>,
}

// === impl Case ===

impl Case<'_> {
    /// A claim with nothing beside it.
    pub(super) fn of(identity: Identity, offered: Binding) -> Self {
        Self { identity, offered, demand: &|| None, first: false, seal: None }
    }
}

// === impl Worker ===

impl Worker {
    /// Runs one op. `None` when its owner is told later.
    pub(super) fn claim(&self, owner: Owner, case: &Case<'_>, op: &Op) -> Option<Outcome> {
        if self.policy.shared_claims.is_some() {
            return self.claim_shared(owner, case, *op);
        }
        let now = host::now();
        let applied = self.table.run(&SharedData, &case.identity, op, now);
        self.meters.claims(&applied.delta);
        self.record_forgotten(applied.forgotten);
        if let Some((before, after)) = &applied.change {
            self.note(case, before.as_ref(), after.as_ref(), now);
        }
        Some(applied.outcome)
    }

    /// Runs an op on a name that is no authorisation.
    pub(super) fn run(&self, name: &Identity, op: &Op) -> Outcome {
        let applied = self.table.run(&SharedData, name, op, host::now());
        self.meters.claims(&applied.delta);
        self.record_forgotten(applied.forgotten);
        applied.outcome
    }

    /// What is known of a claim now.
    pub(super) fn known(&self, identity: &Identity, now: u64) -> Option<Claim> {
        self.table.read(&SharedData, identity).ok().flatten().and_then(|claim| claim.at(now))
    }

    /// Whether the facilitator answered a claim's first ask with a failure that leaves it open.
    pub(in crate::shell) fn doubts(&self, identity: &Identity) -> bool {
        self.known(identity, self.now()).is_some_and(|claim| claim.foreign.is_some())
    }

    /// Whether a redirect may lead on a claim that is served once more.
    pub(in crate::shell) fn may_be_led(&self, identity: &Identity) -> bool {
        self.known(identity, self.now()).is_some_and(|claim| claim.may_be_led())
    }

    /// What it takes to ask about a claim again, if it was kept.
    pub(super) fn find_demand(&self, identity: &Identity) -> Option<Rc<Demand>> {
        ring::find(&SharedData, identity).map(Rc::new)
    }

    /// Writes what goes with a claim that went from one state to another.
    fn note(&self, case: &Case<'_>, before: Option<&Claim>, after: Option<&Claim>, now: u64) {
        let is_open = |claim: &&Claim| matches!(claim.state, State::Settling | State::Unknown);
        let was_asked = before.filter(is_open).is_some();
        let kind = |claim: &Claim| (claim.state, claim.settler, claim.binding);
        let same = before.map(kind) == after.map(kind);
        match after {
            // However long the delivery takes, its claim stands among those of its wallet.
            Some(claim) if same && claim.state == State::Redeeming => self.note_open(case, claim, now),
            _ if same => {}
            Some(claim) if claim.state == State::Settling => {
                self.note_open(case, claim, now);
                if let Some(demand) = (case.demand)() {
                    let due = claim.lease.saturating_add(GRACE_SECONDS);
                    let new = before.is_none_or(|claim| claim.state == State::Held);
                    ring::keep(&SharedData, &demand, due, claim.expires, now, new);
                }
            }
            Some(claim) if claim.state == State::Unknown => {
                self.note_open(case, claim, now);
                ring::postpone(&SharedData, &case.identity, now);
            }
            // Tried too often, it owes nothing and makes room.
            Some(claim) if claim.owes() == Owes::Content => self.note_open(case, claim, now),
            Some(claim) if matches!(claim.state, State::Held | State::Credited | State::Redeeming) => {}
            _ if before.is_some_and(|claim| claim.state != State::Held) => {
                let wallet = self.table.wallet(&case.identity, case.offered);
                self.table.note_closed(&SharedData, &wallet, &case.identity.nonce, now);
            }
            _ => {}
        }
        if was_asked && !after.is_some_and(|claim| is_open(&claim)) {
            ring::drop(&SharedData, &case.identity);
        }
    }

    fn note_open(&self, case: &Case<'_>, claim: &Claim, now: u64) {
        // What only the facilitator can read names no wallet.
        if case.identity.chain_id != 0 {
            let wallet = self.table.wallet(&case.identity, case.offered);
            let seen = self.seen.take();
            let (nonce, expires) = (&case.identity.nonce, claim.expires);
            self.table.note_open_in(seen, &SharedData, &wallet, nonce, expires, now);
        }
    }

    /// A slice of the table a second, so that every bucket is visited about once a minute
    /// and tombstones of payers who never come back make room.
    pub(super) fn sweep(&self, now: u64) {
        let mut forgotten = Forgotten::default();
        let buckets = self.table.buckets();
        let slice = buckets.div_ceil(64);
        let from = self.sweep_from.get();
        for bucket in (from..buckets).take(usize::try_from(slice).unwrap_or(1)) {
            if let Ok(delta) = self.table.sweep(&SharedData, bucket, now, &mut forgotten) {
                self.meters.claims(&delta);
            }
        }
        let next = from.saturating_add(slice);
        self.sweep_from.set(if next >= buckets { 0 } else { next });
        self.record_forgotten(forgotten);
    }

    /// Nothing ends in silence that has money in it.
    pub(super) fn record_forgotten(&self, forgotten: Forgotten) {
        if forgotten == Forgotten::default() {
            return;
        }
        self.meters.forgotten(forgotten);
        log::warn!(
            "claims given up after redeemFor: {} disputed (the settlement's outcome was never proven), \
             {} paid and never delivered; the lines of their settlements name them",
            forgotten.disputed,
            forgotten.undelivered,
        );
    }
}
