//! What is larger than any buffer, and what never ends: it passes as it comes, held or not.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::Arc;
use std::time::Duration;

use serde_json::{json, Value};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Notify;

use x402_devstack::client::{RawConnection, RawRequest};
use x402_devstack::envoy::Options;
use x402_live::{paid, plugin, until, Scene, Stage};

const BLOCK: usize = 1 << 16;
const BLOCKS: u64 = 1 << 14;
const GIGABYTE: u64 = BLOCKS * BLOCK as u64;

/// What Envoy may grow by while a gigabyte passes through it.
const GROWTH_KB: u64 = 48 * 1024;

/// What sockets and Envoy's own buffers may take of a response that is held.
const HELD: u64 = 24 << 20;

/// The block at this place: no two are alike.
fn block(place: u64, into: &mut [u8]) {
    into.fill(place.to_le_bytes()[0]);
    into[..8].copy_from_slice(&place.to_le_bytes());
}

async fn read_head(stream: &mut TcpStream) -> String {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        match stream.read_u8().await {
            Ok(byte) => head.push(byte),
            Err(_) => break,
        }
    }
    String::from_utf8(head).expect("ASCII")
}

/// An upstream for connections this serves.
async fn upstream<F>(serve: impl Fn(TcpStream) -> F + Send + 'static) -> SocketAddr
where
    F: std::future::Future<Output = ()> + Send + 'static,
{
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let address = listener.local_addr().expect("an address");
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            tokio::spawn(serve(stream));
        }
    });
    address
}

/// Serves a gigabyte, and counts what was taken of it.
async fn giant(taken: Arc<AtomicU64>) -> SocketAddr {
    upstream(move |mut stream| {
        let taken = taken.clone();
        async move {
            let mut bytes = vec![0; BLOCK];
            while !read_head(&mut stream).await.is_empty() {
                let head = format!("HTTP/1.1 200 OK\r\ncontent-length: {GIGABYTE}\r\n\r\n");
                if stream.write_all(head.as_bytes()).await.is_err() {
                    return;
                }
                for place in 0..BLOCKS {
                    block(place, &mut bytes);
                    if stream.write_all(&bytes).await.is_err() {
                        return;
                    }
                    taken.fetch_add(BLOCK as u64, Ordering::Relaxed);
                }
            }
        }
    })
    .await
}

/// A line of `/proc/<pid>/status`, in kB.
fn memory(pid: u32, line: &str) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).expect("it runs");
    let found = status.lines().find_map(|text| text.strip_prefix(line));
    found.and_then(|rest| rest.split_whitespace().next()?.parse().ok()).expect("a number")
}

