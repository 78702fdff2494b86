//! A stream: the host's callbacks on one side, one exchange on the other.
//!
//! Body and trailer callbacks pause while the exchange holds. With Envoy's
//! `allow_on_headers_stop_iteration: true` a pause in a header callback stops headers only,
//! and a filter that let bodies pass would forward unpaid requests and release held content.

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::sync::Arc;

use proxy_wasm::hostcalls;
use proxy_wasm::traits::{Context, HttpContext};
use proxy_wasm::types::{Action, MapType};

use super::host::{self, Headers, Moment};
use super::worker::Worker;
use crate::admission::{self, Admission, Head, Offered};
use crate::charge;
use crate::exchange;
use crate::record::Outcome;
use crate::reply::Refusal;
use crate::wellknown::{self, Seat};

mod document;
mod visit;

pub(super) use visit::Visit;

/// Response flags that do not stand for a response cut short: delay injected (0x200) and
/// served from cache (0x100000). Any other flag means somebody gave up.
const BENIGN_FLAGS: u64 = 0x0010_0200;

/// One HTTP stream.
pub(super) struct Stream {
    context: u32,
    worker: Option<Rc<Worker>>,
    state: State,
    /// Whether the last byte of the response passed here.
    ended: bool,
    done: bool,
}

/// What the stream is to the filter.
enum State {
    /// Not decided yet.
    Fresh,
    /// Nothing of it concerns us.
    Passing,
    /// A document of ours is on its way, or the head of one that has so many bytes.
    Serving { head: Option<usize>, _seat: Seat },
    /// Decided without money: refused or answered; the record is ready.
    Decided(Box<Visit>),
    /// A payment is at work.
    Paying(Rc<RefCell<Visit>>),
}

// === impl Stream ===

impl Stream {
    /// A stream that nothing was decided about.
    pub(super) fn new(context: u32, worker: Option<Rc<Worker>>) -> Self {
        Self { context, worker, state: State::Fresh, ended: false, done: false }
    }

    fn request(&mut self, worker: &Rc<Worker>) -> Action {
        let headers = Headers::get(MapType::HttpRequestHeaders);
        let fields = host::fields(&headers);
        let mut head = Head::read(&fields);
        if let Some(document) = head.path.and_then(|path| wellknown::find(&worker.policy, head.method, path))
        {
            self.state = document::answer(self.context, worker, &head, document);
            return Action::Pause;
        }
        // The time matters to payments only, and asking for it costs as much as a header.
        let offered = head.payment(worker.policy.paywall());
        let now = if offered == Offered::Nothing { 0 } else { host::now() };
        head.barred = if offered == Offered::Nothing { None } else { worker.barred() };
        match admission::admit(&worker.policy, &head, worker.as_ref(), now) {
            Admission::Pass(route) => {
                for name in &head.owned {
                    host::remove_header(MapType::HttpRequestHeaders, name);
                }
                if let Some(cookies) = &head.cookies {
                    host::set_cookies(&cookies.rest);
                }
                let outcome = if route.is_some() { Outcome::Free } else { Outcome::Unmatched };
                worker.meters.request(route.as_deref(), outcome);
                self.state = State::Passing;
                Action::Continue
            }
            Admission::Preflight(route, methods) => {
                let mut visit = Visit::new(self.context, route, &head, &worker.policy);
                visit.preflight(&methods, head.asked_headers);
                self.state = State::Decided(Box::new(visit));
                Action::Pause
            }
            Admission::Refuse(route, refusal, allow) => {
                let mut visit = Visit::new(self.context, route, &head, &worker.policy);
                visit.resource = head.resource(&worker.policy);
                let refusal = visit.suspended(worker, worker.counted(refusal));
                visit.refuse(worker, refusal, &allow);
                self.state = State::Decided(Box::new(visit));
                Action::Pause
            }
            Admission::Present(purchase) => {
                let route = Some(Arc::clone(&purchase.route));
                let mut visit = Visit::new(self.context, route, &head, &worker.policy);
                visit.resource = purchase.resource.clone();
                visit.remove =
                    head.owned.iter().chain(&head.payments).map(|name| (*name).to_owned()).collect();
                visit.cookies = head.cookies.map(|cookies| cookies.rest);
                self.present(worker, visit, *purchase)
            }
        }
    }

