//! What is promised to payers and sellers, held against the chain.
//!
//! 1. Content goes out with the receipt of a payment that the chain has booked, to the wallet and
//!    for the route that paid, and for no two streams at once. After it was delivered whole it goes
//!    out no more.
//! 2. Under `before` the upstream works only for a payment that is booked and not yet served.
//! 3. Nobody is told that nothing was paid, or quoted anew, after his payment was booked and not
//!    delivered, or while it still may be.
//! 4. What was booked stands in the record, for as long as it may be redeemed; what the record
//!    calls delivered was.
//! 5. What may have reached one facilitator goes to no other.
//! 6. A wallet that is owed something is not charged for another payment; nor, where it buys one thing
//!    at a time, while another of its payments for the same is at work.
//!
//! Where replicas share a store, what was delivered is written down however often a call to the store
//! fails, as long as its worker lives. If that takes longer than the lease, somebody else may have
//! begun to deliver meanwhile: a delivery more of a claim whose lease lapsed is not held against it.

use serde_json::Value;
use x402_proxy_wasm::claims::bucket::{from_text, Layout};
use x402_proxy_wasm::claims::table::{Shared, StoreDown, Table};
use x402_proxy_wasm::claims::{Attempt, Claim, Owes, State};
use x402_proxy_wasm::protocol::header::decode;

use super::host::{find, host, Reply};
use super::market::{self, payments, Coin, END, PAYMENTS};
use super::redis::Redis;
use super::settings::{Settings, CAPACITY};
use super::world::{is_worth, Fate};

/// What was seen so far.
pub(super) struct Promises {
    delivered: [bool; PAYMENTS],
    /// Facilitators that a settlement may have reached.
    asked: [Vec<String>; PAYMENTS],
    /// Payments of the same wallet that owed something when this one was presented.
    owed: [Vec<usize>; PAYMENTS],
    /// Its lease lapsed while it was being delivered, or before that was written.
    lapsed: [bool; PAYMENTS],
    /// Whose delivery it was, as the store had it then.
    by: [Option<Attempt>; PAYMENTS],
    /// Which worker is to write it.
    writer: [u32; PAYMENTS],
    /// The worker that was to write its delivery died.
    orphaned: [bool; PAYMENTS],
    /// Attempts to redeem of which the upstream was asked, and how many of them counted.
    redeeming: Vec<Attempt>,
    tries: [usize; PAYMENTS],
    /// Attempts to redeem whose lease lapsed, and that was excused.
    lost: Vec<Attempt>,
    /// How often content went out.
    pub(super) releases: usize,
}

/// What became of a payment that was booked.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(super) enum Account {
    Delivered,
    Redeemable,
    Exhausted,
    Open,
    /// Its time is over: counted and logged as disputed or undelivered.
    Forgotten,
}

/// The shared data of the one process there is without a store.
struct Local;

impl Shared for Local {
    fn get(&self, key: &str) -> Result<Option<(Vec<u8>, u32)>, StoreDown> {
        Ok(host(|host| host.shared[0].get(key).cloned()))
    }

    fn set(&self, _: &str, _: &[u8], _: u32) -> Result<bool, StoreDown> {
        Ok(false)
    }
}

/// What the store that replicas share says of a payment, whatever the time.
pub(super) fn stored(place: usize, redis: &Redis) -> Option<Claim> {
    redis.claim(&market::hex(&payments()[place].identity.nonce)[2..]).and_then(from_text)
}

/// The record of a payment.
fn record(place: usize, redis: &Redis, settings: Settings, now: u64) -> Option<Claim> {
    let identity = &payments()[place].identity;
    let claim = match settings.shared {
        true => stored(place, redis),
        false => {
            let table = Table::open(&Local, CAPACITY, Layout::Two, [0; 16]).expect("the table");
            table.read(&Local, identity).expect("the table")
        }
    };
    claim.and_then(|claim| claim.at(now))
}

fn settles(path: &str, body: &[u8]) -> Option<usize> {
    let body: Value = serde_json::from_slice(body).ok().filter(|_| path.ends_with("/settle"))?;
    market::of_nonce(body["paymentPayload"]["payload"]["authorization"]["nonce"].as_str()?)
}

impl Default for Promises {
    fn default() -> Self {
        Self {
            delivered: [false; PAYMENTS],
            asked: std::array::from_fn(|_| Vec::new()),
            owed: std::array::from_fn(|_| Vec::new()),
            lapsed: [false; PAYMENTS],
            by: [None; PAYMENTS],
            writer: [0; PAYMENTS],
            orphaned: [false; PAYMENTS],
            redeeming: Vec::new(),
            tries: [0; PAYMENTS],
            lost: Vec::new(),
            releases: 0,
        }
    }
}

