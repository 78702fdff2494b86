//! `make bench`: runs the suite and prints its tables.

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Instant;

use lexopt::{Arg, ValueExt};
use x402_bench::bed::{Behind, Modules};
use x402_bench::paths::{self, Path};
use x402_bench::report::Report;
use x402_bench::rounds::{self, Effort};
use x402_bench::stack::Stack;
use x402_bench::{cpu, footprint, recovery, scale, slow, still, Failure};

const HELP: &str = "\
x402-bench: what the filter costs on a real Envoy

    --full          60 rounds instead of 30
    --rounds N      that many
    --only A,B      only these paths, and no tables beside theirs (plain, noop, free, method,
                    unmatched, pure, direct, unpaid, unsignable, forged, replayed, callout,
                    before, after, v1, permit, asked, express, hono, fastapi, axum, behind-express, ...)
    --no-peers      without the servers of other projects
    --no-scale      without the tables of many routes and workers
    --scale         only those
    --against FILE  another build of the module, measured in the same rounds
    --write FILE    also write the page of the documentation, and its chart beside it

The module is X402_MODULE, the no-op filter X402_NOOP, Envoy ENVOY; `make bench` sets them.";

/// The fewest that the targets ask for.
const ROUNDS: usize = 30;

/// Starts of each stack with each number of workers.
const STARTS: usize = 3;

struct Arguments {
    rounds: usize,
    only: Vec<String>,
    peers: bool,
    rest: bool,
    scale: bool,
    against: Option<PathBuf>,
    write: Option<PathBuf>,
}

fn main() -> ExitCode {
    match arguments().map_err(Failure::from).and_then(|arguments| arguments.map_or(Ok(()), |a| run(&a))) {
        Ok(()) => ExitCode::SUCCESS,
        Err(why) => {
            eprintln!("x402-bench: {why}");
            ExitCode::FAILURE
        }
    }
}

fn arguments() -> Result<Option<Arguments>, lexopt::Error> {
    let mut found = Arguments {
        rounds: ROUNDS,
        only: Vec::new(),
        peers: true,
        rest: true,
        scale: true,
        against: None,
        write: None,
    };
    let mut parser = lexopt::Parser::from_env();
    while let Some(argument) = parser.next()? {
        match argument {
            Arg::Long("help") => {
                println!("{HELP}");
                return Ok(None);
            }
            Arg::Long("full") => found.rounds = 2 * ROUNDS,
            Arg::Long("rounds") => found.rounds = parser.value()?.parse()?,
            Arg::Long("only") => {
                found.only = parser.value()?.string()?.split(',').map(str::to_owned).collect()
            }
            Arg::Long("no-peers") => found.peers = false,
            Arg::Long("no-scale") => found.scale = false,
            Arg::Long("scale") => found.rest = false,
            Arg::Long("against") => found.against = Some(parser.value()?.into()),
            Arg::Long("write") => found.write = Some(parser.value()?.into()),
            other => return Err(other.unexpected()),
        }
    }
    Ok(Some(found))
}

fn run(arguments: &Arguments) -> Result<(), Failure> {
    let modules = Modules::found(arguments.against.clone()).check()?;
    let pinned = cpu::pin_self(cpu::LOAD);
    if !pinned {
        eprintln!("x402-bench: one processor only: nothing is pinned");
    }
    let chosen: Vec<_> =
        [&paths::ALL[..], &paths::PEERS].concat().into_iter().filter(|path| arguments.chose(path)).collect();
    let peers = chosen.iter().any(|path| matches!(path.stack, Stack::Alone(_) | Stack::Behind(_)));
    let behind = if peers && arguments.rest { Behind::start_with_peers()? } else { Behind::start()? };
    let effort = Effort { rounds: arguments.rounds.max(1), divisor: 1 };
    let command: Vec<String> = std::env::args().skip(1).collect();
    let command = command.join(" ");
    let mut report = Report { command, machine: cpu::machine(), pinned, ..Report::default() };
    let all = arguments.only.is_empty();
    if arguments.rest {
        report.rounds = Some(timed("rounds", || rounds::run(&behind, &modules, &chosen, effort))?);
    }
    if arguments.rest && all {
        let bought = ["before", "after", "express", "hono", "fastapi", "axum"];
        let paid: Vec<_> = chosen.iter().copied().filter(|path| bought.contains(&path.name)).collect();
        report.recovery = timed("recovery", recovery::run)?;
        let waits = || slow::waits(&behind, &modules, &paid, arguments.rounds.clamp(2, 6));
        report.waits = timed("waits", waits)?;
        report.module = std::fs::metadata(&modules.ours)?.len();
        let stacks = [Stack::Plain, Stack::Noop, Stack::Ours];
        report.footprints = timed("starts", || footprint::footprints(&behind, &modules, &stacks, STARTS))?;
        report.claims = still::claims(still::CAPACITY)?;
        let record = concat!(env!("CARGO_MANIFEST_DIR"), "/guard/counts.toml");
        report.counts = std::fs::read_to_string(record).unwrap_or_default();
    }
    if arguments.scale && all {
        report.growth = Some(timed("growth", || scale::growth(&behind, &modules, effort, STARTS))?);
    }
    print!("{}", report.tables());
    if let Some(file) = &arguments.write {
        std::fs::write(file, report.page())?;
        if let Some(chart) = report.chart() {
            std::fs::write(file.with_extension("svg"), chart)?;
        }
        eprintln!("wrote {}", file.display());
    }
    Ok(())
}

/// Says how long a part took.
fn timed<T>(what: &str, part: impl FnOnce() -> Result<T, Failure>) -> Result<T, Failure> {
    let begun = Instant::now();
    let found = part();
    eprintln!("{what}: {:.0} s", begun.elapsed().as_secs_f64());
    found
}

impl Arguments {
    fn chose(&self, path: &Path) -> bool {
        match self.only.is_empty() {
            true => self.peers || !matches!(path.stack, Stack::Alone(_) | Stack::Behind(_)),
            false => self.only.iter().any(|name| name == path.name),
        }
    }
}
