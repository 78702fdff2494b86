//! How often one source may have something done for it: token buckets, a bounded number.
//!
//! A slot is one value of the host's shared store, so that all workers count together. It holds
//! a few sources; one more takes the place of whoever has used least, so that memory is bounded
//! and a source that is at its limit stays there. A source is an IPv4 address or the /64 of an
//! IPv6 address: below that one customer has as many as he likes.

use crate::evm::keccak256;

/// Slots there are; each holds [`SOURCES`].
pub const SLOTS: u16 = 512;

/// Sources a slot holds.
const SOURCES: usize = 8;

/// Bytes of one: tag 8 | thousandths of a token 4 | milliseconds since the epoch 8.
const ENTRY: usize = 20;

/// One token, as stored.
const TOKEN: u64 = 1_000;

/// How fast and how far a bucket fills.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Rate {
    /// Tokens a minute.
    pub per_minute: u32,
    /// The most tokens a bucket holds.
    pub burst: u32,
}

/// Whose bucket.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Source {
    tag: [u8; 8],
    slot: u16,
}

/// What came of taking a token.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Taken {
    /// There was one.
    Yes,
    /// There is none; seconds until there is.
    After(u64),
}

struct Entry {
    tag: [u8; 8],
    tokens: u64,
    at: u64,
}

// === impl Source ===

impl Source {
    /// The source of a peer as hosts spell it: `192.0.2.1:443`, `[2001:db8::1]:443`. What is no
    /// address (a Unix socket) is one source.
    pub fn of(peer: &str) -> Self {
        let address = match peer.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
            Some((inside, _)) => inside,
            None => peer.split_once(':').map_or(peer, |(before, _)| before),
        };
        // An IPv4 address in IPv6 spelling is one customer's as well.
        let mapped = address.strip_prefix("::ffff:").filter(|mapped| mapped.contains('.'));
        let address = mapped.unwrap_or(address);
        let hash = match prefix(address) {
            Some(prefix) => keccak256([b"ipv6", &prefix]),
            None => keccak256([b"ipv4", address.as_bytes()]),
        };
        let tag = hash.first_chunk::<8>().copied().unwrap_or_default();
        let slot = hash.last_chunk::<2>().map_or(0, |last| u16::from_le_bytes(*last));
        Self { tag, slot: slot.checked_rem(SLOTS).unwrap_or(0) }
    }

    /// Where its slot is kept.
    pub fn key(&self) -> String {
        format!("x402/limit/1/{}", self.slot)
    }
}

/// The first four groups of an IPv6 address as a host spells it; `None` for what is none.
///
/// What comes after them is not judged. The standard library's reader would, with 4 KB of code.
fn prefix(address: &str) -> Option<[u8; 8]> {
    const GROUPS: usize = 8;
    // An IPv4 address at the end takes the room of two.
    let room = usize::from(address.contains('.'));
    let written = address.split(':').filter(|group| !group.is_empty()).count().saturating_add(room);
    // What `::` stands for; at either end it is two empty groups, and counts once.
    let mut omitted = GROUPS.checked_sub(written)?;
    let mut groups = Vec::with_capacity(GROUPS);
    for group in address.split(':') {
        if group.is_empty() {
            groups.resize(groups.len().saturating_add(omitted), [0; 2]);
            omitted = 0;
        } else if group.contains('.') {
            groups.extend([[0; 2]; 2]);
        } else {
            groups.push(u16::from_str_radix(group, 16).ok()?.to_be_bytes());
        }
    }
    let whole = groups.len() == GROUPS && address.contains(':');
    groups.as_flattened().first_chunk::<8>().copied().filter(|_| whole)
}

/// Takes one token of `source` at `now` (milliseconds since the epoch) from its slot's bytes.
/// Returns the slot's next bytes. Bytes that do not parse are an empty slot.
pub fn take(bytes: &[u8], source: &Source, rate: Rate, now: u64) -> (Vec<u8>, Taken) {
    change(bytes, source, rate, now, |tokens| match tokens.checked_sub(TOKEN) {
        Some(rest) => (rest, Taken::Yes),
        None => {
            let missing = TOKEN.saturating_sub(tokens).saturating_mul(60);
            let seconds = missing.div_ceil(u64::from(rate.per_minute.max(1)).saturating_mul(TOKEN));
            (tokens, Taken::After(seconds.max(1)))
        }
    })
}

/// Gives a token back: what it was taken for turned out to be worth it.
pub fn give(bytes: &[u8], source: &Source, rate: Rate, now: u64) -> Vec<u8> {
    change(bytes, source, rate, now, |tokens| (tokens.saturating_add(TOKEN), Taken::Yes)).0
}

