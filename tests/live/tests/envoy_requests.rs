//! Requests in every form (A7): priced alike, refused alike, never free for their looks; and
//! hosts and upstreams that end an exchange on their own.

use std::sync::OnceLock;

use serde_json::{json, Value};

use x402_devstack::client::{send_bytes, Http2, RawConnection, RawRequest};
use x402_devstack::envoy::Options;
use x402_devstack::facilitator::{Fault, FaultKind};
use x402_live::{code, hasty_upstream, paid, pause, plugin, refused, sign, Scene, Stage};

static STAGE: OnceLock<Option<Stage>> = OnceLock::new();

fn stage() -> Option<&'static Stage> {
    let mut config = plugin("5s");
    let host = json!({ "name": "host", "match": { "hosts": ["shop.test"], "methods": ["GET"], "path": "/host/{page}" }, "offer": { "price": "$0.001" } });
    config["routes"].as_array_mut().expect("routes").push(host);
    STAGE.get_or_init(|| Scene::new(config).start()).as_ref()
}

#[tokio::test(flavor = "multi_thread")]
async fn a7_head_costs_what_get_costs() {
    let Some(stage) = stage() else { return };
    for path in ["/before/head", "/after/head", "/host/head"] {
        let head = RawRequest::new("HEAD", path).header("host", "shop.test");
        let unpaid = stage.ask(&head).await;
        assert_eq!(unpaid.status, 402, "{path}");
        let quote = unpaid.quote().expect("a quote in the header");
        assert_eq!(stage.upstream.hits(path), 0);
        let payment = sign(&quote);
        paid(&stage.ask(&head.clone().pay(&payment)).await);
        let get = RawRequest::get(path).header("host", "shop.test");
        let again = stage.ask(&get.pay(&payment)).await;
        refused(&again, 402, "payment_already_used");
        assert_eq!(stage.settled(&payment), (1, 1));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a7_hosts_are_compared_without_port_case_and_dot() {
    let Some(stage) = stage() else { return };
    for host in ["shop.test", "SHOP.Test", "shop.test:8080", "shop.test.", "Shop.test.:80"] {
        let ask = RawRequest::get("/host/x").header("host", host);
        refused(&stage.ask(&ask).await, 402, "payment_required");
        let http2 = Http2::open(stage.envoy.address()).await.unwrap();
        let request = http::Request::get(format!("http://{host}/host/x"));
        let answer = http2.send(request.body(Default::default()).unwrap()).await;
        assert_eq!(code(&answer), "payment_required", "{host}: {answer:?}");
    }
    for host in ["other.test", "shop.test.other", "shop.tes", "xshop.test", "shop.test..", ""] {
        let ask = RawRequest::get("/host/x").header("host", host);
        let answer = stage.ask(&ask).await;
        assert!([400, 402, 403].contains(&answer.status), "{host:?}: {answer:?}");
    }
    assert_eq!(stage.upstream.hits("/host/x"), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a7_absolute_form_targets_are_priced_by_their_own_host_and_path() {
    let Some(stage) = stage() else { return };
    let answer =
        stage.ask(&RawRequest::get("http://shop.test/host/abs").header("host", "elsewhere.test")).await;
    refused(&answer, 402, "payment_required");
    let answer = stage.ask(&RawRequest::get("http://shop.test/before/../free/../before/abs")).await;
    refused(&answer, 402, "payment_required");
    let answer = stage.ask(&RawRequest::get("http://shop.test/free/x")).await;
    assert_eq!(answer.status, 200);
    assert_eq!(stage.upstream.hits("/host/abs") + stage.upstream.hits("/before/abs"), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a7_preflights_are_answered_and_other_methods_refused_or_priced() {
    let Some(stage) = stage() else { return };
    let preflight = |method: &str, path: &str| {
        RawRequest::new("OPTIONS", path)
            .header("host", "shop.test")
            .header("origin", "https://app.test")
            .header("access-control-request-method", method)
            .header("access-control-request-headers", "payment-signature")
    };
    for path in ["/before/cors", "/after/cors", "/host/cors"] {
        let answer = stage.ask(&preflight("GET", path)).await;
        assert_eq!((answer.status, answer.header_text("access-control-allow-origin")), (204, Some("*")));
        let allowed = answer.header_text("access-control-allow-headers").unwrap_or_default();
        assert!(allowed.to_lowercase().contains("payment-signature"), "{allowed}");
    }
    // OPTIONS that is no preflight is a request like any other.
    refused(&stage.ask(&RawRequest::new("OPTIONS", "/before/cors")).await, 402, "payment_required");
    for method in ["POST", "DELETE", "PROPFIND", "TRACE"] {
        let answer = stage.ask(&RawRequest::new(method, "/host/cors").header("host", "shop.test")).await;
        assert!([400, 405].contains(&answer.status), "{method}: {answer:?}");
    }
    let connect = b"CONNECT shop.test:443 HTTP/1.1\r\nhost: shop.test:443\r\n\r\n";
    let answer = send_bytes(stage.envoy.address(), connect).await;
    assert!(answer.status >= 400, "{answer:?}");
    let http2 = Http2::open(stage.envoy.address()).await.unwrap();
    let request = http::Request::connect("shop.test:443").body(Default::default()).unwrap();
    let answer = http2.send(request).await;
    assert!(answer.status == 0 || answer.status >= 400, "{answer:?}");
    assert_eq!(stage.upstream.hits("/before/cors") + stage.upstream.hits("/host/cors"), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn grpc_is_refused_where_the_status_comes_after_the_money() {
    let Some(stage) = stage() else { return };
    let http2 = Http2::open(stage.envoy.address()).await.unwrap();
    for content_type in ["application/grpc", "application/grpc+proto", "application/grpc-web"] {
        let headers = [("content-type", content_type), ("te", "trailers")];
        let answer = http2.request("POST", "/after/grpc", &headers, vec![0; 5]).await;
        let said = format!("{} {:?}", answer.text(), answer.headers);
        assert!(said.contains("grpc_needs_settle_before"), "{content_type}: {said}");
        let payment = stage.payment("/after/grpc").await;
        let header = payment.header();
        let mut headers = headers.to_vec();
        headers.push(("payment-signature", header.as_str()));
        let answer = http2.request("POST", "/after/grpc", &headers, vec![0; 5]).await;
        assert!(!answer.text().contains("\"upstream\""), "{answer:?}");
        assert_eq!(stage.settled(&payment), (0, 0));
    }
    assert_eq!(stage.upstream.hits("/after/grpc"), 0);
    let payment = stage.payment("/before/grpc").await;
    let header = payment.header();
    let headers = [("content-type", "application/grpc"), ("payment-signature", header.as_str())];
    paid(&http2.request("POST", "/before/grpc", &headers, vec![0; 5]).await);
}

/// HTTP/2 has no request line to hide in, but pseudo-headers and many streams.
#[tokio::test(flavor = "multi_thread")]
async fn http2_streams_of_one_connection_pay_for_themselves() {
    let Some(stage) = stage() else { return };
    let http2 = Http2::open(stage.envoy.address()).await.unwrap();
    let quotes = [stage.quote("/after/many").await, stage.quote("/before/many").await];
    let streams: Vec<_> = (0..60)
        .map(|at| {
            let (http2, payment) = (http2.clone(), sign(&quotes[at % 2]));
            let path = ["/after/many", "/before/many"][at % 2];
            tokio::spawn(async move {
                if at % 3 == 0 {
                    return (http2.get(path, &[]).await, None);
                }
                let header = payment.header();
                (http2.get(path, &[("payment-signature", &header)]).await, Some(payment))
            })
        })
        .collect();
    for stream in streams {
        let (answer, payment) = stream.await.unwrap();
        match payment {
            None => refused(&answer, 402, "payment_required"),
            Some(payment) => {
                let transfers = stage.facilitator.transfers_of(payment.nonce);
                assert_eq!(paid(&answer), transfers[0].transaction.to_string());
            }
        }
    }
}

/// The route's clock runs out while the settlement is out: Envoy answers 504 on its own, the
/// money moves, and the payment can be redeemed.
#[tokio::test(flavor = "multi_thread")]
async fn a_route_timeout_below_the_settlements_loses_no_payment() {
    let short = |tree: &mut Value| {
        let route = "/static_resources/listeners/0/filter_chains/0/filters/0/typed_config/route_config/virtual_hosts/0/routes/0/route/timeout";
        *tree.pointer_mut(route).expect("a route") = "0.5s".into();
    };
    let Some(stage) = Scene::new(plugin("5s")).envoy(|envoy: Options| envoy.edit(short)).start() else {
        return;
    };
    for path in ["/before/short", "/after/short"] {
        let payment = stage.payment(path).await;
        stage.settle_slowly(&payment, 1_200);
        let first = stage.buy(path, &payment).await;
        let second = stage.come_back(path, &payment).await;
        let transfers = stage.facilitator.transfers_of(payment.nonce);
        if first.status == 200 {
            paid(&first);
            refused(&second, 402, "payment_already_used");
        } else {
            assert!(first.header("payment-required").is_none(), "{first:?}");
            assert_eq!(first.json()["upstream"], Value::Null, "no content without a receipt");
            assert_eq!(paid(&second), transfers[0].transaction.to_string());
        }
        assert_eq!(stage.settled(&payment), (1, 1), "{path}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_upstream_that_answers_before_it_read_the_body_is_paid_for_all_the_same() {
    const EARLY: &[u8] = b"HTTP/1.1 200 OK\r\ncontent-length: 5\r\nset-cookie: early\r\n\r\nearly";
    let hasty = hasty_upstream(EARLY).await;
    for allow in [false, true] {
        let how = |envoy: Options| envoy.allow_on_headers_stop_iteration(allow);
        let Some(stage) = Scene::new(plugin("5s")).envoy(how).upstream(hasty).start() else {
            return;
        };
        for kind in ["before", "after"] {
            let path = format!("/{kind}/hasty");
            for reject in [false, true] {
                let payment = stage.payment(&path).await;
                if reject {
                    let fault = FaultKind::Reject { reason: "insufficient_funds".into() };
                    stage.facilitator.fault(Fault::once(fault).nonce(payment.nonce));
                }
                let mut connection = RawConnection::open(stage.envoy.address()).await.unwrap();
                let head = format!(
                    "POST {path} HTTP/1.1\r\nhost: shop.test\r\npayment-signature: {}\r\ncontent-length: 100000\r\n\r\n",
                    payment.header()
                );
                connection.write(head.as_bytes()).await.unwrap();
                connection.write(&[b'x'; 1_000]).await.unwrap();
                let answer = connection.read(false).await;
                if reject {
                    assert_eq!(code(&answer), "insufficient_funds", "{kind} {allow}: {answer:?}");
                    assert!(answer.header("set-cookie").is_none() && !answer.text().contains("early"));
                } else {
                    paid(&answer);
                    assert_eq!(answer.text(), "early");
                    assert_eq!(stage.settled(&payment), (1, 1));
                }
            }
        }
    }
}

/// A request that Envoy itself refuses or cuts never moved money.
#[tokio::test(flavor = "multi_thread")]
async fn a_request_cut_in_its_head_or_body_is_charged_only_if_it_was_whole_enough_to_ask() {
    let Some(stage) = stage() else { return };
    let payment = stage.payment("/after/cut").await;
    let mut connection = RawConnection::open(stage.envoy.address()).await.unwrap();
    let head =
        format!("POST /after/cut HTTP/1.1\r\nhost: shop.test\r\npayment-signature: {}\r\n", payment.header());
    connection.write(head.as_bytes()).await.unwrap();
    connection.abort();
    pause(200).await;
    assert_eq!(stage.settled(&payment), (0, 0));
    // A body that never ends: the upstream cannot answer, so nothing is owed.
    let mut connection = RawConnection::open(stage.envoy.address()).await.unwrap();
    connection.write(format!("{head}content-length: 1000\r\n\r\nhalf").as_bytes()).await.unwrap();
    pause(200).await;
    connection.abort();
    pause(200).await;
    assert_eq!(stage.settled(&payment), (0, 0));
    let ask = RawRequest::new("POST", "/after/cut").body("whole");
    paid(&stage.ask(&ask.pay(&payment)).await);
    assert_eq!(stage.settled(&payment), (1, 1));
}
