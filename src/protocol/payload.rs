//! A payment as its client sent it, in either version and in either header.

use super::json::{self, leaf, Field, Schema};
use super::other::Other;
use super::signed::{Signed, SIGNED};
use super::v2::{Accepted, ACCEPTED};
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

const PAYLOAD: Schema = Schema(&[
    leaf("x402Version", "x402Version"),
    leaf("scheme", "scheme"),
    leaf("network", "network"),
    Field { name: "accepted", path: "accepted", schema: Some(&ACCEPTED) },
    Field { name: "payload", path: "payload", schema: Some(&SIGNED) },
    leaf("extensions", "extensions"),
]);

// === impl PaymentPayload ===

impl PaymentPayload {
    /// Reads the JSON of a payment header.
    ///
    /// # Errors
    /// [`Malformed`]. A stated version other than 1 and 2 is reported before anything that
    /// version may spell differently.
    pub fn parse(json: &[u8]) -> Result<Self, Malformed> {
        let text = std::str::from_utf8(json).map_err(|_| Malformed::NotJson)?;
        let mut root = json::read(text, &PAYLOAD)?;
        match root.number("x402Version")? {
            1 => {
                let (scheme, network) = (root.text("scheme")?.0, root.text("network")?.0);
                if scheme != "exact" || assets::chain_of(&network).is_none() {
                    return Other::read(text, Version::V1).map(Self::Other);
                }
                let signed = Box::new(Signed::read(root.object("payload")?)?);
                Ok(Self::V1 { network: network.into_owned(), signed })
            }
            2 => {
                let mut accepted = root.object("accepted")?;
                let (scheme, network) = (accepted.text("scheme")?.0, accepted.text("network")?.0);
                match (Accepted::scheme(&scheme), network.starts_with("eip155:")) {
                    (Some(scheme), true) => {
                        let accepted = Accepted::read(scheme, network.into_owned(), accepted)?;
                        let signed = Box::new(Signed::read(root.object("payload")?)?);
                        Ok(Self::V2 { accepted, signed })
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
