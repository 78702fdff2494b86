//! Bytes no library would send (A6, A7, A8, A9): requests hidden in requests, in targets, in
//! frames and in trailers. What is unpaid never reaches the upstream, in whatever it is wrapped.

use std::sync::OnceLock;

use serde_json::json;

use x402_devstack::client::{send_bytes, Answer, Broken, Http2, RawConnection, RawRequest};
use x402_devstack::envoy::Options;
use x402_live::{code, frames, http2_upstream, paid, pause, plugin, refused, Scene, Stage};

static STAGE: OnceLock<Option<Stage>> = OnceLock::new();

fn stage() -> Option<&'static Stage> {
    let mut config = plugin("5s");
    config["unmatched"] = json!("free");
    STAGE.get_or_init(|| Scene::new(config).start()).as_ref()
}

fn target(kind: &str, name: &str) -> String {
    format!("/{kind}/{name}")
}

/// Bytes on a connection of their own, and everything that comes back until silence.
async fn throw(stage: &Stage, bytes: &[u8]) -> Vec<Answer> {
    let connection = RawConnection::open(stage.envoy.address()).await.unwrap();
    let mut connection = connection.patience(std::time::Duration::from_millis(600));
    let _ = connection.write(bytes).await;
    let mut answers = Vec::new();
    loop {
        let answer = connection.read(false).await;
        let over = answer.broken.is_some() || answers.len() > 8;
        answers.push(answer);
        if over {
            return answers;
        }
    }
}

/// Nothing of a priced path came through, whatever was said to the bytes.
async fn never_served(stage: &Stage, path: &str, bytes: &[u8]) {
    let answers = throw(stage, bytes).await;
    pause(50).await;
    assert_eq!(stage.upstream.hits(path), 0, "{answers:?}");
    let leaked = answers.iter().any(|answer| answer.json()["path"] == path);
    assert!(!leaked, "{answers:?}");
    assert!(stage.ask(&RawRequest::get(path)).await.status == 402, "Envoy is well");
}

macro_rules! targets {
    ($($name:ident: $bytes:expr;)*) => {$(
        #[tokio::test(flavor = "multi_thread")]
        async fn $name() {
            let Some(stage) = stage() else { return };
            let path = target("before", stringify!($name));
            let spell: fn(&str) -> Vec<u8> = $bytes;
            let raw = spell(&path);
            let head = [&b"GET "[..], &raw, b" HTTP/1.1\r\nhost: shop.test\r\n\r\n"].concat();
            never_served(stage, &path, &head).await;
        }
    )*};
}

// Request targets that only bytes can spell.
targets! {
    a6_a_raw_nul_in_the_target: |path: &str| format!("{path}\0").into_bytes();
    a6_a_raw_tab_in_the_target: |path: &str| format!("{path}\t").into_bytes();
    a6_a_raw_blank_in_the_target: |path: &str| format!("{path} /free/x").into_bytes();
    a6_a_raw_carriage_return_in_the_target: |path: &str| format!("{path}\r").into_bytes();
    a6_a_raw_line_feed_in_the_target: |path: &str| format!("/free/x HTTP/1.1\nx: GET {path}").into_bytes();
    a6_a_byte_that_is_not_utf_8_in_the_target: |path: &str| [path.as_bytes(), b"\xff"].concat();
    a6_a_raw_overlong_slash: |path: &str| [b"/before\xc0\xaf".as_slice(), path.as_bytes().rsplit(|b| *b == b'/').next().unwrap()].concat();
    a6_a_fragment_in_the_target: |path: &str| format!("{path}#/free/x").into_bytes();
    a6_a_fragment_first: |path: &str| format!("/free/x#/..{path}").into_bytes();
    a6_an_absolute_target_of_a_user: |path: &str| format!("http://user@shop.test{path}").into_bytes();
    a6_an_absolute_target_over_https: |path: &str| format!("https://shop.test{path}").into_bytes();
    a6_an_absolute_target_in_capitals: |path: &str| format!("HTTP://SHOP.TEST{path}").into_bytes();
    a6_an_absolute_target_of_another_scheme: |path: &str| format!("ws://shop.test{path}").into_bytes();
    a6_an_absolute_target_without_a_host: |path: &str| format!("http://{path}").into_bytes();
    a6_an_absolute_target_with_dot_dot: |path: &str| format!("http://shop.test/free/..{path}").into_bytes();
    a6_a_target_without_a_slash: |path: &str| path.trim_start_matches('/').as_bytes().to_vec();
    a6_a_target_that_begins_with_a_query: |path: &str| format!("?x=1{path}").into_bytes();
    a6_a_target_that_is_an_authority: |_: &str| b"shop.test:80".to_vec();
    a6_a_target_that_is_an_asterisk: |_: &str| b"*".to_vec();
    a6_a_target_of_nine_kilobytes: |path: &str| format!("{}{path}", "/free/..".repeat(1_200)).into_bytes();
    a6_a_target_of_a_thousand_dots: |path: &str| format!("{}{path}", "/.".repeat(1_000)).into_bytes();
}

