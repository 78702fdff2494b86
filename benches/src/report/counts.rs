//! What `make test-guard` has on record: hostcalls, instructions, allocations.

use std::fmt::Write;

/// A section's name, and what stands in it.
type Section<'a> = (&'a str, Vec<(&'a str, u64)>);

/// The record's sections in their order: `[name]`, then `key = number`.
fn sections(record: &str) -> Vec<Section<'_>> {
    let mut all: Vec<Section<'_>> = Vec::new();
    for line in record.lines() {
        if let Some(name) = line.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
            all.push((name, Vec::new()));
        } else if let (Some((key, number)), Some((_, section))) = (line.split_once(" = "), all.last_mut()) {
            section.extend(number.parse().ok().map(|number| (key, number)));
        }
    }
    all
}

pub(super) fn tables(out: &mut String, record: &str) {
    let sections = sections(record);
    let named = |wanted: &str| sections.iter().find(|(name, _)| *name == wanted).map(|(_, section)| section);
    let in_section = |section: &str, key: &str| {
        named(section).and_then(|section| section.iter().find(|(known, _)| *known == key)).map(|(_, n)| *n)
    };
    // What is on record of requests are sums.
    let requests = in_section("requests", "counted").unwrap_or(1);
    hostcalls(out, &sections, requests);
    if let Some(counts) = named("instructions") {
        out.push_str("### Instructions\n\nNatively; what libc does itself is not counted, memory that is moved or set is, at eight bytes an instruction. `make test-guard` holds every change to them. Of the core's paths:\n\n");
        out.push_str("| path | instructions | allocations |\n|---|---:|---:|\n");
        for (path, count) in counts {
            let made = in_section("allocations", path).unwrap_or(0);
            let _ = writeln!(out, "| {} | {count} | {made} |", path.replace('_', " "));
        }
        out.push('\n');
    }
    if let Some(counts) = named("requests.instructions") {
        out.push_str("Of one request through the whole filter, and of a second's tick; besides recovery, and in all:\n\n");
        out.push_str("| request | besides | instructions | allocations |\n|---|---:|---:|---:|\n");
        for (kind, count) in counts {
            let besides = in_section("requests.besides_recovery", kind).unwrap_or(*count);
            let made = in_section("requests.allocations", kind).unwrap_or(0);
            let _ = writeln!(
                out,
                "| {kind} | {} | {} | {} |",
                besides / requests,
                count / requests,
                each(made, requests)
            );
        }
        out.push('\n');
    }
}

/// A sum's share in one request, in decimals where it is no whole number.
fn each(sum: u64, requests: u64) -> String {
    if sum.is_multiple_of(requests) {
        return (sum / requests).to_string();
    }
    let text = format!("{:.2}", sum as f64 / requests as f64);
    text.trim_end_matches('0').to_owned()
}

/// A row for each hostcall, a column for each path.
fn hostcalls(out: &mut String, sections: &[Section<'_>], requests: u64) {
    let paths: Vec<_> =
        sections.iter().filter_map(|(name, calls)| Some((name.strip_prefix("hostcalls.")?, calls))).collect();
    if paths.is_empty() {
        return;
    }
    let mut names: Vec<&str> =
        paths.iter().flat_map(|(_, calls)| calls.iter().map(|(name, _)| *name)).collect();
    names.sort_unstable();
    names.dedup();
    out.push_str("### Hostcalls\n\nOf one request, from its first header to the end of `on_log`, in a VM that has served before, and of a second's tick:\n\n| hostcall |");
    for (path, _) in &paths {
        let _ = write!(out, " {} |", path.replace('-', " "));
    }
    let _ = writeln!(out, "\n|---|{}", "---:|".repeat(paths.len()));
    let number = |calls: &[(&str, u64)], name: &str| {
        calls.iter().find(|(known, _)| *known == name).map(|(_, number)| each(*number, requests))
    };
    for name in names {
        let _ = write!(out, "| `{name}` |");
        for (_, calls) in &paths {
            let _ = write!(out, " {} |", number(calls, name).unwrap_or_default());
        }
        out.push('\n');
    }
    let _ = write!(out, "| **in all** |");
    for (_, calls) in &paths {
        let _ = write!(out, " **{}** |", each(calls.iter().map(|(_, number)| number).sum(), requests));
    }
    out.push_str("\n\n");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_record_becomes_tables() {
        let record = "# note\n[instructions]\nroute = 5\n[allocations]\nroute = 1\n[requests]\ncounted = 20\n[requests.instructions]\nunpaid = 201\n[requests.besides_recovery]\nunpaid = 60\n[requests.allocations]\nunpaid = 50\n[hostcalls.unpaid]\nget = 41\nset = 20\n[hostcalls.free]\nget = 20\n";
        let mut out = String::new();
        tables(&mut out, record);
        for row in [
            "| hostcall | unpaid | free |",
            "| `get` | 2.05 | 1 |",
            "| `set` | 1 |  |",
            "| **in all** | **3.05** | **1** |",
            "| route | 5 | 1 |",
            "| unpaid | 3 | 10 | 2.5 |",
        ] {
            assert!(out.contains(row), "{row} in {out}");
        }
    }
}
