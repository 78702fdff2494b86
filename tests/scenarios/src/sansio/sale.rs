//! One paying exchange: the two machines, and the hands that carry out what they want.

use std::cell::Cell;
use std::collections::VecDeque;

use x402_devstack::client::Answer;
use x402_proxy_wasm::admission::endless::Endless;
use x402_proxy_wasm::admission::grpc::GrpcStatus;
use x402_proxy_wasm::admission::{head, Head, Onward, Purchase};
use x402_proxy_wasm::charge;
use x402_proxy_wasm::claims::{Attempt, Identity, Outcome};
use x402_proxy_wasm::demand::Demand;
use x402_proxy_wasm::exchange::{Denial, Effect, Event, Exchange, Paid, Settled, Step};
use x402_proxy_wasm::facilitator::{Answer as Verdicts, Endpoint, Verdict};
use x402_proxy_wasm::money::Amount;
use x402_proxy_wasm::protocol::receipt::Receipt;
use x402_proxy_wasm::protocol::Version;
use x402_proxy_wasm::reply::{cache, ReceiptKind, Refusal};
use x402_proxy_wasm::settlement::{self, Settlement};

use super::{delivery, now, without, Sansio};
use crate::wire::{self, Pairs, Reached};

/// A payment at work.
pub(super) struct Sale<'a> {
    rig: &'a Sansio,
    head: &'a Head<'a>,
    pairs: &'a Pairs,
    body: &'a [u8],
    purchase: Purchase,
    /// The claim that decides: the payment's own, or another one of its wallet.
    identity: Identity,
    /// It is served from what was paid before.
    redeems: bool,
    /// What its response leads to.
    onward: Option<Onward>,
    attempt: Attempt,
    machine: Exchange,
    events: VecDeque<Event>,
    hang_up: bool,
    grpc: GrpcStatus,
    endless: Endless,
    held: Option<Reached>,
    answer: Option<Answer>,
}

impl<'a> Sale<'a> {
    pub(super) fn new(
        rig: &'a Sansio,
        head: &'a Head<'a>,
        pairs: &'a Pairs,
        body: &'a [u8],
        purchase: Purchase,
        attempt: Attempt,
    ) -> Self {
        Self {
            rig,
            head,
            pairs,
            body,
            identity: purchase.identity,
            redeems: false,
            onward: None,
            purchase,
            attempt,
            machine: Exchange::Over,
            events: VecDeque::new(),
            hang_up: false,
            grpc: GrpcStatus::new(head.grpc),
            endless: Endless::new(head.method),
            held: None,
            answer: None,
        }
    }

    /// From the claim to the last byte. With `hang_up` the client leaves while the
    /// settlement is under way.
    pub(super) fn run(mut self, hang_up: bool) -> Answer {
        self.hang_up = hang_up;
        let (machine, effects) = Exchange::open(self.purchase.terms());
        self.machine = machine;
        effects.into_iter().flatten().for_each(|effect| self.perform(effect));
        self.settle_down();
        let answer = self.answer.take().unwrap_or_default();
        self.events.push_back(Event::End {
            clean: answer.status != 0 && answer.broken.is_none() && self.grpc.ended_well(),
        });
        self.settle_down();
        answer
    }

    fn settle_down(&mut self) {
        while let Some(event) = self.events.pop_front() {
            let (machine, effects) = self.machine.on(event);
            self.machine = machine;
            effects.into_iter().flatten().for_each(|effect| self.perform(effect));
        }
    }

    fn perform(&mut self, effect: Effect) {
        match effect {
            Effect::Claim(step) => {
                let outcome = self.step(step);
                self.events.push_back(Event::Claim(outcome));
            }
            Effect::Verify => self.verify(),
            Effect::Settle(amount) => self.settle(amount),
            // Handled where it happens: see `settle`.
            Effect::Leave => {}
            Effect::Forward => self.forward(),
            Effect::Release(paid) => self.release(Some(paid)),
            Effect::PassUnpaid => self.release(None),
            Effect::Deny(denial) => self.deny(denial),
        }
    }

