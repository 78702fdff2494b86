//! A 20-byte account address (EIP-55 checksummed in text).

use std::fmt;

use super::keccak256;
use crate::digits::{pair_of, unhex};
use crate::memo::Memo;

/// Characters of an address in text.
const SPELLED: usize = 42;

thread_local! {
    /// Every payment names the same payee and asset, and its payer a dozen times.
    static SPELLINGS: Memo<Address, [u8; SPELLED], 64> = const { Memo::new() };
}

/// An EVM account address.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Address([u8; 20]);

/// Why a text is not an address.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum AddressError {
    /// Not `0x` followed by 40 hexadecimal digits.
    #[error("an address is 0x followed by 40 hexadecimal digits")]
    Form,
    /// Mixed case whose EIP-55 checksum does not hold.
    #[error("the address has a wrong EIP-55 checksum")]
    Checksum,
}

// === impl Address ===

impl Address {
    /// Wraps 20 raw bytes.
    pub const fn new(bytes: [u8; 20]) -> Self {
        Self(bytes)
    }

    /// The raw bytes.
    pub const fn as_bytes(&self) -> &[u8; 20] {
        &self.0
    }

    /// Reads an address in any case, as it stands in payloads: wallets write checksummed
    /// text, Rust clients lower case, and nothing is gained by refusing either.
    ///
    /// # Errors
    /// [`AddressError::Form`] when the text is not `0x` and 40 hexadecimal digits.
    pub fn parse(text: &str) -> Result<Self, AddressError> {
        let digits = text.strip_prefix("0x").ok_or(AddressError::Form)?;
        let mut bytes = [0u8; 20];
        unhex(digits, &mut bytes).then_some(Self(bytes)).ok_or(AddressError::Form)
    }

    /// Reads an address an operator wrote: mixed case must carry a right EIP-55 checksum,
    /// all-lower or all-upper digits are taken as unchecksummed.
    ///
    /// # Errors
    /// [`AddressError::Form`] or [`AddressError::Checksum`].
    pub fn parse_checksummed(text: &str) -> Result<Self, AddressError> {
        let address = Self::parse(text)?;
        let digits = text.strip_prefix("0x").unwrap_or(text);
        let lower = digits.bytes().any(|b| b.is_ascii_lowercase());
        let upper = digits.bytes().any(|b| b.is_ascii_uppercase());
        if lower && upper && address.to_string() != text {
            return Err(AddressError::Checksum);
        }
        Ok(address)
    }

    /// EIP-55: a digit is a capital where the hash of all of them, in small letters, has a nibble
    /// of 8 or more.
    fn spell(&self) -> [u8; SPELLED] {
        let mut text = [b'0'; SPELLED];
        let [_, x, digits @ ..] = &mut text;
        *x = b'x';
        for (pair, byte) in digits.as_chunks_mut::<2>().0.iter_mut().zip(self.0) {
            *pair = pair_of(byte);
        }
        let hash = keccak256([&*digits]);
        let nibbles = hash.iter().flat_map(|byte| [byte >> 4, byte & 0x0f]);
        for (digit, nibble) in digits.iter_mut().zip(nibbles) {
            if nibble >= 8 {
                digit.make_ascii_uppercase();
            }
        }
        text
    }
}

impl fmt::Display for Address {
    /// EIP-55 checksummed text.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [first, .., last] = self.0;
        let recall = |memo: &Memo<_, _, 64>| {
            memo.recall(first ^ last, |known| known == self, || *self, || self.spell())
        };
        let text = SPELLINGS.try_with(recall).unwrap_or_else(|_| self.spell());
        f.write_str(std::str::from_utf8(&text).unwrap_or_default())
    }
}

impl fmt::Debug for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const CHECKSUMMED: &str = "0x209693Bc6afc0C5328bA36FaF03C514EF312287C";

    #[test]
    fn reads_any_case_and_writes_the_checksum() {
        let address = Address::parse(&CHECKSUMMED.to_lowercase()).unwrap();
        assert_eq!(address.to_string(), CHECKSUMMED);
    }

    #[test]
    fn an_operator_typo_in_mixed_case_is_caught() {
        let typo = CHECKSUMMED.replace("Bc", "bC");
        assert_eq!(Address::parse_checksummed(&typo), Err(AddressError::Checksum));
        assert!(Address::parse_checksummed(&CHECKSUMMED.to_lowercase()).is_ok());
        assert!(Address::parse_checksummed(CHECKSUMMED).is_ok());
    }

    #[test]
    fn refuses_everything_else() {
        for text in [
            "",
            "0x",
            "0x12",
            "209693Bc6afc0C5328bA36FaF03C514EF312287C",
            &format!("{CHECKSUMMED}0"),
            "0X209693bc6afc0c5328ba36faf03c514ef312287c",
            "0xzz9693bc6afc0c5328ba36faf03c514ef312287c",
        ] {
            assert_eq!(Address::parse(text), Err(AddressError::Form), "{text}");
        }
    }
}
