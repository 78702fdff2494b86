//! What becomes of a payment's claim.

use std::rc::Rc;

use super::{Onward, Purchase};
use crate::claims::{Attempt, Begin, Binding, Identity, Op, Opening, Seal, UnixSeconds};
use crate::config::{Route, Settle, Text};
use crate::demand::Demand;
use crate::evm::address::Address;
use crate::evm::authorization::Authorization;
use crate::exchange::{Check, Step, Terms};
use crate::memo::Memo;
use crate::money::Amount;
use crate::precheck::{self, Form, Judge, Payment};
use crate::proof::Question;
use crate::protocol::signed::Signed;
use crate::reply::Refusal;

/// The shortest lease, in seconds. It is renewed every few, so it bounds only how long a
/// payer waits after a worker died.
const MIN_LEASE_SECONDS: u64 = 15;

/// Seconds a lease outlasts the facilitator's timeout.
const LEASE_MARGIN_SECONDS: u64 = 5;

/// A route's name; payee, asset and amount.
type Bought = (Text, (Address, Address, Amount));

thread_local! {
    /// Most payments on a route buy what the one before did.
    static OFFERED: Memo<Bought, Binding, 64> = const { Memo::new() };
}

/// A demand, and for how much it was made; `None` is what was signed.
#[derive(Debug)]
pub(super) struct Demanded {
    charged: Option<Amount>,
    demand: Rc<Demand>,
}

// === impl Purchase ===

impl Purchase {
    /// Seconds an attempt at it owns the claim.
    fn lease_seconds(&self) -> u64 {
        self.offer.timeout_seconds().saturating_add(LEASE_MARGIN_SECONDS).max(MIN_LEASE_SECONDS)
    }

    /// What was paid serves what a redirect leads to, in place of what it was presented for.
    pub fn lead_op(&self, attempt: Attempt, onward: Onward) -> Op {
        Op::Lead { attempt, binding: bind(onward.0, &self.payment) }
    }

    /// The claim op of an exchange's step, if the facilitator with the tag `settler` is asked.
    pub fn exchange_op(&self, step: Step, attempt: Attempt, settler: u32, now: UnixSeconds) -> Op {
        let lease = now.saturating_add(self.lease_seconds());
        let begin = Begin { settler, ..self.begin(attempt, lease) };
        match step {
            Step::Peek => Op::Peek,
            Step::Look | Step::Follow(_) => Op::Begin(Begin { opening: Opening::Nothing, ..begin }),
            Step::Begin => Op::Begin(begin),
            Step::Hold => Op::Begin(Begin { opening: Opening::Held, ..begin }),
            Step::Credit(_) => Op::Begin(Begin { opening: Opening::Nothing, vouched: true, ..begin }),
            Step::Pledge(nonce) => Op::Credit { attempt, nonce },
            Step::Settling(amount) => Op::Settling { attempt, lease, amount, settler },
            Step::Waive => Op::Waive { attempt },
            Step::Renew => Op::Renew { attempt, lease },
            Step::Release => Op::Release { attempt },
            Step::Doubt => Op::Unknown { attempt },
            Step::Delivered => Op::Delivered { attempt },
            Step::Undelivered => Op::Undelivered { attempt },
            Step::Return => Op::Return { attempt },
        }
    }

    fn opening(&self) -> Opening {
        match self.terms() {
            _ if self.unfit.is_some() => Opening::Nothing,
            Terms { settle: Settle::Before, check: Check::Local | Check::First, .. } => Opening::Settling,
            _ => Opening::Held,
        }
    }

    fn begin(&self, attempt: Attempt, lease: UnixSeconds) -> Begin {
        Begin {
            attempt,
            opening: self.opening(),
            binding: self.binding,
            valid_before: self.valid_before,
            redeem_for: self.offer.redeem_for_seconds,
            lease,
            settler: 0,
            vouched: false,
        }
    }

    /// The settlement of this much, or of what was signed, by the facilitator of this tag. It is
    /// written down before it is asked for, and is the same then.
    pub fn demand(&self, charged: Option<Amount>, settler: u32) -> Rc<Demand> {
        let Ok(mut last) = self.demanded.try_borrow_mut() else {
            return Rc::new(self.demand_anew(charged, settler));
        };
        if let Some(known) = last.as_ref().filter(|known| known.charged == charged) {
            if known.demand.settler == settler {
                return Rc::clone(&known.demand);
            }
        }
        let demand = Rc::new(self.demand_anew(charged, settler));
        *last = Some(Demanded { charged, demand: Rc::clone(&demand) });
        demand
    }