    fn present(
        &mut self,
        worker: &Rc<Worker>,
        mut visit: Visit,
        mut purchase: admission::Purchase,
    ) -> Action {
        if purchase.unfit.is_none() && !worker.may_settle(&purchase) {
            purchase.unfit = Some(Refusal::QuotesSuspended);
        }
        let purchase = Rc::new(purchase);
        visit.attempt = worker.attempt();
        visit.identity = purchase.identity;
        visit.purchase = Some(Rc::clone(&purchase));
        let outbox = worker.open(&mut visit, &purchase);
        let action = visit.act(worker, outbox, visit::Side::Request);
        let visit = Rc::new(RefCell::new(visit));
        worker.enter(self.context, Rc::clone(&visit));
        self.state = State::Paying(visit);
        action
    }

    fn response(&self, worker: &Worker, visit: &RefCell<Visit>) -> Action {
        let Ok(mut visit) = visit.try_borrow_mut() else { return Action::Pause };
        let Some(purchase) = visit.purchase.clone() else { return Action::Pause };
        if visit.machine == exchange::Exchange::Over {
            visit.complete();
            return Action::Continue;
        }
        let headers = Headers::get(MapType::HttpResponseHeaders);
        let fields = host::fields(&headers);
        let status = fields.iter().find(|(name, _)| *name == ":status");
        let status = status.and_then(|(_, value)| std::str::from_utf8(value).ok()?.parse::<u16>().ok());
        visit.upstream_status = status;
        let onward = Cell::new(None);
        let leads_on = |status, location: &[u8]| {
            let leads = !visit.redeems || worker.may_be_led(&visit.identity);
            let found = purchase.leads_on(&worker.policy, status, location).filter(|_| leads);
            onward.set(found);
            found.is_some()
        };
        let reading = charge::read(&purchase.offer, purchase.metered(), status, &fields, leads_on);
        if reading.cut || reading.charge == exchange::Charge::Unreadable {
            let what = if reading.cut { "is above what was signed, and was cut" } else { "cannot be read" };
            log::warn!("route {}: the upstream's charge {what}", purchase.route.name);
        }
        let charge = reading.charge;
        visit.onward = onward.get();
        visit.see_response(&fields);
        let paying = matches!(visit.machine, exchange::Exchange::Paying(_));
        let outbox = worker.drive(&mut visit, &purchase, exchange::Event::Response { charge });
        if paying {
            visit.mark_pending();
        }
        visit.act(worker, outbox, visit::Side::Response)
    }

    /// Whether the request's body may move: only behind a request that was let go.
    fn request_data(&self) -> Action {
        let moves = match &self.state {
            State::Passing => true,
            State::Fresh | State::Serving { .. } | State::Decided(_) => false,
            State::Paying(visit) => visit.try_borrow().is_ok_and(|visit| visit.forwarded),
        };
        if moves {
            Action::Continue
        } else {
            self.hold_data()
        }
    }

    /// Whether the response's body may move. The host's and our own local replies come this
    /// way too, for streams that were never let go.
    fn response_data(&self) -> Action {
        let moves = match &self.state {
            State::Fresh | State::Passing | State::Serving { .. } | State::Decided(_) => true,
            State::Paying(visit) => {
                visit.try_borrow().is_ok_and(|visit| !visit.withheld && !visit.machine.holds_response())
            }
        };
        if moves {
            Action::Continue
        } else {
            self.hold_data()
        }
    }

    fn hold_data(&self) -> Action {
        if let (State::Paying(_), Some(worker)) = (&self.state, &self.worker) {
            worker.body_came_while_held();
        }
        Action::Pause
    }

