//! What a request is, before any money moves: passed, refused, or a payment to present.
//!
//! A request passes without paying if, and only if,
//! 1. under every reading of its path it resolves to one free route; or
//! 2. no reading of its path reaches a priced route, and `unmatched` is `free`.
//!
//! Everything else is answered here or becomes a [`Purchase`], whose signature is already
//! known to be its payer's.

use std::sync::Arc;

use crate::claims::{Attempt, Begin, Binding, Identity, Op, Opening, Transaction, UnixSeconds};
use crate::config::{Asset, Offer, Policy, Route, Settle, Target, Unmatched, Verify};
use crate::exchange::{Step, Terms};
use crate::facilitator::Expected;
use crate::precheck::{self, Payment};
use crate::protocol::header;
use crate::protocol::v2::{self, PaymentPayload};
use crate::reply::{code, Refusal};
use crate::route::Resolution;
use crate::settlement;

pub mod browser;
pub mod grpc;
pub mod head;

pub use head::{Head, Offered};

/// The shortest lease, in seconds. It is renewed every few, so it bounds only how long a
/// payer waits after a worker died.
const MIN_LEASE_SECONDS: u64 = 15;

/// Seconds a lease outlasts the facilitator's timeout.
const LEASE_MARGIN_SECONDS: u64 = 5;

/// What a request is.
#[derive(Debug)]
pub enum Admission {
    /// It passes. `None` when no route names it.
    Pass(Option<Arc<Route>>),
    /// A CORS preflight for a priced route, to be answered with these methods.
    Preflight(Option<Arc<Route>>, String),
    /// It is refused. The `Allow` value is empty unless the method is the reason.
    Refuse(Option<Arc<Route>>, Refusal, String),
    /// It pays.
    Present(Box<Purchase>),
}

/// A payment for an offer: verified, and fitting or not.
#[derive(Debug)]
pub struct Purchase {
    /// Where it was presented.
    pub route: Arc<Route>,
    /// What is sold there.
    pub offer: Arc<Offer>,
    /// What was signed.
    pub payment: Payment,
    /// What the chain would burn.
    pub identity: Identity,
    binding: Binding,
    /// `PaymentRequirements` for the facilitator.
    pub requirements: String,
    /// The public URL it was presented for.
    pub resource: String,
    /// Why it may not open a claim of its own; an existing one decides alone.
    pub unfit: Option<Refusal>,
}

/// Decides what a request is at `now`.
pub fn admit(policy: &Policy, head: &Head<'_>, now: UnixSeconds) -> Admission {
    let refuse =
        |route: Option<&Arc<Route>>, refusal| Admission::Refuse(route.cloned(), refusal, String::new());
    let Some(path) = head.path else {
        return refuse(None, Refusal::PathAmbiguous);
    };
    let route = match policy.routes.resolve(head.method, head.authority, path) {
        Resolution::Route(route) => route,
        Resolution::Ambiguous => return refuse(None, Refusal::PathAmbiguous),
        Resolution::Unmatched => {
            return match policy.unmatched {
                Unmatched::Free => Admission::Pass(None),
                Unmatched::Deny => refuse(None, Refusal::NotOffered),
            }
        }
        Resolution::MethodNotAllowed { allow } if head.preflight => {
            return Admission::Preflight(None, allow.to_owned())
        }
        Resolution::MethodNotAllowed { allow } => {
            return Admission::Refuse(None, Refusal::MethodNotAllowed, allow.to_owned());
        }
    };
    let Target::Offer(offer) = &route.target else {
        return Admission::Pass(Some(Arc::clone(route)));
    };
    if head.preflight {
        return Admission::Preflight(Some(Arc::clone(route)), head.asked_method().to_owned());
    }
    if head.grpc && offer.settle == Settle::After {
        return refuse(Some(route), Refusal::GrpcSettlesBefore);
    }
    let encoded = match head.payment(policy.paywall) {
        Offered::Nothing => return refuse(Some(route), Refusal::PaymentRequired),
        Offered::Many => return refuse(Some(route), Refusal::Invalid(code::PAYMENT_AMBIGUOUS)),
        Offered::One(encoded) => encoded,
    };
    match Purchase::read(policy, route, offer, encoded, head.resource(&policy.origin), now) {
        Ok(purchase) => Admission::Present(Box::new(purchase)),
        Err(code) => refuse(Some(route), Refusal::Invalid(code)),
    }
}

// === impl Purchase ===

