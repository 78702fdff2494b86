//! A2, A3 and A8: the same payment in other JSON is the same payment; what two parsers could
//! read in two ways is none.

use base64::engine::general_purpose::STANDARD;
use base64::Engine;
use serde_json::{json, Value};
use x402_devstack::payer::{Payment, Style};

use super::Table;
use crate::stage::{refused, served, Stage};

const PATH: &str = "/v1/cheap";

/// A payment's text to another text.
type Twist = fn(&str) -> String;

pub(super) fn add(table: &mut Table) {
    for (name, twist) in same() {
        table.add(format!("a2_{name}"), move |stage| one_grant(stage, twist));
    }
    for (name, twist) in ambiguous() {
        table.add(format!("a8_{name}"), move |stage| {
            turned_away(stage, |payment| STANDARD.encode(twist(&text(payment))).into_bytes());
        });
    }
    for (name, bytes) in raw() {
        table.add(format!("a8_{name}"), move |stage| {
            turned_away(stage, |payment| STANDARD.encode(bytes(&text(payment))).into_bytes());
        });
    }
    for (name, wrap) in wrapped() {
        table.add(format!("a8_header_{name}"), move |stage| {
            turned_away(stage, |payment| wrap(&payment.header()).into_bytes());
        });
    }
    for (name, pointer, value) in misspelt() {
        table.add(format!("a8_{name}"), move |stage| {
            turned_away(stage, |payment| {
                payment.clone().tamper(pointer, value.clone()).header().into_bytes()
            });
        });
    }
    for (name, pointer, value) in renamed() {
        table.add(format!("a3_{name}"), move |stage| {
            turned_away(stage, |payment| {
                payment.clone().tamper(pointer, value.clone()).header().into_bytes()
            });
        });
    }
}

fn text(payment: &Payment) -> String {
    payment.text(&Style::default())
}

