//! An Envoy is drained and restarted, reloaded or upgraded, with claims that replicas share and
//! without (A15): in every state the record says what was done, nobody is charged twice, and with a
//! store nothing is lost.

use std::time::Duration;

use x402_devstack::facilitator::{Fault, FaultKind};
use x402_devstack::payer::Wallet;
use x402_live::change::{recorded, Change};
use x402_live::{assert_pending, code, outcomes, paid, pause, refused, transaction, until, Shop};

use Change::{Death, Reload, Restart, Upgrade};

/// Whether claims are shared.
#[derive(Clone, Copy, PartialEq, Debug)]
enum Claims {
    Shared,
    Own,
}

use Claims::{Own, Shared};

fn open(claims: Claims) -> Option<Shop> {
    match claims {
        Shared => Shop::open("webdis", |scene| scene.reloadable()),
        Own => Shop::alone(|scene| scene.reloadable()),
    }
}

// === Claims at rest ===

/// Delivered, taken, owed to a new payment, open for good, open and provable, credited.
async fn keeps_what_is_at_rest(claims: Claims, change: Change) {
    let Some(mut shop) = open(claims) else { return };
    let name = change.name();
    let path = |state: &str| format!("/before/{name}-{state}");
    let (owed_to, open_to, provable_to) = (Wallet::another(), Wallet::another(), Wallet::another());
    let delivered = shop.sign(&path("delivered")).await;
    let receipt = paid(&shop.ask(0, &path("delivered"), &delivered).await);
    let taken = shop.sign(&path("taken")).await;
    let owed = shop.sign_by(&owed_to, &path("owed")).await;
    let credit_of = Wallet::another();
    let first = shop.sign_by(&credit_of, &path("credited")).await;
    for (state, payment) in [("taken", &taken), ("owed", &owed), ("credited", &first)] {
        let failed = shop.ask(0, &format!("{}?status=500", path(state)), payment).await;
        assert_eq!(failed.status, 500, "{failed:?}");
    }
    pause(100).await;
    let credited = shop.sign_by(&credit_of, &path("credited")).await;
    paid(&shop.ask(0, &path("credited"), &credited).await);
    let open = shop.sign_by(&open_to, &path("open")).await;
    let provable = shop.sign_by(&provable_to, &path("provable")).await;
    for (state, payment, kind) in
        [("open", &open, FaultKind::LostAnswer), ("provable", &provable, FaultKind::Pending)]
    {
        shop.replicas.stage.facilitator.fault(Fault::once(kind).nonce(payment.nonce));
        assert_pending(&shop.ask(0, &path(state), payment).await, state);
    }

    let gone = change.happen(&mut shop).await;

    for at in [0, 1] {
        let again = shop.come_back(at, &path("delivered"), &delivered).await;
        refused(&again, 402, "payment_already_used");
        assert_eq!(transaction(&again).as_ref(), Some(&receipt), "{name}: the receipt, at {at}");
        for payment in [&first, &credited] {
            refused(&shop.come_back(at, &path("credited"), payment).await, 402, "payment_already_used");
        }
        assert_pending(&shop.come_back(at, &path("open"), &open).await, "never proven");
        let next = shop.sign_by(&open_to, &path("open")).await;
        assert_pending(&shop.come_back(at, &path("open"), &next).await, "nor charged again");
        assert_eq!(shop.settles(&next), 0);
    }
    assert_eq!([paid(&shop.come_back(0, &path("taken"), &taken).await)], *shop.transfers(&[&taken]));
    let next = shop.sign_by(&owed_to, &path("owed")).await;
    assert_eq!([paid(&shop.come_back(0, &path("owed"), &next).await)], *shop.transfers(&[&owed, &next]));
    let next = shop.sign_by(&provable_to, &path("provable")).await;
    // It asks about the open one itself, wherever that was left; unless a timer's question was out when
    // its VM went: Envoy cancels it, and this facilitator says a success once.
    let cut = change == Upgrade && shop.settles(&provable) > 1;
    let answer = shop.come_back(0, &path("provable"), &next).await;
    if cut && answer.status == 503 {
        assert_pending(&answer, "asked by a VM that went");
        assert_eq!((shop.transfers(&[&provable]).len(), shop.settles(&next)), (1, 0));
    } else {
        assert_eq!([paid(&answer)], *shop.transfers(&[&provable, &next]));
    }
    // What was served once is served once, and a stranger buys.
    refused(&shop.come_back(1, &path("taken"), &taken).await, 402, "payment_already_used");
    let stranger = shop.sign(&path("delivered")).await;
    paid(&shop.come_back(0, &path("delivered"), &stranger).await);
    for payment in [&delivered, &taken, &owed, &open, &first, &stranger] {
        assert_eq!(shop.transfers(&[payment]).len(), 1, "{name}: moved once");
    }
    assert_eq!(shop.transfers(&[&credited]).len(), 0);
    let records: [(&str, &[&str]); 6] = [
        ("delivered", &["delivered", "replayed", "delivered"]),
        ("taken", &["undelivered", "redeemed"]),
        ("owed", &["undelivered", "redeemed"]),
        ("credited", &["undelivered", "redeemed", "replayed"]),
        ("open", &["pending"]),
        ("provable", &["pending"]),
    ];
    for (state, expected) in records {
        let said = recorded(&shop, &gone, &path(state)).await;
        assert_eq!(said.get(..expected.len()).unwrap_or(&said), expected, "{name} {state}: {said:?}");
    }
}

