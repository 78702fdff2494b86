//! What an op does to a claim.

use super::{
    Attempt, Begin, Binding, Claim, Next, Op, Opening, Outcome, Paid, State, Transaction, UnixSeconds,
    CLOCK_SKEW_SECONDS, MAX_REDEEMS, QUICK_ASKS,
};
use crate::money::Amount;

/// What a claim owes its wallet, when that wallet comes with another payment for the same offer.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Owes {
    /// Nothing: it is at work, delivered, used up, or was never asked for.
    Nothing,
    /// It is being settled and nobody waits for it, or it is being asked about again: soon it will
    /// owe something, or nothing.
    Patience,
    /// The money may have moved.
    Answer,
    /// The money moved and nothing was delivered.
    Content,
}

// === impl State ===

impl State {
    /// What time has made of a claim in this state. `None` when it is over.
    pub(super) fn at(self, lease: UnixSeconds, expires: UnixSeconds, now: UnixSeconds) -> Option<Self> {
        let state = match self {
            Self::Held if now >= lease => return None,
            Self::Settling if now >= lease => Self::Unknown,
            Self::Redeeming if now >= lease => Self::Taken,
            _ => self,
        };
        (now < expires).then_some(state)
    }
}

// === impl Claim ===

impl Claim {
    /// The claim as it stands now, lapsed leases applied. `None` when it is over.
    pub fn at(self, now: UnixSeconds) -> Option<Self> {
        let state = self.state.at(self.lease, self.expires, now)?;
        Some(Self { state, ..self })
    }

    /// Applies one op to a record as [`Claim::at`] shows it.
    pub fn apply(current: Option<Self>, op: &Op, now: UnixSeconds) -> (Next, Outcome) {
        match (current, op) {
            (None, Op::Peek) => (Next::Keep, Outcome::Absent),
            (Some(_), Op::Peek) => (Next::Keep, Outcome::Present),
            (None, Op::Begin(begin)) => Self::open(begin),
            (Some(claim), Op::Begin(begin)) => claim.present(begin, now),
            (None, Op::Mark { fingerprint, expires }) => {
                (Next::Put(Self::tombstone(*expires, Some(Transaction(*fingerprint)))), Outcome::Granted)
            }
            (Some(claim), Op::Mark { fingerprint, .. }) => {
                let same =
                    claim.state == State::Delivered && claim.transaction == Some(Transaction(*fingerprint));
                (Next::Keep, if same { Outcome::Present } else { Outcome::Elsewhere(claim.state) })
            }
            (None, Op::Settled { transaction, until, otherwise, .. }) => {
                let claim = Self { transaction: Some(*transaction), ..Self::new(otherwise) }.lasting(*until);
                (Next::Put(claim.kept(State::Taken, now)), Outcome::Lost)
            }
            (Some(claim), Op::Settled { attempt, transaction, deliver, until, .. }) => {
                claim.lasting(*until).settled(*attempt, *transaction, *deliver, now)
            }
            (Some(claim), op) if claim.owner(op) => claim.advance(op, now),
            (_, _) => (Next::Keep, Outcome::Lost),
        }
    }

    fn new(begin: &Begin) -> Self {
        Self {
            state: State::Held,
            attempt: begin.attempt,
            lease: begin.lease,
            expires: begin.lease,
            valid_before: begin.valid_before,
            redeem_for: begin.redeem_for,
            redeems: 0,
            asks: 0,
            binding: begin.binding,
            settler: begin.settler,
            orphan: false,
            foreign: None,
            transaction: None,
            amount: None,
        }
    }

    /// All that is left of a claim that can never be presented again.
    pub(super) fn tombstone(expires: UnixSeconds, transaction: Option<Transaction>) -> Self {
        Self {
            state: State::Delivered,
            attempt: Attempt(0),
            lease: 0,
            expires,
            valid_before: expires.saturating_sub(CLOCK_SKEW_SECONDS),
            redeem_for: 0,
            redeems: 0,
            asks: 1,
            binding: Binding([0; 16]),
            settler: 0,
            orphan: false,
            foreign: None,
            transaction,
            amount: transaction.is_none().then_some(Amount::ZERO),
        }
    }

    /// The same, whose authorisation ends then at the earliest.
    fn lasting(self, until: UnixSeconds) -> Self {
        Self { valid_before: self.valid_before.max(until), ..self }
    }

    fn paid(&self) -> Paid {
        Paid { transaction: self.transaction, amount: self.amount }
    }

    fn open(begin: &Begin) -> (Next, Outcome) {
        let claim = Self::new(begin);
        match begin.opening {
            Opening::Nothing => (Next::Keep, Outcome::Absent),
            Opening::Held => (Next::Put(claim), Outcome::Granted),
            Opening::Settling => (Next::Put(claim.asking(begin.attempt, begin.lease)), Outcome::Granted),
        }
    }

