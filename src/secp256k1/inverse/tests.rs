use num_bigint::BigUint;

use super::*;
use crate::secp256k1::tests;
use crate::secp256k1::words::{from_bytes, to_bytes};

fn number(words: Words) -> BigUint {
    BigUint::from_bytes_be(&to_bytes(words))
}

#[test]
fn inverses_of_edges_and_random_numbers() {
    for modulus in [&FIELD, &ORDER] {
        let m = number(modulus.words);
        let small = (0..40u64).map(|n| [n, 0, 0, 0]);
        let powers = (0..256usize).map(|bit| {
            let mut words = [0; 4];
            words[bit / 64] = 1 << (bit % 64);
            words
        });
        let [lowest, upper @ ..] = modulus.words;
        let near = (1..40u64).map(|n| [lowest - n, upper[0], upper[1], upper[2]]);
        let filled = (1..255u32).map(|bit| {
            let mut words = [u64::MAX; 4];
            for (place, word) in words.iter_mut().enumerate() {
                let above = (64 * (place as u32 + 1)).saturating_sub(bit).min(64);
                *word = word.checked_shr(above).unwrap_or(0);
            }
            words
        });
        let mut stream = tests::Words::new("inverse");
        let random = std::iter::repeat_with(|| from_bytes(&stream.next())).take(3_000);
        for words in small.chain(powers).chain(near).chain(filled).chain(random) {
            if number(words) >= m {
                continue;
            }
            let inverse = invert(words, modulus);
            let expected = number(words).modpow(&(&m - 2u32), &m);
            assert_eq!(number(inverse), expected, "{words:x?}");
        }
    }
}

#[test]
fn constants() {
    for modulus in [&FIELD, &ORDER] {
        let product = (modulus.words[0] as i32).wrapping_mul(modulus.inverse);
        assert_eq!(product & MASK, 1);
    }
}
