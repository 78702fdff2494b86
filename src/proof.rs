//! What the chain proves of a settlement that nobody answered for.
//!
//! A node of the chain is asked, one JSON-RPC call after the other, and every answer is taken as
//! hostile: what is odd, contradicts or is missing proves nothing. In this order:
//!
//! 1. `eth_chainId` is the question's chain: on another one everything is unused.
//! 2. `eth_getBlockByNumber("latest")` says how far the node is, and what time it is there.
//! 3. `eth_call` at that very block says whether the nonce is used: `authorizationState` of the
//!    token, `nonceBitmap` of Permit2. A node that is behind does not know the block and fails.
//!    Unused at a time [`Inquiry::new`]'s `finality` past the authorisation's end is
//!    [`Proof::Unspent`]: the contract itself refuses it in every later block, and a block that
//!    could still have taken it is too old to be undone.
//! 4. `eth_getLogs`, [`WINDOW`] blocks at a time, newest first, finds where it was used. EIP-3009
//!    tokens log the nonce. Permit2 does not: transfers from the payer to the payee are
//!    candidates, and `eth_getTransactionByHash` tells by its arguments which one, if any, was
//!    the x402 proxy's call with this nonce.
//! 5. `eth_getTransactionReceipt`: it succeeded, and the token moved exactly the amount asked
//!    for. For EIP-3009 that is the token's next log after the use of this nonce, so that one
//!    transfer never pays for two nonces of one transaction. That is [`Proof::Paid`].
//! 6. Where a payment counts only [`Inquiry::since`] some time, `eth_getBlockByNumber` of the receipt's
//!    block says when it was.
//!
//! A use that the token logs as `AuthorizationCanceled` is [`Proof::Cancelled`], at the same age
//! as above. Permit2 has no such proof: its `UnorderedNonceInvalidation` may come after the
//! payment. Absence of a log proves nothing either: nodes that are behind answer `[]`.
//!
//! A payment counts at the newest block, as it does for facilitators. What denies one does not:
//! undone, it would leave a payer charged for nothing.

use crate::claims::{Transaction, UnixSeconds};
use crate::config::Means;
use crate::evm::address::Address;
use crate::evm::permit2::PERMIT2;
use crate::facilitator::Delivery;
use crate::money::Amount;

mod answer;
mod call;
mod question;
mod receipt;

pub use question::Question;

/// An answer longer than this is not read. A block with 3,500 transactions is about as long.
pub const MAX_ANSWER_BYTES: usize = 256 * 1024;

/// Most calls of one inquiry.
pub const MAX_CALLS: u8 = 12;

/// Blocks per `eth_getLogs`: what public nodes allow.
pub const WINDOW: u64 = 2_000;

/// What the chain says of a settlement.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Proof {
    /// In this transaction the nonce was used and exactly what was asked for moved from the payer
    /// to the payee.
    Paid(Transaction),
    /// The nonce is unused, and will be for ever: no money can move on it any more.
    Unspent,
    /// The payer cancelled the authorisation: no money moved on it, and none can.
    Cancelled,
    /// Nothing is proven, or not yet.
    Open,
}

/// A question being put to a node.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Inquiry {
    question: Box<Question>,
    finality: u64,
    /// What was done before does not count.
    since: Option<UnixSeconds>,
    /// How many calls were made; the newest one's `id`.
    calls: u8,
    step: Step,
}

/// What is to be done with an inquiry.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Next {
    /// `POST` this to the node as `application/json`, and hand the answer to the inquiry.
    Ask(Inquiry, Vec<u8>),
    /// That is all there is to learn now.
    Done(Proof),
}

/// What the call under way is for.
#[derive(Clone, PartialEq, Eq, Debug)]
enum Step {
    Chain,
    Head,
    Use(Head),
    Logs(Head, Window),
    /// The last of these is being looked at.
    Sent(Head, Window, Vec<Transaction>),
    Receipt(Transaction),
    /// The transaction's block says when it was.
    Time(Transaction, u64),
}

/// The newest block.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
struct Head {
    number: u64,
    /// No block at which the authorisation was good can be undone.
    past: bool,
}

/// Blocks, both inclusive.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
struct Window {
    from: u64,
    to: u64,
}

// === impl Inquiry ===

impl Inquiry {
    /// Begins to ask; the second value is the first request's body. `finality` is how many
    /// seconds a block must be old so that the chain does not undo it.
    pub fn new(question: Question, finality: u64) -> (Self, Vec<u8>) {
        let body = call::chain_id(1);
        (Self { question: Box::new(question), finality, since: None, calls: 1, step: Step::Chain }, body)
    }

