//! Facilitator, upstream and Envoy with the filter, in one process tree.

use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;
use std::process::ExitCode;

use lexopt::prelude::{Long, Short};
use serde_json::{json, Value};
use x402_devstack::cli::{environment, value, wait_for_the_end, Stop};
use x402_devstack::envoy::{Envoy, Options, PluginConfig};
use x402_devstack::facilitator::{self, Facilitator};
use x402_devstack::upstream::{self, Upstream};

const HELP: &str = "\
x402-up: starts facilitator, upstream and Envoy, prints one line of JSON when they serve,
and takes them down again on SIGTERM or SIGINT

Options (and the environment variables behind them):
  --config FILE         [X402_CONFIG] default envoy/envoy.yaml
  --module FILE         [X402_MODULE] default
                        target/wasm32-wasip1/release/x402_proxy_wasm.wasm
  --no-module           Envoy without the filter
  --plugin FILE         the filter's configuration, as JSON text, instead of the one in --config
  --port PORT           of Envoy; default a free one
  --admin-port PORT     of Envoy; default a free one
  --bind IP             of Envoy; default 127.0.0.1
  --facilitator ADDRESS where to listen; default a free port on 127.0.0.1
  --upstream ADDRESS    where to listen; default a free port on 127.0.0.1
  --mode MODE           of the facilitator: npm or x402-rs
  --instant             the facilitator says success without looking
  --concurrency N       workers of Envoy; default 1
  --log-level LEVEL     of Envoy; default info
  --stdin               stop when the standard input ends, too
  --help

Envoy is found by ENVOY, in .venv/bin here or above, or on the path.
";

struct Plan {
    envoy: Options,
    module: Option<PathBuf>,
    plugin: Option<PathBuf>,
    facilitator: facilitator::Options,
    upstream: upstream::Options,
    stdin: bool,
}

fn main() -> ExitCode {
    match read_plan().and_then(run) {
        Ok(()) => ExitCode::SUCCESS,
        Err(stop) => stop.report(HELP),
    }
}

fn read_plan() -> Result<Plan, Stop> {
    let module = "target/wasm32-wasip1/release/x402_proxy_wasm.wasm";
    let mut plan = Plan {
        envoy: Options::new(environment("X402_CONFIG", PathBuf::from("envoy/envoy.yaml"))?),
        module: Some(environment("X402_MODULE", PathBuf::from(module))?),
        plugin: None,
        facilitator: facilitator::Options::default(),
        upstream: upstream::Options::default(),
        stdin: false,
    };
    let mut parser = lexopt::Parser::from_env();
    while let Some(flag) = parser.next()? {
        match flag {
            Long("config") => plan.envoy.template = value(&mut parser)?,
            Long("module") => plan.module = Some(value(&mut parser)?),
            Long("no-module") => plan.module = None,
            Long("plugin") => plan.plugin = Some(value(&mut parser)?),
            Long("port") => plan.envoy.listen_port = Some(value(&mut parser)?),
            Long("admin-port") => plan.envoy.admin_port = Some(value(&mut parser)?),
            Long("bind") => plan.envoy.bind = value::<IpAddr>(&mut parser)?,
            Long("facilitator") => plan.facilitator.listen = value::<SocketAddr>(&mut parser)?,
            Long("upstream") => plan.upstream.listen = value::<SocketAddr>(&mut parser)?,
            Long("mode") => plan.facilitator.dialect = value(&mut parser)?,
            Long("instant") => plan.facilitator.instant = true,
            Long("concurrency") => plan.envoy.concurrency = value(&mut parser)?,
            Long("log-level") => plan.envoy.log_level = value(&mut parser)?,
            Long("stdin") => plan.stdin = true,
            Long("help") | Short('h') => return Err(Stop::Help),
            other => return Err(other.unexpected().into()),
        }
    }
    Ok(plan)
}

fn run(plan: Plan) -> Result<(), Stop> {
    let facilitator = Facilitator::start(plan.facilitator)?;
    let upstream = Upstream::start(plan.upstream)?;
    let mut options = plan
        .envoy
        .facilitator(facilitator.address())
        .upstream(upstream.address())
        .edit(quote_the_real_origin);
    options.module = plan.module;
    if let Some(file) = plan.plugin {
        let text = std::fs::read_to_string(&file)
            .map_err(|error| Stop::Wrong(format!("{}: {error}", file.display())))?;
        options.plugin = Some(PluginConfig::Text(text));
    }
    let envoy = Envoy::start(&options).map_err(|error| Stop::Wrong(error.to_string()))?;
    let ready = json!({
        "url": envoy.url(),
        "facilitator": facilitator.url(),
        "upstream": upstream.url(),
        "envoyAdmin": format!("http://{}", envoy.admin_address()),
        "log": envoy.log_path(),
    });
    println!("{ready}");
    Ok(wait_for_the_end(plan.stdin)?)
}

/// The template quotes the port it names itself; here the port is another one.
fn quote_the_real_origin(tree: &mut Value) {
    let port = tree["static_resources"]["listeners"][0]["address"]["socket_address"]["port_value"]
        .as_u64()
        .unwrap_or_default();
    set_origin(tree, &format!("http://localhost:{port}"));
}

fn set_origin(value: &mut Value, origin: &str) {
    match value {
        Value::Object(object) => {
            if let Some(known) = object.get_mut("origin").filter(|known| known.is_string()) {
                *known = json!(origin);
            }
            object.values_mut().for_each(|value| set_origin(value, origin));
        }
        Value::Array(items) => items.iter_mut().for_each(|item| set_origin(item, origin)),
        _ => {}
    }
}
