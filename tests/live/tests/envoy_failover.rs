//! Several facilitators for one offer: who is asked, who is asked next, and who never is.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use serde_json::{json, Value};

use x402_devstack::client::RawRequest;
use x402_devstack::facilitator::{self, Facilitator, Fault, FaultKind, Operation};
use x402_devstack::payer::{Draft, Payment, Quote, Wallet};
use x402_live::{assert_pending, paid, pause, plugin, refused, sign, until, Scene, Stage, PAY_TO};

/// Where the second facilitator settles `upto`.
const SECOND: &str = "0x90F79bf6EB2c4f870365E785982E1f101E93b906";

/// The plugin's configuration with `main` and `backup`, chosen like this.
fn chosen(timeout: &str, choice: Value) -> Value {
    let mut config = plugin(timeout);
    config["facilitators"]["main"]["supported"] = json!({ "every": "5s" });
    config["facilitators"]["backup"] = json!({
        "cluster": "backup", "authority": "backup", "timeout": timeout, "supported": { "every": "5s" },
    });
    config["defaultFacilitators"] = choice;
    config
}

fn in_order(timeout: &str) -> Value {
    chosen(timeout, json!(["main", "backup"]))
}

/// `/after/**` charges what was used.
fn upto(mut config: Value) -> Value {
    let accepts = json!([{ "network": "base-sepolia", "asset": "USDC", "payTo": PAY_TO, "scheme": "upto" }]);
    config["routes"][1]["offer"]["accepts"] = accepts;
    config
}

/// A facilitator with addresses and a ledger of its own.
fn backup() -> Facilitator {
    let mut options = facilitator::Options::default();
    options.listing.pool = vec![SECOND.to_owned()];
    Facilitator::start(options).expect("a free port")
}

/// A stage whose `main` is the stage's own facilitator.
fn set(config: Value, backup: &Facilitator, workers: u32) -> Option<Stage> {
    let workers = |options: x402_devstack::envoy::Options| options.concurrency(workers);
    Scene::new(config).cluster("backup", backup.address()).envoy(workers).start()
}

/// A payment by a wallet that has not paid before: one that is owed an answer gets that first.
fn newcomer(stage: &Stage, quote: &Quote) -> Payment {
    static NEXT: AtomicU64 = AtomicU64::new(1);
    let wallet = Wallet::numbered(NEXT.fetch_add(1, Ordering::Relaxed));
    let draft = Draft::for_quote(&wallet, quote).expect("something payable");
    let money = "1000000".parse().expect("a number");
    let asset = quote.accepts[0]["asset"].as_str().and_then(|text| text.parse().ok());
    stage.facilitator.fund("eip155:84532", asset.expect("an asset"), wallet.address(), money);
    draft.sign(&wallet)
}

/// Settles asked for and transfers made at a facilitator.
fn at(facilitator: &Facilitator, payment: &Payment) -> (u64, usize) {
    (facilitator.settles_of(payment.nonce), facilitator.transfers_of(payment.nonce).len())
}

/// Both said what they support.
async fn known(stage: &Stage) {
    for name in ["main", "backup"] {
        let stat = format!("wasmcustom.x402.facilitator_supported.{name}");
        until("both are known", || stage.envoy.stat(&stat) == 1).await;
    }
    // The other worker looks within a second.
    pause(1_200).await;
}

/// Calls that `main` leaves unanswered, until its breaker is open in some worker.
async fn silence(stage: &Stage, path: &str) -> usize {
    let quote = stage.quote(path).await;
    for round in 1..=20 {
        let silent = newcomer(stage, &quote);
        stage.facilitator.fault(Fault::once(FaultKind::Hang).nonce(silent.nonce));
        let answer = stage.buy(path, &silent).await;
        if stage.facilitator.settles_of(silent.nonce) == 0 {
            return round - 1;
        }
        assert_pending(&answer, "silence");
    }
    panic!("twenty silences and it is still asked")
}

