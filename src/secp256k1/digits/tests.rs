use num_bigint::BigInt;

use super::*;
use crate::secp256k1::scalar::Half;
use crate::secp256k1::tests::Words;

/// What the digits add up to.
fn value(digits: &[Digit]) -> BigInt {
    digits.iter().rev().fold(BigInt::from(0), |sum, digit| sum * 2 + *digit)
}

#[test]
fn digits_are_the_number() {
    let mut words = Words::new("digits");
    let edges = [0, 1, 2, 3, 15, 16, 17, 31, 32, u128::MAX, u128::MAX - 1, u128::MAX >> 1, 1 << 127, 1 << 64];
    let random = (0..2_000u32)
        .map(|round| u128::from_le_bytes(words.next()[..16].try_into().unwrap()) >> (round % 128));
    for size in edges.into_iter().chain(random) {
        for is_negative in [false, true] {
            for width in [2, 5, 8, 10, 12, 14] {
                let mut four = [[0; 4]; 129];
                write(&mut four, 2, Half { size, is_negative }, width);
                assert!(four.iter().all(|[a, b, _, c]| [a, b, c] == [&0; 3]));
                let digits = four.map(|[_, _, digit, _]| digit);
                let expected = if is_negative { -BigInt::from(size) } else { BigInt::from(size) };
                assert_eq!(value(&digits), expected, "{size:x} {width}");
                let limit = 1 << (width - 1);
                assert!(digits.iter().all(|digit| *digit == 0 || digit % 2 != 0 && digit.abs() < limit));
                for window in digits.windows(width as usize) {
                    assert!(window.iter().filter(|digit| **digit != 0).count() <= 1, "{size:x} {width}");
                }
            }
        }
    }
}
