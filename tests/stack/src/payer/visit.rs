//! A whole visit: ask, read the quote, sign, ask again.

use std::fmt;
use std::net::{SocketAddr, ToSocketAddrs};

use bytes::Bytes;

use crate::client::{request, Answer, RawRequest};

use super::draft::Draft;
use super::payment::Payment;
use super::quote::Quote;
use super::wallet::Wallet;

/// What was seen on the way.
#[derive(Debug)]
pub struct Visit {
    pub first: Answer,
    /// None when the first answer was not a 402.
    pub quote: Option<Quote>,
    pub payment: Option<Payment>,
    pub second: Option<Answer>,
}

impl Visit {
    /// The last answer.
    pub fn answer(&self) -> &Answer {
        self.second.as_ref().unwrap_or(&self.first)
    }

    /// Whether money was taken for the answer.
    pub fn paid(&self) -> bool {
        self.answer().receipt().is_some_and(|receipt| receipt["success"] == true)
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum VisitError {
    NotAnHttpUrl,
    UnknownHost,
    Unreachable,
    NoQuote,
    NothingPayable,
}

impl fmt::Display for VisitError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::NotAnHttpUrl => "only http:// URLs are supported",
            Self::UnknownHost => "the host does not resolve",
            Self::Unreachable => "no answer",
            Self::NoQuote => "402 without a quote in PAYMENT-REQUIRED or in a version 1 body",
            Self::NothingPayable => "nothing in the quote can be paid by EIP-3009 or Permit2",
        })
    }
}

impl std::error::Error for VisitError {}

/// Asks once, pays if asked to, asks again with the payment.
pub async fn visit(
    url: &str,
    method: &str,
    headers: &[(String, String)],
    body: Bytes,
    wallet: &Wallet,
) -> Result<Visit, VisitError> {
    let (address, host, target) = split(url)?;
    let mut ask =
        RawRequest::new(method, target).header("host", host).header("user-agent", "x402-payer").body(body);
    for (name, value) in headers {
        ask = ask.header(name, value);
    }
    let first = request(address, &ask).await;
    if first.status == 0 {
        return Err(VisitError::Unreachable);
    }
    if first.status != 402 {
        return Ok(Visit { first, quote: None, payment: None, second: None });
    }
    let quote = first.quote().ok_or(VisitError::NoQuote)?;
    let draft = Draft::for_quote(wallet, &quote).ok_or(VisitError::NothingPayable)?;
    let payment = draft.sign(wallet);
    let second = request(address, &ask.pay(&payment)).await;
    Ok(Visit { first, quote: Some(quote), payment: Some(payment), second: Some(second) })
}

/// Address, authority and target of an http URL.
fn split(url: &str) -> Result<(SocketAddr, &str, &str), VisitError> {
    let rest = url.strip_prefix("http://").ok_or(VisitError::NotAnHttpUrl)?;
    let (authority, target) = match rest.find('/') {
        Some(at) => rest.split_at(at),
        None => (rest, "/"),
    };
    let with_port = if authority.rsplit(']').next().unwrap_or("").contains(':') {
        authority.to_owned()
    } else {
        format!("{authority}:80")
    };
    let address = with_port
        .to_socket_addrs()
        .ok()
        .and_then(|mut addresses| addresses.next())
        .ok_or(VisitError::UnknownHost)?;
    Ok((address, authority, target))
}
