//! Crashes (A15): the VM traps in each of its callbacks, and Envoy itself is killed. Nothing is
//! given away, nobody is charged twice, and what the claims say outlives the VM.

use std::time::Duration;

use x402_devstack::client::{Answer, Http2, RawConnection, RawRequest};
use x402_devstack::envoy::{Options, Update};
use x402_devstack::facilitator::{Fault, FaultKind};
use x402_devstack::payer::{Draft, Wallet};
use x402_live::trap::trapping;
use x402_live::{
    assert_pending, code, load, module, offer, paid, pause, plugin, refused, sign, until, Scene, Stage,
};

/// One worker, so that whoever comes next meets the VM that crashed; a route that does not wait
/// long for a stream whose VM is gone.
fn stage() -> Option<Stage> {
    let short = |tree: &mut serde_json::Value| {
        let route = "/static_resources/listeners/0/filter_chains/0/filters/0/typed_config/route_config/virtual_hosts/0/routes/0/route/timeout";
        *tree.pointer_mut(route).expect("a route") = "3s".into();
    };
    Scene::new(plugin("1s")).envoy(|envoy: Options| envoy.concurrency(1).edit(short)).start_lds()
}

fn trap(stage: &mut Stage, callback: &str) {
    let log = stage.envoy.log_path();
    let file = trapping(log.parent().expect("a folder"), callback);
    load(stage, &file);
}

/// With little patience: a stream whose VM is gone is answered by nobody.
async fn ask(stage: &Stage, ask: &RawRequest) -> Answer {
    let connection = RawConnection::open(stage.envoy.address()).await.unwrap();
    connection.patience(Duration::from_secs(5)).exchange(ask).await
}

/// A payment and a free-rider through a module that traps in one callback, then the payment again
/// through a sound one.
async fn crash_in(callback: &str) {
    for kind in ["before", "after"] {
        let Some(mut stage) = stage() else { return };
        let path = format!("/{kind}/crash");
        let marked = format!("{path}?marker={kind}");
        let payment = stage.payment(&path).await;
        trap(&mut stage, callback);
        for _ in 0..2 {
            let unpaid = ask(&stage, &RawRequest::new("POST", &path).body("x")).await;
            assert_ne!(unpaid.status, 200, "{callback}: {unpaid:?}");
            assert!(!unpaid.text().contains("\"upstream\""), "{callback}: {unpaid:?}");
        }
        assert_eq!(stage.upstream.hits(&path), 0, "{callback}: given away");
        let ask_paid = RawRequest::new("POST", &marked).body("x").pay(&payment);
        let first = ask(&stage, &ask_paid).await;
        let moved = stage.settled(&payment).1;
        assert!(first.status != 200 || moved == 1, "{callback} {kind}: served unpaid: {first:?}");
        load(&mut stage, &module());
        pause(200).await;
        let last = stage.come_back(&marked, &payment).await;
        match last.status {
            200 => drop(paid(&last)),
            402 => refused(&last, 402, "payment_already_used"),
            _ => assert_pending(&last, callback),
        }
        let (_, moved) = stage.settled(&payment);
        assert!(moved <= 1, "{callback} {kind}: charged twice");
        let served = stage.upstream.marked(kind);
        assert!(moved == 1 || served <= u64::from(kind == "after"), "{callback} {kind}: {served} served");
        // And the shop is open.
        paid(&stage.buy(&path, &stage.payment(&path).await).await);
    }
}

macro_rules! crashes {
    ($($name:ident: $callback:literal;)*) => {$(
        #[tokio::test(flavor = "multi_thread")]
        async fn $name() {
            crash_in($callback).await;
        }
    )*};
}

crashes! {
    a15_a_crash_in_the_requests_head_gives_nothing_away: "proxy_on_request_headers";
    a15_a_crash_in_the_requests_body_gives_nothing_away: "proxy_on_request_body";
    a15_a_crash_before_the_settlement_is_sent_gives_nothing_away: "proxy_on_queue_ready";
    a15_a_crash_at_the_facilitators_answer_gives_nothing_away: "proxy_on_http_call_response";
    a15_a_crash_in_the_responses_head_gives_nothing_away: "proxy_on_response_headers";
    a15_a_crash_in_the_responses_body_gives_nothing_away: "proxy_on_response_body";
    a15_a_crash_in_the_log_gives_nothing_away: "proxy_on_log";
    a15_a_crash_at_the_end_gives_nothing_away: "proxy_on_delete";
    a15_a_crash_of_the_timer_gives_nothing_away: "proxy_on_tick";
}

