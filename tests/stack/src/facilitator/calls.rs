//! The log of calls, and how often each nonce was sent to `/settle`.

use std::collections::{HashMap, VecDeque};
use std::time::{SystemTime, UNIX_EPOCH};

use alloy_primitives::B256;
use serde::Serialize;
use serde_json::Value;

use crate::http1::Request;

const KEPT: usize = 4096;

/// One call to `/verify` or `/settle`.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Call {
    pub id: u64,
    /// Unix time in milliseconds.
    pub at: u64,
    pub path: String,
    pub nonce: Option<B256>,
    pub payer: String,
    /// `valid`, `settled`, a reason code, or `fault:<kind>`; empty while under way.
    pub outcome: String,
    /// Whether an `Authorization` header was there.
    pub authorization: bool,
    /// Name and value; the value of `Authorization` is left out.
    pub headers: Vec<(String, String)>,
    pub body: Value,
}

#[derive(Debug, Default)]
pub(super) struct Calls {
    next: u64,
    log: VecDeque<Call>,
    settles: HashMap<B256, u64>,
}

impl Calls {
    pub(super) fn begin(&mut self, request: &Request, nonce: Option<B256>, payer: String) -> u64 {
        let id = self.next;
        self.next += 1;
        if let (Some(nonce), true) = (nonce, request.path().ends_with("/settle")) {
            *self.settles.entry(nonce).or_default() += 1;
        }
        let headers = request
            .headers
            .iter()
            .map(|header| {
                let secret = header.name.eq_ignore_ascii_case(b"authorization");
                let value = if secret { String::new() } else { header.display_value() };
                (header.name().to_owned(), value)
            })
            .collect();
        if self.log.len() == KEPT {
            self.log.pop_front();
        }
        self.log.push_back(Call {
            id,
            at: unix_millis(),
            path: request.target().to_owned(),
            nonce,
            payer,
            outcome: String::new(),
            authorization: request.header("authorization").is_some(),
            headers,
            body: serde_json::from_slice(&request.body).unwrap_or(Value::Null),
        });
        id
    }

    pub(super) fn end(&mut self, id: u64, outcome: String) {
        if let Some(call) = self.log.iter_mut().rev().find(|call| call.id == id) {
            call.outcome = outcome;
        }
    }

    pub(super) fn all(&self) -> Vec<Call> {
        self.log.iter().cloned().collect()
    }

    pub(super) fn settles_of(&self, nonce: B256) -> u64 {
        self.settles.get(&nonce).copied().unwrap_or_default()
    }

    pub(super) fn clear(&mut self) {
        self.log.clear();
        self.settles.clear();
    }
}

pub(super) fn unix_millis() -> u64 {
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .map_or(0, |since| u64::try_from(since.as_millis()).unwrap_or(u64::MAX))
}
