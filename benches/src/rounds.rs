//! Interleaved rounds: in each, every path runs in a few turns, each in a new order. Two paths are
//! compared within a round, never across rounds, so that what the machine does meanwhile hits both.

use std::collections::BTreeMap;
use std::net::SocketAddr;

use x402_devstack::envoy::Envoy;
use x402_devstack::payer::Quote;

use crate::bed::{self, Behind, Modules, Plan, Script};
use crate::load::{Load, Requests, Seen};
use crate::paths::{Path, Pays, Wallets};
use crate::stack::Stack;
use crate::stats::{self, Estimate, Random};
use crate::{cpu, Failure};

/// How much to do.
#[derive(Clone, Copy, Debug)]
pub struct Effort {
    pub rounds: usize,
    /// Divides the requests of a round.
    pub divisor: usize,
}

/// One path in one round.
#[derive(Clone, Copy, Debug)]
pub struct Sample {
    /// Processor time of every process that serves, in microseconds a request.
    pub cpu: f64,
    pub p50: f64,
    pub p99: f64,
    pub per_second: f64,
    /// Calls to the facilitator per request.
    pub calls: f64,
}

/// What a load was answered, and what that took.
pub(crate) struct Turn {
    /// Nanoseconds of processor time of every process that serves.
    nanos: u64,
    /// Calls to the facilitator.
    calls: u64,
    seen: Seen,
}

/// All rounds.
pub struct Rounds {
    pub paths: Vec<Path>,
    samples: BTreeMap<&'static str, Vec<Sample>>,
    /// The same of the other build.
    against: BTreeMap<&'static str, Vec<Sample>>,
    pub envoy: String,
}

/// Where the requests go.
pub struct Site<'a> {
    pub envoy: &'a Envoy,
    pub behind: &'a Behind,
    pub wallets: Wallets,
    pub connections: usize,
    quotes: BTreeMap<&'static str, Quote>,
}

const CONNECTIONS: usize = 16;

/// Turns of a round. What disturbs a machine lasts for seconds, as one path's share of a round
/// does: in turns, each path gets its part of it.
const TURNS: usize = 4;

/// Requests that a server of another project is warmed with, once: engines that compile what
/// is hot have done so by then.
const WARM: usize = 1_500;

/// Runs the rounds, and one before them that does not count: V8 compiles again what is hot.
pub fn run(behind: &Behind, modules: &Modules, paths: &[Path], effort: Effort) -> Result<Rounds, Failure> {
    let script = behind.script(modules)?;
    let mut stacks = Stack::all(modules);
    for path in paths {
        if !matches!(path.stack, Stack::Alone(_)) && !stacks.contains(&path.stack) {
            stacks.push(path.stack);
        }
    }
    let envoy = behind.envoy(modules, Plan { script: Some(&script), ..Plan::of(&stacks) })?;
    let mut site = Site::new(&envoy, behind);
    for stack in [Stack::PureDirect, Stack::NoopDirect] {
        site.same_answer(stack, &script)?;
    }
    for path in paths {
        site.ask(path)?;
        if matches!(path.stack, Stack::Alone(_)) {
            site.sample(path, (WARM / effort.divisor).max(CONNECTIONS))?;
        }
    }
    let mut random = Random(0x0402_0402);
    let mut order = paths.to_vec();
    if modules.against.is_some() {
        let ours = paths.iter().filter(|path| path.stack == Stack::Ours);
        order.extend(ours.map(|path| path.at(Stack::Against)));
    }
    let [mut samples, mut against] = [const { BTreeMap::<_, Vec<Sample>>::new() }; 2];
    for round in 0..=effort.rounds {
        let mut turns: Vec<Vec<Turn>> = order.iter().map(|_| Vec::new()).collect();
        let mut places: Vec<usize> = (0..order.len()).collect();
        for _ in 0..TURNS {
            random.shuffle(&mut places);
            for place in &places {
                let path = &order[*place];
                let count = (path.count / TURNS / effort.divisor).max(CONNECTIONS);
                let turn = site.turn(path, count).map_err(|why| format!("{}: {why}", path.name))?;
                turns[*place].push(turn);
            }
        }
        for (path, turns) in order.iter().zip(turns).filter(|_| round > 0) {
            let into = if path.stack == Stack::Against { &mut against } else { &mut samples };
            into.entry(path.name).or_default().push(Sample::of(turns));
        }
        eprint!("\rround {round} of {}", effort.rounds);
    }
    eprintln!();
    let version = envoy.admin("/server_info").json()["version"].as_str().unwrap_or_default().to_owned();
    let version = version.split('/').nth(1).unwrap_or("?").to_owned();
    Ok(Rounds { paths: paths.to_vec(), samples, against, envoy: version })
}

