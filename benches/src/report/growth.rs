//! How the cost grows: with routes, and with workers.

use std::fmt::Write;

use super::requests;
use crate::scale::{Growth, Size};

pub(super) fn tables(out: &mut String, growth: &Growth) {
    out.push_str("### With more routes\n\nOne Envoy with a listener for each size, in rounds as above:\n\n");
    requests::table(out, &growth.rounds);
    out.push_str("Each size in an Envoy of its own. The module is configured in three VMs before the first request: a trial, the main thread's, the worker's.\n\n");
    out.push_str("| routes | configuration, bytes | read natively, ms | start-up ms | CPU ms | of which a VM's configuring | MiB, one worker | MiB, two | a worker more |\n");
    out.push_str("|---:|---:|---:|---:|---:|---:|---:|---:|---:|\n");
    for size in &growth.sizes {
        let Size { routes, bytes, native, footprint } = size;
        let each = growth.configuring(size) / 3.0;
        let _ = writeln!(
            out,
            "| {routes} | {bytes} | {native:.1} | {:.0} | {:.0} | {each:.0} | {:.1} | {:.1} | {:.2} |",
            footprint.ready,
            footprint.cpu,
            footprint.one,
            footprint.two,
            footprint.two - footprint.one
        );
    }
    out.push_str("\n### With more workers\n\nPaid requests, `settle: before`, 64 connections; nothing is pinned, and load and servers share the processors with the workers. Both workers take their claims from one table: were there a queue before it, a request would cost more processor time with two.\n\n");
    out.push_str("| workers | CPU µs per paid request | paid requests/s | the workers' shares of the work |\n|---:|---:|---:|---|\n");
    for one in &growth.workers {
        let shares: Vec<String> = one.shares.iter().map(|share| format!("{:.0} %", share * 100.0)).collect();
        let _ = writeln!(
            out,
            "| {} | {:.1} | {:.0} | {} |",
            one.workers,
            one.cpu,
            one.per_second,
            shares.join(", ")
        );
    }
    out.push('\n');
}
