//! Payers beside somebody who floods, in figures.
//!
//! Client, facilitator and upstream share the processors with Envoy, so a flood takes time from payers
//! outside of Envoy as well, and what is found is less than what Envoy gives.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use serde_json::{json, Value};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpSocket;
use tokio::task::JoinSet;

use x402_devstack::client::{RawConnection, RawRequest};
use x402_devstack::payer::{Draft, Quote, Wallet};

use crate::{plugin, Scene, Stage};

const LOUD: Ipv4Addr = Ipv4Addr::new(127, 0, 0, 66);

/// Requests a second that whoever floods tries to send.
const RATE: u64 = 3_000;

/// Connections of whoever floods, and of payers.
const LOUD_CONNECTIONS: u64 = 8;
const PAYING_CONNECTIONS: usize = 8;

/// What goes on beside the payers.
#[derive(Clone, Copy, PartialEq, Debug)]
pub enum Beside {
    Nothing,
    /// Requests without a payment.
    Unpaid,
    /// Payments that somebody else signed.
    Forged,
}

/// One round's figures.
#[derive(Clone, Copy, Debug, Default)]
struct Round {
    /// Paid responses a second.
    paid: f64,
    /// Answers to the flood a second.
    flooded: f64,
    /// Envoy's processor time, in processors.
    busy: f64,
}

/// Somebody who floods, until dropped.
struct Flooding {
    over: Arc<AtomicBool>,
    answers: Arc<AtomicU64>,
    thread: Option<std::thread::JoinHandle<()>>,
}

impl Flooding {
    fn start(to: SocketAddr, request: Vec<u8>) -> Self {
        let (over, answers) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicU64::new(0)));
        let shared = (Arc::clone(&over), Arc::clone(&answers));
        let thread = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
            runtime.block_on(async {
                let mut connections = JoinSet::new();
                for _ in 0..LOUD_CONNECTIONS {
                    let (over, answers) = shared.clone();
                    connections.spawn(flood(to, request.clone(), over, answers));
                }
                while connections.join_next().await.is_some() {}
            });
        });
        Self { over, answers, thread: Some(thread) }
    }
}

