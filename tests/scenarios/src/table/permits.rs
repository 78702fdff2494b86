//! `exact` through Permit2: paid once, and every lie refused by its name without a call.

use alloy_primitives::{Address, U256};
use serde_json::json;
use x402_devstack::facilitator::{Fault, FaultKind, Operation};
use x402_devstack::payer::{Draft, Payment, Spending};
use x402_devstack::permit2::{EXACT_PROXY, UPTO_PROXY};

use super::{wallets, Table};
use crate::shop::Shop;
use crate::stage::{receipt_of, refused, served, Stage};

const BEFORE: &str = "/ways/permit/before";

pub(super) fn add(table: &mut Table) {
    for (name, path) in [("before", BEFORE), ("after", "/ways/permit/after")] {
        table
            .add_in(Shop::Any, format!("a1_permit_paid_and_replayed_{name}"), move |stage| paid(stage, path));
    }
    let spends = |spender: Address, facilitator: Option<Address>| Some(Spending { spender, facilitator });
    lie(table, "a3_permit_signed_for_another_spender", "invalid_permit2_spender", move |draft| {
        draft.permit = spends(Address::repeat_byte(7), None);
    });
    lie(table, "a3_permit_signed_for_the_upto_proxy", "invalid_permit2_spender", move |draft| {
        draft.permit = spends(UPTO_PROXY, None);
    });
    lie(table, "a3_permit_signed_for_a_submitter", "upto_facilitator_mismatch", move |draft| {
        draft.permit = spends(EXACT_PROXY, Some(Address::repeat_byte(7)));
    });
    lie(table, "a3_permit_signed_for_another_token", "permit2_token_mismatch", |draft| {
        draft.token = Address::repeat_byte(7)
    });
    lie(table, "a3_permit_signed_for_another_payee", "invalid_permit2_recipient_mismatch", |draft| {
        draft.to = Address::repeat_byte(7)
    });
    lie(table, "a3_permit_signed_for_one_less", "permit2_amount_mismatch", |draft| {
        draft.value -= U256::from(1)
    });
    lie(table, "a3_permit_signed_for_one_more", "permit2_amount_mismatch", |draft| {
        draft.value += U256::from(1)
    });
    lie(table, "a5_permit_with_a_deadline_that_is_past", "permit2_deadline_expired", |draft| {
        draft.valid_before -= U256::from(59);
    });
    lie(table, "a5_permit_with_a_beginning_to_come", "permit2_not_yet_valid", |draft| {
        draft.valid_after = draft.valid_before - U256::from(1);
    });
    lie(table, "a5_permit_with_a_deadline_far_off", "payment_validity_too_long", |draft| {
        draft.valid_before += U256::from(3_600);
    });
    table.add_in(Shop::Any, "a3_permit_eip3009_instead", |stage| {
        let asked = stage.get(BEFORE);
        let mut draft = stage.draft(&asked);
        draft.permit = None;
        let payment = draft.sign(&stage.wallet);
        refused(&stage.send(&asked.pay(&payment)), 402, "no_matching_payment_requirements");
        stage.untouched(&payment);
    });
    table.add_in(Shop::Any, "a3_permit_not_in_version_1", |stage| {
        let asked = stage.get(BEFORE);
        let answer = stage.asked(&asked);
        assert!(answer.json().get("accepts").is_none(), "version 1 knows EIP-3009 only");
        let draft = stage.draft(&asked);
        let accepted = json!({"scheme": "exact", "network": "base-sepolia"});
        let draft = Draft { version: 1, accepted, resource: None, extensions: None, ..draft };
        let payment = draft.sign(&stage.wallet);
        refused(&stage.send(&asked.pay(&payment)), 402, "no_matching_payment_requirements");
        stage.untouched(&payment);
    });
    table.add_in(Shop::Any, "p2_no_allowance_is_412", |stage| {
        let (payment, request) = stage.paid(&stage.get(BEFORE));
        let allowance = FaultKind::Reject { reason: "permit2_allowance_required".to_owned() };
        stage.world().facilitator.fault(Fault::once(allowance).on(Operation::Verify).nonce(payment.nonce));
        refused(&stage.send(&request), 412, "permit2_allowance_required");
        assert_eq!((stage.hits(), stage.settles(&payment)), (0, 0), "asked before anything moves");
        served(&stage.again(&request));
        stage.charged_once(&payment, 1);
    });
}

pub(super) fn add_hosted(table: &mut Table) {
    table.add_in(Shop::Any, "a10_a_permit_asked_about_again_has_its_second_signature_too", again);
    for (name, path) in [("before", BEFORE), ("after", "/ways/permit/after")] {
        table.add_in(
            Shop::Any,
            format!("a10_a_permit_that_was_used_up_decides_whoever_has_its_signature_{name}"),
            move |stage| used_up(stage, path),
        );
    }
}

pub(super) fn add_timed(table: &mut Table) {
    table.add_alone(Shop::Any, "a10_what_is_owed_is_asked_about_with_no_signature_of_anothers", lent_late);
}

