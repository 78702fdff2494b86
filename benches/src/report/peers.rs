//! Ours beside the other projects' servers.

use std::fmt::Write;

use super::interval;
use crate::chart::Bar;
use crate::paths::Path;
use crate::peers::Peer;
use crate::rounds::Rounds;
use crate::slow::{Wait, CALL};
use crate::stack::Stack;
use crate::stats::{median, quantile};

/// The paid paths, ours first.
fn paid(rounds: &Rounds) -> impl Iterator<Item = &Path> {
    rounds
        .paths
        .iter()
        .filter(|path| matches!(path.stack, Stack::Alone(_) | Stack::Behind(_)) || is_ours(path))
}

fn is_ours(path: &Path) -> bool {
    path.stack == Stack::Ours && matches!(path.name, "before" | "after")
}

/// What a person calls it.
fn title(path: &Path) -> String {
    match path.stack {
        Stack::Alone(peer) => peer.title().to_owned(),
        Stack::Behind(peer) => format!("{}, behind a plain Envoy", peer.title()),
        _ => format!("this filter, {}", path.what.trim_start_matches("paid, ")),
    }
}

pub(super) fn table(out: &mut String, rounds: &Rounds) {
    if !rounds.paths.iter().any(|path| matches!(path.stack, Stack::Alone(_))) {
        return;
    }
    out.push_str("### Beside the others\n\n");
    out.push_str("| who serves | CPU µs per paid request | quartiles | paid requests per second of a processor | measured, requests/s | calls to the facilitator | of this filter's `settle: after` (95 %) | p50 µs | p99 µs |\n");
    out.push_str("|---|---:|---:|---:|---:|---:|---:|---:|---:|\n");
    for path in paid(rounds) {
        let mut cpu = rounds.each(path.name, |sample| sample.cpu);
        cpu.sort_by(f64::total_cmp);
        let ratio = rounds.ratio(path.name, "after").filter(|_| path.name != "after");
        let _ = writeln!(
            out,
            "| {} | {:.0} | {:.0}–{:.0} | {:.0} | {:.0} | {:.0} | {} | {:.0} | {:.0} |",
            title(path),
            median(&cpu),
            quantile(&cpu, 0.25),
            quantile(&cpu, 0.75),
            1e6 / median(&cpu),
            median(&rounds.each(path.name, |sample| sample.per_second)),
            median(&rounds.each(path.name, |sample| sample.calls)),
            ratio.map(|ratio| interval(&ratio, 2)).unwrap_or_default(),
            median(&rounds.each(path.name, |sample| sample.p50)),
            median(&rounds.each(path.name, |sample| sample.p99)),
        );
    }
    out.push('\n');
}

/// Time to a paid answer.
pub(super) fn waits(out: &mut String, waits: &[Wait]) {
    if waits.is_empty() {
        return;
    }
    let _ = writeln!(
        out,
        "Time to a paid answer with a facilitator that takes {} ms a call, one buyer at a time:\n",
        CALL.as_millis()
    );
    out.push_str(
        "| who serves | calls to the facilitator | median ms | longest ms |\n|---|---:|---:|---:|\n",
    );
    for wait in waits {
        let Wait { path, p50, longest, calls } = wait;
        let what = match path.stack {
            Stack::Ours => format!("this filter, {}", path.what),
            _ => title(path),
        };
        let _ = writeln!(out, "| {what} | {calls:.2} | {p50:.1} | {longest:.1} |");
    }
    out.push('\n');
}

/// The chart's bars: each server alone, and what an Envoy before it adds.
pub(super) fn bars(rounds: &Rounds) -> Vec<Bar> {
    let ours = ["before", "after"].into_iter().filter_map(|name| {
        let label = format!("this filter, settle: {name}");
        Some(Bar { label, micros: rounds.cpu(name)?, behind: None, ours: true })
    });
    let peers = Peer::ALL.into_iter().filter_map(|peer| {
        let micros = rounds.cpu(peer.name())?;
        let behind = rounds.paths.iter().find(|path| path.stack == Stack::Behind(peer));
        let behind = behind.and_then(|path| rounds.cpu(path.name)).map(|both| (both - micros).max(0.0));
        Some(Bar { label: peer.title().replace('`', ""), micros, behind, ours: false })
    });
    let mut bars: Vec<Bar> = ours.chain(peers).collect();
    bars.sort_by(|one, other| one.micros.total_cmp(&other.micros));
    bars
}
