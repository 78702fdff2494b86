//! Calls on their way out: made by the root, so that their answers come back to it.
//!
//! A stream's callback decides that something is called; the root makes the call at the end of that
//! callback. Where it cannot, or the host does not take the call, the worker's queue wakes the root
//! later: what comes of a call that cannot be made is then told outside the stream's callback.

use std::cell::{Cell, RefCell};

use proxy_wasm::hostcalls;

use super::Worker;
use crate::claims::Attempt;

/// What waits to be called.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Outgoing {
    /// An attempt's facilitator, or node.
    Job(Attempt),
    /// The store, for an errand.
    Errand(u64),
}

/// What a worker has to call, and when it can.
#[derive(Default)]
pub(super) struct Outbound {
    waiting: RefCell<Vec<Outgoing>>,
    /// A stream's callback is under way whose end sends what waits.
    gathers: Cell<bool>,
    /// The root makes calls in the middle of a stream's callback.
    midway: Cell<bool>,
    /// The root is in a callback of its own, or gone.
    occupied: Cell<bool>,
}

// === impl Outgoing ===

impl Outgoing {
    /// What a queue carries.
    fn to_bytes(self) -> Vec<u8> {
        match self {
            Self::Job(attempt) => attempt.0.to_le_bytes().to_vec(),
            Self::Errand(id) => id.to_le_bytes().into_iter().chain([0]).collect(),
        }
    }

    fn from_bytes(bytes: &[u8]) -> Option<Self> {
        match bytes.split_first_chunk::<8>()? {
            (id, []) => Some(Self::Job(Attempt(u64::from_le_bytes(*id)))),
            (id, _) => Some(Self::Errand(u64::from_le_bytes(*id))),
        }
    }
}

// === impl Worker ===

impl Worker {
    /// Has the root make a call soon. `false` when it will not.
    pub(super) fn post(&self, what: Outgoing) -> bool {
        if !self.outbound.gathers.get() {
            return self.enqueue_shared(what);
        }
        let Ok(mut waiting) = self.outbound.waiting.try_borrow_mut() else { return false };
        waiting.push(what);
        true
    }

    fn enqueue_shared(&self, what: Outgoing) -> bool {
        hostcalls::enqueue_shared_queue(self.queue, Some(&what.to_bytes())).is_ok()
    }

    /// A callback of the root begins.
    pub(in crate::shell) fn occupy(&self) {
        self.outbound.occupied.set(true);
    }

    /// It ends.
    pub(in crate::shell) fn rest(&self) {
        self.outbound.occupied.set(false);
    }

    /// A stream's callback begins that can wait for calls to be made at its end.
    pub(in crate::shell) fn gather(&self) {
        self.outbound.gathers.set(!self.outbound.occupied.get());
    }

    /// It ends: makes the calls.
    pub(in crate::shell) fn dispatch_gathered(&self, stream: u32) {
        self.outbound.gathers.set(false);
        if self.outbound.waiting.try_borrow().map_or(true, |waiting| waiting.is_empty()) {
            return;
        }
        self.outbound.midway.set(true);
        let _ = x402_abi::as_root(self.root, stream);
        self.outbound.midway.set(false);
        // What was not called waits for the queue; where that is full, for the next tick.
        let mut left = self.take_waiting();
        left.retain(|what| !self.enqueue_shared(*what));
        if let Ok(mut waiting) = self.outbound.waiting.try_borrow_mut() {
            waiting.extend(left);
        }
    }

    /// Makes every call that waits, as the root.
    pub(in crate::shell) fn dispatch_waiting(&self) {
        for what in self.take_waiting() {
            self.dispatch(what);
        }
    }

    /// Makes every call that is queued, as the root.
    pub(in crate::shell) fn drain(&self, queue: u32) {
        while let Ok(Some(bytes)) = hostcalls::dequeue_shared_queue(queue) {
            if let Some(what) = Outgoing::from_bytes(&bytes) {
                self.dispatch(what);
            }
        }
    }

    fn dispatch(&self, what: Outgoing) {
        match what {
            Outgoing::Job(attempt) => self.dispatch_job(attempt),
            Outgoing::Errand(id) => self.send_errand(id),
        }
    }

    /// Whether a call that the host does not take is to be made again later, by the queue.
    pub(super) fn defers(&self, what: Outgoing) -> bool {
        let defers = self.outbound.midway.get();
        if let (true, Ok(mut waiting)) = (defers, self.outbound.waiting.try_borrow_mut()) {
            waiting.push(what);
        }
        defers
    }

    fn take_waiting(&self) -> Vec<Outgoing> {
        self.outbound
            .waiting
            .try_borrow_mut()
            .map(|mut waiting| std::mem::take(&mut *waiting))
            .unwrap_or_default()
    }
}
