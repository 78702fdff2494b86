//! Money: base units on the wire, decimal prices in the configuration, never floats.

pub(crate) mod assets;
mod price;
#[cfg(test)]
mod tests;

use std::fmt::{self, Write};

use ruint::aliases::U256;

pub use price::{Price, PriceError};

/// A count of an asset's base units, a `uint256` (1 USDC is 1,000,000 of them).
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Amount(U256);

// === impl Amount ===

impl Amount {
    /// Nothing.
    pub const ZERO: Self = Self(U256::ZERO);

    /// The most there can be.
    pub const MAX: Self = Self(U256::MAX);

    /// A small amount, while compiling.
    pub const fn from_units(units: u64) -> Self {
        Self(U256::from_limbs([units, 0, 0, 0]))
    }

    /// A small amount.
    pub const fn from_u64(units: u64) -> Self {
        Self(U256::from_limbs([units, 0, 0, 0]))
    }

    /// Reads a canonical decimal `uint256`: digits only, no sign, no leading zero, no
    /// spaces, below 2^256. The reference servers also take `"0x2710"`, `" 10000 "` and
    /// JSON numbers (their BigInt is lenient); here each amount has one spelling.
    pub fn parse(text: &str) -> Option<Self> {
        let canonical = match text.as_bytes() {
            [b'0'] => true,
            [b'1'..=b'9', rest @ ..] => rest.iter().all(u8::is_ascii_digit),
            _ => false,
        };
        // 2^256 has 78 digits.
        if !canonical || text.len() > 78 {
            return None;
        }
        // Whatever is sold for less than ten billion billion units.
        if text.len() < 20 {
            return text.parse().ok().map(Self::from_u64);
        }
        U256::from_str_radix(text, 10).ok().map(Self)
    }

    /// Big-endian bytes, as ABI encoding wants them.
    #[inline(never)]
    pub fn to_be_bytes(self) -> [u8; 32] {
        self.0.to_be_bytes::<32>()
    }

    /// Reads what [`Amount::to_be_bytes`] wrote.
    pub fn from_be_bytes(bytes: [u8; 32]) -> Self {
        Self(U256::from_be_bytes(bytes))
    }

    /// Whether this is nothing at all.
    pub fn is_zero(self) -> bool {
        self.0.is_zero()
    }

    /// The product, if it is a `uint256`.
    #[inline(never)]
    pub fn times(self, by: Self) -> Option<Self> {
        self.0.checked_mul(by.0).map(Self)
    }

    /// The quotient, rounded down; `None` by zero.
    ///
    /// Bit by bit, as one divides on paper: it happens once in a metered response, and a general
    /// division of long numbers is 8 KB of code.
    #[inline(never)]
    pub fn over(self, by: Self) -> Option<Self> {
        if by.is_zero() {
            return None;
        }
        let (mut quotient, mut rest) = (U256::ZERO, U256::ZERO);
        for place in (0..U256::BITS).rev() {
            let (twice, carry) = rest.overflowing_add(rest);
            rest = twice;
            rest.set_bit(0, self.0.bit(place));
            if carry || rest >= by.0 {
                rest = rest.wrapping_sub(by.0);
                quotient.set_bit(place, true);
            }
        }
        Some(Self(quotient))
    }

    /// A power of ten, if it is a `uint256`.
    pub fn ten_to(power: usize) -> Option<Self> {
        (0..power).try_fold(Self::from_u64(1), |number, _| number.times(Self::from_u64(10)))
    }

    /// The amount as `u64`, if it fits; used for times, which share the wire type.
    pub fn to_u64(self) -> Option<u64> {
        u64::try_from(self.0).ok()
    }
}

impl fmt::Display for Amount {
    /// Nine digits at a time, which is less code than a general change of base.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const BILLION: u64 = 1_000_000_000;
        if let Some(units) = self.to_u64() {
            return fmt::Display::fmt(&units, f);
        }
        let bytes = self.to_be_bytes();
        let mut words = [0_u64; 8];
        for (word, bytes) in words.iter_mut().zip(bytes.as_chunks::<4>().0) {
            *word = u32::from_be_bytes(*bytes).into();
        }
        let mut parts = Vec::with_capacity(9);
        while words != [0; 8] {
            let mut rest = 0;
            for word in &mut words {
                let number = rest << 32 | *word;
                *word = number.div_euclid(BILLION);
                rest = number.rem_euclid(BILLION);
            }
            parts.push(rest);
        }
        let mut digits = String::with_capacity(78);
        for part in parts.into_iter().rev() {
            // Writing into a String cannot fail.
            let _ = match digits.is_empty() {
                true => write!(digits, "{part}"),
                false => write!(digits, "{part:09}"),
            };
        }
        f.pad_integral(true, "", &digits)
    }
}

impl fmt::Debug for Amount {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}