    fn step(&mut self, step: Step) -> Outcome {
        let rig = self.rig;
        if let (Step::Begin, Some(owed)) = (step, rig.owed(&self.purchase)) {
            return owed;
        }
        if let Step::Credit(nonce) | Step::Follow(nonce) = step {
            self.identity.nonce = nonce;
        }
        let identity = match step {
            Step::Pledge(_) => self.purchase.identity,
            _ => self.identity,
        };
        let amount = if let Step::Settling(amount) = step { amount } else { None };
        let onward = self.onward.filter(|_| step == Step::Undelivered);
        let offered = onward.map_or(self.purchase.offered, |onward| onward.0);
        let demand = self.purchase.demand(amount, rig.settler(&self.purchase));
        let demand = Demand { identity, offered, ..(*demand).clone() };
        let op = match onward {
            Some(onward) => self.purchase.lead_op(self.attempt, onward),
            None => self.purchase.exchange_op(step, self.attempt, demand.settler, now()),
        };
        let outcome = rig.claim(&demand, &op);
        self.redeems |= matches!(outcome, Outcome::Redeem(_));
        let crediting = matches!(step, Step::Credit(_) | Step::Follow(_));
        if crediting && !matches!(outcome, Outcome::Redeem(_) | Outcome::Resolve(_)) {
            self.identity = self.purchase.identity;
        }
        outcome
    }

    fn verify(&mut self) {
        let offer = &self.purchase.offer;
        let verdict = match self.rig.admitted(offer) {
            Some(facilitator) => {
                let reached = self.rig.call(facilitator, Endpoint::Verify, &self.purchase.body(None));
                let verdict = Verdict::read(&delivery(&reached));
                self.observe(verdict != Verdict::Unavailable);
                verdict
            }
            None => Verdict::Unavailable,
        };
        self.events.push_back(Event::Verified(verdict));
    }

    fn settle(&mut self, amount: Option<Amount>) {
        let demand = match self.identity == self.purchase.identity {
            true => self.purchase.demand(amount, self.rig.settler(&self.purchase)),
            false => self.rig.kept(&self.identity).into(),
        };
        let offer = &self.purchase.offer;
        let mut machine = Settlement::queued();
        let answer = match self.rig.admitted(offer) {
            Some(facilitator) => {
                machine = machine.on(settlement::Event::Dispatched).0;
                if self.hang_up {
                    let (exchange, effects) = self.machine.on(Event::End { clean: false });
                    self.machine = exchange;
                    assert_eq!(effects, [Some(Effect::Leave), None]);
                    let (left, effect) = machine.on(settlement::Event::Left);
                    machine = left;
                    assert_eq!(effect, Some(settlement::Effect::Claim(settlement::Step::Orphan)));
                    self.rig.claim(&demand, &demand.op(settlement::Step::Orphan, self.attempt, now()));
                }
                let reached = self.rig.call(facilitator, Endpoint::Settle, &demand.body);
                let answer = Verdicts::read(&delivery(&reached), &demand.expected());
                self.observe(matches!(answer, Verdicts::Accepted(_) | Verdicts::Rejected(_)));
                answer
            }
            None => Verdicts::NotSent,
        };
        if let Some(settled) = self.record(machine, &demand, answer) {
            self.events.push_back(Event::Settled(settled));
        }
    }

    fn record(&self, machine: Settlement, demand: &Demand, answer: Verdicts) -> Option<Settled> {
        let (mut machine, mut effect) = machine.on(settlement::Event::Answer(answer));
        loop {
            match effect? {
                settlement::Effect::Tell(settled) => return Some(settled),
                settlement::Effect::Ask => unreachable!("there is one facilitator"),
                settlement::Effect::Claim(step) => {
                    let outcome = self.rig.claim(demand, &demand.op(step, self.attempt, now()));
                    (machine, effect) = machine.on(settlement::Event::Claim(outcome));
                }
            }
        }
    }

    fn observe(&self, spoke: bool) {
        let offer = &self.purchase.offer;
        self.rig.breaker(offer, |b| if spoke { b.answered() } else { b.failed(now()) });
    }

