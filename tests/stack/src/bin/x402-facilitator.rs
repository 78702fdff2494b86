//! A facilitator for development and tests.

use std::process::ExitCode;
use std::time::Duration;

use lexopt::prelude::{Long, Short};
use x402_devstack::cli::{environment, value, wait_for_the_end, Stop};
use x402_devstack::facilitator::{Facilitator, Options, Token};

const HELP: &str = "\
x402-facilitator: verifies and settles x402 payments on an in-memory ledger

Options (and the environment variables behind them):
  --listen ADDRESS   [X402_FACILITATOR_LISTEN] default 127.0.0.1:4020
  --mode MODE        [X402_FACILITATOR_MODE] npm or x402-rs: whose answers to give; default npm
  --latency MS       [X402_FACILITATOR_LATENCY] from broadcast to receipt; default 5
  --networks LIST    [X402_FACILITATOR_NETWORKS] CAIP-2 names, comma separated, for /supported
  --lenient-token    the token takes high s and v of 0 and 1, unlike deployed USDC
  --instant          success without looking, for benchmarks
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
    let listen = "127.0.0.1:4020".parse().unwrap_or(defaults.listen);
    let mut networks = environment("X402_FACILITATOR_NETWORKS", defaults.listing.networks.join(","))?;
    let mut latency = environment("X402_FACILITATOR_LATENCY", 5)?;
    let mut options = Options {
        listen: environment("X402_FACILITATOR_LISTEN", listen)?,
        dialect: environment("X402_FACILITATOR_MODE", defaults.dialect)?,
        ..defaults
    };
    let mut parser = lexopt::Parser::from_env();
    while let Some(flag) = parser.next()? {
        match flag {
            Long("listen") => options.listen = value(&mut parser)?,
            Long("mode") => options.dialect = value(&mut parser)?,
            Long("latency") => latency = value(&mut parser)?,
            Long("networks") => networks = value(&mut parser)?,
            Long("lenient-token") => options.token = Token::Lenient,
            Long("instant") => options.instant = true,
            Long("threads") => options.threads = value(&mut parser)?,
            Long("help") | Short('h') => return Err(Stop::Help),
            other => return Err(other.unexpected().into()),
        }
    }
    options.latency = Duration::from_millis(latency);
    options.listing.networks = networks.split(',').map(str::to_owned).collect();
    let facilitator = Facilitator::start(options)?;
    println!("x402-facilitator listening on {}", facilitator.address());
    Ok(wait_for_the_end(false)?)
}
