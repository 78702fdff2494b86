//! The form of a payer's signature.
//!
//! A text is an account's [`Signature`] if
//! 1. it is `0x` and hexadecimal digits, any case;
//! 2. it is exactly 65 bytes: `r || s || v`. EIP-2098 compact signatures (64 bytes),
//!    ERC-6492 wrappers and ERC-1271 contract signatures (longer) are refused, each as
//!    what it is;
//! 3. `v` is 27 or 28;
//! 4. `r` and `s` are in `[1, n-1]`;
//! 5. `s` is in the lower half of the order.
//!
//! 3 and 5 are what the token contract itself demands (FiatToken's `ECRecover`); the
//! reference facilitator lets `v` 0 and 1 and a high `s` through its own check and then
//! fails on chain. They also leave each authorisation exactly one signature text (up to
//! hexadecimal case), though nothing here relies on that.
//!
//! Everything else from 65 bytes up to [`MAX_WALLET_BYTES`] may be what a wallet contract
//! accepts (ERC-1271, a delegated account of EIP-7702, or the ERC-6492 wrapper of a wallet not
//! deployed yet): see [`Presented`]. Only the chain can tell.

use crate::digits::unhex;

/// The order `n` of secp256k1 (SEC 2, 2.4.1), big-endian.
const ORDER: [u8; 32] = [
    0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xfe, 0xba,
    0xae, 0xdc, 0xe6, 0xaf, 0x48, 0xa0, 0x3b, 0xbf, 0xd2, 0x5e, 0x8c, 0xd0, 0x36, 0x41, 0x41,
];

/// `(n - 1) / 2`, the highest `s` accepted (EIP-2).
const HALF_ORDER: [u8; 32] = [
    0x7f, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x5d,
    0x57, 0x6e, 0x73, 0x57, 0xa4, 0x50, 0x1d, 0xdf, 0xe9, 0x2f, 0x46, 0x68, 0x1b, 0x20, 0xa0,
];

/// The last 32 bytes of an ERC-6492 wrapped signature.
const ERC6492_MAGIC: &str = "6492649264926492649264926492649264926492649264926492649264926492";

/// The longest signature handed on for a contract to judge, in bytes. An ERC-6492 wrapper of a
/// passkey wallet with its factory call has about 1,500.
pub const MAX_WALLET_BYTES: usize = 4_096;

/// A signature as it came.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Presented {
    /// In the form of an account's, to be judged here.
    Account(Signature),
    /// In no form that an account's can have: lower-case hexadecimal digits without `0x`.
    Wallet(String),
}

/// A well-formed, low-s, recoverable ECDSA signature over secp256k1.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Signature {
    r: [u8; 32],
    s: [u8; 32],
    y_is_odd: bool,
}

/// Why a text is not a [`Signature`].
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum SignatureError {
    /// Not `0x` and pairs of hexadecimal digits.
    #[error("the signature is not 0x and hexadecimal digits")]
    NotHex,
    /// 64 bytes: EIP-2098.
    #[error("the signature is in the compact form of EIP-2098")]
    Compact,
    /// Ends with the magic of ERC-6492: a wallet not deployed yet.
    #[error("the signature is an ERC-6492 wrapper of an undeployed smart wallet")]
    Undeployed,
    /// Longer than 65 bytes: only a contract could judge it (ERC-1271).
    #[error("the signature is longer than 65 bytes, as those of smart wallets are")]
    Contract,
    /// Shorter than 64 bytes.
    #[error("the signature is shorter than 65 bytes")]
    Short,
    /// `v` is neither 27 nor 28.
    #[error("the signature's v is neither 27 nor 28")]
    RecoveryId,
    /// `r` or `s` is zero or not below the order.
    #[error("the signature's r or s is outside [1, n-1]")]
    OutOfRange,
    /// `s` is above half the order.
    #[error("the signature's s is above half the order")]
    HighS,
}

// === impl Signature ===

impl Signature {
    /// Reads `0x` and 130 hexadecimal digits.
    ///
    /// # Errors
    /// [`SignatureError`], by the first rule of the module's list that fails.
    pub fn parse(text: &str) -> Result<Self, SignatureError> {
        let digits = text.strip_prefix("0x").ok_or(SignatureError::NotHex)?;
        // An account's is read at once, and nothing else has its length.
        let length = digits.len();
        if length != 130 && (length % 2 != 0 || !digits.bytes().all(|b| b.is_ascii_hexdigit())) {
            return Err(SignatureError::NotHex);
        }
        match length {
            0..=126 => return Err(SignatureError::Short),
            128 => return Err(SignatureError::Compact),
            130 => {}
            _ if digits.ends_with(ERC6492_MAGIC) => return Err(SignatureError::Undeployed),
            _ => return Err(SignatureError::Contract),
        }
        let mut bytes = [0u8; 65];
        match unhex(digits, &mut bytes) {
            true => Self::from_bytes(&bytes),
            false => Err(SignatureError::NotHex),
        }
    }

