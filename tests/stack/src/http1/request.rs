//! Requests as they came: raw targets, header bytes in their order, whole bodies.

use std::ops::Range;

use bytes::{Buf, Bytes, BytesMut};

/// One header as received: duplicates, case and odd bytes are kept.
#[derive(Clone, Debug)]
pub struct Header {
    pub name: Bytes,
    pub value: Bytes,
}

impl Header {
    /// The name as text; header names are ASCII once parsed.
    pub fn name(&self) -> &str {
        std::str::from_utf8(&self.name).unwrap_or_default()
    }

    /// The value for display: bytes that are not UTF-8 are shown as `\xNN`.
    pub fn display_value(&self) -> String {
        match std::str::from_utf8(&self.value) {
            Ok(text) => text.to_owned(),
            Err(_) => self.value.escape_ascii().to_string(),
        }
    }
}

/// A whole request.
#[derive(Clone, Debug)]
pub struct Request {
    pub method: Bytes,
    pub target: Bytes,
    pub headers: Vec<Header>,
    pub body: Bytes,
    /// Over HTTP/2 only.
    pub trailers: Vec<Header>,
    pub keep_alive: bool,
    /// `HTTP/1.0`, `HTTP/1.1` or `HTTP/2.0`.
    pub protocol: &'static str,
}

impl Request {
    pub fn method(&self) -> &str {
        std::str::from_utf8(&self.method).unwrap_or_default()
    }

    pub fn target(&self) -> &str {
        std::str::from_utf8(&self.target).unwrap_or_default()
    }

    pub fn path(&self) -> &str {
        let target = self.target();
        target.split_once('?').map_or(target, |(path, _)| path)
    }

    pub fn query(&self) -> &str {
        self.target().split_once('?').map_or("", |(_, query)| query)
    }

    /// The first header of that name.
    pub fn header(&self, name: &str) -> Option<&[u8]> {
        self.headers
            .iter()
            .find(|header| header.name.eq_ignore_ascii_case(name.as_bytes()))
            .map(|header| header.value.as_ref())
    }

    pub fn header_text(&self, name: &str) -> Option<&str> {
        self.header(name).and_then(|value| std::str::from_utf8(value).ok())
    }

    pub fn count(&self, name: &str) -> usize {
        self.headers.iter().filter(|header| header.name.eq_ignore_ascii_case(name.as_bytes())).count()
    }
}

/// How the body of a parsed head is delimited.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum BodyLength {
    Known(usize),
    Chunked,
}

pub(super) struct Head {
    pub(super) request: Request,
    pub(super) length: BodyLength,
    pub(super) expects_continue: bool,
}

const MAX_HEADERS: usize = 256;
pub(super) const MAX_HEAD: usize = 256 * 1024;
pub(super) const MAX_BODY: usize = 64 * 1024 * 1024;

/// Takes one head off the buffer; `None` when more bytes are needed.
pub(super) fn take_head(buffer: &mut BytesMut) -> Result<Option<Head>, &'static str> {
    let mut slots = [httparse::EMPTY_HEADER; MAX_HEADERS];
    let mut parsed = httparse::Request::new(&mut slots);
    let (length, version, method, target, headers) = match parsed.parse(buffer) {
        Ok(httparse::Status::Partial) => return Ok(None),
        Err(_) => return Err("malformed request"),
        Ok(httparse::Status::Complete(length)) => {
            let base = buffer.as_ptr() as usize;
            let range = |part: &[u8]| -> Range<usize> {
                let start = part.as_ptr() as usize - base;
                start..start + part.len()
            };
            let headers: Vec<_> = parsed
                .headers
                .iter()
                .map(|header| (range(header.name.as_bytes()), range(header.value)))
                .collect();
            (
                length,
                parsed.version.unwrap_or(1),
                range(parsed.method.unwrap_or_default().as_bytes()),
                range(parsed.path.unwrap_or_default().as_bytes()),
                headers,
            )
        }
    };
    let head = buffer.split_to(length).freeze();
    let request = Request {
        method: head.slice(method),
        target: head.slice(target),
        headers: headers
            .into_iter()
            .map(|(name, value)| Header { name: head.slice(name), value: head.slice(value) })
            .collect(),
        body: Bytes::new(),
        trailers: Vec::new(),
        keep_alive: version == 1,
        protocol: if version == 1 { "HTTP/1.1" } else { "HTTP/1.0" },
    };
    delimit(request).map(Some)
}

fn delimit(mut request: Request) -> Result<Head, &'static str> {
    let mut length = BodyLength::Known(0);
    let mut expects_continue = false;
    for header in &request.headers {
        let is = |name: &str| header.name.eq_ignore_ascii_case(name.as_bytes());
        if is("content-length") {
            let text = std::str::from_utf8(&header.value).unwrap_or_default();
            length = BodyLength::Known(text.parse().map_err(|_| "bad content-length")?);
        } else if is("transfer-encoding") {
            length = BodyLength::Chunked;
        } else if is("expect") {
            expects_continue = true;
        } else if is("connection") {
            request.keep_alive = !header.value.eq_ignore_ascii_case(b"close");
        }
    }
    if matches!(length, BodyLength::Known(bytes) if bytes > MAX_BODY) {
        return Err("body too large");
    }
    Ok(Head { request, length, expects_continue })
}

/// Takes one chunk off the buffer into `body`; `Some(true)` after the last one.
pub(super) fn take_chunk(buffer: &mut BytesMut, body: &mut BytesMut) -> Result<Option<bool>, &'static str> {
    match httparse::parse_chunk_size(buffer) {
        Err(_) => Err("malformed chunk"),
        Ok(httparse::Status::Partial) => Ok(None),
        Ok(httparse::Status::Complete((line, 0))) => {
            let Some(end) = end_of_trailers(&buffer[line..]) else {
                return Ok(None);
            };
            buffer.advance(line + end);
            Ok(Some(true))
        }
        Ok(httparse::Status::Complete((line, size))) => {
            let size = usize::try_from(size).map_err(|_| "chunk too large")?;
            if size > MAX_BODY || body.len() + size > MAX_BODY {
                return Err("body too large");
            }
            if buffer.len() < line + size + 2 {
                return Ok(None);
            }
            buffer.advance(line);
            body.extend_from_slice(&buffer.split_to(size));
            buffer.advance(2);
            Ok(Some(false))
        }
    }
}

fn end_of_trailers(rest: &[u8]) -> Option<usize> {
    if rest.starts_with(b"\r\n") {
        return Some(2);
    }
    rest.windows(4).position(|window| window == b"\r\n\r\n").map(|at| at + 4)
}
