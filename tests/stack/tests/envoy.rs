//! The launcher, against a real Envoy without the module. Without an Envoy there is nothing
//! to test here: the tests say so, and fail where `CI` is set.

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use x402_devstack::client::{get, Broken};
use x402_devstack::envoy::{find_binary, Envoy, Options, StartError, Update};
use x402_devstack::upstream::{self, Upstream};

fn options(upstream: &Upstream) -> Option<Options> {
    if find_binary().is_none() {
        assert!(std::env::var_os("CI").is_none(), "no Envoy");
        eprintln!("skipped: no Envoy");
        return None;
    }
    let template = Path::new(env!("CARGO_MANIFEST_DIR")).join("testdata/envoy.yaml");
    let nobody = "127.0.0.1:1".parse().expect("an address");
    Some(Options::new(template).upstream(upstream.address()).facilitator(nobody))
}

fn upstream() -> Upstream {
    Upstream::start(upstream::Options::default()).expect("a free port")
}

#[tokio::test(flavor = "multi_thread")]
async fn it_proxies_counts_logs_and_dies() {
    let upstream = upstream();
    let Some(options) = options(&upstream) else {
        return;
    };
    let envoy = Envoy::start(&options).unwrap();
    let second = Envoy::start(&options.clone().concurrency(2)).unwrap();
    assert_ne!(envoy.address(), second.address());
    let echo = get(envoy.address(), "/through?x=1").await;
    assert_eq!(echo.status, 200);
    assert_eq!(echo.json()["path"], "/through");
    assert_eq!(envoy.stat("cluster.upstream.upstream_rq_total"), 1);
    let requests = envoy.prometheus().into_iter().find(|sample| {
        sample.name == "envoy_cluster_upstream_rq_total" && sample.labels["envoy_cluster_name"] == "upstream"
    });
    assert_eq!(requests.map(|sample| sample.value), Some(1.0));
    assert!(envoy.access_log(1)[0].contains("/through?x=1"));
    assert!(envoy.log().contains("starting main dispatch loop"));
    let (address, pid) = (envoy.address(), envoy.pid());
    assert!(Path::new(&format!("/proc/{pid}")).exists());
    drop(envoy);
    assert_eq!(get(address, "/").await.broken, Some(Broken::Refused));
    assert!(!Path::new(&format!("/proc/{pid}")).exists());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rejected_listener_leaves_the_old_one_serving() {
    let upstream = upstream();
    let Some(options) = options(&upstream) else {
        return;
    };
    let mut envoy = Envoy::start_lds(&options).unwrap();
    assert_eq!(get(envoy.address(), "/").await.status, 200);
    let manager = "/filter_chains/0/filters/0/typed_config";
    let update = envoy
        .update_listeners(|listener| {
            *listener.pointer_mut(&format!("{manager}/stat_prefix")).unwrap() = "".into();
        })
        .unwrap();
    assert!(matches!(&update, Update::Rejected(why) if why.contains("StatPrefix")), "{update:?}");
    assert_eq!(get(envoy.address(), "/").await.status, 200);
    let route = format!("{manager}/route_config/virtual_hosts/0/routes/0");
    let update = envoy
        .update_listeners(|listener| {
            *listener.pointer_mut(&route).unwrap() = serde_json::json!({
                "match": { "prefix": "/" }, "direct_response": { "status": 418 },
            });
        })
        .unwrap();
    assert_eq!(update, Update::Accepted);
    assert_eq!(get(envoy.address(), "/").await.status, 418);
}

#[test]
fn a_configuration_envoy_refuses_is_an_error_with_its_log() {
    let upstream = upstream();
    let Some(options) = options(&upstream) else {
        return;
    };
    let refused = Envoy::start(&options.clone().edit(|tree| tree["admin"] = 7.into()));
    assert!(matches!(refused, Err(StartError::Exited(log)) if log.contains("error")));
    let nameless = "/static_resources/listeners/0/filter_chains/0/filters/0/typed_config/stat_prefix";
    let refused = Envoy::start_lds(&options.edit(move |tree| {
        *tree.pointer_mut(nameless).unwrap() = "".into();
    }));
    assert!(matches!(refused, Err(StartError::Exited(log)) if log.contains("StatPrefix")));
}

#[test]
fn a_missing_module_is_refused_by_envoy() {
    let upstream = upstream();
    let Some(options) = options(&upstream) else {
        return;
    };
    let refused = Envoy::start(&options.module("no/such.wasm").vm_variable("A", "b"));
    assert!(matches!(refused, Err(StartError::Exited(log)) if log.contains("such.wasm")));
}

/// `x402-up` on the test's own template, without the module.
fn up() -> (std::process::Child, serde_json::Value) {
    let mut up = Command::new(env!("CARGO_BIN_EXE_x402-up"))
        .args(["--config", "testdata/envoy.yaml", "--no-module", "--stdin"])
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut line = String::new();
    BufReader::new(up.stdout.as_mut().unwrap()).read_line(&mut line).unwrap();
    let ready = serde_json::from_str(&line).unwrap();
    (up, ready)
}

fn place(ready: &serde_json::Value, name: &str) -> std::net::SocketAddr {
    let url = ready[name].as_str().unwrap();
    url.strip_prefix("http://").unwrap().parse().unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn up_is_one_command_and_leaves_nothing_behind() {
    if options(&upstream()).is_none() {
        return;
    }
    for killed in [false, true] {
        let (mut up, ready) = up();
        assert_eq!(get(place(&ready, "url"), "/").await.json()["upstream"], "upstream");
        assert_eq!(get(place(&ready, "facilitator"), "/supported").await.status, 200);
        assert_eq!(get(place(&ready, "envoyAdmin"), "/ready").await.status, 200);
        if killed {
            up.kill().unwrap();
        } else {
            drop(up.stdin.take());
        }
        assert_eq!(up.wait().unwrap().success(), !killed);
        for name in ["url", "envoyAdmin", "upstream", "facilitator"] {
            // The watchdog of a killed parent acts as soon as its pipe ends.
            let mut gone = None;
            for _ in 0..100 {
                gone = get(place(&ready, name), "/").await.broken;
                if gone == Some(Broken::Refused) {
                    break;
                }
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
            assert_eq!(gone, Some(Broken::Refused), "{name}");
        }
        let log = Path::new(ready["log"].as_str().unwrap());
        for _ in 0..100 {
            if !log.exists() {
                break;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        assert!(!log.exists());
    }
}
