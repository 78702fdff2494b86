//! The largest inputs that are accepted, on a stack of 256 KiB, each within a time that only work
//! out of proportion would need: what a callback costs at most. What each may allocate is held by
//! the fuzz targets (`cost::within`). Run with `--nocapture` for the figures.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    clippy::print_stdout,
    reason = "a test may panic, and prints its figures"
)]

use std::time::{Duration, Instant};

use base64::prelude::*;
use x402_proxy_wasm::admission::head::fields;
use x402_proxy_wasm::admission::{admit, Head};
use x402_proxy_wasm::claims::bucket::{Bucket, Layout};
use x402_proxy_wasm::claims::{Attempt, Binding, Claim, Next, State};
use x402_proxy_wasm::config::{Facilitator, Means, Policy};
use x402_proxy_wasm::evm::address::Address;
use x402_proxy_wasm::facilitator::{Answer, Delivery, Expected, Verdict, MAX_ANSWER_BYTES};
use x402_proxy_wasm::money::Amount;
use x402_proxy_wasm::proof::{self, Inquiry, Question};
use x402_proxy_wasm::protocol::abilities::{Abilities, Ability, Standing};
use x402_proxy_wasm::protocol::header;
use x402_proxy_wasm::protocol::payload::PaymentPayload;
use x402_proxy_wasm::protocol::Version;
use x402_proxy_wasm::store::Reply;

/// In the sandbox the stack has 1 MiB.
const STACK: usize = 256 * 1024;
/// Of one callback, without optimisation, on a busy machine: the sandbox takes a hundredth.
const PATIENCE: Duration = Duration::from_millis(1_500);
const NOW: u64 = 1_767_225_600;

struct Everything;

impl Abilities for Everything {
    fn settles(&self, _: &Facilitator, _: Version, _: &str, _: &str) -> Ability {
        Ability::Yes("{}".to_owned())
    }
    fn standing(&self, _: &Facilitator) -> Standing {
        Standing::Ready
    }
}

/// Runs it on a small stack, and says how long the fastest of three took.
fn bounded(what: &str, bytes: usize, work: impl Fn() + Send + 'static) {
    let run = std::thread::Builder::new().stack_size(STACK).spawn(move || {
        let time = || {
            let begun = Instant::now();
            work();
            begun.elapsed()
        };
        (0..3).map(|_| time()).min().unwrap()
    });
    let took = run.unwrap().join().unwrap();
    println!("{what}: {bytes} bytes in {took:?}");
    assert!(took < PATIENCE, "{what}: {took:?}");
}

fn answered(body: Vec<u8>, read: impl Fn(&Delivery<'_>) + Send + 'static, what: &str) {
    let bytes = body.len();
    bounded(what, bytes, move || {
        read(&Delivery::Answered { status: 200, from_upstream: true, body: Some(&body) });
    });
}

/// JSON as long as is read: deep, wide, and one long text full of escapes.
fn shapes(size: usize) -> Vec<(&'static str, Vec<u8>)> {
    let wide: String = (0..)
        .map(|n| format!("\"k{n}\":1,"))
        .scan(0, |sum, part| {
            *sum += part.len();
            (*sum < size - 64).then_some(part)
        })
        .collect();
    let half = (size - 64) / 2;
    vec![
        ("deep", format!("{{\"x\":{}{}}}", "[".repeat(half), "]".repeat(half)).into_bytes()),
        ("wide", format!("{{{wide}\"z\":1}}").into_bytes()),
        ("escaped", format!("{{\"x\":\"{}\"}}", "\\u00e9".repeat((size - 64) / 6)).into_bytes()),
    ]
}

fn policy(routes: usize) -> Policy {
    let routes: Vec<String> = (0..routes)
        .map(|n| {
            format!(r#"{{"name":"r{n}","match":{{"path":"/a/{{x}}/b{n}/**"}},"offer":{{"price":"$0.01"}}}}"#)
        })
        .collect();
    let text = format!(
        r#"{{"version":1,"origin":"https://a.example","unmatched":"free","settle":"before",
        "facilitators":{{"main":{{"cluster":"f","authority":"f"}}}},
        "accepts":[{{"network":"base","payTo":"0x209693Bc6afc0C5328bA36FaF03C514EF312287C"}}],
        "routes":[{}]}}"#,
        routes.join(",")
    );
    Policy::from_bytes(text.as_bytes(), &|_| None).unwrap()
}

