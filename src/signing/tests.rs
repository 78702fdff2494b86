//! Keys and signatures against those of OpenSSL and pyca/cryptography, and the CDP token against
//! the SDK's.

#![allow(
    clippy::arithmetic_side_effects,
    clippy::string_slice,
    reason = "a sum or slice out of bounds fails the test"
)]

mod offers;
mod ring;

use serde_json::Value;

use super::jwt::{Cdp, NotCdp};
use super::*;

pub(super) fn vectors() -> Value {
    let all: Value = serde_json::from_str(include_str!("../../tests/vectors/x402.json")).unwrap();
    all["extensions_offer_receipt_siwx_builder_cdp"].clone()
}

pub(super) fn keys() -> Value {
    serde_json::from_str(include_str!("../../tests/vectors/signing.json")).unwrap()
}

/// The first key of an algorithm, for tests that need some.
pub(super) fn some_key(algorithm: &str) -> Key {
    let keys = keys();
    let key = keys["keys"].as_array().unwrap().iter().find(|key| key["algorithm"] == algorithm).unwrap();
    Key::parse(key["text"].as_str().unwrap()).unwrap()
}

#[test]
fn keys_of_every_form_sign_as_others_do() {
    let mut signatures = 0;
    for case in keys()["keys"].as_array().unwrap() {
        let name = case["name"].as_str().unwrap();
        let key =
            Key::parse(case["text"].as_str().unwrap()).unwrap_or_else(|error| panic!("{name}: {error}"));
        assert_eq!(key.algorithm(), case["algorithm"], "{name}");
        let public = match &key.0 {
            Kind::Ed25519(secret) => secret.public().to_vec(),
            Kind::P256(secret) => secret.public().encode(),
            Kind::Secp256k1(secret) => secret.public().encode(),
        };
        assert_eq!(hex::encode(public), case["public"], "{name}");
        for signed in case["signatures"].as_array().unwrap() {
            let signature = key.sign(signed["message"].as_str().unwrap().as_bytes()).unwrap();
            assert_eq!(hex::encode(signature), signed["signature"], "{name}: {}", signed["message"]);
            signatures += 1;
        }
    }
    assert_eq!(signatures, 39);
}

#[test]
fn what_is_no_key_is_named_for_what_it_is() {
    for case in keys()["refused"].as_array().unwrap() {
        let error = Key::parse(case["text"].as_str().unwrap()).map(|key| format!("{key:?}")).unwrap_err();
        assert_eq!(format!("{error:?}"), case["error"], "{}", case["why"]);
    }
}

#[test]
fn damaged_keys_neither_panic_nor_show_themselves() {
    for case in keys()["keys"].as_array().unwrap() {
        let text = case["text"].as_str().unwrap();
        for at in 0..text.len() {
            for damage in ["", "A", "\u{e9}", "-----"] {
                let damaged = format!("{}{damage}{}", &text[..at], &text[at + 1..]);
                // A digit of a bare scalar may change: then it is another key.
                if let Err(error) = Key::parse(&damaged) {
                    assert!(error.to_string().len() < 120);
                }
            }
            let only_the_end_is_missing = text[at..].replace("\\n", "").trim().is_empty();
            assert!(Key::parse(&text[..at]).is_err() || only_the_end_is_missing, "cut at {at}");
        }
        let trailing = format!("{text}\n{text}");
        assert!(Key::parse(&trailing).is_err());
    }
}

#[test]
fn ecdsa_is_that_of_rfc_6979() {
    // RFC 6979, A.2.5.
    let secret = "c9afa9d845ba75166b5c215767b1d6934e50c3db36e89b127b8a622b120f6721";
    let mut bytes = [0; 32];
    hex::decode_to_slice(secret, &mut bytes).unwrap();
    let key = p256::Secret::new(&bytes).unwrap();
    for (message, r, s) in [
        (
            "sample",
            "efd48b2aacb6a8fd1140dd9cd45e81d69d2c877b56aaf991c34d0ea84eaf3716",
            "f7cb1c942d657c41d436c7a1b6e29f65f3e900dbb9aff4064dc4ab2f843acda8",
        ),
        (
            "test",
            "f1abb023518351cd71d881567b1ea663ed3efcf6c5132b354f28d3b0b7d38367",
            "019f4113742a2b14bd25926b49c649155f267e60d3814b4c0cc84250e46f0083",
        ),
    ] {
        let signature = key.sign(&ecdsa::sha256(&[message.as_bytes()])).unwrap();
        assert_eq!((hex::encode(signature.r), hex::encode(signature.s)), (r.to_owned(), s.to_owned()));
    }
}

