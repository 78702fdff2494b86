//! A filter that touches nothing: what any filter in this sandbox costs.
//!
//! Header callbacks are exported and called, as they are for any filter, so that the
//! difference between this module and ours is our own work and not the sandbox's.
//!
//! Configured with a text, it posts that text to `/settle` of the cluster `facilitator`
//! before every request and lets the request go on whatever the answer: what one callout
//! costs, and nothing else.

use std::rc::Rc;
use std::time::Duration;

use proxy_wasm::traits::{Context, HttpContext, RootContext};
use proxy_wasm::types::{Action, ContextType};

proxy_wasm::main! {{
    proxy_wasm::set_root_context(|_| Box::new(Root { body: None }));
}}

struct Root {
    body: Option<Rc<[u8]>>,
}

struct Stream;

struct Calling {
    body: Rc<[u8]>,
}

impl Context for Root {}

impl RootContext for Root {
    fn on_configure(&mut self, _: usize) -> bool {
        let text = self.get_plugin_configuration();
        self.body = text.filter(|text| !text.is_empty()).map(Rc::from);
        true
    }

    fn get_type(&self) -> Option<ContextType> {
        Some(ContextType::HttpContext)
    }

    fn create_http_context(&self, _: u32) -> Option<Box<dyn HttpContext>> {
        Some(match &self.body {
            None => Box::new(Stream),
            Some(body) => Box::new(Calling { body: Rc::clone(body) }),
        })
    }
}

impl Context for Stream {}

impl HttpContext for Stream {}

impl Context for Calling {
    fn on_http_call_response(&mut self, _: u32, _: usize, _: usize, _: usize) {
        self.resume_http_request();
    }
}

impl HttpContext for Calling {
    fn on_http_request_headers(&mut self, _: usize, _: bool) -> Action {
        let headers = vec![
            (":method", "POST"),
            (":path", "/settle"),
            (":authority", "facilitator"),
            ("content-type", "application/json"),
            ("accept", "application/json"),
        ];
        let patience = Duration::from_secs(10);
        match self.dispatch_http_call("facilitator", headers, Some(&self.body), vec![], patience) {
            Ok(_) => Action::Pause,
            Err(_) => Action::Continue,
        }
    }
}
