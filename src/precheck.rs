//! payment x offer x now.
//!
//! A payload becomes a [`Payment`] if
//! 1. it names an asset that some offer takes or the registry knows, by network and address;
//! 2. its signature has an account's form and recovers, under that asset's domain (EIP-3009) or
//!    Permit2's, to the payer. Other signatures that a wallet contract might accept (ERC-1271,
//!    ERC-6492, EIP-7702) are left to the facilitator where the offer takes `wallets: any`:
//!    [`Judge::Facilitator`]. An account's signature in a malleated spelling is not: it proves
//!    whose it is, and its token would refuse it.
//!
//! That much says who pays and which authorisation the chain would burn, whatever is being
//! sold today, so an existing claim can be looked up and decide alone. A payment without a
//! claim may open one ([`precheck`]) if
//! 3. what it says it pays is one of the offer's accepts, in the asset it was verified for, and
//!    one of its facilitators at least, whether or not it can be asked just now, does not deny
//!    that it settles those;
//! 4. under Permit2, spender, token and (under `upto`) submitter are the quote's;
//! 5. it pays that accept's payee;
//! 6. its end leaves at least the caller's margin: time enough for the money to move;
//! 7. its end is not beyond the quote's lifetime and [`SKEW_SECONDS`], which bounds how long a
//!    claim must be remembered;
//! 8. its beginning has come. With 6, this refuses every window that is empty or reversed;
//! 9. its amount is the price, exactly; under `upto` the most that may be charged.
//!
//! Whoever passes has not paid: balance, nonce, allowance and a blocked or delegated (EIP-7702)
//! account are visible only to the chain.

use std::sync::Arc;

use crate::config::{Asset, Facilitator, Means, Offer, Wallets};
use crate::digits::unhex;
use crate::evm::address::Address;
use crate::evm::authorization::Authorization;
use crate::evm::permit2::{EXACT_PROXY, UPTO_PROXY};
use crate::evm::recover::recover;
use crate::evm::signature::{Presented, Signature, SignatureError};
use crate::money::Amount;
use crate::protocol::abilities::{Abilities, Ability};
use crate::protocol::challenge;
use crate::protocol::other::Other;
use crate::protocol::payload::PaymentPayload;
use crate::protocol::signed::Signed;
use crate::protocol::terms::Terms;
use crate::protocol::v2::Accepted;
use crate::protocol::Version;

mod fit;

pub use fit::{precheck, Fit, Mismatch};

/// How far a payer's clock may run ahead, in seconds. Clients sign `now +
/// maxTimeoutSeconds` by their own clock.
pub const SKEW_SECONDS: u64 = 120;

/// Most assets under which one version 1 signature is tried: v1 names the network only.
const MAX_CANDIDATES: usize = 4;

/// Who can tell whether the signature is the payer's.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Judge {
    /// It was told here.
    Sandbox,
    /// Only a contract can, so the facilitator is asked before anything else happens.
    Facilitator,
}

/// A payload that is its payer's, or of which only the facilitator can say so. Only
/// [`Payment::read`] makes one.
#[derive(Clone, Debug)]
pub struct Payment {
    judge: Judge,
    form: Form,
    /// Why it may open no claim, whatever the facilitator would say.
    foreign: Option<Forged>,
}

/// What was signed.
#[derive(Clone, Debug)]
pub enum Form {
    /// An authorisation of an EVM chain.
    Evm {
        /// It, with its signature.
        signed: Box<Signed>,
        /// The token.
        asset: Arc<Asset>,
        /// The quote the client echoes; `None` in version 1.
        accepted: Option<Accepted>,
    },
    /// Something only the facilitator understands.
    Other(Other),
}

/// Why a payload is not its payer's.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum Forged {
    /// Nobody takes the asset it pays in.
    #[error("the payment is in an asset that is not taken")]
    Asset,
    /// The signature's form is none that is accepted.
    #[error(transparent)]
    Form(#[from] SignatureError),
    /// It is no signature of the payer's: another's, over something else, or nobody's.
    #[error("the signature is not the payer's")]
    Signer(Means),
}

