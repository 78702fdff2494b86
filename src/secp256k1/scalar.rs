//! Numbers modulo the group order `n`, and their split into halves.
//!
//! A recovery multiplies here a dozen times, against two thousand products of field elements:
//! this is written to be short.

use super::words::{add, is_below, multiply, sub, Words};

/// The order of the group (SEC 2, 2.4.1), lowest word first.
pub(super) const ORDER: Words =
    [0xbfd2_5e8c_d036_4141, 0xbaae_dce6_af48_a03b, 0xffff_ffff_ffff_fffe, 0xffff_ffff_ffff_ffff];

/// `2^256 - n`.
const COMPLEMENT: Words = [0x402d_a173_2fc9_bebf, 0x4551_2319_50b7_5fc4, 1, 0];

/// The lattice of the pairs `(x, y)` with `x + y lambda = 0` modulo `n` has this short basis,
/// `(A1, -B1)` and `(A2, A1)`: two remainders of Euclid's algorithm on `n` and `lambda` (GLV).
const A1: Words = [0xe86c_90e4_9284_eb15, 0x3086_d221_a7d4_6bcd, 0, 0];
const B1: Words = [0x6f54_7fa9_0abf_e4c3, 0xe443_7ed6_010e_8828, 0, 0];
const A2: Words = [0x57c1_108d_9d44_cfd8, 0x14ca_50f7_a8e2_f3f6, 1, 0];

/// `2^384 A1 / n` and `2^384 B1 / n`, rounded.
const A1_OVER_N: Words =
    [0xe893_209a_45db_b031, 0x3daa_8a14_71e8_ca7f, 0xe86c_90e4_9284_eb15, 0x3086_d221_a7d4_6bcd];
const B1_OVER_N: Words =
    [0x1571_b4ae_8ac4_7f71, 0x2212_08ac_9df5_06c6, 0x6f54_7fa9_0abf_e4c4, 0xe443_7ed6_010e_8828];

/// A number below the order.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Scalar(Words);

/// A number of up to 128 bits and its sign.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Half {
    pub(super) size: u128,
    pub(super) is_negative: bool,
}

// === impl Scalar ===

impl Scalar {
    /// The number modulo the order.
    pub(super) fn reduced(words: Words) -> Self {
        let (less, borrow) = sub(words, ORDER);
        Self(if borrow { words } else { less })
    }

    pub(super) fn negated(self) -> Self {
        Self::reduced(sub(ORDER, self.0).0)
    }

    pub(super) fn mul(self, other: Self) -> Self {
        // Four words above 2^256, then one or two bits over two words, then nothing.
        let (mut low, mut high) = multiply(self.0, other.0);
        while high != [0; 4] {
            let (more, above) = multiply(high, COMPLEMENT);
            let (sum, carry) = add(low, more);
            low = sum;
            high = add(above, [u64::from(carry), 0, 0, 0]).0;
        }
        Self::reduced(low)
    }

    /// Two halves, `one + other * lambda`: the vector of the lattice that is nearest to
    /// `(self, 0)`, taken from it. Neither reaches `2^128`.
    pub(super) fn split(self) -> (Half, Half) {
        let first = above_384(self.0, A1_OVER_N);
        let second = above_384(self.0, B1_OVER_N);
        let times = |a, b| multiply(a, b).0;
        let one = sub(sub(self.0, times(first, A1)).0, times(second, A2)).0;
        let other = sub(times(first, B1), times(second, A1)).0;
        (Half::of(one), Half::of(other))
    }
}

/// `a b / 2^384`, rounded.
fn above_384(a: Words, b: Words) -> Words {
    let (_, [_, middle, low, high]) = multiply(a, b);
    add([low, high, 0, 0], [middle >> 63, 0, 0, 0]).0
}

// === impl Half ===

impl Half {
    /// From a number in two's complement.
    fn of(words: Words) -> Self {
        let is_negative = !is_below(words, [0, 0, 0, 1 << 63]);
        let [low, high, ..] = if is_negative { sub([0; 4], words).0 } else { words };
        Self { size: u128::from(high) << 64 | u128::from(low), is_negative }
    }
}

#[cfg(test)]
#[allow(clippy::arithmetic_side_effects, reason = "a test may panic")]
mod tests;
