//! `/supported` on a timer: looked up once a second by every worker, asked by one of them.

use std::rc::Rc;

use super::quotes::address;
use super::Worker;
use crate::config::{Facilitator, Policy, Target};
use crate::facilitator::supported::store::{self, Before};
use crate::facilitator::supported::{Fetched, Kindness, Knowledge, Snapshot, Trouble};
use crate::facilitator::{Delivery, Endpoint};
use crate::map::Map;
use crate::shell::host::{self, SharedData};

/// Most offers named in one report.
const MAX_REPORTED: usize = 20;

/// One worker's copy of what is shared about one facilitator.
#[derive(Default)]
pub(super) struct Watch {
    key: String,
    cas: Option<u32>,
    snapshot: Rc<Snapshot>,
    /// Milliseconds since the epoch when a request last had it looked at.
    looked: u64,
}

/// A call to `/supported` under way.
pub(super) struct Ask {
    token: u32,
    /// [`Facilitator::index`].
    facilitator: usize,
    /// Milliseconds since the epoch.
    sent: u64,
}

// === impl Watch ===

impl Watch {
    /// One per facilitator, by its index.
    pub(super) fn all(policy: &Policy) -> Vec<Self> {
        let watch = |f: &std::sync::Arc<Facilitator>| Self { key: store::key(f), ..Self::default() };
        policy.facilitators.iter().map(watch).collect()
    }
}

// === impl Worker ===

impl Worker {
    /// What is known of what a facilitator settles: the same in all workers, up to a second
    /// late. Cheap.
    pub(in crate::shell) fn supported(&self, facilitator: &Facilitator) -> Rc<Snapshot> {
        let watches = self.watches.try_borrow();
        let watch = watches.as_ref().ok().and_then(|watches| watches.get(facilitator.index));
        watch.map(|watch| Rc::clone(&watch.snapshot)).unwrap_or_default()
    }

    /// Once a second: looks at what is shared, and asks where it is this worker's turn.
    pub(in crate::shell) fn look_at_supported(&self) {
        let now = host::now();
        for facilitator in &self.policy.facilitators {
            self.look_at_breaker(facilitator);
            let Some(every) = facilitator.supported_every else { continue };
            self.look(facilitator, now);
            let every = self.asking_every(facilitator, every);
            let timeout = u64::from(facilitator.timeout_millis.div_ceil(1_000));
            let key = self.key(facilitator);
            let due = self.supported(facilitator).is_due(every, now);
            if due && store::take_turn(&SharedData, &key, every, timeout, now) == Ok(true) {
                self.ask(facilitator);
            }
        }
    }

    /// What another worker may have learnt since the last look, which is up to a second ago:
    /// whoever was quoted there may pay here. For when something is not known, or not so.
    pub(super) fn catch_up(&self, facilitator: &Facilitator) {
        if facilitator.supported_every.is_none() {
            return;
        }
        // A request asks several times within one reading of the clock, and one look is enough for it.
        let millis = host::now_millis();
        let looked = self.watches.try_borrow_mut().ok().and_then(|mut watches| {
            let watch = watches.get_mut(facilitator.index)?;
            Some(std::mem::replace(&mut watch.looked, millis))
        });
        if looked != Some(millis) {
            self.look(facilitator, host::now());
        }
    }

    fn key(&self, facilitator: &Facilitator) -> String {
        let watches = self.watches.try_borrow();
        watches.ok().and_then(|w| w.get(facilitator.index).map(|w| w.key.clone())).unwrap_or_default()
    }

    /// Takes over what is shared, if it is another than before.
    fn look(&self, facilitator: &Facilitator, now: u64) {
        let Ok((snapshot, cas)) = store::load(&SharedData, &self.key(facilitator)) else { return };
        self.meters.supported(facilitator.index, &facilitator.name, standing(&snapshot), age(&snapshot, now));
        let Ok(mut watches) = self.watches.try_borrow_mut() else { return };
        let Some(watch) = watches.get_mut(facilitator.index).filter(|watch| watch.cas != cas) else { return };
        watch.cas = cas;
        let news = watch.snapshot.generation() != snapshot.generation();
        watch.snapshot = Rc::new(snapshot);
        drop(watches);
        if news {
            self.render_anew();
            self.report(facilitator, now);
        }
    }

    /// Sends the call, as the root. A root that is going away does not wait for the answer:
    /// the lease runs out and another worker asks.
    fn ask(&self, facilitator: &Facilitator) {
        match self.send(facilitator, Endpoint::Supported, None) {
            Ok(token) => {
                let ask = Ask { token, facilitator: facilitator.index, sent: host::now_millis() };
                if let Ok(mut asks) = self.asks.try_borrow_mut() {
                    asks.push(ask);
                }
            }
            Err(_) => self.heard(facilitator, &Delivery::Refused, 0),
        }
    }

    /// The facilitator asked under this token, and when; `None` when it is a payment's.
    pub(super) fn take_ask(&self, token: u32) -> Option<(usize, u64)> {
        let mut asks = self.asks.try_borrow_mut().ok()?;
        let at = asks.iter().position(|ask| ask.token == token)?;
        let ask = asks.swap_remove(at);
        Some((ask.facilitator, ask.sent))
    }

