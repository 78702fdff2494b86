//! What is measured: a listener, requests, the status they must get, a yardstick.

use x402_devstack::payer::{Draft, Quote, Wallet};

use crate::bed::Stack;
use crate::load::Requests;
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
    /// A payment signed by somebody else than it says, a new one each time.
    Forged,
    /// A payment signed a moment ago, a new one each time.
    Fresh,
}

const CHEAP: usize = 1_500;
const DEAR: usize = 400;

/// Every path, yardsticks first.
pub const ALL: [Path; 11] = [
    Path {
        name: "plain",
        what: "plain proxy",
        stack: Stack::Plain,
        target: "/free/1",
        pays: Pays::Nothing,
        status: 200,
        count: CHEAP,
        over: None,
    },
    Path {
        name: "noop",
        what: "no-op wasm + proxy",
        stack: Stack::Noop,
        target: "/free/1",
        pays: Pays::Nothing,
        status: 200,
        count: CHEAP,
        over: Some(("plain", None)),
    },
    Path {
        name: "free",
        what: "unpriced, the path alone decides",
        stack: Stack::Ours,
        target: "/free/1",
        pays: Pays::Nothing,
        status: 200,
        count: CHEAP,
        over: Some(("noop", Some(1.05))),
    },
    Path {
        name: "method",
        what: "unpriced, the method decides",
        stack: Stack::Ours,
        target: "/mixed/1",
        pays: Pays::Nothing,
        status: 200,
        count: CHEAP,
        over: Some(("noop", Some(1.10))),
    },
    Path {
        name: "unmatched",
        what: "unmatched, passed",
        stack: Stack::Ours,
        target: "/elsewhere/1",
        pays: Pays::Nothing,
        status: 200,
        count: CHEAP,
        over: Some(("noop", Some(1.05))),
    },
    Path {
        name: "direct",
        what: "no-op wasm + `direct_response` of our 402",
        stack: Stack::NoopDirect,
        target: "/before/1",
        pays: Pays::Nothing,
        status: 402,
        count: CHEAP,
        over: None,
    },
    Path {
        name: "unpaid",
        what: "unpaid, 402",
        stack: Stack::Ours,
        target: "/before/1",
        pays: Pays::Nothing,
        status: 402,
        count: CHEAP,
        over: Some(("direct", Some(1.35))),
    },
    Path {
        name: "forged",
        what: "forged payment, 402",
        stack: Stack::Ours,
        target: "/before/1",
        pays: Pays::Forged,
        status: 402,
        count: DEAR,
        over: Some(("unpaid", None)),
    },
    Path {
        name: "callout",
        what: "no-op wasm with one callout + proxy",
        stack: Stack::NoopCallout,
        target: "/before/1",
        pays: Pays::Nothing,
        status: 200,
        count: 2 * DEAR,
        over: Some(("noop", None)),
    },
    Path {
        name: "before",
        what: "paid, `settle: before`",
        stack: Stack::Ours,
        target: "/before/1",
        pays: Pays::Fresh,
        status: 200,
        count: DEAR,
        over: Some(("callout", None)),
    },
    Path {
        name: "after",
        what: "paid, `settle: after`",
        stack: Stack::Ours,
        target: "/after/1",
        pays: Pays::Fresh,
        status: 200,
        count: DEAR,
        over: Some(("callout", None)),
    },
];

/// Who pays.
pub struct Wallets(Vec<Wallet>);

// === impl Path ===

impl Path {
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
            let header = draft.sign(signer).header();
            Ok::<_, Failure>(self.head(&format!("payment-signature: {header}\r\n")))
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
        for (at, path) in ALL.iter().enumerate() {
            if let Some((name, _)) = path.over {
                assert!(ALL[..at].iter().any(|known| known.name == name), "{}", path.name);
            }
        }
    }
}
