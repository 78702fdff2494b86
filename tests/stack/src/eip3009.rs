//! `TransferWithAuthorization` by alloy: digests and recovery that share nothing with the
//! filter's own arithmetic.

use alloy_primitives::{Address, Signature, B256, U256};
use alloy_sol_types::{sol, Eip712Domain, SolStruct};

sol! {
    /// The struct an EIP-3009 payer signs.
    #[derive(Debug, PartialEq, Eq)]
    struct TransferWithAuthorization {
        address from;
        address to;
        uint256 value;
        uint256 validAfter;
        uint256 validBefore;
        bytes32 nonce;
    }
}

/// The EIP-712 domain of a token.
pub fn domain(name: &str, version: &str, chain_id: u64, token: Address) -> Eip712Domain {
    Eip712Domain::new(
        Some(name.to_owned().into()),
        Some(version.to_owned().into()),
        Some(U256::from(chain_id)),
        Some(token),
        None,
    )
}

/// The digest that is signed.
pub fn digest(authorization: &TransferWithAuthorization, domain: &Eip712Domain) -> B256 {
    authorization.eip712_signing_hash(domain)
}

/// The signer as an off-chain library sees it: any `s`, and `v` as 0/1 or 27/28.
pub fn recover(digest: B256, signature: &[u8]) -> Option<Address> {
    let (bytes, v) = (signature.get(..64)?, *signature.get(64)?);
    if signature.len() != 65 {
        return None;
    }
    let parity = match v {
        0 | 27 => false,
        1 | 28 => true,
        _ => return None,
    };
    // A high s is folded to its low twin, which flips the parity.
    let signature = Signature::from_bytes_and_parity(bytes, parity).normalized_s();
    signature.recover_address_from_prehash(&digest).ok()
}

/// Whether the token's own `ECRecover` takes these bytes: low `s`, `v` of 27 or 28.
pub fn is_canonical(signature: &[u8]) -> bool {
    signature.len() == 65
        && matches!(signature[64], 27 | 28)
        && Signature::from_bytes_and_parity(&signature[..64], false).normalize_s().is_none()
}

/// The chain id of a CAIP-2 name such as `eip155:84532`.
pub fn chain_id(network: &str) -> Option<u64> {
    network.strip_prefix("eip155:")?.parse().ok()
}

/// CAIP-2 to the names of version 1, for the networks the SDKs know.
pub const V1_NETWORKS: [(&str, u64); 14] = [
    ("ethereum", 1),
    ("sepolia", 11_155_111),
    ("abstract", 2741),
    ("base", 8453),
    ("base-sepolia", 84_532),
    ("avalanche", 43_114),
    ("avalanche-fuji", 43_113),
    ("iotex", 4689),
    ("sei", 1329),
    ("sei-testnet", 1328),
    ("polygon", 137),
    ("polygon-amoy", 80_002),
    ("celo", 42_220),
    ("flare", 14),
];

/// The chain id of a version 1 network name.
pub fn v1_chain_id(name: &str) -> Option<u64> {
    V1_NETWORKS.iter().find(|(known, _)| *known == name).map(|(_, id)| *id)
}

/// The canonical CAIP-2 spelling of either kind of name: the key of balances and nonces.
pub fn canonical_network(network: &str) -> String {
    v1_chain_id(network).map_or_else(|| network.to_owned(), |id| format!("eip155:{id}"))
}
