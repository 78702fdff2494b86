//! Everything around the filter: roots that come and go, calls that arrive or do not, streams.

use std::collections::BTreeMap;

use x402_proxy_wasm::claims::{Claim, State};

use super::facilitator::{self, Mood};
use super::host::{host, Host, Pairs, Root};
use super::market::{Coin, PAYMENTS, START};
use super::promises::{stored, Promises};
use super::redis::Redis;
use super::sdk;
use super::weather::{Sky, Weather};
use super::{node, settings::Settings};

mod streams;

pub(super) use streams::{is_worth, End};

/// Envoy's words for a connection that was never made.
const NEVER: &[u8] =
    b"upstream connect error or disconnect/reset before headers. reset reason: remote connection failure";

/// What becomes of a call on its way back.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Fate {
    /// Its answer arrives.
    Delivered,
    /// The host gives up; it may still reach the other side.
    TimedOut,
    /// It never left.
    Unsent,
}

/// The world.
pub(super) struct World {
    pub(super) settings: Settings,
    pub(super) chain: [Coin; PAYMENTS],
    pub(super) redis: Redis,
    pub(super) promises: Promises,
    /// How the store is seen.
    pub(super) weather: Weather,
    /// What facilitators do when nothing is said of it.
    pub(super) mood: Mood,
    /// Nothing fails but the store, by its weather, and what is asked of it arrives in time: less is
    /// excused.
    pub(super) strict: bool,
    /// Others of a wallet's payments are at work beside each: what it was owed when one was presented may
    /// be served to another, and owed again, before that is asked for.
    pub(super) crowded: bool,
    /// How streams ended that nobody asked about yet.
    pub(super) ends: BTreeMap<u32, End>,
    /// Roots and streams, which the SDK has to forget in the end.
    contexts: Vec<u32>,
    next: u32,
}

impl World {
    /// A world with two workers: of one process or, where replicas share a store, of two.
    pub(super) fn new(settings: Settings, next: u32) -> Self {
        host(|host| *host = Host { now: START * 1_000, next_token: next, ..Host::default() });
        let mut world = Self {
            settings,
            chain: [Coin::Unspent; PAYMENTS],
            redis: Redis::new(settings.scripts),
            promises: Promises::default(),
            weather: Weather::default(),
            mood: Mood::Plain,
            strict: false,
            crowded: false,
            ends: BTreeMap::new(),
            contexts: Vec::new(),
            next,
        };
        let processes = if settings.shared { [0, 1] } else { [0, 0] };
        for process in processes {
            world.start(process, false);
        }
        // A store is asked for its clock before the first payment.
        while let Some(call) = world.calls(|call| !call.heard).first() {
            world.arrive(*call, Mood::Plain);
            world.return_call(*call, Fate::Delivered);
        }
        world
    }

    pub(super) fn now(&self) -> u64 {
        host(|host| host.now) / 1_000
    }

    // === roots ===

    /// A worker begins.
    pub(super) fn start(&mut self, process: usize, swapped: bool) {
        let id = self.context();
        let config = self.settings.config(swapped).into_bytes();
        let size = config.len();
        host(|host| host.roots.insert(id, Root { process, config, ..Root::default() }));
        sdk::create(id, 0);
        assert!(sdk::vm_start(id, 0) && sdk::configure(id, size), "the configuration is refused");
        sdk::tick(id);
    }

    /// The roots that get callbacks.
    pub(super) fn roots(&self) -> Vec<u32> {
        host(|host| host.roots.iter().filter(|(_, root)| !root.dead).map(|(id, _)| *id).collect())
    }

    /// The roots that get new streams.
    pub(super) fn open_roots(&self) -> Vec<u32> {
        let open = |root: &Root| !root.dead && !root.leaving;
        host(|host| host.roots.iter().filter(|(_, root)| open(root)).map(|(id, _)| *id).collect())
    }