// === impl Site ===

impl<'a> Site<'a> {
    pub fn new(envoy: &'a Envoy, behind: &'a Behind) -> Self {
        Self { envoy, behind, wallets: Wallets::new(64), connections: CONNECTIONS, quotes: BTreeMap::new() }
    }

    /// Asks what a path costs, if it is paid for.
    pub fn ask(&mut self, path: &Path) -> Result<(), Failure> {
        if path.pays != Pays::Nothing {
            // What asks no price is offered what ours asks.
            let seller = if path.stack == Stack::NoopCallout { Stack::Ours } else { path.stack };
            let answer = bed::ask(self.address(seller)?, path.target)?;
            let quote = match path.pays {
                Pays::FreshV1 => Quote::from_body(&answer.body),
                _ => answer.quote(),
            };
            let quote = quote.ok_or_else(|| format!("no quote for {}", path.name))?;
            self.quotes.insert(path.name, quote);
        }
        Ok(())
    }

    pub fn address(&self, stack: Stack) -> Result<SocketAddr, Failure> {
        if let Stack::Alone(peer) = stack {
            return self.behind.peers.address(peer);
        }
        let name = stack.name();
        self.envoy.listener(&name).ok_or_else(|| format!("no listener {name}").into())
    }

    /// Processor time of what serves a stack, once it sleeps: a running thread's is brought up
    /// to date only at the next tick, and `on_log` runs after the client has its answer.
    fn settled(&self, stack: Stack) -> Result<u64, Failure> {
        std::thread::sleep(std::time::Duration::from_millis(3));
        let peer = match stack {
            Stack::Alone(peer) | Stack::Behind(peer) => cpu::family_nanos(self.behind.peers.pid(peer)?)?,
            _ => 0,
        };
        let envoy = if matches!(stack, Stack::Alone(_)) { 0 } else { cpu::nanos(self.envoy.pid())? };
        Ok(peer + envoy)
    }

    /// New requests of a path. What is to be replayed is paid first.
    pub fn requests(&self, path: &Path, count: usize) -> Result<Requests, Failure> {
        let requests = path.requests(self.quotes.get(path.name), &self.wallets, count)?;
        if path.pays == Pays::Replayed {
            Load::open(self.address(path.stack)?, self.connections)?.run(requests.clone(), 200)?;
        }
        Ok(requests)
    }

    /// Runs a path once.
    pub fn sample(&self, path: &Path, count: usize) -> Result<Sample, Failure> {
        Ok(Sample::of(vec![self.turn(path, count)?]))
    }

    /// The same, as a part of a sample.
    pub(crate) fn turn(&self, path: &Path, count: usize) -> Result<Turn, Failure> {
        // Whoever is asked about a forged payment says what it is.
        self.behind.facilitator.set_doubts(path.pays == Pays::Forged);
        let turn = self.timed(path, count);
        self.behind.facilitator.set_doubts(false);
        turn
    }

    fn timed(&self, path: &Path, count: usize) -> Result<Turn, Failure> {
        let requests = self.requests(path, count)?;
        let mut load = Load::open(self.address(path.stack)?, self.connections)?;
        // Connections, upstream connections and caches are warm when the clock starts.
        load.run(self.requests(path, 2 * self.connections)?, path.status)?;
        let called = self.behind.facilitator.instant_calls();
        let before = self.settled(path.stack)?;
        let seen = load.run(requests, path.status)?;
        let nanos = self.settled(path.stack)? - before;
        Ok(Turn { nanos, calls: self.behind.facilitator.instant_calls() - called, seen })
    }

    /// The yardstick of our 402 has to be our 402.
    fn same_answer(&self, stack: Stack, script: &Script) -> Result<(), Failure> {
        let direct = bed::ask(self.address(stack)?, "/before/1")?;
        for name in ["payment-required", "cache-control", "content-type", "content-length"] {
            if direct.header(name) != script.unpaid.header(name) {
                return Err(format!("the direct response differs in {name}").into());
            }
        }
        if direct.status != 402
            || direct.body != script.unpaid.body
            || direct.headers.len() != script.unpaid.headers.len()
        {
            return Err(format!("the direct response differs: {direct:?}").into());
        }
        Ok(())
    }
}

