//! Extensions and documents through a real Envoy: what a quote declares, what may come back,
//! whose name a payment's name is.

use base64::engine::general_purpose::STANDARD;
use base64::Engine;
use serde_json::{json, Value};

use x402_devstack::client::{Answer, RawRequest};
use x402_devstack::payer::{Draft, Payment, Wallet};
use x402_live::{code, paid, plugin, refused, until, Scene, Stage, PAY_TO};

const NAME: &str = "order_0123456789";

/// Declarations of the reference package.
const VECTORS: &str = include_str!("../../vectors/extensions.json");
/// A secp256k1 key that signs offers.
const KEY: &str = "0x0707070707070707070707070707070707070707070707070707070707070707";

fn shop() -> Option<Stage> {
    let mut config = plugin("10s");
    config["discovery"] = json!({ "catalogue": true, "openapi": true });
    let routes = config["routes"].as_array_mut().expect("routes");
    routes.push(json!({ "name": "tiles", "match": { "path": "/tiles/{z}" }, "offer": {
        "price": "$0.002",
        "bazaar": { "input": { "queryParams": { "scale": 2 } }, "output": { "example": { "tile": "png" } } },
    } }));
    routes.push(json!({ "name": "orders", "match": { "path": "/orders/**" }, "offer": {
        "price": "$0.003", "paymentIdentifier": "required",
    } }));
    Scene::new(config).start()
}

/// A payment for what a route asks for, with this name.
async fn named(stage: &Stage, target: &str, name: Option<&str>) -> Payment {
    let quote = stage.quote(target).await;
    let wallet = Wallet::dev(0);
    let mut draft = Draft::for_quote(&wallet, &quote).expect("something payable");
    if let (Some(extensions), Some(name)) = (draft.extensions.as_mut(), name) {
        extensions["payment-identifier"]["info"]["id"] = json!(name);
    }
    draft.sign(&wallet)
}

