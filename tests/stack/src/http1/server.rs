//! HTTP on a listener.

use std::future::Future;
use std::io;
use std::net::SocketAddr;

use tokio::net::TcpStream;
use tokio::sync::watch;

use crate::listen::{Accept, Mode, Server};

use super::connection::Connection;
use super::{Reply, Request};

/// Answers requests. Cloned once per connection.
pub trait Service: Clone + Send + Sync + 'static {
    fn call(&self, request: Request) -> impl Future<Output = Reply> + Send;

    /// Takes a connection that opens with the HTTP/2 preface; by default there is no HTTP/2.
    fn http2(&self, _stream: TcpStream) -> impl Future<Output = ()> + Send {
        async {}
    }

    /// Whether to look for the HTTP/2 preface at all.
    const SPEAKS_HTTP2: bool = false;
}

/// Binds and answers; one thread runs everything on it unless `threads` asks for more.
pub fn serve<S: Service>(listen: SocketAddr, threads: usize, service: S) -> io::Result<Server> {
    Server::start(listen, threads, Http(service))
}

#[derive(Clone)]
struct Http<S>(S);

impl<S: Service> Accept for Http<S> {
    async fn accept(self, stream: TcpStream, mode: watch::Receiver<Mode>) {
        let Self(service) = self;
        if S::SPEAKS_HTTP2 {
            let mut first = [0_u8; 4];
            if matches!(stream.peek(&mut first).await, Ok(4)) && &first == b"PRI " {
                return service.http2(stream).await;
            }
        }
        // A peer that leaves in the middle is ordinary here.
        let _ = Connection::new(stream, mode).serve(service).await;
    }
}