impl Promises {
    /// What stands at the end: a payment that is booked was delivered, can be redeemed, or its
    /// record says that it is open or was tried too often.
    pub(super) fn account(&self, place: usize, redis: &Redis, settings: Settings, now: u64) -> Account {
        if self.delivered[place] {
            let unwritten = stored(place, redis).filter(|claim| claim.state != State::Delivered);
            let unwritten = unwritten.is_some_and(|claim| self.by[place] == Some(claim.attempt));
            assert!(!unwritten || self.orphaned[place], "payment {place} was delivered, and nobody wrote it");
            return Account::Delivered;
        }
        match record(place, redis, settings, now) {
            Some(claim) if claim.owes() == Owes::Content => Account::Redeemable,
            Some(claim) if claim.state == State::Taken => Account::Exhausted,
            Some(_) => Account::Open,
            None => Account::Forgotten,
        }
    }

    /// A payment is about to be presented; whether nobody else is at work for its wallet.
    pub(super) fn presented(
        &mut self,
        place: usize,
        serial: bool,
        redis: &Redis,
        settings: Settings,
        now: u64,
    ) {
        let own = &payments()[place];
        let owes = |other: &usize| {
            let open = record(*other, redis, settings, now).map_or(Owes::Nothing, |claim| claim.owes());
            matches!(open, Owes::Content | Owes::Answer)
        };
        let others = (0..PAYMENTS).filter(|other| *other != place && payments()[*other].is_twin(own));
        let known = record(place, redis, settings, now).is_some();
        // Of replicas, another may be at work on it before this one looks.
        self.owed[place] = others.filter(owes).filter(|_| !known && serial).collect();
    }

    /// A request went upstream.
    pub(super) fn forwarded(&mut self, place: usize, chain: &[Coin], settings: Settings) {
        if settings.before {
            let own = &payments()[place];
            let paid = |other: &usize| {
                payments()[*other].is_twin(own)
                    && matches!(chain[*other], Coin::Paid(_))
                    && !(self.delivered[*other] && !(settings.shared && self.lapsed[*other]))
            };
            assert!((0..PAYMENTS).any(|other| paid(&other)), "work for nothing: payment {place}");
        }
    }

    /// The payment that a request which goes upstream redeems, if it does: a claim at work for it that
    /// was begun anew.
    pub(super) fn redeems(&mut self, place: usize, redis: &Redis, root: u32) -> Option<usize> {
        let own = &payments()[place];
        let begun = |other: &usize| {
            let claim = stored(*other, redis).filter(|claim| claim.state == State::Redeeming)?;
            let anew = claim.redeems > 0 && redis.owner(&claim) == Some(root);
            (anew && !self.redeeming.contains(&claim.attempt)).then_some(claim.attempt)
        };
        let twins = (0..PAYMENTS).filter(|other| payments()[*other].is_twin(own));
        let (tried, attempt) = twins.filter_map(|other| Some((other, begun(&other)?))).next()?;
        self.redeeming.push(attempt);
        Some(tried)
    }

    /// A try to redeem ended, and counts.
    pub(super) fn tried(&mut self, place: usize) {
        self.tries[place] += 1;
    }

    /// How many tries to redeem counted.
    pub(super) fn tries(&self, place: usize) -> usize {
        self.tries[place]
    }

    /// A response goes to the client; the payment that it is worth.
    pub(super) fn released(
        &mut self,
        place: usize,
        status: u16,
        receipt: Option<&[u8]>,
        chain: &[Coin],
        busy: &[usize],
    ) -> Option<usize> {
        let worth = is_worth(status);
        let Some(receipt) = receipt else {
            assert!(!worth, "content without a receipt: payment {place}");
            return None;
        };
        let json = decode(receipt).expect("a receipt is base64");
        let receipt: Value = serde_json::from_slice(&json).expect("a receipt is JSON");
        assert_eq!(receipt["success"], true, "released with {receipt}");
        let paid = market::of_transaction(receipt["transaction"].as_str().expect("a transaction"));
        let paid = paid.expect("a transaction of the chain's");
        assert!(matches!(chain[paid], Coin::Paid(_)), "released unpaid: {receipt}");
        assert!(payments()[paid].is_twin(&payments()[place]), "another's money: {receipt}");
        if !self.lapsed[paid] {
            assert!(!self.delivered[paid], "released again after a delivery: {receipt}");
            assert!(!busy.contains(&paid), "two deliver at once: {receipt}");
        }
        self.releases += 1;
        worth.then_some(paid)
    }

    /// A response that was worth it ended well.
    pub(super) fn delivered(&mut self, place: usize, root: u32, redis: &Redis) {
        self.delivered[place] = true;
        self.by[place] = stored(place, redis).map(|claim| claim.attempt);
        self.writer[place] = root;
        self.orphaned[place] = false;
    }

    /// A worker dies, with what it had to write.
    pub(super) fn died(&mut self, root: u32, redis: &Redis) {
        for place in (0..PAYMENTS).filter(|place| self.writer[*place] == root) {
            let written = stored(place, redis).is_none_or(|claim| claim.state == State::Delivered);
            self.orphaned[place] |= !written;
        }
    }

    /// Time passed; which lapsed leases are excused. Such a redemption may count as a try: whoever begins
    /// the claim next cannot know better, and then it is too late to give it back.
    pub(super) fn passed(&mut self, redis: &Redis, now: u64, excused: impl Fn(&Claim) -> bool) {
        for place in 0..PAYMENTS {
            let lapsed =
                |claim: &Claim| claim.state == State::Redeeming && claim.lease <= now && excused(claim);
            let Some(claim) = stored(place, redis).filter(lapsed) else { continue };
            self.lapsed[place] = true;
            if claim.redeems > 0 && !self.lost.contains(&claim.attempt) {
                self.lost.push(claim.attempt);
                self.tries[place] += 1;
            }
        }
    }

