//! What may become of an Envoy while claims are open.

use std::time::Duration;

use serde_json::Value;

use x402_devstack::envoy::{PluginConfig, Update};

use crate::{outcomes, pause, upgrade, Shop};

/// Of the first of a [`Shop`]'s Envoys.
#[derive(Clone, Copy, PartialEq, Debug)]
pub enum Change {
    /// Drained for a second, ended, and another process in its place.
    Restart,
    /// Killed, and another process in its place.
    Death,
    /// Another configuration; the listener before drains for a second.
    Reload,
    /// Another module; the same.
    Upgrade,
}

// === impl Change ===

impl Change {
    pub fn name(self) -> &'static str {
        ["restart", "death", "reload", "upgrade"][self as usize]
    }

    /// Does it, and waits until what was there before is gone. The access log of the process that
    /// is no more.
    ///
    /// # Panics
    /// When Envoy does not do as it is told.
    pub async fn happen(self, shop: &mut Shop) -> Vec<Value> {
        match self {
            Self::Restart => return shop.replicas.restart(0, Duration::from_secs(1)).await,
            Self::Death => {
                shop.replicas.crash(0);
                return Vec::new();
            }
            Self::Reload => {
                let mut config = shop.config.clone();
                config["claims"]["capacity"] = 1_000.into();
                let verdict = shop.replicas.stage.envoy.update_listener(&PluginConfig::Json(config));
                assert_eq!(verdict.expect("a verdict"), Update::Accepted);
            }
            Self::Upgrade => upgrade(&mut shop.replicas.stage, 2),
        }
        pause(1_600).await;
        Vec::new()
    }
}

/// How the requests for a path came out at the first Envoy, in the process that is gone and in the
/// one that is there; without quotes and those that were told to wait, and once where the same was
/// said again.
pub async fn recorded(shop: &Shop, gone: &[Value], path: &str) -> Vec<String> {
    let mut all = outcomes(gone, path);
    all.extend(shop.replicas.stage.outcomes_of(path).await);
    all.retain(|outcome| !["quoted", "in_flight", "unavailable"].contains(&outcome.as_str()));
    all.dedup();
    all
}
