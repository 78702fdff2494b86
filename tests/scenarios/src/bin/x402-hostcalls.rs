//! How often the shell calls its host for one request of each kind: TOML on standard output,
//! for `make test-guard`.
//!
//! Counted on the native host, from a request's first header to the end of `on_log`, and what
//! the root does for it meanwhile. Every kind is sent once before it is counted: what a VM does
//! for the first request of a kind, such as defining its metric, it does once.

use std::collections::BTreeMap;

use x402_devstack::client::RawRequest;
use x402_devstack::payer::{Payment, SignatureForm, Wallet};
use x402_scenarios::native::Native;
use x402_scenarios::rig::Rig;
use x402_scenarios::shop::Shop;
use x402_scenarios::stage::Stage;

type Counted = BTreeMap<&'static str, u64>;
type Make = fn(&mut Stage<'_>) -> RawRequest;

const BEFORE: &str = "/v1/cheap";
const AFTER: &str = "/v1/late";
const PERMIT: &str = "/ways/permit/before";

/// A kind of request, and the status it is answered with.
const KINDS: [(&str, Shop, u16, Make); 10] = [
    ("unmatched", Shop::Open, 200, |stage| plain(stage, "/elsewhere")),
    ("free", Shop::Open, 200, |stage| plain(stage, "/healthz")),
    ("unpaid", Shop::Open, 402, |stage| plain(stage, BEFORE)),
    ("unsignable", Shop::Open, 402, |stage| {
        paid(stage, BEFORE, |payment| payment.sign_as(SignatureForm::Zero))
    }),
    ("forged", Shop::Open, 402, forged),
    ("replayed", Shop::Open, 402, |stage| {
        let request = paid(stage, BEFORE, |payment| payment);
        stage.send(&request);
        request
    }),
    ("before", Shop::Open, 200, |stage| paid(stage, BEFORE, |payment| payment)),
    ("after", Shop::Open, 200, |stage| paid(stage, AFTER, |payment| payment)),
    ("v1", Shop::Open, 200, version_1),
    ("permit2", Shop::Any, 200, |stage| paid(stage, PERMIT, |payment| payment)),
];

fn main() {
    for (name, shop, status, make) in KINDS {
        // One thread is one VM.
        let counted = std::thread::spawn(move || count(shop, status, make)).join();
        let counted = counted.unwrap_or_else(|_| panic!("{name} is not answered as it should be"));
        println!("[hostcalls.{name}]");
        for (call, times) in counted {
            println!("{call} = {times}");
        }
        println!();
    }
}

/// The least of a few: now and then a second begins, or two claims meet in a bucket.
fn count(shop: Shop, status: u16, make: Make) -> Counted {
    let mut native = Native::start(shop, false).expect("a configuration that is taken");
    let mut counts = Vec::new();
    for _ in 0..6 {
        let request = make(&mut Stage::new(&mut native, "count".to_owned(), 0));
        assert_eq!(native.send(&request).status, status);
        counts.push(native.hostcalls());
    }
    counts.into_iter().skip(1).min_by_key(|counted| counted.values().sum::<u64>()).unwrap_or_default()
}

fn plain(stage: &mut Stage<'_>, target: &str) -> RawRequest {
    stage.get(target)
}

fn paid(stage: &mut Stage<'_>, target: &str, change: fn(Payment) -> Payment) -> RawRequest {
    let request = stage.get(target);
    let payment = change(stage.pay(&request));
    request.pay(&payment)
}

fn version_1(stage: &mut Stage<'_>) -> RawRequest {
    let request = stage.get(BEFORE);
    let payment = stage.draft_v1(&request).sign(&stage.wallet);
    request.pay(&payment)
}

fn forged(stage: &mut Stage<'_>) -> RawRequest {
    let request = stage.get(BEFORE);
    let draft = stage.draft(&request);
    request.pay(&draft.sign(&Wallet::another()))
}
