//! A8, A9 and A18: hostile headers, spoofed headers, and what caches may keep.

use base64::engine::general_purpose::STANDARD;
use base64::Engine;
use x402_devstack::payer::Payment;

use super::Table;
use crate::stage::{receipt_of, refused, served, Stage};

pub(super) fn add(table: &mut Table) {
    table.add("a8_two_payments", |stage| ambiguous(stage, "payment-signature", "payment-signature"));
    table.add("a8_payments_of_both_versions", |stage| ambiguous(stage, "payment-signature", "x-payment"));
    table.add("a8_a_payment_and_an_empty_one", |stage| {
        let (payment, request) = stage.paid(&stage.get("/v1/cheap"));
        refused(&stage.send(&request.header("x-payment", "")), 402, "payment_ambiguous");
        stage.untouched(&payment);
    });
    for (name, value) in hostile() {
        table.add(format!("a8_{name}"), move |stage| garbage(stage, &value));
    }
    table.add("a8_a_member_twice", |stage| {
        twisted(stage, |json| json.replacen("\"value\":", "\"value\":\"1\",\"value\":", 1));
    });
    table.add("a8_a_huge_member", |stage| {
        twisted(stage, |json| json.replacen('{', &format!("{{\"x\":\"{}\",", "y".repeat(40_000)), 1));
    });
    table.add("a8_a_deep_member", |stage| {
        let deep = format!("{}1{}", "[".repeat(9_000), "]".repeat(9_000));
        twisted(stage, move |json| json.replacen('{', &format!("{{\"x\":{deep},"), 1));
    });
    table.add("a8_bytes_that_are_not_utf_8_elsewhere", not_utf8);
    table.add("a8_members_only_some_parsers_read", odd_members);
    table.add("a9_underscores_are_hyphens_to_some", underscores);
    table.add("a8_eighty_headers", many);
    for path in ["/v1/cheap", "/v1/late", "/healthz", "/elsewhere"] {
        table.add(
            format!("a9_owned_headers_of_a_client_{}", path.rsplit('/').next().unwrap_or("")),
            move |stage| {
                from_client(stage, path);
            },
        );
    }
    for path in ["/v1/cheap", "/v1/late"] {
        let name = path.rsplit('/').next().unwrap_or("");
        table
            .add(format!("a9_owned_headers_of_the_upstream_{name}"), move |stage| from_upstream(stage, path));
        for (case, given, expected) in caches() {
            table.add(format!("a18_{case}_{name}"), move |stage| cached(stage, path, given, expected));
        }
    }
    table.add("a18_refusals_are_not_stored", |stage| {
        for path in ["/v1/cheap", "/v1/late", "/v1/CHEAP"] {
            let answer = stage.send(&stage.get(path));
            assert_eq!(answer.header_text("cache-control"), Some("no-store"), "{path}");
        }
    });
}

fn hostile() -> Vec<(&'static str, Vec<u8>)> {
    let json = |text: String| STANDARD.encode(text).into_bytes();
    vec![
        ("an_empty_payment", Vec::new()),
        ("not_base64", b"!!!!".to_vec()),
        ("not_json", json("hello".to_owned())),
        ("json_that_is_no_object", json("[1,2]".to_owned())),
        ("an_empty_object", json("{}".to_owned())),
        ("a_null", json("null".to_owned())),
        ("fifty_kilobytes", vec![b'A'; 50_000]),
        ("deep_lists", json("[".repeat(20_000))),
        ("deep_objects", json("{\"a\":".repeat(5_000))),
        ("a_huge_number", json(format!("{{\"x402Version\":{}}}", "9".repeat(20_000)))),
        ("bytes_that_are_not_utf_8", b"\xff\xfe\x80payment".to_vec()),
        ("json_that_is_not_utf_8", STANDARD.encode(b"{\"x402Version\":2,\"\xff\":1}").into_bytes()),
        ("version_3", json("{\"x402Version\":3}".to_owned())),
    ]
}

fn ambiguous(stage: &mut Stage<'_>, first: &str, second: &str) {
    let asked = stage.get("/v1/cheap");
    let (one, other) = (stage.pay(&asked), stage.pay(&asked));
    let request = asked.header(first, one.header()).header(second, other.header());
    refused(&stage.send(&request), 402, "payment_ambiguous");
    stage.untouched(&one);
    stage.untouched(&other);
}

fn garbage(stage: &mut Stage<'_>, value: &[u8]) {
    let answer = stage.send(&stage.get("/v1/cheap").header("payment-signature", value));
    let code = answer.json()["code"].as_str().unwrap_or_default().to_owned();
    assert!(matches!(&*code, "invalid_payload" | "invalid_x402_version"), "{} {code}", answer.status);
    refused(&answer, 402, &code);
    assert_eq!(stage.hits(), 0);
    // Nothing was harmed.
    let (payment, request) = stage.paid(&stage.get("/v1/cheap"));
    served(&stage.send(&request));
    stage.charged_once(&payment, 1);
}

fn twisted(stage: &mut Stage<'_>, twist: impl FnOnce(String) -> String) {
    let asked = stage.get("/v1/cheap");
    let payment: Payment = stage.pay(&asked);
    let json = twist(payment.text(&Default::default()));
    let answer = stage.send(&asked.header("payment-signature", STANDARD.encode(json)));
    if answer.status == 431 && stage.has_front_end() {
        return stage.untouched(&payment);
    }
    refused(&answer, 402, "invalid_payload");
    stage.untouched(&payment);
}

