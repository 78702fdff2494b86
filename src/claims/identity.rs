//! Names of what is claimed: the authorisation, the try at it, the purchase, the proof.

use sha3::{Digest, Keccak256};

use crate::evm::address::Address;

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

// === impl Identity ===

impl Identity {
    /// Where the claim is found: a keyed hash, so that a payer who chooses nonces cannot
    /// choose buckets.
    pub fn locate(&self, seed: &[u8; 16]) -> [u8; 32] {
        self.hash(seed)
    }

    /// A receipt id that every replica derives alike: 16 bytes, as hex.
    pub fn receipt_id(&self) -> String {
        let hash = self.hash(b"x402 receipt id ");
        hash.first_chunk::<16>().map(hex::encode).unwrap_or_default()
    }

    fn hash(&self, key: &[u8; 16]) -> [u8; 32] {
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
}
