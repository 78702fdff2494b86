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
    hostcalls(out, &sections);
    if let (Some(counts), Some(allocations)) = (named("instructions"), named("allocations")) {
        out.push_str("### Instructions\n\nOf the core's paths, natively, libc's not counted; `make test-guard` holds every change to them.\n\n");
        out.push_str("| path | instructions | allocations |\n|---|---:|---:|\n");
        for (path, count) in counts {
            let made = allocations.iter().find(|(known, _)| known == path).map_or(0, |(_, made)| *made);
            let _ = writeln!(out, "| {} | {count} | {made} |", path.replace('_', " "));
        }
        out.push('\n');
    }
}

/// A row for each hostcall, a column for each path.
fn hostcalls(out: &mut String, sections: &[Section<'_>]) {
    let paths: Vec<_> =
        sections.iter().filter_map(|(name, calls)| Some((name.strip_prefix("hostcalls.")?, calls))).collect();
    if paths.is_empty() {
        return;
    }
    let mut names: Vec<&str> =
        paths.iter().flat_map(|(_, calls)| calls.iter().map(|(name, _)| *name)).collect();
    names.sort_unstable();
    names.dedup();
    out.push_str("### Hostcalls\n\nOf one request, from its first header to the end of `on_log`, in a VM that has served before:\n\n| hostcall |");
    for (path, _) in &paths {
        let _ = write!(out, " {} |", path.replace('-', " "));
    }
    let _ = writeln!(out, "\n|---|{}", "---:|".repeat(paths.len()));
    let number = |calls: &[(&str, u64)], name: &str| {
        calls.iter().find(|(known, _)| *known == name).map(|(_, number)| number.to_string())
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
        let _ = write!(out, " **{}** |", calls.iter().map(|(_, number)| number).sum::<u64>());
    }
    out.push_str("\n\n");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_record_becomes_tables() {
        let record = "# note\n[instructions]\nroute = 5\n[allocations]\nroute = 1\n[hostcalls.unpaid]\nget = 2\nset = 1\n[hostcalls.free]\nget = 1\n";
        let mut out = String::new();
        tables(&mut out, record);
        for row in [
            "| hostcall | unpaid | free |",
            "| `get` | 2 | 1 |",
            "| `set` | 1 |  |",
            "| **in all** | **3** | **1** |",
            "| route | 5 | 1 |",
        ] {
            assert!(out.contains(row), "{row} in {out}");
        }
    }
}
