//! From instructions to an answer, in terms either protocol can carry out.

use bytes::{Bytes, BytesMut};

use crate::http1::{write_header, write_status, Reply, Request, Response, Script, Step};

use super::echo::echo;
use super::orders::{Orders, Series};

pub(super) struct Behaviour {
    pub(super) orders: Orders,
    pub(super) response: Response,
}

const CHUNK: usize = 1024;

impl Behaviour {
    pub(super) fn of(request: &Request, orders: Orders, name: &str) -> Self {
        let status = orders.status.unwrap_or(200);
        let mut response = Response::new(status);
        let given = |name: &str| orders.headers.iter().any(|(known, _)| known.eq_ignore_ascii_case(name));
        let (content_type, body): (_, Bytes) = match orders.body {
            Some(bytes) => ("application/octet-stream", filler(bytes)),
            None => ("application/json", echo(request, name).into()),
        };
        if !matches!(status, 204 | 304) {
            response.body = body;
            if !given("content-type") {
                let kind = if orders.sse.is_some() { "text/event-stream" } else { content_type };
                response = response.header("content-type", kind);
            }
        }
        for (name, value) in &orders.headers {
            response = response.header(name, value.clone());
        }
        Self { orders, response }
    }

    pub(super) async fn wait(&self) {
        if let Some(delay) = self.orders.delay {
            tokio::time::sleep(delay).await;
        }
    }

    /// The pieces of a streamed body and their spacing; `None` for a whole one.
    pub(super) fn pieces(&self) -> Option<(Vec<Bytes>, Series)> {
        let whole = Series { count: 1, interval: std::time::Duration::ZERO };
        if let Some(series) = self.orders.sse {
            let events = (0..series.count)
                .map(|number| Bytes::from(format!("id: {number}\ndata: event {number}\n\n")))
                .collect();
            return Some((events, series));
        }
        if let Some(series) = self.orders.stream {
            return Some((vec![filler(CHUNK); series.count], series));
        }
        (!self.orders.trailers.is_empty()).then(|| (vec![self.response.body.clone()], whole))
    }

    pub(super) fn http1(self, head_only: bool) -> Reply {
        if self.orders.hang {
            return Script::default().then(Step::Hang).into();
        }
        if self.orders.close {
            return Script::default().then(Step::Close).into();
        }
        if let (Some(bytes), false) = (self.orders.reset, head_only) {
            return self.cut(bytes).into();
        }
        match self.pieces() {
            Some((pieces, series)) if !head_only => self.chunked(pieces, series).into(),
            _ => self.response.into(),
        }
    }

    fn cut(&self, bytes: usize) -> Script {
        let mut promised = self.response.clone();
        promised.body = filler(bytes + CHUNK);
        Script::default().write(promised.head(true)).write(promised.body.slice(..bytes)).reset_after_flush()
    }

    fn chunked(&self, pieces: Vec<Bytes>, series: Series) -> Script {
        let mut head = BytesMut::new();
        write_status(&mut head, self.response.status);
        for (name, value) in &self.response.headers {
            write_header(&mut head, name, value);
        }
        write_header(&mut head, "transfer-encoding", b"chunked");
        head.extend_from_slice(b"\r\n");
        let mut script = Script::default().write(head);
        for (at, piece) in pieces.into_iter().enumerate() {
            if at > 0 && !series.interval.is_zero() {
                script = script.wait(series.interval);
            }
            let mut chunk = BytesMut::from(format!("{:x}\r\n", piece.len()).as_bytes());
            chunk.extend_from_slice(&piece);
            chunk.extend_from_slice(b"\r\n");
            script = script.write(chunk);
        }
        let mut end = BytesMut::from(&b"0\r\n"[..]);
        for (name, value) in &self.orders.trailers {
            write_header(&mut end, name, value.as_bytes());
        }
        end.extend_from_slice(b"\r\n");
        script.write(end).then(Step::KeepAlive)
    }
}

fn filler(bytes: usize) -> Bytes {
    vec![b'x'; bytes].into()
}
