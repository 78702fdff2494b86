//! What ECDSA on two curves has in common: the signature, and the nonce of RFC 6979.

use sha2::{Digest, Sha256};

/// Candidates tried. On secp256k1 and P-256 one in 2^32 is refused at most.
const MAX_TRIES: usize = 64;

/// `r` and `s`, and which of the two points with `x = r` was meant.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Signature {
    pub(super) r: [u8; 32],
    pub(super) s: [u8; 32],
    pub(super) y_is_odd: bool,
}

// === impl Signature ===

impl Signature {
    /// `r || s`, as JWS has it (RFC 7518, 3.4).
    pub(super) fn to_bytes(self) -> [u8; 64] {
        let mut bytes = [0; 64];
        for (to, from) in bytes.iter_mut().zip(self.r.into_iter().chain(self.s)) {
            *to = from;
        }
        bytes
    }
}

/// SHA-256 over the concatenation of `parts`.
#[inline(never)]
pub(super) fn sha256(parts: &[&[u8]]) -> [u8; 32] {
    let mut hasher = Sha256::new();
    for part in parts {
        hasher.update(part);
    }
    hasher.finalize().into()
}

/// Gives `attempt` the nonces of RFC 6979, 3.2 (SHA-256, an order of 256 bits) until it takes
/// one. `digest` is reduced modulo the order already (`bits2octets`).
#[inline(never)]
pub(super) fn with_nonce(
    secret: &[u8; 32],
    digest: &[u8; 32],
    attempt: &dyn Fn(&[u8; 32]) -> Option<Signature>,
) -> Option<Signature> {
    let mut value = [1; 32];
    let mut key = [0; 32];
    for step in [0, 1] {
        key = hmac(&key, &[&value, &[step], secret, digest]);
        value = hmac(&key, &[&value]);
    }
    for _ in 0..MAX_TRIES {
        value = hmac(&key, &[&value]);
        if let Some(signature) = attempt(&value) {
            return Some(signature);
        }
        key = hmac(&key, &[&value, &[0]]);
        value = hmac(&key, &[&value]);
    }
    None
}

/// HMAC-SHA-256 (RFC 2104) under a key of 32 bytes.
#[inline(never)]
fn hmac(key: &[u8; 32], parts: &[&[u8]]) -> [u8; 32] {
    let mut inner = Sha256::new();
    inner.update(padded(key, 0x36));
    for part in parts {
        inner.update(part);
    }
    sha256(&[&padded(key, 0x5c), &inner.finalize()])
}

fn padded(key: &[u8; 32], pad: u8) -> [u8; 64] {
    let mut block = [pad; 64];
    for (to, from) in block.iter_mut().zip(key) {
        *to ^= from;
    }
    block
}
