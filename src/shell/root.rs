//! The root context: configuration, the queue, the clock, the answers.

use std::rc::Rc;
use std::time::Duration;

use proxy_wasm::hostcalls;
use proxy_wasm::traits::{Context, HttpContext, RootContext};
use proxy_wasm::types::{BufferType, ContextType};

use super::host::{self, Moment, SharedData};
use super::stream::Stream;
use super::worker::Worker;
use crate::claims::bucket::Layout;
use crate::claims::table::Table;
use crate::config::Policy;
use crate::extensions;
use crate::reply::budget;

/// The root of one plugin in one VM.
pub(super) struct Root {
    id: u32,
    worker: Option<Rc<Worker>>,
    leaving: bool,
}

// === impl Root ===

impl Root {
    /// A root that refuses everything until it is configured.
    pub(super) fn new(id: u32) -> Self {
        Self { id, worker: None, leaving: false }
    }

    fn configure(&mut self, size: usize) -> Result<(), String> {
        let bytes = host::buffer(BufferType::PluginConfiguration, size).unwrap_or_default();
        let env = |name: &str| std::env::var(name).ok();
        let policy = Policy::from_vec(bytes, &env).map_err(|errors| errors.to_string())?;
        let large =
            budget::check(&policy, &|offer| extensions::most(offer)).map_err(|errors| errors.to_string())?;
        for warning in policy.warnings().iter().chain(&large) {
            log::warn!("configuration: {warning}");
        }
        // Nothing is written anywhere before the configuration has been accepted whole.
        let layout = Layout::from_byte(policy.claims.layout).unwrap_or(Layout::Two);
        let table = Table::open(&SharedData, policy.claims.capacity, layout, host::random())
            .map_err(|error| error.to_string())?;
        if table.is_outgrown() {
            log::warn!(
                "claims.capacity: this process began with a table of {} buckets, which stay as many until it \
                 is restarted; each may hold {} payments now, and is read for each payment",
                table.buckets(),
                table.bucket_limit(),
            );
        }
        // A queue of this root's own, so that the host calls this VM back and no other.
        let name = format!("x402/queue/{}", crate::digits::hex(&host::random()));
        let queue = hostcalls::register_shared_queue(&name).map_err(|_| "the host has no shared queues")?;
        // The shared store's clock is needed before the first payment.
        let first = if policy.shared_claims.is_some() { 10 } else { 1_000 };
        hostcalls::set_tick_period(Duration::from_millis(first)).map_err(|_| "the host has no timer")?;
        self.worker = Some(Rc::new(Worker::new(self.id, policy, table, queue)));
        Ok(())
    }

    /// Lets the worker act, if there is one, and no stream's callback call the root meanwhile.
    fn act(&self, act: impl FnOnce(&Worker)) {
        if let Some(worker) = &self.worker {
            worker.occupy();
            act(worker);
            worker.rest();
        }
    }

    /// A root that is going stays until nothing is under way: an answer that arrives later
    /// still says whether money moved.
    fn done_if_idle(&mut self) {
        if self.leaving && self.worker.as_ref().is_none_or(|worker| !worker.busy()) {
            self.leaving = false;
            let _ = hostcalls::set_effective_context(self.id);
            let _ = hostcalls::done();
        }
    }
}

impl Drop for Root {
    /// Streams may outlive it.
    fn drop(&mut self) {
        if let Some(worker) = &self.worker {
            worker.occupy();
        }
    }
}

impl Context for Root {
    fn on_http_call_response(&mut self, token: u32, num_headers: usize, body_size: usize, _trailers: usize) {
        let _moment = Moment::begin();
        self.act(|worker| worker.on_answer(token, num_headers, body_size));
        self.done_if_idle();
    }

    fn on_done(&mut self) -> bool {
        self.leaving = self.worker.as_ref().is_some_and(|worker| worker.busy());
        !self.leaving
    }
}

impl RootContext for Root {
    fn on_configure(&mut self, size: usize) -> bool {
        match self.configure(size) {
            Ok(()) => {
                // Or the first payment would wait for it.
                crate::secp256k1::prepare();
                true
            }
            Err(why) => {
                log::error!("the configuration is refused:\n{why}");
                false
            }
        }
    }

    fn on_tick(&mut self) {
        let _moment = Moment::begin();
        self.act(|worker| {
            if worker.is_new() {
                let _ = hostcalls::set_tick_period(Duration::from_secs(1));
            }
            worker.tick();
            if !self.leaving {
                worker.look_at_supported();
            }
        });
        self.done_if_idle();
    }

    fn on_queue_ready(&mut self, queue: u32) {
        // Within a callback that has its moment.
        if queue == x402_abi::HERE {
            return self.act(Worker::dispatch_waiting);
        }
        let _moment = Moment::begin();
        self.act(|worker| worker.drain(queue));
        self.done_if_idle();
    }

    fn create_http_context(&self, context: u32) -> Option<Box<dyn HttpContext>> {
        Some(Box::new(Stream::new(context, self.worker.clone())))
    }

    fn get_type(&self) -> Option<ContextType> {
        Some(ContextType::HttpContext)
    }
}
