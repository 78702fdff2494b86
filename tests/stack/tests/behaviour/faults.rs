//! Every fault as a client meets it, and whether the money moved.

use std::time::{Duration, Instant};

use serde_json::{json, Value};
use x402_devstack::client::{get, request, Answer, Broken, RawConnection, RawRequest};
use x402_devstack::facilitator::{Facilitator, Fault, FaultKind, Operation};
use x402_devstack::payer::{Payment, Wallet};

use super::{facilitator, payment, settle, verify};

/// Settles one payment under a fault: the answer, and how many transfers came of it.
async fn under(fault: FaultKind) -> (Answer, usize, Facilitator, Payment) {
    let facilitator = facilitator();
    let payment = payment(&Wallet::dev(0));
    facilitator.fault(Fault::once(fault));
    let answer = settle(&facilitator, &payment).await;
    let moved = facilitator.transfers_of(payment.nonce).len();
    (answer, moved, facilitator, payment)
}

#[tokio::test]
async fn resets_and_cuts() {
    let (answer, moved, ..) = under(FaultKind::ResetBefore).await;
    assert_eq!((answer.status, answer.broken, moved), (0, Some(Broken::Reset), 0));
    let (answer, moved, ..) = under(FaultKind::ResetAfter).await;
    assert_eq!((answer.status, answer.broken, moved), (0, Some(Broken::Reset), 1));
    let (answer, moved, ..) = under(FaultKind::LostAnswer).await;
    assert_eq!((answer.status, answer.broken, moved), (0, Some(Broken::Closed), 1));
    let (answer, moved, ..) = under(FaultKind::CutBody).await;
    assert_eq!((answer.status, answer.broken, moved), (200, Some(Broken::Reset), 1));
    assert!(!answer.body.is_empty() && answer.json().is_null());
}

#[tokio::test]
async fn answers_that_are_not_answers() {
    let (answer, moved, ..) = under(FaultKind::Garbage).await;
    assert_eq!((answer.status, moved), (200, 1));
    assert!(answer.json().is_null());
    let (answer, moved, ..) = under(FaultKind::Html).await;
    assert_eq!((answer.header_text("content-type"), moved), (Some("text/html"), 1));
    let (answer, moved, ..) = under(FaultKind::HalfJson).await;
    assert_eq!((answer.broken, moved), (None, 1));
    assert!(answer.json().is_null());
    let (answer, moved, ..) = under(FaultKind::Huge).await;
    assert!(answer.body.len() > 3_000_000 && answer.json()["success"] == true && moved == 1);
    let (answer, moved, ..) = under(FaultKind::SlowDrip { ms: 1 }).await;
    assert_eq!((answer.json()["success"].clone(), moved), (json!(true), 1));
}

#[tokio::test]
async fn successes_that_are_false() {
    let (answer, moved, ..) = under(FaultKind::MissingSuccess).await;
    assert!(answer.json()["success"].is_null() && answer.json()["transaction"].is_string());
    assert_eq!(moved, 1);
    let (answer, ..) = under(FaultKind::SuccessNotBool).await;
    assert_eq!(answer.json()["success"], "true");
    let (answer, ..) = under(FaultKind::WrongNetwork).await;
    assert_eq!(answer.json()["network"], "eip155:1");
    let (answer, _, _, payment) = under(FaultKind::WrongPayer).await;
    assert_ne!(answer.json()["payer"], payment.payer.to_string());
    let (answer, ..) = under(FaultKind::WrongAmount).await;
    assert_eq!(answer.json()["amount"], "1");
}

#[tokio::test]
async fn refusals_by_status_reason_and_redirect() {
    let body = r#"{"error":"slow down"}"#.to_owned();
    let (answer, moved, ..) = under(FaultKind::Status { code: 429, body }).await;
    assert_eq!((answer.status, moved), (429, 0));
    assert_eq!(answer.json()["error"], "slow down");
    let reason = "insufficient_funds".to_owned();
    let (answer, moved, ..) = under(FaultKind::Reject { reason }).await;
    assert_eq!((answer.json()["errorReason"].as_str(), moved), (Some("insufficient_funds"), 0));
    let location = "http://127.0.0.1:1/settle".to_owned();
    let (answer, moved, ..) = under(FaultKind::Redirect { location: location.clone() }).await;
    assert_eq!((answer.status, answer.header_text("location"), moved), (307, Some(&*location), 0));
}

#[tokio::test]
async fn a_status_may_hide_a_booking() {
    let facilitator = facilitator();
    let payment = payment(&Wallet::dev(0));
    let kind = FaultKind::Status { code: 500, body: String::new() };
    facilitator.fault(Fault::once(kind).booked(true));
    assert_eq!(settle(&facilitator, &payment).await.status, 500);
    assert_eq!(facilitator.transfers_of(payment.nonce).len(), 1);
}

#[tokio::test]
async fn pending_is_found_again_by_the_same_payment() {
    let (answer, moved, facilitator, payment) = under(FaultKind::Pending).await;
    let answer = answer.json();
    assert_eq!((answer["errorReason"].as_str(), moved), (Some("settlement_pending"), 1));
    let again = settle(&facilitator, &payment).await.json();
    assert_eq!(again["success"], true);
    assert_eq!(again["transaction"], answer["transaction"]);
    assert_eq!(facilitator.transfers_of(payment.nonce).len(), 1);
}