#[test]
fn secp256k1_signs_as_libsecp256k1_and_is_recovered() {
    use crate::evm::{address::Address, recover::recover, signature::Signature as Recoverable};
    let oracle = ::secp256k1::Secp256k1::new();
    for seed in 1..=40u8 {
        let (secret, digest) = ([seed; 32], ecdsa::sha256(&[&[seed]]));
        let ours = secp256k1::Secret::new(&secret).unwrap();
        let signature = ours.sign(&digest).unwrap();
        let theirs = ::secp256k1::SecretKey::from_byte_array(secret).unwrap();
        let message = ::secp256k1::Message::from_digest(digest);
        let (id, bytes) = oracle.sign_ecdsa_recoverable(message, &theirs).serialize_compact();
        assert_eq!((signature.to_bytes(), i32::from(signature.y_is_odd)), (bytes, i32::from(id)));
        let v = if signature.y_is_odd { "1c" } else { "1b" };
        let text = format!("0x{}{v}", hex::encode(signature.to_bytes()));
        let public = ours.public();
        let address = crate::evm::keccak256([&public.x, &public.y]).last_chunk().copied().map(Address::new);
        assert_eq!(recover(&digest, &Recoverable::parse(&text).unwrap()), address);
    }
}

#[test]
fn the_cdp_token_is_the_sdks_byte_for_byte() {
    let all = vectors();
    let vector = &all["cdp_jwt_eddsa"];
    let text = |pointer: &str| vector.pointer(pointer).unwrap().as_str().unwrap();
    let mut nonce = [0; 16];
    hex::decode_to_slice(text("/header/nonce"), &mut nonce).unwrap();
    let key = Key::parse(text("/apiKeySecret_base64")).unwrap();
    let cdp = Cdp::new(text("/apiKeyId").to_owned(), key).unwrap();
    let mint = |host: &str| {
        cdp.jwt("POST", host, "/platform/v2/x402/verify", all["now"].as_u64().unwrap(), &nonce).unwrap()
    };
    assert_eq!(mint("api.cdp.coinbase.com"), text("/jwt"));
    assert_eq!(mint("api.cdp.coinbase.com:443"), text("/jwt"), "as a URL's host is written");
    assert_ne!(mint("api.cdp.coinbase.com:8443"), text("/jwt"));
}

#[test]
fn a_cdp_key_may_be_p256_and_not_secp256k1() {
    let cdp = Cdp::new("organizations/a/apiKeys/b".to_owned(), some_key("ES256")).unwrap();
    let token = cdp.jwt("GET", "h", "/supported", 5, &[0xab; 16]).unwrap();
    let parts: Vec<&str> = token.split('.').collect();
    let read = |part: &str| {
        let bytes = base64::Engine::decode(&base64::engine::general_purpose::URL_SAFE_NO_PAD, part).unwrap();
        String::from_utf8(bytes).unwrap()
    };
    assert_eq!(
        read(parts[0]),
        r#"{"alg":"ES256","kid":"organizations/a/apiKeys/b","typ":"JWT","nonce":"abababababababababababababababab"}"#
    );
    assert_eq!(
        read(parts[1]),
        r#"{"sub":"organizations/a/apiKeys/b","iss":"cdp","uris":["GET h/supported"],"iat":5,"nbf":5,"exp":125}"#
    );
    assert_eq!(token, cdp.jwt("GET", "h", "/supported", 5, &[0xab; 16]).unwrap(), "deterministic");
    assert_eq!(Cdp::new("x".to_owned(), some_key("ES256K")).unwrap_err(), NotCdp);
}

#[test]
fn nothing_shows_a_secret() {
    let cdp = Cdp::new("id".to_owned(), some_key("EdDSA")).unwrap();
    assert_eq!(format!("{cdp:?}"), "Cdp { key_id: \"id\", key: <EdDSA key> }");
}
