//! Money moves once per authorisation, and both facilitators are as unhelpful as the real ones.

use std::time::Duration;

use alloy_primitives::U256;
use x402_devstack::facilitator::{Dialect, Facilitator, Options};
use x402_devstack::payer::{SignatureForm, Wallet};

use super::{facilitator, payment, settle, verify};

#[tokio::test]
async fn a_second_settlement_says_used_and_moves_nothing() {
    let facilitator = facilitator();
    let payment = payment(&Wallet::dev(1));
    let first = settle(&facilitator, &payment).await.json();
    assert_eq!(first["success"], true, "{first}");
    assert_eq!(first["payer"], payment.payer.to_string());
    assert_eq!(first["network"], "eip155:84532");
    let second = settle(&facilitator, &payment).await;
    assert_eq!(second.status, 200);
    assert_eq!(second.json()["errorReason"], "invalid_exact_evm_nonce_already_used");
    let moved = facilitator.transfers_of(payment.nonce);
    assert_eq!(moved.len(), 1);
    assert_eq!(moved[0].amount, U256::from(10_000));
    assert_eq!(first["transaction"], moved[0].transaction.to_string());
    assert_eq!(facilitator.settles_of(payment.nonce), 2);
}

#[tokio::test]
async fn the_rust_facilitator_answers_500_to_a_second_settlement() {
    let facilitator = Facilitator::start(Options { dialect: Dialect::X402Rs, ..Options::default() }).unwrap();
    let payment = payment(&Wallet::dev(1));
    assert_eq!(settle(&facilitator, &payment).await.json()["success"], true);
    let second = settle(&facilitator, &payment).await;
    assert_eq!(second.status, 500);
    assert_eq!(second.json()["errorReason"], "unexpected_error");
    let verified = verify(&facilitator, &payment).await;
    assert_eq!((verified.status, verified.json()["isValid"].clone()), (400, false.into()));
}

#[tokio::test]
async fn a_cancelled_authorisation_looks_exactly_like_a_used_one() {
    for dialect in [Dialect::Npm, Dialect::X402Rs] {
        let facilitator = Facilitator::start(Options { dialect, ..Options::default() }).unwrap();
        let (used, cancelled) = (payment(&Wallet::dev(2)), payment(&Wallet::dev(2)));
        settle(&facilitator, &used).await;
        let transfer = &facilitator.transfers_of(used.nonce)[0];
        let key = x402_devstack::facilitator::AuthorizationKey {
            network: transfer.network.clone(),
            asset: transfer.asset,
            payer: cancelled.payer,
            nonce: cancelled.nonce,
        };
        facilitator.cancel(key.clone()).unwrap();
        assert!(facilitator.cancel(key).is_err());
        let (after_use, after_cancel) =
            (settle(&facilitator, &used).await, settle(&facilitator, &cancelled).await);
        assert_eq!(after_use.status, after_cancel.status);
        assert_eq!(after_use.body, after_cancel.body);
        assert!(facilitator.transfers_of(cancelled.nonce).is_empty());
    }
}

#[tokio::test]
async fn of_two_at_once_one_is_paid_and_the_loser_reverts() {
    let facilitator =
        Facilitator::start(Options { latency: Duration::from_millis(50), ..Options::default() }).unwrap();
    let payment = payment(&Wallet::dev(3));
    let (left, right) = tokio::join!(settle(&facilitator, &payment), settle(&facilitator, &payment));
    let (left, right) = (left.json(), right.json());
    let loser = if left["success"] == true { right } else { left };
    assert_eq!(loser["success"], false);
    assert_eq!(loser["errorReason"], "invalid_exact_evm_transaction_failed");
    assert_eq!(facilitator.transfers_of(payment.nonce).len(), 1);
}

#[tokio::test]
async fn forty_wallets_at_once_are_each_charged_once() {
    let facilitator = std::sync::Arc::new(facilitator());
    let mut tasks = Vec::new();
    for number in 0..40 {
        let wallet = Wallet::numbered(number);
        let payment = payment(&wallet);
        let asset = "0x036CbD53842c5426634e7929541eC2318f3dCF7e".parse().unwrap();
        facilitator.fund("eip155:84532", asset, wallet.address(), U256::from(10_000));
        for _ in 0..3 {
            let (facilitator, payment) = (facilitator.clone(), payment.clone());
            tasks.push(tokio::spawn(async move {
                settle(&facilitator, &payment).await.json()["success"] == true
            }));
        }
    }
    let mut successes = 0;
    for task in tasks {
        successes += usize::from(task.await.unwrap());
    }
    assert_eq!(successes, 40);
    assert_eq!(facilitator.ledger().transfers().len(), 40);
}

#[tokio::test]
async fn an_empty_wallet_is_refused_by_verify_and_by_settle() {
    let facilitator = facilitator();
    let payment = payment(&Wallet::unfunded());
    let reason = "invalid_exact_evm_insufficient_balance";
    assert_eq!(verify(&facilitator, &payment).await.json()["invalidReason"], reason);
    let settled = settle(&facilitator, &payment).await.json();
    assert_eq!((settled["errorReason"].as_str(), settled["transaction"].as_str()), (Some(reason), Some("")));
}

#[tokio::test]
async fn the_token_is_stricter_than_the_facilitator() {
    let facilitator = facilitator();
    for form in [SignatureForm::HighS, SignatureForm::ZeroOneV] {
        let payment = payment(&Wallet::dev(4)).sign_as(form);
        let verified = verify(&facilitator, &payment).await.json();
        assert_eq!(verified["invalidReason"], "invalid_exact_evm_transaction_simulation_failed");
        let settled = settle(&facilitator, &payment).await.json();
        assert_eq!(settled["errorReason"], "invalid_exact_evm_signature");
        assert!(facilitator.transfers_of(payment.nonce).is_empty());
    }
}
