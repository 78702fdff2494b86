//! How to run it.

use std::collections::BTreeMap;
use std::fmt;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde_json::Value;

/// The plugin's configuration, in the shapes Envoy can deliver it.
#[derive(Clone, Debug)]
pub enum PluginConfig {
    /// A `StringValue` with the JSON text of a value.
    Json(Value),
    /// A `StringValue` with any text.
    Text(String),
    /// A `Struct`: arrives in the module as binary protobuf.
    Struct(Value),
}

type Edit = Arc<dyn Fn(&mut Value) + Send + Sync>;

/// Where the configuration comes from, and what is rewritten in it.
#[derive(Clone)]
pub struct Options {
    /// Without it, see [`find_binary`].
    pub binary: Option<PathBuf>,
    /// YAML or JSON.
    pub template: PathBuf,
    /// Without a module, wasm filters are taken out.
    pub module: Option<PathBuf>,
    /// Without it, what the template says.
    pub plugin: Option<PluginConfig>,
    pub allow_on_headers_stop_iteration: Option<bool>,
    /// The only endpoint of a cluster, by the cluster's name.
    pub clusters: BTreeMap<String, SocketAddr>,
    /// Clusters that the template does not have, by name: plain HTTP/1.1 on an address.
    pub more_clusters: BTreeMap<String, SocketAddr>,
    /// Variables the module reads.
    pub vm_environment: BTreeMap<String, String>,
    /// Variables of the process, for `host_env_keys`.
    pub environment: BTreeMap<String, String>,
    /// Worker threads.
    pub concurrency: u32,
    pub log_level: String,
    pub bind: IpAddr,
    /// Ports, instead of free ones.
    pub listen_port: Option<u16>,
    pub admin_port: Option<u16>,
    /// The last word on the tree.
    pub edit: Option<Edit>,
}

impl Options {
    pub fn new(template: impl Into<PathBuf>) -> Self {
        Self {
            binary: None,
            template: template.into(),
            module: None,
            plugin: None,
            allow_on_headers_stop_iteration: None,
            clusters: BTreeMap::new(),
            more_clusters: BTreeMap::new(),
            vm_environment: BTreeMap::new(),
            environment: BTreeMap::new(),
            concurrency: 1,
            log_level: "info".to_owned(),
            bind: IpAddr::V4(Ipv4Addr::LOCALHOST),
            listen_port: None,
            admin_port: None,
            edit: None,
        }
    }

    pub fn module(mut self, module: impl Into<PathBuf>) -> Self {
        self.module = Some(module.into());
        self
    }

    pub fn plugin(mut self, plugin: PluginConfig) -> Self {
        self.plugin = Some(plugin);
        self
    }

    pub fn cluster(mut self, name: &str, endpoint: SocketAddr) -> Self {
        self.clusters.insert(name.to_owned(), endpoint);
        self
    }

    /// Adds a cluster that the template does not have.
    pub fn add_cluster(mut self, name: &str, endpoint: SocketAddr) -> Self {
        self.more_clusters.insert(name.to_owned(), endpoint);
        self
    }

    pub fn facilitator(self, endpoint: SocketAddr) -> Self {
        self.cluster("facilitator", endpoint)
    }

    pub fn upstream(self, endpoint: SocketAddr) -> Self {
        self.cluster("upstream", endpoint)
    }

    pub fn concurrency(mut self, workers: u32) -> Self {
        self.concurrency = workers;
        self
    }

    pub fn allow_on_headers_stop_iteration(mut self, allow: bool) -> Self {
        self.allow_on_headers_stop_iteration = Some(allow);
        self
    }

    pub fn log_level(mut self, level: &str) -> Self {
        level.clone_into(&mut self.log_level);
        self
    }

    pub fn vm_variable(mut self, name: &str, value: &str) -> Self {
        self.vm_environment.insert(name.to_owned(), value.to_owned());
        self
    }

    /// Changes the tree after everything else: timeouts, TLS, a second filter.
    pub fn edit(mut self, edit: impl Fn(&mut Value) + Send + Sync + 'static) -> Self {
        self.edit = Some(Arc::new(edit));
        self
    }
}

impl fmt::Debug for Options {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Options")
            .field("template", &self.template)
            .field("module", &self.module)
            .field("clusters", &self.clusters)
            .field("concurrency", &self.concurrency)
            .finish_non_exhaustive()
    }
}

/// `ENVOY`, else `.venv/bin/envoy` here or in a folder above, else `envoy` on the path.
pub fn find_binary() -> Option<PathBuf> {
    if let Some(named) = std::env::var_os("ENVOY") {
        return Some(named.into());
    }
    let manifest = Path::new(env!("CARGO_MANIFEST_DIR"));
    let here = std::env::current_dir().unwrap_or_default();
    let in_venv = here.ancestors().chain(manifest.ancestors()).map(|folder| folder.join(".venv/bin/envoy"));
    let path = std::env::var_os("PATH").unwrap_or_default();
    let on_path: Vec<_> = std::env::split_paths(&path).map(|folder| folder.join("envoy")).collect();
    in_venv.chain(on_path).find(|candidate| candidate.is_file())
}
