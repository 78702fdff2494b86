//! HTTP/1.1 by hand: the target, the headers and their bytes go out exactly as given.

use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

use bytes::{Buf, Bytes, BytesMut};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpSocket, TcpStream};

use super::answer::{Answer, Broken};

const PATIENCE: Duration = Duration::from_secs(30);

/// A request, byte by byte.
#[derive(Clone, Debug)]
pub struct RawRequest {
    pub method: String,
    pub target: Vec<u8>,
    pub headers: Vec<(Vec<u8>, Vec<u8>)>,
    pub body: Bytes,
    /// Adds `host` and, with a body, `content-length`, unless given.
    pub complete: bool,
}

impl RawRequest {
    pub fn new(method: &str, target: impl AsRef<[u8]>) -> Self {
        Self {
            method: method.to_owned(),
            target: target.as_ref().to_vec(),
            headers: Vec::new(),
            body: Bytes::new(),
            complete: true,
        }
    }

    pub fn get(target: impl AsRef<[u8]>) -> Self {
        Self::new("GET", target)
    }

    /// Adds a header: duplicates and bytes that are not UTF-8 are welcome.
    pub fn header(mut self, name: impl AsRef<[u8]>, value: impl AsRef<[u8]>) -> Self {
        self.headers.push((name.as_ref().to_vec(), value.as_ref().to_vec()));
        self
    }

    /// Adds a payment.
    pub fn pay(self, payment: &crate::payer::Payment) -> Self {
        self.header(payment.header_name(), payment.header())
    }

    pub fn body(mut self, body: impl Into<Bytes>) -> Self {
        self.body = body.into();
        self
    }

    /// Sends only what was given.
    pub fn bare(mut self) -> Self {
        self.complete = false;
        self
    }

    pub fn to_bytes(&self, host: &str) -> Vec<u8> {
        let mut out = Vec::with_capacity(512 + self.body.len());
        out.extend_from_slice(self.method.as_bytes());
        out.push(b' ');
        out.extend_from_slice(&self.target);
        out.extend_from_slice(b" HTTP/1.1\r\n");
        let has =
            |name: &str| self.headers.iter().any(|(known, _)| known.eq_ignore_ascii_case(name.as_bytes()));
        if self.complete && !has("host") {
            out.extend_from_slice(format!("host: {host}\r\n").as_bytes());
        }
        for (name, value) in &self.headers {
            out.extend_from_slice(name);
            out.extend_from_slice(b": ");
            out.extend_from_slice(value);
            out.extend_from_slice(b"\r\n");
        }
        let framed = has("content-length") || has("transfer-encoding");
        if self.complete && !framed && (!self.body.is_empty() || self.method == "POST") {
            out.extend_from_slice(format!("content-length: {}\r\n", self.body.len()).as_bytes());
        }
        out.extend_from_slice(b"\r\n");
        out.extend_from_slice(&self.body);
        out
    }
}

/// One connection. Dropping it closes it; [`RawConnection::abort`] resets it.
pub struct RawConnection {
    stream: TcpStream,
    host: String,
    buffer: BytesMut,
    patience: Duration,
}

impl RawConnection {
    pub async fn open(address: SocketAddr) -> io::Result<Self> {
        Self::over(TcpStream::connect(address).await?, address)
    }

    /// From an address of our own: every 127.x.y.z is one.
    pub async fn open_from(from: Ipv4Addr, address: SocketAddr) -> io::Result<Self> {
        let socket = TcpSocket::new_v4()?;
        socket.bind((from, 0).into())?;
        Self::over(socket.connect(address).await?, address)
    }

    fn over(stream: TcpStream, address: SocketAddr) -> io::Result<Self> {
        stream.set_nodelay(true)?;
        Ok(Self { stream, host: address.to_string(), buffer: BytesMut::new(), patience: PATIENCE })
    }

    /// How long [`RawConnection::read`] waits for a whole answer.
    pub fn patience(mut self, patience: Duration) -> Self {
        self.patience = patience;
        self
    }

