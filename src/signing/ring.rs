//! Offers that were signed lately, so that a flood of unpaid requests costs few signatures.
//!
//! A quote gets its signed offers if
//! 1. the same were signed before and are among the last [`ENTRIES`]; or
//! 2. no more than [`SIGNATURES_A_SECOND`] were signed in this second, these included.
//!
//! Otherwise it goes out without them: the extension is optional, and the quote is not.

use std::collections::VecDeque;

/// Quotes kept.
pub const ENTRIES: usize = 128;
/// Signatures of one worker in one second of the clock.
pub const SIGNATURES_A_SECOND: usize = 50;
/// Longest URL whose offers are signed, in bytes: every offer repeats it.
pub const MAX_URL: usize = 1024;

/// What was signed lately.
#[derive(Debug, Default)]
pub struct Ring {
    entries: VecDeque<Entry>,
    second: u64,
    signed: usize,
}

#[derive(Debug)]
struct Entry {
    quote: u64,
    valid_until: u64,
    resource_url: String,
    member: String,
}

// === impl Ring ===

impl Ring {
    /// The signed offers of a quote (by its number) for a URL, until a time: kept ones, or those
    /// `sign` makes in `signatures` signatures. Times are seconds since the Unix epoch.
    pub fn offers(
        &mut self,
        (quote, resource_url, valid_until): (u64, &str, u64),
        now: u64,
        signatures: usize,
        sign: impl FnOnce() -> Option<String>,
    ) -> Option<&str> {
        if resource_url.len() > MAX_URL {
            return None;
        }
        let place = self.entries.iter().position(|entry| {
            entry.quote == quote && entry.valid_until == valid_until && entry.resource_url == resource_url
        });
        if let Some(place) = place {
            return self.entries.get(place).map(|entry| entry.member.as_str());
        }
        if self.second != now {
            (self.second, self.signed) = (now, 0);
        }
        let signed = self.signed.saturating_add(signatures);
        if signed > SIGNATURES_A_SECOND {
            return None;
        }
        self.signed = signed;
        let member = sign()?;
        if self.entries.len() >= ENTRIES {
            self.entries.pop_front();
        }
        self.entries.push_back(Entry { quote, valid_until, resource_url: resource_url.to_owned(), member });
        self.entries.back().map(|entry| entry.member.as_str())
    }

    /// Forgets everything: the quotes are others now.
    pub fn clear(&mut self) {
        self.entries.clear();
    }
}
