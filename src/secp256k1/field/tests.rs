use num_bigint::{BigInt, BigUint};

use super::*;
use crate::secp256k1::tests::Words;
use crate::secp256k1::words;

fn modulus() -> BigInt {
    (BigInt::from(1) << 256) - (BigInt::from(1) << 32) - 977
}

/// The number that limbs are, in the range of the modulus.
fn value(field: &Field) -> BigInt {
    let sum = field.0.iter().rev().fold(BigInt::from(0), |sum, limb| (sum << 29) + *limb);
    let modulus = modulus();
    ((sum % &modulus) + &modulus) % modulus
}

fn canonical(field: &Field) -> BigInt {
    BigUint::from_bytes_be(&words::to_bytes(field.to_words())).into()
}

/// Limbs at every edge, then random ones, of the magnitude.
fn samples(magnitude: i64) -> impl Iterator<Item = Field> {
    let most = magnitude * (1 << 28);
    let mut words = Words::new("field");
    let edges = [most, -most, 0, 1, -1, most - 1, 1 - most, 977, -977];
    let uniform = edges.map(|limb| Field([limb; 9]));
    let alternating = edges.map(|limb| Field(std::array::from_fn(|i| if i % 2 == 0 { limb } else { -limb })));
    let single = (0..9).flat_map(move |place| {
        edges.map(|limb| Field(std::array::from_fn(|i| if i == place { limb } else { 0 })))
    });
    let random = move || {
        let (one, two) = (words.next(), words.next());
        let bytes = [one, two].concat();
        Field(std::array::from_fn(|i| {
            let raw = i64::from(i32::from_be_bytes(bytes[4 * i..4 * i + 4].try_into().unwrap()));
            // A quarter of them at the edge.
            if bytes[40 + i] < 64 {
                most * raw.signum()
            } else {
                (raw * magnitude) >> 3
            }
        }))
    };
    let random = std::iter::repeat_with(random).take(300);
    uniform.into_iter().chain(alternating).chain(single).chain(random)
}

/// The modulus and its neighbours, and powers of two at the limbs and words.
fn numbers() -> Vec<BigInt> {
    let p = modulus();
    let mut numbers: Vec<BigInt> = (0..3).flat_map(|n: i32| [BigInt::from(n), &p - n, &p + n]).collect();
    for bits in (29..256).step_by(29).chain((32..256).step_by(32)) {
        let power: BigInt = BigInt::from(1) << bits;
        numbers.extend([&power - 1, power.clone(), &power + 1, &p - &power]);
    }
    numbers.push((BigInt::from(1) << 256) - 1);
    numbers
}

fn from_number(number: &BigInt) -> Field {
    let bytes = number.to_biguint().unwrap().to_bytes_le();
    let mut padded = [0; 32];
    padded[..bytes.len()].copy_from_slice(&bytes);
    padded.reverse();
    Field::from_words(words::from_bytes(&padded))
}

fn is_of_magnitude_one(field: &Field) -> bool {
    let half = 1 << 28;
    field
        .0
        .iter()
        .enumerate()
        .all(|(place, limb)| limb.abs() <= half + if place == 2 { half / 1_000 } else { 0 })
}

#[test]
fn words_go_in_and_out() {
    let p = modulus();
    for number in numbers() {
        let field = from_number(&number);
        assert!(is_of_magnitude_one(&field), "{field:?}");
        assert_eq!(value(&field), &number % &p);
        assert_eq!(canonical(&field), &number % &p, "{number:x}");
        assert_eq!(field.is_zero(), &number % &p == BigInt::from(0));
        assert_eq!(field.is_odd(), (&number % &p).bit(0));
    }
    for magnitude in [1, 2, 3, 8, 64] {
        for field in samples(magnitude) {
            assert_eq!(canonical(&field), value(&field), "{field:?}");
        }
    }
}

