//! gRPC with an unmodified client and server (grpcio), and gRPC-Web, through a real Envoy.

use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, Stdio};
use std::sync::Mutex;

use serde_json::{json, Value};

use x402_devstack::client::{Answer, Http2, RawRequest};
use x402_devstack::envoy::{find_binary, Options};
use x402_devstack::facilitator::{Fault, FaultKind};
use x402_devstack::payer::{Payment, Quote};
use x402_live::{http2_upstream, pause, plugin, sign, Scene, Stage};

const FAILED_PRECONDITION: u64 = 9;
const UNIMPLEMENTED: u64 = 12;
const UNAVAILABLE: u64 = 14;

/// grpcio in a process of its own.
struct Peer {
    child: Child,
    answers: Mutex<BufReader<ChildStdout>>,
}

/// What a call came to.
struct Called(Value);

/// Envoy before a gRPC server.
struct Shop {
    stage: Stage,
    client: Peer,
    _server: Peer,
}

// === impl Peer ===

impl Peer {
    /// `None`, said aloud, without a Python that has grpcio.
    fn start(role: &str) -> Option<Self> {
        let python = python()?;
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("grpc/peer.py");
        let mut child = Command::new(python)
            .args([script.as_os_str(), role.as_ref()])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("Python starts");
        let answers = child.stdout.take().expect("its output");
        Some(Self { child, answers: Mutex::new(BufReader::new(answers)) })
    }

    fn read(&self) -> String {
        let mut line = String::new();
        self.answers.lock().expect("one reader").read_line(&mut line).expect("a line");
        line
    }

    fn ask(&mut self, order: &Value) -> Called {
        let input = self.child.stdin.as_mut().expect("its input");
        writeln!(input, "{order}").expect("it listens");
        Called(serde_json::from_str(&self.read()).expect("JSON"))
    }
}

impl Drop for Peer {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// `X402_PYTHON`, else the one beside Envoy, if it has grpcio.
fn python() -> Option<PathBuf> {
    let beside = || Some(find_binary()?.parent()?.join("python"));
    let python = std::env::var_os("X402_PYTHON").map(PathBuf::from).or_else(beside)?;
    let has_grpcio = Command::new(&python).args(["-c", "import grpc"]).status().is_ok_and(|it| it.success());
    assert!(has_grpcio || std::env::var_os("CI").is_none(), "no grpcio in {}", python.display());
    if !has_grpcio {
        eprintln!("skipped: no grpcio: make setup");
    }
    has_grpcio.then_some(python)
}

// === impl Called ===

impl Called {
    fn code(&self) -> u64 {
        self.0["code"].as_u64().expect("a code")
    }

    /// A value of metadata: `initial` or `trailing`.
    fn metadata(&self, part: &str, name: &str) -> Option<&str> {
        let pairs = self.0[part].as_array().expect("pairs").iter();
        let mut found = pairs.filter(|pair| pair[0] == name);
        let value = found.next().and_then(|pair| pair[1].as_str());
        assert!(found.next().is_none(), "{name} twice: {}", self.0);
        value
    }

    /// Asserts a refusal: status, our text, the code, and nothing before the trailers.
    #[track_caller]
    fn refused(&self, status: u64, code: &str) {
        assert_eq!((self.code(), self.metadata("trailing", "x402-code")), (status, Some(code)), "{}", self.0);
        assert_eq!((&self.0["messages"], &self.0["initial"]), (&json!([]), &json!([])), "{}", self.0);
        assert!(self.0["details"].as_str().is_some_and(|text| text.ends_with('.')), "{}", self.0);
        for name in ["cache-control", "content-type", "allow"] {
            assert_eq!(self.metadata("trailing", name), None, "{}", self.0);
        }
    }

    fn quote(&self) -> Quote {
        let value = self.metadata("trailing", "payment-required").expect("a challenge");
        Quote::from_header(value.as_bytes()).expect("a quote")
    }

    fn receipt(&self, part: &str) -> Value {
        let value =
            self.metadata(part, "payment-response").unwrap_or_else(|| panic!("no receipt: {}", self.0));
        x402_devstack::payer::decode_header(value.as_bytes()).expect("JSON")
    }
}

// === impl Shop ===

impl Shop {
    fn open(edit: impl Fn(&mut Value) + Send + Sync + 'static) -> Option<Self> {
        let server = Peer::start("serve")?;
        let address = format!("127.0.0.1:{}", server.read().trim()).parse().expect("a port");
        let edit = move |tree: &mut Value| {
            http2_upstream(tree);
            edit(tree);
        };
        let how = |envoy: Options| envoy.edit(edit);
        let stage = Scene::new(plugin("2s")).envoy(how).upstream(address).start()?;
        Some(Self { stage, client: Peer::start("call")?, _server: server })
    }

