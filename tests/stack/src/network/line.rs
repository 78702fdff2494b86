//! One address that leads to another, and what may befall the connections to it.

use std::io;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::net::TcpStream;
use tokio::sync::watch;

use crate::listen::{Accept, Mode, Server};

use super::relay::{Order, Relay};

/// What befalls a connection. Bytes are counted from its first one on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Trouble {
    /// RST as soon as it is accepted.
    ResetOnAccept,
    /// RST to both ends once this much of what the caller says has passed. Whether the far
    /// end still reads it is the kernel's secret.
    ResetAfterRequest(u64),
    /// RST to the caller in place of everything after this much of the answer; with 0 the far
    /// end has answered and nobody heard it.
    ResetAfterAnswer(u64),
    /// FIN instead of RST.
    CutAfterAnswer(u64),
    /// Accepted, read, and never answered; the far end hears nothing of it.
    BlackHole,
    /// The answer comes so many bytes at a time, with a pause after each.
    Drip { bytes: usize, every: Duration },
    /// Everything the far end says comes this much later.
    Delay(Duration),
}

/// Which connections a trouble befalls.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Aim {
    All,
    /// So many, from now on.
    Next(u64),
    /// Every so-manieth, from now on.
    Every(u64),
}

/// What has passed since the start. A connection counts once the caller has said something,
/// or was reset at once.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Traffic {
    pub connections: u64,
    /// Those among them that met a trouble.
    pub troubled: u64,
    /// Bytes from callers that were passed on.
    pub there: u64,
    /// Bytes of answers that were passed on.
    pub back: u64,
}

/// A line to an address. Gone when dropped.
pub struct Line {
    server: Server,
    state: Arc<State>,
}

pub(super) struct State {
    to: SocketAddr,
    plan: Mutex<Plan>,
    pub(super) orders: watch::Sender<Order>,
    pub(super) counters: Counters,
}

#[derive(Default)]
struct Plan {
    trouble: Option<(Trouble, Aim)>,
    /// Connections since the trouble began.
    since: u64,
}

#[derive(Default)]
pub(super) struct Counters {
    connections: AtomicU64,
    troubled: AtomicU64,
    pub(super) there: AtomicU64,
    pub(super) back: AtomicU64,
    /// Connections that are open and wait for nothing.
    pub(super) idle: AtomicU64,
}

#[derive(Clone)]
struct Entrance(Arc<State>);

// === impl Line ===

impl Line {
    /// A line to `to` from a free port on loopback. Everything passes.
    pub fn start(to: SocketAddr) -> io::Result<Self> {
        let (orders, _) = watch::channel(Order::default());
        let state = State { to, plan: Mutex::default(), orders, counters: Counters::default() };
        let state = Arc::new(state);
        let server = Server::start(SocketAddr::from(([127, 0, 0, 1], 0)), 1, Entrance(state.clone()))?;
        Ok(Self { server, state })
    }

    /// Where callers come in.
    pub fn address(&self) -> SocketAddr {
        self.server.address()
    }

    /// From now on this, in place of what was before. Idle connections are closed, so that the
    /// caller's next request meets it; busy ones keep what they have.
    pub fn trouble(&self, trouble: Trouble, aim: Aim) {
        *self.plan() = Plan { trouble: Some((trouble, aim)), since: 0 };
        self.state.orders.send_modify(|order| order.close_idle += 1);
        self.await_closed();
    }

    /// Everything passes again.
    pub fn mend(&self) {
        *self.plan() = Plan::default();
    }

    /// RST on every connection that is open, busy or not.
    pub fn break_off(&self) {
        self.state.orders.send_modify(|order| order.reset_all += 1);
        std::thread::sleep(Duration::from_millis(20));
    }

    /// Connections are refused and idle ones closed, until [`Line::resume`].
    pub fn refuse(&self) {
        self.server.refuse();
        self.await_closed();
    }

    pub fn resume(&self) {
        self.server.resume();
    }

    pub fn traffic(&self) -> Traffic {
        let counters = &self.state.counters;
        let read = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        Traffic {
            connections: read(&counters.connections),
            troubled: read(&counters.troubled),
            there: read(&counters.there),
            back: read(&counters.back),
        }
    }

    /// Waits until the far end of the pool can have seen that its idle connections are gone.
    fn await_closed(&self) {
        for _ in 0..100 {
            if self.state.counters.idle.load(Ordering::Relaxed) == 0 {
                break;
            }
            std::thread::sleep(Duration::from_millis(5));
        }
        std::thread::sleep(Duration::from_millis(20));
    }

    fn plan(&self) -> std::sync::MutexGuard<'_, Plan> {
        self.state.plan.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

// === impl State ===

impl State {
    /// Counts a connection and says what befalls it.
    fn next(&self) -> Option<Trouble> {
        let mut plan = self.plan.lock().unwrap_or_else(PoisonError::into_inner);
        plan.since += 1;
        let since = plan.since;
        let met = plan.trouble.filter(|(_, aim)| match *aim {
            Aim::All => true,
            Aim::Next(most) => since <= most,
            Aim::Every(nth) => nth > 0 && since.is_multiple_of(nth),
        });
        self.counters.connections.fetch_add(1, Ordering::Relaxed);
        if met.is_some() {
            self.counters.troubled.fetch_add(1, Ordering::Relaxed);
        }
        met.map(|(trouble, _)| trouble)
    }

    fn resets_on_accept(&self) -> bool {
        let plan = self.plan.lock().unwrap_or_else(PoisonError::into_inner);
        matches!(plan.trouble, Some((Trouble::ResetOnAccept, _)))
    }
}

// === impl Entrance ===

impl Accept for Entrance {
    async fn accept(self, near: TcpStream, mut mode: watch::Receiver<Mode>) {
        let Self(state) = self;
        // Whoever only looks whether somebody listens says nothing. A pool of connections keeps one
        // that it opened for a request which another one served: idle from the start.
        if !state.resets_on_accept() {
            let (mut orders, mut byte) = (state.orders.subscribe(), [0]);
            let speaks = tokio::select! {
                biased;
                _ = orders.changed() => false,
                _ = mode.wait_for(|mode| *mode != Mode::Open) => false,
                said = near.peek(&mut byte) => matches!(said, Ok(1)),
            };
            if !speaks {
                return;
            }
        }
        let trouble = state.next();
        if trouble == Some(Trouble::ResetOnAccept) {
            let _ = near.set_zero_linger();
            return;
        }
        let to = state.to;
        Relay::new(state, trouble).run(near, to, mode).await;
    }
}
