//! Floods and names without end (A16, A19): what costs nothing to send costs little to refuse,
//! calls nobody, takes no room, and names nothing new in the metrics.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};

use serde_json::json;

use x402_devstack::client::{RawConnection, RawRequest};
use x402_devstack::facilitator::{Fault, FaultKind};
use x402_devstack::payer::{Draft, Payment, SignatureForm, Wallet};
use x402_live::{code, furnished, paid, plugin, sign, Scene, Stage};

/// Where floods come from; others buy beside it.
const LOUD: std::net::Ipv4Addr = std::net::Ipv4Addr::new(127, 0, 0, 66);
const FLOOD: usize = 1_500;
const SALES: usize = 15;

async fn connection(stage: &Stage) -> RawConnection {
    RawConnection::open_from(LOUD, stage.door()).await.expect("Envoy listens")
}

/// Envoy's resident memory, in kilobytes.
fn resident(stage: &Stage) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{}/status", stage.envoy.pid())).unwrap_or_default();
    let line = status.lines().find(|line| line.starts_with("VmRSS:")).unwrap_or_default().to_owned();
    line.split_whitespace().nth(1).and_then(|kilobytes| kilobytes.parse().ok()).unwrap_or_default()
}

/// A flood of one kind of request over four connections, beside honest sales: each of these is
/// served, the facilitator hears of nothing else, and no claim is made.
async fn flood(of: impl Fn(usize, &Payment) -> RawRequest + Send + Sync + 'static) {
    let Some(stage) = Scene::new(plugin("5s")).start() else { return };
    let stage = Arc::new(stage);
    let path = "/before/flood";
    let quote = stage.quote(path).await;
    let model = sign(&quote);
    for _ in 0..3 {
        paid(&stage.buy(path, &sign(&quote)).await);
    }
    let before = resident(&stage);
    let of = Arc::new(of);
    let over = Arc::new(AtomicBool::new(false));
    let floods: Vec<_> = (0..4)
        .map(|lane| {
            let (stage, of, model, over) = (stage.clone(), of.clone(), model.clone(), over.clone());
            tokio::spawn(async move {
                let mut sent = 0;
                let mut open = connection(&stage).await;
                while sent < FLOOD / 4 || !over.load(Ordering::Relaxed) {
                    let answer = open.exchange(&of(sent * 4 + lane, &model)).await;
                    assert!(matches!(answer.status, 400..=499), "{answer:?}");
                    if answer.header_text("connection") == Some("close") {
                        open = connection(&stage).await;
                    }
                    sent += 1;
                }
                sent
            })
        })
        .collect();
    for _ in 0..SALES {
        let payment = sign(&quote);
        paid(&stage.buy(path, &payment).await);
        assert_eq!(stage.settled(&payment), (1, 1));
    }
    over.store(true, Ordering::Relaxed);
    let mut sent = 0;
    for flood in floods {
        sent += flood.await.expect("a flood of refusals");
    }
    assert!(sent >= FLOOD, "{sent}");
    assert_eq!(stage.facilitator.calls().len(), SALES + 3, "nobody was called for the flood");
    assert!(stage.settled(&model) == (0, 0));
    assert_eq!(stage.envoy.stat("wasmcustom.x402.claims_table.entries"), (SALES + 3) as u64);
    assert_eq!(stage.upstream.hits(path), (SALES + 3) as u64);
    let grown = resident(&stage).saturating_sub(before);
    assert!(grown < 64 * 1024, "{grown} kB more after {sent} requests");
}

fn get() -> RawRequest {
    RawRequest::get("/before/flood")
}