#[tokio::test]
async fn a_delay_books_first_or_late() {
    for (book_late, moved_meanwhile) in [(false, 1), (true, 0)] {
        let facilitator = facilitator();
        let payment = payment(&Wallet::dev(0));
        facilitator.fault(Fault::once(FaultKind::Delay { ms: 200, book_late }));
        let begun = Instant::now();
        let (answer, ()) = tokio::join!(settle(&facilitator, &payment), async {
            tokio::time::sleep(Duration::from_millis(100)).await;
            assert_eq!(facilitator.transfers_of(payment.nonce).len(), moved_meanwhile);
        });
        assert!(begun.elapsed() >= Duration::from_millis(200));
        assert_eq!(answer.json()["success"], true);
    }
}

#[tokio::test]
async fn a_hang_lasts_until_the_client_leaves() {
    let facilitator = facilitator();
    let payment = payment(&Wallet::dev(0));
    facilitator.fault(Fault::once(FaultKind::Hang));
    let ask = RawRequest::new("POST", "/settle").body(payment.facilitator_body().to_string());
    let mut connection =
        RawConnection::open(facilitator.address()).await.unwrap().patience(Duration::from_millis(100));
    assert_eq!(connection.exchange(&ask).await.broken, Some(Broken::TimedOut));
    assert_eq!(settle(&facilitator, &payment).await.json()["success"], true);
}

#[tokio::test]
async fn refused_connections_come_back_on_the_same_port() {
    let facilitator = facilitator();
    let mut idle = RawConnection::open(facilitator.address()).await.unwrap();
    assert_eq!(idle.exchange(&RawRequest::get("/healthz")).await.status, 200);
    facilitator.refuse();
    tokio::time::sleep(Duration::from_millis(50)).await;
    assert_eq!(get(facilitator.address(), "/healthz").await.broken, Some(Broken::Refused));
    assert!(idle.exchange(&RawRequest::get("/healthz")).await.broken.is_some());
    facilitator.resume();
    tokio::time::sleep(Duration::from_millis(50)).await;
    assert_eq!(get(facilitator.address(), "/healthz").await.status, 200);
    facilitator.fault(Fault::always(FaultKind::Refuse { ms: 150 }));
    tokio::time::sleep(Duration::from_millis(50)).await;
    assert_eq!(get(facilitator.address(), "/healthz").await.broken, Some(Broken::Refused));
    tokio::time::sleep(Duration::from_millis(200)).await;
    assert_eq!(get(facilitator.address(), "/healthz").await.status, 200);
}

#[tokio::test]
async fn a_fault_aims() {
    let facilitator = facilitator();
    let (aimed, other) = (payment(&Wallet::dev(0)), payment(&Wallet::dev(1)));
    facilitator.fault(Fault::always(FaultKind::Garbage).nonce(aimed.nonce).on(Operation::Verify));
    facilitator.fault(Fault::always(FaultKind::Html).payer(other.payer).times(2).on(Operation::Any));
    assert!(verify(&facilitator, &aimed).await.json().is_null());
    assert_eq!(settle(&facilitator, &aimed).await.json()["success"], true);
    assert!(verify(&facilitator, &other).await.json().is_null());
    assert!(settle(&facilitator, &other).await.json().is_null());
    assert_eq!(
        settle(&facilitator, &other).await.json()["errorReason"],
        "invalid_exact_evm_nonce_already_used"
    );
    facilitator.clear_faults();
    assert!(verify(&facilitator, &aimed).await.json().is_object());
}

#[tokio::test]
async fn the_admin_api_does_what_the_library_does() {
    let facilitator = facilitator();
    let address = facilitator.address();
    let admin = |method: &'static str, path: &'static str, body: Value| async move {
        let ask = RawRequest::new(method, path).body(body.to_string());
        request(address, &ask).await
    };
    let poor = Wallet::unfunded();
    let payment = payment(&poor);
    let asset = "0x036CbD53842c5426634e7929541eC2318f3dCF7e";
    let fund =
        json!({ "network": "base-sepolia", "asset": asset, "address": poor.address(), "amount": "10000" });
    assert_eq!(admin("POST", "/admin/fund", fund).await.status, 200);
    let faults = json!([{ "kind": "reject", "reason": "nope", "times": 1 }]);
    assert_eq!(admin("POST", "/admin/faults", faults).await.status, 200);
    assert_eq!(settle(&facilitator, &payment).await.json()["errorReason"], "nope");
    assert_eq!(settle(&facilitator, &payment).await.json()["success"], true);
    let calls = admin("GET", "/admin/calls", Value::Null).await.json();
    assert_eq!(calls[0]["outcome"], "fault:reject");
    assert_eq!(calls[1]["outcome"], "settled");
    assert_eq!(calls[1]["nonce"], payment.nonce.to_string());
    assert_eq!(calls[1]["authorization"], false);
    let ledger = admin("GET", "/admin/ledger", Value::Null).await.json();
    assert_eq!(ledger["transfers"][0]["amount"], "10000");
    let again =
        json!({ "network": "eip155:84532", "asset": asset, "payer": poor.address(), "nonce": payment.nonce });
    assert_eq!(admin("POST", "/admin/cancel", again).await.status, 400);
    assert_eq!(admin("POST", "/admin/faults", json!({ "kind": "unheard_of" })).await.status, 400);
    assert_eq!(admin("DELETE", "/admin/faults", Value::Null).await.status, 200);
    assert_eq!(admin("POST", "/admin/reset", Value::Null).await.status, 200);
    assert!(facilitator.calls().is_empty());
}
