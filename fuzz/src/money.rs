//! Prices, amounts and charges, held against `num-bigint`.
//!
//! The input is lines: a price, the decimals, a quantity, what it is per, two amounts, a status,
//! and a `Settlement-Overrides`; what is missing is empty.

use std::sync::OnceLock;

use num_bigint::BigUint;
use x402_proxy_wasm::charge::{self, Reading, Signed};
use x402_proxy_wasm::config::{Offer, Policy};
use x402_proxy_wasm::exchange::Charge;
use x402_proxy_wasm::money::{Amount, Price, PriceError};

use crate::cost;

/// A few numbers.
pub fn run(data: &[u8]) {
    let mut lines = data.split(|b| *b == b'\n');
    let mut line = || lines.next().unwrap_or_default();
    let text = |line| String::from_utf8_lossy(line).into_owned();
    let price = text(line());
    let decimals = text(line()).parse().unwrap_or(6);
    let (quantity, per) = (text(line()), text(line()));
    let (one, other) = (text(line()), text(line()));
    let status = text(line()).parse().unwrap_or(200);
    let headers =
        [("settlement-overrides".to_owned(), line().to_vec()), ("x-tokens".to_owned(), line().to_vec())];
    priced(&price, decimals, quantity.parse().unwrap_or(3), per.parse().unwrap_or(1));
    let (one, other) = (amount(&one), amount(&other));
    computed(one, other);
    let most = one.filter(|one| !one.is_zero()).unwrap_or(Amount::from_u64(10_000));
    for headers in [&headers[..], &headers[1..], &headers[..1]] {
        charged(Signed { most, decimals }, status, headers);
    }
}

fn priced(text: &str, decimals: u8, quantity: u64, per: u64) {
    let parsed = cost::within(1_024, 8, text.len(), || Price::parse(text));
    let reference = reference(text);
    assert_eq!(parsed.is_ok(), reference.is_some(), "{text:?}");
    let (Ok(price), Some((digits, scale, symbol))) = (parsed, reference) else { return };
    assert_eq!(price.symbol(), symbol.as_deref(), "{text:?}");
    let ten = |power: usize| BigUint::from(10_u8).pow(u32::try_from(power).expect("small"));
    let limit = BigUint::from(1_u8) << 256;
    let exact = |amount: Result<Amount, PriceError>, wanted: BigUint| match amount {
        Ok(amount) => assert_eq!(amount.to_string(), wanted.to_string(), "{text:?}"),
        Err(error) => assert!(error == PriceError::TooLarge && wanted >= limit, "{text:?}: {wanted}"),
    };
    let decimals_wide = usize::from(decimals);
    exact(price.to_amount(decimals), &digits * ten(decimals_wide) / ten(scale));
    // No token of a configuration has more.
    let decimals = decimals.min(36);
    let decimals_wide = usize::from(decimals);
    match price.of_quantity(quantity, per, decimals) {
        Ok(amount) if per > 0 => {
            let wanted = &digits * quantity * ten(decimals_wide) / (ten(scale) * per);
            assert_eq!(amount.to_string(), wanted.to_string(), "{text:?}");
        }
        Ok(amount) => assert!(amount.is_zero(), "a price for none of it"),
        // The product may be too large where the quotient would not be.
        Err(error) => {
            let up = ten(decimals_wide.saturating_sub(scale));
            let down = ten(scale.saturating_sub(decimals_wide));
            let large = &digits * quantity * up >= limit || down * per >= limit || digits >= limit;
            assert!(error == PriceError::TooLarge && (large || per == 0), "{text:?}");
        }
    }
}

/// The digits of a price, how many of them are a fraction, and its ticker.
fn reference(text: &str) -> Option<(BigUint, usize, Option<String>)> {
    if text.len() > 100 {
        return None;
    }
    let text = text.trim();
    let text = text.strip_prefix('$').unwrap_or(text).trim_start();
    let number: String = text.chars().take_while(|c| !c.is_whitespace()).collect();
    let rest = text[number.len()..].trim_start();
    let symbol = match rest {
        "" => None,
        rest => {
            let fine = rest.as_bytes()[0].is_ascii_alphabetic()
                && rest.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'.');
            Some(fine.then(|| rest.to_ascii_uppercase())?).filter(|symbol| symbol != "USD")
        }
    };
    let (whole, fraction) = match number.find('.') {
        Some(dot) => (&number[..dot], Some(&number[dot + 1..])),
        None => (number.as_str(), None),
    };
    let digits = |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
    if !digits(whole) || !fraction.is_none_or(digits) {
        return None;
    }
    let fraction = fraction.unwrap_or_default();
    Some((format!("{whole}{fraction}").parse().ok()?, fraction.len(), symbol))
}