/// Its root is a context too: Envoy does not take such a module, and the one before keeps serving.
#[tokio::test(flavor = "multi_thread")]
async fn a15_a_module_that_starts_no_stream_is_not_taken() {
    let Some(mut stage) = stage() else { return };
    let log = stage.envoy.log_path();
    let file = trapping(log.parent().expect("a folder"), "proxy_on_context_create");
    let verdict = offer(&mut stage, &file);
    assert!(matches!(verdict, Update::Rejected(_)), "{verdict:?}");
    refused(&stage.ask(&RawRequest::get("/before/kept")).await, 402, "payment_required");
    paid(&stage.buy("/before/kept", &stage.payment("/before/kept").await).await);
}

/// What makes the VM of [`stage`] crash on demand, under `proxy_on_request_trailers`.
async fn crash(stage: &Stage) {
    let http2 = Http2::open(stage.envoy.address()).await.unwrap();
    let trailers = [("x-end", "1")];
    let asking = http2.request_with_trailers("POST", "/free/crash", &[], "x", &trailers);
    let _ = tokio::time::timeout(Duration::from_secs(5), asking).await;
}

/// Whoever waits for a settlement when the VM crashes hears nothing of it; the payment's lease
/// ends, and then it is asked about.
#[tokio::test(flavor = "multi_thread", worker_threads = 8)]
async fn a15_a_crash_while_settling_leaves_no_lease_behind() {
    // Each waits for a lease to lapse.
    let cases = [(false, "before"), (false, "after"), (true, "before"), (true, "after")];
    let cases = cases.map(|(booked, kind)| tokio::spawn(crash_while_settling(booked, kind)));
    for case in cases {
        case.await.unwrap();
    }
}

async fn crash_while_settling(booked: bool, kind: &'static str) {
    let Some(mut stage) = stage() else { return };
    let path = format!("/{kind}/lease");
    let payment = stage.payment(&path).await;
    trap(&mut stage, "proxy_on_request_trailers");
    if booked {
        stage.settle_slowly(&payment, 600);
    } else {
        stage.facilitator.fault(Fault::once(FaultKind::Hang).nonce(payment.nonce));
    }
    let waiting = stage.under_way(&path, &payment);
    until("the facilitator was called", || stage.facilitator.settles_of(payment.nonce) == 1).await;
    crash(&stage).await;
    // Envoy loads the VM anew, and the claim is there.
    let mut early = stage.buy(&path, &payment).await;
    while early.status == 503 && early.body.is_empty() {
        pause(50).await;
        early = stage.buy(&path, &payment).await;
    }
    refused(&early, 503, "payment_in_flight");
    let answer = stage.come_back(&path, &payment).await;
    if booked {
        assert_pending(&answer, kind);
    } else {
        paid(&answer);
    }
    assert_eq!(stage.settled(&payment).1, 1, "{kind}");
    waiting.abort();
}

/// Claims live with the process and not with the VM.
#[tokio::test(flavor = "multi_thread")]
async fn a15_crashes_forget_no_claim() {
    let Some(mut stage) = stage() else { return };
    let path = "/before/kept";
    let quote = stage.quote(path).await;
    let (used, taken, open) = (sign(&quote), sign(&quote), sign(&quote));
    paid(&stage.buy(path, &used).await);
    assert_eq!(stage.buy(&format!("{path}?status=500"), &taken).await.status, 500);
    stage.facilitator.fault(Fault::once(FaultKind::LostAnswer).nonce(open.nonce));
    assert_pending(&stage.buy(path, &open).await, "lost");
    let wallet = Wallet::another();
    let by_wallet = || Draft::for_quote(&wallet, &quote).expect("payable").sign(&wallet);
    let (owed, credited) = (by_wallet(), by_wallet());
    assert_eq!(stage.buy(&format!("{path}?status=500"), &owed).await.status, 500);
    pause(50).await;
    paid(&stage.buy(path, &credited).await);
    trap(&mut stage, "proxy_on_request_trailers");
    for _ in 0..3 {
        crash(&stage).await;
        pause(1_200).await;
        for payment in [&used, &owed, &credited] {
            refused(&stage.come_back(path, payment).await, 402, "payment_already_used");
        }
        assert_pending(&stage.come_back(path, &open).await, "still open");
    }
    assert_eq!((stage.settled(&credited).0, stage.settled(&open).1), (0, 1));
    paid(&stage.come_back(path, &taken).await);
    for payment in [&used, &taken] {
        refused(&stage.come_back(path, payment).await, 402, "payment_already_used");
        assert_eq!(stage.settled(payment), (1, 1));
    }
}

