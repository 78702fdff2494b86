//! `make bench-floods`: what payers get beside a flood, what a limit costs a 402, what a shared store
//! costs a paid request, and how often a payment is granted that is raced.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use lexopt::{Arg, ValueExt};
use serde_json::{json, Value};
use x402_bench::bed::{self, Modules};
use x402_bench::load::Load;
use x402_bench::paths::{Path, Pays, Wallets};
use x402_bench::policy::policy as prices;
use x402_bench::stack::Stack;
use x402_bench::stats::{self, Estimate, Random};
use x402_bench::{cpu, origin, Failure};
use x402_devstack::client::{RawConnection, RawRequest};
use x402_devstack::envoy::{Envoy, Options, PluginConfig};
use x402_devstack::facilitator::{self, Facilitator};
use x402_devstack::redis::{available, Redis, Webdis};
use x402_live::flood::{self, Beside};
use x402_live::Scene;

const HELP: &str = "\
x402-floods: payers beside a flood, the cost of limits and of a shared store, and how often a raced
payment is granted, on a real Envoy

    --rounds N      of each comparison, 24 unless said
    --only A        floods, limits, store or races

The module is X402_MODULE, Envoy ENVOY; `make bench-floods` sets them. The store needs redis-server
and webdis.";

const CONNECTIONS: usize = 16;

/// A configuration, and what is asked of it.
struct Variant {
    name: &'static str,
    envoy: Envoy,
    path: Path,
}

fn main() -> ExitCode {
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(why) => {
            eprintln!("x402-floods: {why}");
            ExitCode::FAILURE
        }
    }
}

fn run() -> Result<(), Failure> {
    let (mut rounds, mut only) = (24, None);
    let mut parser = lexopt::Parser::from_env();
    while let Some(argument) = parser.next()? {
        match argument {
            Arg::Long("help") => {
                println!("{HELP}");
                return Ok(());
            }
            Arg::Long("rounds") => rounds = parser.value()?.parse()?,
            Arg::Long("only") => only = Some(parser.value()?.string()?),
            other => return Err(other.unexpected().into()),
        }
    }
    println!("{}", cpu::machine());
    let wanted = |name: &str| only.as_ref().is_none_or(|only| only == name);
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
    if wanted("floods") {
        runtime.block_on(floods());
    }
    if wanted("races") {
        for layout in [1, 2] {
            runtime.block_on(races(layout))?;
        }
    }
    // From here on Envoy has a processor of its own.
    if !cpu::pin_self(cpu::LOAD) {
        eprintln!("x402-floods: one processor only: nothing is pinned");
    }
    if wanted("limits") {
        limits(rounds)?;
    }
    if wanted("store") {
        store(rounds)?;
    }
    Ok(())
}

/// Paid throughput with and without a flood, and what payers get who come at a steady rate,
/// interleaved, with limits and without.
async fn floods() {
    let off = json!({ "challenges": "off", "failures": "off" });
    for (what, limit) in [("limited", json!({})), ("without limits", off)] {
        let Some(stage) = flood::stage(limit) else { return };
        flood::measure(what, &stage, 7, Duration::from_millis(1_500)).await;
        for rate in [100, 300] {
            flood::steady(what, &stage, rate, 5, Duration::from_secs(3)).await;
        }
        let quote = stage.quote("/before/x").await;
        for kind in [Beside::Unpaid, Beside::Forged] {
            let micros = flood::cost(&stage, &quote, kind).await;
            println!("{what}, {kind:?} alone: {micros:.0} µs of Envoy each");
        }
    }
}

