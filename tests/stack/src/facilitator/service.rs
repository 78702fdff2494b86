//! The counter: takes calls, processes payments, hands the rest to admin or to a fault.

use std::sync::atomic::Ordering;
use std::sync::Arc;
use std::time::Duration;

use serde_json::json;

use crate::http1::{Reply, Request, Response, Service};

use super::answer::{Answer, Settled};
use super::broken::break_answer;
use super::faults::{Fault, FaultKind, Operation};
use super::terms::{PaymentRequest, Terms};
use super::verify::{check, reason, revert_reason, verify, Verdict};
use super::{admin, instant, lock, others, permits, State};

#[derive(Clone)]
pub(super) struct Desk(pub(super) Arc<State>);

impl Service for Desk {
    async fn call(&self, request: Request) -> Reply {
        let state = &self.0;
        let path = request.path();
        let operation = if path.ends_with("/settle") {
            Operation::Settle
        } else if path.ends_with("/verify") {
            Operation::Verify
        } else if path.ends_with("/supported") && request.method() == "GET" {
            return match state.options.instant {
                true => state.list_at_once().into(),
                false => state.list(&request).await,
            };
        } else {
            return state.other(&request).into();
        };
        if request.method() != "POST" {
            return Response::json(405, &json!({ "error": "POST only" })).into();
        }
        if state.options.instant {
            match state.pause.load(Ordering::Relaxed) {
                0 => {}
                millis => tokio::time::sleep(Duration::from_millis(millis)).await,
            }
            return instant::answer(state, operation, &request.body).into();
        }
        state.process(operation, &request).await
    }
}

/// The outcome of a call before anything breaks it.
pub(super) struct Processed {
    pub(super) answer: Answer,
    pub(super) outcome: String,
}

impl State {
    fn other(self: &Arc<Self>, request: &Request) -> Response {
        match (request.method(), request.path()) {
            ("GET" | "HEAD", "/healthz") => Response::new(200).typed("text/plain", "ok"),
            (method, path) if path.starts_with("/admin/") => admin::answer(self, method, path, &request.body),
            _ => Response::json(404, &json!({ "error": "not found" })),
        }
    }

    async fn process(self: &Arc<Self>, operation: Operation, request: &Request) -> Reply {
        let parsed = PaymentRequest::parse(&request.body);
        let (nonce, payer) = match &parsed {
            Ok(payment) => (payment.nonce(), payment.payer()),
            Err(_) => (None, String::new()),
        };
        let id = lock(&self.calls).begin(request, nonce, payer.clone());
        let fault = lock(&self.faults).take(operation, nonce, payer.parse().ok());
        let (reply, outcome) = match (parsed, fault) {
            (Ok(payment), Some(fault)) => {
                let outcome = format!("fault:{}", fault.kind.name());
                (self.misbehave(operation, &payment, &fault).await, outcome)
            }
            (Ok(payment), None) => {
                let processed = self.handle(operation, &payment).await;
                (respond(&processed.answer).into(), processed.outcome)
            }
            (Err(why), _) => {
                let body = json!({ "error": why });
                (Response::json(400, &body).into(), "invalid_request".to_owned())
            }
        };
        lock(&self.calls).end(id, outcome);
        reply
    }

    async fn misbehave(&self, operation: Operation, payment: &PaymentRequest, fault: &Fault) -> Reply {
        if let FaultKind::Delay { ms, book_late } = fault.kind {
            let pause = Duration::from_millis(ms);
            if book_late {
                tokio::time::sleep(pause).await;
                return respond(&self.handle(operation, payment).await.answer).into();
            }
            let processed = self.handle(operation, payment).await;
            tokio::time::sleep(pause).await;
            return respond(&processed.answer).into();
        }
        let processed = if fault.books() { Some(self.handle(operation, payment).await) } else { None };
        let transaction = {
            let nonce = payment.nonce().unwrap_or_default();
            lock(&self.ledger).next_transaction(nonce).to_string()
        };
        break_answer(self, operation, payment, &fault.kind, processed, transaction)
    }

    pub(super) async fn handle(&self, operation: Operation, payment: &PaymentRequest) -> Processed {
        let dialect = self.options.dialect;
        if lock(&self.listing).others.iter().any(|other| other.is(payment)) {
            return others::handle(operation, payment);
        }
        if operation == Operation::Verify {
            let pool = lock(&self.listing).pool.clone();
            let verdict = verify(payment, self.now(), &lock(&self.ledger), &pool);
            let outcome = match &verdict {
                Verdict::Valid(_) => "valid",
                Verdict::Invalid(reason) => reason,
                Verdict::Threw(_) => "threw",
            };
            return Processed { outcome: outcome.to_owned(), answer: dialect.verified(payment, &verdict) };
        }
        let settled = self.settle(payment).await;
        let outcome = match &settled {
            Settled::Success { .. } => "settled",
            Settled::Refused(reason) | Settled::Reverted { reason, .. } => reason,
            Settled::Threw(_) => "threw",
        };
        Processed { outcome: outcome.to_owned(), answer: dialect.settled(payment, &settled) }
    }

    async fn settle(&self, payment: &PaymentRequest) -> Settled {
        let awaited = lock(&self.pending).remove(&payment.signature());
        if let Some(transaction) = awaited {
            return Settled::Success { transaction, amount: None };
        }
        let permit = payment.is_permit();
        let terms = {
            let pool = lock(&self.listing).pool.clone();
            let ledger = lock(&self.ledger);
            let verdict = match permit {
                true => permits::check(payment, Operation::Settle, self.now(), &ledger, &pool),
                false => check(payment, self.now(), &ledger),
            };
            match verdict {
                // Nothing is sent for nothing.
                Verdict::Valid(terms) if permit && terms.value.is_zero() => {
                    return Settled::Success { transaction: String::new(), amount: Some(terms.value) };
                }
                Verdict::Invalid(reason) => return Settled::Refused(reason),
                Verdict::Threw(why) => return Settled::Threw(why),
                // Gas estimation runs the transfer: what reverts now is never sent.
                Verdict::Valid(terms) => match ledger.simulate(&terms) {
                    Ok(()) => terms,
                    Err(revert) => return Settled::Refused(revert_reason(revert, permit)),
                },
            }
        };
        if !self.options.latency.is_zero() {
            tokio::time::sleep(self.options.latency).await;
        }
        self.broadcast(&terms)
    }

    /// Of two that were sent at once, the loser reverts on chain, with a hash of its own.
    fn broadcast(&self, terms: &Terms) -> Settled {
        let mut ledger = lock(&self.ledger);
        match ledger.transfer(terms) {
            Ok(transaction) => Settled::Success {
                transaction: transaction.to_string(),
                amount: (terms.burnt_by != terms.asset).then_some(terms.value),
            },
            Err(_) => Settled::Reverted {
                reason: reason::TRANSACTION,
                transaction: ledger.next_transaction(terms.nonce).to_string(),
            },
        }
    }
}

pub(super) fn respond(answer: &Answer) -> Response {
    Response::json(answer.status, &answer.body)
}
