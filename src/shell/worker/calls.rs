//! Callouts: queued by a stream, dispatched and answered by the root.

use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use proxy_wasm::hostcalls;
use proxy_wasm::types::{BufferType, MapType, Status};

use super::Worker;
use crate::admission::Purchase;
use crate::claims::{fingerprint, Attempt, Identity, Op, Outcome};
use crate::config::Facilitator;
use crate::exchange::{self, Settled};
use crate::facilitator::said::Said;
use crate::facilitator::{self, Answer, Delivery, Doubt, Endpoint, Redirect, Verdict, MAX_ANSWER_BYTES};
use crate::money::Amount;
use crate::precheck::{Form, Judge};
use crate::settlement::{self, Settlement};
use crate::shell::host::{self, Pairs};
use crate::signing::jwt;

/// How long at least a transaction is known as spent, in seconds. A facilitator repeats a
/// success for as long as its network knows the transaction as recent: minutes.
const TRANSACTION_SECONDS: u64 = 3_600;

/// A callout under way, or about to be.
pub(in crate::shell) enum Job {
    /// `/verify`; nothing moves.
    Verify { context: u32, purchase: Rc<Purchase>, sent: u64 },
    /// `/settle`.
    Settle {
        machine: Settlement,
        context: u32,
        purchase: Rc<Purchase>,
        /// Base units to settle; `None` is what was signed.
        amount: Option<Amount>,
        sent: u64,
    },
}

// === impl Job ===

impl Job {
    pub(super) fn is_recording(&self) -> bool {
        matches!(self, Self::Settle { machine: Settlement::Recording { .. }, .. })
    }

    fn endpoint(&self) -> Endpoint {
        match self {
            Self::Verify { .. } => Endpoint::Verify,
            Self::Settle { .. } => Endpoint::Settle,
        }
    }

    fn purchase(&self) -> &Rc<Purchase> {
        match self {
            Self::Verify { purchase, .. } | Self::Settle { purchase, .. } => purchase,
        }
    }

    fn amount(&self) -> Option<Amount> {
        match self {
            Self::Verify { .. } => None,
            Self::Settle { amount, .. } => *amount,
        }
    }

    fn sent(&mut self) -> &mut u64 {
        match self {
            Self::Verify { sent, .. } | Self::Settle { sent, .. } => sent,
        }
    }
}

// === impl Worker ===

impl Worker {
    /// Queues `/verify`. Returns the verdict at once when it cannot be queued.
    pub(super) fn queue_verify(
        &self,
        context: u32,
        attempt: Attempt,
        purchase: &Rc<Purchase>,
    ) -> Option<Verdict> {
        self.begin(attempt, Job::Verify { context, purchase: Rc::clone(purchase), sent: 0 });
        let admitted = purchase.offer.facilitators.first().is_some_and(|first| self.admits(first));
        if admitted && self.enqueue(attempt) {
            return None;
        }
        self.forget(attempt);
        Some(Verdict::Unavailable)
    }

    /// Queues `/settle`. Returns what to tell the exchange when it cannot be queued.
    pub(super) fn queue_settle(
        &self,
        context: u32,
        attempt: Attempt,
        purchase: &Rc<Purchase>,
        amount: Option<Amount>,
    ) -> Option<Settled> {
        let machine = Settlement::queued();
        let purchase = Rc::clone(purchase);
        let admitted = purchase.offer.facilitators.first().is_some_and(|first| self.admits(first));
        self.begin(attempt, Job::Settle { machine, context, purchase, amount, sent: 0 });
        if admitted && self.enqueue(attempt) {
            return None;
        }
        // The claim says Settling already; the machine gives it up, now or on a later tick.
        let told = self.settle(attempt, settlement::Event::Answer(Answer::NotSent));
        told.map(|(_, settled)| settled).or(Some(Settled::Unknown))
    }

    fn begin(&self, attempt: Attempt, job: Job) {
        if let Ok(mut jobs) = self.jobs.try_borrow_mut() {
            jobs.insert(attempt, job);
        }
    }

    fn enqueue(&self, attempt: Attempt) -> bool {
        hostcalls::enqueue_shared_queue(self.queue, Some(&attempt.0.to_le_bytes())).is_ok()
    }

