//! Development wallets: the public test keys every local chain ships with.

use std::collections::HashSet;
use std::sync::{Mutex, PoisonError};

use alloy_primitives::{hex, Address, B256};
use k256::ecdsa::hazmat::{DigestPrimitive, SignPrimitive};
use k256::ecdsa::SigningKey;
use k256::Secp256k1;

type Hash = <Secp256k1 as DigestPrimitive>::Digest;

/// The Anvil and Hardhat keys. Known to everyone: never send them real money.
const DEV_KEYS: [&str; 10] = [
    "ac0974bec39a17e36ba4a6b4d238ff944bacb478cbed5efcae784d7bf4f2ff80",
    "59c6995e998f97a5a0044966f0945389dc9e86dae88c7a8412f4603b6b78690d",
    "5de4111afa1a4b94908f83103eb1f1706367c2e68ca870fc3fb9a804cdab365a",
    "7c852118294e51e653712a81e05800f419141751be58f605c371e15141b007a6",
    "47e179ec197488593b187f80a00eb0da91f1b9d0b13f8733639f19c30a34926a",
    "8b3a350cf5c34c9194ca85829a2df0ec3153be0318b5e2d3348e872092edffba",
    "92db14e403b83dfe3df233f83dfa3a0d7096f21ca9b0d6d6b8d88b2b4ec1564e",
    "4bbbf85ce3377467afe5d46f804f221813b2bb87f24d81f60f1fcdbf7cbf4356",
    "dbda1821b80551c9d65939329250298aa3472ba22feea921c0cf5d620ea67b97",
    "2a871d0798f97d79848a013d4936a73bf4cc922c825d33c1cf7073dff6d409c6",
];

/// The number of development wallets; the last one owns nothing.
const DEV_WALLETS: usize = DEV_KEYS.len();

static OTHERS: Mutex<Option<HashSet<Address>>> = Mutex::new(None);

/// A key and its address.
#[derive(Clone)]
pub struct Wallet {
    key: SigningKey,
    address: Address,
}

impl Wallet {
    /// Development wallet `index`, 0 to 9. A new ledger funds all but number 9.
    ///
    /// # Panics
    /// When there is no such wallet.
    pub fn dev(index: usize) -> Self {
        Self::from_hex(DEV_KEYS[index]).expect("development keys are valid")
    }

    /// The wallet that owns nothing on a new ledger.
    pub fn unfunded() -> Self {
        Self::dev(DEV_WALLETS - 1)
    }

    /// The wallets a new ledger funds.
    pub fn funded() -> impl Iterator<Item = Self> {
        (0..DEV_WALLETS - 1).map(Self::dev)
    }

    /// A wallet of the caller's own: the same number, the same wallet.
    pub fn numbered(number: u64) -> Self {
        let seed = alloy_primitives::keccak256(number.to_be_bytes());
        Self::from_bytes(seed.as_slice()).expect("a hash is a valid key but with odds of 2^-128")
    }

    /// A wallet that nobody had before, with as much money as the others. For tests: who is owed
    /// something is served before he pays again, so purchases that are to have nothing to do with
    /// each other need wallets of their own.
    pub fn another() -> Self {
        let wallet = Self::from_bytes(super::draft::fresh_nonce().as_slice())
            .expect("all but 2^-128 of them are keys");
        OTHERS.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert_default().insert(wallet.address);
        wallet
    }

    /// Whether [`Wallet::another`] made it, in this process.
    pub fn is_another(address: &Address) -> bool {
        let others = OTHERS.lock().unwrap_or_else(PoisonError::into_inner);
        others.as_ref().is_some_and(|others| others.contains(address))
    }

    /// From 32 bytes of hex, with or without `0x`.
    pub fn from_hex(text: &str) -> Option<Self> {
        Self::from_bytes(&hex::decode(text).ok()?)
    }

    fn from_bytes(bytes: &[u8]) -> Option<Self> {
        let key = SigningKey::from_slice(bytes).ok()?;
        let address = Address::from_private_key(&key);
        Some(Self { key, address })
    }

    pub fn address(&self) -> Address {
        self.address
    }

    /// `r`, `s` (low) and `v` of 27 or 28.
    ///
    /// # Panics
    /// Never in practice: signing a 32-byte digest does not fail.
    pub fn sign(&self, digest: B256) -> [u8; 65] {
        self.sign_with(digest, &[])
    }

    /// As good a signature over the same, in other bytes.
    ///
    /// # Panics
    /// Never in practice, as [`sign`](Self::sign).
    pub fn sign_otherwise(&self, digest: B256) -> [u8; 65] {
        self.sign_with(digest, b"otherwise")
    }

    /// The nonce is RFC 6979's, with more data in it.
    fn sign_with(&self, digest: B256, more: &[u8]) -> [u8; 65] {
        let (signature, recovery) = self
            .key
            .as_nonzero_scalar()
            .try_sign_prehashed_rfc6979::<Hash>(&digest.0.into(), more)
            .expect("a 32-byte digest can be signed");
        let recovery = recovery.expect("every signature has one");
        let odd = recovery.is_y_odd() != signature.normalize_s().is_some();
        let mut bytes = [0_u8; 65];
        bytes[..64].copy_from_slice(&signature.normalize_s().unwrap_or(signature).to_bytes());
        bytes[64] = 27 + u8::from(odd);
        bytes
    }
}
