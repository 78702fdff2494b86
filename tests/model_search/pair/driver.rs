//! What the shell does with what the machines want.

use x402_proxy_wasm::claims::{Attempt, Begin, Binding, Op, Opening, Outcome, Owes, State};
use x402_proxy_wasm::config::Settle;
use x402_proxy_wasm::exchange::{self, Check, Effect, Effects, Exchange, Owed, Step};
use x402_proxy_wasm::settlement::{self, Settlement};

use super::world::{named, nonce, Slot, World, TIMER};
use crate::{LEASE, NOW};

/// What was met in a search.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Tally {
    pub(super) released: usize,
    pub(super) content: usize,
    pub(super) answers: usize,
    pub(super) lost: usize,
    pub(super) awaited: usize,
    pub(super) followed: usize,
    pub(super) moved: usize,
    pub(super) disproved: usize,
    pub(super) cancelled: usize,
    pub(super) timers: usize,
    pub(super) late: usize,
}

impl World {
    pub(super) fn exchange(&mut self, i: usize, event: exchange::Event, tally: &mut Tally) {
        let before = self.slots[i].exchange.unwrap_or(Exchange::Over);
        let (machine, effects) = before.on(event);
        self.slots[i].exchange = Some(machine);
        self.note(i, before, event, tally);
        self.perform(i, effects, tally);
    }

    /// What an event reveals.
    fn note(&mut self, i: usize, before: Exchange, event: exchange::Event, tally: &mut Tally) {
        let slot = &mut self.slots[i];
        if let exchange::Event::Claim(outcome) = event {
            let granted = matches!(outcome, Outcome::Redeem(_) | Outcome::Resolve(_));
            if std::mem::take(&mut slot.crediting) && !granted {
                slot.at = slot.own;
                tally.lost += usize::from(matches!(before, Exchange::Crediting { pledged: false, .. }));
            }
            slot.resolving |= matches!(outcome, Outcome::Resolve(_));
            tally.late += usize::from(before == Exchange::Over);
            match (before, slot.exchange) {
                (Exchange::Crediting { pledged: false, .. }, Some(Exchange::Pledging(owed))) => match owed {
                    Owed::Content(_) => tally.content += 1,
                    Owed::Answer(_) => tally.answers += 1,
                },
                (Exchange::Crediting { pledged: true, .. }, _) => tally.followed += 1,
                _ => {}
            }
        }
        let arrives = matches!(event, exchange::Event::Begun | exchange::Event::End { clean: true });
        if arrives && before == (Exchange::Delivering { worth: true }) {
            self.delivered[usize::from(self.slots[i].at)] = true;
        }
    }

    pub(super) fn perform(&mut self, i: usize, effects: Effects, tally: &mut Tally) {
        for effect in effects.into_iter().flatten() {
            match effect {
                Effect::Claim(step) => self.step(i, step, tally),
                Effect::Verify | Effect::PassUnpaid => {}
                Effect::Settle(_) => self.ask(i),
                Effect::Leave => self.settle(i, settlement::Event::Left, tally),
                Effect::Forward => self.check_forward(i),
                Effect::Release(paid) => {
                    tally.released += 1;
                    self.check_release(i, paid);
                }
                Effect::Deny(denial) => self.check_denial(i, denial),
            }
        }
    }

    /// A step of an exchange's claim. What comes of it is told later.
    fn step(&mut self, i: usize, step: Step, tally: &mut Tally) {
        let slot = self.slots[i];
        if let Step::Begin = step {
            if let Some(owed) = self.owed(slot.own) {
                tally.awaited += usize::from(owed == Outcome::Awaited);
                self.slots[i].told = Some(owed);
                return;
            }
            self.slots[i].contended = self.is_at_work(1 - slot.own, slot.id);
        }
        if let Step::Credit(nonce) | Step::Follow(nonce) = step {
            self.slots[i].crediting = true;
            self.slots[i].at = named(nonce);
        }
        let claim = match step {
            Step::Pledge(_) => slot.own,
            Step::Release if self.slots[i].crediting => slot.own,
            _ => self.slots[i].at,
        };
        let outcome = self.apply(slot.id, claim, &op(&slot, step));
        // An exchange that is over hears only what it has to give back.
        let over = self.slots[i].exchange == Some(Exchange::Over);
        let opens = matches!(
            step,
            Step::Look
                | Step::Begin
                | Step::Hold
                | Step::Credit(_)
                | Step::Follow(_)
                | Step::Pledge(_)
                | Step::Settling(_)
        );
        if opens {
            self.slots[i].told = Some(outcome);
        } else if !over {
            self.exchange(i, exchange::Event::Claim(outcome), tally);
        }
    }

    /// What the wallet's other claim owes, where the payment has none of its own.
    fn owed(&self, own: u8) -> Option<Outcome> {
        if self.now(own).is_some() {
            return None;
        }
        let other = 1 - own;
        match self.now(other)?.owes() {
            Owes::Content | Owes::Answer => Some(Outcome::Owed(nonce(other))),
            Owes::Patience => Some(Outcome::Awaited),
            Owes::Nothing => None,
        }
    }

    /// Whether another presentation works on a claim.
    fn is_at_work(&self, claim: u8, id: u64) -> bool {
        let busy = [State::Held, State::Settling, State::Redeeming];
        let claim = self.now(claim).filter(|claim| busy.contains(&claim.state) && !self.is_for_nobody(claim));
        claim.is_some_and(|claim| ![Attempt(id), Attempt(TIMER)].contains(&claim.attempt))
    }

