//! Ed25519 (RFC 8032).

use ed25519_dalek::{Signer, SigningKey};

/// A private key.
pub(super) struct Secret(SigningKey);

// === impl Secret ===

impl Secret {
    /// A key from its 32-byte seed; every seed is one.
    pub(super) fn new(seed: &[u8; 32]) -> Self {
        Self(SigningKey::from_bytes(seed))
    }

    /// The public key, encoded.
    pub(super) fn public(&self) -> [u8; 32] {
        self.0.verifying_key().to_bytes()
    }

    /// Signs a message.
    pub(super) fn sign(&self, message: &[u8]) -> [u8; 64] {
        self.0.sign(message).to_bytes()
    }
}
