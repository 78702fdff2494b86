//! One HTTP stream through the filter, as Envoy 1.40 drives it.
//!
//! Resumes and local replies wait until the callback has returned. A pause in the headers
//! stops everything, unless `allow_on_headers_stop_iteration` is set: then it stops headers
//! only, bodies are still offered, and a body callback that continues takes the headers with
//! it. A local reply of the request phase passes the filter's own response callbacks, one of
//! the response phase does not.

use bytes::Bytes;
use x402_devstack::client::{Answer, Broken};

use super::event_loop::{next, turn, Next};
use super::host::{host, LocalReply, Phase, Stream};
use super::sdk::{self, Action};
use super::{Native, ROOT};
use crate::rig::BUFFER_LIMIT;
use crate::wire::{self, Pairs, Reached, UPSTREAM_TIMEOUT};

/// `response.flags` of a client that hung up.
const DOWNSTREAM_DISCONNECT: u64 = 0x4000;

/// ... of an upstream that did.
const UPSTREAM_TERMINATED: u64 = 0x40;

/// A request and its response.
pub(super) struct Conversation<'a> {
    rig: &'a Native,
    id: u32,
    /// The client leaves as soon as a callout is under way.
    hang_up: bool,
}

/// How waiting for the filter ended.
enum Waited {
    Resumed,
    Replied(LocalReply),
    /// The client left, or nothing will ever wake the stream.
    Gone,
}

impl<'a> Conversation<'a> {
    pub(super) fn new(rig: &'a Native, id: u32, hang_up: bool) -> Self {
        Self { rig, id, hang_up }
    }

    pub(super) fn run(self, request: Pairs, body: &Bytes) -> Answer {
        let count = request.len();
        host(|host| host.streams.insert(self.id, Stream { request, ..Stream::default() }));
        sdk::create(self.id, ROOT);
        let action = sdk::request_headers(self.id, count, body.is_empty());
        match self.request_goes(action, body) {
            Waited::Resumed => self.serve(body),
            Waited::Replied(reply) => self.reply_to_request(reply),
            Waited::Gone => Answer::broken(Broken::TimedOut),
        }
    }

    /// Until the request may go upstream, or is answered.
    fn request_goes(&self, headers: Action, body: &Bytes) -> Waited {
        let mut offered = body.is_empty();
        let mut action = headers;
        let allow = host(|host| host.allow_on_headers_stop_iteration);
        if action == Action::Pause && allow && !offered && !self.replied() {
            offered = true;
            action = sdk::request_body(self.id, body.len(), true);
            if action == Action::Pause && body.len() > BUFFER_LIMIT {
                return Waited::Replied(too_large(413, b"Payload Too Large"));
            }
        }
        if action == Action::Pause || self.replied() {
            match self.wait(|stream| std::mem::take(&mut stream.resume_request)) {
                Waited::Resumed => {}
                other => return other,
            }
        }
        if !offered {
            let (first, rest) = body.split_at(body.len() / 2);
            for (part, end) in [(first, false), (rest, true)] {
                if sdk::request_body(self.id, part.len(), end) == Action::Pause {
                    if let other @ (Waited::Replied(_) | Waited::Gone) =
                        self.wait(|stream| std::mem::take(&mut stream.resume_request))
                    {
                        return other;
                    }
                }
            }
        }
        Waited::Resumed
    }

    fn serve(&self, body: &Bytes) -> Answer {
        let request = self.phase(Phase::Between, |stream| stream.request.clone());
        let to = self.rig.world.upstream.address();
        let reached = self.rig.client.call(to, &request, body, UPSTREAM_TIMEOUT);
        let Reached { headers, body, cut } = reached;
        let own = wire::find(&headers, "x-envoy-upstream-service-time").is_none();
        let flags = if own || cut { UPSTREAM_TERMINATED } else { 0 };
        let count = headers.len();
        self.phase(Phase::Response, |stream| {
            stream.response = headers;
            stream.flags = flags;
        });
        let empty = body.is_empty() && !cut;
        let action = sdk::response_headers(self.id, count, empty);
        match self.response_goes(action, &body, cut) {
            Waited::Resumed => {}
            // Past the filter: not through its response callbacks.
            Waited::Replied(reply) => {
                let (pairs, body) = spell(reply);
                self.close();
                return wire::answer(&pairs, body, false);
            }
            Waited::Gone => return Answer::broken(Broken::TimedOut),
        }
        let pairs = self.phase(Phase::Between, |stream| stream.response.clone());
        self.close();
        wire::answer(&pairs, body, cut)
    }

