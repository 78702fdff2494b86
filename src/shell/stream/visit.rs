//! One visit of a client: the exchange, and everything its record will say.

use std::rc::Rc;
use std::sync::Arc;

use proxy_wasm::hostcalls;
use proxy_wasm::types::{Action, MapType};

use crate::admission::grpc::GrpcStatus;
use crate::admission::{head, Head, Purchase};
use crate::claims::{self, Attempt, Transaction};
use crate::config::{Offer, Route, Target};
use crate::exchange::{Denial, Event, Exchange, Paid, Settled};
use crate::protocol::v2::Receipt;
use crate::record::{Outcome, Record, VERSION};
use crate::reply::{cache, cors, ReceiptKind, Refusal, Reply};
use crate::shell::host::{self, Pairs};
use crate::shell::worker::{Outbox, Worker};

/// The filter state under which the record is found: `%FILTER_STATE(wasm.x402_record:PLAIN)%`.
const RECORD: &str = "x402_record";

/// Which callback the host is in, if any.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(in crate::shell) enum Side {
    /// The request's.
    Request,
    /// The response's.
    Response,
    /// Neither: the root acts for the stream.
    Root,
}

/// One visit.
pub(in crate::shell) struct Visit {
    pub(in crate::shell) context: u32,
    pub(in crate::shell) attempt: Attempt,
    pub(in crate::shell) machine: Exchange,
    pub(in crate::shell) purchase: Option<Rc<Purchase>>,
    /// When the lease was last renewed.
    pub(in crate::shell) renewed: u64,
    pub(super) outcome: Option<Outcome>,
    pub(super) resource: String,
    /// Request headers to take off on the way upstream.
    pub(super) remove: Vec<String>,
    pub(super) upstream_status: Option<u16>,
    /// The request was let go.
    pub(super) forwarded: bool,
    /// The response was replaced by our answer: nothing of it may follow.
    pub(super) withheld: bool,
    route: Option<Arc<Route>>,
    code: Option<&'static str>,
    transaction: Option<Transaction>,
    redeeming: bool,
    request_id: Option<String>,
    cross_origin: bool,
    pub(super) grpc: GrpcStatus,
    /// What of the upstream's response headers has to change when it is let go.
    spoofed: Vec<String>,
    cache_control: Vec<String>,
}

/// Sends a local reply.
pub(super) fn send(reply: &Reply) {
    let headers = reply.headers.iter().map(|(name, value)| (*name, value.as_str())).collect();
    let body = (!reply.body.is_empty()).then_some(reply.body.as_bytes());
    let _ = hostcalls::send_http_response(reply.status.into(), headers, body);
}

// === impl Visit ===

impl Visit {
    /// A visit nothing has happened in.
    pub(super) fn new(context: u32, route: Option<Arc<Route>>, head: &Head<'_>) -> Self {
        Self {
            context,
            attempt: Attempt(0),
            machine: Exchange::Over,
            purchase: None,
            renewed: 0,
            outcome: None,
            resource: String::new(),
            remove: Vec::new(),
            upstream_status: None,
            forwarded: false,
            withheld: false,
            route,
            code: None,
            transaction: None,
            redeeming: false,
            request_id: head.request_id.map(str::to_owned),
            cross_origin: head.cross_origin,
            grpc: GrpcStatus::new(head.grpc),
            spoofed: Vec::new(),
            cache_control: Vec::new(),
        }
    }

    /// Takes down what an event reveals.
    pub(in crate::shell) fn note(&mut self, event: &Event) {
        match event {
            Event::Settled(Settled::Paid(transaction)) => self.transaction = Some(*transaction),
            Event::Claim(claims::Outcome::Redeem(transaction)) => {
                self.transaction = *transaction;
                self.redeeming = true;
            }
            Event::Claim(claims::Outcome::Delivered(known) | claims::Outcome::Exhausted(known)) => {
                self.transaction = *known;
            }
            _ => {}
        }
    }

    /// The root has news for the exchange.
    pub(in crate::shell) fn told(&mut self, worker: &Worker, event: Event) {
        let Some(purchase) = self.purchase.clone() else { return };
        let outbox = worker.drive(self, &purchase, event);
        let _ = self.act(worker, outbox, Side::Root);
    }

