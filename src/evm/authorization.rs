//! What a payer of an EVM chain signs, whichever contract burns it.

use super::address::Address;
use super::eip3009;
use super::permit2::{Permit, PERMIT2};
use crate::money::Amount;

/// A signed transfer.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Authorization {
    /// The token's own `transferWithAuthorization` (EIP-3009).
    Transfer(eip3009::Authorization),
    /// Permit2, for any token.
    Permit(Permit),
}

// === impl Authorization ===

impl Authorization {
    /// Who pays.
    pub fn payer(&self) -> Address {
        match self {
            Self::Transfer(transfer) => transfer.from,
            Self::Permit(permit) => permit.from,
        }
    }

    /// Who is paid.
    pub fn to(&self) -> Address {
        match self {
            Self::Transfer(transfer) => transfer.to,
            Self::Permit(permit) => permit.witness.to,
        }
    }

    /// Base units of the token; for Permit2 the most that may be taken.
    pub fn amount(&self) -> Amount {
        match self {
            Self::Transfer(transfer) => transfer.value,
            Self::Permit(permit) => permit.amount,
        }
    }

    /// Unix seconds before which it is void.
    pub fn valid_after(&self) -> Amount {
        match self {
            Self::Transfer(transfer) => transfer.valid_after,
            Self::Permit(permit) => permit.witness.valid_after,
        }
    }

    /// Unix seconds from which it is void.
    pub fn valid_before(&self) -> Amount {
        match self {
            Self::Transfer(transfer) => transfer.valid_before,
            Self::Permit(permit) => permit.deadline,
        }
    }

    /// What is burnt, big-endian.
    pub fn nonce(&self) -> [u8; 32] {
        match self {
            Self::Transfer(transfer) => transfer.nonce,
            Self::Permit(permit) => permit.nonce.to_be_bytes(),
        }
    }

    /// The contract that burns it, for payments in `token`.
    pub fn burnt_by(&self, token: Address) -> Address {
        match self {
            Self::Transfer(_) => token,
            Self::Permit(_) => PERMIT2,
        }
    }
}
