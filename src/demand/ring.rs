//! Where demands are kept in one process: a bounded number of shared keys, used again and again.
//!
//! ```text
//! slot     name 16 | due u32 | expires u32 | tries u8 | the demand's bytes     empty: free
//! ```
//!
//! A demand is put into one of a few slots that its name chooses, before its call leaves, and taken
//! out when the outcome is known. What is still there when it is due was left behind: its claim says
//! by whom, and whether there is still something to ask. When none of its slots is free, a demand is
//! not kept: only who presents the payment again can then ask.

use super::Demand;
use crate::claims::table::{create, Shared, StoreDown};
use crate::claims::{Identity, UnixSeconds};

/// Slots there are: 2 to 8 MB when all are in use.
pub const SLOTS: u16 = 1_024;

/// Slots one demand may stand in.
const CHOICES: u16 = 4;

/// Tries before a contended slot is given up.
const TRIES: usize = 8;

const HEADER: usize = 25;

/// Seconds until the next look, by how many there were. Then always the last.
const BACKOFF: &[u64] = &[2, 5, 15, 30, 60, 120, 300];

/// A slot in use.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Kept {
    /// When it is to be looked at.
    pub due: UnixSeconds,
    /// When it may be forgotten.
    pub expires: UnixSeconds,
    /// Looks there were.
    pub tries: u8,
    /// What is asked for.
    pub demand: Demand,
}

/// Seconds to wait after so many looks.
pub fn backoff(tries: u8) -> u64 {
    BACKOFF.get(usize::from(tries)).or(BACKOFF.last()).copied().unwrap_or(300)
}

/// Seconds to wait after the first look, the second and so on; then always the last.
pub fn waits() -> &'static [u64] {
    BACKOFF.split_first().map_or(BACKOFF, |(_, later)| later)
}

/// Keeps a demand, in place of what was kept under its name before: when that is to be looked at, and
/// how many looks there were, stays. `false` when there is no room.
/// For a claim that is `new` nothing was, but for what could not be taken out: then the first free slot
/// is as good as any.
pub fn keep(
    shared: &impl Shared,
    demand: &Demand,
    due: UnixSeconds,
    expires: UnixSeconds,
    now: UnixSeconds,
    new: bool,
) -> bool {
    let Some(bytes) = demand.to_bytes() else { return false };
    let name = name(&demand.identity);
    let value = |held: &[u8]| {
        let before = Kept::parse(held).filter(|kept| held.starts_with(&name) && now < kept.expires);
        let (due, tries) = before.map_or((due, 0), |kept| (kept.due, kept.tries));
        let mut value = header(&name, due, expires, tries);
        value.extend_from_slice(&bytes);
        value
    };
    let put = |fits: &dyn Fn(&[u8]) -> bool| {
        slots(&name).any(|slot| swap(shared, slot, &|held| fits(held).then(|| value(held))).unwrap_or(false))
    };
    // It never stands twice: what it said before may name another facilitator.
    let own = |held: &[u8]| held.starts_with(&name);
    let free = |held: &[u8]| is_free(held, now);
    (!new && put(&own)) || put(&|held| own(held) || free(held))
}

/// Takes a demand out: its outcome is known.
pub fn drop(shared: &impl Shared, identity: &Identity) {
    let name = name(identity);
    for slot in slots(&name) {
        if swap(shared, slot, &|held| held.starts_with(&name).then(Vec::new)).unwrap_or(true) {
            return;
        }
    }
}

/// The demand of an identity, if it is kept.
pub fn find(shared: &impl Shared, identity: &Identity) -> Option<Demand> {
    let name = name(identity);
    let held = slots(&name).filter_map(|slot| shared.get(&key(slot)).ok()?);
    let (bytes, _) = held.into_iter().find(|(bytes, _)| bytes.starts_with(&name))?;
    Kept::parse(&bytes).map(|kept| kept.demand)
}