fn quoted(answer: &Answer) -> Value {
    answer.quote().and_then(|quote| quote.extensions).unwrap_or_default()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_quote_declares_and_the_declaration_comes_back() {
    let Some(stage) = shop() else { return };
    let quote = quoted(&stage.ask(&RawRequest::get("/tiles/7?scale=1")).await);
    let bazaar = &quote["bazaar"];
    assert_eq!(bazaar["info"]["input"]["method"], "GET");
    assert_eq!(bazaar["info"]["input"]["pathParams"], json!({ "z": "7" }));
    assert_eq!(bazaar["routeTemplate"], "/tiles/:z");
    let other = quoted(&stage.ask(&RawRequest::new("POST", "/tiles/7")).await);
    assert_eq!(other, Value::Null, "a declaration of queries says nothing of a POST");

    let payment = stage.payment("/tiles/7").await;
    paid(&stage.buy("/tiles/7", &payment).await);
    let calls = stage.facilitator.calls();
    let settle = calls.iter().find(|call| call.nonce == Some(payment.nonce)).expect("it was settled");
    let seen = &settle.body["paymentPayload"]["extensions"]["bazaar"];
    assert_eq!(seen["routeTemplate"], "/tiles/:z", "directories are fed by facilitators");
    // Whatever else it says, a payment that was used is known for that.
    let mut again = payment.clone();
    again.json["extensions"]["bazaar"]["info"]["output"]["example"] = json!({});
    refused(&stage.buy("/tiles/7", &again).await, 402, "payment_already_used");
    // A quote taken for one tile buys another.
    paid(&stage.buy("/tiles/8", &stage.payment("/tiles/9").await).await);

    let quote = stage.quote("/tiles/7").await;
    let wallet = Wallet::dev(0);
    let mut draft = Draft::for_quote(&wallet, &quote).expect("something payable");
    draft.extensions.as_mut().expect("extensions")["bazaar"]["info"]["output"]["example"] = json!({});
    let altered = draft.sign(&wallet);
    refused(&stage.buy("/tiles/7", &altered).await, 402, "extension_echo_mismatch");
    assert_eq!(stage.settled(&altered).0, 0, "nobody was asked to settle it");
}

/// Whatever a quote can declare, with URLs of every length modulo three: pieces that were encoded ahead
/// are joined to what is encoded for the request.
#[tokio::test(flavor = "multi_thread")]
async fn all_that_can_be_declared_stands_on_one_402() {
    let vectors: Value = serde_json::from_str(VECTORS).expect("JSON");
    let mut cases = vectors["reference"].as_array().expect("cases").iter();
    let case = cases.find(|case| case["name"] == "a template").expect("a template");
    let mut config = plugin("10s");
    config["offerReceipt"] = json!({ "format": "jws", "key": { "env": "OFFER_KEY" } });
    let permit2 = json!([{
        "network": "base-sepolia", "asset": "USDC", "payTo": PAY_TO, "assetTransferMethod": "permit2",
    }]);
    config["routes"].as_array_mut().expect("routes").push(json!({
        "name": "all", "match": { "path": case["route"] }, "offer": {
            "price": "$0.002", "accepts": permit2, "bazaar": case["bazaar"], "paymentIdentifier": "required",
            "description": "Caf\u{e9} \"au lait\"", "mimeType": "image/png",
        },
    }));
    let sponsoring = ["eip2612GasSponsoring", "erc20ApprovalGasSponsoring"].map(str::to_owned);
    let scene = Scene::new(config).facilitator(move |options| options.listing.extensions = sponsoring.into());
    let scene = scene.envoy(|options| options.concurrency(1).vm_variable("OFFER_KEY", KEY));
    let Some(stage) = scene.start() else { return };
    until("it is known who sponsors", || stage.envoy.stat("wasmcustom.x402.facilitator_supported.main") == 1)
        .await;

    let path = case["path"].as_str().expect("a path");
    let mut lengths = Vec::new();
    for query in ["?", "?a", "?ab", "?abc=%22"] {
        let target = format!("{path}{query}");
        let answer = stage.ask(&RawRequest::get(&target)).await;
        refused(&answer, 402, "payment_required");
        let header = answer.header_text("payment-required").expect("a quote");
        let quote: Value = serde_json::from_slice(&STANDARD.decode(header).expect("base64")).expect("JSON");
        lengths.push(target.len() % 3);
        let members: Vec<_> = quote.as_object().expect("an object").keys().collect();
        assert_eq!(members, ["accepts", "error", "extensions", "resource", "x402Version"]);
        assert_eq!(
            quote["resource"],
            json!({
                "url": format!("http://shop.test{target}"), "description": "Caf\u{e9} \"au lait\"",
                "mimeType": "image/png",
            })
        );
        assert_eq!((&quote["error"], &quote["x402Version"]), (&json!("payment_required"), &json!(2)));
        let mut extensions = quote["extensions"].clone();
        let offers = extensions.as_object_mut().expect("an object").remove("offer-receipt").expect("offers");
        assert_eq!(offers["info"]["offers"].as_array().map(Vec::len), Some(1));
        let mut expected = vectors["gas"].clone();
        expected["bazaar"] = case["declared"].clone();
        expected["payment-identifier"] = vectors["identifiers"]["required"].clone();
        assert_eq!(extensions, expected, "{target}");
    }
    lengths.sort_unstable();
    lengths.dedup();
    assert_eq!(lengths, [0, 1, 2]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_name_stands_for_one_payment_and_one_request() {
    let Some(stage) = shop() else { return };
    let unnamed = named(&stage, "/orders/a", None).await;
    let answer = stage.buy("/orders/a", &unnamed).await;
    assert_eq!((answer.status, code(&answer).as_str()), (400, "payment_identifier_required"));
    assert_eq!(quoted(&answer)["payment-identifier"]["info"]["required"], true);
    let short = named(&stage, "/orders/a", Some("short")).await;
    let answer = stage.buy("/orders/a", &short).await;
    assert_eq!((answer.status, code(&answer).as_str()), (400, "payment_identifier_invalid"));

    let first = named(&stage, "/orders/a", Some(NAME)).await;
    paid(&stage.buy("/orders/a", &first).await);
    // The same again is an ordinary retry.
    refused(&stage.buy("/orders/a", &first).await, 402, "payment_already_used");
    // The same name, another payment or another request: on whichever worker.
    for _ in 0..4 {
        let second = named(&stage, "/orders/a", Some(NAME)).await;
        let answer = stage.buy("/orders/a", &second).await;
        assert_eq!(
            (answer.status, code(&answer).as_str()),
            (409, "payment_identifier_conflict"),
            "{answer:?}"
        );
        assert_eq!(answer.json()["paymentState"], "none");
        assert_eq!(stage.settled(&second).0, 0);
    }
    let answer = stage.buy("/orders/b", &first).await;
    assert_eq!((answer.status, code(&answer).as_str()), (409, "payment_identifier_conflict"));
    assert_eq!(answer.json()["paymentState"], "unknown", "it was seen before");
    // Somebody else's names are their own.
    let quote = stage.quote("/orders/a").await;
    let wallet = Wallet::dev(1);
    let mut draft = Draft::for_quote(&wallet, &quote).expect("something payable");
    draft.extensions.as_mut().expect("extensions")["payment-identifier"]["info"]["id"] = json!(NAME);
    paid(&stage.buy("/orders/a", &draft.sign(&wallet)).await);
}

#[tokio::test(flavor = "multi_thread")]
async fn directories_read_what_is_sold_without_paying() {
    let Some(stage) = shop() else { return };
    for (path, key) in [("/.well-known/x402", "items"), ("/openapi.json?a=b", "paths")] {
        let answer = stage.ask(&RawRequest::get(path)).await;
        assert_eq!(
            (answer.status, answer.header_text("cache-control")),
            (200, Some("public, max-age=60")),
            "{path}"
        );
        assert_eq!(answer.header_text("access-control-allow-origin"), Some("*"));
        assert!(!answer.json()[key].is_null(), "{path}: {answer:?}");
        let head = stage.ask(&RawRequest::new("HEAD", path)).await;
        assert_eq!((head.status, head.body.len()), (200, 0), "{path}");
    }
    let catalogue = stage.ask(&RawRequest::get("/.well-known/x402")).await.json();
    let resources: Vec<_> = catalogue["resources"].as_array().expect("a list").iter().collect();
    assert_eq!(resources[2], "http://shop.test/tiles/{z}");
    for ask in [RawRequest::new("POST", "/openapi.json"), RawRequest::get("/openapi.json/")] {
        refused(&stage.ask(&ask).await, 403, "not_offered");
    }
    assert_eq!(stage.upstream.hits("/openapi.json"), 0);
}
