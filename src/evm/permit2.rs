//! Permit2 `PermitWitnessTransferFrom`: a transfer of any ERC-20 that the payer signs for one
//! spender, once per (payer, nonce). The spender is an x402 proxy contract that pays nobody but
//! the witness's `to`; under `upto` it also lets nobody but the witness's `facilitator` submit.
//!
//! Sources: Uniswap's Permit2 (`PermitHash.sol`); x402's `scheme_exact_evm`, "Permit2", and
//! `scheme_upto_evm`. Permit2's domain has no version field.

use super::address::Address;
use super::{address_word, eip712, hex20, hex32, keccak256};
use crate::money::Amount;

/// The Permit2 contract, the same on every chain.
pub const PERMIT2: Address = hex20(b"000000000022D473030F116dDEE9F6B43aC78BA3");

/// The spender of `exact` payments, the same on every chain (CREATE2).
pub const EXACT_PROXY: Address = hex20(b"402085c248EeA27D92E8b30b2C58ed07f9E20001");

/// The spender of `upto` payments, the same on every chain (CREATE2).
pub const UPTO_PROXY: Address = hex20(b"4020A4f3b7b90ccA423B9fabCc0CE57C6C240002");

/// `keccak256` of `TokenPermissions(address token,uint256 amount)`.
const TOKEN_PERMISSIONS: [u8; 32] =
    hex32(b"618358ac3db8dc274f0cd8829da7e234bd48cd73c4a740aede1adec9846d06a1");

/// Of `exact` payments.
const EXACT: Types = Types {
    permit: hex32(b"ebc156cd23678a74c94df13d772ef5478420637f0c94bd10d509e1dc98f521c7"),
    witness: hex32(b"d97b3239a7f32295517bd14cb074edfdd188dfe5eb42f802bb26d4fd1eb12c37"),
};

/// Of `upto` payments.
const UPTO: Types = Types {
    permit: hex32(b"51dff6974ad4388c499e7fcfe838d2bd767162553a144098ce20ea661d70c2ee"),
    witness: hex32(b"d4171c445a74218b01d4fd8af34ff1106580ea1e36ff837e64484bfaa2253b75"),
};

/// `keccak256` of a permit's type, and of its witness's.
struct Types {
    permit: [u8; 32],
    witness: [u8; 32],
}

/// The signed message of a Permit2 transfer.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Permit {
    /// Who pays. Not part of the message: the contract learns it from the signature.
    pub from: Address,
    /// The token.
    pub token: Address,
    /// The most base units that may be taken.
    pub amount: Amount,
    /// Who may take them.
    pub spender: Address,
    /// Chosen by the payer; the contract burns it.
    pub nonce: Amount,
    /// Unix seconds; the permit is void after this.
    pub deadline: Amount,
    /// What the spender is bound to.
    pub witness: Witness,
}

/// What binds the spender.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Witness {
    /// Who is paid.
    pub to: Address,
    /// Who may submit it; stated under `upto` only.
    pub facilitator: Option<Address>,
    /// Unix seconds; the proxy refuses before this.
    pub valid_after: Amount,
}

// === impl Permit ===

impl Permit {
    /// `hashStruct(message)` of EIP-712.
    pub fn struct_hash(&self) -> [u8; 32] {
        let permitted =
            keccak256([&TOKEN_PERMISSIONS, &address_word(&self.token), &self.amount.to_be_bytes()]);
        keccak256([
            &self.witness.types().permit,
            &permitted,
            &address_word(&self.spender),
            &self.nonce.to_be_bytes(),
            &self.deadline.to_be_bytes(),
            &self.witness.struct_hash(),
        ])
    }

    /// What the payer signed, under Permit2's domain on a chain ([`domain_separator`]).
    pub fn digest(&self, domain_separator: &[u8; 32]) -> [u8; 32] {
        eip712::digest(domain_separator, &self.struct_hash())
    }
}

/// Permit2's domain separator on a chain.
pub fn domain_separator(chain_id: u64) -> [u8; 32] {
    keccak256([
        &keccak256([b"EIP712Domain(string name,uint256 chainId,address verifyingContract)"]),
        &keccak256([b"Permit2"]),
        &Amount::from_u64(chain_id).to_be_bytes(),
        &address_word(&PERMIT2),
    ])
}

// === impl Witness ===

impl Witness {
    fn types(&self) -> &'static Types {
        match self.facilitator {
            None => &EXACT,
            Some(_) => &UPTO,
        }
    }

    fn struct_hash(&self) -> [u8; 32] {
        let type_hash = self.types().witness;
        let (to, valid_after) = (address_word(&self.to), self.valid_after.to_be_bytes());
        match &self.facilitator {
            None => keccak256([&type_hash, &to, &valid_after]),
            Some(facilitator) => keccak256([&type_hash, &to, &address_word(facilitator), &valid_after]),
        }
    }
}

#[cfg(test)]
mod tests;
