//! Whole requests through the shell, on a host of ours: what the filter does for each kind, from
//! its first header to the end of `on_log`, with what the root does for it meanwhile.
//!
//! Each kind has a VM of its own, and is sent once before it is counted: what a VM does for the
//! first request of a kind, such as defining its metric, it does once. Its payers and their nonces
//! are its name's: what is counted of a kind is the same whichever kinds there are beside it.
//!
//! Shared keys that the filter makes when it first needs one of them are there before, as they are
//! after some thousand payments: making one would be counted of the few requests that come first.

use std::collections::BTreeMap;

use x402_devstack::client::RawRequest;
use x402_devstack::payer::{draw_from, Payment, SignatureForm, Wallet};
use x402_proxy_wasm::{claims::open, demand::ring};
use x402_scenarios::native::Native;
use x402_scenarios::rig::Rig;
use x402_scenarios::shop::Shop;
use x402_scenarios::stage::Stage;

use crate::allocations;
use crate::mark;
use crate::plant::Plant;

/// So many requests of a kind are counted, and summed up: what one in two does is half of one.
pub(crate) const COUNTED: usize = 20;

/// What a sum of requests took.
#[derive(Default)]
pub(crate) struct Counted {
    pub(crate) allocations: u64,
    pub(crate) hostcalls: BTreeMap<&'static str, u64>,
}

/// A kind of request, and the status it is answered with.
pub(crate) struct Kind {
    pub(crate) name: &'static str,
    shop: Shop,
    status: u16,
    make: Make,
}

