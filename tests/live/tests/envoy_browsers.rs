//! Pages of other origins, and the URL the shop is known by, through a real Envoy.

use serde_json::{json, Value};

use x402_devstack::client::{Answer, RawRequest};
use x402_devstack::envoy::Options;
use x402_live::{paid, plugin, refused, Scene, Stage};

const PAGE: &str = "https://app.example.com";
const EXPOSED: &str = "PAYMENT-REQUIRED, PAYMENT-RESPONSE, X-PAYMENT-RESPONSE, Retry-After";

fn stage(changes: &Value) -> Option<Stage> {
    let mut config = plugin("5s");
    for (key, value) in changes.as_object().expect("an object") {
        config[key] = value.clone();
    }
    let only_get = json!({ "name": "tiles", "match": { "methods": ["GET"], "path": "/tiles/{z}" }, "offer": { "price": "$0.001" } });
    config["routes"].as_array_mut().expect("routes").push(only_get);
    Scene::new(config).start()
}

fn preflight(path: &str, method: &str, origin: &str) -> RawRequest {
    RawRequest::new("OPTIONS", path)
        .header("origin", origin)
        .header("access-control-request-method", method)
        .header("access-control-request-headers", "payment-signature,x-mine")
}

fn get(path: &str, origin: &str) -> RawRequest {
    RawRequest::get(path).header("origin", origin)
}

fn cors(answer: &Answer) -> Vec<(String, String)> {
    let ours = answer.headers.iter().filter(|(name, _)| name.starts_with("access-control-"));
    ours.map(|(name, value)| (name.clone(), String::from_utf8_lossy(value).into_owned())).collect()
}

fn pair(name: &str, value: &str) -> (String, String) {
    (format!("access-control-{name}"), value.to_owned())
}

