//! The life of one authorisation, as every worker agrees on it.
//!
//! An authorisation (network, asset, payer, nonce: what the chain burns) has at most one
//! [`Claim`]. Everything that happens to it is one [`Op`] applied by [`Claim::apply`], a pure
//! function that `table` runs under compare-and-swap. The states:
//!
//! ```text
//!                     .------------------- waive ----------------------------.
//!            begin    |       settling           settled             delivered v
//!   (none) --------> Held ------------> Settling ---------> Redeeming ---------> Delivered
//!      \                \  release         |  |  unknown     |   ^
//!       \                `----> (none)     |  `-----> Unknown|   | begin (at most 3)
//!        `---- begin (settle: before) -----'            ^ |  v   |
//!                                          resolve ask  | |  Taken   (undelivered)
//!                                                       `-'
//! ```
//!
//! Rules, each of which some loss of money taught somebody:
//! 1. `Settling` is written **before** the call leaves, so a crash reads as "may have paid".
//! 2. Every state in flight has an attempt id and a lease. A lapsed lease turns Held into
//!    nothing, Settling into Unknown, Redeeming into Taken; only the holder of the attempt id
//!    may move it otherwise.
//! 3. A first ask that was certainly refused or never sent releases. A later ask proves
//!    nothing by failing: after the first success every facilitator answers "no".
//! 4. A late answer of an old attempt only adds knowledge.
//! 5. An existing claim is bound to what was bought; another purchase cannot spend it.
//! 6. The amount asked for is written with `Settling`; every later ask repeats it.
//! 7. Money that moved once serves once: a settlement whose transaction already served
//!    another claim voids this one (`Settling` or `Unknown` to `Delivered`).

pub mod bucket;
mod identity;
mod op;
pub mod table;

pub use identity::{fingerprint, Attempt, Binding, Identity, Paid, Transaction};
pub use op::{Begin, Op, Opening, Outcome};

use crate::money::Amount;

/// How often a payment whose delivery failed may be presented again.
pub const MAX_REDEEMS: u8 = 3;

/// Seconds a tombstone outlives `validBefore`, for clocks that disagree.
pub const CLOCK_SKEW_SECONDS: u64 = 120;

/// Seconds since the Unix epoch.
pub type UnixSeconds = u64;

/// Where an authorisation stands.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, PartialOrd, Ord)]
#[repr(u8)]
pub enum State {
    /// An exchange works on it; no money has been asked for.
    Held = 1,
    /// A settlement is, or may be, on its way.
    Settling = 2,
    /// The money moved; nothing was delivered yet.
    Taken = 3,
    /// The money moved; an exchange is delivering.
    Redeeming = 4,
    /// Paid and delivered, or used up without a charge.
    Delivered = 5,
    /// The money may have moved.
    Unknown = 6,
}

/// The record of one authorisation.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Claim {
    /// Where it stands.
    pub state: State,
    /// Who may move it.
    pub attempt: Attempt,
    /// Until when the attempt owns it; meaningful in Held, Settling and Redeeming.
    pub lease: UnixSeconds,
    /// When the record may be forgotten.
    pub expires: UnixSeconds,
    /// The authorisation's own end.
    pub valid_before: UnixSeconds,
    /// Seconds a taken or unknown claim is kept after its last event.
    pub redeem_for: u32,
    /// Redemptions begun.
    pub redeems: u8,
    /// Settlements asked for.
    pub asks: u8,
    /// What was bought.
    pub binding: Binding,
    /// The settlement's transaction, once known. Of a mark, its fingerprint.
    pub transaction: Option<Transaction>,
    /// What was asked for, when that is not what was signed. Kept whole until the
    /// transaction is known, beside it if it fits 64 bits, and not in a tombstone; zero in
    /// the tombstone of a payment that was not charged.
    pub amount: Option<Amount>,
}

/// What becomes of the record.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Next {
    /// As it was.
    Keep,
    /// This instead.
    Put(Claim),
    /// Forgotten.
    Remove,
}

// === impl State ===

impl State {
    /// Every state, in the order of their numbers.
    pub const ALL: [Self; 6] =
        [Self::Held, Self::Settling, Self::Taken, Self::Redeeming, Self::Delivered, Self::Unknown];

    /// The state of a stored byte.
    pub fn from_byte(byte: u8) -> Option<Self> {
        Self::ALL.into_iter().find(|state| *state as u8 == byte)
    }

