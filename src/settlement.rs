//! One authorisation being settled, as a machine.
//!
//! It belongs to the root, not to the stream that asked: when a client leaves, the stream
//! and everything addressed to it are gone, but the facilitator's answer still says whether
//! money moved. Whoever waits is told only after the claim table knows.

use crate::claims::{Outcome, Transaction};
use crate::exchange::Settled;
use crate::facilitator::{Answer, Reason};

/// Where a settlement stands.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Settlement {
    /// Written down as settling, not yet sent.
    Queued {
        /// Whether an exchange waits.
        waiting: bool,
    },
    /// The call is out.
    Sent {
        /// Whether an exchange waits.
        waiting: bool,
    },
    /// It was certainly not sent, and whoever is asked next is being written down.
    Moving {
        /// Whether an exchange waits.
        waiting: bool,
    },
    /// The answer is known and being written down.
    Recording {
        /// What is being written.
        finding: Finding,
        /// Whether an exchange waits.
        waiting: bool,
    },
    /// Nothing is left to do.
    Done,
}

/// What an answer comes to, as far as the claim goes.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Finding {
    /// The money moved.
    Paid(Transaction),
    /// Refused, unspent.
    Rejected(Reason),
    /// Not sent, or given up before it was.
    NotSent,
    /// Open.
    Unknown,
    /// The money moved, and served another claim.
    Reused(Transaction),
    /// The chain says that no money can move any more.
    Disproved,
    /// The chain says that the payer took the authorisation back.
    Cancelled,
}

/// What happens to a settlement.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Event {
    /// The host took the call.
    Dispatched,
    /// The call is over; this is what it proves.
    Answer(Answer),
    /// The call is over; it was accepted with a transaction that served another claim.
    Reused(Transaction),
    /// It was certainly not sent; the facilitator of this tag is to be asked instead.
    Elsewhere(u32),
    /// The chain answered in the facilitator's place: the authorisation is unused and over.
    Disproved,
    /// The chain answered in the facilitator's place: the authorisation was cancelled.
    Cancelled,
    /// The exchange that waited is gone.
    Left,
    /// The claim step came out like this.
    Claim(Outcome),
    /// Time passed; a claim step that could not be written is tried again.
    Tick,
}

/// A step of the settlement's claim.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Step {
    /// The money moved; `deliver` asks for the right to deliver at once.
    Settled {
        /// The proof.
        transaction: Transaction,
        /// Whether an exchange waits to deliver.
        deliver: bool,
    },
    /// No money moved.
    Release,
    /// The outcome is open.
    Unknown,
    /// The money that moved is another claim's.
    Void {
        /// Its transaction.
        transaction: Transaction,
    },
    /// The right to deliver was given to an exchange that is gone.
    Undelivered,
    /// Nobody waits any more.
    Orphan,
    /// Another facilitator is asked.
    Move {
        /// Its tag.
        settler: u32,
    },
    /// No money can move.
    Disprove,
    /// The authorisation was taken back.
    Cancel,
}

/// What the driver must do.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Effect {
    /// Run a claim step; its outcome is the next event unless the machine is Done.
    Claim(Step),
    /// Tell the exchange that waits.
    Tell(Settled),
    /// Ask the facilitator that was written down.
    Ask,
}

// === impl Settlement ===

impl Settlement {
    /// A settlement whose claim says Settling and whose exchange waits.
    pub fn queued() -> Self {
        Self::Queued { waiting: true }
    }

    /// The same, and nobody waits: an open outcome is asked about again.
    pub fn unattended() -> Self {
        Self::Queued { waiting: false }
    }

    /// Whether an exchange waits for it.
    pub fn is_awaited(self) -> bool {
        match self {
            Self::Queued { waiting }
            | Self::Sent { waiting }
            | Self::Moving { waiting }
            | Self::Recording { waiting, .. } => waiting,
            Self::Done => false,
        }
    }

    /// The transaction that is being written down.
    pub fn paid(self) -> Option<Transaction> {
        match self {
            Self::Recording { finding: Finding::Paid(transaction), .. } => Some(transaction),
            _ => None,
        }
    }

