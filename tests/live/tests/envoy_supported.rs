//! `/supported` on a timer: one worker asks, all know, a restart forgets nothing it was told.

use std::collections::BTreeSet;
use std::time::Instant;

use serde_json::{json, Value};

use x402_devstack::client::RawRequest;
use x402_devstack::envoy::{PluginConfig, Update};
use x402_devstack::facilitator::{self, Fault, FaultKind, Operation};
use x402_live::{assert_pending, paid, pause, plugin, refused, until, upgrade, Scene, Stage, PAY_TO};

/// The plugin's configuration, asking this often.
fn asking(every: &str) -> Value {
    let mut config = plugin("2s");
    config["facilitators"]["main"]["supported"] = json!({ "every": every });
    config
}

/// A route that charges what was used, settling after the response.
fn upto() -> Value {
    let accepts = json!([{ "network": "base-sepolia", "asset": "USDC", "payTo": PAY_TO, "scheme": "upto" }]);
    json!({
        "name": "after", "match": { "path": "/after/**" },
        "offer": { "price": "$0.001", "settle": "after", "accepts": accepts },
    })
}

fn standing(stage: &Stage) -> u64 {
    stage.envoy.stat("wasmcustom.x402.facilitator_supported.main")
}

fn lines(stage: &Stage, text: &str) -> usize {
    stage.filter_log().lines().filter(|line| line.contains(text)).count()
}

async fn known(stage: &Stage) {
    until("the answer is known", || standing(stage) == 1).await;
}

fn broken(kind: FaultKind) -> Fault {
    Fault::always(kind).on(Operation::Supported)
}

