//! How often one source may have something done for it: token buckets, a bounded number.
//!
//! A slot is one value of the host's shared store, so that all workers count together. It holds
//! a few sources; one more takes the place of whoever has used least, so that memory is bounded
//! and a source that is at its limit stays there. A source is an IPv4 address or the /64 of an
//! IPv6 address: below that one customer has as many as he likes.
//!
//! A bucket may be overdrawn by what was done before it could be asked, as far below zero as its
//! burst is above: that much is paid back before its source has a token again.

mod gate;
mod source;

pub use gate::Gate;
pub use source::Source;

/// Slots there are for each of [`Counted`]; each holds [`SOURCES`].
pub const SLOTS: u16 = 512;

/// Sources a slot holds.
const SOURCES: usize = 8;

/// Bytes of one: tag 8 | thousandths of a token 4 | milliseconds since the epoch 8.
const ENTRY: usize = 20;

/// One token, as stored.
const TOKEN: i64 = 1_000;

/// How far clocks of one host differ, in milliseconds. What lies further ahead was written before
/// the clock was set back.
const SKEW: u64 = 1_000;

/// How fast and how far a bucket fills.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Rate {
    /// Tokens a minute.
    pub per_minute: u32,
    /// The most tokens a bucket holds.
    pub burst: u32,
}

/// What is limited; `None` is not.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Limits {
    /// Calls to `/verify` for what only the facilitator can judge.
    pub wallet_checks: Rate,
    /// Unpaid requests that are told the price.
    pub challenges: Option<Rate>,
    /// Payments that bought nothing and whose sender could have known.
    pub failures: Option<Rate>,
}

/// What is counted.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Counted {
    /// [`Limits::wallet_checks`].
    WalletChecks,
    /// [`Limits::challenges`].
    Challenges,
    /// [`Limits::failures`].
    Failures,
}

/// What to do to a bucket.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Deed {
    /// Tokens that are gone, whether they were there or not; less than zero brings some back.
    pub gone: i64,
    /// How many more to take, if they are there: all of them, or of a bucket that cannot hold so many
    /// what it can.
    pub take: u32,
}

/// Whether there was what is to be taken, or a token, once those that are gone were.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Taken {
    /// There was.
    Yes,
    /// There is not; seconds until there is.
    After(u64),
}

struct Entry {
    tag: [u8; 8],
    tokens: i64,
    at: u64,
}

// === impl Limits ===

impl Limits {
    /// What holds for one of them.
    pub fn of(&self, counted: Counted) -> Option<Rate> {
        match counted {
            Counted::WalletChecks => Some(self.wallet_checks),
            Counted::Challenges => self.challenges,
            Counted::Failures => self.failures,
        }
    }
}

// === impl Deed ===

impl Deed {
    /// Takes one, if it is there.
    pub const TAKE: Self = Self::take(1);
    /// Gives one back: what it was taken for turned out to be worth it.
    pub const GIVE: Self = Self { gone: -1, take: 0 };
    /// One is gone.
    pub const CHARGE: Self = Self { gone: 1, take: 0 };
    /// Only looks.
    pub const LOOK: Self = Self::take(0);

    /// Takes so many, if they are there.
    pub const fn take(tokens: u32) -> Self {
        Self { gone: 0, take: tokens }
    }
}

/// Does something to the bucket of `source` at `now` (milliseconds since the epoch) in its slot's
/// bytes; bytes that do not parse are an empty slot. Returns the slot's next bytes, if they are to be
/// written.
pub fn apply(bytes: &[u8], source: &Source, rate: Rate, now: u64, deed: Deed) -> (Option<Vec<u8>>, Taken) {
    let most = i64::from(rate.burst).saturating_mul(TOKEN);
    let mut entries = read(bytes);
    for entry in &mut entries {
        entry.fill(rate, most, now);
    }
    let mut own = match entries.iter().position(|entry| entry.tag == source.tag) {
        Some(place) => entries.remove(place),
        None => Entry { tag: source.tag, tokens: most, at: now },
    };
    let exact = own.tokens.saturating_sub(deed.gone.saturating_mul(TOKEN));
    let rest = exact.clamp(most.saturating_neg(), most);
    if rest != exact {
        own.at = own.at.max(now);
    }
    let wanted = i64::from(deed.take).saturating_mul(TOKEN).min(most);
    let missing = wanted.max(TOKEN).saturating_sub(rest);
    let (taken, takes) = if missing <= 0 { (Taken::Yes, wanted) } else { (rate.wait(missing), 0) };
    if deed.gone == 0 && takes == 0 {
        return (None, taken);
    }
    own.tokens = rest.saturating_sub(takes);
    if entries.len() >= SOURCES {
        let fullest = entries.iter().enumerate().max_by_key(|(_, entry)| entry.tokens);
        if let Some(place) = fullest.map(|(place, _)| place) {
            entries.remove(place);
        }
    }
    entries.push(own);
    (Some(write(&entries)), taken)
}

// === impl Rate ===

impl Rate {
    /// How long it takes to gain what is missing.
    fn wait(self, missing: i64) -> Taken {
        let missing = missing.unsigned_abs().saturating_mul(60);
        let seconds =
            missing.div_ceil(u64::from(self.per_minute.max(1)).saturating_mul(TOKEN.unsigned_abs()));
        Taken::After(seconds.max(1))
    }
}

// === impl Entry ===

impl Entry {
    /// What it has gained by now. Time that did not come to a thousandth is kept for later, but not by a
    /// full bucket, which gains nothing.
    fn fill(&mut self, rate: Rate, most: i64, now: u64) {
        if self.at > now.saturating_add(SKEW) {
            self.at = now;
        }
        // Thousandths a millisecond: tokens a minute / 60.
        let gained = now.saturating_sub(self.at).saturating_mul(rate.per_minute.into()).div_euclid(60);
        let spent = gained.saturating_mul(60).div_ceil(u64::from(rate.per_minute.max(1)));
        self.at = self.at.saturating_add(spent);
        self.tokens = self.tokens.saturating_add(i64::try_from(gained).unwrap_or(i64::MAX)).min(most);
        if self.tokens == most {
            self.at = self.at.max(now);
        }
    }
}

fn read(bytes: &[u8]) -> Vec<Entry> {
    let (entries, rest) = bytes.as_chunks::<ENTRY>();
    if !rest.is_empty() || entries.len() > SOURCES {
        return Vec::new();
    }
    let entry = |bytes: &[u8; ENTRY]| {
        let (tag, rest) = bytes.split_first_chunk::<8>()?;
        let (tokens, at) = rest.split_first_chunk::<4>()?;
        let at = u64::from_le_bytes(*at.first_chunk::<8>()?);
        Some(Entry { tag: *tag, tokens: i32::from_le_bytes(*tokens).into(), at })
    };
    entries.iter().filter_map(entry).collect()
}

fn write(entries: &[Entry]) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(entries.len().saturating_mul(ENTRY));
    for entry in entries {
        bytes.extend(entry.tag);
        bytes.extend(i32::try_from(entry.tokens).unwrap_or(i32::MAX).to_le_bytes());
        bytes.extend(entry.at.to_le_bytes());
    }
    bytes
}

#[cfg(test)]
mod tests;
