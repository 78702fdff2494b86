//! A node of the chain: honest, if it answers.

use serde_json::{json, Value};

use super::market::{self, payments, Coin, CHAIN, PAYEE, START, TOKEN};

const USED: &str = "0x98de503528ee59b575ef0c0a2576a82497bfc029a5685b209e9ec333479b10a5";
const CANCELLED: &str = "0x1cdd46ff242716cdaa72d159d339a485b3438398348d68f09d7c8c0a59353d81";
const TRANSFER: &str = "0xddf252ad1be2c89b69c2b068fc378daa952ba7f163c4a11628f55a4df523b3ef";

/// Answers a call.
pub(super) fn answer(body: &[u8], chain: &[Coin], now: u64) -> (u16, Vec<u8>) {
    let body: Value = serde_json::from_slice(body).expect("a node is asked in JSON");
    let params = &body["params"];
    let result = match body["method"].as_str().expect("a method") {
        "eth_chainId" => json!(format!("0x{CHAIN:x}")),
        "eth_getBlockByNumber" => json!({"number": quantity(block(now)), "timestamp": quantity(now)}),
        "eth_call" => {
            let data = params[0]["data"].as_str().expect("data");
            let place = market::of_nonce(&format!("0x{}", &data[data.len() - 64..]));
            let used = place.is_some_and(|place| chain[place] != Coin::Unspent);
            json!(format!("0x{:064x}", u8::from(used)))
        }
        "eth_getLogs" => {
            let nonce = params[0]["topics"][2].as_str().expect("a nonce");
            let found = market::of_nonce(nonce).and_then(|place| {
                let (at, event) = match chain[place] {
                    Coin::Unspent => return None,
                    Coin::Paid(at) => (at, USED),
                    Coin::Cancelled(at) => (at, CANCELLED),
                };
                let bound = |name: &str| {
                    params[0][name].as_str().and_then(|text| u64::from_str_radix(&text[2..], 16).ok())
                };
                let there = bound("fromBlock")? <= block(at) && block(at) <= bound("toBlock")?;
                there.then(|| log(event, place))
            });
            json!(found.into_iter().collect::<Vec<_>>())
        }
        "eth_getTransactionReceipt" => {
            let hash = params[0].as_str().expect("a hash");
            match market::of_transaction(hash).filter(|place| matches!(chain[*place], Coin::Paid(_))) {
                Some(place) => {
                    json!({"transactionHash": hash, "status": "0x1", "logs": [log(USED, place), transfer(place)]})
                }
                None => Value::Null,
            }
        }
        other => panic!("a node is asked for {other}"),
    };
    (200, json!({"jsonrpc": "2.0", "id": body["id"], "result": result}).to_string().into_bytes())
}

fn block(now: u64) -> u64 {
    1_000 + now.saturating_sub(START)
}

fn quantity(number: u64) -> String {
    format!("0x{number:x}")
}

fn word(address: &str) -> String {
    format!("0x{:0>64}", address[2..].to_lowercase())
}

fn log(event: &str, place: usize) -> Value {
    let payment = &payments()[place];
    json!({
        "address": TOKEN, "topics": [event, word(&payment.from.to_string()), market::hex(&payment.nonce)],
        "data": "0x", "transactionHash": market::transaction(place), "removed": false,
    })
}

fn transfer(place: usize) -> Value {
    let payment = &payments()[place];
    json!({
        "address": TOKEN, "topics": [TRANSFER, word(&payment.from.to_string()), word(PAYEE)],
        "data": format!("0x{:064x}", payment.value), "transactionHash": market::transaction(place), "removed": false,
    })
}
