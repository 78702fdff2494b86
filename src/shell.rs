//! proxy-wasm: the only code that names the host.
//!
//! One `worker::Worker` per root context holds what its streams share: the policy, the
//! claim table's shape, settlements under way, metrics. A settlement is dispatched by the
//! root, not by the stream that asked: the stream queues it on a shared queue of its own
//! VM and the host calls the root back, because the SDK drops answers addressed to a stream
//! that is gone, and with them the knowledge that money moved.

mod host;
mod meters;
mod root;
mod stream;
mod worker;

#[cfg(target_family = "wasm")]
mod entry {
    #![allow(missing_docs, reason = "the SDK's macro exports `_initialize` without a word")]

    proxy_wasm::main! {{
        super::start();
    }}
}

/// Registers the filter with the SDK. The host calls it through `_initialize`; a native test
/// host calls it itself.
pub fn start() {
    proxy_wasm::set_log_level(proxy_wasm::types::LogLevel::Info);
    proxy_wasm::set_root_context(|root_id| Box::new(root::Root::new(root_id)));
}
