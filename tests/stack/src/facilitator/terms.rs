//! What a payment says, read as leniently as the reference facilitator reads it.

use alloy_primitives::{hex, keccak256, Address, B256, U256};
use serde_json::Value;

use crate::eip3009::{canonical_network, TransferWithAuthorization};

use super::ledger::AuthorizationKey;

/// The body of `/verify` and `/settle`.
#[derive(Clone, Debug)]
pub struct PaymentRequest {
    pub version: u64,
    pub payload: Value,
    pub requirements: Value,
}

impl PaymentRequest {
    pub fn parse(body: &[u8]) -> Result<Self, String> {
        let mut body: Value = serde_json::from_slice(body).map_err(|error| error.to_string())?;
        let version = body["x402Version"].as_u64().unwrap_or_default();
        let payload = body["paymentPayload"].take();
        let requirements = body["paymentRequirements"].take();
        if !payload.is_object() || !requirements.is_object() {
            return Err("paymentPayload and paymentRequirements must be objects".to_owned());
        }
        Ok(Self { version, payload, requirements })
    }

    /// The payer as written in the authorisation, echoed in every answer.
    pub fn payer(&self) -> String {
        text(&self.signed()["from"])
    }

    /// The nonce; of what is neither authorisation nor permit, the hash of the payload, sorted.
    pub fn nonce(&self) -> Option<B256> {
        let nonce = &self.signed()["nonce"];
        if self.is_permit() {
            return Integer::read(nonce).ok()?.fits().map(B256::from);
        }
        if self.payload["payload"]["authorization"].is_object() {
            return text(nonce).parse().ok();
        }
        Some(canonical_hash(&self.payload["payload"]))
    }

    /// Whether a permit was signed, and not an EIP-3009 authorisation.
    pub fn is_permit(&self) -> bool {
        self.payload["payload"]["permit2Authorization"].is_object()
    }

    fn signed(&self) -> &Value {
        &self.payload["payload"][if self.is_permit() { "permit2Authorization" } else { "authorization" }]
    }

    /// Scheme and network, as the requirements name them.
    pub(super) fn kind(&self) -> (String, String) {
        (text(&self.requirements["scheme"]), text(&self.requirements["network"]))
    }

    /// The network as the payload names it: what answers echo.
    pub fn network(&self) -> String {
        if self.version == 1 {
            text(&self.payload["network"])
        } else {
            text(&self.payload["accepted"]["network"])
        }
    }

    pub fn signature(&self) -> String {
        text(&self.payload["payload"]["signature"])
    }
}

/// One authorised transfer, checked and typed.
#[derive(Clone, Debug)]
pub struct Terms {
    /// CAIP-2, whatever version the payment was written in.
    pub network: String,
    pub asset: Address,
    /// The contract that burns the nonce: the token, or Permit2.
    pub burnt_by: Address,
    pub from: Address,
    pub to: Address,
    pub value: U256,
    pub valid_after: U256,
    pub valid_before: U256,
    pub nonce: B256,
    pub signature: Vec<u8>,
}

impl Terms {
    /// `None` for anything that cannot be encoded as the signed struct.
    pub(super) fn read(request: &PaymentRequest, asset: Address, numbers: &Numbers) -> Option<Self> {
        let authorization = &request.payload["payload"]["authorization"];
        Some(Self {
            network: canonical_network(&text(&request.requirements["network"])),
            asset,
            burnt_by: asset,
            from: address(&authorization["from"])?,
            to: address(&authorization["to"])?,
            value: numbers.value.fits()?,
            valid_after: numbers.valid_after.fits()?,
            valid_before: numbers.valid_before.fits()?,
            nonce: request.nonce()?,
            signature: hex::decode(request.signature()).ok()?,
        })
    }

    pub fn key(&self) -> AuthorizationKey {
        AuthorizationKey {
            network: self.network.clone(),
            asset: self.burnt_by,
            payer: self.from,
            nonce: self.nonce,
        }
    }

    pub fn message(&self) -> TransferWithAuthorization {
        TransferWithAuthorization {
            from: self.from,
            to: self.to,
            value: self.value,
            validAfter: self.valid_after,
            validBefore: self.valid_before,
            nonce: self.nonce,
        }
    }
}

/// The three integers of an authorisation.
pub(super) struct Numbers {
    pub(super) value: Integer,
    pub(super) valid_after: Integer,
    pub(super) valid_before: Integer,
}

impl Numbers {
    /// Fails where JavaScript's `BigInt` throws.
    pub(super) fn read(request: &PaymentRequest) -> Result<Self, String> {
        let authorization = &request.payload["payload"]["authorization"];
        Ok(Self {
            value: Integer::read(&authorization["value"])?,
            valid_after: Integer::read(&authorization["validAfter"])?,
            valid_before: Integer::read(&authorization["validBefore"])?,
        })
    }
}

/// An integer as `BigInt` takes it: hex, spaces and JSON numbers included.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Integer {
    Fits(U256),
    /// Negative, or 2^256 and above: an integer, but nothing the ABI can encode.
    Unencodable,
}

impl Integer {
    pub(super) fn read(value: &Value) -> Result<Self, String> {
        let written = match value {
            Value::Number(number) => number.to_string(),
            Value::String(text) => text.trim().to_owned(),
            other => return Err(format!("Cannot convert {other} to a BigInt")),
        };
        let refused = || format!("Cannot convert {} to a BigInt", text(value));
        let (digits, radix) = match written.strip_prefix("0x") {
            Some(digits) => (digits, 16),
            None => (written.strip_prefix('-').unwrap_or(&written), 10),
        };
        if !digits.chars().all(|digit| digit.is_digit(radix)) {
            return Err(refused());
        }
        if written.starts_with('-') {
            return Ok(Self::Unencodable);
        }
        if digits.is_empty() {
            return Ok(Self::Fits(U256::ZERO));
        }
        Ok(U256::from_str_radix(digits, u64::from(radix)).map_or(Self::Unencodable, Self::Fits))
    }

    pub(super) fn fits(self) -> Option<U256> {
        match self {
            Self::Fits(number) => Some(number),
            Self::Unencodable => None,
        }
    }
}

/// What names a JSON value however its members are ordered.
pub(super) fn canonical_hash(value: &Value) -> B256 {
    keccak256(value.to_string())
}

/// An address in any case; checksums are not checked, as in the reference.
pub(super) fn address(value: &Value) -> Option<Address> {
    let text = value.as_str()?;
    text.starts_with("0x").then(|| text.parse().ok()).flatten()
}

pub(super) fn text(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Null => String::new(),
        other => other.to_string(),
    }
}
