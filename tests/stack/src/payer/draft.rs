//! An authorisation before it is signed. Change anything: what is signed is what stands here.

use std::cell::RefCell;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{SystemTime, UNIX_EPOCH};

use alloy_primitives::{keccak256, Address, B256, U256};
use serde_json::{json, Map, Value};

use crate::eip3009::{chain_id, digest, domain, v1_chain_id, TransferWithAuthorization};
use crate::permit2::{Permit, EXACT_PROXY, UPTO_PROXY};

use super::payment::Payment;
use super::quote::Quote;
use super::wallet::Wallet;

/// What will be signed, and what will be sent with it.
#[derive(Clone, Debug)]
pub struct Draft {
    /// 1 or 2: the shape of the payload.
    pub version: u64,
    /// The requirement being met, echoed as `accepted`.
    pub accepted: Value,
    pub resource: Option<Value>,
    pub extensions: Option<Value>,
    pub from: Address,
    pub to: Address,
    pub value: U256,
    pub valid_after: U256,
    pub valid_before: U256,
    pub nonce: B256,
    pub domain_name: String,
    pub domain_version: String,
    pub chain_id: u64,
    pub token: Address,
    /// Signed through Permit2; else by the token's own EIP-3009.
    pub permit: Option<Spending>,
}

/// What a permit says beside the transfer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Spending {
    pub spender: Address,
    /// The witness's facilitator, under `upto`.
    pub facilitator: Option<Address>,
}

impl Draft {
    /// An honest payment for one requirement, as the TypeScript client writes it.
    /// `None` when the requirement cannot be paid by EIP-3009 or Permit2.
    pub fn new(wallet: &Wallet, accepted: &Value) -> Option<Self> {
        let network = accepted["network"].as_str()?;
        let version = if accepted["maxAmountRequired"].is_null() { 2 } else { 1 };
        let amount = if version == 1 { &accepted["maxAmountRequired"] } else { &accepted["amount"] };
        let now = unix_seconds();
        let timeout = accepted["maxTimeoutSeconds"].as_u64()?;
        let permit = match (accepted["scheme"].as_str()?, accepted["extra"]["assetTransferMethod"].as_str()) {
            ("exact", None | Some("eip3009")) => None,
            ("exact", Some("permit2")) => Some(Spending { spender: EXACT_PROXY, facilitator: None }),
            ("upto", _) => {
                let facilitator = accepted["extra"]["facilitatorAddress"].as_str()?.parse().ok()?;
                Some(Spending { spender: UPTO_PROXY, facilitator: Some(facilitator) })
            }
            _ => return None,
        };
        Some(Self {
            version,
            from: wallet.address(),
            to: accepted["payTo"].as_str()?.parse().ok()?,
            value: amount.as_str()?.parse().ok()?,
            valid_after: if version == 1 { U256::from(now.saturating_sub(600)) } else { U256::ZERO },
            valid_before: U256::from(now + timeout),
            nonce: fresh_nonce(),
            domain_name: accepted["extra"]["name"].as_str()?.to_owned(),
            domain_version: accepted["extra"]["version"].as_str()?.to_owned(),
            chain_id: v1_chain_id(network).or_else(|| chain_id(network))?,
            token: accepted["asset"].as_str()?.parse().ok()?,
            permit,
            accepted: accepted.clone(),
            resource: None,
            extensions: None,
        })
    }

    /// An honest payment for the first requirement of a quote that can be met; the quote's
    /// resource and extensions are echoed whole.
    pub fn for_quote(wallet: &Wallet, quote: &Quote) -> Option<Self> {
        let mut draft = Self::new(wallet, quote.payable()?)?;
        if draft.version == 2 {
            draft.resource = quote.resource.clone();
            draft.extensions = quote.extensions.clone();
        }
        Some(draft)
    }

    /// The window, relative to a time the caller names.
    pub fn window(mut self, valid_after: u64, valid_before: u64) -> Self {
        self.valid_after = U256::from(valid_after);
        self.valid_before = U256::from(valid_before);
        self
    }

    pub fn nonce(mut self, nonce: B256) -> Self {
        self.nonce = nonce;
        self
    }

    pub fn value(mut self, value: impl TryInto<U256>) -> Self {
        self.value = value.try_into().unwrap_or(U256::MAX);
        self
    }

    pub fn to(mut self, to: Address) -> Self {
        self.to = to;
        self
    }

