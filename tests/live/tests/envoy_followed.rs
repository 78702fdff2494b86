//! Redirects that lead to what is sold here for one who follows them as clients do, and to what is free
//! for one who does not: whoever chooses method or host chooses no price (A17). And an old name that leads
//! to a new one.

use serde_json::{json, Value};
use x402_devstack::client::RawRequest;
use x402_devstack::envoy::Options;
use x402_devstack::payer::{Draft, Wallet};
use x402_live::{paid, plugin, refused, transaction, Scene, Stage};

/// `/files/{id}` is read free (its links are signed) and written for money; `/dl/{id}` is sold at a
/// partner's host alone. `/after/**` and `/before/**` sell links to both.
fn shop() -> Value {
    let mut config = plugin("5s");
    config["unmatched"] = json!("free");
    let routes = config["routes"].as_array_mut().expect("routes");
    routes.push(json!({
        "name": "read", "match": { "path": "/files/{id}", "methods": ["GET"] }, "free": true,
    }));
    routes.push(json!({
        "name": "write", "match": { "path": "/files/{id}", "methods": ["POST"] },
        "offer": { "price": "$0.002" },
    }));
    routes.push(json!({
        "name": "partner", "match": { "path": "/dl/{id}", "hosts": ["partner.test"] },
        "offer": { "price": "$0.002" },
    }));
    routes.push(json!({ "name": "rest", "match": { "path": "/all/**" }, "offer": { "price": "$0.002" } }));
    config
}

fn link(method: &str, path: &str, host: &str, status: u16, to: &str) -> RawRequest {
    RawRequest::new(method, path)
        .header("host", host)
        .header("x-test-status", status.to_string())
        .header("x-test-h", format!("location:{to}"))
}

/// Buys a link in this way; whether it was charged, and whether the link is then read free.
async fn bought(stage: &Stage, ask: RawRequest, read: (&str, &str)) -> (usize, u16) {
    let path = String::from_utf8(ask.target.clone()).expect("text");
    let payment = stage.payment(&path).await;
    let answer = stage.ask(&ask.pay(&payment)).await;
    assert!(answer.header("location").is_some(), "{answer:?}");
    let (path, host) = read;
    let content = stage.ask(&RawRequest::get(path).header("host", host)).await;
    (stage.settled(&payment).1, content.status)
}

#[tokio::test(flavor = "multi_thread")]
async fn a17_a_link_is_charged_whatever_method_it_was_asked_by() {
    let Some(stage) = Scene::new(shop()).start() else { return };
    let to = "/files/1?signature=s";
    let read = (to, "shop.test");
    let honest = bought(&stage, link("GET", "/after/1", "shop.test", 307, to), read).await;
    assert_eq!(honest, (1, 200), "as clients do");
    let clever = bought(&stage, link("POST", "/after/2", "shop.test", 307, to), read).await;
    assert_eq!(clever, (1, 200), "asked by POST, read by GET");
}

#[tokio::test(flavor = "multi_thread")]
async fn a17_a_link_is_charged_whatever_host_it_was_asked_at() {
    let Some(stage) = Scene::new(shop()).start() else { return };
    let to = "/dl/1?signature=s";
    let read = (to, "shop.test");
    let honest = bought(&stage, link("GET", "/after/1", "shop.test", 302, to), read).await;
    assert_eq!(honest, (1, 200), "as clients do");
    let clever = bought(&stage, link("GET", "/after/2", "partner.test", 302, to), read).await;
    assert_eq!(clever, (1, 200), "asked at the partner's host, read at our own");
}

/// Under `before` one payment must not buy four links.
#[tokio::test(flavor = "multi_thread")]
async fn a17_one_payment_buys_one_link() {
    let Some(stage) = Scene::new(shop()).start() else { return };
    let payment = stage.payment("/before/1").await;
    let mut links = 0;
    for id in 1..=5 {
        let ask =
            link("POST", &format!("/before/{id}"), "shop.test", 307, &format!("/files/{id}?signature=s"));
        let answer = stage.ask(&ask.pay(&payment)).await;
        if answer.header("location").is_some() {
            let file = format!("/files/{id}?signature=s");
            assert_eq!(stage.ask(&RawRequest::get(&file)).await.status, 200);
            links += 1;
        }
    }
    assert_eq!((links, stage.settled(&payment).1), (1, 1), "links read, and money moved");
}

/// Where the filter is switched off for a route of Envoy's, what leads there is no sale.
#[tokio::test(flavor = "multi_thread")]
async fn a17_a_link_to_where_the_filter_is_off_is_charged() {
    fn off(tree: &mut Value) {
        let routes = "/static_resources/listeners/0/filter_chains/0/filters/0/typed_config/route_config/virtual_hosts/0/routes";
        let routes = tree.pointer_mut(routes).and_then(Value::as_array_mut).expect("routes");
        let name = "envoy.filters.http.wasm";
        routes.insert(
            0,
            json!({
                "match": { "prefix": "/all/static/" }, "route": { "cluster": "upstream" },
                "typed_per_filter_config": { name: {
                    "@type": "type.googleapis.com/envoy.config.route.v3.FilterConfig", "disabled": true,
                } },
            }),
        );
    }
    let Some(stage) = Scene::new(shop()).envoy(|envoy: Options| envoy.edit(off)).start() else { return };
    let to = "/all/static/1?signature=s";
    let got = bought(&stage, link("GET", "/after/1", "shop.test", 302, to), (to, "shop.test")).await;
    assert_eq!(got, (1, 200));
}

/// An old name that leads to a new one, of one offer by name or of the same price: what was paid for one buys
/// the other, by the same payment or the wallet's next.
#[tokio::test(flavor = "multi_thread")]
async fn a17_what_was_renamed_is_paid_once() {
    let mut config = shop();
    for settle in ["before", "after"] {
        let offer = json!({ "price": "$0.003", "settle": settle });
        config["offers"][settle] = offer.clone();
        let routes = config["routes"].as_array_mut().expect("routes");
        for (kind, offer) in [("named", json!(settle)), ("alike", offer)] {
            for name in ["old", "new"] {
                let matching = json!({ "path": format!("/{name}/{settle}/{kind}/{{id}}") });
                let name = format!("{name}-{settle}-{kind}");
                routes.push(json!({ "name": name, "match": matching, "offer": offer }));
            }
        }
    }
    let Some(stage) = Scene::new(config).start() else { return };
    let ways = ["before/named", "before/alike", "after/named", "after/alike"];
    for (way, anew) in ways.into_iter().flat_map(|way| [(way, false), (way, true)]) {
        let (old, new) = (format!("/old/{way}/1"), format!("/new/{way}/1"));
        let wallet = Wallet::another();
        let sign = |quote| Draft::for_quote(&wallet, &quote).expect("payable").sign(&wallet);
        let first = sign(stage.quote(&old).await);
        let answer = stage.ask(&link("GET", &old, "shop.test", 301, &new).pay(&first)).await;
        let transaction = transaction(&answer).expect("a receipt");
        let next = if anew { sign(stage.quote(&new).await) } else { first.clone() };
        assert_eq!(paid(&stage.come_back(&new, &next).await), transaction, "{way}, signed anew: {anew}");
        for (path, used) in [(&new, &next), (&new, &first)] {
            refused(&stage.come_back(path, used).await, 402, "payment_already_used");
        }
        let moved = stage.facilitator.transfers_of(first.nonce).len();
        assert_eq!((moved, stage.settled(&first)), (1, (1, 1)), "{way}, signed anew: {anew}");
        assert_eq!(stage.settled(&next).1, usize::from(!anew));
    }
}