#[tokio::test(flavor = "multi_thread")]
async fn a_gigabyte_is_bought_whole_and_leaves_no_trace_in_memory() {
    let patient = |tree: &mut Value| {
        let route = "/static_resources/listeners/0/filter_chains/0/filters/0/typed_config/route_config/virtual_hosts/0/routes/0/route/timeout";
        *tree.pointer_mut(route).expect("a route") = "0s".into();
    };
    let taken = Arc::new(AtomicU64::new(0));
    let address = giant(taken.clone()).await;
    let scene = Scene::new(plugin("10s")).envoy(|envoy: Options| envoy.edit(patient));
    let Some(stage) = scene.upstream(address).start() else { return };
    let pid = stage.envoy.pid();
    for path in ["/before/giant", "/after/giant"] {
        let payment = stage.payment(path).await;
        stage.settle_slowly(&payment, 500);
        taken.store(0, Ordering::Relaxed);
        let before = memory(pid, "VmHWM:");
        let mut stream = TcpStream::connect(stage.envoy.address()).await.expect("Envoy listens");
        let head = format!(
            "GET {path} HTTP/1.1\r\nhost: shop.test\r\npayment-signature: {}\r\n\r\n",
            payment.header()
        );
        stream.write_all(head.as_bytes()).await.expect("it reads");
        until("the facilitator was called", || stage.facilitator.settles_of(payment.nonce) == 1).await;
        let silence = tokio::time::timeout(Duration::from_millis(300), stream.peek(&mut [0])).await;
        assert!(silence.is_err(), "{path}: bytes before the money: {silence:?}");
        let held = taken.load(Ordering::Relaxed);
        assert!(held < HELD, "{path}: {held} bytes were taken of a held response");
        let head = read_head(&mut stream).await.to_lowercase();
        assert!(head.starts_with("http/1.1 200 ") && head.contains("payment-response: "), "{path}: {head}");
        assert!(head.contains(&format!("content-length: {GIGABYTE}\r\n")), "{path}: {head}");
        let (mut bytes, mut expected) = (vec![0; BLOCK], vec![0; BLOCK]);
        for place in 0..BLOCKS {
            stream.read_exact(&mut bytes).await.unwrap_or_else(|error| panic!("{path} {place}: {error}"));
            block(place, &mut expected);
            assert!(bytes == expected, "{path}: block {place} is another");
        }
        let growth = memory(pid, "VmHWM:").saturating_sub(before);
        eprintln!("{path}: a gigabyte, Envoy's peak memory grew by {growth} kB; {held} bytes were held");
        assert!(growth < GROWTH_KB, "{path}: Envoy grew by {growth} kB");
        let again = stage.come_back(path, &payment).await;
        assert_eq!(x402_live::code(&again), "payment_already_used", "{path}: delivered once");
        assert_eq!(stage.settled(&payment), (1, 1));
    }
}

/// The second event is made only after the first was read: nothing on the way may wait for it.
#[tokio::test(flavor = "multi_thread")]
async fn an_event_is_read_before_the_next_is_made() {
    let read = Arc::new(Notify::new());
    let wait = read.clone();
    let address = upstream(move |mut stream| {
        let wait = wait.clone();
        async move {
            read_head(&mut stream).await;
            let head = "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ncache-control: no-cache\r\ntransfer-encoding: chunked\r\n\r\n";
            let _ = stream.write_all(head.as_bytes()).await;
            for number in 0..3 {
                let event = format!("data: event {number}\n\n");
                let _ = stream.write_all(format!("{:x}\r\n{event}\r\n", event.len()).as_bytes()).await;
                wait.notified().await;
            }
            let _ = stream.write_all(b"0\r\n\r\n").await;
            let _ = stream.read_u8().await;
        }
    })
    .await;
    for allow in [false, true] {
        let how = |envoy: Options| envoy.allow_on_headers_stop_iteration(allow);
        let Some(stage) = Scene::new(plugin("5s")).envoy(how).upstream(address).start() else { return };
        let payment = stage.payment("/before/events").await;
        let mut stream = TcpStream::connect(stage.envoy.address()).await.expect("Envoy listens");
        let ask = RawRequest::get("/before/events").header("accept", "text/event-stream").pay(&payment);
        stream.write_all(&ask.to_bytes("shop.test")).await.expect("it reads");
        let head = read_head(&mut stream).await.to_lowercase();
        assert!(head.contains("payment-response: ") && head.contains("text/event-stream"), "{head}");
        let mut seen = String::new();
        for number in 0..3 {
            let event = format!("data: event {number}\n\n");
            while !seen.contains(&event) {
                let byte = tokio::time::timeout(Duration::from_secs(5), stream.read_u8()).await;
                let byte = byte.unwrap_or_else(|_| panic!("event {number} is held back: {seen:?}"));
                seen.push(char::from(byte.expect("a byte")));
            }
            read.notify_one();
        }
        assert_eq!(stage.settled(&payment), (1, 1));
    }
}

