//! The registry: tokens and networks that the x402 SDKs know by name.
//!
//! Source: `defaultAssets.ts` and `constants.ts` of `@x402/evm` 2.27. The first row of a
//! network is what `"$"` means there.

use crate::evm::address::Address;
use crate::evm::hex20;

/// How a token is authorised.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Method {
    /// `transferWithAuthorization` of the token itself.
    Eip3009,
    /// Uniswap's Permit2 contract.
    Permit2,
}

/// A token of the registry.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Known {
    pub(crate) chain_id: u64,
    pub(crate) symbol: &'static str,
    pub(crate) address: Address,
    pub(crate) decimals: u8,
    /// EIP-712 domain name.
    pub(crate) name: &'static str,
    /// EIP-712 domain version.
    pub(crate) version: &'static str,
    pub(crate) method: Method,
}

const TOKENS: &[Known] = &[
    known(
        8453,
        "USDC",
        hex20(b"833589fCD6eDb6E08f4c7C32D4f71b54bdA02913"),
        6,
        "USD Coin",
        "2",
        Method::Eip3009,
    ),
    known(84532, "USDC", hex20(b"036CbD53842c5426634e7929541eC2318f3dCF7e"), 6, "USDC", "2", Method::Eip3009),
    known(1, "USDC", hex20(b"A0b86991c6218b36c1d19D4a2e9Eb0cE3606eB48"), 6, "USD Coin", "2", Method::Eip3009),
    known(
        43114,
        "USDC",
        hex20(b"B97EF9Ef8734C71904D8002F8b6Bc66Dd9c48a6E"),
        6,
        "USD Coin",
        "2",
        Method::Eip3009,
    ),
    known(
        4326,
        "MegaUSD",
        hex20(b"FAfDdbb3FC7688494971a79cc65DCa3EF82079E7"),
        18,
        "MegaUSD",
        "1",
        Method::Permit2,
    ),
    known(143, "USDC", hex20(b"754704Bc059F8C67012fEd69BC8A327a5aafb603"), 6, "USDC", "2", Method::Eip3009),
    known(988, "USDT0", hex20(b"779Ded0c9e1022225f8E0630b35a9b54bE713736"), 6, "USDT0", "1", Method::Eip3009),
    known(
        2201,
        "USDT0",
        hex20(b"78Cf24370174180738C5B8E352B6D14c83a6c9A9"),
        6,
        "USDT0",
        "1",
        Method::Eip3009,
    ),
    known(
        137,
        "USDC",
        hex20(b"3c499c542cEF5E3811e1192ce70d8cC03d5c3359"),
        6,
        "USD Coin",
        "2",
        Method::Eip3009,
    ),
    known(
        42161,
        "USDC",
        hex20(b"af88d065e77c8cC2239327C5EDb3A432268e5831"),
        6,
        "USD Coin",
        "2",
        Method::Eip3009,
    ),
    known(
        421614,
        "USDC",
        hex20(b"75faf114eafb1BDbe2F0316DF893fd58CE46AA4d"),
        6,
        "USD Coin",
        "2",
        Method::Eip3009,
    ),
    known(
        31612,
        "mUSD",
        hex20(b"dD468A1DDc392dcdbEf6db6e34E89AA338F9F186"),
        18,
        "Mezo USD",
        "1",
        Method::Permit2,
    ),
    known(
        31611,
        "mUSD",
        hex20(b"118917a40FAF1CD7a13dB0Ef56C86De7973Ac503"),
        18,
        "Mezo USD",
        "1",
        Method::Permit2,
    ),
    known(
        723487,
        "SBC",
        hex20(b"33ad9e4BD16B69B5BFdED37D8B5D9fF9aba014Fb"),
        6,
        "Stable Coin",
        "1",
        Method::Permit2,
    ),
    known(
        72344,
        "SBC",
        hex20(b"33ad9e4BD16B69B5BFdED37D8B5D9fF9aba014Fb"),
        6,
        "Stable Coin",
        "1",
        Method::Permit2,
    ),
    known(
        36900,
        "USDC.e",
        hex20(b"9cb8142aEBBcdc60AF7c97Af897A67A8f3CA71C2"),
        6,
        "USDC.e",
        "2",
        Method::Eip3009,
    ),
    known(
        190415,
        "USDC.e",
        hex20(b"401eCb1D350407f13ba348573E5630B83638E30D"),
        6,
        "Bridged USDC",
        "2",
        Method::Eip3009,
    ),
    known(
        181228,
        "USDC.e",
        hex20(b"401eCb1D350407f13ba348573E5630B83638E30D"),
        6,
        "Bridged USDC",
        "2",
        Method::Eip3009,
    ),
    known(50, "USDC", hex20(b"fA2958CB79b0491CC627c1557F441eF849Ca8eb1"), 6, "USDC", "2", Method::Eip3009),
    known(51, "USDC", hex20(b"b5AB69F7bBada22B28e79C8FFAECe55eF1c771D4"), 6, "USDC", "2", Method::Eip3009),
    known(38833, "USDC", hex20(b"A5b8BF902b2844dA17d4506cc827F7F1681735E7"), 6, "USDC", "1", Method::Permit2),
    known(14, "USDT0", hex20(b"e7cd86e13AC4309349F30B3435a9d337750fC82D"), 6, "USD₮0", "1", Method::Eip3009),
    known(42220, "USDC", hex20(b"cebA9300f2b948710d2653dD7B07f33A8B32118C"), 6, "USDC", "2", Method::Eip3009),
    known(
        42220,
        "USDT",
        hex20(b"48065fbBE25f71C9282ddf5e1cD6D6A887483D5e"),
        6,
        "Tether USD",
        "1",
        Method::Eip3009,
    ),
    known(
        42220,
        "USAT",
        hex20(b"D2ab3C9A02DBBAB236BfEC45D1d755DF4267F771"),
        6,
        "Tether America USD",
        "1",
        Method::Eip3009,
    ),
    known(
        11142220,
        "USDC",
        hex20(b"01C5C0122039549AD1493B8220cABEdD739BC44E"),
        6,
        "USDC",
        "2",
        Method::Eip3009,
    ),
    known(1329, "USDC", hex20(b"e15fC38F6D8c56aF07bbCBe3BAf5708A2Bf42392"), 6, "USDC", "2", Method::Eip3009),
    known(1328, "USDC", hex20(b"4fCF1784B31630811181f670Aea7A7bEF803eaED"), 6, "USDC", "2", Method::Eip3009),
];

