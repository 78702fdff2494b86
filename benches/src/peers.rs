//! The other projects' servers: the same route, the same facilitator, one process each, on the
//! processor that Envoy has otherwise.
//!
//! Each is its published middleware, wired as its README says (`benches/peers`), and each
//! answers the request itself: it is its own application.

use std::fs::File;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use crate::{bed, cpu, Failure};

const PATIENCE: Duration = Duration::from_secs(60);

/// A server of another project.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Peer {
    Express,
    Hono,
    Fastapi,
    Axum,
}

struct Running {
    peer: Peer,
    program: Child,
    address: SocketAddr,
    log: tempfile::NamedTempFile,
}

/// All of them, until dropped.
#[derive(Default)]
pub struct Peers(Vec<Running>);

// === impl Peer ===

impl Peer {
    pub const ALL: [Self; 4] = [Self::Express, Self::Hono, Self::Fastapi, Self::Axum];

    pub fn name(self) -> &'static str {
        match self {
            Self::Express => "express",
            Self::Hono => "hono",
            Self::Fastapi => "fastapi",
            Self::Axum => "axum",
        }
    }

    /// As its registry knows it.
    pub fn title(self) -> &'static str {
        match self {
            Self::Express => "`@x402/express` 2.27",
            Self::Hono => "`@x402/hono` 2.27",
            Self::Fastapi => "PyPI `x402` 2.25, FastAPI",
            Self::Axum => "`x402-axum` 2.0",
        }
    }

    fn command(self) -> Result<Command, Failure> {
        let peers = Path::new(env!("CARGO_MANIFEST_DIR")).join("peers");
        let named = |variable: &str, otherwise: &str| {
            std::env::var_os(variable).map_or_else(|| peers.join(otherwise), PathBuf::from)
        };
        let (program, script) = match self {
            Self::Express => (PathBuf::from("node"), Some("node/express.mjs")),
            Self::Hono => (PathBuf::from("node"), Some("node/hono.mjs")),
            Self::Fastapi => {
                (named("X402_PEER_PYTHON", "../../target/peer-fastapi/bin/python"), Some("python/peer.py"))
            }
            Self::Axum => (named("X402_PEER_AXUM", "../../target/peer-axum/release/peer-axum"), None),
        };
        let installed = match self {
            Self::Express | Self::Hono => peers.join("node/node_modules"),
            Self::Fastapi | Self::Axum => program.clone(),
        };
        if !installed.exists() {
            return Err(
                format!("{} is missing: `make peers` fetches and builds it", installed.display()).into()
            );
        }
        let mut command = Command::new(program);
        command.args(script.map(|script| peers.join(script)));
        // What each of them reads to know that this is no development.
        command.env("NODE_ENV", "production").env("PYTHONOPTIMIZE", "1");
        Ok(command)
    }
}

// === impl Peers ===

impl Peers {
    /// Starts them, one after the other, and waits until each has told its price.
    ///
    /// # Errors
    /// What is missing, or the log of the one that does not start.
    pub fn start(facilitator: SocketAddr) -> Result<Self, Failure> {
        let mut all = Self::default();
        for peer in Peer::ALL {
            let running = Running::start(peer, facilitator)?;
            all.0.push(running);
        }
        Ok(all)
    }

    fn of(&self, peer: Peer) -> Result<&Running, Failure> {
        let found = self.0.iter().find(|running| running.peer == peer);
        found.ok_or_else(|| format!("{} does not run", peer.name()).into())
    }

    pub fn address(&self, peer: Peer) -> Result<SocketAddr, Failure> {
        Ok(self.of(peer)?.address)
    }

    /// The first process; those it started are its descendants.
    pub fn pid(&self, peer: Peer) -> Result<u32, Failure> {
        Ok(self.of(peer)?.program.id())
    }

    /// Those that run, with their addresses.
    pub fn addresses(&self) -> impl Iterator<Item = (Peer, SocketAddr)> + '_ {
        self.0.iter().map(|running| (running.peer, running.address))
    }
}

// === impl Running ===

impl Running {
    fn start(peer: Peer, facilitator: SocketAddr) -> Result<Self, Failure> {
        let port = std::net::TcpListener::bind(("127.0.0.1", 0))?.local_addr()?;
        let log = tempfile::NamedTempFile::new()?;
        let mut command = peer.command()?;
        command
            .env("PORT", port.port().to_string())
            .env("FACILITATOR", format!("http://{facilitator}"))
            .stdin(Stdio::null())
            .stdout(File::create(log.path())?)
            .stderr(File::options().append(true).open(log.path())?);
        let program = command.spawn().map_err(|why| format!("{}: {why}", peer.name()))?;
        let mut running = Self { peer, program, address: port, log };
        running.await_quote()?;
        cpu::pin(running.program.id(), cpu::ENVOY)?;
        Ok(running)
    }

    fn await_quote(&mut self) -> Result<(), Failure> {
        let begun = Instant::now();
        while begun.elapsed() < PATIENCE && self.program.try_wait()?.is_none() {
            if bed::quote(self.address, "/before/1").is_ok() {
                return Ok(());
            }
            std::thread::sleep(Duration::from_millis(50));
        }
        let log = std::fs::read_to_string(self.log.path()).unwrap_or_default();
        Err(format!("{} does not tell its price:\n{log}", self.peer.name()).into())
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.program.kill();
        let _ = self.program.wait();
    }
}
