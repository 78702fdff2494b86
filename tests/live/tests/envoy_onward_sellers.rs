//! Redirects to what another seller sells under the same named offer (A17): what was paid to one buys nothing of
//! the other's, whether he is paid elsewhere, in other money, or believes another facilitator.

use serde_json::{json, Value};
use x402_devstack::facilitator::{self, Facilitator};
use x402_devstack::payer::{Draft, Wallet};
use x402_live::{plugin, refused, transaction, Scene, Stage, PAY_TO};

const OTHER: &str = "0x70997970C51812dc3A010C7d01b50e0d17dc79C8";

/// The offer `call`, sold by `one` at `/one/**` and by `two` at `/two/**`.
fn market(one: Value, two: Value) -> Value {
    let mut config = plugin("5s");
    config.as_object_mut().expect("an object").remove("accepts");
    config["offers"] = json!({ "call": { "price": "$0.01" } });
    config["sellers"] = json!({ "one": one, "two": two });
    let route = |seller: &str| {
        let path = format!("/{seller}/**");
        json!({ "name": seller, "match": { "path": path }, "offer": "call", "seller": seller })
    };
    config["routes"] = json!([route("one"), route("two")]);
    config
}

fn paid_to(network: &str, payee: &str) -> Value {
    json!({ "accepts": [{ "network": network, "asset": "USDC", "payTo": payee }] })
}

/// What `one` sold by a redirect serves nothing of `two`'s, and was charged.
async fn serves_nothing_of_the_others(stage: &Stage, wallet: &Wallet) {
    let payment = Draft::for_quote(wallet, &stage.quote("/one/x").await).expect("payable").sign(wallet);
    let answer = stage.buy("/one/x?status=302&h=location:/two/x", &payment).await;
    assert_eq!(answer.status, 302, "{answer:?}");
    assert!(transaction(&answer).is_some(), "{answer:?}");
    let followed = stage.buy("/two/x", &payment).await;
    refused(&followed, 402, "payment_already_used");
    assert_eq!(stage.upstream.hits("/two/x"), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a17_a_redirect_to_what_another_is_paid_for_serves_nothing_of_his() {
    let config = market(paid_to("base-sepolia", PAY_TO), paid_to("base-sepolia", OTHER));
    let Some(stage) = Scene::new(config).start() else { return };
    serves_nothing_of_the_others(&stage, &Wallet::another()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a17_a_redirect_paid_in_test_money_serves_nothing_that_is_sold_for_real_money() {
    let config = market(paid_to("base-sepolia", PAY_TO), paid_to("base", PAY_TO));
    let Some(stage) = Scene::new(config).start() else { return };
    serves_nothing_of_the_others(&stage, &Wallet::another()).await;
}

/// Even for the same payee: the first one's facilitator says that everything was paid.
#[tokio::test(flavor = "multi_thread")]
async fn a17_a_redirect_serves_nothing_on_the_word_of_another_sellers_facilitator() {
    let options = facilitator::Options { instant: true, ..facilitator::Options::default() };
    let credulous = Facilitator::start(options).expect("a free port");
    let believes = |name: &str| {
        let mut seller = paid_to("base-sepolia", PAY_TO);
        seller["facilitators"] = json!([name]);
        seller
    };
    let mut config = market(believes("theirs"), believes("main"));
    config["facilitators"]["theirs"] =
        json!({ "cluster": "theirs", "authority": "theirs", "timeout": "5s", "supported": "off" });
    let Some(stage) = Scene::new(config).cluster("theirs", credulous.address()).start() else { return };
    serves_nothing_of_the_others(&stage, &Wallet::unfunded()).await;
}
