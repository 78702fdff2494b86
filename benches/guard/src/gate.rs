//! What is counted: from the entry of each of these functions to its end, with all it calls.
//!
//! They are named alike here, in `counts.toml` and in the documentation. None may be inlined,
//! and none may hold a closure, whose name would begin like its own.

use std::hint::black_box;

use x402_proxy_wasm::admission::head::fields;
use x402_proxy_wasm::admission::{admit, Admission, Head, Purchase};
use x402_proxy_wasm::claims::table::Applied;
use x402_proxy_wasm::config::Policy;
use x402_proxy_wasm::evm::address::Address;
use x402_proxy_wasm::evm::recover::recover;
use x402_proxy_wasm::facilitator::Answer;
use x402_proxy_wasm::reply::{Quote, Refusal, Reply};

use crate::facts::{environment, Facts, NOW};

/// So many turns of nothing: what a planted slow-down is made of.
#[inline(never)]
pub(crate) fn nothing(turns: u64) {
    for turn in 0..turns {
        black_box(turn);
    }
}

/// The configuration of ten routes, read.
#[inline(never)]
pub(crate) fn configure(facts: &Facts, turns: u64) -> Option<Policy> {
    spin("configure", turns);
    Policy::from_bytes(facts.text.as_bytes(), &environment).ok()
}

/// A free path among ten routes.
#[inline(never)]
pub(crate) fn unpriced_10(facts: &Facts, turns: u64) -> Admission {
    spin("unpriced_10", turns);
    admit(&facts.policy, &Head::read(&fields(&facts.free)), &facts.listed, NOW)
}

/// The same among ten thousand.
#[inline(never)]
pub(crate) fn unpriced_10000(facts: &Facts, turns: u64) -> Admission {
    spin("unpriced_10000", turns);
    admit(&facts.policy, &Head::read(&fields(&facts.free)), &facts.listed, NOW)
}

/// A priced path, and the whole 402.
#[inline(never)]
pub(crate) fn unpaid(facts: &Facts, turns: u64) -> Option<Reply> {
    spin("unpaid", turns);
    let held = fields(&facts.unpaid);
    let head = Head::read(&held);
    let Admission::Refuse(_, refusal, allow) = admit(&facts.policy, &head, &facts.listed, NOW) else {
        return None;
    };
    Some(refused(facts, &head, refusal, &allow))
}

/// A payment whose signature cannot be one: decoded, matched, and refused with a whole 402.
#[inline(never)]
pub(crate) fn unsignable(facts: &Facts, turns: u64) -> Option<Reply> {
    spin("unsignable", turns);
    let held = fields(&facts.unsignable);
    let head = Head::read(&held);
    match admit(&facts.policy, &head, &facts.listed, NOW) {
        Admission::Refuse(_, refusal, allow) => Some(refused(facts, &head, refusal, &allow)),
        Admission::Present(purchase) => Some(refused(facts, &head, purchase.unfit?, "")),
        Admission::Pass(_) | Admission::Preflight(..) => None,
    }
}

/// An honest payment: decoded, matched, its payer recovered, judged.
#[inline(never)]
pub(crate) fn presented(facts: &Facts, turns: u64) -> Admission {
    spin("presented", turns);
    admit(&facts.policy, &Head::read(&fields(&facts.paid)), &facts.listed, NOW)
}

/// That payment's recovery alone.
#[inline(never)]
pub(crate) fn recovery(facts: &Facts, turns: u64) -> Option<Address> {
    spin("recovery", turns);
    recover(&facts.digest, &facts.signature)
}

/// Its claim, taken.
#[inline(never)]
pub(crate) fn claim(facts: &Facts, turns: u64) -> Applied {
    spin("claim", turns);
    facts.claim()
}

/// And refused, because it was taken before.
#[inline(never)]
pub(crate) fn replayed(facts: &Facts, turns: u64) -> Applied {
    spin("replayed", turns);
    facts.claim()
}

/// The body of its settlement.
#[inline(never)]
pub(crate) fn settlement_body(facts: &Facts, turns: u64) -> Vec<u8> {
    spin("settlement_body", turns);
    purchase_body(&facts.purchase)
}

/// And the facilitator's answer, read.
#[inline(never)]
pub(crate) fn settled(facts: &Facts, turns: u64) -> Answer {
    spin("settled", turns);
    facts.answer()
}

/// With the name, two gates that do the same are not folded into one.
#[inline(always)]
fn spin(name: &str, turns: u64) {
    black_box(name);
    for turn in 0..turns {
        black_box(turn);
    }
}

#[inline(always)]
fn purchase_body(purchase: &Purchase) -> Vec<u8> {
    purchase.body(None)
}

#[inline(always)]
fn refused(facts: &Facts, head: &Head<'_>, refusal: Refusal, allow: &str) -> Reply {
    let url = head.resource(&facts.policy);
    let quote = Quote {
        header: facts.challenge.header(refusal.code(), &url, ""),
        v1_accepts: facts.challenge.v1_accepts(&url),
    };
    refusal.reply(Some(quote), Vec::new(), allow)
}