#[test]
fn multiples_of_the_modulus_are_zero() {
    let p = modulus();
    for count in -48i32..=48 {
        for off in [-1, 0, 1] {
            let mut rest: BigInt = &p * count + off;
            let mut limbs = [0; 9];
            for (place, limb) in limbs.iter_mut().enumerate() {
                let digit =
                    if place == 8 { rest.clone() } else { ((&rest % (1 << 29)) + (1 << 29)) % (1 << 29) };
                let digit =
                    if place < 8 && digit >= BigInt::from(1 << 28) { digit - (1 << 29) } else { digit };
                *limb = i64::try_from(&digit).unwrap();
                rest = (rest - digit) >> 29;
            }
            assert_eq!(Field(limbs).is_zero(), off == 0, "{count} {off}");
            // The same with a lowest limb that was not carried.
            let mut uncarried = limbs;
            uncarried[0] += 1 << 29;
            uncarried[1] -= 1;
            assert_eq!(Field(uncarried).is_zero(), off == 0, "{count} {off}");
        }
    }
}

#[test]
fn products_are_those_of_the_integers() {
    let p = modulus();
    let numbers: Vec<Field> = numbers().iter().map(from_number).chain(samples(1).take(120)).collect();
    for a in &numbers {
        assert_eq!(value(&a.square()), value(a).pow(2) % &p, "{a:?}");
        for b in &numbers {
            let product = a.mul(b);
            assert_eq!(value(&product), value(a) * value(b) % &p, "{a:?} {b:?}");
            assert!(is_of_magnitude_one(&product));
            let mut same = *a;
            same.multiply(b);
            assert_eq!(same.0, product.0);
        }
    }
}

/// Every product that the magnitudes allow, at its edge: 6, and 9 for squares.
#[test]
fn products_at_the_limit_do_not_overflow() {
    let p = modulus();
    for (first, second) in [(1, 6), (2, 3), (3, 2), (6, 1)] {
        for (a, b) in samples(first).zip(samples(second)).chain(samples(first).zip(samples(second).skip(7))) {
            let product = a.mul(&b);
            assert_eq!(value(&product), value(&a) * value(&b) % &p, "{a:?} {b:?}");
            assert!(is_of_magnitude_one(&product), "{product:?}");
        }
    }
    for (a, c) in samples(3).zip(samples(1).skip(3)) {
        assert_eq!(value(&a.square()), value(&a).pow(2) % &p, "{a:?}");
        let mut square = Field::ONE;
        square.set_square_less(&a, &c.times(-1 << 20));
        assert_eq!(value(&square), (value(&a).pow(2) + (value(&c) << 20)) % &p, "{a:?} {c:?}");
        assert!(is_of_magnitude_one(&square), "{square:?}");
        let mut sum = Field::ONE;
        sum.set_product_less(&a, &c.times(2), &a.times(-1 << 18));
        assert_eq!(value(&sum), (value(&a) * value(&c) * 2 + (value(&a) << 18)) % &p, "{a:?} {c:?}");
        assert!(is_of_magnitude_one(&sum), "{sum:?}");
    }
}

#[test]
fn sums_differences_and_multiples() {
    let p = modulus();
    let wrap = |number: BigInt| ((number % &p) + &p) % &p;
    for (a, b) in samples(1).zip(samples(2).skip(5)) {
        assert_eq!(value(&a.plus(&b)), wrap(value(&a) + value(&b)));
        assert_eq!(value(&a.minus(&b)), wrap(value(&a) - value(&b)));
        assert_eq!(value(&a.negated()), wrap(-value(&a)));
        assert_eq!(value(&a.times(-8)), wrap(value(&a) * -8));
    }
}

#[test]
fn roots_and_inverses() {
    let p = modulus();
    let exponent = (&p + 1i32) / 4;
    for a in numbers().iter().map(from_number).chain(samples(1).take(100)) {
        assert_eq!(value(&a.root()), value(&a).modpow(&exponent, &p), "{a:?}");
        let inverse = a.inverse();
        assert_eq!(value(&inverse), value(&a).modpow(&(&p - 2i32), &p), "{a:?}");
        let square = a.square();
        let root = square.root();
        assert!(root.minus(&a).is_zero() || root.plus(&a).is_zero(), "{a:?}");
    }
}
