//! One visit of a client: the exchange, and everything its record will say.

use std::rc::Rc;
use std::sync::Arc;

use proxy_wasm::hostcalls;
use proxy_wasm::types::{Action, MapType};

use crate::admission::grpc::GrpcStatus;
use crate::admission::{head, Head, Purchase};
use crate::claims::{self, Attempt, Transaction};
use crate::config::{Cors, Offer, Route, Target};
use crate::exchange::{Denial, Event, Exchange, Paid, Settled};
use crate::limit::Source;
use crate::money::Amount;
use crate::paywall::{self, Page};
use crate::precheck::Form;
use crate::protocol::receipt::Receipt;
use crate::protocol::Version;
use crate::record::{Outcome, Record, VERSION};
use crate::reply::cors::Grant;
use crate::reply::grpc::{Dialect, Status};
use crate::reply::{cache, Quote, ReceiptKind, Refusal, Reply};
use crate::shell::host::{self, Pairs};
use crate::shell::worker::{Outbox, Worker};
use crate::signing::notary;

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
    /// Base units asked for, where that is not what was signed.
    pub(in crate::shell) charged: Option<Amount>,
    /// Whose `/verify` calls this one counts among.
    pub(in crate::shell) source: Option<Source>,
    /// That source has had its share.
    pub(in crate::shell) limited: bool,
    /// Seconds until it has another.
    pub(in crate::shell) retry_after: u64,
    /// The settlement's transaction as its network spells it, where 32 bytes do not hold it.
    pub(in crate::shell) transaction_text: Option<String>,
    /// Whether the payment's name turned out to be another's; and if so, whether this payment
    /// was seen before too.
    pub(in crate::shell) name_taken: Option<bool>,
    pub(super) outcome: Option<Outcome>,
    pub(super) resource: String,
    /// What a quote declares for this request alone.
    extensions: String,
    /// Request headers to take off on the way upstream.
    pub(super) remove: Vec<String>,
    /// What the request's cookies are without ours, if it was there.
    pub(super) cookies: Option<Vec<u8>>,
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
    cors: Grant,
    upstream_allows_origin: bool,
    /// A person's browser wants something to show.
    navigation: bool,
    pub(super) grpc: GrpcStatus,
    dialect: Dialect,
    /// The gRPC status a refusal was sent with.
    told: Option<u8>,
    /// What of the upstream's response headers has to change when it is let go.
    spoofed: Vec<String>,
    /// Whether a payment came in `X-PAYMENT`.
    in_v1_header: bool,
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
    pub(super) fn new(context: u32, route: Option<Arc<Route>>, head: &Head<'_>, cors: &Cors) -> Self {
        Self {
            context,
            attempt: Attempt(0),
            machine: Exchange::Over,
            purchase: None,
            renewed: 0,
            charged: None,
            source: None,
            limited: false,
            retry_after: 0,
            transaction_text: None,
            outcome: None,
            resource: String::new(),
            extensions: route.as_deref().map(|route| head.declared(route)).unwrap_or_default(),
            name_taken: None,
            remove: Vec::new(),
            cookies: None,
            upstream_status: None,
            forwarded: false,
            withheld: false,
            route,
            code: None,
            transaction: None,
            redeeming: false,
            request_id: head.request_id.map(str::to_owned),
            cors: Grant::of(cors, head.origin),
            upstream_allows_origin: false,
            navigation: head.navigation,
            grpc: GrpcStatus::new(head.grpc),
            dialect: head.dialect,
            told: None,
            spoofed: Vec::new(),
            in_v1_header: head.payments.contains(&"x-payment"),
            cache_control: Vec::new(),
        }
    }

    /// Takes down what an event reveals.
    pub(in crate::shell) fn note(&mut self, event: &Event) {
        match event {
            Event::Settled(Settled::Paid(transaction)) => self.transaction = Some(*transaction),
            Event::Claim(claims::Outcome::Redeem(paid)) => {
                self.transaction = paid.transaction;
                self.charged = paid.amount;
                self.redeeming = true;
            }
            Event::Claim(claims::Outcome::Delivered(known) | claims::Outcome::Exhausted(known)) => {
                self.transaction = known.transaction;
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
                Some(paid) => self.release(worker, paid),
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
        if let Some(cookies) = self.cookies.take() {
            host::set_cookies(&cookies);
        }
        let Some(purchase) = &self.purchase else { return };
        if let Some(payer) = purchase.payment.payer() {
            host::set_header(MapType::HttpRequestHeaders, "x402-payer", &payer.to_string());
        }
        host::set_header(MapType::HttpRequestHeaders, "x402-receipt-id", &purchase.identity.receipt_id());
    }

    /// Looks at a response that is held, or about to pass.
    pub(super) fn see_response(&mut self, pairs: &Pairs) {
        let names = pairs.iter().map(|(name, _)| name);
        self.spoofed = names.filter(|name| head::owned_in_response(name)).cloned().collect();
        let values = pairs.iter().filter(|(name, _)| name == "cache-control");
        self.cache_control = values.map(|(_, value)| String::from_utf8_lossy(value).into_owned()).collect();
        self.upstream_allows_origin = pairs.iter().any(|(name, _)| name == "access-control-allow-origin");
        self.grpc.see(pairs);
    }

    /// The host answers in our place while the settlement is out: its reply must not look as
    /// if no money had moved.
    pub(super) fn mark_pending(&mut self) {
        let refusal = Refusal::Denied(Denial::Pending);
        self.outcome = Some(Outcome::of(refusal));
        self.code = Some(refusal.code());
        host::set_header(MapType::HttpResponseHeaders, "cache-control", "no-store");
        for (name, receipt) in self.receipts(Some(refusal.code()), None, None) {
            host::set_header(MapType::HttpResponseHeaders, name, &receipt);
        }
    }

    /// The paid response goes to the client, with its receipt.
    fn release(&mut self, worker: &Worker, paid: Paid) {
        self.charged = paid.amount.or(self.charged);
        if paid == Paid::NOTHING {
            self.outcome = Some(Outcome::NotCharged);
        }
        self.strip_response();
        let map = MapType::HttpResponseHeaders;
        for (name, receipt) in self.receipts(None, Some(paid), Some(worker)) {
            host::set_header(map, name, &receipt);
        }
        if let Some(value) = cache::private(&self.cache_control) {
            host::set_header(map, "cache-control", &value);
        }
        self.open();
    }

    fn pass_unpaid(&mut self) {
        self.outcome = Some(Outcome::NotCharged);
        self.strip_response();
        self.open();
    }

    /// Lets the page read the upstream's response, beside what the upstream says itself.
    fn open(&self) {
        for (name, value) in self.cors.additions(self.upstream_allows_origin) {
            host::add_header(MapType::HttpResponseHeaders, name, value);
        }
    }

    fn strip_response(&mut self) {
        for name in std::mem::take(&mut self.spoofed) {
            host::remove_header(MapType::HttpResponseHeaders, &name);
        }
    }

    fn deny(&mut self, worker: &Worker, denial: Denial) {
        self.withheld = self.upstream_status.is_some();
        let denial = self.nameable(denial);
        let unfit = self.purchase.as_ref().and_then(|purchase| purchase.unfit);
        let refusal = match (denial, unfit) {
            (Denial::Mismatch, None) if self.name_taken.is_some() => {
                Refusal::NameTaken { claimed: self.name_taken == Some(true) }
            }
            (Denial::Mismatch, Some(unfit)) => unfit,
            (Denial::FacilitatorDown, _) if self.limited => Refusal::RateLimited(self.retry_after.max(1)),
            _ => Refusal::Denied(denial),
        };
        self.refuse(worker, refusal, "");
    }

    /// A denial without the transaction where only a hash of its name is left: of networks whose
    /// transactions a claim has no room for.
    fn nameable(&self, denial: Denial) -> Denial {
        let hashed = !self.reads_transactions();
        match denial {
            Denial::AlreadyUsed(paid) if hashed => Denial::AlreadyUsed(Paid { transaction: None, ..paid }),
            Denial::Exhausted(paid) if hashed => Denial::Exhausted(Paid { transaction: None, ..paid }),
            other => other,
        }
    }

    /// Whether a transaction's 32 bytes are its name, as on EVM chains.
    fn reads_transactions(&self) -> bool {
        self.purchase.as_ref().is_none_or(|purchase| matches!(purchase.payment.form(), Form::Evm { .. }))
    }

    /// Answers a preflight.
    pub(super) fn preflight(&mut self, methods: &str, asked_headers: &str) {
        self.outcome = Some(Outcome::Preflight);
        self.send(&self.cors.preflight(methods, asked_headers));
    }

    /// Answers in place of whatever is held.
    pub(super) fn refuse(&mut self, worker: &Worker, refusal: Refusal, allow: &str) {
        self.code = Some(refusal.code());
        self.outcome = Some(Outcome::of(refusal));
        let offer = self.offer().filter(|offer| refusal.quotes() && worker.quotes(offer));
        let challenge = offer.and_then(|offer| Some((offer, worker.challenge(offer)?)));
        let quote = challenge.map(|(offer, challenge)| Quote {
            header: match challenge.ways() {
                0 => String::new(),
                _ => challenge.header(
                    refusal.code(),
                    &self.resource,
                    &joined(&self.extensions, &worker.signed_offers(offer, &challenge, &self.resource)),
                ),
            },
            v1_accepts: challenge.v1_accepts(&self.resource),
        });
        let receipts = match refusal.receipt() {
            ReceiptKind::None => Vec::new(),
            ReceiptKind::Original(paid) => self.receipts(None, Some(paid), None),
            ReceiptKind::Failed => self.receipts(Some(refusal.code()), None, None),
        };
        let mut reply = refusal.reply(quote, receipts, allow);
        self.cors.open(&mut reply);
        if self.dialect == Dialect::Http {
            if self.navigation && worker.policy.paywall() {
                self.dress(&mut reply, refusal);
            }
            return self.send(&reply);
        }
        let status = Status::of(refusal, &reply);
        self.told = Some(status.code);
        match self.dialect {
            Dialect::Web => self.send(&status.into_headers(Dialect::Web)),
            _ => host::send_status(&status),
        }
    }

    /// A person gets a page to read and to pay from.
    fn dress(&self, reply: &mut Reply, refusal: Refusal) {
        let page = Page {
            refusal,
            url: &self.resource,
            offer: self.offer().map(Arc::as_ref),
            transaction: self.transaction.filter(|_| self.reads_transactions()),
            now: host::now(),
        };
        paywall::dress(reply, &page);
    }

    /// An unpaid request gets no quote while nothing could be settled.
    pub(super) fn suspended(&self, worker: &Worker, refusal: Refusal) -> Refusal {
        match self.offer() {
            Some(offer) if refusal.quotes() && !worker.quotes(offer) => Refusal::QuotesSuspended,
            Some(offer) if refusal.quotes() && worker.challenge(offer).is_none_or(|c| c.is_empty()) => {
                Refusal::QuotesSuspended
            }
            _ => refusal,
        }
    }

    /// Puts into a gRPC refusal what the host left out of its headers on their way here:
    /// Envoy 1.40 takes the content type off a reply without a body, and looks for gRPC before
    /// its own grpc_web filter has made gRPC of gRPC-Web.
    pub(super) fn complete(&self) {
        let Some(code) = self.told else { return };
        let map = MapType::HttpResponseHeaders;
        let pairs = host::headers(map);
        let has = |wanted: &str| pairs.iter().any(|(name, _)| name == wanted);
        if !has("grpc-status") {
            host::set_header(map, "grpc-status", &code.to_string());
        }
        if !has("content-type") {
            host::set_header(map, "content-type", self.dialect.content_type());
        }
    }

    /// Sends a local reply.
    pub(super) fn send(&self, reply: &Reply) {
        send(reply);
    }

    /// The receipt, under each header name its client may look for: the one of the payment's
    /// version, and the one that goes with the header it came in.
    /// With a `signer` it is signed, if money moved: that is done for whoever paid and not for
    /// who shows the payment again, as each signature costs as much as a check of one.
    fn receipts(
        &self,
        failed: Option<&'static str>,
        paid: Option<Paid>,
        signer: Option<&Worker>,
    ) -> Vec<(&'static str, String)> {
        let Some(purchase) = &self.purchase else { return Vec::new() };
        let transaction = paid.and_then(|paid| paid.transaction);
        let transaction = transaction.and_then(|transaction| self.spelled(transaction)).unwrap_or_default();
        let payer = purchase.payment.payer().map(|payer| payer.to_string());
        let v1 = purchase.payment.version() == Version::V1;
        let settled = paid.filter(|paid| failed.is_none() && paid.transaction.is_some() && !v1);
        let signed = signer.zip(payer.as_deref()).filter(|_| settled.is_some()).map(|(worker, payer)| {
            let network = purchase.payment.network();
            let settled = notary::Settled { network, payer, transaction: &transaction };
            worker.signed_receipt(&settled, &self.resource)
        });
        let receipt = Receipt {
            success: failed.is_none(),
            error_reason: failed,
            payer: payer.as_deref(),
            transaction: &transaction,
            network: purchase.payment.network(),
            amount: paid.and_then(|paid| paid.amount),
            extensions: signed.as_deref().unwrap_or_default(),
        };
        let receipt = receipt.to_header();
        let names = [
            ("payment-response", !v1 || !self.in_v1_header),
            ("x-payment-response", v1 || self.in_v1_header),
        ];
        names.into_iter().filter(|(_, wanted)| *wanted).map(|(name, _)| (name, receipt.clone())).collect()
    }

    /// A transaction as its network spells it; `None` where only its hash is known any more.
    fn spelled(&self, transaction: Transaction) -> Option<String> {
        match self.purchase.as_ref()?.payment.form() {
            Form::Evm { .. } => Some(format!("0x{}", hex::encode(transaction.0))),
            Form::Other(_) => self.transaction_text.clone(),
        }
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
            Exchange::Paying(_) | Exchange::Collecting(_) => Outcome::Pending,
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
        let purchase = self.purchase.as_ref();
        let payment = purchase.map(|purchase| &purchase.payment);
        Record {
            v: VERSION,
            request_id: self.request_id.as_deref(),
            route: self.route.as_ref().map(|route| route.name.as_str()),
            offer: offer.map(|offer| offer.name.as_str()),
            seller: offer.and_then(|offer| offer.seller.as_deref()),
            sku: offer.and_then(|offer| offer.sku.as_deref()),
            labels: offer.map(|offer| offer.labels.as_slice()).filter(|labels| !labels.is_empty()),
            payer: payment.and_then(|payment| payment.payer()).map(|payer| payer.to_string()),
            amount: purchase.map(|purchase| self.charged.unwrap_or(purchase.amount).to_string()),
            asset: purchase.map(|purchase| purchase.asset.clone()),
            network: purchase.map(|purchase| purchase.network.as_str()),
            outcome: outcome.name(),
            code: self.code,
            transaction: self.transaction.and_then(|transaction| self.spelled(transaction)),
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

/// Members of one JSON object out of two lists of them, either of which may be empty.
fn joined(first: &str, second: &str) -> String {
    let between = if first.is_empty() || second.is_empty() { "" } else { "," };
    let mut members = String::from(first);
    crate::json::extend(&mut members, &[between, second]);
    members
}
