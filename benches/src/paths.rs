//! What is measured: a listener, requests, the status they must get, a yardstick.

use x402_devstack::payer::{Draft, Quote, SignatureForm, Wallet};

use crate::load::Requests;
use crate::peers::Peer;
use crate::stack::Stack;
use crate::Failure;

/// One path through the proxy.
#[derive(Clone, Copy, Debug)]
pub struct Path {
    pub name: &'static str,
    pub what: &'static str,
    pub stack: Stack,
    pub target: &'static str,
    pub pays: Pays,
    pub status: u16,
    /// Requests in one round.
    pub count: usize,
    /// The path it is compared with, and the ratio it must not exceed.
    pub over: Option<(&'static str, Option<f64>)>,
}

/// What is offered with a request.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Pays {
    Nothing,
    /// With a signature that no wallet makes: refused before anybody is recovered from it.
    Unsignable,
    /// A payment signed by somebody else than it says, a new one each time.
    Forged,
    /// A payment signed a moment ago, a new one each time.
    Fresh,
    /// The same by version 1.
    FreshV1,
    /// A payment that has bought what it could.
    Replayed,
}

const CHEAP: usize = 1_500;
const DEAR: usize = 400;

/// Every path of ours, yardsticks first.
pub const ALL: [Path; 19] = [
    Path::new("plain", "plain proxy", Stack::Plain, "/free/1", 200),
    Path::new("noop", "no-op wasm + proxy", Stack::Noop, "/free/1", 200).over("plain", None),
    Path::new("free", "unpriced, the path alone decides", Stack::Ours, "/free/1", 200)
        .over("noop", Some(1.05)),
    Path::new("method", "unpriced, the method decides", Stack::Ours, "/mixed/1", 200)
        .over("noop", Some(1.10)),
    Path::new("unmatched", "unmatched, passed", Stack::Ours, "/elsewhere/1", 200).over("noop", Some(1.05)),
    Path::new("pure", "`direct_response` of our 402, no wasm", Stack::PureDirect, "/before/1", 402),
    Path::new("direct", "no-op wasm + `direct_response` of our 402", Stack::NoopDirect, "/before/1", 402)
        .over("pure", None),
    // What a header of 1.5 KB costs whoever looks at none of it.
    Path::new(
        "carried",
        "the same, sent what no wallet could have signed",
        Stack::NoopDirect,
        "/before/1",
        402,
    )
    .pays(Pays::Unsignable)
    .over("direct", None),
    Path::new("unpaid", "unpaid, 402", Stack::Ours, "/before/1", 402).over("direct", Some(1.35)),
    Path::new("unsignable", "what no wallet could have signed, 402", Stack::Ours, "/before/1", 402)
        .pays(Pays::Unsignable)
        .over("unpaid", Some(1.3)),
    Path::new("forged", "forged payment, 402", Stack::Ours, "/before/1", 402)
        .pays(Pays::Forged)
        .over("unpaid", None),
    Path::new("any", "forged payment, 402, by default: `wallets: any`", Stack::Ours, "/any/1", 402)
        .pays(Pays::Forged)
        .over("forged", None),
    Path::new("replayed", "replayed payment, 402", Stack::Ours, "/before/1", 402)
        .pays(Pays::Replayed)
        .over("forged", None),
    // The same requests, payments and all: a header of 1.5 KB is the client's, not ours.
    Path::new("callout", "no-op wasm with one callout + proxy", Stack::NoopCallout, "/before/1", 200)
        .pays(Pays::Fresh)
        .over("noop", None),
    Path::new("before", "paid, `settle: before`", Stack::Ours, "/before/1", 200)
        .pays(Pays::Fresh)
        .over("callout", None),
    Path::new("after", "paid, `settle: after`", Stack::Ours, "/after/1", 200)
        .pays(Pays::Fresh)
        .over("callout", None),
    Path::new("v1", "paid by version 1, `settle: before`", Stack::Ours, "/before/1", 200)
        .pays(Pays::FreshV1)
        .over("callout", None),
    Path::new("permit", "paid by Permit2, `verify: local`", Stack::Ours, "/permit/1", 200)
        .pays(Pays::Fresh)
        .over("callout", None),
    Path::new("asked", "paid by Permit2, the facilitator verifies", Stack::Ours, "/asked/1", 200)
        .pays(Pays::Fresh)
        .over("callout", None),
];