    fn forward(&mut self) {
        let ours = |name: &str| self.head.owned.contains(&name) || self.head.payments.contains(&name);
        let mut pairs = without(self.pairs, self.head, ours);
        if let Some(payer) = self.purchase.payment.payer() {
            pairs.push(("x402-payer".to_owned(), payer.to_string().into_bytes()));
        }
        pairs.push(("x402-receipt-id".to_owned(), self.identity.receipt_id().into_bytes()));
        let reached = self.rig.upstream(&pairs, self.body);
        self.grpc.see(&reached.headers);
        self.endless.see(Some(reached.status()), &reached.headers);
        if !reached.body.is_empty() {
            self.endless.flow();
        }
        let offer = &self.purchase.offer;
        let policy = &self.rig.policy;
        let onward = Cell::new(None);
        let leads_on = |status, location: &[u8]| {
            let may_be_led = || self.rig.known(&self.identity).is_some_and(|claim| claim.may_be_led());
            let leads = !self.redeems || may_be_led();
            let found = self.purchase.leads_on(policy, status, location).filter(|_| leads);
            onward.set(found);
            found.is_some()
        };
        let (metered, status) = (self.purchase.metered(), Some(reached.status()));
        let read = charge::read(offer, metered, status, &reached.headers, leads_on);
        let charge = read.charge;
        self.onward = onward.get();
        self.held = Some(reached);
        self.events.push_back(Event::Response { charge });
    }

    /// The held response goes to the client; with a receipt if it was paid for.
    fn release(&mut self, paid: Option<Paid>) {
        let Some(mut reached) = self.held.take() else {
            return;
        };
        let given = reached.headers.iter().filter(|(name, _)| name == "cache-control");
        let given: Vec<_> = given.map(|(_, value)| String::from_utf8_lossy(value).into_owned()).collect();
        reached.headers.retain(|(name, _)| !head::owned_in_response(name));
        if paid.is_some() && self.endless.has_begun() {
            self.events.push_back(Event::Begun);
        }
        if let Some(paid) = paid {
            let mut set = |name: &str, value: String| {
                reached.headers.retain(|(known, _)| known != name);
                reached.headers.push((name.to_owned(), value.into_bytes()));
            };
            for (name, receipt) in self.receipts(None, Some(paid)) {
                set(name, receipt);
            }
            if let Some(merged) = cache::private(&given) {
                set("cache-control", merged);
            }
        }
        let allows = reached.headers.iter().any(|(name, _)| name == "access-control-allow-origin");
        for (name, value) in self.rig.grant(self.head).additions(allows) {
            reached.headers.push((name.to_owned(), value.into()));
        }
        self.answer = Some(wire::answer(&reached.headers, reached.body, reached.cut));
    }

    fn deny(&mut self, denial: Denial) {
        let refusal = match (denial, self.purchase.unfit) {
            (Denial::Mismatch, Some(unfit)) => unfit,
            _ => Refusal::Denied(denial),
        };
        let challenge = self.rig.challenge(&self.purchase.route, refusal, self.head);
        let receipts = match refusal.receipt() {
            ReceiptKind::None => Vec::new(),
            ReceiptKind::Original(paid) => self.receipts(None, Some(paid)),
            ReceiptKind::Failed => self.receipts(Some(refusal.code()), None),
        };
        self.answer = Some(self.rig.refuse(refusal, challenge, receipts, "", self.head));
    }

    fn receipts(&self, failed: Option<&'static str>, paid: Option<Paid>) -> Vec<(&'static str, String)> {
        let transaction = paid.and_then(|paid| paid.transaction);
        let transaction = transaction.map(|known| spelled(&known.0)).unwrap_or_default();
        let payer = self.purchase.payment.payer().map(|payer| payer.to_string());
        let receipt = Receipt {
            success: failed.is_none(),
            error_reason: failed,
            payer: payer.as_deref(),
            transaction: &transaction,
            network: self.purchase.payment.network(),
            amount: paid.and_then(|paid| paid.amount),
            extensions: "",
        };
        let receipt = receipt.to_header();
        let v1 = self.purchase.payment.version() == Version::V1;
        let in_v1_header = self.head.payments.contains(&"x-payment");
        let names = [("payment-response", !v1 || !in_v1_header), ("x-payment-response", v1 || in_v1_header)];
        names.into_iter().filter(|(_, wanted)| *wanted).map(|(name, _)| (name, receipt.clone())).collect()
    }
}

fn spelled(hash: &[u8]) -> String {
    hash.iter().fold("0x".to_owned(), |text, byte| format!("{text}{byte:02x}"))
}
