//! The core without the proxy-wasm shell: a second shell, as small as one can be.
//!
//! It shows that the core carries one: nothing here reaches past the core's public surface.

mod ledger;
mod memory;
mod sale;

use std::cell::RefCell;
use std::collections::HashMap;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use bytes::Bytes;
use x402_devstack::client::{Answer, RawRequest};
use x402_proxy_wasm::admission::head::fields;
use x402_proxy_wasm::admission::{admit, Admission, Head};
use x402_proxy_wasm::claims::bucket::Layout;
use x402_proxy_wasm::claims::table::Table;
use x402_proxy_wasm::claims::{Attempt, Identity};
use x402_proxy_wasm::config::{Facilitator, Offer, Policy, Route};
use x402_proxy_wasm::demand::Demand;
use x402_proxy_wasm::evm::address::Address;
use x402_proxy_wasm::facilitator::breaker::Breaker;
use x402_proxy_wasm::facilitator::{Delivery, Endpoint, MAX_ANSWER_BYTES};
use x402_proxy_wasm::protocol::abilities::{Abilities, Ability, Standing};
use x402_proxy_wasm::protocol::challenge::{Challenge, Declared};
use x402_proxy_wasm::protocol::Version;
use x402_proxy_wasm::reply::cors::Grant;
use x402_proxy_wasm::reply::grpc::{Dialect, Status};
use x402_proxy_wasm::reply::{Quote, Refusal, Reply};

use crate::rig::{Rig, World};
use crate::shop::{Shop, TOKEN};
use crate::wire::{self, Client, Pairs, Reached, UPSTREAM_TIMEOUT};
use memory::Memory;
use sale::Sale;

/// The core between a world's two ends.
pub struct Sansio {
    world: World,
    policy: Policy,
    table: Table,
    memory: Memory,
    /// What was asked for and may have to be asked for again.
    demands: RefCell<HashMap<Identity, Demand>>,
    breakers: RefCell<Vec<Breaker>>,
    challenges: HashMap<String, Challenge>,
    client: Client,
    attempts: u64,
}

impl Sansio {
    /// A new table, and a world of its own.
    ///
    /// # Errors
    /// What the configuration says, or when there is no free port.
    pub fn start(shop: Shop) -> Result<Self, String> {
        let environment = |_: &str| Some(TOKEN.to_owned());
        let bytes = shop.config().to_string().into_bytes();
        let policy = Policy::from_bytes(&bytes, &environment).map_err(|errors| errors.to_string())?;
        let memory = Memory::default();
        let table = Table::open(&memory, policy.capacity(), Layout::Two, [7; 16])
            .map_err(|error| error.to_string())?;
        let offers = policy.routes().filter_map(|route| Some((route.name(), route.offer()?)));
        Ok(Self {
            world: World::start().map_err(|error| error.to_string())?,
            table,
            memory,
            demands: RefCell::default(),
            breakers: RefCell::new(vec![Breaker::default(); policy.facilitators().len()]),
            challenges: offers
                .map(|(name, offer)| (name.to_owned(), Challenge::new(offer, &Listed, Declared::default())))
                .collect(),
            client: Client::new(),
            attempts: 0,
            policy,
        })
    }

    fn exchange(&mut self, request: &RawRequest, hang_up: bool) -> Answer {
        let pairs = wire::request_pairs(request);
        let fields = fields(&pairs);
        let head = Head::read(&fields);
        match admit(&self.policy, &head, &Listed, now()) {
            Admission::Pass(_) => {
                let kept = without(&pairs, &head, |name| head.owned.contains(&name));
                let reached = self.upstream(&kept, &request.body);
                wire::answer(&reached.headers, reached.body, reached.cut)
            }
            Admission::Preflight(_, methods) => {
                let grant = self.grant(&head);
                spell(&grant.preflight(&methods, head.asked_headers))
            }
            Admission::Refuse(route, refusal, allow) => {
                let offer = route.as_deref().and_then(Route::offer);
                let silent = offer.is_some_and(|offer| !self.breaker(offer, |b| b.quotes(now())));
                let refusal = if refusal.quotes() && silent { Refusal::QuotesSuspended } else { refusal };
                let challenge = route.map(|route| self.challenge(&route, refusal, &head));
                self.refuse(refusal, challenge.flatten(), Vec::new(), &allow, &head)
            }
            Admission::Present(mut purchase) => {
                if purchase.unfit.is_none() && !self.breaker(&purchase.offer, |b| b.quotes(now())) {
                    purchase.unfit = Some(Refusal::QuotesSuspended);
                }
                self.attempts += 1;
                let sale = Sale::new(self, &head, &pairs, &request.body, *purchase, Attempt(self.attempts));
                sale.run(hang_up)
            }
        }
    }

    fn grant(&self, head: &Head<'_>) -> Grant {
        Grant::of(self.policy.cors(), head.origin)
    }

