//! Between a client's bytes, a host's header pairs and a call's outcome, as Envoy 1.40 maps
//! them.

use std::net::SocketAddr;
use std::time::Duration;

use bytes::Bytes;
use x402_devstack::client::{request, Answer, Broken, RawRequest};

/// Headers as a host gives them.
pub(crate) type Pairs = Vec<(String, Vec<u8>)>;

/// How long the upstream may take; the route timeout of a real deployment is longer.
pub(crate) const UPSTREAM_TIMEOUT: Duration = Duration::from_secs(10);

const NO_CONNECTION: &str = "upstream connect error or disconnect/reset before headers. reset reason: remote connection failure, transport failure reason: delayed connect error: Connection refused";
const TERMINATED: &str =
    "upstream connect error or disconnect/reset before headers. reset reason: connection termination";

/// A client of a thread of its own: one call at a time.
pub(crate) struct Client(tokio::runtime::Runtime);

/// What a call came to. Without headers it broke in the middle.
pub(crate) struct Reached {
    pub(crate) headers: Pairs,
    pub(crate) body: Bytes,
    /// Whether the body was cut short.
    pub(crate) cut: bool,
}

impl Client {
    pub(crate) fn new() -> Self {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        Self(runtime.expect("a runtime"))
    }

    /// One request, and at most `patience` for its answer.
    pub(crate) fn call(&self, to: SocketAddr, pairs: &Pairs, body: &[u8], patience: Duration) -> Reached {
        let raw = raw(pairs, body);
        let answer = self.0.block_on(async {
            let asked = tokio::time::timeout(patience, request(to, &raw)).await;
            asked.unwrap_or_else(|_| Answer::broken(Broken::TimedOut))
        });
        Reached::of(answer)
    }
}

impl Reached {
    fn of(answer: Answer) -> Self {
        let local = |status: &str, body: &'static str| Self {
            headers: vec![
                (":status".to_owned(), status.into()),
                ("content-length".to_owned(), body.len().to_string().into()),
                ("content-type".to_owned(), b"text/plain".to_vec()),
            ],
            body: Bytes::from_static(body.as_bytes()),
            cut: false,
        };
        match answer.broken {
            Some(Broken::Refused) => local("503", NO_CONNECTION),
            Some(Broken::TimedOut) => local("504", "upstream request timeout"),
            Some(Broken::Malformed) => local(
                "502",
                "upstream connect error or disconnect/reset before headers. reset reason: protocol error",
            ),
            Some(_) if answer.status == 0 => local("503", TERMINATED),
            broken => Self { headers: response_pairs(&answer), body: answer.body, cut: broken.is_some() },
        }
    }

    /// As it reaches a callout: an answer that was cut in its body has no headers at all.
    pub(crate) fn for_callout(mut self) -> Self {
        if self.cut {
            self.headers.clear();
            self.body.clear();
        }
        self
    }

    pub(crate) fn header(&self, name: &str) -> Option<&[u8]> {
        find(&self.headers, name)
    }

    pub(crate) fn status(&self) -> u16 {
        status(&self.headers)
    }
}

pub(crate) fn find<'a>(pairs: &'a Pairs, name: &str) -> Option<&'a [u8]> {
    pairs.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_slice())
}

pub(crate) fn status(pairs: &Pairs) -> u16 {
    let text = find(pairs, ":status").and_then(|value| std::str::from_utf8(value).ok());
    text.and_then(|text| text.parse().ok()).unwrap_or(0)
}

/// A client's request as a host shows it to a filter.
pub(crate) fn request_pairs(request: &RawRequest) -> Pairs {
    let mut authority = b"shop.example".to_vec();
    let mut target = request.target.clone();
    let mut rest = Pairs::new();
    for (name, value) in &request.headers {
        let name = String::from_utf8_lossy(name).to_ascii_lowercase();
        match name.as_str() {
            "host" => authority.clone_from(value),
            _ => rest.push((name, value.clone())),
        }
    }
    // Absolute form: the target's authority counts.
    if let Some(after) = target.strip_prefix(b"http://".as_slice()) {
        let slash = after.iter().position(|byte| *byte == b'/').unwrap_or(after.len());
        let (host, path) = after.split_at(slash);
        authority = host.to_vec();
        target = if path.is_empty() { b"/".to_vec() } else { path.to_vec() };
    }
    let mut pairs = vec![
        (":authority".to_owned(), authority),
        (":path".to_owned(), target),
        (":method".to_owned(), request.method.clone().into_bytes()),
        (":scheme".to_owned(), b"http".to_vec()),
    ];
    pairs.append(&mut rest);
    pairs.push(("x-request-id".to_owned(), b"6ba7b810-9dad-11d1-80b4-00c04fd430c8".to_vec()));
    pairs
}

fn response_pairs(answer: &Answer) -> Pairs {
    let mut pairs = vec![(":status".to_owned(), answer.status.to_string().into_bytes())];
    let headers = answer.headers.iter();
    pairs.extend(headers.map(|(name, value)| (name.to_ascii_lowercase(), value.to_vec())));
    pairs.push(("x-envoy-upstream-service-time".to_owned(), b"1".to_vec()));
    pairs
}

fn raw(pairs: &Pairs, body: &[u8]) -> RawRequest {
    let text = |name: &str| String::from_utf8_lossy(find(pairs, name).unwrap_or_default()).into_owned();
    let mut raw = RawRequest::new(&text(":method"), find(pairs, ":path").unwrap_or(b"/"));
    raw = raw.header("host", find(pairs, ":authority").unwrap_or_default());
    for (name, value) in pairs {
        let hop = matches!(name.as_str(), "content-length" | "transfer-encoding" | "connection");
        if !name.starts_with(':') && !hop {
            raw = raw.header(name, value);
        }
    }
    raw.body(body.to_vec())
}

/// What a client reads of a response.
pub(crate) fn answer(pairs: &Pairs, body: Bytes, cut: bool) -> Answer {
    let headers = pairs.iter().filter(|(name, _)| !name.starts_with(':'));
    Answer {
        status: status(pairs),
        headers: headers.map(|(name, value)| (name.clone(), Bytes::copy_from_slice(value))).collect(),
        body,
        trailers: Vec::new(),
        broken: cut.then_some(Broken::Reset),
    }
}
