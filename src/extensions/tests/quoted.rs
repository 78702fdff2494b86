//! Declarations as they stand in quotes.

use base64::engine::general_purpose::STANDARD;
use base64::Engine;
use serde_json::{json, Value};

use super::{policy, Sponsored, BOTH};
use crate::config::Offer;
use crate::extensions::{self, Asked};
use crate::protocol::abilities::Unasked;
use crate::protocol::challenge::Challenge;

/// The quote for a request, parsed.
pub(super) fn quote(offer: &Offer, asked: &Asked<'_>, gas: Sponsored) -> Value {
    let challenge = Challenge::new(offer, &Unasked, extensions::declared(offer.extensions(), gas));
    let header = challenge.header("e", "/a", &extensions::asked(offer.extensions(), asked), "");
    serde_json::from_slice(&STANDARD.decode(header).unwrap()).unwrap()
}

/// Whatever is asked for, the constant pieces are in the header as they were encoded before, and what is
/// between them is short.
#[test]
fn what_does_not_depend_on_the_request_is_encoded_ahead() {
    let bazaar = json!({
        "input": {"headers": {"x": "y".repeat(900)}, "queryParams": {"q".repeat(600): 1}},
        "output": {"example": {"text": "z".repeat(3_000)}},
    });
    let all = json!({"bazaar": bazaar, "paymentIdentifier": "required", "description": "w".repeat(400)});
    let policy = policy(&all, "/w/{city}");
    let route = policy.routes().next().unwrap();
    let offer = route.offer().unwrap();
    let declared = extensions::declared(offer.extensions(), BOTH);
    let challenge = Challenge::new(offer, &Unasked, declared.clone());
    let [before, after] = declared.around;
    let pieces = [before, after + ",", declared.constant + "}}"].map(|piece| {
        let padded = piece.len().next_multiple_of(3);
        STANDARD.encode(format!("{piece:padded$}"))
    });
    let header = |url: &str, method: &str, path: &str| {
        let asked =
            extensions::asked(offer.extensions(), &Asked { method, path, template: route.template() });
        challenge.header("e", url, &asked, "")
    };
    let (one, other) = (header("http://b", "GET", "/w/"), header("ws://b", "GET", "/w/"));
    let alike = one.bytes().zip(other.bytes()).take_while(|(a, b)| a == b).count();
    let head = &one[..alike / 4 * 4];
    assert!(head.len() > 700 && pieces.iter().all(|piece| piece.len() > 800), "{head} {pieces:?}");
    let kept = pieces.iter().fold(head.len(), |sum, piece| sum + piece.len());
    assert!((kept + 512..kept + 3_000).contains(&challenge.bytes()), "{kept} {}", challenge.bytes());
    for (method, path, url) in [
        ("GET", "/w/a", "https://a/b"),
        ("GET", "/w/ab", "https://a/bc"),
        ("GET", "/w/abc", "https://a/bcd"),
        ("HEAD", "/w/a", "https://a/b"),
        ("DELETE", "/w/abc", "https://a/b"),
    ] {
        let header = header(url, method, path);
        let mut varying = header.strip_prefix(head).unwrap().to_owned();
        for piece in &pieces {
            assert_eq!(varying.matches(piece).count(), 1, "{method} {path} {url}");
            varying = varying.replace(piece, "");
        }
        assert!(varying.len() < 400, "{varying}");
    }
}
