//! What an EVM payer signed: the `payload` of a payment, the same in both versions.

use std::borrow::Cow;
use std::fmt::Write;

use super::json::{leaf, Field, Node, Object, Schema};
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

pub(super) const SIGNED: Schema = Schema(&[
    leaf("signature", "payload.signature"),
    Field { name: "authorization", path: "payload.authorization", schema: Some(&TRANSFER) },
    Field { name: "permit2Authorization", path: "payload.permit2Authorization", schema: Some(&PERMIT) },
]);

const TRANSFER: Schema = Schema(&[
    leaf("from", "payload.authorization.from"),
    leaf("to", "payload.authorization.to"),
    leaf("value", "payload.authorization.value"),
    leaf("validAfter", "payload.authorization.validAfter"),
    leaf("validBefore", "payload.authorization.validBefore"),
    leaf("nonce", "payload.authorization.nonce"),
]);

const PERMIT: Schema = Schema(&[
    leaf("from", "payload.permit2Authorization.from"),
    Field { name: "permitted", path: "payload.permit2Authorization.permitted", schema: Some(&PERMITTED) },
    leaf("spender", "payload.permit2Authorization.spender"),
    leaf("nonce", "payload.permit2Authorization.nonce"),
    leaf("deadline", "payload.permit2Authorization.deadline"),
    Field { name: "witness", path: "payload.permit2Authorization.witness", schema: Some(&WITNESS) },
]);

const PERMITTED: Schema = Schema(&[
    leaf("token", "payload.permit2Authorization.permitted.token"),
    leaf("amount", "payload.permit2Authorization.permitted.amount"),
]);

const WITNESS: Schema = Schema(&[
    leaf("to", "payload.permit2Authorization.witness.to"),
    leaf("facilitator", "payload.permit2Authorization.witness.facilitator"),
    leaf("validAfter", "payload.permit2Authorization.witness.validAfter"),
]);

// === impl Signed ===

impl Signed {
    pub(super) fn read(mut object: Object<'_>) -> Result<Self, Malformed> {
        let signature = Presented::parse(&object.text("signature")?.0);
        // The reference facilitator settles a payload that has both as Permit2, whatever
        // the EIP-3009 half says.
        let authorization = match (object.take("authorization"), object.take("permit2Authorization")) {
            ((Node::Object(transfer), _), (Node::Absent, _)) => {
                Authorization::Transfer(read_transfer(transfer)?)
            }
            ((Node::Absent, _), (Node::Object(permit), _)) => Authorization::Permit(read_permit(permit)?),
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

fn read_transfer(mut object: Object<'_>) -> Result<eip3009::Authorization, Malformed> {
    Ok(eip3009::Authorization {
        from: address(object.text("from")?)?,
        to: address(object.text("to")?)?,
        value: amount(object.text("value")?)?,
        valid_after: amount(object.text("validAfter")?)?,
        valid_before: amount(object.text("validBefore")?)?,
        nonce: bytes32(object.text("nonce")?)?,
    })
}

fn read_permit(mut object: Object<'_>) -> Result<Permit, Malformed> {
    let mut permitted = object.object("permitted")?;
    let mut witness = object.object("witness")?;
    let facilitator = match witness.take("facilitator") {
        (Node::Absent, _) => None,
        (Node::Text(text), path) => Some(address((text, path))?),
        (_, path) => return Err(Malformed::Shape(path)),
    };
    Ok(Permit {
        from: address(object.text("from")?)?,
        token: address(permitted.text("token")?)?,
        amount: amount(permitted.text("amount")?)?,
        spender: address(object.text("spender")?)?,
        nonce: amount(object.text("nonce")?)?,
        deadline: amount(object.text("deadline")?)?,
        witness: Witness {
            to: address(witness.text("to")?)?,
            facilitator,
            valid_after: amount(witness.text("validAfter")?)?,
        },
    })
}

type Located<'a> = (Cow<'a, str>, &'static str);

pub(super) fn amount((text, path): Located<'_>) -> Result<Amount, Malformed> {
    Amount::parse(&text).ok_or(Malformed::Amount(path))
}

pub(super) fn address((text, path): Located<'_>) -> Result<Address, Malformed> {
    Address::parse(&text).map_err(|_| Malformed::Address(path))
}

fn bytes32((text, path): Located<'_>) -> Result<[u8; 32], Malformed> {
    let mut bytes = [0u8; 32];
    let digits = text.strip_prefix("0x").ok_or(Malformed::Bytes32(path))?;
    unhex(digits, &mut bytes).then_some(bytes).ok_or(Malformed::Bytes32(path))
}
