//! Instructions, from the query and from `x-test-*` headers.

use std::time::Duration;

use crate::http1::Request;

/// A series: how many, how far apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Series {
    pub(super) count: usize,
    pub(super) interval: Duration,
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Orders {
    pub(super) status: Option<u16>,
    pub(super) delay: Option<Duration>,
    pub(super) body: Option<usize>,
    pub(super) stream: Option<Series>,
    pub(super) sse: Option<Series>,
    pub(super) reset: Option<usize>,
    pub(super) close: bool,
    pub(super) hang: bool,
    pub(super) headers: Vec<(String, String)>,
    pub(super) trailers: Vec<(String, String)>,
    pub(super) marker: Option<String>,
}

impl Orders {
    pub(super) fn of(request: &Request) -> Self {
        let mut orders = Self::default();
        let query = request.query();
        if !query.is_empty() {
            for pair in query.split('&') {
                let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
                orders.take(name, &percent_decoded(value));
            }
        }
        for header in &request.headers {
            let name = header.name();
            if let (Some(order), Ok(value)) = (
                name.get(..7)
                    .filter(|prefix| prefix.eq_ignore_ascii_case("x-test-"))
                    .and_then(|_| name.get(7..)),
                std::str::from_utf8(&header.value),
            ) {
                orders.take(&order.to_ascii_lowercase(), value);
            }
        }
        orders
    }

    fn take(&mut self, name: &str, value: &str) {
        match name {
            "status" => self.status = value.parse().ok().filter(|code| (200..=599).contains(code)),
            "delay" => self.delay = value.parse().ok().map(Duration::from_millis),
            "body" => self.body = value.parse().ok().filter(|bytes| *bytes <= 1 << 28),
            "stream" => self.stream = series(value),
            "sse" => self.sse = series(value),
            "reset" => self.reset = value.parse().ok(),
            "close" => self.close = true,
            "hang" => self.hang = true,
            "h" => self.headers.extend(named(value)),
            "trailer" => self.trailers.extend(named(value)),
            "marker" => self.marker = Some(value.to_owned()),
            _ => {}
        }
    }
}

fn series(value: &str) -> Option<Series> {
    let (count, interval) = value.split_once(',').unwrap_or((value, "0"));
    Some(Series {
        count: count.trim().parse().ok()?,
        interval: Duration::from_millis(interval.trim().parse().ok()?),
    })
}

fn named(value: &str) -> Option<(String, String)> {
    let (name, value) = value.split_once(':')?;
    let valid = !name.is_empty()
        && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(&byte))
        && !value.contains(['\r', '\n']);
    valid.then(|| (name.to_owned(), value.trim().to_owned()))
}

fn percent_decoded(text: &str) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((&byte, after)) = rest.split_first() {
        rest = after;
        let escaped = (byte == b'%')
            .then(|| after.get(..2))
            .flatten()
            .and_then(|digits| std::str::from_utf8(digits).ok())
            .and_then(|digits| u8::from_str_radix(digits, 16).ok());
        match escaped {
            Some(decoded) => {
                bytes.push(decoded);
                rest = &after[2..];
            }
            None => bytes.push(if byte == b'+' { b' ' } else { byte }),
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_decoded_and_repeatable() {
        let mut orders = Orders::default();
        orders.take("h", &percent_decoded("cache-control%3Apublic%2C+max-age=60"));
        orders.take("h", "set-cookie: a=b");
        orders.take("stream", "3,10");
        assert_eq!(
            orders.headers,
            [
                ("cache-control".to_owned(), "public, max-age=60".to_owned()),
                ("set-cookie".to_owned(), "a=b".to_owned()),
            ]
        );
        assert_eq!(orders.stream.map(|series| series.count), Some(3));
    }

    #[test]
    fn what_cannot_be_read_is_ignored() {
        let mut orders = Orders::default();
        orders.take("status", "1");
        orders.take("h", "no colon");
        orders.take("h", "a:b\r\nc: d");
        assert_eq!(orders, Orders::default());
        assert_eq!(percent_decoded("%zz%4"), "%zz%4");
    }
}
