//! Facilitators that settle and say something else (A10): in their JSON, in their HTTP, and in
//! the name of the proxy itself. Content follows a plain success and nothing like it; whatever
//! is not one leaves the outcome open, since the money may have moved.

use std::sync::OnceLock;

use serde_json::{json, Value};
use tokio::sync::Mutex;

use x402_devstack::client::{Answer, RawConnection, RawRequest};
use x402_devstack::facilitator::{Fault, FaultKind};
use x402_devstack::http1::{Script, Step};
use x402_live::{assert_pending, assert_quiet, code, paid, plugin, sign, Liar, Scene, Stage, LOUD};

struct Set {
    stage: Stage,
    liar: Liar,
    /// One lie at a time: five in a row open the breaker.
    turn: Mutex<()>,
}

static SET: OnceLock<Option<Set>> = OnceLock::new();

fn set() -> Option<&'static Set> {
    SET.get_or_init(|| {
        // The liar needs the facilitator's address, which the stage gives out: its own is idle.
        let honest = x402_devstack::facilitator::Facilitator::start(Default::default()).unwrap();
        let liar = Liar::start(honest.address()).unwrap();
        let mut stage = Scene::new(plugin("1500ms")).settler(liar.address()).start()?;
        stage.facilitator = honest;
        Some(Set { stage, liar, turn: Mutex::new(()) })
    })
    .as_ref()
}

fn http(status: u16, headers: &str, body: impl AsRef<[u8]>) -> Script {
    let body = body.as_ref();
    let head = format!(
        "HTTP/1.1 {status} Said\r\ncontent-type: application/json\r\ncontent-length: {}\r\n{headers}\r\n",
        body.len()
    );
    Script::default().write([head.as_bytes(), body].concat()).then(Step::KeepAlive)
}

fn bytes(text: impl AsRef<[u8]>) -> Script {
    Script::default().write(text.as_ref().to_vec()).then(Step::Close)
}

/// The honest answer with one member changed.
fn with(answer: &Answer, member: &str, value: Value) -> Script {
    let mut body = answer.json();
    body[member] = value;
    http(200, "", body.to_string())
}

fn without(answer: &Answer, member: &str) -> Script {
    let mut body = answer.json();
    body.as_object_mut().unwrap().remove(member);
    http(200, "", body.to_string())
}

