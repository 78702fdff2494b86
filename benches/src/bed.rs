//! One Envoy with a listener for each stack of filters, and the servers behind it.
//!
//! The listeners are the repository's own `envoy/envoy.yaml`, ingress listener and all, less
//! its access log: what is measured is what an operator reads. Only the filters differ.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use serde_json::{json, Value};
use x402_devstack::client::{self, Answer};
use x402_devstack::envoy::{Envoy, Options, PluginConfig};
use x402_devstack::facilitator::{self, Facilitator};
use x402_devstack::payer::{Draft, Quote, Wallet};

use crate::{cpu, origin, Failure};

/// What stands between the client and the application.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Stack {
    /// The router alone.
    Plain,
    /// A filter that does nothing.
    Noop,
    /// The same, and a route that answers with the bytes of our 402.
    NoopDirect,
    /// A filter that makes one callout with the bytes of our settlement.
    NoopCallout,
    /// The module.
    Ours,
    /// Another build of it, to compare with.
    Against,
}

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

/// The servers behind Envoy.
pub struct Behind {
    facilitator: Facilitator,
    origin: SocketAddr,
}

/// What the stacks repeat after the module.
pub struct Script {
    /// Our unpaid 402.
    pub unpaid: Answer,
    /// The body of our `/settle`.
    pub settle: String,
}

/// What is sold where in the module measured.
pub fn policy() -> Value {
    let mut routes = vec![
        json!({"name": "before", "match": {"methods": ["GET"], "path": "/before/{id}"}, "offer": "item"}),
        json!({"name": "after", "match": {"methods": ["GET"], "path": "/after/{id}"},
               "offer": {"price": "$0.001", "settle": "after", "maxTimeoutSeconds": 300, "description": "One item"}}),
        json!({"name": "free", "match": {"path": "/free/{id}"}, "free": true}),
        json!({"name": "read", "match": {"methods": ["GET"], "path": "/mixed/{id}"}, "free": true}),
        json!({"name": "write", "match": {"methods": ["POST"], "path": "/mixed/{id}"}, "offer": "item"}),
    ];
    routes.extend((0..20).map(|number| {
        json!({"name": format!("more-{number}"), "match": {"path": format!("/v1/more/{number}/{{id}}")}, "offer": "item"})
    }));
    let most = json!({"perMinute": 1_000_000, "burst": 1_000_000});
    json!({
        "version": 1,
        "origin": "https://api.example.com",
        "unmatched": "free",
        "settle": "before",
        "wallets": "eoa",
        // All load comes from one source.
        "limit": {"challenges": most, "failures": most},
        "facilitators": {"main": {"cluster": "facilitator", "authority": "facilitator", "timeout": "10s"}},
        "accepts": [{"network": "base-sepolia", "asset": "USDC", "payTo": "0x209693Bc6afc0C5328bA36FaF03C514EF312287C"}],
        "offers": {"item": {"price": "$0.001", "maxTimeoutSeconds": 300, "description": "One item"}},
        "routes": routes,
    })
}

// === impl Stack ===

impl Stack {
    /// The stacks measured with these modules.
    pub fn all(modules: &Modules) -> Vec<Self> {
        let mut all = vec![Self::Plain, Self::Noop, Self::NoopDirect, Self::NoopCallout, Self::Ours];
        all.extend(modules.against.as_ref().map(|_| Self::Against));
        all
    }

