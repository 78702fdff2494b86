//! Tables for people: Markdown that reads as well on a terminal.

use std::fmt::Write;

use crate::rounds::Rounds;
use crate::stats::{median, quantile, Estimate};
use crate::still::{Filled, Footprint, CAPACITY};

/// Everything that was found; what was not asked for is left out.
#[derive(Default)]
pub struct Report {
    pub machine: String,
    pub pinned: bool,
    pub rounds: Option<Rounds>,
    pub module: u64,
    pub footprints: Vec<Footprint>,
    pub claims: Vec<Filled>,
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
            requests(&mut out, rounds);
            targets(&mut out, rounds);
            other_build(&mut out, rounds);
        }
        if !self.footprints.is_empty() {
            footprints(&mut out, &self.footprints, self.module);
        }
        if !self.claims.is_empty() {
            claims(&mut out, &self.claims);
        }
        out
    }

    /// The page of the documentation.
    pub fn page(&self) -> String {
        format!("{}\n{}\n{}", include_str!("../method.md"), self.tables(), include_str!("../limits.md"))
    }
}

fn requests(out: &mut String, rounds: &Rounds) {
    out.push_str("| path | CPU µs per request | quartiles | compared with | ratio (95 %) | quiet | p50 µs | p99 µs | requests/s |\n");
    out.push_str("|---|---:|---:|---|---:|---:|---:|---:|---:|\n");
    for path in &rounds.paths {
        let mut cpu = rounds.each(path.name, |sample| sample.cpu);
        cpu.sort_by(f64::total_cmp);
        let over = path.over.and_then(|(name, _)| {
            let what = rounds.paths.iter().find(|known| known.name == name)?.what;
            Some((
                what,
                interval(&rounds.ratio(path.name, name)?, 3),
                format!("{:.3}", rounds.quiet_ratio(path.name, name)?),
            ))
        });
        let (what, ratio, quiet) = over.unwrap_or_default();
        let _ = writeln!(
            out,
            "| {} | {:.1} | {:.1}–{:.1} | {what} | {ratio} | {quiet} | {:.0} | {:.0} | {:.0} |",
            path.what,
            median(&cpu),
            quantile(&cpu, 0.25),
            quantile(&cpu, 0.75),
            median(&rounds.each(path.name, |sample| sample.p50)),
            median(&rounds.each(path.name, |sample| sample.p99)),
            median(&rounds.each(path.name, |sample| sample.per_second)),
        );
    }
    out.push('\n');
}

fn targets(out: &mut String, rounds: &Rounds) {
    out.push_str("A target holds when the upper end of the interval does.\n\n| target | found (95 %) | holds |\n|---|---:|---|\n");
    for path in &rounds.paths {
        let Some((over, Some(bound))) = path.over else { continue };
        let Some(ratio) = rounds.ratio(path.name, over) else { continue };
        let _ = writeln!(
            out,
            "| {}: at most {bound:.2} | {} | {} |",
            path.what,
            interval(&ratio, 3),
            verdict(&ratio, bound)
        );
    }
    if let Some(cost) = rounds.difference("forged", "unpaid") {
        let _ = writeln!(
            out,
            "| forged over unpaid, µs (mostly recovery; no bound yet) | {} | |",
            interval(&cost, 0)
        );
    }
    for (name, what) in [("before", "before"), ("after", "after")] {
        if let Some(cost) = rounds.own_cost(name) {
            let _ = writeln!(
                out,
                "| paid `{what}` − one callout − (forged − unpaid): at most 35 µs | {} | {} |",
                interval(&cost, 0),
                verdict(&cost, 35.0)
            );
        }
    }
    out.push('\n');
}

fn other_build(out: &mut String, rounds: &Rounds) {
    let rows: Vec<_> = rounds
        .paths
        .iter()
        .filter_map(|path| {
            Some((path.what, rounds.over_the_other(path.name)?, rounds.quiet_over_the_other(path.name)?))
        })
        .collect();
    if rows.is_empty() {
        return;
    }
    out.push_str("| path | this build over the other (95 %) | quiet |\n|---|---:|---:|\n");
    for (what, ratio, quiet) in rows {
        let _ = writeln!(out, "| {what} | {} | {quiet:.3} |", interval(&ratio, 3));
    }
    out.push('\n');
}

fn interval(estimate: &Estimate, digits: usize) -> String {
    let Estimate { median, low, high } = estimate;
    format!("{median:.digits$} ({low:.digits$}–{high:.digits$})")
}

fn verdict(estimate: &Estimate, bound: f64) -> &'static str {
    if estimate.high <= bound {
        "yes"
    } else if estimate.low <= bound {
        "not shown"
    } else {
        "no"
    }
}

fn footprints(out: &mut String, footprints: &[Footprint], module: u64) {
    let _ = writeln!(out, "The module has {module} bytes.\n");
    out.push_str("| stack | start-up ms | CPU ms | MiB, one worker | MiB, two | a worker more |\n|---|---:|---:|---:|---:|---:|\n");
    for print in footprints {
        let more = print.two - print.one;
        let _ = writeln!(
            out,
            "| {} | {:.0} | {:.0} | {:.1} | {:.1} | {more:.2} |",
            print.stack.name(),
            print.ready,
            print.cpu,
            print.one,
            print.two
        );
    }
    out.push('\n');
}

fn claims(out: &mut String, claims: &[Filled]) {
    let _ = writeln!(
        out,
        "{CAPACITY} purchases presented to a claim table of that capacity (the default), in this process:\n"
    );
    out.push_str("| claims | held | refused | buckets | bytes | bytes each | ns per op |\n|---|---:|---:|---:|---:|---:|---:|\n");
    for one in claims {
        let Filled { what, granted, refused, bytes, buckets, op } = one;
        let each = bytes / usize::try_from(*granted).unwrap_or(1).max(1);
        let _ = writeln!(out, "| {what} | {granted} | {refused} | {buckets} | {bytes} | {each} | {op:.0} |");
    }
    out.push('\n');
}
