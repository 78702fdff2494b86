use k256::elliptic_curve::sec1::ToEncodedPoint;
use k256::elliptic_curve::PrimeField;
use k256::{ProjectivePoint, Scalar};

use super::*;
use crate::secp256k1::words::to_bytes;

fn bytes(term: Term<'_>, scale: &Field) -> [[u8; 32]; 2] {
    let mut point = Affine { x: *term.x, y: if term.is_negative { term.y.negated() } else { *term.y } };
    point.scale(scale);
    [point.x, point.y].map(|number| to_bytes(number.to_words()))
}

/// k256's multiple of its generator.
fn multiple(of: Scalar) -> [[u8; 32]; 2] {
    let point = (ProjectivePoint::GENERATOR * of).to_affine().to_encoded_point(false);
    [*point.x().unwrap(), *point.y().unwrap()].map(Into::into)
}

fn lambda() -> Scalar {
    let bytes = hex::decode("5363ad4cc05c30e0a5261c028812645a122e22ea20816678df02967c1b23bd72").unwrap();
    let bytes: [u8; 32] = bytes.try_into().unwrap();
    Scalar::from_repr(bytes.into()).unwrap()
}

fn check<P: AsRef<[Affine]>, X: AsRef<[Field]>>(table: &Table<P, X>, back: &Field) {
    let count = table.points.as_ref().len();
    for place in 0..count {
        let digit = 2 * place as Digit + 1;
        for (sign, digit) in [(Scalar::ONE, digit), (-Scalar::ONE, -digit)] {
            let of = sign * Scalar::from(digit.unsigned_abs() as u32);
            assert_eq!(bytes(table.get(digit).unwrap(), back), multiple(of), "{digit}");
            assert_eq!(bytes(table.get_lambda(digit).unwrap(), back), multiple(of * lambda()), "{digit}");
        }
    }
    assert!(table.get(2 * count as Digit + 1).is_none());
}

#[test]
fn the_generators_multiples() {
    check(generator(), &Field::ONE);
}

#[test]
fn a_points_multiples() {
    let (table, scale) = Once::of(&GENERATOR);
    check(&table, &scale.inverse());
}