macro_rules! hidden {
    ($($name:ident: $head:expr;)*) => {$(
        #[tokio::test(flavor = "multi_thread")]
        async fn $name() {
            let Some(stage) = stage() else { return };
            let path = target("before", stringify!($name));
            let inner = format!("GET {path} HTTP/1.1\r\nhost: shop.test\r\n\r\n");
            let chunked = format!("0\r\n\r\n{inner}");
            let frame: fn(usize) -> String = $head;
            for outer in ["/free/outer", "/before/outer"] {
                let head = format!("POST {outer} HTTP/1.1\r\nhost: shop.test\r\n{}\r\n\r\n", frame(chunked.len()));
                never_served(stage, &path, format!("{head}{chunked}").as_bytes()).await;
            }
        }
    )*};
}

// A second request in what one reader takes for the body of the first. Where Envoy takes it for
// a request of its own it has a price of its own.
hidden! {
    a7_smuggled_by_two_framings: |length: usize| format!("content-length: {length}\r\ntransfer-encoding: chunked");
    a7_smuggled_by_two_framings_reversed: |length: usize| format!("transfer-encoding: chunked\r\ncontent-length: {length}");
    a7_smuggled_by_two_lengths: |length: usize| format!("content-length: {length}\r\ncontent-length: 0");
    a7_smuggled_by_a_list_of_lengths: |length: usize| format!("content-length: {length}, {length}");
    a7_smuggled_by_a_length_with_a_plus: |length: usize| format!("content-length: +{length}");
    a7_smuggled_by_a_length_in_hex: |length: usize| format!("content-length: 0x{length:x}");
    a7_smuggled_by_a_negative_length: |_| "content-length: -1".to_owned();
    a7_smuggled_by_a_huge_length: |_| "content-length: 18446744073709551617".to_owned();
    a7_smuggled_by_no_length: |_| "x: y".to_owned();
    a7_smuggled_by_a_coding_in_capitals: |_| "Transfer-Encoding: CHUNKED".to_owned();
    a7_smuggled_by_an_unknown_coding: |_| "transfer-encoding: xchunked".to_owned();
    a7_smuggled_by_two_codings: |_| "transfer-encoding: chunked, identity".to_owned();
    a7_smuggled_by_two_coding_headers: |_| "transfer-encoding: chunked\r\ntransfer-encoding: identity".to_owned();
    a7_smuggled_by_a_blank_before_the_colon: |length: usize| format!("transfer-encoding : chunked\r\ncontent-length: {length}");
    a7_smuggled_by_a_tab_in_the_coding: |length: usize| format!("transfer-encoding:\tchunked\r\ncontent-length: {length}");
    a7_smuggled_by_a_folded_line: |length: usize| format!("transfer-encoding:\r\n chunked\r\ncontent-length: {length}");
    a7_smuggled_by_a_bare_line_feed: |length: usize| format!("x: y\ntransfer-encoding: chunked\r\ncontent-length: {length}");
    a7_smuggled_by_an_underscore: |length: usize| format!("transfer_encoding: chunked\r\ncontent-length: {length}");
    a7_smuggled_by_an_expectation: |_| "expect: 100-continue\r\ncontent-length: 0".to_owned();
}

