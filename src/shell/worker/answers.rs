//! Answers: delivered to the root, read, written down, and then told to whoever waits.

use std::rc::Rc;
use std::sync::Arc;

use proxy_wasm::types::{BufferType, MapType};

use super::calls::{Job, Proving, Settling, Verifying};
use super::ledger::{Case, Owner};
use super::Worker;
use crate::claims::{Attempt, Binding, Op, Outcome, Transaction};
use crate::config::Facilitator;
use crate::demand::Demand;
use crate::exchange;
use crate::facilitator::said::Said;
use crate::facilitator::{self, Answer, Delivery, Doubt, Endpoint, Redirect, Verdict, MAX_ANSWER_BYTES};
use crate::precheck::Judge;
use crate::proof;
use crate::settlement;
use crate::shell::host::{self, Headers};

// === impl Worker ===

impl Worker {
    /// The host delivers an answer to the root.
    pub(in crate::shell) fn on_answer(&self, token: u32, num_headers: usize, body_size: usize) {
        let asking = self.take_inquiry(token);
        let most = asking.as_ref().map_or(MAX_ANSWER_BYTES, |_| proof::MAX_ANSWER_BYTES);
        let received = Received::take(num_headers, body_size, most);
        let delivery = received.delivery();
        if let Some(id) = self.take_store_call(token) {
            return self.store_answered(id, &delivery);
        }
        if let Some(asking) = asking {
            return self.node_answered(asking, &delivery);
        }
        let ask = self.take_ask(token);
        let attempt = self.calls.try_borrow_mut().ok().and_then(|mut calls| calls.remove(&token.into()));
        if let Some((index, sent)) = ask {
            if let Some(facilitator) = self.policy.facilitators.get(index) {
                self.heard(facilitator, &delivery, host::now_millis().saturating_sub(sent));
            }
        } else if let Some(attempt) = attempt {
            self.answered(Attempt(attempt), &delivery);
        }
    }

    pub(super) fn answered(&self, attempt: Attempt, delivery: &Delivery<'_>) {
        let Ok(jobs) = self.jobs.try_borrow() else { return };
        let Some(job) = jobs.get(&attempt) else { return };
        let asked = match job {
            Job::Verify(job) => &job.asked,
            Job::Settle(job) => &job.asked,
        };
        let Some(facilitator) = asked.facilitator.clone() else { return };
        let millis = if asked.sent == 0 { 0 } else { host::now_millis().saturating_sub(asked.sent) };
        let demand = match job {
            Job::Verify(_) => None,
            Job::Settle(job) => Some(Rc::clone(&job.demand)),
        };
        drop(jobs);
        if let Some(redirect) = Redirect::of(delivery) {
            log::warn!("facilitator {} {redirect}", facilitator.name);
        }
        match demand {
            Some(demand) => self.settled(attempt, &demand, &facilitator, delivery, millis),
            None => self.verified(attempt, &facilitator, delivery, millis),
        }
    }

    fn verified(
        &self,
        attempt: Attempt,
        facilitator: &Arc<Facilitator>,
        delivery: &Delivery<'_>,
        millis: u64,
    ) {
        let verdict = Verdict::read(delivery);
        if verdict == Verdict::Valid {
            self.forgive(attempt);
        }
        let job = self.jobs.try_borrow().ok().and_then(|jobs| match jobs.get(&attempt)? {
            Job::Verify(Verifying { context, purchase, .. }) => Some((*context, Rc::clone(purchase))),
            Job::Settle(_) => None,
        });
        let Some((context, purchase)) = job else { return };
        if verdict == Verdict::Valid {
            self.settles_first(context, facilitator);
        }
        // What nobody here vouches for may make a facilitator fail: `@x402/evm` 2.27 throws on a
        // wrapper of ERC-6492 that is none. Its senders must not be able to stop the sale.
        let spoke = verdict.spoke(delivery) || purchase.payment.judge() == Judge::Facilitator;
        self.observe(facilitator, Endpoint::Verify, verdict.name(), millis, spoke);
        if verdict != Verdict::Valid {
            log::warn!(
                "route {}: facilitator {} did not verify payment {}: {}",
                purchase.route.name,
                facilitator.name,
                purchase.identity.receipt_id(),
                Said::of(delivery),
            );
        }
        // Nothing moves at /verify: who cannot say is passed over.
        if verdict == Verdict::Unavailable && self.next(attempt).is_some() && self.enqueue(attempt) {
            return;
        }
        if let Ok(mut jobs) = self.jobs.try_borrow_mut() {
            jobs.remove(&attempt);
        }
        self.tell(context, exchange::Event::Verified(self.unless_owed(verdict, &purchase)));
    }

