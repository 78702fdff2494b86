//! What happens to a claim, and what it comes to.

use super::{Attempt, Binding, State, Transaction, UnixSeconds};

/// What [`Op::Begin`] opens when there is no claim yet.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Opening {
    /// Work first, settle later (`settle: after`, or a `/verify` first).
    Held,
    /// Settle at once (`settle: before`).
    Settling,
    /// Nothing: the payment does not fit today's offer, only an existing claim may serve it.
    Nothing,
}

/// The terms under which a claim is begun.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Begin {
    /// The new attempt.
    pub attempt: Attempt,
    /// What to open where nothing is.
    pub opening: Opening,
    /// What is being bought.
    pub binding: Binding,
    /// The authorisation's own end.
    pub valid_before: UnixSeconds,
    /// Seconds a taken or unknown claim is kept after its last event.
    pub redeem_for: u32,
    /// The first lease's end.
    pub lease: UnixSeconds,
}

/// One thing that happens to an authorisation.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Op {
    /// Look, change nothing.
    Peek,
    /// A payment was presented.
    Begin(Begin),
    /// The holder is about to ask for settlement.
    Settling {
        /// Whose.
        attempt: Attempt,
        /// Until when.
        lease: UnixSeconds,
    },
    /// The holder is still at work.
    Renew {
        /// Whose.
        attempt: Attempt,
        /// Until when.
        lease: UnixSeconds,
    },
    /// Certainly no money moved for this attempt.
    Release {
        /// Whose.
        attempt: Attempt,
    },
    /// The facilitator said the money moved.
    Settled {
        /// Whose ask was answered.
        attempt: Attempt,
        /// The proof.
        transaction: Transaction,
        /// Until when the exchange that waits will deliver; `None` when nobody waits.
        deliver: Option<UnixSeconds>,
        /// What to record if the claim has meanwhile been forgotten.
        otherwise: Begin,
    },
    /// The facilitator's answer left it open.
    Unknown {
        /// Whose ask.
        attempt: Attempt,
    },
    /// The paid response ended well.
    Delivered {
        /// Whose.
        attempt: Attempt,
    },
    /// The paid response did not reach the client, or was not worth its price.
    Undelivered {
        /// Whose.
        attempt: Attempt,
    },
}

/// What an [`Op`] came to.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Outcome {
    /// Begin: there was nothing, the attempt now holds it.
    Granted,
    /// Begin or Peek: there is nothing (and nothing was opened).
    Absent,
    /// Peek: there is a claim.
    Present,
    /// Begin: another attempt is at work.
    InFlight,
    /// Begin: paid before and not delivered; the attempt may deliver it now.
    Redeem(Option<Transaction>),
    /// Begin: unknown before; the attempt now asks again.
    Resolve,
    /// Begin: paid and delivered.
    Delivered(Option<Transaction>),
    /// Begin: paid, and presented too often without a delivery.
    Exhausted(Option<Transaction>),
    /// Begin: this authorisation belongs to another purchase.
    Elsewhere(State),
    /// Begin: no room, refuse.
    Full,
    /// The op took effect for its attempt.
    Done,
    /// Release or Unknown: the claim is Unknown now, and stays until it is proven.
    Doubtful,
    /// Settled: the attempt may deliver now.
    Deliver,
    /// The attempt no longer owns the claim; what it knew was kept.
    Lost,
    /// The store could not be read or written in time; nothing is known.
    Unavailable,
}
