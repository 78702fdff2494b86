//! When the VM itself goes (A15): the module is upgraded, or its last listener is taken away.

use x402_devstack::client::Answer;
use x402_devstack::payer::Payment;
use x402_live::{assert_pending, paid, pause, plugin, refused, sign, until, upgrade, Scene, Stage};

fn stage() -> Option<Stage> {
    Scene::new(plugin("5s")).start_lds()
}

/// Claims are the process's: the new module finds what the old one wrote.
#[tokio::test(flavor = "multi_thread")]
async fn a15_an_upgraded_module_knows_every_claim() {
    let Some(mut stage) = stage() else { return };
    let quote = stage.quote("/before/x").await;
    let (used, taken) = (sign(&quote), sign(&quote));
    paid(&stage.buy("/before/x", &used).await);
    assert_eq!(stage.buy("/before/x?status=500", &taken).await.status, 500);
    for version in 1..=3 {
        upgrade(&mut stage, version);
        refused(&stage.buy("/before/x", &used).await, 402, "payment_already_used");
        // The old VMs are gone once their listener has drained, and the claims are not.
        pause(1_500).await;
        refused(&stage.buy("/before/x", &used).await, 402, "payment_already_used");
    }
    paid(&stage.buy("/before/x", &taken).await);
    assert_eq!((stage.settled(&used), stage.settled(&taken)), ((1, 1), (1, 1)));
}

#[tokio::test(flavor = "multi_thread")]
async fn a15_an_upgrade_while_settling_answers_within_the_drain_time() {
    let Some(mut stage) = stage() else { return };
    for (version, path) in [(1, "/before/upgrade"), (2, "/after/upgrade")] {
        let payment = stage.payment(path).await;
        stage.settle_slowly(&payment, 600);
        let waiting = stage.under_way(path, &payment);
        until("the facilitator was called", || stage.facilitator.settles_of(payment.nonce) == 1).await;
        upgrade(&mut stage, version);
        paid(&waiting.await.unwrap());
        refused(&stage.buy(path, &payment).await, 402, "payment_already_used");
        assert_eq!(stage.settled(&payment), (1, 1));
    }
}

/// The last listener of the VM is taken away while the facilitator works, and put back.
async fn removed_while_settling(stage: &mut Stage, path: &str, ms: u64) -> (Answer, Answer, Payment) {
    let payment = stage.payment(path).await;
    stage.settle_slowly(&payment, ms);
    let waiting = stage.under_way(path, &payment);
    until("the facilitator was called", || stage.facilitator.settles_of(payment.nonce) == 1).await;
    stage.envoy.remove_listeners().expect("a verdict");
    let first = waiting.await.unwrap();
    until("the money moved", || stage.settled(&payment).1 == 1).await;
    pause(ms + 500).await;
    stage.envoy.restore_listeners().expect("a verdict");
    let second = stage.come_back(path, &payment).await;
    (first, second, payment)
}

#[tokio::test(flavor = "multi_thread")]
async fn a15_a_listener_removed_while_settling_answers_within_its_drain_time() {
    let Some(mut stage) = stage() else { return };
    for path in ["/before/drained", "/after/drained"] {
        let (first, second, payment) = removed_while_settling(&mut stage, path, 300).await;
        paid(&first);
        assert_only_the_chain_remembers(&stage, &second, &payment);
    }
}

/// Envoy cancels the callouts of a VM that nothing refers to any more, and tells nobody: the
/// drain time (600 s unless set; 1 s here) has to exceed the facilitator's timeout. What is
/// left is a payment in doubt.
#[tokio::test(flavor = "multi_thread")]
async fn a15_a_listener_removed_for_good_while_settling_leaves_the_payment_open() {
    let Some(mut stage) = stage() else { return };
    let path = "/before/removed";
    let (first, second, payment) = removed_while_settling(&mut stage, path, 2_000).await;
    assert_eq!(first.status, 0, "cut off: {first:?}");
    assert_only_the_chain_remembers(&stage, &second, &payment);
    assert_eq!(stage.upstream.hits(path), 0);
}

/// Envoy drops shared data with the last VM of its vm_id, and with it the claims. The chain
/// still refuses the authorisation: nothing is free, nobody is charged or asked again.
#[track_caller]
fn assert_only_the_chain_remembers(stage: &Stage, answer: &Answer, payment: &Payment) {
    assert_pending(answer, "after the last VM");
    assert_eq!(stage.settled(payment), (2, 1), "asked again, moved once");
}
