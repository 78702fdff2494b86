//! Networks that fail between Envoy and both ends (A10, A12, A13): below HTTP, in the middle of
//! a byte stream, and for one connection in so many.

use std::time::Duration;

use x402_devstack::client::{Http2, RawConnection, RawRequest};
use x402_devstack::network::{Aim, Trouble};
use x402_devstack::payer::Payment;
use x402_live::{assert_pending, code, paid, pause, plugin, refused, sign, until, Replicas, Scene};

fn stage(timeout: &str) -> Option<Replicas> {
    Scene::new(plugin(timeout)).start_replicas(1)
}

/// A payment whose settlement meets this on its way: what the client hears, whether the money
/// moved, and what the same payment comes to once the line is whole.
async fn settle_through(trouble: Trouble, booked: bool) {
    let Some(set) = stage("900ms") else { return };
    let stage = &set.stage;
    for kind in ["before", "after"] {
        let path = format!("/{kind}/lines");
        paid(&stage.buy(&path, &stage.payment(&path).await).await);
        let payment = stage.payment(&path).await;
        set.to_facilitator.trouble(trouble, Aim::All);
        let first = stage.buy(&path, &payment).await;
        assert_pending(&first, kind);
        assert_eq!(stage.settled(&payment).1, usize::from(booked), "{kind}");
        set.to_facilitator.mend();
        set.to_facilitator.break_off();
        pause(50).await;
        let second = stage.buy(&path, &payment).await;
        if booked {
            assert_pending(&second, kind);
        } else {
            paid(&second);
        }
        assert_eq!(stage.settled(&payment).1, 1, "{kind}: charged once");
    }
}

macro_rules! settlements {
    ($($name:ident: $trouble:expr, $booked:expr;)*) => {$(
        #[tokio::test(flavor = "multi_thread")]
        async fn $name() {
            settle_through($trouble, $booked).await;
        }
    )*};
}

settlements! {
    a10_a_line_that_resets_in_the_request: Trouble::ResetAfterRequest(100), false;
    a10_a_line_that_resets_before_the_answer: Trouble::ResetAfterAnswer(0), true;
    a10_a_line_that_resets_in_the_answer: Trouble::ResetAfterAnswer(150), true;
    a10_a_line_that_ends_before_the_answer: Trouble::CutAfterAnswer(0), true;
    a10_a_line_that_ends_in_the_answers_head: Trouble::CutAfterAnswer(20), true;
    a10_a_line_that_ends_in_the_answers_body: Trouble::CutAfterAnswer(200), true;
    a10_a_line_that_swallows_everything: Trouble::BlackHole, false;
    a10_a_line_that_drips: Trouble::Drip { bytes: 3, every: Duration::from_millis(60) }, true;
    a10_a_line_that_is_too_slow: Trouble::Delay(Duration::from_millis(1_500)), true;
}

/// Every third connection is reset when the far end has answered: no payment is lost, none
/// counted twice, and none granted without money.
#[tokio::test(flavor = "multi_thread")]
async fn a10_a_line_that_breaks_every_third_time_counts_nothing_twice() {
    let Some(set) = stage("900ms") else { return };
    let stage = &set.stage;
    let path = "/before/third";
    let quote = stage.quote(path).await;
    let (mut served, mut open) = (0, 0);
    for round in 0..30 {
        set.to_facilitator.break_off();
        if round == 0 {
            set.to_facilitator.trouble(Trouble::CutAfterAnswer(0), Aim::Every(3));
        }
        pause(20).await;
        let payment = sign(&quote);
        let answer = stage.buy(path, &payment).await;
        match answer.status {
            200 => served += 1,
            _ => {
                assert_pending(&answer, "cut");
                open += 1;
            }
        }
        assert_eq!(stage.settled(&payment), (1, 1), "round {round}");
    }
    assert!(served >= 15 && open >= 5, "{served} served, {open} open");
    assert_eq!(stage.upstream.hits(path), served);
}

