//! What logs, transactions and receipts say of a question.

use super::answer::{self, Log};
use super::{Means, Question, Transaction};
use crate::digits::unhexed;
use crate::evm::address_word;
use crate::evm::permit2::{EXACT_PROXY, UPTO_PROXY};
use crate::protocol::json::raw::{self, members};
use crate::protocol::json::{schema, Field};

/// `Transfer(address indexed from, address indexed to, uint256 value)` (ERC-20)
pub(super) const TRANSFER: [u8; 32] = [
    0xdd, 0xf2, 0x52, 0xad, 0x1b, 0xe2, 0xc8, 0x9b, 0x69, 0xc2, 0xb0, 0x68, 0xfc, 0x37, 0x8d, 0xaa, 0x95,
    0x2b, 0xa7, 0xf1, 0x63, 0xc4, 0xa1, 0x16, 0x28, 0xf5, 0x5a, 0x4d, 0xf5, 0x23, 0xb3, 0xef,
];
/// `AuthorizationUsed(address indexed authorizer, bytes32 indexed nonce)` (EIP-3009)
pub(super) const USED: [u8; 32] = [
    0x98, 0xde, 0x50, 0x35, 0x28, 0xee, 0x59, 0xb5, 0x75, 0xef, 0x0c, 0x0a, 0x25, 0x76, 0xa8, 0x24, 0x97,
    0xbf, 0xc0, 0x29, 0xa5, 0x68, 0x5b, 0x20, 0x9e, 0x9e, 0xc3, 0x33, 0x47, 0x9b, 0x10, 0xa5,
];
/// `AuthorizationCanceled(address indexed authorizer, bytes32 indexed nonce)` (EIP-3009)
pub(super) const CANCELLED: [u8; 32] = [
    0x1c, 0xdd, 0x46, 0xff, 0x24, 0x27, 0x16, 0xcd, 0xaa, 0x72, 0xd1, 0x59, 0xd3, 0x39, 0xa4, 0x85, 0xb3,
    0x43, 0x83, 0x98, 0x34, 0x8d, 0x68, 0xf0, 0x9d, 0x7c, 0x8c, 0x0a, 0x59, 0x35, 0x3d, 0x81,
];

/// The proxies' `settle` and `settleWithPermit`; the latter takes a permit of five words first.
pub(super) const EXACT: [[u8; 4]; 2] = [[0x13, 0xcd, 0x3b, 0x53], [0xfa, 0x34, 0x03, 0x78]];
pub(super) const UPTO: [[u8; 4]; 2] = [[0xff, 0x11, 0xe7, 0xb4], [0x01, 0x6c, 0x17, 0x48]];

/// Words of an ERC-2612 permit.
const PERMIT_WORDS: usize = 5;

const SENT: [Field; 3] = schema(["hash", "to", "input"]);

const RECEIPT: [Field; 3] = schema(["transactionHash", "status", "logs"]);

const PLACED: [Field; 1] = schema(["blockNumber"]);

/// What the token logged of an EIP-3009 nonce.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Use {
    /// It was used for a transfer in this transaction.
    Paid(Transaction),
    Cancelled,
    /// Not in these blocks.
    Nowhere,
}

/// Reads the logs of an EIP-3009 nonce; `None` when they contradict each other.
pub(super) fn use_of(question: &Question, result: &str) -> Option<Use> {
    let mut found = Some(Use::Nowhere);
    answer::logs(result, &mut |log| {
        let paid = question.uses(&log, &USED);
        let this = if paid { Use::Paid(Transaction(log.transaction)) } else { Use::Cancelled };
        if paid || question.uses(&log, &CANCELLED) {
            found = found.filter(|use_| *use_ == Use::Nowhere).map(|_| this);
        }
    })?;
    found
}