    fn forget(&self, attempt: Attempt) {
        if let Ok(mut jobs) = self.jobs.try_borrow_mut() {
            jobs.remove(&attempt);
        }
    }

    /// Sends everything that is queued. Runs in the root's context, so that the answers
    /// come back to the root.
    pub(in crate::shell) fn drain(&self, queue: u32) {
        while let Ok(Some(bytes)) = hostcalls::dequeue_shared_queue(queue) {
            if let Some(id) = bytes.first_chunk::<8>() {
                self.dispatch(Attempt(u64::from_le_bytes(*id)));
            }
        }
    }

    fn dispatch(&self, attempt: Attempt) {
        let Ok(jobs) = self.jobs.try_borrow() else { return };
        // A job that is gone was given up before it was sent.
        let Some(job) = jobs.get(&attempt) else { return };
        if matches!(job, Job::Settle { machine, .. } if !matches!(machine, Settlement::Queued { .. })) {
            return;
        }
        let (endpoint, purchase, amount) = (job.endpoint(), Rc::clone(job.purchase()), job.amount());
        drop(jobs);
        let Some(facilitator) = purchase.offer.facilitators.first() else { return };
        match self.send(facilitator, endpoint, Some(&purchase.body(amount))) {
            Ok(token) => self.dispatched(attempt, token),
            Err(status) => {
                log::warn!(
                    "route {}: facilitator {} was not called: {}",
                    purchase.route.name,
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
                *job.sent() = host::now_millis();
            }
        }
        let _ = self.settle(attempt, settlement::Event::Dispatched);
    }

    /// The host delivers an answer to the root.
    pub(in crate::shell) fn on_answer(&self, token: u32, num_headers: usize, body_size: usize) {
        let ask = self.take_ask(token);
        let attempt = self.calls.try_borrow_mut().ok().and_then(|mut calls| calls.remove(&token.into()));
        if ask.is_none() && attempt.is_none() {
            return;
        }
        let received = Received::take(num_headers, body_size);
        let delivery = received.delivery();
        if let Some((index, sent)) = ask {
            if let Some(facilitator) = self.policy.facilitators.get(index) {
                self.heard(facilitator, &delivery, host::now_millis().saturating_sub(sent));
            }
        } else if let Some(attempt) = attempt {
            self.answered(Attempt(attempt), &delivery);
        }
    }

    fn answered(&self, attempt: Attempt, delivery: &Delivery<'_>) {
        let job = self.jobs.try_borrow().ok().and_then(|jobs| {
            let job = jobs.get(&attempt)?;
            let sent = match job {
                Job::Verify { sent, .. } | Job::Settle { sent, .. } => *sent,
            };
            Some((job.endpoint(), Rc::clone(job.purchase()), job.amount(), sent))
        });
        let Some((endpoint, purchase, amount, sent)) = job else { return };
        let Some(facilitator) = purchase.offer.facilitators.first() else { return };
        let millis = if sent == 0 { 0 } else { host::now_millis().saturating_sub(sent) };
        if let Some(redirect) = Redirect::of(delivery) {
            log::warn!("facilitator {} {redirect}", facilitator.name);
        }
        match endpoint {
            Endpoint::Settle => {
                let answer = Answer::read(delivery, &purchase.expected(amount));
                self.settled(attempt, &purchase, facilitator, delivery, answer, millis);
            }
            _ => self.verified(attempt, &purchase, facilitator, delivery, millis),
        }
    }

    fn verified(
        &self,
        attempt: Attempt,
        purchase: &Purchase,
        facilitator: &Arc<Facilitator>,
        delivery: &Delivery<'_>,
        millis: u64,
    ) {
        let verdict = Verdict::read(delivery);
        if verdict == Verdict::Valid {
            self.forgive(attempt);
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
        let context = self.jobs.try_borrow_mut().ok().and_then(|mut jobs| match jobs.remove(&attempt) {
            Some(Job::Verify { context, .. }) => Some(context),
            _ => None,
        });
        if let Some(context) = context {
            self.tell(context, exchange::Event::Verified(verdict));
        }
    }

    fn settled(
        &self,
        attempt: Attempt,
        purchase: &Purchase,
        facilitator: &Arc<Facilitator>,
        delivery: &Delivery<'_>,
        answer: Answer,
        millis: u64,
    ) {
        self.observe(facilitator, Endpoint::Settle, answer.name(), millis, answer.spoke());
        let receipt = purchase.identity.receipt_id();
        match answer {
            Answer::Unknown(doubt) => log::warn!(
                "route {}: settlement {receipt} at facilitator {} is open: {doubt} ({})",
                purchase.route.name,
                facilitator.name,
                Said::of(delivery),
            ),
            Answer::NotSent => log::warn!(
                "route {}: facilitator {} could not be reached for settlement {receipt}",
                purchase.route.name,
                facilitator.name,
            ),
            Answer::Rejected(reason) => log::info!(
                "route {}: facilitator {} rejected settlement {receipt}: {} ({})",
                purchase.route.name,
                facilitator.name,
                reason.code(),
                Said::of(delivery),
            ),
            Answer::Accepted(_) => {}
        }
        let event = self.spend(attempt, purchase, delivery, answer);
        let reused = matches!(event, settlement::Event::Reused(_));
        let told = self.settle(attempt, event);
        match (told, answer) {
            (Some((context, settled)), _) => self.tell(context, exchange::Event::Settled(settled)),
            (None, Answer::Accepted(transaction)) if !reused => log::warn!(
                "route {}: settlement {receipt} was accepted after its client left (transaction 0x{}); \
                 the payment can be presented again",
                purchase.route.name,
                hex::encode(transaction.0),
            ),
            (None, _) => {}
        }
    }

    /// Where nothing says what the chain burns, one settlement transaction pays one claim: a
    /// facilitator may report the same success for the same payment in another spelling.
    fn spend(
        &self,
        attempt: Attempt,
        purchase: &Purchase,
        delivery: &Delivery<'_>,
        answer: Answer,
    ) -> settlement::Event {
        let (Form::Other(other), Answer::Accepted(transaction)) = (purchase.payment.form(), answer) else {
            return settlement::Event::Answer(answer);
        };
        let name = Identity::named("transaction", &[other.chain().as_bytes(), &transaction.0]);
        let kept = u64::from(purchase.offer.redeem_for_seconds).max(TRANSACTION_SECONDS);
        let expires = host::now().saturating_add(kept);
        let fingerprint = fingerprint("claim", &[&purchase.identity.nonce]);
        let applied = self.run(&name, &Op::Mark { fingerprint, expires });
        self.note_transaction(attempt, facilitator::transaction_text(delivery));
        match applied {
            Outcome::Granted | Outcome::Present => settlement::Event::Answer(answer),
            Outcome::Elsewhere(_) => settlement::Event::Reused(transaction),
            _ => settlement::Event::Answer(Answer::Unknown(Doubt::Broken)),
        }
    }

    /// A transaction that does not fit a claim's 32 bytes is told to the one exchange that waits.
    fn note_transaction(&self, attempt: Attempt, text: Option<String>) {
        let context = self.jobs.try_borrow().ok().and_then(|jobs| match jobs.get(&attempt)? {
            Job::Settle { context, .. } => Some(*context),
            Job::Verify { .. } => None,
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

/// What a callout brought.
struct Received {
    headers: Pairs,
    body: Option<Vec<u8>>,
}

impl Received {
    fn take(num_headers: usize, body_size: usize) -> Self {
        let headers = match num_headers {
            0 => Pairs::new(),
            _ => host::headers(MapType::HttpCallResponseHeaders),
        };
        let body = match body_size {
            0 => Some(Vec::new()),
            1..=MAX_ANSWER_BYTES => host::buffer(BufferType::HttpCallResponseBody, body_size),
            _ => None,
        };
        Self { headers, body }
    }

    fn delivery(&self) -> Delivery<'_> {
        // Envoy: an answer cut in its body comes without headers, as does, on NGINX, every failure.
        if self.headers.is_empty() {
            return Delivery::Broken;
        }
        let find = |name: &str| self.headers.iter().find(|(n, _)| n == name).map(|(_, value)| &**value);
        let status = find(":status").and_then(|value| std::str::from_utf8(value).ok());
        Delivery::arrived(
            status.and_then(|text| text.parse().ok()).unwrap_or(0),
            find("x-envoy-upstream-service-time").is_some(),
            find("location"),
            self.body.as_deref(),
        )
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
