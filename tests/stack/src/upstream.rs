//! The application behind the proxy: tells what it received, and behaves as it is told.
//!
//! Instructions come in the query (`?status=503&delay=200`) or in `x-test-*` headers
//! (`x-test-status: 503`), which survive where a query would change the route:
//!
//! | instruction | effect |
//! |---|---|
//! | `status=NNN` | that status; 304 and 204 have no body |
//! | `delay=MS` | waits before the head |
//! | `body=N` | N bytes instead of the echo |
//! | `stream=CHUNKS,MS` | chunked, one chunk every MS |
//! | `sse=EVENTS,MS` | server-sent events |
//! | `reset=N` | promises a body, sends N bytes of it, RST |
//! | `close` | closes before the head |
//! | `hang` | never answers |
//! | `h=NAME:VALUE` | a response header; repeatable |
//! | `trailer=NAME:VALUE` | a trailer after a chunked body; repeatable |
//! | `marker=TEXT` | a label for counting |

mod behaviour;
mod echo;
mod http2;
mod orders;
mod tally;

use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::http1::{serve, Reply, Request, Response, Service};
use crate::listen::Server;

pub use tally::Hit;

use behaviour::Behaviour;
use orders::Orders;
use tally::Tally;

/// How to run it.
#[derive(Clone, Debug)]
pub struct Options {
    pub listen: SocketAddr,
    pub threads: usize,
    /// Names the instance in every echo, to tell replicas apart.
    pub name: String,
}

impl Default for Options {
    fn default() -> Self {
        Self { listen: SocketAddr::from(([127, 0, 0, 1], 0)), threads: 1, name: "upstream".to_owned() }
    }
}

/// A running upstream. Stops when dropped.
pub struct Upstream {
    server: Server,
    state: Arc<State>,
}

struct State {
    name: String,
    tally: Mutex<Tally>,
}

impl Upstream {
    pub fn start(options: Options) -> io::Result<Self> {
        let state = Arc::new(State { name: options.name, tally: Mutex::default() });
        let application = Application(state.clone());
        let server = serve(options.listen, options.threads, application)?;
        Ok(Self { server, state })
    }

    pub fn address(&self) -> SocketAddr {
        self.server.address()
    }

    pub fn url(&self) -> String {
        format!("http://{}", self.address())
    }

    /// Requests for a path, whatever their marker.
    pub fn hits(&self, path: &str) -> u64 {
        self.state.tally().hits(path)
    }

    /// Requests with a marker, whatever their path.
    pub fn marked(&self, marker: &str) -> u64 {
        self.state.tally().marked(marker)
    }

    pub fn total(&self) -> u64 {
        self.state.tally().total()
    }

    /// The latest requests, oldest first.
    pub fn requests(&self) -> Vec<Request> {
        self.state.tally().requests()
    }

    pub fn forget(&self) {
        self.state.tally().clear();
    }

    /// Refuses connections until [`Upstream::resume`].
    pub fn refuse(&self) {
        self.server.refuse();
    }

    pub fn resume(&self) {
        self.server.resume();
    }
}

impl State {
    fn tally(&self) -> MutexGuard<'_, Tally> {
        self.tally.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What to do with a request, counted; `None` for the paths that are ours.
    fn receive(&self, request: &Request) -> Result<Behaviour, Response> {
        match (request.method(), request.path()) {
            (_, "/healthz") if request.header("x-test-echo").is_none() => {
                return Err(Response::new(200).typed("text/plain", "ok"));
            }
            ("GET", "/admin/hits") => return Err(Response::json(200, &self.tally().snapshot())),
            ("DELETE", "/admin/hits") => {
                self.tally().clear();
                return Err(Response::new(204));
            }
            _ => {}
        }
        let orders = Orders::of(request);
        self.tally().count(request, orders.marker.as_deref());
        Ok(Behaviour::of(request, orders, &self.name))
    }
}

#[derive(Clone)]
struct Application(Arc<State>);

impl Service for Application {
    const SPEAKS_HTTP2: bool = true;

    async fn call(&self, request: Request) -> Reply {
        match self.0.receive(&request) {
            Err(response) => response.into(),
            Ok(behaviour) => {
                behaviour.wait().await;
                behaviour.http1(request.method() == "HEAD")
            }
        }
    }

    async fn http2(&self, stream: tokio::net::TcpStream) {
        http2::serve(stream, self.0.clone()).await;
    }
}
