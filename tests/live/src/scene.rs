//! How a stage is set.

use std::net::SocketAddr;
use std::path::Path;
use std::time::Duration;

use serde_json::Value;

use x402_devstack::envoy::{find_binary, Envoy, Options, PluginConfig};
use x402_devstack::facilitator::{self, Facilitator};
use x402_devstack::upstream::{self, Upstream};

use crate::{module, Stage};

/// How to set a stage.
pub struct Scene {
    pub(crate) options: Options,
    facilitator: facilitator::Options,
    pub(crate) upstream: Option<SocketAddr>,
    pub(crate) settler: Option<SocketAddr>,
    pub(crate) reloadable: bool,
}

// === impl Scene ===

impl Scene {
    /// With this plugin configuration.
    pub fn new(plugin: Value) -> Self {
        let template = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../envoy/envoy.yaml");
        let options = Options::new(template).concurrency(2).plugin(PluginConfig::Json(plugin));
        Self {
            options,
            facilitator: facilitator::Options::default(),
            upstream: None,
            settler: None,
            reloadable: false,
        }
    }

    /// Changes how Envoy is run.
    pub fn envoy(mut self, change: impl FnOnce(Options) -> Options) -> Self {
        self.options = change(self.options);
        self
    }

    /// The time from a settlement's broadcast to its receipt.
    pub fn latency(mut self, millis: u64) -> Self {
        self.facilitator.latency = Duration::from_millis(millis);
        self
    }

    /// How the facilitator starts.
    pub fn facilitator(mut self, change: impl FnOnce(&mut facilitator::Options)) -> Self {
        change(&mut self.facilitator);
        self
    }

    /// Another upstream than the stage's own.
    pub fn upstream(mut self, address: SocketAddr) -> Self {
        self.upstream = Some(address);
        self
    }

    /// Another facilitator than the stage's own.
    pub fn settler(mut self, address: SocketAddr) -> Self {
        self.settler = Some(address);
        self
    }

    /// A cluster that `envoy/envoy.yaml` does not have, such as a store.
    pub fn cluster(self, name: &str, endpoint: SocketAddr) -> Self {
        self.envoy(|options| options.add_cluster(name, endpoint))
    }

    /// The listeners of replicas can be replaced.
    pub fn reloadable(mut self) -> Self {
        self.reloadable = true;
        self
    }

    /// `None`, said aloud, where there is no Envoy or no module.
    pub fn start(self) -> Option<Stage> {
        self.set(Envoy::start)
    }

    /// With listeners that can be replaced.
    pub fn start_lds(self) -> Option<Stage> {
        self.set(Envoy::start_lds)
    }

    fn set<E: std::fmt::Display>(self, start: fn(&Options) -> Result<Envoy, E>) -> Option<Stage> {
        let (facilitator, upstream) = self.ends()?;
        let options = self
            .options
            .module(module())
            .facilitator(self.settler.unwrap_or(facilitator.address()))
            .upstream(self.upstream.unwrap_or(upstream.address()));
        let envoy = start(&options).unwrap_or_else(|error| panic!("{error}"));
        let door = envoy.address();
        Some(Stage { facilitator, upstream, envoy, door })
    }

    /// Both ends, if there is something to put between them.
    pub(crate) fn ends(&self) -> Option<(Facilitator, Upstream)> {
        if find_binary().is_none() || !module().is_file() {
            assert!(std::env::var_os("CI").is_none(), "no Envoy or no module");
            eprintln!("skipped: no Envoy, or no module: make setup build");
            return None;
        }
        let facilitator = Facilitator::start(self.facilitator.clone()).expect("a free port");
        let upstream = Upstream::start(upstream::Options::default()).expect("a free port");
        Some((facilitator, upstream))
    }
}
