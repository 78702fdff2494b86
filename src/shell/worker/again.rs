//! What was left open is asked about again, once a second, by one worker at a time.

use std::rc::Rc;

use super::calls::{Asked, Job, Proving, Settling};
use super::ledger::{Case, Owner};
use super::Worker;
use crate::claims::bucket::from_text;
use crate::claims::table::{create, Shared};
use crate::claims::{Attempt, Op, Outcome, State};
use crate::demand::{ring, Demand};
use crate::digits;
use crate::facilitator::{Answer, Delivery, Doubt};
use crate::settlement::{self, Settlement};
use crate::shell::host::SharedData;
use crate::store::{Due, DueClaim, Listed};

/// Slots looked at in one second: each is visited every four.
const SLICE: u16 = ring::SLOTS / 4;

/// Claims of the shared store that are taken at once.
const MOST_DUE: u32 = 8;

/// Who looked last, and when: of those that can ask the same.
const TURN: &str = "x402/ring/1/turn/";

// === impl Worker ===

impl Worker {
    /// Looks for what is due, if it is this worker's turn.
    pub(super) fn ask_again(&self, now: u64) {
        // A worker whose first question was not answered has no clock, and takes nothing, until it
        // asked again; it may never have its turn.
        if self.lacks_clock() {
            return self.fetch_due();
        }
        if !self.takes_turn(now) {
            return;
        }
        if self.policy.shared_claims.is_some() {
            return self.fetch_due();
        }
        let from = u16::try_from(now.checked_rem(4).unwrap_or(0)).unwrap_or(0).saturating_mul(SLICE);
        for slot in from..from.saturating_add(SLICE) {
            let mine = |demand: &Demand| self.can_ask(demand, now);
            if let Ok(Some(kept)) = ring::take_due(&SharedData, slot, now, mine) {
                self.look_into(kept.demand, now);
            }
        }
    }

    /// Asks the store for claims of all replicas that are due.
    pub(super) fn fetch_due(&self) {
        self.ask_for_due(false);
    }

    fn ask_for_due(&self, full: bool) {
        let Some(store) = &self.policy.shared_claims else { return };
        let id = self.attempt().0;
        let due = Due { id, most: MOST_DUE, waits: ring::waits() };
        let _ = self.send_to_store(store, id, &due.call(store, full));
    }

    /// Claims that are due, or none.
    pub(super) fn listed(&self, id: u64, delivery: &Delivery<'_>) {
        let Some(store) = &self.policy.shared_claims else { return };
        match Listed::read(delivery, store, id) {
            Listed::Claims { now, claims } => {
                self.store_spoke(Some(now));
                for due in claims {
                    self.look_into_shared(&due, now);
                }
            }
            Listed::Unscripted => self.ask_for_due(true),
            Listed::Down => self.store_failed("it could not be reached"),
            Listed::Unsure(doubt) => self.store_failed(&doubt.to_string()),
        }
    }

    fn look_into_shared(&self, due: &DueClaim, now: u64) {
        let open = from_text(&due.value).and_then(|claim| claim.at(now));
        if open.is_none_or(|claim| claim.state != State::Unknown) {
            return;
        }
        let demand = due.payment.as_deref().and_then(Demand::from_text);
        if let Some(demand) = demand.filter(|demand| self.can_ask(demand, now)) {
            self.ask_about(demand, now);
        }
    }

    /// Asks about a claim whose outcome is open, and lets go of what is no longer open.
    fn look_into(&self, demand: Demand, now: u64) {
        let identity = demand.identity;
        match self.known(&identity, now).map(|claim| claim.state) {
            Some(State::Unknown) => {}
            // Somebody is at work on it.
            Some(State::Held | State::Settling) => return,
            _ => return ring::drop(&SharedData, &identity),
        }
        self.ask_about(demand, now);
    }

    /// Whether somebody whom this configuration names can say what became of it. One process may run
    /// several plugins, or an old configuration beside a new one, and each knows its own facilitators.
    fn can_ask(&self, demand: &Demand, now: u64) -> bool {
        let claim = self.known(&demand.identity, now);
        // Whether the chain's word is enough is its own configuration's to say.
        let plain = claim.is_none_or(|claim| claim.foreign.is_none());
        self.settler(demand.asked_last(claim.as_ref())).is_some() || (plain && self.can_inquire(demand))
    }

    /// Whether nobody else who can ask the same looks in this second.
    fn takes_turn(&self, now: u64) -> bool {
        let policy = &self.policy;
        let tags = policy.facilitators.iter().fold(0, |sum, facilitator| sum ^ facilitator.tag());
        let chains = policy.rpcs.iter().fold(u64::from(tags), |sum, rpc| sum ^ rpc.chain_id.rotate_left(32));
        let store = policy.shared_claims.as_ref();
        let [place, prefix] = store.map_or([""; 2], |store| [&store.authority, &store.key_prefix]);
        let turn = [TURN, &digits::hex(&chains.to_le_bytes()), place, "/", prefix].concat();
        let second = now.to_le_bytes();
        match SharedData.get(&turn) {
            Ok(Some((last, cas))) => last != second && SharedData.set(&turn, &second, cas) == Ok(true),
            Ok(None) => create(&SharedData, &turn, &second) == Ok(true),
            Err(_) => false,
        }
    }

    fn ask_about(&self, demand: Demand, now: u64) {
        let identity = demand.identity;
        let attempt = self.attempt();
        let demand = Rc::new(demand);
        let again = Rc::clone(&demand);
        let again = move || Some(Rc::clone(&again));
        // The chain does not go by the signature.
        let seal = if self.can_inquire(&demand) { None } else { demand.seal(now) };
        let case = Case { demand: &again, seal, ..Case::of(identity, demand.offered) };
        let op = Op::Begin(demand.begin(attempt, now));
        let owner = Owner::Again(attempt, Rc::clone(&demand));
        if let Some(outcome) = self.claim(owner, &case, &op) {
            self.begun_anew(attempt, demand, outcome);
        }
    }

    /// A claim was begun to be asked about. If it was proven paid meanwhile it is the payer's to redeem.
    pub(super) fn begun_anew(&self, attempt: Attempt, demand: Rc<Demand>, outcome: Outcome) {
        match outcome {
            Outcome::Resolve(_) => self.resolve(attempt, demand),
            other => self.give_back((demand.identity, demand.offered), Some(attempt), other),
        }
    }

    /// Asks whoever was asked before; nobody waits for the answer.
    pub(super) fn resolve(&self, attempt: Attempt, demand: Rc<Demand>) {
        let settler = demand.asked_last(self.known(&demand.identity, self.now()).as_ref());
        let asked = self.settler(settler).map(|settler| Asked::line(&[settler])).unwrap_or_default();
        let proving = if self.can_inquire(&demand) { Proving::First } else { Proving::Not };
        let machine = Settlement::unattended();
        let job =
            Settling { machine, context: None, demand: Rc::clone(&demand), asked, proving, foreign: None };
        self.begin(attempt, Job::Settle(job));
        let admitted = proving == Proving::First || self.admits_first(attempt);
        if proving == Proving::Not && self.is_anothers(&demand) {
            let _ = self.settle(attempt, settlement::Event::Answer(Answer::Unknown(Doubt::Broken)));
        } else if !(admitted && self.enqueue(attempt)) {
            let _ = self.settle(attempt, settlement::Event::Answer(Answer::NotSent));
        }
    }
}
