//! Callouts: queued by a stream, dispatched by the root.

use std::collections::VecDeque;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use proxy_wasm::hostcalls;
use proxy_wasm::types::Status;

use super::outbound::Outgoing;
use super::Worker;
use crate::admission::Purchase;
use crate::claims::{Attempt, UnixSeconds};
use crate::config::Facilitator;
use crate::demand::Demand;
use crate::exchange::Settled;
use crate::facilitator::{Answer, Delivery, Doubt, Endpoint, Verdict};
use crate::money::Amount;
use crate::settlement::{self, Settlement};
use crate::shell::host;
use crate::shell::stream::Visit;
use crate::signing::jwt;

/// A callout under way, or about to be.
pub(in crate::shell) enum Job {
    /// `/verify`; nothing moves.
    Verify(Verifying),
    /// `/settle`.
    Settle(Settling),
}

/// Asking `/verify`.
pub(in crate::shell) struct Verifying {
    pub(super) context: u32,
    pub(super) purchase: Rc<Purchase>,
    pub(super) asked: Asked,
}

/// Asking `/settle`.
pub(in crate::shell) struct Settling {
    pub(super) machine: Settlement,
    /// Whose exchange waits, or waited.
    pub(super) context: Option<u32>,
    pub(super) demand: Rc<Demand>,
    pub(super) asked: Asked,
    pub(super) proving: Proving,
    /// [`Claim::foreign`](crate::claims::Claim::foreign), once the first ask was answered.
    pub(super) foreign: Option<UnixSeconds>,
}

/// Whether the chain is asked what became of it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Proving {
    /// Not yet.
    Not,
    /// Before the facilitator is.
    First,
    /// It is, because the facilitator's answer left this doubt.
    After(Doubt),
    /// It was.
    Done,
}

/// Who is asked, and who is asked after him if he cannot be reached.
#[derive(Default)]
pub(super) struct Asked {
    pub(super) facilitator: Option<Arc<Facilitator>>,
    pub(super) rest: VecDeque<Arc<Facilitator>>,
    /// When the call left, in milliseconds since the epoch.
    pub(super) sent: u64,
}

// === impl Asked ===

impl Asked {
    /// The first of a line, then the others.
    pub(super) fn line(line: &[Arc<Facilitator>]) -> Self {
        let mut rest: VecDeque<_> = line.iter().cloned().collect();
        Self { facilitator: rest.pop_front(), rest, sent: 0 }
    }
}

// === impl Job ===

impl Job {
    pub(super) fn is_recording(&self) -> bool {
        matches!(self, Self::Settle(Settling { machine: Settlement::Recording { .. }, .. }))
    }

    fn asked(&mut self) -> &mut Asked {
        match self {
            Self::Verify(job) => &mut job.asked,
            Self::Settle(job) => &mut job.asked,
        }
    }
}

// === impl Worker ===

impl Worker {
    /// Queues `/verify`. Returns the verdict at once when it cannot be queued.
    pub(super) fn queue_verify(&self, visit: &mut Visit, purchase: &Rc<Purchase>) -> Option<Verdict> {
        let asked = Asked::line(self.line_of(visit, purchase));
        let job = Verifying { context: visit.context, purchase: Rc::clone(purchase), asked };
        self.begin(visit.attempt, Job::Verify(job));
        if (self.admits_first(visit.attempt) || self.next(visit.attempt).is_some())
            && self.enqueue(visit.attempt)
        {
            return None;
        }
        self.forget(visit.attempt);
        Some(Verdict::Unavailable)
    }

    /// Queues `/settle`. Returns what to tell the exchange when it cannot be queued.
    pub(super) fn queue_settle(
        &self,
        visit: &mut Visit,
        purchase: &Rc<Purchase>,
        amount: Option<Amount>,
    ) -> Option<Settled> {
        let attempt = visit.attempt;
        let (demand, asked) = self.ask_for(visit, purchase, amount);
        let lent = visit.resolving && self.is_anothers(&demand);
        let possible = !(lent || demand.body.is_empty());
        let machine = Settlement::queued();
        let proving =
            if visit.resolving && self.can_inquire(&demand) { Proving::First } else { Proving::Not };
        let context = Some(visit.context);
        let job = Settling { machine, context, demand, asked, proving, foreign: None };
        self.begin(attempt, Job::Settle(job));
        let admitted = proving == Proving::First || self.admits_first(attempt);
        let told = match possible {
            true if admitted && self.enqueue(attempt) => return None,
            true => self.settle(attempt, self.not_sent(attempt)),
            // It was asked for before, and nobody knows with which bytes, or they are another's.
            false => self.settle(attempt, settlement::Event::Answer(Answer::Unknown(Doubt::Broken))),
        };
        // What the claim says already is given up by the machine, now or on a later tick.
        let waits = self.jobs.try_borrow().is_ok_and(|jobs| match jobs.get(&attempt) {
            Some(Job::Settle(job)) => {
                matches!(job.machine, Settlement::Queued { .. } | Settlement::Moving { .. })
            }
            _ => false,
        });
        match told {
            Some((_, settled)) => Some(settled),
            None if waits => None,
            None => Some(Settled::Unknown),
        }
    }