/// Without a store a process takes its claims along: only the chain remembers. What was used or taken
/// is not served and not charged again; another payment is a purchase of its own.
async fn forgets(change: Change) {
    let Some(mut shop) = open(Own) else { return };
    let path = |state: &str| format!("/before/forgotten-{state}");
    let (wallet, held) = (Wallet::another(), "/after/forgotten-held");
    let delivered = shop.sign(&path("delivered")).await;
    paid(&shop.ask(0, &path("delivered"), &delivered).await);
    let taken = shop.sign_by(&wallet, &path("taken")).await;
    assert_eq!(shop.ask(0, &format!("{}?status=500", path("taken")), &taken).await.status, 500);
    let open = shop.sign(&path("open")).await;
    shop.replicas.stage.facilitator.fault(Fault::once(FaultKind::LostAnswer).nonce(open.nonce));
    assert_pending(&shop.ask(0, &path("open"), &open).await, "open");
    let credit_of = Wallet::another();
    let first = shop.sign_by(&credit_of, &path("credited")).await;
    assert_eq!(shop.ask(0, &format!("{}?status=500", path("credited")), &first).await.status, 500);
    pause(100).await;
    let credited = shop.sign_by(&credit_of, &path("credited")).await;
    paid(&shop.ask(0, &path("credited"), &credited).await);
    let unasked = shop.sign(held).await;
    let working = shop.sent(0, &format!("{held}?delay=20000"), &unasked).await;
    until("the upstream was asked", || shop.replicas.stage.upstream.hits(held) == 1).await;
    let bought = shop.sign(&path("streaming")).await;
    let mut reading = shop.sent(0, &format!("{}?stream=200,100", path("streaming")), &bought).await;
    assert!(reading.read_at_least(400).await.unwrap() >= 400, "the stream began");
    let gone = change.happen(&mut shop).await;
    if change == Restart {
        for (state, expected) in [("delivered", "delivered"), ("taken", "undelivered"), ("open", "pending")] {
            assert_eq!(outcomes(&gone, &path(state)).last().map(String::as_str), Some(expected), "{state}");
        }
    }
    drop((working, reading));
    let next = shop.sign_by(&wallet, &path("taken")).await;
    paid(&shop.come_back(0, &path("taken"), &next).await);
    assert_eq!(shop.transfers(&[&next]).len(), 1, "what was owed is forgotten");
    // As good as new: nothing was ever asked of them.
    for (target, payment) in [(held.to_owned(), &unasked), (path("elsewhere"), &credited)] {
        assert_eq!(shop.transfers(&[payment]).len(), 0);
        paid(&shop.come_back(0, &target, payment).await);
        assert_eq!(shop.transfers(&[payment]).len(), 1);
    }
    // And those the chain remembers. Presented, they are open, and their wallets wait for them.
    let known = [
        ("delivered", &delivered),
        ("taken", &taken),
        ("open", &open),
        ("credited", &first),
        ("streaming", &bought),
    ];
    for (state, payment) in known {
        let hits = shop.replicas.stage.upstream.hits(&path(state));
        assert_pending(&shop.come_back(0, &path(state), payment).await, state);
        assert_eq!(shop.replicas.stage.upstream.hits(&path(state)), hits, "{state}: not served");
        assert_eq!(shop.transfers(&[payment]).len(), 1, "{state}: not charged again");
    }
}

// === Settling ===

/// Whoever is answered within the drain time is served, and both replicas know it.
async fn answers_within_its_drain_time(claims: Claims, change: Change) {
    let Some(mut shop) = open(claims) else { return };
    for kind in ["before", "after"] {
        let path = format!("/{kind}/{}-soon", change.name());
        let payment = shop.sign(&path).await;
        shop.replicas.stage.settle_slowly(&payment, 500);
        let mut waiting = shop.sent(0, &path, &payment).await;
        until("the facilitator was called", || shop.settles(&payment) == 1).await;
        let heard = tokio::spawn(async move { waiting.read(false).await });
        let gone = change.happen(&mut shop).await;
        let answer = heard.await.unwrap();
        assert_eq!([paid(&answer)], *shop.transfers(&[&payment]));
        for at in [0, 1] {
            refused(&shop.come_back(at, &path, &payment).await, 402, "payment_already_used");
        }
        assert_eq!(shop.settles(&payment), 1);
        assert_eq!(recorded(&shop, &gone, &path).await, ["delivered", "replayed"], "{path}");
    }
}

