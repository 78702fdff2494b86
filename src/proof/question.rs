//! What is asked, and how it is kept.

use super::{Address, Amount, Means, UnixSeconds, PERMIT2};

/// A settlement whose outcome is open.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Question {
    /// EIP-155 chain id.
    pub chain_id: u64,
    /// The token's contract.
    pub token: Address,
    /// Who should have been paid.
    pub pay_to: Address,
    /// Who signed.
    pub payer: Address,
    /// The authorisation's nonce, big-endian.
    pub nonce: [u8; 32],
    /// What was asked for, in base units; under `upto` no more than was signed.
    pub amount: Amount,
    /// How the token is moved.
    pub means: Means,
    /// The authorisation's end: EIP-3009's `validBefore`, Permit2's `deadline`.
    pub valid_before: UnixSeconds,
}

const MEANS: [Means; 3] = [Means::Eip3009, Means::Permit2, Means::Upto];

// === impl Question ===

impl Question {
    /// Bytes of [`Question::to_bytes`].
    pub const BYTES: usize = 141;

    /// As it is kept.
    pub fn to_bytes(&self) -> Vec<u8> {
        let means = MEANS.iter().position(|means| *means == self.means).unwrap_or_default();
        let mut out = Vec::with_capacity(Self::BYTES);
        out.push(u8::try_from(means).unwrap_or_default());
        out.extend_from_slice(&self.chain_id.to_be_bytes());
        out.extend_from_slice(&self.valid_before.to_be_bytes());
        for address in [self.token, self.pay_to, self.payer] {
            out.extend_from_slice(address.as_bytes());
        }
        out.extend_from_slice(&self.nonce);
        out.extend_from_slice(&self.amount.to_be_bytes());
        out
    }

    /// Reads what [`Question::to_bytes`] wrote; `None` for anything else.
    pub fn from_bytes(bytes: &[u8]) -> Option<Self> {
        let mut rest = Some(bytes);
        let [means] = cut(&mut rest)?;
        let question = Self {
            means: *MEANS.get(usize::from(means))?,
            chain_id: u64::from_be_bytes(cut(&mut rest)?),
            valid_before: u64::from_be_bytes(cut(&mut rest)?),
            token: Address::new(cut(&mut rest)?),
            pay_to: Address::new(cut(&mut rest)?),
            payer: Address::new(cut(&mut rest)?),
            nonce: cut(&mut rest)?,
            amount: Amount::from_be_bytes(cut(&mut rest)?),
        };
        rest?.is_empty().then_some(question)
    }

    /// The contract that burns the nonce.
    pub(super) fn burnt_by(&self) -> Address {
        match self.means {
            Means::Eip3009 => self.token,
            Means::Permit2 | Means::Upto => PERMIT2,
        }
    }

    /// Whether the contract's word says that the nonce is used; `None` when it says neither.
    pub(super) fn is_used(&self, word: [u8; 32]) -> Option<bool> {
        let (last, others) = word.split_last()?;
        if self.means == Means::Eip3009 {
            return (*last <= 1 && others.iter().all(|byte| *byte == 0)).then_some(*last == 1);
        }
        // Bit 0 is the word's last.
        let bit = *self.nonce.last()?;
        let byte = word.iter().rev().nth(usize::from(bit >> 3))?;
        Some(byte >> (bit & 7) & 1 == 1)
    }
}

fn cut<const N: usize>(rest: &mut Option<&[u8]>) -> Option<[u8; N]> {
    let (first, after) = (*rest)?.split_first_chunk::<N>()?;
    *rest = Some(after);
    Some(*first)
}
