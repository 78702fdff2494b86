//! One payment, a hundred copies at once, two workers: one grant, one settlement.

use std::sync::Arc;

use x402_devstack::client::{Answer, Http2, RawConnection, RawRequest};
use x402_devstack::payer::{HexCase, KeyOrder, Payment, SignatureForm, Style};
use x402_live::{code, paid, plugin, refused, sign, transaction, Scene, Stage};

const COPIES: usize = 100;
const ROUNDS: usize = 50;

/// The same authorisation in other bytes (A2). None is the first one's equal as a header.
fn styles() -> Vec<Style> {
    let orders = [KeyOrder::Sdk, KeyOrder::Sorted, KeyOrder::Reversed];
    let cases = [HexCase::Sdk, HexCase::Lower, HexCase::Upper];
    let with = |order, hex| Style { order, hex, ..Style::default() };
    orders.into_iter().flat_map(|order| cases.map(|hex| with(order, hex))).collect()
}

/// What the copies came to.
#[derive(Debug, Default, PartialEq)]
struct Tally {
    granted: usize,
    in_flight: usize,
    already_used: usize,
}

/// Counts the answers; any that must not be there panics.
fn tally(answers: &[Answer]) -> Tally {
    let mut tally = Tally::default();
    let original = answers.iter().find(|answer| answer.status == 200).map(paid);
    for answer in answers {
        match (answer.status, code(answer).as_str()) {
            (200, _) => {
                assert_eq!(answer.json()["upstream"], "upstream", "content");
                tally.granted += 1;
            }
            (503, "payment_in_flight") => {
                refused(answer, 503, "payment_in_flight");
                assert_eq!(answer.header_text("retry-after"), Some("1"));
                tally.in_flight += 1;
            }
            (402, "payment_already_used") => {
                assert_eq!(transaction(answer), original, "the original receipt");
                tally.already_used += 1;
            }
            _ => panic!("{answer:?}"),
        }
    }
    tally
}

/// What has to hold after every round.
async fn settle_up(stage: &Stage, target: &str, marker: &str, payment: &Payment, answers: &[Answer]) {
    let tally = tally(answers);
    assert_eq!(tally.granted, 1, "{marker}: {tally:?}");
    assert_eq!(stage.upstream.marked(marker), 1, "{marker}: upstream");
    assert_eq!(stage.settled(payment), (1, 1), "{marker}: settlements, transfers");
    let again = stage.buy(target, payment).await;
    refused(&again, 402, "payment_already_used");
}

fn target(kind: &str, marker: &str, round: usize) -> String {
    let delay = 50 + 150 * round / ROUNDS;
    format!("/{kind}/race?delay={delay}&marker={marker}")
}

async fn race(kind: &str) {
    let Some(stage) = Scene::new(plugin("10s")).latency(20).start() else {
        return;
    };
    let stage = Arc::new(stage);
    let quote = stage.quote(&format!("/{kind}/race")).await;
    let mut connections = Vec::new();
    for _ in 0..COPIES {
        connections.push(RawConnection::open(stage.envoy.address()).await.unwrap());
    }
    let styles = styles();
    let mut refusals = Tally::default();
    for round in 0..ROUNDS {
        let payment = sign(&quote);
        let marker = format!("{kind}-{round}");
        let target = target(kind, &marker, round);
        let racing: Vec<_> = connections
            .into_iter()
            .enumerate()
            .map(|(at, mut connection)| {
                let header = payment.styled(&styles[at % styles.len()]);
                let ask = RawRequest::get(&target).header("PAYMENT-SIGNATURE", header);
                tokio::spawn(async move { (connection.exchange(&ask).await, connection) })
            })
            .collect();
        let mut answers = Vec::new();
        connections = Vec::new();
        for copy in racing {
            let (answer, connection) = copy.await.unwrap();
            answers.push(answer);
            connections.push(connection);
        }
        settle_up(&stage, &target, &marker, &payment, &answers).await;
        let counted = tally(&answers);
        refusals.in_flight += counted.in_flight;
        refusals.already_used += counted.already_used;
    }
    assert!(refusals.in_flight > 0, "nothing ever raced");
    assert_both_workers_took_part(&stage);
}

fn assert_both_workers_took_part(stage: &Stage) {
    let stats = stage.envoy.stats();
    for worker in ["worker_0", "worker_1"] {
        let connections: u64 = stats
            .0
            .iter()
            .filter(|(name, _)| name.starts_with("listener.127.0.0.1_"))
            .filter(|(name, _)| name.ends_with(&format!("{worker}.downstream_cx_total")))
            .map(|(_, count)| count)
            .sum();
        assert!(connections >= 20, "{worker} took {connections} of {COPIES}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a1_a2_a_hundred_copies_over_two_workers_are_one_grant_settled_before() {
    race("before").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a1_a2_a_hundred_copies_over_two_workers_are_one_grant_settled_after() {
    race("after").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a1_a_hundred_streams_of_one_http2_connection_are_one_grant() {
    let Some(stage) = Scene::new(plugin("10s")).latency(20).start() else {
        return;
    };
    for round in 0..20 {
        let kind = if round % 2 == 0 { "before" } else { "after" };
        let payment = stage.payment(&format!("/{kind}/race")).await;
        let marker = format!("h2-{round}");
        let target = target(kind, &marker, round);
        let connection = Http2::open(stage.envoy.address()).await.unwrap();
        let racing: Vec<_> = (0..COPIES)
            .map(|_| {
                let (connection, target, header) = (connection.clone(), target.clone(), payment.header());
                tokio::spawn(async move { connection.get(&target, &[("payment-signature", &header)]).await })
            })
            .collect();
        let mut answers = Vec::new();
        for copy in racing {
            answers.push(copy.await.unwrap());
        }
        settle_up(&stage, &target, &marker, &payment, &answers).await;
    }
}

/// The twin of a signature that recovers to the same payer is refused for itself, and does
/// not disturb the payment that is at work.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a2_twins_of_the_signature_never_reach_the_claim() {
    let Some(stage) = Scene::new(plugin("10s")).latency(20).start() else {
        return;
    };
    for kind in ["before", "after"] {
        let payment = stage.payment(&format!("/{kind}/twins")).await;
        let target = format!("/{kind}/twins?delay=300&marker=twins-{kind}");
        let forms = [SignatureForm::HighS, SignatureForm::ZeroOneV, SignatureForm::Compact];
        let genuine = async { paid(&stage.buy(&target, &payment).await) };
        let twins = async {
            x402_live::pause(100).await;
            for form in forms {
                let twin = payment.clone().sign_as(form);
                let answer = stage.buy(&target, &twin).await;
                assert_eq!(answer.status, 402, "{form:?}: {answer:?}");
                assert!(code(&answer).starts_with("invalid_"), "{form:?}: {answer:?}");
            }
        };
        tokio::join!(genuine, twins);
        assert_eq!(stage.settled(&payment), (1, 1));
        assert_eq!(stage.upstream.marked(&format!("twins-{kind}")), 1);
    }
}