    /// Reads `r || s || v`.
    ///
    /// # Errors
    /// [`SignatureError::RecoveryId`], [`SignatureError::OutOfRange`] or
    /// [`SignatureError::HighS`].
    pub fn from_bytes(bytes: &[u8; 65]) -> Result<Self, SignatureError> {
        let [scalars @ .., v] = bytes;
        let y_is_odd = match v {
            27 => false,
            28 => true,
            _ => return Err(SignatureError::RecoveryId),
        };
        let (Some(&r), Some(&s)) = (scalars.first_chunk::<32>(), scalars.last_chunk::<32>()) else {
            return Err(SignatureError::Short);
        };
        let in_range = |scalar: &[u8; 32]| is_below(&[0; 32], scalar) && is_below(scalar, &ORDER);
        if !in_range(&r) || !in_range(&s) {
            return Err(SignatureError::OutOfRange);
        }
        if is_below(&HALF_ORDER, &s) {
            return Err(SignatureError::HighS);
        }
        Ok(Self { r, s, y_is_odd })
    }

    /// `r`, big-endian, in `[1, n-1]`.
    pub fn r(&self) -> &[u8; 32] {
        &self.r
    }

    /// `s`, big-endian, in `[1, (n-1)/2]`.
    pub fn s(&self) -> &[u8; 32] {
        &self.s
    }

    /// The account's signature of which 65 bytes are a malleated twin: `v` 0 or 1 for 27 or 28,
    /// or `n - s` for `s`. Whoever holds one can make the other, so they name the same signer.
    pub fn of_twin(bytes: &[u8; 65]) -> Option<Self> {
        let mut own = *bytes;
        let [scalars @ .., v] = &mut own;
        if *v < 2 {
            *v = v.wrapping_add(27);
        }
        let s = scalars.last_chunk_mut::<32>()?;
        if is_below(&HALF_ORDER, s) && is_below(s, &ORDER) {
            *s = negated(s);
            *v = match *v {
                27 => 28,
                _ => 27,
            };
        }
        Self::from_bytes(&own).ok()
    }

    /// r, s and v (27 or 28), as they travel.
    pub fn to_bytes(&self) -> [u8; 65] {
        let mut bytes = [0; 65];
        let v = if self.y_is_odd() { 28 } else { 27 };
        let parts = self.r().iter().chain(self.s()).copied().chain([v]);
        for (slot, byte) in bytes.iter_mut().zip(parts) {
            *slot = byte;
        }
        bytes
    }

    /// Whether the ephemeral point's y coordinate is odd (`v` = 28).
    pub fn y_is_odd(&self) -> bool {
        self.y_is_odd
    }
}

// === impl Presented ===

impl Presented {
    /// Reads a signature's text.
    ///
    /// # Errors
    /// [`SignatureError::NotHex`], [`SignatureError::Short`], [`SignatureError::Compact`], or
    /// [`SignatureError::Contract`] above [`MAX_WALLET_BYTES`].
    pub fn parse(text: &str) -> Result<Self, SignatureError> {
        match Signature::parse(text) {
            Ok(signature) => Ok(Self::Account(signature)),
            Err(error @ (SignatureError::NotHex | SignatureError::Short | SignatureError::Compact)) => {
                Err(error)
            }
            Err(_) => {
                let digits = text.strip_prefix("0x").unwrap_or_default();
                if digits.len() > MAX_WALLET_BYTES.saturating_mul(2) {
                    return Err(SignatureError::Contract);
                }
                Ok(Self::Wallet(digits.to_ascii_lowercase()))
            }
        }
    }

    /// Appends `0x` and its digits.
    pub fn push(&self, out: &mut String) {
        out.push_str("0x");
        match self {
            Self::Account(signature) => crate::digits::push_hex(out, &signature.to_bytes()),
            Self::Wallet(digits) => out.push_str(digits),
        }
    }
}

/// Whether one big-endian number is less than another: bytes compare lexicographically, which is
/// the same.
#[inline(never)]
fn is_below(one: &[u8; 32], other: &[u8; 32]) -> bool {
    one.iter().lt(other)
}

/// `n - s`, for `s` in `[1, n-1]`.
fn negated(s: &[u8; 32]) -> [u8; 32] {
    let mut difference = [0; 32];
    let mut borrow = false;
    for ((to, n), s) in difference.iter_mut().zip(ORDER).zip(s).rev() {
        let (partial, first) = n.overflowing_sub(*s);
        let (digit, second) = partial.overflowing_sub(u8::from(borrow));
        *to = digit;
        borrow = first || second;
    }
    difference
}

#[cfg(test)]
#[allow(clippy::arithmetic_side_effects, clippy::string_slice, reason = "a test may panic")]
mod tests;
