//! ECDSA on secp256k1 (SEC 1, SEC 2), with low `s` as Ethereum wants it (EIP-2).

use k256::elliptic_curve::ops::{LinearCombinationExt, Reduce};
use k256::elliptic_curve::scalar::IsHigh;
use k256::elliptic_curve::sec1::{Coordinates, ToEncodedPoint};
use k256::elliptic_curve::{Field, PrimeField};
use k256::{FieldBytes, ProjectivePoint, Scalar, U256};

use super::ecdsa::{self, Signature};
use super::p256::Point;

/// The order less two, in 64-bit digits, the lowest first; see P-256.
const ORDER_LESS_TWO: [u64; 4] =
    [0xbfd2_5e8c_d036_413f, 0xbaae_dce6_af48_a03b, 0xffff_ffff_ffff_fffe, 0xffff_ffff_ffff_ffff];

/// A private key, and its public one.
pub(super) struct Secret {
    scalar: Scalar,
    public: Point,
}

// === impl Secret ===

impl Secret {
    /// A key from its scalar; `None` for 0 and from the order up.
    pub(super) fn new(bytes: &[u8; 32]) -> Option<Self> {
        let scalar = scalar(bytes)?;
        Some(Self { scalar, public: of_generator(&scalar)? })
    }

    /// The public key.
    pub(super) fn public(&self) -> Point {
        self.public
    }

    /// Signs a digest; `s` is in the lower half of the order.
    #[allow(
        clippy::arithmetic_side_effects,
        reason = "arithmetic modulo the group order neither overflows nor panics"
    )]
    pub(super) fn sign(&self, digest: &[u8; 32]) -> Option<Signature> {
        let z = reduced(digest);
        ecdsa::with_nonce(&self.scalar.to_bytes().into(), &z.to_bytes().into(), &|nonce| {
            let nonce = scalar(nonce)?;
            let point = of_generator(&nonce)?;
            // An x from the order up has a recovery id that Ethereum's v cannot say.
            let r = scalar(&point.x)?;
            let s = Field::pow_vartime(&nonce, ORDER_LESS_TWO) * (z + r * self.scalar);
            let high = bool::from(s.is_high());
            let s = if high { -s } else { s };
            let y_is_odd = point.y.last().is_some_and(|byte| byte & 1 == 1) != high;
            (s != Scalar::ZERO).then(|| Signature { r: point.x, s: s.to_bytes().into(), y_is_odd })
        })
    }
}

/// A number in `[1, n-1]`.
fn scalar(bytes: &[u8; 32]) -> Option<Scalar> {
    let scalar: Option<Scalar> = Scalar::from_repr(FieldBytes::from(*bytes)).into();
    scalar.filter(|scalar| *scalar != Scalar::ZERO)
}

fn reduced(bytes: &[u8; 32]) -> Scalar {
    <Scalar as Reduce<U256>>::reduce_bytes(&FieldBytes::from(*bytes))
}

/// Computed by the sum of two products that recovery uses as well, with nothing for the second:
/// twice the time, and no second copy of that code.
#[inline(never)]
fn of_generator(scalar: &Scalar) -> Option<Point> {
    let generator = ProjectivePoint::GENERATOR;
    let point = ProjectivePoint::lincomb_ext(&[(generator, *scalar), (generator, Scalar::ZERO)]);
    let point = point.to_affine().to_encoded_point(false);
    match point.coordinates() {
        Coordinates::Uncompressed { x, y } => Some(Point { x: (*x).into(), y: (*y).into() }),
        _ => None,
    }
}
