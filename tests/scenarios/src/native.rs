//! The unmodified proxy-wasm shell, compiled natively over hostcalls of our own.
//!
//! The host here does what Envoy 1.40 was measured to do, and holds against the filter what
//! Envoy would make it suffer for: a second local reply, a header map out of its phase, a
//! resume of nothing. The SDK's dispatcher is thread-local: one thread is one VM.

mod abi;
mod event_loop;
mod host;
mod sdk;
mod side;
mod store;
mod stream;

use std::collections::BTreeMap;
use std::sync::Once;

use x402_devstack::client::{Answer, RawRequest};

use crate::rig::{Rig, World, BUFFER_LIMIT};
use crate::shop::{Shop, TOKEN, TOKEN_VARIABLE};
use crate::wire::{self, Client};
use host::{host, Host, ROOT};
pub use side::{filter_runs, first_in_callbacks, wasi_call, First};

/// The shell between a world's two ends.
pub struct Native {
    world: World,
    client: Client,
    next: u32,
}

/// What has to happen once, before there are threads: the environment, and the SDK's logger.
pub fn prepare() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        std::env::set_var(TOKEN_VARIABLE, TOKEN);
        let hook = std::panic::take_hook();
        x402_proxy_wasm::shell::start();
        // The SDK's own hook would hand panics to the log of a host that may not be there.
        std::panic::set_hook(hook);
    });
}

impl Native {
    /// A fresh VM on this thread, configured.
    ///
    /// # Errors
    /// What the shell logs when it refuses the configuration, or when there is no free port.
    pub fn start(shop: Shop, allow_on_headers_stop_iteration: bool) -> Result<Self, String> {
        prepare();
        let config = shop.config().to_string().into_bytes();
        let size = config.len();
        host(|host| *host = Host::new(config, allow_on_headers_stop_iteration));
        x402_proxy_wasm::shell::start();
        sdk::create_root(ROOT);
        if !(sdk::vm_start(ROOT, 0) && sdk::configure(ROOT, size)) {
            return Err(host(|host| host.log.join("\n")));
        }
        let world = World::start().map_err(|error| error.to_string())?;
        Ok(Self { world, client: Client::new(), next: ROOT })
    }

    /// How often the filter called its host for the last request or tick, by the hostcall's name.
    pub fn hostcalls(&self) -> BTreeMap<&'static str, u64> {
        host(|host| host.hostcalls.clone())
    }

    /// The host has these shared keys already, with nothing under them.
    pub fn keep(&mut self, keys: impl IntoIterator<Item = String>) {
        host(|host| host.shared.extend(keys.into_iter().map(|key| (key, (Vec::new(), 1)))));
    }

    /// How many shared keys it has.
    pub fn kept(&self) -> usize {
        host(|host| host.shared.len())
    }

    /// A second passes.
    pub fn tick(&mut self) {
        host(|host| host.hostcalls.clear());
        sdk::tick(ROOT);
    }

    /// One request to the end of its answer, in the second that the last one came in.
    pub fn send_at_once(&mut self, request: &RawRequest) -> Answer {
        let answer = self.converse(request, false);
        host(|host| host.assert_well_treated());
        answer
    }

    fn exchange(&mut self, request: &RawRequest, hang_up: bool) -> Answer {
        self.tick();
        self.converse(request, hang_up)
    }

    fn converse(&mut self, request: &RawRequest, hang_up: bool) -> Answer {
        host(|host| host.hostcalls.clear());
        self.next += 1;
        let pairs = wire::request_pairs(request);
        stream::Conversation::new(self, self.next, hang_up).run(pairs, &request.body)
    }
}

impl Rig for Native {
    fn world(&self) -> &World {
        &self.world
    }

    fn send(&mut self, request: &RawRequest) -> Answer {
        let answer = self.exchange(request, false);
        host(|host| host.assert_well_treated());
        answer
    }

    fn hang_up(&mut self, request: &RawRequest) {
        self.exchange(request, true);
        host(|host| host.assert_well_treated());
    }

    fn lose_claims(&mut self) {
        // Envoy's store always answers; what can be gone is what stood in it.
        host(|host| host.shared.clear());
    }

    fn pass(&mut self, seconds: u64) {
        host(|host| host.ahead += seconds);
    }

    fn held_body_limit(&self) -> Option<usize> {
        host(|host| host.allow_on_headers_stop_iteration).then_some(BUFFER_LIMIT)
    }
}

impl Drop for Native {
    fn drop(&mut self) {
        // Before the thread's own destructors: contexts that die talk to their host.
        if !std::thread::panicking() {
            sdk::done(ROOT);
        }
        sdk::delete(ROOT);
    }
}
