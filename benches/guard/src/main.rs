//! The core's paths, each once, and whole requests through the shell, for an instruction counter to
//! look at: `make test-guard`.
//!
//! Everything is fixed: configurations, payments, the time, what is drawn at random, a table of
//! claims in memory. What is counted of the core is in [`gate`], of requests in [`request`]; for
//! these the filter's side is counted, and not the host's.
//!
//! Prints TOML: how often each path allocates, and each kind of request calls its host. What is
//! planted for the guard to find is in [`plant`].

mod allocations;
mod facts;
mod fixed;
mod gate;
#[cfg(target_arch = "x86_64")]
mod memory;
mod plant;
mod request;

use std::hint::black_box;

use facts::{varied, Facts};
use plant::{Plant, Plants};

fn main() {
    let plants = Plants::read(std::env::args().skip(1));
    println!("[allocations]");
    core(&plants);
    let started = request::start(plants.on("start"));
    println!("start = {}\n", started.allocations);
    requests(&plants);
}

/// Before and after everything that is counted: the counter tells what it has, and begins anew.
#[inline(never)]
pub(crate) fn mark() {
    black_box(());
}

fn core(plants: &Plants) {
    let few = Facts::new(10);
    let many = Facts::new(10_000);
    mark();
    gate::nothing(&Plant::turns(black_box(1_000)));
    mark();
    // Everything that is done once is done before it is counted.
    for facts in [&few, &many] {
        facts.warm();
    }
    let count = |name: &str, gate: &dyn Fn(&Plant)| {
        let plant = plants.on(name).unwrap_or_default();
        let before = allocations::made();
        mark();
        gate(&plant);
        mark();
        println!("{name} = {}", allocations::made() - before);
    };
    count("configure", &|plant| {
        let _ = black_box(gate::configure(&few, plant));
    });
    let (thousand, four) = (varied(1_000), varied(4_000));
    count("configure_1000", &|plant| {
        assert!(black_box(gate::configure_1000(&thousand, plant)).is_some(), "a configuration");
    });
    count("configure_4000", &|plant| {
        assert!(black_box(gate::configure_4000(&four, plant)).is_some(), "a configuration");
    });
    count("unpriced_10", &|plant| {
        let _ = black_box(gate::unpriced_10(&few, plant));
    });
    count("unpriced_10000", &|plant| {
        let _ = black_box(gate::unpriced_10000(&many, plant));
    });
    count("unpaid", &|plant| {
        let _ = black_box(gate::unpaid(&few, plant));
    });
    count("unsignable", &|plant| {
        let _ = black_box(gate::unsignable(&few, plant));
    });
    count("presented", &|plant| {
        let _ = black_box(gate::presented(&few, plant));
    });
    count("recovery", &|plant| _ = black_box(gate::recovery(&few, plant)));
    count("claim", &|plant| {
        let _ = black_box(gate::claim(&few, plant));
    });
    count("replayed", &|plant| {
        let _ = black_box(gate::replayed(&few, plant));
    });
    count("claim_among_others", &|plant| {
        let _ = black_box(gate::claim_among_others(&few, plant));
    });
    count("settlement_body", &|plant| {
        let _ = black_box(gate::settlement_body(&few, plant));
    });
    count("settled", &|plant| _ = black_box(gate::settled(&few, plant)));
}

fn requests(plants: &Plants) {
    let on = |name: &str| plants.on(&format!("requests.{name}"));
    let mut all: Vec<_> = request::KINDS.iter().map(|kind| (kind.name, kind.count(on(kind.name)))).collect();
    all.push(("tick", request::ticks(on("tick"))));
    // What planting costs by itself.
    let [kind, ..] = &request::KINDS;
    kind.count(Some(Plant::default()));
    println!("[requests]\ncounted = {}\n\n[requests.allocations]", request::COUNTED);
    for (name, counted) in &all {
        println!("{name} = {}", counted.allocations);
    }
    for (name, counted) in &all {
        println!("\n[hostcalls.{name}]");
        for (call, times) in &counted.hostcalls {
            println!("{call} = {times}");
        }
    }
}
