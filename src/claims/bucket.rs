//! One bucket of the claim table, as bytes.
//!
//! ```text
//! header   layout u8 = 1 | 0 | live count u16 | tombstone count u16 | 0 u16      8 bytes
//! live     tag 12 | state 1 | redeems 1 | asks 1 | has 32 bytes 1
//!          | attempt 8 | lease 4 | expires 4 | valid before 4 | redeem for 4
//!          | binding 16 | 32 bytes | amount u64                                  96 bytes
//! tombstone tag 12 | expires 4 | transaction 32                                  48 bytes
//! ```
//!
//! | state | the 32 bytes | amount u64 |
//! |---|---|---|
//! | held, settling, unknown | big-endian, the amount asked for; none if it is what was signed | zero |
//! | taken, redeeming | the transaction | what was settled; zero if that was what was signed, or is over 64 bits |
//!
//! The state says what they are, because a worker of the first release, which shares the
//! table while it drains, takes them for a transaction and keeps them when it rewrites.
//! Integers are little-endian; times are whole seconds in a `u32` (good until 2106). A
//! tombstone keeps the transaction because a replay is answered with the original receipt;
//! all zero, nothing was charged. A mark is a tombstone with its fingerprint in that place.
//! Bytes that do not parse are a bucket that cannot be trusted: every op on it is refused.

use super::{Attempt, Binding, Claim, Next, State, Transaction, UnixSeconds};
use crate::money::Amount;

/// The layout this code reads and writes; part of every key.
pub const LAYOUT: u8 = 1;

const HEADER: usize = 8;
const LIVE: usize = 96;
const TOMBSTONE: usize = 48;

/// Short name of a claim inside its bucket.
pub type Tag = [u8; 12];

/// How many entries of each state a bucket gained (positive) or lost, in the order of
/// [`State::ALL`]; what the gauges are moved by.
pub type Delta = [i64; State::ALL.len()];

/// A parsed bucket; borrows its bytes.
#[derive(Debug)]
pub struct Bucket<'a> {
    live: &'a [[u8; LIVE]],
    tombstones: &'a [[u8; TOMBSTONE]],
}

/// A bucket rewritten.
#[derive(Debug)]
pub struct Rewritten {
    /// The new bytes.
    pub bytes: Vec<u8>,
    /// What changed.
    pub delta: Delta,
    /// What was given up with money in it.
    pub forgotten: Forgotten,
}

/// Claims whose time ran out although money moved, or may have.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Forgotten {
    /// The outcome was never proven.
    pub disputed: u32,
    /// Paid, and never delivered.
    pub undelivered: u32,
}

// === impl Forgotten ===

impl Forgotten {
    /// Adds what another rewrite gave up.
    pub fn add(&mut self, other: Self) {
        self.disputed = self.disputed.saturating_add(other.disputed);
        self.undelivered = self.undelivered.saturating_add(other.undelivered);
    }

    fn note(&mut self, state: State) {
        match state {
            State::Settling | State::Unknown => self.disputed = self.disputed.saturating_add(1),
            State::Taken | State::Redeeming => self.undelivered = self.undelivered.saturating_add(1),
            State::Held | State::Delivered => {}
        }
    }
}

// === impl Bucket ===

impl<'a> Bucket<'a> {
    /// The bytes of an empty bucket.
    pub fn empty() -> Vec<u8> {
        vec![LAYOUT, 0, 0, 0, 0, 0, 0, 0]
    }

    /// Reads a bucket; `None` if the bytes are not one.
    pub fn parse(bytes: &'a [u8]) -> Option<Self> {
        let (header, rest) = bytes.split_first_chunk::<HEADER>()?;
        let [LAYOUT, 0, l0, l1, t0, t1, 0, 0] = *header else {
            return None;
        };
        let live_bytes = usize::from(u16::from_le_bytes([l0, l1])).checked_mul(LIVE)?;
        let (live, tombstones) = rest.split_at_checked(live_bytes)?;
        let (live, []) = live.as_chunks::<LIVE>() else {
            return None;
        };
        let (tombstones, []) = tombstones.as_chunks::<TOMBSTONE>() else {
            return None;
        };
        // A claim in a state nobody knows would read as no claim, and be granted again.
        let known = live.iter().all(|entry| entry.get(12).is_some_and(|s| State::from_byte(*s).is_some()));
        (known && tombstones.len() == usize::from(u16::from_le_bytes([t0, t1])))
            .then_some(Self { live, tombstones })
    }

