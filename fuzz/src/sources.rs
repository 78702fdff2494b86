//! Whose bucket an address is, and what its bucket holds.
//!
//! The first line is tokens a minute and the burst; each other one a step: `t` takes a token, `g`
//! gives one back, after so many milliseconds, for this peer: `t 100 192.0.2.1:443`. A line of
//! another form is a slot's bytes, read as they stand.

use std::net::{IpAddr, SocketAddr};

use x402_proxy_wasm::limit::{apply, Deed, Rate, Source, Taken};

use crate::cost;

/// Bytes a slot has at most: eight sources of twenty.
const SLOT: usize = 160;

/// Steps of an input.
const STEPS: usize = 64;

struct Count {
    source: Source,
    /// Sixty-thousandths of a token.
    tokens: u128,
    at: u64,
}

/// A rate and steps.
pub fn run(data: &[u8]) {
    let mut lines = data.split(|b| *b == b'\n');
    let first = String::from_utf8_lossy(lines.next().unwrap_or_default()).into_owned();
    let mut numbers = first.split(' ').map(|word| word.parse::<u32>().unwrap_or(60));
    let per_minute = numbers.next().unwrap_or(60).clamp(1, 1_000_000);
    let burst = numbers.next().unwrap_or(20).clamp(1, 1_000_000);
    let rate = Rate { per_minute, burst };
    let (mut now, mut slot) = (1_700_000_000_000_u64, Vec::new());
    let mut counts: Vec<Count> = Vec::new();
    for line in lines.take(STEPS) {
        let text = String::from_utf8_lossy(line);
        let mut words = text.splitn(3, ' ');
        let (Some(step @ ("t" | "g")), Some(after), Some(peer)) =
            (words.next(), words.next().and_then(|word| word.parse::<u32>().ok()), words.next())
        else {
            anything(line, rate, now);
            continue;
        };
        now += u64::from(after);
        let source = cost::within(1_024, 16, peer.len(), || Source::of(peer));
        same_as_the_standard_library(peer, &source);
        // All sources share the one slot here; with more than eight somebody is forgotten, and
        // the count is not exact any more.
        if counts.len() == 8 && counts.iter().all(|count| count.source != source) {
            continue;
        }
        let count = Count::of(&mut counts, source, rate, now);
        let whole = 60_000;
        if step == "t" {
            let (next, taken) = apply(&slot, &source, rate, now, Deed::TAKE);
            slot = next.unwrap_or(slot);
            match taken {
                // A thousandth of a token is the least that is counted.
                Taken::Yes => {
                    assert!(count.tokens + 60 >= whole, "a token that there was not: {}", count.tokens);
                    count.tokens = count.tokens.saturating_sub(whole);
                }
                Taken::After(seconds) => {
                    assert!(seconds >= 1 && seconds <= 61 + 60 / u64::from(per_minute), "{seconds}");
                }
            }
        } else {
            slot = apply(&slot, &source, rate, now, Deed::GIVE).0.unwrap_or(slot);
            count.tokens = (count.tokens + whole).min(u128::from(burst) * whole);
        }
        assert!(slot.len() <= SLOT && slot.len().is_multiple_of(20), "{}", slot.len());
    }
}

impl Count {
    fn of(counts: &mut Vec<Self>, source: Source, rate: Rate, now: u64) -> &mut Self {
        let most = u128::from(rate.burst) * 60_000;
        for count in counts.iter_mut() {
            let gained = u128::from(now - count.at) * u128::from(rate.per_minute);
            *count = Self { source: count.source, tokens: (count.tokens + gained).min(most), at: now };
        }
        let place = counts.iter().position(|count| count.source == source);
        let place = place.unwrap_or_else(|| {
            counts.push(Self { source, tokens: most, at: now });
            counts.len() - 1
        });
        &mut counts[place]
    }
}

fn anything(bytes: &[u8], rate: Rate, now: u64) {
    let source = Source::of("192.0.2.1:1");
    let (next, taken) = cost::within(4_096, 8, bytes.len(), || apply(bytes, &source, rate, now, Deed::TAKE));
    assert!(next.is_none_or(|next| next.len() <= SLOT && next.len() >= 20));
    if !bytes.is_empty() && (!bytes.len().is_multiple_of(20) || bytes.len() > SLOT) {
        assert_eq!(taken, Taken::Yes, "bytes of nobody's count for nobody");
    }
    assert!(apply(bytes, &source, rate, now, Deed::GIVE).0.is_none_or(|next| next.len() <= SLOT));
}

/// All ports and hosts of a network are one source, in the spelling of hosts.
fn same_as_the_standard_library(text: &str, source: &Source) {
    let Ok(peer) = text.parse::<SocketAddr>() else { return };
    if peer.to_string() != text || text.contains('%') {
        return;
    }
    let canonical = match peer.ip() {
        IpAddr::V4(address) => address.to_string(),
        IpAddr::V6(address) => match address.to_ipv4_mapped() {
            Some(mapped) => mapped.to_string(),
            None => {
                let mut octets = address.octets();
                octets[8..].fill(0);
                format!("[{}]", std::net::Ipv6Addr::from(octets))
            }
        },
    };
    assert_eq!(Source::of(&format!("{canonical}:9")), *source, "{peer}");
}
