//! Everything around the filter: roots that come and go, calls that arrive or do not, streams.

use super::facilitator::{self, Mood};
use super::host::{find, host, Host, Pairs, Phase, Reply, Root, Stream};
use super::market::{payments, Coin, PAYMENTS, START};
use super::promises::Promises;
use super::redis::Redis;
use super::sdk::{self, Action};
use super::{node, settings::Settings};

/// `response.flags` of a client that hung up, and of an upstream that timed out.
const DISCONNECT: u64 = 0x4000;
const TIMEOUT: u64 = 0x4;

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
            chain: Default::default(),
            redis: Redis::new(settings.scripts),
            promises: Promises::default(),
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
        self.promises.passed(&self.redis, self.now());
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
            self.promises.passed(&self.redis, self.now());
        }
    }

    // === calls ===

    /// Places of calls for which something may still happen.
    pub(super) fn calls(&self, wanted: impl Fn(&super::host::Call) -> bool) -> Vec<u32> {
        host(|host| host.calls.iter().filter(|call| wanted(call)).map(|call| call.token).collect())
    }

    /// A call reaches the other side.
    pub(super) fn arrive(&mut self, token: u32, mood: Mood) {
        let now = self.now();
        let call = host(|host| {
            let call = host.calls.iter().find(|call| call.token == token && call.answer.is_none())?;
            Some((call.cluster.clone(), call.path.clone(), call.body.clone()))
        });
        let Some((cluster, path, body)) = call else { return };
        let answer = match cluster.as_str() {
            "store" => self.redis.answer(&body, now),
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

    // === streams ===

    pub(super) fn streams(&self, wanted: impl Fn(&Stream) -> bool) -> Vec<u32> {
        host(|host| host.streams.iter().filter(|(_, stream)| wanted(stream)).map(|(id, _)| *id).collect())
    }

    /// A client presents a payment.
    pub(super) fn present(&mut self, root: u32, place: usize) {
        let payment = &payments()[place];
        self.promises.presented(place, &self.redis, self.settings, self.now());
        let request = vec![
            (":method".to_owned(), b"GET".to_vec()),
            (":authority".to_owned(), b"shop.example".to_vec()),
            (":path".to_owned(), payment.path().as_bytes().to_vec()),
            ("payment-signature".to_owned(), payment.header(self.settings.before).to_vec()),
        ];
        let (id, count) = (self.context(), request.len());
        host(|host| host.streams.insert(id, Stream { root, payment: place, request, ..Stream::default() }));
        sdk::create(id, root);
        let action = sdk::request_headers(id, count, true);
        if action == Action::Continue && host(|host| !host.streams[&id].replied) {
            self.forward(id);
        }
        self.settle_down();
    }

    fn forward(&mut self, id: u32) {
        let place = self.phase(id, Phase::Between, |stream| {
            stream.forwarded = true;
            stream.payment
        });
        self.promises.forwarded(place, &self.chain, self.settings);
    }

    /// The upstream answers.
    pub(super) fn respond(&mut self, id: u32, status: u16) {
        let waits = host(|host| {
            host.streams.get(&id).is_some_and(|stream| stream.forwarded && stream.response.is_empty())
        });
        if !waits {
            return;
        }
        let response = vec![
            (":status".to_owned(), status.to_string().into_bytes()),
            ("x-envoy-upstream-service-time".to_owned(), b"1".to_vec()),
        ];
        let count = response.len();
        self.phase(id, Phase::Response, |stream| stream.response = response);
        if sdk::response_headers(id, count, false) == Action::Continue
            && host(|host| !host.streams[&id].replied)
        {
            self.release(id);
        }
        self.settle_down();
    }

    /// The host gives up on a request that is held, and answers in the filter's place.
    pub(super) fn time_out(&mut self, id: u32) {
        let held =
            host(|host| host.streams.get(&id).is_some_and(|stream| !stream.forwarded && !stream.replied));
        if !held {
            return;
        }
        let response = vec![(":status".to_owned(), b"504".to_vec())];
        self.phase(id, Phase::Response, |stream| {
            stream.response = response;
            stream.flags = TIMEOUT;
        });
        let action = sdk::response_headers(id, 1, true);
        assert_eq!(action, Action::Continue, "the host's own answer is held");
        self.close(id, false);
        self.settle_down();
    }

    fn release(&mut self, id: u32) {
        let (place, response) = self.phase(id, Phase::Between, |stream| {
            stream.released = true;
            (stream.payment, stream.response.clone())
        });
        let status = find(&response, ":status").and_then(|text| std::str::from_utf8(text).ok()?.parse().ok());
        let receipt = find(&response, "payment-response").map(<[u8]>::to_vec);
        let others = self.streams(|stream| stream.serves.is_some());
        let busy = others.iter().map(|other| host(|host| host.streams[other].serves.expect("served")));
        let busy: Vec<usize> = busy.collect();
        let serves =
            self.promises.released(place, status.unwrap_or(0), receipt.as_deref(), &self.chain, &busy);
        self.phase(id, Phase::Between, |stream| stream.serves = serves);
    }

    /// The rest of a response goes out.
    pub(super) fn finish(&mut self, id: u32) {
        if host(|host| host.streams.get(&id).is_some_and(|stream| stream.released)) {
            let action = sdk::response_body(id, 5, true);
            assert_eq!(action, Action::Continue, "a body is held after its headers went");
            self.close(id, true);
            self.settle_down();
        }
    }

    /// The client hangs up.
    pub(super) fn hang_up(&mut self, id: u32) {
        if host(|host| host.streams.contains_key(&id)) {
            self.phase(id, Phase::Between, |stream| stream.flags = DISCONNECT);
            self.close(id, false);
            self.settle_down();
        }
    }

    fn close(&mut self, id: u32, clean: bool) {
        let (serves, root) = self.phase(id, Phase::Log, |stream| (stream.serves, stream.root));
        if let Some(place) = serves.filter(|_| clean) {
            self.promises.delivered(place, root, &self.redis);
        }
        sdk::log(id);
        sdk::done(id);
        host(|host| host.effective = id);
        sdk::delete(id);
        self.contexts.retain(|context| *context != id);
        host(|host| host.streams.remove(&id));
    }

    fn reply(&mut self, id: u32, reply: Reply) {
        let place = host(|host| host.streams[&id].payment);
        self.promises.refused(place, &reply, &self.chain, self.now());
        if host(|host| host.streams[&id].phase) == Phase::Request {
            let mut response = vec![(":status".to_owned(), reply.status.to_string().into_bytes())];
            response.extend(reply.headers);
            let count = response.len();
            self.phase(id, Phase::Response, |stream| stream.response = response);
            assert_eq!(sdk::response_headers(id, count, false), Action::Continue, "its own reply is held");
            assert_eq!(sdk::response_body(id, reply.body.len(), true), Action::Continue);
        }
        self.close(id, false);
    }

    fn phase<T>(&self, id: u32, phase: Phase, act: impl FnOnce(&mut Stream) -> T) -> T {
        host(|host| {
            let stream = host.streams.get_mut(&id).expect("a stream");
            stream.phase = phase;
            act(stream)
        })
    }

    /// What was put off until the callback returned.
    pub(super) fn settle_down(&mut self) {
        loop {
            for id in self
                .streams(|stream| stream.reply.is_some() || stream.resume_request || stream.resume_response)
            {
                let Some((reply, request, response)) = host(|host| {
                    let stream = host.streams.get_mut(&id)?;
                    let resumed = (
                        std::mem::take(&mut stream.resume_request),
                        std::mem::take(&mut stream.resume_response),
                    );
                    Some((stream.reply.take(), resumed.0, resumed.1))
                }) else {
                    continue;
                };
                match reply {
                    Some(reply) => self.reply(id, reply),
                    None if request => self.forward(id),
                    None if response => self.release(id),
                    None => {}
                }
            }
            if self.streams(|stream| stream.reply.is_some()).is_empty() {
                break;
            }
        }
        let (chain, redis, settings, now) = (&self.chain, &self.redis, self.settings, self.now());
        self.promises.hold(chain, redis, settings, now);
        host(|host| assert!(host.wrongs.is_empty(), "the filter mistreats its host: {:?}", host.wrongs));
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
