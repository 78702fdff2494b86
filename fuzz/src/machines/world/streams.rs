//! Streams, from the payment to the last byte.

use serde_json::Value;

use super::super::host::{find, host, Pairs, Phase, Reply, Stream};
use super::super::market::payments;
use super::super::sdk::{self, Action};
use super::World;

/// `response.flags` of a client that hung up, and of an upstream that timed out.
const DISCONNECT: u64 = 0x4000;
const TIMEOUT: u64 = 0x4;

/// How a stream ended, as its client sees it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(in crate::machines) enum End {
    /// It has what it paid for.
    Served,
    /// It has the upstream's failure.
    Failed,
    /// It was cut.
    Cut,
    /// It was refused: the code, and in how many seconds to come again.
    Refused(String, Option<u64>),
}

// === impl World ===

impl World {
    pub(in crate::machines) fn streams(&self, wanted: impl Fn(&Stream) -> bool) -> Vec<u32> {
        host(|host| host.streams.iter().filter(|(_, stream)| wanted(stream)).map(|(id, _)| *id).collect())
    }

    /// A client presents a payment; its stream.
    pub(in crate::machines) fn present(&mut self, root: u32, place: usize) -> u32 {
        let payment = &payments()[place];
        let serial = !self.crowded && (self.strict || !self.settings.shared);
        self.promises.presented(place, serial, &self.redis, self.settings, self.now());
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
        id
    }

    fn forward(&mut self, id: u32) {
        let (root, place) = self.phase(id, Phase::Between, |stream| {
            stream.forwarded = true;
            (stream.root, stream.payment)
        });
        self.promises.forwarded(place, &self.chain, self.settings);
        if let Some(tried) = self.promises.redeems(place, &self.redis, root) {
            host(|host| host.streams.get_mut(&id).expect("a stream").tries = Some(tried));
        }
    }

    /// The upstream answers.
    pub(in crate::machines) fn respond(&mut self, id: u32, status: u16) {
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
    pub(in crate::machines) fn time_out(&mut self, id: u32) {
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
        let receipt = find(&response, "payment-response").map(<[u8]>::to_vec);
        let others = self.streams(|stream| stream.serves.is_some());
        let busy = others.iter().map(|other| host(|host| host.streams[other].serves.expect("served")));
        let busy: Vec<usize> = busy.collect();
        let serves = self.promises.released(place, status(&response), receipt.as_deref(), &self.chain, &busy);
        self.phase(id, Phase::Between, |stream| stream.serves = serves);
    }

    /// The rest of a response goes out.
    pub(in crate::machines) fn finish(&mut self, id: u32) {
        if host(|host| host.streams.get(&id).is_some_and(|stream| stream.released)) {
            let action = sdk::response_body(id, 5, true);
            assert_eq!(action, Action::Continue, "a body is held after its headers went");
            self.close(id, true);
            self.settle_down();
        }
    }

    /// The client hangs up.
    pub(in crate::machines) fn hang_up(&mut self, id: u32) {
        if host(|host| host.streams.contains_key(&id)) {
            self.phase(id, Phase::Between, |stream| stream.flags = DISCONNECT);
            self.close(id, false);
            self.settle_down();
        }
    }

    fn close(&mut self, id: u32, clean: bool) {
        let (serves, root, tries) =
            self.phase(id, Phase::Log, |stream| (stream.serves, stream.root, stream.tries));
        let end = match (clean, serves) {
            (false, _) => End::Cut,
            (true, None) => End::Failed,
            (true, Some(_)) => End::Served,
        };
        self.ends.entry(id).or_insert(end);
        if let Some(place) = tries {
            self.promises.tried(place);
        }
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
        let end = End::of(&reply);
        let status = host(|host| status(&host.streams[&id].response));
        // Of what the upstream did well, and the store failed, it is no try.
        if matches!(&end, End::Refused(code, _) if code == "claim_store_unavailable") && is_worth(status) {
            host(|host| host.streams.get_mut(&id).expect("a stream").tries = None);
        }
        self.ends.insert(id, end);
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
    pub(in crate::machines) fn settle_down(&mut self) {
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
}

// === impl End ===

impl End {
    fn of(reply: &Reply) -> Self {
        let body: Value = serde_json::from_slice(&reply.body).unwrap_or_default();
        let seconds = find(&reply.headers, "retry-after");
        let seconds = seconds.and_then(|text| std::str::from_utf8(text).ok()?.parse().ok());
        Self::Refused(body["code"].as_str().unwrap_or_default().to_owned(), seconds)
    }
}

/// A response's status; zero where there is none.
fn status(response: &Pairs) -> u16 {
    let text = find(response, ":status").and_then(|text| std::str::from_utf8(text).ok());
    text.and_then(|text| text.parse().ok()).unwrap_or(0)
}

/// Whether a status is worth a price; no response is worth as much as one that was not asked for.
pub(in crate::machines) fn is_worth(status: u16) -> bool {
    status < 400 && status != 304
}
