//! A scenario's view of its rig: a buyer on one side, both ends of the proxy on the other.

mod check;

use std::time::{Duration, Instant};

use alloy_primitives::B256;
use x402_devstack::client::{Answer, RawRequest};
use x402_devstack::facilitator::{Call, Fault, FaultKind, Transfer};
use x402_devstack::http1::Request;
use x402_devstack::payer::{Draft, Payment, Quote, Wallet};

use crate::rig::{Rig, World};
use crate::shop;

pub use check::{receipt_of, refused, served};

/// One scenario on one rig. Rigs may be shared: look only at what is this scenario's own, by
/// nonce and by marker.
pub struct Stage<'a> {
    rig: &'a mut dyn Rig,
    /// Who pays.
    pub wallet: Wallet,
    marker: String,
    lane: usize,
}

impl<'a> Stage<'a> {
    /// A stage whose requests carry `marker`, on a lane of its own.
    pub fn new(rig: &'a mut dyn Rig, marker: String, lane: usize) -> Self {
        Self { rig, wallet: Wallet::another(), marker, lane }
    }

    /// Both ends.
    pub fn world(&self) -> &World {
        self.rig.world()
    }

    /// Whether an HTTP front end normalises and refuses requests first.
    pub fn has_front_end(&self) -> bool {
        self.rig.has_front_end()
    }

    /// How much of a body the host holds for a filter that pauses in body callbacks.
    pub fn held_body_limit(&self) -> Option<usize> {
        self.rig.held_body_limit()
    }

    /// The store of claims is gone.
    pub fn lose_claims(&mut self) {
        self.rig.lose_claims();
    }

    /// So many seconds pass, for everybody.
    pub fn pass(&mut self, seconds: u64) {
        self.rig.pass(seconds);
        self.world().facilitator.set_clock_offset(i64::try_from(seconds).unwrap_or(i64::MAX));
    }

    /// A path whose facilitator this scenario breaks for nobody else.
    pub fn lane(&self, settle: &str) -> String {
        shop::lane(self.lane, settle)
    }

    /// A request of this scenario.
    pub fn request(&self, method: &str, target: impl AsRef<[u8]>) -> RawRequest {
        RawRequest::new(method, target).header("host", "shop.example").header("x-test-marker", &self.marker)
    }

    /// A GET of this scenario.
    pub fn get(&self, target: impl AsRef<[u8]>) -> RawRequest {
        self.request("GET", target)
    }

    /// Sends a request to the end of its answer.
    pub fn send(&mut self, request: &RawRequest) -> Answer {
        self.rig.send(request)
    }

    /// Sends a request and leaves while the facilitator is at work.
    pub fn hang_up(&mut self, request: &RawRequest) {
        self.rig.hang_up(request);
    }

    /// Sends a payment again, waiting for the claim to come to rest: the proxy writes down a
    /// delivery just after the last byte went out.
    pub fn again(&mut self, request: &RawRequest) -> Answer {
        let begun = Instant::now();
        loop {
            let answer = self.send(request);
            let busy = answer.status == 503 && answer.text().contains("\"payment_in_flight\"");
            if !busy || begun.elapsed() > Duration::from_secs(3) {
                return answer;
            }
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    /// Asks without paying.
    pub fn quote(&mut self, request: &RawRequest) -> Quote {
        self.asked(request).quote().expect("a quote")
    }

    /// The answer to asking without paying. What needs the facilitator's own list is quoted once
    /// that was fetched, a second or so after the start.
    pub fn asked(&mut self, request: &RawRequest) -> Answer {
        let begun = Instant::now();
        loop {
            let answer = self.send(request);
            if answer.status != 503 || begun.elapsed() > Duration::from_secs(8) {
                assert_eq!(answer.status, 402, "{}", answer.text());
                return answer;
            }
            std::thread::sleep(Duration::from_millis(100));
        }
    }

    /// What the wallet would sign for a request, in version 1.
    pub fn draft_v1(&mut self, request: &RawRequest) -> Draft {
        let answer = self.asked(request);
        let quote = Quote::from_body(&answer.body).expect("a version 1 quote");
        Draft::for_quote(&self.wallet, &quote).expect("a payable quote")
    }

    /// What the wallet would sign for a request.
    pub fn draft(&mut self, request: &RawRequest) -> Draft {
        let quote = self.quote(request);
        Draft::for_quote(&self.wallet, &quote).expect("a payable quote")
    }

    /// An honest payment for a request.
    pub fn pay(&mut self, request: &RawRequest) -> Payment {
        self.draft(request).sign(&self.wallet)
    }

    /// The payment and its request, ready to send.
    pub fn paid(&mut self, request: &RawRequest) -> (Payment, RawRequest) {
        let payment = self.pay(request);
        let paid = request.clone().pay(&payment);
        (payment, paid)
    }

    /// The facilitator does this, once, to the settlement of a payment.
    pub fn fault(&self, payment: &Payment, kind: FaultKind) {
        self.world().facilitator.fault(Fault::once(kind).nonce(payment.nonce));
    }

    /// How often this scenario's requests reached the upstream.
    pub fn hits(&self) -> u64 {
        self.world().upstream.marked(&self.marker)
    }

    /// What the upstream received of this scenario, oldest first.
    pub fn received(&self) -> Vec<Request> {
        let mut requests = self.world().upstream.requests();
        requests.retain(|request| request.header("x-test-marker") == Some(self.marker.as_bytes()));
        requests
    }

    /// How often the facilitator was asked to settle a payment.
    pub fn settles(&self, payment: &Payment) -> u64 {
        self.world().facilitator.settles_of(payment.nonce)
    }

    /// Calls to the facilitator, of either kind, about a nonce.
    pub fn calls(&self, nonce: B256) -> Vec<Call> {
        let mut calls = self.world().facilitator.calls();
        calls.retain(|call| call.nonce == Some(nonce));
        calls
    }

    /// What a payment moved.
    pub fn moved(&self, payment: &Payment) -> Vec<Transfer> {
        self.world().facilitator.transfers_of(payment.nonce)
    }

    /// Asserts that a payment was charged once, and its request served as often as said.
    #[track_caller]
    pub fn charged_once(&self, payment: &Payment, served: u64) {
        assert_eq!(self.moved(payment).len(), 1, "transfers");
        assert_eq!(self.hits(), served, "requests upstream");
    }

    /// Asserts that nothing was asked, moved or served.
    #[track_caller]
    pub fn untouched(&self, payment: &Payment) {
        assert!(self.calls(payment.nonce).is_empty(), "the facilitator was called");
        assert!(self.moved(payment).is_empty(), "money moved");
        assert_eq!(self.hits(), 0, "requests upstream");
    }
}
