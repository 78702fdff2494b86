//! The claim table: buckets in a store every worker shares, one op at a time under
//! compare-and-swap.
//!
//! A claim is refused rather than granted whenever the table cannot say: full, missing,
//! garbled, contended without end.
//!
//! Two dialects of compare-and-swap are in the field. Envoy: `cas = 0` overwrites, and a
//! non-zero `cas` on a missing key inserts. ngx_wasm_module: `cas = 0` inserts if absent.
//! So this module never writes an existing key without the `cas` it read, and creates with
//! [`ABSENT`], a value no key ever has: Envoy inserts when the key is missing and mismatches
//! otherwise. Where that does not create the key (the other dialect), `cas = 0` does, and it
//! is tried only when the key is still missing, which cannot be on Envoy.

use super::bucket::{Bucket, Delta, Forgotten, Layout, Tag};
use super::{Claim, Identity, Next, Op, Outcome, UnixSeconds};
use crate::digits::hex;
use crate::json::extend;

/// A compare-and-swap value no key ever has.
pub const ABSENT: u32 = u32::MAX;

/// Tries before a contended bucket is given up; a try costs about a microsecond.
const TRIES: usize = 64;

/// Entries a bucket should hold at full capacity: 48 bytes each, 1.5 KB, with room for the
/// spread to stay under 4 KB, beyond which a get and a swap grow measurably slower.
const MEAN_LOAD: u32 = 32;

/// More buckets than this gain nothing but start-up time.
const MAX_BUCKETS_LOG2: u8 = 16;

/// A key-value store with compare-and-swap: the port the shell fills.
pub trait Shared {
    /// The value and its `cas`. `Ok(None)` when there is none.
    ///
    /// # Errors
    /// [`StoreDown`] when the store cannot answer.
    fn get(&self, key: &str) -> Result<Option<(Vec<u8>, u32)>, StoreDown>;

    /// Writes if the `cas` is still current; `false` when it is not.
    ///
    /// # Errors
    /// [`StoreDown`] when the store cannot answer.
    fn set(&self, key: &str, value: &[u8], cas: u32) -> Result<bool, StoreDown>;
}

/// The store cannot be reached.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[error("the claim store cannot be reached")]
pub struct StoreDown;

/// Why a table could not be opened.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum OpenError {
    /// The store cannot be reached.
    #[error(transparent)]
    Down(#[from] StoreDown),
    /// What stands under our keys was not written by this module.
    #[error(
        "the shared keys x402/* hold something this module did not write; give the plugin a vm_id of its own"
    )]
    Foreign,
}

/// Entries of one bucket; the default capacity has 65.
const LONGEST: usize = 128;

/// The table's shape; the same in every worker of the process.
#[derive(Clone, Debug)]
pub struct Table {
    layout: Layout,
    seed: [u8; 16],
    buckets_log2: u8,
    /// Entries at which a bucket refuses new claims.
    limit: usize,
    /// Settling and unknown entries at which it does.
    doubt_limit: usize,
}

/// What an op came to, and what it did to the table.
#[derive(Debug)]
pub struct Applied {
    /// The op's outcome.
    pub outcome: Outcome,
    /// The claim before and after, if it changed.
    pub change: Option<(Option<Claim>, Option<Claim>)>,
    /// Entries gained and lost, by state.
    pub delta: Delta,
    /// Entries given up with money in them.
    pub forgotten: Forgotten,
}

// === impl Applied ===

impl Applied {
    fn unchanged(outcome: Outcome) -> Self {
        Self { outcome, change: None, delta: Delta::default(), forgotten: Forgotten::default() }
    }
}

// === impl Table ===

