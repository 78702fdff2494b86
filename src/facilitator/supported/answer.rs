//! Reading an answer to `GET /supported`.
//!
//! An answer counts as a whole or not at all, with one exception: a kind that cannot be read
//! (a network of a form nobody here could configure, a version that is no number) is skipped,
//! since facilitators list what later versions of the protocol know.

use super::super::{Delivery, Redirect};
use super::{Kind, Supported, MAX_EXTRA, MAX_KINDS, MAX_LISTED, MAX_NAME};
use crate::protocol::json::raw::{self, members};
use crate::protocol::json::{schema, Field};

/// What came of asking.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Fetched {
    /// An answer.
    Supported(Supported),
    /// None.
    Failed(Trouble),
}

/// Why there is no answer; for the log.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum Trouble {
    /// The host would not send it.
    #[error("it was not called: no such cluster, no healthy host, or an open circuit breaker")]
    NotSent,
    /// No whole answer came.
    #[error("the connection broke or the call timed out")]
    Broken,
    /// It was over the cap.
    #[error("the answer is larger than 64 KiB")]
    TooLarge,
    /// It is elsewhere.
    #[error("{0}")]
    Redirected(Redirect),
    /// Another status than 2xx.
    #[error("HTTP {0}")]
    Status(u16),
    /// Not an answer to this question.
    #[error("the answer is not a list of supported kinds")]
    Unreadable,
    /// More than is read.
    #[error("the answer lists more than 256 kinds, or more than 64 extensions, networks of signers, or signers of one")]
    TooMany,
}

const NAMES: [Field; 3] = schema(["kinds", "extensions", "signers"]);

const KIND: [Field; 4] = schema(["x402Version", "scheme", "network", "extra"]);

// === impl Fetched ===

impl Fetched {
    /// Reads what came back.
    pub fn read(delivery: &Delivery<'_>) -> Self {
        let read = match delivery {
            Delivery::Refused => Err(Trouble::NotSent),
            Delivery::Broken => Err(Trouble::Broken),
            Delivery::Redirected { .. } => {
                Err(Redirect::of(delivery).map_or(Trouble::Unreadable, Trouble::Redirected))
            }
            Delivery::Answered { status, .. } if !(200..300).contains(status) => {
                Err(Trouble::Status(*status))
            }
            Delivery::Answered { body: None, .. } => Err(Trouble::TooLarge),
            Delivery::Answered { body: Some(body), .. } => Supported::read(body),
        };
        read.map_or_else(Self::Failed, Self::Supported)
    }

    /// Its name in metrics.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Supported(_) => "read",
            Self::Failed(Trouble::NotSent) => "not_sent",
            Self::Failed(Trouble::Broken) => "broken",
            Self::Failed(Trouble::Redirected(_)) => "redirected",
            Self::Failed(Trouble::Status(_)) => "refused",
            Self::Failed(Trouble::TooLarge | Trouble::Unreadable | Trouble::TooMany) => "unreadable",
        }
    }
}

// === impl Supported ===

impl Supported {
    fn read(body: &[u8]) -> Result<Self, Trouble> {
        let text = std::str::from_utf8(body).map_err(|_| Trouble::Unreadable)?;
        let [kinds, extensions, signers] = members(text, &NAMES).map_err(|_| Trouble::Unreadable)?;
        Ok(Self {
            kinds: read_kinds(kinds.ok_or(Trouble::Unreadable)?)?,
            extensions: extensions.map_or(Ok(Vec::new()), names)?,
            signers: signers.map_or(Ok(Vec::new()), read_signers)?,
        })
    }
}

fn read_kinds(text: &str) -> Result<Vec<Kind>, Trouble> {
    let mut kinds: Vec<Kind> = Vec::new();
    let mut seen = 0usize;
    raw::items(text, &mut |item| {
        seen = seen.saturating_add(1);
        if seen > MAX_KINDS {
            return;
        }
        let kind = read_kind(item);
        let known = |kind: &Kind| {
            let same =
                |k: &Kind| (k.version, &k.scheme, &k.network) == (kind.version, &kind.scheme, &kind.network);
            kinds.iter().any(same)
        };
        if let Some(kind) = kind.filter(|kind| !known(kind)) {
            kinds.push(kind);
        }
    })
    .map_err(|_| Trouble::Unreadable)?;
    if seen > MAX_KINDS {
        return Err(Trouble::TooMany);
    }
    Ok(kinds)
}

fn read_kind(text: &str) -> Option<Kind> {
    let [version, scheme, network, extra] = members(text, &KIND).ok()?;
    let extra = extra.filter(|extra| extra.starts_with('{'));
    Some(Kind {
        version: version?.parse().ok()?,
        scheme: name(scheme?)?,
        network: name(network?)?,
        extra: extra.and_then(|extra| raw::compact(extra, MAX_EXTRA).ok()).filter(|extra| extra != "{}"),
    })
}

/// A string that may stand in a quote: short, printable, without spaces.
fn name(text: &str) -> Option<String> {
    raw::string(text).filter(|s| (1..=MAX_NAME).contains(&s.len()) && s.bytes().all(|b| b.is_ascii_graphic()))
}

/// The names in an array; what is no name is skipped.
fn names(text: &str) -> Result<Vec<String>, Trouble> {
    let mut found: Vec<String> = Vec::new();
    let mut seen = 0usize;
    raw::items(text, &mut |item| {
        seen = seen.saturating_add(1);
        if seen <= MAX_LISTED {
            found.extend(name(item));
        }
    })
    .map_err(|_| Trouble::Unreadable)?;
    if seen > MAX_LISTED {
        return Err(Trouble::TooMany);
    }
    Ok(found)
}

fn read_signers(text: &str) -> Result<Vec<(String, Vec<String>)>, Trouble> {
    let mut found: Vec<(String, Vec<String>)> = Vec::new();
    let mut outcome = Ok(());
    raw::fields(text, &mut |pattern, listed| {
        if outcome.is_err() {
            return;
        }
        if found.len() >= MAX_LISTED {
            outcome = Err(Trouble::TooMany);
        } else if pattern.len() <= MAX_NAME && found.iter().all(|(known, _)| *known != pattern) {
            match names(listed) {
                Ok(listed) => found.push((pattern, listed)),
                Err(trouble) => outcome = Err(trouble),
            }
        }
    })
    .map_err(|_| Trouble::Unreadable)?;
    outcome.map(|()| found)
}