/// The money moved and the upstream's answer did not come whole: whatever broke it, the payment
/// buys another, and one only.
async fn serve_through(trouble: Option<Trouble>) {
    let Some(set) = stage("5s") else { return };
    let stage = &set.stage;
    let path = "/before/upstream";
    let target = format!("{path}?body=4000");
    let payment = stage.payment(path).await;
    match trouble {
        Some(trouble) => set.to_upstream.trouble(trouble, Aim::All),
        None => set.to_upstream.refuse(),
    }
    let mut connection = RawConnection::open(stage.door()).await.unwrap().patience(Duration::from_secs(3));
    let first = connection.exchange(&RawRequest::get(&target).pay(&payment)).await;
    assert!(first.status != 200 || first.broken.is_some(), "{first:?}");
    assert!(first.header("payment-required").is_none(), "never asked to pay again: {first:?}");
    drop(connection);
    set.to_upstream.mend();
    set.to_upstream.resume();
    set.to_upstream.break_off();
    let second = stage.come_back(&target, &payment).await;
    paid(&second);
    assert_eq!(second.body.len(), 4_000);
    refused(&stage.come_back(&target, &payment).await, 402, "payment_already_used");
    assert_eq!(stage.settled(&payment), (1, 1));
}

macro_rules! servings {
    ($($name:ident: $trouble:expr;)*) => {$(
        #[tokio::test(flavor = "multi_thread")]
        async fn $name() {
            serve_through($trouble).await;
        }
    )*};
}

servings! {
    a13_an_upstream_that_is_not_there: None;
    a13_an_upstream_that_resets_at_once: Some(Trouble::ResetOnAccept);
    a13_an_upstream_that_resets_in_the_request: Some(Trouble::ResetAfterRequest(50));
    a13_an_upstream_that_resets_before_its_answer: Some(Trouble::ResetAfterAnswer(0));
    a13_an_upstream_that_resets_in_its_body: Some(Trouble::ResetAfterAnswer(2_000));
    a13_an_upstream_that_ends_before_its_answer: Some(Trouble::CutAfterAnswer(0));
    a13_an_upstream_that_ends_in_its_head: Some(Trouble::CutAfterAnswer(30));
    a13_an_upstream_that_ends_in_its_body: Some(Trouble::CutAfterAnswer(2_000));
    a13_an_upstream_that_never_answers: Some(Trouble::BlackHole);
    a13_an_upstream_that_drips: Some(Trouble::Drip { bytes: 40, every: Duration::from_millis(200) });
}

/// Under `after` an answer that breaks in its body was held, settled and released: what is
/// missing of it is owed.
#[tokio::test(flavor = "multi_thread")]
async fn a13_an_upstream_that_breaks_a_response_settled_after_owes_it() {
    let Some(set) = stage("5s") else { return };
    let stage = &set.stage;
    for (round, trouble) in
        [Trouble::ResetAfterAnswer(2_000), Trouble::CutAfterAnswer(2_000)].into_iter().enumerate()
    {
        let path = format!("/after/broken-{round}");
        let target = format!("{path}?body=4000");
        let payment = stage.payment(&path).await;
        set.to_upstream.trouble(trouble, Aim::All);
        let first = stage.buy(&target, &payment).await;
        assert!(first.status != 200 || first.broken.is_some(), "{first:?}");
        set.to_upstream.mend();
        let second = stage.come_back(&target, &payment).await;
        assert_eq!((paid(&second).len(), second.body.len()), (66, 4_000));
        assert_eq!(stage.settled(&payment), (1, 1), "{trouble:?}");
    }
}

/// A client that reads a byte now and then keeps its connection, and nobody else's.
#[tokio::test(flavor = "multi_thread")]
async fn a12_a_client_that_drips_is_served_and_holds_nobody_up() {
    let Some(set) = stage("5s") else { return };
    let stage = &set.stage;
    let path = "/before/slow-reader";
    let payment = stage.payment(path).await;
    let mut slow = RawConnection::open(stage.door()).await.unwrap();
    for byte in RawRequest::get(format!("{path}?body=3000000")).pay(&payment).to_bytes("shop.test").chunks(40)
    {
        slow.write(byte).await.unwrap();
        pause(5).await;
    }
    until("it is paid for", || stage.settled(&payment).1 == 1).await;
    refused(&stage.buy(path, &payment).await, 503, "payment_in_flight");
    for _ in 0..5 {
        paid(&stage.buy(path, &stage.payment(path).await).await);
    }
    let answer = slow.read(false).await;
    assert_eq!((paid(&answer).len(), answer.body.len()), (66, 3_000_000));
    refused(&stage.come_back(path, &payment).await, 402, "payment_already_used");
}

