//! One connection through a line, both ways.

use std::io;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::Arc;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::tcp::{ReadHalf, WriteHalf};
use tokio::net::TcpStream;
use tokio::sync::watch;

use crate::listen::Mode;

use super::line::{State, Trouble};

/// What is asked of connections that are open; each number counts how often.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Order {
    pub(super) close_idle: u64,
    pub(super) reset_all: u64,
}

/// How a connection ends at both ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Ending {
    Reset,
    Cut,
}

pub(super) struct Relay {
    state: Arc<State>,
    trouble: Option<Trouble>,
    /// Whether nothing was asked that is not answered yet.
    idle: AtomicBool,
}

/// Until one of these, bytes pass.
struct Limit {
    left: Option<u64>,
    ending: Ending,
}

// === impl Relay ===

impl Relay {
    pub(super) fn new(state: Arc<State>, trouble: Option<Trouble>) -> Self {
        Self { state, trouble, idle: AtomicBool::new(false) }
    }

    pub(super) async fn run(&self, mut near: TcpStream, to: SocketAddr, mode: watch::Receiver<Mode>) {
        let mut far = None;
        let ending = tokio::select! {
            ending = self.pass(&mut near, to, &mut far) => ending,
            ending = self.ordered(mode) => ending,
        };
        self.rest(false);
        if ending == Ending::Reset {
            let ends = [Some(&near), far.as_ref()];
            ends.into_iter().flatten().for_each(|end| drop(end.set_zero_linger()));
        }
    }

    async fn pass(&self, near: &mut TcpStream, to: SocketAddr, far: &mut Option<TcpStream>) -> Ending {
        if self.trouble == Some(Trouble::BlackHole) {
            let mut swallowed = [0; 4096];
            while matches!(near.read(&mut swallowed).await, Ok(1..)) {}
            return Ending::Cut;
        }
        let Ok(connected) = TcpStream::connect(to).await else {
            return Ending::Reset;
        };
        let _ = connected.set_nodelay(true);
        let (near_in, near_out) = near.split();
        let (far_in, far_out) = far.insert(connected).split();
        let both = tokio::try_join!(self.there(near_in, far_out), self.back(far_in, near_out));
        both.err().unwrap_or(Ending::Cut)
    }

    /// What the caller says.
    async fn there(&self, mut from: ReadHalf<'_>, mut to: WriteHalf<'_>) -> Result<(), Ending> {
        let left = match self.trouble {
            Some(Trouble::ResetAfterRequest(most)) => Some(most),
            _ => None,
        };
        let mut limit = Limit { left, ending: Ending::Reset };
        let mut buffer = [0; 16 * 1024];
        loop {
            let read = from.read(&mut buffer).await.map_err(|_| Ending::Reset)?;
            self.rest(false);
            let Some(said) = buffer.get(..read).filter(|said| !said.is_empty()) else {
                return to.shutdown().await.map_err(|_| Ending::Reset);
            };
            let passed = limit.of(said);
            to.write_all(passed).await.map_err(|_| Ending::Reset)?;
            count(&self.state.counters.there, passed);
            limit.reached()?;
        }
    }

    /// What the far end answers.
    async fn back(&self, mut from: ReadHalf<'_>, mut to: WriteHalf<'_>) -> Result<(), Ending> {
        let (left, ending) = match self.trouble {
            Some(Trouble::ResetAfterAnswer(most)) => (Some(most), Ending::Reset),
            Some(Trouble::CutAfterAnswer(most)) => (Some(most), Ending::Cut),
            _ => (None, Ending::Cut),
        };
        let mut limit = Limit { left, ending };
        let mut buffer = [0; 16 * 1024];
        loop {
            let read = from.read(&mut buffer).await.map_err(|_| Ending::Reset)?;
            let Some(said) = buffer.get(..read).filter(|said| !said.is_empty()) else {
                return to.shutdown().await.map_err(|_| Ending::Reset);
            };
            let passed = limit.of(said);
            self.say(passed, &mut to).await.map_err(|_| Ending::Reset)?;
            count(&self.state.counters.back, passed);
            limit.reached()?;
            self.rest(true);
        }
    }

    async fn say(&self, said: &[u8], to: &mut WriteHalf<'_>) -> io::Result<()> {
        let (bytes, every) = match self.trouble {
            Some(Trouble::Drip { bytes, every }) => (bytes.max(1), every),
            Some(Trouble::Delay(late)) => {
                tokio::time::sleep(late).await;
                (said.len(), Duration::ZERO)
            }
            _ => (said.len(), Duration::ZERO),
        };
        for drop in said.chunks(bytes.max(1)) {
            to.write_all(drop).await?;
            if !every.is_zero() {
                tokio::time::sleep(every).await;
            }
        }
        Ok(())
    }

    /// Waits until this connection is told to end.
    async fn ordered(&self, mut mode: watch::Receiver<Mode>) -> Ending {
        let mut orders = self.state.orders.subscribe();
        let begun = *orders.borrow();
        loop {
            let order = *orders.borrow_and_update();
            if order.reset_all > begun.reset_all {
                return Ending::Reset;
            }
            let idle = self.idle.load(Ordering::Relaxed);
            if idle && (order.close_idle > begun.close_idle || *mode.borrow_and_update() != Mode::Open) {
                return Ending::Cut;
            }
            let changed = tokio::select! {
                changed = orders.changed() => changed,
                changed = mode.changed() => changed,
            };
            if changed.is_err() {
                return Ending::Cut;
            }
        }
    }

    /// Remembers whether this connection waits for nothing.
    fn rest(&self, idle: bool) {
        let before = self.idle.swap(idle, Ordering::Relaxed);
        let counter = &self.state.counters.idle;
        match (before, idle) {
            (false, true) => drop(counter.fetch_add(1, Ordering::Relaxed)),
            (true, false) => drop(counter.fetch_sub(1, Ordering::Relaxed)),
            _ => {}
        }
    }
}

fn count(counter: &AtomicU64, passed: &[u8]) {
    counter.fetch_add(passed.len() as u64, Ordering::Relaxed);
}

// === impl Limit ===

impl Limit {
    /// As much of this as may still pass.
    fn of<'s>(&mut self, said: &'s [u8]) -> &'s [u8] {
        let Some(left) = &mut self.left else {
            return said;
        };
        let most = usize::try_from(*left).unwrap_or(usize::MAX).min(said.len());
        *left -= most as u64;
        &said[..most]
    }

    fn reached(&self) -> Result<(), Ending> {
        if self.left == Some(0) {
            Err(self.ending)
        } else {
            Ok(())
        }
    }
}
