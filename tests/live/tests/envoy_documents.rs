//! A16: the filter's own documents, asked for by who pays nothing and reads nothing.

use std::net::Ipv4Addr;

use serde_json::{json, Value};

use x402_devstack::client::{Answer, Http2, RawConnection, RawRequest};
use x402_live::frames::{starve, Said};
use x402_live::{paid, pause, plugin, refused, until, Scene, Stage};

const PATH: &str = "/openapi.json";

/// What of documents a worker may have on their way.
const MOST: usize = 16 << 20;

/// Bytes of a document that a token is taken for.
const PART: usize = 8 << 10;

/// A source of its own.
const OTHER: Ipv4Addr = Ipv4Addr::new(127, 0, 0, 66);

/// Signs offers, so that there is a small document.
const KEY: &str = "0x0707070707070707070707070707070707070707070707070707070707070707";

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

async fn other(stage: &Stage) -> RawConnection {
    RawConnection::open_from(OTHER, stage.envoy.address()).await.expect("Envoy listens")
}

/// Processor time so far, in ticks of 10 ms.
fn ticks(stage: &Stage) -> u64 {
    let stat = std::fs::read_to_string(format!("/proc/{}/stat", stage.envoy.pid())).expect("it runs");
    let fields = stat.rsplit(')').next().unwrap_or_default().split_whitespace();
    fields.skip(11).take(2).map(|ticks| ticks.parse::<u64>().expect("ticks")).sum()
}

/// Resident memory, in bytes.
fn resident(stage: &Stage) -> usize {
    let status = std::fs::read_to_string(format!("/proc/{}/status", stage.envoy.pid())).expect("it runs");
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).expect("a line");
    line.split_whitespace().next().and_then(|text| text.parse::<usize>().ok()).expect("kB") * 1024
}

#[tokio::test(flavor = "multi_thread")]
async fn a16_documents_that_nobody_reads_are_few() {
    let mut config = publishing(1_500);
    config["limit"] = json!({"challenges": "off"});
    let Some(stage) = stage(config) else { return };
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
    let mut config = publishing(0);
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

/// Who asks for the head of a document has the host handed nothing that it does not send, and is
/// told what a GET would tell.
#[tokio::test(flavor = "multi_thread")]
async fn a16_a_head_of_a_document_costs_no_body() {
    const HEADS: usize = 300;
    let Some(stage) = stage(publishing(10_000)) else { return };
    let whole = stage.ask(&RawRequest::get(PATH)).await;
    let head = stage.ask(&RawRequest::new("HEAD", PATH)).await;
    assert_eq!((whole.status, head.status, head.body.len(), &head.broken), (200, 200, 0, &None));
    let told = |answer: &Answer| {
        let named = ["content-type", "content-length", "cache-control", "access-control-allow-origin"];
        named.map(|name| answer.header_text(name).map(str::to_owned))
    };
    assert_eq!(told(&head), told(&whole));
    assert_eq!(head.header_text("content-length"), Some(&*whole.body.len().to_string()));
    assert_eq!(head.count("transfer-encoding"), 0);
    let http2 = Http2::open(stage.envoy.address()).await.expect("Envoy speaks it");
    let other = http2.request("HEAD", PATH, &[], "").await;
    assert_eq!((other.status, told(&other), other.broken.as_ref()), (200, told(&whole), None));
    let mut connection = RawConnection::open(stage.envoy.address()).await.unwrap();
    let mut spent = Vec::new();
    for (path, status) in [("/before/x", 402), (PATH, 200)] {
        let before = ticks(&stage);
        for _ in 0..HEADS {
            assert_eq!(connection.exchange(&RawRequest::new("HEAD", path)).await.status, status);
        }
        spent.push(ticks(&stage) - before);
    }
    eprintln!("{HEADS} heads: of a 402 {} ticks, of {} bytes {}", spent[0], whole.body.len(), spent[1]);
    assert!(spent[1] <= 2 * spent[0] + 10, "ticks of a 402 and of a document: {spent:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a16_a_document_takes_of_its_sources_limit_as_much_as_it_is_long() {
    const BURST: usize = 100;
    let mut config = publishing(100);
    config["limit"] = json!({"challenges": {"perMinute": 60, "burst": BURST}});
    let Some(stage) = stage(config) else { return };
    let tokens = whole(&stage).await.div_ceil(PART);
    let fit = BURST / tokens;
    assert!(tokens > 5 && fit > 3, "{tokens} tokens");
    let mut connection = other(&stage).await;
    for _ in 0..fit {
        assert_eq!(connection.exchange(&RawRequest::get(PATH)).await.status, 200);
    }
    let limited = connection.exchange(&RawRequest::get(PATH)).await;
    refused(&limited, 429, "rate_limited");
    // A second for a token, of which some may have come by now.
    let missing = tokens - BURST % tokens;
    let wait = limited.header_text("retry-after").and_then(|text| text.parse().ok()).unwrap_or(0);
    assert!((missing - 2..=missing).contains(&wait), "{wait} of {missing} seconds");
    // What is left is left for prices, and for heads.
    let mut left = 0;
    for ask in [RawRequest::new("HEAD", PATH), RawRequest::get("/before/x")].iter().cycle() {
        if connection.exchange(ask).await.status == 429 {
            break;
        }
        left += 1;
    }
    let due = BURST % tokens;
    assert!((due..=due + 2).contains(&left), "{left} of {due}");
}

/// A bucket that cannot hold what a document takes has to be full.
#[tokio::test(flavor = "multi_thread")]
async fn a16_a_document_that_is_longer_than_its_sources_limit_can_be_had() {
    let mut config = publishing(100);
    config["limit"] = json!({"challenges": {"perMinute": 300, "burst": 5}});
    let Some(stage) = stage(config) else { return };
    assert!(whole(&stage).await.div_ceil(PART) > 5);
    refused(&stage.ask(&RawRequest::get(PATH)).await, 429, "rate_limited");
    pause(1_100).await;
    whole(&stage).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a16_small_documents_are_served_beside_large_ones_that_nobody_reads() {
    const DID: &str = "/.well-known/did.json";
    let mut config = publishing(1_500);
    config["offerReceipt"] = json!({"format": "eip712", "key": {"env": "OFFER_KEY"}});
    let scene = Scene::new(config).envoy(|envoy| envoy.concurrency(1).vm_variable("OFFER_KEY", KEY));
    let Some(stage) = scene.start() else { return };
    let size = whole(&stage).await;
    let (held, _) = starve(stage.envoy.address(), PATH, 60).await;
    let mut connection = other(&stage).await;
    for _ in 0..40 {
        busy(&connection.exchange(&RawRequest::get(PATH)).await);
        let key = connection.exchange(&RawRequest::get(DID)).await;
        assert_eq!((key.status, &key.broken), (200, &None));
        assert_eq!(key.json()["id"], "did:web:shop.test");
        assert_eq!(connection.exchange(&RawRequest::new("HEAD", PATH)).await.status, 200);
    }
    drop(held);
    pause(300).await;
    // To be told to come back took one token each time, and not the forty times 172 of what was not sent.
    assert_eq!(connection.exchange(&RawRequest::get(PATH)).await.body.len(), size);
}
