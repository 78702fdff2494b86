//! Redirects to what is sold here (A17): Envoy's own are read like the upstream's, and an order that has
//! a name is served where it was led to.

use serde_json::{json, Value};
use x402_devstack::client::{Answer, RawRequest};
use x402_devstack::envoy::Options;
use x402_devstack::payer::{Draft, Payment, Wallet};
use x402_live::{paid, plugin, refused, transaction, Scene, Stage};

fn at(path: &str) -> RawRequest {
    RawRequest::get(path).header("host", "shop.test")
}

/// Paths that Envoy's router redirects itself, after the filter let the request go.
fn moved(tree: &mut Value) {
    let routes = "/static_resources/listeners/0/filter_chains/0/filters/0/typed_config/route_config/virtual_hosts/0/routes";
    let routes = tree.pointer_mut(routes).and_then(Value::as_array_mut).expect("routes");
    let mut redirect = |path: &str, to: Value| {
        routes.insert(0, json!({ "match": { "path": path }, "redirect": to }));
    };
    for settle in ["before", "after"] {
        let to = |what: &str| format!("/{settle}/{what}");
        redirect(&to("moved"), json!({ "path_redirect": to("there") }));
        redirect(&to("plain"), json!({ "https_redirect": true }));
        redirect(&to("gone"), json!({ "host_redirect": "elsewhere.test" }));
        redirect(&to("free"), json!({ "path_redirect": "/free/there" }));
    }
}

#[track_caller]
fn redirected(answer: &Answer, status: u16, location: &str) {
    assert_eq!((answer.status, answer.header_text("location")), (status, Some(location)), "{answer:?}");
    assert!(answer.header("payment-required").is_none(), "{answer:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a17_a_redirect_of_envoys_own_is_read_like_the_upstreams() {
    let Some(stage) = Scene::new(plugin("5s")).envoy(|envoy: Options| envoy.edit(moved)).start() else {
        return;
    };
    for settle in ["before", "after"] {
        for (path, location) in [
            ("moved", format!("http://shop.test/{settle}/there")),
            ("plain", format!("https://shop.test/{settle}/plain")),
        ] {
            let payment = stage.payment(&format!("/{settle}/{path}")).await;
            let answer = stage.ask(&at(&format!("/{settle}/{path}")).pay(&payment)).await;
            redirected(&answer, 301, &location);
            let transaction = transaction(&answer);
            assert_eq!(stage.settled(&payment), (1, 1), "{settle} {path}");
            let served = paid(&stage.come_back(&format!("/{settle}/there"), &payment).await);
            assert_eq!(transaction, Some(served), "{settle} {path}");
            assert_eq!(stage.settled(&payment), (1, 1), "{settle} {path}");
        }
        for (path, location) in [
            ("gone", format!("http://elsewhere.test/{settle}/gone")),
            ("free", "http://shop.test/free/there".to_owned()),
        ] {
            let payment = stage.payment(&format!("/{settle}/{path}")).await;
            let answer = stage.ask(&at(&format!("/{settle}/{path}")).pay(&payment)).await;
            redirected(&answer, 301, &location);
            assert!(transaction(&answer).is_some(), "{settle} {path}");
            assert_eq!(stage.settled(&payment), (1, 1));
            refused(
                &stage.come_back(&format!("/{settle}/there"), &payment).await,
                402,
                "payment_already_used",
            );
        }
    }
}

async fn named(stage: &Stage, target: &str, name: &str) -> Payment {
    let wallet = Wallet::another();
    let mut draft = Draft::for_quote(&wallet, &stage.quote(target).await).expect("payable");
    draft.extensions.as_mut().expect("extensions")["payment-identifier"]["info"]["id"] = json!(name);
    draft.sign(&wallet)
}

/// What was paid is owed wherever it leads.
#[tokio::test(flavor = "multi_thread")]
async fn a17_a_named_order_is_served_where_it_was_led_to() {
    let mut config = plugin("5s");
    for settle in ["before", "after"] {
        let offer = json!({ "price": "$0.003", "settle": settle, "paymentIdentifier": "optional" });
        let matching = json!({ "path": format!("/orders/{settle}/**") });
        let route = json!({ "name": format!("orders-{settle}"), "match": matching, "offer": offer });
        config["routes"].as_array_mut().expect("routes").push(route);
    }
    let Some(stage) = Scene::new(config).start() else { return };
    for settle in ["before", "after"] {
        let (first, next) = (format!("/orders/{settle}/a"), format!("/orders/{settle}/b"));
        let payment = named(&stage, &first, "order_0123456789").await;
        let ask = at(&first).header("x-test-status", "308").header("x-test-h", format!("location:{next}"));
        redirected(&stage.ask(&ask.pay(&payment)).await, 308, &next);
        let answer = stage.come_back(&next, &payment).await;
        paid(&answer);
        assert_eq!(stage.settled(&payment), (1, 1));
    }
}