    /// One step.
    #[must_use]
    pub fn on(self, event: Event) -> (Self, Option<Effect>) {
        match (self, event) {
            (Self::Queued { waiting }, Event::Dispatched) => (Self::Sent { waiting }, None),
            // Nothing was sent: the client that hung up is not charged.
            (Self::Queued { .. }, Event::Left) => Finding::NotSent.record(false),
            (Self::Sent { .. }, Event::Left) => {
                (Self::Sent { waiting: false }, Some(Effect::Claim(Step::Orphan)))
            }
            (Self::Queued { waiting } | Self::Sent { waiting }, Event::Elsewhere(settler)) => {
                (Self::Moving { waiting }, Some(Effect::Claim(Step::Move { settler })))
            }
            (Self::Moving { .. }, Event::Left) => (Self::Moving { waiting: false }, None),
            (Self::Moving { waiting: true }, Event::Claim(Outcome::Done)) => {
                (Self::Queued { waiting: true }, Some(Effect::Ask))
            }
            // Not written, or the client left meanwhile: nothing was sent, and nothing will be.
            (Self::Moving { waiting }, Event::Claim(_)) => Finding::NotSent.record(waiting),
            (Self::Queued { waiting } | Self::Sent { waiting }, Event::Disproved) => {
                Finding::Disproved.record(waiting)
            }
            (Self::Queued { waiting } | Self::Sent { waiting }, Event::Cancelled) => {
                Finding::Cancelled.record(waiting)
            }
            (Self::Queued { waiting } | Self::Sent { waiting }, Event::Answer(answer)) => {
                Finding::of(answer).record(waiting)
            }
            (Self::Queued { waiting } | Self::Sent { waiting }, Event::Reused(transaction)) => {
                Finding::Reused(transaction).record(waiting)
            }
            (Self::Recording { finding, .. }, Event::Left) => {
                (Self::Recording { finding, waiting: false }, None)
            }
            (Self::Recording { finding, waiting }, Event::Claim(outcome)) => {
                finding.recorded(waiting, outcome)
            }
            (Self::Recording { finding, .. }, Event::Tick) => finding.record(false),
            (state, _) => (state, None),
        }
    }
}

// === impl Finding ===

impl Finding {
    fn of(answer: Answer) -> Self {
        match answer {
            Answer::Accepted(transaction) => Self::Paid(transaction),
            Answer::Rejected(reason) => Self::Rejected(reason),
            Answer::NotSent => Self::NotSent,
            Answer::Unknown(_) => Self::Unknown,
        }
    }

    fn record(self, waiting: bool) -> (Settlement, Option<Effect>) {
        let step = match self {
            Self::Paid(transaction) => Step::Settled { transaction, deliver: waiting },
            Self::Rejected(_) | Self::NotSent => Step::Release,
            Self::Unknown => Step::Unknown,
            Self::Reused(transaction) => Step::Void { transaction },
            Self::Disproved => Step::Disprove,
            Self::Cancelled => Step::Cancel,
        };
        (Settlement::Recording { finding: self, waiting }, Some(Effect::Claim(step)))
    }

    fn recorded(self, waiting: bool, outcome: Outcome) -> (Settlement, Option<Effect>) {
        let tell = |settled| (Settlement::Done, waiting.then_some(Effect::Tell(settled)));
        match (self, outcome) {
            // The table could not be written. The lease will lapse into Unknown by itself;
            // what is known is kept here and written on a later tick.
            (_, Outcome::Unavailable) => (
                Settlement::Recording { finding: self, waiting: false },
                waiting.then_some(Effect::Tell(Settled::Unknown)),
            ),
            (Self::Paid(transaction), Outcome::Deliver) if waiting => tell(Settled::Paid(transaction)),
            (Self::Paid(_), Outcome::Deliver) => (Settlement::Done, Some(Effect::Claim(Step::Undelivered))),
            (Self::Paid(_), _) => tell(Settled::Superseded),
            (_, Outcome::Doubtful) => tell(Settled::Unknown),
            (Self::Rejected(reason), Outcome::Done) => tell(Settled::Rejected(reason)),
            (Self::NotSent, Outcome::Done) => tell(Settled::NotSent),
            (Self::Unknown, _) => tell(Settled::Unknown),
            (Self::Reused(transaction), Outcome::Done) => tell(Settled::Reused(transaction)),
            (Self::Disproved, Outcome::Done) => tell(Settled::Rejected(Reason::Expired)),
            (Self::Cancelled, Outcome::Done) => tell(Settled::Rejected(Reason::Other)),
            (_, _) => tell(Settled::Superseded),
        }
    }
}