impl Table {
    /// Opens the process's table, creating it the first time, in the layout `wanted`.
    ///
    /// The layout, the number of buckets and the hash seed are fixed by whoever comes first and
    /// live until the process ends: were a new configuration or a new module to move them, an
    /// authorisation could be granted once in each shape. A later `capacity` moves only the
    /// buckets' limits.
    ///
    /// # Errors
    /// [`OpenError`] when the store is down or holds something else.
    pub fn open(
        shared: &impl Shared,
        capacity: u32,
        wanted: Layout,
        random: [u8; 16],
    ) -> Result<Self, OpenError> {
        let buckets = capacity.div_ceil(MEAN_LOAD).max(1).next_power_of_two().trailing_zeros();
        let buckets = u8::try_from(buckets).unwrap_or(MAX_BUCKETS_LOG2).min(MAX_BUCKETS_LOG2);
        let there = |layout| shared.get(&key(layout, META)).map(|meta| meta.is_some());
        let mut layout = if there(Layout::Two)? { Layout::Two } else { wanted };
        if layout == Layout::Two && !there(Layout::One)? {
            create(shared, &key(layout, META), &meta_of(layout, buckets, &random))?;
        }
        // Somebody of the first release was here before, or came in between.
        if there(Layout::One)? {
            layout = Layout::One;
        }
        let name = key(layout, META);
        create(shared, &name, &meta_of(layout, buckets, &random))?;
        let (meta, _) = shared.get(&name)?.ok_or(OpenError::Foreign)?;
        let (Some((&[written, buckets_log2], seed)), true) =
            (meta.split_first_chunk::<2>(), meta.len() == 18)
        else {
            return Err(OpenError::Foreign);
        };
        if written != layout as u8 || buckets_log2 > MAX_BUCKETS_LOG2 {
            return Err(OpenError::Foreign);
        }
        let seed = seed.first_chunk::<16>().copied().ok_or(OpenError::Foreign)?;
        let limit = bucket_limit(capacity, buckets_log2);
        let doubt_limit = limit.div_ceil(2);
        let table = Self { layout, seed, buckets_log2, limit, doubt_limit };
        for bucket in 0..table.buckets() {
            create(shared, &table.bucket_key(bucket), &Bucket::empty(layout))?;
        }
        Ok(table)
    }

    /// How its buckets are written.
    pub fn layout(&self) -> Layout {
        self.layout
    }

    /// How many buckets there are.
    pub fn buckets(&self) -> u32 {
        1u32.checked_shl(self.buckets_log2.into()).unwrap_or(1)
    }

    /// Entries at which one bucket refuses.
    pub fn bucket_limit(&self) -> usize {
        self.limit
    }

    /// Whether its capacity was raised until its buckets are longer than those of any table that begins
    /// with what it is to hold: reading one is part of each step of a payment.
    pub fn is_outgrown(&self) -> bool {
        self.limit > LONGEST
    }

    /// Runs one op on one authorisation.
    pub fn run(&self, shared: &impl Shared, who: &Identity, op: &Op, now: UnixSeconds) -> Applied {
        let opens =
            |current: Option<Claim>| current.is_none() && matches!(op, Op::Begin(_) | Op::Mark { .. });
        self.change(shared, who, now, &|current| (Claim::apply(current, op, now), opens(current)))
    }

    /// The claim as it is stored, whatever the time.
    ///
    /// # Errors
    /// [`StoreDown`] when the store cannot answer.
    pub fn read(&self, shared: &impl Shared, who: &Identity) -> Result<Option<Claim>, StoreDown> {
        let (bucket, tag) = self.locate(who);
        let (bytes, _) = shared.get(&self.bucket_key(bucket))?.ok_or(StoreDown)?;
        Ok(Bucket::parse(&bytes).ok_or(StoreDown)?.find(&tag))
    }

    /// Takes over what another store knows of a claim, which decides: `None` is no claim.
    pub fn adopt(
        &self,
        shared: &impl Shared,
        who: &Identity,
        claim: Option<Claim>,
        now: UnixSeconds,
    ) -> Applied {
        let next = claim.map_or(Next::Remove, Next::Put);
        self.change(shared, who, now, &|current| {
            let next = if current.is_none() && claim.is_none() { Next::Keep } else { next };
            ((next, Outcome::Done), false)
        })
    }

    /// Drops what is over from one bucket, and adds to `forgotten` what that gave up.
    ///
    /// # Errors
    /// [`StoreDown`] when the store cannot answer.
    pub fn sweep(
        &self,
        shared: &impl Shared,
        bucket: u32,
        now: UnixSeconds,
        forgotten: &mut Forgotten,
    ) -> Result<Delta, StoreDown> {
        let key = self.bucket_key(bucket);
        let Some((bytes, cas)) = shared.get(&key)? else {
            return Ok(Delta::default());
        };
        let Some(parsed) = Bucket::parse(&bytes).filter(|b| b.lapsed(now) > 0) else {
            return Ok(Delta::default());
        };
        let rewritten = parsed.rewrite(&[0; 12], &Next::Keep, now);
        let done = shared.set(&key, &rewritten.bytes, cas)?;
        if !done {
            return Ok(Delta::default());
        }
        forgotten.add(rewritten.forgotten);
        Ok(rewritten.delta)
    }

