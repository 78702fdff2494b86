//! A payment as its client sent it, in either version and in either header.

use super::json::{self, place, schema, Field, Node, Object};
use super::other::Other;
use super::signed::Signed;
use super::v2::Accepted;
use super::{Malformed, Version};
use crate::money::assets;

/// A client's payment, read but not yet believed.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum PaymentPayload {
    /// Version 2, of a scheme whose signatures are verified here.
    V2 {
        /// The quote the client says it pays.
        accepted: Accepted,
        /// What it signed.
        signed: Box<Signed>,
    },
    /// Version 1 of the same.
    V1 {
        /// The network by name; v1 states nothing else of the quote.
        network: String,
        /// What it signed.
        signed: Box<Signed>,
    },
    /// Of a scheme or network that only the facilitator understands.
    Other(Other),
}

/// All that is read of a payment.
const PAYMENT: [Field; 38] = schema([
    "x402Version",
    "scheme",
    "network",
    "accepted",
    "accepted.scheme",
    "accepted.network",
    "accepted.amount",
    "accepted.asset",
    "accepted.payTo",
    "accepted.maxTimeoutSeconds",
    "accepted.extra",
    "accepted.extra.name",
    "accepted.extra.version",
    "accepted.extra.paymentFlow",
    "accepted.extra.assetTransferMethod",
    "accepted.extra.facilitatorAddress",
    "payload",
    "payload.signature",
    "payload.authorization",
    "payload.authorization.from",
    "payload.authorization.to",
    "payload.authorization.value",
    "payload.authorization.validAfter",
    "payload.authorization.validBefore",
    "payload.authorization.nonce",
    "payload.permit2Authorization",
    "payload.permit2Authorization.from",
    "payload.permit2Authorization.permitted",
    "payload.permit2Authorization.permitted.token",
    "payload.permit2Authorization.permitted.amount",
    "payload.permit2Authorization.spender",
    "payload.permit2Authorization.nonce",
    "payload.permit2Authorization.deadline",
    "payload.permit2Authorization.witness",
    "payload.permit2Authorization.witness.to",
    "payload.permit2Authorization.witness.facilitator",
    "payload.permit2Authorization.witness.validAfter",
    "extensions",
]);

/// The place of a field of a payment, by its path.
pub(super) const fn at(path: &str) -> usize {
    place(&PAYMENT, path)
}

// === impl PaymentPayload ===

impl PaymentPayload {
    /// Reads the JSON of a payment header.
    ///
    /// # Errors
    /// [`Malformed`]. A stated version other than 1 and 2 is reported before anything that
    /// version may spell differently.
    pub fn parse(json: &[u8]) -> Result<Self, Malformed> {
        Self::read(json).map(|(payload, _)| payload)
    }

    /// The same, with its text where it says `extensions`, to be read along what was declared.
    ///
    /// # Errors
    /// The same.
    pub fn read(json: &[u8]) -> Result<(Self, Option<&str>), Malformed> {
        let text = std::str::from_utf8(json).map_err(|_| Malformed::NotJson)?;
        let payment = json::read(text, const { &PAYMENT })?;
        let says = !matches!(payment.at(const { at("extensions") }).0, Node::Absent | Node::Null);
        Ok((Self::of(text, &payment)?, says.then_some(text)))
    }

    fn of(text: &str, payment: &Object<'_>) -> Result<Self, Malformed> {
        match payment.number(const { at("x402Version") })? {
            1 => {
                let scheme = payment.text(const { at("scheme") })?.0;
                let network = payment.text(const { at("network") })?.0;
                if scheme != "exact" || assets::chain_of(network).is_none() {
                    return Other::read(text, Version::V1).map(Self::Other);
                }
                let network = network.to_owned();
                Ok(Self::V1 { network, signed: Box::new(Signed::read(payment)?) })
            }
            2 => {
                payment.object(const { at("accepted") })?;
                let scheme = payment.text(const { at("accepted.scheme") })?.0;
                let network = payment.text(const { at("accepted.network") })?.0;
                match (Accepted::scheme(scheme), network.starts_with("eip155:")) {
                    (Some(scheme), true) => {
                        let accepted = Accepted::read(scheme, network, payment)?;
                        Ok(Self::V2 { accepted, signed: Box::new(Signed::read(payment)?) })
                    }
                    _ => Other::read(text, Version::V2).map(Self::Other),
                }
            }
            version => Err(Malformed::Version(version)),
        }
    }

    /// The version it is written in.
    pub fn version(&self) -> Version {
        match self {
            Self::V1 { .. } => Version::V1,
            Self::V2 { .. } => Version::V2,
            Self::Other(other) => other.version,
        }
    }
}
