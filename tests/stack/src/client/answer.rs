//! What came back, as far as it came.

use bytes::Bytes;
use serde_json::Value;

/// How the connection ended before the answer did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Broken {
    /// Nothing was heard in time.
    TimedOut,
    /// Nobody listened.
    Refused,
    /// RST, or a reset of the stream.
    Reset,
    /// FIN in the middle, or before the first byte.
    Closed,
    /// Not HTTP.
    Malformed,
}

/// An answer; `status` is 0 when not even a head arrived.
#[derive(Clone, Debug, Default)]
pub struct Answer {
    pub status: u16,
    pub headers: Vec<(String, Bytes)>,
    pub body: Bytes,
    pub trailers: Vec<(String, Bytes)>,
    pub broken: Option<Broken>,
}

impl Answer {
    pub fn broken(why: Broken) -> Self {
        Self { broken: Some(why), ..Self::default() }
    }

    /// The first header of that name.
    pub fn header(&self, name: &str) -> Option<&[u8]> {
        self.headers
            .iter()
            .find(|(known, _)| known.eq_ignore_ascii_case(name))
            .map(|(_, value)| value.as_ref())
    }

    pub fn header_text(&self, name: &str) -> Option<&str> {
        self.header(name).and_then(|value| std::str::from_utf8(value).ok())
    }

    pub fn count(&self, name: &str) -> usize {
        self.headers.iter().filter(|(known, _)| known.eq_ignore_ascii_case(name)).count()
    }

    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    /// The body as JSON; null when it is not.
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_default()
    }

    /// The quote of a 402: from the header, else from a version 1 body.
    pub fn quote(&self) -> Option<crate::payer::Quote> {
        crate::payer::Quote::of(self.header("payment-required"), &self.body)
    }

    /// The receipt, of either version.
    pub fn receipt(&self) -> Option<Value> {
        self.header("payment-response")
            .or_else(|| self.header("x-payment-response"))
            .and_then(crate::payer::decode_header)
    }
}