    /// Does what the machines decided. The answer is for the callback the host is in.
    pub(in crate::shell) fn act(&mut self, worker: &Worker, outbox: Outbox, side: Side) -> Action {
        if let Some(denial) = outbox.deny {
            self.deny(worker, denial);
            return Action::Pause;
        }
        if outbox.forward {
            self.forward();
            if side != Side::Request {
                let _ = hostcalls::resume_http_request();
            }
            return Action::Continue;
        }
        if outbox.release.is_some() || outbox.pass_unpaid {
            match outbox.release {
                Some(paid) => self.release(paid),
                None => self.pass_unpaid(),
            }
            if side != Side::Response {
                let _ = hostcalls::resume_http_response();
            }
            return Action::Continue;
        }
        let held = match side {
            Side::Request => self.machine.holds_request(),
            Side::Response => self.machine.holds_response(),
            Side::Root => false,
        };
        if held {
            Action::Pause
        } else {
            Action::Continue
        }
    }

    /// The request goes upstream: without the payment, and with who paid.
    fn forward(&mut self) {
        self.forwarded = true;
        for name in std::mem::take(&mut self.remove) {
            host::remove_header(MapType::HttpRequestHeaders, &name);
        }
        let Some(purchase) = &self.purchase else { return };
        let payer = purchase.payment.payer().to_string();
        host::set_header(MapType::HttpRequestHeaders, "x402-payer", &payer);
        host::set_header(MapType::HttpRequestHeaders, "x402-receipt-id", &purchase.identity.receipt_id());
    }

    /// Looks at a response that is held, or about to pass.
    pub(super) fn see_response(&mut self, pairs: &Pairs) {
        let names = pairs.iter().map(|(name, _)| name);
        self.spoofed = names.filter(|name| head::owned_in_response(name)).cloned().collect();
        let values = pairs.iter().filter(|(name, _)| name == "cache-control");
        self.cache_control = values.map(|(_, value)| String::from_utf8_lossy(value).into_owned()).collect();
        self.grpc.see(pairs);
    }

    /// The host answers in our place while the settlement is out: its reply must not look as
    /// if no money had moved.
    pub(super) fn mark_pending(&mut self) {
        let refusal = Refusal::Denied(Denial::Pending);
        self.outcome = Some(Outcome::of(refusal));
        self.code = Some(refusal.code());
        host::set_header(MapType::HttpResponseHeaders, "cache-control", "no-store");
        if let Some(receipt) = self.receipt(Some(refusal.code()), None) {
            host::set_header(MapType::HttpResponseHeaders, "payment-response", &receipt);
        }
    }

    /// The paid response goes to the client, with its receipt.
    fn release(&mut self, paid: Paid) {
        self.strip_response();
        let Some(receipt) = self.receipt(None, paid.0) else { return };
        let map = MapType::HttpResponseHeaders;
        host::set_header(map, "payment-response", &receipt);
        if let Some(value) = cache::private(&self.cache_control) {
            host::set_header(map, "cache-control", &value);
        }
        if self.cross_origin {
            // Beside what the upstream exposes itself.
            host::add_header(map, "access-control-expose-headers", cors::EXPOSED);
        }
    }

    fn pass_unpaid(&mut self) {
        self.outcome = Some(Outcome::NotCharged);
        self.strip_response();
    }

    fn strip_response(&mut self) {
        for name in std::mem::take(&mut self.spoofed) {
            host::remove_header(MapType::HttpResponseHeaders, &name);
        }
    }

    fn deny(&mut self, worker: &Worker, denial: Denial) {
        self.withheld = self.upstream_status.is_some();
        let unfit = self.purchase.as_ref().and_then(|purchase| purchase.unfit);
        let refusal = match (denial, unfit) {
            (Denial::Mismatch, Some(unfit)) => unfit,
            _ => Refusal::Denied(denial),
        };
        self.refuse(worker, refusal, "");
    }