/// Paid for is the first request, and nothing behind it.
#[tokio::test(flavor = "multi_thread")]
async fn a7_pipelined_requests_pay_for_themselves() {
    let Some(stage) = stage() else { return };
    for kind in ["before", "after"] {
        let path = target(kind, "pipelined");
        let payment = stage.payment(&path).await;
        let first = RawRequest::get(&path).pay(&payment).to_bytes("shop.test");
        let second = RawRequest::get(&path).to_bytes("shop.test");
        let third = RawRequest::get("/free/pipelined").to_bytes("shop.test");
        let answers = throw(stage, &[first, second.clone(), third, second].concat()).await;
        let statuses: Vec<_> = answers.iter().map(|answer| answer.status).collect();
        // Envoy closes a connection after its second refusal in one packet.
        let heard = &statuses[..statuses.len() - 1];
        assert!(heard.len() >= 2 && [200, 402, 200, 402].starts_with(heard), "{answers:?}");
        assert_eq!((stage.upstream.hits(&path), stage.settled(&payment)), (1, (1, 1)));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a7_old_protocols_are_priced_or_refused() {
    let Some(stage) = stage() else { return };
    let path = target("before", "old");
    for head in [
        format!("GET {path}\r\n\r\n"),
        format!("GET {path} HTTP/0.9\r\n\r\n"),
        format!("GET {path} HTTP/1.0\r\n\r\n"),
        format!("GET {path} HTTP/1.0\r\nhost: shop.test\r\n\r\n"),
        format!("GET {path} HTTP/1.1\r\n\r\n"),
        format!("GET {path} HTTP/2.0\r\nhost: shop.test\r\n\r\n"),
        format!("GET {path} HTTP/1.1\r\nhost: shop.test\r\nhost: other.test\r\n\r\n"),
        format!("GET {path} HTTP/1.1\r\n host: shop.test\r\n\r\n"),
        format!("\r\n\r\nGET {path} HTTP/1.1\r\nhost: shop.test\r\n\r\n"),
        format!("GET  {path}  HTTP/1.1\r\nhost: shop.test\r\n\r\n"),
        format!("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\nGET {path} HTTP/1.1\r\n\r\n"),
    ] {
        never_served(stage, &path, head.as_bytes()).await;
    }
}

/// A payment counts in the head, where everybody reads it.
#[tokio::test(flavor = "multi_thread")]
async fn a8_a_payment_in_a_trailer_is_none() {
    let Some(stage) = stage() else { return };
    let path = target("before", "trailed");
    let payment = stage.payment(&path).await;
    let chunked = format!(
        "POST {path} HTTP/1.1\r\nhost: shop.test\r\ntransfer-encoding: chunked\r\ntrailer: payment-signature\r\n\r\n4\r\nbody\r\n0\r\npayment-signature: {}\r\n\r\n",
        payment.header()
    );
    let answers = throw(stage, chunked.as_bytes()).await;
    refused(&answers[0], 402, "payment_required");
    let http2 = Http2::open(stage.envoy.address()).await.unwrap();
    let header = payment.header();
    let trailers = [("payment-signature", header.as_str())];
    let answer = http2.request_with_trailers("POST", &path, &[], "body", &trailers).await;
    assert_eq!(code(&answer), "payment_required", "{answer:?}");
    assert_eq!((stage.upstream.hits(&path), stage.settled(&payment)), (0, (0, 0)));
}

#[tokio::test(flavor = "multi_thread")]
async fn a8_a_chunked_upload_is_paid_for_whole() {
    let Some(stage) = stage() else { return };
    for kind in ["before", "after"] {
        let path = target(kind, "chunked");
        let payment = stage.payment(&path).await;
        let head = format!(
            "POST {path} HTTP/1.1\r\nhost: shop.test\r\ntransfer-encoding: chunked\r\npayment-signature: {}\r\n\r\n",
            payment.header()
        );
        let answers =
            throw(stage, format!("{head}4;x=y\r\nbody\r\n3\r\nend\r\n0\r\nx-trailer: z\r\n\r\n").as_bytes())
                .await;
        paid(&answers[0]);
        assert_eq!(answers[0].json()["body"]["length"], 7);
        assert_eq!((stage.upstream.hits(&path), stage.settled(&payment)), (1, (1, 1)));
    }
}

/// Who paid is said in the head by the filter, and nowhere by a client.
#[tokio::test(flavor = "multi_thread")]
async fn a9_trailers_dressed_up_as_ours_stay_here() {
    const OURS: [(&str, &str); 5] = [
        ("x402-payer", "0xspoofed"),
        ("x402-receipt-id", "spoofed"),
        ("payment-response", "spoofed"),
        ("settlement-overrides", "{\"amount\":\"0\"}"),
        ("x-theirs", "kept"),
    ];
    for allow in [false, true] {
        let how = |envoy: Options| envoy.allow_on_headers_stop_iteration(allow).edit(http2_upstream);
        let Some(stage) = Scene::new(plugin("5s")).envoy(how).start() else { return };
        let http2 = Http2::open(stage.envoy.address()).await.unwrap();
        for (path, priced) in [("/before/ours", true), ("/after/ours", true), ("/free/ours", false)] {
            let header = if priced { stage.payment(path).await.header() } else { String::new() };
            let headers = [("payment-signature", header.as_str())];
            let headers = if priced { &headers[..] } else { &[] };
            let answer = http2.request_with_trailers("POST", path, headers, "body", &OURS).await;
            assert_eq!(answer.status, 200, "{path} {allow}: {answer:?}");
            let upstream = stage.upstream.requests().pop().unwrap();
            let trailers: Vec<_> =
                upstream.trailers.iter().map(|trailer| trailer.name().to_owned()).collect();
            assert_eq!(trailers, ["x-theirs"], "{path} {allow}");
            assert_eq!(upstream.count("x402-payer"), usize::from(priced));
        }
    }
}

/// Envoy's own limits come first, and harm nobody.
#[tokio::test(flavor = "multi_thread")]
async fn a8_heads_beyond_envoys_limits_are_refused_by_it() {
    let Some(stage) = stage() else { return };
    let path = target("before", "huge");
    let payment = stage.payment(&path).await;
    let sixty = RawRequest::get(&path).header("payment-signature", "A".repeat(62_000));
    assert_eq!(stage.ask(&sixty).await.status, 431);
    let many = (0..120).fold(RawRequest::get(&path), |ask, n| ask.header(format!("x-{n}"), "1"));
    assert_eq!(stage.ask(&many.pay(&payment)).await.status, 431);
    let hundred: RawRequest =
        (0..97).fold(RawRequest::get(&path), |ask, _| ask.header("payment-signature", "e30="));
    refused(&stage.ask(&hundred).await, 402, "payment_ambiguous");
    assert_eq!(stage.settled(&payment), (0, 0));
    paid(&stage.buy(&path, &payment).await);
}

/// A payment on a folded line is that payment, or none.
#[tokio::test(flavor = "multi_thread")]
async fn a8_a_payment_on_a_folded_line_is_paid_or_refused() {
    let Some(stage) = stage() else { return };
    let path = target("before", "folded");
    let payment = stage.payment(&path).await;
    let folded = format!(
        "GET {path} HTTP/1.1\r\nhost: shop.test\r\npayment-signature:\r\n {}\r\n\r\n",
        payment.header()
    );
    let answers = throw(stage, folded.as_bytes()).await;
    let served = usize::from(answers[0].status == 200);
    assert!(matches!(answers[0].status, 200 | 400), "{answers:?}");
    assert_eq!((stage.upstream.hits(&path), stage.settled(&payment).1), (served as u64, served));
}

/// Control bytes in a header's value: Envoy's to refuse, ours to survive.
#[tokio::test(flavor = "multi_thread")]
async fn a8_control_bytes_in_a_payment_are_refused() {
    let Some(stage) = stage() else { return };
    let path = target("before", "control");
    for byte in (0..=0x20).chain(0x7f..=0xff) {
        if byte == b'\n' || byte == b'\r' {
            continue;
        }
        let value = [b"e3".as_slice(), &[byte], b"0="].concat();
        let answer = stage.ask(&RawRequest::get(&path).header("payment-signature", value)).await;
        assert!(matches!(answer.status, 400 | 402), "{byte:#x}: {answer:?}");
    }
    assert_eq!(stage.upstream.hits(&path), 0);
}

/// Frames that say more, or less, than a request line could.
#[tokio::test(flavor = "multi_thread")]
async fn a7_pseudo_headers_of_every_kind_walk_around_no_price() {
    let Some(stage) = stage() else { return };
    let path = target("before", "pseudo");
    let plain: [(&str, &str); 4] =
        [(":method", "GET"), (":scheme", "http"), (":authority", "shop.test"), (":path", &path)];
    let with = |change: &[(&'static str, &str)]| -> Vec<(String, String)> {
        let kept = plain.iter().filter(|(name, _)| !change.iter().any(|(changed, _)| changed == name));
        kept.chain(change).map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
    };
    let also = |more: &[(&str, &str)]| -> Vec<(String, String)> {
        plain.iter().chain(more).map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
    };
    let dotted = format!("/free/../{}", path.trim_start_matches('/'));
    let absolute = format!("http://shop.test{path}");
    let fragment = format!("{path}#x");
    let heads = [
        with(&[]),
        with(&[(":method", "get")]),
        with(&[(":method", "HEAD")]),
        with(&[(":method", "G E T")]),
        with(&[(":method", "")]),
        with(&[(":scheme", "https")]),
        with(&[(":scheme", "file")]),
        with(&[(":authority", "user@shop.test")]),
        with(&[(":authority", "")]),
        with(&[(":path", &dotted)]),
        with(&[(":path", &absolute)]),
        with(&[(":path", &fragment)]),
        with(&[(":path", path.trim_start_matches('/'))]),
        with(&[(":path", "")]),
        with(&[(":path", "*"), (":method", "OPTIONS")]),
        also(&[("host", "other.test")]),
        also(&[(":path", "/free/x")]),
        also(&[(":method", "OPTIONS")]),
        also(&[(":authority", "other.test")]),
        also(&[(":status", "200")]),
        also(&[(":protocol", "websocket")]),
        also(&[("X402-Payer", "0xspoofed")]),
        also(&[("x402-payer:", "0xspoofed")]),
        also(&[("connection", "upgrade"), ("upgrade", "websocket")]),
        also(&[("transfer-encoding", "chunked")]),
        also(&[("content-length", "5")]),
        with(&[(":method", "CONNECT"), (":protocol", "websocket")]),
        with(&[(":method", "CONNECT"), (":protocol", "connect-udp")]),
    ];
    for head in &heads {
        let said = frames::exchange(stage.envoy.address(), head).await;
        assert!(said.contains(&frames::Said::Frames), "{head:?}: silence");
        assert_eq!(stage.upstream.hits(&path), 0, "{head:?}: {said:?}");
    }
    // The reading of frames works: what is free is served by the same bytes.
    let free = with(&[(":path", "/free/pseudo")]);
    let said = frames::exchange(stage.envoy.address(), &free).await;
    assert!(said.contains(&frames::Said::Status200), "{said:?}");
    assert_eq!(stage.upstream.hits("/free/pseudo"), 1);
}

/// A connection that says nothing more, or never ends its head, holds nobody up.
#[tokio::test(flavor = "multi_thread")]
async fn a16_a_hundred_heads_that_never_end_hold_nobody_up() {
    let Some(stage) = stage() else { return };
    let mut waiting = Vec::new();
    for _ in 0..100 {
        let mut connection = RawConnection::open(stage.envoy.address()).await.unwrap();
        connection
            .write(b"GET /before/slow HTTP/1.1\r\nhost: shop.test\r\npayment-signature: ")
            .await
            .unwrap();
        waiting.push(connection);
    }
    let path = target("before", "beside");
    let payment = stage.payment(&path).await;
    paid(&stage.buy(&path, &payment).await);
    drop(waiting);
}

/// CONNECT by every spelling of its target.
#[tokio::test(flavor = "multi_thread")]
async fn a7_connect_reaches_nobody() {
    let Some(stage) = stage() else { return };
    for target in ["shop.test:80", "/before/connect", "http://shop.test/before/connect", "*", "[::1]:80"] {
        let head = format!("CONNECT {target} HTTP/1.1\r\nhost: shop.test\r\n\r\n");
        let answer = send_bytes(stage.envoy.address(), head.as_bytes()).await;
        assert!(answer.status >= 400 || answer.broken == Some(Broken::Closed), "{target}: {answer:?}");
    }
    assert_eq!(stage.upstream.hits("/before/connect"), 0);
}