fn lie(
    table: &mut Table,
    name: &'static str,
    code: &'static str,
    change: impl Fn(&mut Draft) + Send + Sync + 'static,
) {
    table.add_in(Shop::Any, name, move |stage| {
        let asked = stage.get(BEFORE);
        let mut draft = stage.draft(&asked);
        change(&mut draft);
        let payment = draft.sign(&stage.wallet);
        refused(&stage.send(&asked.pay(&payment)), 402, code);
        stage.untouched(&payment);
    });
}

/// An account signs a permit once more while it is open, in bytes that a contract of its own would present.
fn again(stage: &mut Stage<'_>) {
    let asked = stage.get(BEFORE);
    let draft = stage.draft(&asked);
    let first = draft.sign(&stage.wallet);
    let signature = stage.wallet.sign_otherwise(draft.digest());
    let second = first.clone().with_signature(&signature);
    assert_ne!(first.json, second.json);
    for (payment, asks) in [(&first, 1), (&second, 2)] {
        stage.fault(&first, FaultKind::Pending);
        refused(&stage.again(&asked.clone().pay(payment)), 503, "settlement_pending");
        assert_eq!(stage.settles(&first), asks);
    }
    for path in ["/ways/permit/after", BEFORE] {
        let other = stage.get(path);
        let lent = wallets::contract(stage, &other, Some(true)).with_signature(&signature);
        refused(&stage.again(&other.pay(&lent)), 409, "payment_bound_elsewhere");
        assert!(stage.calls(lent.nonce).is_empty(), "the facilitator was called");
    }
    served(&stage.again(&asked.pay(&second)));
    stage.charged_once(&first, 1);
}

/// Used up in favour of an open one of its wallet, an account's permit was never asked for. A contract's then,
/// its signature buys nothing of what the account paid, and takes nothing of it away.
fn used_up(stage: &mut Stage<'_>, path: &str) {
    let asked = stage.get(path);
    let open = stage.draft(&asked).sign(&stage.wallet);
    let new = stage.draft(&asked).sign(&stage.wallet);
    for payment in [&open, &new] {
        stage.fault(&open, FaultKind::Pending);
        refused(&stage.again(&asked.clone().pay(payment)), 503, "settlement_pending");
    }
    let signature = new.json["payload"]["signature"].clone();
    let lent = wallets::contract(stage, &asked, Some(true)).tamper("/payload/signature", signature);
    served(&stage.again(&asked.clone().pay(&lent)));
    let answer = stage.again(&asked.pay(&new));
    served(&answer);
    assert_eq!(receipt_of(&answer), stage.moved(&open)[0].transaction);
    assert_eq!((stage.moved(&open).len(), stage.settles(&new)), (1, 0));
}

/// Of one contract, or of another: signed so many seconds from now.
fn by(stage: &mut Stage<'_>, path: &str, from: Option<Address>, fill: u8, ahead: u64) -> Payment {
    let mut draft = stage.draft(&stage.get(path));
    draft.from = from.unwrap_or_else(|| Address::from_slice(&draft.nonce[..20]));
    draft.valid_before += U256::from(ahead);
    let facilitator = &stage.world().facilitator;
    facilitator.deploy_wallet(draft.from, true);
    facilitator.fund("eip155:84532", draft.token, draft.from, U256::from(1_000_000));
    draft.sign(&stage.wallet).with_signature(&[fill; 80])
}

/// A payment that failed on its way stays open; when its signature has long been free, another's settlement
/// pends under it. What the first one's wallet signs anew is not served with the other's transaction.
fn lent_late(stage: &mut Stage<'_>) {
    let after = "/ways/permit/after";
    let open = by(stage, BEFORE, None, 0x5d, 0);
    let failed = FaultKind::Reject { reason: "permit2_simulation_failed".to_owned() };
    stage.fault(&open, failed);
    let answer = stage.again(&stage.get(BEFORE).pay(&open));
    refused(&answer, 503, "settlement_pending");
    stage.pass(1_000);
    let lent = by(stage, after, None, 0x5d, 1_000);
    stage.fault(&lent, FaultKind::Pending);
    let answer = stage.again(&stage.get(after).pay(&lent));
    assert!(matches!(answer.status, 409 | 503), "{}", answer.text());
    let new = by(stage, BEFORE, Some(open.payer), 0x5e, 1_000);
    let answer = stage.again(&stage.get(BEFORE).pay(&new));
    assert_ne!(answer.status, 200, "nothing was paid for it: {:?}", stage.moved(&open));
}

fn paid(stage: &mut Stage<'_>, path: &str) {
    let (payment, request) = stage.paid(&stage.get(path));
    assert!(payment.json["payload"]["permit2Authorization"].is_object());
    let first = stage.send(&request);
    served(&first);
    assert_eq!(receipt_of(&first), stage.moved(&payment)[0].transaction);
    assert_eq!(stage.moved(&payment)[0].amount, U256::from(1_000));
    let second = stage.again(&request);
    refused(&second, 402, "payment_already_used");
    assert_eq!(receipt_of(&second), receipt_of(&first), "the original receipt");
    stage.charged_once(&payment, 1);
    assert_eq!(stage.settles(&payment), 1);
}
