//! The `rpc` section: nodes that are asked what became of a settlement.

use std::sync::Arc;

use super::accepts::{read_network, Assets, Network};
use super::error::Errors;
use super::facilitators::{read_header, read_headers, read_upstream, Surroundings};
use super::fields::{entries, text, Fields};
use super::tree::{Path, Value};
use super::{Policy, Secret};

pub(super) const KEYS: &[&str] =
    &["cluster", "authority", "path", "timeout", "headers", "finality", "soleSeller"];

/// Most nodes of a policy.
const MAX_NODES: usize = 64;

/// Where and how a chain's node is called: a POST of JSON-RPC.
#[derive(Debug)]
pub struct Rpc {
    pub(crate) chain_id: u64,
    network: String,
    cluster: String,
    authority: String,
    path: Secret,
    timeout_millis: u32,
    finality: u64,
    sole_seller: bool,
    headers: Vec<(String, Secret)>,
}

pub(super) fn read(
    fields: &Fields<'_>,
    assets: &Assets,
    around: &mut Surroundings<'_>,
    errors: &mut Errors,
) -> Vec<Arc<Rpc>> {
    let path = fields.path.key("rpc");
    let nodes = fields.get("rpc").and_then(|value| entries(value, path, errors)).unwrap_or_default();
    if nodes.len() > MAX_NODES {
        errors.push(path, format_args!("more than {MAX_NODES} nodes"), "remove some");
    }
    let mut read: Vec<Arc<Rpc>> = Vec::new();
    for (name, value) in nodes.iter().take(MAX_NODES) {
        let path = path.key(name);
        let complete = errors.is_empty();
        let network = read_network(&Value::Text((&**name).into()), &path, errors);
        let chain_id = match network {
            Some(Network::Evm(chain)) => Some(chain),
            Some(Network::Other(_)) => {
                errors.push(path, "only EVM chains are asked", "remove it");
                None
            }
            None => None,
        };
        let Some(node) = read_one(chain_id, value, path, around, errors) else { continue };
        if read.iter().any(|other| other.chain_id == node.chain_id) {
            errors.push(path, "the network is there twice", "remove one");
        }
        // Where a way to pay has a mistake, nobody knows its network.
        if complete && !assets.are_on(&node.network) {
            errors.push(
                path,
                format_args!("no offer is paid on {}", node.network),
                "remove it, or list the network under accepts",
            );
        }
        read.push(Arc::new(node));
    }
    read
}

fn read_one(
    chain_id: Option<u64>,
    value: &Value<'_>,
    path: Path<'_>,
    around: &mut Surroundings<'_>,
    errors: &mut Errors,
) -> Option<Rpc> {
    let fields = Fields::open(value, path, KEYS, errors)?;
    let (cluster, authority) = read_upstream(
        &fields,
        "the proxy's name for the node's upstream",
        "the node's host, for example base.example.com",
        errors,
    );
    let target = match fields.get("path") {
        Some(value) => read_path(value, path.key("path"), around, errors),
        None => Some(Secret::new("/".to_owned())),
    };
    let timeout = fields.duration("timeout", ("100ms", "60s"), 5_000, errors);
    let sole_seller = fields.flag("soleSeller", false, errors);
    let finality = fields.duration("finality", ("1s", "24h"), 900_000, errors);
    let headers = read_headers(&fields, around, errors);
    let chain_id = chain_id?;
    let mut network = "eip155:".to_owned();
    network.push_str(&chain_id.to_string());
    Some(Rpc {
        chain_id,
        network,
        cluster: cluster?.to_owned(),
        authority: authority?,
        path: target?,
        timeout_millis: u32::try_from(timeout?).ok()?,
        finality: finality?.div_ceil(1_000),
        sole_seller,
        headers,
    })
}

/// A path as text, or from where secrets come from: providers put their keys there.
fn read_path(
    value: &Value<'_>,
    path: Path<'_>,
    around: &mut Surroundings<'_>,
    errors: &mut Errors,
) -> Option<Secret> {
    let target = match value {
        Value::Object(_) => read_header(value, path, around, errors)?,
        _ => Secret::new(text(value, &path, errors)?.to_owned()),
    };
    let shown = target.expose();
    let fine = shown.starts_with('/')
        && shown.len() <= 1024
        && shown.bytes().all(|b| b.is_ascii_graphic() && !matches!(b, b'#' | b'\\'));
    if !fine {
        errors.push(path, "not a path", "write /, or {\"env\": \"VARIABLE\"} for one with a key in it");
        return None;
    }
    Some(target)
}

// === impl Policy ===

impl Policy {
    /// The node of a chain, if there is one.
    pub fn rpc(&self, chain_id: u64) -> Option<&Arc<Rpc>> {
        self.rpcs.iter().find(|rpc| rpc.chain_id == chain_id)
    }
}

// === impl Rpc ===

impl Rpc {
    /// CAIP-2.
    pub fn network(&self) -> &str {
        &self.network
    }

    /// The host's name for the upstream.
    pub fn cluster(&self) -> &str {
        &self.cluster
    }

    /// `:authority` of the calls.
    pub fn authority(&self) -> &str {
        &self.authority
    }

    /// `:path` of the calls. It may hold a key: for the call and nothing else.
    pub fn path(&self) -> &str {
        self.path.expose()
    }

    /// How long one call may take.
    pub fn timeout_millis(&self) -> u32 {
        self.timeout_millis
    }

    /// How old a block must be so that the chain does not undo it, in seconds.
    pub fn finality(&self) -> u64 {
        self.finality
    }

    /// Whether nobody else has payments to the same payees settled on this chain: all of them go by these
    /// claims.
    pub fn is_sole_seller(&self) -> bool {
        self.sole_seller
    }

    /// Static headers, with their secrets exposed: for the call and nothing else.
    pub fn headers(&self) -> impl Iterator<Item = (&str, &str)> {
        self.headers.iter().map(|(name, value)| (name.as_str(), value.expose()))
    }
}