/// What stands in a slot and is due. Whoever gets it has it to himself until it is due again.
///
/// # Errors
/// [`StoreDown`] when the store cannot answer.
pub fn take_due(
    shared: &impl Shared,
    slot: u16,
    now: UnixSeconds,
    mine: impl Fn(&Demand) -> bool,
) -> Result<Option<Kept>, StoreDown> {
    let Some((bytes, cas)) = shared.get(&key(slot))? else { return Ok(None) };
    if is_free(&bytes, now) {
        return Ok(None);
    }
    let due = |kept: &Kept| kept.due <= now && mine(&kept.demand);
    let Some(kept) = Kept::parse(&bytes).filter(due) else { return Ok(None) };
    let tries = kept.tries.saturating_add(1);
    let due = now.saturating_add(backoff(tries)).saturating_add(kept.demand.lease.into());
    let next = kept.rewritten(&bytes, due, tries);
    Ok(shared.set(&key(slot), &next, cas)?.then_some(kept))
}

/// A look or a try settled nothing: makes the demand due again, the later the more looks there were.
/// No try puts it off.
pub fn postpone(shared: &impl Shared, identity: &Identity, now: UnixSeconds) {
    let name = name(identity);
    let later = |held: &[u8]| {
        let kept = Kept::parse(held).filter(|_| held.starts_with(&name))?;
        let due = kept.due.min(now.saturating_add(backoff(kept.tries)));
        Some(kept.rewritten(held, due, kept.tries))
    };
    for slot in slots(&name) {
        if swap(shared, slot, &later).unwrap_or(true) {
            return;
        }
    }
}

// === impl Kept ===

impl Kept {
    fn parse(bytes: &[u8]) -> Option<Self> {
        let (header, demand) = bytes.split_first_chunk::<HEADER>()?;
        let (_, rest) = header.split_first_chunk::<16>()?;
        let (due, rest) = rest.split_first_chunk::<4>()?;
        let (expires, rest) = rest.split_first_chunk::<4>()?;
        Some(Self {
            due: u32::from_le_bytes(*due).into(),
            expires: u32::from_le_bytes(*expires).into(),
            tries: *rest.first()?,
            demand: Demand::from_bytes(demand)?,
        })
    }

    /// The slot's bytes, due at another time.
    fn rewritten(&self, held: &[u8], due: UnixSeconds, tries: u8) -> Vec<u8> {
        let mut next = header(&name(&self.demand.identity), due, self.expires, tries);
        next.extend_from_slice(held.get(HEADER..).unwrap_or_default());
        next
    }
}

fn header(name: &[u8; 16], due: UnixSeconds, expires: UnixSeconds, tries: u8) -> Vec<u8> {
    let mut out = name.to_vec();
    for time in [due, expires] {
        out.extend_from_slice(&u32::try_from(time).unwrap_or(u32::MAX).to_le_bytes());
    }
    out.push(tries);
    out
}

/// Whether a slot may be written over: empty, past its time, or nothing of ours.
fn is_free(held: &[u8], now: UnixSeconds) -> bool {
    Kept::parse(held).is_none_or(|kept| kept.expires <= now)
}

fn name(identity: &Identity) -> [u8; 16] {
    identity.ring_name()
}

fn slots(name: &[u8; 16]) -> impl Iterator<Item = u16> {
    let first = name.first_chunk().map_or(0, |first| u16::from_le_bytes(*first));
    (0..CHOICES).map(move |step| first.wrapping_add(step).checked_rem(SLOTS).unwrap_or(0))
}

fn key(slot: u16) -> String {
    crate::digits::numbered("x402/ring/1/", slot)
}

/// Writes what `next` makes of a slot; `false` when it makes nothing of it.
fn swap(shared: &impl Shared, slot: u16, next: &dyn Fn(&[u8]) -> Option<Vec<u8>>) -> Result<bool, StoreDown> {
    let key = key(slot);
    for _ in 0..TRIES {
        let Some((held, cas)) = shared.get(&key)? else {
            match next(&[]) {
                None => return Ok(false),
                Some(_) => create(shared, &key, &[])?,
            };
            continue;
        };
        let Some(value) = next(&held) else { return Ok(false) };
        if shared.set(&key, &value, cas)? {
            return Ok(true);
        }
    }
    Err(StoreDown)
}

#[cfg(test)]
mod tests;
