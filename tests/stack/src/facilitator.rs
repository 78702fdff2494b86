//! A facilitator on an in-memory ledger: `GET /supported`, `POST /verify`, `POST /settle`,
//! and `/admin/…` to look inside and to break it.
//!
//! It verifies with alloy, never with the filter's code, and answers as one of the two
//! published facilitators would ([`Dialect`]): also where that is unhelpful, such as a
//! second `/settle` of a payment that already succeeded.

mod admin;
mod answer;
mod broken;
mod calls;
mod faults;
mod instant;
mod ledger;
mod listing;
mod node;
mod others;
mod permits;
mod service;
mod terms;
mod verify;

use std::collections::HashMap;
use std::io;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::Duration;

use alloy_primitives::{Address, B256, U256};

use crate::http1::serve;
use crate::listen::Server;

pub use answer::{Answer, Dialect, Settled};
pub use calls::Call;
pub use faults::{Fault, FaultKind, Operation};
pub use ledger::{AuthorizationKey, AuthorizationState, Ledger, Revert, Token, Transfer, GRANT};
pub use listing::Listing;
pub use node::Node;
pub use others::Kind;
pub use terms::{PaymentRequest, Terms};
pub use verify::{check, reason, verify, Verdict};

use calls::Calls;
use faults::Faults;
use service::Desk;

/// How to run it.
#[derive(Clone, Debug)]
pub struct Options {
    pub listen: SocketAddr,
    pub dialect: Dialect,
    pub token: Token,
    /// From the broadcast of a transaction to its receipt: the window in which two settlements
    /// of one payment race.
    pub latency: Duration,
    /// Answers `/settle` with success and `/verify` with valid, at once, whatever was sent;
    /// unless [`Facilitator::set_doubts`] says otherwise.
    pub instant: bool,
    /// What `/supported` lists.
    pub listing: Listing,
    /// In force from the first call.
    pub faults: Vec<Fault>,
    pub threads: usize,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            listen: SocketAddr::from(([127, 0, 0, 1], 0)),
            dialect: Dialect::default(),
            token: Token::default(),
            latency: Duration::from_millis(5),
            instant: false,
            listing: Listing::default(),
            faults: Vec::new(),
            threads: 1,
        }
    }
}

/// A running facilitator. Stops when dropped.
pub struct Facilitator {
    server: Server,
    state: Arc<State>,
}

pub(crate) struct State {
    options: Options,
    ledger: Mutex<Ledger>,
    /// Transactions whose receipt was not awaited, by signature.
    pending: Mutex<HashMap<String, String>>,
    faults: Mutex<Faults>,
    calls: Mutex<Calls>,
    listing: Mutex<Listing>,
    /// Calls to `/supported`.
    inquiries: Mutex<Calls>,
    clock_offset: AtomicI64,
    instant_calls: AtomicU64,
    /// Milliseconds before an instant answer.
    pause: AtomicU64,
    /// Whether an instant `/verify` says no.
    doubts: AtomicBool,
    doors: OnceLock<crate::listen::Doors>,
}

impl Facilitator {
    pub fn start(options: Options) -> io::Result<Self> {
        let ledger = Ledger::new(options.token);
        let state = Arc::new(State {
            ledger: Mutex::new(ledger),
            pending: Mutex::default(),
            faults: Mutex::new(Faults(options.faults.clone())),
            calls: Mutex::default(),
            listing: Mutex::new(options.listing.clone()),
            inquiries: Mutex::default(),
            clock_offset: AtomicI64::new(0),
            instant_calls: AtomicU64::new(0),
            pause: AtomicU64::new(0),
            doubts: AtomicBool::new(false),
            doors: OnceLock::new(),
            options,
        });
        let server = serve(state.options.listen, state.options.threads, Desk(state.clone()))?;
        let _ = state.doors.set(server.doors());
        Ok(Self { server, state })
    }

    pub fn address(&self) -> SocketAddr {
        self.server.address()
    }

    pub fn url(&self) -> String {
        format!("http://{}", self.address())
    }

    /// Puts a fault in force, after those already there.
    pub fn fault(&self, fault: Fault) {
        self.state.install(fault);
    }

