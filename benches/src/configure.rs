//! What configuring takes: updates of the listener of an Envoy that runs, so that nothing is
//! compiled, and of them the processor time of the worker's thread, which does nothing else.

use std::thread::sleep;
use std::time::{Duration, SystemTime};

use serde_json::{json, Value};
use x402_devstack::envoy::{Envoy, PluginConfig, Update};

use crate::bed::{Behind, Modules, Plan};
use crate::stack::Stack;
use crate::stats::{self, Estimate, Random};
use crate::{cpu, policy, Failure};

/// How many routes, the fewest first.
pub const ROUTES: [usize; 3] = [10, 10_000, 100_000];

/// Updates of each in a round, of which the median counts. What is short is repeated.
const UPDATES: [u8; 3] = [1, 3, 1];

/// Processor milliseconds of an update to each number of [`ROUTES`], in each round.
#[derive(Clone, Debug, Default)]
pub struct Configured([Vec<Took>; ROUTES.len()]);

/// Processor milliseconds of one update.
#[derive(Clone, Copy, Debug, Default)]
struct Took {
    /// Of the worker: one VM is configured.
    worker: f64,
    /// Of the process: a trial VM, the main thread's and the worker's are, Envoy reads the
    /// listener, and is asked every 20 ms how far it is.
    whole: f64,
}

/// Updates in a new order each round. One round before the others does not count: there the VM
/// gets its memory.
pub fn configured(behind: &Behind, modules: &Modules, rounds: usize) -> Result<Configured, Failure> {
    let mut policies = ROUTES.map(policy::of_size);
    let mut envoy = behind.envoy(modules, Plan { replaceable: true, ..Plan::of(&[Stack::Ours]) })?;
    let mut order: Vec<usize> =
        UPDATES.iter().enumerate().flat_map(|(size, times)| vec![size; usize::from(*times)]).collect();
    let mut random = Random(0x0402_0010);
    let mut all = Configured::default();
    for round in 0..=rounds {
        random.shuffle(&mut order);
        let mut took = [const { Vec::new() }; ROUTES.len()];
        for size in &order {
            took[*size].push(update(&mut envoy, &mut policies[*size])?);
        }
        for (all, took) in all.0.iter_mut().zip(took).filter(|_| round > 0) {
            let middle =
                |figure: fn(&Took) -> f64| stats::median(&took.iter().map(figure).collect::<Vec<_>>());
            all.push(Took { worker: middle(|took| took.worker), whole: middle(|took| took.whole) });
        }
        eprint!("\rconfiguring {round} of {rounds}");
    }
    eprintln!();
    Ok(all)
}

/// Every policy is a new one: Envoy leaves alone what it has.
fn update(envoy: &mut Envoy, policy: &mut Value) -> Result<Took, Failure> {
    let begun = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH)?.as_micros();
    policy["origin"] = json!(format!("https://at-{begun}.example.com"));
    let (worker, whole) = (still(envoy)?, cpu::nanos(envoy.pid())?);
    match envoy.update_listener(&PluginConfig::Json(policy.clone()))? {
        Update::Accepted => {}
        Update::Rejected(why) => return Err(format!("a configuration is rejected: {why}").into()),
    }
    #[expect(clippy::cast_precision_loss, reason = "nanoseconds of seconds")]
    let millis = |nanos: u64| nanos as f64 / 1e6;
    Ok(Took { worker: millis(still(envoy)? - worker), whole: millis(cpu::nanos(envoy.pid())? - whole) })
}

/// Nanoseconds that the worker has run, once it does no more: a listener that is replaced lives on
/// for a second.
fn still(envoy: &Envoy) -> Result<u64, Failure> {
    const NEARLY: u64 = 200_000;
    const LONG: u32 = 3;
    let ran = || -> Result<u64, Failure> {
        Ok(cpu::nanos_of_threads(envoy.pid(), "wrk:worker_")?.iter().sum::<u64>())
    };
    let (mut last, mut quiet) = (ran()?, 0);
    while quiet < LONG {
        sleep(Duration::from_millis(50));
        let now = ran()?;
        quiet = if now - last < NEARLY { quiet + 1 } else { 0 };
        last = now;
    }
    Ok(last)
}

// === impl Configured ===

impl Configured {
    /// Milliseconds of one VM for a number of routes.
    pub fn a_vm(&self, routes: usize) -> Option<Estimate> {
        self.estimate(routes, |took| took.worker)
    }

    /// And of all three, with all that Envoy does to get there.
    pub fn whole(&self, routes: usize) -> Option<Estimate> {
        self.estimate(routes, |took| took.whole)
    }

    fn estimate(&self, routes: usize, figure: fn(&Took) -> f64) -> Option<Estimate> {
        let took = &self.0[ROUTES.iter().position(|known| *known == routes)?];
        let millis: Vec<f64> = took.iter().map(figure).collect();
        (!millis.is_empty()).then(|| stats::estimate(&millis))
    }

    /// What a route of a hundred thousand takes, as a multiple of what one of ten thousand does;
    /// each less what the fewest take.
    pub fn linear(&self) -> Option<Estimate> {
        let [least, fewer, more] = &self.0;
        #[expect(clippy::cast_precision_loss, reason = "a hundred thousand")]
        let routes = |size: usize| (ROUTES[size] - ROUTES[0]) as f64;
        let ratios: Vec<f64> = least
            .iter()
            .zip(fewer)
            .zip(more)
            .map(|((least, fewer), more)| (least.worker, fewer.worker, more.worker))
            .map(|(least, fewer, more)| (more - least) / routes(2) / ((fewer - least) / routes(1)))
            .collect();
        (!ratios.is_empty()).then(|| stats::estimate(&ratios))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ten_times_the_routes_are_linear_at_ten_times_the_time() {
        // What is there without routes is taken off: 2 ms, and then 1 µs a route or 1.5.
        let took = |worker: f64| vec![Took { worker, whole: 0.0 }];
        let linear = |more: f64| Configured([took(2.01), took(12.0), took(more)]).linear().unwrap().median;
        assert!((linear(102.0) - 1.0).abs() < 1e-9);
        assert!((linear(152.0) - 1.5).abs() < 1e-3);
    }
}
