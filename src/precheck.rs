//! payment x offer x now.
//!
//! A payload becomes a [`Payment`] if
//! 1. it names an asset some offer takes, by network and address ([`find_asset`]);
//! 2. its signature has the one accepted form and recovers, under that asset's domain, to
//!    the authorisation's `from` ([`Payment::verify`]).
//!
//! That much says who pays and which authorisation the chain would burn, whatever is being
//! sold today, so an existing claim can be looked up and decide alone. A payment without a
//! claim may open one ([`precheck`]) if
//! 3. what it says it pays is one of the offer's accepts, in the asset it was verified for;
//! 4. `to` is that accept's payee;
//! 5. `validBefore` leaves at least the caller's margin: time enough for the money to move;
//! 6. `validBefore` is not beyond the quote's lifetime and [`SKEW_SECONDS`], which bounds
//!    how long a claim must be remembered;
//! 7. `validAfter` has come. With 5, this refuses every window that is empty or reversed;
//! 8. `value` is the price, exactly.
//!
//! Whoever passes has not paid: balance, nonce and a blocked or delegated (EIP-7702) account
//! are visible only to the chain. Conversely a smart wallet's signature never recovers to
//! its address, and is refused here by policy, not as proven false.

use std::sync::Arc;

use crate::config::{Accept, Asset, Offer};
use crate::evm::address::Address;
use crate::evm::recover::recover;
use crate::evm::signature::SignatureError;
use crate::money::Amount;
use crate::protocol::v2::{self, Accepted, PaymentPayload};

/// How far a payer's clock may run ahead, in seconds. Clients sign `now +
/// maxTimeoutSeconds` by their own clock.
pub const SKEW_SECONDS: u64 = 120;

/// A payload whose signature is its payer's. Only [`Payment::verify`] makes one.
#[derive(Clone, Debug)]
pub struct Payment {
    payload: PaymentPayload,
    asset: Arc<Asset>,
}

/// Why a payload is not its payer's.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum Forged {
    /// The signature's form is not the one accepted.
    #[error(transparent)]
    Form(#[from] SignatureError),
    /// It is no signature of the payer's: another's, over something else, or nobody's.
    #[error("the signature is not the payer's")]
    Signer,
}

/// Why a payment does not buy an offer.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum Mismatch {
    /// None of the offer's accepts is what the client says it pays.
    #[error("the payment matches none of the offer's terms")]
    NoMatch,
    /// `to` is not the payee.
    #[error("the payment goes to somebody else")]
    Recipient,
    /// `validBefore` has passed, or comes too soon to settle in time.
    #[error("the payment expires too soon to be settled")]
    Expired,
    /// `validBefore` is further away than any quote allows.
    #[error("the payment is valid for longer than was quoted")]
    TooLong,
    /// `validAfter` has not come.
    #[error("the payment is not valid yet")]
    NotYet,
    /// `value` is not the price.
    #[error("the payment's value is not the price")]
    Value,
}

/// The asset a payload says it pays in, with the domain its signature is checked under.
/// `None` when no offer takes it (answered as [`Mismatch::NoMatch`]).
pub fn find_asset<'a>(assets: &'a [Arc<Asset>], accepted: &Accepted) -> Option<&'a Arc<Asset>> {
    assets.iter().find(|asset| is_in(accepted, asset))
}

/// Whether a verified payment buys `offer` at `now_unix` (seconds): the module's rules 3 to
/// 8, in this order. Returns the accept it pays.
///
/// `margin_seconds` is the validity that must be left; see [`Offer::margin_seconds`].
///
/// # Errors
/// The first [`Mismatch`].
pub fn precheck<'a>(
    payment: &Payment,
    offer: &'a Offer,
    now_unix: u64,
    margin_seconds: u64,
) -> Result<&'a Accept, Mismatch> {
    let accepted = &payment.payload.accepted;
    let authorization = &payment.payload.authorization;
    let accept = offer
        .accepts
        .iter()
        .find(|accept| accept.asset == payment.asset && v2::matches(accepted, accept, offer))
        .ok_or(Mismatch::NoMatch)?;
    if authorization.to != accept.pay_to {
        return Err(Mismatch::Recipient);
    }
    let earliest = now_unix.saturating_add(margin_seconds);
    if authorization.valid_before < Amount::from_u64(earliest) {
        return Err(Mismatch::Expired);
    }
    let latest = now_unix.saturating_add(u64::from(offer.max_timeout_seconds)).saturating_add(SKEW_SECONDS);
    if authorization.valid_before > Amount::from_u64(latest) {
        return Err(Mismatch::TooLong);
    }
    if authorization.valid_after > Amount::from_u64(now_unix) {
        return Err(Mismatch::NotYet);
    }
    if authorization.value != accept.amount {
        return Err(Mismatch::Value);
    }
    Ok(accept)
}

/// The payer, if the payload's signature is theirs under `asset`'s domain.
///
/// # Errors
/// [`Forged`].
pub fn verify(payload: &PaymentPayload, asset: &Asset) -> Result<Address, Forged> {
    let signature = payload.signature?;
    let payer = payload.authorization.from;
    let digest = payload.authorization.digest(&asset.domain_separator);
    match recover(&digest, &signature) {
        Some(signer) if signer == payer => Ok(payer),
        _ => Err(Forged::Signer),
    }
}

fn is_in(accepted: &Accepted, asset: &Asset) -> bool {
    accepted.asset == asset.address && accepted.network == asset.network
}

// === impl Payment ===

impl Payment {
    /// Verifies a payload under the asset that [`find_asset`] found for it.
    ///
    /// # Errors
    /// [`Forged`].
    pub fn verify(payload: PaymentPayload, asset: &Arc<Asset>) -> Result<Self, Forged> {
        verify(&payload, asset)?;
        Ok(Self { payload, asset: Arc::clone(asset) })
    }

    /// Who signed.
    pub fn payer(&self) -> Address {
        self.payload.authorization.from
    }

    /// Who is paid.
    pub fn to(&self) -> Address {
        self.payload.authorization.to
    }

    /// Base units of [`Payment::asset`], as signed.
    pub fn amount(&self) -> Amount {
        self.payload.authorization.value
    }

    /// What the token contract burns, with the payer and the asset the payment's identity.
    pub fn nonce(&self) -> &[u8; 32] {
        &self.payload.authorization.nonce
    }

    /// Unix seconds; `u64::MAX` for anything later than a `u64` can say.
    pub fn valid_before(&self) -> u64 {
        self.payload.authorization.valid_before.to_u64().unwrap_or(u64::MAX)
    }

    /// The token and network.
    pub fn asset(&self) -> &Arc<Asset> {
        &self.asset
    }

    /// What the client sent.
    pub fn payload(&self) -> &PaymentPayload {
        &self.payload
    }
}

// === impl Forged ===

impl Forged {
    /// The SDK's code.
    pub fn code(self) -> &'static str {
        "invalid_exact_evm_signature"
    }
}

// === impl Mismatch ===

impl Mismatch {
    /// The SDK's code, where it has one; all but the first and `TooLong` are its own.
    pub fn code(self) -> &'static str {
        match self {
            Self::NoMatch => "no_matching_payment_requirements",
            Self::Recipient => "invalid_exact_evm_recipient_mismatch",
            Self::Expired => "invalid_exact_evm_payload_authorization_valid_before",
            Self::TooLong => "payment_validity_too_long",
            Self::NotYet => "invalid_exact_evm_payload_authorization_valid_after",
            Self::Value => "invalid_exact_evm_payload_authorization_value_mismatch",
        }
    }
}

#[cfg(test)]
mod tests;