    /// The payment of an existing claim is presented again.
    fn present(self, begin: &Begin, now: UnixSeconds) -> (Next, Outcome) {
        let mine = begin.vouched || self.binding == begin.binding;
        match self.state {
            State::Settling if self.owes() == Owes::Patience => (Next::Keep, Outcome::Awaited),
            State::Held | State::Settling | State::Redeeming => (Next::Keep, Outcome::InFlight),
            State::Delivered => (Next::Keep, Outcome::Delivered(self.paid())),
            State::Taken | State::Unknown if !mine => (Next::Keep, Outcome::Elsewhere(self.state)),
            State::Credited => {
                let nonce = self.transaction.unwrap_or(Transaction([0; 32])).0;
                let stands = if mine { Outcome::Credited(nonce) } else { Outcome::CreditedElsewhere(nonce) };
                (Next::Keep, stands)
            }
            State::Taken if self.redeems >= MAX_REDEEMS => (Next::Keep, Outcome::Exhausted(self.paid())),
            State::Taken => {
                let claim = Self {
                    attempt: begin.attempt,
                    lease: begin.lease,
                    redeems: self.redeems.saturating_add(1),
                    ..self
                };
                (Next::Put(claim.kept(State::Redeeming, now)), Outcome::Redeem(self.paid()))
            }
            State::Unknown if self.is_insisted(begin) => (Next::Keep, Outcome::InFlight),
            State::Unknown => {
                (Next::Put(self.asking(begin.attempt, begin.lease)), Outcome::Resolve(self.amount))
            }
        }
    }

    /// Whether it was asked about often, and last in this very second, by that ask's lease: whoever
    /// presents it in a loop has nobody asked in a loop. A client that was told of an open outcome and
    /// comes again at once is served at once.
    fn is_insisted(&self, begin: &Begin) -> bool {
        self.asks >= QUICK_ASKS && self.lease == begin.lease
    }

    /// A success, whoever asked and however late.
    fn settled(
        self,
        attempt: Attempt,
        transaction: Transaction,
        deliver: Option<UnixSeconds>,
        now: UnixSeconds,
    ) -> (Next, Outcome) {
        // Where the transaction stands there is no room for more of an amount, nor for zero.
        let amount = self.amount.filter(|amount| amount.to_u64().is_some_and(|units| units > 0));
        let transaction = self.transaction.or(Some(transaction));
        let known = Self { transaction, amount, foreign: None, orphan: false, ..self };
        match (self.state, deliver) {
            (State::Settling | State::Unknown, Some(lease)) if self.attempt == attempt => {
                let claim = Self { lease, asks: 0, ..known };
                (Next::Put(claim.kept(State::Redeeming, now)), Outcome::Deliver)
            }
            // Proven by another than who asks now, whose renewal must not take it up: he would hear that
            // it is lost and leave it redeeming for nobody.
            (State::Settling | State::Unknown | State::Held, _) => {
                let attempt = if self.attempt == attempt { attempt } else { Attempt(0) };
                (Next::Put(Self { attempt, asks: 0, ..known }.kept(State::Taken, now)), Outcome::Lost)
            }
            // The right to deliver was given, and nobody heard of it.
            (State::Redeeming, None) if self.attempt == attempt => {
                (Next::Put(known.kept(State::Taken, now)), Outcome::Lost)
            }
            (State::Taken | State::Redeeming | State::Delivered, _) => (Next::Put(known), Outcome::Lost),
            (State::Credited, _) => (Next::Keep, Outcome::Lost),
        }
    }

