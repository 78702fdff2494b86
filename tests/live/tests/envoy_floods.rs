//! A16: floods of what costs its sender nothing, on two workers that count together.
//!
//! Every flood comes from an address of its own, over as many connections as it takes to keep both
//! workers busy; beside it others pay.

use std::net::Ipv4Addr;
use std::time::{Duration, Instant};

use serde_json::{json, Value};
use tokio::task::JoinSet;

use x402_devstack::client::{Answer, RawConnection, RawRequest};
use x402_devstack::envoy::Options;
use x402_devstack::facilitator::{Fault, FaultKind};
use x402_devstack::payer::{Draft, Payment, Wallet};
use x402_live::{code, paid, pause, plugin, refused, sign, until, Scene, Stage};

const WORKERS: u64 = 2;
const CONNECTIONS: usize = 8;

/// Who floods, and who does not.
const LOUD: Ipv4Addr = Ipv4Addr::new(127, 0, 0, 66);
const QUIET: Ipv4Addr = Ipv4Addr::new(127, 0, 0, 7);

fn stage(limit: Value) -> Option<Stage> {
    Scene::new(limited(limit)).start()
}

fn limited(limit: Value) -> Value {
    let mut config = plugin("10s");
    config["limit"] = limit;
    config
}

/// What came of a flood.
#[derive(Debug, Default)]
struct Flood {
    /// Answers that were not 429.
    others: Vec<Answer>,
    limited: usize,
    /// Payments that were, whatever came of it.
    looked_at: usize,
    /// The longest wait asked for, in seconds.
    wait: u64,
    took: Duration,
}

impl Flood {
    fn see(&mut self, answer: Answer) {
        self.looked_at += usize::from(looked_at(&answer));
        if answer.status != 429 {
            return self.others.push(answer);
        }
        refused(&answer, 429, "rate_limited");
        assert_eq!(answer.header_text("cache-control"), Some("no-store"));
        let wait = answer.header_text("retry-after").and_then(|text| text.parse().ok());
        self.wait = self.wait.max(wait.expect("seconds"));
        self.limited += 1;
    }

    /// What a bucket can have given meanwhile.
    fn gained(&self, per_minute: u64) -> u64 {
        self.took.as_millis() as u64 * per_minute / 60_000 + 1
    }
}

/// Every request once, over a few connections from one address.
async fn flood(stage: &Stage, from: Ipv4Addr, requests: Vec<RawRequest>) -> Flood {
    let begun = Instant::now();
    let mut connections = JoinSet::new();
    let (address, share) = (stage.envoy.address(), requests.len().div_ceil(CONNECTIONS));
    for share in requests.chunks(share) {
        let share = share.to_vec();
        connections.spawn(async move {
            let mut connection = RawConnection::open_from(from, address).await.unwrap();
            let mut answers = Vec::new();
            for ask in share {
                answers.push(connection.exchange(&ask).await);
            }
            answers
        });
    }
    let mut flood = Flood::default();
    while let Some(answers) = connections.join_next().await {
        answers.unwrap().into_iter().for_each(|answer| flood.see(answer));
    }
    flood.took = begun.elapsed();
    flood
}

async fn ask_from(stage: &Stage, from: Ipv4Addr, ask: &RawRequest) -> Answer {
    RawConnection::open_from(from, stage.envoy.address()).await.unwrap().exchange(ask).await
}

fn forged(payment: &Payment) -> Payment {
    let mut draft = Draft::new(&Wallet::dev(0), &payment.requirements).expect("payable");
    draft.from = Wallet::dev(1).address();
    draft.sign(&Wallet::dev(2))
}

/// Both workers know that the source has used up its failures.
async fn wait_out(flood: &Flood) {
    pause(flood.wait * 1_000 + 100).await;
}

/// Whether the payment was looked at: what is refused unseen may be anything.
fn looked_at(answer: &Answer) -> bool {
    answer.status != 429 || answer.json()["paymentState"] == "none"
}

