//! x402 version 2 over HTTP: `PAYMENT-REQUIRED`, `PAYMENT-SIGNATURE`, `PAYMENT-RESPONSE`.
//!
//! An `accepted` matches one of our accepts if
//! 1. its scheme is `exact`;
//! 2. network, asset, payee, amount and `maxTimeoutSeconds` are ours. Addresses compare as
//!    addresses: TypeScript and Python write checksums, Rust lower case;
//! 3. every key of our `extra` is there with our value;
//! 4. the keys of `extra` that say how money moves (`paymentFlow`, `assetTransferMethod`)
//!    are ours or absent. Any other key may be added, at every level, because clients echo
//!    quotes whole.
//!
//! `resource` binds nothing (no signature covers it, and no reference server compares it),
//! so it is not read. (x402-specification-v2, 5; scheme_exact_evm, EIP-3009.)

mod body;
mod challenge;
mod receipt;

pub use body::settle_body;
pub use challenge::{requirements, resource, signed_requirements, Challenge};
pub use receipt::Receipt;

use std::borrow::Cow;

use super::json::{self, leaf, Field, Object, Schema};
use super::Malformed;
use crate::config::{Accept, Offer, Settle};
use crate::evm::address::Address;
use crate::evm::eip3009::Authorization;
use crate::evm::signature::{Signature, SignatureError};
use crate::money::Amount;

/// The version this module speaks.
pub const VERSION: u64 = 2;

/// A client's payment, read but not yet believed.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct PaymentPayload {
    /// The quote the client says it pays.
    pub accepted: Accepted,
    /// The transfer it authorises.
    pub authorization: Authorization,
    /// Its signature; a bad form is judged with the signature, not as a bad payload.
    pub signature: Result<Signature, SignatureError>,
}

/// The quote a client echoes.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Accepted {
    /// How it pays.
    pub scheme: Scheme,
    /// CAIP-2.
    pub network: String,
    /// Base units.
    pub amount: Amount,
    /// The token contract.
    pub asset: Address,
    /// Who is paid.
    pub pay_to: Address,
    /// The quote's lifetime, in seconds.
    pub max_timeout_seconds: u64,
    /// The scheme's parameters, if there are any.
    pub extra: Option<Extra>,
}

/// Payment schemes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Scheme {
    /// `exact`: the signed amount is the price.
    Exact,
    /// One this filter does not offer.
    Other,
}

/// What is read of `accepted.extra`.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Extra {
    /// EIP-712 domain name of the token.
    pub name: Option<String>,
    /// EIP-712 domain version of the token.
    pub version: Option<String>,
    /// `upfront`, or absent when the upstream comes first.
    pub payment_flow: Option<String>,
    /// `eip3009` or absent for the only method offered here.
    pub asset_transfer_method: Option<String>,
}

const UPFRONT: &str = "upfront";
const EIP3009: &str = "eip3009";

const PAYLOAD: Schema = Schema(&[
    leaf("x402Version", "x402Version"),
    Field { name: "accepted", path: "accepted", schema: Some(&ACCEPTED) },
    Field { name: "payload", path: "payload", schema: Some(&SIGNED) },
]);

const ACCEPTED: Schema = Schema(&[
    leaf("scheme", "accepted.scheme"),
    leaf("network", "accepted.network"),
    leaf("amount", "accepted.amount"),
    leaf("asset", "accepted.asset"),
    leaf("payTo", "accepted.payTo"),
    leaf("maxTimeoutSeconds", "accepted.maxTimeoutSeconds"),
    Field { name: "extra", path: "accepted.extra", schema: Some(&EXTRA) },
]);

const EXTRA: Schema = Schema(&[
    leaf("name", "accepted.extra.name"),
    leaf("version", "accepted.extra.version"),
    leaf("paymentFlow", "accepted.extra.paymentFlow"),
    leaf("assetTransferMethod", "accepted.extra.assetTransferMethod"),
]);

const SIGNED: Schema = Schema(&[
    leaf("signature", "payload.signature"),
    Field { name: "authorization", path: "payload.authorization", schema: Some(&AUTHORIZATION) },
    leaf("permit2Authorization", "payload.permit2Authorization"),
]);

const AUTHORIZATION: Schema = Schema(&[
    leaf("from", "payload.authorization.from"),
    leaf("to", "payload.authorization.to"),
    leaf("value", "payload.authorization.value"),
    leaf("validAfter", "payload.authorization.validAfter"),
    leaf("validBefore", "payload.authorization.validBefore"),
    leaf("nonce", "payload.authorization.nonce"),
]);

