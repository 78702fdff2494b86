//! Inverses modulo `p` and `n`, in a time that depends on the number.
//!
//! The division steps of Bernstein and Yang ("Fast constant-time gcd computation and modular
//! inversion", 2019), in batches: what 30 steps do to two numbers depends on their lowest 30
//! bits alone and is a matrix of small numbers, which is then applied to the whole of them. As
//! time may vary, zeros at the end are stepped over at once, up to six bits are cancelled by one
//! multiple, and it ends when nothing is left.

#![allow(
    clippy::arithmetic_side_effects,
    reason = "digits have 30 bits, matrices 31, and their sums of products 63"
)]

use std::cell::Cell;

use super::words::Words;

/// Nine digits of 30 bits, lowest first; the highest carries the sign.
type Digits = [i32; 9];

const BITS: u32 = 30;
const MASK: i32 = (1 << BITS) - 1;

/// An odd prime of 256 bits.
pub(super) struct Modulus {
    words: Words,
    /// Its inverse modulo `2^30`.
    inverse: i32,
}

/// `p`, of the field.
pub(super) const FIELD: Modulus = Modulus { words: super::field::MODULUS, inverse: 0x2dda_cacf };
/// `n`, of the group.
pub(super) const ORDER: Modulus = Modulus { words: super::scalar::ORDER, inverse: 0x2a77_4ec1 };

/// What 30 steps do: `f' 2^30 = u f + v g` and `g' 2^30 = q f + r g`.
struct Matrix {
    u: i32,
    v: i32,
    q: i32,
    r: i32,
}

/// The inverse of a number below the modulus; of zero, zero.
pub(super) fn invert(number: Words, modulus: &Modulus) -> Words {
    let m = digits(modulus.words);
    let (mut f, mut g) = (m, digits(number));
    // Throughout, f = d * number and g = e * number modulo the modulus.
    let (mut d, mut e) = ([0; 9], [1, 0, 0, 0, 0, 0, 0, 0, 0]);
    let mut delta = -1;
    while g != [0; 9] {
        let ([f0, ..], [g0, ..]) = (f, g);
        let matrix = steps(&mut delta, f0, g0);
        matrix.apply_modulo(&mut d, &mut e, &m, modulus.inverse);
        matrix.apply(&mut f, &mut g);
    }
    // f is the common divisor, 1 or -1 (or the modulus, where the number was zero).
    let [.., sign] = f;
    if sign < 0 {
        d = carried(d.map(|digit| -digit));
    }
    // d is between -2 and 2 times the modulus.
    let add = |d: Digits, sign: i32| {
        let mut sum = d;
        for (to, m) in sum.iter_mut().zip(m) {
            *to += sign * m;
        }
        carried(sum)
    };
    let is_negative = |[.., top]: Digits| top < 0;
    while is_negative(d) {
        d = add(d, 1);
    }
    loop {
        let less = add(d, -1);
        if is_negative(less) {
            return words(d);
        }
        d = less;
    }
}

/// Thirty steps on the lowest digits of `f` and `g`. `delta` is minus the paper's, less a half.
fn steps(delta: &mut i32, f: i32, g: i32) -> Matrix {
    let (mut f, mut g) = (f, g);
    let mut matrix = Matrix { u: 1, v: 0, q: 0, r: 1 };
    let mut left = BITS;
    loop {
        // Every zero at the end of g is a step that halves it. The bit after the last step is
        // set, so that no more are counted than are left.
        let zeros = (g | -1 << left).trailing_zeros();
        g >>= zeros;
        matrix.u <<= zeros;
        matrix.v <<= zeros;
        *delta -= zeros.cast_signed();
        left -= zeros;
        if left == 0 {
            return matrix;
        }
        // Both are odd now.
        if *delta < 0 {
            *delta = -*delta;
            (f, g) = (g, f.wrapping_neg());
            let Matrix { u, v, q, r } = matrix;
            matrix = Matrix { u: q, v: r, q: -u, r: -v };
        }
        // As many bits of g as can be cancelled before f and g would change places again:
        // f (2 - f f) is the inverse of f modulo 64.
        let most = (*delta + 1).cast_unsigned().min(left).min(6);
        let inverse = f.wrapping_mul(2i32.wrapping_sub(f.wrapping_mul(f)));
        let factor = g.wrapping_mul(inverse).wrapping_neg() & ((1 << most) - 1);
        g = g.wrapping_add(f.wrapping_mul(factor));
        matrix.q += matrix.u * factor;
        matrix.r += matrix.v * factor;
    }
}

// === impl Matrix ===

impl Matrix {
    /// On `f` and `g`, whose new values are whole.
    fn apply(&self, f: &mut Digits, g: &mut Digits) {
        let (u, v, q, r) = self.wide();
        Places::of(f, g).each(|f, g| (u * f + v * g, q * f + r * g));
    }

