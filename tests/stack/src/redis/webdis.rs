//! Webdis, as Debian packages it.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use serde_json::json;

use super::process::Program;
use super::{find, StartError};

/// A running webdis.
pub struct Webdis {
    program: Program,
}

/// Commands that a claim store needs, and no others.
const COMMANDS: [&str; 2] = ["EVAL", "EVALSHA"];

impl Webdis {
    /// Starts in front of a Redis. Whoever has the password (`user:password`) may run scripts;
    /// nobody may do anything else but `PING`.
    pub fn start(redis: SocketAddr, password: &str) -> Result<Self, StartError> {
        Self::launch(redis, password, 2, 4)
    }

    /// The same with one thread and one connection to Redis: answers come in the order of their
    /// questions.
    pub fn start_narrow(redis: SocketAddr, password: &str) -> Result<Self, StartError> {
        Self::launch(redis, password, 1, 1)
    }

    fn launch(redis: SocketAddr, password: &str, threads: u32, connections: u32) -> Result<Self, StartError> {
        let binary = find("WEBDIS", "webdis")?;
        let program = Program::start(&binary, "webdis.out", |port, directory| {
            let config = json!({
                "redis_host": redis.ip().to_string(),
                "redis_port": redis.port(),
                "http_host": "127.0.0.1",
                "http_port": port,
                "threads": threads,
                "pool_size": connections,
                "daemonize": false,
                "http_max_request_size": 256 * 1024,
                "verbosity": 2,
                "logfile": directory.join("webdis.log"),
                "pidfile": directory.join("webdis.pid"),
                "acl": [
                    { "disabled": ["*"] },
                    { "enabled": ["PING"] },
                    { "http_basic_auth": password, "enabled": COMMANDS },
                ],
            });
            let path = directory.join("webdis.json");
            std::fs::write(&path, config.to_string())?;
            Ok(vec![path.display().to_string()])
        })?;
        let webdis = Self { program };
        webdis.await_answer()?;
        Ok(webdis)
    }

    pub fn address(&self) -> SocketAddr {
        self.program.address()
    }

    /// Ends the process as a crash would.
    pub fn kill(&mut self) {
        self.program.kill();
    }

    /// Starts again on the same port.
    pub fn restart(&mut self) -> Result<(), StartError> {
        self.program.restart()?;
        self.await_answer()
    }

    /// Waits until it has reached its Redis.
    fn await_answer(&self) -> Result<(), StartError> {
        self.program.await_ready(&|address| pings(address).is_some_and(|answer| answer.contains("PONG")))
    }
}

fn pings(address: SocketAddr) -> Option<String> {
    let mut stream = TcpStream::connect(address).ok()?;
    stream.set_read_timeout(Some(Duration::from_secs(1))).ok()?;
    stream.write_all(b"GET /PING HTTP/1.1\r\nhost: webdis\r\nconnection: close\r\n\r\n").ok()?;
    let mut answer = Vec::new();
    let _ = stream.read_to_end(&mut answer);
    String::from_utf8(answer).ok()
}
