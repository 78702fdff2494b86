//! A person's browser gets a page in place of JSON, and pays with a cookie. Programs get what
//! they always got.

use std::sync::OnceLock;

use serde_json::{json, Value};

use x402_devstack::client::{Answer, Http2, RawRequest};
use x402_devstack::facilitator::{Fault, FaultKind};
use x402_devstack::payer::Payment;
use x402_live::{code, paid, pause, plugin, refused, transaction, Scene, Stage};

static STAGE: OnceLock<Option<Stage>> = OnceLock::new();

fn stage() -> Option<&'static Stage> {
    let mut config = plugin("5s");
    // A forged signature is refused here, and not looked at as a contract's.
    config["wallets"] = json!("eoa");
    STAGE.get_or_init(|| Scene::new(config).start()).as_ref()
}

const ACCEPT: &str = "text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,*/*;q=0.8";
const AGENT: &str = "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 Chrome/148.0 Safari/537.36";

/// A navigation, as Chromium sends one.
fn navigate(target: &str) -> RawRequest {
    RawRequest::get(target)
        .header("accept", ACCEPT)
        .header("user-agent", AGENT)
        .header("sec-fetch-mode", "navigate")
        .header("sec-fetch-dest", "document")
}

fn with_cookie(target: &str, payment: &Payment) -> RawRequest {
    navigate(target).header("cookie", format!("theme=dark; x402-payment={}; lang=\"e n\"", payment.header()))
}

/// The same again, once what went before is written down: that happens just after the last byte.
async fn reload(stage: &Stage, request: &RawRequest) -> Answer {
    loop {
        let answer = stage.ask(request).await;
        if answer.status != 503 || !answer.text().contains("data-code=\"payment_in_flight\"") {
            return answer;
        }
        pause(50).await;
    }
}

/// Asserts that an answer is a page that says `code` and loads nothing.
#[track_caller]
fn page(answer: &Answer, status: u16, code: &str) -> String {
    assert_eq!(answer.status, status, "{answer:?}");
    for (name, value) in [
        ("content-type", "text/html; charset=utf-8"),
        ("cache-control", "no-store"),
        ("vary", "Accept"),
        ("referrer-policy", "no-referrer"),
        ("x-content-type-options", "nosniff"),
    ] {
        assert_eq!(answer.header_text(name), Some(value), "{name}");
    }
    let policy = answer.header_text("content-security-policy").unwrap_or_default();
    assert!(policy.starts_with("default-src 'none'; script-src 'sha256-"), "{policy}");
    assert!(!policy.contains("unsafe"), "{policy}");
    let text = answer.text();
    assert!(text.contains(&format!("data-code=\"{code}\"")), "{code}: {text}");
    assert!(text.len() < 30_000, "{} bytes", text.len());
    let quoted = answer.header("payment-required").is_some();
    assert_eq!(text.contains("id=\"x402-pay\""), quoted, "a button if and only if there is a quote");
    text
}

fn json_refusal(answer: &Answer, expected: &str) {
    assert_eq!(answer.header_text("content-type"), Some("application/json"), "{answer:?}");
    refused(answer, 402, expected);
    assert!(answer.header("content-security-policy").is_none());
}