    fn demand_anew(&self, charged: Option<Amount>, settler: u32) -> Demand {
        let expected = self.expected(charged);
        Demand {
            identity: self.identity,
            binding: self.binding,
            offered: self.offered,
            valid_before: self.valid_before,
            redeem_for: self.offer.redeem_for_seconds,
            lease: u32::try_from(self.lease_seconds()).unwrap_or(u32::MAX),
            settler,
            amount: expected.amount,
            payer: expected.payer,
            route: self.route.name.clone(),
            network: expected.network.to_owned(),
            caip2: expected.caip2.to_owned(),
            judged: expected.payer.is_some() && self.payment.judge() == Judge::Facilitator,
            question: self.question(expected.amount).map(|question| question.to_bytes()).unwrap_or_default(),
            body: self.body(charged),
        }
    }

    /// What the chain can be asked about it.
    fn question(&self, amount: Option<Amount>) -> Option<Question> {
        let Form::Evm { signed, asset, .. } = self.payment.form() else { return None };
        let authorization = &signed.authorization;
        Some(Question {
            chain_id: asset.chain_id,
            token: asset.address,
            pay_to: authorization.to(),
            payer: authorization.payer(),
            nonce: authorization.nonce(),
            amount: amount?,
            means: precheck::means(authorization),
            valid_before: self.valid_before,
        })
    }

    /// The name of its signature, where the step may be followed by asking for money. `@x402/evm` 2.27
    /// answers for a settlement that pends whatever comes with the same signature, of whoever and over
    /// whatever: of a permit it looks at nothing else, of EIP-3009 at payer, payee and value. A contract
    /// of the payer's own accepts one signature for all; and of two permits, which do not name their
    /// owners, it can be two accounts'.
    pub fn seal(&self, step: Step) -> Option<Seal> {
        let Form::Evm { signed, .. } = self.payment.form() else { return None };
        let takes = match step {
            Step::Begin => self.opening() == Opening::Settling,
            Step::Settling(_) => true,
            Step::Look => false,
            _ => return None,
        };
        let permit = matches!(signed.authorization, Authorization::Permit(_));
        if self.unfit.is_some() || !(permit || self.payment.judge() == Judge::Facilitator) {
            return None;
        }
        let anew = || Some(Seal::named(&spelled(signed)?));
        Some(Seal {
            name: (*self.signature.get_or_init(anew))?,
            fingerprint: self.identity.public_hash(),
            expires: self.valid_before.saturating_add(Seal::SECONDS),
            takes,
        })
    }

    /// Whether its wallet is known, so that what it is owed may serve it: its signature was
    /// verified, and nothing is wrong with it but that nobody can settle it now.
    pub fn proves_wallet(&self) -> bool {
        let sandbox = self.payment.judge() == Judge::Sandbox;
        let sound = self.unfit.is_none() || (sandbox && self.unfit == Some(Refusal::QuotesSuspended));
        sound && self.payment.payer().is_some()
    }
}

/// What the chain burns; for payments only the facilitator can read, what names them.
pub(super) fn identity(payment: &Payment) -> Identity {
    match payment.form() {
        Form::Evm { signed, asset, .. } => Identity {
            chain_id: asset.chain_id,
            verifying_contract: signed.authorization.burnt_by(asset.address),
            payer: signed.authorization.payer(),
            nonce: signed.authorization.nonce(),
        },
        Form::Other(other) => Identity::named("payload", &[other.chain().as_bytes(), &other.digest()]),
    }
}

/// What is bought: route, payee, asset and amount.
pub(super) fn offered(route: &Route, payment: &Payment) -> Binding {
    let Form::Evm { signed, asset, .. } = payment.form() else {
        return Binding::new(&route.name, &[]);
    };
    let (to, amount) = (signed.authorization.to(), signed.authorization.amount());
    let bought = (to, asset.address, amount);
    let anew =
        || Binding::new(&route.name, &[to.as_bytes(), asset.address.as_bytes(), &amount.to_be_bytes()]);
    let [.., last] = amount.to_be_bytes();
    let hint = route.name.bytes().fold(last, u8::wrapping_add);
    let is = |(name, known): &Bought| *known == bought && *name == route.name;
    let recall = |memo: &Memo<_, _, 64>| memo.recall(hint, is, || (route.name.clone(), bought), anew);
    OFFERED.try_with(recall).unwrap_or_else(|_| anew())
}

/// And the signature, where nobody here could judge it.
pub(super) fn bind(offered: Binding, payment: &Payment) -> Binding {
    match (payment.judge(), payment.form()) {
        (Judge::Facilitator, Form::Evm { signed, .. }) => {
            spelled(signed).map_or(offered, |text| offered.with_signature(text.as_bytes()))
        }
        _ => offered,
    }
}

/// The signature, as a facilitator is told it.
fn spelled(signed: &Signed) -> Option<String> {
    let mut text = String::new();
    signed.signature.as_ref().ok()?.push(&mut text);
    Some(text)
}
