//! The line between core and shell, and the shape of the source, held by reading it.
//!
//! A core file (everything but `src/lib.rs` and `src/shell*`)
//! 1. names nothing outside: no host, no log, no clock, no environment, no files, no network;
//! 2. uses only modules listed above its own in the table of `src/lib.rs`, but for
//!    [`UPWARD`], which lists exactly the arrows there are;
//! 3. is at most [`MAX_LINES`] long, but for [`LONG`], which may only shrink;
//! 4. is safe, and leaves nothing "to do".
//!
//! Test code (`tests.rs`, `tests/`, `mod tests { }`) may use what it needs; its length and
//! notes are held to the same.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::string_slice,
    clippy::arithmetic_side_effects,
    reason = "a test may panic"
)]

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

const MAX_LINES: usize = 400;

/// Files that are longer for now, and by how much at most.
const LONG: &[(&str, usize)] = &[];

/// Arrows against the order of the table: the registry of assets holds addresses, and routes
/// lead to what the policy sells.
const UPWARD: &[(&str, &str)] = &[("money", "evm"), ("route", "config")];

/// Paths the core may not name.
const OUTSIDE: &[&str] = &[
    "proxy_wasm",
    "log",
    "std::time",
    "std::env",
    "std::fs",
    "std::net",
    "std::thread",
    "std::process",
    "std::io",
    "std::os",
    "crate::shell",
];

const MACROS: &[&str] = &["println!", "eprintln!", "print!", "eprint!", "dbg!"];

/// One file of the core, below `src/`.
struct Source {
    /// With slashes: `claims/table.rs`.
    path: String,
    text: String,
}

/// One thing wrong: the file, and what.
type Fault = (String, String);

// === reading ===

/// The text without comments and without what stands in literals.
fn code(text: &str) -> String {
    let mut out = String::new();
    let mut rest = text;
    while let Some(first) = rest.chars().next() {
        let skipped = match first {
            '/' if rest.starts_with("//") => rest.find('\n').unwrap_or(rest.len()),
            '/' if rest.starts_with("/*") => block(rest),
            '"' => 1 + string(&rest[1..]),
            'r' if !out.ends_with(is_word) => raw(rest).unwrap_or(0),
            '\'' => character(rest).unwrap_or(0),
            _ => 0,
        };
        if skipped == 0 {
            out.push(first);
            rest = &rest[first.len_utf8()..];
        } else {
            out.push(' ');
            rest = &rest[skipped..];
        }
    }
    out
}

/// The length of a block comment, nested ones included.
fn block(text: &str) -> usize {
    let mut depth = 0;
    for (at, _) in text.char_indices() {
        match &text.as_bytes()[at..] {
            [b'/', b'*', ..] => depth += 1,
            [b'*', b'/', ..] => depth -= 1,
            _ => {}
        }
        if depth == 0 {
            return at + 2;
        }
    }
    text.len()
}

/// The length of a string literal after its opening quote.
fn string(text: &str) -> usize {
    let mut escaped = false;
    for (at, c) in text.char_indices() {
        match c {
            '"' if !escaped => return at + 1,
            '\\' => escaped = !escaped,
            _ => escaped = false,
        }
    }
    text.len()
}

fn raw(text: &str) -> Option<usize> {
    let hashes = text[1..].bytes().take_while(|b| *b == b'#').count();
    let body = text.get(1 + hashes..)?.strip_prefix('"')?;
    let end = format!("\"{}", "#".repeat(hashes));
    Some(text.len() - body.len() + body.find(&end)? + end.len())
}

/// The length of a character literal; `None` for a lifetime.
fn character(text: &str) -> Option<usize> {
    let mut chars = text.char_indices().skip(1);
    match chars.next()?.1 {
        '\\' => text[2..].char_indices().skip(1).find(|(_, c)| *c == '\'').map(|(at, _)| at + 3),
        _ => chars.next().filter(|(_, c)| *c == '\'').map(|(at, _)| at + 1),
    }
}