/// The honest answer's text, changed.
fn twisted(answer: &Answer, twist: impl Fn(String) -> String) -> Script {
    http(200, "", twist(answer.text()))
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Fate {
    Served,
    Open,
}
use Fate::{Open, Served};

async fn hear(lie: impl Fn(&Answer) -> Script + Clone + Send + Sync + 'static, fate: Fate) {
    let Some(Set { stage, liar, turn }) = set() else { return };
    let _turn = turn.lock().await;
    for kind in ["before", "after"] {
        let path = format!("/{kind}/lied-to");
        let mut connection = RawConnection::open(stage.envoy.address()).await.unwrap();
        let quote = connection.exchange(&RawRequest::get(&path)).await.quote().expect("a quote");
        paid(&connection.exchange(&RawRequest::get(&path).pay(&sign(&quote))).await);
        let payment = sign(&quote);
        let target = format!("{path}?marker={}", payment.nonce);
        liar.lie(&payment, lie.clone());
        let ask = RawRequest::get(&target).pay(&payment);
        let answer = connection.exchange(&ask).await;
        assert_quiet(&answer, kind);
        let hits = stage.upstream.marked(&payment.nonce.to_string());
        if fate == Served {
            let transaction = stage.facilitator.transfers_of(payment.nonce)[0].transaction;
            assert_eq!(paid(&answer), transaction.to_string());
            assert_eq!(hits, 1);
        } else {
            assert_pending(&answer, kind);
            assert_eq!(hits, u64::from(kind == "after"), "{kind}");
            assert!(!answer.text().contains("\"upstream\""), "{answer:?}");
            // Asked again the facilitator says "used", which proves nothing.
            assert_pending(&stage.buy(&target, &payment).await, kind);
        }
        assert_eq!(stage.settled(&payment).1, 1, "{kind}: charged once");
    }
}

macro_rules! lies {
    ($($name:ident: $fate:ident, $lie:expr;)*) => {$(
        #[tokio::test(flavor = "multi_thread")]
        async fn $name() {
            hear($lie, $fate).await;
        }
    )*};
}

// Answers in other words, which are still plain.
lies! {
    a10_a_payer_in_lower_case_is_the_payer: Served, |answer: &Answer| {
        let payer = answer.json()["payer"].as_str().unwrap().to_lowercase();
        with(answer, "payer", json!(payer))
    };
    a10_a_payer_in_another_case_is_the_payer: Served, |answer: &Answer| {
        let payer = answer.json()["payer"].as_str().unwrap().to_owned();
        let mixed: String = payer.char_indices().map(|(at, c)| match at {
            0 | 1 => c,
            _ if c.is_ascii_lowercase() => c.to_ascii_uppercase(),
            _ => c.to_ascii_lowercase(),
        }).collect();
        with(answer, "payer", json!(mixed))
    };
    a10_a_payer_left_out_is_no_contradiction: Served, |answer: &Answer| without(answer, "payer");
    a10_members_nobody_knows_are_not_read: Served, |answer: &Answer| with(answer, "note", json!({ "x": [LOUD] }));
    a10_interim_answers_are_not_the_answer: Served, |answer: &Answer| {
        let body = answer.text();
        bytes(format!("HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nlink: </x>\r\n\r\nHTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n{body}", body.len()))
    };
    a10_an_answer_in_chunks_with_trailers_is_one: Served, |answer: &Answer| {
        let body = answer.text();
        bytes(format!("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n{:x}\r\n{body}\r\n0\r\nx-said: {LOUD}\r\n\r\n", body.len()))
    };
    a10_an_answer_that_ends_with_its_connection_is_one: Served, |answer: &Answer| {
        bytes(format!("HTTP/1.1 200 OK\r\nconnection: close\r\n\r\n{}", answer.text()))
    };
    a10_headers_of_an_answer_go_nowhere: Served, |answer: &Answer| {
        http(200, &format!("set-cookie: {LOUD}\r\nx-said: {LOUD}\r\nlocation: http://10.0.0.7/\r\npayment-response: {LOUD}\r\n"), answer.text())
    };
    a10_another_status_of_success_is_one: Served, |answer: &Answer| http(201, "", answer.text());
}

// Who paid, how much, where.
lies! {
    a10_a_payer_that_is_nobody: Open, |answer: &Answer| with(answer, "payer", json!("0x0000000000000000000000000000000000000000"));
    a10_a_payer_that_is_no_address: Open, |answer: &Answer| with(answer, "payer", json!("somebody"));
    a10_a_payer_that_is_a_list: Open, |answer: &Answer| with(answer, "payer", json!(["0x1"]));
    a10_an_amount_of_nothing: Open, |answer: &Answer| with(answer, "amount", json!("0"));
    a10_an_amount_with_an_exponent: Open, |answer: &Answer| with(answer, "amount", json!("1e3"));
    a10_an_amount_beyond_the_price: Open, |answer: &Answer| with(answer, "amount", json!("1001"));
    a10_a_network_left_out: Open, |answer: &Answer| without(answer, "network");
    a10_a_network_by_its_old_name: Open, |answer: &Answer| with(answer, "network", json!("base-sepolia"));
    a10_a_network_of_the_main_chain: Open, |answer: &Answer| with(answer, "network", json!("eip155:8453"));
    a10_a_network_in_capitals: Open, |answer: &Answer| with(answer, "network", json!("EIP155:84532"));
}

// The transaction.
lies! {
    a10_no_transaction: Open, |answer: &Answer| without(answer, "transaction");
    a10_an_empty_transaction: Open, |answer: &Answer| with(answer, "transaction", json!(""));
    a10_a_transaction_that_is_null: Open, |answer: &Answer| with(answer, "transaction", Value::Null);
    a10_a_transaction_too_short: Open, |answer: &Answer| with(answer, "transaction", json!("0x1234"));
    a10_a_transaction_too_long: Open, |answer: &Answer| with(answer, "transaction", json!(format!("0x{}", "1".repeat(66))));
    a10_a_transaction_that_is_markup: Open, |answer: &Answer| with(answer, "transaction", json!(format!("<script>{LOUD}</script>")));
    a10_a_transaction_with_line_breaks: Open, |answer: &Answer| {
        let hash = answer.json()["transaction"].as_str().unwrap().to_owned();
        with(answer, "transaction", json!(format!("{hash}\r\nset-cookie: {LOUD}")))
    };
    a10_a_transaction_that_is_a_list: Open, |answer: &Answer| with(answer, "transaction", json!(["0x1"]));
}

// Success that is none.
lies! {
    a10_success_as_a_number: Open, |answer: &Answer| with(answer, "success", json!(1));
    a10_success_that_is_null: Open, |answer: &Answer| with(answer, "success", Value::Null);
    a10_success_in_a_list: Open, |answer: &Answer| with(answer, "success", json!([true]));
    a10_success_twice: Open, |answer: &Answer| twisted(answer, |text| text.replacen('{', "{\"success\":true,", 1));
    a10_success_and_failure: Open, |answer: &Answer| twisted(answer, |text| text.replacen('{', "{\"success\":false,", 1));
    a10_success_in_capitals: Open, |answer: &Answer| twisted(answer, |text| text.replace("\"success\"", "\"Success\""));
    a10_success_under_an_escape_as_well: Open, |answer: &Answer| twisted(answer, |text| text.replacen('{', r#"{"succes\u0073":false,"#, 1));
    a10_success_within: Open, |answer: &Answer| twisted(answer, |text| format!("{{\"result\":{text}}}"));
    a10_success_in_a_list_of_answers: Open, |answer: &Answer| twisted(answer, |text| format!("[{text}]"));
    a10_success_as_a_string: Open, |answer: &Answer| twisted(answer, |text| Value::from(text).to_string());
    a10_two_answers_in_one: Open, |answer: &Answer| twisted(answer, |text| format!("{text}{text}"));
    a10_an_answer_with_a_byte_order_mark: Open, |answer: &Answer| twisted(answer, |text| format!("\u{feff}{text}"));
    a10_an_answer_in_utf_16: Open, |answer: &Answer| {
        http(200, "", answer.text().encode_utf16().flat_map(u16::to_le_bytes).collect::<Vec<_>>())
    };
    a10_a_callback_around_it: Open, |answer: &Answer| twisted(answer, |text| format!("callback({text})"));
    a10_an_empty_answer: Open, |_: &Answer| http(200, "", "");
    a10_a_deep_answer: Open, |_: &Answer| http(200, "", format!("{}1{}", "[".repeat(20_000), "]".repeat(20_000)));
}

// Success under another status.
lies! {
    a10_success_without_a_body: Open, |_: &Answer| bytes("HTTP/1.1 204 No Content\r\n\r\n");
    a10_success_under_a_304: Open, |_: &Answer| bytes("HTTP/1.1 304 Not Modified\r\n\r\n");
    a10_success_under_a_302: Open, |answer: &Answer| http(302, "location: http://10.0.0.7/\r\n", answer.text());
    a10_success_under_a_303: Open, |answer: &Answer| http(303, "location: /settle\r\n", answer.text());
    a10_success_under_a_308: Open, |answer: &Answer| http(308, "location: /settle\r\n", answer.text());
    a10_success_under_a_400: Open, |answer: &Answer| http(400, "", answer.text());
    a10_success_under_a_402: Open, |answer: &Answer| http(402, "", answer.text());
    a10_success_under_a_418: Open, |answer: &Answer| http(418, "", answer.text());
    a10_success_under_a_500: Open, |answer: &Answer| http(500, "", answer.text());
    a10_success_under_a_599: Open, |answer: &Answer| http(599, "", answer.text());
}

// HTTP that is none, or in disguise.
lies! {
    a10_an_answer_that_is_compressed: Open, |_: &Answer| {
        // `{}` through gzip.
        let packed = b"\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\x03\xab\xae\x05\x00\x43\xbf\xa6\xa3\x02\x00\x00\x00";
        http(200, "content-encoding: gzip\r\n", packed)
    };
    a10_an_answer_shorter_than_it_says: Open, |answer: &Answer| {
        bytes(format!("HTTP/1.1 200 OK\r\ncontent-length: 5000\r\n\r\n{}", answer.text()))
    };
    a10_an_answer_longer_than_it_says: Open, |answer: &Answer| {
        bytes(format!("HTTP/1.1 200 OK\r\ncontent-length: 40\r\n\r\n{}", answer.text()))
    };
    a10_an_answer_of_two_lengths: Open, |answer: &Answer| {
        let body = answer.text();
        bytes(format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\ncontent-length: 2\r\n\r\n{body}", body.len()))
    };
    a10_an_answer_that_is_no_http: Open, |answer: &Answer| bytes(answer.text());
    a10_interim_answers_without_end: Open, |_: &Answer| bytes("HTTP/1.1 103 Early Hints\r\n\r\n".repeat(50));
    a10_an_answer_with_headers_beyond_measure: Open, |answer: &Answer| {
        http(200, &format!("x-said: {}\r\n", "x".repeat(100_000)), answer.text())
    };
    a10_a_switch_of_protocols: Open, |_: &Answer| {
        bytes("HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\nupgrade: websocket\r\n\r\n")
    };
    // Words by which Envoy says that nothing was sent, from somebody who was sent something.
    a10_a_503_in_the_proxys_own_words: Open, |_: &Answer| {
        http(503, "", "upstream connect error or disconnect/reset before headers. reset reason: remote connection failure, transport failure reason: delayed connect error: Connection refused")
    };
    a10_a_503_in_the_proxys_own_headers_too: Open, |_: &Answer| {
        http(503, "server: envoy\r\nx-envoy-upstream-service-time: \r\n", "upstream connect error or disconnect/reset before headers. reset reason: remote connection failure")
    };
    a10_a_504_in_the_proxys_own_words: Open, |_: &Answer| http(504, "server: envoy\r\n", "upstream request timeout");
}

/// What stands behind an answer on its connection is nobody's: not the next payment's.
#[tokio::test(flavor = "multi_thread")]
async fn a10_a_second_answer_on_the_connection_pays_for_nobody() {
    let Some(Set { stage, liar, turn }) = set() else { return };
    let _turn = turn.lock().await;
    let path = "/before/desync";
    let quote = stage.quote(path).await;
    for round in 0..6 {
        let (first, next) = (sign(&quote), sign(&quote));
        liar.lie(&first, |answer: &Answer| {
            let answer = http(200, "", answer.text());
            let Some(Step::Write(bytes)) = answer.0.first().cloned() else { panic!("no bytes") };
            Script::default().write([&bytes[..], &bytes[..]].concat()).then(Step::KeepAlive)
        });
        let poor = FaultKind::Reject { reason: "insufficient_funds".to_owned() };
        stage.facilitator.fault(Fault::once(poor).nonce(next.nonce));
        let mut connection = RawConnection::open(stage.envoy.address()).await.unwrap();
        let mut buy = async |payment| connection.exchange(&RawRequest::get(path).pay(payment)).await;
        paid(&buy(&first).await);
        let answer = buy(&next).await;
        assert_eq!(code(&answer), "insufficient_funds", "round {round}: {answer:?}");
        assert_eq!(stage.settled(&next).1, 0);
    }
}

/// One transaction named for two payments: it served the first, and serves nobody else.
#[tokio::test(flavor = "multi_thread")]
async fn a10_the_transaction_of_another_payment_serves_nobody() {
    let Some(Set { stage, liar, turn }) = set() else { return };
    let _turn = turn.lock().await;
    let path = "/before/borrowed";
    let quote = stage.quote(path).await;
    let (first, second) = (sign(&quote), sign(&quote));
    let transaction = paid(&stage.buy(path, &first).await);
    liar.lie(&second, move |answer: &Answer| with(answer, "transaction", json!(transaction)));
    let answer = stage.buy(path, &second).await;
    assert_ne!(answer.status, 200, "{answer:?}");
    assert_eq!(stage.upstream.hits(path), 1);
}
