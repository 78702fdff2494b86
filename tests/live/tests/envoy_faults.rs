//! Facilitators that fail (A10, A11): what the client is told, what was booked, and what the
//! same payment gets next. A facilitator's own words never reach a client.

use std::sync::OnceLock;

use x402_devstack::client::{Answer, RawConnection, RawRequest};
use x402_devstack::facilitator::{Fault, FaultKind};
use x402_devstack::payer::Payment;
use x402_live::{assert_pending, assert_quiet, code, paid, plugin, refused, sign, Scene, Stage, LOUD};

static STAGE: OnceLock<Option<Stage>> = OnceLock::new();

/// One Envoy whose facilitator has 600 ms. The breaker is per worker and every test lets
/// an answer come between silences.
fn stage() -> Option<&'static Stage> {
    STAGE.get_or_init(|| Scene::new(plugin("600ms")).start()).as_ref()
}

/// What the client must hear of a fault, and what becomes of its money.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Fate {
    /// 402 with this code, nothing moved, the payment may be presented again.
    Rejected(&'static str),
    /// 503 pending; the same payment resolves it, since the money never moved.
    PendingUnpaid,
    /// 503 pending; the money moved and the facilitator, asked again, only says "used".
    PendingPaid,
    /// 503 pending; the facilitator, asked again, says success.
    PendingResolves,
    /// Paid, if slowly.
    Paid,
}

fn faults() -> Vec<(FaultKind, Fate)> {
    use Fate::{Paid, PendingPaid, PendingResolves, PendingUnpaid, Rejected};
    let status = |code| FaultKind::Status { code, body: format!("{LOUD} internal error at 10.0.0.7") };
    let json_status = |code, body: &str| FaultKind::Status { code, body: body.to_owned() };
    let reject = |reason: &str| FaultKind::Reject { reason: reason.to_owned() };
    vec![
        (FaultKind::Delay { ms: 200, book_late: false }, Paid),
        (FaultKind::Delay { ms: 1_500, book_late: false }, PendingPaid),
        (FaultKind::Hang, PendingUnpaid),
        (FaultKind::ResetBefore, PendingUnpaid),
        (FaultKind::ResetAfter, PendingPaid),
        (FaultKind::LostAnswer, PendingPaid),
        (FaultKind::CutBody, PendingPaid),
        (FaultKind::SlowDrip { ms: 20 }, PendingPaid),
        (status(401), PendingUnpaid),
        (status(429), PendingUnpaid),
        (status(500), PendingUnpaid),
        (status(503), PendingUnpaid),
        (json_status(500, r#"{"success":false,"errorReason":"insufficient_funds"}"#), PendingUnpaid),
        (json_status(200, "[true]"), PendingUnpaid),
        (FaultKind::Redirect { location: format!("http://{LOUD}.test/settle") }, PendingUnpaid),
        (FaultKind::Garbage, PendingPaid),
        (FaultKind::Html, PendingPaid),
        (FaultKind::HalfJson, PendingPaid),
        (FaultKind::Huge, PendingPaid),
        (FaultKind::MissingSuccess, PendingPaid),
        (FaultKind::SuccessNotBool, PendingPaid),
        (FaultKind::WrongNetwork, PendingPaid),
        (FaultKind::WrongPayer, PendingPaid),
        (FaultKind::WrongAmount, PendingPaid),
        (FaultKind::Pending, PendingResolves),
        (reject("insufficient_funds"), Rejected("insufficient_funds")),
        (reject("invalid_scheme"), Rejected("unsupported_by_facilitator")),
        (reject(LOUD), PendingUnpaid),
        (reject("invalid_exact_evm_nonce_already_used"), PendingUnpaid),
        (reject("invalid_exact_evm_transaction_failed"), PendingUnpaid),
    ]
}

/// A client that stays with one worker, by staying on its connection.
struct Client<'s> {
    stage: &'s Stage,
    connection: RawConnection,
}

impl Client<'_> {
    async fn buy(&mut self, target: &str, payment: &Payment) -> Answer {
        self.connection.exchange(&RawRequest::get(target).pay(payment)).await
    }
}

async fn client(stage: &Stage) -> Client<'_> {
    let connection = RawConnection::open(stage.envoy.address()).await.expect("Envoy listens");
    Client { stage, connection }
}

async fn suffer(client: &mut Client<'_>, kind: &str, fault: FaultKind, fate: Fate) {
    let stage = client.stage;
    let what = format!("{kind} {}", fault.name());
    let path = format!("/{kind}/fault");
    // An answer in time closes what the worker's breaker has counted.
    let quote = client.connection.exchange(&RawRequest::get(&path)).await.quote().expect("a quote");
    paid(&client.buy(&path, &sign(&quote)).await);
    let payment = sign(&quote);
    let marker = payment.nonce.to_string();
    let target = format!("{path}?marker={marker}");
    stage.facilitator.fault(Fault::once(fault).nonce(payment.nonce));
    let first = client.buy(&target, &payment).await;
    assert_quiet(&first, &what);
    let content = |answer: &Answer| answer.json()["upstream"].is_string();
    assert_eq!(content(&first), fate == Fate::Paid, "{what}: {first:?}");
    if kind == "before" {
        assert_eq!(stage.upstream.marked(&marker), u64::from(fate == Fate::Paid), "{what}");
    }
    match fate {
        Fate::Paid => {
            paid(&first);
        }
        Fate::Rejected(reason) => {
            assert_eq!((first.status, code(&first).as_str()), (402, reason), "{what}");
            assert_eq!(first.receipt().unwrap_or_default()["errorReason"], reason, "{what}");
            paid(&client.buy(&target, &payment).await);
        }
        Fate::PendingUnpaid | Fate::PendingPaid | Fate::PendingResolves => {
            assert_pending(&first, &what);
            come_back(client, &target, &payment, fate, &what).await;
        }
    }
    let (asked, transfers) = stage.settled(&payment);
    assert_eq!(transfers, 1, "{what}: charged once in the end");
    println!("| {what} | {} {} | {fate:?} | asked {asked} times, moved once |", first.status, code(&first));
}

/// The same payment after an unknown outcome.
async fn come_back(client: &mut Client<'_>, target: &str, payment: &Payment, fate: Fate, what: &str) {
    let transfers = client.stage.settled(payment).1;
    assert_eq!(transfers, usize::from(fate != Fate::PendingUnpaid), "{what}");
    let second = client.buy(target, payment).await;
    assert_quiet(&second, what);
    if fate == Fate::PendingPaid {
        // "Already used" proves nothing: not paid for, not free, not asked to pay again.
        assert_pending(&second, what);
        assert_pending(&client.buy(target, payment).await, what);
    } else {
        paid(&second);
        refused(&client.buy(target, payment).await, 402, "payment_already_used");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a10_a11_every_fault_is_paid_once_or_open_and_never_repeated_settling_before() {
    let Some(stage) = stage() else { return };
    let mut client = client(stage).await;
    for (fault, fate) in faults() {
        suffer(&mut client, "before", fault, fate).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a10_a11_every_fault_is_paid_once_or_open_and_never_repeated_settling_after() {
    let Some(stage) = stage() else { return };
    let mut client = client(stage).await;
    for (fault, fate) in faults() {
        suffer(&mut client, "after", fault, fate).await;
    }
}
