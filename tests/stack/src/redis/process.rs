//! A server that is told a port and a folder: in a group of its own, gone when we are gone.

use std::fs::File;
use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use rustix::process::Signal;

use super::{wait, StartError};
use crate::envoy::ports::free_port;
use crate::envoy::process::{signal, watchdog};

pub(super) struct Program {
    binary: PathBuf,
    arguments: Vec<String>,
    log: &'static str,
    address: SocketAddr,
    child: Child,
    watchdog: Child,
    directory: tempfile::TempDir,
}

impl Program {
    /// Starts it with the arguments for a port and a folder of its own.
    pub(super) fn start(
        binary: &Path,
        log: &'static str,
        arguments: impl Fn(u16, &Path) -> io::Result<Vec<String>>,
    ) -> Result<Self, StartError> {
        let directory = tempfile::Builder::new().prefix("x402-store-").tempdir()?;
        let ip = Ipv4Addr::LOCALHOST;
        let port = free_port(ip.into())?;
        let arguments = arguments(port, directory.path())?;
        let (child, watchdog) = spawn(binary, &arguments, log, directory.path())?;
        let (binary, address) = (binary.to_owned(), (ip, port).into());
        Ok(Self { binary, arguments, log, address, child, watchdog, directory })
    }

    pub(super) fn address(&self) -> SocketAddr {
        self.address
    }

    pub(super) fn kill(&mut self) {
        // The watchdog first: it must not kill a group number that has been reused. It would take
        // the folder along as well.
        for process in [&mut self.watchdog, &mut self.child] {
            if matches!(process.try_wait(), Ok(None)) {
                signal(process, Signal::KILL);
                let _ = process.wait();
            }
        }
    }

    pub(super) fn restart(&mut self) -> Result<(), StartError> {
        self.kill();
        (self.child, self.watchdog) = spawn(&self.binary, &self.arguments, self.log, self.directory.path())?;
        Ok(())
    }

    pub(super) fn pause(&self) {
        signal(&self.child, Signal::STOP);
    }

    pub(super) fn resume(&self) {
        signal(&self.child, Signal::CONT);
    }

    pub(super) fn await_ready(&self, ready: &dyn Fn(SocketAddr) -> bool) -> Result<(), StartError> {
        if wait(&|| ready(self.address)) {
            return Ok(());
        }
        let log = std::fs::read_to_string(self.directory.path().join(self.log));
        Err(StartError::NotReady(log.unwrap_or_default()))
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        self.kill();
    }
}

fn spawn(binary: &Path, arguments: &[String], log: &str, directory: &Path) -> io::Result<(Child, Child)> {
    let log = File::create(directory.join(log))?;
    let child = Command::new(binary)
        .args(arguments)
        .current_dir(directory)
        .stdin(Stdio::null())
        .stdout(log.try_clone()?)
        .stderr(log)
        .process_group(0)
        .spawn()?;
    match watchdog(child.id(), directory) {
        Ok(watchdog) => Ok((child, watchdog)),
        Err(error) => {
            signal(&child, Signal::KILL);
            Err(error)
        }
    }
}
