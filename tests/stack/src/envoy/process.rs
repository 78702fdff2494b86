//! The process: in a group of its own, gone when we are gone.

use std::fs::File;
use std::io;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use rustix::process::{kill_process_group, Pid, Signal};

use super::options::Options;

pub(super) struct Process {
    envoy: Child,
    watchdog: Child,
}

impl Process {
    pub(super) fn spawn(
        binary: &Path,
        options: &Options,
        config: &Path,
        directory: &Path,
    ) -> io::Result<Self> {
        let log = File::create(directory.join("envoy.log"))?;
        let envoy = Command::new(binary)
            .arg("--config-path")
            .arg(config)
            .args(["--concurrency", &options.concurrency.to_string()])
            .args(["--log-level", &options.log_level])
            .args(["--file-flush-interval-msec", "20"])
            .args(["--drain-time-s", "1"])
            .args(["--parent-shutdown-time-s", "2"])
            // No shared memory, no domain socket: as many at once as one likes.
            .arg("--disable-hot-restart")
            .current_dir(directory)
            .envs(&options.environment)
            .stdin(Stdio::null())
            .stdout(log.try_clone()?)
            .stderr(log)
            .process_group(0)
            .spawn()?;
        let watchdog = match watchdog(envoy.id(), directory) {
            Ok(watchdog) => watchdog,
            Err(error) => {
                signal(&envoy, Signal::KILL);
                return Err(error);
            }
        };
        Ok(Self { envoy, watchdog })
    }

    pub(super) fn pid(&self) -> u32 {
        self.envoy.id()
    }

    pub(super) fn kill(&mut self) {
        signal(&self.envoy, Signal::KILL);
        let _ = self.envoy.wait();
    }

    pub(super) fn terminate(&self) {
        signal(&self.envoy, Signal::TERM);
    }

    pub(super) fn exited(&mut self) -> bool {
        !matches!(self.envoy.try_wait(), Ok(None))
    }
}

/// Reads a pipe that only we hold open; when we die, however we die, it ends, the group is
/// killed and its folder removed. In a group of its own, or Ctrl-C would take it first.
pub(crate) fn watchdog(group: u32, directory: &Path) -> io::Result<Child> {
    Command::new("sh")
        .args(["-c", r#"cat; kill -s KILL -- "-$0"; rm -rf -- "$1""#, &group.to_string()])
        .arg(directory)
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .process_group(0)
        .spawn()
}

pub(crate) fn signal(leader: &Child, signal: Signal) {
    let pid = i32::try_from(leader.id()).ok().and_then(Pid::from_raw);
    if let Some(pid) = pid {
        let _ = kill_process_group(pid, signal);
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // The watchdog first: it must not kill a group number that has been reused.
        signal(&self.watchdog, Signal::KILL);
        let _ = self.watchdog.wait();
        if !self.exited() {
            signal(&self.envoy, Signal::TERM);
            let begun = Instant::now();
            while !self.exited() && begun.elapsed() < Duration::from_secs(3) {
                std::thread::sleep(Duration::from_millis(10));
            }
            if !self.exited() {
                signal(&self.envoy, Signal::KILL);
                let _ = self.envoy.wait();
            }
        }
    }
}