// === impl Payment ===

impl Payment {
    /// Finds the asset and judges the signature: the module's rules 1 and 2. `assets` are the
    /// policy's; those of the registry count too, because a payment may have been claimed under
    /// an earlier policy.
    ///
    /// # Errors
    /// [`Forged`].
    pub fn read(payload: PaymentPayload, offer: &Offer, assets: &[Arc<Asset>]) -> Result<Self, Forged> {
        match payload {
            PaymentPayload::V2 { accepted, signed } => {
                let asset = find_asset(assets, &accepted.network, &accepted.asset).ok_or(Forged::Asset)?;
                let (judge, foreign) = judge(&signed, &asset, offer.wallets)?;
                Ok(Self { judge, form: Form::Evm { signed, asset, accepted: Some(accepted) }, foreign })
            }
            PaymentPayload::V1 { network, signed } => Self::read_v1(&network, signed, offer, assets),
            PaymentPayload::Other(other) => {
                Ok(Self { judge: Judge::Facilitator, form: Form::Other(other), foreign: None })
            }
        }
    }

    /// Version 1 does not name the asset: the offer's that the payment fits come first, then all
    /// of the network, and the first under which the signature recovers is it.
    fn read_v1(
        network: &str,
        signed: Box<Signed>,
        offer: &Offer,
        assets: &[Arc<Asset>],
    ) -> Result<Self, Forged> {
        let mut candidates: Vec<Arc<Asset>> = Vec::with_capacity(MAX_CANDIDATES);
        let (to, amount) = (signed.authorization.to(), signed.authorization.amount());
        let ways = offer.accepts.iter().enumerate();
        let fitting = ways.filter(|(place, way)| way.pay_to == to && offer.amount(*place) == amount);
        fitting.for_each(|(_, way)| add(&mut candidates, network, &way.asset));
        offer.accepts.iter().for_each(|way| add(&mut candidates, network, &way.asset));
        assets.iter().for_each(|asset| add(&mut candidates, network, asset));
        let registered = Asset::registered_on(network).map(Arc::new);
        registered.iter().for_each(|asset| add(&mut candidates, network, asset));
        let mut verdict = Err(Forged::Asset);
        for asset in candidates {
            match (judge(&signed, &asset, offer.wallets), &verdict) {
                (Ok((Judge::Sandbox, _)), _) => {
                    verdict = Ok((Judge::Sandbox, None, asset));
                    break;
                }
                (Ok((judge, foreign)), Err(_)) => verdict = Ok((judge, foreign, asset)),
                (Err(forged), Err(_)) => verdict = Err(forged),
                _ => {}
            }
        }
        let (judge, foreign, asset) = verdict?;
        Ok(Self { judge, form: Form::Evm { signed, asset, accepted: None }, foreign })
    }

    /// Who says whose it is.
    pub fn judge(&self) -> Judge {
        self.judge
    }

    /// Why it may open no claim: it is of a wallet that is not taken. What one bought before is
    /// still its own.
    pub fn foreign(&self) -> Option<Forged> {
        self.foreign
    }

    /// What was signed.
    pub fn form(&self) -> &Form {
        &self.form
    }

    /// The version it came in.
    pub fn version(&self) -> Version {
        match &self.form {
            Form::Evm { accepted: Some(_), .. } => Version::V2,
            Form::Evm { accepted: None, .. } => Version::V1,
            Form::Other(other) => other.version,
        }
    }

    /// Who signed, where that can be read.
    pub fn payer(&self) -> Option<Address> {
        match &self.form {
            Form::Evm { signed, .. } => Some(signed.authorization.payer()),
            Form::Other(_) => None,
        }
    }

