//! What a response costs, once its headers are known.
//!
//! 1. A status that is not charged for costs nothing.
//! 2. A redirect to what is sold for what was paid is charged as below, and is not what was paid for, unless
//!    the operator's own `settleOn` names its status: what it leads to is. If it costs nothing, it is not
//!    charged for. One that leads elsewhere may be the content itself, such as a signed URL.
//! 3. Under `exact` the price was signed, and is charged.
//! 4. Under `upto` the upstream says it in `Settlement-Overrides`: base units, a percentage of
//!    what was signed, or dollars.
//! 5. Otherwise the offer measures it: its rate for the quantity in a response header.
//! 6. Otherwise it is everything that was signed, as with the reference server.
//!
//! It is never more than was signed: what comes out higher is cut down to that (the reference
//! server forwards "150%" as it stands). It is never guessed either: a statement that cannot be
//! read, or a quantity that is missing without a default, is the upstream's mistake, and neither
//! payer nor seller pays for it: the response is withheld and nothing is charged.

use crate::config::{Meter, Offer};
use crate::exchange::Charge;
use crate::money::{Amount, Price};
use crate::protocol::json::{self, place, schema, Field};

/// The upstream's own word; never let through to the client, and never taken from it.
pub const OVERRIDE: &str = "settlement-overrides";

const STATEMENT: [Field; 1] = schema(["amount"]);

/// A charge, and whether the upstream asked for more.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Reading {
    /// What is charged.
    pub charge: Charge,
    /// It was cut down to what was signed.
    pub cut: bool,
}

/// What was signed under `upto`.
#[derive(Clone, Copy, Debug)]
pub struct Signed {
    /// Base units, the most that may be charged.
    pub most: Amount,
    /// Of the token.
    pub decimals: u8,
}

/// Reads the charge off a response. `signed` is `None` where the price is fixed; `leads_on` says whether
/// a redirect with this status and `Location` leads to what is sold for what was paid.
pub fn read(
    offer: &Offer,
    signed: Option<Signed>,
    status: Option<u16>,
    headers: &[(impl AsRef<str>, impl AsRef<[u8]>)],
    leads_on: impl FnOnce(u16, &[u8]) -> bool,
) -> Reading {
    let whole = |charge| Reading { charge, cut: false };
    // A status that cannot be read is not worth a charge.
    let Some(status) = status.filter(|status| offer.charges(*status)) else {
        return whole(Charge::Nothing);
    };
    let leads_on = redirects(status)
        && offer.settle_on.is_default()
        && matches!(only(headers, "location"), Given::One(location) if leads_on(status, location));
    let Some(signed) = signed else {
        return whole(if leads_on { Charge::Onward(None) } else { Charge::Full });
    };
    let amount = match (only(headers, OVERRIDE), &offer.meter) {
        (Given::One(statement), _) => overridden(statement, signed),
        (Given::Many, _) => None,
        (Given::Absent, Some(meter)) => measured(meter, signed.decimals, headers),
        // Said as an amount, so that the receipt says it too.
        (Given::Absent, None) => Some(signed.most),
    };
    match amount {
        None => whole(Charge::Unreadable),
        Some(amount) if amount.is_zero() => whole(if leads_on { Charge::Nothing } else { Charge::Waived }),
        Some(amount) => {
            let charged = amount.min(signed.most);
            let charge = if leads_on { Charge::Onward(Some(charged)) } else { Charge::Metered(charged) };
            Reading { charge, cut: amount > signed.most }
        }
    }
}

/// Whether clients go where `Location` says.
fn redirects(status: u16) -> bool {
    matches!(status, 301 | 302 | 303 | 307 | 308)
}

enum Given<'a> {
    Absent,
    One(&'a [u8]),
    Many,
}

fn only<'a>(headers: &'a [(impl AsRef<str>, impl AsRef<[u8]>)], name: &str) -> Given<'a> {
    let named = headers.iter().filter(|(known, _)| known.as_ref() == name);
    let mut values = named.map(|(_, value)| value.as_ref());
    match (values.next(), values.next()) {
        (None, _) => Given::Absent,
        (Some(value), None) => Given::One(value),
        (Some(_), Some(_)) => Given::Many,
    }
}

fn overridden(statement: &[u8], signed: Signed) -> Option<Amount> {
    let text = std::str::from_utf8(statement).ok()?;
    let object = json::read_deeper(text, &STATEMENT).ok()?;
    let amount = object.optional_text(const { place(&STATEMENT, "amount") }).ok()??;
    let number =
        |text: &str| text.bytes().all(|b| b.is_ascii_digit() || b == b'.').then(|| Price::parse(text).ok());
    if let Some(percentage) = amount.strip_suffix('%') {
        // Two decimals are all that the reference reads, so this counts hundredths of a percent.
        let fine = percentage.split_once('.').is_none_or(|(_, fraction)| fraction.len() <= 2);
        let hundredths = number(percentage).flatten().filter(|_| fine)?.to_amount(2).ok()?;
        return hundredths.times(signed.most)?.over(Amount::from_u64(10_000));
    }
    if let Some(dollars) = amount.strip_prefix('$') {
        return number(dollars).flatten()?.to_amount(signed.decimals).ok();
    }
    Amount::parse(&amount)
}

fn measured(meter: &Meter, decimals: u8, headers: &[(impl AsRef<str>, impl AsRef<[u8]>)]) -> Option<Amount> {
    let quantity = match only(headers, &meter.header) {
        Given::Absent => meter.default?,
        Given::One(value) => count(value)?,
        Given::Many => return None,
    };
    // Beyond a uint256 is beyond what was signed.
    Some(meter.rate.of_quantity(quantity, meter.per, decimals).unwrap_or(Amount::MAX))
}

/// A decimal integer, without sign or spaces; what is beyond a `u64` counts as its maximum.
fn count(value: &[u8]) -> Option<u64> {
    let text = std::str::from_utf8(value).ok()?;
    let digits = !text.is_empty() && text.len() <= 78 && text.bytes().all(|b| b.is_ascii_digit());
    digits.then(|| text.parse().unwrap_or(u64::MAX))
}

#[cfg(test)]
mod tests;
