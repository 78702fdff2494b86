//! Where the key of offers and receipts is found: a DID document for `did:web`.
//!
//! `did:web:api.example.com` stands for `https://api.example.com/.well-known/did.json`
//! (did:web method specification, "Read (Resolve)").

use std::fmt::Write;

use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use base64::Engine;

use super::jws::push_field;
use super::notary::Format;
use super::{Key, Kind};
use crate::json::push_string;

/// Where the document is asked for.
pub const PATH: &str = "/.well-known/did.json";

/// The DID of an origin (`https://host[:port]`).
pub fn of_origin(origin: &str) -> String {
    let authority = origin.strip_prefix("https://").or_else(|| origin.strip_prefix("http://"));
    let mut did = String::from("did:web:");
    for char in authority.unwrap_or(origin).chars() {
        match char {
            // A port's colon would separate path segments.
            ':' => did.push_str("%3A"),
            other => did.push(other),
        }
    }
    did
}

/// Whether a key id is of `did:web` at an origin.
pub(super) fn is_at(key_id: &str, origin: &str) -> bool {
    key_id.strip_prefix(of_origin(origin).as_str()).is_some_and(|rest| rest.starts_with('#'))
}

/// The document of a key, or `None` when its id is not of `did:web` at this origin.
pub(super) fn document(key: &Key, format: Format, key_id: &str, origin: &str) -> Option<String> {
    if !is_at(key_id, origin) {
        return None;
    }
    let did = of_origin(origin);
    let account = key.address().filter(|_| format == Format::Eip712);
    let (suite, kind) = match account {
        Some(_) => ("secp256k1recovery-2020/v2", "EcdsaSecp256k1RecoveryMethod2020"),
        None => ("jws-2020/v1", "JsonWebKey2020"),
    };
    let mut json = String::with_capacity(768);
    let _ = write!(
        json,
        r#"{{"@context":["https://www.w3.org/ns/did/v1","https://w3id.org/security/suites/{suite}"]"#
    );
    push_field(&mut json, "id", &did);
    json.push_str(r#","verificationMethod":[{"id":"#);
    push_string(&mut json, key_id);
    push_field(&mut json, "type", kind);
    push_field(&mut json, "controller", &did);
    match account {
        // The account is what a signature recovers to; its chain is the domain's.
        Some(address) => {
            let _ = write!(json, r#","blockchainAccountId":"eip155:1:{address}""#);
        }
        None => {
            json.push_str(r#","publicKeyJwk":"#);
            key.push_jwk(&mut json);
        }
    }
    json.push_str(r#"}],"assertionMethod":["#);
    push_string(&mut json, key_id);
    json.push_str("]}");
    Some(json)
}

// === impl Key ===

impl Key {
    /// The public key as a JWK (RFC 7518, 6.2; RFC 8037, 2). `alg` is there because readers
    /// such as jose 6 refuse a key that does not say it.
    fn push_jwk(&self, out: &mut String) {
        let (kind, curve, x, y) = match &self.0 {
            Kind::Ed25519(secret) => ("OKP", "Ed25519", secret.public(), None),
            Kind::P256(secret) => ("EC", "P-256", secret.public().x, Some(secret.public().y)),
            Kind::Secp256k1(secret) => ("EC", "secp256k1", secret.public().x, Some(secret.public().y)),
        };
        out.push_str(r#"{"kty":"#);
        push_string(out, kind);
        push_field(out, "crv", curve);
        push_field(out, "alg", self.algorithm());
        push_field(out, "x", &URL_SAFE_NO_PAD.encode(x));
        if let Some(y) = y {
            push_field(out, "y", &URL_SAFE_NO_PAD.encode(y));
        }
        out.push('}');
    }
}
