//! The upstream does as it is told, over both protocols.

use std::time::{Duration, Instant};

use x402_devstack::client::{get, request, send_bytes, Broken, Http2, RawConnection, RawRequest};
use x402_devstack::upstream::{Options, Upstream};

fn upstream() -> Upstream {
    Upstream::start(Options::default()).expect("a free port")
}

#[tokio::test]
async fn it_echoes_what_it_received() {
    let upstream = upstream();
    let ask = RawRequest::new("POST", "/a%2Fb?x=1")
        .header("X-Twice", "one")
        .header("x-twice", b"tw\xffo")
        .body("hello");
    let echo = request(upstream.address(), &ask).await.json();
    assert_eq!((echo["method"].as_str(), echo["path"].as_str()), (Some("POST"), Some("/a%2Fb")));
    assert_eq!(echo["body"]["length"], 5);
    assert_eq!(
        echo["body"]["keccak256"],
        "0x1c8aff950685c2ed4bc3174f3472287b56d9517b9c948127319a09a7a36deac8"
    );
    let headers = echo["headers"].as_array().unwrap();
    assert!(headers.contains(&serde_json::json!(["X-Twice", "one"])));
    assert!(headers.contains(&serde_json::json!(["x-twice", "tw\\xffo"])));
    assert_eq!(upstream.requests()[0].count("x-twice"), 2);
}

#[tokio::test]
async fn it_behaves_by_query_and_by_header() {
    let upstream = upstream();
    let address = upstream.address();
    assert_eq!(get(address, "/?status=503").await.status, 503);
    let ask = RawRequest::get("/").header("X-Test-Status", "404").header("x-test-h", "a: b");
    let answer = request(address, &ask).await;
    assert_eq!((answer.status, answer.header_text("a")), (404, Some("b")));
    let begun = Instant::now();
    assert_eq!(get(address, "/?delay=80&body=70000").await.body.len(), 70_000);
    assert!(begun.elapsed() >= Duration::from_millis(80));
    let not_modified = get(address, "/?status=304&h=etag%3A%22x%22").await;
    assert_eq!((not_modified.status, not_modified.body.len()), (304, 0));
    let streamed = get(address, "/?stream=3,5&trailer=x-sum%3A7").await;
    assert_eq!((streamed.body.len(), streamed.broken), (3 * 1024, None));
    assert_eq!(streamed.trailers[0].0, "x-sum");
    let events = get(address, "/?sse=2,1").await;
    assert_eq!(events.header_text("content-type"), Some("text/event-stream"));
    assert!(events.text().contains("data: event 1\n\n"));
    assert_eq!(get(address, "/?close").await.broken, Some(Broken::Closed));
    let cut = get(address, "/?reset=100").await;
    assert_eq!((cut.status, cut.body.len(), cut.broken), (200, 100, Some(Broken::Reset)));
}

#[tokio::test]
async fn it_counts_by_path_and_marker() {
    let upstream = upstream();
    for _ in 0..3 {
        get(upstream.address(), "/counted?marker=m").await;
    }
    get(upstream.address(), "/counted").await;
    assert_eq!((upstream.hits("/counted"), upstream.marked("m"), upstream.total()), (4, 3, 4));
    let hits = get(upstream.address(), "/admin/hits").await.json();
    assert_eq!(hits["hits"][1]["count"], 3);
    request(upstream.address(), &RawRequest::new("DELETE", "/admin/hits")).await;
    assert_eq!(upstream.total(), 0);
}

#[tokio::test]
async fn it_keeps_connections_and_takes_chunks() {
    let upstream = upstream();
    let mut connection = RawConnection::open(upstream.address()).await.unwrap();
    let chunked = RawRequest::new("POST", "/")
        .header("transfer-encoding", "chunked")
        .body("3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n");
    assert_eq!(connection.exchange(&chunked).await.json()["body"]["length"], 5);
    let streamed = connection.exchange(&RawRequest::get("/?stream=2,0")).await;
    assert_eq!(streamed.body.len(), 2048);
    let head = connection.exchange(&RawRequest::new("HEAD", "/?body=9")).await;
    assert_eq!((head.header_text("content-length"), head.body.len()), (Some("9"), 0));
    assert_eq!(connection.exchange(&RawRequest::get("/")).await.status, 200);
    assert_eq!(send_bytes(upstream.address(), b"nonsense\r\n\r\n").await.status, 400);
}

#[tokio::test]
async fn it_speaks_http2_with_prior_knowledge() {
    let upstream = upstream();
    let connection = Http2::open(upstream.address()).await.unwrap();
    let echo = connection.get("/two?x=1", &[("x-a", "b")]).await.json();
    assert_eq!((echo["protocol"].as_str(), echo["query"].as_str()), (Some("HTTP/2.0"), Some("x=1")));
    let grpc = connection.get("/?status=200&stream=2,1&trailer=grpc-status%3A0", &[]).await;
    assert_eq!((grpc.body.len(), grpc.trailers[0].0.as_str()), (2048, "grpc-status"));
    let cut = connection.get("/?reset=10", &[]).await;
    assert_eq!((cut.status, cut.broken), (200, Some(Broken::Reset)));
    assert_eq!(upstream.total(), 3);
}
