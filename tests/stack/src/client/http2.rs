//! HTTP/2 with prior knowledge, one connection, many streams.

use std::convert::Infallible;
use std::io;
use std::net::SocketAddr;

use bytes::Bytes;
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt, Full};
use hyper::client::conn::http2::{handshake, SendRequest};
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::net::TcpStream;

use super::answer::{Answer, Broken};

type Outgoing = UnsyncBoxBody<Bytes, Infallible>;

/// A connection; clones share it.
#[derive(Clone)]
pub struct Http2 {
    sender: SendRequest<Outgoing>,
    authority: String,
}

impl Http2 {
    pub async fn open(address: SocketAddr) -> io::Result<Self> {
        let stream = TcpStream::connect(address).await?;
        stream.set_nodelay(true)?;
        let (sender, connection) =
            handshake(TokioExecutor::new(), TokioIo::new(stream)).await.map_err(io::Error::other)?;
        tokio::spawn(connection);
        Ok(Self { sender, authority: address.to_string() })
    }

    pub async fn get(&self, path: &str, headers: &[(&str, &str)]) -> Answer {
        self.request("GET", path, headers, Bytes::new()).await
    }

    /// One stream; a request no library would build is answered as malformed.
    pub async fn request(
        &self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: impl Into<Bytes>,
    ) -> Answer {
        match self.head(method, path, headers).body(Full::new(body.into())) {
            Ok(request) => self.send(request).await,
            Err(_) => Answer::broken(Broken::Malformed),
        }
    }

    /// One stream that ends in trailers.
    pub async fn request_with_trailers(
        &self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: impl Into<Bytes>,
        trailers: &[(&'static str, &str)],
    ) -> Answer {
        let named = trailers.iter().filter_map(|(name, value)| {
            Some((http::HeaderName::from_static(name), http::HeaderValue::from_str(value).ok()?))
        });
        let trailers: http::HeaderMap = named.collect();
        let body = Full::new(body.into()).with_trailers(async { Some(Ok(trailers)) });
        match self.head(method, path, headers).body(body.boxed_unsync()) {
            Ok(request) => self.exchange(request).await,
            Err(_) => Answer::broken(Broken::Malformed),
        }
    }

    fn head(&self, method: &str, path: &str, headers: &[(&str, &str)]) -> http::request::Builder {
        let uri = format!("http://{}{path}", self.authority);
        let builder = http::Request::builder().method(method).uri(uri);
        headers.iter().fold(builder, |builder, (name, value)| builder.header(*name, *value))
    }

    pub async fn send(&self, request: http::Request<Full<Bytes>>) -> Answer {
        self.exchange(request.map(BodyExt::boxed_unsync)).await
    }

    async fn exchange(&self, request: http::Request<Outgoing>) -> Answer {
        let response = match self.sender.clone().send_request(request).await {
            Ok(response) => response,
            Err(_) => return Answer::broken(Broken::Reset),
        };
        let (head, mut body) = response.into_parts();
        let mut answer =
            Answer { status: head.status.as_u16(), headers: pairs(&head.headers), ..Answer::default() };
        let mut read = Vec::new();
        while let Some(frame) = body.frame().await {
            match frame {
                Err(_) => {
                    answer.broken = Some(Broken::Reset);
                    break;
                }
                Ok(frame) => {
                    if let Some(data) = frame.data_ref() {
                        read.extend_from_slice(data);
                    } else if let Some(trailers) = frame.trailers_ref() {
                        answer.trailers = pairs(trailers);
                    }
                }
            }
        }
        answer.body = read.into();
        answer
    }
}

fn pairs(headers: &http::HeaderMap) -> Vec<(String, Bytes)> {
    headers.iter().map(|(name, value)| (name.to_string(), Bytes::copy_from_slice(value.as_bytes()))).collect()
}
