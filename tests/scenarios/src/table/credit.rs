//! A13: a wallet that is owed something presents another payment, as clients do that never resend.

use x402_devstack::client::RawRequest;
use x402_devstack::payer::{Payment, Wallet};

use super::Table;
use crate::stage::{receipt_of, refused, served, Stage};

pub(super) fn add(table: &mut Table) {
    table.add("a13_a_new_payment_is_served_from_the_one_that_was_taken", credited);
    table.add("a13_credit_is_given_once", once);
    table.add("a13_credit_is_for_what_was_bought", bought);
    table.add("a13_credit_is_for_the_wallet_that_was_charged", charged);
    table.add("a13_a_payment_that_was_used_up_stands_for_the_other", used_up);
}

/// Pays, and the upstream fails: the money moved and nothing was delivered.
fn fail(stage: &mut Stage<'_>, asked: &RawRequest) -> Payment {
    let payment = stage.pay(asked);
    let answer = stage.send(&asked.clone().header("x-test-status", "500").pay(&payment));
    assert_eq!(answer.status, 500, "{}", answer.text());
    assert_eq!(stage.moved(&payment).len(), 1);
    payment
}

/// Presents a payment that pays for itself.
fn buy(stage: &mut Stage<'_>, asked: &RawRequest) -> Payment {
    let (payment, request) = stage.paid(asked);
    let answer = stage.again(&request);
    served(&answer);
    assert_eq!((stage.settles(&payment), stage.moved(&payment).len()), (1, 1));
    assert_eq!(receipt_of(&answer), stage.moved(&payment)[0].transaction);
    payment
}

/// Presents a new payment and asserts that it is served from the one that was taken.
fn be_served(stage: &mut Stage<'_>, asked: &RawRequest, taken: &Payment) -> Payment {
    let (payment, request) = stage.paid(asked);
    let answer = stage.again(&request);
    served(&answer);
    assert_eq!(receipt_of(&answer), stage.moved(taken)[0].transaction, "the first one's receipt");
    assert_eq!((stage.settles(&payment), stage.moved(&payment).len()), (0, 0), "never submitted");
    payment
}

fn credited(stage: &mut Stage<'_>) {
    let asked = stage.get("/v1/cheap");
    let first = fail(stage, &asked);
    let second = be_served(stage, &asked, &first);
    for payment in [&first, &second] {
        refused(&stage.again(&asked.clone().pay(payment)), 402, "payment_already_used");
    }
    stage.charged_once(&first, 2);
    assert!(stage.moved(&second).is_empty());
}

/// What was owed is owed no more: the next payment pays for itself, and so does each after it.
fn once(stage: &mut Stage<'_>) {
    let asked = stage.get("/v1/cheap");
    let first = fail(stage, &asked);
    be_served(stage, &asked, &first);
    for _ in 0..3 {
        buy(stage, &asked);
    }
    assert_eq!((stage.settles(&first), stage.hits()), (1, 5));
}

/// Another route of the same price, payee and asset is another offer.
fn bought(stage: &mut Stage<'_>) {
    let (asked, twin) = (stage.get("/v1/cheap"), stage.get("/v1/twin"));
    let first = fail(stage, &asked);
    buy(stage, &twin);
    buy(stage, &stage.get("/v1/dear"));
    be_served(stage, &asked, &first);
}

fn charged(stage: &mut Stage<'_>) {
    let asked = stage.get("/v1/cheap");
    let first = fail(stage, &asked);
    let owed = std::mem::replace(&mut stage.wallet, Wallet::another());
    buy(stage, &asked);
    stage.wallet = owed;
    be_served(stage, &asked, &first);
}

/// Used up for another claim whose delivery failed again: whoever sends it is told what that one
/// says, and no other offer is served for it.
fn used_up(stage: &mut Stage<'_>) {
    let asked = stage.get("/v1/cheap");
    let first = fail(stage, &asked);
    let second = stage.pay(&asked);
    let answer = stage.again(&asked.clone().header("x-test-status", "500").pay(&second));
    assert_eq!(answer.status, 500, "{}", answer.text());
    refused(&stage.again(&stage.get("/v1/twin").pay(&second)), 409, "payment_bound_elsewhere");
    let answer = stage.again(&asked.clone().pay(&second));
    served(&answer);
    assert_eq!(receipt_of(&answer), stage.moved(&first)[0].transaction);
    for payment in [&second, &first, &second] {
        refused(&stage.again(&asked.clone().pay(payment)), 402, "payment_already_used");
    }
    assert_eq!((stage.settles(&first), stage.settles(&second)), (1, 0));
}
