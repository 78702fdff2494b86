//! The quote a version 2 client echoes, against the quote that was made.
//!
//! An `accepted` matches one of our terms if
//! 1. its scheme, network, asset, payee, amount and `maxTimeoutSeconds` are ours. Addresses
//!    compare as addresses: TypeScript and Python write checksums, Rust lower case;
//! 2. every key of our `extra` is there with our value;
//! 3. the keys of `extra` that say how money moves (`paymentFlow`, `assetTransferMethod`)
//!    are ours or absent. Any other key may be added, at every level, because clients echo
//!    quotes whole.
//!
//! `resource` binds nothing (no signature covers it, and no reference server compares it),
//! so it is not read. (x402-specification-v2, 5; scheme_exact_evm; scheme_upto_evm.)

use super::json::{Node, Object};
use super::payload::at;
use super::signed::{address, amount};
use super::terms::{Terms, PERMIT2, UPFRONT};
use super::Malformed;
use crate::config::Means;
use crate::evm::address::Address;
use crate::money::Amount;

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

/// Schemes whose signatures are verified here.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Scheme {
    /// `exact`: the signed amount is the price.
    Exact,
    /// `upto`: the signed amount is the most that may be charged.
    Upto,
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
    /// `permit2`; `eip3009` or absent for the token's own.
    pub asset_transfer_method: Option<String>,
    /// Who submits an `upto` payment.
    pub facilitator_address: Option<String>,
}

const EIP3009: &str = "eip3009";

// === impl Accepted ===

impl Accepted {
    /// Whether what the client says it pays is this; the module's list.
    pub fn matches(&self, terms: &Terms) -> bool {
        self.scheme.name() == terms.means.scheme()
            && self.network == terms.asset.network
            && self.asset == terms.asset.address
            && self.pay_to == terms.pay_to
            && self.amount == terms.amount
            && self.max_timeout_seconds == terms.max_timeout_seconds
            && self.extra.as_ref().is_some_and(|extra| extra.matches(terms))
    }

    /// The scheme of a name, if signatures of its payments are verified here.
    pub(super) fn scheme(name: &str) -> Option<Scheme> {
        [Scheme::Exact, Scheme::Upto].into_iter().find(|scheme| scheme.name() == name)
    }

    /// Reads what is left after scheme and network.
    pub(super) fn read(scheme: Scheme, network: &str, payment: &Object<'_>) -> Result<Self, Malformed> {
        let extra = match payment.at(const { at("accepted.extra") }) {
            (Node::Object, _) => Some(Extra::read(payment)?),
            (Node::Absent | Node::Null, _) => None,
            (_, path) => return Err(Malformed::Shape(path)),
        };
        Ok(Self {
            scheme,
            network: network.to_owned(),
            amount: amount(payment.text(const { at("accepted.amount") })?)?,
            asset: address(payment.text(const { at("accepted.asset") })?)?,
            pay_to: address(payment.text(const { at("accepted.payTo") })?)?,
            max_timeout_seconds: payment.number(const { at("accepted.maxTimeoutSeconds") })?,
            extra,
        })
    }

    /// Whether the quote it echoes was of a payment that moves first.
    pub fn is_upfront(&self) -> bool {
        self.extra.as_ref().is_some_and(|extra| extra.payment_flow.as_deref() == Some(UPFRONT))
    }
}

// === impl Scheme ===

impl Scheme {
    fn name(self) -> &'static str {
        match self {
            Self::Exact => "exact",
            Self::Upto => "upto",
        }
    }
}

// === impl Extra ===

impl Extra {
    fn read(payment: &Object<'_>) -> Result<Self, Malformed> {
        Ok(Self {
            name: payment.optional_text(const { at("accepted.extra.name") })?,
            version: payment.optional_text(const { at("accepted.extra.version") })?,
            payment_flow: payment.optional_text(const { at("accepted.extra.paymentFlow") })?,
            asset_transfer_method: payment
                .optional_text(const { at("accepted.extra.assetTransferMethod") })?,
            facilitator_address: payment.optional_text(const { at("accepted.extra.facilitatorAddress") })?,
        })
    }

    fn matches(&self, terms: &Terms) -> bool {
        let method = self.asset_transfer_method.as_deref();
        let method = match terms.means {
            Means::Eip3009 => matches!(method, None | Some(EIP3009)),
            Means::Permit2 | Means::Upto => method == Some(PERMIT2),
        };
        let named = |text: &str| Address::parse(text).ok();
        let submitter = self.facilitator_address.as_deref().map(named);
        self.name.as_deref() == Some(&terms.asset.name)
            && self.version.as_deref() == Some(&terms.asset.version)
            && self.payment_flow.as_deref() == terms.upfront.then_some(UPFRONT)
            && method
            && terms.facilitator.is_none_or(|ours| submitter == Some(Some(ours)))
    }
}
