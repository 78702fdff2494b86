//! Who signed this digest: an address from a signature.
//!
//! [`secp256k1`] has the arithmetic and says why it may take a time that depends on the
//! numbers. Here is what Ethereum adds to it.
//!
//! # Security notes
//! - Everything here is public (a digest, a signature, an address). Never use this module on a
//!   secret.
//! - The result is only *a* key under which the signature verifies: some key comes out for
//!   nearly every well-formed input, and it means something only when compared with the
//!   address the message itself names.

use super::address::Address;
use super::keccak256;
use super::signature::Signature;
use crate::secp256k1;

/// The address whose key signed `digest`, if the signature belongs to any key.
///
/// `None` when no curve point has `x = r` (about half of all random `r`), or when the
/// equation yields the point at infinity.
pub fn recover(digest: &[u8; 32], signature: &Signature) -> Option<Address> {
    let key = secp256k1::recover(digest, signature.r(), signature.s(), signature.y_is_odd())?;
    keccak256([&key.x, &key.y]).last_chunk().copied().map(Address::new)
}