    /// On `d` and `e`, which are between -2 and 1 times the modulus `m` and stay there. As much
    /// of the modulus is added as makes the new values whole.
    fn apply_modulo(&self, d: &mut Digits, e: &mut Digits, m: &Digits, inverse: i32) {
        let (u, v, q, r) = self.wide();
        let ([d0, .., d8], [e0, .., e8]) = (*d, *e);
        // Negative ones are brought up by once the modulus.
        let once = |factor: i32, top: i32| if top < 0 { factor } else { 0 };
        let modulus_d = once(self.u, d8) + once(self.v, e8);
        let modulus_e = once(self.q, d8) + once(self.r, e8);
        let whole = |modulus: i32, end: i64| {
            let excess = low(end).wrapping_mul(inverse).wrapping_add(modulus) & MASK;
            i64::from(modulus) - i64::from(excess)
        };
        let modulus_d = whole(modulus_d, u * i64::from(d0) + v * i64::from(e0));
        let modulus_e = whole(modulus_e, q * i64::from(d0) + r * i64::from(e0));

        let mut modulus = m.iter().map(|digit| i64::from(*digit));
        Places::of(d, e).each(|d, e| {
            let m = modulus.next().unwrap_or_default();
            (u * d + v * e + modulus_d * m, q * d + r * e + modulus_e * m)
        });
    }

    fn wide(&self) -> (i64, i64, i64, i64) {
        (self.u.into(), self.v.into(), self.q.into(), self.r.into())
    }
}

/// The lowest 30 bits.
#[allow(clippy::cast_possible_truncation, reason = "masked")]
fn low(number: i64) -> i32 {
    (number & i64::from(MASK)) as i32
}

/// Two numbers, digit by digit.
struct Places<'a>(&'a [Cell<i32>], &'a [Cell<i32>]);

impl<'a> Places<'a> {
    fn of(one: &'a mut Digits, other: &'a mut Digits) -> Self {
        let cells = |digits: &'a mut Digits| Cell::from_mut(digits.as_mut_slice()).as_slice_of_cells();
        Self(cells(one), cells(other))
    }

    /// Both become what `of` makes of their digits, carried, without the lowest digit, which is
    /// zero. In place: a copy is a call into the host.
    #[inline(always)]
    fn each(self, mut of: impl FnMut(i64, i64) -> (i64, i64)) {
        let mut carry = (0, 0);
        let mut below: Option<(&Cell<i32>, &Cell<i32>)> = None;
        for (one, other) in self.0.iter().zip(self.1) {
            let more = of(one.get().into(), other.get().into());
            carry = (carry.0 + more.0, carry.1 + more.1);
            if let Some(below) = below {
                below.0.set(low(carry.0));
                below.1.set(low(carry.1));
            }
            carry = (carry.0 >> BITS, carry.1 >> BITS);
            below = Some((one, other));
        }
        if let Some(below) = below {
            below.0.set(top(carry.0));
            below.1.set(top(carry.1));
        }
    }
}

/// The highest digit, with the sign.
#[allow(clippy::cast_possible_truncation, reason = "what is left of 256 bits above 240")]
fn top(carry: i64) -> i32 {
    carry as i32
}

/// Carries, so that all digits but the highest are in `[0, 2^30)`.
fn carried(mut digits: Digits) -> Digits {
    let mut carry = 0;
    for digit in digits.iter_mut().take(8) {
        *digit += carry;
        carry = *digit >> BITS;
        *digit &= MASK;
    }
    let [.., top] = &mut digits;
    *top += carry;
    digits
}

fn digits([w0, w1, w2, w3]: Words) -> Digits {
    let digit = |bits: u64| low(bits.cast_signed());
    [
        digit(w0),
        digit(w0 >> 30),
        digit(w0 >> 60 | w1 << 4),
        digit(w1 >> 26),
        digit(w1 >> 56 | w2 << 8),
        digit(w2 >> 22),
        digit(w2 >> 52 | w3 << 12),
        digit(w3 >> 18),
        digit(w3 >> 48),
    ]
}

/// From digits that are not negative.
fn words(digits: Digits) -> Words {
    let [d0, d1, d2, d3, d4, d5, d6, d7, d8] = digits.map(|digit| u64::from(digit.cast_unsigned()));
    [
        d0 | d1 << 30 | d2 << 60,
        d2 >> 4 | d3 << 26 | d4 << 56,
        d4 >> 8 | d5 << 22 | d6 << 52,
        d6 >> 12 | d7 << 18 | d8 << 48,
    ]
}

#[cfg(test)]
#[allow(clippy::arithmetic_side_effects, reason = "a test may panic")]
mod tests;
