//! Every state of the two machines against every event, as tables: what is not in a table
//! holds. `model_search` says that the machines keep their promises in a world whose store
//! always answers; here the store also fails, answers come to nobody, and events come that
//! the driver never sends.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

use x402_proxy_wasm::claims::{Outcome, Paid, State, Transaction};
use x402_proxy_wasm::facilitator::{Answer, Doubt, Reason};
use x402_proxy_wasm::money::Amount;

const TX: Transaction = Transaction([1; 32]);
const PAID: Paid = Paid { transaction: Some(TX), amount: None };
const UNNAMED: Paid = Paid { transaction: None, amount: None };
/// An amount other than what was signed.
const SOME: Option<Amount> = Some(Amount::from_u64(3));
const METERED: Paid = Paid { transaction: Some(TX), amount: SOME };
const REASON: Reason = Reason::InsufficientFunds;

/// The nonce of another claim of the wallet.
const OTHER: [u8; 32] = [7; 32];

/// Every outcome of a claim step.
const OUTCOMES: [Outcome; 22] = [
    Outcome::Granted,
    Outcome::Absent,
    Outcome::Present,
    Outcome::InFlight,
    Outcome::Redeem(UNNAMED),
    Outcome::Redeem(METERED),
    Outcome::Resolve(None),
    Outcome::Resolve(SOME),
    Outcome::Delivered(PAID),
    Outcome::Delivered(Paid::NOTHING),
    Outcome::Exhausted(METERED),
    Outcome::Elsewhere(State::Taken),
    Outcome::Credited(OTHER),
    Outcome::CreditedElsewhere(OTHER),
    Outcome::Owed(OTHER),
    Outcome::Awaited,
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
