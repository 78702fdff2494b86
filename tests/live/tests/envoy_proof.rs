//! What the chain proves of outcomes that are open (A11), and what becomes of those that stay open
//! until their window closes: a real Envoy with a node of the chain beside the facilitator.

use serde_json::{json, Value};

use x402_devstack::client::{request, RawRequest};
use x402_devstack::envoy::{PluginConfig, Update};
use x402_devstack::facilitator::{AuthorizationKey, Fault, FaultKind, Node};
use x402_devstack::payer::{Draft, Payment, Wallet};
use x402_live::{assert_pending, code, paid, pause, plugin, refused, Scene, Shop, Stage};

/// Base Sepolia.
const CHAIN: u64 = 84_532;

/// Seconds a block must be old, here: what is refused by the chain waits for it.
const FINALITY: u64 = 2;

/// With a node to ask; without one, what the facilitator never says stays open.
fn stage(with_node: bool) -> Option<(Stage, Node)> {
    staged(with_node, false)
}

fn staged(with_node: bool, sole_seller: bool) -> Option<(Stage, Node)> {
    let node = Node::start(CHAIN).expect("a free port");
    let mut config = plugin("1s");
    if with_node {
        let finality = format!("{FINALITY}s");
        config["rpc"] = json!({ "base-sepolia": {
            "cluster": "node", "authority": "node", "timeout": "500ms", "finality": finality,
            "soleSeller": sole_seller,
        } });
    }
    let stage = Scene::new(config).cluster("node", node.address()).start()?;
    node.follow(&stage.facilitator);
    Some((stage, node))
}

async fn sign_by(stage: &Stage, wallet: &Wallet, target: &str) -> Payment {
    let quote = stage.quote(target).await;
    Draft::for_quote(wallet, &quote).expect("something payable").sign(wallet)
}

fn cancel(stage: &Stage, payment: &Payment) {
    let key = AuthorizationKey {
        network: format!("eip155:{CHAIN}"),
        asset: payment.requirements["asset"].as_str().unwrap().parse().unwrap(),
        payer: payment.payer,
        nonce: payment.nonce,
    };
    stage.facilitator.cancel(key).unwrap();
}

/// A settlement that was booked and whose answer nobody heard.
fn lose(stage: &Stage, payment: &Payment, booked: bool) {
    let kind = if booked { FaultKind::LostAnswer } else { FaultKind::ResetBefore };
    stage.facilitator.fault(Fault::always(kind).nonce(payment.nonce));
}

/// The facilitator's failure of its own, whatever it did.
fn fails() -> Fault {
    Fault::always(FaultKind::Status { code: 500, body: String::new() })
}

fn transaction_of(stage: &Stage, payment: &Payment) -> String {
    let transfers = stage.facilitator.transfers_of(payment.nonce);
    assert_eq!(transfers.len(), 1, "{transfers:?}");
    transfers[0].transaction.to_string()
}

/// How the requests for a path came out; those in flight left out.
async fn recorded(stage: &Stage, path: &str) -> Vec<String> {
    let mut all = stage.outcomes_of(path).await;
    all.retain(|outcome| !["in_flight", "quoted"].contains(&outcome.as_str()));
    all
}

/// The node is asked at once, while the client waits: it is served as if it had been answered.
#[tokio::test(flavor = "multi_thread")]
async fn a11_a_payment_whose_answer_was_lost_is_served_by_the_chains_proof() {
    let Some((stage, node)) = stage(true) else { return };
    for kind in ["before", "after"] {
        let path = format!("/{kind}/proven");
        let payment = stage.payment(&path).await;
        lose(&stage, &payment, true);
        let answer = stage.buy(&path, &payment).await;
        assert_eq!(paid(&answer), transaction_of(&stage, &payment), "{kind}");
        assert_eq!(stage.settled(&payment), (1, 1), "the facilitator was asked once");
        refused(&stage.come_back(&path, &payment).await, 402, "payment_already_used");
        assert_eq!(recorded(&stage, &path).await, ["delivered", "replayed"]);
    }
    assert!(node.calls() >= 8, "{}", node.calls());
}