    /// Until the response may go to the client, or is replaced.
    fn response_goes(&self, headers: Action, body: &Bytes, cut: bool) -> Waited {
        let mut offered = body.is_empty();
        let mut action = headers;
        let allow = host(|host| host.allow_on_headers_stop_iteration);
        if action == Action::Pause && allow && !offered && !self.replied() {
            offered = true;
            action = sdk::response_body(self.id, body.len(), !cut);
            if action == Action::Pause && body.len() > BUFFER_LIMIT {
                return Waited::Replied(too_large(500, b"Internal Server Error"));
            }
        }
        if action == Action::Pause || self.replied() {
            match self.wait(|stream| std::mem::take(&mut stream.resume_response)) {
                Waited::Resumed => {}
                other => return other,
            }
        }
        if !offered {
            let (first, rest) = body.split_at(body.len() / 2);
            for (part, end) in [(first, false), (rest, !cut)] {
                if sdk::response_body(self.id, part.len(), end) == Action::Pause {
                    host(|host| host.wrong("a response body is held after its headers went"));
                }
            }
        }
        Waited::Resumed
    }

    fn reply_to_request(&self, reply: LocalReply) -> Answer {
        let (pairs, body) = spell(reply);
        let count = pairs.len();
        self.phase(Phase::Response, |stream| stream.response = pairs);
        let mut action = sdk::response_headers(self.id, count, body.is_empty());
        if !body.is_empty() && action == Action::Continue {
            action = sdk::response_body(self.id, body.len(), true);
        }
        if action == Action::Pause {
            host(|host| host.wrong("the filter holds its own reply"));
        }
        let pairs = self.phase(Phase::Between, |stream| stream.response.clone());
        let is_head =
            self.phase(Phase::Between, |stream| wire::find(&stream.request, ":method") == Some(b"HEAD"));
        self.close();
        wire::answer(&pairs, if is_head { Bytes::new() } else { body }, false)
    }

    fn wait(&self, mut resumed: impl FnMut(&mut Stream) -> bool) -> Waited {
        loop {
            let woken = host(|host| {
                let stream = host.streams.get_mut(&self.id)?;
                match stream.reply.take() {
                    Some(reply) => Some(Waited::Replied(reply)),
                    None => resumed(stream).then_some(Waited::Resumed),
                }
            });
            if let Some(woken) = woken {
                return woken;
            }
            match next() {
                Next::Callout if self.hang_up => {
                    self.leave();
                    return Waited::Gone;
                }
                Next::Idle => {
                    host(|host| host.wrong("a paused stream that nothing will wake"));
                    self.close();
                    return Waited::Gone;
                }
                _ => turn(self.rig),
            }
        }
    }

    /// The client hangs up: the stream ends at once, the callout does not.
    fn leave(&self) {
        host(|host| host.streams.entry(self.id).or_default().flags = DOWNSTREAM_DISCONNECT);
        self.close();
    }

    fn close(&self) {
        self.phase(Phase::Log, |_| ());
        sdk::log(self.id);
        sdk::done(self.id);
        sdk::delete(self.id);
        host(|host| host.streams.remove(&self.id));
        // What the stream left behind comes back to the root.
        while next() != Next::Idle {
            turn(self.rig);
        }
    }

    fn replied(&self) -> bool {
        host(|host| host.streams.get(&self.id).is_some_and(|stream| stream.reply.is_some()))
    }

    fn phase<T>(&self, phase: Phase, act: impl FnOnce(&mut Stream) -> T) -> T {
        host(|host| {
            let stream = host.streams.entry(self.id).or_default();
            stream.phase = phase;
            act(stream)
        })
    }
}

/// The host's own answer when it cannot hold what the filter pauses.
fn too_large(status: u32, body: &[u8]) -> LocalReply {
    LocalReply { status, headers: Pairs::new(), body: body.to_vec() }
}

/// A local reply as Envoy completes it.
fn spell(reply: LocalReply) -> (Pairs, Bytes) {
    let mut pairs = vec![(":status".to_owned(), reply.status.to_string().into_bytes())];
    pairs.extend(reply.headers);
    if !reply.body.is_empty() {
        pairs.push(("content-length".to_owned(), reply.body.len().to_string().into_bytes()));
        if wire::find(&pairs, "content-type").is_none() {
            pairs.push(("content-type".to_owned(), b"text/plain".to_vec()));
        }
    } else {
        pairs.retain(|(name, _)| name != "content-type" && name != "content-length");
    }
    (pairs, Bytes::from(reply.body))
}
