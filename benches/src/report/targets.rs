//! What was promised, and whether it holds.

use std::fmt::Write;

use super::{interval, Report};
use crate::paths::Path;
use crate::rounds::Rounds;
use crate::scale::Growth;
use crate::stack::Stack;
use crate::stats::Estimate;

/// Microseconds that a paid request may cost beyond recovery and a callout.
const OWN: f64 = 35.0;

/// How many times the paid requests of another project's server, per processor.
const FASTER: [(&str, f64); 2] = [("express", 10.0), ("hono", 7.0)];

pub(super) fn table(out: &mut String, report: &Report, rounds: &Rounds) {
    out.push_str("### Targets\n\nA target holds when the unfavourable end of the interval does.\n\n| target | found (95 %) | holds |\n|---|---:|---|\n");
    for path in &rounds.paths {
        bounded(out, rounds, path);
    }
    if let Some(cost) = rounds.difference("forged", "unsignable") {
        let _ = writeln!(
            out,
            "| recovery: forged − refused before its signature, µs | {} | |",
            interval(&cost, 1)
        );
    }
    for name in ["before", "after"] {
        if let Some(cost) = rounds.own_cost(name) {
            let _ = writeln!(
                out,
                "| paid `{name}` − one callout − recovery: at most {OWN:.0} µs | {} | {} |",
                interval(&cost, 1),
                at_most(&cost, OWN)
            );
        }
    }
    for (name, times) in FASTER {
        if let Some(ratio) = rounds.ratio(name, "after") {
            let _ = writeln!(
                out,
                "| paid requests per processor, `settle: after`, over {name}: at least {times:.0} | {} | {} |",
                interval(&ratio, 2),
                at_least(&ratio, times)
            );
        }
    }
    waits(out, report);
    if let Some(growth) = &report.growth {
        grown(out, growth);
    }
    out.push('\n');
}

fn bounded(out: &mut String, rounds: &Rounds, path: &Path) {
    let Some((over, Some(bound))) = path.over else { return };
    let Some(ratio) = rounds.ratio(path.name, over) else { return };
    let what = match path.name {
        "unsignable" => "forged payment less its recovery, over unpaid",
        _ => path.what,
    };
    let _ = writeln!(
        out,
        "| {what}: at most {bound:.2} | {} | {} |",
        interval(&ratio, 3),
        at_most(&ratio, bound)
    );
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
    let _ = writeln!(
        out,
        "| calls to the facilitator before a paid answer: one, where the others make two | {most:.0}, {least:.0} | {holds} |"
    );
}

fn grown(out: &mut String, growth: &Growth) {
    for path in &growth.rounds.paths {
        bounded(out, &growth.rounds, path);
    }
    for size in &growth.sizes {
        let (more, most) = size.another_worker();
        let holds = if more <= most { "yes" } else { "no" };
        let _ = writeln!(
            out,
            "| a worker more, {} routes: under {:.1} MB | {:.1} | {holds} |",
            size.routes,
            most / 1e6,
            more / 1e6
        );
        if size.routes == 10_000 {
            let seconds = growth.configuring(size) / 1e3;
            let holds = if seconds < 2.0 { "yes" } else { "no" };
            let _ = writeln!(
                out,
                "| configuring 10000 routes, in all three VMs: under 2 s | {seconds:.2} | {holds} |"
            );
        }
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
