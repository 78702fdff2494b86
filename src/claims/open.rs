//! Which claims of a wallet are open: written down before money is asked for, taken out when it is
//! known that nothing is owed any more.
//!
//! Clients do not send a payment again, they sign another. So whoever presents a payment is asked
//! for what he holds already: a claim of the same wallet, for the same offer, that was paid and not
//! delivered, serves him in place of the new one. This index finds it. It names claims and decides
//! nothing: what a claim owes is read from the claim ([`Claim::owes`](super::Claim::owes)), so an
//! entry too many costs a look and an entry too few costs the payer a credit, never the seller.
//!
//! ```text
//! bucket   tag 12 | expires u32 | nonce 32, and so on                    48 bytes an entry
//! ```
//!
//! Bytes that do not parse are an empty bucket. A bucket has room for [`ROOM`] entries; with more
//! purchases than that under way at once, the latest of them have none. A wallet's index in a
//! shared store has the same room. Buckets are chosen by a keyed hash of the wallet and what it
//! buys, so that nobody chooses whose room he takes.

use super::table::{Shared, StoreDown, Table};
use super::{Binding, Identity, UnixSeconds};

/// Buckets there are, made when they are first written.
pub const BUCKETS: u16 = 512;

/// Entries of a bucket: 12 KB.
pub const ROOM: usize = 256;

const ENTRY: usize = 48;

/// Tries before a contended bucket is given up.
const TRIES: usize = 1_024;

/// A wallet and what it buys.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Wallet {
    tag: [u8; 12],
    bucket: u16,
}

/// A bucket as it was when it was looked at.
#[derive(Clone, Debug)]
pub struct Seen {
    wallet: Wallet,
    /// Its bytes, and by what a change is noticed.
    found: Option<(Vec<u8>, u32)>,
}

// === impl Seen ===

impl Seen {
    /// The nonces of the wallet's open claims, the latest first.
    pub fn nonces(&self, now: UnixSeconds) -> Vec<[u8; 32]> {
        let bytes = self.found.as_ref().map_or(&[][..], |(bytes, _)| bytes);
        let own = entries(bytes).filter(|entry| entry.starts_with(&self.wallet.tag) && is_live(entry, now));
        let mut nonces: Vec<[u8; 32]> = own.filter_map(|entry| entry.last_chunk().copied()).collect();
        nonces.reverse();
        nonces
    }
}

// === impl Table ===

impl Table {
    /// The wallet of an authorisation, buying `what`: route, payee, asset and amount.
    pub fn wallet(&self, who: &Identity, what: Binding) -> Wallet {
        // A name like an authorisation's own, with what is bought in place of the nonce.
        let mut nonce = [0; 32];
        if let Some(slot) = nonce.first_chunk_mut::<16>() {
            *slot = what.0;
        }
        let hash = Identity { nonce, ..*who }.locate(self.seed());
        let tag = hash.first_chunk().copied().unwrap_or_default();
        let bucket = hash.last_chunk().map_or(0, |last| u16::from_le_bytes(*last));
        Wallet { tag, bucket: bucket.checked_rem(BUCKETS).unwrap_or(0) }
    }

    /// The wallet's bucket as it is now.
    ///
    /// # Errors
    /// [`StoreDown`] when the store cannot answer.
    pub fn look(&self, shared: &impl Shared, wallet: &Wallet) -> Result<Seen, StoreDown> {
        Ok(Seen { wallet: *wallet, found: shared.get(&key(wallet))? })
    }

    /// The nonces of the wallet's open claims, the latest first.
    ///
    /// # Errors
    /// [`StoreDown`] when the store cannot answer.
    pub fn open_claims(
        &self,
        shared: &impl Shared,
        wallet: &Wallet,
        now: UnixSeconds,
    ) -> Result<Vec<[u8; 32]>, StoreDown> {
        Ok(self.look(shared, wallet)?.nonces(now))
    }

    /// [`Table::note_open_in`], where nothing was looked at before.
    pub fn note_open(
        &self,
        shared: &impl Shared,
        wallet: &Wallet,
        nonce: &[u8; 32],
        expires: UnixSeconds,
        now: UnixSeconds,
    ) -> bool {
        self.note_open_in(None, shared, wallet, nonce, expires, now)
    }

    /// Notes that a claim is open until `expires`. `false` when there is no room, or the store
    /// cannot say. What was `seen` of the bucket is not fetched again, unless it has changed.
    pub fn note_open_in(
        &self,
        seen: Option<Seen>,
        shared: &impl Shared,
        wallet: &Wallet,
        nonce: &[u8; 32],
        expires: UnixSeconds,
        now: UnixSeconds,
    ) -> bool {
        let mut entry = [0; ENTRY];
        let expires = u32::try_from(expires).unwrap_or(u32::MAX).to_le_bytes();
        for (slot, byte) in entry.iter_mut().zip(wallet.tag.into_iter().chain(expires).chain(*nonce)) {
            *slot = byte;
        }
        change(shared, wallet, now, nonce, Some(&entry), seen)
    }

    /// Notes that nothing is owed on a claim any more.
    pub fn note_closed(&self, shared: &impl Shared, wallet: &Wallet, nonce: &[u8; 32], now: UnixSeconds) {
        let _ = change(shared, wallet, now, nonce, None, None);
    }
}

fn change(
    shared: &impl Shared,
    wallet: &Wallet,
    now: UnixSeconds,
    nonce: &[u8; 32],
    entry: Option<&[u8; ENTRY]>,
    seen: Option<Seen>,
) -> bool {
    let key = key(wallet);
    let mut seen = seen.filter(|seen| seen.wallet.bucket == wallet.bucket).map(|seen| seen.found);
    for _ in 0..TRIES {
        let Ok(found) = seen.take().map_or_else(|| shared.get(&key), Ok) else { return false };
        let (bytes, cas) = match found {
            Some(found) => found,
            None if entry.is_none() => return true,
            None => {
                if super::table::create(shared, &key, &[]).is_err() {
                    return false;
                }
                continue;
            }
        };
        let own = |e: &[u8; ENTRY]| e.starts_with(&wallet.tag) && e.ends_with(nonce);
        let mut next = Vec::with_capacity(bytes.len().saturating_add(ENTRY));
        for kept in entries(&bytes).filter(|e| is_live(e, now) && !own(e)) {
            next.extend_from_slice(kept);
        }
        let full = next.len() >= ROOM.saturating_mul(ENTRY);
        if let Some(entry) = entry.filter(|_| !full) {
            next.extend_from_slice(entry);
        }
        match shared.set(&key, &next, cas) {
            Ok(true) => return !full,
            Ok(false) => {}
            Err(StoreDown) => return false,
        }
    }
    false
}

fn key(wallet: &Wallet) -> String {
    crate::digits::numbered("x402/open/1/", wallet.bucket)
}

fn entries(bytes: &[u8]) -> impl Iterator<Item = &[u8; ENTRY]> {
    bytes.as_chunks::<ENTRY>().0.iter()
}

fn is_live(entry: &[u8; ENTRY], now: UnixSeconds) -> bool {
    let expires = entry.split_at_checked(12).and_then(|(_, rest)| rest.first_chunk());
    expires.is_some_and(|expires| now < u64::from(u32::from_le_bytes(*expires)))
}

#[cfg(test)]
mod tests;