/// v1 network names.
const NETWORKS: &[(&str, u64)] = &[
    ("ethereum", 1),
    ("sepolia", 11155111),
    ("abstract", 2741),
    ("abstract-testnet", 11124),
    ("base-sepolia", 84532),
    ("base", 8453),
    ("avalanche-fuji", 43113),
    ("avalanche", 43114),
    ("iotex", 4689),
    ("sei", 1329),
    ("sei-testnet", 1328),
    ("polygon", 137),
    ("polygon-amoy", 80002),
    ("peaq", 3338),
    ("story", 1514),
    ("educhain", 41923),
    ("skale-base-sepolia", 324705682),
    ("megaeth", 4326),
    ("monad", 143),
    ("stable", 988),
    ("stable-testnet", 2201),
    ("celo", 42220),
    ("flare", 14),
];

/// v1 names of networks that are not EVM chains.
const OTHER_NETWORKS: &[(&str, &str)] = &[
    ("solana", SOLANA),
    ("solana-devnet", SOLANA_DEVNET),
    ("solana-testnet", "solana:4uhcVJyU9pJkvQyS88uRDiswHXSCkY3z"),
];

const SOLANA: &str = "solana:5eykt4UsFv8P8NJdTREpY1vzqKqZKvdp";
const SOLANA_DEVNET: &str = "solana:EtWTRABZaYq6iMfeYKouRu166VU2xqa1";

/// Tokens of other networks: network, symbol, address; all have [`FOREIGN_DECIMALS`].
/// Source: `defaultAssets.ts` of `@x402/svm` 2.27.
const FOREIGN_TOKENS: &[(&str, &str, &str)] = &[
    (SOLANA, "USDC", "EPjFWdd5AufqSSqeM2qN1xzybapC8G4wEGGkZwyTDt1v"),
    (SOLANA, "USDT", "Es9vMFrzaCERmJfrF4H2FYD4KCoNkY11McCe8BenwNYB"),
    (SOLANA, "USDG", "2u1tszSeqZ3qBWF3uNGPFc8TzMk2tdiwknnRMWGWjGWH"),
    (SOLANA, "PYUSD", "2b1kV6DkPAnxd5ixfnxCpjxmKwqjjaYmCZfHsFu24GXo"),
    (SOLANA, "CASH", "CASHx9KJUStyftLFWGvEVf59SGeG9sh5FfcnZMVPCASH"),
    (SOLANA_DEVNET, "USDC", "4zMMC9srt5Ri5X14GAgXhaHii3GnPAEERYPJgZJDncDU"),
    (SOLANA_DEVNET, "USDG", "4F6PM96JJxngmHnZLBh9n58RH4aTVNWvDs2nuwrT5BP7"),
    (SOLANA_DEVNET, "PYUSD", "CXk2AMBfi3TwaEL2468s6zP8xq9NxTXjp9gjMgzeUynM"),
    ("solana:4uhcVJyU9pJkvQyS88uRDiswHXSCkY3z", "USDC", "4zMMC9srt5Ri5X14GAgXhaHii3GnPAEERYPJgZJDncDU"),
];

