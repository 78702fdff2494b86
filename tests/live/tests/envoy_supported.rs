//! `/supported` on a timer: one worker asks, all know, a restart forgets nothing it was told.

use std::time::Instant;

use serde_json::{json, Value};

use x402_devstack::client::RawRequest;
use x402_devstack::envoy::{PluginConfig, Update};
use x402_devstack::facilitator::{Fault, FaultKind, Operation};
use x402_live::{assert_pending, paid, pause, plugin, until, Scene, Stage};

/// The plugin's configuration, asking this often.
fn asking(every: &str) -> Value {
    let mut config = plugin("2s");
    config["facilitators"]["main"]["supported"] = json!({ "every": every });
    config
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
    until("it is asked again", || stage.facilitator.inquiries().len() >= 4).await;
    pause(500).await;
    assert_eq!(lines(&stage, line), 1, "{}", stage.filter_log());
    stage.facilitator.clear_faults();
    let begun = Instant::now();
    while standing(&stage) != 1 {
        assert!(begun.elapsed().as_secs() < 40, "{}", stage.filter_log());
        pause(100).await;
    }
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
