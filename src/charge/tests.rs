use super::*;

const NO_HEADERS: &[(&str, &str)] = &[];
use crate::config::Settle;
use crate::protocol::tests::{base, offer};

const SIGNED: Signed = Signed { most: Amount::from_units(5_000_000), decimals: 6 };

fn sold(meter: Option<Meter>) -> Offer {
    let mut offer = offer(&base()["requirements"], Settle::After);
    offer.meter = meter.map(Box::new);
    offer
}

fn meter(rate: &str, per: u64, default: Option<u64>) -> Option<Meter> {
    Some(Meter { rate: Price::parse(rate).unwrap(), per, header: "x-tokens".to_owned(), default })
}

fn charge(offer: &Offer, headers: &[(&str, &str)]) -> Charge {
    reading(offer, headers).charge
}

fn reading(offer: &Offer, headers: &[(&str, &str)]) -> Reading {
    let headers: Vec<_> =
        headers.iter().map(|(name, value)| ((*name).to_owned(), value.as_bytes().to_vec())).collect();
    read(offer, Some(SIGNED), Some(200), &headers, |_, _| true)
}

fn metered(units: u64) -> Charge {
    Charge::Metered(Amount::from_u64(units))
}

#[test]
fn the_upstream_may_say_it_in_three_ways() {
    let offer = sold(None);
    let cases = [
        ("1000", metered(1_000)),
        ("50%", metered(2_500_000)),
        ("33.33%", metered(1_666_500)),
        ("0.01%", metered(500)),
        ("100%", metered(5_000_000)),
        ("$0.05", metered(50_000)),
        ("5000000", metered(5_000_000)),
        ("0", Charge::Waived),
        ("0%", Charge::Waived),
        ("$0", Charge::Waived),
        ("$0.0000001", Charge::Waived),
    ];
    for (amount, expected) in cases {
        let statement = format!(r#"{{"amount":"{amount}"}}"#);
        let read = reading(&offer, &[(OVERRIDE, &statement)]);
        assert_eq!(read, Reading { charge: expected, cut: false }, "{amount}");
    }
    assert_eq!(charge(&offer, NO_HEADERS), metered(5_000_000));
}

#[test]
fn nobody_is_charged_more_than_was_signed() {
    let offer = sold(meter("$0.02", 1_000, None));
    for amount in ["5000001", "150%", "$5.000001", "$99999999999", &"9".repeat(77)] {
        let statement = format!(r#"{{"amount":"{amount}"}}"#);
        let read = reading(&offer, &[(OVERRIDE, &statement)]);
        assert_eq!(read, Reading { charge: metered(5_000_000), cut: true }, "{amount}");
    }
    for quantity in ["250001", "18446744073709551615", "99999999999999999999999999"] {
        assert_eq!(charge(&offer, &[("x-tokens", quantity)]), metered(5_000_000), "{quantity}");
    }
}

#[test]
fn what_cannot_be_read_is_not_guessed() {
    let offer = sold(meter("$0.02", 1_000, None));
    for statement in [
        "",
        "{}",
        "null",
        "[]",
        "5",
        r#"{"amount":5}"#,
        r#"{"amount":null}"#,
        r#"{"amount":"-1"}"#,
        r#"{"amount":"abc"}"#,
        r#"{"amount":"1e3"}"#,
        r#"{"amount":"0x10"}"#,
        r#"{"amount":" 5"}"#,
        r#"{"amount":"%"}"#,
        r#"{"amount":"-5%"}"#,
        r#"{"amount":"1.234%"}"#,
        r#"{"amount":"$5%"}"#,
        r#"{"amount":"5 USDC%"}"#,
        r#"{"amount":"$1 EUR"}"#,
        r#"{"amount":"1","amount":"2"}"#,
    ] {
        assert_eq!(charge(&offer, &[(OVERRIDE, statement)]), Charge::Unreadable, "{statement}");
    }
    let one = r#"{"amount":"1"}"#;
    assert_eq!(charge(&offer, &[(OVERRIDE, one), (OVERRIDE, one)]), Charge::Unreadable);
    for quantity in ["", "-1", "1.5", "1e3", " 1", "0x1", "one"] {
        assert_eq!(charge(&offer, &[("x-tokens", quantity)]), Charge::Unreadable, "{quantity}");
    }
    assert_eq!(charge(&offer, NO_HEADERS), Charge::Unreadable, "a missing quantity");
}

#[test]
fn a_rate_loses_nothing_before_the_last_step() {
    let cases = [
        ("$0.02", 1_000, "1", Charge::Metered(Amount::from_u64(20))),
        ("$0.02", 1_000, "1234", metered(24_680)),
        ("$0.0000005", 1, "1", Charge::Waived),
        ("$0.0000005", 1, "3", metered(1)),
        ("$0.0000005", 1, "2000000", metered(1_000_000)),
        ("$0.02", 1_000, "0", Charge::Waived),
        ("$3", 7, "1", metered(428_571)),
    ];
    for (rate, per, quantity, expected) in cases {
        assert_eq!(
            charge(&sold(meter(rate, per, None)), &[("x-tokens", quantity)]),
            expected,
            "{rate} {quantity}"
        );
    }
    assert_eq!(charge(&sold(meter("$0.02", 1_000, Some(500))), NO_HEADERS), metered(10_000));
}

#[test]
fn a_status_that_is_not_charged_for_costs_nothing() {
    let offer = sold(None);
    for status in [Some(500), Some(404), Some(304), None] {
        assert_eq!(
            read(&offer, Some(SIGNED), status, NO_HEADERS, |_, _| true).charge,
            Charge::Nothing,
            "{status:?}"
        );
        assert_eq!(read(&offer, None, status, NO_HEADERS, |_, _| true).charge, Charge::Nothing, "{status:?}");
    }
    assert_eq!(read(&offer, None, Some(200), NO_HEADERS, |_, _| true).charge, Charge::Full);
}

#[test]
fn a_redirect_that_leads_on_is_charged_and_not_what_was_bought() {
    let to = [("location", "/v1/b")];
    let read_on = |offer: &Offer, status, headers: &[(&str, &str)], leads_on: bool| {
        let asked = |asked, location: &[u8]| {
            assert_eq!((asked, location), (status, b"/v1/b".as_slice()));
            leads_on
        };
        read(offer, None, Some(status), headers, asked).charge
    };
    let mut offer = sold(None);
    for status in [301, 302, 303, 307, 308] {
        assert_eq!(read_on(&offer, status, &to, true), Charge::Onward(None), "{status}");
        assert_eq!(read_on(&offer, status, &to, false), Charge::Full, "{status}");
        assert_eq!(read_on(&offer, status, &[], true), Charge::Full, "{status}");
        assert_eq!(read_on(&offer, status, &[to[0], to[0]], true), Charge::Full, "{status}");
    }
    for status in [200, 201, 300, 305, 306] {
        assert_eq!(read_on(&offer, status, &to, true), Charge::Full, "{status}");
    }
    let stated = [to[0], (OVERRIDE, r#"{"amount":"1"}"#)];
    let onward = Charge::Onward(Some(Amount::from_u64(1)));
    assert_eq!(read(&offer, Some(SIGNED), Some(302), &stated, |_, _| true).charge, onward);
    let free = [to[0], (OVERRIDE, r#"{"amount":"0"}"#)];
    assert_eq!(read(&offer, Some(SIGNED), Some(302), &free, |_, _| true).charge, Charge::Nothing);
    assert_eq!(read(&offer, Some(SIGNED), Some(302), &free, |_, _| false).charge, Charge::Waived);
    assert_eq!(read(&offer, Some(SIGNED), Some(302), &stated, |_, _| false).charge, metered(1));
    // The operator's own word.
    offer.settle_on.ranges = vec![(200, 302)];
    assert_eq!(read_on(&offer, 302, &to, true), Charge::Full);
    assert_eq!(read_on(&offer, 303, &to, true), Charge::Nothing);
    assert_eq!(read_on(&offer, 303, &to, false), Charge::Nothing);
}

/// What the reference server makes of `Settlement-Overrides`; where ours is something else, why.
#[test]
fn overrides_of_the_reference() {
    const DIFFERENCES: [(&str, &str); 5] = [
        ("150%", "cut down to what was signed; the reference asks for more"),
        ("12.345%", "read by nobody; the reference hands the text to the facilitator"),
        ("-1", "as above"),
        ("abc", "as above"),
        ("6000000", "cut down to what was signed"),
    ];
    let vectors: serde_json::Value =
        serde_json::from_str(include_str!("../../tests/vectors/x402.json")).unwrap();
    let mut different = Vec::new();
    for case in vectors["pricing_routing_matching"]["overrides"].as_array().unwrap() {
        let [most, said, theirs] = [0, 1, 2].map(|place| case[place].as_str().unwrap());
        assert_eq!(most, "5000000");
        let statement = format!(r#"{{"amount":"{said}"}}"#);
        let ours = match reading(&sold(None), &[(OVERRIDE, &statement)]) {
            Reading { charge: Charge::Metered(amount), cut: false } => amount.to_string(),
            Reading { charge: Charge::Waived, cut: false } => "0".to_owned(),
            Reading { charge, cut } => format!("{charge:?}, cut: {cut}"),
        };
        if ours != theirs {
            different.push(said);
        }
    }
    assert_eq!(different, DIFFERENCES.map(|(said, _)| said));
}