/// What we skip never reaches the facilitator, whose parser might refuse it.
fn odd_members(stage: &mut Stage<'_>) {
    let asked = stage.get("/v1/cheap");
    let payment: Payment = stage.pay(&asked);
    let odd = r#"{"huge":1e999,"deep":[[[[]]]],"text":"\u00e9","#;
    let json = payment.text(&Default::default()).replacen('{', odd, 1);
    served(&stage.send(&asked.header("payment-signature", STANDARD.encode(json))));
    stage.charged_once(&payment, 1);
}

fn underscores(stage: &mut Stage<'_>) {
    let asked =
        stage.get("/healthz").header("x402_payer", "spoofed").header("settlement_overrides", "spoofed");
    let answer = stage.send(&asked.header("x-test-echo", "1"));
    if stage.has_front_end() {
        // `envoy.yaml` says so. Where an Envoy lets them through: `tests/live/tests/envoy_underscores.rs`.
        assert_eq!((answer.status, stage.hits()), (400, 0));
        return;
    }
    let upstream = stage.received().remove(0);
    for name in ["x402_payer", "settlement_overrides"] {
        assert_eq!(upstream.count(name), 0, "{name}");
    }
    let (payment, request) = stage.paid(&stage.get("/v1/cheap"));
    served(&stage.send(&request.header("payment_signature", "theirs").header("x_payment", "theirs")));
    for name in ["payment_signature", "x_payment"] {
        assert_eq!(stage.received()[1].count(name), 0, "{name}");
    }
    stage.charged_once(&payment, 2);
}

fn not_utf8(stage: &mut Stage<'_>) {
    let asked = stage.get("/v1/cheap").header("x-odd", b"a\xff\x80b");
    let (payment, request) = stage.paid(&asked);
    served(&stage.send(&request));
    assert_eq!(stage.received()[0].header("x-odd"), Some(b"a\xff\x80b".as_slice()));
    stage.charged_once(&payment, 1);
}

fn many(stage: &mut Stage<'_>) {
    let asked = (0..80).fold(stage.get("/v1/cheap"), |asked, n| asked.header(format!("x-many-{n}"), "1"));
    let (payment, request) = stage.paid(&asked);
    served(&stage.send(&request));
    stage.charged_once(&payment, 1);
}

/// Headers that say who paid: only the filter's own reach the upstream.
const OWNED: [&str; 7] = [
    "payment-response",
    "X-Payment-Response",
    "Settlement-Overrides",
    "x402-payer",
    "X402-Payer",
    "x402-receipt-id",
    "x402-anything",
];

fn from_client(stage: &mut Stage<'_>, path: &str) {
    let asked = OWNED.iter().fold(stage.get(path), |asked, name| asked.header(name, "spoofed"));
    let asked = asked.header("x-test-echo", "1");
    let answer = stage.send(&asked);
    let paid = answer.status == 402;
    if paid {
        let (_, request) = stage.paid(&asked);
        served(&stage.send(&request));
    }
    let upstream = stage.received().remove(0);
    for name in OWNED {
        assert_ne!(upstream.header_text(name), Some("spoofed"), "{name}");
    }
    for name in ["x402-payer", "x402-receipt-id"] {
        assert_eq!(upstream.count(name), usize::from(paid), "{name}");
    }
    if paid {
        assert_eq!(upstream.header_text("x402-payer"), Some(&*stage.wallet.address().to_string()));
        assert_eq!(upstream.count("payment-signature"), 0, "the payment is not the upstream's");
    }
}

fn from_upstream(stage: &mut Stage<'_>, path: &str) {
    let spoofed = [
        "payment-response",
        "x-payment-response",
        "payment-required",
        "settlement-overrides",
        "x402-payer",
        "cdn-cache-control",
        "surrogate-control",
    ];
    let asked = spoofed
        .iter()
        .fold(stage.get(path), |asked, name| asked.header("x-test-h", format!("{name}:spoofed")));
    let (payment, request) = stage.paid(&asked.header("x-test-h", "x-theirs:kept"));
    let answer = stage.send(&request);
    served(&answer);
    for name in spoofed {
        assert_ne!(answer.header_text(name), Some("spoofed"), "{name}");
    }
    assert_eq!(answer.header_text("x-theirs"), Some("kept"));
    assert_eq!(receipt_of(&answer), stage.moved(&payment)[0].transaction);
}

fn caches() -> [(&'static str, &'static [&'static str], &'static str); 8] {
    [
        ("nothing_said", &[], "private"),
        ("public", &["public, max-age=60"], "max-age=60, private"),
        ("public_for_shared_caches", &["public, s-maxage=600, proxy-revalidate"], "private"),
        ("public_beside_private", &["private, S-MaxAge=\"600\", Public, max-age=60"], "private, max-age=60"),
        ("private_already", &["private, max-age=60"], "private, max-age=60"),
        ("private_in_capitals", &["PRIVATE"], "PRIVATE"),
        ("private_for_a_field_only", &["private=\"set-cookie\""], "private=\"set-cookie\", private"),
        ("two_headers", &["public", "max-age=60"], "max-age=60, private"),
    ]
}

fn cached(stage: &mut Stage<'_>, path: &str, given: &[&str], expected: &str) {
    let asked = given
        .iter()
        .fold(stage.get(path), |asked, value| asked.header("x-test-h", format!("cache-control:{value}")));
    let (_, request) = stage.paid(&asked);
    let answer = stage.send(&request);
    receipt_of(&answer);
    // Envoy joins the upstream's own headers without a blank.
    let tight = |text: &str| text.replace(", ", ",");
    let cached = answer.header_text("cache-control").map(tight);
    assert_eq!((answer.status, cached), (200, Some(tight(expected))));
    assert_eq!(answer.count("cache-control"), 1);
}
