//! Numbers of 256 bits, as four words, lowest first.

#![allow(clippy::arithmetic_side_effects, reason = "see the bound where two words are multiplied")]

/// Four words of 64 bits, lowest first.
pub(super) type Words = [u64; 4];

/// From 32 bytes, highest first.
pub(super) fn from_bytes(bytes: &[u8; 32]) -> Words {
    let mut words = [0; 4];
    let (chunks, _) = bytes.as_chunks::<8>();
    for (word, chunk) in words.iter_mut().rev().zip(chunks) {
        *word = u64::from_be_bytes(*chunk);
    }
    words
}

/// To 32 bytes, highest first.
pub(super) fn to_bytes(words: Words) -> [u8; 32] {
    let mut bytes = [0; 32];
    let (chunks, _) = bytes.as_chunks_mut::<8>();
    for (word, chunk) in words.iter().rev().zip(chunks) {
        *chunk = word.to_be_bytes();
    }
    bytes
}

pub(super) fn is_below(one: Words, other: Words) -> bool {
    sub(one, other).1
}

/// The sum modulo `2^256`, and whether it reached that.
pub(super) fn add(mut one: Words, other: Words) -> (Words, bool) {
    let mut carry = false;
    for (to, other) in one.iter_mut().zip(other) {
        let (sum, first) = to.overflowing_add(other);
        let (sum, second) = sum.overflowing_add(u64::from(carry));
        *to = sum;
        carry = first || second;
    }
    (one, carry)
}

/// The difference modulo `2^256`, and whether it is below zero.
pub(super) fn sub(mut one: Words, other: Words) -> (Words, bool) {
    let mut borrow = false;
    for (to, other) in one.iter_mut().zip(other) {
        let (difference, first) = to.overflowing_sub(other);
        let (difference, second) = difference.overflowing_sub(u64::from(borrow));
        *to = difference;
        borrow = first || second;
    }
    (one, borrow)
}

/// The product's lower and upper half.
#[inline(never)]
pub(super) fn multiply(one: Words, other: Words) -> (Words, Words) {
    let (one, other) = (halves(one), halves(other));
    let mut product = [0u32; 16];
    for (place, factor) in one.into_iter().enumerate() {
        let mut carry = 0;
        let mut rest = product.iter_mut().skip(place);
        for (other, to) in other.iter().zip(rest.by_ref()) {
            // (2^32 - 1)^2 + 2 (2^32 - 1) = 2^64 - 1.
            let sum = u64::from(factor) * u64::from(*other) + u64::from(*to) + carry;
            *to = low(sum);
            carry = sum >> 32;
        }
        if let Some(to) = rest.next() {
            *to = low(carry);
        }
    }
    let mut words =
        product.as_chunks::<2>().0.iter().map(|[low, high]| u64::from(*high) << 32 | u64::from(*low));
    let mut next = || words.next().unwrap_or_default();
    let lower = [next(), next(), next(), next()];
    (lower, [next(), next(), next(), next()])
}

/// Eight half words, lowest first.
fn halves([w0, w1, w2, w3]: Words) -> [u32; 8] {
    [low(w0), low(w0 >> 32), low(w1), low(w1 >> 32), low(w2), low(w2 >> 32), low(w3), low(w3 >> 32)]
}

/// The lower half of a word.
#[allow(clippy::cast_possible_truncation, reason = "that is what it is for")]
fn low(word: u64) -> u32 {
    word as u32
}