#[tokio::test(flavor = "multi_thread")]
async fn one_of_two_workers_asks_once_a_period_and_with_the_facilitators_headers() {
    let mut config = asking("5s");
    config["facilitators"]["main"]["pathPrefix"] = "/v2/x402".into();
    config["facilitators"]["main"]["headers"] =
        json!({ "authorization": { "insecureLiteral": "Bearer s3cret" } });
    let begun = Instant::now();
    let Some(stage) = Scene::new(config).start() else { return };
    // Something is sold before anybody was told anything.
    paid(&stage.buy("/before/early", &stage.payment("/before/early").await).await);
    known(&stage).await;
    pause(11_000).await;
    let periods = begun.elapsed().as_secs() / 5 + 1;
    let asked = stage.facilitator.inquiries();
    assert!((2..=periods).contains(&(asked.len() as u64)), "{} in {periods} periods", asked.len());
    for pair in asked.windows(2) {
        assert!(pair[1].at - pair[0].at > 4_000, "two workers asked for one period");
    }
    assert!(asked.iter().all(|call| call.path == "/v2/x402/supported" && call.authorization));
    assert_eq!(lines(&stage, "facilitator main settles 6 kinds of payment"), 1, "{}", stage.filter_log());
    assert!(stage.envoy.stat("wasmcustom.x402.facilitator_supported_age.main") <= 6);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_failure_keeps_what_was_known_and_is_repeated_with_pauses() {
    let Some(stage) = Scene::new(asking("5s")).start() else { return };
    known(&stage).await;
    for kind in [
        FaultKind::Status { code: 503, body: String::new() },
        FaultKind::Hang,
        FaultKind::Huge,
        FaultKind::Garbage,
        FaultKind::CutBody,
    ] {
        stage.facilitator.fault(broken(kind).times(1));
    }
    until("it is stale", || standing(&stage) == 2).await;
    paid(&stage.buy("/before/stale", &stage.payment("/before/stale").await).await);
    let begun = Instant::now();
    while standing(&stage) != 1 {
        assert!(begun.elapsed().as_secs() < 60, "{}", stage.filter_log());
        pause(100).await;
    }
    let outcomes: Vec<_> = stage.facilitator.inquiries().into_iter().map(|call| call.outcome).collect();
    assert_eq!(outcomes.iter().filter(|outcome| outcome.starts_with("fault:")).count(), 5, "{outcomes:?}");
    assert_eq!(lines(&stage, "/supported failed (1 in a row): HTTP 503; its last answer stands"), 1);
    assert_eq!(lines(&stage, "/supported failed"), 1, "the first and every tenth: {}", stage.filter_log());
    assert_eq!(lines(&stage, "/supported answers again after 5 failures"), 1);
}

/// On every endpoint; nowhere is it followed.
#[tokio::test(flavor = "multi_thread")]
async fn a_redirect_is_named_once_and_not_followed() {
    let mut config = asking("5s");
    config["routes"][1]["offer"]["verify"] = "facilitator".into();
    let Some(stage) = Scene::new(config).start() else { return };
    let elsewhere = || FaultKind::Redirect {
        location: "https://user:pass@www.example.com/facilitator?key=sk_live_1".to_owned(),
    };
    let line =
        "facilitator main answered 307 to https://www.example.com/facilitator: redirects are not followed; \
                configure authority and pathPrefix for the new place";
    known(&stage).await;
    let payment = stage.payment("/before/moved").await;
    let verified = stage.payment("/after/moved").await;
    stage.facilitator.fault(broken(elsewhere()));
    until("it is redirected", || standing(&stage) == 3).await;
    pause(1_500).await;
    for _ in 0..4 {
        let suspended = stage.ask(&RawRequest::get("/before/moved")).await;
        refused(&suspended, 503, "facilitator_unavailable");
    }
    until("it is asked again", || stage.facilitator.inquiries().len() >= 4).await;
    pause(500).await;
    assert_eq!(lines(&stage, line), 1, "{}", stage.filter_log());
    stage.facilitator.clear_faults();
    let begun = Instant::now();
    while standing(&stage) != 1 {
        assert!(begun.elapsed().as_secs() < 40, "{}", stage.filter_log());
        pause(100).await;
    }
    // The other worker hears of it within a second.
    pause(1_500).await;
    stage.facilitator.fault(Fault::once(elsewhere()).nonce(payment.nonce));
    assert_pending(&stage.buy("/before/moved", &payment).await, "a redirected settlement is open");
    assert_eq!(lines(&stage, line), 2);
    assert_eq!(
        lines(&stage, "is open: the facilitator answered with a redirect"),
        1,
        "{}",
        stage.filter_log()
    );
    stage.facilitator.fault(Fault::once(elsewhere()).on(Operation::Verify).nonce(verified.nonce));
    let unverified = stage.buy("/after/moved", &verified).await;
    assert_eq!((unverified.status, x402_live::code(&unverified).as_str()), (503, "facilitator_unavailable"));
    assert_eq!((lines(&stage, line), stage.settled(&verified)), (3, (0, 0)));
    assert!(!stage.envoy.log().contains("sk_live_1") && !stage.envoy.log().contains("user:pass"));
    paid(&stage.buy("/before/moved", &payment).await);
}

/// A new configuration is a new VM, or a new root in the old one: what was told stays told,
/// and nobody asks anew before it is time. What it sells and the facilitator does not settle
/// is reported once.
#[tokio::test(flavor = "multi_thread")]
async fn a_reload_asks_nothing_it_knows_and_reports_once_what_is_not_settled() {
    let Some(mut stage) = Scene::new(asking("1h")).start_lds() else { return };
    stage.facilitator.list(|listing| listing.rotate = true);
    known(&stage).await;
    let asked = stage.facilitator.inquiries().len();
    for round in 0..3 {
        let mut config = asking("1h");
        config["claims"] = json!({ "capacity": 1_000 + round });
        if round == 2 {
            config["accepts"][0]["network"] = "polygon".into();
        }
        let update = stage.envoy.update_listener(&PluginConfig::Json(config)).expect("a verdict");
        assert_eq!(update, Update::Accepted);
        pause(2_500).await;
    }
    assert_eq!((stage.facilitator.inquiries().len(), standing(&stage)), (asked, 1));
    let gap = "exact on eip155:137: facilitator main does not settle it";
    assert_eq!(lines(&stage, gap), 2, "two offers, once each: {}", stage.filter_log());
    assert_eq!(lines(&stage, "facilitator main settles 6 kinds"), 1, "told once");
}

/// Workers look once a second. A quote of one can be paid at another that has not looked since:
/// nobody is told to wait, or to sign again.
#[tokio::test(flavor = "multi_thread")]
async fn what_one_worker_quotes_all_workers_take() {
    let mut config = asking("5s");
    config["routes"][1] = upto();
    let Some(stage) = Scene::new(config).start() else { return };
    while stage.ask(&RawRequest::get("/after/first")).await.status != 402 {
        pause(5).await;
    }
    for _ in 0..24 {
        paid(&stage.buy("/after/next", &stage.payment("/after/next").await).await);
    }
}

/// `exact` is sold before anybody was told anything; `upto` needs the facilitator's address.
#[tokio::test(flavor = "multi_thread")]
async fn what_needs_the_answer_waits_and_what_does_not_is_sold() {
    let mut config = asking("5s");
    config["routes"][1] = upto();
    let silent = |options: &mut facilitator::Options| options.faults = vec![broken(FaultKind::Hang)];
    let Some(stage) = Scene::new(config).facilitator(silent).start() else { return };
    until("it was asked", || !stage.facilitator.inquiries().is_empty()).await;
    paid(&stage.buy("/before/never", &stage.payment("/before/never").await).await);
    for _ in 0..8 {
        let waits = stage.ask(&RawRequest::get("/after/never")).await;
        refused(&waits, 503, "facilitator_unavailable");
        assert!(waits.header("retry-after").is_some());
    }
    assert_eq!(standing(&stage), 0);
    stage.facilitator.clear_faults();
    known(&stage).await;
    pause(1_500).await;
    assert_eq!(stage.ask(&RawRequest::get("/after/now")).await.status, 402);
}

/// All workers, and the VMs of an upgraded module, quote the address that was first named,
/// whatever the pool says next; one that is taken out of the pool makes room.
#[tokio::test(flavor = "multi_thread")]
async fn all_workers_and_a_restarted_vm_agree_on_the_address_they_quote() {
    let mut config = asking("5s");
    config["routes"][1] = upto();
    let rotating = |options: &mut facilitator::Options| options.listing.rotate = true;
    let Some(mut stage) = Scene::new(config).facilitator(rotating).start_lds() else { return };
    known(&stage).await;
    pause(1_500).await;
    let first = quoted(&stage).await;
    assert_eq!(first.len(), 1, "{first:?}");
    upgrade(&mut stage, 1);
    let asked = stage.facilitator.inquiries().len();
    pause(2_500).await;
    assert_eq!(quoted(&stage).await, first, "a new VM");
    let begun = Instant::now();
    while stage.facilitator.inquiries().len() < asked + 2 {
        assert!(begun.elapsed().as_secs() < 30, "{}", stage.filter_log());
        assert_eq!(quoted(&stage).await, first, "another was named");
        pause(200).await;
    }
    stage.facilitator.list(|listing| listing.pool.retain(|member| !first.contains(member)));
    let begun = Instant::now();
    while quoted(&stage).await.contains(first.first().expect("one")) {
        assert!(begun.elapsed().as_secs() < 15, "{}", stage.filter_log());
        pause(200).await;
    }
    pause(1_500).await;
    assert_eq!(quoted(&stage).await.len(), 1);
}

/// The addresses that twelve requests are quoted for `upto`.
async fn quoted(stage: &Stage) -> BTreeSet<String> {
    let mut addresses = BTreeSet::new();
    for _ in 0..12 {
        let answer = stage.ask(&RawRequest::get("/after/pinned")).await;
        let quote = answer.quote().unwrap_or_else(|| panic!("no quote: {answer:?}"));
        let address = quote.accepts[0]["extra"]["facilitatorAddress"].as_str();
        addresses.insert(address.unwrap_or("none").to_owned());
    }
    addresses
}

/// What is not settled is not offered, and offered again once it is.
#[tokio::test(flavor = "multi_thread")]
async fn what_is_not_settled_is_not_offered() {
    let elsewhere =
        |options: &mut facilitator::Options| options.listing.networks = vec!["eip155:8453".to_owned()];
    let Some(stage) = Scene::new(asking("5s")).facilitator(elsewhere).start() else { return };
    known(&stage).await;
    pause(1_500).await;
    for _ in 0..8 {
        refused(&stage.ask(&RawRequest::get("/before/x")).await, 503, "facilitator_unavailable");
    }
    assert_eq!(stage.ask(&RawRequest::get("/free/x")).await.status, 200);
    let gap = "exact on eip155:84532: facilitator main does not settle it";
    assert_eq!(lines(&stage, gap), 2, "{}", stage.filter_log());
    stage.facilitator.list(|listing| listing.networks.push("eip155:84532".to_owned()));
    until("it is settled", || lines(&stage, "every offer is settled again") == 1).await;
    pause(1_500).await;
    paid(&stage.buy("/before/x", &stage.payment("/before/x").await).await);
}

#[tokio::test(flavor = "multi_thread")]
async fn off_is_off() {
    let mut config = asking("5s");
    config["facilitators"]["main"]["supported"] = "off".into();
    let Some(stage) = Scene::new(config).start() else { return };
    pause(3_000).await;
    assert!(stage.facilitator.inquiries().is_empty());
    assert_eq!(stage.ask(&RawRequest::get("/before/x")).await.status, 402);
    paid(&stage.buy("/before/x", &stage.payment("/before/x").await).await);
}

/// A leaving root does not wait for an answer that can wait: the listener drains.
#[tokio::test(flavor = "multi_thread")]
async fn a_root_that_leaves_does_not_wait_for_an_answer() {
    let mut config = asking("5s");
    config["facilitators"]["main"]["timeout"] = "30s".into();
    let Some(mut stage) = Scene::new(config.clone()).start_lds() else { return };
    stage.facilitator.fault(broken(FaultKind::Hang));
    until("somebody asks", || !stage.facilitator.inquiries().is_empty()).await;
    config["claims"] = json!({ "capacity": 77 });
    let update = stage.envoy.update_listener(&PluginConfig::Json(config)).expect("a verdict");
    assert_eq!(update, Update::Accepted);
    paid(&stage.buy("/before/new", &stage.payment("/before/new").await).await);
    assert_eq!(stage.envoy.stat("wasmcustom.x402.claims_table.capacity"), 77);
}
