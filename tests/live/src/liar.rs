//! A facilitator that does its work and says something else.

use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};

use x402_devstack::client::{request, Answer, RawRequest};
use x402_devstack::http1::{serve, Reply, Request, Response, Script, Server, Service};
use x402_devstack::payer::Payment;

/// From what an honest facilitator answered to the script of what is said instead.
type Lie = Arc<dyn Fn(&Answer) -> Script + Send + Sync>;

/// Stands before a facilitator. Everything passes, but the answers to `/settle` of payments that
/// a lie was told to tell about.
pub struct Liar {
    server: Server,
    lies: Lies,
}

type Lies = Arc<Mutex<Vec<(String, Lie)>>>;

#[derive(Clone)]
struct Desk {
    honest: SocketAddr,
    lies: Lies,
}

// === impl Liar ===

impl Liar {
    /// Before a facilitator.
    ///
    /// # Errors
    /// When there is no free port.
    pub fn start(honest: SocketAddr) -> io::Result<Self> {
        let lies = Lies::default();
        let desk = Desk { honest, lies: lies.clone() };
        let server = serve(SocketAddr::from(([127, 0, 0, 1], 0)), 1, desk)?;
        Ok(Self { server, lies })
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.server.address()
    }

    /// Says this, once, when a payment was settled.
    pub fn lie(&self, payment: &Payment, lie: impl Fn(&Answer) -> Script + Send + Sync + 'static) {
        let mut lies = self.lies.lock().unwrap_or_else(PoisonError::into_inner);
        lies.push((payment.nonce.to_string(), Arc::new(lie)));
    }
}

// === impl Desk ===

impl Service for Desk {
    async fn call(&self, asked: Request) -> Reply {
        let mut raw = RawRequest::new(asked.method(), &asked.target).body(asked.body.clone());
        if let Some(content_type) = asked.header("content-type") {
            raw = raw.header("content-type", content_type);
        }
        let answer = request(self.honest, &raw).await;
        let lie = (asked.path() == "/settle").then(|| self.take(&asked)).flatten();
        match lie {
            Some(lie) => lie(&answer).into(),
            None => Response::new(answer.status).typed("application/json", answer.body).into(),
        }
    }
}

impl Desk {
    fn take(&self, asked: &Request) -> Option<Lie> {
        let text = String::from_utf8_lossy(&asked.body).into_owned();
        let mut lies = self.lies.lock().unwrap_or_else(PoisonError::into_inner);
        let at = lies.iter().position(|(nonce, _)| text.contains(nonce))?;
        Some(lies.swap_remove(at).1)
    }
}