    fn challenge(&self, route: &Route, refusal: Refusal, head: &Head<'_>) -> Option<Quote> {
        let url = head.resource(&self.policy);
        let challenge = self.challenges.get(route.name())?;
        Some(Quote {
            header: challenge.header(refusal.code(), &url, "", ""),
            v1_accepts: challenge.v1_accepts(&url),
        })
    }

    fn refuse(
        &self,
        refusal: Refusal,
        challenge: Option<Quote>,
        receipts: Vec<(&'static str, String)>,
        allow: &str,
        head: &Head<'_>,
    ) -> Answer {
        let mut reply = refusal.reply(challenge, receipts, allow);
        self.grant(head).open(&mut reply);
        match head.dialect {
            Dialect::Http => spell(&reply),
            dialect => spell(&Status::of(refusal, &reply).into_headers(dialect)),
        }
    }

    fn breaker<T>(&self, offer: &Offer, act: impl FnOnce(&mut Breaker) -> T) -> T {
        let index = offer.facilitators().first().map_or(0, |facilitator| facilitator.index());
        act(&mut self.breakers.borrow_mut()[index])
    }

    /// The offer's one facilitator, if it may be asked.
    fn admitted<'o>(&self, offer: &'o Offer) -> Option<&'o Facilitator> {
        let facilitator = offer.facilitators().first()?;
        self.breaker(offer, |breaker| breaker.admits(now())).then_some(facilitator)
    }

    fn upstream(&self, pairs: &Pairs, body: &[u8]) -> Reached {
        self.client.call(self.world.upstream.address(), pairs, body, UPSTREAM_TIMEOUT)
    }

    fn call(&self, facilitator: &Facilitator, endpoint: Endpoint, body: &[u8]) -> Reached {
        assert_eq!(facilitator.cluster(), "facilitator");
        let path = format!("{}{}", facilitator.path_prefix(), endpoint.path());
        let mut pairs = vec![
            (":method".to_owned(), b"POST".to_vec()),
            (":path".to_owned(), path.into_bytes()),
            (":authority".to_owned(), facilitator.authority().into()),
            ("content-type".to_owned(), b"application/json".to_vec()),
        ];
        pairs.extend(facilitator.headers().map(|(name, value)| (name.to_owned(), value.into())));
        let patience = Duration::from_millis(facilitator.timeout_millis().into());
        let reached = self.client.call(self.world.facilitator.address(), &pairs, body, patience);
        reached.for_callout()
    }
}

impl Rig for Sansio {
    fn world(&self) -> &World {
        &self.world
    }

    fn send(&mut self, request: &RawRequest) -> Answer {
        let mut answer = self.exchange(request, false);
        if request.method == "HEAD" {
            answer.body = Bytes::new();
        }
        answer
    }

    fn hang_up(&mut self, request: &RawRequest) {
        self.exchange(request, true);
    }

    fn lose_claims(&mut self) {
        self.memory.lose();
    }
}

/// A request's headers without some, and without the payment in its cookies.
fn without(pairs: &Pairs, head: &Head<'_>, ours: impl Fn(&str) -> bool) -> Pairs {
    let mut kept: Pairs = pairs.iter().filter(|(name, _)| !ours(name)).cloned().collect();
    if let Some(cookies) = &head.cookies {
        kept.retain(|(name, _)| name != "cookie");
        kept.push(("cookie".to_owned(), cookies.rest.clone()));
        kept.retain(|(name, value)| name != "cookie" || !value.is_empty());
    }
    kept
}

/// A call's outcome as the core reads it.
fn delivery(reached: &Reached) -> Delivery<'_> {
    if reached.headers.is_empty() {
        return Delivery::Broken;
    }
    Delivery::Answered {
        status: reached.status(),
        from_upstream: reached.header("x-envoy-upstream-service-time").is_some(),
        body: (reached.body.len() <= MAX_ANSWER_BYTES).then_some(&reached.body[..]),
    }
}

fn spell(reply: &Reply) -> Answer {
    let headers = reply.headers.iter();
    Answer {
        status: reply.status,
        headers: headers.map(|(name, value)| ((*name).to_owned(), Bytes::from(value.clone()))).collect(),
        body: Bytes::from(reply.body.clone()),
        ..Answer::default()
    }
}

fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs())
}

/// A facilitator that settles everything, by the first address of the development one's pool.
struct Listed;

const SUBMITTER: &str = "0x70997970C51812dc3A010C7d01b50e0d17dc79C8";

impl Abilities for Listed {
    fn standing(&self, _: &Facilitator) -> Standing {
        Standing::Ready
    }

    fn settles(&self, _: &Facilitator, _: Version, _: &str, network: &str) -> Ability {
        let extra = if network.starts_with("solana") { r#"{"feePayer":"somebody"}"# } else { "{}" };
        Ability::Yes(extra.to_owned())
    }

    fn submitter(&self, _: &Facilitator, _: &str) -> Option<Address> {
        Address::parse(SUBMITTER).ok()
    }

    fn submits(&self, _: &Facilitator, _: &str, address: &Address) -> bool {
        address.to_string() == SUBMITTER
    }
}