#[tokio::test(flavor = "multi_thread")]
async fn a10_the_preferred_one_settles_while_it_can_and_the_next_where_nothing_was_sent() {
    let backup = backup();
    let Some(stage) = set(in_order("600ms"), &backup, 2) else { return };
    known(&stage).await;
    for path in ["/before/x", "/after/x"] {
        for _ in 0..6 {
            let payment = stage.payment(path).await;
            paid(&stage.buy(path, &payment).await);
            assert_eq!((at(&stage.facilitator, &payment), at(&backup, &payment)), ((1, 1), (0, 0)));
        }
    }
    stage.facilitator.refuse();
    pause(100).await;
    for round in 0..20 {
        let path = ["/before/x", "/after/x"][round % 2];
        let payment = stage.payment(path).await;
        paid(&stage.buy(path, &payment).await);
        assert_eq!((at(&stage.facilitator, &payment), at(&backup, &payment)), ((0, 0), (1, 1)), "{round}");
    }
    stage.facilitator.resume();
    let begun = Instant::now();
    loop {
        let payment = stage.payment("/before/x").await;
        paid(&stage.buy("/before/x", &payment).await);
        if at(&stage.facilitator, &payment) == (1, 1) {
            break;
        }
        assert!(begun.elapsed() < Duration::from_secs(90), "it is preferred again: {}", stage.filter_log());
        pause(250).await;
    }
}

/// Whatever leaves open what became of a settlement leaves it where it was asked for.
#[tokio::test(flavor = "multi_thread")]
async fn a10_a_settlement_that_may_have_arrived_goes_nowhere_else() {
    let backup = backup();
    let Some(stage) = set(in_order("600ms"), &backup, 2) else { return };
    known(&stage).await;
    let status = |code| FaultKind::Status { code, body: "{}".to_owned() };
    let late = FaultKind::Delay { ms: 900, book_late: false };
    // With what the facilitator says when it is asked once more: it cannot tell a payment that it
    // took from one that was cancelled.
    for (kind, says) in [
        (FaultKind::ResetBefore, 200),
        (FaultKind::Hang, 200),
        (status(500), 200),
        (status(503), 200),
        (status(404), 200),
        (FaultKind::Pending, 200),
        (late, 503),
        (FaultKind::ResetAfter, 503),
        (FaultKind::LostAnswer, 503),
        (FaultKind::CutBody, 503),
        (FaultKind::Html, 503),
    ] {
        for path in ["/before/open", "/after/open"] {
            let payment = newcomer(&stage, &stage.quote(path).await);
            let name = kind.name();
            stage.facilitator.fault(Fault::once(kind.clone()).nonce(payment.nonce));
            assert_pending(&stage.buy(path, &payment).await, &name);
            assert_eq!(at(&backup, &payment), (0, 0), "{name}");
            let answer = stage.come_back(path, &payment).await;
            assert_eq!(answer.status, says, "{name}: {answer:?}");
            assert_eq!((at(&stage.facilitator, &payment).1, at(&backup, &payment)), (1, (0, 0)), "{name}");
            // An answer between silences.
            paid(&stage.buy(path, &newcomer(&stage, &stage.quote(path).await)).await);
        }
    }
    assert!(backup.calls().is_empty(), "never asked");
}

#[tokio::test(flavor = "multi_thread")]
async fn a10_an_open_one_is_passed_over_and_comes_back_without_a_payment_being_the_trial() {
    let backup = backup();
    let Some(stage) = set(in_order("200ms"), &backup, 1) else { return };
    known(&stage).await;
    assert_eq!(silence(&stage, "/before/open").await, 5);
    let hangs = Fault::always(FaultKind::Hang);
    stage.facilitator.fault(hangs.clone().on(Operation::Settle));
    stage.facilitator.fault(hangs.on(Operation::Supported));
    let begun = Instant::now();
    while begun.elapsed() < Duration::from_secs(8) {
        let payment = stage.payment("/before/open").await;
        paid(&stage.buy("/before/open", &payment).await);
        // Those that are open are asked about again; no other is risked on it.
        assert_eq!((at(&stage.facilitator, &payment), at(&backup, &payment)), ((0, 0), (1, 1)));
        pause(200).await;
    }
    stage.facilitator.clear_faults();
    let begun = Instant::now();
    loop {
        let payment = stage.payment("/before/open").await;
        paid(&stage.buy("/before/open", &payment).await);
        if at(&stage.facilitator, &payment) == (1, 1) {
            break;
        }
        assert!(begun.elapsed() < Duration::from_secs(60), "{}", stage.filter_log());
        pause(250).await;
    }
}

