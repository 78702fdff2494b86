//! From the repository's configuration to one that runs here: a tree, rewritten.

use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};
use std::path::Path;

use serde_json::{json, Map, Value};

use super::options::{Options, PluginConfig};
use super::ports::free_port;
use super::StartError;

const WASM: &str = "envoy.filters.http.wasm";
const STRING_VALUE: &str = "type.googleapis.com/google.protobuf.StringValue";
const STRUCT: &str = "type.googleapis.com/google.protobuf.Struct";
const HTTP_OPTIONS_NAME: &str = "envoy.extensions.upstreams.http.v3.HttpProtocolOptions";
const HTTP_OPTIONS: &str = "type.googleapis.com/envoy.extensions.upstreams.http.v3.HttpProtocolOptions";
const FILE_ACCESS_LOG: &str = "type.googleapis.com/envoy.extensions.access_loggers.file.v3.FileAccessLog";

/// The rewritten tree and where it will listen.
pub(super) struct Plan {
    pub(super) tree: Value,
    pub(super) admin: SocketAddr,
    pub(super) listeners: BTreeMap<String, SocketAddr>,
    pub(super) main: SocketAddr,
}

impl Plan {
    pub(super) fn new(options: &Options, directory: &Path) -> Result<Self, StartError> {
        let mut tree = load(&options.template)?;
        let admin_port = match options.admin_port {
            Some(port) => port,
            None => free_port(options.bind)?,
        };
        let admin = SocketAddr::new(options.bind, admin_port);
        tree["admin"] = json!({ "address": address(admin) });
        let (listeners, main) = place_listeners(&mut tree, options)?;
        for (name, endpoint) in &options.clusters {
            place_cluster(&mut tree, name, *endpoint)?;
        }
        for (name, endpoint) in &options.more_clusters {
            add_cluster(&mut tree, name)?;
            place_cluster(&mut tree, name, *endpoint)?;
        }
        rewrite_filters(&mut tree, options);
        if let Some(plugin) = &options.plugin {
            set_plugin(&mut tree, plugin);
        }
        write_access_log_to(&mut tree, &directory.join("access.log"));
        if let Some(edit) = &options.edit {
            edit(&mut tree);
        }
        Ok(Self { tree, admin, listeners, main })
    }
}

fn load(template: &Path) -> Result<Value, StartError> {
    let wrong = |why: String| StartError::Template(format!("{}: {why}", template.display()));
    let text = std::fs::read_to_string(template).map_err(|error| wrong(error.to_string()))?;
    let mut yaml: serde_yaml_ng::Value =
        serde_yaml_ng::from_str(&text).map_err(|error| wrong(error.to_string()))?;
    yaml.apply_merge().map_err(|error| wrong(error.to_string()))?;
    serde_json::to_value(yaml).map_err(|error| wrong(error.to_string()))
}

fn address(at: SocketAddr) -> Value {
    json!({ "socket_address": { "address": at.ip().to_string(), "port_value": at.port() } })
}

type Placed = (BTreeMap<String, SocketAddr>, SocketAddr);

fn place_listeners(tree: &mut Value, options: &Options) -> Result<Placed, StartError> {
    let listeners = tree["static_resources"]["listeners"]
        .as_array_mut()
        .filter(|listeners| !listeners.is_empty())
        .ok_or_else(|| StartError::Template("no static listeners".to_owned()))?;
    let is_ingress = |listener: &Value| listener["name"] == "ingress";
    let main = listeners.iter().position(is_ingress).unwrap_or(0);
    let mut placed = BTreeMap::new();
    let mut main_address = SocketAddr::new(options.bind, 0);
    for (at, listener) in listeners.iter_mut().enumerate() {
        let port = match options.listen_port {
            Some(port) if at == main => port,
            _ => free_port(options.bind)?,
        };
        let here = SocketAddr::new(options.bind, port);
        listener["address"] = address(here);
        let name = listener["name"].as_str().map_or_else(|| format!("listener_{at}"), str::to_owned);
        placed.insert(name, here);
        if at == main {
            main_address = reachable(here);
        }
    }
    Ok((placed, main_address))
}

/// Where a client on this machine finds a listener bound to every interface.
fn reachable(at: SocketAddr) -> SocketAddr {
    if at.ip().is_unspecified() {
        SocketAddr::new(IpAddr::from([127, 0, 0, 1]), at.port())
    } else {
        at
    }
}

