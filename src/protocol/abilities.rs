//! What a facilitator can do, as far as a quote depends on it.

use super::Version;
use crate::config::Facilitator;
use crate::evm::address::Address;

/// Whether a facilitator settles a kind of payment.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Ability {
    /// Nobody has told yet: not the same as no.
    Unknown,
    /// No.
    No,
    /// Yes; its `extra` for quotes, as one canonical JSON object.
    Yes(String),
}

/// What is known of facilitators; from their `/supported`.
pub trait Abilities {
    /// Whether `facilitator` settles a scheme of a version on a network, which is spelled as
    /// that version spells it.
    fn settles(&self, facilitator: &Facilitator, version: Version, scheme: &str, network: &str) -> Ability;

    /// The address to name in an `upto` quote on a network (CAIP-2).
    fn submitter(&self, facilitator: &Facilitator, network: &str) -> Option<Address>;

    /// Whether a quote that named this address is still honoured.
    fn submits(&self, facilitator: &Facilitator, network: &str, address: &Address) -> bool;

    /// Whether `facilitator` lists an extension.
    fn extends(&self, facilitator: &Facilitator, extension: &str) -> bool;
}

/// Of facilitators nobody has asked.
#[derive(Clone, Copy, Debug)]
pub struct Unasked;

impl Abilities for Unasked {
    fn settles(&self, _: &Facilitator, _: Version, _: &str, _: &str) -> Ability {
        Ability::Unknown
    }

    fn submitter(&self, _: &Facilitator, _: &str) -> Option<Address> {
        None
    }

    fn submits(&self, _: &Facilitator, _: &str, _: &Address) -> bool {
        false
    }

    fn extends(&self, _: &Facilitator, _: &str) -> bool {
        false
    }
}
