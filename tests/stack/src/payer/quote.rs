//! Quotes: what a 402 asks for, from the header of version 2 or the body of version 1.

use base64::engine::general_purpose::STANDARD;
use base64::Engine;
use serde_json::Value;

/// A challenge.
#[derive(Clone, Debug)]
pub struct Quote {
    pub version: u64,
    pub error: Option<String>,
    /// As sent; echoed whole.
    pub resource: Option<Value>,
    pub accepts: Vec<Value>,
    pub extensions: Option<Value>,
}

impl Quote {
    /// From the value of `PAYMENT-REQUIRED`.
    pub fn from_header(value: &[u8]) -> Option<Self> {
        Self::from_json(&decode_header(value)?)
    }

    /// From the body of a 402 of version 1.
    pub fn from_body(body: &[u8]) -> Option<Self> {
        let json: Value = serde_json::from_slice(body).ok()?;
        (json["x402Version"] == 1).then(|| Self::from_json(&json))?
    }

    /// As clients read it: the header first, else the body.
    pub fn of(header: Option<&[u8]>, body: &[u8]) -> Option<Self> {
        header.and_then(Self::from_header).or_else(|| Self::from_body(body))
    }

    pub fn from_json(json: &Value) -> Option<Self> {
        let present = |value: &Value| (!value.is_null()).then(|| value.clone());
        Some(Self {
            version: json["x402Version"].as_u64()?,
            error: json["error"].as_str().map(str::to_owned),
            resource: present(&json["resource"]),
            accepts: json["accepts"].as_array()?.clone(),
            extensions: present(&json["extensions"]),
        })
    }

    /// The first way to pay that this crate can sign: `exact` and `upto` on EVM networks.
    pub fn payable(&self) -> Option<&Value> {
        self.accepts.iter().find(|accept| {
            matches!(accept["scheme"].as_str(), Some("exact" | "upto"))
                && accept["extra"]["name"].is_string()
                && accept["extra"]["assetTransferMethod"] != "erc7710"
        })
    }
}

/// The JSON in a base64 header: quotes and receipts.
pub fn decode_header(value: &[u8]) -> Option<Value> {
    serde_json::from_slice(&STANDARD.decode(value).ok()?).ok()
}
