//! Permit2's `PermitWitnessTransferFrom` by alloy, as `exact` and `upto` payers sign it.

use alloy_primitives::{address, Address, B256, U256};
use alloy_sol_types::{Eip712Domain, SolStruct};

/// The Permit2 contract.
pub const PERMIT2: Address = address!("000000000022D473030F116dDEE9F6B43aC78BA3");
/// The spender of `exact` permits.
pub const EXACT_PROXY: Address = address!("402085c248EeA27D92E8b30b2C58ed07f9E20001");
/// The spender of `upto` permits.
pub const UPTO_PROXY: Address = address!("4020A4f3b7b90ccA423B9fabCc0CE57C6C240002");

mod exact {
    alloy_sol_types::sol! {
        struct TokenPermissions { address token; uint256 amount; }
        struct Witness { address to; uint256 validAfter; }
        struct PermitWitnessTransferFrom {
            TokenPermissions permitted;
            address spender;
            uint256 nonce;
            uint256 deadline;
            Witness witness;
        }
    }
}

mod upto {
    alloy_sol_types::sol! {
        struct TokenPermissions { address token; uint256 amount; }
        struct Witness { address to; address facilitator; uint256 validAfter; }
        struct PermitWitnessTransferFrom {
            TokenPermissions permitted;
            address spender;
            uint256 nonce;
            uint256 deadline;
            Witness witness;
        }
    }
}

/// A permit as signed.
#[derive(Clone, Debug)]
pub struct Permit {
    pub token: Address,
    pub amount: U256,
    pub spender: Address,
    pub nonce: U256,
    pub deadline: U256,
    pub to: Address,
    /// The witness's, under `upto` only.
    pub facilitator: Option<Address>,
    pub valid_after: U256,
}

impl Permit {
    /// What is signed on a chain.
    pub fn digest(&self, chain_id: u64) -> B256 {
        let domain =
            Eip712Domain::new(Some("Permit2".into()), None, Some(U256::from(chain_id)), Some(PERMIT2), None);
        match self.facilitator {
            None => exact::PermitWitnessTransferFrom {
                permitted: exact::TokenPermissions { token: self.token, amount: self.amount },
                spender: self.spender,
                nonce: self.nonce,
                deadline: self.deadline,
                witness: exact::Witness { to: self.to, validAfter: self.valid_after },
            }
            .eip712_signing_hash(&domain),
            Some(facilitator) => upto::PermitWitnessTransferFrom {
                permitted: upto::TokenPermissions { token: self.token, amount: self.amount },
                spender: self.spender,
                nonce: self.nonce,
                deadline: self.deadline,
                witness: upto::Witness { to: self.to, facilitator, validAfter: self.valid_after },
            }
            .eip712_signing_hash(&domain),
        }
    }
}