    /// The name metrics and records use.
    pub fn name(self) -> &'static str {
        match self {
            Self::Held => "held",
            Self::Settling => "settling",
            Self::Taken => "taken",
            Self::Redeeming => "redeeming",
            Self::Delivered => "delivered",
            Self::Unknown => "unknown",
        }
    }
}

// === impl Claim ===

impl Claim {
    /// The claim as it stands now, lapsed leases applied. `None` when it is over.
    pub fn at(self, now: UnixSeconds) -> Option<Self> {
        let lapsed = now >= self.lease;
        let claim = match self.state {
            State::Held if lapsed => return None,
            State::Settling if lapsed => Self { state: State::Unknown, ..self },
            State::Redeeming if lapsed => Self { state: State::Taken, ..self },
            _ => self,
        };
        (now < claim.expires).then_some(claim)
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
            (None, Op::Settled { transaction, otherwise, .. }) => {
                let claim = Self { transaction: Some(*transaction), ..Self::new(otherwise) };
                (Next::Put(claim.kept(State::Taken, now)), Outcome::Lost)
            }
            (Some(claim), Op::Settled { attempt, transaction, deliver, .. }) => {
                claim.settled(*attempt, *transaction, *deliver, now)
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
            transaction: None,
            amount: None,
        }
    }

    /// All that is left of a claim that can never be presented again.
    fn tombstone(expires: UnixSeconds, transaction: Option<Transaction>) -> Self {
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
            transaction,
            amount: transaction.is_none().then_some(Amount::ZERO),
        }
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
        let mine = self.binding == begin.binding;
        match self.state {
            State::Held | State::Settling | State::Redeeming => (Next::Keep, Outcome::InFlight),
            State::Delivered => (Next::Keep, Outcome::Delivered(self.paid())),
            State::Taken | State::Unknown if !mine => (Next::Keep, Outcome::Elsewhere(self.state)),
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
            State::Unknown => {
                (Next::Put(self.asking(begin.attempt, begin.lease)), Outcome::Resolve(self.amount))
            }
        }
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
        let known = Self { transaction: self.transaction.or(Some(transaction)), amount, ..self };
        match (self.state, deliver) {
            (State::Settling | State::Unknown, Some(lease)) if self.attempt == attempt => {
                let claim = Self { lease, ..known };
                (Next::Put(claim.kept(State::Redeeming, now)), Outcome::Deliver)
            }
            (State::Settling | State::Unknown | State::Held, _) => {
                (Next::Put(known.kept(State::Taken, now)), Outcome::Lost)
            }
            (State::Taken | State::Redeeming | State::Delivered, _) => (Next::Put(known), Outcome::Lost),
        }
    }

    /// Ops that only the attempt that owns the claim may do.
    fn advance(self, op: &Op, now: UnixSeconds) -> (Next, Outcome) {
        match (self.state, op) {
            (State::Held, Op::Settling { attempt, lease, amount }) => {
                let claim = Self { amount: *amount, ..self };
                (Next::Put(claim.asking(*attempt, *lease)), Outcome::Done)
            }
            (State::Held, Op::Waive { .. }) => (Next::Put(self.buried(None, now)), Outcome::Done),
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
            (State::Redeeming, Op::Undelivered { .. }) => {
                (Next::Put(self.kept(State::Taken, now)), Outcome::Done)
            }
            (State::Taken, Op::Undelivered { .. }) => (Next::Keep, Outcome::Done),
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
        let claim = Self { attempt, lease, asks, ..self };
        claim.kept(State::Settling, lease)
    }

    /// Enters a state and keeps the record as long as that state has to be remembered.
    fn kept(self, state: State, now: UnixSeconds) -> Self {
        let tombstone = self.valid_before.saturating_add(CLOCK_SKEW_SECONDS);
        let since = now.max(self.lease);
        let memory = since.saturating_add(u64::from(self.redeem_for)).max(tombstone);
        let expires = match state {
            State::Held => self.lease,
            State::Delivered => tombstone,
            State::Settling | State::Taken | State::Redeeming | State::Unknown => memory,
        };
        Self { state, expires, ..self }
    }

    fn owner(&self, op: &Op) -> bool {
        match op {
            Op::Settling { attempt, .. }
            | Op::Renew { attempt, .. }
            | Op::Waive { attempt }
            | Op::Release { attempt }
            | Op::Void { attempt, .. }
            | Op::Unknown { attempt }
            | Op::Delivered { attempt }
            | Op::Undelivered { attempt } => self.attempt == *attempt,
            Op::Peek | Op::Begin(_) | Op::Settled { .. } | Op::Mark { .. } => true,
        }
    }
}

#[cfg(test)]
mod tests;