    fn settled(
        &self,
        attempt: Attempt,
        demand: &Demand,
        facilitator: &Arc<Facilitator>,
        delivery: &Delivery<'_>,
        millis: u64,
    ) {
        let answer = Answer::read(delivery, &demand.expected());
        self.meters.call(facilitator.index, &facilitator.name, Endpoint::Settle, answer.name(), millis);
        // Whoever presents what is open again and again gets an answer each time, whatever it is and
        // whoever in front of the facilitator gives it: that says nothing of others' payments.
        let again = || self.known(&demand.identity, self.now()).is_some_and(|claim| claim.asks > 1);
        if answer.spoke() || !matches!(delivery, Delivery::Answered { .. }) || !again() {
            self.spoke(facilitator, answer.spoke());
        }
        log_answer(demand, facilitator, delivery, &answer);
        if answer.is_failure() {
            self.suspect(attempt, demand);
        }
        if answer == Answer::Unknown(Doubt::Pending) {
            let evm = demand.payer.is_some();
            self.note_transaction(attempt, facilitator::pending_text(delivery, evm));
        }
        let event = match answer {
            Answer::NotSent => Some(self.not_sent(attempt)),
            Answer::Unknown(doubt) if self.turns_to_chain(attempt, demand, doubt) => None,
            answer => self.spend(attempt, demand, delivery, answer),
        };
        if let Some(event) = event {
            self.conclude(attempt, demand, event);
        }
    }

    /// The authorisation may have been spent for a claim that nobody here knows of: of another
    /// process, of this one before it was restarted, or one that the shared store forgot.
    fn suspect(&self, attempt: Attempt, demand: &Demand) {
        let (identity, offered) = (demand.identity, demand.offered);
        let case = Case::of(identity, offered);
        let sent = self.jobs.try_borrow().ok().and_then(|jobs| match jobs.get(&attempt)? {
            Job::Settle(job) => Some(job.asked.sent),
            Job::Verify(_) => None,
        });
        let since = sent.unwrap_or(0).div_euclid(1_000);
        let _ = self.claim(Owner::Nobody, &case, &Op::Suspect { attempt, since });
        // The record says it at once; it may be overtaken by what the store said before.
        let foreign = self.known(&identity, self.now()).map_or(Some(0), |claim| claim.foreign);
        if let Some(Job::Settle(job)) =
            self.jobs.try_borrow_mut().ok().as_mut().and_then(|jobs| jobs.get_mut(&attempt))
        {
            job.foreign = foreign;
        }
    }

    /// Whether the chain is asked what an answer left open.
    fn turns_to_chain(&self, attempt: Attempt, demand: &Demand, doubt: Doubt) -> bool {
        let first = self.jobs.try_borrow_mut().ok().is_some_and(|mut jobs| match jobs.get_mut(&attempt) {
            Some(Job::Settle(job)) if job.proving == Proving::Not => {
                job.proving = Proving::After(doubt);
                true
            }
            _ => false,
        });
        first && self.inquire(attempt, demand)
    }

    /// Feeds a settlement what it came to, and tells whoever waits.
    pub(super) fn conclude(&self, attempt: Attempt, demand: &Demand, event: settlement::Event) {
        let awaited = self.jobs.try_borrow().ok().is_some_and(|jobs| match jobs.get(&attempt) {
            Some(Job::Settle(job)) => job.machine.is_awaited(),
            _ => false,
        });
        if let Some((context, settled)) = self.settle(attempt, event) {
            self.tell(context, exchange::Event::Settled(settled));
        }
        if let (false, settlement::Event::Answer(Answer::Accepted(transaction))) = (awaited, event) {
            nobody_waits(demand, transaction);
        }
    }

    /// Where nothing here says what the chain burns, or whose it is, one settlement transaction pays one
    /// claim (of its payer): a facilitator may report the same success for the same payment in another
    /// spelling.
    pub(super) fn spend(
        &self,
        attempt: Attempt,
        demand: &Demand,
        delivery: &Delivery<'_>,
        answer: Answer,
    ) -> Option<settlement::Event> {
        let Answer::Accepted(transaction) = answer else {
            return Some(settlement::Event::Answer(answer));
        };
        let Some((identity, op)) = demand.spends(&transaction, self.now()) else {
            return Some(settlement::Event::Answer(answer));
        };
        if demand.payer.is_none() {
            self.note_transaction(attempt, facilitator::transaction_text(delivery));
        }
        let case = Case::of(identity, Binding([0; 16]));
        self.claim(Owner::Spend(attempt, transaction), &case, &op)
            .map(|outcome| spending(transaction, outcome))
    }

