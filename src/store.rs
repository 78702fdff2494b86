//! The shared claim store: what replicas know of a claim in common.
//!
//! A Redis behind an HTTP front. Nothing is decided there: a transition is computed by
//! [`Claim::apply`](crate::claims::Claim::apply) from the value that was read, and one script
//! writes it if that value still stands ([`Swap`]). A second script hands out claims that are to
//! be asked about again ([`Due`]). Each script answers with the store's clock, by which leases
//! are measured.
//!
//! | key, after the prefix | what |
//! |---|---|
//! | `c:<wallet>:<nonce>` | the claim: hexadecimal text, opaque here |
//! | `p:<wallet>:<nonce>` | what is needed to ask about it again: opaque text |
//! | `o:<wallet>:<binding>` | sorted set of nonces: claims of a wallet for one purchase that are open, by their end |
//! | `s:<signature>` | the key of the one claim that may be asked about with it |
//! | `d` | sorted set of claim keys, by when they are to be asked about, and eighths of a second: how often they were handed out since |
//!
//! The open set has room for [`MAX_OPEN`]: what is beyond is not noted, and nothing that stands there
//! goes for it. Of its claims the script passes over those that are at work while their client waits
//! (settling, and neither orphan nor asked again, or redeeming; their lease is live), or that are used up
//! (where a redirect led on, a claim stands among those of both places), as they owe nothing: so there is no second call for who buys much at once, and what may owe something is shown
//! whole. What a claim does owe is decided here. Where a wallet buys one thing at a time, those at work
//! are told as well, and a claim is noted from its very beginning.
//!
//! Whose a signature is, the script looks up with the claim, and writes with it, where money is asked for
//! next. A claim that stands already decides alone.
//!
//! The wallet is a hash of chain, contract and payer. A script reaches a claim from a member of
//! the open set by joining texts, so that a Redis Cluster, which wants every key named, cannot
//! run it. Keys expire [`KEY_MARGIN_SECONDS`] after what they hold.
//!
//! An answer counts if it names the call it answers; see [`Swap::id`].

use sha3::{Digest, Keccak256};

use crate::claims::{Binding, Identity, Seal, UnixSeconds};
use crate::config::{SharedStore, StoreKind};
use crate::digits::{hex, push_hex, unhex};

mod call;
pub mod errand;
mod reply;
pub mod undone;

pub use call::Call;
pub use reply::{Doubt, DueClaim, Listed, OpenClaim, Reply};

/// The longest claim kept, in hexadecimal digits.
pub const MAX_VALUE: usize = 1024;

/// The longest payment text kept, in bytes.
pub const MAX_PAYMENT: usize = 32 * 1024;

/// The most open claims of a wallet for one purchase that are kept, and that one answer shows: all of
/// them fit into 64 KiB.
pub const MAX_OPEN: usize = crate::claims::open::ROOM;

/// The most claims that one [`Due`] hands out.
pub const MAX_DUE: u32 = 16;

/// Seconds a key outlives what it holds.
pub const KEY_MARGIN_SECONDS: u64 = 5;

/// A claim's name in the store.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Name {
    wallet: [u8; 16],
    nonce: [u8; 32],
}

/// What stands under a claim's key for a [`Swap`] to write.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Before<'a> {
    /// Nothing.
    Absent,
    /// This value.
    Value(&'a str),
    /// Nothing is written, whatever stands there: look.
    Never,
}

/// What becomes of something beside the claim.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Change<T> {
    /// It stays. What a claim takes along stays as long as the claim.
    Leave,
    /// It goes.
    Remove,
    /// It comes, or is replaced.
    Put(T),
}

/// Which other open claims of a wallet, for the same purchase, come before a new one.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Ahead<'a> {
    /// None.
    Nothing,
    /// Those that may owe something: not those that are at work.
    Owing,
    /// All of them, but for those that are used up, were held and whose lease is over, or have one of these
    /// nonces.
    Any(&'a [[u8; 32]]),
}

