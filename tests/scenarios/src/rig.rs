//! What a scenario can do, whatever carries it out.

use std::io;

use serde_json::{json, Value};
use x402_devstack::client::{Answer, RawRequest};
use x402_devstack::facilitator::{self, Facilitator, Kind};
use x402_devstack::upstream::{self, Upstream};

use crate::shop::SOLANA;

/// `per_connection_buffer_limit_bytes` of `envoy/envoy.yaml`.
pub const BUFFER_LIMIT: usize = 65_536;

/// Both ends of the proxy: who settles, and who serves.
pub struct World {
    /// The development facilitator: faults, ledger, calls.
    pub facilitator: Facilitator,
    /// The application: what it received.
    pub upstream: Upstream,
}

/// A filter under test between a [`World`]'s two ends.
pub trait Rig {
    /// Where it stands.
    fn world(&self) -> &World;

    /// One request on a connection of its own, to the end of its answer.
    fn send(&mut self, request: &RawRequest) -> Answer;

    /// One request whose client hangs up while the facilitator is at work. Returns once the
    /// facilitator has answered.
    fn hang_up(&mut self, request: &RawRequest);

    /// The store of claims is gone, and nothing can be written to it.
    ///
    /// # Panics
    /// Where the store cannot be reached from outside.
    fn lose_claims(&mut self) {
        panic!("the store of this rig cannot be taken away");
    }

    /// So many seconds pass, for the filter.
    fn pass(&mut self, _seconds: u64) {
        panic!("the clock of this rig is nobody's to set");
    }

    /// Whether an HTTP front end stands before the filter, which normalises and refuses
    /// requests by its own rules.
    fn has_front_end(&self) -> bool {
        false
    }

    /// How much of a body the host holds for a filter that pauses in body callbacks; it
    /// refuses what is longer. `None` where a pause stops the sender instead.
    fn held_body_limit(&self) -> Option<usize> {
        None
    }
}

// === impl World ===

impl World {
    /// New ends: a full ledger, and nothing received.
    ///
    /// # Errors
    /// When there is no free port.
    pub fn start() -> io::Result<Self> {
        let kind = |x402_version, scheme: &str, network: &str, extra| Kind {
            x402_version,
            scheme: scheme.to_owned(),
            network: network.to_owned(),
            extra,
        };
        let mut options = facilitator::Options::default();
        options.listing.others = vec![
            kind(2, "exact", SOLANA, json!({ "feePayer": "somebody" })),
            kind(1, "exact", "solana-devnet", json!({ "feePayer": "somebody" })),
            kind(2, "escrow", "eip155:84532", Value::Null),
        ];
        Ok(Self {
            facilitator: Facilitator::start(options)?,
            upstream: Upstream::start(upstream::Options::default())?,
        })
    }
}
