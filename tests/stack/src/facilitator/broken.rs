//! Answers that go wrong: from a payment that was processed, or not, to bytes on a socket.

use std::time::Duration;

use bytes::Bytes;
use serde_json::{json, Value};

use crate::http1::{Reply, Response, Script, Step};

use super::answer::Answer;
use super::faults::{FaultKind, Operation};
use super::service::{respond, Processed};
use super::terms::PaymentRequest;
use super::verify::reason;
use super::{lock, State};

const HUGE: usize = 3 * 1024 * 1024;

pub(super) fn break_answer(
    state: &State,
    operation: Operation,
    payment: &PaymentRequest,
    kind: &FaultKind,
    processed: Option<Processed>,
    transaction: String,
) -> Reply {
    let answer =
        processed.map_or_else(|| success(operation, payment, &transaction), |processed| processed.answer);
    let whole = respond(&answer);
    match kind {
        FaultKind::Delay { .. } | FaultKind::Refuse { .. } => whole.into(),
        FaultKind::Hang => Script::default().then(Step::Hang).into(),
        FaultKind::ResetBefore | FaultKind::ResetAfter => Script::default().then(Step::Reset).into(),
        FaultKind::LostAnswer => Script::default().then(Step::Close).into(),
        FaultKind::CutBody => {
            Script::default().write(whole.head(true)).write(half(&whole.body)).reset_after_flush().into()
        }
        FaultKind::SlowDrip { ms } => drip(&whole, Duration::from_millis(*ms)),
        FaultKind::Status { code, body } => {
            let content_type = if body.starts_with('{') { "application/json" } else { "text/plain" };
            Response::new(*code).typed(content_type, body.clone()).into()
        }
        FaultKind::Garbage => json_text("\u{1}not json at all {{{").into(),
        FaultKind::Html => Response::new(200)
            .typed("text/html", "<!doctype html><title>Login</title><h1>Sign in</h1>")
            .into(),
        FaultKind::HalfJson => Response::new(200).typed("application/json", half(&whole.body)).into(),
        FaultKind::Redirect { location } => Response::new(307).header("location", location.clone()).into(),
        FaultKind::Reject { reason } => {
            Response::json(200, &rejection(operation, payment, reason, "")).into()
        }
        FaultKind::Pending => pending(state, payment, &answer, transaction),
        FaultKind::Huge
        | FaultKind::MissingSuccess
        | FaultKind::SuccessNotBool
        | FaultKind::WrongNetwork
        | FaultKind::WrongPayer
        | FaultKind::WrongAmount => falsified(kind, answer),
    }
}

fn falsified(kind: &FaultKind, mut answer: Answer) -> Reply {
    let flag = if answer.body["isValid"].is_null() { "success" } else { "isValid" };
    match kind {
        FaultKind::Huge => answer.body["padding"] = json!("x".repeat(HUGE)),
        FaultKind::MissingSuccess => {
            if let Value::Object(fields) = &mut answer.body {
                fields.remove(flag);
            }
        }
        FaultKind::SuccessNotBool => answer.body[flag] = json!("true"),
        FaultKind::WrongNetwork => answer.body["network"] = json!("eip155:1"),
        FaultKind::WrongPayer => {
            answer.body["payer"] = json!("0x000000000000000000000000000000000000dEaD");
        }
        _ => answer.body["amount"] = json!("1"),
    }
    respond(&answer).into()
}

/// The transaction is out; its receipt was not awaited. The same payment again finds it.
fn pending(state: &State, payment: &PaymentRequest, answer: &Answer, transaction: String) -> Reply {
    let transaction = match answer.body["transaction"].as_str() {
        Some(booked) if answer.body["success"] == true => booked.to_owned(),
        _ => transaction,
    };
    lock(&state.pending).insert(payment.signature(), transaction.clone());
    let body = rejection(Operation::Settle, payment, reason::PENDING, &transaction);
    Response::json(200, &body).into()
}

fn success(operation: Operation, payment: &PaymentRequest, transaction: &str) -> Answer {
    let body = if operation == Operation::Verify {
        json!({ "isValid": true, "payer": payment.payer() })
    } else {
        json!({
            "success": true, "transaction": transaction,
            "network": payment.network(), "payer": payment.payer(),
        })
    };
    Answer { status: 200, body }
}

fn rejection(operation: Operation, payment: &PaymentRequest, reason: &str, transaction: &str) -> Value {
    if operation == Operation::Verify {
        json!({ "isValid": false, "invalidReason": reason, "payer": payment.payer() })
    } else {
        json!({
            "success": false, "errorReason": reason, "transaction": transaction,
            "network": payment.network(), "payer": payment.payer(),
        })
    }
}

fn drip(whole: &Response, pause: Duration) -> Reply {
    let bytes = whole.encode();
    let mut script = Script::default();
    for at in 0..bytes.len() {
        script = script.write(bytes.slice(at..=at)).wait(pause);
    }
    script.then(Step::KeepAlive).into()
}

fn half(body: &Bytes) -> Bytes {
    body.slice(..body.len() / 2)
}

fn json_text(text: &'static str) -> Response {
    Response::new(200).typed("application/json", text)
}