    pub fn digest(&self) -> B256 {
        if let Some(permit) = self.permit {
            return self.permit(permit).digest(self.chain_id);
        }
        let message = TransferWithAuthorization {
            from: self.from,
            to: self.to,
            value: self.value,
            validAfter: self.valid_after,
            validBefore: self.valid_before,
            nonce: self.nonce,
        };
        let domain = domain(&self.domain_name, &self.domain_version, self.chain_id, self.token);
        digest(&message, &domain)
    }

    fn permit(&self, spending: Spending) -> Permit {
        Permit {
            token: self.token,
            amount: self.value,
            spender: spending.spender,
            nonce: self.nonce.into(),
            deadline: self.valid_before,
            to: self.to,
            facilitator: spending.facilitator,
            valid_after: self.valid_after,
        }
    }

    fn signed_part(&self) -> (&'static str, Value) {
        let Some(permit) = self.permit.map(|spending| self.permit(spending)) else {
            let transfer = json!({
                "from": self.from.to_string(),
                "to": self.to.to_string(),
                "value": self.value.to_string(),
                "validAfter": self.valid_after.to_string(),
                "validBefore": self.valid_before.to_string(),
                "nonce": self.nonce.to_string(),
            });
            return ("authorization", transfer);
        };
        let mut witness =
            json!({ "to": permit.to.to_string(), "validAfter": permit.valid_after.to_string() });
        if let Some(facilitator) = permit.facilitator {
            witness["facilitator"] = json!(facilitator.to_string());
        }
        let signed = json!({
            "from": self.from.to_string(),
            "permitted": { "token": permit.token.to_string(), "amount": permit.amount.to_string() },
            "spender": permit.spender.to_string(),
            "nonce": permit.nonce.to_string(),
            "deadline": permit.deadline.to_string(),
            "witness": witness,
        });
        ("permit2Authorization", signed)
    }

    /// Signs with any wallet; with another than `from`, it is a forgery.
    pub fn sign(&self, wallet: &Wallet) -> Payment {
        let digest = self.digest();
        let signature = wallet.sign(digest);
        let (name, signed) = self.signed_part();
        let payload = json!({ "signature": alloy_primitives::hex::encode_prefixed(signature), name: signed });
        let mut json = Map::new();
        json.insert("x402Version".to_owned(), json!(self.version));
        json.insert("payload".to_owned(), payload);
        if self.version == 1 {
            json.insert("scheme".to_owned(), self.accepted["scheme"].clone());
            json.insert("network".to_owned(), self.accepted["network"].clone());
        } else {
            json.insert("accepted".to_owned(), self.accepted.clone());
            for (key, value) in [("resource", &self.resource), ("extensions", &self.extensions)] {
                if let Some(value) = value {
                    json.insert(key.to_owned(), value.clone());
                }
            }
        }
        Payment {
            version: self.version,
            json: Value::Object(json),
            requirements: self.accepted.clone(),
            nonce: self.nonce,
            payer: self.from,
        }
    }
}

thread_local! {
    /// What this thread's nonces are drawn from, and how many were.
    static DRAWN: RefCell<Option<(String, u64)>> = const { RefCell::new(None) };
}

/// From now on this thread's nonces and its wallets of nobody's are those that belong to a name: the
/// same in every process, whatever other threads draw, and used only where nobody else takes the name.
pub fn draw_from(name: &str) {
    DRAWN.set(Some((name.to_owned(), 0)));
}

/// A nonce nobody has used: the time, the process and a counter, hashed; or the thread's next.
pub(super) fn fresh_nonce() -> B256 {
    static COUNTER: AtomicU64 = AtomicU64::new(0);
    let own = DRAWN.with_borrow_mut(|drawn| {
        let (name, count) = drawn.as_mut()?;
        *count += 1;
        Some(keccak256([name.as_bytes(), &count.to_be_bytes()].concat()))
    });
    if let Some(own) = own {
        return own;
    }
    let nanos = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_nanos());
    let mut seed = Vec::with_capacity(32);
    seed.extend_from_slice(&nanos.to_be_bytes());
    seed.extend_from_slice(&std::process::id().to_be_bytes());
    seed.extend_from_slice(&COUNTER.fetch_add(1, Ordering::Relaxed).to_be_bytes());
    keccak256(seed)
}

fn unix_seconds() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs())
}
