//! A real Redis on a free port, and what speaks HTTP in front of it.
//!
//! Nothing is kept on disk. Processes are killed when the value is dropped, and also when the
//! whole test process dies.

mod process;
pub mod resp;
mod upstash;
mod webdis;

use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use resp::{Connection, Value};

use process::Program;

pub use upstash::Upstash;
pub use webdis::Webdis;

const PATIENCE: Duration = Duration::from_secs(20);

/// A running redis-server.
pub struct Redis {
    program: Program,
}

/// Why there is none.
#[derive(Debug)]
pub enum StartError {
    /// Neither in this variable nor, by this name, on the path.
    NoBinary(&'static str, &'static str),
    Io(io::Error),
    /// It left, or does not answer. Its log.
    NotReady(String),
}

impl fmt::Display for StartError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoBinary(variable, name) => {
                write!(f, "no {name}: apt-get install redis-server webdis, or set {variable}")
            }
            Self::Io(error) => error.fmt(f),
            Self::NotReady(log) => write!(f, "it does not become ready:\n{log}"),
        }
    }
}

impl std::error::Error for StartError {}

impl From<io::Error> for StartError {
    fn from(error: io::Error) -> Self {
        Self::Io(error)
    }
}

/// Whether both redis-server and webdis can be started; says so if not, and fails where `CI` is
/// set.
pub fn available() -> bool {
    let missing = [find("REDIS_SERVER", "redis-server").err(), find("WEBDIS", "webdis").err()];
    let Some(missing) = missing.into_iter().flatten().next() else { return true };
    assert!(std::env::var_os("CI").is_none(), "{missing}");
    eprintln!("skipped: {missing}");
    false
}

impl Redis {
    pub fn start() -> Result<Self, StartError> {
        let binary = find("REDIS_SERVER", "redis-server")?;
        let program = Program::start(&binary, "redis.log", |port, _| {
            let port = port.to_string();
            let network = ["--bind", "127.0.0.1", "--port", &port, "--daemonize", "no"];
            let memory = ["--save", "", "--appendonly", "no", "--maxmemory-policy", "noeviction"];
            Ok([network, memory].concat().into_iter().map(str::to_owned).collect())
        })?;
        let redis = Self { program };
        redis.await_answer()?;
        Ok(redis)
    }

    pub fn address(&self) -> SocketAddr {
        self.program.address()
    }

    /// Runs one command on a connection of its own.
    ///
    /// # Panics
    /// When Redis cannot be reached. An error of its own is a [`Value::Error`].
    pub fn run(&self, words: &[&str]) -> Value {
        Connection::open(self.address()).and_then(|mut redis| redis.run(words)).expect("a running redis")
    }

    /// Ends the process as a crash would.
    pub fn kill(&mut self) {
        self.program.kill();
    }

    /// Starts again on the same port, with nothing in it.
    pub fn restart(&mut self) -> Result<(), StartError> {
        self.program.restart()?;
        self.await_answer()
    }

    /// Stops the process where it is: connections are made and never answered.
    pub fn pause(&self) {
        self.program.pause();
    }

    /// Goes on after [`Redis::pause`].
    pub fn resume(&self) {
        self.program.resume();
    }

    fn await_answer(&self) -> Result<(), StartError> {
        self.program.await_ready(&|address| {
            let pong = Connection::open(address).and_then(|mut redis| redis.run(&["PING"]));
            pong.is_ok_and(|pong| pong == Value::Simple("PONG".to_owned()))
        })
    }
}

/// What a variable names, or what is on the path.
fn find(variable: &'static str, name: &'static str) -> Result<PathBuf, StartError> {
    if let Some(named) = std::env::var_os(variable) {
        return Ok(named.into());
    }
    let path = std::env::var_os("PATH").unwrap_or_default();
    let mut places = std::env::split_paths(&path).map(|folder| folder.join(name));
    places.find(|place| place.is_file()).ok_or(StartError::NoBinary(variable, name))
}

fn wait(done: &dyn Fn() -> bool) -> bool {
    let begun = Instant::now();
    while begun.elapsed() < PATIENCE {
        if done() {
            return true;
        }
        std::thread::sleep(Duration::from_millis(10));
    }
    false
}
