//! What honest facilitators say twice (A1, A2, A10): for a payment they read and nobody here, and for
//! whatever comes with the signature of a settlement that pends.

use serde_json::{json, Value};
use x402_devstack::facilitator::{self, Fault, FaultKind};
use x402_devstack::http1::{Script, Step};
use x402_devstack::payer::{Draft, Payment, Wallet};
use x402_live::{assert_pending, paid, pause, plugin, refused, sell_by_permit, until, Liar, Scene, Stage};

const BOUND: &str = "payment_bound_elsewhere";
const SOLANA: &str = "solana:EtWTRABZaYq6iMfeYKouRu166VU2xqa1";

fn permits() -> Value {
    let mut config = plugin("3s");
    sell_by_permit(&mut config);
    config
}

/// Signed for the quote of a path, with whatever signature.
async fn draft(stage: &Stage, wallet: &Wallet, path: &str) -> Payment {
    Draft::for_quote(wallet, &stage.quote(path).await).unwrap().sign(wallet)
}

/// Of a contract that accepts this signature as it accepts every other.
async fn by_contract(stage: &Stage, wallet: &Wallet, path: &str, signature: &str) -> Payment {
    let mut payment = draft(stage, wallet, path).await;
    payment.json["payload"]["signature"] = json!(signature);
    payment
}

fn of_a_contract() -> String {
    format!("0x{}", "ab".repeat(80))
}

/// Another authorisation's, and told so: this payment is not asked for, and no other is invited.
async fn turned_away(stage: &Stage, path: &str, payment: &Payment) {
    let answer = stage.buy(path, payment).await;
    refused(&answer, 409, BOUND);
    let said = answer.json();
    assert_eq!((&said["paymentState"], &said["retry"]), (&json!("none"), &json!("never")), "{said}");
    assert_eq!(stage.settled(payment), (0, 0), "the facilitator was asked for it");
    assert_eq!(stage.upstream.hits(path), 0, "served");
}

/// Its settlement pends, and is known here to.
async fn pends(stage: &Stage, path: &str, payment: &Payment) {
    stage.facilitator.fault(Fault::once(FaultKind::Pending).nonce(payment.nonce));
    assert_pending(&stage.buy(path, payment).await, path);
}

#[tokio::test(flavor = "multi_thread")]
async fn a10_a_signature_pays_for_one_permit_of_a_contract_wallet() {
    let Some(stage) = Scene::new(permits()).start() else { return };
    let wallet = Wallet::dev(3);
    stage.facilitator.deploy_wallet(wallet.address(), true);
    let cheap = by_contract(&stage, &wallet, "/before/cheap", &of_a_contract()).await;
    pends(&stage, "/before/cheap", &cheap).await;
    for path in ["/dear/report", "/late/report"] {
        let dear = by_contract(&stage, &wallet, path, &of_a_contract()).await;
        for _ in 0..2 {
            turned_away(&stage, path, &dear).await;
        }
        let calls = stage.facilitator.calls();
        assert!(calls.iter().all(|call| call.nonce != Some(dear.nonce)), "somebody was called");
    }
    paid(&stage.come_back("/before/cheap", &cheap).await);
    assert_eq!(stage.settled(&cheap).1, 1, "charged once");
    // A signature of its own buys it.
    let own = format!("0x{}", "cd".repeat(80));
    paid(&stage.buy("/dear/report", &by_contract(&stage, &wallet, "/dear/report", &own).await).await);
    let moved = stage.facilitator.ledger().transfers().len();
    assert_eq!(moved, 2);
}

/// A permit does not name its owner: what an account signed dear may come cheap from a contract first.
#[tokio::test(flavor = "multi_thread")]
async fn a10_a_contracts_cheap_permit_lends_its_signature_to_no_account() {
    let Some(stage) = Scene::new(permits()).start() else { return };
    let account = Wallet::dev(1);
    for (contract, path) in [(Wallet::dev(2), "/dear/report"), (Wallet::dev(3), "/late/report")] {
        stage.facilitator.deploy_wallet(contract.address(), true);
        let dear = draft(&stage, &account, path).await;
        let signature = dear.json["payload"]["signature"].as_str().unwrap().to_owned();
        let cheap = by_contract(&stage, &contract, "/before/cheap", &signature).await;
        pends(&stage, "/before/cheap", &cheap).await;
        turned_away(&stage, path, &dear).await;
    }
}

/// And the other way round.
#[tokio::test(flavor = "multi_thread")]
async fn a10_an_accounts_cheap_permit_lends_its_signature_to_no_contract() {
    let Some(stage) = Scene::new(permits()).start() else { return };
    let (account, contract) = (Wallet::dev(1), Wallet::dev(3));
    stage.facilitator.deploy_wallet(contract.address(), true);
    let cheap = draft(&stage, &account, "/before/cheap").await;
    let signature = cheap.json["payload"]["signature"].as_str().unwrap().to_owned();
    pends(&stage, "/before/cheap", &cheap).await;
    for path in ["/dear/report", "/late/report"] {
        let dear = by_contract(&stage, &contract, path, &signature).await;
        turned_away(&stage, path, &dear).await;
    }
    paid(&stage.come_back("/before/cheap", &cheap).await);
}