impl Drop for Flooding {
    fn drop(&mut self) {
        self.over.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

/// A request at a fixed rate, or as fast as they are answered where that is slower.
async fn flood(to: SocketAddr, request: Vec<u8>, over: Arc<AtomicBool>, answers: Arc<AtomicU64>) {
    let socket = TcpSocket::new_v4().unwrap();
    socket.bind((LOUD, 0).into()).unwrap();
    let mut stream = socket.connect(to).await.unwrap();
    let period = Duration::from_micros(1_000_000 * LOUD_CONNECTIONS / RATE);
    let mut clock = tokio::time::interval(period);
    clock.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    let mut buffer = Vec::with_capacity(64 * 1024);
    while !over.load(Ordering::Relaxed) {
        clock.tick().await;
        stream.write_all(&request).await.unwrap();
        buffer.clear();
        // Every body is a JSON object, and its head ends with a line.
        while !buffer.ends_with(b"}") || !buffer.windows(4).any(|window| window == b"\r\n\r\n") {
            assert_ne!(stream.read_buf(&mut buffer).await.unwrap(), 0, "the connection was closed");
        }
        answers.fetch_add(1, Ordering::Relaxed);
    }
}

/// Processor time of a process, in seconds.
fn processor_time(pid: u32) -> f64 {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap();
    let fields: Vec<&str> = stat.rsplit(')').next().unwrap().split_whitespace().collect();
    let ticks = |at: usize| fields[at].parse::<f64>().unwrap();
    (ticks(11) + ticks(12)) / 100.0
}

/// With these limits, and a facilitator that says yes at once.
pub fn stage(limit: Value) -> Option<Stage> {
    let mut config = plugin("10s");
    config["wallets"] = json!("eoa");
    config["limit"] = limit;
    Scene::new(config).facilitator(|options| options.instant = true).start()
}

/// Paying requests for this long, and more.
fn purse(quote: &Quote, time: Duration) -> Vec<RawRequest> {
    const ROOM: u128 = 3_000;
    let wallet = Wallet::dev(0);
    let payment = || Draft::for_quote(&wallet, quote).expect("payable").sign(&wallet);
    (0..ROOM * time.as_millis() / 1_000).map(|_| RawRequest::get("/before/x").pay(&payment())).collect()
}

/// Payers, each asking again as soon as it was served, for `time` or as long as their money lasts;
/// every answer is paid content. Returns responses a second.
async fn pay(stage: &Stage, purse: Vec<RawRequest>, time: Duration) -> f64 {
    let (purse, to, begun) = (Arc::new(Mutex::new(purse)), stage.envoy.address(), Instant::now());
    let mut payers = JoinSet::new();
    for _ in 0..PAYING_CONNECTIONS {
        let purse = Arc::clone(&purse);
        payers.spawn(async move {
            let mut connection = RawConnection::open(to).await.unwrap();
            let mut served = 0.0;
            while begun.elapsed() < time {
                let Some(ask) = purse.lock().unwrap().pop() else { break };
                let answer = connection.exchange(&ask).await;
                assert_eq!(answer.status, 200, "{answer:?}");
                served += 1.0;
            }
            served
        });
    }
    let mut served = 0.0;
    while let Some(one) = payers.join_next().await {
        served += one.unwrap();
    }
    served / begun.elapsed().as_secs_f64()
}

/// Payers who come at a steady rate, whatever becomes of those before.
#[derive(Clone, Copy, Debug)]
pub struct Steady {
    /// Of those that came, how many were served within a second.
    pub served: f64,
    /// Milliseconds from request to answer: the median, and what one in a hundred exceeds.
    pub millis: [f64; 2],
}

/// `rate` payers a second for `time`, each over a connection of its own that is open already.
///
/// # Panics
/// When a payer gets something else than paid content.
async fn arrive(stage: &Stage, quote: &Quote, rate: u32, time: Duration) -> Steady {
    let wallet = Wallet::dev(0);
    let mut clock = tokio::time::interval(Duration::from_secs(1) / rate);
    let mut payers = JoinSet::new();
    let count = time.as_millis() as usize * rate as usize / 1_000;
    let mut connections = Vec::new();
    for _ in 0..count {
        connections.push(RawConnection::open(stage.envoy.address()).await.unwrap());
    }
    for mut connection in connections {
        let payment = Draft::for_quote(&wallet, quote).expect("payable").sign(&wallet);
        clock.tick().await;
        payers.spawn(async move {
            let begun = Instant::now();
            let answer = connection.exchange(&RawRequest::get("/before/x").pay(&payment)).await;
            assert_eq!(answer.status, 200, "{answer:?}");
            begun.elapsed().as_secs_f64() * 1e3
        });
    }
    let mut millis = payers.join_all().await;
    millis.sort_by(f64::total_cmp);
    let soon = millis.iter().filter(|one| **one <= 1_000.0).count();
    let millis = [millis[count / 2], millis[count * 99 / 100]];
    Steady { served: soon as f64 / count as f64, millis }
}

/// Prints what payers at a steady rate get, alone and beside each flood, over interleaved rounds; and
/// returns the last: beside unpaid requests and beside forged payments.
///
/// # Panics
/// When a payer is not served at all.
pub async fn steady(what: &str, stage: &Stage, rate: u32, rounds: usize, time: Duration) -> [Steady; 2] {
    let quote = stage.quote("/before/x").await;
    let kinds = [Beside::Nothing, Beside::Unpaid, Beside::Forged];
    let mut seen: [Vec<Steady>; 3] = Default::default();
    for _ in 0..rounds {
        for (kind, seen) in kinds.into_iter().zip(&mut seen) {
            let flooding = flooding(stage, &quote, kind).await;
            seen.push(arrive(stage, &quote, rate, time).await);
            drop(flooding);
        }
    }
    let [_, beside @ ..] = kinds.map(|kind| kind as usize).map(|at| {
        let median = |figure: fn(&Steady) -> f64| {
            let mut all: Vec<f64> = seen[at].iter().map(figure).collect();
            all.sort_by(f64::total_cmp);
            all[all.len() / 2]
        };
        let served = seen[at].iter().map(|one| one.served).fold(1.0, f64::min);
        let millis = [median(|one| one.millis[0]), median(|one| one.millis[1])];
        println!(
            "{what}, {rate} payers a second beside {:?}: {:.1} % served within a second, in {:.1} ms, one in a \
             hundred in more than {:.1}",
            kinds[at], served * 100.0, millis[0], millis[1],
        );
        Steady { served, millis }
    });
    beside
}

/// The flood, once its burst is over.
async fn flooding(stage: &Stage, quote: &Quote, beside: Beside) -> Option<Flooding> {
    let forged = {
        let mut draft = Draft::for_quote(&Wallet::dev(0), quote).expect("payable");
        draft.from = Wallet::dev(1).address();
        draft.sign(&Wallet::dev(2))
    };
    let ask = RawRequest::get("/before/x");
    let ask = if beside == Beside::Forged { ask.pay(&forged) } else { ask };
    let flooding = (beside != Beside::Nothing)
        .then(|| Flooding::start(stage.envoy.address(), ask.to_bytes("shop.test")));
    tokio::time::sleep(Duration::from_millis(1_000)).await;
    flooding
}

/// Envoy's processor time for each request of a flood that nobody pays beside, in microseconds.
///
/// # Panics
/// When Envoy closes a connection.
pub async fn cost(stage: &Stage, quote: &Quote, kind: Beside) -> f64 {
    let flooding = flooding(stage, quote, kind).await.expect("a flood");
    let answers = || flooding.answers.load(Ordering::Relaxed) as f64;
    let (before, busy) = (answers(), processor_time(stage.envoy.pid()));
    tokio::time::sleep(Duration::from_secs(3)).await;
    (processor_time(stage.envoy.pid()) - busy) * 1e6 / (answers() - before)
}

async fn round(stage: &Stage, quote: &Quote, beside: Beside, time: Duration) -> Round {
    let purse = purse(quote, time);
    let flooding = flooding(stage, quote, beside).await;
    let answers = || flooding.as_ref().map_or(0, |flooding| flooding.answers.load(Ordering::Relaxed));
    let (before, busy, begun) = (answers(), processor_time(stage.envoy.pid()), Instant::now());
    let paid = pay(stage, purse, time).await;
    let took = begun.elapsed().as_secs_f64();
    Round {
        paid,
        flooded: (answers() - before) as f64 / took,
        busy: (processor_time(stage.envoy.pid()) - busy) / took,
    }
}

/// Prints the median of each figure over interleaved rounds, and of the ratio of paid responses to
/// those of the same round without a flood. Returns the ratios of the best rounds: whatever else the
/// machine does only takes from them.
///
/// # Panics
/// When a payer is not served.
pub async fn measure(what: &str, stage: &Stage, rounds: usize, time: Duration) -> [f64; 2] {
    let quote = stage.quote("/before/x").await;
    let kinds = [Beside::Nothing, Beside::Unpaid, Beside::Forged];
    let mut seen: [Vec<Round>; 3] = Default::default();
    for _ in 0..rounds {
        for (kind, seen) in kinds.into_iter().zip(&mut seen) {
            seen.push(round(stage, &quote, kind, time).await);
        }
    }
    let median = |mut all: Vec<f64>| {
        all.sort_by(f64::total_cmp);
        all[all.len() / 2]
    };
    let mut ratios = [0.0; 2];
    for (at, (kind, rounds)) in kinds.into_iter().zip(&seen).enumerate() {
        let of = |figure: fn(&Round) -> f64| median(rounds.iter().map(figure).collect());
        let ratio = median(rounds.iter().zip(&seen[0]).map(|(one, quiet)| one.paid / quiet.paid).collect());
        println!(
            "{what}, beside {kind:?}: {:.0} paid a second ({ratio:.2}), {:.0} of the flood answered a second, \
             Envoy busy {:.2}",
            of(|round| round.paid),
            of(|round| round.flooded),
            of(|round| round.busy),
        );
        let best = |rounds: &[Round]| rounds.iter().map(|one| one.paid).fold(0.0, f64::max);
        if let Some(place) = at.checked_sub(1) {
            ratios[place] = best(rounds) / best(&seen[0]);
        }
    }
    ratios
}
