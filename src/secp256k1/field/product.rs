//! Products of field elements: 17 columns, and their way back to nine limbs.
//!
//! Nothing overflows while the sum over the products of a column of magnitude times magnitude
//! is at most 14 (see [`super::Field`]): a column then stays below
//! `9 * 14 * 2^56 + 2^46 < 2^63`.

#![allow(clippy::arithmetic_side_effects, reason = "columns stay below 2^63, see above")]

use super::{Limbs, BITS, HALF, MASK};

/// Coefficients of `2^(29 k)`, `k` from 0 to 16, of a product not yet reduced.
pub(super) type Columns = [i64; 17];

/// `2^261` modulo `p` is `2^37 + 31264`: eight bits into the limb above, and this.
const FOLD: i64 = 31264;
/// The same for the limb above.
const FOLD_ABOVE: u32 = 8;

/// `a * b`.
#[inline(always)]
pub(super) fn multiply(a: &Limbs, b: &Limbs) -> Columns {
    let [a0, a1, a2, a3, a4, a5, a6, a7, a8] = *a;
    let [b0, b1, b2, b3, b4, b5, b6, b7, b8] = *b;
    [
        a0 * b0,
        a0 * b1 + a1 * b0,
        a0 * b2 + a1 * b1 + a2 * b0,
        a0 * b3 + a1 * b2 + a2 * b1 + a3 * b0,
        a0 * b4 + a1 * b3 + a2 * b2 + a3 * b1 + a4 * b0,
        a0 * b5 + a1 * b4 + a2 * b3 + a3 * b2 + a4 * b1 + a5 * b0,
        a0 * b6 + a1 * b5 + a2 * b4 + a3 * b3 + a4 * b2 + a5 * b1 + a6 * b0,
        a0 * b7 + a1 * b6 + a2 * b5 + a3 * b4 + a4 * b3 + a5 * b2 + a6 * b1 + a7 * b0,
        a0 * b8 + a1 * b7 + a2 * b6 + a3 * b5 + a4 * b4 + a5 * b3 + a6 * b2 + a7 * b1 + a8 * b0,
        a1 * b8 + a2 * b7 + a3 * b6 + a4 * b5 + a5 * b4 + a6 * b3 + a7 * b2 + a8 * b1,
        a2 * b8 + a3 * b7 + a4 * b6 + a5 * b5 + a6 * b4 + a7 * b3 + a8 * b2,
        a3 * b8 + a4 * b7 + a5 * b6 + a6 * b5 + a7 * b4 + a8 * b3,
        a4 * b8 + a5 * b7 + a6 * b6 + a7 * b5 + a8 * b4,
        a5 * b8 + a6 * b7 + a7 * b6 + a8 * b5,
        a6 * b8 + a7 * b7 + a8 * b6,
        a7 * b8 + a8 * b7,
        a8 * b8,
    ]
}

/// `a * a`.
#[inline(always)]
pub(super) fn square(a: &Limbs) -> Columns {
    let [a0, a1, a2, a3, a4, a5, a6, a7, a8] = *a;
    let d0 = a0 + a0;
    let d1 = a1 + a1;
    let d2 = a2 + a2;
    let d3 = a3 + a3;
    let d4 = a4 + a4;
    let d5 = a5 + a5;
    let d6 = a6 + a6;
    let d7 = a7 + a7;
    [
        a0 * a0,
        d0 * a1,
        d0 * a2 + a1 * a1,
        d0 * a3 + d1 * a2,
        d0 * a4 + d1 * a3 + a2 * a2,
        d0 * a5 + d1 * a4 + d2 * a3,
        d0 * a6 + d1 * a5 + d2 * a4 + a3 * a3,
        d0 * a7 + d1 * a6 + d2 * a5 + d3 * a4,
        d0 * a8 + d1 * a7 + d2 * a6 + d3 * a5 + a4 * a4,
        d1 * a8 + d2 * a7 + d3 * a6 + d4 * a5,
        d2 * a8 + d3 * a7 + d4 * a6 + a5 * a5,
        d3 * a8 + d4 * a7 + d5 * a6,
        d4 * a8 + d5 * a7 + a6 * a6,
        d5 * a8 + d6 * a7,
        d6 * a8 + a7 * a7,
        d7 * a8,
        a8 * a8,
    ]
}

