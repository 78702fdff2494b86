//! How the cost grows: with routes, and with workers.

use std::time::Instant;

use x402_proxy_wasm::config::Policy;

use crate::bed::{Behind, Modules, Plan};
use crate::paths::{Path, Pays};
use crate::rounds::{self, Effort, Rounds, Site};
use crate::stack::Stack;
use crate::still::{self, Footprint};
use crate::{cpu, policy, stats, Failure};

/// How many routes are compared.
pub const ROUTES: [usize; 3] = [10, 10_000, 100_000];

/// The same requests at each size.
pub const PATHS: [Path; 6] = [
    free("free-10", "unpriced, 10 routes", 10),
    free("free-10000", "unpriced, 10,000 routes", 10_000).over("free-10", Some(1.1)),
    free("free-100000", "unpriced, 100,000 routes", 100_000).over("free-10", Some(1.1)),
    unpaid("unpaid-10", "unpaid, 10 routes", 10),
    unpaid("unpaid-10000", "unpaid, 10,000 routes", 10_000).over("unpaid-10", Some(1.1)),
    unpaid("unpaid-100000", "unpaid, 100,000 routes", 100_000).over("unpaid-10", Some(1.1)),
];

/// What is kept per worker may cost at most so many bytes, and so many more per route.
pub const WORKER_BYTES: (f64, f64) = (2_000_000.0, 300.0);

/// A configuration of so many routes.
#[derive(Clone, Copy, Debug)]
pub struct Size {
    pub routes: usize,
    /// Bytes of its JSON.
    pub bytes: usize,
    /// Milliseconds to read it in this process, the module's own code: one VM's share.
    pub native: f64,
    pub footprint: Footprint,
}

/// So many workers, and nothing pinned.
#[derive(Clone, Debug)]
pub struct Workers {
    pub workers: u32,
    pub cpu: f64,
    pub per_second: f64,
    /// What part of the workers' processor time each had, the largest first.
    pub shares: Vec<f64>,
}

/// Everything about growth.
pub struct Growth {
    pub rounds: Rounds,
    pub sizes: Vec<Size>,
    pub workers: Vec<Workers>,
}

const fn free(name: &'static str, what: &'static str, routes: usize) -> Path {
    Path::new(name, what, Stack::Routes(routes), "/free/1", 200)
}

/// A path that stands in the tree at every size.
const fn unpaid(name: &'static str, what: &'static str, routes: usize) -> Path {
    Path::new(name, what, Stack::Routes(routes), "/service-5/resource-0/1", 402)
}

/// Rounds over all sizes in one Envoy, then each size and each number of workers alone.
pub fn growth(behind: &Behind, modules: &Modules, effort: Effort, times: usize) -> Result<Growth, Failure> {
    Ok(Growth {
        rounds: rounds::run(behind, modules, &PATHS, effort)?,
        sizes: ROUTES.iter().map(|routes| size(behind, modules, *routes, times)).collect::<Result<_, _>>()?,
        workers: workers(behind, modules, effort)?,
    })
}

fn size(behind: &Behind, modules: &Modules, routes: usize, times: usize) -> Result<Size, Failure> {
    let text = policy::of_size(routes).to_string();
    let mut millis = Vec::new();
    for _ in 0..times {
        let begun = Instant::now();
        Policy::from_bytes(text.as_bytes(), &|_| None).map_err(|errors| errors.to_string())?;
        millis.push(begun.elapsed().as_secs_f64() * 1e3);
    }
    let footprint = still::footprints(behind, modules, &[Stack::Routes(routes)], times)?.remove(0);
    Ok(Size { routes, bytes: text.len(), native: stats::median(&millis), footprint })
}

/// Paid requests with one worker and with two, in turns; what serves them may run anywhere.
fn workers(behind: &Behind, modules: &Modules, effort: Effort) -> Result<Vec<Workers>, Failure> {
    const COUNTS: [u32; 2] = [1, 2];
    let path = Path::new("before", "paid", Stack::Ours, "/before/1", 200).pays(Pays::Fresh);
    let plan = |workers| Plan { workers, pinned: false, ..Plan::of(&[Stack::Ours]) };
    let envoys = COUNTS.map(|workers| behind.envoy(modules, plan(workers)));
    let [one, two] = envoys;
    let envoys = [one?, two?];
    let ourselves = std::process::id();
    cpu::unpin(ourselves)?;
    let mut samples = [const { Vec::new() }; 2];
    for round in 0..=effort.rounds {
        for (envoy, samples) in envoys.iter().zip(&mut samples) {
            cpu::unpin(envoy.pid())?;
            let mut site = Site::new(envoy, behind);
            site.connections = 64;
            site.ask(&path)?;
            let sample = site.sample(&path, (800 / effort.divisor).max(64))?;
            if round > 0 {
                samples.push(sample);
            }
        }
        eprint!("\rworkers {round} of {}", effort.rounds);
    }
    eprintln!();
    if cpu::pin_self(cpu::LOAD) {
        cpu::pin(ourselves, cpu::LOAD)?;
    }
    COUNTS
        .iter()
        .zip(&envoys)
        .zip(&samples)
        .map(|((workers, envoy), samples)| {
            let figure =
                |of: fn(&rounds::Sample) -> f64| stats::median(&samples.iter().map(of).collect::<Vec<_>>());
            Ok(Workers {
                workers: *workers,
                cpu: figure(|sample| sample.cpu),
                per_second: figure(|sample| sample.per_second),
                shares: shares(cpu::nanos_of_threads(envoy.pid(), "wrk:worker_")?),
            })
        })
        .collect()
}

#[expect(clippy::cast_precision_loss, reason = "nanoseconds of minutes")]
fn shares(mut nanos: Vec<u64>) -> Vec<f64> {
    nanos.sort_unstable_by(|one, other| other.cmp(one));
    let sum: u64 = nanos.iter().sum();
    nanos.iter().map(|nanos| *nanos as f64 / sum as f64).collect()
}

// === impl Growth ===

impl Growth {
    /// Milliseconds of processor time for which a start-up configures a size, in all VMs: what it
    /// takes more than that of the smallest.
    pub fn configuring(&self, size: &Size) -> f64 {
        size.footprint.cpu - self.sizes.first().map_or(0.0, |size| size.footprint.cpu)
    }
}

// === impl Size ===

impl Size {
    /// Bytes that a second worker adds, and how many it may.
    #[expect(clippy::cast_precision_loss, reason = "a hundred thousand routes")]
    pub fn another_worker(&self) -> (f64, f64) {
        let more = (self.footprint.two - self.footprint.one) * 1024.0 * 1024.0;
        (more, WORKER_BYTES.0 + WORKER_BYTES.1 * self.routes as f64)
    }
}
