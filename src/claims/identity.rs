//! Names of what is claimed: the authorisation, the try at it, the purchase, the proof.

use sha3::{Digest, Keccak256};

use crate::digits::hex;
use crate::evm::address::Address;
use crate::memo::Memo;
use crate::money::Amount;

/// By key and identity.
type Hashes = Memo<([u8; 16], Identity), [u8; 32], 64>;

thread_local! {
    /// One payment asks a dozen times where its claim is, its wallet, its receipt.
    static HASHES: Hashes = const { Memo::new() };
}

/// What the chain burns when an authorisation is used; the identity of a claim.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Identity {
    /// EIP-155 chain id.
    pub chain_id: u64,
    /// The token, or the Permit2 contract for payments that burn its nonces.
    pub verifying_contract: Address,
    /// Who pays.
    pub payer: Address,
    /// The authorisation's nonce.
    pub nonce: [u8; 32],
}

/// Fence of one try at an authorisation; unique within the claim's life.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, PartialOrd, Ord)]
pub struct Attempt(pub u64);

/// What was bought: route, recipient, token and amount, hashed.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Binding(pub [u8; 16]);

/// A settlement transaction's hash.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Transaction(pub [u8; 32]);

/// What is known of a settlement.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Paid {
    /// Its transaction; missing if none was named, and if nothing was charged.
    pub transaction: Option<Transaction>,
    /// Base units, where they are known and are not simply what was signed. The record of a
    /// delivered payment does not keep them.
    pub amount: Option<Amount>,
}

// === impl Identity ===

impl Identity {
    /// Names nothing.
    pub const NONE: Self = Self {
        chain_id: 0,
        verifying_contract: Address::new([0; 20]),
        payer: Address::new([0; 20]),
        nonce: [0; 32],
    };

    /// Names something else than an authorisation of an EVM chain: a transaction that pays
    /// once, a payment of another kind of chain, a client's own payment id. `kind` keeps
    /// kinds apart; parts are told apart whatever they hold. No EVM chain has the id 0.
    pub fn named(kind: &str, parts: &[&[u8]]) -> Self {
        Self { nonce: fingerprint(kind, parts), ..Self::NONE }
    }

    /// Where the claim is found: a keyed hash, so that a payer who chooses nonces cannot
    /// choose buckets.
    pub fn locate(&self, seed: &[u8; 16]) -> [u8; 32] {
        self.hash(seed)
    }

    /// A receipt id that every replica derives alike: 16 bytes, as hex.
    pub fn receipt_id(&self) -> String {
        self.public_hash().first_chunk::<16>().map(|id| hex(id)).unwrap_or_default()
    }

    /// What its demand is kept under: 16 bytes, of the same hash as the receipt id, of which they
    /// say nothing.
    pub fn ring_name(&self) -> [u8; 16] {
        self.public_hash().last_chunk().copied().unwrap_or_default()
    }

    /// A hash of it that every replica derives alike, and that is asked for anyway.
    pub fn public_hash(&self) -> [u8; 32] {
        self.hash(b"x402 receipt id ")
    }

    fn hash(&self, key: &[u8; 16]) -> [u8; 32] {
        let ([first, ..], [.., last]) = (key, self.nonce);
        let is = |(known, who): &([u8; 16], Self)| known == key && who == self;
        let recall = |memo: &Hashes| memo.recall(first ^ last, is, || (*key, *self), || self.hash_anew(key));
        HASHES.try_with(recall).unwrap_or_else(|_| self.hash_anew(key))
    }

    fn hash_anew(&self, key: &[u8; 16]) -> [u8; 32] {
        let mut hasher = Keccak256::new();
        hasher.update(key);
        hasher.update(self.chain_id.to_be_bytes());
        hasher.update(self.verifying_contract.as_bytes());
        hasher.update(self.payer.as_bytes());
        hasher.update(self.nonce);
        hasher.finalize().into()
    }
}

// === impl Binding ===

impl Binding {
    /// Binds a payment to the route it was presented on and to what it signed away. Parts of
    /// varying length come last.
    pub fn new(route: &str, parts: &[&[u8]]) -> Self {
        let mut hasher = Keccak256::new();
        hasher.update((route.len() as u64).to_be_bytes());
        hasher.update(route.as_bytes());
        for part in parts {
            hasher.update(part);
        }
        let hash: [u8; 32] = hasher.finalize().into();
        Self(hash.first_chunk::<16>().copied().unwrap_or_default())
    }

    /// Binds to the very signature presented as well. Without it, whoever knows the name of
    /// an authorisation could present it with a signature of his own, and an existing claim,
    /// which decides alone, would serve him. For signatures that were not verified here.
    #[must_use]
    pub fn with_signature(self, signature: &[u8]) -> Self {
        let hash = fingerprint("signature", &[&self.0, signature]);
        Self(hash.first_chunk::<16>().copied().unwrap_or_default())
    }
}

// === impl Paid ===

impl Paid {
    /// Nothing was charged.
    pub const NOTHING: Self = Self { transaction: None, amount: Some(Amount::ZERO) };
}

/// A hash of several parts that no other kind and no other division of them has.
pub fn fingerprint(kind: &str, parts: &[&[u8]]) -> [u8; 32] {
    let mut hasher = Keccak256::new();
    for part in std::iter::once(kind.as_bytes()).chain(parts.iter().copied()) {
        hasher.update(u64::try_from(part.len()).unwrap_or(u64::MAX).to_be_bytes());
        hasher.update(part);
    }
    hasher.finalize().into()
}
