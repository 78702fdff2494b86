//! Prices as written, and as charged in each way to pay.

use std::sync::Arc;

use super::accepts::{Scheme, Way};
use super::error::Errors;
use super::fields::{text, Fields};
use super::tree::{quoted, shown, Path, Value};
use super::{Accept, Means, Meter, OtherAccept};
use crate::money::assets::Method;
use crate::money::{Amount, Price};

pub(super) const KEYS: &[&str] = &["rate", "per", "max", "quantity"];
pub(super) const QUANTITY_KEYS: &[&str] = &["responseHeader", "default"];

/// The most units a rate may be for.
const MAX_PER: u32 = 1_000_000_000;

/// What an offer says of its price.
#[derive(Clone, Debug)]
pub(super) struct Priced {
    /// The price, or the most that is charged.
    pub(super) price: Price,
    /// How the charge is measured, if it is not the price.
    pub(super) meter: Option<Meter>,
}

/// Ways to pay, and their amounts in the same order.
pub(super) struct Charged {
    pub(super) accepts: Vec<Accept>,
    pub(super) others: Vec<Arc<OtherAccept>>,
    pub(super) amounts: Vec<Amount>,
}

// === impl Priced ===

impl Priced {
    /// Reads `"$0.005"`, or `{rate, per, max, quantity}`.
    pub(super) fn read(value: &Value<'_>, path: Path<'_>, errors: &mut Errors) -> Option<Self> {
        let Value::Object(_) = value else {
            return read_price(value, &path, errors).map(|price| Self { price, meter: None });
        };
        let fields = Fields::open(value, path, KEYS, errors)?;
        let rate = fields.need("rate", "what `per` units cost, for example \"$0.02\"", errors);
        let rate = rate.and_then(|value| read_price(value, &path.key("rate"), errors));
        let max = fields.need("max", "the most that is charged, which payers sign: \"$0.50\"", errors);
        let max = max.and_then(|value| read_price(value, &path.key("max"), errors));
        let per = match fields.get("per") {
            None => Some(1),
            Some(_) => fields.number("per", 1, MAX_PER, errors),
        };
        let quantity =
            fields.need("quantity", "{responseHeader: x-tokens}: what the upstream counts", errors);
        let quantity = quantity.and_then(|value| read_quantity(value, path.key("quantity"), errors));
        let (rate, max, (header, default)) = (rate?, max?, quantity?);
        if rate.symbol() != max.symbol() {
            errors.push(path.key("rate"), "rate and max name different tickers", "write the same, or none");
            return None;
        }
        Some(Self { price: max, meter: Some(Meter { rate, per: per?.into(), header, default }) })
    }

    /// Whether a number of tokens is a number of dollars: nothing else was written, or the
    /// ticker of a token that stands for one.
    pub(super) fn in_dollars(&self) -> bool {
        self.price.symbol().is_none_or(|symbol| symbol.as_bytes().windows(3).any(|part| part == b"USD"))
    }

    /// The amount each way asks for; `scheme` is the offer's, for ways that name none.
    pub(super) fn charge(
        &self,
        ways: &[Way],
        scheme: Option<Scheme>,
        path: &Path<'_>,
        errors: &mut Errors,
    ) -> Option<Charged> {
        let (mut accepts, mut others) = (Vec::with_capacity(ways.len()), Vec::new());
        let (mut amounts, mut other_amounts) = (Vec::with_capacity(ways.len()), Vec::new());
        let mut whole = true;
        for way in ways {
            match way {
                Way::Evm { asset, pay_to, scheme: own, method } => {
                    let means = match (own.or(scheme), method) {
                        (Some(Scheme::Upto), _) => Means::Upto,
                        (_, Method::Permit2) => Means::Permit2,
                        (_, Method::Eip3009) => Means::Eip3009,
                    };
                    whole &= self.check_metered(means == Means::Upto, &asset.network, path, errors);
                    amounts.extend(self.amount(&asset.symbol, &asset.network, asset.decimals, path, errors));
                    accepts.push(Accept { means, asset: Arc::clone(asset), pay_to: *pay_to });
                }
                Way::Other(other) => {
                    whole &= self.check_metered(false, &other.network, path, errors);
                    other_amounts.extend(self.amount(
                        &other.symbol,
                        &other.network,
                        other.decimals,
                        path,
                        errors,
                    ));
                    others.push(Arc::clone(other));
                }
            }
        }
        amounts.extend(other_amounts);
        (whole && amounts.len() == ways.len()).then_some(Charged { accepts, others, amounts })
    }