#[tokio::test(flavor = "multi_thread")]
async fn a16_a_flood_of_unpaid_requests_calls_nobody() {
    flood(|_, _| get()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a16_a_flood_of_forged_payments_calls_nobody() {
    flood(|n, model| {
        let nonce = format!("0x{n:064x}");
        get().pay(&model.clone().tamper("/payload/authorization/nonce", json!(nonce)))
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a16_a_flood_of_twins_calls_nobody() {
    let forms = [SignatureForm::HighS, SignatureForm::ZeroOneV, SignatureForm::FlippedV, SignatureForm::Zero];
    flood(move |n, model| get().pay(&model.clone().sign_as(forms[n % forms.len()]))).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a16_a_flood_of_garbage_calls_nobody() {
    flood(|n, _| get().header("payment-signature", "A".repeat(1 + n * 37 % 15_000))).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a16_a_flood_of_deep_json_calls_nobody() {
    use base64::Engine;
    let deep = base64::engine::general_purpose::STANDARD.encode("[{\"a\":".repeat(2_000));
    flood(move |_, _| get().header("payment-signature", &deep)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a16_a_flood_of_payments_for_something_else_calls_nobody() {
    flood(|n, model| get().pay(&model.clone().tamper("/accepted/amount", json!(n.to_string())))).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a16_a_flood_of_crooked_paths_calls_nobody() {
    flood(|n, _| RawRequest::get(format!("/{}before/flood", "x/%252e%252e/".repeat(1 + n % 40)))).await;
}

static SHOP: OnceLock<Option<Stage>> = OnceLock::new();

fn shop() -> Option<&'static Stage> {
    SHOP.get_or_init(|| Scene::new(furnished("2s")).start()).as_ref()
}

/// Every name Envoy has for what the filter counts, whoever made it.
fn names(stage: &Stage) -> BTreeSet<String> {
    let stats = stage.envoy.admin("/stats?usedonly&filter=x402").text();
    let named = stats.lines().filter_map(|line| line.split_once(':'));
    named.map(|(name, _)| name.to_owned()).filter(|name| name.contains("x402.")).collect()
}

/// Twice as many strange requests make no more names than the first ones did.
async fn bounded(count: usize, of: impl Fn(usize) -> RawRequest) {
    let Some(stage) = shop() else { return };
    let mut open = connection(stage).await;
    let mut heard = Vec::new();
    for round in 0..2 {
        for at in 0..count {
            let answer = open.exchange(&of(round * count + at)).await;
            assert!(answer.status != 0, "{answer:?}");
            if answer.header_text("connection") == Some("close") {
                open = connection(stage).await;
            }
        }
        heard.push(names(stage));
    }
    assert!(!heard[0].is_empty() && heard[1].len() < 80, "{:#?}", heard[1]);
    // Others run beside this one, so what is new is asked for its strangeness and not counted.
    for name in &heard[1] {
        assert!(!name.contains("strange") && !name.contains("0x"), "{name}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a19_a_thousand_paths_are_few_names() {
    bounded(1_000, |n| RawRequest::get(format!("/strange{n}/x.strange.{n}?strange={n}"))).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a19_a_thousand_paths_of_a_priced_tree_are_few_names() {
    bounded(1_000, |n| RawRequest::get(format!("/before/strange{n}/{n}"))).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a19_a_thousand_hosts_are_few_names() {
    bounded(1_000, |n| RawRequest::get("/before/x").header("host", format!("strange{n}.test"))).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a19_methods_and_agents_are_few_names() {
    const METHODS: [&str; 8] = ["GET", "PUT", "PATCH", "DELETE", "PROPFIND", "LOCK", "MKCOL", "SEARCH"];
    bounded(400, |n| {
        let ask = RawRequest::new(METHODS[n % METHODS.len()], "/tiles/7")
            .header("user-agent", format!("strange/{n}"));
        ask.header("x-request-id", format!("strange-{n}"))
            .header("origin", format!("https://strange{n}.test"))
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a19_hundreds_of_payers_are_few_names() {
    let Some(stage) = shop() else { return };
    let quote = stage.quote("/before/x").await;
    bounded(150, |n| {
        let wallet = Wallet::numbered(n as u64);
        RawRequest::get("/before/x").pay(&Draft::for_quote(&wallet, &quote).unwrap().sign(&wallet))
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a19_networks_and_schemes_of_payments_are_few_names() {
    let Some(stage) = shop() else { return };
    let payment = stage.payment("/before/x").await;
    bounded(300, |n| {
        let named = payment.clone().tamper("/accepted/network", json!(format!("strange:{n}")));
        RawRequest::get("/before/x").pay(&named.tamper("/accepted/scheme", json!(format!("strange{n}"))))
    })
    .await;
}

/// A facilitator's reasons are its own.
#[tokio::test(flavor = "multi_thread")]
async fn a19_reasons_of_a_facilitator_are_few_names() {
    let Some(stage) = Scene::new(furnished("2s")).start() else { return };
    let quote = stage.quote("/before/x").await;
    for n in 0..60 {
        let payment = sign(&quote);
        let strange = FaultKind::Reject { reason: format!("strange_reason_{n}") };
        stage.facilitator.fault(Fault::once(strange).nonce(payment.nonce));
        let answer = stage.buy("/before/x", &payment).await;
        assert!(matches!(&*code(&answer), "settlement_pending" | "claim_table_full"), "{answer:?}");
    }
    let names = names(&stage);
    assert!(!names.is_empty() && names.len() < 60, "{names:#?}");
    assert!(names.iter().all(|name| !name.contains("strange")), "{names:#?}");
}
