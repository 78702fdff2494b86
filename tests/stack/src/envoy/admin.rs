//! The admin port: callable from plain and from async code, and what its statistics say.

use std::collections::BTreeMap;
use std::net::SocketAddr;

use crate::client::{request, Answer, Broken, RawRequest};

pub(super) fn get(admin: SocketAddr, path: &str) -> Answer {
    call(admin, &RawRequest::get(path))
}

pub(super) fn post(admin: SocketAddr, path: &str) -> Answer {
    call(admin, &RawRequest::new("POST", path))
}

/// On a thread of its own: the caller may be inside a runtime, where another cannot block.
fn call(admin: SocketAddr, ask: &RawRequest) -> Answer {
    std::thread::scope(|scope| {
        let asking = scope.spawn(|| {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().ok()?;
            Some(runtime.block_on(request(admin, ask)))
        });
        asking.join().ok().flatten()
    })
    .unwrap_or_else(|| Answer::broken(Broken::Refused))
}

/// Counters and gauges by name.
#[derive(Clone, Debug, Default)]
pub struct Stats(pub BTreeMap<String, u64>);

impl Stats {
    pub(super) fn parse(text: &str) -> Self {
        let pairs = text.lines().filter_map(|line| {
            let (name, value) = line.rsplit_once(": ")?;
            Some((name.to_owned(), value.parse().ok()?))
        });
        Self(pairs.collect())
    }

    /// 0 for what does not exist: counters appear when they first count.
    pub fn get(&self, name: &str) -> u64 {
        self.0.get(name).copied().unwrap_or_default()
    }

    /// The sum over all names with this start.
    pub fn sum(&self, prefix: &str) -> u64 {
        self.0.iter().filter(|(name, _)| name.starts_with(prefix)).map(|(_, value)| value).sum()
    }
}

/// One line of the Prometheus text.
#[derive(Clone, Debug, PartialEq)]
pub struct Sample {
    pub name: String,
    pub labels: BTreeMap<String, String>,
    pub value: f64,
}

pub(super) fn samples(text: &str) -> Vec<Sample> {
    text.lines().filter(|line| !line.starts_with('#')).filter_map(sample).collect()
}

fn sample(line: &str) -> Option<Sample> {
    let (series, value) = line.rsplit_once(' ')?;
    let (name, labels) = series.split_once('{').unwrap_or((series, ""));
    let mut read = BTreeMap::new();
    let mut rest = labels.trim_end_matches('}');
    while let Some((label, after)) = rest.split_once("=\"") {
        let (value, after) = quoted(after)?;
        read.insert(label.trim_start_matches(',').to_owned(), value);
        rest = after;
    }
    Some(Sample { name: name.to_owned(), labels: read, value: value.parse().ok()? })
}

/// A label value up to its closing quote, unescaped, and the rest.
fn quoted(text: &str) -> Option<(String, &str)> {
    let mut value = String::new();
    let mut characters = text.char_indices();
    while let Some((at, character)) = characters.next() {
        match character {
            '"' => return Some((value, &text[at + 1..])),
            '\\' => value.push(match characters.next()?.1 {
                'n' => '\n',
                other => other,
            }),
            other => value.push(other),
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plain_statistics() {
        let stats = Stats::parse("a.b: 3\na.c: 4\nhistogram: P0(1,2)\ntext: \"x\"\n");
        assert_eq!((stats.get("a.b"), stats.get("none"), stats.sum("a.")), (3, 0, 7));
    }

    #[test]
    fn prometheus_samples() {
        let text = "# TYPE x counter\nx_requests{x402_route=\"a,\\\"b\",r=\"ok\"} 2\nup{} 1\nbare 3\n";
        let samples = samples(text);
        assert_eq!(samples.len(), 3);
        assert_eq!(samples[0].labels["x402_route"], "a,\"b");
        assert_eq!((samples[0].value, samples[2].name.as_str()), (2.0, "bare"));
    }
}
