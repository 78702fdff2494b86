//! ECDSA on P-256 (FIPS 186-5), as `ES256` needs it.

use p256::elliptic_curve::ops::Reduce;
use p256::elliptic_curve::sec1::{Coordinates, ToEncodedPoint};
use p256::elliptic_curve::PrimeField;
use p256::{FieldBytes, ProjectivePoint, Scalar, U256};

use super::ecdsa::{self, Signature};

/// The order less two, in 64-bit digits, the lowest first. `x^(n-2)` is `1/x` (Fermat); the
/// exponent is public, so how long it takes says nothing about `x`. The crate's own inversion
/// unrolls to eight times the code.
const ORDER_LESS_TWO: [u64; 4] =
    [0xf3b9_cac2_fc63_254f, 0xbce6_faad_a717_9e84, 0xffff_ffff_ffff_ffff, 0xffff_ffff_0000_0000];

/// A private key, and its public one.
pub(super) struct Secret {
    scalar: Scalar,
    public: Point,
}

/// Affine coordinates, big-endian.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) struct Point {
    pub(super) x: [u8; 32],
    pub(super) y: [u8; 32],
}

// === impl Point ===

impl Point {
    /// SEC 1, uncompressed.
    pub(super) fn encode(&self) -> Vec<u8> {
        let mut point = vec![4];
        point.extend(self.x);
        point.extend(self.y);
        point
    }
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

    /// Signs a digest.
    #[allow(
        clippy::arithmetic_side_effects,
        reason = "arithmetic modulo the group order neither overflows nor panics"
    )]
    pub(super) fn sign(&self, digest: &[u8; 32]) -> Option<Signature> {
        let z = reduced(digest);
        ecdsa::with_nonce(&self.scalar.to_bytes().into(), &z.to_bytes().into(), &|nonce| {
            let nonce = scalar(nonce)?;
            let point = of_generator(&nonce)?;
            let r = reduced(&point.x);
            let s = nonce.pow_vartime(&ORDER_LESS_TWO) * (z + r * self.scalar);
            let y_is_odd = point.y.last().is_some_and(|byte| byte & 1 == 1);
            let zero = r == Scalar::ZERO || s == Scalar::ZERO;
            (!zero).then(|| Signature { r: r.to_bytes().into(), s: s.to_bytes().into(), y_is_odd })
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

#[allow(clippy::arithmetic_side_effects, reason = "the group law neither overflows nor panics")]
#[inline(never)]
fn of_generator(scalar: &Scalar) -> Option<Point> {
    let point = (ProjectivePoint::GENERATOR * scalar).to_affine().to_encoded_point(false);
    match point.coordinates() {
        Coordinates::Uncompressed { x, y } => Some(Point { x: (*x).into(), y: (*y).into() }),
        _ => None,
    }
}
