//! What the store that replicas share says, and claims as they are kept in it.
//!
//! The first line is the status, `u` for an answer of the upstream's or `h` for one of the host's
//! own; the rest is the body, or a claim as text. The call it should answer has the number 7.

use std::sync::OnceLock;

use serde_json::Value;
use x402_proxy_wasm::claims::bucket::{from_text, to_text};
use x402_proxy_wasm::config::{Policy, SharedStore};
use x402_proxy_wasm::facilitator::Delivery;
use x402_proxy_wasm::store::{Listed, OpenClaim, Reply, MAX_DUE, MAX_OPEN, MAX_PAYMENT, MAX_VALUE};

use crate::cost;

/// The call's number, and how it is spelled in an answer to it.
const CALL: (u64, &str) = (7, "0000000000000007");

/// One answer.
pub fn run(data: &[u8]) {
    let end = data.iter().position(|b| *b == b'\n').unwrap_or(data.len());
    let line = String::from_utf8_lossy(&data[..end]).into_owned();
    let body = data.get(end + 1..).unwrap_or_default();
    let mut words = line.split(' ');
    let status: u16 = words.next().and_then(|word| word.parse().ok()).unwrap_or(200);
    let from_upstream = words.next() != Some("h");
    let delivery = Delivery::arrived(status, from_upstream, None, Some(body));

    let reply = cost::within(8_192, 64, body.len(), || Reply::read(&delivery, CALL.0));
    match &reply {
        Reply::Written { now, payment } => {
            let words = said(status, body);
            let told = payment.clone().unwrap_or_default();
            assert!(told.len() <= MAX_PAYMENT && told.is_ascii() && told.len() != 1);
            assert_eq!(words[1..], ["1".to_owned(), words[2].clone(), told], "{words:?}");
            assert!(*now <= 99_999_999_999);
        }
        Reply::Differs { current, open, .. } => {
            assert_eq!(said(status, body)[1], "0");
            assert!(current.as_deref().is_none_or(is_value));
            shown(open);
        }
        Reply::OpenFirst { open, .. } => {
            assert_eq!(said(status, body)[1], "2");
            assert!(!open.is_empty());
            shown(open);
        }
        Reply::Sealed { .. } => assert_eq!(said(status, body)[1], "3"),
        Reply::Late { .. } => assert_eq!(said(status, body)[1], "4"),
        Reply::Unscripted => {
            assert!(body.windows(8).any(|part| part == b"NOSCRIPT") || body.contains(&b'\\'))
        }
        Reply::Down => assert!(!from_upstream && status == 503),
        Reply::Unsure(doubt) => assert!(!doubt.to_string().is_empty()),
    }
    let listed = cost::within(8_192, 64, body.len(), || Listed::read(&delivery, store(), CALL.0));
    if let Listed::Claims { claims, .. } = &listed {
        assert!(claims.len() <= MAX_DUE as usize && said(status, body).len() >= 2);
        for claim in claims {
            assert!(is_value(&claim.value));
            assert!(claim.payment.as_ref().is_none_or(|text| text.len() <= MAX_PAYMENT && text.is_ascii()));
        }
    }
    // An answer to this call is none to another.
    let understood = |reply: &Reply| !matches!(reply, Reply::Unscripted | Reply::Down | Reply::Unsure(_));
    assert!(!(understood(&reply) && understood(&Reply::read(&delivery, 8))));
    kept(body);
}

/// The words of an answer to our call.
fn said(status: u16, body: &[u8]) -> Vec<String> {
    let value: Value = serde_json::from_slice(body).expect("what was understood is JSON");
    let fields = value.as_object().expect("an object");
    assert_eq!((status, fields.len()), (200, 1));
    let words: Vec<String> =
        serde_json::from_value(fields.values().next().cloned().expect("a field")).expect("a list of texts");
    assert_eq!(words[0], CALL.1, "an answer to another call");
    words
}

fn is_value(text: &str) -> bool {
    (1..=MAX_VALUE).contains(&text.len()) && text.bytes().all(|b| b"0123456789abcdef".contains(&b))
}

fn shown(open: &[OpenClaim]) {
    assert!(open.len() <= MAX_OPEN && open.iter().all(|claim| is_value(&claim.value)));
}

/// A text that is a claim is one whole claim.
fn kept(text: &[u8]) {
    let Ok(text) = std::str::from_utf8(text) else { return };
    let read = cost::within(1_024, 4, text.len(), || from_text(text));
    if let Some(claim) = read {
        assert_eq!(to_text(&claim), text, "one claim has one text");
        assert!(is_value(text));
    }
}

fn store() -> &'static SharedStore {
    static POLICY: OnceLock<Policy> = OnceLock::new();
    let policy = POLICY.get_or_init(|| {
        let text = br#"{"version":1,"origin":"https://a.example","unmatched":"free","settle":"before","facilitators":{"a":{"cluster":"a","authority":"a"}},"accepts":[{"network":"base","payTo":"0x209693Bc6afc0C5328bA36FaF03C514EF312287C"}],"claims":{"shared":{"cluster":"s","authority":"s","kind":"webdis"}},"routes":[{"name":"a","match":{"path":"/a"},"offer":{"price":"$1"}}]}"#;
        Policy::from_bytes(text, &|_| None).unwrap_or_else(|errors| panic!("{errors}"))
    });
    policy.shared_claims().expect("a store")
}
