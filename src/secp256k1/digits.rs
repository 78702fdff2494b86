//! Signed digits of a number, most of them zero (the width-`w` non-adjacent form).

#![allow(
    clippy::arithmetic_side_effects,
    reason = "digits have 16 bits, and a half that is shifted has room"
)]

use super::scalar::Half;

/// A digit of one place: zero, or odd.
pub(super) type Digit = i16;

/// One digit of four numbers for each bit of 128, and one for a carry.
pub(super) type Digits = [[Digit; 4]; 129];

/// Writes a number's digits, of `width` bits and a sign, as the so manieth of the four. Of
/// `width` that follow one another at most one is not zero.
#[allow(clippy::cast_possible_truncation, reason = "masked to fewer bits")]
pub(super) fn write(digits: &mut Digits, which: usize, half: Half, width: u32) {
    let mut places = digits.iter_mut();
    let mut rest = half.size;
    while rest != 0 {
        let zeros = rest.trailing_zeros();
        rest >>= zeros;
        let end = rest as i32 & ((1 << width) - 1);
        // The upper half of digits is taken as negative, and what they lack carried.
        let is_upper = end >> (width - 1) != 0;
        let digit = if is_upper { end - (1 << width) } else { end };
        if let Some(place) = places.nth(zeros as usize).and_then(|place| place.get_mut(which)) {
            *place = if half.is_negative { -digit } else { digit } as Digit;
        }
        rest = (rest >> width) + u128::from(is_upper);
        // The next width - 1 digits are zero.
        let _ = places.nth(width as usize - 2);
    }
}

#[cfg(test)]
#[allow(clippy::arithmetic_side_effects, reason = "a test may panic")]
mod tests;