const FOREIGN_DECIMALS: u8 = 6;

/// The tokens of a network, its default first.
pub(crate) fn tokens(chain_id: u64) -> impl Iterator<Item = &'static Known> {
    TOKENS.iter().filter(move |token| token.chain_id == chain_id)
}

/// The v1 spelling of a network.
pub(crate) fn v1_name(chain_id: u64) -> Option<&'static str> {
    NETWORKS.iter().find(|(_, id)| *id == chain_id).map(|(name, _)| *name)
}

/// The chain a v1 name means.
pub(crate) fn chain_of(v1_name: &str) -> Option<u64> {
    NETWORKS.iter().find(|(name, _)| *name == v1_name).map(|(_, id)| *id)
}

/// Every v1 name of an EVM network.
pub(crate) fn v1_names() -> impl Iterator<Item = &'static str> {
    NETWORKS.iter().map(|(name, _)| *name)
}

/// The CAIP-2 id (its `[-a-z0-9]{3,8}:[-_a-zA-Z0-9]{1,32}`) of a network that is no EVM chain,
/// from its v1 name or itself.
pub(crate) fn other_network(network: &str) -> Option<&str> {
    if let Some((_, id)) = OTHER_NETWORKS.iter().find(|(name, _)| *name == network) {
        return Some(id);
    }
    let (space, id) = network.split_once(':')?;
    let of = |text: &str, most: usize, fine: fn(u8) -> bool| text.len() <= most && text.bytes().all(fine);
    let fine = space.len() >= 3
        && space != "eip155"
        && !id.is_empty()
        && of(space, 8, |b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-')
        && of(id, 32, |b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_');
    fine.then_some(network)
}

/// The v1 name of any network, from its CAIP-2 id.
pub(crate) fn v1_name_of(caip2: &str) -> Option<&'static str> {
    match caip2.strip_prefix("eip155:") {
        Some(id) => v1_name(id.parse().ok()?),
        None => OTHER_NETWORKS.iter().find(|(_, id)| *id == caip2).map(|(name, _)| *name),
    }
}

/// Address and decimals of a token on a network that is no EVM chain.
pub(crate) fn foreign_token(caip2: &str, symbol: &str) -> Option<(&'static str, u8)> {
    let mut of = FOREIGN_TOKENS.iter().filter(|(network, _, _)| *network == caip2);
    of.find(|(_, known, _)| known.eq_ignore_ascii_case(symbol))
        .map(|(_, _, address)| (*address, FOREIGN_DECIMALS))
}

const fn known(
    chain_id: u64,
    symbol: &'static str,
    address: Address,
    decimals: u8,
    name: &'static str,
    version: &'static str,
    method: Method,
) -> Known {
    Known { chain_id, symbol, address, decimals, name, version, method }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_row_reads_back_with_its_checksum() {
        let usdc = tokens(8453).next().unwrap();
        assert_eq!(usdc.address.to_string(), "0x833589fCD6eDb6E08f4c7C32D4f71b54bdA02913");
        assert_eq!(TOKENS.len(), 28);
    }

    #[test]
    fn names_and_chains_are_one_to_one() {
        for (name, id) in NETWORKS {
            assert_eq!(chain_of(name), Some(*id));
            assert_eq!(v1_name(*id), Some(*name));
        }
        assert_eq!(other_network("solana"), Some(SOLANA));
        assert_eq!(other_network(SOLANA), Some(SOLANA));
        assert_eq!(v1_name_of(SOLANA_DEVNET), Some("solana-devnet"));
        for no in ["eip155:1", "eip155:x", "so:1", "Solana:1", "solana:", "solana:a b", "base"] {
            assert_eq!(other_network(no), None, "{no}");
        }
    }
}