/// Three of four, as far as four hundred draws say (four standard deviations).
#[tokio::test(flavor = "multi_thread")]
async fn a10_weights_are_shares_of_the_payments() {
    let backup = backup();
    let shares = json!([{ "name": "main", "weight": 3 }, { "name": "backup", "weight": 1 }]);
    let Some(stage) = set(chosen("2s", shares), &backup, 2) else { return };
    let quote = stage.quote("/before/x").await;
    let mut firsts = [0, 0];
    for _ in 0..400 {
        let payment = sign(&quote);
        paid(&stage.buy("/before/x", &payment).await);
        let moved = [at(&stage.facilitator, &payment), at(&backup, &payment)];
        assert!(moved == [(1, 1), (0, 0)] || moved == [(0, 0), (1, 1)], "{moved:?}");
        firsts[usize::from(moved[0] == (0, 0))] += 1;
    }
    eprintln!("shares of 400 at 3:1: {firsts:?}");
    assert!((265..=335).contains(&firsts[0]), "{firsts:?}");
    // And the rest takes over.
    stage.facilitator.refuse();
    pause(100).await;
    for _ in 0..12 {
        let payment = sign(&quote);
        paid(&stage.buy("/before/x", &payment).await);
        assert_eq!(at(&backup, &payment), (1, 1));
    }
}

/// What names a facilitator is quoted for one that may be asked, and settled by the one it names
/// or by none.
#[tokio::test(flavor = "multi_thread")]
async fn a10_a_quote_names_a_facilitator_that_may_be_asked() {
    let backup = backup();
    let Some(stage) = set(upto(in_order("600ms")), &backup, 1) else { return };
    known(&stage).await;
    let named = |payment: &Payment| payment.requirements["extra"]["facilitatorAddress"].clone();
    let first = stage.payment("/after/x").await;
    assert_ne!(named(&first), SECOND);
    stage.facilitator.refuse();
    pause(100).await;
    // Refused connections are silences as well.
    let quote = stage.quote("/before/x").await;
    for _ in 0..5 {
        paid(&stage.buy("/before/x", &sign(&quote)).await);
    }
    refused(&stage.buy("/after/x", &first).await, 503, "facilitator_unavailable");
    let second = stage.payment("/after/x").await;
    assert_eq!(named(&second), SECOND, "rendered anew at once");
    paid(&stage.buy("/after/x", &second).await);
    assert_eq!((at(&stage.facilitator, &second), at(&backup, &second)), ((0, 0), (1, 1)));
    assert_eq!(at(&backup, &first), (0, 0), "what names another is not taken to it");
    stage.facilitator.resume();
    let begun = Instant::now();
    while named(&stage.payment("/after/x").await) == SECOND {
        assert!(begun.elapsed() < Duration::from_secs(90), "{}", stage.filter_log());
        pause(250).await;
    }
    let again = stage.payment("/after/x").await;
    paid(&stage.buy("/after/x", &again).await);
    paid(&stage.buy("/after/x", &second_for(&stage, &backup).await).await);
    assert_eq!(at(&stage.facilitator, &again), (1, 1));
}

/// A payment that names the backup, quoted while the preferred one is back: as if it had been
/// signed before.
async fn second_for(stage: &Stage, backup: &Facilitator) -> Payment {
    assert!(backup.calls().len() > 1);
    let mut quote = stage.quote("/after/x").await;
    quote.accepts[0]["extra"]["facilitatorAddress"] = SECOND.into();
    sign(&quote)
}