/// Whether what the client says it pays is this accept of this offer; the module's list.
pub fn matches(accepted: &Accepted, accept: &Accept, offer: &Offer) -> bool {
    accepted.scheme == Scheme::Exact
        && accepted.network == accept.asset.network
        && accepted.asset == accept.asset.address
        && accepted.pay_to == accept.pay_to
        && accepted.amount == accept.amount
        && accepted.max_timeout_seconds == u64::from(offer.max_timeout_seconds)
        && accepted.extra.as_ref().is_some_and(|extra| extra.matches(accept, offer.settle))
}

// === impl PaymentPayload ===

impl PaymentPayload {
    /// Reads the JSON of a `PAYMENT-SIGNATURE` header.
    ///
    /// # Errors
    /// [`Malformed`]. A stated version other than 2 is reported before anything that
    /// version may spell differently.
    pub fn parse(json: &[u8]) -> Result<Self, Malformed> {
        let text = std::str::from_utf8(json).map_err(|_| Malformed::NotJson)?;
        let mut root = json::read(text, &PAYLOAD)?;
        let version = root.number("x402Version")?;
        if version != VERSION {
            return Err(Malformed::Version(version));
        }
        let accepted = Accepted::read(root.object("accepted")?)?;
        let mut signed = root.object("payload")?;
        // The reference facilitator settles a payload that has both as Permit2, whatever
        // the EIP-3009 half says.
        if !matches!(signed.take("permit2Authorization"), (json::Node::Absent, _)) {
            return Err(Malformed::Shape("payload.permit2Authorization"));
        }
        Ok(Self {
            accepted,
            signature: Signature::parse(&signed.text("signature")?.0),
            authorization: authorization(signed.object("authorization")?)?,
        })
    }
}

fn authorization(mut object: Object<'_>) -> Result<Authorization, Malformed> {
    Ok(Authorization {
        from: address(object.text("from")?)?,
        to: address(object.text("to")?)?,
        value: amount(object.text("value")?)?,
        valid_after: amount(object.text("validAfter")?)?,
        valid_before: amount(object.text("validBefore")?)?,
        nonce: bytes32(object.text("nonce")?)?,
    })
}

// === impl Accepted ===

impl Accepted {
    fn read(mut object: Object<'_>) -> Result<Self, Malformed> {
        let extra = match object.take("extra") {
            (json::Node::Object(extra), _) => Some(Extra::read(extra)?),
            (json::Node::Absent | json::Node::Null, _) => None,
            (_, path) => return Err(Malformed::Shape(path)),
        };
        Ok(Self {
            scheme: match &*object.text("scheme")?.0 {
                "exact" => Scheme::Exact,
                _ => Scheme::Other,
            },
            network: object.text("network")?.0.into_owned(),
            amount: amount(object.text("amount")?)?,
            asset: address(object.text("asset")?)?,
            pay_to: address(object.text("payTo")?)?,
            max_timeout_seconds: object.number("maxTimeoutSeconds")?,
            extra,
        })
    }
}

// === impl Extra ===

impl Extra {
    fn read(mut object: Object<'_>) -> Result<Self, Malformed> {
        Ok(Self {
            name: object.optional_text("name")?,
            version: object.optional_text("version")?,
            payment_flow: object.optional_text("paymentFlow")?,
            asset_transfer_method: object.optional_text("assetTransferMethod")?,
        })
    }

    fn matches(&self, accept: &Accept, settle: Settle) -> bool {
        let flow = match settle {
            Settle::Before => Some(UPFRONT),
            Settle::After => None,
        };
        self.name.as_deref() == Some(&accept.asset.name)
            && self.version.as_deref() == Some(&accept.asset.version)
            && self.payment_flow.as_deref() == flow
            && matches!(self.asset_transfer_method.as_deref(), None | Some(EIP3009))
    }
}

type Located<'a> = (Cow<'a, str>, &'static str);

fn amount((text, path): Located<'_>) -> Result<Amount, Malformed> {
    Amount::parse(&text).ok_or(Malformed::Amount(path))
}

fn address((text, path): Located<'_>) -> Result<Address, Malformed> {
    Address::parse(&text).map_err(|_| Malformed::Address(path))
}

fn bytes32((text, path): Located<'_>) -> Result<[u8; 32], Malformed> {
    let mut bytes = [0u8; 32];
    let digits = text.strip_prefix("0x").ok_or(Malformed::Bytes32(path))?;
    hex::decode_to_slice(digits, &mut bytes).map_err(|_| Malformed::Bytes32(path))?;
    Ok(bytes)
}

#[cfg(test)]
pub(crate) mod tests;
