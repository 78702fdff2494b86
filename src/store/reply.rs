//! What the store said.
//!
//! A swap either took place, or certainly did not, or may have. Only an answer of the script to
//! this very call says which of the first two; only the host's word that nothing was sent says
//! the second without one. Whatever else comes is [`Reply::Unsure`].

use super::call::id_text;
use super::{is_payment, is_value, read_nonce, Name, SharedStore, MAX_DUE, MAX_OPEN};
use crate::claims::UnixSeconds;
use crate::config::json;
use crate::config::tree::Value;
use crate::facilitator::{never_connected, Delivery};

/// What came of a [`Swap`](super::Swap).
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Reply {
    /// It is written.
    Written {
        /// The store's clock.
        now: UnixSeconds,
        /// What is kept for asking about it, where that was wanted and anything is.
        payment: Option<String>,
    },
    /// Another value stands there, or none; nothing was written.
    Differs {
        /// The store's clock.
        now: UnixSeconds,
        /// What stands there.
        current: Option<String>,
        /// Other open claims, where they were wanted: at most [`MAX_OPEN`], those that end last first.
        open: Vec<OpenClaim>,
    },
    /// Open claims come first; nothing was written.
    OpenFirst {
        /// The store's clock.
        now: UnixSeconds,
        /// Which: at least one, at most [`MAX_OPEN`], those that end last first.
        open: Vec<OpenClaim>,
    },
    /// The signature is another claim's; nothing was written.
    Sealed {
        /// The store's clock.
        now: UnixSeconds,
    },
    /// The lease that it grants was over before it could be written; nothing was written.
    Late {
        /// The store's clock.
        now: UnixSeconds,
    },
    /// The server does not know the script: send the call again in full. If that then differs
    /// with the very value that was to be written, this answer was not true, and it is written.
    Unscripted,
    /// It certainly was not sent.
    Down,
    /// It may have taken place.
    Unsure(Doubt),
}

/// What came of a [`Due`](super::Due).
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Listed {
    /// These are the caller's now, for as long as it said.
    Claims {
        /// The store's clock.
        now: UnixSeconds,
        /// Which, those that wait longest first.
        claims: Vec<DueClaim>,
    },
    /// As [`Reply::Unscripted`].
    Unscripted,
    /// Nobody was asked.
    Down,
    /// Some may have been put off without being told.
    Unsure(Doubt),
}

/// An open claim of the same wallet for the same purchase.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct OpenClaim {
    /// Its authorisation.
    pub nonce: [u8; 32],
    /// Its value.
    pub value: String,
}

/// A claim to be asked about.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct DueClaim {
    /// Which.
    pub name: Name,
    /// Its value.
    pub value: String,
    /// What was kept for asking, if anything was.
    pub payment: Option<String>,
}

/// Why an answer leaves open whether the script ran; for the log.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, thiserror::Error)]
pub enum Doubt {
    /// No whole answer came.
    #[error("the connection broke or the call timed out")]
    Broken,
    /// It is over the cap.
    #[error("the answer is larger than 64 KiB")]
    TooLarge,
    /// The front reports an error, of its own or of the server's.
    #[error("the store answered with an error")]
    Error,
    /// It is an answer to another call, or none of our scripts'.
    #[error("the answer is not one to this call")]
    Foreign,
}

/// An answer, as far as it is the same for both scripts.
enum Said<'a> {
    Words(Vec<&'a str>),
    Unscripted,
    Down,
    Unsure(Doubt),
}

// === impl Reply ===

impl Reply {
    /// Reads what came back for the call with this number.
    pub fn read(delivery: &Delivery<'_>, id: u64) -> Self {
        let tree = tree(delivery);
        let words = match said(delivery, tree.as_ref(), id) {
            Said::Words(words) => words,
            Said::Unscripted => return Self::Unscripted,
            Said::Down => return Self::Down,
            Said::Unsure(doubt) => return Self::Unsure(doubt),
        };
        Self::understand(&words).unwrap_or(Self::Unsure(Doubt::Foreign))
    }

    fn understand(words: &[&str]) -> Option<Self> {
        let (&[verdict, now, text], members) = words.split_first_chunk::<3>()?;
        let now = seconds(now)?;
        let open = members.chunks(2).map(OpenClaim::read).collect::<Option<Vec<_>>>()?;
        if open.len() > MAX_OPEN {
            return None;
        }
        if verdict == "1" {
            return open.is_empty().then_some(Self::Written { now, payment: optional(text, is_payment)? });
        }
        let current = optional(text, is_value)?;
        match (verdict, &current, open.is_empty()) {
            ("3", None, true) => Some(Self::Sealed { now }),
            ("4", None, true) => Some(Self::Late { now }),
            // Over a claim of its own that is over, as well.
            ("2", _, false) => Some(Self::OpenFirst { now, open }),
            ("0", _, _) => Some(Self::Differs { now, current, open }),
            _ => None,
        }
    }
}

