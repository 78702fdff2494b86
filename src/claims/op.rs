//! What happens to a claim, and what it comes to.

use super::{Attempt, Binding, Identity, Paid, State, Transaction, UnixSeconds};
use crate::money::Amount;

/// What [`Op::Begin`] opens when there is no claim yet.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Opening {
    /// Work first, settle later (`settle: after`, or a `/verify` first).
    Held,
    /// Settle at once (`settle: before`).
    Settling,
    /// Nothing: the payment does not fit today's offer, or is not verified yet; only an
    /// existing claim may serve it.
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
    /// The tag of the facilitator to be asked, where it is asked at once; else zero.
    pub settler: u32,
    /// It is known that this claim was begun for what is being bought: the presenter is its
    /// wallet and holds a claim that stands for this one.
    pub vouched: bool,
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
        /// How much is asked for, not zero; `None` is what was signed.
        amount: Option<Amount>,
        /// The tag of the facilitator that will be asked.
        settler: u32,
    },
    /// The facilitator was certainly not reached, and another one is asked.
    Move {
        /// Whose.
        attempt: Attempt,
        /// Until when.
        lease: UnixSeconds,
        /// The other's tag.
        settler: u32,
    },
    /// Nobody waits for the settlement any more.
    Orphan {
        /// Whose.
        attempt: Attempt,
    },
    /// The first ask was answered with a failure that leaves it open: see [`Claim::foreign`].
    ///
    /// [`Claim::foreign`]: super::Claim::foreign
    Suspect {
        /// Whose.
        attempt: Attempt,
        /// When it began to ask.
        since: UnixSeconds,
    },
    /// The authorisation is used up, unasked, in favour of another claim of its wallet.
    Credit {
        /// Whose.
        attempt: Attempt,
        /// The nonce of the claim that stands for it.
        nonce: [u8; 32],
    },
    /// The chain says that the authorisation is unused and over: no money can move.
    Disprove {
        /// Whose.
        attempt: Attempt,
    },
    /// The chain says that the payer took the authorisation back.
    Cancel {
        /// Whose.
        attempt: Attempt,
    },
    /// Nothing is charged, and the authorisation is used up all the same.
    Waive {
        /// Whose.
        attempt: Attempt,
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
        /// How long at least the payment could be said to be settled again; zero where the chain
        /// burns it. It is remembered until then.
        until: UnixSeconds,
        /// What to record if the claim has meanwhile been forgotten.
        otherwise: Begin,
    },
    /// The facilitator's answer left it open.
    Unknown {
        /// Whose ask.
        attempt: Attempt,
    },
    /// The money that was asked for moved on another claim, which is served with it.
    Void {
        /// Whose ask was answered.
        attempt: Attempt,
        /// The transaction, which is the other's.
        transaction: Transaction,
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
    /// The paid response leads on: what was paid is owed where it leads to.
    Lead {
        /// Whose.
        attempt: Attempt,
        /// What is bought there.
        binding: Binding,
    },
    /// The claim was begun to be delivered and cannot be served: nothing of it reached the client,
    /// for a reason that is ours. It is as if it had not been begun.
    Return {
        /// Whose.
        attempt: Attempt,
    },
    /// A name is given away for good to whoever has this fingerprint.
    Mark {
        /// Not all zero.
        fingerprint: [u8; 32],
        /// When the name is free again.
        expires: UnixSeconds,
    },
}

/// The name of a payment's signature, which is one authorisation's.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Seal {
    /// Names the signature.
    pub name: Identity,
    /// Whose it is; as in [`Op::Mark`].
    pub fingerprint: [u8; 32],
    /// When it is free again.
    pub expires: UnixSeconds,
    /// Whether money is asked for next, so that it is given away now; else it is only looked whose
    /// it is.
    pub takes: bool,
}

/// What an [`Op`] came to.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Outcome {
    /// Begin: there was nothing, the attempt now holds it. Mark: the name was free.
    Granted,
    /// Begin or Peek: there is nothing (and nothing was opened).
    Absent,
    /// Peek: there is a claim. Mark: the name was given to the same fingerprint before.
    Present,
    /// Begin: another attempt is at work.
    InFlight,
    /// Begin: paid before and not delivered; the attempt may deliver it now.
    Redeem(Paid),
    /// Begin: unknown before; the attempt now asks again, for the amount asked for before.
    Resolve(Option<Amount>),
    /// Begin: paid and delivered.
    Delivered(Paid),
    /// Begin: paid, and presented too often without a delivery.
    Exhausted(Paid),
    /// Begin: this authorisation belongs to another purchase. Mark: the name is another's.
    Elsewhere(State),
    /// Begin: used up in favour of the claim with this nonce, which decides.
    Credited([u8; 32]),
    /// Begin: likewise, but for another purchase than this: the other decides, if a redirect led it here.
    CreditedElsewhere([u8; 32]),
    /// Begin: nothing was begun, because the wallet holds a claim for the same offer, of this
    /// nonce, that was paid and not delivered, or may have been paid.
    Owed([u8; 32]),
    /// Begin: nothing was begun, because this claim, or one of the wallet for the same offer, is
    /// being settled and nobody waits for it, or is being asked about again.
    Awaited,
    /// Begin or Mark: no room, refuse.
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

// === impl Seal ===

impl Seal {
    /// Seconds it is kept beyond its authorisation's end, and beyond the last ask. `@x402/evm` 2.27 keeps a
    /// settlement that pends under its signature for 5 minutes from each ask, after it waited 3 for the
    /// receipt.
    pub const SECONDS: u64 = 600;

    /// The name of a signature, spelled as a facilitator is told it.
    pub fn named(signature: &str) -> Identity {
        Identity::named("signature", &[signature.as_bytes()])
    }

    /// What gives the signature away.
    pub fn op(&self) -> Op {
        Op::Mark { fingerprint: self.fingerprint, expires: self.expires }
    }
}

// === impl Op ===

impl Op {
    /// Whether it makes its attempt the owner of a claim until a lease is over, or keeps it so.
    pub fn grants(&self) -> bool {
        matches!(
            self,
            Self::Begin(_)
                | Self::Settling { .. }
                | Self::Settled { deliver: Some(_), .. }
                | Self::Move { .. }
                | Self::Renew { .. }
        )
    }

    /// Whether it says what became of an attempt, or of its answer: something that is known here
    /// and nowhere else, and is written however long that takes.
    pub fn ends(&self) -> bool {
        matches!(
            self,
            Self::Release { .. }
                | Self::Delivered { .. }
                | Self::Undelivered { .. }
                | Self::Lead { .. }
                | Self::Return { .. }
                | Self::Unknown { .. }
                | Self::Orphan { .. }
                | Self::Suspect { .. }
        )
    }

    /// Whose it is.
    pub fn attempt(&self) -> Option<Attempt> {
        match self {
            Self::Peek | Self::Mark { .. } => None,
            Self::Begin(begin) => Some(begin.attempt),
            Self::Settling { attempt, .. }
            | Self::Move { attempt, .. }
            | Self::Orphan { attempt }
            | Self::Suspect { attempt, .. }
            | Self::Credit { attempt, .. }
            | Self::Disprove { attempt }
            | Self::Cancel { attempt }
            | Self::Waive { attempt }
            | Self::Renew { attempt, .. }
            | Self::Release { attempt }
            | Self::Settled { attempt, .. }
            | Self::Unknown { attempt }
            | Self::Void { attempt, .. }
            | Self::Delivered { attempt }
            | Self::Undelivered { attempt }
            | Self::Lead { attempt, .. }
            | Self::Return { attempt } => Some(*attempt),
        }
    }
}
