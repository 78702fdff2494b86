//! The chain is asked what became of a settlement, where its node is configured.
//!
//! It is asked where a facilitator's answer proves nothing, and before a facilitator is asked about
//! an outcome that is open. For somebody who waits, the facilitator is asked again if the chain
//! proves nothing. Where nobody waits it is not: that would take money for somebody who may be gone,
//! and the chain says in the end whether it was taken.

use std::rc::Rc;
use std::time::Duration;

use proxy_wasm::hostcalls;

use super::calls::{Job, Proving};
use super::Worker;
use crate::claims::{Attempt, UnixSeconds};
use crate::demand::Demand;
use crate::facilitator::{Answer, Delivery, Doubt};
use crate::proof::{Inquiry, Next, Proof, Question};
use crate::settlement;

/// A call to a node under way.
pub(super) struct Asking {
    token: u32,
    attempt: Attempt,
    inquiry: Inquiry,
}

// === impl Worker ===

impl Worker {
    /// Whether the chain can be asked about a demand.
    pub(super) fn can_inquire(&self, demand: &Demand) -> bool {
        self.policy.rpc(demand.identity.chain_id).is_some()
            && Question::from_bytes(&demand.question).is_some()
    }

    /// Asks the chain, as the root. `false` when it cannot be asked.
    pub(super) fn inquire(&self, attempt: Attempt, demand: &Demand) -> bool {
        let node = self.policy.rpc(demand.identity.chain_id);
        let Some((node, question)) = node.zip(Question::from_bytes(&demand.question)) else { return false };
        let (inquiry, body) = Inquiry::new(question, node.finality());
        let since =
            self.foreign(attempt, demand).flatten().filter(|since| *since > 0 && node.is_sole_seller());
        let inquiry = inquiry.since(since);
        self.ask_node(attempt, demand, inquiry, &body)
    }

    fn ask_node(&self, attempt: Attempt, demand: &Demand, inquiry: Inquiry, body: &[u8]) -> bool {
        let Some(node) = self.policy.rpc(demand.identity.chain_id) else { return false };
        let timeout = Duration::from_millis(node.timeout_millis().into());
        let mut head = vec![
            (":method", "POST"),
            (":path", node.path()),
            (":authority", node.authority()),
            ("accept", "application/json"),
            ("content-type", "application/json"),
        ];
        head.extend(node.headers());
        let call = hostcalls::dispatch_http_call(node.cluster(), head, Some(body), vec![], timeout);
        let (Ok(token), Ok(mut asking)) = (call, self.inquiries.try_borrow_mut()) else { return false };
        asking.push(Asking { token, attempt, inquiry });
        true
    }

    /// The inquiry that this token belongs to.
    pub(super) fn take_inquiry(&self, token: u32) -> Option<Asking> {
        let mut asking = self.inquiries.try_borrow_mut().ok()?;
        let at = asking.iter().position(|asking| asking.token == token)?;
        Some(asking.swap_remove(at))
    }

    /// A node's answer, or none.
    pub(super) fn node_answered(&self, asking: Asking, delivery: &Delivery<'_>) {
        let Asking { attempt, inquiry, .. } = asking;
        let since = inquiry.dated();
        let Some((demand, proving, waits)) = self.proving(attempt) else { return };
        let proof = match inquiry.on(delivery) {
            Next::Ask(inquiry, body) if self.ask_node(attempt, &demand, inquiry.clone(), &body) => return,
            Next::Ask(..) => Proof::Open,
            Next::Done(proof) => proof,
        };
        let receipt = demand.identity.receipt_id();
        let event = match (proof, proving) {
            (Proof::Paid(transaction), _) if self.is_ours(attempt, &demand, since) => {
                settlement::Event::Answer(Answer::Accepted(transaction))
            }
            (Proof::Unspent, _) => settlement::Event::Disproved,
            (Proof::Cancelled, _) => settlement::Event::Cancelled,
            (Proof::Open | Proof::Paid(_), Proving::After(doubt)) => {
                settlement::Event::Answer(Answer::Unknown(doubt))
            }
            (Proof::Open | Proof::Paid(_), _) if waits => return self.send_job(attempt),
            (Proof::Open | Proof::Paid(_), _) => settlement::Event::Answer(Answer::Unknown(Doubt::Pending)),
        };
        match event {
            settlement::Event::Answer(Answer::Unknown(_)) => {}
            settlement::Event::Answer(_) => {
                log::info!("route {}: the chain proves that settlement {receipt} was paid", demand.route);
            }
            _ => {
                log::info!("route {}: the chain proves that settlement {receipt} took nothing", demand.route)
            }
        }
        let event = match event {
            settlement::Event::Answer(answer) => self.spend(attempt, &demand, delivery, answer),
            event => Some(event),
        };
        if let Some(event) = event {
            self.conclude(attempt, &demand, event);
        }
    }

    /// Whether what was paid was paid for this claim, and not for one of which nobody here knows: no
    /// doubt was left, or it was paid `since` this claim asked, where nobody else sells.
    fn is_ours(&self, attempt: Attempt, demand: &Demand, since: Option<UnixSeconds>) -> bool {
        self.foreign(attempt, demand).is_some_and(|foreign| foreign.is_none() || foreign == since)
    }

    /// [`Claim::foreign`](crate::claims::Claim::foreign), of the claim and of the job, which may know it
    /// first; none where one of them is gone.
    fn foreign(&self, attempt: Attempt, demand: &Demand) -> Option<Option<UnixSeconds>> {
        let claim = self.known(&demand.identity, self.now())?;
        match self.jobs.try_borrow().ok()?.get(&attempt)? {
            Job::Settle(job) => Some(job.foreign.or(claim.foreign)),
            Job::Verify(_) => None,
        }
    }

    fn proving(&self, attempt: Attempt) -> Option<(Rc<Demand>, Proving, bool)> {
        match self.jobs.try_borrow().ok()?.get(&attempt)? {
            Job::Settle(job) => Some((Rc::clone(&job.demand), job.proving, job.machine.is_awaited())),
            Job::Verify(_) => None,
        }
    }
}
