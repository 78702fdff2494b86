//! A document of ours, to whoever asks for it.

use proxy_wasm::hostcalls;
use proxy_wasm::types::MapType;

use super::visit::Visit;
use super::State;
use crate::admission::Head;
use crate::record::Outcome;
use crate::reply::Refusal;
use crate::shell::host;
use crate::shell::worker::Worker;
use crate::wellknown::{Document, Seat, LARGE, MOST, TYPE};

/// Bytes of a document that its sender is told for as much as a price.
const PART: usize = 8 << 10;

/// Answers a request for a document: what its stream is from now on. Of what its sender may be told
/// unpaid it takes as much as it is long; of a head, and of what there is no room for, as little as a
/// price.
pub(super) fn answer(context: u32, worker: &Worker, head: &Head<'_>, document: Document) -> State {
    let served = worker.documents.serve(&worker.policy, document);
    let size = served.body.len();
    if served.warns() {
        log::warn!(
            "{} has {size} bytes; beyond {LARGE}, few clients can be sent it at once (a worker sends {MOST} \
             bytes of documents, and then answers 503)",
            document.path(),
        );
    }
    // The host would copy what it does not send.
    let is_head = head.method == "HEAD";
    let (sent, body) = if is_head { (0, None) } else { (size, Some(served.body.as_bytes())) };
    let seat = Seat::take(sent);
    let parts = if seat.is_some() { sent.div_ceil(PART).max(1) } else { 1 };
    let refusal = match (worker.told(u32::try_from(parts).unwrap_or(u32::MAX)), seat) {
        (Some(seconds), _) => Refusal::RateLimited(seconds),
        (None, None) => Refusal::DocumentsBusy,
        (None, Some(seat)) => {
            worker.meters.request(None, Outcome::Free);
            let _ = hostcalls::send_http_response(200, served.headers.to_vec(), body);
            return State::Serving { head: is_head.then_some(size), _seat: seat };
        }
    };
    let mut visit = Visit::new(context, None, head, &worker.policy);
    visit.resource = head.resource(&worker.policy);
    visit.refuse(worker, refusal, "");
    State::Decided(Box::new(visit))
}

/// Tells in the head of a document of so many bytes what a `GET` would tell (RFC 9110 section 9.3.2):
/// Envoy takes both out of a reply without a body (`Utility::prepareLocalReply`).
pub(super) fn complete(size: usize) {
    host::set_header(MapType::HttpResponseHeaders, "content-type", TYPE);
    host::set_header(MapType::HttpResponseHeaders, "content-length", &size.to_string());
}
