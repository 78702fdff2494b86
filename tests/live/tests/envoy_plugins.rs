//! Two plugins with configurations of their own on one proxy, which share their claims (A11): what is open at the
//! facilitator of one is asked about there, whatever the other's is called.

use std::net::{SocketAddr, TcpListener};

use serde_json::{json, Value};
use x402_devstack::client::{request, RawRequest};
use x402_devstack::facilitator::{AuthorizationKey, Facilitator, Fault, FaultKind, Options};
use x402_live::{assert_pending, pause, plugin, sign, until, Scene, Stage};

/// The shop's own plugin: its facilitator, which says nothing of itself, is called `main`.
fn own() -> Value {
    let mut config = plugin("1s");
    config["facilitators"]["main"]["supported"] = "off".into();
    config
}

/// The other one, whose facilitator has this name.
fn other(name: &str) -> Value {
    let mut config = plugin("1s");
    config["origin"] = "http://staging.test".into();
    config["facilitators"] = json!({ name: {
        "cluster": "theirs", "authority": "theirs", "timeout": "1s", "supported": "off",
    } });
    config
}

/// A stage, and where a second listener with the other plugin is; which comes first in the list or second.
fn beside(other: Value, theirs: &Facilitator, first: bool) -> Option<(Stage, SocketAddr)> {
    let free = TcpListener::bind("127.0.0.1:0").and_then(|port| port.local_addr()).expect("a free port");
    let edit = move |tree: &mut Value| {
        let listeners = tree["static_resources"]["listeners"].as_array_mut().expect("listeners");
        let mut twin = listeners[0].clone();
        twin["name"] = "second".into();
        twin["address"] =
            json!({ "socket_address": { "address": free.ip().to_string(), "port_value": free.port() } });
        let manager = &mut twin["filter_chains"][0]["filters"][0]["typed_config"];
        let configuration = &mut manager["http_filters"][0]["typed_config"]["config"]["configuration"];
        configuration["value"] = other.to_string().into();
        listeners.insert(usize::from(!first), twin);
    };
    let scene = Scene::new(own()).cluster("theirs", theirs.address());
    Some((scene.envoy(|options| options.edit(edit)).start()?, free))
}

/// The other plugin's facilitator is another one of the same name: there nothing was asked for.
#[tokio::test(flavor = "multi_thread")]
async fn a11_an_open_payment_is_not_taken_to_another_plugins_facilitator_of_the_same_name() {
    let theirs = Facilitator::start(Options::default()).expect("a free port");
    let Some((stage, _)) = beside(other("main"), &theirs, true) else { return };
    let quote = stage.quote("/before/open").await;
    let payments = [sign(&quote), sign(&quote)];
    for payment in &payments {
        stage.facilitator.fault(Fault::always(FaultKind::ResetBefore).nonce(payment.nonce));
        assert_pending(&stage.buy("/before/open", payment).await, "open");
    }
    // By the timer, after two seconds and after five more.
    let asked = |payment| stage.settled(payment).0 > 1 || theirs.settles_of(payment.nonce) > 0;
    until("both are asked about", || payments.iter().all(asked)).await;
    pause(5_500).await;
    assert!(payments.iter().all(|payment| stage.settled(payment).1 == 0), "nothing was booked");
    assert!(theirs.calls().is_empty(), "nothing was asked for elsewhere");
}

/// The other plugin's says success to everything, as that of a shop to play with may.
#[tokio::test(flavor = "multi_thread")]
async fn a11_a_payment_cancelled_while_it_is_open_is_no_content_because_of_another_plugin() {
    let theirs = Facilitator::start(Options { instant: true, ..Options::default() }).expect("a free port");
    let Some((stage, _)) = beside(other("main"), &theirs, true) else { return };
    let path = "/before/cancelled";
    let payment = stage.payment(path).await;
    stage.facilitator.fault(Fault::once(FaultKind::ResetBefore).nonce(payment.nonce));
    assert_pending(&stage.buy(path, &payment).await, "open");
    let key = AuthorizationKey {
        network: "eip155:84532".to_owned(),
        asset: payment.requirements["asset"].as_str().and_then(|asset| asset.parse().ok()).expect("an asset"),
        payer: payment.payer,
        nonce: payment.nonce,
    };
    stage.facilitator.cancel(key).expect("it was not used");
    let known = || stage.envoy.stat("wasmcustom.x402.claims.unknown") == 0;
    until("the timer asked", || stage.settled(&payment).0 > 1 || known()).await;
    pause(500).await;
    assert_pending(&stage.come_back(path, &payment).await, "cancelled, and nobody can tell");
    assert_eq!((stage.settled(&payment).1, stage.upstream.hits(path)), (0, 0));
}

/// Nobody comes back for what is open: all of it is resolved by the timer.
async fn the_timer_resolves_beside_another(first: bool) {
    let theirs = Facilitator::start(Options::default()).expect("a free port");
    let Some((stage, second)) = beside(other("theirs"), &theirs, first) else { return };
    assert_eq!(request(second, &RawRequest::get("/before/x")).await.status, 402, "both plugins run");
    let quote = stage.quote("/before/x").await;
    for _ in 0..8 {
        let payment = sign(&quote);
        stage.facilitator.fault(Fault::once(FaultKind::Pending).nonce(payment.nonce));
        assert_pending(&stage.buy("/before/x", &payment).await, "open");
    }
    until("all are resolved", || stage.envoy.stat("wasmcustom.x402.claims.unknown") == 0).await;
    assert!(theirs.calls().is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn a11_the_timer_resolves_beside_another_plugin_that_starts_first() {
    the_timer_resolves_beside_another(true).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a11_the_timer_resolves_beside_another_plugin_that_starts_later() {
    the_timer_resolves_beside_another(false).await;
}
