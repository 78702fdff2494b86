//! The core's paths, each once, for an instruction counter to look at: `make test-guard`.
//!
//! Everything is fixed: the configuration, the payment (of `tests/vectors/x402.json`), the time,
//! and a table of claims in memory. What is counted is in [`gate`] and nothing else is.
//!
//! Prints how often each path allocates. `x402-guard PATH=TURNS ...` makes paths slower on
//! purpose, to show that it is seen.

mod allocations;
mod facts;
mod gate;

use std::hint::black_box;

use facts::Facts;

/// How often a path turns in place, by its name.
pub(crate) struct Plant(Vec<(String, u64)>);

impl Plant {
    /// As the command line says.
    fn read(arguments: impl Iterator<Item = String>) -> Self {
        let planted = arguments.filter_map(|argument| {
            let (name, count) = argument.split_once('=')?;
            Some((name.to_owned(), count.parse().ok()?))
        });
        Self(planted.collect())
    }

    fn on(&self, name: &str) -> u64 {
        self.0.iter().find(|(known, _)| known == name).map_or(0, |(_, count)| *count)
    }
}

fn main() {
    let plant = Plant::read(std::env::args().skip(1));
    let few = Facts::new(10);
    let many = Facts::new(10_000);
    gate::nothing(black_box(1_000));
    // Everything that is done once is done before it is counted.
    for facts in [&few, &many] {
        facts.warm();
    }
    let count = |name: &str, gate: &dyn Fn(u64)| {
        let before = allocations::made();
        gate(plant.on(name));
        println!("{name} = {}", allocations::made() - before);
    };
    count("configure", &|turns| {
        let _ = black_box(gate::configure(&few, turns));
    });
    count("unpriced_10", &|turns| {
        let _ = black_box(gate::unpriced_10(&few, turns));
    });
    count("unpriced_10000", &|turns| {
        let _ = black_box(gate::unpriced_10000(&many, turns));
    });
    count("unpaid", &|turns| {
        let _ = black_box(gate::unpaid(&few, turns));
    });
    count("unsignable", &|turns| {
        let _ = black_box(gate::unsignable(&few, turns));
    });
    count("presented", &|turns| {
        let _ = black_box(gate::presented(&few, turns));
    });
    count("recovery", &|turns| _ = black_box(gate::recovery(&few, turns)));
    count("claim", &|turns| {
        let _ = black_box(gate::claim(&few, turns));
    });
    count("replayed", &|turns| {
        let _ = black_box(gate::replayed(&few, turns));
    });
    count("settlement_body", &|turns| {
        let _ = black_box(gate::settlement_body(&few, turns));
    });
    count("settled", &|turns| _ = black_box(gate::settled(&few, turns)));
}
