//! Two Envoys behind one balancer (A1, A15): what holds without a store of claims in common.

use x402_live::{assert_pending, code, paid, plugin, refused, Replicas, Scene};

async fn pair(timeout: &str) -> Option<Replicas> {
    Scene::new(plugin(timeout)).start_replicas(2)
}

/// The chain's nonce is what the replicas have in common: whoever comes second to another
/// Envoy is told that the outcome is open, and is charged nothing.
#[tokio::test(flavor = "multi_thread")]
async fn a1_a_payment_settled_before_is_granted_once_by_two_envoys() {
    let Some(both) = pair("5s").await else { return };
    let stage = &both.stage;
    for first in [0, 1] {
        let path = format!("/before/replicas-{first}");
        let payment = stage.payment(&path).await;
        both.pin(first);
        paid(&stage.buy(&path, &payment).await);
        both.pin(1 - first);
        for _ in 0..3 {
            assert_pending(&stage.buy(&path, &payment).await, "the other Envoy");
        }
        both.pin(first);
        refused(&stage.buy(&path, &payment).await, 402, "payment_already_used");
        assert_eq!(stage.settled(&payment).1, 1);
        assert_eq!(stage.upstream.hits(&path), 1);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a1_copies_raced_over_two_envoys_settled_before_are_one_grant() {
    let Some(both) = pair("5s").await else { return };
    let stage = &both.stage;
    both.pin(None);
    for round in 0..10 {
        let path = format!("/before/raced-{round}");
        let payment = stage.payment(&path).await;
        let racing: Vec<_> = (0..20).map(|_| stage.under_way(&path, &payment)).collect();
        let mut granted = 0;
        for copy in racing {
            let answer = copy.await.unwrap();
            match answer.status {
                200 => granted += 1,
                503 => assert!(matches!(&*code(&answer), "payment_in_flight" | "settlement_pending")),
                _ => refused(&answer, 402, "payment_already_used"),
            }
        }
        // Where the copies tie, the loser's settlement is reverted, which proves nothing.
        assert_eq!(granted, 1, "round {round}");
        assert_eq!((stage.settled(&payment).1, stage.upstream.hits(&path)), (1, 1));
    }
    assert!(both.balancer.taken().iter().all(|taken| *taken > 50), "{:?}", both.balancer.taken());
}

/// Under `after` the second Envoy's upstream works for nothing; the response stays held.
#[tokio::test(flavor = "multi_thread")]
async fn a1_a_payment_settled_after_is_released_once_by_two_envoys() {
    let Some(both) = pair("5s").await else { return };
    let stage = &both.stage;
    let path = "/after/replicas";
    let payment = stage.payment(path).await;
    both.pin(0);
    paid(&stage.buy(path, &payment).await);
    both.pin(1);
    let other = stage.buy(path, &payment).await;
    assert_pending(&other, "the other Envoy");
    assert!(!other.text().contains("\"upstream\""), "held");
    assert_eq!(stage.settled(&payment).1, 1);
}