/// What says the same to every parser there is.
fn same() -> Vec<(&'static str, Twist)> {
    vec![
        ("keys_in_escapes", |json| json.replace("\"payload\"", r#""\u0070aylo\u0061d""#)),
        ("values_in_escapes", |json| json.replace("\"0x", r#""\u0030x"#)),
        ("pretty_printed", |json| {
            let value: Value = serde_json::from_str(json).unwrap_or_default();
            serde_json::to_string_pretty(&value).unwrap_or_default()
        }),
        ("white_space_around", |json| format!(" \r\n\t{json}\n ")),
        ("slashes_in_escapes", |json| json.replace('/', r"\/")),
        ("unheard_of_members_within", |json| {
            json.replace("\"authorization\":{", r#""memo":"x","authorization":{"memo":[1,{}],"#)
        }),
    ]
}

/// What parsers disagree about.
fn ambiguous() -> Vec<(&'static str, Twist)> {
    vec![
        ("a_member_twice_under_an_escape", |json| {
            json.replacen("\"value\":", r#""valu\u0065":"1","value":"#, 1)
        }),
        ("a_member_twice_and_equal", |json| {
            json.replacen("\"x402Version\":2", r#""x402Version":2,"x402Version":2"#, 1)
        }),
        ("a_payload_twice", |json| json.replacen("\"payload\":", r#""payload":{},"payload":"#, 1)),
        ("a_quote_twice", |json| json.replacen("\"accepted\":", r#""accepted":{},"accepted":"#, 1)),
        ("a_signature_twice", |json| json.replacen("\"signature\":", r#""signature":"0x","signature":"#, 1)),
        ("a_member_in_capitals", |json| json.replacen("\"value\":", r#""Value":"1","value":"#, 1)),
        ("a_member_with_a_long_s", |json| {
            json.replacen("\"signature\":", r#""\u017fignature":"0x","signature":"#, 1)
        }),
        ("a_member_with_a_kelvin_sign", |json| {
            json.replacen("\"network\":", "\"networ\u{212a}\":\"eip155:1\",\"network\":", 1)
        }),
        ("two_authorisations", |json| {
            json.replacen("\"authorization\":", r#""permit2Authorization":{},"authorization":"#, 1)
        }),
        ("a_second_document", |json| format!("{json}{json}")),
        ("a_word_behind_it", |json| format!("{json}x")),
        ("a_comma_at_the_end", |json| format!("{},}}", json.trim_end_matches('}'))),
        ("a_comment", |json| json.replacen('{', "{/*x*/", 1)),
        ("single_quotes", |json| json.replace('"', "'")),
        ("keys_without_quotes", |json| json.replace("\"payload\"", "payload")),
        ("half_a_document", |json| json.chars().take(json.len() / 2).collect()),
        ("a_byte_order_mark", |json| format!("\u{feff}{json}")),
        ("a_nul_behind_it", |json| format!("{json}\0")),
        ("a_nul_in_a_value", |json| json.replacen("\"0x", r#""\u00000x"#, 1)),
        ("a_raw_control_character", |json| json.replacen("\"0x", "\"\u{1}0x", 1)),
        ("a_line_break_in_a_string", |json| json.replacen("\"0x", "\"\n0x", 1)),
        ("half_a_surrogate", |json| json.replacen("\"0x", r#""\ud8000x"#, 1)),
        ("a_list_around_it", |json| format!("[{json}]")),
        ("a_string_around_it", |json| Value::from(json).to_string()),
        ("no_number", |json| json.replacen("\"x402Version\":2", "\"x402Version\":NaN", 1)),
        ("a_version_as_text", |json| json.replacen("\"x402Version\":2", "\"x402Version\":\"2\"", 1)),
        ("a_version_with_a_point", |json| json.replacen("\"x402Version\":2", "\"x402Version\":2.0", 1)),
        ("a_version_with_an_exponent", |json| json.replacen("\"x402Version\":2", "\"x402Version\":2e0", 1)),
        ("a_version_beyond_every_float", |json| {
            json.replacen("\"x402Version\":2", "\"x402Version\":2e999", 1)
        }),
        ("a_negative_version", |json| json.replacen("\"x402Version\":2", "\"x402Version\":-2", 1)),
        ("a_version_beyond_64_bits", |json| {
            json.replacen("\"x402Version\":2", "\"x402Version\":18446744073709551618", 1)
        }),
        ("no_version", |json| json.replacen("\"x402Version\":2,", "", 1)),
    ]
}

/// Texts that are not UTF-8, or not any more.
/// What is done to a spelling, by its name.
type Named<T> = Vec<(&'static str, fn(&str) -> T)>;

fn raw() -> Named<Vec<u8>> {
    vec![
        ("utf_16", |json| json.encode_utf16().flat_map(u16::to_le_bytes).collect()),
        ("a_broken_character", |json| [json.replacen('{', "{\"\"", 1).as_bytes(), b"\xc3"].concat()),
        ("an_overlong_quote", |json| {
            let at = json.find("\"payload\"").unwrap_or(0);
            let (before, after) = json.as_bytes().split_at(at);
            [before, b"\xc0\xa2", &after[1..]].concat()
        }),
        ("surrogates_in_utf_8", |json| {
            [&json.as_bytes()[..1], b"\"\xed\xa0\x80\":1,", &json.as_bytes()[1..]].concat()
        }),
    ]
}

/// Around the header's text.
fn wrapped() -> Named<String> {
    vec![
        ("twice_with_a_comma", |header| format!("{header}, {header}")),
        ("twice_without", |header| format!("{header}{header}")),
        ("in_quotes", |header| format!("\"{header}\"")),
        ("with_a_scheme", |header| format!("Bearer {header}")),
        ("as_a_data_url", |header| format!("data:application/json;base64,{header}")),
        ("encoded_again", |header| STANDARD.encode(header)),
        ("percent_encoded", |header| header.replace('=', "%3D").replacen('e', "%65", 1)),
        ("with_too_much_padding", |header| format!("{}====", header.trim_end_matches('='))),
        ("with_padding_inside", |header| {
            let (first, rest) = header.split_at(4);
            format!("{first}={rest}")
        }),
        ("with_a_tab_inside", |header| header.replacen('e', "e\t", 1)),
        ("with_parameters", |header| format!("{header};q=1")),
        ("of_sixteen_kilobytes_and_one", |header| format!("{header}{}", "A".repeat(16_385))),
    ]
}

fn misspelt() -> Vec<(&'static str, &'static str, Value)> {
    const AUTHORIZATION: &str = "/payload/authorization";
    let nonce = "11".repeat(32);
    let address = "f39Fd6e51aad88F6F4ce6aB8827279cffFb92266";
    vec![
        ("a_payload_that_is_a_list", "/payload", json!([])),
        ("a_payload_that_is_a_text", "/payload", json!("{}")),
        ("a_payload_that_is_null", "/payload", Value::Null),
        ("an_authorisation_that_is_a_list", AUTHORIZATION, json!([1, 2, 3, 4, 5, 6])),
        ("a_quote_that_is_a_list", "/accepted", json!(["exact"])),
        ("a_quote_that_is_null", "/accepted", Value::Null),
        ("an_address_without_0x", "/payload/authorization/from", json!(address)),
        ("an_address_with_0x_in_capitals", "/payload/authorization/from", json!(format!("0X{address}"))),
        ("an_address_too_short", "/payload/authorization/from", json!(format!("0x{}", &address[1..]))),
        ("an_address_too_long", "/payload/authorization/from", json!(format!("0x{address}0"))),
        (
            "an_address_of_other_letters",
            "/payload/authorization/from",
            json!(format!("0xg{}", &address[1..])),
        ),
        ("an_address_that_is_a_number", "/payload/authorization/from", json!(7)),
        ("an_address_with_a_blank", "/payload/authorization/from", json!(format!("0x{address} "))),
        ("a_name_for_an_address", "/payload/authorization/from", json!("vitalik.eth")),
        ("a_nonce_without_0x", "/payload/authorization/nonce", json!(nonce)),
        ("a_nonce_too_short", "/payload/authorization/nonce", json!("0x11")),
        ("a_nonce_too_long", "/payload/authorization/nonce", json!(format!("0x{nonce}11"))),
        ("a_nonce_in_decimals", "/payload/authorization/nonce", json!("123456789")),
        ("a_nonce_that_is_a_number", "/payload/authorization/nonce", json!(1)),
        ("a_signature_that_is_empty", "/payload/signature", json!("0x")),
        ("a_signature_without_0x", "/payload/signature", json!("11".repeat(65))),
        ("a_signature_of_half_a_byte", "/payload/signature", json!(format!("0x{}1", "11".repeat(65)))),
        ("a_signature_of_other_letters", "/payload/signature", json!(format!("0x{}", "zz".repeat(65)))),
        ("a_signature_of_six_kilobytes", "/payload/signature", json!(format!("0x{}", "11".repeat(6_000)))),
        ("a_signature_that_is_null", "/payload/signature", Value::Null),
        ("a_signature_in_parts", "/payload/signature", json!({"r": "0x1", "s": "0x2", "v": 27})),
    ]
}

/// Almost the quote's names.
fn renamed() -> Vec<(&'static str, &'static str, Value)> {
    vec![
        ("network_in_capitals", "/accepted/network", json!("EIP155:84532")),
        ("network_with_a_leading_zero", "/accepted/network", json!("eip155:084532")),
        ("network_in_hex", "/accepted/network", json!("eip155:0x14a34")),
        ("network_with_a_nul", "/accepted/network", json!("eip155:84532\u{0}")),
        ("network_with_a_blank", "/accepted/network", json!("eip155:84532 ")),
        ("network_with_a_wildcard", "/accepted/network", json!("eip155:*")),
        ("network_beyond_64_bits", "/accepted/network", json!("eip155:18446744073709636148")),
        ("scheme_in_capitals", "/accepted/scheme", json!("Exact")),
        ("scheme_with_a_nul", "/accepted/scheme", json!("exact\u{0}")),
        ("scheme_left_empty", "/accepted/scheme", json!("")),
        ("asset_by_its_symbol", "/accepted/asset", json!("USDC")),
        ("asset_zero", "/accepted/asset", json!("0x0000000000000000000000000000000000000000")),
        ("payee_zero", "/accepted/payTo", json!("0x0000000000000000000000000000000000000000")),
        ("timeout_as_text", "/accepted/maxTimeoutSeconds", json!("60")),
        ("timeout_of_nothing", "/accepted/maxTimeoutSeconds", json!(0)),
    ]
}

/// Granted once, whichever comes first.
fn one_grant(stage: &mut Stage<'_>, twist: Twist) {
    let asked = stage.get(PATH);
    for twisted_first in [false, true] {
        let payment = stage.pay(&asked);
        let plain = asked.clone().pay(&payment);
        let twisted = asked.clone().header("payment-signature", STANDARD.encode(twist(&text(&payment))));
        assert_ne!(twist(&text(&payment)), text(&payment), "nothing was twisted");
        let (first, second) = if twisted_first { (&twisted, &plain) } else { (&plain, &twisted) };
        served(&stage.send(first));
        refused(&stage.again(second), 402, "payment_already_used");
        assert_eq!((stage.moved(&payment).len(), stage.settles(&payment)), (1, 1));
    }
    assert_eq!(stage.hits(), 2);
}

/// Told to pay, nobody asked, nothing moved; the honest payment is still good.
fn turned_away(stage: &mut Stage<'_>, twist: impl FnOnce(&Payment) -> Vec<u8>) {
    let asked = stage.get(PATH);
    let payment = stage.pay(&asked);
    let answer = stage.send(&asked.clone().header("payment-signature", twist(&payment)));
    let code = answer.json()["code"].as_str().unwrap_or_default().to_owned();
    assert!(REFUSALS.contains(&&*code), "{} {}", answer.status, answer.text());
    refused(&answer, 402, &code);
    stage.untouched(&payment);
    served(&stage.send(&asked.pay(&payment)));
    stage.charged_once(&payment, 1);
}

const REFUSALS: [&str; 4] = [
    "invalid_payload",
    "invalid_x402_version",
    "no_matching_payment_requirements",
    "invalid_exact_evm_signature",
];
