//! Interleaved rounds: in each, every path runs once, in a new order. Two paths are compared
//! within a round, never across rounds, so that what the machine does meanwhile hits both.

use std::collections::BTreeMap;

use x402_devstack::envoy::Envoy;
use x402_devstack::payer::Quote;

use crate::bed::{self, Behind, Modules, Script, Stack};
use crate::load::Load;
use crate::paths::{Path, Pays, Wallets};
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
    /// Processor time of all of Envoy's threads, in microseconds a request.
    pub cpu: f64,
    pub p50: f64,
    pub p99: f64,
    pub per_second: f64,
}

/// All rounds.
pub struct Rounds {
    pub paths: Vec<Path>,
    samples: BTreeMap<&'static str, Vec<Sample>>,
    /// The same of the other build.
    against: BTreeMap<&'static str, Vec<Sample>>,
    pub envoy: String,
}

const CONNECTIONS: usize = 16;

/// Runs the rounds, and one before them that does not count: V8 compiles again what is hot.
pub fn run(behind: &Behind, modules: &Modules, paths: &[Path], effort: Effort) -> Result<Rounds, Failure> {
    let script = behind.script(modules)?;
    let envoy = behind.envoy(modules, &Stack::all(modules), Some(&script), 1)?;
    same_answer(&envoy, &script)?;
    let wallets = Wallets::new(64);
    let mut quotes = BTreeMap::new();
    for path in paths.iter().filter(|path| path.pays != Pays::Nothing) {
        quotes.insert(path.target, bed::quote(listener(&envoy, path.stack)?, path.target)?);
    }
    let mut random = Random(0x0402_0402);
    let mut order = paths.to_vec();
    if modules.against.is_some() {
        let ours = paths.iter().filter(|path| path.stack == Stack::Ours);
        order.extend(ours.map(|path| Path { stack: Stack::Against, ..*path }));
    }
    let [mut samples, mut against] = [const { BTreeMap::<_, Vec<Sample>>::new() }; 2];
    for round in 0..=effort.rounds {
        random.shuffle(&mut order);
        for path in &order {
            let sample = sample(&envoy, path, quotes.get(path.target), &wallets, effort.divisor)
                .map_err(|why| format!("{}: {why}", path.name))?;
            if round > 0 {
                let into = if path.stack == Stack::Against { &mut against } else { &mut samples };
                into.entry(path.name).or_default().push(sample);
            }
        }
        eprint!("\rround {round} of {}", effort.rounds);
    }
    eprintln!();
    let version = envoy.admin("/server_info").json()["version"].as_str().unwrap_or_default().to_owned();
    let version = version.split('/').nth(1).unwrap_or("?").to_owned();
    Ok(Rounds { paths: paths.to_vec(), samples, against, envoy: version })
}

fn sample(
    envoy: &Envoy,
    path: &Path,
    quote: Option<&Quote>,
    wallets: &Wallets,
    divisor: usize,
) -> Result<Sample, Failure> {
    let requests = path.requests(quote, wallets, (path.count / divisor).max(CONNECTIONS))?;
    let mut load = Load::open(listener(envoy, path.stack)?, CONNECTIONS)?;
    // Connections, upstream connections and caches are warm when the clock starts.
    load.run(path.requests(quote, wallets, 2 * CONNECTIONS)?, path.status)?;
    let count = requests.len();
    let before = settled(envoy.pid())?;
    let seen = load.run(requests, path.status)?;
    let after = settled(envoy.pid())?;
    #[expect(clippy::cast_precision_loss, reason = "nanoseconds of seconds")]
    let (nanos, count) = ((after - before) as f64, count as f64);
    Ok(Sample {
        cpu: nanos / 1e3 / count,
        p50: stats::quantile(&seen.micros, 0.5),
        p99: stats::quantile(&seen.micros, 0.99),
        per_second: count / seen.elapsed.as_secs_f64(),
    })
}

/// Processor time once the worker sleeps: a running thread's is brought up to date only at
/// the next tick, and `on_log` runs after the client has its answer.
fn settled(pid: u32) -> Result<u64, Failure> {
    std::thread::sleep(std::time::Duration::from_millis(3));
    cpu::nanos(pid)
}

/// The yardstick of our 402 has to be our 402.
fn same_answer(envoy: &Envoy, script: &Script) -> Result<(), Failure> {
    let direct = bed::ask(listener(envoy, Stack::NoopDirect)?, "/before/1")?;
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

fn listener(envoy: &Envoy, stack: Stack) -> Result<std::net::SocketAddr, Failure> {
    envoy.listener(stack.name()).ok_or_else(|| format!("no listener {}", stack.name()).into())
}

// === impl Rounds ===

impl Rounds {
    /// One figure of a path in every round.
    pub fn each(&self, name: &str, figure: fn(&Sample) -> f64) -> Vec<f64> {
        self.samples.get(name).map(|samples| samples.iter().map(figure).collect()).unwrap_or_default()
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

    /// What a paid request costs beyond its signature and a bare callout: `paid` less the
    /// callout yardstick, less what a forged payment costs more than none.
    pub fn own_cost(&self, paid: &str) -> Option<Estimate> {
        let columns = [paid, "callout", "forged", "unpaid"].map(|name| self.each(name, |sample| sample.cpu));
        let rounds = columns.iter().map(Vec::len).min()?;
        let [paid, callout, forged, unpaid] = &columns;
        let values: Vec<f64> =
            (0..rounds).map(|at| paid[at] - callout[at] - (forged[at] - unpaid[at])).collect();
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