/// Proven late, by the timer: the wallet's next payment is served from it.
#[tokio::test(flavor = "multi_thread")]
async fn a11_a_proof_that_comes_late_is_a_credit_for_the_wallet() {
    let Some((stage, node)) = stage(true) else { return };
    let (wallet, path) = (Wallet::another(), "/before/proven-late");
    let first = sign_by(&stage, &wallet, path).await;
    lose(&stage, &first, true);
    node.refuse();
    assert_pending(&stage.buy(path, &first).await, "nobody proves it");
    node.resume();
    let next = sign_by(&stage, &wallet, path).await;
    let answer = stage.come_back(path, &next).await;
    assert_eq!(paid(&answer), transaction_of(&stage, &first));
    assert_eq!(stage.settled(&next), (0, 0));
    refused(&stage.come_back(path, &first).await, 402, "payment_already_used");
    // By the timer, or by whoever came next.
    let said = recorded(&stage, path).await;
    assert!(["delivered", "redeemed"].contains(&said[1].as_str()), "{said:?}");
    assert_eq!((said[0].as_str(), said[2].as_str()), ("pending", "replayed"), "{said:?}");
}

/// A first ask that was answered with a failure leaves the doubt that the authorisation was spent
/// for somebody else's claim: the chain's word does not say for whom.
#[tokio::test(flavor = "multi_thread")]
async fn a11_the_chain_proves_nothing_where_the_first_ask_was_answered_with_a_failure() {
    let Some((stage, node)) = stage(true) else { return };
    let path = "/before/foreign";
    let payment = stage.payment(path).await;
    let spent = Fault { book: Some(true), ..fails() };
    stage.facilitator.fault(spent.nonce(payment.nonce));
    for _ in 0..3 {
        assert_pending(&stage.come_back(path, &payment).await, "paid, but for whom");
    }
    assert!(node.calls() > 0, "it was asked");
    assert_eq!((stage.settled(&payment).1, stage.upstream.hits(path)), (1, 0));
}

/// Where nobody else could have had it settled, it was for this claim: served while its client waits, or
/// when it comes again, or its wallet's next.
#[tokio::test(flavor = "multi_thread")]
async fn a11_a_sole_seller_takes_the_chains_word_although_the_first_answer_was_a_failure() {
    let Some((stage, node)) = staged(true, true) else { return };
    let spent = || Fault { book: Some(true), ..fails() };
    for kind in ["before", "after"] {
        let path = format!("/{kind}/sole-seller");
        let payment = stage.payment(&path).await;
        stage.facilitator.fault(spent().nonce(payment.nonce));
        assert_eq!(paid(&stage.buy(&path, &payment).await), transaction_of(&stage, &payment));
        refused(&stage.come_back(&path, &payment).await, 402, "payment_already_used");
        // Its node is away at first.
        let wallet = Wallet::another();
        let payment = sign_by(&stage, &wallet, &path).await;
        stage.facilitator.fault(spent().nonce(payment.nonce));
        node.refuse();
        assert_pending(&stage.buy(&path, &payment).await, "nobody proves it");
        node.resume();
        let next = sign_by(&stage, &wallet, &path).await;
        assert_eq!(paid(&stage.come_back(&path, &next).await), transaction_of(&stage, &payment), "{kind}");
        assert_eq!((stage.settled(&payment).1, stage.settled(&next)), (1, (0, 0)));
    }
}

/// What was settled before it was presented here was settled for somebody else, or by this process
/// before it was restarted: then it was served.
#[tokio::test(flavor = "multi_thread")]
async fn a11_a_sole_seller_serves_nothing_that_was_paid_before_it_was_asked_for() {
    let Some((stage, node)) = staged(true, true) else { return };
    for path in ["/before/settled-before", "/after/settled-before"] {
        let payment = stage.payment(path).await;
        let settle = RawRequest::new("POST", "/settle").header("content-type", "application/json");
        let settle = settle.body(payment.facilitator_body().to_string());
        let first = request(stage.facilitator.address(), &settle).await;
        assert_eq!(first.json()["success"], true);
        // Its block is another second's.
        pause(1_100).await;
        stage.facilitator.fault(fails().nonce(payment.nonce));
        let (calls, hits) = (node.calls(), stage.upstream.hits(path));
        for _ in 0..3 {
            assert_pending(&stage.come_back(path, &payment).await, "paid, but for whom");
        }
        assert!(node.calls() > calls, "it was asked");
        let worked = usize::from(path.starts_with("/after"));
        assert_eq!(stage.upstream.hits(path) - hits, worked as u64, "under `after` it works once, in vain");
        assert_eq!(stage.settled(&payment).1, 1);
    }
}

