//! The load generator: a few connections, each asking again as soon as it was answered.
//!
//! Not wrk: every paid request needs a payment of its own that is a few seconds old at most,
//! and every status has to be the expected one, or the figure is of something else.

use std::cell::RefCell;
use std::net::SocketAddr;
use std::rc::Rc;
use std::time::{Duration, Instant};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::Failure;

const PATIENCE: Duration = Duration::from_secs(60);

/// Requests, as they go over the wire.
#[derive(Clone, Debug)]
pub enum Requests {
    /// The same one, so many times.
    Same(Vec<u8>, usize),
    /// Each once.
    Each(Vec<Vec<u8>>),
}

/// What a load saw.
#[derive(Clone, Debug, Default)]
pub struct Seen {
    /// Microseconds from each request's first byte to its answer's last, sorted.
    pub micros: Vec<f64>,
    pub elapsed: Duration,
}

/// Connections that stay open.
pub struct Load {
    runtime: tokio::runtime::Runtime,
    connections: Vec<TcpStream>,
}

struct Work {
    requests: Requests,
    next: usize,
    status: u16,
    micros: Vec<f64>,
}

impl Requests {
    pub fn len(&self) -> usize {
        match self {
            Self::Same(_, count) => *count,
            Self::Each(all) => all.len(),
        }
    }

    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    fn get(&self, at: usize) -> Option<&[u8]> {
        match self {
            Self::Same(bytes, count) => (at < *count).then_some(bytes),
            Self::Each(all) => all.get(at).map(Vec::as_slice),
        }
    }
}

impl Load {
    /// Connects.
    pub fn open(to: SocketAddr, connections: usize) -> Result<Self, Failure> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let connections = runtime.block_on(async {
            let mut open = Vec::new();
            for _ in 0..connections {
                let connection = TcpStream::connect(to).await?;
                connection.set_nodelay(true)?;
                open.push(connection);
            }
            Ok::<_, std::io::Error>(open)
        })?;
        Ok(Self { runtime, connections })
    }

    /// Sends every request once, and fails at the first answer that is not of this status.
    pub fn run(&mut self, requests: Requests, status: u16) -> Result<Seen, Failure> {
        let micros = Vec::with_capacity(requests.len());
        let work = Rc::new(RefCell::new(Work { requests, next: 0, status, micros }));
        let connections = std::mem::take(&mut self.connections);
        let local = tokio::task::LocalSet::new();
        let begun = Instant::now();
        let tasks: Vec<_> = connections
            .into_iter()
            .map(|connection| local.spawn_local(exchange(connection, Rc::clone(&work))))
            .collect();
        let all = async {
            for task in tasks {
                self.connections.push(task.await??);
            }
            Ok::<_, Failure>(())
        };
        let waited = async { tokio::time::timeout(PATIENCE, local.run_until(all)).await };
        self.runtime.block_on(waited)??;
        let elapsed = begun.elapsed();
        let mut micros = std::mem::take(&mut work.borrow_mut().micros);
        micros.sort_by(f64::total_cmp);
        Ok(Seen { micros, elapsed })
    }
}

async fn exchange(mut connection: TcpStream, work: Rc<RefCell<Work>>) -> Result<TcpStream, Failure> {
    let mut request = Vec::new();
    let mut answer = Vec::with_capacity(16 * 1024);
    loop {
        request.clear();
        {
            let mut work = work.borrow_mut();
            let Some(bytes) = work.requests.get(work.next) else { return Ok(connection) };
            request.extend_from_slice(bytes);
            work.next += 1;
        }
        let begun = Instant::now();
        connection.write_all(&request).await?;
        answer.clear();
        while !complete(&answer)? {
            if connection.read_buf(&mut answer).await? == 0 {
                return Err("the connection was closed".into());
            }
        }
        let mut work = work.borrow_mut();
        work.micros.push(begun.elapsed().as_secs_f64() * 1e6);
        if status(&answer) != Some(work.status) {
            let wanted = work.status;
            return Err(format!("expected {wanted}, got {}", String::from_utf8_lossy(&answer)).into());
        }
    }
}

fn status(answer: &[u8]) -> Option<u16> {
    std::str::from_utf8(answer.get(9..12)?).ok()?.parse().ok()
}

/// Whether head and body are there: by length, or in chunks.
fn complete(answer: &[u8]) -> Result<bool, Failure> {
    let Some(head) = answer.windows(4).position(|window| window == b"\r\n\r\n") else { return Ok(false) };
    let body = &answer[head + 4..];
    let lines = answer[..head].split(|byte| *byte == b'\n').filter_map(|line| {
        let colon = line.iter().position(|byte| *byte == b':')?;
        Some((&line[..colon], line[colon + 1..].trim_ascii()))
    });
    for (name, value) in lines {
        if name.eq_ignore_ascii_case(b"content-length") {
            let length: usize = std::str::from_utf8(value)?.parse()?;
            return Ok(body.len() >= length);
        }
        if name.eq_ignore_ascii_case(b"transfer-encoding") {
            return Ok(body.ends_with(b"0\r\n\r\n"));
        }
    }
    Err("an answer without a length".into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_is_complete_with_its_last_byte() {
        let answer = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\nx: y\r\n\r\nok";
        assert!(complete(answer).unwrap());
        assert_eq!(status(answer), Some(200));
        for cut in 0..answer.len() {
            assert!(!complete(&answer[..cut]).unwrap_or(false), "{cut}");
        }
        let answer = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n";
        for cut in 0..answer.len() {
            assert!(!complete(&answer[..cut]).unwrap_or(false), "{cut}");
        }
        assert!(complete(answer).unwrap());
        assert!(complete(b"HTTP/1.1 200 OK\r\n\r\n").is_err());
    }
}