/// As an operator would add one: early to give up, no retries, no connection kept for long.
fn add_cluster(tree: &mut Value, name: &str) -> Result<(), StartError> {
    let clusters = tree["static_resources"]["clusters"].as_array_mut();
    let clusters = clusters.ok_or_else(|| StartError::Template("no static clusters".to_owned()))?;
    clusters.push(json!({
        "name": name,
        "connect_timeout": "1s",
        "typed_extension_protocol_options": { HTTP_OPTIONS_NAME: {
            "@type": HTTP_OPTIONS,
            "common_http_protocol_options": { "idle_timeout": "4s" },
            "explicit_http_config": { "http_protocol_options": {} },
        } },
        "circuit_breakers": { "thresholds": [{ "max_requests": 4096, "max_retries": 0 }] },
    }));
    Ok(())
}

fn place_cluster(tree: &mut Value, name: &str, endpoint: SocketAddr) -> Result<(), StartError> {
    let cluster = tree["static_resources"]["clusters"]
        .as_array_mut()
        .and_then(|clusters| clusters.iter_mut().find(|cluster| cluster["name"] == name))
        .and_then(Value::as_object_mut)
        .ok_or_else(|| StartError::Template(format!("no cluster named {name}")))?;
    // The programs here speak plain HTTP on an address, whatever the template has.
    cluster.remove("transport_socket");
    cluster.remove("dns_lookup_family");
    cluster.remove("cluster_type");
    cluster.insert("type".to_owned(), json!("STATIC"));
    let endpoint = json!({ "endpoint": { "address": address(endpoint) } });
    cluster.insert(
        "load_assignment".to_owned(),
        json!({ "cluster_name": name, "endpoints": [{ "lb_endpoints": [endpoint] }] }),
    );
    Ok(())
}

fn rewrite_filters(tree: &mut Value, options: &Options) {
    let Some(module) = &options.module else {
        each_object(tree, &mut |object| {
            if let Some(Value::Array(filters)) = object.get_mut("http_filters") {
                filters.retain(|filter| filter["name"] != WASM);
            }
        });
        return;
    };
    // Envoy runs elsewhere than the caller.
    let module = std::path::absolute(module).unwrap_or_else(|_| module.clone());
    each_plugin(tree, &mut |config| {
        let vm = &mut config["vm_config"];
        vm["code"] = json!({ "local": { "filename": module } });
        if !options.vm_environment.is_empty() {
            let variables = &mut vm["environment_variables"];
            if let Some(keys) = variables["host_env_keys"].as_array_mut() {
                keys.retain(|key| !options.vm_environment.contains_key(key.as_str().unwrap_or("")));
            } else if let Some(variables) = variables.as_object_mut() {
                variables.remove("host_env_keys");
            }
            for (name, value) in &options.vm_environment {
                variables["key_values"][name] = json!(value);
            }
        }
        if let Some(allow) = options.allow_on_headers_stop_iteration {
            config["allow_on_headers_stop_iteration"] = json!(allow);
        }
    });
}

/// Replaces the plugin's configuration in every wasm filter.
pub(super) fn set_plugin(tree: &mut Value, plugin: &PluginConfig) {
    let configuration = match plugin {
        PluginConfig::Json(value) => json!({ "@type": STRING_VALUE, "value": value.to_string() }),
        PluginConfig::Text(text) => json!({ "@type": STRING_VALUE, "value": text }),
        PluginConfig::Struct(value) => json!({ "@type": STRUCT, "value": value }),
    };
    each_plugin(tree, &mut |config| {
        config["configuration"] = configuration.clone();
    });
}

fn write_access_log_to(tree: &mut Value, path: &Path) {
    each_object(tree, &mut |object| {
        let Some(Value::Array(loggers)) = object.get_mut("access_log") else {
            return;
        };
        for logger in loggers {
            let config = &mut logger["typed_config"];
            let kind = config["@type"].as_str().unwrap_or_default();
            if kind.contains(".stream.") || kind.contains(".file.") {
                config["@type"] = json!(FILE_ACCESS_LOG);
                config["path"] = json!(path);
                logger["name"] = json!("envoy.access_loggers.file");
            }
        }
    });
}

fn each_plugin(tree: &mut Value, visit: &mut dyn FnMut(&mut Value)) {
    each_object(tree, &mut |object| {
        if object.get("name").is_some_and(|name| name == WASM) {
            if let Some(config) = object.get_mut("typed_config").and_then(|typed| typed.get_mut("config")) {
                visit(config);
            }
        }
    });
}

fn each_object(value: &mut Value, visit: &mut dyn FnMut(&mut Map<String, Value>)) {
    match value {
        Value::Object(object) => {
            visit(object);
            object.values_mut().for_each(|value| each_object(value, visit));
        }
        Value::Array(items) => items.iter_mut().for_each(|item| each_object(item, visit)),
        _ => {}
    }
}