impl Purchase {
    fn read(
        policy: &Policy,
        route: &Arc<Route>,
        offer: &Arc<Offer>,
        encoded: &[u8],
        resource: String,
        now: UnixSeconds,
    ) -> Result<Self, &'static str> {
        let json = header::decode(encoded).map_err(|malformed| malformed.code())?;
        let payload = PaymentPayload::parse(&json).map_err(|malformed| malformed.code())?;
        let accepted = &payload.accepted;
        let asset = match precheck::find_asset(&policy.assets, accepted) {
            Some(asset) => Arc::clone(asset),
            // Not taken any more, but it may have been when a claim was opened.
            None => {
                Asset::registered(&accepted.network, &accepted.asset).map(Arc::new).ok_or(code::NO_MATCH)?
            }
        };
        let payment = Payment::verify(payload, &asset).map_err(|forged| forged.code())?;
        let identity = Identity {
            chain_id: asset.chain_id,
            verifying_contract: asset.address,
            payer: payment.payer(),
            nonce: *payment.nonce(),
        };
        let amount = payment.amount().to_be_bytes();
        let binding = Binding::new(&route.name, &payment.to(), &asset.address, &amount);
        let (requirements, unfit) = match precheck::precheck(&payment, offer, now, offer.margin_seconds()) {
            Ok(accept) => (v2::requirements(accept, offer), None),
            // An existing claim was opened under terms the payment itself still states.
            Err(mismatch) => {
                (v2::signed_requirements(payment.payload(), &asset), Some(Refusal::Invalid(mismatch.code())))
            }
        };
        let (route, offer) = (Arc::clone(route), Arc::clone(offer));
        Ok(Self { route, offer, payment, identity, binding, requirements, resource, unfit })
    }

    /// What the exchange has to know.
    pub fn terms(&self) -> Terms {
        Terms { settle: self.offer.settle, verify: self.offer.verify == Verify::Facilitator }
    }

    /// What the facilitator's answer has to agree with.
    pub fn expected(&self) -> Expected<'_> {
        Expected {
            network: &self.payment.asset().network,
            payer: self.payment.payer(),
            amount: self.payment.amount(),
        }
    }

    /// The body of `/verify` and `/settle`.
    pub fn body(&self) -> Vec<u8> {
        // The query may say what is only the upstream's business.
        let url = self.resource.split('?').next().unwrap_or_default();
        let resource = v2::resource(&self.offer, url);
        v2::settle_body(self.payment.payload(), &self.requirements, &resource)
    }

    /// Until when an attempt begun or renewed at `now` owns the claim.
    pub fn lease(&self, now: UnixSeconds) -> UnixSeconds {
        let seconds = self.offer.timeout_seconds().saturating_add(LEASE_MARGIN_SECONDS);
        now.saturating_add(seconds.max(MIN_LEASE_SECONDS))
    }

    /// The claim op of an exchange's step.
    pub fn exchange_op(&self, step: Step, attempt: Attempt, now: UnixSeconds) -> Op {
        let lease = self.lease(now);
        match step {
            Step::Begin => Op::Begin(self.begin(attempt, now)),
            Step::Settling => Op::Settling { attempt, lease },
            Step::Renew => Op::Renew { attempt, lease },
            Step::Release => Op::Release { attempt },
            Step::Delivered => Op::Delivered { attempt },
            Step::Undelivered => Op::Undelivered { attempt },
        }
    }

    /// The claim op of a settlement's step.
    pub fn settlement_op(&self, step: settlement::Step, attempt: Attempt, now: UnixSeconds) -> Op {
        match step {
            settlement::Step::Settled { transaction, deliver } => {
                self.settled(attempt, transaction, deliver, now)
            }
            settlement::Step::Release => Op::Release { attempt },
            settlement::Step::Unknown => Op::Unknown { attempt },
            settlement::Step::Undelivered => Op::Undelivered { attempt },
        }
    }

    fn settled(&self, attempt: Attempt, transaction: Transaction, deliver: bool, now: UnixSeconds) -> Op {
        Op::Settled {
            attempt,
            transaction,
            deliver: deliver.then(|| self.lease(now)),
            otherwise: self.begin(attempt, now),
        }
    }

    fn begin(&self, attempt: Attempt, now: UnixSeconds) -> Begin {
        let opening = match self.terms() {
            _ if self.unfit.is_some() => Opening::Nothing,
            Terms { settle: Settle::Before, verify: false } => Opening::Settling,
            _ => Opening::Held,
        };
        Begin {
            attempt,
            opening,
            binding: self.binding,
            valid_before: self.payment.valid_before(),
            redeem_for: self.offer.redeem_for_seconds,
            lease: self.lease(now),
        }
    }
}
