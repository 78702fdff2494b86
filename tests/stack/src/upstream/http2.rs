//! HTTP/2 with prior knowledge: the same behaviour over streams.

use std::convert::Infallible;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::Bytes;
use http_body_util::BodyExt;
use hyper::body::{Body, Frame, Incoming};
use hyper::server::conn::http2;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::net::TcpStream;
use tokio::sync::mpsc;

use crate::http1::{Header, Request, Response};

use super::behaviour::Behaviour;
use super::State;

type Outgoing = http::Response<Frames>;

pub(super) async fn serve(stream: TcpStream, state: Arc<State>) {
    let service = service_fn(move |request| {
        let state = state.clone();
        async move { answer(request, &state).await }
    });
    let _ = http2::Builder::new(TokioExecutor::new()).serve_connection(TokioIo::new(stream), service).await;
}

async fn answer(request: http::Request<Incoming>, state: &State) -> io::Result<Outgoing> {
    let (head, body) = request.into_parts();
    let body = body.collect().await.map_err(io::Error::other)?;
    let trailers = body.trailers().map(pairs).unwrap_or_default();
    let body = body.to_bytes();
    let mut headers = vec![Header {
        name: Bytes::from_static(b":authority"),
        value: Bytes::from(head.uri.authority().map(ToString::to_string).unwrap_or_default()),
    }];
    headers.extend(pairs(&head.headers));
    let target = head.uri.path_and_query().map_or("/", |target| target.as_str());
    let request = Request {
        method: Bytes::copy_from_slice(head.method.as_str().as_bytes()),
        target: Bytes::copy_from_slice(target.as_bytes()),
        headers,
        body,
        trailers,
        keep_alive: true,
        protocol: "HTTP/2.0",
    };
    let behaviour = match state.receive(&request) {
        Err(response) => return whole(response),
        Ok(behaviour) => behaviour,
    };
    behaviour.wait().await;
    if behaviour.orders.hang {
        std::future::pending::<Infallible>().await;
    }
    if behaviour.orders.close {
        return Err(io::Error::other("closed on request"));
    }
    stream(behaviour)
}

fn pairs(headers: &http::HeaderMap) -> Vec<Header> {
    let pairs = headers.iter().map(|(name, value)| Header {
        name: Bytes::copy_from_slice(name.as_str().as_bytes()),
        value: Bytes::copy_from_slice(value.as_bytes()),
    });
    pairs.collect()
}

fn whole(response: Response) -> io::Result<Outgoing> {
    let (sender, frames) = Frames::channel();
    let body = response.body.clone();
    tokio::spawn(async move {
        let _ = sender.send(Ok(Frame::data(body))).await;
    });
    head(&response, frames)
}

fn stream(behaviour: Behaviour) -> io::Result<Outgoing> {
    let (sender, frames) = Frames::channel();
    let response = head(&behaviour.response, frames)?;
    tokio::spawn(async move {
        if let Some(bytes) = behaviour.orders.reset {
            let _ = sender.send(Ok(Frame::data(vec![b'x'; bytes].into()))).await;
            let _ = sender.send(Err(io::Error::other("reset on request"))).await;
            return;
        }
        match behaviour.pieces() {
            None => {
                let _ = sender.send(Ok(Frame::data(behaviour.response.body))).await;
            }
            Some((pieces, series)) => {
                for piece in pieces {
                    if sender.send(Ok(Frame::data(piece))).await.is_err() {
                        return;
                    }
                    tokio::time::sleep(series.interval).await;
                }
                let trailers = behaviour.orders.trailers.iter().filter_map(|(name, value)| {
                    let name: http::HeaderName = name.parse().ok()?;
                    Some((name, value.parse().ok()?))
                });
                let _ = sender.send(Ok(Frame::trailers(trailers.collect()))).await;
            }
        }
    });
    Ok(response)
}

fn head(response: &Response, frames: Frames) -> io::Result<Outgoing> {
    let mut builder = http::Response::builder().status(response.status);
    for (name, value) in &response.headers {
        builder = builder.header(name, value.as_ref());
    }
    builder.body(frames).map_err(io::Error::other)
}

/// A body fed through a channel: pauses, errors and trailers included.
struct Frames(mpsc::Receiver<io::Result<Frame<Bytes>>>);

impl Frames {
    fn channel() -> (mpsc::Sender<io::Result<Frame<Bytes>>>, Self) {
        let (sender, receiver) = mpsc::channel(1);
        (sender, Self(receiver))
    }
}

impl Body for Frames {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<io::Result<Frame<Bytes>>>> {
        self.0.poll_recv(context)
    }
}
