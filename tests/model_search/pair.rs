//! Two authorisations of one wallet for one offer, two facilitators, and a timer that asks again.
//!
//! What the driver does here is what the shell does: a payment's own claim decides; if there is
//! none, an open claim of the wallet does; an open claim stays with whoever was asked. The outcome
//! of each claim step of an exchange comes later than the step: in between anything may happen, as
//! it may between workers, and where the claims are another store's. Held in every state, beside
//! the promises of one authorisation, for each of the two:
//!
//! 1. one that was used up in favour of the other is never asked for, and never settles;
//! 2. one booked payment buys at most one response that ended well;
//! 3. one is not asked for while the other owes something, or is being asked about for nobody,
//!    unless another presentation had the other in the meantime;
//! 4. nobody hears that nothing was paid, or is to sign anew, while the one he presented, or the
//!    one that stands for it, was paid and not delivered, or may yet be paid;
//! 5. whoever may have booked one is the only one who is asked about it.

use std::collections::{HashSet, VecDeque};

use x402_proxy_wasm::claims::{Claim, State};
use x402_proxy_wasm::config::Settle;
use x402_proxy_wasm::exchange::{self, Charge, Check, Exchange, Terms};
use x402_proxy_wasm::facilitator::{Answer, Doubt, Reason, Verdict};
use x402_proxy_wasm::settlement::{self, Settlement};

use super::digest::digest;
use super::NOW;

#[path = "pair/driver.rs"]
mod driver;
#[path = "pair/promises.rs"]
mod promises;
#[path = "pair/world.rs"]
mod world;

use driver::Tally;
use world::{transaction, Call, Chain, Stage, World, TIMER};

/// What may happen in a searched world, besides what always may.
#[derive(Clone, Copy, Debug)]
pub(super) struct Scope {
    pub(super) terms: Terms,
    /// How often a payment is presented in all; at most two are at work at a time.
    presentations: u8,
    /// How often the timer asks about an open outcome.
    timers: u8,
    /// Whether the chain can be asked.
    rpc: bool,
    /// Whether somebody else is asked when one facilitator cannot be reached.
    failover: bool,
    /// Whether quotes may be suspended when a payment is presented.
    suspended: bool,
}

