//! A16: what payers get while somebody else floods. The same floods for longer, and without limits,
//! are `make bench-floods`.

use std::time::Duration;

use serde_json::json;

use x402_live::flood::{measure, stage, steady};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a16_payers_are_served_beside_a_flood() {
    let Some(stage) = stage(json!({})) else { return };
    // Whatever else the machine does takes from payers beside the flood more than from payers alone.
    let mut seen = Vec::new();
    for _ in 0..3 {
        let ratios = measure("limited", &stage, 3, Duration::from_millis(1_000)).await;
        if ratios.iter().all(|ratio| *ratio >= 0.5) {
            return;
        }
        seen.push(ratios);
    }
    panic!("{seen:?} of what payers get alone");
}

/// Where there is room for the flood beside them, it costs payers nothing: those who come at a rate below
/// what this Envoy can do are all served, and soon.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a16_payers_at_a_steady_rate_lose_nothing_beside_a_flood() {
    let Some(stage) = stage(json!({})) else { return };
    let beside = steady("limited", &stage, 50, 1, Duration::from_secs(3)).await;
    assert!(beside.iter().all(|one| one.served >= 0.99), "{beside:?}");
}
