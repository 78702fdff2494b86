//! Names with underscores (A9). Servers with a CGI heritage read them as ours. `envoy/envoy.yaml`
//! refuses them; here Envoy lets them through, as it does by default, and the module is alone.

use serde_json::{json, Value};

use x402_devstack::client::{Http2, RawRequest};
use x402_devstack::envoy::Options;
use x402_devstack::http1::{Header, Request};
use x402_live::{http2_upstream, paid, plugin, refused, Scene, Stage};

/// Each reads as one of ours once `_` is `-` and case does not count.
const OURS: [&str; 11] = [
    "x402_payer",
    "X402_Payer",
    "x402_receipt_id",
    "X402-Receipt_ID",
    "x402_anything",
    "payment_response",
    "Payment_Response",
    "x_payment_response",
    "X-Payment_Response",
    "settlement_overrides",
    "SETTLEMENT_OVERRIDES",
];

/// Nobody's: it shows that Envoy lets such names through.
const THEIRS: &str = "x_theirs";

/// Each reads as a payment's.
const MISNAMED: [&str; 5] = ["payment_signature", "Payment_Signature", "x_payment", "X_PAYMENT", "X_Payment"];

const ROUTES: [(&str, bool); 3] = [("/free/names", false), ("/before/names", true), ("/after/names", true)];

fn lets_through(tree: &mut Value) {
    let manager = "/static_resources/listeners/0/filter_chains/0/filters/0/typed_config";
    let manager = tree.pointer_mut(manager).expect("the connection manager");
    manager["common_http_protocol_options"]["headers_with_underscores_action"] = json!("ALLOW");
    manager["http_protocol_options"] = json!({ "enable_trailers": true });
}

fn stage(allow: bool) -> Option<Stage> {
    let how = |envoy: Options| {
        envoy.allow_on_headers_stop_iteration(allow).edit(|tree| {
            http2_upstream(tree);
            lets_through(tree);
        })
    };
    Scene::new(plugin("5s")).envoy(how).start()
}

/// What the upstream sees under our names, as such servers read them.
fn ours(headers: &[Header]) -> Vec<(String, String)> {
    let read = |header: &Header| header.name().to_ascii_lowercase().replace('_', "-");
    let seen = headers.iter().map(|header| (read(header), header.display_value()));
    let mut seen: Vec<_> = seen.filter(|(name, _)| is_ours(name)).collect();
    seen.sort();
    seen
}

fn is_ours(name: &str) -> bool {
    name.starts_with("x402-")
        || ["payment-response", "x-payment-response", "settlement-overrides"].contains(&name)
}

fn theirs(headers: &[Header]) -> usize {
    headers.iter().filter(|header| header.name() == THEIRS).count()
}

/// A POST that such headers came with, paid where the route has a price, and what came of it upstream.
async fn served(stage: &Stage, path: &str, priced: bool, ask: RawRequest) -> Request {
    if priced {
        let payment = stage.payment(path).await;
        paid(&stage.ask(&ask.pay(&payment)).await);
        assert_eq!(stage.settled(&payment), (1, 1), "{path}");
    } else {
        assert_eq!(stage.ask(&ask).await.status, 200, "{path}");
    }
    let request = stage.upstream.requests().pop().expect("it was served");
    let names: Vec<_> = ours(&request.headers).into_iter().map(|(name, _)| name).collect();
    let written: &[&str] = if priced { &["x402-payer", "x402-receipt-id"] } else { &[] };
    assert_eq!(names, written, "{path}");
    assert!(ours(&request.headers).iter().all(|(_, value)| value != "spoofed"), "{path}");
    request
}

#[tokio::test(flavor = "multi_thread")]
async fn a9_names_with_underscores_that_envoy_lets_through_stay_here() {
    for allow in [false, true] {
        let Some(stage) = stage(allow) else { return };
        for (path, priced) in ROUTES {
            let all =
                OURS.iter().fold(RawRequest::new("POST", path), |ask, name| ask.header(name, "spoofed"));
            let request = served(&stage, path, priced, all.header(THEIRS, "kept").body("body")).await;
            assert_eq!(theirs(&request.headers), 1, "{path}: Envoy let such names through");
            for name in OURS {
                let one = RawRequest::new("POST", path).header(name, "spoofed").body("body");
                served(&stage, path, priced, one).await;
            }
        }
    }
}

/// In HTTP/1.1 as they are written, in HTTP/2 in lower case.
#[tokio::test(flavor = "multi_thread")]
async fn a9_trailers_with_underscores_that_envoy_lets_through_stay_here() {
    for allow in [false, true] {
        let Some(stage) = stage(allow) else { return };
        let http2 = Http2::open(stage.envoy.address()).await.unwrap();
        for (path, priced) in ROUTES {
            let lines: String = OURS.iter().map(|name| format!("{name}: spoofed\r\n")).collect();
            let body = format!("4\r\nbody\r\n0\r\n{lines}{THEIRS}: kept\r\n\r\n");
            let ask = RawRequest::new("POST", path).header("transfer-encoding", "chunked").body(body);
            let request = served(&stage, path, priced, ask).await;
            assert_eq!(ours(&request.trailers), [], "{path}: HTTP/1.1");
            assert_eq!(theirs(&request.trailers), 1, "{path}: Envoy let such names through");

            let lower = OURS.iter().filter(|name| name.to_ascii_lowercase() == **name);
            let trailers: Vec<_> = lower.chain([&THEIRS]).map(|name| (*name, "spoofed")).collect();
            let header = if priced { stage.payment(path).await.header() } else { String::new() };
            let headers = [("payment-signature", header.as_str())];
            let headers = if priced { &headers[..] } else { &[] };
            let answer = http2.request_with_trailers("POST", path, headers, "body", &trailers).await;
            assert_eq!(answer.status, 200, "{path}: {answer:?}");
            let request = stage.upstream.requests().pop().expect("it was served");
            assert_eq!(ours(&request.trailers), [], "{path}: HTTP/2");
            assert_eq!(theirs(&request.trailers), 1, "{path}: Envoy let such names through");
        }
    }
}

/// It is not the payment's name, so nothing is bought and nothing taken.
#[tokio::test(flavor = "multi_thread")]
async fn a9_a_payment_under_a_name_with_underscores_is_none() {
    let Some(stage) = stage(false) else { return };
    for path in ["/before/misnamed", "/after/misnamed"] {
        for name in MISNAMED {
            let payment = stage.payment(path).await;
            let misnamed = RawRequest::get(path).header(name, payment.header());
            refused(&stage.ask(&misnamed).await, 402, "payment_required");
            assert_eq!((stage.settled(&payment), stage.upstream.hits(path)), ((0, 0), 0), "{name}");
        }
        // Nor does it make a second one of that which is there, nor go on to the upstream, which might
        // take it for one.
        let (payment, other) = (stage.payment(path).await, stage.payment(path).await);
        let both = MISNAMED.iter().fold(RawRequest::get(path), |ask, name| ask.header(name, other.header()));
        paid(&stage.ask(&both.header(THEIRS, "kept").pay(&payment)).await);
        assert_eq!((stage.settled(&payment), stage.settled(&other)), ((1, 1), (0, 0)));
        let request = stage.upstream.requests().pop().expect("it was served");
        assert_eq!(theirs(&request.headers), 1, "Envoy let such names through");
        let payments = request.headers.iter().map(Header::name).filter(|name| {
            let read = name.to_ascii_lowercase().replace('_', "-");
            ["payment-signature", "x-payment"].contains(&&*read)
        });
        assert_eq!(payments.collect::<Vec<_>>(), [""; 0], "{path}");
    }
}
