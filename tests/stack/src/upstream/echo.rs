//! What was received, as JSON.

use alloy_primitives::keccak256;
use serde::Serialize;

use crate::http1::Request;

#[derive(Serialize)]
struct Echo<'a> {
    upstream: &'a str,
    protocol: &'static str,
    method: &'a str,
    path: &'a str,
    query: &'a str,
    headers: Vec<[String; 2]>,
    body: Body,
}

#[derive(Serialize)]
struct Body {
    length: usize,
    /// Absent when the body is empty.
    #[serde(skip_serializing_if = "Option::is_none")]
    keccak256: Option<String>,
}

pub(super) fn echo(request: &Request, name: &str) -> Vec<u8> {
    let echo = Echo {
        upstream: name,
        protocol: request.protocol,
        method: request.method(),
        path: request.path(),
        query: request.query(),
        headers: request
            .headers
            .iter()
            .map(|header| [header.name().to_owned(), header.display_value()])
            .collect(),
        body: Body {
            length: request.body.len(),
            keccak256: (!request.body.is_empty()).then(|| keccak256(&request.body).to_string()),
        },
    };
    serde_json::to_vec(&echo).unwrap_or_default()
}
