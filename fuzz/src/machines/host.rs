//! What a host keeps for the filter: processes with a store each, roots, streams, calls.
//!
//! All roots live in this thread's one VM, which is as good as one VM each: they share nothing
//! there but the SDK's list of contexts.

use std::cell::RefCell;
use std::collections::{BTreeMap, HashMap, VecDeque};

/// Headers as they cross.
pub(super) type Pairs = Vec<(String, Vec<u8>)>;

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

/// Everything.
#[derive(Default)]
pub(super) struct Host {
    /// Milliseconds since the epoch.
    pub(super) now: u64,
    pub(super) effective: u32,
    pub(super) roots: BTreeMap<u32, Root>,
    pub(super) streams: BTreeMap<u32, Stream>,
    /// Shared data, by process.
    pub(super) shared: [HashMap<String, (Vec<u8>, u32)>; 2],
    /// With the root that is told of them.
    pub(super) queues: Vec<(u32, VecDeque<Vec<u8>>)>,
    pub(super) calls: Vec<Call>,
    pub(super) next_token: u32,
    /// The answer that is being delivered.
    pub(super) delivering: Option<(Pairs, Vec<u8>)>,
    /// The next call finds no healthy host.
    pub(super) refuses: bool,
    /// What a real host would make the filter suffer for.
    pub(super) wrongs: Vec<String>,
}

/// A worker's root context.
#[derive(Default)]
pub(super) struct Root {
    pub(super) process: usize,
    pub(super) config: Vec<u8>,
    /// Queues that have something for it.
    pub(super) ready: VecDeque<u32>,
    /// It gets no new streams.
    pub(super) leaving: bool,
    /// It said that it may go.
    pub(super) done: bool,
    /// It crashed: nothing reaches it any more.
    pub(super) dead: bool,
}

/// A call of the filter's.
pub(super) struct Call {
    pub(super) token: u32,
    pub(super) root: u32,
    pub(super) cluster: String,
    pub(super) path: String,
    pub(super) body: Vec<u8>,
    /// When it was made, in milliseconds since the epoch.
    pub(super) since: u64,
    /// It was looked at by whoever checks the filter.
    pub(super) seen: bool,
    /// It reached the other side, which answered so.
    pub(super) answer: Option<(u16, Vec<u8>)>,
    /// The filter was told what came of it.
    pub(super) heard: bool,
}

/// Which header maps a stream's filter can reach.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(super) enum Phase {
    /// The request's.
    #[default]
    Request,
    /// None.
    Between,
    /// The response's.
    Response,
    /// Both, to read.
    Log,
}

/// A stream.
#[derive(Default)]
pub(super) struct Stream {
    pub(super) root: u32,
    pub(super) payment: usize,
    pub(super) request: Pairs,
    pub(super) response: Pairs,
    pub(super) phase: Phase,
    pub(super) resume_request: bool,
    pub(super) resume_response: bool,
    pub(super) reply: Option<Reply>,
    pub(super) replied: bool,
    pub(super) flags: u64,
    /// The request went upstream.
    pub(super) forwarded: bool,
    /// The response is on its way to the client.
    pub(super) released: bool,
    /// ... for this payment, and is worth it.
    pub(super) serves: Option<usize>,
    /// It is a try to redeem this payment.
    pub(super) tries: Option<usize>,
}

/// A reply of the filter's own.
pub(super) struct Reply {
    pub(super) status: u32,
    pub(super) headers: Pairs,
    pub(super) body: Vec<u8>,
}

thread_local! {
    static HOST: RefCell<Host> = RefCell::default();
}

/// The host. Never held across a callback into the SDK.
pub(super) fn host<T>(act: impl FnOnce(&mut Host) -> T) -> T {
    let mut act = Some(act);
    let mut run = |host: &mut Host| (act.take().expect("it is run once"))(host);
    match HOST.try_with(|host| run(&mut host.borrow_mut())) {
        Ok(done) => done,
        // The thread ends after a promise was broken, and the SDK drops what it still had.
        Err(_) => run(&mut Host::default()),
    }
}

impl Host {
    /// The root that the running callback belongs to.
    pub(super) fn root(&self) -> u32 {
        self.streams.get(&self.effective).map_or(self.effective, |stream| stream.root)
    }

    /// The shared data it sees.
    pub(super) fn data(&mut self) -> &mut HashMap<String, (Vec<u8>, u32)> {
        let process = self.roots.get(&self.root()).map_or(0, |root| root.process);
        &mut self.shared[process]
    }

    /// Takes down what a real host would make the filter suffer for.
    pub(super) fn wrong(&mut self, what: impl Into<String>) {
        self.wrongs.push(what.into());
    }

    /// A header map, in the phases in which Envoy gives it; 0 request, 2 response, 6 call.
    pub(super) fn map(&mut self, map: u32, write: bool) -> Option<&mut Pairs> {
        if map == 6 {
            return self.delivering.as_mut().filter(|_| !write).map(|(pairs, _)| pairs);
        }
        let stream = self.streams.get_mut(&self.effective)?;
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
    pub(super) fn set(&mut self, key: String, value: Vec<u8>, cas: u32) -> Status {
        let data = self.data();
        let known = data.get(&key).map(|(_, cas)| *cas);
        if known.is_some_and(|known| cas != 0 && cas != known) {
            return Status::CasMismatch;
        }
        data.insert(key, (value, known.map_or(1, |known| known + 1)));
        Status::Ok
    }

    pub(super) fn enqueue(&mut self, queue: u32, value: Vec<u8>) -> Status {
        let Some((owner, values)) = self.queues.get_mut(queue as usize) else { return Status::NotFound };
        values.push_back(value);
        if let Some(root) = self.roots.get_mut(owner) {
            root.ready.push_back(queue);
        }
        Status::Ok
    }

    /// Deferred until the callback has returned.
    pub(super) fn reply(&mut self, reply: Reply) -> Status {
        let Some(stream) = self.streams.get_mut(&self.effective) else {
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

    /// Deferred until the callback has returned; 0 request, 1 response.
    pub(super) fn resume(&mut self, direction: u32) -> Status {
        match self.streams.get_mut(&self.effective) {
            None => self.wrong("a resume without a stream"),
            Some(stream) => match (direction, stream.phase) {
                (0, Phase::Request) => stream.resume_request = true,
                (1, Phase::Response) => stream.resume_response = true,
                (direction, phase) => self.wrong(format!("resumed {direction} in {phase:?}")),
            },
        }
        Status::Ok
    }

    /// A call of the effective root's.
    pub(super) fn call(&mut self, cluster: String, pairs: &Pairs, body: Vec<u8>) -> Option<u32> {
        if std::mem::take(&mut self.refuses) {
            return None;
        }
        self.next_token += 1;
        let path = pairs.iter().find(|(name, _)| name == ":path");
        let path = path.map(|(_, path)| String::from_utf8_lossy(path).into_owned()).unwrap_or_default();
        let (token, root) = (self.next_token, self.root());
        if root != self.effective {
            self.wrong("a call of a stream's: its answer dies with it");
        }
        let since = self.now;
        let call = Call { token, root, cluster, path, body, since, seen: false, answer: None, heard: false };
        self.calls.push(call);
        Some(token)
    }
}

/// A header's first value.
pub(super) fn find<'a>(pairs: &'a Pairs, name: &str) -> Option<&'a [u8]> {
    pairs.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_slice())
}