    /// What is asked of whom. A claim whose outcome is open stays with whoever was asked.
    fn ask_for(&self, visit: &mut Visit, purchase: &Purchase, amount: Option<Amount>) -> (Rc<Demand>, Asked) {
        let own = visit.identity == purchase.identity;
        if !visit.resolving {
            let asked = Asked::line(self.line_of(visit, purchase));
            let settler = asked.facilitator.as_ref().map_or(0, |first| first.tag());
            return (purchase.demand(amount, settler), asked);
        }
        let claim = self.known(&visit.identity, self.now());
        let mut settler = claim.map_or(0, |claim| claim.settler);
        let mut demand = purchase.demand(amount, settler);
        if !own {
            demand = match visit.found.take().or_else(|| self.find_demand(&visit.identity)) {
                Some(kept) => kept,
                None => Rc::new(Demand { identity: visit.identity, body: Vec::new(), ..(*demand).clone() }),
            };
            // The table in front of a store may have had no room for the claim.
            settler = demand.asked_last(claim.as_ref());
        }
        let asked = match self.settler(settler) {
            Some(facilitator) => Asked::line(&[facilitator]),
            // Of a table that does not say who was asked.
            None if settler == 0 => Asked::line(self.line_of(visit, purchase).get(..1).unwrap_or_default()),
            None => Asked::default(),
        };
        (demand, asked)
    }

    /// The facilitator with a tag; or with the one that modules before this one gave it.
    pub(super) fn settler(&self, tag: u32) -> Option<Arc<Facilitator>> {
        let all = &self.policy.facilitators;
        let found = all.iter().find(|facilitator| facilitator.tag() == tag);
        found.or_else(|| all.iter().find(|facilitator| facilitator.old_tag() == tag)).cloned()
    }

