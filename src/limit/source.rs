//! Whose bucket.

use super::{Counted, SLOTS};
use crate::map;

/// How hosts spell what NAT64 puts before an IPv4 address (RFC 6052 section 2.1, RFC 5952).
const TRANSLATED: &str = "64:ff9b::";

/// A source: an IPv4 address, translated or not; the /64 of an IPv6 address; or whatever else a host
/// says.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Source {
    pub(super) tag: [u8; 8],
    pub(super) slot: u16,
}

// === impl Source ===

impl Source {
    /// The source of a peer as hosts spell it: `192.0.2.1:443`, `[2001:db8::1]:443`, or without the
    /// port. What is no address (a Unix socket) is one source.
    pub fn of(peer: &str) -> Self {
        let address = match peer.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
            Some((inside, _)) => inside,
            // With more than one colon it is no port that follows.
            None => peer.split_once(':').filter(|(_, port)| !port.contains(':')).map_or(peer, |(ip, _)| ip),
        };
        // An IPv4 address in IPv6 spelling is one customer's as well.
        let mapped = address.strip_prefix("::ffff:").filter(|mapped| mapped.contains('.'));
        let address = mapped.unwrap_or(address);
        // Who could choose addresses to meet another in one slot could do so under any hash that
        // every worker knows.
        let hash = match prefix(address).filter(|_| !is_translated(address)) {
            Some(prefix) => map::hash64(&("ipv6", prefix)),
            None => map::hash64(&("ipv4", address)),
        };
        let slot = (hash ^ hash >> 32).checked_rem(SLOTS.into()).unwrap_or(0);
        Self { tag: hash.to_le_bytes(), slot: u16::try_from(slot).unwrap_or(0) }
    }

    /// Where its slot is kept.
    pub fn key(&self, counted: Counted) -> String {
        let mut key = String::from(match counted {
            Counted::WalletChecks => "x402/limit/1/",
            Counted::Challenges => "x402/limit/1/c",
            Counted::Failures => "x402/limit/1/f",
        });
        key.push_str(&self.slot.to_string());
        key
    }
}

/// Whether it is one IPv4 address behind NAT64, all of which share a /64.
fn is_translated(address: &str) -> bool {
    // At most two groups follow; with more it is another network's.
    address.strip_prefix(TRANSLATED).is_some_and(|ipv4| ipv4.bytes().filter(|&byte| byte == b':').count() < 2)
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ports_and_hosts_of_a_network_are_one_source() {
        assert_eq!(Source::of("192.0.2.1:1"), Source::of("192.0.2.1:2"));
        assert_ne!(Source::of("192.0.2.1:1"), Source::of("192.0.2.2:1"));
        assert_eq!(Source::of("[2001:db8::1]:1"), Source::of("[2001:db8::ffff:2]:9"));
        assert_ne!(Source::of("[2001:db8::1]:1"), Source::of("[2001:db8:0:1::1]:1"));
        assert_ne!(Source::of("[::ffff:192.0.2.1]:1"), Source::of("[::ffff:198.51.100.7]:1"));
        assert_eq!(Source::of("[::ffff:192.0.2.1]:1"), Source::of("192.0.2.1:2"));
        assert_eq!(Source::of("192.0.2.1"), Source::of("192.0.2.1:2"));
        assert_eq!(Source::of("2001:db8::1"), Source::of("[2001:db8::2]:9"));
        assert_ne!(Source::of("2001:db8::1"), Source::of("2001:db9::1"));
        assert_ne!(Source::of("/run/a.sock"), Source::of("/run/b.sock"));
    }

    #[test]
    fn addresses_behind_nat64_are_sources_of_their_own() {
        let of = |address: &str| Source::of(&format!("[{address}]:5"));
        assert_eq!(of("64:ff9b::c000:221"), Source::of("[64:ff9b::c000:221]:6"));
        for other in
            ["64:ff9b::c000:222", "64:ff9b::c001:221", "64:ff9b::221", "64:ff9b::", "64:ff9b::1.2.3.4"]
        {
            assert_ne!(of("64:ff9b::c000:221"), of(other), "{other}");
        }
        // These are not below the prefix of 96 bits, and count by their /64.
        for (one, other) in [
            ("64:ff9b::1:c000:221", "64:ff9b::2:c000:222"),
            ("64:ff9b:1::c000:221", "64:ff9b:1::c000:222"),
            ("64:ff9c::c000:221", "64:ff9c::c000:222"),
        ] {
            assert_eq!(of(one), of(other), "{one}");
        }
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
    fn what_is_counted_is_kept_apart() {
        let source = Source { tag: [0; 8], slot: 7 };
        let keys = [Counted::WalletChecks, Counted::Challenges, Counted::Failures].map(|of| source.key(of));
        assert_eq!(keys, ["x402/limit/1/7", "x402/limit/1/c7", "x402/limit/1/f7"]);
    }
}
