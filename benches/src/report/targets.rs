//! What was promised, and whether it holds.

use std::fmt::Write;

use super::{interval, Report};
use crate::paths::Path;
use crate::rounds::Rounds;
use crate::scale::{Growth, LINEAR};
use crate::stack::Stack;
use crate::stats::Estimate;

/// Microseconds that a paid request may cost beyond recovery and a callout.
pub(super) const OWN: f64 = 35.0;

/// What recovery may take of what stock `k256` takes, and what it takes in C.
const RECOVERY: [f64; 2] = [0.26, 0.19];

/// Milliseconds of processor time in which ten thousand routes are configured.
const CONFIGURED: f64 = 2_000.0;

/// How many times the paid requests of another project's server, per processor.
pub(super) const FASTER: [(&str, f64); 2] = [("express", 10.0), ("hono", 7.0)];

pub(super) fn table(out: &mut String, report: &Report) {
    let mut rows = String::new();
    recovered(&mut rows, report);
    if let Some(rounds) = &report.rounds {
        requests(&mut rows, rounds);
    }
    waits(&mut rows, report);
    if let Some(growth) = &report.growth {
        grown(&mut rows, growth);
    }
    if !rows.is_empty() {
        out.push_str("### Targets\n\nA target holds when the unfavourable end of the interval does.\n\n| target | found (95 %) | holds |\n|---|---:|---|\n");
        out.push_str(&rows);
        out.push('\n');
    }
}

fn recovered(out: &mut String, report: &Report) {
    let Some(way) = report.recovery.iter().find(|way| way.is_ours_in_v8()) else { return };
    for bound in RECOVERY {
        let what = format!("recovery over stock `k256`, in {}: at most {bound:.2}", way.host);
        row(out, &what, &interval(&way.of_stock, 3), at_most(&way.of_stock, bound));
    }
}

fn requests(out: &mut String, rounds: &Rounds) {
    for path in &rounds.paths {
        bounded(out, rounds, path);
    }
    if let Some(cost) = rounds.difference("forged", "unsignable") {
        row(out, "recovery: forged − refused before its signature, µs", &interval(&cost, 1), "");
    }
    for name in ["before", "after"] {
        if let Some(cost) = rounds.own_cost(name) {
            let what = format!("paid `{name}` − one callout − recovery: at most {OWN:.0} µs");
            row(out, &what, &interval(&cost, 1), at_most(&cost, OWN));
        }
    }
    for (name, times) in FASTER {
        if let Some(ratio) = rounds.ratio(name, "after") {
            let what =
                format!("paid requests per processor, `settle: after`, over {name}: at least {times:.0}");
            row(out, &what, &interval(&ratio, 2), at_least(&ratio, times));
        }
    }
}

fn row(out: &mut String, what: &str, found: &str, holds: &str) {
    let _ = writeln!(out, "| {what} | {found} | {holds} |");
}

fn bounded(out: &mut String, rounds: &Rounds, path: &Path) {
    let Some((over, Some(bound))) = path.over else { return };
    let Some(ratio) = rounds.ratio(path.name, over) else { return };
    let what = match path.name {
        "unsignable" => "forged payment less its recovery, over unpaid",
        _ => path.what,
    };
    row(out, &format!("{what}: at most {bound:.2}"), &interval(&ratio, 3), at_most(&ratio, bound));
}

fn waits(out: &mut String, report: &Report) {
    let calls = |wanted: fn(Stack) -> bool| {
        let found = report.waits.iter().filter(move |wait| wanted(wait.path.stack));
        found.map(|wait| wait.calls).collect::<Vec<_>>()
    };
    let ours = calls(|stack| stack == Stack::Ours);
    let theirs = calls(|stack| matches!(stack, Stack::Alone(_)));
    let (Some(most), Some(least)) =
        (ours.into_iter().max_by(f64::total_cmp), theirs.into_iter().min_by(f64::total_cmp))
    else {
        return;
    };
    let holds = if most <= 1.0 && least >= 2.0 { "yes" } else { "no" };
    let what = "calls to the facilitator before a paid answer: one, where the others make two";
    row(out, what, &format!("{most:.0}, {least:.0}"), holds);
}

fn grown(out: &mut String, growth: &Growth) {
    for path in &growth.rounds.paths {
        bounded(out, &growth.rounds, path);
    }
    for size in &growth.sizes {
        let (more, most) = size.another_worker();
        let mega = |bytes: f64| bytes / 1e6;
        let found = Estimate { median: mega(more.median), low: mega(more.low), high: mega(more.high) };
        let what = format!("a worker more, {} routes: under {:.1} MB", size.routes, mega(most));
        row(out, &what, &interval(&found, 2), at_most(&more, most));
    }
    if let Some(millis) = growth.configured.whole(10_000) {
        let what = format!("configuring 10000 routes, in all three VMs: under {CONFIGURED:.0} ms");
        row(out, &what, &interval(&millis, 0), at_most(&millis, CONFIGURED));
    }
    if let Some(ratio) = growth.configured.linear() {
        let what =
            format!("configuring a VM, a route of 100000 over one of 10000: linear, at most {LINEAR:.1}");
        row(out, &what, &interval(&ratio, 2), at_most(&ratio, LINEAR));
    }
}

fn at_most(estimate: &Estimate, bound: f64) -> &'static str {
    verdict(estimate.high <= bound, estimate.low <= bound)
}

fn at_least(estimate: &Estimate, bound: f64) -> &'static str {
    verdict(estimate.low >= bound, estimate.high >= bound)
}

fn verdict(shown: bool, possible: bool) -> &'static str {
    match (shown, possible) {
        (true, _) => "yes",
        (false, true) => "not shown",
        (false, false) => "no",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_unfavourable_end_decides() {
        let estimate = Estimate { median: 1.0, low: 0.9, high: 1.1 };
        assert_eq!([1.2, 1.0, 0.8].map(|bound| at_most(&estimate, bound)), ["yes", "not shown", "no"]);
        assert_eq!([0.8, 1.0, 1.2].map(|bound| at_least(&estimate, bound)), ["yes", "not shown", "no"]);
    }
}
