//! Metrics with bounded names and cached ids: defining one costs ten increments.

use std::cell::RefCell;
use std::num::NonZeroU32;

use proxy_wasm::hostcalls;
use proxy_wasm::types::MetricType;

use crate::claims::bucket::{Delta, Forgotten};
use crate::claims::State;
use crate::config::Route;
use crate::facilitator::Endpoint;
use crate::record::Outcome;

/// One root's metrics.
#[derive(Default)]
pub(super) struct Meters {
    /// Counter ids by route, the unmatched first; made when a route is first counted for.
    requests: RefCell<Vec<Option<Box<Counters>>>>,
    /// Histogram ids of each facilitator: a few.
    calls: RefCell<Vec<Calls>>,
    /// The two gauges of each facilitator's `/supported`.
    supported: RefCell<Vec<Option<[u32; 2]>>>,
    states: Option<[u32; State::ALL.len()]>,
    entries: Option<u32>,
}

/// Ids by what was asked and what came of it.
type Calls = Vec<((Endpoint, &'static str), u32)>;

/// One route's counters, by outcome.
type Counters = [Option<Id>; Outcome::ALL.len()];

/// A metric's id plus one, so that none takes no room of its own.
type Id = NonZeroU32;

// === impl Meters ===

impl Meters {
    /// Defines what is there from the start, and states the table's capacity.
    pub(super) fn open(capacity: u32) -> Self {
        let gauge = |name: String| hostcalls::define_metric(MetricType::Gauge, &name).ok();
        let mut states = [0; State::ALL.len()];
        let mut all = true;
        for (slot, state) in states.iter_mut().zip(State::ALL) {
            let id = gauge(format!("x402.claims.{}", state.name()));
            all &= id.is_some();
            *slot = id.unwrap_or_default();
        }
        if let Some(id) = gauge("x402.claims_table.capacity".to_owned()) {
            let _ = hostcalls::record_metric(id, capacity.into());
        }
        Self {
            states: all.then_some(states),
            entries: gauge("x402.claims_table.entries".to_owned()),
            ..Self::default()
        }
    }

    /// Counts a request.
    pub(super) fn request(&self, route: Option<&Route>, outcome: Outcome) {
        let Ok(mut rows) = self.requests.try_borrow_mut() else { return };
        let at = route.map_or(0, |route| route.index.saturating_add(1));
        if rows.len() <= at {
            rows.resize(at.saturating_add(1), None);
        }
        let row = rows.get_mut(at).map(|row| row.get_or_insert_default());
        let Some(id) = row.and_then(|row| row.get_mut(outcome as usize)) else { return };
        if id.is_none() {
            let name = route.map_or("unmatched", |route| &route.name);
            let name = format!("x402.requests.{name}.{}", outcome.name());
            let defined = hostcalls::define_metric(MetricType::Counter, &name).ok();
            *id = defined.and_then(|id| Id::new(id.wrapping_add(1)));
        }
        if let Some(id) = id {
            let _ = hostcalls::increment_metric(id.get().wrapping_sub(1), 1);
        }
    }

    /// Records how long a facilitator took, in milliseconds.
    pub(super) fn call(
        &self,
        index: usize,
        facilitator: &str,
        endpoint: Endpoint,
        result: &'static str,
        millis: u64,
    ) {
        let Ok(mut rows) = self.calls.try_borrow_mut() else { return };
        if rows.len() <= index {
            rows.resize(index.saturating_add(1), Vec::new());
        }
        let Some(row) = rows.get_mut(index) else { return };
        let mut id = row.iter().find(|(kind, _)| *kind == (endpoint, result)).map(|(_, id)| *id);
        if id.is_none() {
            let name = format!("x402.facilitator_ms.{facilitator}.{}.{result}", endpoint.name());
            id = hostcalls::define_metric(MetricType::Histogram, &name).ok();
            row.extend(id.map(|id| ((endpoint, result), id)));
        }
        if let Some(id) = id {
            let _ = hostcalls::record_metric(id, millis);
        }
    }

    /// States how good the knowledge of what a facilitator settles is (0 never told, 1 known,
    /// 2 the last answer stands but later calls failed, 3 redirected elsewhere), and its age in
    /// seconds.
    pub(super) fn supported(&self, index: usize, facilitator: &str, standing: u64, age: u64) {
        let Ok(mut rows) = self.supported.try_borrow_mut() else { return };
        if rows.len() <= index {
            rows.resize(index.saturating_add(1), None);
        }
        let Some(row) = rows.get_mut(index) else { return };
        if row.is_none() {
            let gauge = |what: &str| {
                let name = format!("x402.facilitator_{what}.{facilitator}");
                hostcalls::define_metric(MetricType::Gauge, &name).ok()
            };
            *row = gauge("supported").zip(gauge("supported_age")).map(|(a, b)| [a, b]);
        }
        if let Some([standing_id, age_id]) = row {
            let _ = hostcalls::record_metric(*standing_id, standing);
            let _ = hostcalls::record_metric(*age_id, age);
        }
    }

    /// Counts claims whose time ran out with money in them.
    pub(super) fn forgotten(&self, forgotten: Forgotten) {
        let kinds = [("disputed", forgotten.disputed), ("undelivered", forgotten.undelivered)];
        for (kind, by) in kinds.into_iter().filter(|(_, by)| *by > 0) {
            let name = format!("x402.claims_forgotten.{kind}");
            if let Ok(id) = hostcalls::define_metric(MetricType::Counter, &name) {
                let _ = hostcalls::increment_metric(id, by.into());
            }
        }
    }

    /// Moves the gauges of the claim table. They are the process's, shared by all workers,
    /// so each worker adds what it changed, and at once: what a crashed one had not told would be
    /// missing for as long as the process lives.
    pub(super) fn claims(&self, delta: &Delta) {
        let Some(states) = &self.states else { return };
        let mut entries = 0i64;
        for (id, by) in states.iter().zip(delta).filter(|(_, by)| **by != 0) {
            entries = entries.saturating_add(*by);
            let _ = hostcalls::increment_metric(*id, *by);
        }
        if let Some(id) = self.entries.filter(|_| entries != 0) {
            let _ = hostcalls::increment_metric(id, entries);
        }
    }
}
