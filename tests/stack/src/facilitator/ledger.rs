//! The chain, as far as EIP-3009 is concerned: balances, authorisation states, transfers.

use std::collections::{HashMap, HashSet};

use alloy_primitives::{keccak256, Address, B256, U256};
use serde::Serialize;

use crate::eip3009::{canonical_network, is_canonical};
use crate::payer::Wallet;

use super::calls::unix_millis;
use super::terms::Terms;

/// What a new ledger grants every development wallet but the last, in base units of any token.
pub const GRANT: u64 = 1_000_000_000_000;

/// What a token burns: nobody moves money twice under the same key.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize)]
pub struct AuthorizationKey {
    pub network: String,
    pub asset: Address,
    pub payer: Address,
    pub nonce: B256,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase", tag = "state")]
pub enum AuthorizationState {
    Used { transaction: B256 },
    Cancelled { transaction: B256 },
}

/// A transfer that happened.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Transfer {
    pub network: String,
    pub asset: Address,
    pub from: Address,
    pub to: Address,
    #[serde(serialize_with = "decimal")]
    pub amount: U256,
    pub nonce: B256,
    pub transaction: B256,
    /// Of its block, in Unix seconds.
    pub time: u64,
}

/// Why the token reverts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Revert {
    AuthorizationUsed,
    InsufficientBalance,
    /// `v` or `s` out of the token's own range, or a contract wallet that says no.
    InvalidSignature,
}

/// How the token checks signatures.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Token {
    /// As deployed USDC: low `s` and `v` of 27 or 28 from an account, and a contract wallet's word.
    #[default]
    Strict,
    /// Takes whatever the facilitator took: the mock chain under the published vectors.
    Lenient,
}

type Account = (String, Address, Address);

#[derive(Debug)]
pub struct Ledger {
    token: Token,
    granted: HashSet<Address>,
    balances: HashMap<Account, U256>,
    authorizations: HashMap<AuthorizationKey, AuthorizationState>,
    transfers: Vec<Transfer>,
    wallets: HashMap<Address, bool>,
    counter: u64,
}

impl Ledger {
    /// A chain on which the development wallets have money and nothing has happened.
    pub fn new(token: Token) -> Self {
        Self {
            token,
            granted: Wallet::funded().map(|wallet| wallet.address()).collect(),
            balances: HashMap::new(),
            authorizations: HashMap::new(),
            transfers: Vec::new(),
            wallets: HashMap::new(),
            counter: 0,
        }
    }

    pub fn balance(&self, network: &str, asset: Address, owner: Address) -> U256 {
        let account = (canonical_network(network), asset, owner);
        self.balances.get(&account).copied().unwrap_or_else(|| {
            if self.granted.contains(&owner) || Wallet::is_another(&owner) {
                U256::from(GRANT)
            } else {
                U256::ZERO
            }
        })
    }

    /// Sets a balance.
    pub fn fund(&mut self, network: &str, asset: Address, owner: Address, amount: U256) {
        self.balances.insert((canonical_network(network), asset, owner), amount);
    }

    /// Gives an address code: a contract wallet that accepts or refuses signatures (EIP-1271).
    pub fn deploy_wallet(&mut self, address: Address, accepts: bool) {
        self.wallets.insert(address, accepts);
    }

    /// What the code of an address says about signatures; `None` when there is no code.
    pub fn wallet(&self, address: Address) -> Option<bool> {
        self.wallets.get(&address).copied()
    }

    /// The payer burns a nonce; afterwards it looks exactly as if it had been used.
    pub fn cancel(&mut self, key: AuthorizationKey) -> Result<B256, Revert> {
        let key = canonical(key);
        if self.authorizations.contains_key(&key) {
            return Err(Revert::AuthorizationUsed);
        }
        let transaction = self.next_transaction(key.nonce);
        let state = AuthorizationState::Cancelled { transaction };
        self.authorizations.insert(key, state);
        Ok(transaction)
    }

    pub fn authorization(&self, key: &AuthorizationKey) -> Option<AuthorizationState> {
        self.authorizations.get(&canonical(key.clone())).copied()
    }

    /// What an `eth_call` of the transfer would say now.
    pub fn simulate(&self, terms: &Terms) -> Result<(), Revert> {
        if self.authorizations.contains_key(&terms.key()) {
            return Err(Revert::AuthorizationUsed);
        }
        if self.balance(&terms.network, terms.asset, terms.from) < terms.value {
            return Err(Revert::InsufficientBalance);
        }
        let takes_signature = match (self.token, self.wallet(terms.from)) {
            (Token::Lenient, None) => true,
            (Token::Strict, None) => is_canonical(&terms.signature),
            (Token::Strict, Some(accepts)) => accepts,
            (Token::Lenient, Some(_)) => false,
        };
        if takes_signature {
            Ok(())
        } else {
            Err(Revert::InvalidSignature)
        }
    }

    /// Moves the money, or says why the transaction reverted.
    pub fn transfer(&mut self, terms: &Terms) -> Result<B256, Revert> {
        self.simulate(terms)?;
        let transaction = self.next_transaction(terms.nonce);
        let network = terms.network.clone();
        let debit = self.balance(&network, terms.asset, terms.from) - terms.value;
        self.fund(&network, terms.asset, terms.from, debit);
        let credit = self.balance(&network, terms.asset, terms.to) + terms.value;
        self.fund(&network, terms.asset, terms.to, credit);
        self.authorizations.insert(terms.key(), AuthorizationState::Used { transaction });
        self.transfers.push(Transfer {
            network,
            asset: terms.asset,
            from: terms.from,
            to: terms.to,
            amount: terms.value,
            nonce: terms.nonce,
            transaction,
            time: unix_millis() / 1_000,
        });
        Ok(transaction)
    }

    /// A hash nobody has seen, also for transactions that revert or never land.
    pub fn next_transaction(&mut self, nonce: B256) -> B256 {
        self.counter += 1;
        let mut seed = [0_u8; 40];
        seed[..8].copy_from_slice(&self.counter.to_be_bytes());
        seed[8..].copy_from_slice(nonce.as_slice());
        keccak256(seed)
    }

    pub fn transfers(&self) -> &[Transfer] {
        &self.transfers
    }

    pub fn transfers_of(&self, nonce: B256) -> Vec<Transfer> {
        self.transfers.iter().filter(|transfer| transfer.nonce == nonce).cloned().collect()
    }

    /// The whole ledger, as `GET /admin/ledger` shows it.
    pub fn snapshot(&self) -> serde_json::Value {
        let mut balances: Vec<_> = self
            .balances
            .iter()
            .map(|((network, asset, owner), amount)| {
                serde_json::json!({
                    "network": network, "asset": asset, "address": owner,
                    "amount": amount.to_string(),
                })
            })
            .collect();
        balances.sort_by_key(ToString::to_string);
        let authorizations: Vec<_> = self
            .authorizations
            .iter()
            .map(|(key, state)| serde_json::json!({ "key": key, "is": state }))
            .collect();
        serde_json::json!({
            "balances": balances,
            "authorizations": authorizations,
            "transfers": self.transfers,
        })
    }
}

fn canonical(mut key: AuthorizationKey) -> AuthorizationKey {
    key.network = canonical_network(&key.network);
    key
}

fn decimal<S: serde::Serializer>(amount: &U256, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(amount)
}
