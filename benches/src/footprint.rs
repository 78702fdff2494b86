//! Start-up and memory of each stack, and what a worker more adds to them.

use std::thread::sleep;
use std::time::{Duration, Instant};

use x402_devstack::envoy::Envoy;

use crate::bed::{Behind, Modules, Plan};
use crate::load::Load;
use crate::paths::{Wallets, ALL};
use crate::stack::Stack;
use crate::stats::{self, Estimate, Random};
use crate::{cpu, Failure};

/// Each stack is started with so many workers.
pub const WORKERS: [u32; 4] = [1, 2, 4, 8];

/// One stack's start and memory.
#[derive(Clone, Debug)]
pub struct Footprint {
    pub stack: Stack,
    /// Milliseconds from the start of the process until it serves, with one worker; the median.
    pub ready: f64,
    /// Processor milliseconds until then.
    pub cpu: f64,
    /// Resident MiB after load with each number of [`WORKERS`]; medians.
    pub resident: [f64; WORKERS.len()],
    /// MiB that a worker more takes: the slope over [`WORKERS`], of all times together.
    pub more: Estimate,
}

/// What was seen of a stack so far.
#[derive(Default)]
struct Seen {
    ready: Vec<f64>,
    cpu: Vec<f64>,
    resident: [Vec<f64>; WORKERS.len()],
}

/// What one Envoy came to.
struct Start {
    ready: f64,
    cpu: f64,
    resident: f64,
}

/// Starts each stack alone with each number of workers, each time in a new order, and loads it.
pub fn footprints(
    behind: &Behind,
    modules: &Modules,
    stacks: &[Stack],
    times: usize,
) -> Result<Vec<Footprint>, Failure> {
    let mut all: Vec<Seen> = stacks.iter().map(|_| Seen::default()).collect();
    let mut order: Vec<(usize, usize)> =
        (0..stacks.len()).flat_map(|stack| (0..WORKERS.len()).map(move |count| (stack, count))).collect();
    let mut random = Random(0x0402_0008);
    for time in 1..=times {
        random.shuffle(&mut order);
        for (stack, count) in &order {
            let begun = start(behind, modules, stacks[*stack], WORKERS[*count])?;
            let seen = &mut all[*stack];
            if *count == 0 {
                seen.ready.push(begun.ready);
                seen.cpu.push(begun.cpu);
            }
            seen.resident[*count].push(begun.resident);
        }
        eprint!("\rstarting {time} of {times}");
    }
    eprintln!();
    Ok(stacks.iter().zip(all).map(|(stack, seen)| Footprint::of(*stack, seen)).collect())
}

fn start(behind: &Behind, modules: &Modules, stack: Stack, workers: u32) -> Result<Start, Failure> {
    let begun = Instant::now();
    let envoy = behind.envoy(modules, Plan { workers, ..Plan::of(&[stack]) })?;
    let ready = begun.elapsed().as_secs_f64() * 1e3;
    let cpu = millis(cpu::nanos(envoy.pid())?);
    let before = still(&envoy)?;
    if before.len() != usize::try_from(workers)? {
        return Err(format!("{} threads of {workers} workers", before.len()).into());
    }
    load(&envoy, stack, &before)?;
    let resident = mebi(cpu::resident_kib(envoy.pid())?);
    Ok(Start { ready, cpu, resident })
}

/// Nanoseconds that each worker ran, once none does.
fn still(envoy: &Envoy) -> Result<Vec<u64>, Failure> {
    const NEARLY: u64 = 300_000;
    let mut last = workers(envoy)?;
    loop {
        sleep(Duration::from_millis(30));
        let now = workers(envoy)?;
        if now.iter().sum::<u64>() - last.iter().sum::<u64>() < NEARLY {
            return Ok(now);
        }
        last = now;
    }
}

fn workers(envoy: &Envoy) -> Result<Vec<u64>, Failure> {
    cpu::nanos_of_threads(envoy.pid(), "wrk:worker_")
}

/// Something on the paths of the stack, until every worker has served: the kernel deals out the
/// connections.
fn load(envoy: &Envoy, stack: Stack, before: &[u64]) -> Result<(), Failure> {
    /// Nanoseconds that nobody needs who serves nothing.
    const SERVED: u64 = 1_000_000;
    let sells = matches!(stack, Stack::Ours | Stack::Routes(_));
    for _ in 0..5 {
        let mut load = Load::open(envoy.address(), 64)?;
        for path in ALL.iter().filter(|path| path.name == "free" || (path.name == "unpaid" && sells)) {
            load.run(path.requests(None, &Wallets::new(2), 1_200)?, path.status)?;
        }
        sleep(Duration::from_millis(5));
        if workers(envoy)?.iter().zip(before).all(|(now, before)| now - before > SERVED) {
            return Ok(());
        }
    }
    Err(format!("{}: some worker serves nothing", stack.name()).into())
}

#[expect(clippy::cast_precision_loss, reason = "nanoseconds of seconds")]
fn millis(nanos: u64) -> f64 {
    nanos as f64 / 1e6
}

#[expect(clippy::cast_precision_loss, reason = "kibibytes of mebibytes")]
fn mebi(kib: u64) -> f64 {
    kib as f64 / 1024.0
}

// === impl Footprint ===

impl Footprint {
    fn of(stack: Stack, seen: Seen) -> Self {
        let Seen { ready, cpu, resident } = seen;
        let points = WORKERS
            .iter()
            .zip(&resident)
            .flat_map(|(workers, each)| each.iter().map(move |mebi| (f64::from(*workers), *mebi)));
        let more = stats::slope(&points.collect::<Vec<_>>());
        Self {
            stack,
            ready: stats::median(&ready),
            resident: resident.map(|each| stats::median(&each)),
            more,
            cpu: stats::median(&cpu),
        }
    }
}