/// Transactions in which the token moved what was asked for, as they were logged.
pub(super) fn candidates(question: &Question, result: &str) -> Option<Vec<Transaction>> {
    let mut found = Vec::new();
    answer::logs(result, &mut |log| {
        let transaction = Transaction(log.transaction);
        if question.moves(&log) && found.last() != Some(&transaction) {
            found.push(transaction);
        }
    })?;
    Some(found)
}

/// Whether a transaction was the x402 proxy's call with this very nonce. Calls through other
/// contracts are not looked into: whose arguments would prove nothing.
pub(super) fn is_call(question: &Question, transaction: Transaction, result: &str) -> Option<bool> {
    let [hash, to, input] = members(result, &SENT).ok()?;
    (answer::word(hash?)? == transaction.0).then_some(())?;
    let (proxy, selectors) = match question.means {
        Means::Upto => (UPTO_PROXY, UPTO),
        Means::Eip3009 | Means::Permit2 => (EXACT_PROXY, EXACT),
    };
    let Some(to) = to else { return Some(false) };
    if answer::address(to)? != proxy {
        return Some(false);
    }
    let input = unhexed(raw::string(input?)?.strip_prefix("0x")?)?;
    let Some((selector, words)) = input.split_first_chunk::<4>() else { return Some(false) };
    let Some(variant) = selectors.iter().position(|known| known == selector) else { return Some(false) };
    let words = words.as_chunks::<32>().0;
    let arguments = words.get(variant.saturating_mul(PERMIT_WORDS)..).unwrap_or_default();
    Some(question.is_asked_by(arguments))
}

/// The number of a receipt's block.
pub(super) fn block(result: &str) -> Option<u64> {
    let [number] = members(result, &PLACED).ok()?;
    answer::quantity(number?)
}

/// Whether a receipt proves the payment.
pub(super) fn proves(question: &Question, transaction: Transaction, result: &str) -> Option<bool> {
    let [hash, status, logs] = members(result, &RECEIPT).ok()?;
    (answer::word(hash?)? == transaction.0 && answer::quantity(status?)? == 1).then_some(())?;
    let (mut uses, mut moves, mut moved, mut follows) = (0_usize, 0_usize, false, false);
    answer::logs(logs?, &mut |log| {
        if log.address != question.token {
            return;
        }
        let moves_it = question.moves(&log);
        moves = moves.saturating_add(usize::from(moves_it));
        moved |= follows && moves_it;
        follows = question.uses(&log, &USED);
        uses = uses.saturating_add(usize::from(follows));
    })?;
    Some(match question.means {
        Means::Eip3009 => uses == 1 && moved,
        // The proxy was called for one transfer.
        Means::Permit2 | Means::Upto => moves == 1,
    })
}

// === impl Question ===

impl Question {
    /// Whether a log is this event of this nonce.
    #[inline(never)]
    fn uses(&self, log: &Log, event: &[u8; 32]) -> bool {
        log.address == self.token && log.topics == Some([*event, address_word(&self.payer), self.nonce])
    }

    /// Whether a log is the transfer that was asked for.
    #[inline(never)]
    fn moves(&self, log: &Log) -> bool {
        log.address == self.token
            && log.topics == Some([TRANSFER, address_word(&self.payer), address_word(&self.pay_to)])
            && log.word == Some(self.amount.to_be_bytes())
    }

    /// Whether these are the proxy's arguments for it: the permit (token, amount, nonce,
    /// deadline), under `upto` the amount, the owner, the witness (to, ...).
    fn is_asked_by(&self, arguments: &[[u8; 32]]) -> bool {
        let (amount, owner, to) = match self.means {
            Means::Upto => (4, 5, 6),
            Means::Eip3009 | Means::Permit2 => (1, 4, 5),
        };
        let expected = [
            (0, address_word(&self.token)),
            (2, self.nonce),
            (amount, self.amount.to_be_bytes()),
            (owner, address_word(&self.payer)),
            (to, address_word(&self.pay_to)),
        ];
        expected.iter().all(|(place, word)| arguments.get(*place) == Some(word))
    }
}