// === impl Sample ===

impl Sample {
    #[expect(clippy::cast_precision_loss, reason = "nanoseconds of seconds")]
    pub(crate) fn of(turns: Vec<Turn>) -> Self {
        let nanos = turns.iter().map(|turn| turn.nanos).sum::<u64>() as f64;
        let calls = turns.iter().map(|turn| turn.calls).sum::<u64>() as f64;
        let elapsed: f64 = turns.iter().map(|turn| turn.seen.elapsed.as_secs_f64()).sum();
        let mut micros: Vec<f64> = turns.into_iter().flat_map(|turn| turn.seen.micros).collect();
        micros.sort_by(f64::total_cmp);
        let count = micros.len() as f64;
        Self {
            cpu: nanos / 1e3 / count,
            p50: stats::quantile(&micros, 0.5),
            p99: stats::quantile(&micros, 0.99),
            per_second: count / elapsed,
            calls: calls / count,
        }
    }
}

// === impl Rounds ===

impl Rounds {
    /// One figure of a path in every round.
    pub fn each(&self, name: &str, figure: fn(&Sample) -> f64) -> Vec<f64> {
        self.samples.get(name).map(|samples| samples.iter().map(figure).collect()).unwrap_or_default()
    }

    /// The median CPU of a path, where it was measured.
    pub fn cpu(&self, name: &str) -> Option<f64> {
        let cpu = self.each(name, |sample| sample.cpu);
        (!cpu.is_empty()).then(|| stats::median(&cpu))
    }

    /// The CPU of a path as a multiple of another's, round by round.
    pub fn ratio(&self, name: &str, over: &str) -> Option<Estimate> {
        self.pairs(name, over, |one, other| one / other)
    }

    /// The same ratio between the quietest tenths of the rounds: on a machine that others use
    /// too, what disturbs a round only ever adds to it.
    pub fn quiet_ratio(&self, name: &str, over: &str) -> Option<f64> {
        Some(quiet(self.samples.get(name)?) / quiet(self.samples.get(over)?))
    }

    /// And against the other build.
    pub fn quiet_over_the_other(&self, name: &str) -> Option<f64> {
        Some(quiet(self.samples.get(name)?) / quiet(self.against.get(name)?))
    }

    /// How many microseconds more than another's.
    pub fn difference(&self, name: &str, over: &str) -> Option<Estimate> {
        self.pairs(name, over, |one, other| one - other)
    }

    fn pairs(&self, name: &str, over: &str, f: fn(f64, f64) -> f64) -> Option<Estimate> {
        pairs(self.samples.get(name)?, self.samples.get(over)?, f)
    }

    /// The CPU of a path as a multiple of what the other build takes for it.
    pub fn over_the_other(&self, name: &str) -> Option<Estimate> {
        pairs(self.samples.get(name)?, self.against.get(name)?, |one, other| one / other)
    }

    /// What a paid request costs beyond its signature and a bare callout, in microseconds:
    /// `paid` less the callout yardstick, less the recovery, which is what a forged payment
    /// costs more than one refused just before anybody is recovered from its signature.
    pub fn own_cost(&self, paid: &str) -> Option<Estimate> {
        let columns =
            [paid, "callout", "forged", "unsignable"].map(|name| self.each(name, |sample| sample.cpu));
        let rounds = columns.iter().map(Vec::len).min()?;
        let [paid, callout, forged, unsigned] = &columns;
        let values: Vec<f64> =
            (0..rounds).map(|at| paid[at] - callout[at] - (forged[at] - unsigned[at])).collect();
        (!values.is_empty()).then(|| stats::estimate(&values))
    }
}

fn pairs(ones: &[Sample], others: &[Sample], f: fn(f64, f64) -> f64) -> Option<Estimate> {
    let values: Vec<f64> = ones.iter().zip(others).map(|(one, other)| f(one.cpu, other.cpu)).collect();
    (!values.is_empty()).then(|| stats::estimate(&values))
}

fn quiet(samples: &[Sample]) -> f64 {
    let mut cpu: Vec<f64> = samples.iter().map(|sample| sample.cpu).collect();
    cpu.sort_by(f64::total_cmp);
    stats::quantile(&cpu, 0.1)
}
