//! The operator's own keys: who we are to a facilitator, and what a buyer is promised.
//!
//! Everything here is a function of its arguments: the time and the random bytes come in, and
//! the same input gives the same signature (RFC 8032, RFC 6979).
//!
//! # Security notes
//! - What depends on a secret runs in constant time, as far as the crates below promise it and
//!   the host's compiler keeps it: scalar multiplication, the scalar field, SHA-2. A secret is
//!   read once, while the configuration is; how long that takes tells nobody anything.
//! - No type here shows a secret: `Debug` writes the kind of key, and no error repeats its text.

use std::fmt;

pub mod did;
pub mod jwt;
pub mod notary;
pub mod ring;

mod der;
mod ecdsa;
mod ed25519;
mod jws;
mod p256;
mod secp256k1;
mod text;
mod typed;

pub use text::KeyError;

/// A private key to sign with.
pub struct Key(Kind);

enum Kind {
    Ed25519(ed25519::Secret),
    P256(p256::Secret),
    Secp256k1(secp256k1::Secret),
}

// === impl Key ===

impl Key {
    /// Reads a key as operators have it; `text` may carry spaces and line breaks around it.
    ///
    /// - PEM, PKCS#8 (`PRIVATE KEY`) or RFC 5915 (`EC PRIVATE KEY`): Ed25519, P-256 or
    ///   secp256k1. Line breaks may be written `\n`, as in an environment variable.
    /// - base64 of 64 bytes: an Ed25519 seed and its public key.
    /// - 64 hexadecimal digits, with or without `0x`: secp256k1.
    ///
    /// # Errors
    /// [`KeyError`], which never holds any of the text.
    pub fn parse(text: &str) -> Result<Self, KeyError> {
        text::parse(text)
    }

    /// The JWS algorithm of its signatures (RFC 7518, RFC 8037, RFC 8812).
    pub fn algorithm(&self) -> &'static str {
        match &self.0 {
            Kind::Ed25519(_) => "EdDSA",
            Kind::P256(_) => "ES256",
            Kind::Secp256k1(_) => "ES256K",
        }
    }

    /// The 64 bytes of a JWS signature over `message`. `None` does not happen: it stands for
    /// RFC 6979 finding no nonce in many tries.
    fn sign(&self, message: &[u8]) -> Option<[u8; 64]> {
        match &self.0 {
            Kind::Ed25519(secret) => Some(secret.sign(message)),
            Kind::P256(secret) => Some(secret.sign(&ecdsa::sha256(&[message]))?.to_bytes()),
            Kind::Secp256k1(secret) => Some(secret.sign(&ecdsa::sha256(&[message]))?.to_bytes()),
        }
    }
}

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "<{} key>", self.algorithm())
    }
}

#[cfg(test)]
mod tests;
