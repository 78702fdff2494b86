use num_bigint::{BigInt, BigUint};

use super::*;
use crate::secp256k1::tests;
use crate::secp256k1::words::{from_bytes, to_bytes};

/// A third root of one modulo the order.
const LAMBDA: Words =
    [0xdf02_967c_1b23_bd72, 0x122e_22ea_2081_6678, 0xa526_1c02_8812_645a, 0x5363_ad4c_c05c_30e0];

fn number(words: Words) -> BigUint {
    BigUint::from_bytes_be(&to_bytes(words))
}

fn order() -> BigUint {
    number(ORDER)
}

fn of(number: &BigUint) -> Words {
    let mut bytes = [0; 32];
    let digits = number.to_bytes_be();
    bytes[32 - digits.len()..].copy_from_slice(&digits);
    from_bytes(&bytes)
}

/// Edges of words and of the order, then multiples of lambda and the borders where a split rounds
/// to another vector, then random numbers.
fn numbers() -> Vec<Words> {
    let n = order();
    let mut numbers: Vec<BigUint> = (0..3u32).flat_map(|i| [BigUint::from(i), &n - 1u32 - i]).collect();
    for bits in (16..256).step_by(16) {
        let power: BigUint = BigUint::from(1u32) << bits;
        numbers.extend([&power - 1u32, power.clone(), &power + 1u32, &n - &power]);
    }
    let lambda = number(LAMBDA);
    for i in 0..50u32 {
        numbers.push(&lambda * i % &n);
        numbers.push((&n - &lambda) * i % &n);
        for basis in [A1, B1] {
            // Where A1 k / n is i and a half.
            let border = (&n * (2 * i + 1)) / (number(basis) * 2u32);
            numbers.extend([border.clone(), &border + 1u32]);
        }
    }
    let mut words: Vec<Words> = numbers.iter().map(of).collect();
    let mut stream = tests::Words::new("scalar");
    words.extend(std::iter::repeat_with(|| Scalar::reduced(from_bytes(&stream.next())).0).take(500));
    words
}

#[test]
fn reduction_and_negation() {
    let n = order();
    for excess in [0u32, 1, 2] {
        assert_eq!(number(Scalar::reduced(of(&(&n + excess))).0), BigUint::from(excess));
    }
    assert_eq!(number(Scalar::reduced([u64::MAX; 4]).0), (BigUint::from(1u32) << 256) - 1u32 - &n);
    for words in numbers() {
        assert_eq!(number(Scalar(words).negated().0), (&n - number(words)) % &n);
    }
}

#[test]
fn products_are_those_of_the_integers() {
    let n = order();
    let numbers = numbers();
    for (a, b) in numbers.iter().flat_map(|a| numbers.iter().step_by(7).map(move |b| (*a, *b))) {
        assert_eq!(number(Scalar(a).mul(Scalar(b)).0), number(a) * number(b) % &n, "{a:x?} {b:x?}");
    }
}

#[test]
fn halves_are_short_and_make_the_whole() {
    let n = BigInt::from(order());
    let lambda = BigInt::from(number(LAMBDA));
    let signed = |half: Half| if half.is_negative { -BigInt::from(half.size) } else { half.size.into() };
    // Half of A1 + A2, and of B1 + A1.
    let limits = [0xa2a8_918c_a85b_afe2_2016_d0b9_17e4_dd76u128, 0x8a65_287b_d471_79fb_2be0_8846_cea2_67ec];
    for words in numbers() {
        let (one, other) = Scalar(words).split();
        let whole = signed(one) + signed(other) * &lambda - BigInt::from(number(words));
        assert_eq!(whole % &n, BigInt::from(0), "{words:x?}");
        assert!(one.size <= limits[0] + 2, "{words:x?}");
        assert!(other.size <= limits[1] + 2, "{words:x?}");
    }
}

#[test]
fn constants() {
    let n = order();
    assert_eq!(number(COMPLEMENT), (BigUint::from(1u32) << 256) - &n);
    let lambda = number(LAMBDA);
    assert_eq!(lambda.modpow(&BigUint::from(3u32), &n), BigUint::from(1u32));
    let (a1, b1, a2) = (number(A1), number(B1), number(A2));
    assert_eq!(&a1 % &n, &b1 * &lambda % &n);
    assert_eq!((&a2 + &a1 * &lambda) % &n, BigUint::from(0u32));
    assert_eq!(&a1 * &a1 + &a2 * &b1, n);
    for (over, of) in [(A1_OVER_N, a1), (B1_OVER_N, b1)] {
        assert_eq!(number(over), ((of << 384) + (&n >> 1)) / &n);
    }
}
