//! What a request costs.

use std::fmt::Write;

use super::interval;
use crate::rounds::Rounds;
use crate::stack::Stack;
use crate::stats::{median, quantile};

/// Every path of ours and of Envoy's.
pub(super) fn table(out: &mut String, rounds: &Rounds) {
    out.push_str("| path | CPU µs per request | quartiles | compared with | ratio (95 %) | quiet | callouts | p50 µs | p99 µs | requests/s |\n");
    out.push_str("|---|---:|---:|---|---:|---:|---:|---:|---:|---:|\n");
    for path in rounds.paths.iter().filter(|path| !matches!(path.stack, Stack::Alone(_) | Stack::Behind(_))) {
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
            "| {} | {:.1} | {:.1}–{:.1} | {what} | {ratio} | {quiet} | {:.0} | {:.0} | {:.0} | {:.0} |",
            path.what,
            median(&cpu),
            quantile(&cpu, 0.25),
            quantile(&cpu, 0.75),
            median(&rounds.each(path.name, |sample| sample.calls)),
            median(&rounds.each(path.name, |sample| sample.p50)),
            median(&rounds.each(path.name, |sample| sample.p99)),
            median(&rounds.each(path.name, |sample| sample.per_second)),
        );
    }
    out.push('\n');
}

/// Two builds of the module in the same rounds.
pub(super) fn other_build(out: &mut String, rounds: &Rounds) {
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