    /// Takes a payment in a block of before for somebody else's; `None` asks for no block's time.
    #[must_use]
    pub fn since(self, since: Option<UnixSeconds>) -> Self {
        Self { since, ..self }
    }

    /// Since when a payment counts, if that was asked.
    pub fn dated(&self) -> Option<UnixSeconds> {
        self.since
    }

    /// One step. Whatever the answer, it ends after [`MAX_CALLS`].
    #[must_use]
    pub fn on(self, answer: &Delivery<'_>) -> Next {
        self.read(answer).unwrap_or(Next::Done(Proof::Open))
    }

    /// `None` where nothing is proven.
    fn read(mut self, answer: &Delivery<'_>) -> Option<Next> {
        let result = answer::result(answer, self.calls)?;
        match std::mem::replace(&mut self.step, Step::Chain) {
            Step::Chain => {
                (answer::quantity(result)? == self.question.chain_id).then_some(())?;
                self.ask(Step::Head)
            }
            Step::Head => {
                let (number, time) = answer::block(result)?;
                let past = time > self.question.valid_before.saturating_add(self.finality);
                self.ask(Step::Use(Head { number, past }))
            }
            Step::Use(head) => {
                if self.question.is_used(answer::word(result)?)? {
                    return self.ask(Step::Logs(head, Window::up_to(head.number)));
                }
                head.past.then_some(Next::Done(Proof::Unspent))
            }
            Step::Logs(head, window) => match self.question.means {
                Means::Eip3009 => match receipt::use_of(&self.question, result)? {
                    receipt::Use::Paid(transaction) => self.ask(Step::Receipt(transaction)),
                    receipt::Use::Cancelled => head.past.then_some(Next::Done(Proof::Cancelled)),
                    receipt::Use::Nowhere => self.ask(Step::Logs(head, window.before()?)),
                },
                Means::Permit2 | Means::Upto => {
                    let candidates = receipt::candidates(&self.question, result)?;
                    self.look(head, window, candidates)
                }
            },
            Step::Sent(head, window, mut candidates) => {
                let transaction = candidates.pop()?;
                if receipt::is_call(&self.question, transaction, result)? {
                    return self.ask(Step::Receipt(transaction));
                }
                self.look(head, window, candidates)
            }
            Step::Receipt(transaction) => {
                receipt::proves(&self.question, transaction, result)?.then_some(())?;
                match self.since {
                    None => Some(Next::Done(Proof::Paid(transaction))),
                    Some(_) => self.ask(Step::Time(transaction, receipt::block(result)?)),
                }
            }
            Step::Time(transaction, block) => {
                let (number, time) = answer::block(result)?;
                (number == block && time >= self.since?).then_some(Next::Done(Proof::Paid(transaction)))
            }
        }
    }

    /// Looks at the last of these candidates, or for others in older blocks.
    #[inline(never)]
    fn look(self, head: Head, window: Window, candidates: Vec<Transaction>) -> Option<Next> {
        if candidates.is_empty() {
            return self.ask(Step::Logs(head, window.before()?));
        }
        self.ask(Step::Sent(head, window, candidates))
    }

    // Called for each step: a call is smaller than what it does.
    #[inline(never)]
    fn ask(mut self, step: Step) -> Option<Next> {
        let id = self.calls.checked_add(1).filter(|calls| *calls <= MAX_CALLS)?;
        let body = match &step {
            Step::Chain => call::chain_id(id),
            Step::Head => call::newest_block(id),
            Step::Use(head) => call::is_used(id, &self.question, head.number),
            Step::Logs(_, window) => call::logs(id, &self.question, window.from, window.to),
            Step::Sent(_, _, candidates) => call::transaction(id, candidates.last()?),
            Step::Receipt(transaction) => call::receipt(id, transaction),
            Step::Time(_, number) => call::block(id, *number),
        };
        (self.calls, self.step) = (id, step);
        Some(Next::Ask(self, body))
    }
}

// === impl Window ===

impl Window {
    fn up_to(to: u64) -> Self {
        Self { from: to.saturating_sub(WINDOW.saturating_sub(1)), to }
    }

    /// The blocks before these; `None` when there are none.
    fn before(self) -> Option<Self> {
        self.from.checked_sub(1).map(Self::up_to)
    }
}

#[cfg(test)]
mod tests;
