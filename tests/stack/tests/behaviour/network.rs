//! A line breaks as it is told, and for as long; a balancer spreads, pins and passes over.

use std::time::{Duration, Instant};

use x402_devstack::client::{get, Answer, Broken, RawConnection, RawRequest};
use x402_devstack::network::{Aim, Balancer, Line, Traffic, Trouble};
use x402_devstack::upstream::{Options, Upstream};

fn upstream(name: &str) -> Upstream {
    let named = Options { name: name.to_owned(), ..Options::default() };
    Upstream::start(named).expect("a free port")
}

fn ends() -> (Upstream, Line) {
    let upstream = upstream("far");
    let line = Line::start(upstream.address()).expect("a free port");
    (upstream, line)
}

async fn ask(line: &Line) -> Answer {
    get(line.address(), "/").await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_line_passes_everything_and_counts_it() {
    let (upstream, line) = ends();
    let mut connection = RawConnection::open(line.address()).await.unwrap();
    for _ in 0..3 {
        assert_eq!(connection.exchange(&RawRequest::get("/?body=100000")).await.body.len(), 100_000);
    }
    let Traffic { connections, troubled, there, back } = line.traffic();
    assert_eq!((connections, troubled, upstream.hits("/")), (1, 0, 3));
    assert!((100..1_000).contains(&there) && (300_000..301_000).contains(&back), "{there} {back}");
}

#[tokio::test(flavor = "multi_thread")]
async fn each_trouble_is_what_the_caller_sees() {
    let (upstream, line) = ends();
    let drip = Trouble::Drip { bytes: 40, every: Duration::from_millis(20) };
    let expected = [
        (Trouble::ResetAfterRequest(10), 0, Some(Broken::Reset), 0),
        (Trouble::ResetAfterAnswer(0), 0, Some(Broken::Reset), 1),
        (Trouble::ResetAfterAnswer(150), 200, Some(Broken::Reset), 1),
        (Trouble::CutAfterAnswer(0), 0, Some(Broken::Closed), 1),
        (Trouble::CutAfterAnswer(150), 200, Some(Broken::Closed), 1),
        (drip, 200, None, 1),
        (Trouble::Delay(Duration::from_millis(100)), 200, None, 1),
    ];
    for (trouble, status, broken, reached) in expected {
        let before = upstream.hits("/");
        line.trouble(trouble, Aim::All);
        let begun = Instant::now();
        let answer = get(line.address(), "/?body=100&delay=20").await;
        assert_eq!((answer.status, answer.broken), (status, broken), "{trouble:?}");
        assert_eq!(upstream.hits("/") - before, reached, "{trouble:?}");
        let slow = matches!(trouble, Trouble::Drip { .. } | Trouble::Delay(_));
        assert_eq!(begun.elapsed() > Duration::from_millis(80), slow, "{trouble:?}");
    }
    line.trouble(Trouble::ResetOnAccept, Aim::All);
    // The caller learns it from its first write, or before.
    assert!(matches!(ask(&line).await.broken, Some(Broken::Reset | Broken::Refused)));
    line.trouble(Trouble::BlackHole, Aim::All);
    let mut connection = RawConnection::open(line.address()).await.unwrap();
    connection = connection.patience(Duration::from_millis(200));
    assert_eq!(connection.exchange(&RawRequest::get("/")).await.broken, Some(Broken::TimedOut));
    line.refuse();
    assert!(RawConnection::open(line.address()).await.is_err());
    line.resume();
    line.mend();
    assert_eq!(ask(&line).await.status, 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_trouble_is_aimed_and_ends() {
    let (_upstream, line) = ends();
    for (aim, expected) in [
        (Aim::Next(2), [false, false, true, true, true, true]),
        (Aim::Every(3), [true, true, false, true, true, false]),
    ] {
        line.trouble(Trouble::ResetOnAccept, aim);
        for passes in expected {
            assert_eq!(ask(&line).await.status == 200, passes, "{aim:?}");
        }
    }
    assert_eq!((line.traffic().connections, line.traffic().troubled), (12, 4));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_new_trouble_closes_idle_connections_and_leaves_busy_ones() {
    let (_upstream, line) = ends();
    let mut idle = RawConnection::open(line.address()).await.unwrap();
    let mut busy = RawConnection::open(line.address()).await.unwrap();
    assert_eq!(idle.exchange(&RawRequest::get("/")).await.status, 200);
    busy.send(&RawRequest::get("/?delay=300")).await.unwrap();
    tokio::time::sleep(Duration::from_millis(50)).await;
    line.trouble(Trouble::BlackHole, Aim::All);
    assert_eq!(idle.read(false).await.broken, Some(Broken::Closed));
    assert_eq!(busy.read(false).await.status, 200);
    line.mend();
    let mut busy = RawConnection::open(line.address()).await.unwrap();
    busy.send(&RawRequest::get("/?delay=3000")).await.unwrap();
    tokio::time::sleep(Duration::from_millis(50)).await;
    line.break_off();
    assert_eq!(busy.read(false).await.broken, Some(Broken::Reset));
}

/// A pool may hold one that it opened for a request which another connection served: what is refused
/// from now on must not pass there.
#[tokio::test(flavor = "multi_thread")]
async fn a_connection_that_never_said_anything_is_idle() {
    type Order = fn(&Line);
    let orders: [Order; 3] =
        [Line::refuse, Line::break_off, |line| line.trouble(Trouble::BlackHole, Aim::All)];
    for order in orders {
        let (_upstream, line) = ends();
        let mut silent = RawConnection::open(line.address()).await.unwrap();
        tokio::time::sleep(Duration::from_millis(50)).await;
        order(&line);
        let answer = silent.exchange(&RawRequest::get("/")).await;
        assert_ne!(answer.status, 200);
        assert_eq!(line.traffic().connections, 0);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_balancer_spreads_pins_and_passes_over_what_is_gone() {
    let (one, two) = (upstream("one"), upstream("two"));
    let balancer = Balancer::start([one.address(), two.address()]).unwrap();
    let name = async || get(balancer.address(), "/").await.json()["upstream"].clone();
    let turns = [name().await, name().await, name().await];
    assert_eq!(turns, ["one", "two", "one"]);
    balancer.pin(Some(1));
    assert_eq!([name().await, name().await], ["two", "two"]);
    balancer.pin(None);
    drop(one);
    assert_eq!([name().await, name().await], ["two", "two"]);
    let three = upstream("three");
    balancer.replace(0, three.address());
    let turns = [name().await, name().await];
    assert!(turns.contains(&"three".into()) && turns.contains(&"two".into()), "{turns:?}");
    assert_eq!(balancer.taken().iter().sum::<u64>(), 9);
}
