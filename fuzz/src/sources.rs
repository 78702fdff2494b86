//! Whose bucket an address is, and what its bucket holds.
//!
//! The first line is tokens a minute and the burst; each other one a step: `t` takes a token, `g`
//! gives one back, `c` notes that one is gone, `l` looks, after so many milliseconds, for this
//! peer: `t 100 192.0.2.1:443`. A line of another form is a slot's bytes, read as they stand.

use std::net::{IpAddr, Ipv6Addr, SocketAddr};

use x402_proxy_wasm::limit::{apply, Deed, Rate, Source, Taken};

use crate::cost;

/// Bytes a slot has at most: eight sources of twenty.
const SLOT: usize = 160;

/// Steps of an input.
const STEPS: usize = 64;

/// One token, as it is counted here.
const WHOLE: i128 = 60_000;

struct Count {
    source: Source,
    /// Sixty-thousandths of a token.
    tokens: i128,
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
        let deed = match words.next() {
            Some("t") => Some(Deed::TAKE),
            Some("d") => Some(Deed::take(3)),
            Some("D") => Some(Deed::take(u32::MAX)),
            Some("g") => Some(Deed::GIVE),
            Some("c") => Some(Deed::CHARGE),
            Some("l") => Some(Deed::LOOK),
            _ => None,
        };
        let after = words.next().and_then(|word| word.parse::<u32>().ok());
        let (Some(deed), Some(after), Some(peer)) = (deed, after, words.next()) else {
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
        let (next, taken) = apply(&slot, &source, rate, now, deed);
        slot = next.unwrap_or(slot);
        let most = i128::from(burst) * WHOLE;
        let rest = (count.tokens - i128::from(deed.gone) * WHOLE).clamp(-most, most);
        // More than fits is as much as fits.
        let wanted = (i128::from(deed.take) * WHOLE).min(most);
        let needed = wanted.max(WHOLE);
        match taken {
            Taken::Yes => assert!(rest >= needed, "tokens that there were not: {rest}"),
            Taken::After(seconds) => {
                // A part of a thousandth goes by at each look.
                assert!(rest < needed + 64 * STEPS as i128, "none, where there were some: {rest}");
                let whole = (needed + most) / (i128::from(per_minute) * 1_000) + 2;
                assert!(seconds >= 1 && i128::from(seconds) <= whole, "{seconds}");
            }
        }
        count.tokens = if taken == Taken::Yes { rest - wanted } else { rest };
        assert!(slot.len() <= SLOT && slot.len().is_multiple_of(20), "{}", slot.len());
    }
}

impl Count {
    fn of(counts: &mut Vec<Self>, source: Source, rate: Rate, now: u64) -> &mut Self {
        let most = i128::from(rate.burst) * WHOLE;
        for count in counts.iter_mut() {
            let gained = i128::from(now - count.at) * i128::from(rate.per_minute);
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
    let work = || apply(bytes, &source, rate, now, Deed::TAKE);
    let (next, taken) = cost::within(4_096, 8, bytes.len(), work);
    if let Some(next) = next {
        assert!(next.len() <= SLOT && next.len() >= 20);
    }
    if !bytes.is_empty() && (!bytes.len().is_multiple_of(20) || bytes.len() > SLOT) {
        assert_eq!(taken, Taken::Yes, "bytes of nobody's count for nobody");
    }
    let given = apply(bytes, &source, rate, now, Deed::GIVE).0;
    assert!(given.is_some_and(|given| given.len() <= SLOT));
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
            None => format!("[{}]", same_network(address)),
        },
    };
    assert_eq!(Source::of(&format!("{canonical}:9")), *source, "{peer}");
}

/// Another host of the same /64; behind NAT64 (RFC 6052) there is none.
fn same_network(address: Ipv6Addr) -> Ipv6Addr {
    const TRANSLATED: [u16; 6] = [0x64, 0xff9b, 0, 0, 0, 0];
    let mut groups = address.segments();
    if !groups.starts_with(&TRANSLATED) {
        // With all of the host's groups zero it could come to lie behind NAT64.
        groups[4..].copy_from_slice(&[1, 0, 0, 0]);
    }
    Ipv6Addr::from(groups)
}