/// One worker's five silences stop the quotes of both, and start them again.
#[tokio::test(flavor = "multi_thread")]
async fn a10_all_workers_stop_quoting_when_the_last_facilitator_falls_silent() {
    let backup = backup();
    let Some(stage) = set(in_order("200ms"), &backup, 2) else { return };
    known(&stage).await;
    backup.refuse();
    pause(100).await;
    // Silences of one worker; the backup is refused once the first is passed over.
    let quote = stage.quote("/before/x").await;
    let hang = |kind| Fault::always(kind).on(Operation::Settle);
    stage.facilitator.fault(hang(FaultKind::Hang));
    let mut suspended = false;
    for _ in 0..40 {
        let _ = stage.buy("/before/x", &newcomer(&stage, &quote)).await;
        if stage.ask(&RawRequest::get("/before/x")).await.status == 503 {
            suspended = true;
            break;
        }
    }
    assert!(suspended, "{}", stage.filter_log());
    pause(1_300).await;
    for _ in 0..24 {
        refused(&stage.ask(&RawRequest::get("/before/x")).await, 503, "facilitator_unavailable");
    }
    assert_eq!(stage.ask(&RawRequest::get("/free/x")).await.status, 200);
    backup.resume();
    stage.facilitator.clear_faults();
    let begun = Instant::now();
    while stage.ask(&RawRequest::get("/before/x")).await.status != 402 {
        assert!(begun.elapsed() < Duration::from_secs(20), "{}", stage.filter_log());
        pause(100).await;
    }
    paid(&stage.buy("/before/x", &newcomer(&stage, &stage.quote("/before/x").await)).await);
    pause(1_300).await;
    for _ in 0..24 {
        assert_eq!(stage.ask(&RawRequest::get("/before/x")).await.status, 402);
    }
}

/// Nothing moves at `/verify`: whoever cannot say is passed over. Who could settles it.
#[tokio::test(flavor = "multi_thread")]
async fn a10_verify_is_asked_elsewhere_whatever_went_wrong() {
    let backup = backup();
    let mut config = in_order("600ms");
    for at in 0..2 {
        config["routes"][at]["offer"]["verify"] = "facilitator".into();
    }
    let Some(stage) = set(config, &backup, 2) else { return };
    known(&stage).await;
    // A no is a no.
    let payment = stage.payment("/before/verify").await;
    let no = FaultKind::Reject { reason: "insufficient_funds".to_owned() };
    stage.facilitator.fault(Fault::once(no).on(Operation::Verify).nonce(payment.nonce));
    refused(&stage.buy("/before/verify", &payment).await, 402, "insufficient_funds");
    assert!(backup.calls().iter().all(|call| call.nonce != Some(payment.nonce)));
    let status = FaultKind::Status { code: 500, body: "{}".to_owned() };
    for kind in [FaultKind::Hang, FaultKind::ResetBefore, FaultKind::Html, FaultKind::CutBody, status] {
        for path in ["/before/verify", "/after/verify"] {
            let payment = stage.payment(path).await;
            let name = kind.name();
            stage.facilitator.fault(Fault::once(kind.clone()).on(Operation::Verify).nonce(payment.nonce));
            paid(&stage.buy(path, &payment).await);
            let called = backup.calls().iter().filter(|call| call.nonce == Some(payment.nonce)).count();
            assert_eq!((called, at(&backup, &payment)), (2, (1, 1)), "{name} {path}");
            assert_eq!(at(&stage.facilitator, &payment), (0, 0));
        }
    }
}

/// A substitute that is none is named once, and what nobody settles is not offered.
#[tokio::test(flavor = "multi_thread")]
async fn a10_the_log_names_a_substitute_that_is_none() {
    let backup = backup();
    backup.list(|listing| listing.networks = vec!["eip155:8453".to_owned()]);
    let Some(stage) = set(in_order("600ms"), &backup, 2) else { return };
    known(&stage).await;
    let lines = |text: &str| stage.filter_log().lines().filter(|line| line.contains(text)).count();
    let gap = "exact on eip155:84532: facilitator backup does not settle it, and is no substitute there";
    assert_eq!((lines(gap), lines("so it is not offered")), (2, 0), "{}", stage.filter_log());
    paid(&stage.buy("/before/x", &stage.payment("/before/x").await).await);
    stage.facilitator.refuse();
    pause(100).await;
    let lost = stage.buy("/before/x", &stage.payment("/before/x").await).await;
    refused(&lost, 503, "facilitator_unavailable");
    assert!(backup.calls().is_empty(), "nobody is asked for what he does not settle");
    stage.facilitator.resume();
    stage.facilitator.list(|listing| listing.networks = vec!["eip155:8453".to_owned()]);
    until("nobody settles it", || lines("so it is not offered") > 0).await;
    pause(1_200).await;
    for _ in 0..8 {
        refused(&stage.ask(&RawRequest::get("/before/x")).await, 503, "facilitator_unavailable");
    }
}