// === impl Listed ===

impl Listed {
    /// Reads what came back for the call with this number. A row that is not of this module's
    /// making is left out.
    pub fn read(delivery: &Delivery<'_>, store: &SharedStore, id: u64) -> Self {
        let tree = tree(delivery);
        let words = match said(delivery, tree.as_ref(), id) {
            Said::Words(words) => words,
            Said::Unscripted => return Self::Unscripted,
            Said::Down => return Self::Down,
            Said::Unsure(doubt) => return Self::Unsure(doubt),
        };
        let Some((now, rows)) = words.split_first() else { return Self::Unsure(Doubt::Foreign) };
        let (Some(now), (rows, [])) = (seconds(now), rows.as_chunks::<3>()) else {
            return Self::Unsure(Doubt::Foreign);
        };
        let rows = rows.iter().take(MAX_DUE as usize);
        Self::Claims { now, claims: rows.filter_map(|row| DueClaim::read(row, store)).collect() }
    }
}

// === impl OpenClaim ===

impl OpenClaim {
    fn read(pair: &[&str]) -> Option<Self> {
        let [nonce, value] = pair else { return None };
        is_value(value).then_some(Self { nonce: read_nonce(nonce)?, value: (*value).to_owned() })
    }
}

// === impl DueClaim ===

impl DueClaim {
    fn read(&[key, value, payment]: &[&str; 3], store: &SharedStore) -> Option<Self> {
        let name = Name::parse(key.strip_prefix(store.key_prefix.as_str())?.strip_prefix("c:")?)?;
        let payment = optional(payment, is_payment)?;
        is_value(value).then(|| Self { name, value: value.to_owned(), payment })
    }
}

/// A text that may be missing; `None` where it is not one of its kind.
fn optional(text: &str, is_one: fn(&str) -> bool) -> Option<Option<String>> {
    match text {
        "" => Some(None),
        text => is_one(text).then(|| Some(text.to_owned())),
    }
}

/// The body, if it can be an answer at all.
fn tree<'a>(delivery: &Delivery<'a>) -> Option<Value<'a>> {
    match delivery {
        Delivery::Answered { body: Some(body), .. } => json::read(body).ok(),
        _ => None,
    }
}

/// Webdis: `{"EVALSHA": [...]}` or, for an error, `{"EVALSHA": [false, "..."]}`, with 200 either
/// way. Upstash: `{"result": [...]}` with 200, or `{"error": "..."}` with 400.
fn said<'t>(delivery: &Delivery<'_>, tree: Option<&'t Value<'_>>, id: u64) -> Said<'t> {
    let status = match delivery {
        Delivery::Refused => return Said::Down,
        Delivery::Broken => return Said::Unsure(Doubt::Broken),
        Delivery::Redirected { .. } => return Said::Unsure(Doubt::Error),
        Delivery::Answered { body: None, .. } => return Said::Unsure(Doubt::TooLarge),
        Delivery::Answered { status, from_upstream, body: Some(body) } => {
            if !from_upstream && never_connected(*status, body) {
                return Said::Down;
            }
            *status
        }
    };
    let Some(Value::Object(fields)) = tree else { return Said::Unsure(Doubt::Error) };
    let [(name, value)] = fields.as_slice() else { return Said::Unsure(Doubt::Foreign) };
    let error = match (&**name, value) {
        ("error", Value::Text(error)) => error,
        ("EVALSHA" | "EVAL" | "result", Value::List(items)) => match items.as_slice() {
            [Value::Bool(false), Value::Text(error)] => error,
            items => return words(status, items, id),
        },
        _ => return Said::Unsure(Doubt::Foreign),
    };
    if error.contains("NOSCRIPT") {
        Said::Unscripted
    } else {
        Said::Unsure(Doubt::Error)
    }
}

fn words<'t>(status: u16, items: &'t [Value<'_>], id: u64) -> Said<'t> {
    let texts = items.iter().map(|item| match item {
        Value::Text(text) => Some(&**text),
        _ => None,
    });
    let words: Option<Vec<&str>> = texts.collect();
    match words {
        Some(mut words) if status == 200 && words.first() == Some(&id_text(id).as_str()) => {
            words.remove(0);
            Said::Words(words)
        }
        _ => Said::Unsure(Doubt::Foreign),
    }
}

/// A time as Redis tells it, to be computed with.
fn seconds(text: &str) -> Option<UnixSeconds> {
    let seconds = text.parse().ok()?;
    (text.len() <= 11).then_some(seconds)
}
