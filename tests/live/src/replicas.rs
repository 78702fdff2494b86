//! Several Envoys that know nothing of each other, before one facilitator and one upstream.

use std::time::Duration;

use serde_json::Value;

use x402_devstack::envoy::{Envoy, Options};
use x402_devstack::network::{Balancer, Line};

use crate::{module, opened, Scene, Stage};

/// What a buyer meets is the balancer: connections go to each Envoy in turn, or where it is
/// pinned to. Each Envoy has its own shared data, and two workers.
pub struct Replicas {
    /// Facilitator, upstream, the first Envoy; its door is the balancer.
    pub stage: Stage,
    /// The other Envoys.
    pub more: Vec<Envoy>,
    pub balancer: Balancer,
    /// From every Envoy to the facilitator.
    pub to_facilitator: Line,
    /// From every Envoy to the upstream.
    pub to_upstream: Line,
    options: Options,
    reloadable: bool,
}

// === impl Scene ===

impl Scene {
    /// So many Envoys behind a balancer; one is welcome, for its lines. `None`, said aloud,
    /// where there is no Envoy or no module.
    ///
    /// # Panics
    /// When one does not start.
    pub fn start_replicas(self, count: usize) -> Option<Replicas> {
        let (facilitator, upstream) = self.ends()?;
        let line = |to| Line::start(to).expect("a free port");
        let to_facilitator = line(self.settler.unwrap_or(facilitator.address()));
        let to_upstream = line(self.upstream.unwrap_or(upstream.address()));
        let options = self
            .options
            .module(module())
            .facilitator(to_facilitator.address())
            .upstream(to_upstream.address());
        let reloadable = self.reloadable;
        let envoy = start(&options, reloadable);
        let more: Vec<_> = (1..count).map(|_| start(&options, reloadable)).collect();
        let all = std::iter::once(&envoy).chain(&more).map(Envoy::address);
        let balancer = Balancer::start(all).expect("a free port");
        let door = balancer.address();
        let stage = Stage { facilitator, upstream, envoy, door };
        Some(Replicas { stage, more, balancer, to_facilitator, to_upstream, options, reloadable })
    }
}

fn start(options: &Options, reloadable: bool) -> Envoy {
    let envoy = if reloadable { Envoy::start_lds(options) } else { Envoy::start(options) };
    envoy.unwrap_or_else(|error| panic!("{error}"))
}

// === impl Replicas ===

impl Replicas {
    /// An Envoy by its place.
    ///
    /// # Panics
    /// When there is none.
    pub fn envoy(&self, at: usize) -> &Envoy {
        match at.checked_sub(1) {
            None => &self.stage.envoy,
            Some(other) => &self.more[other],
        }
    }

    /// Sends what comes next to one of them, or with `None` to each in turn.
    pub fn pin(&self, at: impl Into<Option<usize>>) {
        self.balancer.pin(at.into());
    }

    /// Kills one as a crash would, and starts another in its place.
    ///
    /// # Panics
    /// When there is none, or the new one does not start.
    pub fn crash(&mut self, at: usize) {
        self.place(at).kill();
        self.start_anew(at);
    }

    /// Drains one for so long, as a rolling restart would, ends it and starts another in its
    /// place. What the first wrote into its access log.
    ///
    /// # Panics
    /// When there is none, it does not end, or the new one does not start.
    pub async fn restart(&mut self, at: usize, drain: Duration) -> Vec<Value> {
        let place = self.place(at);
        place.drain();
        tokio::time::sleep(drain).await;
        place.quit();
        let text = std::fs::read_to_string(place.access_log_path()).unwrap_or_default();
        self.start_anew(at);
        opened(&text)
    }

    fn place(&mut self, at: usize) -> &mut Envoy {
        match at.checked_sub(1) {
            None => &mut self.stage.envoy,
            Some(other) => &mut self.more[other],
        }
    }

    fn start_anew(&mut self, at: usize) {
        let envoy = start(&self.options, self.reloadable);
        self.balancer.replace(at, envoy.address());
        *self.place(at) = envoy;
    }

    /// A counter or gauge, summed over all of them.
    pub fn stat(&self, name: &str) -> u64 {
        std::iter::once(&self.stage.envoy).chain(&self.more).map(|envoy| envoy.stat(name)).sum()
    }
}