/// A product and limbs that go into its lower columns.
#[inline(always)]
pub(super) fn sum(columns: Columns, plus: &Limbs) -> Columns {
    let [c0, c1, c2, c3, c4, c5, c6, c7, c8, above @ ..] = columns;
    let [p0, p1, p2, p3, p4, p5, p6, p7, p8] = *plus;
    let [c9, c10, c11, c12, c13, c14, c15, c16] = above;
    [
        c0 + p0,
        c1 + p1,
        c2 + p2,
        c3 + p3,
        c4 + p4,
        c5 + p5,
        c6 + p6,
        c7 + p7,
        c8 + p8,
        c9,
        c10,
        c11,
        c12,
        c13,
        c14,
        c15,
        c16,
    ]
}

/// Nine limbs of magnitude 1 that are the columns modulo `p`.
///
/// The upper eight columns become digits and are folded onto the lower nine. Carries round to
/// the nearest, so that digits are in `[-2^28, 2^28)`.
#[inline(always)]
pub(super) fn reduce(columns: Columns) -> Limbs {
    let [c0, c1, c2, c3, c4, c5, c6, c7, c8, c9, c10, c11, c12, c13, c14, c15, c16] = columns;

    let c10 = c10 + (c9 >> BITS);
    let c11 = c11 + (c10 >> BITS);
    let c12 = c12 + (c11 >> BITS);
    let c13 = c13 + (c12 >> BITS);
    let c14 = c14 + (c13 >> BITS);
    let c15 = c15 + (c14 >> BITS);
    let c16 = c16 + (c15 >> BITS);
    let (h0, h1, h2, h3) = (c9 & MASK, c10 & MASK, c11 & MASK, c12 & MASK);
    let (h4, h5, h6, h7) = (c13 & MASK, c14 & MASK, c15 & MASK, c16 & MASK);
    let h8 = c16 >> BITS;

    let c0 = c0 + HALF + h0 * FOLD;
    let c1 = c1 + HALF + h1 * FOLD + (h0 << FOLD_ABOVE) + (c0 >> BITS);
    let c2 = c2 + HALF + h2 * FOLD + (h1 << FOLD_ABOVE) + (c1 >> BITS);
    let c3 = c3 + HALF + h3 * FOLD + (h2 << FOLD_ABOVE) + (c2 >> BITS);
    let c4 = c4 + HALF + h4 * FOLD + (h3 << FOLD_ABOVE) + (c3 >> BITS);
    let c5 = c5 + HALF + h5 * FOLD + (h4 << FOLD_ABOVE) + (c4 >> BITS);
    let c6 = c6 + HALF + h6 * FOLD + (h5 << FOLD_ABOVE) + (c5 >> BITS);
    let c7 = c7 + HALF + h7 * FOLD + (h6 << FOLD_ABOVE) + (c6 >> BITS);
    let c8 = c8 + HALF + h8 * FOLD + (h7 << FOLD_ABOVE) + (c7 >> BITS);

    // What is above 2^261 once more: some 40 bits, which end in limb 2.
    let top = (h8 << FOLD_ABOVE) + (c8 >> BITS);
    let r0 = (c0 & MASK) + top * FOLD;
    let r1 = (c1 & MASK) + (top << FOLD_ABOVE) + (r0 >> BITS);
    let r2 = (c2 & MASK) + (r1 >> BITS);
    let digit = |column: i64| (column & MASK) - HALF;
    [digit(r0), digit(r1), r2 - HALF, digit(c3), digit(c4), digit(c5), digit(c6), digit(c7), digit(c8)]
}
