//! Every reachable state of two exchanges over one authorisation, its settlements and a
//! small chain, searched breadth first, for each of the terms an offer can have, and for
//! prices known before and at the response.
//!
//! The world is adversarial: any exchange may be disconnected, any lease may lapse while its
//! owner stalls (except under a response that is already streaming, whose lease the root's
//! tick renews), the worker may crash, the configuration may change, a call may be refused,
//! time out and still arrive, book and lose its answer; the payer may cancel the
//! authorisation, or have it spent under another name, whose claim is served with it; it may
//! expire. Held in every state:
//!
//! 1. content is released only when the chain says the money moved, and under `before` work
//!    is sent upstream only then; a charge of zero is the one exception, and after it the
//!    authorisation neither buys nor is settled;
//! 2. two exchanges never deliver at once, and nothing is released again after a delivery
//!    that ended well;
//! 3. nobody is told that no money moved, or quoted anew, once money moved or still may;
//! 4. when the money moved, the claim says so or says that it may have;
//! 5. whatever is asked for was written down before, no two asks that may both arrive are for
//!    different amounts, and a receipt states the amount that moved;
//! 6. nothing is written for a payment that only `/verify` can judge before it has.

#![allow(
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    clippy::print_stdout,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test may panic, and prints how far it searched"
)]

use std::collections::{HashSet, VecDeque};

use x402_proxy_wasm::claims::{self, Attempt, Begin, Claim, Op, Opening, Paid, State, Transaction};
use x402_proxy_wasm::config::Settle;
use x402_proxy_wasm::exchange::{
    self, Charge, Check, Denial, Effect, Effects, Exchange, Settled, Step, Terms,
};
use x402_proxy_wasm::facilitator::{Answer, Doubt, Reason, Verdict};
use x402_proxy_wasm::money::Amount;
use x402_proxy_wasm::settlement::{self, Settlement};

#[path = "model_search/digest.rs"]
mod digest;
#[path = "model_search/pair.rs"]
mod pair;
#[path = "model_search/promises.rs"]
mod promises;
#[path = "model_search/search.rs"]
mod search;
#[path = "model_search/world.rs"]
mod world;

use promises::{check, check_ask, check_denial};
use search::Search;
use world::{Call, Chain, Presentation, World};

const NOW: u64 = 1_000;
const LEASE: u64 = 2_000;
const TX: Transaction = Transaction([1; 32]);
/// The transaction that served another claim.
const OTHER_TX: Transaction = Transaction([2; 32]);
/// What a response may cost: a price, or what was used.
const FLAT: &[Charge] = &[Charge::Nothing, Charge::Full, Charge::Onward(None)];
const USAGE: &[Charge] = &[
    Charge::Nothing,
    Charge::Metered(Amount::from_u64(1)),
    Charge::Metered(Amount::from_u64(2)),
    Charge::Onward(Some(Amount::from_u64(1))),
    Charge::Waived,
    Charge::Unreadable,
];
/// How often the payment is presented in all; at most two are at work at a time.
const PRESENTATIONS: usize = 3;

/// Searches what follows from some terms, and says how far it came.
fn search(settle: Settle, check: Check, charges: &'static [Charge], elsewheres: &[bool]) {
    for elsewhere in elsewheres.iter().copied() {
        let search = Search::run(Terms { settle, check, fit: true, single: false }, elsewhere, charges);
        println!(
            "{settle:?} {check:?} {} elsewhere={elsewhere}: {} states, {} transitions, {} releases, {} waived, \
             {} redemptions, {} resolutions, {} reused, {} withheld",
            if charges == USAGE { "usage" } else { "flat" },
            search.seen.len(),
            search.transitions,
            search.released,
            search.waived,
            search.redeemed,
            search.resolved,
            search.reused,
            search.withheld,
        );
        assert!(search.seen.len() > 1_000 && search.released > search.waived, "the search went nowhere");
        assert!(search.redeemed > 0 && search.resolved > 0, "redemption and resolution were not reached");
        assert!(search.reused > 0, "no transaction was reported twice");
        let usage = (search.waived > 0, search.withheld > 0);
        assert_eq!(usage, (charges == USAGE, charges == USAGE));
    }
}

#[test]
fn no_promise_is_broken_before() {
    search(Settle::Before, Check::Local, FLAT, &[false, true]);
}

#[test]
fn no_promise_is_broken_before_with_verify() {
    search(Settle::Before, Check::Facilitator, FLAT, &[false, true]);
}

#[test]
fn no_promise_is_broken_before_with_verify_first() {
    search(Settle::Before, Check::First, FLAT, &[false, true]);
}

#[test]
fn no_promise_is_broken_after() {
    search(Settle::After, Check::Local, FLAT, &[false, true]);
}

#[test]
fn no_promise_is_broken_after_with_verify() {
    search(Settle::After, Check::Facilitator, FLAT, &[false, true]);
}

#[test]
fn no_promise_is_broken_after_with_verify_first() {
    search(Settle::After, Check::First, FLAT, &[false, true]);
}

#[test]
fn no_promise_is_broken_by_usage() {
    search(Settle::After, Check::Local, USAGE, &[false, true]);
}

#[test]
fn no_promise_is_broken_by_usage_with_verify_first() {
    search(Settle::After, Check::First, USAGE, &[true]);
}

#[test]
fn a_settlement_told_late_gives_the_delivery_back() {
    let (machine, effects) = Exchange::Over.on(exchange::Event::Settled(Settled::Paid(TX)));
    assert_eq!((machine, effects), (Exchange::Over, [Some(Effect::Claim(Step::Undelivered)), None]));
}
