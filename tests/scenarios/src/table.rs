//! The table: what is tried, and what has to come of it.
//!
//! Names begin with the row of the attack table they belong to (`a4_…`), or with `spine_`.

mod browser;
mod credit;
mod delivery;
mod facilitator;
mod floods;
mod guises;
mod headers;
mod lies;
mod onward;
mod others;
mod overrides;
mod permits;
mod replay;
mod routing;
mod spellings;
mod spine;
mod upto;
mod versions;
mod wallets;
mod windows;

use crate::shop::{Shop, LANES};
use crate::stage::Stage;

type Play = Box<dyn Fn(&mut Stage<'_>) + Send + Sync>;

/// One scenario.
pub struct Scenario {
    /// Its name.
    pub name: String,
    /// The configuration it needs.
    pub shop: Shop,
    /// Whether it breaks what other scenarios share.
    pub alone: bool,
    /// The lane that is its own, for scenarios that make a facilitator fail.
    pub lane: usize,
    /// What happens.
    pub play: Play,
}

/// Scenarios as they are written down.
#[derive(Default)]
pub struct Table {
    scenarios: Vec<Scenario>,
    lanes: usize,
}

/// Every scenario.
///
/// # Panics
/// When two have one name.
pub fn all() -> Vec<Scenario> {
    let mut table = Table::default();
    for add in [
        spine::add,
        browser::add,
        replay::add,
        lies::add,
        routing::add,
        headers::add,
        facilitator::add,
        delivery::add,
        onward::add,
        credit::add,
        wallets::add,
        versions::add,
        permits::add,
        upto::add,
        others::add,
        overrides::add,
        windows::add,
        spellings::add,
        guises::add,
    ] {
        add(&mut table);
    }
    let mut names: Vec<_> = table.scenarios.iter().map(|scenario| &scenario.name).collect();
    names.sort();
    let duplicate = names.windows(2).find(|pair| pair[0] == pair[1]);
    assert!(duplicate.is_none(), "two scenarios are named {duplicate:?}");
    table.scenarios
}

/// Scenarios of what the shell does and the core alone does not: limits per source, one
/// transaction for one payment.
pub fn hosted() -> Vec<Scenario> {
    let mut table = Table::default();
    wallets::add_hosted(&mut table);
    permits::add_hosted(&mut table);
    others::add_hosted(&mut table);
    floods::add_hosted(&mut table);
    table.scenarios
}

/// Scenarios that reach into the host, which a real one does not allow.
pub fn in_process() -> Vec<Scenario> {
    let mut table = Table::default();
    delivery::add_in_process(&mut table);
    table.scenarios
}

/// Scenarios of the module's own shell whose clock is set.
pub fn timed() -> Vec<Scenario> {
    let mut table = Table::default();
    permits::add_timed(&mut table);
    table.scenarios
}

impl Table {
    /// A scenario in the open shop.
    pub fn add(&mut self, name: impl Into<String>, play: impl Fn(&mut Stage<'_>) + Send + Sync + 'static) {
        self.push(name, Shop::Open, false, play);
    }

    /// A scenario in another shop.
    pub fn add_in(
        &mut self,
        shop: Shop,
        name: impl Into<String>,
        play: impl Fn(&mut Stage<'_>) + Send + Sync + 'static,
    ) {
        self.push(name, shop, false, play);
    }

    /// A scenario that breaks what others share: it gets a rig of its own.
    pub fn add_alone(
        &mut self,
        shop: Shop,
        name: impl Into<String>,
        play: impl Fn(&mut Stage<'_>) + Send + Sync + 'static,
    ) {
        self.push(name, shop, true, play);
    }

    /// A scenario that makes its facilitator fail, on a lane of its own.
    ///
    /// # Panics
    /// When there are more of them than lanes.
    pub fn add_on_lane(
        &mut self,
        name: impl Into<String>,
        play: impl Fn(&mut Stage<'_>) + Send + Sync + 'static,
    ) {
        self.push(name, Shop::Open, false, play);
        if let Some(scenario) = self.scenarios.last_mut() {
            scenario.lane = self.lanes;
        }
        self.lanes += 1;
        assert!(self.lanes <= LANES, "more lanes than facilitators");
    }

    fn push(
        &mut self,
        name: impl Into<String>,
        shop: Shop,
        alone: bool,
        play: impl Fn(&mut Stage<'_>) + Send + Sync + 'static,
    ) {
        let play = Box::new(play);
        self.scenarios.push(Scenario { name: name.into(), shop, alone, lane: usize::MAX, play });
    }
}
