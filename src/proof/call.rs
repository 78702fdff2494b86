//! JSON-RPC requests (Ethereum execution API), one per body.

use super::receipt::{CANCELLED, TRANSFER, USED};
use super::{Means, Question, Transaction};
use crate::digits::{hex, push_hex};
use crate::evm::address_word;
use crate::json::extend;

/// `authorizationState(address,bytes32)`
const AUTHORIZATION_STATE: [u8; 4] = [0xe9, 0x4a, 0x01, 0x02];
/// `nonceBitmap(address,uint256)`
const NONCE_BITMAP: [u8; 4] = [0x4f, 0xe0, 0x2b, 0x44];

/// Which chain the node is on.
pub(super) fn chain_id(id: u8) -> Vec<u8> {
    request(id, "eth_chainId", "")
}

/// The newest block, with its transactions' hashes only.
pub(super) fn newest_block(id: u8) -> Vec<u8> {
    request(id, "eth_getBlockByNumber", "\"latest\",false")
}

/// A block by its number, likewise.
pub(super) fn block(id: u8, number: u64) -> Vec<u8> {
    let mut params = quantity(number);
    params.push_str(",false");
    request(id, "eth_getBlockByNumber", &params)
}

/// What a transaction is.
pub(super) fn transaction(id: u8, transaction: &Transaction) -> Vec<u8> {
    request(id, "eth_getTransactionByHash", &data(&[&transaction.0]))
}

/// What became of a transaction.
pub(super) fn receipt(id: u8, transaction: &Transaction) -> Vec<u8> {
    request(id, "eth_getTransactionReceipt", &data(&[&transaction.0]))
}

/// What the contract that burns the nonce said of it at a block.
pub(super) fn is_used(id: u8, question: &Question, block: u64) -> Vec<u8> {
    let payer = address_word(&question.payer);
    let call = match question.means {
        Means::Eip3009 => data(&[&AUTHORIZATION_STATE, &payer, &question.nonce]),
        Means::Permit2 | Means::Upto => {
            // The nonce's last byte is the place in the word that the other bytes name.
            let mut place = question.nonce;
            place.rotate_right(1);
            if let Some(first) = place.first_mut() {
                *first = 0;
            }
            data(&[&NONCE_BITMAP, &payer, &place])
        }
    };
    let to = data(&[question.burnt_by().as_bytes()]);
    let mut params = String::new();
    extend(&mut params, &["{\"to\":", &to, ",\"data\":", &call, "},", &quantity(block)]);
    request(id, "eth_call", &params)
}

/// The token's logs of the use of the nonce, or of the payer's transfers to the payee.
pub(super) fn logs(id: u8, question: &Question, from: u64, to: u64) -> Vec<u8> {
    let payer = data(&[&address_word(&question.payer)]);
    let (event, last) = match question.means {
        Means::Eip3009 => {
            let mut either = "[".to_owned();
            extend(&mut either, &[&data(&[&USED]), ",", &data(&[&CANCELLED]), "]"]);
            (either, question.nonce)
        }
        Means::Permit2 | Means::Upto => (data(&[&TRANSFER]), address_word(&question.pay_to)),
    };
    let token = data(&[question.token.as_bytes()]);
    let mut params = "{\"address\":".to_owned();
    extend(&mut params, &[&token, ",\"topics\":[", &event, ",", &payer, ",", &data(&[&last])]);
    extend(&mut params, &["],\"fromBlock\":", &quantity(from), ",\"toBlock\":", &quantity(to), "}"]);
    request(id, "eth_getLogs", &params)
}

#[inline(never)]
fn request(id: u8, method: &str, params: &str) -> Vec<u8> {
    let mut out = String::with_capacity(512);
    let id = id.to_string();
    extend(&mut out, &["{\"jsonrpc\":\"2.0\",\"id\":", &id, ",\"method\":\"", method]);
    extend(&mut out, &["\",\"params\":[", params, "]}"]);
    out.into_bytes()
}

/// Bytes as JSON-RPC spells them.
#[inline(never)]
fn data(parts: &[&[u8]]) -> String {
    let mut out = "\"0x".to_owned();
    for part in parts {
        push_hex(&mut out, part);
    }
    out.push('"');
    out
}

/// A number as JSON-RPC spells it: without leading zeros.
fn quantity(number: u64) -> String {
    let digits = hex(&number.to_be_bytes());
    let digits = digits.trim_start_matches('0');
    let mut out = "\"0x".to_owned();
    extend(&mut out, &[if digits.is_empty() { "0" } else { digits }, "\""]);
    out
}