/// Cancelled while it was open: open until no block of before can be undone, then used up, and with it
/// what was presented in its place. Never content; the wallet's next payment pays for itself.
#[tokio::test(flavor = "multi_thread")]
async fn a11_a_cancellation_that_the_chain_proves_never_becomes_content() {
    let Some((stage, node)) = stage(true) else { return };
    let (wallet, path) = (Wallet::another(), "/before/cancelled");
    let payment = sign_by(&stage, &wallet, path).await;
    lose(&stage, &payment, false);
    node.refuse();
    assert_pending(&stage.buy(path, &payment).await, "open");
    cancel(&stage, &payment);
    node.resume();
    assert_pending(&stage.come_back(path, &payment).await, "could be undone");
    let next = sign_by(&stage, &wallet, path).await;
    assert_pending(&stage.come_back(path, &next).await, "as long as that");
    node.advance(300);
    // Whoever asks first hears of it as a refusal.
    let told = stage.come_back(path, &payment).await;
    let said = code(&told);
    assert!(["payment_rejected", "payment_already_used"].contains(&said.as_str()), "{told:?}");
    for payment in [&payment, &next] {
        refused(&stage.come_back(path, payment).await, 402, "payment_already_used");
        assert_eq!(stage.settled(payment).1, 0);
    }
    assert_eq!(stage.upstream.hits(path), 0);
    let last = sign_by(&stage, &wallet, path).await;
    paid(&stage.come_back(path, &last).await);
    assert_eq!(stage.settled(&last), (1, 1));
}

// === The window closes while the outcome is open ===

/// A payment that is good for a few seconds more, open, and over now.
async fn over(stage: &Stage, wallet: &Wallet, path: &str, booked: bool) -> Payment {
    let quote = stage.quote(path).await;
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_secs();
    let until = now + 9;
    let draft = Draft::for_quote(wallet, &quote).expect("something payable").window(0, until);
    let payment = draft.sign(wallet);
    lose(stage, &payment, booked);
    assert_pending(&stage.buy(path, &payment).await, "open");
    while std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_secs() <= until {
        pause(200).await;
    }
    payment
}

#[tokio::test(flavor = "multi_thread")]
async fn a11_a_payment_that_ran_out_while_it_was_open_is_served_if_the_chain_shows_it() {
    let Some((stage, node)) = stage(true) else { return };
    node.refuse();
    let (wallet, path) = (Wallet::another(), "/before/over-paid");
    let payment = over(&stage, &wallet, path, true).await;
    assert_pending(&stage.come_back(path, &payment).await, "nobody proves it");
    node.resume();
    let answer = stage.come_back(path, &payment).await;
    assert_eq!(paid(&answer), transaction_of(&stage, &payment));
    refused(&stage.come_back(path, &payment).await, 402, "payment_already_used");
}

#[tokio::test(flavor = "multi_thread")]
async fn a11_a_payment_that_ran_out_unused_is_let_go_when_the_chain_proves_it() {
    let Some((stage, node)) = stage(true) else { return };
    let (wallet, path) = (Wallet::another(), "/before/over-unused");
    let payment = over(&stage, &wallet, path, false).await;
    // Its last block may not be final yet.
    let early = stage.come_back(path, &payment).await;
    assert!([402, 503].contains(&early.status), "{early:?}");
    node.advance(FINALITY + 1);
    let over = "invalid_exact_evm_payload_authorization_valid_before";
    let told = stage.come_back(path, &payment).await;
    assert_eq!((told.status, code(&told).as_str()), (402, over), "{told:?}");
    let next = sign_by(&stage, &wallet, path).await;
    paid(&stage.come_back(path, &next).await);
    assert_eq!((stage.settled(&payment).1, stage.settled(&next)), (0, (1, 1)));
    refused(&stage.come_back(path, &payment).await, 402, over);
    assert_eq!(stage.settled(&payment).1, 0, "and can never be");
}