/// Headers of one name as the upstream received them.
fn received(answer: &Answer, name: &str) -> Vec<String> {
    let echo = answer.json();
    let all = echo["headers"].as_array().unwrap_or_else(|| panic!("no echo: {answer:?}"));
    let named = all.iter().filter(|header| header[0].as_str().is_some_and(|n| n.eq_ignore_ascii_case(name)));
    named.map(|header| header[1].as_str().unwrap_or_default().to_owned()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_navigation_is_answered_with_a_page_and_the_same_quote() {
    let Some(stage) = stage() else { return };
    for path in ["/before/page", "/after/page?a=1&b=<i>"] {
        let answer = stage.ask(&navigate(path)).await;
        let text = page(&answer, 402, "payment_required");
        let quote = answer.header_text("payment-required").unwrap();
        assert!(text.contains(quote), "the script reads the quote of the header");
        assert!(text.contains("0.001 <bdi>USDC</bdi></strong> on Base Sepolia"));
        assert!(!text.contains("<i>"));
        assert!(answer.quote().is_some());
    }
    let unaware = RawRequest::get("/before/page").header("accept", ACCEPT).header("user-agent", AGENT);
    page(&stage.ask(&unaware).await, 402, "payment_required");
    let mut head = navigate("/before/page");
    head.method = "HEAD".to_owned();
    let answer = stage.ask(&head).await;
    assert_eq!((answer.status, answer.body.len()), (402, 0));
    assert_eq!(answer.header_text("content-type"), Some("text/html; charset=utf-8"));
    assert_eq!(stage.upstream.hits("/before/page"), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn programs_get_json_whatever_they_copy() {
    let Some(stage) = stage() else { return };
    let path = "/before/programs";
    let ask = || RawRequest::get(path).header("user-agent", AGENT);
    let mut post = navigate(path);
    post.method = "POST".to_owned();
    for request in [
        RawRequest::get(path),
        RawRequest::get(path).header("accept", "text/html"),
        ask(),
        ask().header("accept", "*/*"),
        ask().header("accept", "application/json"),
        ask().header("accept", "application/json, text/html;q=0.9"),
        ask().header("accept", "text/html;q=0, */*"),
        ask().header("accept", ACCEPT).header("sec-fetch-mode", "cors"),
        ask().header("accept", ACCEPT).header("sec-fetch-mode", "same-origin"),
        post,
    ] {
        json_refusal(&stage.ask(&request).await, "payment_required");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cookie_pays_for_a_navigation_once_and_a_reload_is_free() {
    let Some(stage) = stage() else { return };
    for path in ["/before/cookie", "/after/cookie"] {
        let payment = stage.payment(path).await;
        let answer = stage.ask(&with_cookie(path, &payment)).await;
        paid(&answer);
        assert_eq!(received(&answer, "cookie"), ["theme=dark; lang=\"e n\""], "ours alone is gone");
        assert!(!answer.text().contains(&payment.header()), "nothing of the payment went upstream");
        assert_eq!(received(&answer, "x402-payer").len(), 1);

        let again = reload(stage, &with_cookie(path, &payment)).await;
        let text = page(&again, 402, "payment_already_used");
        assert!(text.contains("This payment was used") && text.contains(&paid(&answer)));
        assert_eq!(transaction(&again), transaction(&answer));
        assert_eq!(stage.settled(&payment), (1, 1));
        assert_eq!(stage.upstream.hits(path), 1);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_paid_and_failed_is_served_by_a_reload() {
    let Some(stage) = stage() else { return };
    let path = "/before/failed";
    let payment = stage.payment(path).await;
    let failed = stage.ask(&with_cookie(path, &payment).header("x-test-status", "503")).await;
    assert_eq!(failed.status, 503);
    let redeemed = reload(stage, &with_cookie(path, &payment)).await;
    assert_eq!(Some(paid(&redeemed)), transaction(&failed), "the same money");
    assert_eq!((stage.settled(&payment), stage.upstream.hits(path)), ((1, 1), 2));
    page(&reload(stage, &with_cookie(path, &payment)).await, 402, "payment_already_used");

    // Under `after` a failed answer costs nothing, and the same payment is still good.
    let path = "/after/failed";
    let payment = stage.payment(path).await;
    let failed = stage.ask(&with_cookie(path, &payment).header("x-test-status", "503")).await;
    assert_eq!((failed.status, stage.settled(&payment)), (503, (0, 0)));
    paid(&reload(stage, &with_cookie(path, &payment)).await);
    assert_eq!(stage.settled(&payment), (1, 1));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cookie_is_no_payment_for_programs_and_never_goes_upstream() {
    let Some(stage) = stage() else { return };
    let path = "/before/programs-cookie";
    let payment = stage.payment(path).await;
    let cookie = format!("x402-payment={}", payment.header());
    for mode in ["cors", "no-cors", "same-origin"] {
        let ask = RawRequest::get(path).header("cookie", &cookie);
        let ask = ask.header("accept", ACCEPT).header("user-agent", AGENT).header("sec-fetch-mode", mode);
        json_refusal(&stage.ask(&ask).await, "payment_required");
    }
    assert_eq!(stage.settled(&payment), (0, 0));

    // A header is the payment, whatever the cookie says.
    let other = stage.payment(path).await;
    let answer = stage.ask(&with_cookie(path, &payment).pay(&other)).await;
    paid(&answer);
    assert_eq!((stage.settled(&payment), stage.settled(&other)), ((0, 0), (1, 1)));
    assert_eq!(received(&answer, "cookie"), ["theme=dark; lang=\"e n\""]);
    assert!(received(&answer, "payment-signature").is_empty());

    let free =
        stage.ask(&RawRequest::get("/free/cookie").header("cookie", format!("a=1; {cookie}; b=2"))).await;
    assert_eq!((free.status, received(&free, "cookie")), (200, vec!["a=1; b=2".to_owned()]));
    let free = stage.ask(&RawRequest::get("/free/cookie").header("cookie", &cookie)).await;
    assert_eq!((free.status, received(&free, "cookie")), (200, Vec::new()));
    let untouched = "a=1;b=2; ; x402-paymenty=1";
    let free = stage.ask(&RawRequest::get("/free/cookie").header("cookie", untouched)).await;
    assert_eq!(received(&free, "cookie"), [untouched]);
}

#[tokio::test(flavor = "multi_thread")]
async fn of_several_cookies_the_first_is_the_paths_own() {
    let Some(stage) = stage() else { return };
    let path = "/before/folder/page";
    let (own, folder) = (stage.payment(path).await, stage.payment(path).await);
    let crumb = |payment: &Payment| format!("x402-payment={}", payment.header());
    let ask = navigate(path).header("cookie", format!("{}; a=1; {}", crumb(&own), crumb(&folder)));
    let answer = stage.ask(&ask).await;
    paid(&answer);
    assert_eq!((stage.settled(&own), stage.settled(&folder)), ((1, 1), (0, 0)));
    assert_eq!(received(&answer, "cookie"), ["a=1"]);

    // HTTP/2 sends each in a field of its own.
    let (own, folder) = (stage.payment(path).await, stage.payment(path).await);
    let (first, second) = (crumb(&own), crumb(&folder));
    let http2 = Http2::open(stage.envoy.address()).await.unwrap();
    let headers = [
        ("accept", ACCEPT),
        ("sec-fetch-mode", "navigate"),
        ("cookie", "a=1"),
        ("cookie", &first),
        ("cookie", &second),
        ("cookie", "b=2"),
    ];
    let answer = http2.get(path, &headers).await;
    paid(&answer);
    assert_eq!((stage.settled(&own), stage.settled(&folder)), ((1, 1), (0, 0)));
    assert_eq!(received(&answer, "cookie"), ["a=1; b=2"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cookie_goes_through_the_limits_of_a_header() {
    let Some(stage) = stage() else { return };
    let path = "/before/garbage";
    let long = "A".repeat(20_000);
    for garbage in ["A", "%%%%", "e30=", &long] {
        let answer = stage.ask(&navigate(path).header("cookie", format!("x402-payment={garbage}"))).await;
        page(&answer, 402, "invalid_payload");
    }
    page(&stage.ask(&navigate(path).header("cookie", "x402-payment=")).await, 402, "payment_required");
    let forged = stage.payment(path).await;
    let forged = forged.tamper("/payload/authorization/value", json!("1"));
    page(&stage.ask(&with_cookie(path, &forged)).await, 402, "invalid_exact_evm_signature");
    assert_eq!(stage.upstream.hits(path), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn other_refusals_are_pages_too_and_never_ask_for_money_that_may_have_moved() {
    // A facilitator of its own: its circuit breaker opens.
    let Some(stage) = Scene::new(plugin("1s")).start() else { return };
    page(&stage.ask(&navigate("/elsewhere")).await, 403, "not_offered");
    page(&stage.ask(&navigate("/BEFORE/x")).await, 400, "path_ambiguous");

    let payment = stage.payment("/before/bound").await;
    stage.facilitator.fault(Fault::once(FaultKind::LostAnswer).nonce(payment.nonce));
    let answer = stage.ask(&with_cookie("/before/bound", &payment)).await;
    let text = page(&answer, 503, "settlement_pending");
    assert!(text.contains("The payment is not confirmed") && text.contains("Try again</a>"));
    assert!(answer.header("retry-after").is_some() && text.contains("Wait at least "));
    let elsewhere = stage.ask(&with_cookie("/after/bound", &payment)).await;
    page(&elsewhere, 409, "payment_bound_elsewhere");

    let poor = stage.payment("/before/poor").await;
    stage
        .facilitator
        .fault(Fault::once(FaultKind::Reject { reason: "insufficient_funds".to_owned() }).nonce(poor.nonce));
    let text = page(&stage.ask(&with_cookie("/before/poor", &poor)).await, 402, "insufficient_funds");
    assert!(text.contains("No money was taken.") && text.contains("Start over</a>"));
}

#[tokio::test(flavor = "multi_thread")]
async fn turned_off_there_are_no_pages_and_cookies_pay_nothing() {
    let mut config = plugin("5s");
    config["paywall"] = Value::Bool(false);
    let Some(stage) = Scene::new(config).start() else { return };
    let path = "/before/off";
    json_refusal(&stage.ask(&navigate(path)).await, "payment_required");
    let payment = stage.payment(path).await;
    json_refusal(&stage.ask(&with_cookie(path, &payment)).await, "payment_required");
    assert_eq!(stage.settled(&payment), (0, 0));
    let free = stage.ask(&with_cookie("/free/off", &payment)).await;
    assert_eq!(received(&free, "cookie"), ["theme=dark; lang=\"e n\""]);
    assert_eq!(code(&stage.ask(&navigate("/nowhere")).await), "not_offered");
}
