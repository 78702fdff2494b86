//! Calls of the scripts, in the dialect of the front.

use super::{is_payment, is_value, Ahead, Before, Change, Due, SharedStore, StoreKind, Swap, MAX_DUE};
use crate::claims::UnixSeconds;
use crate::digits::{hex, push_hex};
use crate::json::push_string;

/// A script, and what the server knows it by once it has run: SHA-1 of its text.
pub(super) struct Script {
    pub(super) text: &'static str,
    pub(super) sha1: &'static str,
}

pub(super) const SWAP: Script =
    Script { text: include_str!("swap.lua"), sha1: "2a2b5a111b9113dd35ecfaf9a33fdc61abf33176" };

pub(super) const DUE: Script =
    Script { text: include_str!("due.lua"), sha1: "195decdeb9440b1217e22647ce4c7501b63b653c" };

/// A call to be made with `POST`. The store's address, path and headers are in its
/// [`SharedStore`].
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Call {
    /// `content-type`.
    pub content_type: &'static str,
    /// The command.
    pub body: String,
}

// === impl Swap ===

impl Swap<'_> {
    /// The call. With `full` it brings the script along, for a server that does not know it
    /// ([`Reply::Unscripted`](super::Reply::Unscripted)). `None` when a text is not one that the
    /// store keeps: see [`MAX_VALUE`](super::MAX_VALUE) and [`MAX_PAYMENT`](super::MAX_PAYMENT).
    pub fn call(&self, store: &SharedStore, full: bool) -> Option<Call> {
        let fits = |value: Option<&str>| value.is_none_or(is_value);
        let before = match self.before {
            Before::Absent => "",
            Before::Never => "?",
            Before::Value(value) => fits(Some(value)).then_some(value)?,
        };
        let next = fits(self.next).then_some(self.next)?.unwrap_or_default();
        let payment = match self.payment {
            Change::Leave if self.want_payment => "?",
            Change::Leave => "",
            Change::Remove => "-",
            Change::Put(text) => is_payment(text).then_some(text)?,
        };
        let due = match self.due {
            Change::Leave => String::new(),
            Change::Remove => "-".to_owned(),
            Change::Put(at) => time_text(at),
        };
        let open = match self.open {
            Change::Leave => "",
            Change::Remove => "-",
            Change::Put(()) => "+",
        };
        let key = |kind: &str, rest: &str| [store.key_prefix.as_str(), kind, rest].concat();
        let name = self.claim.text();
        let (wallet, nonce) = name.split_at_checked(33)?;
        let mut keys = vec![
            key("c:", &name),
            key("o:", &[wallet, &hex(&self.binding.0)].concat()),
            key("p:", &name),
            key("d", ""),
        ];
        let base = key("c:", wallet);
        let mut ahead = match self.ahead {
            Ahead::Nothing => "0",
            Ahead::Owing => "1",
            Ahead::Any(_) => "2",
        }
        .to_owned();
        if let Ahead::Any(over) = self.ahead {
            over.iter().for_each(|nonce| push_hex(&mut ahead, nonce));
        }
        let (expires, id) = (time_text(self.expires), id_text(self.id));
        let lease = self.lease.map(time_text).unwrap_or_default();
        let mut arguments =
            vec![before, next, &expires, &base, nonce, open, &ahead, payment, &due, &lease, &id];
        // Given away until a time that is over, it stays free.
        let until = self.seal.map(|seal| if seal.takes { time_text(seal.expires) } else { "0".to_owned() });
        if let (Some(seal), Some(until)) = (self.seal, &until) {
            keys.push(key("s:", &hex(&seal.name.nonce)));
            arguments.push(until);
        }
        Some(write(store.kind, &SWAP, full, &keys, &arguments))
    }
}

// === impl Due ===

impl Due<'_> {
    /// The call; as [`Swap::call`].
    pub fn call(&self, store: &SharedStore, full: bool) -> Call {
        let keys = [[store.key_prefix.as_str(), "d"].concat()];
        let (most, id) = (self.most.min(MAX_DUE).to_string(), id_text(self.id));
        let waits: Vec<String> = self.waits.iter().map(u64::to_string).collect();
        let mut arguments = vec![store.key_prefix.as_str(), &most, &id];
        arguments.extend(waits.iter().map(String::as_str));
        write(store.kind, &DUE, full, &keys, &arguments)
    }
}

// === impl SharedStore ===

impl SharedStore {
    /// The host's name for the upstream.
    pub fn cluster(&self) -> &str {
        &self.cluster
    }

    /// Whether a wallet buys one thing of an offer at a time.
    pub fn one_at_a_time(&self) -> bool {
        self.one_at_a_time
    }

    /// How long a call may take, in milliseconds.
    pub fn timeout_millis(&self) -> u32 {
        self.timeout_millis
    }

    /// Everything in front of a call's body.
    pub fn head<'a>(&'a self, call: &Call) -> Vec<(&'a str, &'a str)> {
        let mut head = vec![
            (":method", "POST"),
            (":path", self.path.as_str()),
            (":authority", self.authority.as_str()),
            ("accept", "application/json"),
            ("content-type", call.content_type),
        ];
        head.extend(self.headers.iter().map(|(name, value)| (name.as_str(), value.expose())));
        head
    }
}

/// How a call's number is spelled in it.
pub(super) fn id_text(id: u64) -> String {
    hex(&id.to_be_bytes())
}

/// A time that Redis takes for one.
fn time_text(at: UnixSeconds) -> String {
    at.min(u32::MAX.into()).to_string()
}

fn write(kind: StoreKind, script: &Script, full: bool, keys: &[String], arguments: &[&str]) -> Call {
    let (command, named) = if full { ("EVAL", script.text) } else { ("EVALSHA", script.sha1) };
    let count = keys.len().to_string();
    let words = [command, named, &count].into_iter().chain(keys.iter().map(String::as_str));
    let words = words.chain(arguments.iter().copied());
    let mut body = String::new();
    match kind {
        StoreKind::Webdis => {
            for word in words {
                if !body.is_empty() {
                    body.push('/');
                }
                push_encoded(&mut body, word);
            }
            Call { content_type: "application/x-www-form-urlencoded", body }
        }
        StoreKind::Upstash => {
            for word in words {
                body.push(if body.is_empty() { '[' } else { ',' });
                push_string(&mut body, word);
            }
            body.push(']');
            Call { content_type: "application/json", body }
        }
    }
}

/// Appends a word of Webdis's: `/` parts words, `?` ends them, `+` is a space and `.` may begin a
/// format, so everything is escaped but letters, digits, `-` and `_`. A word may be empty, but
/// for the last.
fn push_encoded(out: &mut String, word: &str) {
    for byte in word.bytes() {
        if byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_') {
            out.push(char::from(byte));
        } else {
            out.push('%');
            push_hex(out, &[byte]);
        }
    }
}