    pub async fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.stream.write_all(bytes).await
    }

    pub async fn send(&mut self, request: &RawRequest) -> io::Result<()> {
        let bytes = request.to_bytes(&self.host);
        self.write(&bytes).await
    }

    /// Sends, then reads the answer. The connection can be used again if nothing broke.
    pub async fn exchange(&mut self, request: &RawRequest) -> Answer {
        if self.send(request).await.is_err() {
            return Answer::broken(Broken::Reset);
        }
        self.read(request.method == "HEAD").await
    }

    /// Reads until at least `bytes` have come, or the peer is done.
    pub async fn read_at_least(&mut self, bytes: usize) -> io::Result<usize> {
        while self.buffer.len() < bytes {
            if self.stream.read_buf(&mut self.buffer).await? == 0 {
                break;
            }
        }
        Ok(self.buffer.len())
    }

    /// Leaves with RST.
    pub fn abort(self) {
        let _ = self.stream.set_zero_linger();
    }

    /// Reads one answer.
    pub async fn read(&mut self, head_only: bool) -> Answer {
        let mut answer = Answer::default();
        let patience = self.patience;
        let reading = self.read_into(&mut answer, head_only);
        let outcome = tokio::time::timeout(patience, reading).await;
        answer.broken = match outcome {
            Ok(Ok(())) => None,
            Ok(Err(broken)) => Some(broken),
            Err(_) => Some(Broken::TimedOut),
        };
        answer
    }

    async fn read_into(&mut self, answer: &mut Answer, head_only: bool) -> Result<(), Broken> {
        loop {
            self.read_head(answer).await?;
            // Interim answers, but not 101, which is final.
            if !(100..200).contains(&answer.status) || answer.status == 101 {
                break;
            }
            answer.headers.clear();
        }
        if head_only || matches!(answer.status, 101 | 204 | 304) {
            return Ok(());
        }
        let chunked = answer
            .header_text("transfer-encoding")
            .is_some_and(|value| value.eq_ignore_ascii_case("chunked"));
        if chunked {
            return self.read_chunks(answer).await;
        }
        let length = answer.header_text("content-length").map(str::parse::<usize>);
        match length {
            Some(Ok(length)) => {
                let outcome = self.fill(length).await;
                let taken = length.min(self.buffer.len());
                answer.body = self.buffer.split_to(taken).freeze();
                outcome
            }
            Some(Err(_)) => Err(Broken::Malformed),
            None => {
                let outcome = loop {
                    match self.more().await {
                        Err(Broken::Closed) => break Ok(()),
                        Err(broken) => break Err(broken),
                        Ok(()) => {}
                    }
                };
                answer.body = self.buffer.split().freeze();
                outcome
            }
        }
    }

    async fn read_head(&mut self, answer: &mut Answer) -> Result<(), Broken> {
        loop {
            let mut slots = [httparse::EMPTY_HEADER; 256];
            let mut head = httparse::Response::new(&mut slots);
            match head.parse(&self.buffer) {
                Err(_) => return Err(Broken::Malformed),
                Ok(httparse::Status::Partial) => self.more().await?,
                Ok(httparse::Status::Complete(length)) => {
                    answer.status = head.code.unwrap_or_default();
                    for header in head.headers.iter() {
                        let value = Bytes::copy_from_slice(header.value);
                        answer.headers.push((header.name.to_owned(), value));
                    }
                    self.buffer.advance(length);
                    return Ok(());
                }
            }
        }
    }

    async fn read_chunks(&mut self, answer: &mut Answer) -> Result<(), Broken> {
        let mut body = BytesMut::new();
        let outcome = self.read_chunks_into(&mut body, answer).await;
        answer.body = body.freeze();
        outcome
    }

    async fn read_chunks_into(&mut self, body: &mut BytesMut, answer: &mut Answer) -> Result<(), Broken> {
        loop {
            match httparse::parse_chunk_size(&self.buffer) {
                Err(_) => return Err(Broken::Malformed),
                Ok(httparse::Status::Partial) => self.more().await?,
                Ok(httparse::Status::Complete((line, 0))) => {
                    self.buffer.advance(line);
                    return self.read_trailers(answer).await;
                }
                Ok(httparse::Status::Complete((line, size))) => {
                    let size = usize::try_from(size).map_err(|_| Broken::Malformed)?;
                    self.buffer.advance(line);
                    let outcome = self.fill(size + 2).await;
                    let taken = size.min(self.buffer.len());
                    body.extend_from_slice(&self.buffer.split_to(taken));
                    outcome?;
                    self.buffer.advance(2);
                }
            }
        }
    }

    async fn read_trailers(&mut self, answer: &mut Answer) -> Result<(), Broken> {
        loop {
            let mut slots = [httparse::EMPTY_HEADER; 32];
            match httparse::parse_headers(&self.buffer, &mut slots) {
                Err(_) => return Err(Broken::Malformed),
                Ok(httparse::Status::Partial) => self.more().await?,
                Ok(httparse::Status::Complete((length, trailers))) => {
                    for trailer in trailers {
                        let value = Bytes::copy_from_slice(trailer.value);
                        answer.trailers.push((trailer.name.to_owned(), value));
                    }
                    self.buffer.advance(length);
                    return Ok(());
                }
            }
        }
    }

    async fn fill(&mut self, bytes: usize) -> Result<(), Broken> {
        while self.buffer.len() < bytes {
            self.more().await?;
        }
        Ok(())
    }

    async fn more(&mut self) -> Result<(), Broken> {
        match self.stream.read_buf(&mut self.buffer).await {
            Ok(0) => Err(Broken::Closed),
            Ok(_) => Ok(()),
            Err(_) => Err(Broken::Reset),
        }
    }
}

/// One request on a connection of its own.
pub async fn request(address: SocketAddr, request: &RawRequest) -> Answer {
    match RawConnection::open(address).await {
        Ok(mut connection) => connection.exchange(request).await,
        Err(_) => Answer::broken(Broken::Refused),
    }
}

pub async fn get(address: SocketAddr, target: &str) -> Answer {
    request(address, &RawRequest::get(target)).await
}

/// Any bytes on a connection of their own, and what comes back.
pub async fn send_bytes(address: SocketAddr, bytes: &[u8]) -> Answer {
    let Ok(mut connection) = RawConnection::open(address).await else {
        return Answer::broken(Broken::Refused);
    };
    match connection.write(bytes).await {
        Ok(()) => connection.read(false).await,
        Err(_) => Answer::broken(Broken::Reset),
    }
}
