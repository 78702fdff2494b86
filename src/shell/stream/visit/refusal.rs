//! What a visit is told when it is refused.

use super::*;

// === impl Visit ===

impl Visit {
    pub(super) fn deny(&mut self, worker: &Worker, denial: Denial) {
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
        // What a facilitator fails at costs its sender nothing, and stays open for long.
        if denial == Denial::Pending && worker.doubts(&self.identity) {
            worker.failed();
        }
        self.refuse(worker, worker.counted(refusal), "");
    }

    /// A denial without the transaction where only a hash of its name is left: of networks whose
    /// transactions a claim has no room for.
    fn nameable(&self, denial: Denial) -> Denial {
        let hashed = !self.reads_transactions();
        match denial {
            Denial::AlreadyUsed(paid) if hashed => Denial::AlreadyUsed(Paid { transaction: None, ..paid }),
            Denial::Exhausted(paid) if hashed => Denial::Exhausted(Paid { transaction: None, ..paid }),
            Denial::Short(paid) if hashed => Denial::Short(Paid { transaction: None, ..paid }),
            other => other,
        }
    }

    /// Whether a transaction's 32 bytes are its name, as on EVM chains.
    fn reads_transactions(&self) -> bool {
        self.purchase.as_ref().is_none_or(|purchase| matches!(purchase.payment.form(), Form::Evm { .. }))
    }

    /// Answers a preflight.
    pub(in crate::shell::stream) fn preflight(&mut self, methods: &str, asked_headers: &str) {
        self.outcome = Some(Outcome::Preflight);
        self.send(&self.cors.preflight(methods, asked_headers));
    }

    /// Answers in place of whatever is held.
    pub(in crate::shell::stream) fn refuse(&mut self, worker: &Worker, refusal: Refusal, allow: &str) {
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
                    &self.asked,
                    &worker.signed_offers(offer, &challenge, &self.resource),
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
            if self.navigation {
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
    pub(in crate::shell::stream) fn suspended(&self, worker: &Worker, refusal: Refusal) -> Refusal {
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
    pub(in crate::shell::stream) fn complete(&self) {
        let Some(code) = self.told else { return };
        let map = MapType::HttpResponseHeaders;
        let headers = Headers::get(map);
        let has = |wanted: &str| headers.iter().any(|(name, _)| name == wanted.as_bytes());
        if !has("grpc-status") {
            host::set_header(map, "grpc-status", &code.to_string());
        }
        if !has("content-type") {
            host::set_header(map, "content-type", self.dialect.content_type());
        }
    }

    /// Sends a local reply.
    pub(in crate::shell::stream) fn send(&self, reply: &Reply) {
        send(reply);
    }
}