/// A module that is none is refused, and the one that serves goes on.
#[tokio::test(flavor = "multi_thread")]
async fn a15_a_module_that_is_none_is_refused_and_the_old_one_serves() {
    let Some(mut stage) = stage() else { return };
    let path = "/before/broken-module";
    let used = stage.payment(path).await;
    paid(&stage.buy(path, &used).await);
    let bytes = std::fs::read(module()).unwrap();
    let folder = stage.envoy.log_path().with_file_name("broken");
    std::fs::create_dir(&folder).unwrap();
    let broken: [(&str, Vec<u8>); 3] = [
        ("cut.wasm", bytes[..bytes.len() / 2].to_vec()),
        ("text.wasm", b"no module".to_vec()),
        ("empty.wasm", vec![]),
    ];
    for (name, bytes) in broken {
        let file = folder.join(name);
        std::fs::write(&file, bytes).unwrap();
        let config =
            "/filter_chains/0/filters/0/typed_config/http_filters/0/typed_config/config/vm_config/code";
        let update = stage.envoy.update_listeners(|listener: &mut serde_json::Value| {
            *listener.pointer_mut(config).unwrap() = serde_json::json!({ "local": { "filename": file } });
        });
        assert!(matches!(update, Ok(x402_devstack::envoy::Update::Rejected(_))), "{name}: {update:?}");
        refused(&stage.buy(path, &used).await, 402, "payment_already_used");
        paid(&stage.buy(path, &stage.payment(path).await).await);
    }
}

/// A killed Envoy forgets its claims. The chain does not: what was delivered is not sold again,
/// what was open stays open, and nobody pays twice.
#[tokio::test(flavor = "multi_thread")]
async fn a15_a_killed_envoy_opens_no_replay_window_settled_before() {
    let Some(mut set) = Scene::new(plugin("1s")).start_replicas(1) else { return };
    let path = "/before/killed";
    let quote = set.stage.quote(path).await;
    let [used, taken, open, fresh] = [(); 4].map(|()| sign(&quote));
    paid(&set.stage.buy(path, &used).await);
    assert_eq!(set.stage.buy(&format!("{path}?status=500"), &taken).await.status, 500);
    set.stage.facilitator.fault(Fault::once(FaultKind::ResetBefore).nonce(open.nonce));
    assert_pending(&set.stage.buy(path, &open).await, "open");
    let hits = set.stage.upstream.hits(path);
    set.crash(0);
    let stage = &set.stage;
    for payment in [&used, &taken] {
        assert_pending(&stage.buy(path, payment).await, "the chain remembers");
        assert_eq!(stage.settled(payment).1, 1);
    }
    assert_eq!(stage.upstream.hits(path), hits, "nothing was served again");
    // Neither booked nor delivered: as good as new.
    paid(&stage.buy(path, &open).await);
    paid(&stage.buy(path, &fresh).await);
    for payment in [&open, &fresh] {
        refused(&stage.come_back(path, payment).await, 402, "payment_already_used");
        assert_eq!(stage.settled(payment).1, 1);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a15_an_envoy_killed_while_settling_charges_once() {
    let Some(mut set) = Scene::new(plugin("2s")).start_replicas(1) else { return };
    for kind in ["before", "after"] {
        let path = format!("/{kind}/killed-settling");
        let payment = set.stage.payment(&path).await;
        set.stage.settle_slowly(&payment, 1_000);
        let waiting = set.stage.under_way(&path, &payment);
        until("the facilitator was called", || set.stage.facilitator.settles_of(payment.nonce) == 1).await;
        set.crash(0);
        let first = waiting.await.unwrap();
        assert!(first.status == 0 && first.broken.is_some(), "{first:?}");
        let stage = &set.stage;
        let answer = stage.come_back(&path, &payment).await;
        assert_pending(&answer, kind);
        assert_eq!(stage.settled(&payment).1, 1);
        // Both times the upstream's work was held back or not begun.
        assert_eq!(code(&answer), "settlement_pending");
    }
}

/// One Envoy of two dies; the other goes on, and knows of no payment that is not its own.
#[tokio::test(flavor = "multi_thread")]
async fn a15_one_envoy_of_two_dies_and_the_other_sells() {
    let Some(mut set) = Scene::new(plugin("2s")).start_replicas(2) else { return };
    let path = "/before/one-of-two";
    let quote = set.stage.quote(path).await;
    let (first, second) = (sign(&quote), sign(&quote));
    set.pin(0);
    paid(&set.stage.buy(path, &first).await);
    set.pin(1);
    paid(&set.stage.buy(path, &second).await);
    set.crash(0);
    let stage = &set.stage;
    refused(&stage.buy(path, &second).await, 402, "payment_already_used");
    set.pin(0);
    assert_pending(&stage.buy(path, &first).await, "forgotten here, and not on the chain");
    set.pin(None);
    for _ in 0..6 {
        paid(&stage.buy(path, &stage.payment(path).await).await);
    }
    assert_eq!((stage.settled(&first).1, stage.settled(&second).1), (1, 1));
}