    /// A charge that is known only afterwards needs a scheme that lets less be taken than signed.
    fn check_metered(&self, upto: bool, network: &str, path: &Path<'_>, errors: &mut Errors) -> bool {
        let fine = upto || self.meter.is_none();
        if !fine {
            errors.push(
                path,
                format_args!(
                    "a price by quantity needs scheme upto, and {} is accepted otherwise too",
                    quoted(network)
                ),
                "write scheme: upto at the offer, or accept fewer",
            );
        }
        fine
    }

    fn amount(
        &self,
        symbol: &str,
        network: &str,
        decimals: u8,
        path: &Path<'_>,
        errors: &mut Errors,
    ) -> Option<Amount> {
        let place = format!("{} on {network}", shown(symbol));
        if self.price.symbol().is_some_and(|named| !named.eq_ignore_ascii_case(symbol)) {
            errors.push(
                path,
                format_args!("the price names a ticker, but {place} is accepted too"),
                "leave the ticker out, or accept that token only",
            );
            return None;
        }
        match self.price.to_amount(decimals) {
            Ok(amount) if amount.is_zero() => {
                errors.push(
                    path,
                    format_args!("comes to nothing in {place}, which has {decimals} decimals"),
                    "write free: true for what costs nothing",
                );
                None
            }
            Ok(amount) => Some(amount),
            Err(error) => {
                errors.push(path, format_args!("{error} ({place})"), "lower the price");
                None
            }
        }
    }
}

fn read_quantity(value: &Value<'_>, path: Path<'_>, errors: &mut Errors) -> Option<(String, Option<u64>)> {
    let fields = Fields::open(value, path, QUANTITY_KEYS, errors)?;
    let header = fields.need("responseHeader", "the upstream's header with the quantity", errors);
    let header = header.and_then(|_| fields.token("responseHeader", 128, errors));
    let header = header.map(|header| header.to_ascii_lowercase());
    let known_char = |b: u8| b.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&b);
    if header.as_ref().is_some_and(|header| !header.bytes().all(known_char)) {
        errors.push(path.key("responseHeader"), "not a header's name", "for example x-tokens");
        return None;
    }
    let default = fields.get("default").map(|_| fields.number("default", 0, u32::MAX, errors));
    Some((header?, default.flatten().map(u64::from)))
}

fn read_price(value: &Value<'_>, path: &Path<'_>, errors: &mut Errors) -> Option<Price> {
    if let Value::Number(number) = value {
        let hint = decimal(*number)
            .map_or_else(|| "quote it".to_owned(), |number| format!("quote it: \"{number}\""));
        errors.push(path, "money is text, not a number", hint);
        return None;
    }
    let text = text(value, path, errors)?;
    match Price::parse(text) {
        Ok(price) => Some(price),
        Err(error) => {
            errors.push(
                path,
                format_args!("{} is no price: {error}", quoted(text)),
                "for example \"$0.005\" or \"1.50 USDC\"",
            );
            None
        }
    }
}

/// A number as the operator most likely wrote it: the shortest decimal that reads as it.
/// The standard library's would be right for every number, and a thirtieth of the module.
pub(super) fn decimal(number: f64) -> Option<String> {
    const EXACT: f64 = 9_007_199_254_740_992.0;
    let mut scale = 1.0;
    for places in 0..=15_usize {
        let scaled = (number.abs() * scale + 0.5).floor();
        if scaled > EXACT {
            break;
        }
        // Division rounds correctly, and all three numbers are exact: this is how a reader
        // of the decimal arrives at its double.
        if scaled / scale == number.abs() {
            let sign = if number < 0.0 { "-" } else { "" };
            let mut digits = format!("{:0width$}", scaled as u64, width = places.saturating_add(1));
            if places > 0 {
                digits.insert(digits.len().saturating_sub(places), '.');
            }
            return Some(format!("{sign}{digits}"));
        }
        scale *= 10.0;
    }
    None
}