    /// Who may settle the visit's payment, in the order in which they are asked. It stays the same
    /// for the whole visit: the first of them is written down before he is asked.
    pub(super) fn line_of<'v>(&self, visit: &'v mut Visit, purchase: &Purchase) -> &'v [Arc<Facilitator>] {
        visit.line.get_or_insert_with(|| self.line(purchase))
    }

    /// Who verified a payment settles it: whoever stood before him has just not answered.
    pub(super) fn settles_first(&self, context: u32, verifier: &Arc<Facilitator>) {
        let visit = self.visits.try_borrow().ok().and_then(|visits| visits.get(&context).cloned());
        let Some(mut visit) = visit.as_ref().and_then(|visit| visit.try_borrow_mut().ok()) else { return };
        let Some(line) = &mut visit.line else { return };
        let place = line.iter().position(|facilitator| Arc::ptr_eq(facilitator, verifier));
        if let Some(front) = place.and_then(|place| line.get_mut(..=place)) {
            front.rotate_right(1);
        }
    }

    pub(super) fn begin(&self, attempt: Attempt, job: Job) {
        if let Ok(mut jobs) = self.jobs.try_borrow_mut() {
            jobs.insert(attempt, job);
        }
    }

    pub(super) fn enqueue(&self, attempt: Attempt) -> bool {
        self.post(Outgoing::Job(attempt))
    }

    fn forget(&self, attempt: Attempt) {
        if let Ok(mut jobs) = self.jobs.try_borrow_mut() {
            jobs.remove(&attempt);
        }
    }

    /// Whether whoever is to be asked first may be.
    pub(super) fn admits_first(&self, attempt: Attempt) -> bool {
        let first = self
            .jobs
            .try_borrow_mut()
            .ok()
            .and_then(|mut jobs| jobs.get_mut(&attempt).and_then(|job| job.asked().facilitator.clone()));
        first.is_some_and(|first| self.admits(&first))
    }

    /// Turns to the next in line who may be asked.
    pub(super) fn next(&self, attempt: Attempt) -> Option<Arc<Facilitator>> {
        let mut jobs = self.jobs.try_borrow_mut().ok()?;
        let asked = jobs.get_mut(&attempt)?.asked();
        while let Some(next) = asked.rest.pop_front() {
            if self.admits(&next) {
                asked.facilitator = Some(Arc::clone(&next));
                asked.sent = 0;
                return Some(next);
            }
        }
        None
    }

    /// The settlement was certainly not sent: it goes to the next in line, if there is one.
    pub(super) fn not_sent(&self, attempt: Attempt) -> settlement::Event {
        let Some(next) = self.next(attempt) else {
            return settlement::Event::Answer(Answer::NotSent);
        };
        if let Some(Job::Settle(job)) =
            self.jobs.try_borrow_mut().ok().as_mut().and_then(|jobs| jobs.get_mut(&attempt))
        {
            job.demand = Rc::new(Demand { settler: next.tag(), ..(*job.demand).clone() });
        }
        settlement::Event::Elsewhere(next.tag())
    }

    pub(super) fn dispatch_job(&self, attempt: Attempt) {
        let asks = self.jobs.try_borrow_mut().ok().and_then(|mut jobs| match jobs.get_mut(&attempt) {
            Some(Job::Settle(job)) if job.proving == Proving::First => {
                job.proving = Proving::Done;
                Some(Rc::clone(&job.demand))
            }
            _ => None,
        });
        if !asks.is_some_and(|demand| self.inquire(attempt, &demand)) {
            self.send_job(attempt);
        }
    }

    /// Asks the facilitator, as the root.
    pub(super) fn send_job(&self, attempt: Attempt) {
        let Ok(mut jobs) = self.jobs.try_borrow_mut() else { return };
        // A job that is gone was given up before it was sent.
        let Some(job) = jobs.get_mut(&attempt) else { return };
        let Some(facilitator) = job.asked().facilitator.clone() else {
            // Whoever was asked before is not of this configuration.
            let Job::Settle(job) = job else { return };
            let demand = Rc::clone(&job.demand);
            drop(jobs);
            let open = settlement::Event::Answer(Answer::Unknown(Doubt::Broken));
            return self.conclude(attempt, &demand, open);
        };
        let (purchase, made, demand);
        let (endpoint, route, body) = match job {
            Job::Verify(job) => {
                purchase = Rc::clone(&job.purchase);
                made = purchase.body(None);
                (Endpoint::Verify, &purchase.route.name, &made)
            }
            Job::Settle(job) if matches!(job.machine, Settlement::Queued { .. }) => {
                demand = Rc::clone(&job.demand);
                (Endpoint::Settle, &demand.route, &demand.body)
            }
            Job::Settle(_) => return,
        };
        drop(jobs);
        match self.send(&facilitator, endpoint, Some(body)) {
            Ok(token) => self.dispatched(attempt, token),
            Err(_) if self.defers(Outgoing::Job(attempt)) => {}
            Err(status) => {
                log::warn!(
                    "route {route}: facilitator {} was not called: {}",
                    facilitator.name,
                    why_not_sent(status, &facilitator.cluster),
                );
                self.answered(attempt, &Delivery::Refused);
            }
        }
    }

    /// Calls a facilitator: every call to one leaves here, with its method, path and headers.
    pub(super) fn send(
        &self,
        facilitator: &Facilitator,
        endpoint: Endpoint,
        body: Option<&[u8]>,
    ) -> Result<u32, Status> {
        let path = facilitator.path_prefix.clone() + endpoint.path();
        let authorization = self.authorization(facilitator, endpoint.method(), &path);
        let mut headers = vec![
            (":method", endpoint.method()),
            (":path", path.as_str()),
            (":authority", facilitator.authority.as_str()),
            ("accept", "application/json"),
        ];
        if body.is_some() {
            headers.push(("content-type", "application/json"));
        }
        headers.extend(facilitator.headers.iter().map(|(name, value)| (name.as_str(), value.expose())));
        if let Some(authorization) = &authorization {
            headers.push(("authorization", authorization));
            headers.push(("correlation-context", jwt::CORRELATION));
        }
        let timeout = Duration::from_millis(facilitator.timeout_millis.into());
        hostcalls::dispatch_http_call(&facilitator.cluster, headers, body, vec![], timeout)
    }

    fn dispatched(&self, attempt: Attempt, token: u32) {
        if let Ok(mut calls) = self.calls.try_borrow_mut() {
            calls.insert(token.into(), attempt.0);
        }
        if let Ok(mut jobs) = self.jobs.try_borrow_mut() {
            if let Some(job) = jobs.get_mut(&attempt) {
                job.asked().sent = host::now_millis_anew();
            }
        }
        let _ = self.settle(attempt, settlement::Event::Dispatched);
    }
}

/// The host's reason, with what to look at: on Istio a cluster that the proxy was not sent
/// looks the same as one that does not exist.
fn why_not_sent(status: Status, cluster: &str) -> String {
    match status {
        Status::BadArgument => format!(
            "there is no cluster {cluster:?} (on Istio: a ServiceEntry, in scope of this proxy's Sidecar and exportTo)"
        ),
        _ => format!("cluster {cluster:?} has no healthy host or its circuit breaker is open"),
    }
}
