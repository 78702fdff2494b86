//! Every state of the two machines against every event, as tables: what is not in a table
//! holds. `model_search` says that the machines keep their promises in a world whose store
//! always answers; here the store also fails, answers come to nobody, and events come that
//! the driver never sends.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

use x402_proxy_wasm::claims::{Outcome, State, Transaction};
use x402_proxy_wasm::facilitator::{Answer, Doubt, Reason};

const TX: Transaction = Transaction([1; 32]);
const REASON: Reason = Reason::InsufficientFunds;

/// Every outcome of a claim step.
const OUTCOMES: [Outcome; 16] = [
    Outcome::Granted,
    Outcome::Absent,
    Outcome::Present,
    Outcome::InFlight,
    Outcome::Redeem(None),
    Outcome::Redeem(Some(TX)),
    Outcome::Resolve,
    Outcome::Delivered(Some(TX)),
    Outcome::Exhausted(Some(TX)),
    Outcome::Elsewhere(State::Taken),
    Outcome::Full,
    Outcome::Done,
    Outcome::Doubtful,
    Outcome::Deliver,
    Outcome::Lost,
    Outcome::Unavailable,
];

/// The outcomes that are none of these.
fn but(these: &[Outcome]) -> Vec<Outcome> {
    OUTCOMES.into_iter().filter(|outcome| !these.contains(outcome)).collect()
}

#[path = "machines/exchange.rs"]
mod exchange;
#[path = "machines/settlement.rs"]
mod settlement;