/// Without a node nothing proves anything: neither served nor charged again, whatever the
/// facilitator says of a payment that is over.
#[tokio::test(flavor = "multi_thread")]
async fn a11_a_payment_that_ran_out_while_it_was_open_stays_open_where_nothing_proves_it() {
    let Some((stage, _node)) = stage(false) else { return };
    for (path, booked) in [("/before/over-open", true), ("/before/over-not-booked", false)] {
        let wallet = Wallet::another();
        let payment = over(&stage, &wallet, path, booked).await;
        stage.facilitator.clear_faults();
        assert_pending(&stage.come_back(path, &payment).await, "expired, they say");
        let next = sign_by(&stage, &wallet, path).await;
        assert_pending(&stage.come_back(path, &next).await, "nor is the wallet charged again");
        assert_eq!((stage.settled(&payment).1, stage.settled(&next)), (usize::from(booked), (0, 0)));
        assert_eq!(stage.upstream.hits(path), 0);
    }
}

/// A store that forgets (docs/configuration.md, persistence): the replica that served still knows. The
/// other one finds the nonce used, and leaves it open: that the chain shows the payment does not say
/// for whom it was.
#[tokio::test(flavor = "multi_thread")]
async fn a14_what_the_store_forgot_is_left_open_whether_a_node_is_asked_or_not() {
    for asks in [false, true] {
        let node = Node::start(CHAIN).expect("a free port");
        let configure = |config: &mut Value| {
            if asks {
                config["rpc"] = json!({ "base-sepolia": { "cluster": "node", "authority": "node" } });
            }
        };
        let opened = Shop::open_with("webdis", configure, |scene| scene.cluster("node", node.address()));
        let Some(shop) = opened else { return };
        node.follow(&shop.replicas.stage.facilitator);
        let path = "/before/forgotten";
        let payment = shop.sign(path).await;
        paid(&shop.ask(0, path, &payment).await);
        pause(200).await;
        shop.forget();
        refused(&shop.come_back(0, path, &payment).await, 402, "payment_already_used");
        let answer = shop.come_back(1, path, &payment).await;
        assert_pending(&answer, "nobody says for whom");
        assert_eq!(shop.transfers(&[&payment]).len(), 1, "never charged again");
        assert_eq!(shop.replicas.stage.upstream.hits(path), 1);
    }
}

/// Whoever was asked is not of the new configuration, and the chain shows nothing yet: who comes back is told so
/// at once. It is proven as soon as the chain shows it.
#[tokio::test(flavor = "multi_thread")]
async fn a11_a15_an_open_payment_whose_facilitator_was_replaced_is_the_chains_to_prove() {
    let node = Node::start(CHAIN).expect("a free port");
    let mut config = plugin("1s");
    config["rpc"] = json!({ "base-sepolia": {
        "cluster": "node", "authority": "node", "timeout": "500ms", "finality": "2s" } });
    let scene = Scene::new(config.clone()).cluster("node", node.address());
    let Some(mut stage) = scene.start_lds() else { return };
    let path = "/before/replaced";
    let payment = stage.payment(path).await;
    lose(&stage, &payment, true);
    assert_pending(&stage.buy(path, &payment).await, "nobody says");
    config["facilitators"]["main"]["authority"] = "another.example".into();
    let update = stage.envoy.update_listener(&PluginConfig::Json(config)).expect("a verdict");
    assert_eq!(update, Update::Accepted);
    let again = tokio::time::timeout(std::time::Duration::from_secs(5), stage.buy(path, &payment));
    assert_pending(&again.await.expect("it waits for nobody"), "nor does the chain");
    assert_eq!(stage.settled(&payment).0, 1, "another was not asked");
    node.follow(&stage.facilitator);
    paid(&stage.come_back(path, &payment).await);
    assert_eq!(stage.settled(&payment), (1, 1));
}
