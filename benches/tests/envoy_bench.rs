//! The suite itself, for a few seconds: every path answers as it should and gives figures.

use x402_bench::bed::{Behind, Modules};
use x402_bench::report::Report;
use x402_bench::rounds::{self, Effort};
use x402_bench::{cpu, paths, slow};
use x402_devstack::envoy::find_binary;

#[test]
fn every_path_is_measured_with_the_status_it_should_have() {
    let found = Modules::found(None).check();
    let modules = match (found, find_binary()) {
        (Ok(modules), Some(_)) => modules,
        (found, envoy) => {
            assert!(std::env::var_os("CI").is_none(), "{found:?}, Envoy {envoy:?}");
            eprintln!("skipped: no Envoy, or a module is missing");
            return;
        }
    };
    let behind = Behind::start().unwrap();
    let rounds = rounds::run(&behind, &modules, &paths::ALL, Effort { rounds: 1, divisor: 20 }).unwrap();
    for path in &paths::ALL {
        let cpu = rounds.each(path.name, |sample| sample.cpu);
        assert!(matches!(cpu[..], [micros] if micros > 1.0), "{}: {cpu:?}", path.name);
    }
    // Only where a contract wallet may have signed is anybody asked, and he said no.
    for (name, calls) in [("unsignable", 0.0), ("forged", 0.0), ("any", 1.0), ("before", 1.0), ("v1", 2.0)] {
        let seen = rounds.each(name, |sample| sample.calls);
        assert!(matches!(seen[..], [seen] if (seen - calls).abs() < 1e-9), "{name}: {seen:?}");
    }
    let paid: Vec<_> =
        paths::ALL.into_iter().filter(|path| ["before", "after"].contains(&path.name)).collect();
    let waits = slow::waits(&behind, &modules, &paid, 1).unwrap();
    for wait in &waits {
        assert!((wait.calls - 1.0).abs() < 1e-9 && wait.p50 >= 150.0, "{wait:?}");
    }
    let command = "--rounds 1".to_owned();
    let report =
        Report { command, machine: cpu::machine(), rounds: Some(rounds), waits, ..Report::default() };
    let page = report.page();
    assert!(page.contains("Written by `make bench BENCH='--rounds 1'`"), "{page}");
    assert!(paths::ALL.iter().all(|path| page.contains(path.what)), "{page}");
}
