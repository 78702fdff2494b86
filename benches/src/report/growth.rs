//! How the cost grows: with routes, and with workers.

use std::fmt::Write;

use super::{interval, requests, resident};
use crate::footprint::WORKERS;
use crate::scale::{Growth, Size};
use crate::stats::{median, quantile};

pub(super) fn tables(out: &mut String, growth: &Growth) {
    out.push_str("### With more routes\n\nOne Envoy with a listener for each size, in rounds as above:\n\n");
    requests::table(out, &growth.rounds);
    sizes(out, growth);
    workers(out, growth);
}

fn sizes(out: &mut String, growth: &Growth) {
    out.push_str("Each size in Envoys of its own, with nothing compiled before they start. \"Configuring\" is what an Envoy that runs takes to be given such a listener: its worker's thread, which configures one VM and does nothing else, and the whole process, which configures three (a trial, the main thread's, the worker's), reads the listener, and is asked for its progress.\n\n");
    out.push_str("| routes | configuration, bytes | read natively, ms | start-up ms | start-up CPU ms | configuring a VM, ms (95 %) | in all, ms (95 %) |");
    for workers in WORKERS {
        let _ = write!(out, " MiB, workers: {workers} |");
    }
    let _ = writeln!(out, " a worker more (95 %) |\n|{}", "---:|".repeat(8 + WORKERS.len()));
    for size in &growth.sizes {
        let Size { routes, bytes, native, footprint } = size;
        let millis = |estimate| interval(&estimate, 1);
        let _ = writeln!(
            out,
            "| {routes} | {bytes} | {native:.1} | {:.0} | {:.0} | {} | {} |{} {} |",
            footprint.ready,
            footprint.cpu,
            growth.configured.a_vm(*routes).map(millis).unwrap_or_default(),
            growth.configured.whole(*routes).map(millis).unwrap_or_default(),
            resident(footprint),
            interval(&footprint.more, 2)
        );
    }
    out.push('\n');
}

fn workers(out: &mut String, growth: &Growth) {
    out.push_str("### With more workers\n\nPaid requests, `settle: before`, 64 connections; nothing is pinned, and load and servers share the processors with the workers. Rounds have turns of both, in a new order each time. Both workers take their claims from one table, each payment in the bucket of its hash (how evenly they spread: below): were there a queue before the table, a request would cost more processor time with two.\n\n");
    out.push_str("| workers | CPU µs per paid request | quartiles | over one worker's (95 %) | paid requests/s | over one worker's (95 %) | the workers' shares of the processor time |\n|---:|---:|---:|---:|---:|---:|---|\n");
    for one in &growth.workers {
        let shares: Vec<String> = one.shares.iter().map(|share| format!("{:.0} %", share * 100.0)).collect();
        let mut cpu = one.each(|sample| sample.cpu);
        cpu.sort_by(f64::total_cmp);
        let over = |figure| match one.workers {
            1 => String::new(),
            _ => growth.of_one_worker(figure).map(|ratio| interval(&ratio, 3)).unwrap_or_default(),
        };
        let _ = writeln!(
            out,
            "| {} | {:.1} | {:.1}–{:.1} | {} | {:.0} | {} | {} |",
            one.workers,
            median(&cpu),
            quantile(&cpu, 0.25),
            quantile(&cpu, 0.75),
            over(|sample| sample.cpu),
            median(&one.each(|sample| sample.per_second)),
            over(|sample| sample.per_second),
            shares.join(", ")
        );
    }
    out.push('\n');
}