    /// A worker dies with all it knew, and another takes its place.
    pub(super) fn crash(&mut self, root: u32) {
        let process = host(|host| {
            let root = host.roots.get_mut(&root).expect("a root");
            root.dead = true;
            root.process
        });
        for stream in self.streams(|stream| stream.root == root) {
            host(|host| host.streams.remove(&stream));
        }
        self.promises.died(root, &self.redis);
        self.start(process, false);
    }

    /// A process dies with its store of claims: two workers are one here.
    pub(super) fn restart(&mut self, root: u32) {
        let process = host(|host| host.roots[&root].process);
        host(|host| host.shared[process].clear());
        self.crash(root);
        for other in self.roots() {
            if host(|host| host.roots[&other].process == process && host.roots[&other].leaving) {
                host(|host| host.roots.get_mut(&other).expect("a root").dead = true);
                self.promises.died(other, &self.redis);
                for stream in self.streams(|stream| stream.root == other) {
                    host(|host| host.streams.remove(&stream));
                }
            }
        }
    }

    /// A new configuration: another root, and the old one goes when it has nothing left to do.
    pub(super) fn reload(&mut self, root: u32, swapped: bool) {
        let process = host(|host| {
            let root = host.roots.get_mut(&root).expect("a root");
            root.leaving = true;
            root.process
        });
        let gone = sdk::done(root);
        host(|host| host.roots.get_mut(&root).expect("a root").done |= gone);
        self.start(process, swapped);
        self.settle_down();
    }

    fn context(&mut self) -> u32 {
        self.next += 1;
        self.contexts.push(self.next);
        self.next
    }

    // === time ===

    /// Time passes for everybody who is awake.
    pub(super) fn pass(&mut self, millis: u64) {
        host(|host| host.now += millis);
        self.passed();
        for root in self.roots() {
            sdk::tick(root);
        }
        self.settle_down();
    }

    /// Time passes and nobody notices.
    pub(super) fn stall(&mut self, seconds: u64) {
        // The lease of a response that is already streaming is renewed while its worker lives.
        if self.streams(|stream| stream.released).is_empty() {
            host(|host| host.now += seconds * 1_000);
            self.passed();
        }
    }

    /// A lease that lapses is excused where its owner may not have reached the store.
    fn passed(&mut self) {
        let millis = host(|host| host.now);
        let owner =
            |claim: &Claim| self.redis.owner(claim).map(|root| host(|host| host.roots[&root].process));
        let calm = |claim: &Claim| owner(claim).is_some_and(|owner| self.weather.is_calm(owner, millis));
        let excused = |claim: &Claim| !(self.strict && calm(claim));
        self.promises.passed(&self.redis, millis / 1_000, excused);
    }

    /// A payment whose claim is at work in the store, though nothing is under way and the worker that
    /// began that lives.
    pub(super) fn at_work_for_nobody(&self) -> Option<usize> {
        let lives = |root: u32| host(|host| host.roots.get(&root).is_some_and(|root| !root.dead));
        (0..PAYMENTS).find(|place| {
            let claim = stored(*place, &self.redis).and_then(|claim| claim.at(self.now()));
            claim.is_some_and(|claim| {
                let works = matches!(claim.state, State::Held | State::Settling | State::Redeeming);
                works && self.redis.owner(&claim).is_some_and(lives)
            })
        })
    }

    // === calls ===

    /// Places of calls for which something may still happen.
    pub(super) fn calls(&self, wanted: impl Fn(&super::host::Call) -> bool) -> Vec<u32> {
        host(|host| host.calls.iter().filter(|call| wanted(call)).map(|call| call.token).collect())
    }

