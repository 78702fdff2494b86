//! A node that knows a few transactions, and may be made to lie.

use serde_json::{json, Value};

use super::*;
use crate::evm::address_word;

/// A log, as a node spells it.
#[derive(Clone)]
pub(in crate::proof) struct Log {
    pub(in crate::proof) address: Address,
    pub(in crate::proof) topics: Vec<[u8; 32]>,
    pub(in crate::proof) data: Vec<u8>,
    pub(in crate::proof) removed: bool,
}

#[derive(Clone)]
pub(in crate::proof) struct Sent {
    pub(in crate::proof) hash: [u8; 32],
    pub(in crate::proof) block: u64,
    pub(in crate::proof) to: Option<Address>,
    pub(in crate::proof) input: Vec<u8>,
    pub(in crate::proof) status: u64,
    pub(in crate::proof) logs: Vec<Log>,
}

/// Replaces an answer: gets the method and the answer.
type Lie = Box<dyn Fn(&str, Value) -> Value + Send + Sync>;

pub(in crate::proof) struct Node {
    pub(in crate::proof) chain_id: u64,
    pub(in crate::proof) head: u64,
    pub(in crate::proof) time: u64,
    /// Nonces that are used, by contract.
    pub(in crate::proof) used: Vec<(Address, Address, [u8; 32])>,
    pub(in crate::proof) sent: Vec<Sent>,
    pub(in crate::proof) lie: Option<Lie>,
}

impl Default for Node {
    fn default() -> Self {
        Self { chain_id: 8453, head: 50_000, time: END - 30, used: Vec::new(), sent: Vec::new(), lie: None }
    }
}

impl Log {
    pub(in crate::proof) fn new(address: Address, topics: [[u8; 32]; 3], data: &[u8]) -> Self {
        Self { address, topics: topics.to_vec(), data: data.to_vec(), removed: false }
    }

    fn json(&self, sent: &Sent) -> Value {
        json!({
            "address": self.address.to_string(),
            "topics": self.topics.iter().map(|topic| hex0(topic)).collect::<Vec<_>>(),
            "data": hex0(&self.data),
            "blockNumber": format!("{:#x}", sent.block),
            "transactionHash": hex0(&sent.hash),
            "logIndex": "0x0",
            "removed": self.removed,
        })
    }
}

impl Node {
    /// The same node at another time.
    pub(in crate::proof) fn at(mut self, time: u64) -> Self {
        self.time = time;
        self
    }

    pub(in crate::proof) fn lying(
        mut self,
        lie: impl Fn(&str, Value) -> Value + Send + Sync + 'static,
    ) -> Self {
        self.lie = Some(Box::new(lie));
        self
    }

    /// When a block was: one every two seconds.
    pub(in crate::proof) fn time_of(&self, block: u64) -> u64 {
        self.time.saturating_sub((self.head - block) * 2)
    }

    /// Marks the nonce as used.
    pub(in crate::proof) fn using(mut self, question: &Question) -> Self {
        self.used.push((question.burnt_by(), question.payer, question.nonce));
        self
    }

    /// Adds a transaction with these logs.
    pub(in crate::proof) fn sending(mut self, sent: Sent) -> Self {
        self.sent.push(sent);
        self
    }

    /// Adds what facilitators make of these.
    pub(in crate::proof) fn paying(self, questions: &[Question]) -> Self {
        questions.iter().fold(self, |node, question| {
            let block = node.head - 100 + node.sent.len() as u64;
            let sent = payment(question, node.sent.len() as u8 + 1, block);
            node.using(question).sending(sent)
        })
    }

    /// The method, and the answer to a request.
    pub(in crate::proof) fn answer(&self, body: &[u8]) -> (String, String) {
        let request: Value = serde_json::from_slice(body).unwrap();
        assert_eq!(request["jsonrpc"], "2.0");
        let method = request["method"].as_str().unwrap();
        let params = &request["params"];
        let mut answer = json!({"jsonrpc": "2.0", "id": request["id"]});
        match self.result(method, params) {
            Ok(result) => answer["result"] = result,
            Err(message) => answer["error"] = json!({"code": -32000, "message": message}),
        }
        let answer = self.lie.as_ref().map_or_else(|| answer.clone(), |lie| lie(method, answer.clone()));
        (method.to_owned(), answer.to_string())
    }