    /// Whoever was asked before is asked again; else the first in line.
    fn ask(&mut self, i: usize) {
        let slot = self.slots[i];
        let asked = self.now(slot.at).map_or(0, |claim| claim.settler);
        let slot = &mut self.slots[i];
        slot.machine = Some(Settlement::queued());
        slot.on = slot.at;
        slot.settler = if slot.resolving && asked != 0 { asked } else { 1 };
        slot.may_move = !slot.resolving;
        self.check_ask(i, true);
    }

    /// The timer looks into an open outcome.
    pub(super) fn ask_again(&mut self, claim: u8, tally: &mut Tally) {
        let begin = Begin { opening: Opening::Nothing, vouched: true, ..begin(TIMER) };
        let Outcome::Resolve(_) = self.apply(TIMER, claim, &Op::Begin(begin)) else { return };
        tally.timers += 1;
        let settler = self.now(claim).map_or(0, |claim| claim.settler);
        let machine = Some(Settlement::unattended());
        self.slots.push(Slot { id: TIMER, machine, on: claim, settler, ..Slot::default() });
        self.check_ask(self.slots.len() - 1, false);
    }

    pub(super) fn settle(&mut self, i: usize, event: settlement::Event, tally: &mut Tally) {
        let Some(machine) = self.slots[i].machine else { return };
        if let settlement::Event::Elsewhere(settler) = event {
            self.slots[i].settler = settler;
            self.slots[i].may_move = false;
            tally.moved += 1;
        }
        let (machine, effect) = machine.on(event);
        self.slots[i].machine = Some(machine);
        match effect {
            None => {}
            Some(settlement::Effect::Ask) => self.check_ask(i, false),
            Some(settlement::Effect::Tell(settled)) => {
                self.exchange(i, exchange::Event::Settled(settled), tally);
            }
            Some(settlement::Effect::Claim(step)) => {
                let Slot { id, on, .. } = self.slots[i];
                let outcome = self.apply(id, on, &settlement_op(id, step));
                tally.disproved +=
                    usize::from((step, outcome) == (settlement::Step::Disprove, Outcome::Done));
                tally.cancelled += usize::from((step, outcome) == (settlement::Step::Cancel, Outcome::Done));
                // Nobody waits for these.
                if !matches!(step, settlement::Step::Orphan | settlement::Step::Undelivered) {
                    self.settle(i, settlement::Event::Claim(outcome), tally);
                }
            }
        }
    }
}

fn begin(id: u64) -> Begin {
    Begin {
        attempt: Attempt(id),
        opening: Opening::Held,
        binding: Binding([0; 16]),
        valid_before: NOW + 4_000,
        redeem_for: 1_000_000,
        lease: LEASE,
        settler: 1,
        vouched: false,
    }
}

/// The claim op of an exchange's step.
fn op(slot: &Slot, step: Step) -> Op {
    let (attempt, lease) = (Attempt(slot.id), LEASE);
    let terms = slot.terms.unwrap();
    let opening = match (terms.settle, terms.check) {
        _ if !terms.fit => Opening::Nothing,
        (Settle::Before, Check::Local | Check::First) => Opening::Settling,
        _ => Opening::Held,
    };
    let begin = Begin { opening, ..begin(slot.id) };
    match step {
        Step::Peek => Op::Peek,
        Step::Look | Step::Follow(_) => Op::Begin(Begin { opening: Opening::Nothing, ..begin }),
        Step::Begin => Op::Begin(begin),
        Step::Hold => Op::Begin(Begin { opening: Opening::Held, ..begin }),
        Step::Credit(_) => Op::Begin(Begin { opening: Opening::Nothing, vouched: true, ..begin }),
        Step::Pledge(nonce) => Op::Credit { attempt, nonce },
        Step::Doubt => Op::Unknown { attempt },
        Step::Settling(amount) => Op::Settling { attempt, lease, amount, settler: 1 },
        Step::Waive => Op::Waive { attempt },
        Step::Renew => Op::Renew { attempt, lease },
        Step::Release => Op::Release { attempt },
        Step::Delivered => Op::Delivered { attempt },
        Step::Undelivered => Op::Undelivered { attempt },
        Step::Return => Op::Return { attempt },
    }
}

/// The claim op of a settlement's step.
fn settlement_op(id: u64, step: settlement::Step) -> Op {
    let attempt = Attempt(id);
    match step {
        settlement::Step::Settled { transaction, deliver } => Op::Settled {
            attempt,
            transaction,
            deliver: deliver.then_some(LEASE),
            until: 0,
            otherwise: Begin { opening: Opening::Nothing, ..begin(id) },
        },
        settlement::Step::Release => Op::Release { attempt },
        settlement::Step::Unknown => Op::Unknown { attempt },
        settlement::Step::Void { transaction } => Op::Void { attempt, transaction },
        settlement::Step::Undelivered => Op::Undelivered { attempt },
        settlement::Step::Orphan => Op::Orphan { attempt },
        settlement::Step::Move { settler } => Op::Move { attempt, lease: LEASE, settler },
        settlement::Step::Disprove => Op::Disprove { attempt },
        settlement::Step::Cancel => Op::Cancel { attempt },
    }
}