    /// Whether the host says that nothing went wrong. Who is refused already is not asked about.
    fn went_well(visit: &Visit, logged: bool) -> bool {
        let over = visit.machine == exchange::Exchange::Over;
        let flags = || host::response_flags().is_none_or(|flags| flags & !BENIGN_FLAGS == 0);
        logged && !over && flags()
    }

    /// Closes the books on the stream; `logged` says whether the host still answers for it.
    fn finish(&mut self, logged: bool) {
        let Some(worker) = self.worker.clone().filter(|_| !self.done) else { return };
        let _moment = Moment::begin();
        self.done = true;
        match &mut self.state {
            State::Decided(visit) => visit.close(&worker, logged),
            State::Paying(visit) => {
                worker.leave(self.context);
                let Ok(mut visit) = visit.try_borrow_mut() else { return };
                let ended = self.ended && visit.grpc.ended_well();
                let clean = ended && Self::went_well(&visit, logged);
                visit.end(&worker, clean);
                visit.close(&worker, logged);
            }
            State::Serving { .. } => self.state = State::Passing,
            State::Fresh | State::Passing => {}
        }
    }
}

impl Context for Stream {}

impl HttpContext for Stream {
    fn on_http_request_headers(&mut self, _: usize, _: bool) -> Action {
        let _moment = Moment::begin();
        match self.worker.clone() {
            Some(worker) => {
                worker.gather();
                let action = self.request(&worker);
                worker.dispatch_gathered(self.context);
                action
            }
            // The host does not send requests to a plugin it could not configure; were it to, no.
            None => {
                let _ = hostcalls::send_http_response(503, vec![("cache-control", "no-store")], None);
                Action::Pause
            }
        }
    }

    fn on_http_request_body(&mut self, _: usize, _: bool) -> Action {
        self.request_data()
    }

    fn on_http_request_trailers(&mut self, _: usize) -> Action {
        for (name, _) in host::fields(&Headers::get(MapType::HttpRequestTrailers)) {
            if admission::head::owned(name) {
                host::remove_header(MapType::HttpRequestTrailers, name);
            }
        }
        self.request_data()
    }

    fn on_http_response_headers(&mut self, _: usize, end_of_stream: bool) -> Action {
        self.ended |= end_of_stream;
        let _moment = Moment::begin();
        match (&self.state, &self.worker) {
            (State::Paying(visit), Some(worker)) => {
                worker.gather();
                let action = self.response(worker, visit);
                worker.dispatch_gathered(self.context);
                action
            }
            // Our own local replies pass here as well, and the host's, for requests it refused.
            (State::Decided(visit), _) => {
                visit.complete();
                Action::Continue
            }
            (State::Serving { head: Some(size), .. }, _) => {
                document::complete(*size);
                Action::Continue
            }
            _ => Action::Continue,
        }
    }

    fn on_http_response_body(&mut self, size: usize, end_of_stream: bool) -> Action {
        self.ended |= end_of_stream;
        if let (State::Paying(visit), Some(worker), 1..) = (&self.state, &self.worker, size) {
            if let Ok(mut visit) = visit.try_borrow_mut() {
                visit.flow(worker);
            }
        }
        self.response_data()
    }

    fn on_http_response_trailers(&mut self, _: usize) -> Action {
        self.ended = true;
        if let State::Paying(visit) = &self.state {
            let headers = Headers::get(MapType::HttpResponseTrailers);
            let trailers = host::fields(&headers);
            for (name, _) in trailers.iter().filter(|(name, _)| admission::head::owned_in_response(name)) {
                host::remove_header(MapType::HttpResponseTrailers, name);
            }
            if let Ok(mut visit) = visit.try_borrow_mut() {
                visit.grpc.see(&trailers);
            }
        }
        self.response_data()
    }

    fn on_log(&mut self) {
        self.finish(true);
    }
}

impl Drop for Stream {
    /// For hosts that drop a stream without logging it.
    fn drop(&mut self) {
        self.finish(false);
    }
}
