//! An application that echoes, delays, streams and breaks.

use std::process::ExitCode;

use lexopt::prelude::{Long, Short};
use x402_devstack::cli::{environment, value, wait_for_the_end, Stop};
use x402_devstack::upstream::{Options, Upstream};

const HELP: &str = "\
x402-upstream: echoes requests as JSON and behaves as the query or x-test-* headers say

Options (and the environment variables behind them):
  --listen ADDRESS   [X402_UPSTREAM_LISTEN] default 127.0.0.1:4030
  --name NAME        [X402_UPSTREAM_NAME] in every echo; default upstream
  --threads N        default 1
  --help
";

fn main() -> ExitCode {
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(stop) => stop.report(HELP),
    }
}

fn run() -> Result<(), Stop> {
    let defaults = Options::default();
    let listen = "127.0.0.1:4030".parse().unwrap_or(defaults.listen);
    let mut options = Options {
        listen: environment("X402_UPSTREAM_LISTEN", listen)?,
        name: environment("X402_UPSTREAM_NAME", defaults.name)?,
        threads: defaults.threads,
    };
    let mut parser = lexopt::Parser::from_env();
    while let Some(flag) = parser.next()? {
        match flag {
            Long("listen") => options.listen = value(&mut parser)?,
            Long("name") => options.name = value(&mut parser)?,
            Long("threads") => options.threads = value(&mut parser)?,
            Long("help") | Short('h') => return Err(Stop::Help),
            other => return Err(other.unexpected().into()),
        }
    }
    let upstream = Upstream::start(options)?;
    println!("x402-upstream listening on {}", upstream.address());
    Ok(wait_for_the_end(false)?)
}
