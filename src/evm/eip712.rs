//! EIP-712 typed data, as far as token authorisations need it: one domain shape
//! (`name, version, chainId, verifyingContract`) and the outer digest.

use super::address::Address;
use super::{address_word, hex32, keccak256};

/// `keccak256("EIP712Domain(string name,string version,uint256 chainId,address verifyingContract)")`.
const DOMAIN_TYPE_HASH: [u8; 32] = hex32(b"8b73c3c69bb8fe3d512ecc4cf759cc79239f7b179b0ffacaa9a75d522b39400f");

/// The domain separator of a token contract (EIP-712, "Definition of `domainSeparator`").
///
/// `name` and `version` are the contract's own, as its `EIP712Domain` states them; they
/// need not equal the token's display name. `chain_id` is the number in `eip155:<n>`.
pub fn domain_separator(name: &str, version: &str, chain_id: u64, contract: &Address) -> [u8; 32] {
    let mut chain = [0u8; 32];
    for (to, from) in chain.iter_mut().skip(24).zip(chain_id.to_be_bytes()) {
        *to = from;
    }
    keccak256([
        &DOMAIN_TYPE_HASH,
        &keccak256([name.as_bytes()]),
        &keccak256([version.as_bytes()]),
        &chain,
        &address_word(contract),
    ])
}

/// What a wallet signs: `keccak256(0x19 0x01 || domainSeparator || hashStruct(message))`.
pub fn digest(domain_separator: &[u8; 32], struct_hash: &[u8; 32]) -> [u8; 32] {
    keccak256([b"\x19\x01", domain_separator, struct_hash])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_domain_type_hash_is_the_hash_of_its_type() {
        let text = "EIP712Domain(string name,string version,uint256 chainId,address verifyingContract)";
        assert_eq!(keccak256([text.as_bytes()]), DOMAIN_TYPE_HASH);
    }
}
