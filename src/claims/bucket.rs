//! One bucket of the claim table, as bytes; and one claim as text, for a store that others share.
//!
//! ```text
//! header   layout u8 | 0 | live count u16 | tombstone count u16 | 0 u16           8 bytes
//! live     tag 12 | state 1 | redeems 1 | asks 1 | flags 1
//!          | attempt 8 | lease 4 | expires 4 | valid before 4 | redeem for 4
//!          | binding 16 | 32 bytes | amount u64 | settler u32                   100 bytes
//! tombstone tag 12 | expires 4 | transaction 32                                  48 bytes
//! ```
//!
//! | state | the 32 bytes | amount u64 |
//! |---|---|---|
//! | held, settling, unknown | big-endian, the amount asked for; none if it is what was signed | of a foreign one, when the first ask began; else zero |
//! | taken, redeeming | the transaction | what was settled; zero if that was what was signed, or is over 64 bits |
//! | credited | the nonce of the claim that stands for it | zero |
//!
//! Flags: 1, the 32 bytes are there; 2, orphan; 4, foreign. Asks: since it was paid, redirects that led it on. The state says what the bytes are, because a
//! worker of the first release, which may share a table of layout 1 while it drains, takes them
//! for a transaction and keeps them when it rewrites. Integers are little-endian; times are whole
//! seconds in a `u32` (good until 2106). A tombstone keeps the transaction because a replay is
//! answered with the original receipt; all zero, nothing was charged. A mark is a tombstone with
//! its fingerprint in that place. Bytes that do not parse are a bucket that cannot be trusted:
//! every op on it is refused.
//!
//! Layout 1 has live entries of 96 bytes: without the settler, the time of a foreign one, and credited claims, which
//! are kept as tombstones of payments that were not charged. Its flags 2 and 4 are the bits 64 and 128 of the count of
//! asks, of what is open.

use super::{Claim, Next, State, UnixSeconds};

mod entry;

pub use entry::{from_text, to_text};
use entry::{
    is_buried, live_passing, push_live, push_tombstone, read_record, read_tombstone, tombstone_passing,
};

/// How buckets are written: a number that is part of every key.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(u8)]
pub enum Layout {
    /// The first release's.
    One = 1,
    /// With who was asked, orphans and credited claims.
    Two = 2,
}

const HEADER: usize = 8;
const TOMBSTONE: usize = 48;

/// Short name of a claim inside its bucket.
pub type Tag = [u8; 12];

/// How many entries of each state a bucket gained (positive) or lost, in the order of
/// [`State::ALL`]; what the gauges are moved by.
pub type Delta = [i64; State::ALL.len()];

/// A parsed bucket; borrows its bytes.
#[derive(Debug)]
pub struct Bucket<'a> {
    layout: Layout,
    live: &'a [u8],
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
            State::Held | State::Delivered | State::Credited => {}
        }
    }
}

// === impl Layout ===

impl Layout {
    /// The layout a stored byte names.
    pub fn from_byte(byte: u8) -> Option<Self> {
        [Self::One, Self::Two].into_iter().find(|layout| *layout as u8 == byte)
    }

    /// Bytes of a live entry.
    fn live(self) -> usize {
        match self {
            Self::One => 96,
            Self::Two => 100,
        }
    }
}

// === impl Bucket ===

impl<'a> Bucket<'a> {
    /// The bytes of an empty bucket.
    pub fn empty(layout: Layout) -> Vec<u8> {
        vec![layout as u8, 0, 0, 0, 0, 0, 0, 0]
    }

    /// Reads a bucket; `None` if the bytes are not one.
    pub fn parse(bytes: &'a [u8]) -> Option<Self> {
        let (header, rest) = bytes.split_first_chunk::<HEADER>()?;
        let [layout, 0, l0, l1, t0, t1, 0, 0] = *header else {
            return None;
        };
        let layout = Layout::from_byte(layout)?;
        let live_bytes = usize::from(u16::from_le_bytes([l0, l1])).checked_mul(layout.live())?;
        let (live, tombstones) = rest.split_at_checked(live_bytes)?;
        let (tombstones, []) = tombstones.as_chunks::<TOMBSTONE>() else {
            return None;
        };
        let bucket = Self { layout, live, tombstones };
        // A claim in a state nobody knows would read as no claim, and be granted again.
        let state = |entry: &[u8]| State::from_byte(*entry.get(12)?);
        let known = bucket.entries().all(|entry| state(entry).is_some());
        (known && tombstones.len() == usize::from(u16::from_le_bytes([t0, t1]))).then_some(bucket)
    }

