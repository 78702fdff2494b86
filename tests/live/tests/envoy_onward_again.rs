//! Redirects to what is sold here, and calls that came to nothing (A17): an application calls its URL until it
//! has its content, by a client that signs anew for each call and follows with what it signed. It is charged once.

use serde_json::{json, Value};
use x402_devstack::client::Answer;
use x402_devstack::payer::{Draft, Payment, Wallet};
use x402_live::{paid, plugin, refused, Scene, Stage};

/// `/old/…` and `/new/…` as well, which cost the same.
fn renamed() -> Value {
    let mut config = plugin("5s");
    for settle in ["before", "after"] {
        for name in ["old", "new"] {
            config["routes"].as_array_mut().expect("routes").push(json!({
                "name": format!("{name}-{settle}"), "match": { "path": format!("/{name}/{settle}/{{id}}") },
                "offer": { "price": "$0.003", "settle": settle },
            }));
        }
    }
    config
}

async fn sign_by(stage: &Stage, wallet: &Wallet, target: &str) -> Payment {
    Draft::for_quote(wallet, &stage.quote(target).await).expect("payable").sign(wallet)
}

/// How often money moved for these.
fn charged(stage: &Stage, payments: &[Payment]) -> usize {
    payments.iter().map(|payment| stage.settled(payment).1).sum()
}

/// One call of `from`, which leads to `to`. `fails`: what that leads to fails.
async fn call(stage: &Stage, payment: &Payment, [from, to]: [&str; 2], fails: bool) -> Answer {
    let answer = stage.buy(&format!("{from}?status=302&h=location:{to}"), payment).await;
    match answer.header("location") {
        Some(_) if fails => stage.buy(&format!("{to}?status=500"), payment).await,
        Some(_) => stage.buy(to, payment).await,
        None => answer,
    }
}

/// Calls it until there is content; what it leads to fails so often. Charged once, with what was paid before.
async fn served_for_one(stage: &Stage, wallet: &Wallet, ways: [&str; 2], fails: usize, before: &[Payment]) {
    let mut payments = before.to_vec();
    for round in 0..4 {
        let payment = sign_by(stage, wallet, ways[0]).await;
        let answer = call(stage, &payment, ways, round < fails).await;
        payments.push(payment);
        if answer.status == 200 {
            paid(&answer);
            assert_eq!(charged(stage, &payments), 1, "{ways:?}");
            return;
        }
    }
    panic!("never served: {ways:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a17_what_a_redirect_leads_to_fails_once_and_is_paid_once_on_one_route() {
    let Some(stage) = Scene::new(plugin("5s")).start() else { return };
    for settle in ["before", "after"] {
        let (from, to) = (format!("/{settle}/here"), format!("/{settle}/there"));
        served_for_one(&stage, &Wallet::another(), [&from, &to], 1, &[]).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a17_what_a_redirect_leads_to_fails_once_and_is_paid_once_on_two_routes() {
    let Some(stage) = Scene::new(renamed()).start() else { return };
    for settle in ["before", "after"] {
        let (from, to) = (format!("/old/{settle}/1"), format!("/new/{settle}/1"));
        served_for_one(&stage, &Wallet::another(), [&from, &to], 1, &[]).await;
    }
}

/// On one route and on two; where nothing was charged for the failure, the redirect is.
#[tokio::test(flavor = "multi_thread")]
async fn a17_a_call_that_fails_and_leads_on_when_it_is_tried_again_is_paid_once() {
    let Some(stage) = Scene::new(renamed()).start() else { return };
    for settle in ["before", "after"] {
        for (from, to) in [("old", "new"), ("old", "old")] {
            let wallet = Wallet::another();
            let (from, to) = (format!("/{from}/{settle}/from-{to}"), format!("/{to}/{settle}/to"));
            let first = sign_by(&stage, &wallet, &from).await;
            assert_eq!(stage.buy(&format!("{from}?status=500"), &first).await.status, 500);
            assert_eq!(stage.settled(&first).1, usize::from(settle == "before"));
            served_for_one(&stage, &wallet, [&from, &to], 0, &[first]).await;
        }
    }
}

/// Sent again, or signed anew: the redirect is had again, and what it leads to once.
#[tokio::test(flavor = "multi_thread")]
async fn a17_a_redirect_that_got_lost_is_had_again_and_followed() {
    let Some(stage) = Scene::new(plugin("5s")).start() else { return };
    for settle in ["before", "after"] {
        let (from, to) = (format!("/{settle}/lost"), format!("/{settle}/there"));
        for anew in [false, true] {
            let wallet = Wallet::another();
            let first = sign_by(&stage, &wallet, &from).await;
            let lost = stage.buy(&format!("{from}?status=302&h=location:{to}"), &first).await;
            assert_eq!(lost.status, 302, "{lost:?}");
            let second = if anew { sign_by(&stage, &wallet, &from).await } else { first.clone() };
            paid(&call(&stage, &second, [&from, &to], false).await);
            assert_eq!(
                (stage.settled(&first).1, stage.settled(&second).0),
                (1, u64::from(!anew)),
                "{settle}"
            );
            refused(&stage.come_back(&to, &second).await, 402, "payment_already_used");
        }
    }
}

/// As in a process that began with the release before.
#[tokio::test(flavor = "multi_thread")]
async fn a17_a_redirect_after_a_failed_answer_pays_for_that_in_the_first_layout() {
    let mut config = plugin("5s");
    config["claims"] = json!({ "layout": 1 });
    let Some(stage) = Scene::new(config).start() else { return };
    let payment = stage.payment("/before/1").await;
    assert_eq!(stage.buy("/before/1?status=500", &payment).await.status, 500);
    paid(&call(&stage, &payment, ["/before/1", "/before/2"], false).await);
    assert_eq!(stage.settled(&payment), (1, 1));
}

/// As often as content that fails is tried again.
#[tokio::test(flavor = "multi_thread")]
async fn a17_a_loop_gives_four_redirects_for_one_payment() {
    let Some(stage) = Scene::new(plugin("5s")).start() else { return };
    for settle in ["before", "after"] {
        let path = format!("/{settle}/loop");
        let target = format!("{path}?status=302&h=location:{path}");
        let payment = stage.payment(&path).await;
        for _ in 0..4 {
            let answer = stage.come_back(&target, &payment).await;
            assert_eq!((answer.status, answer.header_text("location")), (302, Some(&*path)), "{answer:?}");
        }
        refused(&stage.come_back(&target, &payment).await, 402, "payment_already_used");
        assert_eq!((stage.settled(&payment), stage.upstream.hits(&path)), ((1, 1), 4));
    }
}
