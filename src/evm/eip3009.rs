//! EIP-3009 `TransferWithAuthorization`: a transfer the payer signs and anybody may submit,
//! once per (token, payer, nonce).

use super::address::Address;
use super::{address_word, eip712, hex32, keccak256};
use crate::money::Amount;

/// `keccak256` of the type below (EIP-3009, "Specification").
const TRANSFER_TYPE_HASH: [u8; 32] =
    hex32(b"7c7c6cdb67a18743f49ec6fa9b35f50d52ed05cbed4cc592e13b44501c1a2267");

/// The signed message of an EIP-3009 transfer.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Authorization {
    /// Who pays.
    pub from: Address,
    /// Who is paid.
    pub to: Address,
    /// Base units of the token.
    pub value: Amount,
    /// Unix seconds; the transfer is valid strictly after this.
    pub valid_after: Amount,
    /// Unix seconds; the transfer is valid strictly before this.
    pub valid_before: Amount,
    /// Chosen by the payer; the contract burns it.
    pub nonce: [u8; 32],
}

// === impl Authorization ===

impl Authorization {
    /// `hashStruct(message)` of EIP-712.
    pub fn struct_hash(&self) -> [u8; 32] {
        keccak256([
            &TRANSFER_TYPE_HASH,
            &address_word(&self.from),
            &address_word(&self.to),
            &self.value.to_be_bytes(),
            &self.valid_after.to_be_bytes(),
            &self.valid_before.to_be_bytes(),
            &self.nonce,
        ])
    }

    /// What the payer signed, under the token's domain.
    pub fn digest(&self, domain_separator: &[u8; 32]) -> [u8; 32] {
        eip712::digest(domain_separator, &self.struct_hash())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_transfer_type_hash_is_the_hash_of_its_type() {
        let text = "TransferWithAuthorization(address from,address to,uint256 value,\
                    uint256 validAfter,uint256 validBefore,bytes32 nonce)";
        assert_eq!(keccak256([text.as_bytes()]), TRANSFER_TYPE_HASH);
    }
}