    /// The transaction was marked, or is another's.
    pub(super) fn spent(&self, attempt: Attempt, transaction: Transaction, outcome: Outcome) {
        let demand = self.jobs.try_borrow().ok().and_then(|jobs| match jobs.get(&attempt)? {
            Job::Settle(job) => Some(Rc::clone(&job.demand)),
            Job::Verify(_) => None,
        });
        if let Some(demand) = demand {
            self.conclude(attempt, &demand, spending(transaction, outcome));
        }
    }

    /// A transaction that does not fit a claim's 32 bytes, or that pends, is told to the one exchange that
    /// waits.
    fn note_transaction(&self, attempt: Attempt, text: Option<String>) {
        let context = self.jobs.try_borrow().ok().and_then(|jobs| match jobs.get(&attempt)? {
            Job::Settle(Settling { context, .. }) => *context,
            Job::Verify(_) => None,
        });
        let Ok(visits) = self.visits.try_borrow() else { return };
        let visit = context.and_then(|context| visits.get(&context)).map(|visit| visit.try_borrow_mut());
        if let Some(Ok(mut visit)) = visit {
            visit.transaction_text = text;
        }
    }

    fn observe(
        &self,
        facilitator: &Facilitator,
        endpoint: Endpoint,
        result: &'static str,
        millis: u64,
        spoke: bool,
    ) {
        self.meters.call(facilitator.index, &facilitator.name, endpoint, result, millis);
        self.spoke(facilitator, spoke);
    }
}

/// Says that somebody paid who is gone.
pub(super) fn nobody_waits(demand: &Demand, transaction: Transaction) {
    log::warn!(
        "route {}: settlement {} was accepted and nobody waits for it (transaction 0x{}); it can be redeemed",
        demand.route,
        demand.identity.receipt_id(),
        crate::digits::hex(&transaction.0),
    );
}

/// What a transaction proves that was to be marked as spent.
fn spending(transaction: Transaction, marked: Outcome) -> settlement::Event {
    match marked {
        Outcome::Granted | Outcome::Present => settlement::Event::Answer(Answer::Accepted(transaction)),
        Outcome::Elsewhere(_) => settlement::Event::Reused(transaction),
        _ => settlement::Event::Answer(Answer::Unknown(Doubt::Broken)),
    }
}

/// Says what a settlement came to, unless it is a plain success.
fn log_answer(demand: &Demand, facilitator: &Facilitator, delivery: &Delivery<'_>, answer: &Answer) {
    if matches!(answer, Answer::Accepted(_)) {
        return;
    }
    let (route, receipt, name) = (&demand.route, demand.identity.receipt_id(), &facilitator.name);
    match answer {
        Answer::Unknown(doubt) => log::warn!(
            "route {route}: settlement {receipt} at facilitator {name} is open: {doubt} ({})",
            Said::of(delivery),
        ),
        Answer::NotSent => {
            log::warn!("route {route}: facilitator {name} could not be reached for settlement {receipt}");
        }
        Answer::Rejected(reason) => log::info!(
            "route {route}: facilitator {name} rejected settlement {receipt}: {} ({})",
            reason.code(),
            Said::of(delivery),
        ),
        Answer::Accepted(_) => {}
    }
}

/// What a callout brought.
struct Received {
    headers: Headers,
    body: Option<Vec<u8>>,
}

impl Received {
    /// The body is read whole if it has at most so many bytes.
    fn take(num_headers: usize, body_size: usize, most: usize) -> Self {
        let headers = match num_headers {
            0 => Headers::default(),
            _ => Headers::get(MapType::HttpCallResponseHeaders),
        };
        let body = match body_size {
            0 => Some(Vec::new()),
            _ if body_size > most => None,
            _ => host::buffer(BufferType::HttpCallResponseBody, body_size),
        };
        Self { headers, body }
    }

    fn delivery(&self) -> Delivery<'_> {
        // Envoy: an answer cut in its body comes without headers, as does, on NGINX, every failure.
        let fields = host::fields(&self.headers);
        if fields.is_empty() {
            return Delivery::Broken;
        }
        let find = |name: &str| fields.iter().find(|(known, _)| *known == name).map(|&(_, value)| value);
        let status = find(":status").and_then(|value| std::str::from_utf8(value).ok());
        Delivery::arrived(
            status.and_then(|text| text.parse().ok()).unwrap_or(0),
            find("x-envoy-upstream-service-time").is_some(),
            find("location"),
            self.body.as_deref(),
        )
    }
}
