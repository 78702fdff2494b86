//! One connection: requests in, replies out, until either side has had enough.

use std::io;

use bytes::BytesMut;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::watch;

use crate::listen::Mode;

use super::request::{take_chunk, take_head, BodyLength, Head, Request, MAX_HEAD};
use super::server::Service;
use super::{Reply, Response, Script, Step};

/// What the read side found.
enum Next {
    Request(Box<Request>),
    Malformed(&'static str),
    Ended,
}

pub(super) struct Connection {
    stream: TcpStream,
    buffer: BytesMut,
    out: BytesMut,
    mode: watch::Receiver<Mode>,
}

impl Connection {
    pub(super) fn new(stream: TcpStream, mode: watch::Receiver<Mode>) -> Self {
        Self {
            stream,
            buffer: BytesMut::with_capacity(16 * 1024),
            out: BytesMut::with_capacity(4 * 1024),
            mode,
        }
    }

    pub(super) async fn serve<S: Service>(mut self, service: S) -> io::Result<()> {
        loop {
            match self.next().await? {
                Next::Ended => return Ok(()),
                Next::Malformed(why) => {
                    let response = Response::new(400).typed("text/plain", why.to_owned());
                    self.respond(&response, false, false).await?;
                    return Ok(());
                }
                Next::Request(request) => {
                    let keep_alive = request.keep_alive;
                    let head_only = request.method.as_ref() == b"HEAD";
                    match service.call(*request).await {
                        Reply::Full(response) => {
                            self.respond(&response, keep_alive, head_only).await?;
                            if !keep_alive {
                                return Ok(());
                            }
                        }
                        Reply::Script(script) => {
                            if !self.perform(script).await? {
                                return Ok(());
                            }
                        }
                    }
                }
            }
        }
    }

    async fn next(&mut self) -> io::Result<Next> {
        let head = loop {
            match take_head(&mut self.buffer) {
                Err(why) => return Ok(Next::Malformed(why)),
                Ok(Some(head)) => break head,
                Ok(None) if self.buffer.len() > MAX_HEAD => return Ok(Next::Malformed("head too large")),
                Ok(None) => {
                    if !self.read_or_refused().await? {
                        return Ok(Next::Ended);
                    }
                }
            }
        };
        self.body(head).await
    }

    async fn body(&mut self, head: Head) -> io::Result<Next> {
        let Head { mut request, length, expects_continue } = head;
        if expects_continue && length != BodyLength::Known(0) {
            self.stream.write_all(b"HTTP/1.1 100 Continue\r\n\r\n").await?;
        }
        match length {
            BodyLength::Known(bytes) => {
                while self.buffer.len() < bytes {
                    if self.stream.read_buf(&mut self.buffer).await? == 0 {
                        return Ok(Next::Ended);
                    }
                }
                request.body = self.buffer.split_to(bytes).freeze();
            }
            BodyLength::Chunked => {
                let mut body = BytesMut::new();
                loop {
                    match take_chunk(&mut self.buffer, &mut body) {
                        Err(why) => return Ok(Next::Malformed(why)),
                        Ok(Some(true)) => break,
                        Ok(Some(false)) => {}
                        Ok(None) => {
                            if self.stream.read_buf(&mut self.buffer).await? == 0 {
                                return Ok(Next::Ended);
                            }
                        }
                    }
                }
                request.body = body.freeze();
            }
        }
        Ok(Next::Request(Box::new(request)))
    }

    /// Reads more, unless the server closes its doors while the connection is idle.
    async fn read_or_refused(&mut self) -> io::Result<bool> {
        self.buffer.reserve(4096);
        tokio::select! {
            biased;
            read = self.stream.read_buf(&mut self.buffer) => Ok(read? > 0),
            () = closed(&mut self.mode) => Ok(false),
        }
    }

    async fn respond(&mut self, response: &Response, keep_alive: bool, head_only: bool) -> io::Result<()> {
        self.out.clear();
        response.write_head(&mut self.out, keep_alive);
        if !head_only {
            self.out.extend_from_slice(&response.body);
        }
        self.stream.write_all(&self.out).await
    }

    /// Whether the connection goes on afterwards.
    async fn perform(&mut self, script: Script) -> io::Result<bool> {
        for step in script.0 {
            match step {
                Step::Write(bytes) => self.stream.write_all(&bytes).await?,
                Step::Wait(pause) => tokio::time::sleep(pause).await,
                Step::Hang => {
                    self.hang().await;
                    return Ok(false);
                }
                Step::Reset => {
                    self.stream.set_zero_linger()?;
                    return Ok(false);
                }
                Step::Close => return Ok(false),
                Step::KeepAlive => return Ok(true),
            }
        }
        Ok(false)
    }

    async fn hang(&mut self) {
        while let Ok(true) = self.read_or_refused().await {
            self.buffer.clear();
        }
    }
}

async fn closed(mode: &mut watch::Receiver<Mode>) {
    while *mode.borrow_and_update() == Mode::Open {
        if mode.changed().await.is_err() {
            return;
        }
    }
}
