//! Listeners: a thread of their own, a port that stays reserved while connections are refused.

use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::thread::JoinHandle;
use std::time::Duration;

use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::runtime::{Builder, Runtime};
use tokio::sync::watch;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Mode {
    Open,
    Refusing,
    Stopped,
}

/// Takes connections. Cloned once per connection.
pub(crate) trait Accept: Clone + Send + Sync + 'static {
    fn accept(self, stream: TcpStream, mode: watch::Receiver<Mode>) -> impl Future<Output = ()> + Send;
}

/// A running server. Stops when dropped.
pub struct Server {
    address: SocketAddr,
    mode: watch::Sender<Mode>,
    thread: Option<JoinHandle<()>>,
}

impl Server {
    /// Binds and serves; one thread runs everything on it unless `threads` asks for more.
    pub(crate) fn start<A: Accept>(listen: SocketAddr, threads: usize, taker: A) -> io::Result<Self> {
        let runtime = runtime(threads)?;
        let (listener, reservation) = {
            let _inside = runtime.enter();
            let reservation = socket(listen)?;
            reservation.bind(listen)?;
            (accepting(reservation.local_addr()?)?, reservation)
        };
        let address = listener.local_addr()?;
        let (mode, watch) = watch::channel(Mode::Open);
        let thread = std::thread::Builder::new().name("x402-devstack".to_owned()).spawn(move || {
            runtime.block_on(accept(listener, watch, taker));
            drop(reservation);
            runtime.shutdown_background();
        })?;
        Ok(Self { address, mode, thread: Some(thread) })
    }

    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Stops accepting: connections are refused, idle ones closed. The port stays ours.
    pub fn refuse(&self) {
        self.mode.send_replace(Mode::Refusing);
        self.await_listening(false);
    }

    /// Accepts again after [`Server::refuse`].
    pub fn resume(&self) {
        self.mode.send_replace(Mode::Open);
        self.await_listening(true);
    }

    /// Waits until the listener's thread has followed, so that the caller's next connection
    /// meets what it was told.
    fn await_listening(&self, listening: bool) {
        for _ in 0..200 {
            let attempt = std::net::TcpStream::connect_timeout(&self.address, Duration::from_secs(1));
            if attempt.is_ok() == listening {
                return;
            }
            std::thread::sleep(Duration::from_millis(5));
        }
    }

    pub(crate) fn doors(&self) -> Doors {
        Doors(self.mode.clone())
    }
}

/// The right to close and open a server from within its own service.
#[derive(Clone)]
pub(crate) struct Doors(watch::Sender<Mode>);

impl Doors {
    pub(crate) fn close(&self) {
        self.0.send_replace(Mode::Refusing);
    }

    pub(crate) fn open(&self) {
        self.0.send_if_modified(|mode| {
            let refusing = *mode == Mode::Refusing;
            if refusing {
                *mode = Mode::Open;
            }
            refusing
        });
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.mode.send_replace(Mode::Stopped);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

fn runtime(threads: usize) -> io::Result<Runtime> {
    if threads > 1 {
        Builder::new_multi_thread().worker_threads(threads).enable_all().build()
    } else {
        Builder::new_current_thread().enable_all().build()
    }
}

fn socket(address: SocketAddr) -> io::Result<TcpSocket> {
    let socket = match address {
        SocketAddr::V4(_) => TcpSocket::new_v4(),
        SocketAddr::V6(_) => TcpSocket::new_v6(),
    }?;
    socket.set_reuseaddr(true)?;
    Ok(socket)
}

/// A bound socket that does not listen refuses connections and keeps the port, so the
/// listening one can come and go beside it.
fn accepting(address: SocketAddr) -> io::Result<TcpListener> {
    let socket = socket(address)?;
    socket.bind(address)?;
    socket.listen(4096)
}

async fn accept<A: Accept>(listener: TcpListener, mut mode: watch::Receiver<Mode>, taker: A) {
    let Ok(address) = listener.local_addr() else {
        return;
    };
    let mut listener = Some(listener);
    loop {
        let now = *mode.borrow_and_update();
        match now {
            Mode::Stopped => return,
            Mode::Refusing => listener = None,
            Mode::Open if listener.is_none() => listener = accepting(address).ok(),
            Mode::Open => {}
        }
        let Some(open) = &listener else {
            if mode.changed().await.is_err() {
                return;
            }
            continue;
        };
        tokio::select! {
            biased;
            changed = mode.changed() => if changed.is_err() { return },
            accepted = open.accept() => {
                if let Ok((stream, _)) = accepted {
                    let _ = stream.set_nodelay(true);
                    tokio::spawn(taker.clone().accept(stream, mode.clone()));
                }
            }
        }
    }
}
