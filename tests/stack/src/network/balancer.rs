//! Several addresses behind one.

use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::io::copy_bidirectional;
use tokio::net::TcpStream;
use tokio::sync::watch;

use crate::listen::{Accept, Mode, Server};

/// Spreads connections over addresses, one after the other, or sends them all to one. What
/// refuses a connection is passed over, as a health check would see to.
pub struct Balancer {
    server: Server,
    board: Arc<Mutex<Board>>,
}

struct Board {
    /// Each with the connections it took.
    targets: Vec<(SocketAddr, u64)>,
    next: usize,
    pinned: Option<usize>,
}

#[derive(Clone)]
struct Entrance(Arc<Mutex<Board>>);

// === impl Balancer ===

impl Balancer {
    /// Before these addresses, on a free port of loopback.
    pub fn start(targets: impl IntoIterator<Item = SocketAddr>) -> io::Result<Self> {
        let targets = targets.into_iter().map(|target| (target, 0)).collect();
        let board = Arc::new(Mutex::new(Board { targets, next: 0, pinned: None }));
        let server = Server::start(SocketAddr::from(([127, 0, 0, 1], 0)), 1, Entrance(board.clone()))?;
        Ok(Self { server, board })
    }

    pub fn address(&self) -> SocketAddr {
        self.server.address()
    }

    /// New connections go to this one, or with `None` to each in turn again.
    pub fn pin(&self, to: Option<usize>) {
        lock(&self.board).pinned = to;
    }

    /// Another address in a place: a program that was started again.
    ///
    /// # Panics
    /// When there is no such place.
    pub fn replace(&self, at: usize, target: SocketAddr) {
        lock(&self.board).targets[at].0 = target;
    }

    /// How many connections each place took.
    pub fn taken(&self) -> Vec<u64> {
        lock(&self.board).targets.iter().map(|(_, taken)| *taken).collect()
    }
}

fn lock(board: &Mutex<Board>) -> MutexGuard<'_, Board> {
    board.lock().unwrap_or_else(PoisonError::into_inner)
}

// === impl Board ===

impl Board {
    /// Places to try for one connection, best first.
    fn turn(&mut self) -> Vec<(usize, SocketAddr)> {
        let count = self.targets.len();
        let first = self.next;
        self.next = (first + 1) % count.max(1);
        let places = match self.pinned {
            Some(place) => vec![place],
            None => (0..count).map(|step| (first + step) % count).collect(),
        };
        places.into_iter().filter_map(|at| Some((at, self.targets.get(at)?.0))).collect()
    }
}

// === impl Entrance ===

impl Accept for Entrance {
    async fn accept(self, mut near: TcpStream, _mode: watch::Receiver<Mode>) {
        let Self(board) = self;
        let places = lock(&board).turn();
        for (at, target) in places {
            if let Ok(mut far) = TcpStream::connect(target).await {
                lock(&board).targets[at].1 += 1;
                let _ = far.set_nodelay(true);
                if copy_bidirectional(&mut near, &mut far).await.is_err() {
                    let _ = near.set_zero_linger();
                    let _ = far.set_zero_linger();
                }
                return;
            }
        }
        let _ = near.set_zero_linger();
    }
}
