//! `/admin/…`: the ledger, the faults and the log, over HTTP.

use std::sync::atomic::Ordering;
use std::sync::Arc;

use alloy_primitives::{Address, B256, U256};
use serde::de::DeserializeOwned;
use serde::Deserialize;
use serde_json::json;

use crate::http1::Response;

use super::faults::Fault;
use super::ledger::AuthorizationKey;
use super::{lock, State};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Funding {
    network: String,
    asset: Address,
    address: Address,
    amount: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Cancellation {
    network: String,
    asset: Address,
    payer: Address,
    nonce: B256,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ContractWallet {
    address: Address,
    accepts: bool,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Clock {
    offset: i64,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum OneOrMany {
    One(Fault),
    Many(Vec<Fault>),
}

pub(super) fn answer(state: &Arc<State>, method: &str, path: &str, body: &[u8]) -> Response {
    let done = match (method, path) {
        ("GET", "/admin/ledger") => return Response::json(200, &lock(&state.ledger).snapshot()),
        ("GET", "/admin/calls") => return Response::json(200, &lock(&state.calls).all()),
        ("GET", "/admin/inquiries") => return Response::json(200, &lock(&state.inquiries).all()),
        ("POST", "/admin/supported") => parse(body).map(|listing| *lock(&state.listing) = listing),
        ("GET", "/admin/faults") => return Response::json(200, &lock(&state.faults).0),
        ("DELETE", "/admin/faults") => {
            lock(&state.faults).0.clear();
            Ok(())
        }
        ("POST", "/admin/faults") => parse(body).map(|faults| match faults {
            OneOrMany::One(fault) => state.install(fault),
            OneOrMany::Many(faults) => faults.into_iter().for_each(|fault| state.install(fault)),
        }),
        ("POST", "/admin/fund") => parse::<Funding>(body).and_then(|funding| {
            let amount: U256 =
                funding.amount.parse().map_err(|_| "amount: a decimal string of base units".to_owned())?;
            lock(&state.ledger).fund(&funding.network, funding.asset, funding.address, amount);
            Ok(())
        }),
        ("POST", "/admin/cancel") => parse::<Cancellation>(body).and_then(|it| {
            let key =
                AuthorizationKey { network: it.network, asset: it.asset, payer: it.payer, nonce: it.nonce };
            let cancelled = lock(&state.ledger).cancel(key);
            cancelled.map(|_| ()).map_err(|_| "authorization is used or canceled".to_owned())
        }),
        ("POST", "/admin/wallets") => {
            parse::<ContractWallet>(body).map(|it| lock(&state.ledger).deploy_wallet(it.address, it.accepts))
        }
        ("POST", "/admin/clock") => {
            parse::<Clock>(body).map(|clock| state.clock_offset.store(clock.offset, Ordering::Relaxed))
        }
        ("POST", "/admin/reset") => {
            state.reset();
            Ok(())
        }
        _ => return Response::json(404, &json!({ "error": "no such admin call" })),
    };
    match done {
        Ok(()) => Response::json(200, &json!({ "ok": true })),
        Err(why) => Response::json(400, &json!({ "error": why })),
    }
}

fn parse<T: DeserializeOwned>(body: &[u8]) -> Result<T, String> {
    serde_json::from_slice(body).map_err(|error| error.to_string())
}