    /// An answer to `/supported`, or none.
    pub(super) fn heard(&self, facilitator: &Facilitator, delivery: &Delivery<'_>, millis: u64) {
        let fetched = Fetched::read(delivery);
        self.meters.call(facilitator.index, &facilitator.name, Endpoint::Supported, fetched.name(), millis);
        let now = host::now();
        let recorded = store::record(&SharedData, &self.key(facilitator), &fetched, host::random_u64(), now);
        match recorded {
            Ok(before) => log_change(&facilitator.name, &fetched, before),
            Err(down) => log::warn!("facilitator {}: what it settles is not kept: {down}", facilitator.name),
        }
        self.look(facilitator, now);
        if matches!(fetched, Fetched::Supported(_)) {
            self.reached(facilitator);
        }
    }

    /// Says once per change which offers are not settled, whichever worker notices first.
    fn report(&self, facilitator: &Facilitator, now: u64) {
        let denies = |facilitator: &Facilitator, scheme: &str, network: &str| {
            self.supported(facilitator).kind(2, scheme, network) == Kindness::Unsupported
        };
        let gaps = gaps(&self.policy, facilitator, &denies);
        let hash = gaps.iter().fold(0, |hash, (gap, _)| fingerprint(hash, gap));
        if store::may_report(&SharedData, &self.key(facilitator), hash, now) != Ok(true) {
            return;
        }
        let name = &facilitator.name;
        if gaps.is_empty() {
            log::info!("facilitator {name}: every offer is settled again");
        }
        for (gap, offered) in gaps.iter().take(MAX_REPORTED) {
            let so = if *offered { "and is no substitute there" } else { "so it is not offered" };
            log::warn!("{gap}: facilitator {name} does not settle it, {so}");
        }
        if let Some(more @ 1..) = gaps.len().checked_sub(MAX_REPORTED) {
            log::warn!("facilitator {name} does not settle {more} more offers");
        }
    }
}

/// Every accept of a facilitator's offers that it says it does not settle, and whether it is
/// offered all the same: another of the offer's facilitators may settle it.
fn gaps(
    policy: &Policy,
    facilitator: &Facilitator,
    denies: &dyn Fn(&Facilitator, &str, &str) -> bool,
) -> Vec<(String, bool)> {
    let mut gaps = Vec::new();
    let mut seen: Map<u64, u64> = Map::default();
    for route in policy.routes.iter() {
        let Target::Offer(offer) = &route.target else { continue };
        let ours = offer.facilitators.iter().any(|one| one.index == facilitator.index);
        if !ours || seen.insert(address(offer), 0).is_some() {
            continue;
        }
        let ways = offer.accepts.iter().map(|way| (way.means.scheme(), way.asset.network.as_str()));
        let others = offer.others.iter().map(|way| (way.scheme.as_str(), way.network.as_str()));
        for (scheme, network) in ways.chain(others) {
            if denies(facilitator, scheme, network) {
                let offer_name = offer.name(route);
                let gap = format!("route {}, offer {offer_name}: {scheme} on {network}", route.name);
                gaps.push((gap, !offer.facilitators.iter().all(|one| denies(one, scheme, network))));
            }
        }
    }
    gaps
}

/// FNV-1a, over text after text; never zero, which stands for no text at all.
fn fingerprint(hash: u64, text: &str) -> u64 {
    let start = if hash == 0 { 0xcbf2_9ce4_8422_2325 } else { hash };
    let step = |hash: u64, byte: u8| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
    text.bytes().chain([0]).fold(start, step).max(1)
}

fn log_change(name: &str, fetched: &Fetched, before: Before) {
    match fetched {
        Fetched::Supported(answer) if !before.known => {
            log::info!("facilitator {name} settles {} kinds of payment", answer.kinds().len());
        }
        Fetched::Supported(_) if before.failures > 0 => {
            log::info!("facilitator {name}: /supported answers again after {} failures", before.failures);
        }
        Fetched::Supported(_) => {}
        Fetched::Failed(Trouble::Redirected(redirect)) if !before.redirected => {
            log::warn!("facilitator {name} {redirect}");
        }
        Fetched::Failed(trouble) => {
            let failures = before.failures.saturating_add(1);
            if failures == 1 || failures.is_multiple_of(10) {
                let kept =
                    if before.known { "its last answer stands" } else { "what it settles is not known" };
                log::warn!("facilitator {name}: /supported failed ({failures} in a row): {trouble}; {kept}");
            }
        }
    }
}

/// The gauge's value.
fn standing(snapshot: &Snapshot) -> u64 {
    match snapshot.knowledge() {
        _ if snapshot.is_redirected() => 3,
        Knowledge::Never => 0,
        Knowledge::Known(_) => 1,
        Knowledge::Stale(_) => 2,
    }
}

/// Seconds since the last answer; zero before the first.
fn age(snapshot: &Snapshot, now: u64) -> u64 {
    match snapshot.knowledge() {
        Knowledge::Never => 0,
        Knowledge::Known(at) | Knowledge::Stale(at) => now.saturating_sub(at),
    }
}
