//! One visit of a client: the exchange, and everything its record will say.

use std::rc::Rc;
use std::sync::Arc;

use proxy_wasm::hostcalls;
use proxy_wasm::types::{Action, MapType};

use crate::admission::endless::Endless;
use crate::admission::grpc::GrpcStatus;
use crate::admission::head::{self, Field};
use crate::admission::{Head, Onward, Purchase};
use crate::claims::{self, Attempt, Identity, Transaction};
use crate::config::{Facilitator, Offer, Policy, Route, Target};
use crate::demand::Demand;
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
use crate::shell::host::{self, Headers};
use crate::shell::worker::{Outbox, Worker};
use crate::signing::notary;

mod books;
mod refusal;

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
    /// The claim that decides: the payment's own, or another one of its wallet.
    pub(in crate::shell) identity: Identity,
    /// Another claim of the wallet is being begun in the payment's place.
    pub(in crate::shell) crediting: bool,
    /// Its outcome was open before.
    pub(in crate::shell) resolving: bool,
    /// What the shared store kept for asking about that claim.
    pub(in crate::shell) found: Option<Rc<Demand>>,
    /// Who settles, once that was decided.
    pub(in crate::shell) line: Option<Vec<Arc<Facilitator>>>,
    /// When the lease was last renewed.
    pub(in crate::shell) renewed: u64,
    /// It is served from what was paid before.
    pub(in crate::shell) redeems: bool,
    /// What its response leads to.
    pub(in crate::shell) onward: Option<Onward>,
    /// When it was heard that what was paid may be delivered.
    pub(in crate::shell) granted: u64,
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
    /// What a quote declares of this request alone.
    asked: String,
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
    /// A person's browser wants something to show, and pages are shown.
    navigation: bool,
    pub(super) grpc: GrpcStatus,
    /// When the response is delivered, if not at its end.
    endless: Endless,
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
fn send(reply: &Reply) {
    let headers = reply.headers.iter().map(|(name, value)| (*name, value.as_str())).collect();
    let body = (!reply.body.is_empty()).then_some(reply.body.as_bytes());
    let _ = hostcalls::send_http_response(reply.status.into(), headers, body);
}

// === impl Visit ===

impl Visit {
    /// A visit nothing has happened in.
    pub(super) fn new(context: u32, route: Option<Arc<Route>>, head: &Head<'_>, policy: &Policy) -> Self {
        Self {
            context,
            attempt: Attempt(0),
            machine: Exchange::Over,
            purchase: None,
            identity: Identity::NONE,
            crediting: false,
            resolving: false,
            found: None,
            line: None,
            renewed: 0,
            redeems: false,
            onward: None,
            granted: 0,
            charged: None,
            source: None,
            limited: false,
            retry_after: 0,
            transaction_text: None,
            outcome: None,
            resource: String::new(),
            asked: route.as_deref().map(|route| head.declared(route)).unwrap_or_default(),
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
            cors: Grant::of(&policy.cors, head.origin),
            upstream_allows_origin: false,
            navigation: policy.paywall() && head.navigates(),
            grpc: GrpcStatus::new(head.grpc),
            endless: Endless::new(head.method),
            dialect: head.dialect,
            told: None,
            spoofed: Vec::new(),
            in_v1_header: head.payments.contains(&"x-payment"),
            cache_control: Vec::new(),
        }
    }

    /// Takes down what an event reveals.
    pub(in crate::shell) fn note(&mut self, event: &Event) {
        if let (Event::Claim(outcome), true) = (event, self.crediting) {
            self.crediting = false;
            let granted = matches!(outcome, claims::Outcome::Redeem(_) | claims::Outcome::Resolve(_));
            if let Some(purchase) = self.purchase.as_ref().filter(|_| !granted) {
                self.identity = purchase.identity;
            }
        }
        match event {
            Event::Settled(Settled::Paid(transaction)) => self.transaction = Some(*transaction),
            Event::Claim(claims::Outcome::Resolve(_)) => self.resolving = true,
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
                Some(paid) => {
                    self.release(worker, paid);
                    self.begin(worker);
                }
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
        host::set_header(MapType::HttpRequestHeaders, "x402-receipt-id", &self.identity.receipt_id());
    }

    /// Looks at a response that is held, or about to pass.
    pub(super) fn see_response(&mut self, fields: &[Field<'_>]) {
        let names = fields.iter().map(|(name, _)| *name);
        self.spoofed = names.filter(|name| head::owned_in_response(name)).map(str::to_owned).collect();
        let values = fields.iter().filter(|(name, _)| *name == "cache-control");
        self.cache_control = values.map(|(_, value)| String::from_utf8_lossy(value).into_owned()).collect();
        self.upstream_allows_origin = fields.iter().any(|(name, _)| *name == "access-control-allow-origin");
        self.grpc.see(fields);
        self.endless.see(self.upstream_status, fields);
    }

    /// Bytes of the response's body came, to pass or to be held.
    pub(super) fn flow(&mut self, worker: &Worker) {
        self.endless.flow();
        self.begin(worker);
    }

    /// What has no end of its own is delivered when it has begun.
    fn begin(&mut self, worker: &Worker) {
        let begins = self.machine == (Exchange::Delivering { worth: true }) && self.endless.has_begun();
        let Some(purchase) = self.purchase.clone().filter(|_| begins) else { return };
        self.outcome = Some(if self.redeeming { Outcome::Redeemed } else { Outcome::Delivered });
        let _ = worker.drive(self, &purchase, Event::Begun);
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

    /// The stream is over.
    pub(super) fn end(&mut self, worker: &Worker, clean: bool) {
        let before = self.machine;
        let Some(purchase) = self.purchase.clone() else { return };
        let _ = worker.drive(self, &purchase, Event::End { clean });
        if before.on_trust() {
            worker.failed();
        }
        self.outcome = self.outcome.or(Some(match before {
            Exchange::Delivering { worth: true } if clean && self.redeeming => Outcome::Redeemed,
            Exchange::Delivering { worth: true } if clean => Outcome::Delivered,
            Exchange::Delivering { .. } | Exchange::Fencing { .. } => Outcome::Undelivered,
            Exchange::Working { paid: Some(_) } => Outcome::Undelivered,
            // The answer is still out; the root will log it.
            Exchange::Paying(_) | Exchange::Collecting { .. } => Outcome::Pending,
            _ => Outcome::Abandoned,
        }));
    }

    fn offer(&self) -> Option<&Arc<Offer>> {
        match &self.route.as_ref()?.target {
            Target::Offer(offer) => Some(offer),
            Target::Free => None,
        }
    }
}
