//! What stands between the client and the application.
//!
//! The listeners are the repository's own `envoy/envoy.yaml`, ingress listener and all, less
//! its access log: what is measured is what an operator reads. Only the filters differ.

use std::path::Path;

use serde_json::{json, Value};
use x402_devstack::client::Answer;

use crate::bed::{Modules, Script};
use crate::peers::Peer;
use crate::policy;

/// What stands between the client and the application.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Stack {
    /// The router alone.
    Plain,
    /// A route that answers with the bytes of our 402, and no filter.
    PureDirect,
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
    /// The module with so many routes.
    Routes(usize),
    /// Another project's server, which is its own application, and no Envoy.
    Alone(Peer),
    /// The same behind the router alone.
    Behind(Peer),
}

// === impl Stack ===

impl Stack {
    /// The stacks of one Envoy measured with these modules.
    pub fn all(modules: &Modules) -> Vec<Self> {
        let mut all = vec![Self::Plain, Self::PureDirect];
        all.extend([Self::Noop, Self::NoopDirect, Self::NoopCallout, Self::Ours]);
        all.extend(modules.against.as_ref().map(|_| Self::Against));
        all
    }

    /// The listener's name.
    pub fn name(self) -> String {
        match self {
            Self::Plain => "plain".to_owned(),
            Self::PureDirect => "direct".to_owned(),
            Self::Noop => "noop".to_owned(),
            Self::NoopDirect => "noop-direct".to_owned(),
            Self::NoopCallout => "noop-callout".to_owned(),
            Self::Ours => "x402".to_owned(),
            Self::Against => "against".to_owned(),
            Self::Routes(count) => format!("routes-{count}"),
            Self::Alone(peer) => peer.name().to_owned(),
            Self::Behind(peer) => format!("behind-{}", peer.name()),
        }
    }

    pub(crate) fn listener(self, ingress: &Value, modules: &Modules, script: Option<&Script>) -> Value {
        let mut listener = ingress.clone();
        listener["name"] = json!(self.name());
        let manager = &mut listener["filter_chains"][0]["filters"][0]["typed_config"];
        manager["stat_prefix"] = json!(self.name());
        manager["access_log"] = json!([]);
        let ours = manager["http_filters"][0].take();
        let other = match self {
            Self::Plain | Self::PureDirect | Self::Alone(_) | Self::Behind(_) => None,
            Self::Ours => Some(ours),
            Self::Noop | Self::NoopDirect => Some(self.filter(&ours, &modules.noop, "")),
            Self::NoopCallout => {
                let body = script.map_or("", |script| &script.settle);
                Some(self.filter(&ours, &modules.noop, body))
            }
            Self::Against => {
                let module = modules.against.as_deref().unwrap_or(&modules.ours);
                Some(self.filter(&ours, module, &policy::policy().to_string()))
            }
            Self::Routes(count) => {
                Some(self.filter(&ours, &modules.ours, &policy::of_size(count).to_string()))
            }
        };
        let router = manager["http_filters"][1].take();
        manager["http_filters"] = other.into_iter().chain([router]).collect();
        let route = &mut manager["route_config"]["virtual_hosts"][0]["routes"][0];
        match (self, script) {
            (Self::PureDirect | Self::NoopDirect, Some(script)) => *route = direct(&script.unpaid),
            (Self::Behind(peer), _) => route["route"]["cluster"] = json!(peer.name()),
            _ => {}
        }
        listener
    }

    /// The module's own filter, failure policy and all, with another module or another
    /// configuration in it. Named otherwise, so that the launcher leaves it alone.
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