/// A stream that is reset while it settles, beside others of its connection that go on.
#[tokio::test(flavor = "multi_thread")]
async fn a12_a_reset_stream_leaves_its_payment_to_be_redeemed() {
    let Some(set) = stage("5s") else { return };
    let stage = &set.stage;
    let http2 = Http2::open(stage.door()).await.unwrap();
    for kind in ["before", "after"] {
        let path = format!("/{kind}/reset-stream");
        let payment = stage.payment(&path).await;
        stage.settle_slowly(&payment, 500);
        let (stream, header, asked) = (http2.clone(), payment.header(), path.clone());
        let asking = tokio::spawn(async move { stream.get(&asked, &[("payment-signature", &header)]).await });
        until("the facilitator was called", || stage.facilitator.settles_of(payment.nonce) == 1).await;
        asking.abort();
        assert_eq!(http2.get("/free/beside", &[]).await.status, 200);
        let answer = stage.come_back(&path, &payment).await;
        let transfers = stage.facilitator.transfers_of(payment.nonce);
        assert_eq!(paid(&answer), transfers[0].transaction.to_string());
        assert_eq!(stage.settled(&payment), (1, 1));
    }
}

/// FIN behind the request, while the client still listens: half a connection is a client that
/// left, to Envoy. What it paid for is still its own.
#[tokio::test(flavor = "multi_thread")]
async fn a12_half_a_connection_is_served_or_owed() {
    let Some(set) = stage("5s") else { return };
    let stage = &set.stage;
    for kind in ["before", "after"] {
        let path = format!("/{kind}/half");
        let payment: Payment = stage.payment(&path).await;
        stage.settle_slowly(&payment, 300);
        let mut connection = tokio::net::TcpStream::connect(stage.door()).await.unwrap();
        let bytes = RawRequest::get(&path).pay(&payment).to_bytes("shop.test");
        tokio::io::AsyncWriteExt::write_all(&mut connection, &bytes).await.unwrap();
        tokio::io::AsyncWriteExt::shutdown(&mut connection).await.unwrap();
        let mut heard = Vec::new();
        let hearing = tokio::io::AsyncReadExt::read_to_end(&mut connection, &mut heard);
        let _ = tokio::time::timeout(Duration::from_secs(2), hearing).await;
        let answer = stage.come_back(&path, &payment).await;
        if heard.starts_with(b"HTTP/1.1 200") {
            assert_eq!(code(&answer), "payment_already_used");
        } else {
            paid(&answer);
        }
        assert_eq!(stage.settled(&payment), (1, 1), "{kind}");
    }
}

/// Whoever cuts every download at its last bytes gets what was paid for, and a few times more:
/// not without end.
#[tokio::test(flavor = "multi_thread")]
async fn a12_cutting_every_download_short_ends_after_three_more() {
    let Some(set) = stage("5s") else { return };
    let stage = &set.stage;
    let path = "/before/cut-short";
    let payment = stage.payment(path).await;
    let ask = RawRequest::get(format!("{path}?stream=4,100")).pay(&payment);
    for attempt in 0..4 {
        let mut connection = RawConnection::open(stage.door()).await.unwrap();
        connection.send(&ask).await.unwrap();
        let begun = tokio::time::timeout(Duration::from_secs(5), connection.read_at_least(1_000)).await;
        assert!(matches!(begun, Ok(Ok(1_000..))), "attempt {attempt}: {begun:?}");
        connection.abort();
        pause(300).await;
    }
    refused(&stage.come_back(path, &payment).await, 502, "redemption_exhausted");
    assert_eq!(stage.upstream.hits(path), 4);
    assert_eq!(stage.settled(&payment), (1, 1));
}