    fn entries(&self) -> impl Iterator<Item = &'a [u8]> {
        self.live.chunks_exact(self.layout.live())
    }

    /// What time makes of each entry: its state as stored, and as it is at `now`.
    fn passing(&self, now: UnixSeconds) -> impl Iterator<Item = (State, Option<State>)> + use<'_, 'a> {
        let live = self.entries().filter_map(move |entry| live_passing(entry, now));
        live.chain(self.tombstones.iter().filter_map(move |entry| tombstone_passing(entry, now)))
    }

    /// The claim of a tag as it was stored, whatever the time.
    pub fn find(&self, tag: &Tag) -> Option<Claim> {
        if let Some(entry) = self.entries().find(|entry| entry.starts_with(tag)) {
            return read_record(entry.get(tag.len()..)?);
        }
        let entry = self.tombstones.iter().find(|entry| entry.starts_with(tag))?;
        read_tombstone(entry.get(tag.len()..)?)
    }

    /// How many entries are remembered at `now`, and how many of them hold money in doubt.
    pub fn load(&self, now: UnixSeconds) -> (usize, usize) {
        let (mut entries, mut doubtful) = (0usize, 0usize);
        for state in self.passing(now).filter_map(|(_, state)| state) {
            entries = entries.saturating_add(1);
            if matches!(state, State::Settling | State::Unknown) {
                doubtful = doubtful.saturating_add(1);
            }
        }
        (entries, doubtful)
    }

    /// Writes the bucket again with one claim changed and everything that is over dropped. What stays as
    /// it is is copied.
    pub fn rewrite(&self, tag: &Tag, next: &Next, now: UnixSeconds) -> Rewritten {
        let room = self.live.len().saturating_add(self.tombstones.len().saturating_mul(TOMBSTONE));
        let mut writing = Writing::new(self.layout, room);
        let replaces = |entry: &[u8]| !matches!(next, Next::Keep) && entry.starts_with(tag);
        for entry in self.entries() {
            let Some((stored, passed)) = live_passing(entry, now) else { continue };
            match passed {
                None => writing.drop_over(stored),
                Some(_) if replaces(entry) => count(&mut writing.delta, stored, -1),
                Some(state) if state == stored && !is_buried(state, self.layout) => writing.keep_live(entry),
                Some(_) => {
                    count(&mut writing.delta, stored, -1);
                    let read =
                        entry.split_first_chunk().and_then(|(tag, record)| Some((tag, read_record(record)?)));
                    if let Some((tag, claim)) = read.and_then(|(tag, claim)| Some((tag, claim.at(now)?))) {
                        writing.put(tag, &claim);
                    }
                }
            }
        }
        if let Next::Put(claim) = next {
            writing.put(tag, claim);
        }
        for entry in self.tombstones {
            match tombstone_passing(entry, now) {
                Some((stored, None)) => writing.drop_over(stored),
                Some((stored, Some(_))) if replaces(entry) => count(&mut writing.delta, stored, -1),
                _ => writing.keep_tombstone(entry),
            }
        }
        writing.done()
    }

    /// How many entries a rewrite at `now` would change or drop by time alone.
    pub fn lapsed(&self, now: UnixSeconds) -> usize {
        self.passing(now).filter(|(stored, passed)| *passed != Some(*stored)).count()
    }
}

/// A bucket being written: live entries first.
struct Writing {
    layout: Layout,
    bytes: Vec<u8>,
    live: u16,
    /// What was buried while live entries were written.
    buried: Vec<u8>,
    tombstones: u16,
    delta: Delta,
    forgotten: Forgotten,
}

// === impl Writing ===

impl Writing {
    fn new(layout: Layout, room: usize) -> Self {
        let mut bytes = Vec::with_capacity(room.saturating_add(HEADER).saturating_add(layout.live()));
        bytes.extend_from_slice(&[layout as u8, 0, 0, 0, 0, 0, 0, 0]);
        let (delta, forgotten) = (Delta::default(), Forgotten::default());
        Self { layout, bytes, live: 0, buried: Vec::new(), tombstones: 0, delta, forgotten }
    }

    fn keep_live(&mut self, entry: &[u8]) {
        self.live = self.live.saturating_add(1);
        self.bytes.extend_from_slice(entry);
    }

    fn keep_tombstone(&mut self, entry: &[u8]) {
        self.tombstones = self.tombstones.saturating_add(1);
        self.buried.extend_from_slice(entry);
    }

    fn put(&mut self, tag: &Tag, claim: &Claim) {
        if is_buried(claim.state, self.layout) {
            count(&mut self.delta, State::Delivered, 1);
            self.keep_tombstone(tag);
            push_tombstone(&mut self.buried, claim);
        } else {
            count(&mut self.delta, claim.state, 1);
            self.keep_live(tag);
            push_live(&mut self.bytes, claim, self.layout);
        }
    }

    fn drop_over(&mut self, stored: State) {
        count(&mut self.delta, stored, -1);
        self.forgotten.note(stored);
    }

    fn done(mut self) -> Rewritten {
        if let Some(header) = self.bytes.get_mut(2..6) {
            let counts = [self.live, self.tombstones];
            for (slot, byte) in header.iter_mut().zip(counts.into_iter().flat_map(u16::to_le_bytes)) {
                *slot = byte;
            }
        }
        self.bytes.append(&mut self.buried);
        Rewritten { bytes: self.bytes, delta: self.delta, forgotten: self.forgotten }
    }
}

fn count(delta: &mut Delta, state: State, by: i64) {
    let slot = State::ALL.iter().position(|s| *s == state).and_then(|i| delta.get_mut(i));
    if let Some(slot) = slot {
        *slot = slot.saturating_add(by);
    }
}

#[cfg(test)]
mod tests;
