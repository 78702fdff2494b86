//! A document of ours, to whoever asks for it.

use proxy_wasm::hostcalls;

use super::visit::Visit;
use super::State;
use crate::admission::Head;
use crate::record::Outcome;
use crate::reply::Refusal;
use crate::shell::worker::Worker;
use crate::wellknown::{Document, Seat, LARGE, MOST};

/// Answers a request for a document: what its stream is from now on. It costs its sender as little as
/// to be told a price, and counts as that.
pub(super) fn answer(context: u32, worker: &Worker, head: &Head<'_>, document: Document) -> State {
    let refusal = match worker.challenged() {
        Some(seconds) => Refusal::RateLimited(seconds),
        None => match serve(worker, document) {
            Some(seat) => return State::Serving { _seat: seat },
            None => Refusal::DocumentsBusy,
        },
    };
    let mut visit = Visit::new(context, None, head, &worker.policy);
    visit.resource = head.resource(&worker.policy);
    visit.refuse(worker, refusal, "");
    State::Decided(Box::new(visit))
}

/// Sends a document, if it may be on its way beside the others.
fn serve(worker: &Worker, document: Document) -> Option<Seat> {
    let served = worker.documents.serve(&worker.policy, document);
    let size = served.body.len();
    if served.warns() {
        log::warn!(
            "{} has {size} bytes; beyond {LARGE}, few clients can be sent it at once (a worker sends {MOST} \
             bytes of documents, and then answers 503)",
            document.path(),
        );
    }
    let seat = Seat::take(size)?;
    worker.meters.request(None, Outcome::Free);
    let _ = hostcalls::send_http_response(200, served.headers.to_vec(), Some(served.body.as_bytes()));
    Some(seat)
}