/// Fifteen hundred forged ones where accounts or every wallet are taken; how often the
/// facilitator was asked.
async fn forgeries(wallets: &str) -> Option<usize> {
    const BURST: u64 = 40;
    let mut config = limited(json!({ "failures": { "perMinute": 600, "burst": BURST } }));
    config["wallets"] = json!(wallets);
    let stage = Scene::new(config).start()?;
    let honest = stage.payment("/before/honest").await;
    let bad = RawRequest::get("/before/x").pay(&forged(&honest));
    let first = flood(&stage, LOUD, vec![bad.clone(); 1_500]).await;
    for answer in &first.others {
        refused(answer, 402, "invalid_exact_evm_signature");
    }
    let seen = first.looked_at as u64;
    // Each worker looks at one more whenever it learns of the limit anew: once a second at most.
    let anew = WORKERS * (1 + first.took.as_secs());
    assert!(seen >= BURST, "{seen}");
    // Those under way when the last was counted are beyond it.
    let most = BURST + first.gained(600) + anew + CONNECTIONS as u64;
    assert!(seen <= most, "{seen} were looked at in {:?}", first.took);
    let calls = stage.facilitator.calls().len();
    // Whoever else comes is served, and the source itself after the wait.
    paid(&ask_from(&stage, QUIET, &RawRequest::get("/before/honest").pay(&honest)).await);
    let late = stage.payment("/before/late").await;
    wait_out(&first).await;
    paid(&ask_from(&stage, LOUD, &RawRequest::get("/before/late").pay(&late)).await);
    assert!(looked_at(&ask_from(&stage, LOUD, &bad).await));
    Some(calls)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a16_a_flood_of_forged_payments_calls_nobody_and_is_not_looked_at() {
    assert!(forgeries("eoa").await.is_none_or(|calls| calls == 0));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a16_a_flood_of_what_may_be_wallets_costs_a_bounded_number_of_calls_and_looks() {
    assert!(forgeries("any").await.is_none_or(|calls| (20..=20 + 30).contains(&calls)));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a16_a_flood_of_rejected_payments_costs_a_bounded_number_of_calls() {
    const BURST: u64 = 10;
    let Some(stage) = stage(json!({ "failures": { "perMinute": 30, "burst": BURST } })) else { return };
    let quote = stage.quote("/before/poor").await;
    let poor = Wallet::unfunded();
    let draft = || Draft::for_quote(&poor, &quote).expect("payable").sign(&poor);
    let requests = (0..300).map(|_| RawRequest::get("/before/poor").pay(&draft())).collect();
    let first = flood(&stage, LOUD, requests).await;
    for answer in &first.others {
        refused(answer, 402, "insufficient_funds");
    }
    let calls = stage.facilitator.calls().len() as u64;
    assert_eq!(calls, first.others.len() as u64);
    // Those under way when the last was counted are beyond it.
    let most = BURST + CONNECTIONS as u64 + first.gained(30);
    assert!((BURST..=most).contains(&calls), "{calls} calls in {:?}", first.took);
    paid(&ask_from(&stage, QUIET, &RawRequest::get("/before/rich").pay(&sign(&quote))).await);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a16_a_flood_of_unpaid_requests_is_told_the_price_so_often_and_can_still_pay() {
    // By sample above a burst of 128: one in sixteen, and each worker lets pass 30 at most unseen.
    for (burst, unseen) in [(2, 0), (100, 0), (1_024, 30)] {
        let limit = json!({ "challenges": { "perMinute": 600, "burst": burst } });
        let Some(stage) = stage(limit) else { return };
        let payment = stage.payment("/before/flood").await;
        let unpaid = RawRequest::get("/before/flood");
        let first = flood(&stage, LOUD, vec![unpaid.clone(); 3_000]).await;
        for answer in &first.others {
            refused(answer, 402, "payment_required");
        }
        let quoted = first.others.len() as u64;
        // Unseen ones are let pass anew whenever a token came back: once a second at most.
        let anew = WORKERS * unseen * (1 + first.took.as_secs());
        assert!(quoted >= burst, "{quoted} of {burst}");
        assert!(quoted <= burst + first.gained(600) + anew, "{quoted} of {burst} in {:?}", first.took);
        assert_eq!(ask_from(&stage, QUIET, &unpaid).await.status, 402, "another source is told");
        paid(&ask_from(&stage, LOUD, &RawRequest::get("/before/flood").pay(&payment)).await);
        wait_out(&first).await;
        pause(1_000 * unseen * WORKERS / 10).await;
        refused(&ask_from(&stage, LOUD, &unpaid).await, 402, "payment_required");
    }
}

/// Copies of a payment that is in flight are somebody's retries: the payer is not kept from paying
/// by them. Once it was used, they are a flood like any other.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a16_copies_count_once_the_payment_was_used() {
    const BURST: u64 = 5;
    let Some(stage) = stage(json!({ "failures": { "perMinute": 30, "burst": BURST } })) else { return };
    let payment = stage.payment("/before/copies").await;
    let slow = RawRequest::get("/before/copies?delay=1500").pay(&payment);
    let original = {
        let (address, slow) = (stage.envoy.address(), slow.clone());
        tokio::spawn(
            async move { RawConnection::open_from(LOUD, address).await.unwrap().exchange(&slow).await },
        )
    };
    pause(300).await;
    let copies = flood(&stage, LOUD, vec![slow.clone(); 100]).await;
    assert!(copies.others.iter().all(|answer| code(answer) == "payment_in_flight"), "{copies:?}");
    assert_eq!(copies.limited, 0);
    paid(&original.await.unwrap());
    pause(100).await;
    let replays = flood(&stage, LOUD, vec![slow; 200]).await;
    let looked_at = replays.others.len() as u64;
    assert!(replays.others.iter().all(|answer| code(answer) == "payment_already_used"));
    assert!(looked_at <= BURST + WORKERS + replays.gained(30), "{looked_at}");
    assert_eq!(stage.settled(&payment), (1, 1));
}

/// What the facilitator fails at is open, takes room for long, and costs its sender nothing.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a16_what_a_facilitator_fails_at_counts_against_its_sender() {
    const BURST: u64 = 5;
    let Some(stage) = stage(json!({ "failures": { "perMinute": 30, "burst": BURST } })) else { return };
    let quote = stage.quote("/before/open").await;
    let said = json!({ "success": false, "errorReason": "unexpected_settle_error", "transaction": "",
        "network": "eip155:84532" });
    let failure = FaultKind::Status { code: 500, body: said.to_string() };
    let requests = (0..60).map(|_| {
        let wallet = Wallet::another();
        let payment = Draft::for_quote(&wallet, &quote).expect("payable").sign(&wallet);
        stage.facilitator.fault(Fault::always(failure.clone()).nonce(payment.nonce));
        RawRequest::get("/before/open").pay(&payment)
    });
    let first = flood(&stage, LOUD, requests.collect()).await;
    for answer in &first.others {
        refused(answer, 503, "settlement_pending");
    }
    let opened = first.others.len() as u64;
    // Those under way when the last was counted are beyond it.
    let most = BURST + CONNECTIONS as u64 + WORKERS + first.gained(30);
    assert!((BURST..=most).contains(&opened), "{opened} in {:?}", first.took);
    paid(&ask_from(&stage, QUIET, &RawRequest::get("/before/other").pay(&sign(&quote))).await);
}

/// Nobody pays for what is under way when he leaves: the upstream's work under `after`, a call to the
/// facilitator under either. One signature could have it again and again.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a16_who_leaves_before_he_has_paid_is_a_failure() {
    const BURST: u64 = 5;
    let limit = json!({ "failures": { "perMinute": 30, "burst": BURST } });
    let Some(stage) = stage(limit) else { return };
    let begun = Instant::now();
    for (at, path) in [(1, "/after/leaving"), (2, "/before/leaving")] {
        let from = Ipv4Addr::new(127, 0, 0, 70 + at);
        let poor = Wallet::unfunded();
        let quote = stage.quote(path).await;
        let payment = Draft::for_quote(&poor, &quote).expect("payable").sign(&poor);
        let ask = RawRequest::get(format!("{path}?delay=2000")).pay(&payment);
        let worked = || stage.upstream.hits(path) + stage.facilitator.settles_of(payment.nonce);
        let (mut left, mut failed) = (0, 0);
        loop {
            if path.starts_with("/before") {
                stage.settle_slowly(&payment, 600);
            }
            let mut connection = RawConnection::open_from(from, stage.envoy.address()).await.unwrap();
            connection.send(&ask).await.unwrap();
            let before = worked();
            let answer = tokio::select! {
                answer = connection.read(false) => Some(answer),
                () = until("somebody is at work for it", || worked() > before) => None,
            };
            match answer {
                // The one before is not over yet.
                Some(answer) if code(&answer) == "payment_in_flight" => {
                    pause(200).await;
                    continue;
                }
                // Seen too late to leave: it has failed all the same.
                Some(answer) if code(&answer) == "insufficient_funds" => {}
                Some(answer) => {
                    refused(&answer, 429, "rate_limited");
                    break;
                }
                None => left += 1,
            }
            connection.abort();
            failed += 1;
            assert!(
                failed <= BURST + WORKERS + begun.elapsed().as_secs() / 2 + 1,
                "{failed} times on {path}"
            );
            pause(400).await;
        }
        assert!(failed >= BURST && left * 2 > failed, "{left} of {failed} left");
        paid(&ask_from(&stage, QUIET, &RawRequest::get(path).pay(&sign(&quote))).await);
    }
}

/// Behind a load balancer: the address it names is the source, IPv6 by the /64.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a16_sources_are_those_a_trusted_proxy_names_and_ipv6_counts_by_prefix() {
    let trust = |tree: &mut Value| {
        let manager = "/static_resources/listeners/0/filter_chains/0/filters/0/typed_config";
        tree.pointer_mut(manager).expect("the connection manager")["xff_num_trusted_hops"] = json!(1);
    };
    let config = limited(json!({
        "challenges": { "perMinute": 1, "burst": 4 }, "failures": { "perMinute": 1, "burst": 4 },
    }));
    let Some(stage) = Scene::new(config).envoy(|envoy: Options| envoy.edit(trust)).start() else { return };
    let from = |source: &str| RawRequest::get("/before/x").header("x-forwarded-for", source);
    let broken = |source: &str| from(source).header("payment-signature", "e30=");
    for (n, source) in ["2001:db8:0:1::1", "2001:db8:0:1::2", "2001:db8:0:1:ffff::3", "2001:db8:0:1:a:b:c:d"]
        .iter()
        .enumerate()
    {
        assert_eq!(stage.ask(&from(source)).await.status, 402, "{n}");
        assert_eq!(stage.ask(&broken(source)).await.status, 402, "{n}");
    }
    refused(&stage.ask(&from("2001:db8:0:1:9::9")).await, 429, "rate_limited");
    let mut told = 0;
    for _ in 0..20 {
        told += u64::from(stage.ask(&broken("2001:db8:0:1:9::9")).await.status == 402);
    }
    assert!(told < WORKERS, "{told}");
    for other in ["2001:db8:0:2::1", "192.0.2.1", "192.0.2.2", "::1"] {
        refused(&stage.ask(&from(other)).await, 402, "payment_required");
        refused(&stage.ask(&broken(other)).await, 402, "invalid_payload");
    }
    // What a client writes before the balancer's own word does not make another source of it.
    refused(&stage.ask(&from("198.51.100.9, 2001:db8:0:1::5")).await, 429, "rate_limited");
    for port in 0..3 {
        let _ = stage.ask(&from(&format!("192.0.2.1:{port}"))).await;
    }
    let mapped = stage.ask(&from("::ffff:192.0.2.2")).await;
    assert_eq!(mapped.status, 402);
}
