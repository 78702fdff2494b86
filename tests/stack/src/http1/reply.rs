//! Answers: an ordinary response, or a script of what happens on the socket.

use std::time::Duration;

use bytes::{BufMut, Bytes, BytesMut};
use serde::Serialize;

/// An ordinary response; `content-length` is added.
#[derive(Clone, Debug)]
pub struct Response {
    pub status: u16,
    pub headers: Vec<(String, Bytes)>,
    pub body: Bytes,
}

impl Response {
    pub fn new(status: u16) -> Self {
        Self { status, headers: Vec::new(), body: Bytes::new() }
    }

    pub fn json(status: u16, value: &impl Serialize) -> Self {
        let body = serde_json::to_vec(value).unwrap_or_default();
        Self::new(status).typed("application/json", body)
    }

    pub fn typed(mut self, content_type: &str, body: impl Into<Bytes>) -> Self {
        self.body = body.into();
        self.header("content-type", content_type.to_owned())
    }

    pub fn header(mut self, name: &str, value: impl Into<Bytes>) -> Self {
        self.headers.push((name.to_owned(), value.into()));
        self
    }

    /// The bytes of the head, ending with the empty line.
    pub fn head(&self, keep_alive: bool) -> Bytes {
        let mut out = BytesMut::with_capacity(256);
        self.write_head(&mut out, keep_alive);
        out.freeze()
    }

    /// Head and body as they go over the wire.
    pub fn encode(&self) -> Bytes {
        let mut out = BytesMut::with_capacity(256 + self.body.len());
        self.write_head(&mut out, true);
        out.extend_from_slice(&self.body);
        out.freeze()
    }

    pub(super) fn write_head(&self, out: &mut BytesMut, keep_alive: bool) {
        write_status(out, self.status);
        for (name, value) in &self.headers {
            write_header(out, name, value);
        }
        let bodiless = matches!(self.status, 100..=199 | 204 | 304);
        if !bodiless && !self.declares("content-length") {
            let mut digits = [0_u8; 20];
            write_header(out, "content-length", decimal(self.body.len(), &mut digits));
        }
        if !keep_alive {
            write_header(out, "connection", b"close");
        }
        out.extend_from_slice(b"\r\n");
    }

    fn declares(&self, name: &str) -> bool {
        self.headers.iter().any(|(known, _)| known.eq_ignore_ascii_case(name))
    }
}

pub(crate) fn write_status(out: &mut BytesMut, status: u16) {
    let reason =
        http::StatusCode::from_u16(status).ok().and_then(|code| code.canonical_reason()).unwrap_or("Status");
    let mut digits = [0_u8; 20];
    out.extend_from_slice(b"HTTP/1.1 ");
    out.extend_from_slice(decimal(usize::from(status), &mut digits));
    out.put_u8(b' ');
    out.extend_from_slice(reason.as_bytes());
    out.extend_from_slice(b"\r\n");
}

pub(crate) fn write_header(out: &mut BytesMut, name: &str, value: &[u8]) {
    out.extend_from_slice(name.as_bytes());
    out.extend_from_slice(b": ");
    out.extend_from_slice(value);
    out.extend_from_slice(b"\r\n");
}

fn decimal(mut number: usize, digits: &mut [u8; 20]) -> &[u8] {
    let mut at = digits.len();
    loop {
        at -= 1;
        digits[at] = b'0' + (number % 10) as u8;
        number /= 10;
        if number == 0 {
            return &digits[at..];
        }
    }
}

/// What happens on the socket, in order; the connection ends with the last step unless that
/// is [`Step::KeepAlive`].
#[derive(Clone, Debug, Default)]
pub struct Script(pub Vec<Step>);

#[derive(Clone, Debug)]
pub enum Step {
    Write(Bytes),
    Wait(Duration),
    /// Says nothing until the peer gives up.
    Hang,
    /// Closes with RST: what was not yet received is lost.
    Reset,
    /// Closes in order (FIN).
    Close,
    /// The answer was complete: go on with the next request.
    KeepAlive,
}

impl Script {
    pub fn write(mut self, bytes: impl Into<Bytes>) -> Self {
        self.0.push(Step::Write(bytes.into()));
        self
    }

    pub fn wait(mut self, pause: Duration) -> Self {
        self.0.push(Step::Wait(pause));
        self
    }

    pub fn then(mut self, step: Step) -> Self {
        self.0.push(step);
        self
    }

    /// A reset that lets the peer read what was written first.
    pub fn reset_after_flush(self) -> Self {
        self.wait(Duration::from_millis(30)).then(Step::Reset)
    }
}

/// The answer to one request.
#[derive(Clone, Debug)]
pub enum Reply {
    Full(Response),
    Script(Script),
}

impl From<Response> for Reply {
    fn from(response: Response) -> Self {
        Self::Full(response)
    }
}

impl From<Script> for Reply {
    fn from(script: Script) -> Self {
        Self::Script(script)
    }
}
