//! What the filter needs of the EVM: addresses, typed-data hashing, signature recovery.

pub mod address;
pub mod authorization;
pub mod eip3009;
pub mod eip712;
pub mod permit2;
pub mod recover;
pub mod signature;

use sha3::{Digest, Keccak256};

use crate::digits::nibble;

/// Keccak-256 over the concatenation of `parts`, without building it.
pub(crate) fn keccak256<const N: usize>(parts: [&[u8]; N]) -> [u8; 32] {
    hash(&parts)
}

/// One copy of the code for any number of parts.
#[inline(never)]
fn hash(parts: &[&[u8]]) -> [u8; 32] {
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

/// Reads an address while compiling.
pub(crate) const fn hex20(digits: &[u8; 40]) -> address::Address {
    address::Address::new(hex_bytes(digits))
}

/// Reads a hash while compiling.
const fn hex32(digits: &[u8; 64]) -> [u8; 32] {
    hex_bytes(digits)
}

const fn hex_bytes<const N: usize>(digits: &[u8]) -> [u8; N] {
    let mut bytes = [0; N];
    let mut pairs = digits;
    let mut out: &mut [u8] = &mut bytes;
    while let ([high, low, rest @ ..], Some((byte, left))) = (pairs, out.split_first_mut()) {
        *byte = nibble(*high) << 4 | nibble(*low);
        pairs = rest;
        out = left;
    }
    bytes
}
