//! Requests and responses of every shape: what is held is held to the byte, what streams
//! streams, and nothing passes because of its form (A7).

use std::sync::OnceLock;
use std::time::{Duration, Instant};

use serde_json::{json, Value};

use x402_devstack::client::{Http2, RawConnection, RawRequest};
use x402_devstack::envoy::Options;
use x402_devstack::facilitator::{Fault, FaultKind};
use x402_devstack::payer::Payment;
use x402_live::{code, paid, pause, plugin, refused, until, Scene, Stage};

const MEGABYTE: usize = 1 << 20;

/// Envoy under one value of `allow_on_headers_stop_iteration`.
fn stage(allow: bool) -> Option<&'static Stage> {
    static STAGES: [OnceLock<Option<Stage>>; 2] = [const { OnceLock::new() }; 2];
    let how = |envoy: Options| envoy.allow_on_headers_stop_iteration(allow);
    let set = || Scene::new(plugin("10s")).envoy(how).start();
    STAGES[usize::from(allow)].get_or_init(set).as_ref()
}

/// Runs a proof under both values.
macro_rules! under_both {
    ($($(#[$doc:meta])* $name:ident)*) => {
        mod headers_stop_everything {
            $($(#[$doc])* #[tokio::test(flavor = "multi_thread")]
            async fn $name() {
                if let Some(stage) = super::stage(false) { super::$name(stage).await }
            })*
        }
        mod headers_stop_headers_only {
            $($(#[$doc])* #[tokio::test(flavor = "multi_thread")]
            async fn $name() {
                if let Some(stage) = super::stage(true) { super::$name(stage).await }
            })*
        }
    };
}

under_both! {
    a_rejected_settlement_leaks_nothing_of_the_held_response
    streams_and_events_pass_unbuffered_when_settled_before
    a7_an_expectation_is_met_and_the_body_kept_back
}

#[tokio::test(flavor = "multi_thread")]
async fn a_megabyte_is_posted_over_http1_and_http2() {
    let Some(stage) = stage(false) else { return };
    let body = vec![b'p'; MEGABYTE];
    for kind in ["before", "after"] {
        let path = format!("/{kind}/upload");
        let ask = RawRequest::new("POST", &path).body(body.clone());
        let unpaid = stage.ask(&ask).await;
        refused(&unpaid, 402, "payment_required");
        assert_eq!(stage.upstream.hits(&path), 0, "not a byte goes upstream unpaid");
        let payment = stage.payment(&path).await;
        stage.settle_slowly(&payment, 300);
        let answer = stage.ask(&ask.pay(&payment)).await;
        paid(&answer);
        assert_eq!(answer.json()["body"]["length"], MEGABYTE, "{:?}", answer.json()["body"]);
        let payment = stage.payment(&path).await;
        stage.settle_slowly(&payment, 300);
        let http2 = Http2::open(stage.envoy.address()).await.unwrap();
        let header = payment.header();
        let unpaid = http2.request("POST", &path, &[], body.clone()).await;
        assert_eq!(code(&unpaid), "payment_required");
        let headers = [("payment-signature", header.as_str())];
        let answer = http2.request("POST", &path, &headers, body.clone()).await;
        paid(&answer);
        assert_eq!(answer.json()["body"]["length"], MEGABYTE);
        assert_eq!(stage.upstream.hits(&path), 2);
        assert_eq!(stage.settled(&payment), (1, 1));
    }
}

/// Presents a payment and asserts silence while the facilitator takes its time.
async fn held(stage: &Stage, target: &str, payment: &Payment) -> RawConnection {
    stage.settle_slowly(payment, 700);
    let mut connection = RawConnection::open(stage.envoy.address()).await.unwrap();
    connection.send(&RawRequest::get(target).pay(payment)).await.unwrap();
    until("the facilitator was called", || stage.facilitator.settles_of(payment.nonce) == 1).await;
    let silence = tokio::time::timeout(Duration::from_millis(450), connection.read_at_least(1)).await;
    assert!(silence.is_err(), "bytes before the money: {silence:?}");
    connection
}

#[tokio::test(flavor = "multi_thread")]
async fn five_and_fifty_megabytes_are_held_to_the_byte() {
    let Some(stage) = stage(false) else { return };
    for megabytes in [5, 50] {
        let target = format!("/after/large?body={}", megabytes * MEGABYTE);
        let payment = stage.payment("/after/large").await;
        let mut connection = held(stage, &target, &payment).await;
        let answer = connection.read(false).await;
        paid(&answer);
        assert_eq!(answer.body.len(), megabytes * MEGABYTE);
        assert_eq!(stage.settled(&payment), (1, 1));
    }
    // The same over HTTP/2, and chunked.
    let payment = stage.payment("/after/large").await;
    stage.settle_slowly(&payment, 300);
    let http2 = Http2::open(stage.envoy.address()).await.unwrap();
    let target = format!("/after/large?body={}", 5 * MEGABYTE);
    let begun = Instant::now();
    let answer = http2.get(&target, &[("payment-signature", &payment.header())]).await;
    paid(&answer);
    assert!(begun.elapsed() >= Duration::from_millis(300));
    assert_eq!(answer.body.len(), 5 * MEGABYTE);
    let payment = stage.payment("/after/chunks").await;
    let answer = held(stage, "/after/chunks?stream=50,5", &payment).await.read(false).await;
    paid(&answer);
    assert_eq!(answer.body.len(), 50 * 1024);
}

async fn a_rejected_settlement_leaks_nothing_of_the_held_response(stage: &Stage) {
    const HEADERS: &str =
        "h=set-cookie:secret&h=etag:%22secret%22&h=x-upstream:secret&h=content-disposition:secret";
    let shapes = ["", "&body=5242880", "&stream=20,5", "&status=201", "&trailer=x-t:secret"];
    let settlements = [
        (FaultKind::Reject { reason: "insufficient_funds".into() }, 402, "insufficient_funds"),
        (FaultKind::ResetBefore, 503, "settlement_pending"),
    ];
    for (fault, status, expected) in settlements {
        for shape in shapes {
            let payment = stage.payment("/after/held").await;
            stage.facilitator.fault(Fault::once(fault.clone()).nonce(payment.nonce));
            let answer = stage.buy(&format!("/after/held?{HEADERS}{shape}"), &payment).await;
            // Over the buffer limit Envoy answers itself, under one of the two values: see below.
            if answer.status != 500 {
                assert_eq!((answer.status, code(&answer).as_str()), (status, expected), "{shape}");
            }
            for name in
                ["set-cookie", "etag", "x-upstream", "content-disposition", "x-envoy-upstream-service-time"]
            {
                assert!(answer.header(name).is_none(), "{name} leaks with {shape:?}");
            }
            assert!(answer.trailers.is_empty() && answer.body.len() < 400, "{answer:?}");
            assert_eq!(answer.count("content-type"), 1);
            assert!(!format!("{answer:?}").contains("secret"), "{answer:?}");
            // An answer closes the breaker again.
            paid(&stage.buy("/after/held", &stage.payment("/after/held").await).await);
        }
    }
}

async fn streams_and_events_pass_unbuffered_when_settled_before(stage: &Stage) {
    for shape in ["stream=5,300", "sse=5,300"] {
        let payment = stage.payment("/before/live").await;
        let mut connection = RawConnection::open(stage.envoy.address()).await.unwrap();
        let begun = Instant::now();
        let ask = RawRequest::get(format!("/before/live?{shape}")).pay(&payment);
        connection.send(&ask).await.unwrap();
        let first = connection.read_at_least(600).await.unwrap();
        let head = begun.elapsed();
        assert!(first > 0 && head < Duration::from_millis(1_000), "{shape}: first after {head:?}");
        let answer = connection.read(false).await;
        paid(&answer);
        assert!(begun.elapsed() >= Duration::from_millis(1_200), "{shape}: streamed");
        if shape.starts_with("sse") {
            assert_eq!(answer.header_text("content-type"), Some("text/event-stream"));
            assert!(answer.text().contains("event 4"));
        }
    }
}

async fn a7_an_expectation_is_met_and_the_body_kept_back(stage: &Stage) {
    for kind in ["before", "after"] {
        let path = format!("/{kind}/expect");
        let body = vec![b'e'; 20_000];
        let ask = RawRequest::new("POST", &path).header("expect", "100-continue").body(body);
        refused(&stage.ask(&ask).await, 402, "payment_required");
        assert_eq!(stage.upstream.hits(&path), 0);
        let payment = stage.payment(&path).await;
        let answer = stage.ask(&ask.pay(&payment)).await;
        paid(&answer);
        assert_eq!(answer.json()["body"]["length"], 20_000);
    }
}

/// With `allow_on_headers_stop_iteration: true` Envoy buffers what is held instead of slowing
/// the sender down, and gives up beyond `per_connection_buffer_limit_bytes` with 413 or 500,
/// even while the money moves. No byte leaks, the payment stays good, and the log says why.
#[tokio::test(flavor = "multi_thread")]
async fn a_held_body_over_the_buffer_limit_is_cut_by_envoy_and_can_be_redeemed() {
    let Some(stage) = stage(true) else { return };
    let payment = stage.payment("/before/over").await;
    let ask = RawRequest::new("POST", "/before/over").body(vec![b'p'; MEGABYTE]);
    let ask = ask.pay(&payment);
    stage.settle_slowly(&payment, 300);
    assert_eq!(stage.ask(&ask).await.status, 413);
    until("the money moved", || stage.settled(&payment).1 == 1).await;
    pause(500).await;
    let answer = stage.ask(&ask).await;
    paid(&answer);
    assert_eq!(answer.json()["body"]["length"], MEGABYTE);
    let target = format!("/after/over?body={}&h=x-upstream:secret", 5 * MEGABYTE);
    let payment = stage.payment("/after/over").await;
    stage.settle_slowly(&payment, 300);
    let cut = stage.buy(&target, &payment).await;
    assert_eq!((cut.status, cut.header("x-upstream")), (500, None), "{cut:?}");
    assert!(cut.body.len() < 400 && !cut.text().contains("xxx"));
    until("the money moved", || stage.settled(&payment).1 == 1).await;
    pause(500).await;
    let answer = stage.buy(&target, &payment).await;
    paid(&answer);
    assert_eq!(answer.body.len(), 5 * MEGABYTE);
    assert_eq!(stage.settled(&payment), (1, 1));
    let log = stage.envoy.log();
    assert!(log.contains("allow_on_headers_stop_iteration"), "the log names the option");
}

/// The limits raised above the largest body, as they have to be where the option is wanted.
#[tokio::test(flavor = "multi_thread")]
async fn held_bodies_below_a_raised_buffer_limit_pass_whole_with_the_option_on() {
    const LIMIT: usize = 8 * MEGABYTE;
    let raise = |tree: &mut Value| {
        for list in ["listeners", "clusters"] {
            let list = tree["static_resources"][list].as_array_mut();
            for member in list.expect("a list") {
                member["per_connection_buffer_limit_bytes"] = json!(LIMIT);
            }
        }
    };
    let how = |envoy: Options| envoy.allow_on_headers_stop_iteration(true).edit(raise);
    let Some(stage) = Scene::new(plugin("10s")).envoy(how).start() else {
        return;
    };
    for kind in ["before", "after"] {
        let path = format!("/{kind}/raised");
        let ask = RawRequest::new("POST", &path).body(vec![b'p'; MEGABYTE]);
        let payment = stage.payment(&path).await;
        stage.settle_slowly(&payment, 300);
        let answer = stage.ask(&ask.pay(&payment)).await;
        paid(&answer);
        assert_eq!(answer.json()["body"]["length"], MEGABYTE);
    }
    let payment = stage.payment("/after/raised").await;
    let target = format!("/after/raised?body={}", 5 * MEGABYTE);
    let mut connection = held(&stage, &target, &payment).await;
    let answer = connection.read(false).await;
    paid(&answer);
    assert_eq!(answer.body.len(), 5 * MEGABYTE);
}