    fn call(&mut self, method: &str, payment: Option<&Payment>) -> Called {
        self.order(method, payment, false)
    }

    fn order(&mut self, method: &str, payment: Option<&Payment>, retry: bool) -> Called {
        let metadata: Vec<_> =
            payment.map(|payment| ("payment-signature", payment.header())).into_iter().collect();
        let target = self.stage.envoy.address().to_string();
        self.client.ask(&json!({ "target": target, "method": method, "metadata": metadata, "retry": retry }))
    }

    fn payment(&mut self, method: &str) -> Payment {
        sign(&self.call(method, None).quote())
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_call_is_quoted_paid_and_not_served_twice() {
    let Some(mut shop) = Shop::open(|_| {}) else { return };
    let unpaid = shop.call("/before/echo", None);
    unpaid.refused(FAILED_PRECONDITION, "payment_required");
    assert_eq!(unpaid.metadata("trailing", "x402-retry"), Some("new"));
    let quote = unpaid.quote();
    assert_eq!(quote.resource.as_ref().expect("a resource")["url"], "http://shop.test/before/echo");
    let payment = sign(&quote);
    let paid = shop.call("/before/echo", Some(&payment));
    assert_eq!((paid.code(), paid.metadata("trailing", "x-served")), (0, Some("yes")), "{}", paid.0);
    assert_eq!(paid.receipt("initial")["success"], true);
    let message: Value = serde_json::from_str(paid.0["messages"][0].as_str().expect("text")).expect("JSON");
    assert_eq!(message["said"], "hello");
    assert!(message["seen"]["x402-payer"].is_string() && message["seen"]["payment-signature"].is_null());
    let again = shop.call("/before/echo", Some(&payment));
    again.refused(FAILED_PRECONDITION, "payment_already_used");
    assert_eq!(again.receipt("trailing"), paid.receipt("initial"));
    assert_eq!(shop.stage.settled(&payment), (1, 1));
    // What the facilitator refuses.
    let payment = shop.payment("/before/echo");
    let kind = FaultKind::Reject { reason: "insufficient_funds".to_owned() };
    shop.stage.facilitator.fault(Fault::once(kind).nonce(payment.nonce));
    let rejected = shop.call("/before/echo", Some(&payment));
    rejected.refused(FAILED_PRECONDITION, "insufficient_funds");
    assert_eq!(rejected.receipt("trailing")["success"], false);
    // A call that ends badly was paid for and buys another try.
    let payment = shop.payment("/before/fail");
    let failed = shop.call("/before/fail", Some(&payment));
    assert_eq!((failed.code(), failed.0["details"].as_str()), (5, Some("no such thing")));
    pause(100).await;
    let again = shop.call("/before/fail", Some(&payment));
    assert_eq!(again.code(), 5, "{}", again.0);
    assert_eq!(shop.stage.settled(&payment), (1, 1));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stream_of_messages_is_unbuffered() {
    let Some(mut shop) = Shop::open(|_| {}) else { return };
    shop.call("/before/count", None).refused(FAILED_PRECONDITION, "payment_required");
    let payment = shop.payment("/before/count");
    let paid = shop.call("/before/count", Some(&payment));
    assert_eq!((paid.code(), &paid.0["messages"]), (0, &json!(["0", "1", "2", "3", "4"])), "{}", paid.0);
    let at: Vec<u64> = serde_json::from_value(paid.0["at"].clone()).expect("times");
    assert!(at[4] - at[0] >= 600, "each when it was sent: {at:?}");
    assert_eq!(paid.receipt("initial")["success"], true);
    shop.call("/before/count", Some(&payment)).refused(FAILED_PRECONDITION, "payment_already_used");
}

/// UNAVAILABLE means the same call again: a client with a retry policy does it by itself.
#[tokio::test(flavor = "multi_thread")]
async fn an_open_outcome_is_unavailable_and_a_retry_policy_settles_it() {
    let Some(mut shop) = Shop::open(|_| {}) else { return };
    let payment = shop.payment("/before/echo");
    shop.stage.facilitator.fault(Fault::once(FaultKind::ResetAfter).nonce(payment.nonce));
    let open = shop.call("/before/echo", Some(&payment));
    open.refused(UNAVAILABLE, "settlement_pending");
    assert_eq!(open.metadata("trailing", "x402-payment-state"), Some("unknown"));
    assert_eq!(open.metadata("trailing", "retry-after"), Some("5"));
    assert_eq!(open.metadata("trailing", "payment-required"), None);
    assert_eq!(open.receipt("trailing")["success"], false);
    // In flight: the second call waits as it is told, and then is a replay.
    let payment = shop.payment("/before/echo");
    shop.stage.settle_slowly(&payment, 700);
    let first = shop.stage.envoy.address();
    let header = payment.header();
    let first = tokio::spawn(async move {
        let http2 = Http2::open(first).await.expect("a connection");
        let headers = [
            ("content-type", "application/grpc"),
            ("te", "trailers"),
            ("payment-signature", header.as_str()),
        ];
        http2.request("POST", "/before/echo", &headers, vec![0, 0, 0, 0, 0]).await
    });
    x402_live::until("the first is under way", || shop.stage.facilitator.settles_of(payment.nonce) == 1)
        .await;
    shop.call("/before/echo", Some(&payment)).refused(UNAVAILABLE, "payment_in_flight");
    let waited = shop.order("/before/echo", Some(&payment), true);
    waited.refused(FAILED_PRECONDITION, "payment_already_used");
    assert_eq!(first.await.expect("an answer").status, 200);
    assert_eq!(shop.stage.settled(&payment), (1, 1));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_had_by_grpc_is_unimplemented() {
    let Some(mut shop) = Shop::open(|_| {}) else { return };
    shop.call("/after/echo", None).refused(UNIMPLEMENTED, "grpc_needs_settle_before");
    shop.call("/elsewhere/echo", None).refused(7, "not_offered");
    shop.call("/BEFORE/echo", None).refused(3, "path_ambiguous");
}

fn web(tree: &mut Value) {
    let filters = "/static_resources/listeners/0/filter_chains/0/filters/0/typed_config/http_filters";
    let filters = tree.pointer_mut(filters).and_then(Value::as_array_mut).expect("filters");
    let filter = json!({
        "name": "envoy.filters.http.grpc_web",
        "typed_config": { "@type": "type.googleapis.com/envoy.extensions.filters.http.grpc_web.v3.GrpcWeb" },
    });
    filters.insert(0, filter);
}

/// With Envoy's grpc_web filter in front of ours, and without it: over HTTP/1.1, as a browser.
#[tokio::test(flavor = "multi_thread")]
async fn grpc_web_is_told_in_headers_a_page_can_read() {
    for translated in [true, false] {
        let edit = move |tree: &mut Value| {
            if translated {
                web(tree)
            }
        };
        let Some(shop) = Shop::open(edit) else { return };
        for (content_type, message) in [
            ("application/grpc-web+proto", "\0\0\0\0\x05hello"),
            ("application/grpc-web-text", "AAAAAAVoZWxsbw=="),
        ] {
            let ask = RawRequest::new("POST", "/before/echo")
                .header("content-type", content_type)
                .header("x-grpc-web", "1")
                .header("origin", "https://page.test")
                .body(message);
            let what = format!("{translated} {content_type}");
            let told = |answer: &Answer, code: &str| {
                let header = |name| answer.header_text(name).unwrap_or_default();
                assert_eq!((answer.status, answer.body.len()), (200, 0), "{what} {answer:?}");
                assert_eq!((header("grpc-status"), header("x402-code")), ("9", code), "{what} {answer:?}");
                assert!(header("content-type").starts_with("application/grpc-web"), "{what} {answer:?}");
                assert!(header("grpc-message").ends_with('.'), "{what} {answer:?}");
                assert!(header("access-control-expose-headers").contains("grpc-status"), "{what} {answer:?}");
                for name in ["grpc-status", "grpc-message", "content-type"] {
                    assert_eq!(answer.count(name), 1, "{what} {name} {answer:?}");
                }
            };
            let unpaid = shop.stage.ask(&ask).await;
            told(&unpaid, "payment_required");
            let payment = sign(&unpaid.quote().expect("a quote"));
            let kind = FaultKind::Reject { reason: "insufficient_funds".to_owned() };
            shop.stage.facilitator.fault(Fault::once(kind).nonce(payment.nonce));
            told(&shop.stage.ask(&ask.clone().pay(&payment)).await, "insufficient_funds");
            if translated {
                let payment = sign(&unpaid.quote().expect("a quote"));
                let answer = shop.stage.ask(&ask.clone().pay(&payment)).await;
                assert_eq!(
                    (answer.status, &answer.receipt().expect("a receipt")["success"]),
                    (200, &json!(true))
                );
                assert!(answer.text().contains("grpc-status:0"), "{answer:?}");
                assert!(answer.text().contains(r#""said": "hello""#), "{answer:?}");
                told(&shop.stage.ask(&ask.pay(&payment)).await, "payment_already_used");
            }
        }
    }
}
