//! Listeners in a file of their own, replaced while Envoy runs.

use std::io;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use serde_json::{json, Value};

use super::bootstrap::{set_plugin, Plan};
use super::options::PluginConfig;
use super::Envoy;

const LISTENER: &str = "type.googleapis.com/envoy.config.listener.v3.Listener";

pub(super) const REJECTED: &str = "listener_manager.lds.update_rejected";

/// What Envoy made of a new version.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Update {
    Accepted,
    /// The old version keeps serving. Envoy's words.
    Rejected(String),
}

pub(super) struct Source {
    file: PathBuf,
    listeners: Vec<Value>,
    version: u64,
}

impl Source {
    /// Moves the listeners of a plan into a file.
    pub(super) fn split(plan: &mut Plan, directory: &Path) -> io::Result<Self> {
        let listeners = plan.tree["static_resources"]["listeners"].take();
        let listeners = match listeners {
            Value::Array(listeners) => listeners,
            _ => Vec::new(),
        };
        if let Some(resources) = plan.tree["static_resources"].as_object_mut() {
            resources.remove("listeners");
        }
        if plan.tree["node"].is_null() {
            plan.tree["node"] = json!({ "id": "x402", "cluster": "x402" });
        }
        // Beside the logs every write would wake the watcher: a folder of its own.
        let folder = directory.join("lds");
        std::fs::create_dir(&folder)?;
        let source = Self { file: folder.join("listeners.json"), listeners, version: 0 };
        plan.tree["dynamic_resources"]["lds_config"] = json!({
            "resource_api_version": "V3",
            "path_config_source": { "path": source.file },
        });
        source.write()?;
        Ok(source)
    }

    fn write(&self) -> io::Result<()> {
        self.write_these(&self.listeners)
    }

    /// Envoy watches for moves: a half-written file is never read.
    fn write_these(&self, listeners: &[Value]) -> io::Result<()> {
        let resources: Vec<_> = listeners
            .iter()
            .map(|listener| {
                let mut resource = listener.clone();
                resource["@type"] = json!(LISTENER);
                resource
            })
            .collect();
        let document = json!({ "version_info": self.version.to_string(), "resources": resources });
        let fresh = self.file.with_extension("new");
        std::fs::write(&fresh, document.to_string())?;
        std::fs::rename(fresh, &self.file)
    }
}

impl Envoy {
    /// Gives every wasm filter another configuration, and waits for Envoy's verdict.
    /// Connections that are open stay with the old one until they are drained.
    pub fn update_listener(&mut self, plugin: &PluginConfig) -> io::Result<Update> {
        self.update_listeners(|listener| set_plugin(listener, plugin))
    }

    /// Changes the listeners in any way, and waits for Envoy's verdict. A change that was
    /// rejected is not kept for the next one.
    pub fn update_listeners(&mut self, mut edit: impl FnMut(&mut Value)) -> io::Result<Update> {
        let Some(source) = &mut self.lds else {
            return Err(io::Error::other("started without start_lds"));
        };
        let old = source.listeners.clone();
        source.listeners.iter_mut().for_each(&mut edit);
        let update = self.push(Source::write)?;
        if let (Update::Rejected(_), Some(source)) = (&update, &mut self.lds) {
            source.listeners = old;
        }
        Ok(update)
    }

    /// Takes every listener away; [`Envoy::restore_listeners`] puts them back.
    pub fn remove_listeners(&mut self) -> io::Result<Update> {
        self.push(|source| source.write_these(&[]))
    }

    /// Puts the listeners back as they were.
    pub fn restore_listeners(&mut self) -> io::Result<Update> {
        self.push(Source::write)
    }

    fn push(&mut self, write: impl Fn(&Source) -> io::Result<()>) -> io::Result<Update> {
        let before = self.verdicts();
        let Some(source) = &mut self.lds else {
            return Err(io::Error::other("started without start_lds"));
        };
        source.version += 1;
        write(source)?;
        self.verdict_since(&before)
    }

    fn verdict_since(&self, before: &Verdicts) -> io::Result<Update> {
        let begun = Instant::now();
        while begun.elapsed() < Duration::from_secs(20) {
            let now = self.verdicts();
            if now.rejected > before.rejected {
                return Ok(Update::Rejected(self.rejection()));
            }
            if now.accepted > before.accepted && now.warming == 0 {
                return Ok(Update::Accepted);
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        Err(io::Error::new(io::ErrorKind::TimedOut, "no verdict on the new listeners"))
    }

    fn verdicts(&self) -> Verdicts {
        let stats = self.stats();
        let lds = |name: &str| stats.get(&format!("listener_manager.lds.{name}"));
        Verdicts {
            accepted: lds("update_success"),
            rejected: stats.get(REJECTED) + lds("update_failure"),
            warming: stats.get("listener_manager.total_listeners_warming"),
        }
    }

    fn rejection(&self) -> String {
        let dump = self.admin("/config_dump").json();
        details(&dump).unwrap_or_default()
    }
}

struct Verdicts {
    accepted: u64,
    rejected: u64,
    warming: u64,
}

fn details(value: &Value) -> Option<String> {
    match value {
        Value::Object(object) => object
            .get("error_state")
            .and_then(|state| state["details"].as_str())
            .map(str::to_owned)
            .or_else(|| object.values().find_map(details)),
        Value::Array(items) => items.iter().find_map(details),
        _ => None,
    }
}
