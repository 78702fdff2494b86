//! A front that speaks Upstash's REST dialect for a real Redis.
//!
//! `POST /` with the command as a JSON array and `Authorization: Bearer`. 200 and
//! `{"result": …}`; 400 and `{"error": …}` for what Redis refuses or nobody can read, 401 without
//! the token, 405 for another method, 503 when Redis is not there. As documented by Upstash; its
//! other endpoints are not played.

use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;

use serde_json::json;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::Mutex;

use super::resp::{command, parse, Value};
use crate::http1::{serve, Reply, Request, Response, Server, Service};

/// A running front. Stops when dropped.
pub struct Upstash {
    server: Server,
}

struct Front {
    redis: SocketAddr,
    bearer: Arc<str>,
    /// To Redis; each connection of a client has its own.
    stream: Arc<Mutex<Option<TcpStream>>>,
}

impl Upstash {
    /// Starts in front of a Redis, for whoever has the token.
    pub fn start(redis: SocketAddr, token: &str) -> io::Result<Self> {
        let front = Front { redis, bearer: format!("Bearer {token}").into(), stream: Arc::default() };
        Ok(Self { server: serve((Ipv4Addr::LOCALHOST, 0).into(), 1, front)? })
    }

    pub fn address(&self) -> SocketAddr {
        self.server.address()
    }

    /// Refuses connections until [`Upstash::resume`].
    pub fn refuse(&self) {
        self.server.refuse();
    }

    /// Listens again.
    pub fn resume(&self) {
        self.server.resume();
    }
}

impl Clone for Front {
    fn clone(&self) -> Self {
        Self { redis: self.redis, bearer: Arc::clone(&self.bearer), stream: Arc::default() }
    }
}

impl Service for Front {
    async fn call(&self, request: Request) -> Reply {
        self.answer(&request).await.into()
    }
}

impl Front {
    async fn answer(&self, request: &Request) -> Response {
        if request.method() != "POST" {
            return error(405, "Method Not Allowed");
        }
        if request.header_text("authorization") != Some(&*self.bearer) {
            return error(401, "Unauthorized");
        }
        let Ok(words) = serde_json::from_slice::<Vec<String>>(&request.body) else {
            return error(400, "ERR failed to parse command");
        };
        let words: Vec<&str> = words.iter().map(String::as_str).collect();
        match self.run(&words).await {
            Ok(Value::Error(text)) => error(400, &text),
            Ok(value) => Response::json(200, &json!({ "result": json_of(&value) })),
            Err(_) => error(503, "ERR redis is not there"),
        }
    }

    async fn run(&self, words: &[&str]) -> io::Result<Value> {
        let mut kept = self.stream.lock().await;
        let mut stream = match kept.take() {
            Some(stream) => stream,
            None => TcpStream::connect(self.redis).await?,
        };
        stream.write_all(&command(words)).await?;
        let mut buffer = Vec::new();
        loop {
            if let Some((value, _)) = parse(&buffer)? {
                *kept = Some(stream);
                return Ok(value);
            }
            if stream.read_buf(&mut buffer).await? == 0 {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
        }
    }
}

fn error(status: u16, text: &str) -> Response {
    Response::json(status, &json!({ "error": text }))
}

fn json_of(value: &Value) -> serde_json::Value {
    match value {
        Value::Simple(text) | Value::Error(text) | Value::Bulk(text) => json!(text),
        Value::Integer(number) => json!(number),
        Value::Array(values) => values.iter().map(json_of).collect(),
        Value::Nil => serde_json::Value::Null,
    }
}
