//! The price groups of `tests/vectors/x402.json`, and every difference to them.

use serde_json::Value;

use super::assets::{tokens, Method};
use super::*;

fn group(name: &str) -> Vec<Value> {
    let vectors: Value = serde_json::from_str(include_str!("../../tests/vectors/x402.json")).unwrap();
    vectors["pricing_routing_matching"][name].as_array().unwrap().clone()
}

fn refused(expected: &Value) -> bool {
    expected.as_str().is_some_and(|text| text.starts_with("ERROR"))
}

/// The decimal text of a price: its amount at 40 decimals, without the zeros.
fn text(price: &Price) -> String {
    format!("{}/{}", price.to_amount(40).unwrap(), price.symbol().unwrap_or("USD"))
}

#[test]
fn reads_money_as_the_reference_does_but_not_from_numbers() {
    let mut differences = Vec::new();
    for row in group("parseMoney") {
        let ours = row[0].as_str().map(Price::parse);
        match ours {
            None => differences.push(row[0].to_string()),
            Some(ours) if refused(&row[1]) => assert_eq!(ours, Err(PriceError::Form), "{row}"),
            Some(ours) => {
                let theirs = format!(
                    "{} {}",
                    row[1]["amount"].as_str().unwrap(),
                    row[1]["symbol"].as_str().unwrap_or("USD")
                );
                assert_eq!(text(&ours.unwrap()), text(&Price::parse(&theirs).unwrap()), "{row}");
            }
        }
    }
    assert_eq!(
        differences,
        ["0.01", "1e-7", "1e+21", "-1", "0.30000000000000004"],
        "numbers are doubles somewhere on their way"
    );
}

#[test]
fn converts_as_the_reference_does_where_the_text_is_a_price() {
    let mut differences = Vec::new();
    for row in group("convertToTokenAmount") {
        let decimals = u8::try_from(row[1].as_u64().unwrap()).unwrap();
        match Price::parse(row[0].as_str().unwrap()) {
            Ok(price) => assert_eq!(price.to_amount(decimals).unwrap().to_string(), row[2], "{row}"),
            Err(_) if refused(&row[2]) => {}
            Err(_) => differences.push(row[0].as_str().unwrap().to_owned()),
        }
    }
    assert_eq!(differences, ["1.", "-0.5"], "the reference converts what its own parser refuses");
}

#[test]
fn finds_the_token_a_price_means() {
    let mut differences = Vec::new();
    for row in group("parsePrice") {
        let (Some(text), Some(network)) = (row[0].as_str(), row[1].as_str()) else {
            differences.push(row[0].to_string());
            continue;
        };
        let price = Price::parse(text).unwrap();
        let chain_id = network.trim_start_matches("eip155:").parse().unwrap();
        let token = tokens(chain_id)
            .find(|token| price.symbol().is_none_or(|symbol| symbol.eq_ignore_ascii_case(token.symbol)));
        let Some(token) = token else {
            assert!(refused(&row[2]), "{row}");
            continue;
        };
        assert_eq!(price.to_amount(token.decimals).unwrap().to_string(), row[2]["amount"], "{row}");
        assert_eq!(token.address.to_string(), row[2]["asset"], "{row}");
        let permit2 = row[2]["extra"]["assetTransferMethod"] == "permit2";
        assert_eq!(token.method == Method::Permit2, permit2, "{row}");
        if !permit2 {
            assert_eq!(
                (token.name, token.version),
                (row[2]["extra"]["name"].as_str().unwrap(), row[2]["extra"]["version"].as_str().unwrap())
            );
        }
    }
    assert_eq!(
        differences.len(),
        3,
        "numbers and {{amount, asset}} objects are no prices here: {differences:?}"
    );
}

#[test]
fn a_price_beyond_uint256_is_no_amount() {
    let max = "115792089237316195423570985008687907853269984665640564039457584007913129639935";
    assert_eq!(Price::parse(max).unwrap().to_amount(0).unwrap().to_string(), max);
    assert_eq!(Price::parse(max).unwrap().to_amount(1), Err(PriceError::TooLarge));
    assert_eq!(Price::parse(&"9".repeat(101)), Err(PriceError::Form));
}

proptest::proptest! {
    #[test]
    fn no_text_panics(text in "\\PC*", number in "\\$? ?[0-9.]{0,90} ?[a-z]{0,4}", decimals in 0u8..) {
        let _ = Price::parse(&text);
        if let Ok(price) = Price::parse(&number) {
            let _ = price.to_amount(decimals);
        }
    }
}

#[test]
fn division_and_text_are_those_of_the_library() {
    let (one, max) = (Amount::from_u64(1), Amount::MAX);
    let big = Amount::parse("1152921504606846976000000000000000000000000007").unwrap();
    let numbers = [Amount::ZERO, one, Amount::from_u64(10_000), Amount::from_u64(u64::MAX), big, max];
    for a in numbers {
        assert_eq!((a.to_string(), format!("{a:>80}")), (a.0.to_string(), format!("{:>80}", a.0)));
        for b in numbers {
            assert_eq!(a.over(b), a.0.checked_div(b.0).map(Amount), "{a} / {b}");
        }
    }
}

proptest::proptest! {
    #[test]
    fn any_division_and_text_are_those_of_the_library(a: [u8; 32], b: [u8; 32], short in 0..32_usize) {
        let mut b = b;
        b[..short].fill(0);
        let (a, b) = (Amount::from_be_bytes(a), Amount::from_be_bytes(b));
        assert_eq!(a.over(b), a.0.checked_div(b.0).map(Amount), "{a} / {b}");
        assert_eq!(b.to_string(), b.0.to_string());
    }
}
