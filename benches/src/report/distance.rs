//! How far the targets are: this machine beside the one they were set on, and what no filter could do.

use std::fmt::Write;

use super::targets::{FASTER, OWN};
use crate::rounds::Rounds;

/// Microseconds on the machine where the targets were set, in a run of this kind.
const THERE: [(&str, &str, f64); 3] = [
    ("plain", "plain proxy", 43.0),
    ("noop", "no-op wasm + proxy", 51.0),
    ("pure", "`direct_response` of a 402, no wasm", 19.0),
];

/// And of a callout beyond the no-op filter.
const CALLOUT: f64 = 33.0;

pub(super) fn text(out: &mut String, rounds: &Rounds) {
    let (Some(callout), Some(noop)) = (rounds.cpu("callout"), rounds.cpu("noop")) else { return };
    let rows = THERE.iter().filter_map(|(name, what, there)| Some((*what, *there, rounds.cpu(name)?)));
    let rows: Vec<_> = rows.chain([("one callout more", CALLOUT, callout - noop)]).collect();
    out.push_str("### How far the targets are\n\nThe targets in microseconds were set on another machine. What needs nothing of ours took there, and takes here:\n\n");
    out.push_str("| µs a request | there | here | times |\n|---|---:|---:|---:|\n");
    for (what, there, here) in &rows {
        let _ = writeln!(out, "| {what} | {there:.0} | {here:.1} | {:.1} |", here / there);
    }
    let times = rows.iter().map(|(_, there, here)| here / there);
    let (least, most) = times.fold((f64::MAX, 0.0f64), |(low, high), one| (low.min(one), high.max(one)));
    if let (Some(before), Some(after)) = (rounds.own_cost("before"), rounds.own_cost("after")) {
        let (low, high) = (before.median.min(after.median), before.median.max(after.median));
        let missed = if low > OWN * most { ": a slower machine does not explain it" } else { "" };
        let _ = writeln!(
            out,
            "\nAt {least:.1} to {most:.1} times, {OWN:.0} µs are {:.0} to {:.0} here. A paid request takes {low:.0} to {high:.0} beyond its callout and its recovery: {:.1} to {:.1} times that{missed}. What the time is stands under \"Where a paid request's time is\".",
            OWN * least,
            OWN * most,
            low / (OWN * most),
            high / (OWN * least),
        );
    }
    ceilings(out, rounds, callout);
    out.push('\n');
}

/// What a filter that only made the callout would come to beside the others.
fn ceilings(out: &mut String, rounds: &Rounds, callout: f64) {
    let rows: Vec<_> = FASTER
        .iter()
        .filter_map(|(name, times)| Some((name, times, rounds.cpu(name)?, rounds.cpu("after")?)))
        .collect();
    if rows.is_empty() {
        return;
    }
    let _ = writeln!(
        out,
        "\nOf the others' multiples, a no-op filter with one callout ({callout:.0} µs) leaves at most:\n\n| over | µs | target, times | µs that it leaves us | a no-op filter with one callout, times | this filter, times |\n|---|---:|---:|---:|---:|---:|"
    );
    for (name, times, micros, ours) in rows {
        let _ = writeln!(
            out,
            "| {name} | {micros:.0} | {times:.0} | {:.0} | {:.1} | {:.1} |",
            micros / times,
            micros / callout,
            micros / ours,
        );
    }
}
