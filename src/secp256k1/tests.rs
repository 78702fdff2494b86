//! The parts of a recovery. The whole of it is held against others in
//! `tests/crypto_differential.rs` and `tests/recovery/`.

use crate::evm::keccak256;

/// A stream of 32-byte words: Keccak in counter mode.
pub(super) struct Words([u8; 40]);

impl Words {
    pub(super) fn new(name: &str) -> Self {
        let mut state = [0; 40];
        state[..name.len()].copy_from_slice(name.as_bytes());
        Self(state)
    }

    pub(super) fn next(&mut self) -> [u8; 32] {
        let count = u64::from_be_bytes(self.0[32..].try_into().unwrap()) + 1;
        self.0[32..].copy_from_slice(&count.to_be_bytes());
        keccak256([&self.0])
    }
}
