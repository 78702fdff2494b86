//! Public keys from signatures on secp256k1: SEC 1 (v2.0), 4.1.6, fast where a multiplication
//! of 32 by 32 bits is the widest there is, as in WebAssembly.
//!
//! `R` is the point with `x = r` and the given parity of `y`, and `Q = r^-1 (s R - z G)`.
//!
//! # What it is made of
//! 1. [`field`]: nine signed limbs of 29 bits, products carried once, sums of products too.
//!    `y` is a root by a chain of 253 squarings and 13 products.
//! 2. [`scalar`]: the two factors of `G` and `R` modulo the order, each split in two of half the
//!    length by the curve's endomorphism (Gallant, Lambert and Vanstone, 2001).
//! 3. [`digits`]: these four in non-adjacent form, of width 10 for `G` and 5 for `R`.
//! 4. [`table`]: `R`'s odd multiples by Meloni's additions of points with one `z` (2007); they
//!    become affine on a curve that is the same but for that `z`, and no inversion is spent on
//!    it. `G`'s are made once.
//! 5. [`point`]: 128 doublings, and an addition for each digit that is not zero, in Jacobian
//!    coordinates (Cohen, Miyaji and Ono, 1998).
//! 6. [`inverse`]: of `r`, and of the sum's `z`, by division steps (Bernstein and Yang, 2019).
//!
//! # Security notes
//! - **Everything takes a time that depends on the numbers.** That is sound because all of them
//!   are public: a digest, a signature, and the key that follows from both. Never use this
//!   module on a secret: there is no signing here, and no multiplication by a secret number.
//! - The key is only *a* key under which the signature verifies. It is not verified again: it
//!   satisfies the equation by construction.
//! - `x = r + n` (recovery ids 2 and 3) does not exist in Ethereum, whose `v` is 27 or 28, nor
//!   here. Whether `s` is in the lower half is for the caller to ask.
//! - Nothing here panics or allocates, but for the generator's table.

mod digits;
mod field;
mod inverse;
mod point;
mod scalar;
mod table;
mod words;

use digits::Digits;
use field::Field;
use point::{Affine, Sum};
use scalar::Scalar;
use table::{Once, GENERATOR_BITS, POINT_BITS};

/// A point of the curve other than infinity, as two big-endian numbers.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct PublicKey {
    /// The first coordinate.
    pub x: [u8; 32],
    /// The second coordinate.
    pub y: [u8; 32],
}

/// Makes what later calls share, some milliseconds of work, now.
pub fn prepare() {
    table::generator();
}

/// The key under which `r` and `s`, big-endian, sign `digest`, where the `y` of the ephemeral
/// point is odd or even as given.
///
/// `None` where `r` or `s` is zero or not below the order, where no point has `x = r`, and where
/// the sum is the point at infinity.
pub fn recover(digest: &[u8; 32], r: &[u8; 32], s: &[u8; 32], y_is_odd: bool) -> Option<PublicKey> {
    let (r, s) = (words::from_bytes(r), words::from_bytes(s));
    let in_range = |words| words != [0; 4] && words::is_below(words, scalar::ORDER);
    if !in_range(r) || !in_range(s) {
        return None;
    }
    let ephemeral = decompress(Field::from_words(r), y_is_odd)?;
    let inverse = Scalar::reduced(inverse::invert(r, &inverse::ORDER));
    let of_generator = Scalar::reduced(words::from_bytes(digest)).mul(inverse).negated();
    let of_ephemeral = Scalar::reduced(s).mul(inverse);

    let Affine { x, y } = combine(of_generator, of_ephemeral, &ephemeral)?;
    let bytes = |number: Field| words::to_bytes(number.to_words());
    Some(PublicKey { x: bytes(x), y: bytes(y) })
}

/// The point with this `x` and a `y` of this parity.
fn decompress(x: Field, y_is_odd: bool) -> Option<Affine> {
    let square = x.square().mul(&x).plus(&Field::ONE.times(7));
    let y = square.root();
    if !y.square().minus(&square).is_zero() {
        return None;
    }
    // No y is zero: -7 is no cube.
    let y = if y.is_odd() == y_is_odd { y } else { y.negated() };
    Some(Affine { x, y })
}

/// `a G + b P`.
///
/// Both numbers are split in half, so that 128 doublings serve four sums, which go from the
/// highest digit to the lowest. All of it happens on the curve where the multiples of `P` are
/// affine.
fn combine(a: Scalar, b: Scalar, point: &Affine) -> Option<Affine> {
    let (multiples, scale) = Once::of(point);
    let generator = table::generator();
    let mut places: Digits = [[0; 4]; 129];
    let ((a, a_lambda), (b, b_lambda)) = (a.split(), b.split());
    digits::write(&mut places, 0, a, GENERATOR_BITS);
    digits::write(&mut places, 1, a_lambda, GENERATOR_BITS);
    digits::write(&mut places, 2, b, POINT_BITS);
    digits::write(&mut places, 3, b_lambda, POINT_BITS);

    let mut sum = Sum::INFINITY;
    for [a, a_lambda, b, b_lambda] in places.iter().rev() {
        sum.double();
        if *a != 0 {
            sum.add(generator.get(*a)?, Some(&scale));
        }
        if *a_lambda != 0 {
            sum.add(generator.get_lambda(*a_lambda)?, Some(&scale));
        }
        if *b != 0 {
            sum.add(multiples.get(*b)?, None);
        }
        if *b_lambda != 0 {
            sum.add(multiples.get_lambda(*b_lambda)?, None);
        }
    }
    sum.affine(&scale)
}

#[cfg(test)]
#[allow(clippy::arithmetic_side_effects, reason = "a test may panic")]
mod tests;
