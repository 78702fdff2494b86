//! A signed payment. What is changed here is not covered by the signature.

use alloy_primitives::{hex, Address, B256, U256};
use serde_json::{json, Value};

use super::style::{write_json, Style};

/// A payment as JSON, before it becomes a header.
#[derive(Clone, Debug)]
pub struct Payment {
    pub version: u64,
    pub json: Value,
    /// The requirement it meets: what a server sends to a facilitator beside it.
    pub requirements: Value,
    pub nonce: B256,
    pub payer: Address,
}

/// The same or nearly the same signature, in other bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SignatureForm {
    /// `s` above half the order: recovers to the same payer, and the token refuses it.
    HighS,
    /// `v` as 0 or 1.
    ZeroOneV,
    /// 64 bytes, the parity in the top bit of `s` (EIP-2098).
    Compact,
    /// The other parity: recovers to a stranger.
    FlippedV,
    /// One byte too many.
    Long,
    /// `r` and `s` of zero.
    Zero,
}

impl Payment {
    /// The request header that carries it.
    pub fn header_name(&self) -> &'static str {
        if self.version == 1 {
            "X-PAYMENT"
        } else {
            "PAYMENT-SIGNATURE"
        }
    }

    /// The header as the TypeScript client writes it.
    pub fn header(&self) -> String {
        self.styled(&Style::default())
    }

    pub fn styled(&self, style: &Style) -> String {
        style.encode(&self.text(style))
    }

    /// The JSON text in a style.
    pub fn text(&self, style: &Style) -> String {
        write_json(&style.cased(&self.json), style.order)
    }

    /// Changes what a JSON pointer names, or adds a last member; the signature stays.
    ///
    /// # Panics
    /// When the parent does not exist: a misspelt test.
    pub fn tamper(mut self, pointer: &str, value: Value) -> Self {
        if let Some(place) = self.json.pointer_mut(pointer) {
            *place = value;
            return self;
        }
        let (parent, name) = pointer.rsplit_once('/').expect("a JSON pointer");
        match self.json.pointer_mut(parent) {
            Some(Value::Object(fields)) => fields.insert(name.to_owned(), value),
            _ => panic!("{pointer} does not name a place in the payment"),
        };
        self
    }

    /// Removes what a JSON pointer names.
    pub fn without(mut self, pointer: &str) -> Self {
        if let Some((parent, name)) = pointer.rsplit_once('/') {
            if let Some(Value::Object(fields)) = self.json.pointer_mut(parent) {
                fields.remove(name);
            }
        }
        self
    }

    pub fn signature(&self) -> Vec<u8> {
        self.json["payload"]["signature"].as_str().and_then(|text| hex::decode(text).ok()).unwrap_or_default()
    }

    pub fn with_signature(mut self, bytes: &[u8]) -> Self {
        self.json["payload"]["signature"] = json!(hex::encode_prefixed(bytes));
        self
    }

    /// Rewrites the signature.
    pub fn sign_as(self, form: SignatureForm) -> Self {
        let mut bytes = self.signature();
        if bytes.len() != 65 {
            return self;
        }
        let odd = bytes[64] == 28 || bytes[64] == 1;
        match form {
            SignatureForm::HighS => {
                let s = ORDER - U256::from_be_slice(&bytes[32..64]);
                bytes[32..64].copy_from_slice(&s.to_be_bytes::<32>());
                bytes[64] = 27 + u8::from(!odd);
            }
            SignatureForm::ZeroOneV => bytes[64] = u8::from(odd),
            SignatureForm::Compact => {
                bytes[32] |= u8::from(odd) << 7;
                bytes.truncate(64);
            }
            SignatureForm::FlippedV => bytes[64] = 27 + u8::from(!odd),
            SignatureForm::Long => bytes.push(0),
            SignatureForm::Zero => bytes[..64].fill(0),
        }
        self.with_signature(&bytes)
    }

    /// The body a server sends to `/verify` and `/settle`.
    pub fn facilitator_body(&self) -> Value {
        json!({
            "x402Version": self.version,
            "paymentPayload": self.json,
            "paymentRequirements": self.requirements,
        })
    }
}

/// The order of secp256k1.
const ORDER: U256 = U256::from_limbs([
    0xBFD2_5E8C_D036_4141,
    0xBAAE_DCE6_AF48_A03B,
    0xFFFF_FFFF_FFFF_FFFE,
    0xFFFF_FFFF_FFFF_FFFF,
]);