    /// Ops that only the attempt that owns the claim may do.
    fn advance(self, op: &Op, now: UnixSeconds) -> (Next, Outcome) {
        match (self.state, op) {
            (State::Held, Op::Settling { attempt, lease, amount, settler }) => {
                let claim = Self { amount: *amount, settler: *settler, ..self };
                (Next::Put(claim.asking(*attempt, *lease)), Outcome::Done)
            }
            (State::Held, Op::Waive { .. }) => (Next::Put(self.buried(None, now)), Outcome::Done),
            (State::Held, Op::Credit { nonce, .. }) => {
                let claim = Self { transaction: Some(Transaction(*nonce)), ..self };
                (Next::Put(claim.kept(State::Credited, now)), Outcome::Done)
            }
            // It was certainly not asked: the next one is.
            (State::Settling, Op::Move { settler, lease, .. }) => {
                let claim = Self { settler: *settler, lease: *lease, ..self };
                (Next::Put(claim.kept(State::Settling, now)), Outcome::Done)
            }
            (State::Settling, Op::Orphan { .. }) => (Next::Put(Self { orphan: true, ..self }), Outcome::Done),
            (State::Settling | State::Unknown, Op::Suspect { since, .. }) if self.asks <= 1 => {
                (Next::Put(Self { foreign: Some(*since), ..self }), Outcome::Done)
            }
            (State::Settling | State::Unknown, Op::Disprove { .. }) => (Next::Remove, Outcome::Done),
            (State::Settling | State::Unknown, Op::Cancel { .. }) => {
                (Next::Put(self.buried(None, now)), Outcome::Done)
            }
            (State::Settling | State::Unknown, Op::Void { transaction, .. }) => {
                (Next::Put(self.buried(Some(*transaction), now)), Outcome::Done)
            }
            (State::Held | State::Settling | State::Redeeming, Op::Renew { lease, .. }) => {
                let renewed = Self { lease: (*lease).max(self.lease), ..self };
                (Next::Put(renewed.kept(self.state, now)), Outcome::Done)
            }
            // The lease lapsed while the worker stalled, and nobody else came: take it up again.
            (State::Taken, Op::Renew { lease, .. }) => {
                let renewed = Self { lease: *lease, ..self };
                (Next::Put(renewed.kept(State::Redeeming, now)), Outcome::Done)
            }
            (State::Held, Op::Release { .. }) => (Next::Remove, Outcome::Done),
            // A certain "no" to the only ask there was, even if it came after the lease.
            (State::Settling | State::Unknown, Op::Release { .. }) if self.asks <= 1 => {
                (Next::Remove, Outcome::Done)
            }
            (State::Settling, Op::Release { .. } | Op::Unknown { .. }) => {
                (Next::Put(self.kept(State::Unknown, now)), Outcome::Doubtful)
            }
            (State::Unknown, Op::Release { .. } | Op::Unknown { .. }) => (Next::Keep, Outcome::Doubtful),
            (State::Redeeming | State::Taken, Op::Delivered { .. }) => {
                (Next::Put(self.buried(self.transaction, now)), Outcome::Done)
            }
            // Given back for good: a renewal that was overtaken on its way does not take it up again.
            (State::Redeeming, Op::Undelivered { .. }) => {
                let claim = Self { attempt: Attempt(0), ..self };
                (Next::Put(claim.kept(State::Taken, now)), Outcome::Done)
            }
            (State::Taken, Op::Undelivered { .. }) => (Next::Keep, Outcome::Done),
            (State::Redeeming | State::Taken, Op::Lead { binding, .. }) => {
                // A redirect is no failed try; it has a count of its own.
                let (redeems, asks) = (self.redeems.saturating_sub(1), self.asks.saturating_add(1));
                let claim = Self { attempt: Attempt(0), redeems, asks, binding: *binding, ..self };
                (Next::Put(claim.kept(State::Taken, now)), Outcome::Done)
            }
            (State::Redeeming | State::Taken, Op::Return { .. }) => {
                let redeems = self.redeems.saturating_sub(1);
                let claim = Self { attempt: Attempt(0), redeems, ..self };
                (Next::Put(claim.kept(State::Taken, now)), Outcome::Done)
            }
            (_, _) => (Next::Keep, Outcome::Lost),
        }
    }

    /// Presented never again; a tombstone has no room for the amount.
    fn buried(self, transaction: Option<Transaction>, now: UnixSeconds) -> Self {
        let amount = transaction.is_none().then_some(Amount::ZERO);
        Self { transaction, amount, ..self }.kept(State::Delivered, now)
    }

    fn asking(self, attempt: Attempt, lease: UnixSeconds) -> Self {
        let asks = self.asks.saturating_add(1);
        let claim = Self { attempt, lease, asks, orphan: false, ..self };
        claim.kept(State::Settling, lease)
    }

    /// Enters a state and keeps the record as long as that state has to be remembered.
    fn kept(self, state: State, now: UnixSeconds) -> Self {
        let tombstone = self.valid_before.saturating_add(CLOCK_SKEW_SECONDS);
        let since = now.max(self.lease);
        let memory = since.saturating_add(u64::from(self.redeem_for)).max(tombstone);
        let expires = match state {
            State::Held => self.lease,
            State::Delivered | State::Credited => tombstone,
            State::Settling | State::Taken | State::Redeeming | State::Unknown => memory,
        };
        Self { state, expires, ..self }
    }

    fn owner(&self, op: &Op) -> bool {
        match op {
            Op::Begin(_) | Op::Settled { .. } => true,
            op => op.attempt().is_none_or(|attempt| attempt == self.attempt),
        }
    }

    /// Whether a redirect may lead on what was paid: if not, the redirect is what was bought.
    pub fn may_be_led(&self) -> bool {
        matches!(self.state, State::Taken | State::Redeeming) && self.asks < MAX_REDEEMS
    }

    /// What the claim owes its wallet, as [`Claim::at`] shows it.
    pub fn owes(&self) -> Owes {
        match self.state {
            State::Taken if self.redeems < MAX_REDEEMS => Owes::Content,
            State::Unknown => Owes::Answer,
            State::Settling if self.orphan || self.asks > 1 => Owes::Patience,
            _ => Owes::Nothing,
        }
    }
}
