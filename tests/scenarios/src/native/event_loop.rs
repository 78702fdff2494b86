//! What happens between callbacks: queues that are ready, callouts that come back.

use std::time::Duration;

use bytes::Bytes;

use super::host::{host, Call};
use super::{sdk, Native, ROOT};
use crate::shop::STORE;
use crate::wire::Pairs;

/// What the event loop would do next.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Next {
    /// Tell the root that a queue of its own has something.
    Queue(u32),
    /// Bring back the oldest callout's answer.
    Callout,
    /// Nothing will ever happen again by itself.
    Idle,
}

/// Looks, and does nothing.
pub(super) fn next() -> Next {
    host(|host| match host.ready.front() {
        Some(queue) => Next::Queue(*queue),
        None if host.calls.is_empty() => Next::Idle,
        None => Next::Callout,
    })
}

/// One turn. A callout blocks: one client at a time is enough here.
pub(super) fn turn(rig: &Native) {
    match next() {
        Next::Queue(queue) => {
            host(|host| host.ready.pop_front());
            sdk::queue_ready(ROOT, queue);
        }
        Next::Callout => {
            let Some(call) = host(|host| host.calls.pop_front()) else {
                return;
            };
            let (headers, body) = answer(rig, &call);
            let (count, size) = (headers.len(), body.len());
            host(|host| host.delivering = Some((headers, body)));
            // Delivered in the context that made the call; the SDK drops it if that is gone.
            sdk::http_call_response(call.context, call.token, count, size, 0);
            host(|host| host.delivering = None);
        }
        Next::Idle => {}
    }
}

/// What comes back: of the store at once, of the facilitator when it answers.
fn answer(rig: &Native, call: &Call) -> (Pairs, Bytes) {
    if call.cluster == STORE {
        let body = host(|host| host.store.answer(&call.body, host.now().as_secs()));
        return (served(), body.into());
    }
    let patience = Duration::from_millis(call.timeout_millis.into());
    let to = rig.world.facilitator.address();
    let reached = rig.client.call(to, &call.pairs, &call.body, patience).for_callout();
    (reached.headers, reached.body)
}

/// The headers of whatever the store says.
fn served() -> Pairs {
    let headers =
        [(":status", "200"), ("content-type", "application/json"), ("x-envoy-upstream-service-time", "1")];
    headers.map(|(name, value)| (name.to_owned(), value.into())).into()
}
