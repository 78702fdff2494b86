//! What the filter needs of the EVM: addresses, typed-data hashing, signature recovery.

pub mod address;
pub mod eip3009;
pub mod eip712;
pub mod recover;
pub mod signature;

use sha3::{Digest, Keccak256};

/// Keccak-256 over the concatenation of `parts`, without building it.
pub(crate) fn keccak256<const N: usize>(parts: [&[u8]; N]) -> [u8; 32] {
    let mut hasher = Keccak256::new();
    for part in parts {
        hasher.update(part);
    }
    hasher.finalize().into()
}

/// An address as the ABI encodes it: left-padded to a 32-byte word.
pub(crate) fn address_word(address: &address::Address) -> [u8; 32] {
    let mut word = [0u8; 32];
    for (to, from) in word.iter_mut().skip(12).zip(address.as_bytes()) {
        *to = *from;
    }
    word
}