/// The code without its inline `mod tests { }`.
fn without_tests(code: &str) -> String {
    let mut out = code.to_owned();
    while let Some(start) = out.find("mod tests {") {
        let mut depth = 0;
        let end = out[start..].char_indices().find(|(_, c)| {
            depth += i32::from(*c == '{') - i32::from(*c == '}');
            *c == '}' && depth == 0
        });
        let end = end.map_or(out.len(), |(at, _)| start + at + 1);
        out.replace_range(start..end, "");
    }
    out
}

fn is_word(c: char) -> bool {
    c.is_alphanumeric() || c == '_'
}

/// Every path the code names, `use` groups spelled out: `std::{fs, io::Read}` is `std::fs` and
/// `std::io::Read`.
fn paths(code: &str) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    let tight = tighten(code);
    for (at, _) in tight.char_indices() {
        let starts = is_word(tight[at..].chars().next().unwrap_or(' '));
        // A leading `::` is part of no longer path.
        let before = tight[..at].strip_suffix("::").filter(|b| !b.ends_with(|c| is_word(c) || c == '>'));
        if starts && !before.unwrap_or(&tight[..at]).ends_with(|c| is_word(c) || c == ':') {
            spell("", &tight[at..], &mut found);
        }
    }
    found
}

/// Without the space around `::`, and inside groups.
fn tighten(code: &str) -> String {
    let mut words = code.split_whitespace().collect::<Vec<_>>().join(" ").replace("use ::", "use ");
    for token in ["::", "{", "}", ","] {
        words = words.replace(&format!(" {token}"), token).replace(&format!("{token} "), token);
    }
    words
}

/// Reads one path or group after a prefix; gives what is left.
fn spell<'a>(prefix: &str, text: &'a str, found: &mut BTreeSet<String>) -> &'a str {
    let word = text.find(|c| !is_word(c)).unwrap_or(text.len());
    let path = format!("{prefix}{}", &text[..word]);
    let rest = &text[word..];
    if let Some(group) = rest.strip_prefix("::{") {
        let mut rest = group;
        while !rest.is_empty() && !rest.starts_with('}') {
            rest = spell(&format!("{path}::"), rest, found);
            rest = rest.find([',', '}']).map_or("", |at| &rest[at..]);
            rest = rest.strip_prefix(',').unwrap_or(rest);
        }
        return rest.strip_prefix('}').unwrap_or(rest);
    }
    match rest.strip_prefix("::") {
        Some(next) if next.starts_with(is_word) => spell(&format!("{path}::"), next, found),
        _ => {
            found.insert(path);
            rest
        }
    }
}

// === rules ===

fn is_test(path: &str) -> bool {
    path.split('/').any(|part| part == "tests" || part == "tests.rs")
}

fn module_of(path: &str) -> &str {
    path.split('/').next().unwrap_or(path).trim_end_matches(".rs")
}

fn below(path: &str, prefix: &str) -> bool {
    path.strip_prefix(prefix).is_some_and(|rest| rest.is_empty() || rest.starts_with("::"))
}

/// Rule 1, and the safe half of 4.
fn outside(source: &Source) -> Vec<Fault> {
    let code = without_tests(&code(&source.text));
    let fault = |what: &str| (source.path.clone(), format!("names {what}"));
    let mut faults: Vec<Fault> = Vec::new();
    for path in paths(&code) {
        // `log` alone may be a local name; `log::` and a `use log` may not.
        let path = if code.contains(&format!("use {path};")) && path == "log" { "log::*" } else { &path };
        let named = OUTSIDE.iter().filter(|banned| below(path, banned) && path != "log");
        faults.extend(named.map(|banned| fault(banned)));
        if path == "unsafe" {
            faults.push(fault("unsafe"));
        }
    }
    let spaceless: String = code.chars().filter(|c| !c.is_whitespace()).collect();
    for name in MACROS {
        let at = spaceless.match_indices(name).map(|(at, _)| at);
        if at.into_iter().any(|at| !spaceless[..at].ends_with(is_word)) {
            faults.push(fault(name));
        }
    }
    faults
}

