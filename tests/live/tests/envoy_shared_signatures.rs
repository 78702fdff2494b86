//! Two Envoys that share their claims: whatever comes with a signature, or with a transaction, that is
//! another payment's is turned away by both (A1, A10).

use serde_json::json;
use x402_devstack::facilitator::{Facilitator, Fault, FaultKind};
use x402_devstack::http1::{Script, Step};
use x402_devstack::payer::{Payment, Wallet};
use x402_live::{assert_pending, code, paid, refused, sell_by_permit, Liar, Shop};

const BOUND: &str = "payment_bound_elsewhere";

fn open(kind: &str) -> Option<Shop> {
    Shop::open_with(kind, sell_by_permit, |scene| scene)
}

fn signature(payment: &Payment) -> String {
    payment.json["payload"]["signature"].as_str().unwrap().to_owned()
}

/// Of a contract that accepts this signature as it accepts every other.
async fn by_contract(shop: &Shop, wallet: &Wallet, path: &str, signature: &str) -> Payment {
    shop.replicas.stage.facilitator.deploy_wallet(wallet.address(), true);
    let mut payment = shop.sign_by(wallet, path).await;
    payment.json["payload"]["signature"] = json!(signature);
    payment
}

fn of_a_contract(fill: &str) -> String {
    format!("0x{}", fill.repeat(80))
}

/// One of them asks for it, and its settlement pends.
async fn pends(shop: &Shop, at: usize, path: &str, payment: &Payment) {
    shop.replicas.stage.facilitator.fault(Fault::once(FaultKind::Pending).nonce(payment.nonce));
    assert_pending(&shop.ask(at, path, payment).await, path);
}

/// Another authorisation's, and told so; nobody is asked about it.
async fn turned_away(shop: &Shop, at: usize, path: &str, payment: &Payment) {
    let answer = shop.ask(at, path, payment).await;
    refused(&answer, 409, BOUND);
    let said = answer.json();
    assert_eq!((&said["paymentState"], &said["retry"]), (&json!("none"), &json!("never")), "{said}");
    let stage = &shop.replicas.stage;
    let calls = stage.facilitator.calls();
    assert!(calls.iter().all(|call| call.nonce != Some(payment.nonce)), "a facilitator was called");
    assert_eq!(stage.upstream.hits(path), 0, "served");
}

async fn one_permit(kind: &str) {
    let Some(shop) = open(kind) else { return };
    let wallet = Wallet::another();
    let cheap = by_contract(&shop, &wallet, "/before/cheap", &of_a_contract("ab")).await;
    pends(&shop, 0, "/before/cheap", &cheap).await;
    for path in ["/dear/report", "/late/report"] {
        let dear = by_contract(&shop, &wallet, path, &of_a_contract("ab")).await;
        for at in [1, 0, 1] {
            turned_away(&shop, at, path, &dear).await;
        }
    }
    // The payer's own comes to whichever replica, and is what it was.
    paid(&shop.come_back(1, "/before/cheap", &cheap).await);
    for at in [0, 1] {
        refused(&shop.come_back(at, "/before/cheap", &cheap).await, 402, "payment_already_used");
    }
    assert_eq!(shop.transfers(&[&cheap]).len(), 1, "charged once");
    let own = by_contract(&shop, &wallet, "/dear/report", &of_a_contract("cd")).await;
    paid(&shop.ask(1, "/dear/report", &own).await);
}

#[tokio::test(flavor = "multi_thread")]
async fn a10_a_signature_pays_for_one_permit_at_either_replica_webdis() {
    one_permit("webdis").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a10_a_signature_pays_for_one_permit_at_either_replica_upstash() {
    one_permit("upstash").await;
}

/// A permit does not name its owner: what an account signed dear may come cheap from a contract first,
/// to the other replica, or the other way round.
#[tokio::test(flavor = "multi_thread")]
async fn a10_a_permit_lends_its_signature_to_nobody_at_the_other_replica() {
    let Some(shop) = open("webdis") else { return };
    for path in ["/dear/report", "/late/report"] {
        let dear = shop.sign(path).await;
        let cheap = by_contract(&shop, &Wallet::another(), "/before/cheap", &signature(&dear)).await;
        pends(&shop, 0, "/before/cheap", &cheap).await;
        turned_away(&shop, 1, path, &dear).await;

        let cheap = shop.sign("/before/cheap").await;
        pends(&shop, 1, "/before/cheap", &cheap).await;
        let dear = by_contract(&shop, &Wallet::another(), path, &signature(&cheap)).await;
        turned_away(&shop, 0, path, &dear).await;
        paid(&shop.come_back(0, "/before/cheap", &cheap).await);
    }
}

/// Both replicas find the signature free, and one of them has it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a10_a_signature_raced_over_two_replicas_is_one_payments() {
    let Some(shop) = open("webdis") else { return };
    for round in 0..12 {
        let path = ["/before/race", "/after/race?delay=60"][round % 2];
        let text = of_a_contract(&format!("{:02x}", round + 1));
        let (wallets, mut payments) = ([Wallet::another(), Wallet::another()], Vec::new());
        for wallet in &wallets {
            payments.push(by_contract(&shop, wallet, path, &text).await);
        }
        let answers = tokio::join!(shop.ask(0, path, &payments[0]), shop.ask(1, path, &payments[1]));
        let answers = [answers.0, answers.1];
        assert_eq!(answers.iter().filter(|answer| answer.status == 200).count(), 1, "{answers:?}");
        for (payment, answer) in payments.iter().zip(&answers) {
            let won = answer.status == 200;
            assert_eq!(shop.settles(payment), u64::from(won), "round {round}: {answers:?}");
            if won {
                paid(answer);
            } else {
                // Under `after` it may be known only when its response is there.
                let late = path.starts_with("/after") && code(answer) == "payment_in_flight";
                assert!(late || code(answer) == BOUND, "{answer:?}");
                refused(&shop.come_back(0, path, payment).await, 409, BOUND);
            }
        }
    }
}

/// A contract wallet's payments with signatures of their own, of which the facilitator says that one
/// transaction settled both, to one replica each.
#[tokio::test(flavor = "multi_thread")]
async fn a1_a_transaction_pays_one_claim_of_a_contract_wallet_at_either_replica() {
    let honest = Facilitator::start(Default::default()).unwrap();
    let liar = Liar::start(honest.address()).unwrap();
    let Some(mut shop) = Shop::open("webdis", |scene| scene.settler(liar.address())) else { return };
    shop.replicas.stage.facilitator = honest;
    let wallet = Wallet::another();
    for (kind, fill) in [("before", "a1"), ("after", "b2")] {
        let path = format!("/{kind}/report");
        let first = by_contract(&shop, &wallet, &path, &of_a_contract(fill)).await;
        let transaction = paid(&shop.ask(0, &path, &first).await);
        let second = by_contract(&shop, &wallet, &path, &of_a_contract(&fill.repeat(2))).await;
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
        for at in [1, 0] {
            refused(&shop.come_back(at, &path, &second).await, 402, "payment_already_used");
        }
    }
}