    /// A client is refused.
    pub(super) fn refused(&mut self, place: usize, reply: &Reply, chain: &[Coin], now: u64) {
        let body: Value = serde_json::from_slice(&reply.body).expect("a refusal is JSON");
        let code = body["code"].as_str().expect("a code");
        let state = body["paymentState"].as_str().expect("a state");
        let quoted = find(&reply.headers, "payment-required").is_some() && code != "payment_already_used";
        let shown = || format!("payment {place}: {} {body}", reply.status);
        if (state == "none" || quoted) && !self.delivered[place] {
            assert!(!matches!(chain[place], Coin::Paid(_)), "told unpaid, and paid: {}", shown());
            let travels = host(|host| {
                host.calls
                    .iter()
                    .any(|call| call.answer.is_none() && settles(&call.path, &call.body) == Some(place))
            });
            let may_book = travels && chain[place] == Coin::Unspent && now < END;
            assert!(!may_book, "told unpaid, and it may be paid yet: {}", shown());
        }
        let own = &payments()[place];
        let mut twins = (0..PAYMENTS).filter(|other| payments()[*other].is_twin(own));
        match state {
            "delivered" => {
                let cancelled = matches!(chain[place], Coin::Cancelled(_));
                let served =
                    twins.any(|other| self.delivered[other] || matches!(chain[other], Coin::Cancelled(_)));
                assert!(served || cancelled, "told that it was delivered: {}", shown());
            }
            "taken" => assert!(twins.any(|other| matches!(chain[other], Coin::Paid(_))), "{}", shown()),
            "none" | "held" | "unknown" => {}
            other => panic!("the state {other}"),
        }
        let retries = find(&reply.headers, "retry-after").is_some();
        assert_eq!(retries, matches!(reply.status, 429 | 503), "{}", shown());
    }

    /// A call is over, as far as the filter hears.
    pub(super) fn returned(
        &mut self,
        cluster: &str,
        path: &str,
        body: &[u8],
        fate: Fate,
        answer: Option<&(u16, Vec<u8>)>,
    ) {
        let Some(place) = settles(path, body) else { return };
        let rejected = answer.is_some_and(|(status, body)| {
            let said: Value = serde_json::from_slice(body).unwrap_or_default();
            *status == 200 && said["success"] == false && said["errorReason"] == "insufficient_funds"
        });
        if fate == Fate::Unsent || (fate == Fate::Delivered && rejected) {
            let asked = &mut self.asked[place];
            if let Some(at) = asked.iter().position(|asked| asked == cluster) {
                asked.remove(at);
            }
        }
    }

    /// What holds at every moment.
    pub(super) fn hold(&mut self, chain: &[Coin], redis: &Redis, settings: Settings, now: u64) {
        let calls: Vec<(String, usize)> = host(|host| {
            let mut made = Vec::new();
            for call in host.calls.iter_mut().filter(|call| !call.seen) {
                call.seen = true;
                made.extend(settles(&call.path, &call.body).map(|place| (call.cluster.clone(), place)));
            }
            made
        });
        for (cluster, place) in calls {
            let others = self.asked[place].iter().filter(|asked| **asked != cluster);
            assert_eq!(others.count(), 0, "payment {place} may be booked at {:?}", self.asked[place]);
            self.asked[place].push(cluster);
            // What was delivered is over, although the store has yet to hear of it.
            let works = |other: &usize| {
                let claim = stored(*other, redis).and_then(|claim| claim.at(now));
                let works = |claim: Claim| matches!(claim.state, State::Settling | State::Redeeming);
                !self.delivered[*other] && claim.is_some_and(works)
            };
            let own = &payments()[place];
            let mut twins = (0..PAYMENTS).filter(|other| *other != place && payments()[*other].is_twin(own));
            if settings.shared && settings.single {
                assert_eq!(twins.find(works), None, "payment {place} is charged beside another");
            }
            for other in &self.owed[place] {
                let owes = record(*other, redis, settings, now).map_or(Owes::Nothing, |claim| claim.owes());
                let still = matches!(owes, Owes::Content | Owes::Answer);
                assert!(!still, "payment {place} is charged, and payment {other} is owed for");
            }
        }
        for place in (0..PAYMENTS).filter(|place| matches!(chain[*place], Coin::Paid(_))) {
            let state = record(place, redis, settings, now).map(|claim| claim.state);
            match state {
                Some(State::Delivered) => {
                    assert!(self.delivered[place], "payment {place} is recorded as delivered")
                }
                Some(State::Settling | State::Unknown | State::Taken | State::Redeeming) => {}
                // Its tombstone is kept for two minutes after the payment's end.
                None if self.delivered[place] && now >= END + 120 => {}
                other => panic!("payment {place} is booked and recorded as {other:?}"),
            }
        }
    }
}