#[test]
fn the_largest_payments_are_read_within_bounds() {
    // Base64 makes four of three.
    for (shape, json) in shapes(header::MAX_ENCODED / 4 * 3 - 3) {
        let encoded = BASE64_STANDARD.encode(&json).into_bytes();
        assert!(encoded.len() <= header::MAX_ENCODED);
        bounded(&format!("payment, {shape}"), encoded.len(), move || {
            let decoded = header::decode(&encoded);
            let _ = decoded.map(|json| PaymentPayload::parse(&json).is_ok());
        });
    }
}

#[test]
fn the_largest_answers_are_read_within_bounds() {
    for (shape, json) in shapes(MAX_ANSWER_BYTES) {
        let expected = || Expected { network: "base", caip2: "eip155:8453", payer: None, amount: None };
        answered(json.clone(), move |d| _ = Answer::read(d, &expected()), &format!("settlement, {shape}"));
        answered(json.clone(), |d| _ = Verdict::read(d), &format!("verdict, {shape}"));
        answered(json, |d| drop(Reply::read(d, 1)), &format!("store, {shape}"));
    }
    for (shape, json) in shapes(proof::MAX_ANSWER_BYTES) {
        let question = Question {
            chain_id: 8_453,
            token: Address::new([1; 20]),
            pay_to: Address::new([2; 20]),
            payer: Address::new([3; 20]),
            nonce: [4; 32],
            amount: Amount::from_u64(1),
            means: Means::Eip3009,
            valid_before: NOW,
        };
        answered(json, move |d| drop(Inquiry::new(question, 900).0.on(d)), &format!("node, {shape}"));
    }
}

#[test]
fn the_largest_requests_are_decided_within_bounds() {
    let paths = [
        ("segments", "/a".repeat(28_000)),
        ("dots", "/a/..".repeat(11_000)),
        ("escapes", "/%61/%252e%252e".repeat(3_700)),
        ("parameters", "/a;b=c".repeat(9_000)),
    ];
    for (shape, path) in paths {
        let policy = policy(1_000);
        bounded(&format!("path, {shape}"), path.len(), move || {
            let pairs = [(":method", "GET"), (":authority", "a.example"), (":path", &path)];
            let pairs: Vec<_> =
                pairs.iter().map(|(name, value)| ((*name).to_owned(), value.as_bytes().to_vec())).collect();
            let _ = admit(&policy, &Head::read(&fields(&pairs)), &Everything, NOW);
        });
    }
    let policy = policy(10);
    bounded("headers, 4,000 of them", 60_000, move || {
        let mut pairs =
            vec![(":method".to_owned(), b"GET".to_vec()), (":path".to_owned(), b"/a/x/b1/c".to_vec())];
        pairs.extend((0..4_000).map(|n| (format!("x-{n}"), b"cookie".to_vec())));
        pairs.extend((0..200).map(|_| ("cookie".to_owned(), b"a=b; x402-payment=c".to_vec())));
        let _ = admit(&policy, &Head::read(&fields(&pairs)), &Everything, NOW);
    });
}

#[test]
fn the_fullest_bucket_is_rewritten_within_bounds() {
    let claim = Claim {
        state: State::Taken,
        attempt: Attempt(1),
        lease: 0,
        expires: NOW + 4_000,
        valid_before: NOW,
        redeem_for: 3_600,
        redeems: 0,
        asks: 1,
        binding: Binding([7; 16]),
        settler: 1,
        orphan: false,
        foreign: None,
        transaction: None,
        amount: None,
    };
    // One claim, written once, stands in the bucket 4,096 times: building it claim by claim would
    // be quadratic.
    let one =
        Bucket::parse(&Bucket::empty(Layout::Two)).unwrap().rewrite(&[1; 12], &Next::Put(claim), NOW).bytes;
    let (head, entry) = one.split_at(8);
    let mut bytes = head.to_vec();
    bytes[2..4].copy_from_slice(&4_096_u16.to_le_bytes());
    bytes.extend(entry.repeat(4_096));
    let whole = bytes.len();
    bounded("bucket", whole, move || {
        let parsed = Bucket::parse(&bytes).unwrap();
        let _ = parsed.find(&[255; 12]);
        let _ = parsed.load(NOW);
        let _ = parsed.rewrite(&[255; 12], &Next::Put(claim), NOW);
    });
}