    /// The claim of a tag as it was stored, whatever the time.
    pub fn find(&self, tag: &Tag) -> Option<Claim> {
        let live = self.live.iter().find(|entry| entry.starts_with(tag));
        if let Some(entry) = live {
            return read_live(entry);
        }
        self.tombstones.iter().find(|entry| entry.starts_with(tag)).and_then(read_tombstone)
    }

    /// How many entries are remembered at `now`, and how many of them hold money in doubt.
    pub fn load(&self, now: UnixSeconds) -> (usize, usize) {
        let live = self.live.iter().filter_map(read_live).filter_map(|claim| claim.at(now));
        let mut entries = 0usize;
        let mut doubtful = 0usize;
        for claim in live {
            entries = entries.saturating_add(1);
            if matches!(claim.state, State::Settling | State::Unknown) {
                doubtful = doubtful.saturating_add(1);
            }
        }
        let kept = self.tombstones.iter().filter_map(read_tombstone);
        let tombstones = kept.filter(|claim| now < claim.expires).count();
        (entries.saturating_add(tombstones), doubtful)
    }

    /// Writes the bucket again with one claim changed and everything that is over dropped.
    pub fn rewrite(&self, tag: &Tag, next: &Next, now: UnixSeconds) -> Rewritten {
        let mut delta = Delta::default();
        let mut forgotten = Forgotten::default();
        let mut live: Vec<u8> = Vec::with_capacity(self.live.len().saturating_add(1).saturating_mul(LIVE));
        let mut tombstones: Vec<u8> = Vec::with_capacity(self.tombstones.len().saturating_mul(TOMBSTONE));
        let mut put = |tag: &Tag, claim: &Claim, delta: &mut Delta| {
            count(delta, claim.state, 1);
            match claim.state {
                State::Delivered => tombstones.extend_from_slice(&write_tombstone(tag, claim)),
                _ => live.extend_from_slice(&write_live(tag, claim)),
            }
        };
        let stored = self.live.iter().map(|e| (e.first_chunk::<12>(), read_live(e)));
        let buried = self.tombstones.iter().map(|e| (e.first_chunk::<12>(), read_tombstone(e)));
        for (entry_tag, claim) in stored.chain(buried) {
            let (Some(entry_tag), Some(claim)) = (entry_tag, claim) else { continue };
            count(&mut delta, claim.state, -1);
            let Some(current) = claim.at(now) else {
                forgotten.note(claim.state);
                continue;
            };
            if entry_tag == tag && !matches!(next, Next::Keep) {
                continue;
            }
            put(entry_tag, &current, &mut delta);
        }
        if let Next::Put(claim) = next {
            put(tag, claim, &mut delta);
        }
        let mut bytes = Self::empty();
        let counts = [count_of(&live, LIVE), count_of(&tombstones, TOMBSTONE)];
        if let Some(header) = bytes.get_mut(2..6) {
            for (slot, byte) in header.iter_mut().zip(counts.into_iter().flat_map(u16::to_le_bytes)) {
                *slot = byte;
            }
        }
        bytes.append(&mut live);
        bytes.append(&mut tombstones);
        Rewritten { bytes, delta, forgotten }
    }

    /// How many entries a rewrite at `now` would change or drop by time alone.
    pub fn lapsed(&self, now: UnixSeconds) -> usize {
        let stored = self.live.iter().filter_map(read_live);
        let buried = self.tombstones.iter().filter_map(read_tombstone);
        stored.chain(buried).filter(|claim| claim.at(now) != Some(*claim)).count()
    }
}

fn count(delta: &mut Delta, state: State, by: i64) {
    let slot = State::ALL.iter().position(|s| *s == state).and_then(|i| delta.get_mut(i));
    if let Some(slot) = slot {
        *slot = slot.saturating_add(by);
    }
}