/// What has to be met on the way, and how often it was.
type Reached = (&'static str, fn(&Tally) -> usize);

/// How a world came about: from which, and what happened.
type Step = (u32, &'static str);

struct Search {
    scope: Scope,
    tally: Tally,
    next: Vec<(World, &'static str)>,
}

impl Search {
    /// A world in which something more happened.
    fn branch(&mut self, world: &World, what: &'static str, happens: impl FnOnce(&mut World, &mut Tally)) {
        let mut copy = world.clone();
        happens(&mut copy, &mut self.tally);
        self.next.push((copy, what));
    }

    /// Every world one step away.
    fn successors(&mut self, world: &World) {
        self.presentations(world);
        for i in 0..world.slots.len() {
            self.exchange_events(world, i);
            self.call_events(world, i);
        }
        for (c, claim) in world.claims.iter().enumerate() {
            let Some(claim) = claim.filter(|claim| claim.lease > NOW && !world.keeps(claim)) else {
                continue;
            };
            self.branch(world, "a lease lapses", |w, _| w.claims[c] = Some(Claim { lease: 0, ..claim }));
        }
        for (i, slot) in world.slots.iter().enumerate() {
            if slot.exchange.is_some() || slot.machine.is_some() {
                self.branch(world, "a worker dies", |w, _| w.slots[i].dies());
            }
        }
        self.timer(world);
        if world.chain[0] == Chain::Unspent {
            self.branch(world, "the payer cancels the first", |w, _| w.chain[0] = Chain::Cancelled);
            if !world.expired {
                self.branch(world, "the first expires", |w, _| w.expired = true);
            }
        }
    }

    fn presentations(&mut self, world: &World) {
        let scope = self.scope;
        if world.presented == scope.presentations || world.live() == 2 {
            return;
        }
        // Whichever is presented first is called the first.
        let owns: &[u8] = if world.presented == 0 { &[0] } else { &[0, 1] };
        let fits: &[bool] = if scope.suspended && world.presented > 0 { &[true, false] } else { &[true] };
        for (own, fit) in owns.iter().flat_map(|own| fits.iter().map(move |fit| (*own, *fit))) {
            let what = ["the first is presented", "the second is presented"][usize::from(own)];
            self.branch(world, what, |w, tally| {
                let check = if fit { scope.terms.check } else { Check::Local };
                let terms = Terms { fit, check, ..scope.terms };
                let i = w.enter(own);
                let (machine, effects) = Exchange::open(terms);
                w.slots[i].exchange = Some(machine);
                w.slots[i].terms = Some(terms);
                w.presented += 1;
                w.perform(i, effects, tally);
            });
        }
    }

    fn exchange_events(&mut self, world: &World, i: usize) {
        use exchange::Event;
        let slot = &world.slots[i];
        if let Some(outcome) = slot.told {
            self.branch(world, "a claim step is told", |w, tally| {
                w.slots[i].told = None;
                w.exchange(i, Event::Claim(outcome), tally);
            });
        }
        let Some(machine) = slot.exchange.filter(|machine| *machine != Exchange::Over) else { return };
        let end = |clean| {
            (if clean { "the response ends well" } else { "the client leaves" }, Event::End { clean })
        };
        let mut events = vec![end(false)];
        if slot.told.is_none() {
            match machine {
                Exchange::Verifying(_) | Exchange::Screening(_) => events.extend([
                    ("/verify says yes", Event::Verified(Verdict::Valid)),
                    ("/verify says no", Event::Verified(Verdict::Invalid(Reason::InsufficientFunds))),
                ]),
                Exchange::Working { .. } => events.extend([
                    ("a worthless response", Event::Response { charge: Charge::Nothing }),
                    ("a response", Event::Response { charge: Charge::Full }),
                ]),
                Exchange::Delivering { .. } => {
                    events.extend([("the response has begun", Event::Begun), end(true)])
                }
                _ => {}
            }
        }
        for (what, event) in events {
            self.branch(world, what, |w, tally| w.exchange(i, event, tally));
        }
    }

    /// What the settlement of a slot and its call come to.
    fn call_events(&mut self, world: &World, i: usize) {
        let (slot, scope) = (&world.slots[i], self.scope);
        let mut event = |what, call: Option<Call>, event: settlement::Event| {
            self.branch(world, what, |w, tally| {
                w.slots[i].call = call;
                w.settle(i, event, tally);
            });
        };
        let unknown = settlement::Event::Answer(Answer::Unknown(Doubt::Broken));
        let not_sent = settlement::Event::Answer(Answer::NotSent);
        let elsewhere = scope.failover && slot.may_move;
        match slot.machine {
            Some(Settlement::Queued { .. }) => {
                let call = Call { claim: slot.on, settler: slot.settler, stage: Stage::Travelling };
                event("a call leaves", Some(call), settlement::Event::Dispatched);
                event("a call is not sent", None, not_sent);
                if elsewhere {
                    event("another is asked", None, settlement::Event::Elsewhere(2));
                }
            }
            Some(Settlement::Sent { .. }) => match slot.call.map(|call| call.stage) {
                Some(Stage::Travelling) => {
                    event("no connection was made", None, not_sent);
                    event("a call times out", slot.call, unknown);
                    if elsewhere {
                        event("no connection, another is asked", None, settlement::Event::Elsewhere(2));
                    }
                }
                Some(Stage::Answering(answer)) => {
                    event("an answer arrives", None, settlement::Event::Answer(answer));
                    event("an answer is lost", None, unknown);
                }
                None => event("nothing is heard", None, unknown),
            },
            _ => {}
        }
        let proves = matches!(slot.machine, Some(Settlement::Sent { .. }))
            || (matches!(slot.machine, Some(Settlement::Queued { .. })) && !slot.may_move);
        if scope.rpc && proves {
            let c = usize::from(slot.on);
            let proof = match world.chain[c] {
                Chain::Paid(_) => Some(settlement::Event::Answer(Answer::Accepted(transaction(slot.on)))),
                Chain::Cancelled => Some(settlement::Event::Cancelled),
                Chain::Unspent => world.is_over(c).then_some(settlement::Event::Disproved),
            };
            if let Some(proof) = proof {
                let call = slot.call.filter(|call| call.stage == Stage::Travelling);
                event("the chain proves it", call, proof);
            }
        }
        self.arrivals(world, i);
    }

    /// A call arrives at its facilitator.
    fn arrivals(&mut self, world: &World, i: usize) {
        let Some(call) = world.slots[i].call.filter(|call| call.stage == Stage::Travelling) else { return };
        let c = usize::from(call.claim);
        let mut arrives = |what, answer, books: bool| {
            self.branch(world, what, |w, _| {
                w.slots[i].call = Some(Call { stage: Stage::Answering(answer), ..call });
                if books {
                    w.chain[c] = Chain::Paid(call.settler);
                }
            });
        };
        let accepted = Answer::Accepted(transaction(call.claim));
        match world.chain[c] {
            Chain::Unspent if world.is_over(c) => {
                arrives("it is refused as expired", Answer::Rejected(Reason::Expired), false);
            }
            Chain::Unspent => {
                arrives("it is booked", accepted, true);
                arrives("it is booked and denied", Answer::Unknown(Doubt::Contradicts), true);
                arrives("it is refused", Answer::Rejected(Reason::InsufficientFunds), false);
            }
            Chain::Paid(_) => {
                arrives("it is found booked", accepted, false);
                arrives("it is found used", Answer::Unknown(Doubt::Inconclusive), false);
            }
            Chain::Cancelled => arrives("it is found used", Answer::Unknown(Doubt::Inconclusive), false),
        }
    }

    /// An open outcome is asked about, and nobody waits.
    fn timer(&mut self, world: &World) {
        if world.timers == self.scope.timers || world.slots.iter().any(|slot| slot.id == TIMER) {
            return;
        }
        for c in 0..2u8 {
            let claim = world.claims[usize::from(c)].and_then(|claim| claim.at(NOW));
            if claim.is_some_and(|claim| claim.state == State::Unknown) {
                self.branch(world, "the timer asks", |w, tally| {
                    w.timers += 1;
                    w.ask_again(c, tally);
                });
            }
        }
    }

    fn run(scope: Scope) -> (Tally, usize, usize) {
        let mut search = Self { scope, tally: Tally::default(), next: Vec::new() };
        let mut seen = HashSet::from([digest(&World::default())]);
        let mut queue = VecDeque::from([(World::default(), 0)]);
        let mut steps: Vec<Step> = vec![(0, "nothing")];
        let mut transitions = 0;
        while let Some((world, from)) = queue.pop_front() {
            search.successors(&world);
            for (mut next, what) in std::mem::take(&mut search.next) {
                transitions += 1;
                next.check();
                assert!(next.broken.is_none(), "{}", told(&steps, from, what, &next));
                next.normalise();
                if seen.insert(digest(&next)) {
                    queue.push_back((next, u32::try_from(steps.len()).unwrap()));
                    steps.push((from, what));
                }
            }
        }
        (search.tally, seen.len(), transitions)
    }
}

/// How a promise came to be broken.
fn told(steps: &[Step], from: u32, what: &str, world: &World) -> String {
    let mut path = vec![what];
    let mut at = from;
    while at != 0 {
        path.push(steps[at as usize].1);
        at = steps[at as usize].0;
    }
    path.reverse();
    format!("{}\nafter: {}\nin {world:#?}", world.broken.unwrap_or("?"), path.join("; "))
}

/// Searches, and says how far it came. `reached` names what must have been met on the way.
fn search(scope: Scope, reached: &[Reached]) {
    let (tally, states, transitions) = Search::run(scope);
    println!("{scope:?}: {states} states, {transitions} transitions, {tally:?}");
    for (what, count) in reached {
        assert!(count(&tally) > 0, "nothing proven: no {what}");
    }
}

const CREDITED: &[Reached] = &[
    ("release", |t| t.released),
    ("credit of content", |t| t.content),
    ("credit of an answer", |t| t.answers),
    ("credit that somebody else had", |t| t.lost),
    ("fresh payment that waits", |t| t.awaited),
    ("step told to an exchange that is over", |t| t.late),
];

const BASE: Scope = Scope {
    terms: Terms { settle: Settle::Before, check: Check::Local, fit: true, single: false },
    presentations: 2,
    timers: 0,
    rpc: false,
    failover: false,
    suspended: false,
};

#[test]
fn a_wallet_is_served_what_it_is_owed_before() {
    let scope = Scope { presentations: 3, ..BASE };
    search(scope, &[CREDITED, &[("payment used up before", |t| t.followed)]].concat());
}

#[test]
fn a_wallet_is_served_what_it_is_owed_after() {
    let terms = Terms { settle: Settle::After, ..BASE.terms };
    search(Scope { terms, timers: 1, ..BASE }, &[CREDITED, &[("timer", |t| t.timers)]].concat());
}

#[test]
fn a_wallet_is_served_what_it_is_owed_with_verify() {
    for settle in [Settle::Before, Settle::After] {
        for check in [Check::Facilitator, Check::First] {
            search(Scope { terms: Terms { settle, check, fit: true, single: false }, ..BASE }, CREDITED);
        }
    }
}

#[test]
fn while_quotes_are_suspended_a_wallet_is_served_and_charged_nothing() {
    search(Scope { suspended: true, ..BASE }, CREDITED);
}

#[test]
fn whoever_may_have_booked_it_is_asked_and_nobody_else() {
    let scope = Scope { failover: true, timers: 1, ..BASE };
    let reached: [Reached; 2] = [("settlement that moves on", |t| t.moved), ("timer", |t| t.timers)];
    search(scope, &[CREDITED, &reached].concat());
}

#[test]
fn the_chain_ends_what_nobody_answers() {
    let scope = Scope { rpc: true, timers: 1, ..BASE };
    let reached: [Reached; 2] = [("claim disproved", |t| t.disproved), ("claim cancelled", |t| t.cancelled)];
    search(scope, &[CREDITED, &reached].concat());
}
