//! What is counted of the core: from the entry of each of these functions to its end, with all it calls.
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

use crate::facts::{environment, Facts};
use crate::fixed::NOW;
use crate::plant::Plant;

/// So many turns of nothing: what a planted slow-down is made of.
#[inline(never)]
pub(crate) fn nothing(plant: &Plant) {
    plant.slow_down();
}

/// The configuration of ten routes, read.
#[inline(never)]
pub(crate) fn configure(facts: &Facts, plant: &Plant) -> Option<Policy> {
    here("configure", plant);
    Policy::from_bytes(facts.text.as_bytes(), &environment).ok()
}

/// A configuration of a thousand routes in which nothing is alike.
#[inline(never)]
pub(crate) fn configure_1000(text: &str, plant: &Plant) -> Option<Policy> {
    here("configure_1000", plant);
    Policy::from_bytes(text.as_bytes(), &environment).ok()
}

/// The same of four thousand.
#[inline(never)]
pub(crate) fn configure_4000(text: &str, plant: &Plant) -> Option<Policy> {
    here("configure_4000", plant);
    Policy::from_bytes(text.as_bytes(), &environment).ok()
}

/// A free path among ten routes.
#[inline(never)]
pub(crate) fn unpriced_10(facts: &Facts, plant: &Plant) -> Admission {
    here("unpriced_10", plant);
    admit(&facts.policy, &Head::read(&fields(&facts.free)), &facts.listed, NOW)
}

/// The same among ten thousand.
#[inline(never)]
pub(crate) fn unpriced_10000(facts: &Facts, plant: &Plant) -> Admission {
    here("unpriced_10000", plant);
    admit(&facts.policy, &Head::read(&fields(&facts.free)), &facts.listed, NOW)
}

/// A priced path, and the whole 402.
#[inline(never)]
pub(crate) fn unpaid(facts: &Facts, plant: &Plant) -> Option<Reply> {
    here("unpaid", plant);
    let held = fields(&facts.unpaid);
    let head = Head::read(&held);
    let Admission::Refuse(_, refusal, allow) = admit(&facts.policy, &head, &facts.listed, NOW) else {
        return None;
    };
    Some(refused(facts, &head, refusal, &allow))
}

/// A payment whose signature cannot be one: decoded, matched, and refused with a whole 402.
#[inline(never)]
pub(crate) fn unsignable(facts: &Facts, plant: &Plant) -> Option<Reply> {
    here("unsignable", plant);
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
pub(crate) fn presented(facts: &Facts, plant: &Plant) -> Admission {
    here("presented", plant);
    admit(&facts.policy, &Head::read(&fields(&facts.paid)), &facts.listed, NOW)
}

/// That payment's recovery alone.
#[inline(never)]
pub(crate) fn recovery(facts: &Facts, plant: &Plant) -> Option<Address> {
    here("recovery", plant);
    recover(&facts.digest, &facts.signature)
}

/// Its claim, taken.
#[inline(never)]
pub(crate) fn claim(facts: &Facts, plant: &Plant) -> Applied {
    here("claim", plant);
    facts.claim()
}

/// And refused, because it was taken before.
#[inline(never)]
pub(crate) fn replayed(facts: &Facts, plant: &Plant) -> Applied {
    here("replayed", plant);
    facts.claim()
}

/// And taken in a table that is half full.
#[inline(never)]
pub(crate) fn claim_among_others(facts: &Facts, plant: &Plant) -> Applied {
    here("claim_among_others", plant);
    facts.claim_among_others()
}

/// The body of its settlement.
#[inline(never)]
pub(crate) fn settlement_body(facts: &Facts, plant: &Plant) -> Vec<u8> {
    here("settlement_body", plant);
    purchase_body(&facts.purchase)
}

/// And the facilitator's answer, read.
#[inline(never)]
pub(crate) fn settled(facts: &Facts, plant: &Plant) -> Answer {
    here("settled", plant);
    facts.answer()
}

/// With the name, two gates that do the same are not folded into one.
#[inline(always)]
fn here(name: &str, plant: &Plant) {
    black_box(name);
    plant.slow_down();
}

#[inline(always)]
fn purchase_body(purchase: &Purchase) -> Vec<u8> {
    purchase.body(None)
}

#[inline(always)]
fn refused(facts: &Facts, head: &Head<'_>, refusal: Refusal, allow: &str) -> Reply {
    let url = head.resource(&facts.policy);
    let quote = Quote {
        header: facts.challenge.header(refusal.code(), &url, "", ""),
        v1_accepts: facts.challenge.v1_accepts(&url),
    };
    refusal.reply(Some(quote), Vec::new(), allow)
}