fn amount(text: &str) -> Option<Amount> {
    let amount = Amount::parse(text);
    let plain = !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
    let number: Option<BigUint> =
        text.parse().ok().filter(|_| plain && (text == "0" || !text.starts_with('0')));
    let number = number.filter(|number| number.bits() <= 256);
    assert_eq!(amount.map(|amount| amount.to_string()), number.map(|number| number.to_string()));
    let amount = amount?;
    assert_eq!(amount.to_string(), text);
    assert_eq!(Amount::from_be_bytes(amount.to_be_bytes()), amount);
    Some(amount)
}

fn computed(one: Option<Amount>, other: Option<Amount>) {
    let (Some(one), Some(other)) = (one, other) else { return };
    let wide = |amount: Amount| BigUint::from_bytes_be(&amount.to_be_bytes());
    let product = wide(one) * wide(other);
    let fits = product.bits() <= 256;
    assert_eq!(one.times(other).map(wide), fits.then_some(product));
    let quotient = (!other.is_zero()).then(|| wide(one) / wide(other));
    assert_eq!(one.over(other).map(wide), quotient);
    assert_eq!(one.cmp(&other), wide(one).cmp(&wide(other)));
    assert_eq!(one.to_u64(), u64::try_from(wide(one)).ok());
}

// === charges ===

fn offers() -> &'static [std::sync::Arc<Offer>] {
    static OFFERS: OnceLock<Vec<std::sync::Arc<Offer>>> = OnceLock::new();
    OFFERS.get_or_init(|| {
        let text = br#"{"version":1,"origin":"https://example.com","unmatched":"free","settle":"after","facilitators":{"main":{"cluster":"c","authority":"f.example.com"}},"accepts":[{"network":"base","payTo":"0x209693Bc6afc0C5328bA36FaF03C514EF312287C"}],"routes":[
            {"name":"plain","match":{"path":"/a"},"offer":{"scheme":"upto","price":"$0.01"}},
            {"name":"metered","match":{"path":"/b"},"offer":{"scheme":"upto","price":{"rate":"$0.02","per":1000,"max":"$0.50","quantity":{"responseHeader":"x-tokens"}}}}]}"#;
        let policy = Policy::from_bytes(text, &|_| None).unwrap_or_else(|errors| panic!("{errors}"));
        policy.routes().filter_map(|route| route.offer().cloned()).collect()
    })
}

/// Where no redirect leads on.
fn read(
    offer: &Offer,
    signed: Option<Signed>,
    status: Option<u16>,
    headers: &[(String, Vec<u8>)],
) -> Reading {
    charge::read(offer, signed, status, headers, |_, _| false)
}

fn charged(signed: Signed, status: u16, headers: &[(String, Vec<u8>)]) {
    for offer in offers() {
        let len = headers.iter().map(|(_, value)| value.len()).sum();
        let reading = cost::within(4_096, 16, len, || read(offer, Some(signed), Some(status), headers));
        assert_eq!(reading, read(offer, Some(signed), Some(status), headers));
        match reading.charge {
            Charge::Metered(amount) => {
                assert!(!amount.is_zero() && amount <= signed.most, "more than was signed");
                assert!(!reading.cut || amount == signed.most);
            }
            Charge::Nothing => assert!(!offer.charges(status)),
            Charge::Waived | Charge::Unreadable => assert!(!reading.cut && offer.charges(status)),
            Charge::Full => panic!("the whole price, where it is metered"),
            Charge::Onward(_) => panic!("nothing leads on here"),
        }
        let fixed = read(offer, None, Some(status), headers).charge;
        assert_eq!(fixed, if offer.charges(status) { Charge::Full } else { Charge::Nothing });
        assert_eq!(read(offer, Some(signed), None, headers).charge, Charge::Nothing);
    }
}
