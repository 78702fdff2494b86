//! Tables for people: Markdown that reads as well on a terminal.

mod counts;
mod distance;
mod growth;
mod peers;
mod recovery;
mod requests;
mod targets;

use std::fmt::Write;

use crate::chart;
use crate::footprint::{Footprint, WORKERS};
use crate::recovery::Way;
use crate::rounds::Rounds;
use crate::scale::Growth;
use crate::slow::Wait;
use crate::stats::{Estimate, Spread};
use crate::still::{Filled, CAPACITY};

/// How the page begins.
const MADE: &str = "\
# What it costs

Written by `make bench BENCH='ARGUMENTS'`,
from a fresh clone too: it builds the module, and fetches Envoy and the other projects' servers by
their lock files. `make bench` alone prints the same tables and changes nothing.
";

/// Everything that was found; what was not asked for is left out.
#[derive(Default)]
pub struct Report {
    /// The arguments of the command.
    pub command: String,
    pub machine: String,
    pub pinned: bool,
    pub rounds: Option<Rounds>,
    /// Recovery by itself.
    pub recovery: Vec<Way>,
    pub waits: Vec<Wait>,
    pub growth: Option<Growth>,
    pub module: u64,
    pub footprints: Vec<Footprint>,
    pub claims: Vec<Filled>,
    /// What the guard has on record: `benches/guard/counts.toml`.
    pub counts: String,
}

// === impl Report ===

impl Report {
    /// The tables.
    pub fn tables(&self) -> String {
        let mut out = String::new();
        if let Some(rounds) = &self.rounds {
            let _ = writeln!(
                out,
                "{} rounds, Envoy {}, one worker{}; {}.\n",
                rounds.each(rounds.paths.first().map_or("", |path| path.name), |s| s.cpu).len(),
                rounds.envoy,
                if self.pinned {
                    " pinned to one processor, load and servers on another"
                } else {
                    ", nothing pinned"
                },
                self.machine,
            );
            requests::table(&mut out, rounds);
            peers::table(&mut out, rounds);
            peers::waits(&mut out, &self.waits);
        }
        targets::table(&mut out, self);
        if let Some(rounds) = &self.rounds {
            distance::text(&mut out, rounds);
            requests::other_build(&mut out, rounds);
        }
        recovery::table(&mut out, self);
        if let Some(growth) = &self.growth {
            growth::tables(&mut out, growth);
        }
        if !self.footprints.is_empty() {
            footprints(&mut out, &self.footprints, self.module);
        }
        if !self.claims.is_empty() {
            claims(&mut out, &self.claims);
        }
        counts::tables(&mut out, &self.counts);
        out
    }

    /// The page of the documentation.
    pub fn page(&self) -> String {
        let chart = match &self.chart() {
            Some(_) => "![CPU per paid request, ours beside the others](benchmarks.svg)\n\n",
            None => "",
        };
        let made = MADE.replace("ARGUMENTS", &self.command);
        let method = include_str!("../method.md");
        format!("{made}\n{method}\n{chart}{}{}", self.tables(), include_str!("../limits.md"))
    }

    /// Its picture, if there is anything to compare.
    pub fn chart(&self) -> Option<String> {
        let rounds = self.rounds.as_ref()?;
        let bars = peers::bars(rounds);
        let caption = format!(
            "One processor, facilitator that answers at once, {} rounds. {}.",
            rounds.each("after", |sample| sample.cpu).len(),
            self.machine
        );
        (bars.len() > 2).then(|| chart::svg(&bars, &caption))
    }
}

fn interval(estimate: &Estimate, digits: usize) -> String {
    let Estimate { median, low, high } = estimate;
    format!("{median:.digits$} ({low:.digits$}–{high:.digits$})")
}

fn footprints(out: &mut String, footprints: &[Footprint], module: u64) {
    out.push_str("### Size, start, memory\n\n");
    let _ = writeln!(out, "The module has {module} bytes.\n");
    out.push_str("| stack | start-up ms | CPU ms |");
    for workers in WORKERS {
        let _ = write!(out, " MiB, workers: {workers} |");
    }
    let _ = writeln!(out, " a worker more (95 %) |\n|---|---:|---:|{}---:|", "---:|".repeat(WORKERS.len()));
    for print in footprints {
        let _ = writeln!(
            out,
            "| {} | {:.0} | {:.0} |{} {} |",
            print.stack.name(),
            print.ready,
            print.cpu,
            resident(print),
            interval(&print.more, 2)
        );
    }
    out.push('\n');
}

fn resident(print: &Footprint) -> String {
    print.resident.iter().map(|mebi| format!(" {mebi:.1} |")).collect()
}

fn claims(out: &mut String, claims: &[Filled]) {
    let _ = writeln!(
        out,
        "{CAPACITY} purchases presented to a claim table of that capacity (the default), in this process:\n"
    );
    out.push_str("| claims | held | refused | buckets | in a bucket: least–most | mean | deviation, of chance's | bytes | bytes each | ns per op |\n|---|---:|---:|---:|---:|---:|---:|---:|---:|---:|\n");
    for one in claims {
        let Filled { what, granted, refused, bytes, buckets, spread, op } = one;
        let each = bytes / usize::try_from(*granted).unwrap_or(1).max(1);
        let Spread { least, most, mean, deviation } = spread;
        let _ = writeln!(
            out,
            "| {what} | {granted} | {refused} | {buckets} | {least}–{most} | {mean:.1} | {:.2} | {bytes} | {each} | {op:.0} |",
            deviation / mean.sqrt()
        );
    }
    out.push('\n');
}