    /// Changes one claim under compare-and-swap. `decide` says what becomes of it, what that
    /// comes to, and whether it takes room that must be there.
    fn change(
        &self,
        shared: &impl Shared,
        who: &Identity,
        now: UnixSeconds,
        decide: &dyn Fn(Option<Claim>) -> ((Next, Outcome), bool),
    ) -> Applied {
        let refused = Applied::unchanged(Outcome::Unavailable);
        self.try_change(shared, who, now, decide).unwrap_or(refused)
    }

    fn try_change(
        &self,
        shared: &impl Shared,
        who: &Identity,
        now: UnixSeconds,
        decide: &dyn Fn(Option<Claim>) -> ((Next, Outcome), bool),
    ) -> Result<Applied, StoreDown> {
        let (bucket, tag) = self.locate(who);
        let key = self.bucket_key(bucket);
        for _ in 0..TRIES {
            // Keys are never deleted: a bucket that is gone was not ours to lose. Refuse.
            let (bytes, cas) = shared.get(&key)?.ok_or(StoreDown)?;
            let bucket = Bucket::parse(&bytes).ok_or(StoreDown)?;
            let current = bucket.find(&tag).and_then(|claim| claim.at(now));
            let ((next, outcome), opens) = decide(current);
            if matches!(next, Next::Keep) {
                return Ok(Applied::unchanged(outcome));
            }
            if opens && self.is_full(&bucket, now) {
                return Ok(Applied::unchanged(Outcome::Full));
            }
            let rewritten = bucket.rewrite(&tag, &next, now);
            if shared.set(&key, &rewritten.bytes, cas)? {
                let after = if let Next::Put(claim) = next { Some(claim) } else { None };
                let (delta, forgotten) = (rewritten.delta, rewritten.forgotten);
                return Ok(Applied { outcome, change: Some((current, after)), delta, forgotten });
            }
        }
        Err(StoreDown)
    }

    fn is_full(&self, bucket: &Bucket<'_>, now: UnixSeconds) -> bool {
        let (entries, doubtful) = bucket.load(now);
        entries >= self.limit || doubtful >= self.doubt_limit
    }

    fn locate(&self, who: &Identity) -> (u32, Tag) {
        let hash = who.locate(&self.seed);
        let (bucket, rest) = hash.split_first_chunk::<4>().unwrap_or((&[0; 4], &[]));
        let mask = self.buckets().saturating_sub(1);
        let tag = rest.first_chunk::<12>().copied().unwrap_or_default();
        (u32::from_le_bytes(*bucket) & mask, tag)
    }

    fn bucket_key(&self, bucket: u32) -> String {
        // At most 2^16 of them.
        let [_, _, high, low] = bucket.to_be_bytes();
        key(self.layout, &hex(&[high, low]))
    }

    /// The hash seed, which is this process's alone.
    pub(super) fn seed(&self) -> &[u8; 16] {
        &self.seed
    }
}

fn meta_of(layout: Layout, buckets_log2: u8, seed: &[u8; 16]) -> Vec<u8> {
    let mut meta = vec![layout as u8, buckets_log2];
    meta.extend_from_slice(seed);
    meta
}

/// The key of a table's shape.
const META: &str = "meta";

fn key(layout: Layout, name: &str) -> String {
    let mut key = String::with_capacity(16);
    let layout = match layout {
        Layout::One => "1/",
        Layout::Two => "2/",
    };
    extend(&mut key, &["x402/", layout, name]);
    key
}

/// Puts a value under a missing key; an existing one is left alone. `true` when this call put
/// it there.
///
/// # Errors
/// [`StoreDown`] when the store cannot answer.
pub(crate) fn create(shared: &impl Shared, key: &str, value: &[u8]) -> Result<bool, StoreDown> {
    if shared.set(key, value, ABSENT)? {
        return Ok(true);
    }
    if shared.get(key)?.is_some() {
        return Ok(false);
    }
    shared.set(key, value, 0)
}

/// The entries a bucket may hold so that at `capacity` claims in the table it refuses one
/// with a probability of about a millionth: the mean, and five and a half deviations of a
/// Poisson spread. With one bucket there is no spread, and the limit is the capacity.
fn bucket_limit(capacity: u32, buckets_log2: u8) -> usize {
    let buckets = 1u32.checked_shl(buckets_log2.into()).unwrap_or(u32::MAX);
    let mean = capacity.div_ceil(buckets).max(1);
    let limit = match buckets_log2 {
        0 => capacity.max(1),
        _ => mean.saturating_add(11u32.saturating_mul(mean.isqrt().saturating_add(1)).div_ceil(2)),
    };
    // A shared value stays far under the host's limits, whatever capacity is asked for.
    usize::try_from(limit).unwrap_or(usize::MAX).min(4_096)
}

#[cfg(test)]
pub(crate) mod tests;
