//! Authorities: `Example.COM.:443` and `example.com` are one host.

/// Longest host name.
const MAX_HOST: usize = 253;

/// What an authority says, for comparison.
pub(super) struct Host {
    buffer: [u8; MAX_HOST],
    len: usize,
}

// === impl Host ===

impl Host {
    /// Lower case, without port and without one trailing dot. `None` for anything that is
    /// not plainly a name or an address: two servers could read two hosts in it.
    pub(super) fn of(authority: &str) -> Option<Self> {
        let host = without_port(authority)?;
        let host = host.strip_suffix('.').unwrap_or(host);
        let mut buffer = [0; MAX_HOST];
        let target = buffer.get_mut(..host.len())?;
        target.copy_from_slice(host.as_bytes());
        target.make_ascii_lowercase();
        let fine = host.is_empty() || is_name(target) || is_ipv6(host);
        fine.then_some(Self { buffer, len: host.len() })
    }

    pub(super) fn as_bytes(&self) -> &[u8] {
        self.buffer.get(..self.len).unwrap_or_default()
    }

    /// What follows each dot, longest first.
    pub(super) fn parents(&self) -> impl Iterator<Item = &[u8]> {
        let host = self.as_bytes();
        host.iter()
            .enumerate()
            .filter(|(_, &b)| b == b'.')
            .filter_map(move |(at, _)| host.get(at.saturating_add(1)..))
    }
}

/// Whether two authorities are plainly one host at one port. Neither need say the port of its scheme,
/// and what is told by `http` may lead to `https`: a place without a port, one at 80 and one at 443 are
/// the same.
pub(crate) fn same(one: &str, other: &str) -> bool {
    match (Host::of(one), Host::of(other)) {
        (Some(host), Some(known)) => {
            host.len > 0 && host.as_bytes() == known.as_bytes() && port(one) == port(other)
        }
        _ => false,
    }
}

/// Whether an authority's port is one that need not be said.
pub(crate) fn at_usual_port(authority: &str) -> bool {
    port(authority).is_none()
}

/// The port's digits; `None` where it is a scheme's own.
fn port(authority: &str) -> Option<&str> {
    let port = Some(parts(authority).1).filter(|port| !port.is_empty())?;
    Some(port.trim_start_matches('0')).filter(|port| !matches!(*port, "80" | "443"))
}

fn without_port(authority: &str) -> Option<&str> {
    let (host, port) = parts(authority);
    port.bytes().all(|b| b.is_ascii_digit()).then_some(host)
}

fn parts(authority: &str) -> (&str, &str) {
    match authority.rsplit_once(':') {
        Some((host, port)) if !port.contains(']') => (host, port),
        _ => (authority, ""),
    }
}

/// Labels of letters, digits, `-` and `_`, none of them empty.
pub(super) fn is_name(host: &[u8]) -> bool {
    host.len() <= MAX_HOST
        && host.split(|&b| b == b'.').all(|label| {
            !label.is_empty() && label.iter().all(|&b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_')
        })
}

/// `[::1]`, by its characters only: the text is compared, not the address.
pub(super) fn is_ipv6(host: &str) -> bool {
    let inner = host.strip_prefix('[').and_then(|host| host.strip_suffix(']'));
    inner.is_some_and(|inner| {
        !inner.is_empty() && inner.bytes().all(|b| b.is_ascii_hexdigit() || b == b':' || b == b'.')
    })
}
