//! Numbers modulo `p = 2^256 - 2^32 - 977`.

#![allow(
    clippy::arithmetic_side_effects,
    reason = "limbs and what is made of them stay below 2^63, see `Field`"
)]

mod product;

use super::inverse::{invert, FIELD};
use product::{less, multiply, reduce, square};

/// Nine digits of 29 bits, lowest first, each with its sign.
type Limbs = [i64; 9];

/// The size of a digit. Nine products of two digits and their sign fit 64 bits, which is what a
/// multiplication gives in WebAssembly.
const BITS: u32 = 29;
const MASK: i64 = (1 << BITS) - 1;
const HALF: i64 = 1 << (BITS - 1);

/// What of the highest limb is below `2^256`.
const TOP_BITS: u32 = 24;
const TOP_MASK: i64 = (1 << TOP_BITS) - 1;

/// The modulus, as four words of 64 bits, lowest first.
pub(super) const MODULUS: [u64; 4] =
    [0xffff_fffe_ffff_fc2f, 0xffff_ffff_ffff_ffff, 0xffff_ffff_ffff_ffff, 0xffff_ffff_ffff_ffff];

/// A number modulo `p`, in one of many forms.
///
/// Of **magnitude** `m` are those whose limbs are within `m * 2^28` (and a thousandth, in limb
/// 2). Products, sums of products and constants have magnitude 1. Sums and differences add
/// magnitudes and carry nothing. A product may be formed while the magnitudes of its factors,
/// multiplied, are at most 6, a square up to magnitude 3.
/// Nothing checks it at run time but the overflow checks of a debug build, which tests and
/// fuzzing run under.
#[derive(Clone, Copy, Debug)]
pub(super) struct Field(Limbs);

// === impl Field ===

impl Field {
    pub(super) const ONE: Self = Self([1, 0, 0, 0, 0, 0, 0, 0, 0]);

    /// From limbs of magnitude 1.
    pub(super) const fn from_limbs(limbs: [i64; 9]) -> Self {
        Self(limbs)
    }

    /// The number in four words, lowest first, whether below the modulus or not. Magnitude 1.
    pub(super) fn from_words([w0, w1, w2, w3]: [u64; 4]) -> Self {
        let limb = |bits: u64| (bits & MASK.cast_unsigned()).cast_signed();
        let mut limbs = [
            limb(w0),
            limb(w0 >> 29),
            limb(w0 >> 58 | w1 << 6),
            limb(w1 >> 23),
            limb(w1 >> 52 | w2 << 12),
            limb(w2 >> 17),
            limb(w2 >> 46 | w3 << 18),
            limb(w3 >> 11),
            limb(w3 >> 40),
        ];
        let mut carry = 0;
        for limb in limbs.iter_mut().take(8) {
            *limb += carry + HALF;
            carry = *limb >> BITS;
            *limb = (*limb & MASK) - HALF;
        }
        let [.., top] = &mut limbs;
        *top += carry;
        Self(limbs)
    }

    /// The one form below the modulus, in four words, lowest first.
    pub(super) fn to_words(self) -> [u64; 4] {
        let mut limbs = self.0;
        // Up to 64 times the modulus off, then once, then not at all.
        for _ in 0..3 {
            let above = carry(&mut limbs);
            fold(&mut limbs, above);
        }
        // p + (2^32 + 977) is 2^256: at p and above the sum reaches it, and what is left is
        // the number less p.
        let mut over = limbs;
        fold(&mut over, 1);
        if carry(&mut over) > 0 {
            limbs = over;
        }
        let [l0, l1, l2, l3, l4, l5, l6, l7, l8] = limbs.map(i64::cast_unsigned);
        [
            l0 | l1 << 29 | l2 << 58,
            l2 >> 6 | l3 << 23 | l4 << 52,
            l4 >> 12 | l5 << 17 | l6 << 46,
            l6 >> 18 | l7 << 11 | l8 << 40,
        ]
    }

    /// Whether it is a multiple of the modulus, up to magnitude 4.
    pub(super) fn is_zero(&self) -> bool {
        // `k p` ends in `-977 k` modulo 2^29, and no `k` is above 64. That turns away all but
        // one in 4,000.
        let [lowest, ..] = self.0;
        let end = ((lowest + HALF) & MASK) - HALF;
        end.abs() <= 64 * 977 && self.to_words() == [0; 4]
    }

    pub(super) fn is_odd(self) -> bool {
        let [lowest, ..] = self.to_words();
        lowest & 1 == 1
    }

