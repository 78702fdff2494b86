//! Sums that meet themselves on the way: where the ephemeral point is a known multiple of the
//! generator, the partial sums of both can be made equal, opposite or nothing at any place.

use k256::elliptic_curve::ops::Reduce;
use k256::elliptic_curve::sec1::ToEncodedPoint;
use k256::elliptic_curve::{Field, PrimeField};
use k256::{ProjectivePoint, Scalar, U256};

use super::{recover, step, Case, Others, Words};

/// The curve's endomorphism: the third root of one modulo the order.
fn lambda() -> Scalar {
    let bytes = hex::decode("5363ad4cc05c30e0a5261c028812645a122e22ea20816678df02967c1b23bd72").unwrap();
    let bytes: [u8; 32] = bytes.try_into().unwrap();
    Scalar::from_repr(bytes.into()).unwrap()
}

fn power(bits: u32) -> Scalar {
    (0..bits).fold(Scalar::ONE, |number, _| number.double())
}

/// The point `k G` and what is needed so that `of_generator G + of_ephemeral k G` is recovered.
struct Ephemeral {
    k: Scalar,
    r: Scalar,
    y_is_odd: bool,
}

impl Ephemeral {
    fn of(k: Scalar) -> Option<Self> {
        let point = (ProjectivePoint::GENERATOR * k).to_affine().to_encoded_point(false);
        let r = Option::<Scalar>::from(Scalar::from_repr(*point.x()?))?;
        Some(Self { k, r, y_is_odd: point.y()?[31] % 2 == 1 })
    }

    fn case(&self, of_generator: Scalar, of_ephemeral: Scalar) -> Case {
        let digest = (-of_generator * self.r).to_repr().into();
        let s = (of_ephemeral * self.r).to_repr().into();
        Case { digest, r: self.r.to_repr().into(), s, y_is_odd: self.y_is_odd }
    }
}

/// Logarithms of the ephemeral point: the generator, its small multiples and powers of two times
/// it, the same under the endomorphism, their opposites; then random ones.
fn logarithms() -> Vec<Scalar> {
    let small = [1u32, 2, 3, 5, 7, 15, 17, 255, 511, 513].map(Scalar::from);
    let powers = [5, 29, 63, 64, 126, 127, 128, 129, 200].map(power);
    let mut positive: Vec<Scalar> = small.into_iter().chain(powers).collect();
    positive.extend([power(7) + Scalar::ONE, power(128) - Scalar::ONE]);
    let (one, two) = (lambda(), lambda().square());
    let mut all: Vec<Scalar> = positive.iter().flat_map(|k| [*k, *k * one, *k * two]).collect();
    all.extend(all.clone().into_iter().map(|k| -k));
    let mut words = Words::of("logarithms");
    all.extend((0..8).map(|_| <Scalar as Reduce<U256>>::reduce_bytes(&words.next().into())));
    all
}

#[test]
fn partial_sums_that_collide() {
    let others = Others::new();
    let (mut number, mut keys, mut infinities) = (0usize, 0usize, 0usize);
    let step = step(53);
    let digits = [1u32, 3, 9, 15, 31, 511].map(Scalar::from);
    let places = [0, 1, 4, 64, 120].map(power);
    // What is left to be added after the collision.
    let rests = [Scalar::ZERO, Scalar::ONE, -Scalar::from(3u32), lambda(), power(3)];
    for ephemeral in logarithms().into_iter().filter_map(Ephemeral::of) {
        for (digit, place) in digits.iter().flat_map(|digit| places.iter().map(move |place| (digit, place))) {
            for kind in [Scalar::ONE, lambda(), -lambda()] {
                let of_ephemeral = *digit * place * kind;
                let meets = of_ephemeral * ephemeral.k;
                for sign in [Scalar::ONE, -Scalar::ONE] {
                    for rest in &rests {
                        number += 1;
                        if !number.is_multiple_of(step) {
                            continue;
                        }
                        let case = ephemeral.case(sign * meets + rest, of_ephemeral);
                        let sum = meets + sign * meets + rest;
                        let found = others.agree(&case);
                        assert_eq!(found, sum != Scalar::ZERO, "{case:x?}");
                        if found {
                            keys += 1;
                            let point =
                                (ProjectivePoint::GENERATOR * sum).to_affine().to_encoded_point(false);
                            assert_eq!(recover(&case).unwrap()[..], point.as_bytes()[1..], "{case:x?}");
                        } else {
                            infinities += 1;
                        }
                    }
                }
            }
        }
    }
    assert!(keys * step > 90_000 && infinities * step > 8_000, "{keys} keys, {infinities} infinities");
}

/// One of the two terms is nothing, or the ephemeral point alone.
#[test]
fn terms_that_are_nothing_or_one() {
    let others = Others::new();
    let step = step(5);
    for ephemeral in logarithms().into_iter().filter_map(Ephemeral::of).step_by(step) {
        for of_ephemeral in [Scalar::ONE, -Scalar::ONE, Scalar::from(2u32), lambda(), lambda().square()] {
            assert!(others.agree(&ephemeral.case(Scalar::ZERO, of_ephemeral)));
            assert!(
                others.agree(&ephemeral.case(Scalar::ONE, of_ephemeral))
                    || ephemeral.k * of_ephemeral == -Scalar::ONE
            );
        }
        // s is zero: no signature.
        assert!(!others.agree(&ephemeral.case(Scalar::ONE, Scalar::ZERO)));
        assert!(!others.agree(&ephemeral.case(Scalar::ZERO, Scalar::ZERO)));
    }
}