fn change(
    bytes: &[u8],
    source: &Source,
    rate: Rate,
    now: u64,
    f: impl FnOnce(u64) -> (u64, Taken),
) -> (Vec<u8>, Taken) {
    let most = u64::from(rate.burst).saturating_mul(TOKEN);
    let mut entries = read(bytes);
    for entry in &mut entries {
        // Thousandths a millisecond: tokens a minute / 60.
        let since = now.saturating_sub(entry.at);
        let gained = since.saturating_mul(rate.per_minute.into()).div_euclid(60);
        entry.tokens = entry.tokens.saturating_add(gained).min(most);
        entry.at = if gained > 0 { now } else { entry.at };
    }
    let mut own = match entries.iter().position(|entry| entry.tag == source.tag) {
        Some(place) => entries.remove(place),
        None => Entry { tag: source.tag, tokens: most, at: now },
    };
    let (tokens, taken) = f(own.tokens);
    own.tokens = tokens.min(most);
    if entries.len() >= SOURCES {
        let fullest = entries.iter().enumerate().max_by_key(|(_, entry)| entry.tokens);
        if let Some(place) = fullest.map(|(place, _)| place) {
            entries.remove(place);
        }
    }
    entries.push(own);
    (write(&entries), taken)
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
        Some(Entry { tag: *tag, tokens: u32::from_le_bytes(*tokens).into(), at })
    };
    entries.iter().filter_map(entry).collect()
}

fn write(entries: &[Entry]) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(entries.len().saturating_mul(ENTRY));
    for entry in entries {
        bytes.extend(entry.tag);
        bytes.extend(u32::try_from(entry.tokens).unwrap_or(u32::MAX).to_le_bytes());
        bytes.extend(entry.at.to_le_bytes());
    }
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    const RATE: Rate = Rate { per_minute: 60, burst: 3 };

    fn takes(bytes: &mut Vec<u8>, source: &Source, now: u64) -> Taken {
        let (next, taken) = take(bytes, source, RATE, now);
        *bytes = next;
        taken
    }

    #[test]
    fn a_burst_and_then_the_rate() {
        let (mut bytes, source) = (Vec::new(), Source::of("192.0.2.1:5000"));
        for _ in 0..3 {
            assert_eq!(takes(&mut bytes, &source, 1_000), Taken::Yes);
        }
        assert_eq!(takes(&mut bytes, &source, 1_000), Taken::After(1));
        assert_eq!(takes(&mut bytes, &source, 1_999), Taken::After(1));
        assert_eq!(takes(&mut bytes, &source, 2_000), Taken::Yes);
        assert_eq!(takes(&mut bytes, &source, 2_000), Taken::After(1));
        bytes = give(&bytes, &source, RATE, 2_000);
        assert_eq!(takes(&mut bytes, &source, 2_000), Taken::Yes);
    }

    #[test]
    fn ports_and_hosts_of_a_network_are_one_source() {
        assert_eq!(Source::of("192.0.2.1:1"), Source::of("192.0.2.1:2"));
        assert_ne!(Source::of("192.0.2.1:1"), Source::of("192.0.2.2:1"));
        assert_eq!(Source::of("[2001:db8::1]:1"), Source::of("[2001:db8::ffff:2]:9"));
        assert_ne!(Source::of("[2001:db8::1]:1"), Source::of("[2001:db8:0:1::1]:1"));
        assert_ne!(Source::of("[::ffff:192.0.2.1]:1"), Source::of("[::ffff:198.51.100.7]:1"));
        assert_eq!(Source::of("[::ffff:192.0.2.1]:1"), Source::of("192.0.2.1:2"));
    }

    #[test]
    fn addresses_are_read_as_the_standard_library_reads_them() {
        let addresses = [
            "::",
            "::1",
            "1::",
            "2001:db8::1",
            "2001:db8:0:1::ffff",
            "::ffff:192.0.2.1",
            "64:ff9b::192.0.2.33",
            "fe80::1:2:3:4",
            "1:2:3:4:5:6:7:8",
            "1:2:3::5:6:7:8",
            "1:2:3:4:5:6:192.0.2.1",
            "ABCD:ef01:2::",
            "192.0.2.1",
            "",
            "x",
            "1:2:3:4:5:6:7",
            "1:2:3:4:5:6:7:8:9",
            "12345::",
            "g::1",
            "/run/envoy.sock",
        ];
        for address in addresses {
            let expected = address.parse::<std::net::Ipv6Addr>().ok();
            let expected = expected.and_then(|parsed| parsed.octets().first_chunk::<8>().copied());
            assert_eq!(prefix(address), expected, "{address}");
        }
    }

    #[test]
    fn memory_is_bounded_and_who_is_at_the_limit_stays_there() {
        let source = |tag: u8| Source { tag: [tag; 8], slot: 0 };
        let mut bytes = Vec::new();
        for _ in 0..4 {
            let _ = takes(&mut bytes, &source(255), 0);
        }
        for tag in 0..100 {
            assert_eq!(takes(&mut bytes, &source(tag), 0), Taken::Yes);
            assert!(bytes.len() <= SOURCES * ENTRY);
        }
        assert_eq!(takes(&mut bytes, &source(255), 0), Taken::After(1));
    }

    #[test]
    fn any_bytes_are_a_slot() {
        for length in 0..200 {
            let (next, taken) = take(&vec![0xff; length], &Source::of("x"), RATE, 5);
            assert!(matches!(taken, Taken::Yes) && next.len() <= SOURCES * ENTRY);
        }
    }
}