/// Copies of one payment over two workers at once, of one payment after the other; under each layout
/// of the claim table.
async fn races(layout: u8) -> Result<(), Failure> {
    const COPIES: usize = 100;
    const PAYMENTS: usize = 600;
    let mut config = x402_live::plugin("10s");
    config["claims"] = json!({ "layout": layout });
    let Some(stage) = Scene::new(config).start() else { return Ok(()) };
    let quotes = [stage.quote("/before/race").await, stage.quote("/after/race").await];
    let mut connections = Vec::new();
    for _ in 0..COPIES {
        connections.push(RawConnection::open(stage.envoy.address()).await?);
    }
    let mut seen: BTreeMap<String, usize> = BTreeMap::new();
    let (mut granted, mut most, begun) = (0, 0, Instant::now());
    for round in 0..PAYMENTS {
        let payment = x402_live::sign(&quotes[round % 2]);
        let ask = RawRequest::get(["/before/race", "/after/race"][round % 2]).pay(&payment);
        let racing: Vec<_> = connections
            .drain(..)
            .map(|mut connection| {
                let ask = ask.clone();
                tokio::spawn(async move { (connection.exchange(&ask).await, connection) })
            })
            .collect();
        let mut grants = 0;
        for copy in racing {
            let (answer, connection) = copy.await?;
            connections.push(connection);
            grants += usize::from(answer.status == 200);
            *seen.entry(format!("{} {}", answer.status, x402_live::code(&answer))).or_default() += 1;
        }
        if (grants, stage.settled(&payment)) != (1, (1, 1)) {
            return Err(format!("layout {layout}, payment {round}: {grants} grants").into());
        }
        (granted, most) = (granted + grants, most.max(grants));
    }
    let (attempts, took) = (COPIES * PAYMENTS, begun.elapsed().as_secs());
    println!(
        "layout {layout}: {attempts} attempts at {PAYMENTS} payments over two workers, {granted} grants, at most {most} \
         for one; {seen:?}; {took} s"
    );
    Ok(())
}

/// A 402 with the limiter, below its limit, and without; and the 429 beyond it.
fn limits(rounds: usize) -> Result<(), Failure> {
    let behind = Behind::start()?;
    let most = json!({ "perMinute": 1_000_000, "burst": 1_000_000 });
    let few = json!({ "perMinute": 1, "burst": 1 });
    let mut variants = Vec::new();
    let kinds = [
        ("a 402 without limits", json!({ "challenges": "off", "failures": "off" }), 402),
        ("a 402 below its limit", json!({ "challenges": most, "failures": most }), 402),
        ("a 429 beyond it", json!({ "challenges": few, "failures": most }), 429),
    ];
    for (name, limit, status) in kinds {
        let mut policy = prices();
        policy["limit"] = limit;
        let path = path(Pays::Nothing, status, 1_500);
        variants.push(Variant { name, envoy: behind.envoy(&policy, None)?, path });
    }
    compare(&variants, rounds)
}

/// A paid request with claims of its own process, and with a Redis behind Webdis.
fn store(rounds: usize) -> Result<(), Failure> {
    if !available() {
        println!("no store: redis-server or webdis is missing");
        return Ok(());
    }
    let redis = Redis::start()?;
    let webdis = Webdis::start(redis.address(), "claims:secret")?;
    let behind = Behind::start()?;
    let shared = json!({
        "cluster": "store", "authority": "store", "kind": "webdis", "timeout": "2s",
        "headers": { "authorization": { "insecureLiteral": "Basic Y2xhaW1zOnNlY3JldA==" } },
    });
    let mut variants = Vec::new();
    for (kind, names) in [
        ("before", ["paid before, claims of its own", "paid before, shared"]),
        ("after", ["paid after, claims of its own", "paid after, shared"]),
    ] {
        for (name, shares) in names.into_iter().zip([false, true]) {
            let mut policy = prices();
            if shares {
                policy["claims"] = json!({ "shared": shared });
            }
            let mut path = path(Pays::Fresh, 200, 400);
            path.target = if kind == "before" { "/before/1" } else { "/after/1" };
            let envoy = behind.envoy(&policy, shares.then_some(webdis.address()))?;
            variants.push(Variant { name, envoy, path });
        }
    }
    // Every worker has to learn the store's clock first.
    std::thread::sleep(Duration::from_millis(1_500));
    variants.chunks(2).try_for_each(|pair| compare(pair, rounds))
}

