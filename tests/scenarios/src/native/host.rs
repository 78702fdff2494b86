//! The host's side of the calls: what it holds, and what it lets a filter do when.

use std::cell::RefCell;
use std::collections::{BTreeMap, HashMap, VecDeque};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use bytes::Bytes;

use super::side::Side;
use super::store::Store;
use crate::wire::Pairs;

/// The root context's id.
pub(super) const ROOT: u32 = 1;

/// Status codes of the ABI.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(u32)]
pub(super) enum Status {
    Ok = 0,
    NotFound = 1,
    BadArgument = 2,
    Empty = 7,
    CasMismatch = 8,
}

/// One VM's host.
#[derive(Default)]
pub(super) struct Host {
    pub(super) config: Vec<u8>,
    pub(super) allow_on_headers_stop_iteration: bool,
    pub(super) effective: u32,
    /// Seconds its clock is ahead of the world's.
    pub(super) ahead: u64,
    pub(super) streams: HashMap<u32, Stream>,
    pub(super) shared: HashMap<String, (Vec<u8>, u32)>,
    pub(super) queues: Vec<(String, VecDeque<Vec<u8>>)>,
    /// Queues whose owner has to be told.
    pub(super) ready: VecDeque<u32>,
    pub(super) calls: VecDeque<Call>,
    pub(super) next_token: u32,
    /// What replicas share.
    pub(super) store: Store,
    /// The answer of the callout that is being delivered.
    pub(super) delivering: Option<(Pairs, Bytes)>,
    pub(super) metrics: Vec<(String, i128)>,
    pub(super) log: Vec<String>,
    pub(super) wrongs: Vec<String>,
    /// How often each hostcall was made since the last request began.
    pub(super) hostcalls: BTreeMap<&'static str, u64>,
}

/// A callout under way.
pub(super) struct Call {
    pub(super) token: u32,
    pub(super) context: u32,
    pub(super) cluster: String,
    pub(super) pairs: Pairs,
    pub(super) body: Vec<u8>,
    pub(super) timeout_millis: u32,
}

/// What the host knows of a stream.
#[derive(Default)]
pub(super) struct Stream {
    pub(super) request: Pairs,
    pub(super) response: Pairs,
    pub(super) phase: Phase,
    /// Deferred until the callback has returned, as everything below.
    pub(super) resume_request: bool,
    pub(super) resume_response: bool,
    pub(super) reply: Option<LocalReply>,
    pub(super) replied: bool,
    pub(super) flags: u64,
    pub(super) filter_state: HashMap<String, Vec<u8>>,
}

/// Which header maps a stream's filter can reach.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(super) enum Phase {
    /// The request's.
    #[default]
    Request,
    /// None: the upstream is at work, or the response is passing.
    Between,
    /// The response's.
    Response,
    /// Both, to read.
    Log,
}

/// A reply of the filter's own.
pub(super) struct LocalReply {
    pub(super) status: u32,
    pub(super) headers: Pairs,
    pub(super) body: Vec<u8>,
}

thread_local! {
    static HOST: RefCell<Host> = RefCell::default();
}

/// The host of this thread's VM. Never held across a callback into the SDK.
pub(super) fn host<T>(act: impl FnOnce(&mut Host) -> T) -> T {
    HOST.with(|host| act(&mut host.borrow_mut()))
}

/// One hostcall more. The host is at work as long as what is returned is kept.
pub(super) fn hostcall(name: &'static str) -> Side {
    let side = Side::hosts();
    host(|host| *host.hostcalls.entry(name).or_default() += 1);
    side
}

impl Host {
    pub(super) fn new(config: Vec<u8>, allow_on_headers_stop_iteration: bool) -> Self {
        Self { config, allow_on_headers_stop_iteration, ..Self::default() }
    }

    /// Its clock, since the epoch.
    pub(super) fn now(&self) -> Duration {
        SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default() + Duration::from_secs(self.ahead)
    }

    /// The stream whose callback runs, or that the root acts for.
    pub(super) fn stream(&mut self) -> Option<&mut Stream> {
        self.streams.get_mut(&self.effective)
    }

    /// Takes down what a real host would make the filter suffer for.
    pub(super) fn wrong(&mut self, what: impl Into<String>) {
        self.wrongs.push(what.into());
    }

    pub(super) fn assert_well_treated(&self) {
        assert!(self.wrongs.is_empty(), "the filter mistreats its host: {:?}", self.wrongs);
    }

    /// A header map, in the phases in which Envoy gives it; 0 request, 2 response, 6 callout.
    pub(super) fn map(&mut self, map: u32, write: bool) -> Option<&mut Pairs> {
        if map == 6 {
            return self.delivering.as_mut().filter(|_| !write).map(|(pairs, _)| pairs);
        }
        let stream = self.stream()?;
        let reachable = match (map, stream.phase) {
            (0, Phase::Request) | (2, Phase::Response) => true,
            (0 | 2, Phase::Log) => !write,
            _ => false,
        };
        match map {
            0 if reachable => Some(&mut stream.request),
            2 if reachable => Some(&mut stream.response),
            _ => None,
        }
    }

    /// Envoy: `cas` 0 overwrites, and any `cas` inserts a missing key.
    pub(super) fn set_shared(&mut self, key: String, value: Vec<u8>, cas: u32) -> Status {
        let known = self.shared.get(&key).map(|(_, cas)| *cas);
        if known.is_some_and(|known| cas != 0 && cas != known) {
            return Status::CasMismatch;
        }
        let next = known.map_or(1, |known| known + 1);
        self.shared.insert(key, (value, next));
        Status::Ok
    }

    pub(super) fn enqueue(&mut self, queue: u32, value: Vec<u8>) -> Status {
        match self.queues.get_mut(queue as usize) {
            Some((_, values)) => {
                values.push_back(value);
                self.ready.push_back(queue);
                Status::Ok
            }
            None => Status::NotFound,
        }
    }

    /// Deferred; a second one would leave the client hanging.
    /// A reply with a gRPC status: it has one if the request was a gRPC call to the letter,
    /// else it is an ordinary response.
    pub(super) fn in_grpc(&mut self, mut reply: LocalReply, status: i32) -> LocalReply {
        let content_type = self.stream().and_then(|stream| {
            let pair = stream.request.iter().find(|(name, _)| name == "content-type")?;
            Some(pair.1.clone())
        });
        let rest = content_type.as_deref().and_then(|value| value.strip_prefix(b"application/grpc"));
        if matches!(rest, Some([] | [b'+', ..])) {
            reply.headers.extend([
                ("content-type".to_owned(), b"application/grpc".to_vec()),
                ("grpc-status".to_owned(), status.to_string().into_bytes()),
            ]);
        }
        reply
    }

    pub(super) fn reply(&mut self, reply: LocalReply) -> Status {
        let Some(stream) = self.stream() else {
            self.wrong("a local reply without a stream");
            return Status::Ok;
        };
        if std::mem::replace(&mut stream.replied, true) {
            self.wrong("a second local reply");
        } else {
            stream.reply = Some(reply);
        }
        Status::Ok
    }

    /// Deferred; 0 request, 1 response.
    pub(super) fn resume(&mut self, direction: u32) -> Status {
        let Some(stream) = self.stream() else {
            self.wrong("a resume without a stream");
            return Status::Ok;
        };
        match (direction, stream.phase) {
            (0, Phase::Request) => stream.resume_request = true,
            (1, Phase::Response) => stream.resume_response = true,
            (direction, phase) => self.wrong(format!("resumed {direction} in {phase:?}")),
        }
        Status::Ok
    }
}
