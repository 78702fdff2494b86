//! What a facilitator says it settles: `GET /supported`, asked on a timer and shared by all
//! workers of the process.
//!
//! Never having been told is not the same as being told no. While nothing is known an offer
//! by `exact` is sold as it was before anybody asked; what needs the answer (`upto`, which
//! names an address of the facilitator's) waits; and what a facilitator said it does not
//! settle is not offered. An answer that once came is kept when later ones fail.
//!
//! [`Snapshot`] is a pure state: what is known, who asks next and when. It is stored as one
//! shared value ([`store`]) and changed by compare-and-swap, so all workers read the same
//! answer and the same pinned addresses, whichever of them asked.

mod answer;
mod codec;
mod pins;
mod snapshot;
pub mod store;
#[cfg(test)]
mod tests;

pub use answer::{Fetched, Trouble};
pub use snapshot::{Event, Knowledge, Snapshot};

use crate::evm::address::Address;
use crate::protocol::json::raw;

/// Most kinds of an answer.
pub const MAX_KINDS: usize = 256;
/// Most extensions, most patterns of `signers`, and most signers of one.
pub const MAX_LISTED: usize = 64;
/// Longest scheme, network, extension or signer, in bytes.
pub const MAX_NAME: usize = 128;
/// Longest `extra` of a kind, in bytes of JSON without spaces.
pub const MAX_EXTRA: usize = 1024;
/// Seconds for which an address that was advertised stays accepted after another took its
/// place, and for which one is kept that the facilitator does not list anywhere.
pub const PIN_SECONDS: u64 = 600;

/// The member of a kind's `extra` that names the facilitator's own address (`upto`).
const ADDRESS: &str = "facilitatorAddress";

/// An answer, read.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Supported {
    pub(super) kinds: Vec<Kind>,
    pub(super) extensions: Vec<String>,
    /// Addresses by network or pattern.
    pub(super) signers: Vec<(String, Vec<String>)>,
}

/// One thing a facilitator settles.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Kind {
    /// `x402Version`.
    pub version: u32,
    /// For example `exact`.
    pub scheme: String,
    /// As the version spells it: `base-sepolia`, `eip155:84532`, or a pattern, `eip155:*`.
    pub network: String,
    /// A JSON object without spaces, at most [`MAX_EXTRA`] bytes: what a quote of this kind
    /// must carry in `extra`. Addresses in it are pinned: see [`Snapshot`].
    pub extra: Option<String>,
}

/// Whether something is settled.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Kindness<'a> {
    /// Nobody has said.
    Unknown,
    /// The facilitator says so.
    Supported(&'a Kind),
    /// It lists others and not this.
    Unsupported,
}

// === impl Supported ===

impl Supported {
    /// Every kind, in the facilitator's order.
    pub fn kinds(&self) -> &[Kind] {
        &self.kinds
    }

    /// The extensions it understands.
    pub fn extensions(&self) -> &[String] {
        &self.extensions
    }

    /// The kind that covers a scheme on a network; one that names the network itself before
    /// a pattern.
    pub fn kind(&self, version: u32, scheme: &str, network: &str) -> Option<&Kind> {
        let same = |kind: &&Kind| kind.version == version && kind.scheme == scheme;
        let mut found = self.kinds.iter().filter(same).filter(|kind| covers(&kind.network, network));
        let first = found.next()?;
        Some(std::iter::once(first).chain(found).find(|kind| kind.network == network).unwrap_or(first))
    }

    /// Whether one of the addresses it signs with on a network is meant; `None` when the
    /// facilitator does not say which these are.
    fn signs(&self, network: &str, meant: &dyn Fn(&str) -> bool) -> Option<bool> {
        let mut signs = None;
        for (_, listed) in self.signers.iter().filter(|(pattern, _)| covers(pattern, network)) {
            for signer in listed {
                signs = Some(signs == Some(true) || meant(signer));
            }
        }
        signs
    }

    fn signs_as(&self, network: &str, address: &Address) -> Option<bool> {
        self.signs(network, &|signer| Address::parse(signer) == Ok(*address))
    }
}

// === impl Kind ===

impl Kind {
    /// A string among the members of `extra`.
    pub fn member(&self, name: &str) -> Option<String> {
        let mut found = None;
        raw::fields(self.extra.as_deref()?, &mut |key, value| {
            if key == name {
                found = raw::string(value);
            }
        })
        .ok()?;
        found
    }

    /// The facilitator's address in `extra`.
    fn address(&self) -> Option<Address> {
        Address::parse(&self.member(ADDRESS)?).ok()
    }
}

/// Whether a network, or a pattern such as `eip155:*`, covers a network.
fn covers(pattern: &str, network: &str) -> bool {
    match pattern.strip_suffix('*') {
        Some(namespace) => namespace.ends_with(':') && network.starts_with(namespace),
        None => pattern == network,
    }
}