    /// A call goes its way, as far as the weather lets it.
    pub(super) fn carry(&mut self, token: u32) {
        let to_store = host(|host| {
            let call = host.calls.iter().find(|call| call.token == token)?;
            (call.cluster == "store").then(|| (host.roots[&call.root].process, host.now))
        });
        let sky = to_store.map_or(Sky::Fine, |(process, now)| self.weather.over(process, now));
        if sky != Sky::Away {
            self.arrive(token, self.mood);
        }
        let fate = match sky {
            Sky::Fine => Fate::Delivered,
            Sky::Away => Fate::Unsent,
            Sky::Deaf => Fate::TimedOut,
        };
        self.return_call(token, fate);
    }

    /// A call reaches the other side.
    pub(super) fn arrive(&mut self, token: u32, mood: Mood) {
        let now = self.now();
        let call = host(|host| {
            let call = host.calls.iter().find(|call| call.token == token && call.answer.is_none())?;
            // What arrives after its caller gave it up is nobody's.
            let root = (!call.heard).then_some(call.root);
            Some((root, call.cluster.clone(), call.path.clone(), call.body.clone()))
        });
        let Some((root, cluster, path, body)) = call else { return };
        let answer = match cluster.as_str() {
            "store" => self.redis.answer(&body, now, root),
            "node" => node::answer(&body, &self.chain, now),
            _ => facilitator::answer(&path, &body, mood, &mut self.chain, now),
        };
        host(|host| {
            if let Some(call) = host.calls.iter_mut().find(|call| call.token == token) {
                call.answer = Some(answer);
            }
        });
        self.forget_calls();
    }

    /// The filter hears what came of a call.
    pub(super) fn return_call(&mut self, token: u32, fate: Fate) {
        let call = host(|host| {
            let call = host.calls.iter_mut().find(|call| call.token == token && !call.heard)?;
            let fate = if call.answer.is_some() && fate == Fate::Unsent { Fate::TimedOut } else { fate };
            let fate = if call.answer.is_none() && fate == Fate::Delivered { Fate::TimedOut } else { fate };
            call.heard = true;
            let answer = call.answer.clone();
            if fate == Fate::Unsent {
                // It is nobody's any more.
                call.answer = Some((0, Vec::new()));
            }
            Some((call.root, call.cluster.clone(), call.path.clone(), call.body.clone(), answer, fate))
        });
        let Some((root, cluster, path, body, answer, fate)) = call else { return };
        self.forget_calls();
        if host(|host| host.roots[&root].dead) {
            return;
        }
        self.promises.returned(&cluster, &path, &body, fate, answer.as_ref());
        let (headers, body) = match (fate, answer) {
            (Fate::Delivered, Some((status, body))) => (
                vec![
                    (":status".to_owned(), status.to_string().into_bytes()),
                    ("x-envoy-upstream-service-time".to_owned(), b"1".to_vec()),
                ],
                body,
            ),
            (Fate::Unsent, _) => (vec![(":status".to_owned(), b"503".to_vec())], NEVER.to_vec()),
            _ => (Pairs::new(), Vec::new()),
        };
        let (count, size) = (headers.len(), body.len());
        host(|host| host.delivering = Some((headers, body)));
        sdk::call_response(root, token, count, size, 0);
        host(|host| host.delivering = None);
        self.settle_down();
    }

    fn forget_calls(&self) {
        host(|host| {
            let dead: Vec<u32> = host.roots.iter().filter(|(_, root)| root.dead).map(|(id, _)| *id).collect();
            host.calls.retain(|call| call.answer.is_none() || !(call.heard || dead.contains(&call.root)));
        });
    }

    /// A root looks into its queue.
    pub(super) fn turn(&mut self, root: u32) -> bool {
        let queue = host(|host| host.roots.get_mut(&root)?.ready.pop_front());
        let Some(queue) = queue else { return false };
        sdk::queue_ready(root, queue);
        self.settle_down();
        true
    }

    /// The end: the SDK forgets everything.
    pub(super) fn end(self) -> u32 {
        let ids: Vec<u32> = self.contexts.iter().rev().copied().collect();
        for id in ids {
            host(|host| host.effective = id);
            sdk::delete(id);
        }
        self.next.max(host(|host| host.next_token))
    }
}
