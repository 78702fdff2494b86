//! What happens between callbacks: queues that are ready, callouts that come back.

use std::time::Duration;

use super::host::host;
use super::{sdk, Native, ROOT};

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
            let patience = Duration::from_millis(call.timeout_millis.into());
            let to = rig.world.facilitator.address();
            let reached = rig.client.call(to, &call.pairs, &call.body, patience).for_callout();
            let (count, size) = (reached.headers.len(), reached.body.len());
            host(|host| host.delivering = Some((reached.headers, reached.body)));
            // Delivered in the context that made the call; the SDK drops it if that is gone.
            sdk::http_call_response(call.context, call.token, count, size, 0);
            host(|host| host.delivering = None);
        }
        Next::Idle => {}
    }
}
