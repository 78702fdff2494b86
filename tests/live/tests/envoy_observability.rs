//! What the operator counts and finance reconciles: Prometheus, and one record per decision
//! in the access log.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{json, Value};

use x402_devstack::client::{Http2, RawConnection, RawRequest};
use x402_devstack::envoy::Sample;
use x402_devstack::facilitator::{Fault, FaultKind};
use x402_devstack::payer::{Draft, Payment, Wallet};
use x402_live::{furnished, paid, pause, refused, sign, until, Scene, Stage};

fn stage() -> Option<Stage> {
    Scene::new(furnished("500ms")).start()
}

/// Samples of one name, by the value of one label.
fn by_label(samples: &[Sample], name: &str, label: &str) -> BTreeMap<String, f64> {
    let mut found = BTreeMap::new();
    for sample in samples.iter().filter(|sample| sample.name == name) {
        let key = sample.labels.get(label).cloned().unwrap_or_default();
        *found.entry(key).or_default() += sample.value;
    }
    found
}

fn gauge(samples: &[Sample], name: &str) -> f64 {
    by_label(samples, name, "").get("").copied().unwrap_or(f64::NAN)
}

fn requests(samples: &[Sample], route: &str, outcome: &str) -> f64 {
    let here = |sample: &&Sample| {
        let is = |label: &str, value: &str| sample.labels.get(label).is_some_and(|v| v == value);
        sample.name == "x402_requests" && is("x402_route", route) && is("x402_outcome", outcome)
    };
    samples.iter().filter(here).map(|sample| sample.value).sum()
}

