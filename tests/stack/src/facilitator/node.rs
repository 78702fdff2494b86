//! A node of the chain that a facilitator's ledger stands for.
//!
//! JSON-RPC, as far as EIP-3009 tokens are asked about: chain, newest block, whether an
//! authorisation is used, its logs, a transaction's receipt. One block a second, whose number is its
//! time; logs of all that happened are found in the newest. Of Permit2 it knows nothing.

use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use alloy_primitives::{hex, keccak256, Address, B256};
use serde_json::{json, Value};

use crate::http1::{serve, Reply, Request, Response, Server, Service};

use super::calls::unix_millis;
use super::ledger::{AuthorizationKey, AuthorizationState, Transfer};
use super::{lock, Facilitator, State};

/// A running node. Stops when dropped.
pub struct Node {
    server: Server,
    desk: Desk,
}

#[derive(Clone)]
struct Desk {
    chain_id: u64,
    ledger: Arc<Mutex<Option<Arc<State>>>>,
    /// Seconds its clock is ahead.
    ahead: Arc<AtomicU64>,
    calls: Arc<AtomicU64>,
}

// === impl Node ===

impl Node {
    /// Of this chain, and of no ledger yet: until then every call is an error.
    pub fn start(chain_id: u64) -> io::Result<Self> {
        let desk = Desk { chain_id, ledger: Arc::default(), ahead: Arc::default(), calls: Arc::default() };
        Ok(Self { server: serve((Ipv4Addr::LOCALHOST, 0).into(), 1, desk.clone())?, desk })
    }

    /// Shows what happened on this facilitator's ledger.
    pub fn follow(&self, facilitator: &Facilitator) {
        *lock(&self.desk.ledger) = Some(Arc::clone(&facilitator.state));
    }

    pub fn address(&self) -> SocketAddr {
        self.server.address()
    }

    /// Its newest block is this much further ahead, in seconds.
    pub fn advance(&self, seconds: u64) {
        self.desk.ahead.fetch_add(seconds, Ordering::SeqCst);
    }

    /// Calls there were.
    pub fn calls(&self) -> u64 {
        self.desk.calls.load(Ordering::SeqCst)
    }

    /// Refuses connections until [`Node::resume`].
    pub fn refuse(&self) {
        self.server.refuse();
    }

    /// Listens again.
    pub fn resume(&self) {
        self.server.resume();
    }
}

// === impl Desk ===

impl Service for Desk {
    async fn call(&self, request: Request) -> Reply {
        self.calls.fetch_add(1, Ordering::SeqCst);
        let Ok(asked) = serde_json::from_slice::<Value>(&request.body) else {
            return Response::json(400, &json!({ "error": "not JSON" })).into();
        };
        let mut answer = json!({ "jsonrpc": "2.0", "id": asked["id"] });
        match self.result(asked["method"].as_str().unwrap_or_default(), &asked["params"]) {
            Some(result) => answer["result"] = result,
            None => answer["error"] = json!({ "code": -32_000, "message": "not here" }),
        }
        Response::json(200, &answer).into()
    }
}

impl Desk {
    fn result(&self, method: &str, params: &Value) -> Option<Value> {
        let state = lock(&self.ledger).clone()?;
        let ledger = lock(&state.ledger);
        let key = |asset: &Value, payer: B256, nonce: B256| {
            Some(AuthorizationKey {
                network: format!("eip155:{}", self.chain_id),
                asset: asset.as_str()?.parse().ok()?,
                payer: Address::from_word(payer),
                nonce,
            })
        };
        match method {
            "eth_chainId" => Some(quantity(self.chain_id)),
            "eth_getBlockByNumber" => {
                let number = match params[0].as_str()? {
                    "latest" => quantity(self.now()),
                    number => json!(number),
                };
                Some(json!({ "number": number, "timestamp": number }))
            }
            "eth_call" => {
                let data = hex::decode(params[0]["data"].as_str()?).ok()?;
                let (selector, words) = data.split_first_chunk::<4>()?;
                let (payer, nonce) = (words.get(..32)?, words.get(32..64)?);
                let known = keccak256("authorizationState(address,bytes32)");
                (known.get(..4)? == selector).then_some(())?;
                let key = key(&params[0]["to"], B256::from_slice(payer), B256::from_slice(nonce))?;
                let used = ledger.authorization(&key).is_some();
                Some(json!(B256::with_last_byte(used.into())))
            }
            "eth_getLogs" => {
                let filter = &params[0];
                let topic = |at: usize| filter["topics"][at].as_str()?.parse::<B256>().ok();
                let key = key(&filter["address"], topic(1)?, topic(2)?)?;
                // An older window.
                let to = u64::from_str_radix(filter["toBlock"].as_str()?.strip_prefix("0x")?, 16).ok()?;
                let found = ledger.authorization(&key).filter(|_| to + 1_000 > self.now());
                Some(found.iter().map(|state| use_of(&key, *state)).collect())
            }
            "eth_getTransactionReceipt" => {
                let hash: B256 = params[0].as_str()?.parse().ok()?;
                let of = |transfer: &&Transfer| transfer.transaction == hash;
                Some(ledger.transfers().iter().find(of).map_or(Value::Null, receipt))
            }
            _ => None,
        }
    }

    fn now(&self) -> u64 {
        unix_millis() / 1_000 + self.ahead.load(Ordering::SeqCst)
    }
}

fn quantity(number: u64) -> Value {
    json!(format!("{number:#x}"))
}

fn log(address: Address, topics: [B256; 3], data: &[u8], transaction: B256) -> Value {
    json!({
        "address": address, "topics": topics, "data": format!("0x{}", hex::encode(data)),
        "transactionHash": transaction, "removed": false,
    })
}

fn use_of(key: &AuthorizationKey, state: AuthorizationState) -> Value {
    let (event, transaction) = match state {
        AuthorizationState::Used { transaction } => ("AuthorizationUsed(address,bytes32)", transaction),
        AuthorizationState::Cancelled { transaction } => {
            ("AuthorizationCanceled(address,bytes32)", transaction)
        }
    };
    log(key.asset, [keccak256(event), key.payer.into_word(), key.nonce], &[], transaction)
}

fn receipt(transfer: &Transfer) -> Value {
    let (from, to) = (transfer.from.into_word(), transfer.to.into_word());
    let key = AuthorizationKey {
        network: transfer.network.clone(),
        asset: transfer.asset,
        payer: transfer.from,
        nonce: transfer.nonce,
    };
    let moved = keccak256("Transfer(address,address,uint256)");
    let amount = transfer.amount.to_be_bytes::<32>();
    json!({
        "transactionHash": transfer.transaction, "status": "0x1", "blockNumber": quantity(transfer.time),
        "logs": [
            use_of(&key, AuthorizationState::Used { transaction: transfer.transaction }),
            log(transfer.asset, [moved, from, to], &amount, transfer.transaction),
        ],
    })
}
