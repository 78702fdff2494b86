//! Recovery of a signer by itself, and between requests.

use std::fmt::Write;

use super::{interval, Report};
use crate::recovery::Way;

pub(super) fn table(out: &mut String, report: &Report) {
    if report.recovery.is_empty() {
        return;
    }
    out.push_str("### Recovery\n\nSignature to address, in a loop over 64 signatures with nothing between them (`make bench-recovery`): `stock` is `k256` 0.13 as it comes, `lean` is its arithmetic without the second verification, `ours` is what the module does. Every round has all three.\n\n");
    out.push_str("| host | way | µs | least | of stock (95 %) |\n|---|---|---:|---:|---:|\n");
    for Way { host, way, micros, least, of_stock } in &report.recovery {
        let _ = writeln!(out, "| {host} | {way} | {micros:.1} | {least:.1} | {} |", interval(of_stock, 3));
    }
    let between = report.rounds.as_ref().and_then(|rounds| rounds.difference("forged", "unsignable"));
    let alone = report.recovery.iter().find(|way| way.is_ours_in_v8());
    if let (Some(between), Some(alone)) = (between, alone) {
        let _ = writeln!(
            out,
            "\nBetween two requests of an Envoy (forged less what is refused before its signature) a recovery takes {} µs, {:.2} times that of the loop in Node, minutes apart. The V8s differ; and in a loop code and tables stay in the nearest caches, which between two requests they share with Envoy and the kernel: on the machine of November 2026 that made 118 to 137 µs of 86 to 90.",
            interval(&between, 1),
            between.median / alone.micros
        );
    }
    out.push('\n');
}
