//! A16: the filter's own documents, asked for by who pays nothing and reads nothing.

use serde_json::{json, Value};

use x402_devstack::client::{Answer, RawConnection, RawRequest};
use x402_live::frames::{starve, Said};
use x402_live::{paid, pause, plugin, refused, until, Scene, Stage};

const PATH: &str = "/openapi.json";

/// What of documents a worker may have on their way.
const MOST: usize = 16 << 20;

/// One that sells on so many routes, and says so.
fn publishing(routes: usize) -> Value {
    let mut config = plugin("5s");
    config["discovery"] = json!({"catalogue": true, "openapi": true});
    let sold = (0..routes).map(|at| {
        json!({
            "name": format!("r{at}"), "match": {"path": format!("/r{at}/{{a}}/{{b}}")},
            "offer": {"price": "$0.001", "description": "d".repeat(500)},
        })
    });
    config["routes"].as_array_mut().expect("a list").extend(sold);
    config
}

/// On one worker.
fn stage(config: Value) -> Option<Stage> {
    Scene::new(config).envoy(|envoy| envoy.concurrency(1)).start()
}

async fn whole(stage: &Stage) -> usize {
    let answer = stage.ask(&RawRequest::get(PATH)).await;
    assert_eq!((answer.status, answer.broken), (200, None));
    answer.body.len()
}

fn busy(answer: &Answer) {
    refused(answer, 503, "documents_busy");
    assert_eq!(answer.header_text("retry-after"), Some("1"));
    assert_eq!(answer.header_text("cache-control"), Some("no-store"));
}

/// Resident memory, in bytes.
fn resident(stage: &Stage) -> usize {
    let status = std::fs::read_to_string(format!("/proc/{}/status", stage.envoy.pid())).expect("it runs");
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).expect("a line");
    line.split_whitespace().next().and_then(|text| text.parse::<usize>().ok()).expect("kB") * 1024
}

#[tokio::test(flavor = "multi_thread")]
async fn a16_documents_that_nobody_reads_are_few() {
    let Some(stage) = stage(publishing(1_500)) else { return };
    let size = whole(&stage).await;
    assert!((1 << 20..MOST / 4).contains(&size), "{size} bytes");
    for round in 0..3 {
        let before = resident(&stage);
        let (connection, said) = starve(stage.envoy.address(), PATH, 60).await;
        let served = said.iter().filter(|said| **said == Said::Status200).count();
        assert_eq!(served, MOST / size, "round {round}: as many as there is room for");
        let grown = resident(&stage).saturating_sub(before);
        eprintln!("round {round}: {served} of 60 documents of {size} bytes, Envoy grew by {grown} bytes");
        assert!(grown < 2 * MOST, "round {round}: Envoy grew by {grown} bytes");
        busy(&stage.ask(&RawRequest::get(PATH)).await);
        // Nothing else is held up.
        let payment = stage.payment("/before/beside").await;
        paid(&stage.buy("/before/beside", &payment).await);
        drop(connection);
        pause(300).await;
        assert_eq!(whole(&stage).await, size, "round {round}: what was cut makes room");
    }
}

/// A document that is larger than all that may be on their way goes alone.
#[tokio::test(flavor = "multi_thread")]
async fn a16_a_large_document_is_sent_to_one_at_a_time() {
    let Some(stage) = stage(publishing(10_000)) else { return };
    let size = whole(&stage).await;
    let (connection, said) = starve(stage.envoy.address(), PATH, 40).await;
    let served = said.iter().filter(|said| **said == Said::Status200).count();
    assert_eq!(served, (MOST / size).max(1), "of {size} bytes");
    drop(connection);
    pause(300).await;
    assert_eq!(whole(&stage).await, size);
    let warned = || stage.filter_log().matches("/openapi.json has ").count();
    until("the log says so", || warned() > 0).await;
    assert_eq!(warned(), 1, "once");
}

#[tokio::test(flavor = "multi_thread")]
async fn a16_a_document_counts_as_a_challenge() {
    let mut config = publishing(10);
    config["limit"] = json!({"challenges": {"perMinute": 60, "burst": 5}});
    let Some(stage) = stage(config) else { return };
    let mut connection = RawConnection::open(stage.envoy.address()).await.unwrap();
    let mut answers = Vec::new();
    for path in [PATH, "/.well-known/x402", "/before/x"].into_iter().cycle().take(9) {
        answers.push(connection.exchange(&RawRequest::get(path)).await);
    }
    let told: Vec<_> = answers.iter().map(|answer| answer.status).collect();
    assert_eq!(told, [200, 200, 402, 200, 200, 429, 429, 429, 429]);
    for limited in &answers[5..] {
        refused(limited, 429, "rate_limited");
        assert!(limited.header("retry-after").is_some());
        assert_eq!(limited.header_text("cache-control"), Some("no-store"));
    }
}