    fn result(&self, method: &str, params: &Value) -> Result<Value, &'static str> {
        let sent = |hash: &Value| self.sent.iter().find(|sent| hex0(&sent.hash) == *hash);
        Ok(match method {
            "eth_chainId" => json!(format!("{:#x}", self.chain_id)),
            "eth_getBlockByNumber" => {
                let number = if params[0] == "latest" { self.head } else { number(&params[0]) };
                json!({
                    "number": format!("{number:#x}"), "timestamp": format!("{:#x}", self.time_of(number)),
                    "hash": hex0(&[1; 32]), "transactions": [hex0(&[2; 32])], "uncles": [],
                })
            }
            "eth_call" if number(&params[1]) > self.head => return Err("header not found"),
            "eth_call" => json!(hex0(&self.word(&params[0]))),
            "eth_getLogs" => self.logs(&params[0]),
            "eth_getTransactionByHash" => sent(&params[0]).map_or(Value::Null, |sent| {
                json!({
                    "hash": hex0(&sent.hash), "to": sent.to.map(|to| to.to_string()), "input": hex0(&sent.input),
                    "from": address(0xfa).to_string(), "value": "0x0", "accessList": [],
                })
            }),
            "eth_getTransactionReceipt" => sent(&params[0]).map_or(Value::Null, |sent| {
                json!({
                    "transactionHash": hex0(&sent.hash), "status": format!("{:#x}", sent.status),
                    "blockNumber": format!("{:#x}", sent.block),
                    "logs": sent.logs.iter().map(|log| log.json(sent)).collect::<Vec<_>>(), "to": null,
                })
            }),
            _ => return Err("the method does not exist"),
        })
    }

    fn word(&self, call: &Value) -> Vec<u8> {
        let (to, data) = (call["to"].as_str().unwrap(), call["data"].as_str().unwrap());
        let to = Address::parse(to).unwrap();
        let data = hex::decode(&data[2..]).unwrap();
        let mine = self.used.iter().filter(|(by, payer, _)| *by == to && address_word(payer) == data[4..36]);
        if to != PERMIT2 {
            return Amount::from_u64(u64::from(mine.into_iter().any(|(.., nonce)| *nonce == data[36..])))
                .to_be_bytes()
                .to_vec();
        }
        let mut word = [0; 32];
        for (.., nonce) in mine.into_iter().filter(|(.., nonce)| nonce[..31] == data[37..] && data[36] == 0) {
            word[31 - usize::from(nonce[31] / 8)] |= 1 << (nonce[31] % 8);
        }
        word.to_vec()
    }

    fn logs(&self, filter: &Value) -> Value {
        let (from, to) = (number(&filter["fromBlock"]), number(&filter["toBlock"]));
        assert!(from <= to && to - from < WINDOW, "{filter}");
        let fits = |topic: &[u8; 32], wanted: &Value| match wanted {
            Value::Array(any) => any.contains(&json!(hex0(topic))),
            one => *one == hex0(topic),
        };
        let logs = self.sent.iter().filter(|sent| sent.status == 1 && (from..=to).contains(&sent.block));
        let logs = logs.flat_map(|sent| sent.logs.iter().map(move |log| (sent, log))).filter(|(_, log)| {
            let wanted = filter["topics"].as_array().unwrap();
            hex0(log.address.as_bytes()) == filter["address"]
                && log.topics.len() >= wanted.len()
                && log.topics.iter().zip(wanted).all(|(topic, wanted)| fits(topic, wanted))
        });
        logs.map(|(sent, log)| log.json(sent)).collect()
    }
}

/// The transaction a facilitator sends for a question.
pub(in crate::proof) fn payment(question: &Question, hash: u8, block: u64) -> Sent {
    let (to, input) = match question.means {
        Means::Eip3009 => (question.token, vec![0xcf, 0x09, 0x29, 0x95]),
        Means::Permit2 => (crate::evm::permit2::EXACT_PROXY, settle(question, false)),
        Means::Upto => (crate::evm::permit2::UPTO_PROXY, settle(question, false)),
    };
    let used = (question.means == Means::Eip3009).then(|| log_of(receipt::USED, question));
    let logs = used.into_iter().chain([transfer_of(question)]).collect();
    Sent { hash: [hash; 32], block, to: Some(to), input, status: 1, logs }
}

/// The proxies' calldata, as Solidity's ABI has it.
pub(in crate::proof) fn settle(question: &Question, with_permit: bool) -> Vec<u8> {
    let number = |number: u64| Amount::from_u64(number).to_be_bytes();
    let most = if question.means == Means::Upto { number(20_000) } else { question.amount.to_be_bytes() };
    let mut words = vec![address_word(&question.token), most, question.nonce, number(question.valid_before)];
    if question.means == Means::Upto {
        words.push(question.amount.to_be_bytes());
    }
    words.extend([address_word(&question.payer), address_word(&question.pay_to)]);
    if question.means == Means::Upto {
        words.push(address_word(&address(0xfa)));
    }
    words.extend([number(0), number(0x140), number(65), [0x11; 32], [0x22; 32], [0x1b; 32]]);
    if with_permit {
        words.splice(0..0, [number(20_000), number(0), [0x33; 32], [0x44; 32], number(27)]);
    }
    let selectors = if question.means == Means::Upto { receipt::UPTO } else { receipt::EXACT };
    [&selectors[usize::from(with_permit)][..], &words.concat()].concat()
}

fn number(value: &Value) -> u64 {
    u64::from_str_radix(value.as_str().unwrap().strip_prefix("0x").unwrap(), 16).unwrap()
}

pub(in crate::proof) fn hex0(bytes: &[u8]) -> String {
    format!("0x{}", hex::encode(bytes))
}
