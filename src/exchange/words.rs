//! What an exchange is told, what it wants done, and why it refuses.

use crate::claims::{self, Paid, State, Transaction};
use crate::config::Settle;
use crate::facilitator::{Reason, Verdict};
use crate::money::Amount;

/// What the machine needs to know of the offer.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Terms {
    /// When the money moves.
    pub settle: Settle,
    /// Whether and when the facilitator's `/verify` is asked.
    pub check: Check,
    /// Whether it may open a claim of its own; if not, only an existing one may serve it.
    pub fit: bool,
    /// Whether its wallet buys one thing at a time: nothing is begun that did not come after a look at
    /// what is at work.
    pub single: bool,
}

/// What is known of a payment before it is presented, and what has to be asked.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Check {
    /// It was verified here; `/verify` is not asked.
    Local,
    /// It was verified here; `/verify` is asked under a claim, before the upstream works.
    Facilitator,
    /// Only `/verify` can tell whether it is the payer's. Until it says so nothing is
    /// written down: a claim would be room in the table for whoever invents signatures.
    First,
}

/// What a response costs, once its headers are known. The caller sees to it that a metered
/// charge is never above what was signed.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Charge {
    /// It is not charged for; the authorisation stays unused.
    Nothing,
    /// What was signed.
    Full,
    /// This much.
    Metered(Amount),
    /// What was signed, or this much of it, for a redirect to what is sold here: it is not what was
    /// bought, and what was paid serves what it leads to.
    Onward(Option<Amount>),
    /// Zero: it is worth its price, which is nothing. The authorisation is used up.
    Waived,
    /// Nobody can say: the upstream's statement of it cannot be read.
    Unreadable,
}

/// What happens to an exchange.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Event {
    /// A claim step came out like this.
    Claim(claims::Outcome),
    /// `/verify` came out like this.
    Verified(Verdict),
    /// The settlement came out like this.
    Settled(Settled),
    /// Response headers arrived, from the upstream or from the host itself.
    Response {
        /// What it costs. If the money has moved already, anything but nothing means that it
        /// is worth it, unless it measures more than that.
        charge: Charge,
    },
    /// A response that has no end of its own has begun to go to the client.
    Begun,
    /// The exchange ended.
    End {
        /// Whether the whole response went out and nobody hung up.
        clean: bool,
    },
}

/// What the settlement tells the exchange that waits for it.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Settled {
    /// The money moved and this exchange may deliver.
    Paid(Transaction),
    /// The facilitator refused and no money can have moved.
    Rejected(Reason),
    /// The facilitator was not reached and no money can have moved.
    NotSent,
    /// The money may have moved.
    Unknown,
    /// Another exchange took the claim over.
    Superseded,
    /// The money moved in this transaction, which served another claim.
    Reused(Transaction),
}

/// A step of the exchange's own claim.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Step {
    /// Learn whether there is a claim.
    Peek,
    /// Present the payment where a claim stands; open none.
    Look,
    /// Present the payment. Nothing is begun where its wallet is owed something.
    Begin,
    /// Reserve the payment while what its wallet is owed is looked into.
    Hold,
    /// Present, in its place, the claim of this nonce, which is from now on the exchange's.
    Credit([u8; 32]),
    /// Present, in its place, the claim of this nonce, for which it was used up: if that is owed here.
    Follow([u8; 32]),
    /// Use the payment up, unasked, in favour of the claim of this nonce.
    Pledge([u8; 32]),
    /// Give back a claim whose outcome is as open as it was.
    Doubt,
    /// Write "settling", and how much, before the call leaves.
    Settling(Option<Amount>),
    /// Use the authorisation up without a charge.
    Waive,
    /// Keep the lease, and learn whether it is still ours.
    Renew,
    /// Give up a claim for which nothing was asked.
    Release,
    /// The response was delivered.
    Delivered,
    /// The response was not, or was not worth its price.
    Undelivered,
    /// It cannot be served, for a reason that is ours: it does not count as a try.
    Return,
}

/// What the driver must do.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Effect {
    /// Run a claim step; its outcome is the next event unless the machine is Over.
    Claim(Step),
    /// Ask `/verify`.
    Verify,
    /// Hand the payment to the root to be settled, for this amount; `None` is what was signed.
    Settle(Option<Amount>),
    /// Nobody waits for the settlement any more.
    Leave,
    /// Let the request go upstream.
    Forward,
    /// Let the held response go to the client, with its receipt.
    Release(Paid),
    /// Let the response go to the client as it is: it is not charged for.
    PassUnpaid,
    /// Answer the client ourselves, in place of whatever is held.
    Deny(Denial),
}

/// Why the money path refuses.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Denial {
    /// The payment does not fit the offer and no claim stands behind it.
    Mismatch,
    /// The same payment is at work elsewhere.
    InFlight,
    /// The same payment was delivered.
    AlreadyUsed(Paid),
    /// The same payment was presented too often without a delivery.
    Exhausted(Paid),
    /// The payment belongs to another purchase.
    Elsewhere(State),
    /// The claim table has no room.
    Full,
    /// The claim table cannot answer.
    StoreDown,
    /// The facilitator was certainly not reached, or could not verify.
    FacilitatorDown,
    /// `/verify` refused; nothing was asked to settle.
    Unverified(Reason),
    /// `/settle` refused.
    Rejected(Reason),
    /// The money may have moved.
    Pending,
    /// What the response costs cannot be read; nothing was asked to settle.
    ChargeUnreadable,
    /// The response costs more than was paid, and can be had for what was paid only.
    Short(Paid),
}

/// How the exchange serves a payment from another claim of its wallet.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Owed {
    /// It was paid, and is delivered now.
    Content(Paid),
    /// It may have been paid: whoever was asked for this amount is asked again.
    Answer(Option<Amount>),
}

// === impl Step ===

impl Step {
    /// What gives back a claim that was granted to an exchange which is over.
    pub fn undoing(outcome: claims::Outcome) -> Option<Self> {
        match outcome {
            claims::Outcome::Granted => Some(Self::Release),
            claims::Outcome::Redeem(_) => Some(Self::Return),
            claims::Outcome::Resolve(_) => Some(Self::Doubt),
            _ => None,
        }
    }
}