/// The other projects' servers: alone, and behind an Envoy without a filter.
pub const PEERS: [Path; 8] = [
    peer("express", Stack::Alone(Peer::Express), 200),
    peer("hono", Stack::Alone(Peer::Hono), 300),
    peer("fastapi", Stack::Alone(Peer::Fastapi), 100),
    peer("axum", Stack::Alone(Peer::Axum), 800),
    peer("behind-express", Stack::Behind(Peer::Express), 200),
    peer("behind-hono", Stack::Behind(Peer::Hono), 300),
    peer("behind-fastapi", Stack::Behind(Peer::Fastapi), 100),
    peer("behind-axum", Stack::Behind(Peer::Axum), 400),
];

const fn peer(name: &'static str, stack: Stack, count: usize) -> Path {
    Path::new(name, name, stack, "/before/1", 200).pays(Pays::Fresh).times(count).over("after", None)
}

/// Who pays.
pub struct Wallets(Vec<Wallet>);

// === impl Path ===

impl Path {
    pub(crate) const fn new(
        name: &'static str,
        what: &'static str,
        stack: Stack,
        target: &'static str,
        status: u16,
    ) -> Self {
        Self { name, what, stack, target, pays: Pays::Nothing, status, count: CHEAP, over: None }
    }

    pub(crate) const fn pays(self, pays: Pays) -> Self {
        Self { pays, count: DEAR, ..self }
    }

    pub(crate) const fn times(self, count: usize) -> Self {
        Self { count, ..self }
    }

    pub(crate) const fn over(self, name: &'static str, bound: Option<f64>) -> Self {
        Self { over: Some((name, bound)), ..self }
    }

    /// The same requests to something else.
    pub fn at(self, stack: Stack) -> Self {
        Self { stack, ..self }
    }

    /// A round's requests. Payments are signed here, so that they are fresh.
    pub fn requests(
        &self,
        quote: Option<&Quote>,
        wallets: &Wallets,
        count: usize,
    ) -> Result<Requests, Failure> {
        if self.pays == Pays::Nothing {
            return Ok(Requests::Same(self.head(""), count));
        }
        let quote = quote.ok_or("nothing to pay by")?;
        let signed = (0..count).map(|number| {
            let payer = wallets.get(number);
            let draft = Draft::for_quote(payer, quote).ok_or("the quote cannot be paid")?;
            let signer = if self.pays == Pays::Forged { wallets.get(number + 1) } else { payer };
            let mut payment = draft.sign(signer);
            if self.pays == Pays::Unsignable {
                payment = payment.sign_as(SignatureForm::Zero);
            }
            let line = format!("{}: {}\r\n", payment.header_name().to_ascii_lowercase(), payment.header());
            Ok::<_, Failure>(self.head(&line))
        });
        Ok(Requests::Each(signed.collect::<Result<_, _>>()?))
    }

    /// What an API client sends.
    fn head(&self, payment: &str) -> Vec<u8> {
        format!(
            "GET {} HTTP/1.1\r\nhost: api.example.com\r\nuser-agent: x402-bench/1.0\r\naccept: application/json\r\n\
             accept-encoding: gzip, br\r\nauthorization: Bearer 0123456789abcdef0123456789abcdef\r\n{payment}\r\n",
            self.target
        )
        .into_bytes()
    }
}

// === impl Wallets ===

impl Wallets {
    pub fn new(count: u64) -> Self {
        Self((0..count.max(2)).map(Wallet::numbered).collect())
    }

    fn get(&self, number: usize) -> &Wallet {
        &self.0[number % self.0.len()]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_yardstick_is_measured_before_what_it_measures() {
        let all = [&ALL[..], &PEERS].concat();
        for (at, path) in all.iter().enumerate() {
            if let Some((name, _)) = path.over {
                assert!(all[..at].iter().any(|known| known.name == name), "{}", path.name);
            }
        }
    }
}