    /// Answers in place of whatever is held.
    pub(super) fn refuse(&mut self, worker: &Worker, refusal: Refusal, allow: &str) {
        self.code = Some(refusal.code());
        self.outcome = Some(Outcome::of(refusal));
        let offer = self.offer();
        let offer = offer.filter(|offer| refusal.quotes() && worker.quotes(offer));
        let challenge = offer.and_then(|offer| worker.challenge(offer));
        let challenge = challenge.map(|c| c.header(refusal.code(), &self.resource));
        let receipt = match refusal.receipt() {
            ReceiptKind::None => None,
            ReceiptKind::Original(transaction) => self.receipt(None, transaction),
            ReceiptKind::Failed => self.receipt(Some(refusal.code()), None),
        };
        let mut reply = refusal.reply(challenge, receipt, allow);
        if self.cross_origin {
            cors::open(&mut reply);
        }
        self.send(&reply);
    }

    /// An unpaid request gets no quote while nothing could be settled.
    pub(super) fn suspended(&self, worker: &Worker, refusal: Refusal) -> Refusal {
        match self.offer() {
            Some(offer) if refusal.quotes() && !worker.quotes(offer) => Refusal::QuotesSuspended,
            _ => refusal,
        }
    }

    /// Sends a local reply.
    pub(super) fn send(&self, reply: &Reply) {
        send(reply);
    }

    fn receipt(&self, failed: Option<&'static str>, transaction: Option<Transaction>) -> Option<String> {
        let purchase = self.purchase.as_ref()?;
        let receipt = Receipt {
            success: failed.is_none(),
            error_reason: failed,
            payer: purchase.payment.payer(),
            transaction: transaction.map(|transaction| transaction.0),
            network: &purchase.payment.asset().network,
            amount: None,
        };
        Some(receipt.to_header())
    }

    /// The stream is over.
    pub(super) fn end(&mut self, worker: &Worker, clean: bool) {
        let before = self.machine;
        let Some(purchase) = self.purchase.clone() else { return };
        let _ = worker.drive(self, &purchase, Event::End { clean });
        self.outcome = self.outcome.or(Some(match before {
            Exchange::Delivering { worth: true } if clean && self.redeeming => Outcome::Redeemed,
            Exchange::Delivering { worth: true } if clean => Outcome::Delivered,
            Exchange::Delivering { .. } | Exchange::Fencing { .. } => Outcome::Undelivered,
            Exchange::Working { paid: Some(_) } => Outcome::Undelivered,
            // The answer is still out; the root will log it.
            Exchange::Paying | Exchange::Collecting => Outcome::Pending,
            _ => Outcome::Abandoned,
        }));
    }

    /// Writes the record, if the host can still take it, and counts the outcome.
    pub(super) fn close(&self, worker: &Worker, logged: bool) {
        let outcome = self.outcome.unwrap_or(Outcome::Abandoned);
        worker.meters.request(self.route.as_deref(), outcome);
        if logged {
            let record = self.record(outcome).to_json();
            let _ = hostcalls::set_property(vec![RECORD], Some(record.as_bytes()));
        }
    }

    fn record(&self, outcome: Outcome) -> Record<'_> {
        let offer = self.offer();
        let payment = self.purchase.as_ref().map(|purchase| &purchase.payment);
        Record {
            v: VERSION,
            request_id: self.request_id.as_deref(),
            route: self.route.as_ref().map(|route| route.name.as_str()),
            offer: offer.map(|offer| offer.name.as_str()),
            seller: offer.and_then(|offer| offer.seller.as_deref()),
            sku: offer.and_then(|offer| offer.sku.as_deref()),
            labels: offer.map(|offer| offer.labels.as_slice()).filter(|labels| !labels.is_empty()),
            payer: payment.map(|payment| payment.payer().to_string()),
            amount: payment.map(|payment| payment.amount().to_string()),
            asset: payment.map(|payment| payment.asset().address.to_string()),
            network: payment.map(|payment| payment.asset().network.as_str()),
            outcome: outcome.name(),
            code: self.code,
            transaction: self.transaction.map(|transaction| format!("0x{}", hex::encode(transaction.0))),
            receipt_id: self.purchase.as_ref().map(|purchase| purchase.identity.receipt_id()),
            upstream_status: self.upstream_status,
        }
    }

    fn offer(&self) -> Option<&Arc<Offer>> {
        match &self.route.as_ref()?.target {
            Target::Offer(offer) => Some(offer),
            Target::Free => None,
        }
    }
}
