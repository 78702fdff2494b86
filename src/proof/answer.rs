//! Reading a node's answers. A value that is not exactly what belongs there is none.

use super::{Address, Delivery, MAX_ANSWER_BYTES};
use crate::digits::unhex;
use crate::protocol::json::raw::{self, members};
use crate::protocol::json::{schema, Field};

const ANSWER: [Field; 3] = schema(["id", "result", "error"]);

const BLOCK: [Field; 2] = schema(["number", "timestamp"]);

const LOG: [Field; 5] = schema(["address", "topics", "data", "transactionHash", "removed"]);

/// A log, as far as it can be one of ours: three topics, and one word or nothing said besides.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Log {
    pub(super) address: Address,
    /// `None` when there are not three.
    pub(super) topics: Option<[[u8; 32]; 3]>,
    /// `None` when it is not one word.
    pub(super) word: Option<[u8; 32]>,
    pub(super) transaction: [u8; 32],
}

/// The text of an answer's result, if it answers the call with this id.
pub(super) fn result<'a>(delivery: &Delivery<'a>, id: u8) -> Option<&'a str> {
    let Delivery::Answered { status: 200..=299, body: Some(body), .. } = delivery else { return None };
    let body = Some(*body).filter(|body| body.len() <= MAX_ANSWER_BYTES)?;
    let [answered, result, error] = members(std::str::from_utf8(body).ok()?, &ANSWER).ok()?;
    (error.is_none() && answered?.parse() == Ok(id)).then_some(result)?
}

/// A block's number and time.
pub(super) fn block(text: &str) -> Option<(u64, u64)> {
    let [number, time] = members(text, &BLOCK).ok()?;
    Some((quantity(number?)?, quantity(time?)?))
}

/// A number below 2^64.
pub(super) fn quantity(text: &str) -> Option<u64> {
    let text = raw::string(text)?;
    let digits = text.strip_prefix("0x")?;
    // A sign is none of its digits.
    let plain = digits.bytes().all(|byte| byte.is_ascii_hexdigit());
    u64::from_str_radix(digits, 16).ok().filter(|_| plain)
}

/// Exactly so many bytes.
fn bytes<const N: usize>(text: &str) -> Option<[u8; N]> {
    let mut bytes = [0; N];
    decode(text, &mut bytes)?;
    Some(bytes)
}

/// One copy of the code for any number of bytes.
#[inline(never)]
fn decode(text: &str, bytes: &mut [u8]) -> Option<()> {
    unhex(raw::string(text)?.strip_prefix("0x")?, bytes).then_some(())
}

/// A word of the ABI.
#[inline(never)]
pub(super) fn word(text: &str) -> Option<[u8; 32]> {
    bytes(text)
}

/// An address in any case.
pub(super) fn address(text: &str) -> Option<Address> {
    bytes(text).map(Address::new)
}

/// Hands over each log of a list. `None` when one of them is none: then the list is not to be
/// believed. A log that a reorganisation removed is none.
#[inline(never)]
pub(super) fn logs(text: &str, each: &mut dyn FnMut(Log)) -> Option<()> {
    let mut fine = Some(());
    raw::items(text, &mut |item| {
        fine = fine.and_then(|()| log(item)).map(&mut *each);
    })
    .ok()?;
    fine
}

fn log(text: &str) -> Option<Log> {
    let [place, listed, data, transaction, removed] = members(text, &LOG).ok()?;
    removed.is_none_or(|removed| removed == "false").then_some(())?;
    let mut topics = [[0; 32]; 3];
    let mut count = 0_usize;
    let mut fine = Some(());
    raw::items(listed?, &mut |item| {
        let topic = word(item);
        fine = fine.and(topic.map(|_| ()));
        if let Some((slot, topic)) = topics.get_mut(count).zip(topic) {
            *slot = topic;
        }
        count = count.saturating_add(1);
    })
    .ok()?;
    fine?;
    Some(Log {
        address: address(place?)?,
        topics: (count == topics.len()).then_some(topics),
        word: word(data?),
        transaction: word(transaction?)?,
    })
}