/// Whoever was cut off by the drain. A root that is replaced in its VM outlives its listener, so the
/// answer is kept, at either replica. Envoy may cancel the callouts of a VM that nothing refers to any
/// more: after an upgrade the outcome may be open, and nobody is charged again.
async fn cut_off_while_settling(claims: Claims, change: Change) {
    let Some(mut shop) = open(claims) else { return };
    for (at, kind) in ["before", "after"].into_iter().enumerate() {
        let path = format!("/{kind}/{}-late", change.name());
        let wallet = Wallet::another();
        let payment = shop.sign_by(&wallet, &path).await;
        shop.replicas.stage.settle_slowly(&payment, 9_000);
        let mut waiting = shop.sent(0, &path, &payment).await;
        until("the facilitator was called", || shop.settles(&payment) == 1).await;
        let begun = std::time::Instant::now();
        let gone = change.happen(&mut shop).await;
        if begun.elapsed().as_secs() >= 8 {
            // The machine was so slow that nobody was cut off.
            drop(waiting.read(false).await);
            continue;
        }
        drop(waiting);
        // What another replica does before it could hear of it is another purchase (docs/security.md, A17).
        let over = std::time::Instant::now();
        while recorded(&shop, &gone, &path).await.is_empty() {
            assert!(over.elapsed().as_secs() < 10, "{path}: nobody was cut off");
            pause(20).await;
        }
        pause(1_500).await;
        let next = shop.sign_by(&wallet, &path).await;
        let answer = shop.come_back(at, &path, &next).await;
        let again = shop.come_back(1 - at, &path, &payment).await;
        if change == Reload || answer.status == 200 {
            assert_eq!([paid(&answer)], *shop.transfers(&[&payment, &next]), "{path}");
            refused(&again, 402, "payment_already_used");
            assert_eq!(shop.settles(&payment), 1);
        } else {
            assert_pending(&answer, &path);
            assert_pending(&again, &path);
        }
        assert_eq!((shop.transfers(&[&payment]).len(), shop.settles(&next)), (1, 0), "{path}");
        let said = recorded(&shop, &gone, &path).await;
        assert_eq!(said.first().map(String::as_str), Some("pending"), "{path}: {said:?}");
    }
}

/// A process that ends cannot hear the answer: the lease lapses, and the other replica asks.
async fn settlement_cut_by_a_restart(booked: bool) {
    let Some(mut shop) = open(Shared) else { return };
    let mut cut = Vec::new();
    for kind in ["before", "after"] {
        let path = format!("/{kind}/cut-{booked}");
        let wallet = Wallet::another();
        let payment = shop.sign_by(&wallet, &path).await;
        if booked {
            shop.replicas.stage.settle_slowly(&payment, 6_000);
        } else {
            shop.replicas.stage.facilitator.fault(Fault::once(FaultKind::Hang).nonce(payment.nonce));
        }
        let waiting = shop.sent(0, &path, &payment).await;
        until("the facilitator was called", || shop.settles(&payment) == 1).await;
        cut.push((path, wallet, payment, waiting));
    }
    let gone = shop.replicas.restart(0, Duration::from_millis(200)).await;
    for (path, _, payment, _) in &cut {
        for at in [0, 1] {
            let early = shop.ask(at, path, payment).await;
            let said = code(&early);
            assert!(["payment_in_flight", "claim_store_unavailable"].contains(&said.as_str()), "{early:?}");
        }
    }
    for (at, (path, wallet, payment, _)) in cut.iter().enumerate() {
        let answer = shop.come_back(at, path, payment).await;
        let next = shop.sign_by(wallet, path).await;
        let after = shop.come_back(1 - at, path, &next).await;
        if booked {
            // This facilitator does not repeat a success, and nothing else proves one.
            assert_pending(&answer, path);
            assert_pending(&after, path);
            assert_eq!(shop.settles(&next), 0, "not charged again");
        } else {
            assert_eq!([paid(&answer)], *shop.transfers(&[payment]));
            paid(&after);
        }
        assert_eq!(shop.transfers(&[payment]).len(), 1, "{path}: moved once");
        let said = recorded(&shop, &gone, path).await;
        assert_eq!(said.first().map(String::as_str), Some("pending"), "{path}: {said:?}");
    }
}

