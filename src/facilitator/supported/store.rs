//! The shared value: who asks is settled by compare-and-swap, and so is what was learned.
//!
//! A worker looks once a second. The value is one to four kilobytes for the facilitators in
//! the field, and bounded by the cap on answers; copying it costs about what a claim does.

use sha3::{Digest, Keccak256};

use super::codec::LAYOUT;
use super::{Event, Fetched, Snapshot};
use crate::claims::table::{create, Shared, StoreDown};
use crate::claims::UnixSeconds;
use crate::config::Facilitator;

/// Tries before a contended value is given up.
const TRIES: usize = 16;

/// Least seconds somebody has for asking.
const LEASE_SECONDS: u64 = 15;

/// Where a facilitator's answer is kept. Two entries of a configuration that name the same
/// place share it, and so do a configuration and the one that replaces it.
pub fn key(facilitator: &Facilitator) -> String {
    format!("x402/supported/{LAYOUT}/{}", place(facilitator))
}

/// Where it is kept whether the facilitator answers, likewise: eight bytes.
pub fn breaker_key(facilitator: &Facilitator) -> String {
    "x402/breaker/1/".to_owned() + &place(facilitator)
}

fn place(facilitator: &Facilitator) -> String {
    let mut hash = Keccak256::new();
    for part in [&facilitator.cluster, &facilitator.authority, &facilitator.path_prefix] {
        hash.update(part.as_bytes());
        hash.update([0]);
    }
    let hash = hash.finalize();
    crate::digits::hex(hash.first_chunk::<16>().unwrap_or(&[0; 16]))
}

/// What is stored; a snapshot of nothing when there is nothing, or nothing of ours.
///
/// # Errors
/// [`StoreDown`] when the store cannot answer.
pub fn load(shared: &impl Shared, key: &str) -> Result<(Snapshot, Option<u32>), StoreDown> {
    let stored = shared.get(key)?;
    let cas = stored.as_ref().map(|(_, cas)| *cas);
    let snapshot = stored.and_then(|(bytes, _)| Snapshot::decode(&bytes)).unwrap_or_default();
    Ok((snapshot, cas))
}

/// Takes the lease if an answer is due: `true` for the one worker that must ask now. The
/// lease outlives the call's `timeout`, in seconds.
///
/// # Errors
/// [`StoreDown`] when the store cannot answer.
pub fn take_turn(
    shared: &impl Shared,
    key: &str,
    every: u64,
    timeout: u64,
    now: UnixSeconds,
) -> Result<bool, StoreDown> {
    let (snapshot, cas) = load(shared, key)?;
    if !snapshot.is_due(every, now) {
        return Ok(false);
    }
    let seconds = timeout.saturating_add(5).max(LEASE_SECONDS);
    save(shared, key, cas, &snapshot.on(Event::Asking(seconds), now))
}

/// What stood before an answer came.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Before {
    /// Whether anything was known.
    pub known: bool,
    /// Calls that had failed since.
    pub failures: u32,
    /// Whether the facilitator had said that it is elsewhere.
    pub redirected: bool,
}

/// Writes down what came of asking; gives what stood before.
///
/// # Errors
/// [`StoreDown`] when the store cannot answer, or stays contended.
pub fn record(
    shared: &impl Shared,
    key: &str,
    fetched: &Fetched,
    dice: u64,
    now: UnixSeconds,
) -> Result<Before, StoreDown> {
    for _ in 0..TRIES {
        let (snapshot, cas) = load(shared, key)?;
        let before = Before {
            known: snapshot.supported.is_some(),
            failures: snapshot.failures,
            redirected: snapshot.redirected,
        };
        if save(shared, key, cas, &snapshot.on(Event::Over(fetched.clone(), dice), now))? {
            return Ok(before);
        }
    }
    Err(StoreDown)
}

/// Whether the caller is the one to report the offers with this hash: once per change,
/// whichever worker sees it first.
///
/// # Errors
/// [`StoreDown`] when the store cannot answer, or stays contended.
pub fn may_report(shared: &impl Shared, key: &str, hash: u64, now: UnixSeconds) -> Result<bool, StoreDown> {
    for _ in 0..TRIES {
        let (snapshot, cas) = load(shared, key)?;
        if snapshot.reported == hash {
            return Ok(false);
        }
        if save(shared, key, cas, &snapshot.on(Event::Reported(hash), now))? {
            return Ok(true);
        }
    }
    Err(StoreDown)
}

fn save(shared: &impl Shared, key: &str, cas: Option<u32>, snapshot: &Snapshot) -> Result<bool, StoreDown> {
    let bytes = snapshot.encode();
    match cas {
        Some(cas) => shared.set(key, &bytes, cas),
        None => create(shared, key, &bytes),
    }
}