/// Of one price, by EIP-3009, while the chain shows the first one paid.
#[tokio::test(flavor = "multi_thread")]
async fn a2_a_signature_over_two_transfers_buys_one_thing() {
    let Some(node) = facilitator::Node::start(84_532).ok() else { return };
    let mut config = plugin("1s");
    config["rpc"] = json!({ "base-sepolia": {
        "cluster": "node", "authority": "node", "timeout": "500ms", "finality": "2s" } });
    let Some(stage) = Scene::new(config).cluster("node", node.address()).start() else { return };
    node.follow(&stage.facilitator);
    let wallet = Wallet::dev(4);
    stage.facilitator.deploy_wallet(wallet.address(), true);
    let one = by_contract(&stage, &wallet, "/before/one", &of_a_contract()).await;
    node.refuse();
    pends(&stage, "/before/one", &one).await;
    for path in ["/before/two", "/after/two"] {
        let two = by_contract(&stage, &wallet, path, &of_a_contract()).await;
        turned_away(&stage, path, &two).await;
    }
    node.resume();
    paid(&stage.come_back("/before/one", &one).await);
    assert_eq!(stage.facilitator.ledger().transfers().len(), 1);
}

/// A contract wallet's payments with signatures of their own, of which the facilitator says that one
/// transaction settled both.
#[tokio::test(flavor = "multi_thread")]
async fn a1_a_transaction_pays_one_claim_of_a_contract_wallet() {
    let honest = facilitator::Facilitator::start(Default::default()).unwrap();
    let liar = Liar::start(honest.address()).unwrap();
    let Some(mut stage) = Scene::new(plugin("1500ms")).settler(liar.address()).start() else { return };
    stage.facilitator = honest;
    let wallet = Wallet::dev(4);
    stage.facilitator.deploy_wallet(wallet.address(), true);
    for (kind, fill) in [("before", "a1"), ("after", "b2")] {
        let path = format!("/{kind}/report");
        let first = by_contract(&stage, &wallet, &path, &format!("0x{}", fill.repeat(80))).await;
        let transaction = paid(&stage.buy(&path, &first).await);
        let second = by_contract(&stage, &wallet, &path, &format!("0x{}", fill.repeat(81))).await;
        liar.lie(&second, move |answer| {
            let mut body = answer.json();
            body["transaction"] = json!(transaction);
            let body = body.to_string();
            let head = format!(
                "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n",
                body.len()
            );
            Script::default().write([head, body].concat().into_bytes()).then(Step::KeepAlive)
        });
        for _ in 0..2 {
            refused(&stage.come_back(&path, &second).await, 402, "payment_already_used");
        }
    }
}

/// The same payload, when a payment's validity and every allowance for clocks are over and the
/// facilitator still says that it was settled. It takes four minutes.
#[tokio::test(flavor = "multi_thread")]
async fn a1_a_payload_only_the_facilitator_reads_buys_one_thing_within_its_transactions_hour() {
    let mut config = plugin("1s");
    config["accepts"] = json!([
        { "network": SOLANA, "asset": "USDC", "payTo": "2wKupLR9q6wXYppw8Gr2NvWxKBUqm4PPJKkQfoxHDBg4" },
    ]);
    const SHORTEST: u64 = 12;
    config["routes"][0]["offer"]["maxTimeoutSeconds"] = json!(SHORTEST);
    let kind = json!({
        "x402Version": 2, "scheme": "exact", "network": SOLANA, "extra": { "feePayer": "somebody" } });
    let kind: facilitator::Kind = serde_json::from_value(kind).unwrap();
    let Some(stage) = Scene::new(config).facilitator(|options| options.listing.others = vec![kind]).start()
    else {
        return;
    };
    let path = "/before/solana";
    let asked = x402_devstack::client::RawRequest::get(path);
    until("it is quoted", || !stage.facilitator.inquiries().is_empty()).await;
    pause(1_500).await;
    let way = stage.ask(&asked).await.quote().unwrap().accepts[0].clone();
    let payload = json!({ "transaction": "4sXjDCuhnUyCnhTDHr6dVXe4sjdZtzUTzH4sZ6vUxhBY" });
    let payment = Payment {
        version: 2,
        nonce: Default::default(),
        payer: Wallet::dev(1).address(),
        json: json!({ "x402Version": 2, "accepted": way, "payload": payload }),
        requirements: way,
    };
    let begun = std::time::Instant::now();
    assert_eq!(stage.buy(path, &payment).await.status, 200);
    let end = SHORTEST + 2 * 120 + 3;
    for wait in [1, end] {
        while begun.elapsed().as_secs() < wait {
            pause(500).await;
        }
        refused(&stage.buy(path, &payment).await, 402, "payment_already_used");
    }
    assert_eq!(stage.upstream.hits(path), 1, "served for nothing");
}