/// A burst of every fate there is, then the gauges: what is at work is nothing again, and
/// the states add up to the entries.
#[tokio::test(flavor = "multi_thread")]
async fn gauges_and_counters_agree_with_what_happened_after_a_burst() {
    let Some(stage) = stage() else { return };
    let path = "/before/burst";
    let quote = stage.quote(path).await;
    let many = |count: usize| (0..count).map(|_| sign(&quote)).collect::<Vec<Payment>>();
    let (sold, lost, poor, failed, left) = (many(30), many(3), many(4), many(5), many(6));
    let http2 = Http2::open(stage.envoy.address()).await.unwrap();
    let other = Http2::open(stage.envoy.address()).await.unwrap();
    for payment in &lost {
        stage.facilitator.fault(Fault::once(FaultKind::ResetAfter).nonce(payment.nonce));
    }
    for payment in &poor {
        let reject = FaultKind::Reject { reason: "insufficient_funds".into() };
        stage.facilitator.fault(Fault::once(reject).nonce(payment.nonce));
    }
    let mut asked = Vec::new();
    for (at, payment) in sold.iter().chain(&lost).chain(&poor).chain(&failed).enumerate() {
        let connection = if at % 2 == 0 { http2.clone() } else { other.clone() };
        let header = payment.header();
        let target = if failed.iter().any(|failed| failed.nonce == payment.nonce) {
            format!("{path}?status=500")
        } else {
            path.to_owned()
        };
        asked.push(tokio::spawn(async move {
            connection.get(&target, &[("payment-signature", &header)]).await.status
        }));
    }
    for payment in &left {
        let mut connection = RawConnection::open(stage.envoy.address()).await.unwrap();
        let ask = RawRequest::get(format!("{path}?delay=2000")).pay(payment);
        connection.send(&ask).await.unwrap();
        until("it is paid", || stage.settled(payment).1 == 1).await;
        pause(100).await;
        connection.abort();
    }
    let mut statuses = BTreeMap::<u16, usize>::new();
    for status in asked {
        *statuses.entry(status.await.unwrap()).or_default() += 1;
    }
    assert_eq!(statuses, [(200, 30), (402, 4), (500, 5), (503, 3)].into());
    let expected = [
        ("credited", 0.0),
        ("delivered", 30.0),
        ("held", 0.0),
        ("redeeming", 0.0),
        ("settling", 0.0),
        ("taken", 11.0),
        ("unknown", 3.0),
    ];
    let expected: BTreeMap<_, _> = expected.map(|(state, count)| (state.to_owned(), count)).into();
    let mut samples = Vec::new();
    until("the gauges rest", || {
        samples = stage.envoy.prometheus();
        by_label(&samples, "x402_claims", "x402_state") == expected
    })
    .await;
    assert_eq!(gauge(&samples, "x402_claims_table_entries"), 44.0);
    assert_eq!(gauge(&samples, "x402_claims_table_capacity"), 131_072.0);
    for (outcome, count) in
        [("quoted", 1.0), ("delivered", 30.0), ("pending", 3.0), ("rejected", 4.0), ("undelivered", 11.0)]
    {
        assert_eq!(requests(&samples, "before", outcome), count, "{outcome}");
    }
    // Envoy merges histograms every five seconds.
    let calls = |samples: &[Sample]| {
        let settles = |sample: &&Sample| sample.labels.get("x402_endpoint").is_some_and(|at| at == "settle");
        let settles: Vec<_> = samples.iter().filter(settles).cloned().collect();
        by_label(&settles, "x402_facilitator_ms_count", "x402_result")
    };
    until("the histogram is merged", || {
        samples = stage.envoy.prometheus();
        calls(&samples).values().sum::<f64>() >= 48.0
    })
    .await;
    let calls = calls(&samples);
    assert_eq!((calls["accepted"], calls["rejected"]), (41.0, 4.0));
    // Three are open, and the timer asks about each again.
    assert!(calls["unknown"] >= 3.0, "{calls:?}");
    for name in ["x402_facilitator_ms_count", "x402_facilitator_supported", "x402_facilitator_supported_age"]
    {
        let labelled = samples.iter().find(|sample| sample.name == name).unwrap();
        assert_eq!(labelled.labels["x402_facilitator"], "main", "{name}");
    }
    assert_eq!(gauge(&samples, "x402_facilitator_supported"), 1.0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a19_labels_stay_few_whatever_paths_hosts_and_payers_come() {
    let Some(stage) = stage() else { return };
    let quote = stage.quote("/before/x").await;
    let series = |samples: &[Sample]| -> BTreeSet<String> {
        let ours = samples
            .iter()
            .filter(|sample| sample.name.starts_with("x402_") && !sample.name.ends_with("_bucket"));
        ours.map(|sample| format!("{} {:?}", sample.name, sample.labels)).collect()
    };
    let mut grown = Vec::new();
    for round in 0..2 {
        for at in 0..200u64 {
            let number = round * 1_000 + at;
            let wallet = Wallet::numbered(number);
            let payment = Draft::for_quote(&wallet, &quote).unwrap().sign(&wallet);
            let path = ["before", "after", "nowhere", "free", "tiles"][at as usize % 5];
            let target = format!("/{path}/{number}?n={number}");
            let ask = RawRequest::new(["GET", "POST"][at as usize % 2], target);
            let ask = ask.header("host", format!("h{number}.test")).header("user-agent", number.to_string());
            let ask = if at % 3 == 0 { ask } else { ask.pay(&payment) };
            let answer = stage.ask(&ask).await;
            assert!([200, 402, 403].contains(&answer.status), "{answer:?}");
        }
        grown.push(series(&stage.envoy.prometheus()));
    }
    // A histogram's first merge may add its own; nothing else grows.
    let requests = |set: &BTreeSet<String>| {
        set.iter().filter(|name| name.starts_with("x402_requests")).cloned().collect::<BTreeSet<_>>()
    };
    assert_eq!(requests(&grown[0]), requests(&grown[1]));
    assert!(grown[1].len() < 40, "{:#?}", grown[1]);
    let routes = by_label(&stage.envoy.prometheus(), "x402_requests", "x402_route");
    let routes: Vec<_> = routes.keys().map(String::as_str).collect();
    assert_eq!(routes, ["after", "before", "free", "tiles", "unmatched"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_record_has_every_field_and_the_same_receipt_id_for_the_same_payment() {
    let Some(stage) = stage() else { return };
    let payment = stage.payment("/tiles/7").await;
    let transaction = {
        let failed = stage.buy("/tiles/7?status=502", &payment).await;
        assert_eq!(failed.status, 502);
        stage.facilitator.transfers_of(payment.nonce)[0].transaction.to_string()
    };
    let answer = stage.buy("/tiles/7", &payment).await;
    assert_eq!(paid(&answer), transaction);
    refused(&stage.buy("/tiles/7", &payment).await, 402, "payment_already_used");
    let lines = stage.log_of("/tiles/7", 4).await;
    let records: Vec<_> = lines.iter().map(|line| &line["x402"]).collect();
    let outcomes: Vec<_> = records.iter().map(|record| record["outcome"].as_str().unwrap()).collect();
    assert_eq!(outcomes, ["quoted", "undelivered", "redeemed", "replayed"]);
    let redeemed = json!({
        "v": 1, "requestId": lines[2]["requestId"], "route": "tiles", "offer": "tile",
        "seller": "acme", "sku": "tile-v1", "labels": { "team": "maps", "tenant": "t-17" },
        "payer": payment.payer.to_string(), "amount": "2000",
        "asset": payment.requirements["asset"], "network": "eip155:84532",
        "outcome": "redeemed", "transaction": transaction,
        "receiptId": records[1]["receiptId"], "upstreamStatus": 200,
    });
    assert_eq!(*records[2], redeemed);
    assert_eq!(records[3]["code"], "payment_already_used");
    assert_eq!((&records[1]["upstreamStatus"], &records[3]["upstreamStatus"]), (&json!(502), &Value::Null));
    let id = records[1]["receiptId"].as_str().unwrap();
    assert!(id.len() == 32 && id.bytes().all(|byte| byte.is_ascii_hexdigit()), "{id}");
    for record in &records[1..] {
        assert_eq!((&record["receiptId"], &record["transaction"]), (&json!(id), &json!(transaction)));
    }
    assert_eq!(records[0]["code"], "payment_required");
    // The upstream may file it under the same id.
    let headers = answer.json()["headers"].to_string();
    assert!(headers.contains(id) && headers.contains(&payment.payer.to_string()), "{headers}");
}