#[tokio::test(flavor = "multi_thread")]
async fn any_page_asks_pays_and_reads() {
    let Some(stage) = stage(&json!({})) else { return };
    let asked = stage.ask(&preflight("/tiles/1", "DELETE", PAGE)).await;
    assert_eq!((asked.status, asked.body.len()), (204, 0), "{asked:?}");
    let allowed = "PAYMENT-SIGNATURE, X-PAYMENT, SIGN-IN-WITH-X, Access-Control-Expose-Headers, Content-Type, payment-signature, x-mine";
    for expected in [
        pair("allow-origin", "*"),
        pair("allow-methods", "GET, HEAD, OPTIONS"),
        pair("allow-headers", allowed),
        pair("max-age", "600"),
    ] {
        assert!(cors(&asked).contains(&expected), "{expected:?}: {asked:?}");
    }
    assert_eq!(asked.header("access-control-allow-credentials"), None);
    assert_eq!(stage.upstream.hits("/tiles/1"), 0);
    let readable = [pair("allow-origin", "*"), pair("expose-headers", EXPOSED)];
    for path in ["/before/page", "/after/page"] {
        let unpaid = stage.ask(&get(path, PAGE)).await;
        refused(&unpaid, 402, "payment_required");
        assert_eq!(cors(&unpaid), readable, "{path}");
        let payment = stage.payment(path).await;
        let answer = stage.ask(&get(path, PAGE).pay(&payment)).await;
        paid(&answer);
        assert_eq!(cors(&answer), readable, "{path}");
        let again = stage.ask(&get(path, PAGE).pay(&payment)).await;
        refused(&again, 402, "payment_already_used");
        assert_eq!(cors(&again), readable, "{path}");
        // What the upstream says itself stands.
        let own = format!("{path}?h=access-control-allow-origin:https://other.test");
        let answer = stage.ask(&get(&own, PAGE).pay(&stage.payment(path).await)).await;
        paid(&answer);
        let kept = [pair("allow-origin", "https://other.test"), pair("expose-headers", EXPOSED)];
        assert_eq!(cors(&answer), kept, "{path}");
        // Who is no page is told nothing.
        assert_eq!(cors(&stage.ask(&RawRequest::get(path)).await), []);
    }
    // A failure that costs nothing can be read too.
    let payment = stage.payment("/after/page").await;
    let failed = stage.ask(&get("/after/page?status=503", PAGE).pay(&payment)).await;
    assert_eq!((failed.status, failed.receipt()), (503, None));
    assert_eq!(cors(&failed), readable);
    // Free routes are the application's.
    let free = stage.ask(&preflight("/free/x", "GET", PAGE)).await;
    assert_eq!((free.status, cors(&free)), (200, vec![]));
    assert_eq!(cors(&stage.ask(&get("/free/x", PAGE)).await), []);
    assert_eq!(stage.upstream.hits("/free/x"), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn listed_pages_are_named_and_no_other_is_told_anything() {
    let Some(stage) = stage(&json!({ "cors": { "origins": [PAGE] } })) else { return };
    let readable = [pair("allow-origin", PAGE), pair("expose-headers", EXPOSED)];
    for (origin, expected) in
        [(PAGE, &readable[..]), ("https://app.example.com.evil.test", &[]), ("null", &[])]
    {
        let asked = stage.ask(&preflight("/tiles/1", "GET", origin)).await;
        assert_eq!((asked.status, cors(&asked).is_empty()), (204, expected.is_empty()), "{origin}");
        assert_eq!(asked.header_text("vary"), Some("Origin"));
        let unpaid = stage.ask(&get("/before/page", origin)).await;
        refused(&unpaid, 402, "payment_required");
        assert_eq!((cors(&unpaid).as_slice(), unpaid.header_text("vary")), (expected, Some("Origin")));
        let payment = stage.payment("/before/page").await;
        let answer = stage.ask(&get("/before/page", origin).pay(&payment)).await;
        paid(&answer);
        assert_eq!((cors(&answer).as_slice(), answer.header_text("vary")), (expected, Some("Origin")));
    }
}

/// The plugin as YAML, where `off` is another word for false.
#[tokio::test(flavor = "multi_thread")]
async fn off_is_off() {
    for off in [json!("off"), json!(false)] {
        let Some(stage) = stage(&json!({ "cors": off })) else { return };
        let asked = stage.ask(&preflight("/before/page", "GET", PAGE)).await;
        assert_eq!((asked.status, cors(&asked), asked.header("vary")), (204, vec![], None));
        let unpaid = stage.ask(&get("/before/page", PAGE)).await;
        refused(&unpaid, 402, "payment_required");
        let payment = stage.payment("/before/page").await;
        let answer = stage.ask(&get("/before/page", PAGE).pay(&payment)).await;
        paid(&answer);
        assert_eq!((cors(&unpaid), cors(&answer)), (vec![], vec![]));
    }
}

fn quoted(answer: &Answer) -> String {
    let quote = answer.quote().unwrap_or_else(|| panic!("no quote: {answer:?}"));
    quote.resource.expect("a resource")["url"].as_str().unwrap_or_default().to_owned()
}

/// Envoy replaces `X-Forwarded-Proto` unless it is told that proxies in front are trusted.
#[tokio::test(flavor = "multi_thread")]
async fn the_public_url_is_what_trusted_proxies_say() {
    let origin = json!({ "trustedHops": 2, "hosts": ["api.example.com", "*.shops.test"], "fallback": "https://fallback.test" });
    let mut config = plugin("5s");
    config["origin"] = origin;
    let trust = |tree: &mut Value| {
        let manager = "/static_resources/listeners/0/filter_chains/0/filters/0/typed_config";
        tree.pointer_mut(manager).expect("the connection manager")["xff_num_trusted_hops"] = json!(2);
    };
    let Some(stage) = Scene::new(config.clone()).envoy(|envoy: Options| envoy.edit(trust)).start() else {
        return;
    };
    let ask = |proto: &str, host: &str| {
        RawRequest::get("/before/x?q=1").header("x-forwarded-proto", proto).header("x-forwarded-host", host)
    };
    for (proto, host, url) in [
        ("https,http", "API.example.com,inner", "https://api.example.com/before/x?q=1"),
        ("evil,https, http", "evil.test, a.shops.test:8443 ,inner", "https://a.shops.test:8443/before/x?q=1"),
        ("https", "api.example.com,inner", "https://fallback.test/before/x?q=1"),
        ("https,http", "evil.test,api.example.com", "https://fallback.test/before/x?q=1"),
        ("gopher,http", "api.example.com,inner", "https://fallback.test/before/x?q=1"),
    ] {
        let ask = ask(proto, host);
        let unpaid = stage.ask(&ask).await;
        assert_eq!(quoted(&unpaid), url, "{proto} {host}");
        assert!(!format!("{unpaid:?} {}", quoted(&unpaid)).contains("evil"), "{unpaid:?}");
        let payment = x402_live::sign(&unpaid.quote().expect("a quote"));
        paid(&stage.ask(&ask.pay(&payment)).await);
        assert_eq!(stage.settled(&payment), (1, 1));
        // The facilitator is told the same, without the query.
        let call = stage.facilitator.calls().into_iter().rev().find(|call| call.path == "/settle");
        let body = call.expect("a call").body;
        let told = &body["paymentPayload"]["resource"]["url"];
        assert_eq!(told.as_str(), url.strip_suffix("?q=1"), "{body}");
    }
    // Envoy as it is in envoy.yaml: it speaks for the connection, one hop.
    config["origin"]["trustedHops"] = json!(1);
    let Some(stage) = Scene::new(config).start() else { return };
    let answer = stage.ask(&ask("https", "api.example.com")).await;
    assert_eq!(quoted(&answer), "http://api.example.com/before/x?q=1");
}
