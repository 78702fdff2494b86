//! Products of field elements: 17 columns, and their way back to nine limbs.
//!
//! Nothing overflows while the magnitudes of two factors (see [`super::Field`]), multiplied, are
//! at most 6: sums of their halves have twice the magnitude, and a column of five such products
//! stays below `5 * 4 * 6 * 2^56 + 2^46 < 2^63`. A square has no such sums, and up to magnitude
//! 3 its columns are below `9 * 9 * 2^56 + 2^46`.

#![allow(clippy::arithmetic_side_effects, reason = "columns stay below 2^63, see above")]

use super::{Limbs, BITS, HALF, MASK};

/// Coefficients of `2^(29 k)`, `k` from 0 to 16, of a product not yet reduced.
pub(super) type Columns = [i64; 17];

/// `2^261` modulo `p` is `2^37 + 31264`: eight bits into the limb above, and this.
const FOLD: i64 = 31264;
/// The same for the limb above.
const FOLD_ABOVE: u32 = 8;

/// `a * b`, by Karatsuba's identity: the lower five limbs and the upper four of each, and their
/// sums, 66 products where the plain way has 81.
#[inline(always)]
pub(super) fn multiply(a: &Limbs, b: &Limbs) -> Columns {
    let [a0, a1, a2, a3, a4, e0, e1, e2, e3] = *a;
    let [b0, b1, b2, b3, b4, f0, f1, f2, f3] = *b;
    let l0 = a0 * b0;
    let l1 = a0 * b1 + a1 * b0;
    let l2 = a0 * b2 + a1 * b1 + a2 * b0;
    let l3 = a0 * b3 + a1 * b2 + a2 * b1 + a3 * b0;
    let l4 = a0 * b4 + a1 * b3 + a2 * b2 + a3 * b1 + a4 * b0;
    let l5 = a1 * b4 + a2 * b3 + a3 * b2 + a4 * b1;
    let l6 = a2 * b4 + a3 * b3 + a4 * b2;
    let l7 = a3 * b4 + a4 * b3;
    let l8 = a4 * b4;
    let h0 = e0 * f0;
    let h1 = e0 * f1 + e1 * f0;
    let h2 = e0 * f2 + e1 * f1 + e2 * f0;
    let h3 = e0 * f3 + e1 * f2 + e2 * f1 + e3 * f0;
    let h4 = e1 * f3 + e2 * f2 + e3 * f1;
    let h5 = e2 * f3 + e3 * f2;
    let h6 = e3 * f3;
    let (a0, a1, a2, a3) = (a0 + e0, a1 + e1, a2 + e2, a3 + e3);
    let (b0, b1, b2, b3) = (b0 + f0, b1 + f1, b2 + f2, b3 + f3);
    let m0 = a0 * b0 - l0 - h0;
    let m1 = a0 * b1 + a1 * b0 - l1 - h1;
    let m2 = a0 * b2 + a1 * b1 + a2 * b0 - l2 - h2;
    let m3 = a0 * b3 + a1 * b2 + a2 * b1 + a3 * b0 - l3 - h3;
    let m4 = a0 * b4 + a1 * b3 + a2 * b2 + a3 * b1 + a4 * b0 - l4 - h4;
    let m5 = a1 * b4 + a2 * b3 + a3 * b2 + a4 * b1 - l5 - h5;
    let m6 = a2 * b4 + a3 * b3 + a4 * b2 - l6 - h6;
    let m7 = a3 * b4 + a4 * b3 - l7;
    let m8 = a4 * b4 - l8;
    [
        l0,
        l1,
        l2,
        l3,
        l4,
        l5 + m0,
        l6 + m1,
        l7 + m2,
        l8 + m3,
        m4,
        m5 + h0,
        m6 + h1,
        m7 + h2,
        m8 + h3,
        h4,
        h5,
        h6,
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

/// A product less limbs, which are of its lower columns.
#[inline(always)]
pub(super) fn less(columns: Columns, limbs: &Limbs) -> Columns {
    let [c0, c1, c2, c3, c4, c5, c6, c7, c8, above @ ..] = columns;
    let [p0, p1, p2, p3, p4, p5, p6, p7, p8] = *limbs;
    let [c9, c10, c11, c12, c13, c14, c15, c16] = above;
    [
        c0 - p0,
        c1 - p1,
        c2 - p2,
        c3 - p3,
        c4 - p4,
        c5 - p5,
        c6 - p6,
        c7 - p7,
        c8 - p8,
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