type Make = fn(&mut Stage<'_>) -> RawRequest;

const BEFORE: &str = "/v1/cheap";
const AFTER: &str = "/v1/late";
const PERMIT: &str = "/ways/permit/before";

pub(crate) static KINDS: [Kind; 19] = [
    Kind::new("unmatched", 200, |stage| stage.get("/elsewhere")),
    Kind::new("free", 200, |stage| stage.get("/healthz")),
    // Capitals and escapes, which servers may read in more ways than one.
    Kind::new("unclean", 200, |stage| stage.get("/docs/Images/Photo%20of%20me.JPG")),
    // Four thousand bytes of them, as browsers send.
    Kind::new("cookies", 200, |stage| {
        stage.get("/healthz").header("cookie", "session-24=0pen; _ga=GA1.2.max; ".repeat(128))
    }),
    Kind::new("preflight", 204, |stage| {
        let asked = stage.request("OPTIONS", BEFORE).header("origin", "https://app.example");
        asked.header("access-control-request-method", "GET")
    }),
    Kind::new("unpaid", 402, |stage| stage.get(BEFORE)),
    Kind::new("unsignable", 402, |stage| paid(stage, BEFORE, |payment| payment.sign_as(SignatureForm::Zero))),
    Kind::new("forged", 402, forged),
    Kind::new("replayed", 402, |stage| {
        let request = paid(stage, BEFORE, |payment| payment);
        stage.send(&request);
        request
    }),
    Kind::new("before", 200, |stage| paid(stage, BEFORE, |payment| payment)),
    Kind::new("after", 200, |stage| paid(stage, AFTER, |payment| payment)),
    Kind::new("v1", 200, version_1),
    Kind { shop: Shop::Any, ..Kind::new("permit2", 200, |stage| paid(stage, PERMIT, |payment| payment)) },
    declared("declared", |stage| stage.get("/declared/brief/7")),
    // Two thousand bytes more, which are copied: encoding them would take thousands of instructions.
    declared("declared_large", |stage| stage.get("/declared/large/7")),
    // A person's browser, which is shown a page with a code of its address.
    Kind::new("page", 402, |stage| {
        let asked = stage.get(format!("{BEFORE}?{}", "q".repeat(200)));
        asked.header("accept", "text/html").header("sec-fetch-mode", "navigate")
    }),
    // Each step of its claim is a call to the store that replicas share.
    Kind { shop: Shop::Shared, ..Kind::new("shared", 200, |stage| paid(stage, BEFORE, |payment| payment)) },
    // The wallet's payment before was taken and bought nothing: it is served from that one.
    Kind::new("credit", 200, credit),
    // A signature that could be a contract's: the facilitator says that it is not.
    Kind { shop: Shop::Any, ..Kind::new("forged_any", 402, forged) },
];

/// A price is told, and how to ask for what it buys.
const fn declared(name: &'static str, make: Make) -> Kind {
    Kind { shop: Shop::Declaring, ..Kind::new(name, 402, make) }
}

/// What is counted of requests: what the filter does in them.
fn counted(act: impl FnOnce(&mut Counted)) -> Counted {
    let mut counted = Counted::default();
    let before = allocations::made_by_filter();
    mark();
    act(&mut counted);
    mark();
    counted.allocations = allocations::made_by_filter() - before;
    counted
}

/// A VM's start with a configuration of a hundred and forty routes.
pub(crate) fn start(plant: Option<Plant>) -> Counted {
    alone("start", plant, || {
        let mut native = None;
        let counted = counted(|_| native = Some(begin(Shop::Open)));
        drop(native);
        counted
    })
}

/// A second in which nothing happens.
pub(crate) fn ticks(plant: Option<Plant>) -> Counted {
    alone("tick", plant, || {
        let mut native = in_use(Shop::Open);
        native.tick();
        counted(|counted| {
            for _ in 0..COUNTED {
                native.tick();
                counted.add(&native);
            }
        })
    })
}

// === impl Kind ===

impl Kind {
    const fn new(name: &'static str, status: u16, make: Make) -> Self {
        Self { name, shop: Shop::Open, status, make }
    }

    pub(crate) fn count(&'static self, plant: Option<Plant>) -> Counted {
        alone(self.name, plant, || {
            let mut native = in_use(self.shop);
            let mut make = || (self.make)(&mut Stage::new(&mut native, "count".to_owned(), 0));
            let requests: Vec<_> = (0..=COUNTED).map(|_| make()).collect();
            let (first, rest) = requests.split_first().expect("requests");
            assert_eq!(native.send(first).status, self.status);
            let keys = native.kept();
            let counted = counted(|counted| {
                for request in rest {
                    assert_eq!(native.send_at_once(request).status, self.status);
                    counted.add(&native);
                }
            });
            assert_eq!(native.kept(), keys, "a shared key is made while it is counted");
            counted
        })
    }
}

// === impl Counted ===

impl Counted {
    /// The last request's.
    fn add(&mut self, native: &Native) {
        for (call, times) in native.hostcalls() {
            *self.hostcalls.entry(call).or_default() += times;
        }
    }
}

fn begin(shop: Shop) -> Native {
    Native::start(shop, false).expect("a configuration that is taken")
}

/// A VM whose process has served for long.
fn in_use(shop: Shop) -> Native {
    let mut native = begin(shop);
    let numbered =
        |name: &'static str, count| (0..count).map(move |number| format!("x402/{name}/1/{number:03x}"));
    native.keep(numbered("open", open::BUCKETS).chain(numbered("ring", ring::SLOTS)));
    native
}

/// On a thread of its own: one thread is one VM.
fn alone(name: &str, plant: Option<Plant>, act: impl FnOnce() -> Counted + Send) -> Counted {
    std::thread::scope(|scope| {
        let thread = scope.spawn(|| {
            draw_from(name);
            if let Some(plant) = plant {
                plant.in_requests();
            }
            act()
        });
        thread.join().unwrap_or_else(|_| panic!("{name} does not go as it should"))
    })
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

fn credit(stage: &mut Stage<'_>) -> RawRequest {
    let taken = paid(stage, BEFORE, |payment| payment);
    let answer = stage.send(&taken.header("x-test-status", "500"));
    assert_eq!(answer.status, 500, "{}", answer.text());
    paid(stage, BEFORE, |payment| payment)
}

fn forged(stage: &mut Stage<'_>) -> RawRequest {
    let request = stage.get(BEFORE);
    let draft = stage.draft(&request);
    request.pay(&draft.sign(&Wallet::another()))
}
