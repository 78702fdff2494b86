//! What was left open is asked about again, once a second, by one worker at a time.

use std::rc::Rc;

use super::calls::{Asked, Job, Settling};
use super::ledger::{Case, Owner};
use super::Worker;
use crate::claims::table::{create, Shared};
use crate::claims::{Op, Outcome, State};
use crate::demand::{ring, Demand};
use crate::settlement::{self, Settlement};
use crate::shell::host::SharedData;

/// Slots looked at in one second: each is visited every four.
const SLICE: u16 = ring::SLOTS / 4;

/// Who looked last, and when.
const TURN: &str = "x402/ring/1/turn";

// === impl Worker ===

impl Worker {
    /// Looks for what is due, if it is this worker's turn.
    pub(super) fn ask_again(&self, now: u64) {
        if !takes_turn(now) {
            return;
        }
        let from = u16::try_from(now.checked_rem(4).unwrap_or(0)).unwrap_or(0).saturating_mul(SLICE);
        for slot in from..from.saturating_add(SLICE) {
            if let Ok(Some(kept)) = ring::take_due(&SharedData, slot, now) {
                self.look_into(kept.demand, now);
            }
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
        let attempt = self.attempt();
        let demand = Rc::new(demand);
        let again = Rc::clone(&demand);
        let again = move || Some(Rc::clone(&again));
        let case = Case { identity, offered: demand.offered, demand: &again };
        let op = Op::Begin(demand.begin(attempt, now));
        if let Some(Outcome::Resolve(_)) = self.claim(Owner::Nobody, &case, &op) {
            self.resolve(attempt, demand);
        }
    }

    /// Asks whoever was asked before; nobody waits for the answer.
    fn resolve(&self, attempt: crate::claims::Attempt, demand: Rc<Demand>) {
        let asked = self.settler(demand.settler).map(|settler| Asked::line(&[settler])).unwrap_or_default();
        let job = Settling { machine: Settlement::unattended(), context: None, demand, asked };
        self.begin(attempt, Job::Settle(job));
        if !(self.admits_first(attempt) && self.enqueue(attempt)) {
            let _ = self.settle(attempt, settlement::Event::Answer(crate::facilitator::Answer::NotSent));
        }
    }
}

/// Whether nobody else looks in this second.
fn takes_turn(now: u64) -> bool {
    let second = now.to_le_bytes();
    match SharedData.get(TURN) {
        Ok(Some((last, cas))) => last != second && SharedData.set(TURN, &second, cas) == Ok(true),
        Ok(None) => create(&SharedData, TURN, &second) == Ok(true),
        Err(_) => false,
    }
}
