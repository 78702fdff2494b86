//! The check can fail: each rule on a snippet that breaks it, and on one that does not.

use super::*;

fn file(path: &str, text: &str) -> Source {
    Source { path: path.to_owned(), text: text.to_owned() }
}

fn named(text: &str) -> Vec<String> {
    outside(&file("a.rs", text)).into_iter().map(|(_, what)| what).collect()
}

#[test]
fn everything_outside_is_seen_however_it_is_spelled() {
    let broken = [
        ("use proxy_wasm::types::Action;", "proxy_wasm"),
        ("fn f() { proxy_wasm::hostcalls::done(); }", "proxy_wasm"),
        ("fn f() { ::proxy_wasm::hostcalls::done(); }", "proxy_wasm"),
        ("use ::log::warn;", "log"),
        ("fn f() { log::warn!(\"x\"); }", "log"),
        ("use log::warn;", "log"),
        ("use log;", "log"),
        ("use std::time::Instant;", "std::time"),
        ("use std::{collections::HashMap, time};", "std::time"),
        ("use std::{\n    fmt,\n    collections::{BTreeMap, HashMap},\n    env,\n};", "std::env"),
        ("fn f() { std :: fs :: read(\"x\"); }", "std::fs"),
        ("fn f(a: std::net::IpAddr) {}", "std::net"),
        ("fn f() { std::thread::yield_now(); }", "std::thread"),
        ("use crate::shell::Root;", "crate::shell"),
        ("use crate::{claims::Claim, shell};", "crate::shell"),
        ("fn f() { println!(\"{}\", 1); }", "println!"),
        ("fn f() { eprintln ! (\"x\"); }", "eprintln!"),
        ("fn f() { dbg!(1); }", "dbg!"),
        ("fn f() { unsafe { g() } }", "unsafe"),
        ("#[cfg(test)]\nmod tests { fn f() { let c = '}'; } }\nuse std::fs;", "std::fs"),
        ("/* a /* nested */ comment */ use std::fs;", "std::fs"),
        ("const Q: char = '\"'; use std::fs;", "std::fs"),
        ("const Q: &str = r#\"a \" b\"#; use std::fs;", "std::fs"),
        ("const Q: &str = \"a \\\\\"; use std::fs;", "std::fs"),
    ];
    for (text, what) in broken {
        assert_eq!(named(text), [format!("names {what}")], "{text}");
    }
}

#[test]
fn what_only_looks_like_it_is_not() {
    let fine = [
        "//! Nothing here names proxy_wasm, std::time or println!",
        "/* use std::fs; */",
        "const TEXT: &str = \"std::fs and unsafe println!\";",
        "const TEXT: &str = r#\"use log::warn; \"quoted\" \"#;",
        "use x402_proxy_wasm::claims; use backlog::warn; fn f() { catalog::warn!(); }",
        "fn f(log: f64) -> f64 { log.ln_1p() + log * 2.0 }",
        "#![forbid(unsafe_code)] fn timely() { my_println!(); }",
        "use std::{fmt, collections::HashMap}; use crate::shelling::A; fn f<'a>(x: &'a str) {}",
        "#[cfg(test)]\nmod tests {\n    use std::fs;\n    fn f() { println!(\"}\"); }\n}\n",
    ];
    for text in fine {
        assert_eq!(named(text), [""; 0], "{text}");
    }
}

#[test]
fn arrows_are_seen_however_they_are_spelled() {
    let modules = ["low", "middle", "high"].map(str::to_owned);
    let broken = [
        ("middle.rs", "use crate::high::A;"),
        ("middle/deep/er.rs", "fn f() { crate::high::g() }"),
        ("middle.rs", "use crate::{low::B, high};"),
        ("middle.rs", "use super::high::A;"),
        ("middle/deep.rs", "use super::super::{high::A, low};"),
    ];
    for (path, text) in broken {
        let found = against_the_order(&[file(path, text)], &modules);
        assert_eq!(found, BTreeSet::from([("middle".to_owned(), "high".to_owned())]), "{path} {text}");
    }
    let fine = [
        ("middle.rs", "use crate::low::A; use crate::middle::B; use self::high::C; use super::low;"),
        ("middle/deep.rs", "use super::high::A; use other::high; // crate::high"),
        ("middle.rs", "#[cfg(test)] mod tests { use crate::high::A; }"),
        ("middle/tests.rs", "use crate::high::A;"),
        ("middle/tests/more.rs", "use crate::high::A;"),
    ];
    for (path, text) in fine {
        assert!(against_the_order(&[file(path, text)], &modules).is_empty(), "{path} {text}");
    }
}

#[test]
fn long_files_and_notes_are_seen() {
    assert_eq!(shape(&file("a.rs", &"\n".repeat(400))), []);
    assert_eq!(shape(&file("a.rs", &"\n".repeat(401))).len(), 1);
    assert_eq!(shape(&file("a.rs", concat!("// TO", "DO: later"))).len(), 1);
    assert_eq!(shape(&file("a/tests.rs", concat!("// FIX", "ME"))).len(), 1);
}

#[test]
fn the_table_is_read_in_its_order() {
    let lib =
        "//! | module | what |\n//! |---|---|\n//! | [`b`] | makes [`a::X`] |\n//! | [`a`], [`c`] | d |\n";
    assert_eq!(table(lib), ["b", "a", "c"]);
}