/// The arrows from a file's module to others of the crate.
fn arrows(source: &Source, modules: &[String]) -> BTreeSet<(String, String)> {
    let code = without_tests(&code(&source.text));
    let from = module_of(&source.path);
    // How many `super::` lead out to the crate: one from `src/a.rs`, two from `src/a/b.rs`.
    let out = "super::".repeat(source.path.split('/').count());
    let named = paths(&code).into_iter().filter_map(|path| {
        let inside = path.strip_prefix("crate::").or_else(|| path.strip_prefix(&out))?;
        let to = inside.split("::").next().unwrap_or(inside);
        (to != from && modules.iter().any(|m| m == to)).then(|| (from.to_owned(), to.to_owned()))
    });
    named.collect()
}

/// Rule 2.
fn against_the_order(sources: &[Source], modules: &[String]) -> BTreeSet<(String, String)> {
    let rank = |name: &str| modules.iter().position(|m| m == name);
    let all = sources.iter().filter(|s| !is_test(&s.path)).flat_map(|s| arrows(s, modules));
    all.filter(|(from, to)| rank(to) > rank(from)).collect()
}

/// Rules 3 and the rest of 4.
fn shape(source: &Source) -> Vec<Fault> {
    let mut faults = Vec::new();
    let limit = LONG.iter().find(|(path, _)| *path == source.path).map_or(MAX_LINES, |(_, limit)| *limit);
    let lines = source.text.lines().count();
    if lines > limit {
        faults.push((source.path.clone(), format!("has {lines} lines, {limit} are allowed")));
    }
    for note in [concat!("TO", "DO"), concat!("FIX", "ME")] {
        if source.text.contains(note) {
            faults.push((source.path.clone(), format!("says {note}")));
        }
    }
    faults
}

/// The modules in the order of the table in `lib.rs`.
fn table(lib: &str) -> Vec<String> {
    let rows = lib.lines().filter(|line| line.starts_with("//! | [`"));
    let names = rows.flat_map(|row| row.split('|').nth(1).unwrap_or("").split('`').skip(1).step_by(2));
    names.map(str::to_owned).collect()
}

// === the source as it is ===

fn src() -> &'static Path {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/src"))
}

fn walk(dir: &Path, core: &mut Vec<Source>) {
    for entry in fs::read_dir(dir).unwrap() {
        let path = entry.unwrap().path();
        let name = path.strip_prefix(src()).unwrap().to_string_lossy().replace('\\', "/");
        if name == "lib.rs" || module_of(&name) == "shell" {
            continue;
        }
        if path.is_dir() {
            walk(&path, core);
        } else if name.ends_with(".rs") {
            core.push(Source { path: name, text: fs::read_to_string(&path).unwrap() });
        }
    }
}

fn core() -> Vec<Source> {
    let mut core = Vec::new();
    walk(src(), &mut core);
    assert!(core.len() > 20, "the walk found the source");
    core
}

fn modules() -> Vec<String> {
    table(&fs::read_to_string(src().join("lib.rs")).unwrap())
}

#[test]
fn the_core_names_nothing_outside() {
    let faults: Vec<_> = core().iter().filter(|s| !is_test(&s.path)).flat_map(outside).collect();
    assert_eq!(faults, []);
}

#[test]
fn arrows_point_one_way() {
    let found = against_the_order(&core(), &modules());
    let allowed = UPWARD.iter().map(|(from, to)| ((*from).to_owned(), (*to).to_owned())).collect();
    assert_eq!(found, allowed, "left: the arrows against the table there are, right: UPWARD");
}

#[test]
fn every_module_of_the_core_is_in_the_table() {
    let (listed, core) = (modules(), core());
    let there: BTreeSet<_> = core.iter().map(|s| module_of(&s.path).to_owned()).collect();
    let missing: Vec<_> = there.iter().filter(|module| !listed.contains(module)).collect();
    assert!(missing.is_empty(), "not in the table of lib.rs: {missing:?}");
}

#[test]
fn files_are_short_and_finished() {
    let core = core();
    let faults: Vec<_> = core.iter().flat_map(shape).collect();
    assert_eq!(faults, []);
    for (path, limit) in LONG {
        let lines = core.iter().find(|s| s.path == *path).map_or(0, |s| s.text.lines().count());
        assert!(lines > MAX_LINES && lines == *limit, "LONG says {limit} for {path}, which has {lines}");
    }
}

#[path = "architecture/itself.rs"]
mod itself;