    #[inline(always)]
    pub(super) fn plus(&self, other: &Self) -> Self {
        let [a0, a1, a2, a3, a4, a5, a6, a7, a8] = self.0;
        let [b0, b1, b2, b3, b4, b5, b6, b7, b8] = other.0;
        Self([a0 + b0, a1 + b1, a2 + b2, a3 + b3, a4 + b4, a5 + b5, a6 + b6, a7 + b7, a8 + b8])
    }

    #[inline(always)]
    pub(super) fn minus(&self, other: &Self) -> Self {
        let [a0, a1, a2, a3, a4, a5, a6, a7, a8] = self.0;
        let [b0, b1, b2, b3, b4, b5, b6, b7, b8] = other.0;
        Self([a0 - b0, a1 - b1, a2 - b2, a3 - b3, a4 - b4, a5 - b5, a6 - b6, a7 - b7, a8 - b8])
    }

    #[inline(always)]
    pub(super) fn negated(&self) -> Self {
        self.times(-1)
    }

    /// A few times the number. Multiplies the magnitude.
    #[inline(always)]
    pub(super) fn times(&self, few: i64) -> Self {
        let [a0, a1, a2, a3, a4, a5, a6, a7, a8] = self.0;
        Self([a0 * few, a1 * few, a2 * few, a3 * few, a4 * few, a5 * few, a6 * few, a7 * few, a8 * few])
    }

    #[inline(never)]
    pub(super) fn mul(&self, other: &Self) -> Self {
        Self(reduce(multiply(&self.0, &other.0)))
    }

    #[inline(never)]
    pub(super) fn square(&self) -> Self {
        Self(reduce(square(&self.0)))
    }

    /// The inverse; of zero, zero.
    pub(super) fn inverse(&self) -> Self {
        Self::from_words(invert(self.to_words(), &FIELD))
    }

    /// Becomes the product with another.
    #[inline(never)]
    pub(super) fn multiply(&mut self, by: &Self) {
        self.0 = reduce(multiply(&self.0, &by.0));
    }

    /// Becomes `of^2 - other`, reduced once. `other` may have any magnitude up to 2^20.
    #[inline(never)]
    pub(super) fn set_square_less(&mut self, of: &Self, other: &Self) {
        self.0 = reduce(less(square(&of.0), &other.0));
    }

    /// Becomes `a b - other`, as above.
    #[inline(never)]
    pub(super) fn set_product_less(&mut self, a: &Self, b: &Self, other: &Self) {
        self.0 = reduce(less(multiply(&a.0, &b.0), &other.0));
    }

    /// Squared so many times.
    #[inline(never)]
    fn squared(&self, times: u32) -> Self {
        let mut limbs = self.0;
        for _ in 0..times {
            limbs = reduce(square(&limbs));
        }
        Self(limbs)
    }

    /// A square root if there is one, and a root of `-self` otherwise: `self^((p+1)/4)`.
    ///
    /// In binary the exponent is 223 ones, a zero, 22 ones, 0000, 11 and 00. Runs of ones are
    /// put together from shorter ones: 253 squarings and 13 products.
    pub(super) fn root(&self) -> Self {
        let ones2 = self.square().mul(self);
        let ones3 = ones2.square().mul(self);
        let ones6 = ones3.squared(3).mul(&ones3);
        let ones9 = ones6.squared(3).mul(&ones3);
        let ones11 = ones9.squared(2).mul(&ones2);
        let ones22 = ones11.squared(11).mul(&ones11);
        let ones44 = ones22.squared(22).mul(&ones22);
        let ones88 = ones44.squared(44).mul(&ones44);
        let ones176 = ones88.squared(88).mul(&ones88);
        let ones220 = ones176.squared(44).mul(&ones44);
        let ones223 = ones220.squared(3).mul(&ones3);
        ones223.squared(23).mul(&ones22).squared(6).mul(&ones2).squared(2)
    }
}

/// Makes all limbs but the highest digits of `[0, 2^29)`, the highest one of 24 bits, and
/// returns what is above `2^256`.
fn carry(limbs: &mut Limbs) -> i64 {
    let mut carry = 0;
    for limb in limbs.iter_mut().take(8) {
        *limb += carry;
        carry = *limb >> BITS;
        *limb &= MASK;
    }
    let [.., top] = limbs;
    *top += carry;
    carry = *top >> TOP_BITS;
    *top &= TOP_MASK;
    carry
}

/// Adds `above * (2^32 + 977)`: `above * 2^256` modulo `p`.
fn fold(limbs: &mut Limbs, above: i64) {
    let [l0, l1, ..] = limbs;
    *l0 += above * 977;
    *l1 += above << 3;
}

#[cfg(test)]
#[allow(clippy::arithmetic_side_effects, reason = "a test may panic")]
mod tests;
