//! Permit2 `PermitWitnessTransferFrom`: a transfer of any ERC-20 that the payer signs for one
//! spender, once per (payer, nonce). The spender is an x402 proxy contract that pays nobody but
//! the witness's `to`; under `upto` it also lets nobody but the witness's `facilitator` submit.
//!
//! Sources: Uniswap's Permit2 (`PermitHash.sol`); x402's `scheme_exact_evm`, "Permit2", and
//! `scheme_upto_evm`. Permit2's domain has no version field.

use super::address::Address;
use super::{address_word, eip712, hex20, keccak256};
use crate::money::Amount;

/// The Permit2 contract, the same on every chain.
pub const PERMIT2: Address = hex20(b"000000000022D473030F116dDEE9F6B43aC78BA3");

/// The spender of `exact` payments, the same on every chain (CREATE2).
pub const EXACT_PROXY: Address = hex20(b"402085c248EeA27D92E8b30b2C58ed07f9E20001");

/// The spender of `upto` payments, the same on every chain (CREATE2).
pub const UPTO_PROXY: Address = hex20(b"4020A4f3b7b90ccA423B9fabCc0CE57C6C240002");

const TOKEN_PERMISSIONS: &str = "TokenPermissions(address token,uint256 amount)";
const PERMIT: &str = "PermitWitnessTransferFrom(TokenPermissions permitted,address spender,uint256 nonce,\
                      uint256 deadline,Witness witness)";
const EXACT_WITNESS: &str = "Witness(address to,uint256 validAfter)";
const UPTO_WITNESS: &str = "Witness(address to,address facilitator,uint256 validAfter)";

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
        let witness_type = self.witness.type_text();
        // Referenced types follow their user in the order of their names (EIP-712, "encodeType").
        let type_hash = keccak256([PERMIT.as_bytes(), TOKEN_PERMISSIONS.as_bytes(), witness_type.as_bytes()]);
        let permitted = keccak256([
            &keccak256([TOKEN_PERMISSIONS.as_bytes()]),
            &address_word(&self.token),
            &self.amount.to_be_bytes(),
        ]);
        keccak256([
            &type_hash,
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
    fn type_text(&self) -> &'static str {
        match self.facilitator {
            None => EXACT_WITNESS,
            Some(_) => UPTO_WITNESS,
        }
    }

    fn struct_hash(&self) -> [u8; 32] {
        let type_hash = keccak256([self.type_text().as_bytes()]);
        let (to, valid_after) = (address_word(&self.to), self.valid_after.to_be_bytes());
        match &self.facilitator {
            None => keccak256([&type_hash, &to, &valid_after]),
            Some(facilitator) => keccak256([&type_hash, &to, &address_word(facilitator), &valid_after]),
        }
    }
}

#[cfg(test)]
mod tests;
