//! A table's layout changes with a release (A15): a process keeps the one it began with, and every
//! claim in it is honoured by the module that comes next.

use serde_json::{json, Value};

use x402_devstack::client::{RawConnection, RawRequest};
use x402_devstack::envoy::{PluginConfig, Update};
use x402_devstack::facilitator::{Fault, FaultKind};
use x402_devstack::payer::{Draft, Payment, Wallet};
use x402_live::{assert_pending, paid, pause, plugin, refused, until, upgrade, Scene, Stage};

fn config(layout: Option<u8>) -> Value {
    let mut config = plugin("3s");
    if let Some(layout) = layout {
        config["claims"] = json!({ "layout": layout });
    }
    config
}

async fn sign_by(stage: &Stage, wallet: &Wallet, target: &str) -> Payment {
    let quote = stage.quote(target).await;
    Draft::for_quote(wallet, &quote).expect("something payable").sign(wallet)
}

async fn sent(stage: &Stage, target: &str, payment: &Payment) -> RawConnection {
    let mut connection = RawConnection::open(stage.envoy.address()).await.unwrap();
    connection.send(&RawRequest::get(target).pay(payment)).await.unwrap();
    connection
}

/// As the first release began its process: claims in every state, then the release after it.
#[tokio::test(flavor = "multi_thread")]
async fn a15_claims_of_the_layout_before_are_honoured_in_every_state() {
    let Some(mut stage) = Scene::new(config(Some(1))).start_lds() else { return };
    let wallets: Vec<_> = (0..7).map(|_| Wallet::another()).collect();
    let before = "/before/layouts";
    let after = "/after/layouts";
    // Delivered, taken, open, credited.
    let delivered = sign_by(&stage, &wallets[0], before).await;
    paid(&stage.buy(before, &delivered).await);
    let taken = sign_by(&stage, &wallets[1], before).await;
    assert_eq!(stage.buy(&format!("{before}?status=500"), &taken).await.status, 500);
    let owed = sign_by(&stage, &wallets[2], before).await;
    assert_eq!(stage.buy(&format!("{before}?status=500"), &owed).await.status, 500);
    let open = sign_by(&stage, &wallets[3], before).await;
    stage.facilitator.fault(Fault::once(FaultKind::LostAnswer).nonce(open.nonce));
    assert_pending(&stage.buy(before, &open).await, "lost");
    let first = sign_by(&stage, &wallets[4], before).await;
    assert_eq!(stage.buy(&format!("{before}?status=500"), &first).await.status, 500);
    pause(100).await;
    let credited = sign_by(&stage, &wallets[4], before).await;
    paid(&stage.buy(before, &credited).await);
    assert_eq!(stage.settled(&credited), (0, 0));
    // Settling, and held while the upstream works.
    let settling = sign_by(&stage, &wallets[5], before).await;
    stage.settle_slowly(&settling, 1_500);
    let waits = sent(&stage, before, &settling).await;
    let held = sign_by(&stage, &wallets[6], after).await;
    let works = sent(&stage, &format!("{after}?delay=1500"), &held).await;
    until("both are at work", || {
        stage.facilitator.settles_of(settling.nonce) == 1 && stage.upstream.hits(after) == 1
    })
    .await;

    // The next release, which begins with another layout of its own.
    let update = stage.envoy.update_listener(&PluginConfig::Json(config(None))).expect("a verdict");
    assert_eq!(update, Update::Accepted);
    upgrade(&mut stage, 2);

    refused(&stage.come_back(before, &delivered).await, 402, "payment_already_used");
    paid(&stage.come_back(before, &taken).await);
    let next = sign_by(&stage, &wallets[2], before).await;
    paid(&stage.come_back(before, &next).await);
    assert_eq!(stage.settled(&next), (0, 0), "what was owed before is owed after");
    assert_pending(&stage.come_back(before, &open).await, "still open");
    let again = sign_by(&stage, &wallets[3], before).await;
    assert_pending(&stage.come_back(before, &again).await, "and nobody is charged twice");
    assert_eq!(stage.settled(&again), (0, 0));
    refused(&stage.come_back(before, &first).await, 402, "payment_already_used");
    refused(&stage.come_back(before, &credited).await, 402, "payment_already_used");
    drop((waits, works));
    for (target, payment) in [(before, &settling), (after, &held)] {
        let answer = stage.come_back(target, payment).await;
        // Whoever asked may have gone with its drain time, and nobody heard the answer then.
        match answer.status {
            200 => drop(paid(&answer)),
            503 => assert_pending(&answer, target),
            _ => refused(&answer, 402, "payment_already_used"),
        }
        assert_eq!(stage.settled(payment).1, 1, "{target}");
    }
    // New payments go on in the table there is.
    let fresh = stage.payment(before).await;
    paid(&stage.buy(before, &fresh).await);
    pause(50).await;
    refused(&stage.come_back(before, &fresh).await, 402, "payment_already_used");
}