// === Held, and being delivered ===

/// The upstream is at work, or its response on its way, when the process ends or its listener goes:
/// what was not asked for is free, what was paid is owed.
async fn work_is_cut(claims: Claims, change: Change) {
    let Some(mut shop) = open(claims) else { return };
    let held = format!("/after/{}-held", change.name());
    let streaming = format!("/before/{}-streaming", change.name());
    let (unasked, bought) = (shop.sign(&held).await, shop.sign(&streaming).await);
    let working = shop.sent(0, &format!("{held}?delay=20000"), &unasked).await;
    let mut reading = shop.sent(0, &format!("{streaming}?stream=200,100"), &bought).await;
    until("the upstream was asked", || shop.replicas.stage.upstream.hits(&held) == 1).await;
    assert!(reading.read_at_least(400).await.unwrap() >= 400, "the stream began");
    let gone = change.happen(&mut shop).await;
    drop((working, reading));
    assert_eq!((shop.settles(&unasked), shop.settles(&bought)), (0, 1));
    // Each at the other replica, once the lease is over.
    paid(&shop.come_back(1, &held, &unasked).await);
    let answer = shop.come_back(1, &streaming, &bought).await;
    assert_eq!([paid(&answer)], *shop.transfers(&[&bought]));
    for payment in [(&held, &unasked), (&streaming, &bought)] {
        refused(&shop.come_back(0, payment.0, payment.1).await, 402, "payment_already_used");
        assert_eq!((shop.settles(payment.1), shop.transfers(&[payment.1]).len()), (1, 1));
    }
    let said = [recorded(&shop, &gone, &held).await, recorded(&shop, &gone, &streaming).await];
    let first = said.each_ref().map(|said| said.first().map(String::as_str));
    // Who dies writes nothing.
    let expected = if change == Death { ["replayed"; 2] } else { ["abandoned", "undelivered"] };
    assert_eq!(first, expected.map(Some), "{said:?}");
}

macro_rules! changes {
    ($($name:ident: $case:expr;)*) => {$(
        #[tokio::test(flavor = "multi_thread")]
        async fn $name() {
            $case.await;
        }
    )*};
}

changes! {
    a15_a_restart_with_the_store_keeps_what_is_at_rest: keeps_what_is_at_rest(Shared, Restart);
    a15_a_reload_with_the_store_keeps_what_is_at_rest: keeps_what_is_at_rest(Shared, Reload);
    a15_an_upgrade_with_the_store_keeps_what_is_at_rest: keeps_what_is_at_rest(Shared, Upgrade);
    a15_a_reload_without_a_store_keeps_what_is_at_rest: keeps_what_is_at_rest(Own, Reload);
    a15_an_upgrade_without_a_store_keeps_what_is_at_rest: keeps_what_is_at_rest(Own, Upgrade);
    a15_a_restart_without_a_store_leaves_it_to_the_chain: forgets(Restart);
    a15_a_death_without_a_store_leaves_it_to_the_chain: forgets(Death);
    a15_a_restart_with_the_store_answers_within_its_drain_time: answers_within_its_drain_time(Shared, Restart);
    a15_a_reload_with_the_store_answers_within_the_drain_time: answers_within_its_drain_time(Shared, Reload);
    a15_an_upgrade_with_the_store_answers_within_the_drain_time: answers_within_its_drain_time(Shared, Upgrade);
    a15_a_reload_with_the_store_keeps_a_late_answer: cut_off_while_settling(Shared, Reload);
    a15_an_upgrade_with_the_store_charges_once_for_a_late_answer: cut_off_while_settling(Shared, Upgrade);
    a15_an_upgrade_without_a_store_charges_once_for_a_late_answer: cut_off_while_settling(Own, Upgrade);
    a15_a_settlement_cut_by_a_restart_is_not_charged_again: settlement_cut_by_a_restart(true);
    a15_a_settlement_cut_by_a_restart_is_asked_about_by_the_other: settlement_cut_by_a_restart(false);
    a15_a_restart_with_the_store_in_mid_work_owes_what_was_paid: work_is_cut(Shared, Restart);
    a15_a_death_with_the_store_in_mid_work_owes_what_was_paid: work_is_cut(Shared, Death);
    a15_a_reload_with_the_store_in_mid_work_owes_what_was_paid: work_is_cut(Shared, Reload);
    a15_an_upgrade_with_the_store_in_mid_work_owes_what_was_paid: work_is_cut(Shared, Upgrade);
    a15_a_reload_without_a_store_in_mid_work_owes_what_was_paid: work_is_cut(Own, Reload);
    a15_an_upgrade_without_a_store_in_mid_work_owes_what_was_paid: work_is_cut(Own, Upgrade);
}
