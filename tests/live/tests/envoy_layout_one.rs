//! A table of the layout that the first release began its process with (A1, A12, A14): it says less of a claim, and
//! what it does not say makes nothing free and charges nobody twice.

use serde_json::{json, Value};
use x402_devstack::client::{RawConnection, RawRequest};
use x402_devstack::facilitator::Node;
use x402_devstack::payer::{Draft, Wallet};
use x402_live::{assert_pending, paid, pause, plugin, refused, until, Scene, Shop};

/// Layout 1, and a node of the chain to ask.
fn old(config: &mut Value) {
    config["claims"]["layout"] = 1.into();
    config["rpc"] = json!({ "base-sepolia": {
        "cluster": "node", "authority": "node", "timeout": "500ms", "finality": "2s",
    } });
}

fn node() -> Node {
    Node::start(84_532).expect("a free port")
}

/// The chain knows that it was paid, and not for whom.
async fn granted_once_by_two(target: &str) {
    let node = node();
    let mut config = plugin("1s");
    old(&mut config);
    let Some(replicas) = Scene::new(config).cluster("node", node.address()).start_replicas(2) else { return };
    node.follow(&replicas.stage.facilitator);
    replicas.pin(0);
    let payment = replicas.stage.payment(target).await;
    paid(&replicas.stage.buy(target, &payment).await);
    replicas.pin(1);
    assert_pending(&replicas.stage.come_back(target, &payment).await, "paid, but for whom");
    assert_eq!(replicas.stage.settled(&payment).1, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a1_layout_one_a_payment_is_granted_once_by_two_envoys_that_ask_the_chain_before() {
    granted_once_by_two("/before/twice").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a1_layout_one_a_payment_is_granted_once_by_two_envoys_that_ask_the_chain_after() {
    granted_once_by_two("/after/twice").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a14_layout_one_what_the_store_forgot_is_not_served_again_on_the_chains_word() {
    let node = node();
    let Some(shop) = Shop::open_with("webdis", old, |scene| scene.cluster("node", node.address())) else {
        return;
    };
    node.follow(&shop.replicas.stage.facilitator);
    let path = "/before/forgotten";
    let payment = shop.sign(path).await;
    paid(&shop.come_back(0, path, &payment).await);
    // The end of a delivery is written down after it.
    pause(300).await;
    shop.forget();
    assert_pending(&shop.come_back(1, path, &payment).await, "paid, but for whom");
    assert_eq!(shop.replicas.stage.upstream.hits(path), 1);
}

/// Nobody waits for what is being settled: who signs anew is not charged for another one, and is served from it.
#[tokio::test(flavor = "multi_thread")]
async fn a12_layout_one_who_left_while_it_settled_is_not_charged_again() {
    let mut config = plugin("3s");
    config["claims"] = json!({ "layout": 1 });
    let Some(stage) = Scene::new(config).start() else { return };
    for path in ["/before/left", "/after/left"] {
        let wallet = Wallet::another();
        let quote = stage.quote(path).await;
        let sign = || Draft::for_quote(&wallet, &quote).expect("payable").sign(&wallet);
        let (first, second) = (sign(), sign());
        stage.settle_slowly(&first, 700);
        let mut connection = RawConnection::open(stage.envoy.address()).await.expect("Envoy listens");
        connection.send(&RawRequest::get(path).pay(&first)).await.expect("a connection");
        until("it is being settled", || stage.settled(&first).0 == 1).await;
        connection.abort();
        pause(100).await;
        refused(&stage.buy(path, &second).await, 503, "payment_in_flight");
        paid(&stage.come_back(path, &second).await);
        assert_eq!((stage.settled(&first), stage.settled(&second)), ((1, 1), (0, 0)), "{path}");
    }
}