    pub fn clear_faults(&self) {
        lock(&self.state.faults).0.clear();
    }

    /// Refuses connections until [`Facilitator::resume`]; the port stays ours.
    pub fn refuse(&self) {
        self.server.refuse();
    }

    pub fn resume(&self) {
        self.server.resume();
    }

    /// The ledger, to look at or to change; calls wait meanwhile.
    pub fn ledger(&self) -> MutexGuard<'_, Ledger> {
        lock(&self.state.ledger)
    }

    pub fn fund(&self, network: &str, asset: Address, owner: Address, amount: U256) {
        self.ledger().fund(network, asset, owner, amount);
    }

    /// A contract wallet stands at an address, and accepts or refuses every signature.
    pub fn deploy_wallet(&self, address: Address, accepts: bool) {
        self.ledger().deploy_wallet(address, accepts);
    }

    /// The payer's own `cancelAuthorization`.
    pub fn cancel(&self, key: AuthorizationKey) -> Result<B256, Revert> {
        self.ledger().cancel(key)
    }

    pub fn calls(&self) -> Vec<Call> {
        lock(&self.state.calls).all()
    }

    /// Calls to `/supported`.
    pub fn inquiries(&self) -> Vec<Call> {
        lock(&self.state.inquiries).all()
    }

    /// Changes what `/supported` lists.
    pub fn list(&self, change: impl FnOnce(&mut Listing)) {
        change(&mut lock(&self.state.listing));
    }

    /// How often this nonce was sent to `/settle`, however it went.
    pub fn settles_of(&self, nonce: B256) -> u64 {
        lock(&self.state.calls).settles_of(nonce)
    }

    /// What this nonce moved: at most one transfer per network, asset and payer.
    pub fn transfers_of(&self, nonce: B256) -> Vec<Transfer> {
        self.ledger().transfers_of(nonce)
    }

    /// Calls to `/verify` and `/settle` answered in instant mode, where nothing is logged.
    pub fn instant_calls(&self) -> u64 {
        self.state.instant_calls.load(Ordering::Relaxed)
    }

    /// How long a `/verify` or `/settle` takes from now on, in instant mode.
    pub fn set_pause(&self, pause: Duration) {
        let millis = u64::try_from(pause.as_millis()).unwrap_or(u64::MAX);
        self.state.pause.store(millis, Ordering::Relaxed);
    }

    /// Whether `/verify` takes every signature for a wrong one from now on, in instant mode.
    pub fn set_doubts(&self, doubts: bool) {
        self.state.doubts.store(doubts, Ordering::Relaxed);
    }

    /// Shifts the facilitator's clock, in seconds.
    pub fn set_clock_offset(&self, seconds: i64) {
        self.state.clock_offset.store(seconds, Ordering::Relaxed);
    }

    /// A new ledger, no faults, no calls.
    pub fn reset(&self) {
        self.state.reset();
    }
}

impl State {
    pub(crate) fn now(&self) -> u64 {
        let now = calls::unix_millis() / 1000;
        now.saturating_add_signed(self.clock_offset.load(Ordering::Relaxed))
    }

    fn install(self: &Arc<Self>, fault: Fault) {
        let FaultKind::Refuse { ms } = fault.kind else {
            return lock(&self.faults).0.push(fault);
        };
        let Some(doors) = self.doors.get().cloned() else {
            return;
        };
        doors.close();
        // Not a task: the fault may be installed from any thread, in or out of a runtime.
        std::thread::spawn(move || {
            std::thread::sleep(Duration::from_millis(ms));
            doors.open();
        });
    }

    fn reset(&self) {
        *lock(&self.ledger) = Ledger::new(self.options.token);
        lock(&self.pending).clear();
        lock(&self.faults).0.clear();
        lock(&self.calls).clear();
        lock(&self.inquiries).clear();
        *lock(&self.listing) = self.options.listing.clone();
        self.clock_offset.store(0, Ordering::Relaxed);
        self.instant_calls.store(0, Ordering::Relaxed);
        self.pause.store(0, Ordering::Relaxed);
        self.doubts.store(false, Ordering::Relaxed);
    }
}

/// A test that panicked with the lock held must not take the others along.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
