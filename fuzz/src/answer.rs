//! Answers to `/settle` and `/verify`: what they prove, by another reader.
//!
//! The first line is the status, `u` for an answer of the upstream's or `h` for one of the host's
//! own, and whom is asked for (`e` an EVM payment, `o` another network's); the rest is the body.

use serde::de::IgnoredAny;
use serde_json::Value;
use x402_proxy_wasm::evm::address::Address;
use x402_proxy_wasm::facilitator::said::Said;
use x402_proxy_wasm::facilitator::{
    transaction_text, Answer, Delivery, Doubt, Expected, Reason, Redirect, Verdict,
};
use x402_proxy_wasm::money::Amount;

use crate::cost;

const PAYER: &str = "0xf39Fd6e51aad88F6F4ce6aB8827279cffFb92266";
const UNSENT: &[u8] =
    b"upstream connect error or disconnect/reset before headers. reset reason: remote connection failure";

/// One answer.
pub fn run(data: &[u8]) {
    let end = data.iter().position(|b| *b == b'\n').unwrap_or(data.len());
    let (line, body) = (&data[..end], data.get(end + 1..).unwrap_or_default());
    let line = String::from_utf8_lossy(line);
    let mut words = line.split(' ');
    let status: u16 = words.next().and_then(|word| word.parse().ok()).unwrap_or(200);
    let from_upstream = words.next() != Some("h");
    let evm = words.next() != Some("o");
    let amount = Amount::from_u64(10_000);
    let expected = Expected {
        network: if evm { "base-sepolia" } else { "solana" },
        caip2: if evm { "eip155:84532" } else { "solana:5eykt4UsFv8P8NJdTREpY1vzqKqZKvdp" },
        payer: Address::parse(PAYER).ok().filter(|_| evm),
        amount: Some(amount).filter(|_| evm),
    };
    let asked = Asked { status, from_upstream, evm, expected, body };
    asked.settled();
    asked.verified();
    asked.shown();
    if let Some(redirect) = Redirect::of(&Delivery::arrived(status, from_upstream, Some(body), Some(b"{}"))) {
        let text = redirect.to_string();
        assert!(text.chars().count() < 400 && !text.contains(char::is_control), "{text:?}");
    }
}

struct Asked<'a> {
    status: u16,
    from_upstream: bool,
    evm: bool,
    expected: Expected<'a>,
    body: &'a [u8],
}

impl<'a> Asked<'a> {
    fn delivery(&self, body: &'a [u8]) -> Delivery<'a> {
        Delivery::arrived(self.status, self.from_upstream, None, Some(body))
    }

    fn read(&self, body: &'a [u8]) -> Answer {
        Answer::read(&self.delivery(body), &self.expected)
    }

    /// The body by another reader, which knows no number beyond a double and no half of a
    /// surrogate pair; here both are skipped where nobody asks for them.
    fn said(&self) -> Option<Value> {
        let json = serde_json::from_slice::<IgnoredAny>(self.body);
        assert!(json.is_ok(), "no JSON");
        serde_json::from_slice(self.body).ok()
    }

    fn settled(&self) {
        let answer = cost::within(4_096, 16, self.body.len(), || self.read(self.body));
        let said = || self.said();
        match answer {
            Answer::Accepted(transaction) => {
                let Some(said) = said() else { return };
                assert!((200..300).contains(&self.status) && said["success"] == true, "{said}");
                let network = said["network"].as_str();
                assert!(network == Some(self.expected.network) || network == Some(self.expected.caip2));
                let text = said["transaction"].as_str().expect("a transaction");
                if self.evm {
                    let digits: String = transaction.0.iter().map(|byte| format!("{byte:02x}")).collect();
                    assert!(text.starts_with("0x") && text[2..].eq_ignore_ascii_case(&digits), "{text}");
                    let payer = said["payer"].as_str().unwrap_or_default();
                    assert!(payer.is_empty() || payer.eq_ignore_ascii_case(PAYER), "{payer}");
                    let amount = said["amount"].as_str().unwrap_or_default();
                    assert!(amount.is_empty() || amount == "10000", "{amount}");
                }
                // An answer that was cut off is none.
                for cut in [1, 2, self.body.len() / 2] {
                    let Some(part) = self.body.trim_ascii().len().checked_sub(cut) else { continue };
                    let part = &self.body.trim_ascii()[..part];
                    assert_eq!(self.read(part), Answer::Unknown(Doubt::NotProtocol));
                }
            }
            Answer::Rejected(reason) => {
                let Some(said) = said() else { return };
                assert!(self.status < 500 && said["success"] == false, "{said}");
                assert_eq!(said["transaction"].as_str().unwrap_or_default(), "", "{said}");
                let code = said["errorReason"].as_str().expect("a reason");
                let open = ["pending", "nonce", "unexpected", "simulation", "transaction_failed", "state"];
                assert!(!code.is_empty() && open.iter().all(|word| !code.contains(word)), "{code}");
                assert!(!reason.code().is_empty());
            }
            Answer::NotSent => {
                assert!(!self.from_upstream && self.status == 503 && self.body.starts_with(UNSENT));
            }
            Answer::Unknown(doubt) => {
                let redirect = matches!(self.status, 301 | 302 | 303 | 307 | 308);
                assert_eq!(doubt == Doubt::Redirected, redirect);
                assert!(doubt != Doubt::TooLarge);
            }
        }
        let spoke = answer.spoke();
        assert!(!spoke || serde_json::from_slice::<IgnoredAny>(self.body).is_ok());
    }

    fn verified(&self) {
        let delivery = self.delivery(self.body);
        let verdict = cost::within(4_096, 16, self.body.len(), || Verdict::read(&delivery));
        let said = |flag: bool| self.said().is_none_or(|said| said["isValid"] == flag);
        match verdict {
            Verdict::Valid => {
                assert!((200..300).contains(&self.status) && said(true));
                assert!(verdict.spoke(&delivery));
            }
            Verdict::Invalid(reason) => {
                assert!((200..500).contains(&self.status) && said(false));
                assert!(verdict.spoke(&delivery) && reason_is_known(reason));
            }
            Verdict::Unavailable => {}
        }
    }

    fn shown(&self) {
        let delivery = self.delivery(self.body);
        let shown = Said::of(&delivery).to_string();
        assert!(shown.len() < 90 && shown.bytes().all(|b| b == b' ' || b.is_ascii_graphic()), "{shown:?}");
        if let Some(text) = transaction_text(&delivery) {
            assert!((1..=128).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_graphic()));
        }
    }
}

fn reason_is_known(reason: Reason) -> bool {
    reason.code().bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_')
}