    /// Base units of the asset, as signed; zero where nobody says.
    pub fn amount(&self) -> Amount {
        match &self.form {
            Form::Evm { signed, .. } => signed.authorization.amount(),
            Form::Other(other) => other.terms.as_ref().map_or(Amount::ZERO, |terms| terms.amount),
        }
    }

    /// Unix seconds; `u64::MAX` for anything later than a `u64` can say, `None` where it cannot
    /// be read.
    pub fn valid_before(&self) -> Option<u64> {
        match &self.form {
            Form::Evm { signed, .. } => {
                Some(signed.authorization.valid_before().to_u64().unwrap_or(u64::MAX))
            }
            Form::Other(_) => None,
        }
    }

    /// The network as the payment's version spells it.
    pub fn network(&self) -> &str {
        match &self.form {
            Form::Evm { asset, accepted: None, .. } => asset.v1_network.unwrap_or(&asset.network),
            Form::Evm { asset, .. } => &asset.network,
            Form::Other(other) => &other.network,
        }
    }

    /// The asset as text; empty where nobody says.
    pub fn asset_text(&self) -> String {
        match &self.form {
            Form::Evm { asset, .. } => asset.address.to_string(),
            Form::Other(other) => other.terms.as_ref().map_or_else(String::new, |terms| terms.asset.clone()),
        }
    }
}

/// The asset of a network and address.
fn find_asset(assets: &[Arc<Asset>], network: &str, address: &Address) -> Option<Arc<Asset>> {
    let known = assets.iter().find(|asset| asset.address == *address && asset.network == network);
    known.cloned().or_else(|| Asset::registered(network, address).map(Arc::new))
}

/// Adds an asset of the network that is not among them yet.
#[inline(never)]
fn add(candidates: &mut Vec<Arc<Asset>>, network: &str, asset: &Arc<Asset>) {
    let named = asset.v1_network == Some(network);
    if named && candidates.len() < MAX_CANDIDATES && !candidates.contains(asset) {
        candidates.push(Arc::clone(asset));
    }
}

fn judge(signed: &Signed, asset: &Asset, wallets: Wallets) -> Result<(Judge, Option<Forged>), Forged> {
    let payer = signed.authorization.payer();
    // Not hashed where nobody could have signed.
    let signs = |signature: &Signature| {
        let digest = match &signed.authorization {
            Authorization::Transfer(transfer) => transfer.digest(&asset.domain_separator),
            Authorization::Permit(permit) => permit.digest(&asset.permit2_separator),
        };
        recover(&digest, signature) == Some(payer)
    };
    let stranger = Forged::Signer(means(&signed.authorization));
    let foreign = match signed.signature.as_ref().map_err(|error| *error)? {
        Presented::Account(signature) if signs(signature) => return Ok((Judge::Sandbox, None)),
        Presented::Account(_) => stranger,
        Presented::Wallet(digits) => {
            let mut bytes = [0; 65];
            let twin = unhex(digits, &mut bytes).then(|| Signature::of_twin(&bytes)).flatten();
            if twin.is_some_and(|twin| signs(&twin)) {
                return Err(stranger);
            }
            stranger
        }
    };
    Ok((Judge::Facilitator, (wallets == Wallets::Eoa).then_some(foreign)))
}

/// The scheme an authorisation can belong to.
pub(crate) fn means(authorization: &Authorization) -> Means {
    match authorization {
        Authorization::Transfer(_) => Means::Eip3009,
        Authorization::Permit(permit) if permit.witness.facilitator.is_some() => Means::Upto,
        Authorization::Permit(_) => Means::Permit2,
    }
}

// === impl Forged ===

impl Forged {
    /// The SDK's code.
    pub fn code(self) -> &'static str {
        match self {
            Self::Asset => "no_matching_payment_requirements",
            Self::Form(_) | Self::Signer(Means::Eip3009) => "invalid_exact_evm_signature",
            Self::Signer(Means::Permit2 | Means::Upto) => "invalid_permit2_signature",
        }
    }
}

#[cfg(test)]
mod tests;
