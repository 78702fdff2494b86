//! What an operator writes as a price.

use super::Amount;

/// Longest price text, in bytes.
const MAX_PRICE: usize = 100;

/// A decimal number of tokens, as written: `"$0.005"`, `"0.005"`, `"1.50 USDC"`.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Price {
    whole: String,
    fraction: String,
    symbol: Option<String>,
}

/// Why a text is no price, or no amount of a token.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum PriceError {
    /// Not of the grammar.
    #[error("a price is digits with an optional fraction, an optional $ before them and an optional ticker after a space")]
    Form,
    /// Beyond what a `uint256` holds.
    #[error("the price does not fit a uint256 of base units")]
    TooLarge,
}

// === impl Price ===

impl Price {
    /// Reads the `parseMoney` grammar of `@x402/core` 2.27: an optional `$`, digits with an
    /// optional fraction, an optional ticker after a space. `"USD"` says no more than `$`.
    /// Refused are `.5`, `1.`, exponents, signs and thousands separators.
    ///
    /// # Errors
    /// [`PriceError::Form`].
    pub fn parse(text: &str) -> Result<Self, PriceError> {
        if text.len() > MAX_PRICE {
            return Err(PriceError::Form);
        }
        let text = text.trim();
        let text = text.strip_prefix('$').unwrap_or(text).trim_start();
        let (number, symbol) = match text.split_once(char::is_whitespace) {
            Some((number, symbol)) => (number, Some(symbol.trim_start())),
            None => (text, None),
        };
        let digits = |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
        let (whole, fraction) = match number.split_once('.') {
            Some((whole, fraction)) if digits(fraction) => (whole, fraction),
            Some(_) => return Err(PriceError::Form),
            None => (number, ""),
        };
        let ticker = |text: &str| {
            text.starts_with(|c: char| c.is_ascii_alphabetic())
                && text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'.')
        };
        if !digits(whole) || !symbol.is_none_or(ticker) {
            return Err(PriceError::Form);
        }
        let symbol = symbol.filter(|symbol| !symbol.eq_ignore_ascii_case("USD")).map(str::to_ascii_uppercase);
        Ok(Self { whole: whole.to_owned(), fraction: fraction.to_owned(), symbol })
    }

    /// The ticker in upper case, unless the price is in dollars.
    pub fn symbol(&self) -> Option<&str> {
        self.symbol.as_deref()
    }

    /// The price in base units of a token with so many decimals. What lies beyond the last
    /// decimal is cut off, as the reference does, so that a tiny price may come to zero.
    ///
    /// # Errors
    /// [`PriceError::TooLarge`].
    pub fn to_amount(&self, decimals: u8) -> Result<Amount, PriceError> {
        let decimals = usize::from(decimals);
        let mut digits = self.whole.clone();
        digits.push_str(self.fraction.get(..decimals).unwrap_or(&self.fraction));
        for _ in self.fraction.len()..decimals {
            digits.push('0');
        }
        match digits.trim_start_matches('0') {
            "" => Ok(Amount::ZERO),
            digits => Amount::parse(digits).ok_or(PriceError::TooLarge),
        }
    }

    /// What `quantity` costs when `per` of it cost this price, in base units of a token with so
    /// many decimals, rounded down. Nothing is cut off before the last step.
    ///
    /// # Errors
    /// [`PriceError::TooLarge`], also for a `per` of zero.
    pub fn of_quantity(&self, quantity: u64, per: u64, decimals: u8) -> Result<Amount, PriceError> {
        let digits = format!("{}{}", self.whole, self.fraction);
        let scale = self.fraction.len();
        let number = match digits.trim_start_matches('0') {
            "" => return Ok(Amount::ZERO),
            digits => Amount::parse(digits).ok_or(PriceError::TooLarge)?,
        };
        let (up, down) = (usize::from(decimals).saturating_sub(scale), scale.saturating_sub(decimals.into()));
        let ten = |power: usize| Amount::ten_to(power).ok_or(PriceError::TooLarge);
        let total = number.times(Amount::from_u64(quantity)).and_then(|total| total.times(ten(up).ok()?));
        let divisor = Amount::from_u64(per).times(ten(down)?);
        total.zip(divisor).and_then(|(total, by)| total.over(by)).ok_or(PriceError::TooLarge)
    }
}