fn count_of(bytes: &[u8], size: usize) -> u16 {
    u16::try_from(bytes.len().checked_div(size).unwrap_or(0)).unwrap_or(u16::MAX)
}

// The array patterns below are the layout table of this module, field by field.

fn read_live(entry: &[u8; LIVE]) -> Option<Claim> {
    let (_, rest) = entry.split_first_chunk::<12>()?;
    let ([state, redeems, asks, has_bytes], rest) = rest.split_first_chunk::<4>()?;
    let (attempt, rest) = rest.split_first_chunk::<8>()?;
    let (lease, rest) = rest.split_first_chunk::<4>()?;
    let (expires, rest) = rest.split_first_chunk::<4>()?;
    let (valid_before, rest) = rest.split_first_chunk::<4>()?;
    let (redeem_for, rest) = rest.split_first_chunk::<4>()?;
    let (binding, rest) = rest.split_first_chunk::<16>()?;
    let (bytes, rest) = rest.split_first_chunk::<32>()?;
    let units = u64::from_le_bytes(*rest.first_chunk::<8>()?);
    let state = State::from_byte(*state)?;
    let bytes = (*has_bytes != 0).then_some(*bytes);
    let (transaction, amount) = if is_open(state) {
        (None, bytes.map(Amount::from_be_bytes))
    } else {
        (bytes.map(Transaction), (units > 0).then(|| Amount::from_u64(units)))
    };
    Some(Claim {
        state,
        attempt: Attempt(u64::from_le_bytes(*attempt)),
        lease: u32::from_le_bytes(*lease).into(),
        expires: u32::from_le_bytes(*expires).into(),
        valid_before: u32::from_le_bytes(*valid_before).into(),
        redeem_for: u32::from_le_bytes(*redeem_for),
        redeems: *redeems,
        asks: *asks,
        binding: Binding(*binding),
        transaction,
        amount,
    })
}

/// No transaction is known in these states: to learn it is to leave them.
fn is_open(state: State) -> bool {
    matches!(state, State::Held | State::Settling | State::Unknown)
}

fn write_live(tag: &Tag, claim: &Claim) -> [u8; LIVE] {
    let (bytes, units) = if is_open(claim.state) {
        (claim.amount.map(Amount::to_be_bytes), 0)
    } else {
        let units = claim.amount.and_then(Amount::to_u64).unwrap_or(0);
        (claim.transaction.map(|transaction| transaction.0), units)
    };
    let fields: [&[u8]; 10] = [
        tag,
        &[claim.state as u8, claim.redeems, claim.asks, u8::from(bytes.is_some())],
        &claim.attempt.0.to_le_bytes(),
        &seconds(claim.lease),
        &seconds(claim.expires),
        &seconds(claim.valid_before),
        &claim.redeem_for.to_le_bytes(),
        &claim.binding.0,
        &bytes.unwrap_or([0; 32]),
        &units.to_le_bytes(),
    ];
    pack(&fields)
}

fn read_tombstone(entry: &[u8; TOMBSTONE]) -> Option<Claim> {
    let (_, rest) = entry.split_first_chunk::<12>()?;
    let (expires, rest) = rest.split_first_chunk::<4>()?;
    let (transaction, _) = rest.split_first_chunk::<32>()?;
    let transaction = (*transaction != [0; 32]).then_some(Transaction(*transaction));
    Some(Claim::tombstone(u32::from_le_bytes(*expires).into(), transaction))
}

fn write_tombstone(tag: &Tag, claim: &Claim) -> [u8; TOMBSTONE] {
    let transaction = claim.transaction.unwrap_or(Transaction([0; 32]));
    pack(&[tag, &seconds(claim.expires), &transaction.0])
}

fn seconds(time: UnixSeconds) -> [u8; 4] {
    u32::try_from(time).unwrap_or(u32::MAX).to_le_bytes()
}

fn pack<const N: usize>(fields: &[&[u8]]) -> [u8; N] {
    let mut entry = [0; N];
    for (slot, byte) in entry.iter_mut().zip(fields.iter().copied().flatten()) {
        *slot = *byte;
    }
    entry
}

#[cfg(test)]
mod tests;
