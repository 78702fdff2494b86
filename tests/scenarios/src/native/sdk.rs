//! What the SDK exports, callable.

use super::host::host;
use super::side;

/// What a callback wants.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Action {
    Continue,
    Pause,
}

mod exported {
    extern "C" {
        pub(super) fn proxy_on_context_create(context: u32, root: u32);
        pub(super) fn proxy_on_vm_start(context: u32, size: usize) -> bool;
        pub(super) fn proxy_on_configure(context: u32, size: usize) -> bool;
        pub(super) fn proxy_on_tick(context: u32);
        pub(super) fn proxy_on_queue_ready(context: u32, queue: u32);
        pub(super) fn proxy_on_request_headers(context: u32, count: usize, end: bool) -> u32;
        pub(super) fn proxy_on_request_body(context: u32, size: usize, end: bool) -> u32;
        pub(super) fn proxy_on_response_headers(context: u32, count: usize, end: bool) -> u32;
        pub(super) fn proxy_on_response_body(context: u32, size: usize, end: bool) -> u32;
        pub(super) fn proxy_on_http_call_response(
            context: u32,
            token: u32,
            headers: usize,
            size: usize,
            trailers: usize,
        );
        pub(super) fn proxy_on_done(context: u32) -> bool;
        pub(super) fn proxy_on_log(context: u32);
        pub(super) fn proxy_on_delete(context: u32);
    }
}

fn enter(context: u32) {
    host(|host| host.effective = context);
}

fn action(code: u32) -> Action {
    if code == 0 {
        Action::Continue
    } else {
        Action::Pause
    }
}

/// Wraps an exported callback: the host's effective context is the callback's.
macro_rules! callback {
    ($name:ident($($arg:ident: $type:ty),*) $(-> $out:ty)?, $exported:ident $(, $read:path)?) => {
        pub(super) fn $name(context: u32 $(, $arg: $type)*) $(-> $out)? {
            enter(context);
            // SAFETY: the SDK's exports take plain numbers and are called on the thread whose
            // dispatcher knows the context.
            let out = side::callback(stringify!($name), || unsafe { exported::$exported(context $(, $arg)*) });
            $(let out = $read(out);)?
            out
        }
    };
}

callback!(vm_start(size: usize) -> bool, proxy_on_vm_start);
callback!(configure(size: usize) -> bool, proxy_on_configure);
callback!(tick(), proxy_on_tick);
callback!(queue_ready(queue: u32), proxy_on_queue_ready);
callback!(request_headers(count: usize, end: bool) -> Action, proxy_on_request_headers, action);
callback!(request_body(size: usize, end: bool) -> Action, proxy_on_request_body, action);
callback!(response_headers(count: usize, end: bool) -> Action, proxy_on_response_headers, action);
callback!(response_body(size: usize, end: bool) -> Action, proxy_on_response_body, action);
callback!(http_call_response(token: u32, headers: usize, size: usize, trailers: usize), proxy_on_http_call_response);
callback!(done() -> bool, proxy_on_done);
callback!(log(), proxy_on_log);
callback!(delete(), proxy_on_delete);
callback!(create(root: u32), proxy_on_context_create);

pub(super) fn create_root(context: u32) {
    create(context, 0);
}
