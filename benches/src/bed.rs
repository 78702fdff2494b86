//! One Envoy with a listener for each stack of filters, and the servers behind it.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use serde_json::Value;
use x402_devstack::client::{self, Answer};
use x402_devstack::envoy::{Envoy, Options, PluginConfig};
use x402_devstack::facilitator::{self, Facilitator};
use x402_devstack::payer::{Draft, Quote, Wallet};

use crate::peers::Peers;
use crate::stack::Stack;
use crate::{cpu, origin, policy, Failure};

/// The files measured.
#[derive(Clone, Debug)]
pub struct Modules {
    pub ours: PathBuf,
    pub noop: PathBuf,
    /// Another build of ours.
    pub against: Option<PathBuf>,
    /// `envoy/envoy.yaml`.
    pub template: PathBuf,
}

/// The servers behind Envoy, and those beside it.
pub struct Behind {
    pub facilitator: Facilitator,
    origin: SocketAddr,
    pub peers: Peers,
}

/// An Envoy to start.
#[derive(Clone, Copy)]
pub struct Plan<'a> {
    pub stacks: &'a [Stack],
    pub script: Option<&'a Script>,
    pub workers: u32,
    /// Whether it has one processor only.
    pub pinned: bool,
    /// Whether its listeners can be replaced while it runs.
    pub replaceable: bool,
}

/// What the stacks repeat after the module.
pub struct Script {
    /// Our unpaid 402.
    pub unpaid: Answer,
    /// The body of our `/settle`.
    pub settle: String,
}

// === impl Modules ===

impl Modules {
    /// What `make bench` built, or what `X402_MODULE` and `X402_NOOP` name.
    pub fn found(against: Option<PathBuf>) -> Self {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
        let named = |variable: &str, otherwise: &str| {
            std::env::var_os(variable).map_or_else(|| root.join(otherwise), PathBuf::from)
        };
        Self {
            ours: named("X402_MODULE", "target/x402_proxy_wasm.wasm"),
            noop: named("X402_NOOP", "target/wasm32-wasip1/release/noop_filter.wasm"),
            against,
            template: root.join("envoy/envoy.yaml"),
        }
    }

    /// Absolute, and all there.
    pub fn check(mut self) -> Result<Self, Failure> {
        let files = [&mut self.ours, &mut self.noop, &mut self.template];
        for path in files.into_iter().chain(&mut self.against) {
            *path = std::path::absolute(&*path)?;
            if !path.is_file() {
                return Err(format!("{} is missing: `make bench` builds it", path.display()).into());
            }
        }
        Ok(self)
    }
}

// === impl Plan ===

impl<'a> Plan<'a> {
    /// One worker, pinned.
    pub fn of(stacks: &'a [Stack]) -> Self {
        Self { stacks, script: None, workers: 1, pinned: true, replaceable: false }
    }
}

// === impl Behind ===

impl Behind {
    /// Without the servers of other projects.
    pub fn start() -> Result<Self, Failure> {
        let options = facilitator::Options { instant: true, ..facilitator::Options::default() };
        Ok(Self {
            facilitator: Facilitator::start(options)?,
            origin: origin::start()?,
            peers: Peers::default(),
        })
    }

    /// With them.
    pub fn start_with_peers() -> Result<Self, Failure> {
        let mut behind = Self::start()?;
        behind.peers = Peers::start(behind.facilitator.address())?;
        Ok(behind)
    }

    /// Starts an Envoy.
    pub fn envoy(&self, modules: &Modules, plan: Plan<'_>) -> Result<Envoy, Failure> {
        let text = std::fs::read_to_string(&modules.template)?;
        let mut tree: Value = serde_yaml_ng::from_str(&text)?;
        let ingress = tree["static_resources"]["listeners"][0].take();
        let listeners = plan.stacks.iter().map(|stack| stack.listener(&ingress, modules, plan.script));
        tree["static_resources"]["listeners"] = listeners.collect();
        let file = tempfile::NamedTempFile::with_suffix(".yaml")?;
        std::fs::write(file.path(), tree.to_string())?;
        let mut options = Options::new(file.path())
            .module(&modules.ours)
            .plugin(PluginConfig::Json(policy::policy()))
            .facilitator(self.facilitator.address())
            .upstream(self.origin)
            .concurrency(plan.workers)
            .log_level("error");
        for (peer, address) in self.peers.addresses() {
            options = options.add_cluster(peer.name(), address);
        }
        let envoy = if plan.replaceable { Envoy::start_lds(&options)? } else { Envoy::start(&options)? };
        if plan.pinned {
            cpu::pin(envoy.pid(), cpu::ENVOY)?;
        }
        Ok(envoy)
    }

    /// Learns from the module what the other stacks have to repeat.
    pub fn script(&self, modules: &Modules) -> Result<Script, Failure> {
        let envoy = self.envoy(modules, Plan::of(&[Stack::Ours]))?;
        let unpaid = ask(envoy.address(), "/before/1")?;
        let quote = unpaid.quote().ok_or("the module does not answer with a quote")?;
        let wallet = Wallet::numbered(0);
        let draft = Draft::for_quote(&wallet, &quote).ok_or("the quote cannot be paid")?;
        let settle = draft.sign(&wallet).facilitator_body().to_string();
        Ok(Script { unpaid, settle })
    }
}

/// One GET, on a connection of its own.
pub fn ask(to: SocketAddr, target: &str) -> Result<Answer, Failure> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    Ok(runtime.block_on(client::get(to, target)))
}

/// The quote of a priced path.
pub fn quote(to: SocketAddr, target: &str) -> Result<Quote, Failure> {
    ask(to, target)?.quote().ok_or_else(|| format!("no quote for {target}").into())
}
