//! What only a real Envoy shows: requests at the same time, over two workers, and HTTP/2.

use std::sync::Arc;
use std::time::Duration;

use libtest_mimic::{Failed, Trial};
use tokio::runtime::Runtime;
use tokio::task::JoinSet;
use x402_devstack::client::{request, Answer, Http2, RawRequest};
use x402_devstack::payer::{Draft, Payment, Wallet};

use crate::envoy::{Fleet, InEnvoy};
use crate::rig::Rig;
use crate::shop::Shop;
use crate::stage::{refused, served};

/// Copies of one payment sent at once.
const COPIES: usize = 100;

type Play = fn(&InEnvoy, &Runtime);

/// The scenarios, under one value of `allow_on_headers_stop_iteration`.
pub fn trials(fleet: &Arc<Fleet>, allow: bool) -> Vec<Trial> {
    let rig = if allow { "envoy_allow" } else { "envoy" };
    let all: [(&str, Play); 5] = [
        ("a1_hundred_copies_at_once_before", |rig, runtime| copies(rig, runtime, "/v1/cheap", "0")),
        ("a1_hundred_copies_at_once_after", |rig, runtime| copies(rig, runtime, "/v1/late", "0")),
        ("a13_hundred_copies_while_the_first_is_upstream_before", |rig, runtime| {
            copies(rig, runtime, "/v1/cheap", "100")
        }),
        ("a13_hundred_copies_while_the_first_is_upstream_after", |rig, runtime| {
            copies(rig, runtime, "/v1/late", "100")
        }),
        ("spine_http2", http2),
    ];
    let each = all.into_iter().map(|(name, play)| {
        let fleet = Arc::clone(fleet);
        Trial::test(format!("{name}::{rig}"), move || {
            let rig = fleet.open(Shop::Open, allow)?;
            let runtime =
                tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build()?;
            play(&rig, &runtime);
            Ok::<(), Failed>(())
        })
    });
    each.collect()
}

fn ask(path: &str, delay: &str, marker: &str) -> RawRequest {
    let asked = RawRequest::get(path).header("host", "shop.example");
    asked.header("x-test-marker", marker).header("x-test-delay", delay)
}

fn paid(rig: &InEnvoy, runtime: &Runtime, asked: &RawRequest) -> Payment {
    let quote = runtime.block_on(request(rig.envoy().address(), asked)).quote().expect("a quote");
    let wallet = Wallet::dev(2);
    Draft::for_quote(&wallet, &quote).expect("payable").sign(&wallet)
}

/// However many come at once: one grant, one settlement, and nobody else is told to pay
/// while the first is at work.
fn copies(rig: &InEnvoy, runtime: &Runtime, path: &str, delay: &str) {
    for round in 0..ROUNDS {
        let marker = format!("copies-{}-{delay}-{round}", path.trim_start_matches('/'));
        let asked = ask(path, delay, &marker);
        let payment = paid(rig, runtime, &asked);
        let copy = asked.pay(&payment);
        let before = rig.world().upstream.marked(&marker);
        let answers = runtime.block_on(all_at_once(rig, &copy));
        let (granted, others): (Vec<_>, Vec<_>) = answers.iter().partition(|answer| answer.status == 200);
        assert_eq!(granted.len(), 1, "grants in round {round}");
        served(granted[0]);
        for other in others {
            match other.status {
                503 => refused(other, 503, "payment_in_flight"),
                _ => refused(other, 402, "payment_already_used"),
            }
        }
        assert_eq!(rig.world().upstream.marked(&marker) - before, 1, "requests upstream");
        assert_eq!(rig.world().facilitator.settles_of(payment.nonce), 1);
        assert_eq!(rig.world().facilitator.transfers_of(payment.nonce).len(), 1);
    }
}

/// Rounds of each; the first meets cold connections, the others warm ones.
const ROUNDS: usize = 5;

async fn all_at_once(rig: &InEnvoy, copy: &RawRequest) -> Vec<Answer> {
    let address = rig.envoy().address();
    let mut tasks = JoinSet::new();
    for _ in 0..COPIES {
        let copy = copy.clone();
        tasks.spawn(async move { request(address, &copy).await });
    }
    tasks.join_all().await
}

/// Paid over HTTP/2 with many streams on one connection; a copy of a payment is refused on it.
fn http2(rig: &InEnvoy, runtime: &Runtime) {
    runtime.block_on(async {
        let connection = Http2::open(rig.envoy().address()).await.expect("HTTP/2");
        for path in ["/v1/cheap", "/v1/late"] {
            let unpaid = connection.get(path, &[]).await;
            refused(&unpaid, 402, "payment_required");
            let wallet = Wallet::dev(3);
            let quote = unpaid.quote().expect("a quote");
            let payment = Draft::for_quote(&wallet, &quote).expect("payable").sign(&wallet);
            let header = payment.header();
            let headers = [("payment-signature", header.as_str())];
            served(&connection.get(path, &headers).await);
            tokio::time::sleep(Duration::from_millis(50)).await;
            refused(&connection.get(path, &headers).await, 402, "payment_already_used");
            assert_eq!(rig.world().facilitator.transfers_of(payment.nonce).len(), 1);
        }
    });
}
