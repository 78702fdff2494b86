//! The module in a real Envoy, behind the repository's own `envoy/envoy.yaml`.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use tokio::runtime::Runtime;
use x402_devstack::client::{request, Answer, RawConnection, RawRequest};
use x402_devstack::envoy::{find_binary, Envoy, Options, PluginConfig};

use crate::rig::{Rig, World, BUFFER_LIMIT};
use crate::shop::{Shop, TOKEN, TOKEN_VARIABLE};
use crate::table::Scenario;

/// Workers of each Envoy: two requests of a scenario may meet two VMs.
const WORKERS: u32 = 2;

/// The Envoys of a run: one for each configuration and value of
/// `allow_on_headers_stop_iteration`, started when first asked for. Scenarios that break
/// what others need get one of their own.
#[derive(Default)]
pub struct Fleet(Mutex<HashMap<(Shop, bool), Slot>>);

/// One Envoy, once it was asked for; whoever comes meanwhile waits.
type Slot = Arc<Mutex<Option<Arc<Running>>>>;

/// An Envoy and the world around it.
pub struct Running {
    world: World,
    envoy: Envoy,
    allow_on_headers_stop_iteration: bool,
}

/// One scenario's use of a [`Running`] Envoy.
pub struct InEnvoy {
    running: Arc<Running>,
    runtime: Runtime,
}

/// Whether there is an Envoy to drive. Without one nothing is tested here, which only `CI`
/// forbids.
pub fn present() -> bool {
    let present = find_binary().is_some();
    assert!(present || std::env::var_os("CI").is_none(), "no Envoy");
    present
}

// === impl Fleet ===

impl Fleet {
    /// The Envoy for a scenario.
    ///
    /// # Errors
    /// When Envoy does not start; the end of its log.
    pub fn serve(&self, scenario: &Scenario, allow: bool) -> Result<InEnvoy, String> {
        if scenario.alone {
            InEnvoy::new(Arc::new(Running::start(scenario.shop, allow)?))
        } else {
            self.open(scenario.shop, allow)
        }
    }

    /// The Envoy that scenarios share.
    ///
    /// # Errors
    /// When Envoy does not start; the end of its log.
    pub fn open(&self, shop: Shop, allow: bool) -> Result<InEnvoy, String> {
        InEnvoy::new(self.shared(shop, allow)?)
    }

    fn shared(&self, shop: Shop, allow: bool) -> Result<Arc<Running>, String> {
        let slot = {
            let mut slots = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            Arc::clone(slots.entry((shop, allow)).or_default())
        };
        let mut slot = slot.lock().unwrap_or_else(PoisonError::into_inner);
        if slot.is_none() {
            *slot = Some(Arc::new(Running::start(shop, allow)?));
        }
        slot.clone().ok_or_else(|| "no Envoy".to_owned())
    }
}

// === impl Running ===

impl Running {
    fn start(shop: Shop, allow: bool) -> Result<Self, String> {
        let world = World::start().map_err(|error| error.to_string())?;
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
        let module = std::env::var_os("X402_MODULE")
            .map_or_else(|| root.join("target/x402_proxy_wasm.wasm"), PathBuf::from);
        if !module.is_file() {
            return Err(format!("no module at {}: make build", module.display()));
        }
        let options = Options::new(root.join("envoy/envoy.yaml"))
            .module(module)
            .plugin(PluginConfig::Struct(shop.config()))
            .facilitator(world.facilitator.address())
            .upstream(world.upstream.address())
            .vm_variable(TOKEN_VARIABLE, TOKEN)
            .concurrency(WORKERS)
            .allow_on_headers_stop_iteration(allow);
        let envoy = Envoy::start(&options).map_err(|error| error.to_string())?;
        Ok(Self { world, envoy, allow_on_headers_stop_iteration: allow })
    }
}

// === impl InEnvoy ===

impl InEnvoy {
    fn new(running: Arc<Running>) -> Result<Self, String> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        Ok(Self { running, runtime: runtime.map_err(|error| error.to_string())? })
    }

    /// The Envoy itself.
    pub fn envoy(&self) -> &Envoy {
        &self.running.envoy
    }
}

impl Rig for InEnvoy {
    fn world(&self) -> &World {
        &self.running.world
    }

    fn send(&mut self, raw: &RawRequest) -> Answer {
        self.runtime.block_on(request(self.running.envoy.address(), raw))
    }

    fn hang_up(&mut self, raw: &RawRequest) {
        let facilitator = &self.running.world.facilitator;
        let ours = || facilitator.calls().into_iter().filter(|call| carries(raw, call.nonce)).last();
        self.runtime.block_on(async {
            let mut connection =
                RawConnection::open(self.running.envoy.address()).await.expect("Envoy listens");
            connection.send(raw).await.expect("Envoy reads");
            until(|| ours().is_some()).await;
            connection.abort();
            until(|| ours().is_some_and(|call| !call.outcome.is_empty())).await;
            // From the facilitator's answer to the claim.
            tokio::time::sleep(Duration::from_millis(50)).await;
        });
    }

    fn has_front_end(&self) -> bool {
        true
    }

    fn held_body_limit(&self) -> Option<usize> {
        self.running.allow_on_headers_stop_iteration.then_some(BUFFER_LIMIT)
    }
}

fn carries(raw: &RawRequest, nonce: Option<alloy_primitives::B256>) -> bool {
    use base64::Engine;
    let paid = raw.headers.iter().find(|(name, _)| name.eq_ignore_ascii_case(b"payment-signature"));
    let json = paid.and_then(|(_, value)| base64::engine::general_purpose::STANDARD.decode(value).ok());
    let text = json.map(|json| String::from_utf8_lossy(&json).into_owned()).unwrap_or_default();
    nonce.is_some_and(|nonce| text.contains(&nonce.to_string()))
}

async fn until(mut so: impl FnMut() -> bool) {
    let begun = Instant::now();
    while !so() {
        assert!(begun.elapsed() < Duration::from_secs(10), "it did not happen in ten seconds");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}