fn path(pays: Pays, status: u16, count: usize) -> Path {
    Path { name: "", what: "", stack: Stack::Ours, target: "/before/1", pays, status, count, over: None }
}

/// Interleaved rounds of each; processor time of Envoy for one request, and how much more than the
/// first takes in the same round. One round before the others does not count.
fn compare(variants: &[Variant], rounds: usize) -> Result<(), Failure> {
    let wallets = Wallets::new(64);
    let mut random = Random(0x0402_0402);
    let mut order: Vec<usize> = (0..variants.len()).collect();
    let mut seen = vec![Vec::new(); variants.len()];
    for round in 0..=rounds {
        random.shuffle(&mut order);
        for at in &order {
            let sample =
                sample(&variants[*at], &wallets).map_err(|why| format!("{}: {why}", variants[*at].name))?;
            if round > 0 {
                seen[*at].push(sample);
            }
        }
    }
    for (variant, own) in variants.iter().zip(&seen) {
        let more: Vec<f64> = own.iter().zip(&seen[0]).map(|(one, first)| one - first).collect();
        let told = |Estimate { median, low, high }| format!("{median:.1} ({low:.1} to {high:.1})");
        let (own, more) = (told(stats::estimate(own)), told(stats::estimate(&more)));
        println!("{}: {own} µs of Envoy each, {more} more than the first; {rounds} rounds", variant.name);
    }
    Ok(())
}

fn sample(variant: &Variant, wallets: &Wallets) -> Result<f64, Failure> {
    let Variant { envoy, path, .. } = variant;
    let address = envoy.address();
    let quote = if path.pays == Pays::Nothing { None } else { Some(bed::quote(address, path.target)?) };
    // Caches are warm, and limits reached, when the clock starts: what comes before is a 402.
    let warm = path.requests(quote.as_ref(), wallets, 2 * CONNECTIONS)?;
    let _ = Load::open(address, CONNECTIONS)?.run(warm, path.status);
    let mut load = Load::open(address, CONNECTIONS)?;
    let requests = path.requests(quote.as_ref(), wallets, path.count)?;
    let before = settled(envoy)?;
    load.run(requests, path.status)?;
    #[expect(clippy::cast_precision_loss, reason = "nanoseconds of seconds")]
    Ok((settled(envoy)? - before) as f64 / 1e3 / path.count as f64)
}

/// Processor time once the workers sleep.
fn settled(envoy: &Envoy) -> Result<u64, Failure> {
    std::thread::sleep(Duration::from_millis(20));
    cpu::nanos(envoy.pid())
}

// === What stands behind Envoy ===

struct Behind {
    modules: Modules,
    facilitator: Facilitator,
    origin: SocketAddr,
}

impl Behind {
    fn start() -> Result<Self, Failure> {
        let options = facilitator::Options { instant: true, ..facilitator::Options::default() };
        let mut modules = Modules::found(None);
        // Nothing is compared with the no-op filter here.
        modules.noop.clone_from(&modules.ours);
        Ok(Self {
            modules: modules.check()?,
            facilitator: Facilitator::start(options)?,
            origin: origin::start()?,
        })
    }

    /// One worker, pinned, with this policy; and the store's front, if it has one.
    fn envoy(&self, policy: &Value, front: Option<SocketAddr>) -> Result<Envoy, Failure> {
        let mut options = Options::new(&self.modules.template)
            .module(&self.modules.ours)
            .plugin(PluginConfig::Json(policy.clone()))
            .facilitator(self.facilitator.address())
            .upstream(self.origin)
            .concurrency(1)
            .log_level("error");
        if let Some(front) = front {
            options = options.add_cluster("store", front);
        }
        let envoy = Envoy::start(&options)?;
        cpu::pin(envoy.pid(), cpu::ENVOY)?;
        Ok(envoy)
    }
}