    /// The listener's name.
    pub fn name(self) -> &'static str {
        match self {
            Self::Plain => "plain",
            Self::Noop => "noop",
            Self::NoopDirect => "noop-direct",
            Self::NoopCallout => "noop-callout",
            Self::Ours => "x402",
            Self::Against => "against",
        }
    }

    fn listener(self, ingress: &Value, modules: &Modules, script: Option<&Script>) -> Value {
        let mut listener = ingress.clone();
        listener["name"] = json!(self.name());
        let manager = &mut listener["filter_chains"][0]["filters"][0]["typed_config"];
        manager["stat_prefix"] = json!(self.name());
        manager["access_log"] = json!([]);
        let ours = manager["http_filters"][0].take();
        let other = match self {
            Self::Plain => None,
            Self::Ours => Some(ours),
            Self::Noop | Self::NoopDirect => Some(self.filter(&ours, &modules.noop, "")),
            Self::NoopCallout => {
                let body = script.map_or("", |script| &script.settle);
                Some(self.filter(&ours, &modules.noop, body))
            }
            Self::Against => {
                let module = modules.against.as_deref().unwrap_or(&modules.ours);
                Some(self.filter(&ours, module, &policy().to_string()))
            }
        };
        let router = manager["http_filters"][1].take();
        manager["http_filters"] = other.into_iter().chain([router]).collect();
        if let (Self::NoopDirect, Some(script)) = (self, script) {
            manager["route_config"]["virtual_hosts"][0]["routes"][0] = direct(&script.unpaid);
        }
        listener
    }

    /// The module's own filter, failure policy and all, with another module in it. Named
    /// otherwise, so that the launcher leaves it alone.
    fn filter(self, ours: &Value, module: &Path, configuration: &str) -> Value {
        let mut filter = ours.clone();
        filter["name"] = json!(self.name());
        let config = &mut filter["typed_config"]["config"];
        config["name"] = json!(self.name());
        config["vm_config"]["vm_id"] = json!(self.name());
        config["vm_config"]["code"] = json!({"local": {"filename": module}});
        config["configuration"] =
            json!({"@type": "type.googleapis.com/google.protobuf.StringValue", "value": configuration});
        filter
    }
}

/// A route that answers as the module did.
fn direct(answer: &Answer) -> Value {
    let ours = ["payment-required", "cache-control", "content-type"];
    let headers: Vec<Value> = ours
        .iter()
        .map(|name| {
            let value = answer.header_text(name).unwrap_or_default();
            json!({"header": {"key": name, "value": value}, "append_action": "OVERWRITE_IF_EXISTS_OR_ADD"})
        })
        .collect();
    json!({
        "match": {"prefix": "/"},
        "direct_response": {"status": answer.status, "body": {"inline_string": answer.text()}},
        "response_headers_to_add": headers,
    })
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

// === impl Behind ===

impl Behind {
    pub fn start() -> Result<Self, Failure> {
        let options = facilitator::Options { instant: true, ..facilitator::Options::default() };
        Ok(Self { facilitator: Facilitator::start(options)?, origin: origin::start()? })
    }

    /// Starts an Envoy with these stacks, pinned.
    pub fn envoy(
        &self,
        modules: &Modules,
        stacks: &[Stack],
        script: Option<&Script>,
        workers: u32,
    ) -> Result<Envoy, Failure> {
        let text = std::fs::read_to_string(&modules.template)?;
        let mut tree: Value = serde_yaml_ng::from_str(&text)?;
        let ingress = tree["static_resources"]["listeners"][0].take();
        let listeners = stacks.iter().map(|stack| stack.listener(&ingress, modules, script));
        tree["static_resources"]["listeners"] = listeners.collect();
        let file = tempfile::NamedTempFile::with_suffix(".yaml")?;
        std::fs::write(file.path(), tree.to_string())?;
        let options = Options::new(file.path())
            .module(&modules.ours)
            .plugin(PluginConfig::Json(policy()))
            .facilitator(self.facilitator.address())
            .upstream(self.origin)
            .concurrency(workers)
            .log_level("error");
        let envoy = Envoy::start(&options)?;
        cpu::pin(envoy.pid(), cpu::ENVOY)?;
        Ok(envoy)
    }

    /// Learns from the module what the other stacks have to repeat.
    pub fn script(&self, modules: &Modules) -> Result<Script, Failure> {
        let envoy = self.envoy(modules, &[Stack::Ours], None, 1)?;
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
