//! What HTTP/1.1 bodies do not show: trailers, and connections that become something else.

use std::time::Duration;

use serde_json::{json, Value};

use x402_devstack::client::{Http2, RawConnection, RawRequest};
use x402_devstack::envoy::Options;
use x402_devstack::facilitator::{Fault, FaultKind};
use x402_devstack::payer::Payment;
use x402_live::{code, hasty_upstream, http2_upstream, paid, plugin, refused, until, Scene, Stage};

fn reject(stage: &Stage, payment: &Payment) {
    let kind = FaultKind::Reject { reason: "insufficient_funds".to_owned() };
    let fault = Fault::once(kind).nonce(payment.nonce);
    stage.facilitator.fault(fault);
}

/// Envoy speaks HTTP/2 to the upstream too; over HTTP/1.1 it drops trailers.
#[tokio::test(flavor = "multi_thread")]
async fn trailers_pass_when_paid_for_and_are_held_until_then() {
    for allow in [false, true] {
        let how = |envoy: Options| envoy.allow_on_headers_stop_iteration(allow).edit(http2_upstream);
        let Some(stage) = Scene::new(plugin("5s")).envoy(how).start() else {
            return;
        };
        let client = Http2::open(stage.envoy.address()).await.unwrap();
        for kind in ["before", "after"] {
            let target = format!("/{kind}/trailers?trailer=x-checksum:abc&stream=3,20");
            let payment = stage.payment(&target).await;
            stage.settle_slowly(&payment, 200);
            let answer = client.get(&target, &[("payment-signature", &payment.header())]).await;
            paid(&answer);
            let trailers: Vec<_> =
                answer.trailers.iter().map(|(name, value)| (name.as_str(), value.as_ref())).collect();
            assert_eq!(trailers, [("x-checksum", &b"abc"[..])], "{kind} {allow}");
            assert_eq!(answer.body.len(), 3 * 1024);
            let rejected = stage.payment(&target).await;
            reject(&stage, &rejected);
            let answer = client.get(&target, &[("payment-signature", &rejected.header())]).await;
            assert_eq!(code(&answer), "insufficient_funds", "{kind} {allow}");
            assert!(answer.trailers.is_empty(), "{answer:?}");
        }
    }
}

/// A WebSocket handshake costs what a GET costs. Under `after` its 101, and what the server
/// says at once behind it, are held.
#[tokio::test(flavor = "multi_thread")]
async fn a7_websockets_are_paid_for_before_a_frame_passes() {
    const SWITCHED: &[u8] =
        b"HTTP/1.1 101 Switching Protocols\r\nupgrade: websocket\r\nconnection: upgrade\r\nx-upstream: secret\r\n\r\nsecret frame";
    let upgrades = |tree: &mut Value| {
        let manager = "/static_resources/listeners/0/filter_chains/0/filters/0/typed_config";
        let manager = tree.pointer_mut(manager).expect("the connection manager");
        manager["upgrade_configs"] = json!([{ "upgrade_type": "websocket" }]);
    };
    let upgrade = |path: &str| {
        RawRequest::get(path)
            .header("connection", "Upgrade")
            .header("upgrade", "websocket")
            .header("sec-websocket-version", "13")
            .header("sec-websocket-key", "dGhlIHNhbXBsZSBub25jZQ==")
    };
    let switching = hasty_upstream(SWITCHED).await;
    for allow in [false, true] {
        let how = |envoy: Options| envoy.allow_on_headers_stop_iteration(allow).edit(upgrades);
        let scene = Scene::new(plugin("5s")).envoy(how).upstream(switching);
        let Some(stage) = scene.start() else { return };
        for path in ["/before/socket", "/after/socket"] {
            refused(&stage.ask(&upgrade(path)).await, 402, "payment_required");
            let payment = stage.payment(path).await;
            reject(&stage, &payment);
            let answer = stage.ask(&upgrade(path).pay(&payment)).await;
            assert_eq!(code(&answer), "insufficient_funds", "{path} {allow}: {answer:?}");
            assert!(!format!("{answer:?}").contains("secret"), "{answer:?}");
            let payment = stage.payment(path).await;
            stage.settle_slowly(&payment, 500);
            let mut connection = RawConnection::open(stage.envoy.address()).await.unwrap();
            connection.send(&upgrade(path).pay(&payment)).await.unwrap();
            until("the facilitator was called", || stage.facilitator.settles_of(payment.nonce) == 1).await;
            let silence = tokio::time::timeout(Duration::from_millis(300), connection.read_at_least(1)).await;
            assert!(silence.is_err(), "bytes before the money: {silence:?}");
            let answer = connection.read(true).await;
            assert_eq!(answer.status, 101, "{path} {allow}: {answer:?}");
            assert!(answer.receipt().is_some_and(|receipt| receipt["success"] == true));
            let frame = tokio::time::timeout(Duration::from_secs(2), connection.read_at_least(12)).await;
            assert!(matches!(frame, Ok(Ok(12))), "{path} {allow}: {frame:?}");
            assert_eq!(stage.settled(&payment), (1, 1));
        }
    }
}
