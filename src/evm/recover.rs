//! Public-key recovery on secp256k1: who signed this digest.
//!
//! SEC 1 (v2.0), 4.1.6, with the candidate fixed by the signature's `v`: `R` is the point
//! with `x = r` and the given parity, and `Q = r^-1 (s R - z G)`. The candidates `x = r + n`
//! (recovery ids 2 and 3) do not exist in Ethereum, whose `v` is 27 or 28.
//!
//! # Security notes
//! - Everything here is public (a digest, a signature, an address), so the variable-time
//!   scalar inversion leaks nothing. Never use this module on a secret.
//! - The result is only *a* key under which the signature verifies: some key comes out for
//!   nearly every well-formed input, and it means something only when compared with the
//!   address the message itself names.
//! - The equation is solved once. `ecdsa`'s `recover_from_prehash` verifies the signature
//!   again under the recovered key, which doubles the cost and cannot fail: `Q` satisfies
//!   the verification equation by construction, for `s` in range and `Q` not the identity.

use k256::elliptic_curve::ops::{Invert, LinearCombinationExt, Reduce};
use k256::elliptic_curve::point::DecompressPoint;
use k256::elliptic_curve::sec1::{Coordinates, ToEncodedPoint};
use k256::elliptic_curve::subtle::Choice;
use k256::{AffinePoint, FieldBytes, ProjectivePoint, Scalar, U256};

use super::address::Address;
use super::keccak256;
use super::signature::Signature;

/// The address whose key signed `digest`, if the signature belongs to any key.
///
/// `None` when no curve point has `x = r` (about half of all random `r`), or when the
/// equation yields the point at infinity.
pub fn recover(digest: &[u8; 32], signature: &Signature) -> Option<Address> {
    let key = public_key(digest, signature)?;
    match key.to_encoded_point(false).coordinates() {
        Coordinates::Uncompressed { x, y } => keccak256([x, y]).last_chunk().copied().map(Address::new),
        // The identity: the two terms cancelled.
        _ => None,
    }
}

#[allow(
    clippy::arithmetic_side_effects,
    reason = "arithmetic modulo the group order neither overflows nor panics"
)]
fn public_key(digest: &[u8; 32], signature: &Signature) -> Option<AffinePoint> {
    let parity = Choice::from(u8::from(signature.y_is_odd()));
    let x = FieldBytes::from(*signature.r());
    let ephemeral: AffinePoint = Option::from(AffinePoint::decompress(&x, parity))?;

    let z = scalar(digest);
    let inverse: Scalar = Option::from(scalar(signature.r()).invert_vartime())?;
    let of_generator = -(inverse * z);
    let of_ephemeral = inverse * scalar(signature.s());

    let key = ProjectivePoint::lincomb_ext(&[
        (ProjectivePoint::GENERATOR, of_generator),
        (ProjectivePoint::from(ephemeral), of_ephemeral),
    ]);
    Some(key.to_affine())
}

/// A big-endian number modulo the order: ECDSA's `z` for a digest as long as the order.
fn scalar(bytes: &[u8; 32]) -> Scalar {
    <Scalar as Reduce<U256>>::reduce_bytes(&FieldBytes::from(*bytes))
}