/// Once it is paid for, a socket is the two ends' own.
#[tokio::test(flavor = "multi_thread")]
async fn frames_pass_both_ways_through_a_websocket_that_was_paid_for() {
    let echo = upstream(|mut stream| async move {
        read_head(&mut stream).await;
        let switched =
            "HTTP/1.1 101 Switching Protocols\r\nupgrade: websocket\r\nconnection: upgrade\r\n\r\n";
        let _ = stream.write_all(switched.as_bytes()).await;
        let (mut from, mut to) = stream.split();
        let _ = tokio::io::copy(&mut from, &mut to).await;
    })
    .await;
    let upgrades = |tree: &mut Value| {
        let manager = "/static_resources/listeners/0/filter_chains/0/filters/0/typed_config";
        tree.pointer_mut(manager).expect("the connection manager")["upgrade_configs"] =
            json!([{ "upgrade_type": "websocket" }]);
    };
    for allow in [false, true] {
        let how = |envoy: Options| envoy.allow_on_headers_stop_iteration(allow).edit(upgrades);
        let Some(stage) = Scene::new(plugin("5s")).envoy(how).upstream(echo).start() else { return };
        for path in ["/before/socket", "/after/socket"] {
            let ask = RawRequest::get(path)
                .header("connection", "Upgrade")
                .header("upgrade", "websocket")
                .header("sec-websocket-version", "13")
                .header("sec-websocket-key", "dGhlIHNhbXBsZSBub25jZQ==");
            let payment = stage.payment(path).await;
            let mut connection = RawConnection::open(stage.envoy.address()).await.unwrap();
            connection.send(&ask.pay(&payment)).await.unwrap();
            let answer = connection.read(true).await;
            assert_eq!(answer.status, 101, "{path} {allow}: {answer:?}");
            assert!(answer.receipt().is_some_and(|receipt| receipt["success"] == true));
            let mut expected = 0;
            for frame in [&b"\x81\x85\0\0\0\0hello"[..], b"\x81\x85\0\0\0\0again"] {
                connection.write(frame).await.unwrap();
                expected += frame.len();
                let echoed =
                    tokio::time::timeout(Duration::from_secs(2), connection.read_at_least(expected)).await;
                assert!(matches!(echoed, Ok(Ok(bytes)) if bytes == expected), "{path} {allow}: {echoed:?}");
            }
            assert_eq!(stage.settled(&payment), (1, 1));
        }
    }
}

/// Not a byte follows the head, and the price is in it.
#[tokio::test(flavor = "multi_thread")]
async fn head_is_answered_by_a_head() {
    let Some(stage) = Scene::new(plugin("5s")).start() else { return };
    for path in ["/before/head", "/after/head"] {
        let unpaid =
            exchange(&stage, &format!("HEAD {path} HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n")).await;
        assert!(unpaid.starts_with("HTTP/1.1 402 ") && unpaid.ends_with("\r\n\r\n"), "{unpaid:?}");
        assert_eq!(unpaid.matches("\r\n\r\n").count(), 1, "{unpaid:?}");
        assert!(unpaid.contains("\r\npayment-required: "), "{unpaid:?}");
        let get = stage.ask(&RawRequest::get(path)).await;
        let length = format!("content-length: {}\r\n", get.body.len());
        assert!(unpaid.contains(&length), "the length a GET has: {unpaid:?}");
        let payment = stage.payment(path).await;
        let head = RawRequest::new("HEAD", path).header("connection", "close").pay(&payment);
        let bought = exchange(&stage, &String::from_utf8(head.to_bytes("a")).expect("ASCII")).await;
        assert!(bought.starts_with("HTTP/1.1 200 ") && bought.ends_with("\r\n\r\n"), "{bought:?}");
        assert!(bought.contains("\r\npayment-response: "), "{bought:?}");
        let answer = stage.buy(path, &stage.payment(path).await).await;
        paid(&answer);
    }
}

async fn exchange(stage: &Stage, request: &str) -> String {
    let mut stream = TcpStream::connect(stage.envoy.address()).await.expect("Envoy listens");
    stream.write_all(request.as_bytes()).await.expect("it reads");
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).await.expect("it closes");
    String::from_utf8(answer).expect("ASCII")
}
