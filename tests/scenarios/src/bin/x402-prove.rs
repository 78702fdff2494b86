//! The core's inquiry at a chain, driven by lines: who runs it does the calls.
//!
//! ```text
//! < <question, as kept, in hex> <finality in seconds>
//! > ask <body of a JSON-RPC request>
//! < <HTTP status> <body of its answer>      in turn, or `lost` for none
//! > proof paid <transaction> | unspent | cancelled | open
//! ```
//!
//! Then the next question, until the input ends.

use std::io::{self, BufRead, Lines, StdinLock, Write};

use x402_proxy_wasm::facilitator::Delivery;
use x402_proxy_wasm::proof::{Inquiry, Next, Proof, Question};

fn main() -> io::Result<()> {
    let mut lines = io::stdin().lock().lines();
    let mut out = io::stdout().lock();
    while let Some(line) = lines.next().transpose()? {
        let proof = match question(&line) {
            Some((question, finality)) => prove(question, finality, &mut lines, &mut out)?,
            None => return Err(io::Error::other(format!("no question: {line}"))),
        };
        let said = match proof {
            Proof::Paid(transaction) => format!("paid 0x{}", hex(&transaction.0)),
            Proof::Unspent => "unspent".to_owned(),
            Proof::Cancelled => "cancelled".to_owned(),
            Proof::Open => "open".to_owned(),
        };
        writeln!(out, "proof {said}")?;
        out.flush()?;
    }
    Ok(())
}

fn question(line: &str) -> Option<(Question, u64)> {
    let (kept, finality) = line.split_once(' ')?;
    let byte = |pair: &[u8]| u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok();
    let kept: Option<Vec<u8>> = kept.as_bytes().chunks(2).map(byte).collect();
    Some((Question::from_bytes(&kept?)?, finality.parse().ok()?))
}

fn prove(
    question: Question,
    finality: u64,
    lines: &mut Lines<StdinLock<'_>>,
    out: &mut impl Write,
) -> io::Result<Proof> {
    assert_eq!(Question::from_bytes(&question.to_bytes()), Some(question), "it is kept as it is");
    let (mut inquiry, mut body) = Inquiry::new(question, finality);
    loop {
        writeln!(out, "ask {}", String::from_utf8_lossy(&body))?;
        out.flush()?;
        let line = lines.next().transpose()?.unwrap_or_default();
        let answered = line.split_once(' ').and_then(|(status, body)| Some((status.parse().ok()?, body)));
        let delivery = answered.map_or(Delivery::Broken, |(status, body)| {
            Delivery::arrived(status, true, None, Some(body.as_bytes()))
        });
        match inquiry.on(&delivery) {
            Next::Ask(next, next_body) => (inquiry, body) = (next, next_body),
            Next::Done(proof) => return Ok(proof),
        }
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
