//! How the cost grows: with routes, and with workers.

use std::time::Instant;

use x402_proxy_wasm::config::Policy;

use crate::bed::{Behind, Modules, Plan};
use crate::configure::{self, Configured, ROUTES};
use crate::footprint::{self, Footprint};
use crate::paths::{Path, Pays};
use crate::rounds::{self, Effort, Rounds, Sample, Site};
use crate::stack::Stack;
use crate::stats::{Estimate, Random};
use crate::{cpu, policy, stats, Failure};

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

/// Configuring ten times the routes may take so many times ten times as long.
pub const LINEAR: f64 = 1.3;

/// A configuration of so many routes.
#[derive(Clone, Debug)]
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
    /// Of each round.
    pub samples: Vec<Sample>,
    /// What part of the workers' processor time each had, the largest first.
    pub shares: Vec<f64>,
}

/// Everything about growth.
pub struct Growth {
    pub rounds: Rounds,
    pub sizes: Vec<Size>,
    pub configured: Configured,
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
    let rounds = rounds::run(behind, modules, &PATHS, effort)?;
    let workers = workers(behind, modules, effort)?;
    let footprints = footprint::footprints(behind, modules, &ROUTES.map(Stack::Routes), times)?;
    let sizes = ROUTES.iter().zip(footprints).map(|(routes, footprint)| size(*routes, footprint, times));
    let sizes = sizes.collect::<Result<_, _>>()?;
    let configured = configure::configured(behind, modules, (effort.rounds / 3).max(2))?;
    Ok(Growth { rounds, sizes, configured, workers })
}

fn size(routes: usize, footprint: Footprint, times: usize) -> Result<Size, Failure> {
    let text = policy::of_size(routes).to_string();
    let mut millis = Vec::new();
    for _ in 0..times {
        let begun = Instant::now();
        Policy::from_bytes(text.as_bytes(), &|_| None).map_err(|errors| errors.to_string())?;
        millis.push(begun.elapsed().as_secs_f64() * 1e3);
    }
    Ok(Size { routes, bytes: text.len(), native: stats::median(&millis), footprint })
}

/// Paid requests with one worker and with two; each round has turns of both, in a new order each
/// time. What serves them may run anywhere.
fn workers(behind: &Behind, modules: &Modules, effort: Effort) -> Result<Vec<Workers>, Failure> {
    const COUNTS: [u32; 2] = [1, 2];
    const TURNS: usize = 2;
    const PAYMENTS: usize = 800;
    let path = Path::new("before", "paid", Stack::Ours, "/before/1", 200).pays(Pays::Fresh);
    let plan = |workers| Plan { workers, pinned: false, ..Plan::of(&[Stack::Ours]) };
    let envoys = COUNTS.map(|workers| behind.envoy(modules, plan(workers)));
    let [one, two] = envoys;
    let envoys = [one?, two?];
    let ourselves = std::process::id();
    cpu::unpin(ourselves)?;
    let mut sites = Vec::new();
    for envoy in &envoys {
        cpu::unpin(envoy.pid())?;
        let mut site = Site::new(envoy, behind);
        site.connections = 64;
        site.ask(&path)?;
        sites.push(site);
    }
    let mut samples = [const { Vec::new() }; 2];
    let mut random = Random(0x0402_0002);
    let mut order = [0, 1];
    for round in 0..=effort.rounds {
        let mut turns = [const { Vec::new() }; 2];
        for _ in 0..TURNS {
            random.shuffle(&mut order);
            for place in order {
                let count = (PAYMENTS / TURNS / effort.divisor).max(64);
                turns[place].push(sites[place].turn(&path, count)?);
            }
        }
        for (samples, turns) in samples.iter_mut().zip(turns).filter(|_| round > 0) {
            samples.push(Sample::of(turns));
        }
        eprint!("\rworkers {round} of {}", effort.rounds);
    }
    eprintln!();
    if cpu::pin_self(cpu::LOAD) {
        cpu::pin(ourselves, cpu::LOAD)?;
    }
    COUNTS
        .into_iter()
        .zip(&envoys)
        .zip(samples)
        .map(|((workers, envoy), samples)| {
            let shares = shares(cpu::nanos_of_threads(envoy.pid(), "wrk:worker_")?);
            Ok(Workers { workers, samples, shares })
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
    /// A figure with two workers as a multiple of the same with one, round by round.
    pub fn of_one_worker(&self, figure: fn(&Sample) -> f64) -> Option<Estimate> {
        let [one, two] = self.workers.as_slice() else { return None };
        let [one, two] = [one, two].map(|workers| workers.each(figure));
        estimate(&one, &two, |one, two| two / one)
    }
}

/// Of pairs.
fn estimate(ones: &[f64], others: &[f64], f: fn(f64, f64) -> f64) -> Option<Estimate> {
    let values: Vec<f64> = ones.iter().zip(others).map(|(one, other)| f(*one, *other)).collect();
    (!values.is_empty()).then(|| stats::estimate(&values))
}

// === impl Workers ===

impl Workers {
    /// A figure of every round.
    pub fn each(&self, figure: fn(&Sample) -> f64) -> Vec<f64> {
        self.samples.iter().map(figure).collect()
    }
}

// === impl Size ===

impl Size {
    /// Bytes that a worker more adds, and how many it may.
    #[expect(clippy::cast_precision_loss, reason = "a hundred thousand routes")]
    pub fn another_worker(&self) -> (Estimate, f64) {
        let Estimate { median, low, high } = self.footprint.more;
        let bytes = |mebi: f64| mebi * 1024.0 * 1024.0;
        let more = Estimate { median: bytes(median), low: bytes(low), high: bytes(high) };
        (more, WORKER_BYTES.0 + WORKER_BYTES.1 * self.routes as f64)
    }
}