/// One transition of one claim, or a look at it.
#[derive(Clone, Copy, Debug)]
pub struct Swap<'a> {
    /// The call's own number, of all replicas' calls. The answer must repeat it: Webdis writes a
    /// late answer to whoever has the connection's file descriptor by then (0.1.9).
    pub id: u64,
    /// Whose.
    pub claim: &'a Name,
    /// What is bought: names the open set.
    pub binding: &'a Binding,
    /// The value it is written over.
    pub before: Before<'a>,
    /// The new value; `None` deletes.
    pub next: Option<&'a str>,
    /// When the new value is over. Never sooner than now, by the store's clock.
    pub expires: UnixSeconds,
    /// The claim's place in the open set of its wallet and purchase.
    pub open: Change<()>,
    /// Which claims of that set come first: where there is no claim and such are open, nothing is
    /// written and they are told instead. Where nothing is written for another reason, they are told
    /// as well.
    pub ahead: Ahead<'a>,
    /// What is needed to ask about it again.
    pub payment: Change<&'a str>,
    /// Whether that is told, if it stays and the swap is written.
    pub want_payment: bool,
    /// When it is to be asked about again.
    pub due: Change<UnixSeconds>,
    /// The end of the lease that it grants; by the store's clock it is not over yet.
    pub lease: Option<UnixSeconds>,
    /// Its signature, which has to be this claim's or nobody's.
    pub seal: Option<Seal>,
}

/// Takes claims whose time has come, and puts each off, the longer the more often it was taken.
#[derive(Clone, Copy, Debug)]
pub struct Due<'a> {
    /// As [`Swap::id`].
    pub id: u64,
    /// At most so many; no more than [`MAX_DUE`].
    pub most: u32,
    /// Seconds until a claim is handed out again, by how often it was before: eight are told
    /// apart. Then always the last; there is at least one.
    pub waits: &'a [u64],
}

// === impl Name ===

impl Name {
    /// The name of an authorisation.
    pub fn of(who: &Identity) -> Self {
        let mut hasher = Keccak256::new();
        hasher.update(b"x402 wallet");
        hasher.update(who.chain_id.to_be_bytes());
        hasher.update(who.verifying_contract.as_bytes());
        hasher.update(who.payer.as_bytes());
        let hash: [u8; 32] = hasher.finalize().into();
        Self { wallet: hash.first_chunk().copied().unwrap_or_default(), nonce: who.nonce }
    }

    /// The name of another authorisation of the same wallet.
    #[must_use]
    pub fn sibling(&self, nonce: [u8; 32]) -> Self {
        Self { nonce, ..*self }
    }

    /// The authorisation's nonce.
    pub fn nonce(&self) -> &[u8; 32] {
        &self.nonce
    }

    /// Reads what [`Name::text`] wrote.
    fn parse(text: &str) -> Option<Self> {
        let (wallet, nonce) = text.split_once(':')?;
        let mut name = Self { wallet: [0; 16], nonce: read_nonce(nonce)? };
        unhex(wallet, &mut name.wallet).then_some(name)
    }

    fn text(&self) -> String {
        let mut text = hex(&self.wallet);
        text.push(':');
        push_hex(&mut text, &self.nonce);
        text
    }
}

fn read_nonce(text: &str) -> Option<[u8; 32]> {
    let mut nonce = [0; 32];
    unhex(text, &mut nonce).then_some(nonce)
}

/// Whether a text may stand for a claim.
fn is_value(text: &str) -> bool {
    (1..=MAX_VALUE).contains(&text.len()) && text.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'))
}

/// Whether a text may be kept for asking again: base64 of any alphabet, or hexadecimal.
fn is_payment(text: &str) -> bool {
    (2..=MAX_PAYMENT).contains(&text.len())
        && text.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'+' | b'/' | b'=' | b'-' | b'_'))
}

#[cfg(test)]
mod tests;
