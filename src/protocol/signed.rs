//! What an EVM payer signed: the `payload` of a payment, the same in both versions.

use std::fmt::Write;

use super::json::{Located, Node, Object};
use super::payload::at;
use super::Malformed;
use crate::digits::{hex, unhex};
use crate::evm::address::Address;
use crate::evm::authorization::Authorization;
use crate::evm::eip3009;
use crate::evm::permit2::{Permit, Witness};
use crate::evm::signature::{Presented, SignatureError};
use crate::money::Amount;

/// An authorisation with its signature, read but not yet believed.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Signed {
    /// The transfer it authorises.
    pub authorization: Authorization,
    /// Its signature; a bad form is judged with the signature, not as a bad payload.
    pub signature: Result<Presented, SignatureError>,
}

// === impl Signed ===

impl Signed {
    /// Reads a payment's `payload`.
    pub(super) fn read(payment: &Object<'_>) -> Result<Self, Malformed> {
        payment.object(const { at("payload") })?;
        let signature = Presented::parse(payment.text(const { at("payload.signature") })?.0);
        let transfer = payment.at(const { at("payload.authorization") });
        // The reference facilitator settles a payload that has both as Permit2, whatever
        // the EIP-3009 half says.
        let authorization = match (transfer, payment.at(const { at("payload.permit2Authorization") })) {
            ((Node::Object, _), (Node::Absent, _)) => Authorization::Transfer(read_transfer(payment)?),
            ((Node::Absent, _), (Node::Object, _)) => Authorization::Permit(read_permit(payment)?),
            ((_, path), (Node::Absent, _)) | (_, (_, path)) => return Err(Malformed::Shape(path)),
        };
        Ok(Self { authorization, signature })
    }

    /// The `payload` object, written from what was read.
    pub fn push(&self, json: &mut String) {
        // Writing into a String cannot fail.
        match &self.authorization {
            Authorization::Transfer(transfer) => {
                let _ = write!(
                    json,
                    r#"{{"authorization":{{"from":"{}","to":"{}","value":"{}","validAfter":"{}","validBefore":"{}","nonce":"0x{}"}},"signature":""#,
                    transfer.from,
                    transfer.to,
                    transfer.value,
                    transfer.valid_after,
                    transfer.valid_before,
                    hex(&transfer.nonce),
                );
                self.push_signature(json);
                json.push_str("\"}");
            }
            Authorization::Permit(permit) => {
                json.push_str(r#"{"signature":""#);
                self.push_signature(json);
                let _ = write!(
                    json,
                    r#"","permit2Authorization":{{"from":"{}","permitted":{{"token":"{}","amount":"{}"}},"spender":"{}","nonce":"{}","deadline":"{}","witness":{{"to":"{}","#,
                    permit.from,
                    permit.token,
                    permit.amount,
                    permit.spender,
                    permit.nonce,
                    permit.deadline,
                    permit.witness.to,
                );
                if let Some(facilitator) = permit.witness.facilitator {
                    let _ = write!(json, r#""facilitator":"{facilitator}","#);
                }
                let _ = write!(json, r#""validAfter":"{}"}}}}}}"#, permit.witness.valid_after);
            }
        }
    }

    fn push_signature(&self, json: &mut String) {
        if let Ok(signature) = &self.signature {
            signature.push(json);
        }
    }
}

fn read_transfer(payment: &Object<'_>) -> Result<eip3009::Authorization, Malformed> {
    Ok(eip3009::Authorization {
        from: address(payment.text(const { at("payload.authorization.from") })?)?,
        to: address(payment.text(const { at("payload.authorization.to") })?)?,
        value: amount(payment.text(const { at("payload.authorization.value") })?)?,
        valid_after: amount(payment.text(const { at("payload.authorization.validAfter") })?)?,
        valid_before: amount(payment.text(const { at("payload.authorization.validBefore") })?)?,
        nonce: bytes32(payment.text(const { at("payload.authorization.nonce") })?)?,
    })
}

fn read_permit(payment: &Object<'_>) -> Result<Permit, Malformed> {
    payment.object(const { at("payload.permit2Authorization.permitted") })?;
    payment.object(const { at("payload.permit2Authorization.witness") })?;
    let facilitator = match payment.at(const { at("payload.permit2Authorization.witness.facilitator") }) {
        (Node::Absent, _) => None,
        (Node::Text(text), path) => Some(address((text, path))?),
        (_, path) => return Err(Malformed::Shape(path)),
    };
    Ok(Permit {
        from: address(payment.text(const { at("payload.permit2Authorization.from") })?)?,
        token: address(payment.text(const { at("payload.permit2Authorization.permitted.token") })?)?,
        amount: amount(payment.text(const { at("payload.permit2Authorization.permitted.amount") })?)?,
        spender: address(payment.text(const { at("payload.permit2Authorization.spender") })?)?,
        nonce: amount(payment.text(const { at("payload.permit2Authorization.nonce") })?)?,
        deadline: amount(payment.text(const { at("payload.permit2Authorization.deadline") })?)?,
        witness: Witness {
            to: address(payment.text(const { at("payload.permit2Authorization.witness.to") })?)?,
            facilitator,
            valid_after: amount(
                payment.text(const { at("payload.permit2Authorization.witness.validAfter") })?,
            )?,
        },
    })
}

pub(super) fn amount((text, path): Located<'_>) -> Result<Amount, Malformed> {
    Amount::parse(text).ok_or(Malformed::Amount(path))
}

pub(super) fn address((text, path): Located<'_>) -> Result<Address, Malformed> {
    Address::parse(text).map_err(|_| Malformed::Address(path))
}

fn bytes32((text, path): Located<'_>) -> Result<[u8; 32], Malformed> {
    let mut bytes = [0u8; 32];
    let digits = text.strip_prefix("0x").ok_or(Malformed::Bytes32(path))?;
    unhex(digits, &mut bytes).then_some(bytes).ok_or(Malformed::Bytes32(path))
}
