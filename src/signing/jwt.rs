//! Who we are to Coinbase's facilitator: one JWT per method, host and path.
//!
//! As `@coinbase/cdp-sdk` 1.57 writes it, in its key order. A token is good for two minutes and
//! for the one call it names, however often.

use std::fmt::Write;

use super::jws::{compact, push_field};
use super::{Key, Kind};
use crate::digits::hex;
use crate::json::push_string;

/// Seconds from a token's issue to its expiry.
pub const VALID_SECONDS: u64 = 120;

/// Where a request comes from, beside its token: what the SDK calls correlation data.
pub const CORRELATION: &str = concat!(
    "sdk_version=",
    env!("CARGO_PKG_VERSION"),
    ",sdk_language=rust,source=x402,source_version=",
    env!("CARGO_PKG_VERSION"),
);

/// An API key of the Coinbase Developer Platform.
#[derive(Debug)]
pub struct Cdp {
    key_id: String,
    key: Key,
}

/// The key is of a kind that the platform does not issue.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[error("Coinbase takes Ed25519 and P-256 keys")]
pub struct NotCdp;

// === impl Cdp ===

impl Cdp {
    /// An API key from its id and secret.
    ///
    /// # Errors
    /// [`NotCdp`] when the key is neither Ed25519 nor P-256.
    pub fn new(key_id: String, key: Key) -> Result<Self, NotCdp> {
        match key.0 {
            Kind::Ed25519(_) | Kind::P256(_) => Ok(Self { key_id, key }),
            Kind::Secp256k1(_) => Err(NotCdp),
        }
    }

    /// The token for one call, signed.
    ///
    /// `host` is the call's `:authority`, `path` its whole path without query; `now` is seconds
    /// since the Unix epoch; `nonce` is sixteen bytes nobody can guess. `None` as for
    /// a signature: it does not happen.
    pub fn jwt(&self, method: &str, host: &str, path: &str, now: u64, nonce: &[u8; 16]) -> Option<String> {
        // As a URL's host is written: without the port that https has anyway.
        let host = host.strip_suffix(":443").unwrap_or(host);
        let mut header = String::with_capacity(256);
        header.push_str(r#"{"alg":""#);
        header.push_str(self.key.algorithm());
        header.push('"');
        push_field(&mut header, "kid", &self.key_id);
        push_field(&mut header, "typ", "JWT");
        push_field(&mut header, "nonce", &hex(nonce));
        header.push('}');

        let mut claims = String::with_capacity(512);
        claims.push_str(r#"{"sub":"#);
        push_string(&mut claims, &self.key_id);
        push_field(&mut claims, "iss", "cdp");
        claims.push_str(r#","uris":["#);
        let mut uri = String::from(method);
        for part in [" ", host, path] {
            uri.push_str(part);
        }
        push_string(&mut claims, &uri);
        // Writing into a String cannot fail.
        let _ = write!(claims, r#"],"iat":{now},"nbf":{now},"exp":{}}}"#, now.saturating_add(VALID_SECONDS));
        compact(Some(&self.key), &header, &claims)
    }
}
