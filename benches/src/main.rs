//! `make bench`: runs the suite and prints its tables.

use std::path::PathBuf;
use std::process::ExitCode;

use lexopt::{Arg, ValueExt};
use x402_bench::bed::{Behind, Modules};
use x402_bench::report::Report;
use x402_bench::rounds::{self, Effort};
use x402_bench::{cpu, paths, still, Failure};

const HELP: &str = "\
x402-bench: what the filter costs on a real Envoy

    --full          60 rounds instead of 24
    --rounds N      that many
    --only A,B      only these paths, and no tables beside theirs (plain, noop, free, method,
                    unmatched, direct, unpaid, forged, callout, before, after)
    --against FILE  another build of the module, measured in the same rounds
    --write FILE    also write the page of the documentation

The module is X402_MODULE, the no-op filter X402_NOOP, Envoy ENVOY; `make bench` sets them.";

struct Arguments {
    rounds: usize,
    only: Vec<String>,
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
    let mut found = Arguments { rounds: 24, only: Vec::new(), against: None, write: None };
    let mut parser = lexopt::Parser::from_env();
    while let Some(argument) = parser.next()? {
        match argument {
            Arg::Long("help") => {
                println!("{HELP}");
                return Ok(None);
            }
            Arg::Long("full") => found.rounds = 60,
            Arg::Long("rounds") => found.rounds = parser.value()?.parse()?,
            Arg::Long("only") => {
                found.only = parser.value()?.string()?.split(',').map(str::to_owned).collect()
            }
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
    let chosen: Vec<_> = paths::ALL
        .into_iter()
        .filter(|path| arguments.only.is_empty() || arguments.only.iter().any(|name| name == path.name))
        .collect();
    let behind = Behind::start()?;
    let effort = Effort { rounds: arguments.rounds.max(1), divisor: 1 };
    let rounds = rounds::run(&behind, &modules, &chosen, effort)?;
    let mut report = Report { machine: cpu::machine(), pinned, rounds: Some(rounds), ..Report::default() };
    if arguments.only.is_empty() {
        report.module = std::fs::metadata(&modules.ours)?.len();
        report.footprints = still::footprints(&behind, &modules, 3)?;
        report.claims = still::claims(still::CAPACITY)?;
    }
    print!("{}", report.tables());
    if let Some(file) = &arguments.write {
        std::fs::write(file, report.page())?;
        eprintln!("wrote {}", file.display());
    }
    Ok(())
}
