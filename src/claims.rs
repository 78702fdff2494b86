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
//!      \             |  \  release         |  |  unknown     |   ^                ^
//!       \     credit |   `----> (none)     |  `-----> Unknown|   | begin (3 times)|
//!        \           v                     |            ^ |  v   |                |
//!         \       Credited                 | resolve ask| |  Taken (undelivered)  |
//!          `---- begin (settle: before) ---'            `-'`---- void, cancel ----'
//! ```
//!
//! `Credited` is an authorisation that was never asked for: its wallet held a claim that was paid
//! and not delivered, or may have been paid, for the same offer. It stands for that claim from
//! then on.
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
//! 8. Who was asked is written with `Settling`; a claim that is open stays with that
//!    facilitator. It is handed on only by an attempt that certainly did not reach it.
//! 9. Where claims are not shared, the chain's word that an authorisation was paid is no proof for
//!    a claim whose first ask was answered with a failure: another process may have served it.
//! 10. A claim that is open ends by proof or by time. The chain may prove that money can no
//!     longer move (`disprove`), or that the payer cancelled (`cancel`): then nothing is owed.

pub mod bucket;
mod identity;
mod life;
mod op;
pub mod open;
pub mod table;

pub use identity::{fingerprint, Attempt, Binding, Identity, Paid, Transaction};
pub use life::Owes;
pub use op::{Begin, Op, Opening, Outcome, Seal};

use crate::money::Amount;

/// Asks about a claim, from the first on, before there is one a second at most.
pub const QUICK_ASKS: u8 = 8;

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
    /// Used up without being asked for, in favour of another claim of the same wallet.
    Credited = 7,
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
    /// Settlements asked for. Since it was paid: redirects that led it on.
    pub asks: u8,
    /// What was bought.
    pub binding: Binding,
    /// The [tag](crate::config::Facilitator::tag) of the facilitator that was asked; zero
    /// before anybody was, and where that is not known.
    pub settler: u32,
    /// The exchange that asked is gone: whoever settles has nobody to deliver to.
    pub orphan: bool,
    /// When the first ask began, if the facilitator answered it with a failure of its own that leaves
    /// the outcome open: the authorisation may have been spent for a claim of another process, or of
    /// this one before it was restarted. That the chain shows it paid does not say for whom, unless
    /// nobody else sells it and it was spent since. Zero where it is not known; none once it was paid.
    pub foreign: Option<UnixSeconds>,
    /// The settlement's transaction, once known. Of a mark, its fingerprint; of a credited
    /// claim, the nonce of the claim that stands for it.
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
    pub const ALL: [Self; 7] = [
        Self::Held,
        Self::Settling,
        Self::Taken,
        Self::Redeeming,
        Self::Delivered,
        Self::Unknown,
        Self::Credited,
    ];

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
            Self::Credited => "credited",
        }
    }
}

#[cfg(test)]
mod tests;
