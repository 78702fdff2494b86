//! A settlement that can be asked for again, by whoever finds that its outcome is open.
//!
//! It holds what asking takes and no more: whom to ask and with which bytes, what the answer has to
//! agree with, what the chain may be asked, and what the claim was begun with. It is written down
//! before the first call leaves, in this process's [`ring`] and, where there is one, in the store
//! that replicas share; so it survives the client, the worker and the module that made it. Bytes
//! that do not read as one are nobody's demand.

use crate::claims::{
    fingerprint, Attempt, Begin, Binding, Claim, Identity, Op, Opening, Seal, Transaction, UnixSeconds,
};
use crate::config::Text;
use crate::evm::address::Address;
use crate::evm::permit2::PERMIT2;
use crate::facilitator::Expected;
use crate::money::Amount;
use crate::settlement::Step;

pub mod ring;

/// Longest body that is kept, in bytes. The reference clients' are 1 to 2 KB.
pub const MAX_BODY_BYTES: usize = 6 * 1024;

/// The first byte of a demand; another layout has another one.
const LAYOUT: u8 = 1;

/// The same bytes, of an authorisation whose signature only the facilitator could judge.
const LAYOUT_JUDGED: u8 = 2;

/// How long at least a transaction is known as spent, and the payload that it paid, in seconds. A
/// facilitator repeats a success for as long as its network knows the transaction as recent: minutes.
const TRANSACTION_SECONDS: u64 = 3_600;

/// A settlement, independent of the request that caused it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Demand {
    /// What the chain burns.
    pub identity: Identity,
    /// What was bought, as the claim is bound to it.
    pub binding: Binding,
    /// What was bought, whoever signed.
    pub offered: Binding,
    /// The authorisation's own end.
    pub valid_before: UnixSeconds,
    /// Seconds a taken or unknown claim is kept after its last event.
    pub redeem_for: u32,
    /// Seconds an attempt at it owns the claim.
    pub lease: u32,
    /// The tag of the facilitator that is asked.
    pub settler: u32,
    /// Base units that are asked for, where an answer can be held to them.
    pub amount: Option<Amount>,
    /// Who pays, where that is known here.
    pub payer: Option<Address>,
    /// The route's name, for the log.
    pub route: Text,
    /// The network as the payment's version spells it.
    pub network: String,
    /// CAIP-2.
    pub caip2: String,
    /// Whether its payer is known here, and that it is his only by the facilitator's word.
    pub judged: bool,
    /// What to ask the chain, if it can be asked.
    pub question: Vec<u8>,
    /// The body of `/settle`.
    pub body: Vec<u8>,
}

// === impl Demand ===

impl Demand {
    /// What an answer has to agree with.
    pub fn expected(&self) -> Expected<'_> {
        Expected { network: &self.network, caip2: &self.caip2, payer: self.payer, amount: self.amount }
    }

    /// The claim's terms, for an attempt that asks again at `now`.
    pub fn begin(&self, attempt: Attempt, now: UnixSeconds) -> Begin {
        Begin {
            attempt,
            opening: Opening::Nothing,
            binding: self.binding,
            valid_before: self.valid_before,
            redeem_for: self.redeem_for,
            lease: now.saturating_add(self.lease.into()),
            settler: self.settler,
            vouched: true,
        }
    }

    /// The claim op of a settlement's step.
    pub fn op(&self, step: Step, attempt: Attempt, now: UnixSeconds) -> Op {
        let lease = now.saturating_add(self.lease.into());
        match step {
            Step::Settled { transaction, deliver } => Op::Settled {
                attempt,
                transaction,
                deliver: deliver.then_some(lease),
                until: if self.payer.is_none() { self.spent_until(now) } else { 0 },
                otherwise: self.begin(attempt, now),
            },
            Step::Release => Op::Release { attempt },
            Step::Unknown => Op::Unknown { attempt },
            Step::Void { transaction } => Op::Void { attempt, transaction },
            Step::Undelivered => Op::Undelivered { attempt },
            Step::Orphan => Op::Orphan { attempt },
            Step::Move { settler } => Op::Move { attempt, lease, settler },
            Step::Disprove => Op::Disprove { attempt },
            Step::Cancel => Op::Cancel { attempt },
        }
    }

    /// The name and the mark of the one claim that a transaction pays, where the facilitator's word is
    /// all there is: that it is this one, for as long as it could be repeated. What a transaction pays
    /// is told apart by payer, where there is one.
    pub fn spends(&self, transaction: &Transaction, now: UnixSeconds) -> Option<(Identity, Op)> {
        let Identity { nonce, verifying_contract, .. } = &self.identity;
        let (payer, fingerprint) = match self.payer {
            None => (Identity::NONE.payer, fingerprint("claim", &[nonce])),
            Some(payer) if self.judged => {
                (payer, fingerprint("claim", &[verifying_contract.as_bytes(), nonce]))
            }
            Some(_) => return None,
        };
        let named = Identity::named("transaction", &[self.caip2.as_bytes(), &transaction.0]);
        let expires = self.spent_until(now);
        Some((Identity { payer, ..named }, Op::Mark { fingerprint, expires }))
    }

    /// The name of the signature that it is asked about with, for an ask that leaves now, where that has to
    /// be one payment's: as it had when it was first asked for. It stands in the body, which is of our own
    /// writing.
    pub fn seal(&self, now: UnixSeconds) -> Option<Seal> {
        if !(self.judged || self.identity.verifying_contract == PERMIT2) {
            return None;
        }
        let (_, text) = std::str::from_utf8(&self.body).ok()?.split_once(r#""signature":""#)?;
        Some(Seal {
            name: Seal::named(text.split_once('"')?.0),
            fingerprint: self.identity.public_hash(),
            expires: self.valid_before.max(now).saturating_add(Seal::SECONDS),
            takes: true,
        })
    }

    fn spent_until(&self, now: UnixSeconds) -> UnixSeconds {
        now.saturating_add(u64::from(self.redeem_for).max(TRANSACTION_SECONDS))
    }

    /// As bytes; `None` when it is larger than is kept.
    pub fn to_bytes(&self) -> Option<Vec<u8>> {
        if self.body.len() > MAX_BODY_BYTES {
            return None;
        }
        let mut out = Vec::with_capacity(self.body.len().saturating_add(512));
        out.push(if self.judged { LAYOUT_JUDGED } else { LAYOUT });
        out.extend_from_slice(&self.identity.chain_id.to_le_bytes());
        out.extend_from_slice(self.identity.verifying_contract.as_bytes());
        out.extend_from_slice(self.identity.payer.as_bytes());
        out.extend_from_slice(&self.identity.nonce);
        out.extend_from_slice(&self.binding.0);
        out.extend_from_slice(&self.offered.0);
        out.extend_from_slice(&self.valid_before.to_le_bytes());
        for number in [self.redeem_for, self.lease, self.settler] {
            out.extend_from_slice(&number.to_le_bytes());
        }
        let amount = self.amount.map(Amount::to_be_bytes);
        let payer = self.payer.map(|payer| *payer.as_bytes());
        let parts: [&[u8]; 7] = [
            amount.as_ref().map_or(&[], <[u8; 32]>::as_slice),
            payer.as_ref().map_or(&[], <[u8; 20]>::as_slice),
            self.route.as_bytes(),
            self.network.as_bytes(),
            self.caip2.as_bytes(),
            &self.question,
            &self.body,
        ];
        for part in parts {
            out.extend_from_slice(&u16::try_from(part.len()).ok()?.to_le_bytes());
            out.extend_from_slice(part);
        }
        Some(out)
    }

    /// From bytes that [`Self::to_bytes`] wrote.
    pub fn from_bytes(bytes: &[u8]) -> Option<Self> {
        let (&layout @ (LAYOUT | LAYOUT_JUDGED), mut rest) = bytes.split_first()? else { return None };
        let identity = Identity {
            chain_id: u64::from_le_bytes(take(&mut rest)?),
            verifying_contract: Address::new(take(&mut rest)?),
            payer: Address::new(take(&mut rest)?),
            nonce: take(&mut rest)?,
        };
        let binding = Binding(take(&mut rest)?);
        let offered = Binding(take(&mut rest)?);
        let valid_before = u64::from_le_bytes(take(&mut rest)?);
        let mut number = || take(&mut rest).map(u32::from_le_bytes);
        let (redeem_for, lease, settler) = (number()?, number()?, number()?);
        let amount = optional(part(&mut rest)?, Amount::from_be_bytes)?;
        let payer = optional(part(&mut rest)?, Address::new)?;
        let demand = Self {
            identity,
            binding,
            offered,
            valid_before,
            redeem_for,
            lease,
            settler,
            amount,
            payer,
            route: text(&mut rest)?.into(),
            network: text(&mut rest)?,
            caip2: text(&mut rest)?,
            judged: layout == LAYOUT_JUDGED,
            question: part(&mut rest)?.to_vec(),
            body: part(&mut rest)?.to_vec(),
        };
        rest.is_empty().then_some(demand)
    }

    /// As the text that the shared store keeps.
    pub fn to_text(&self) -> Option<String> {
        self.to_bytes().map(|bytes| crate::digits::hex(&bytes))
    }

    /// From a text that [`Self::to_text`] wrote.
    pub fn from_text(text: &str) -> Option<Self> {
        Self::from_bytes(&crate::digits::unhexed(text)?)
    }

    /// From such a text, if it is this authorisation's.
    pub fn kept_for(identity: &Identity, text: &str) -> Option<Self> {
        Self::from_text(text).filter(|demand| demand.identity == *identity)
    }

    /// The tag of the facilitator that was asked last: as its claim says, where that is known; what was
    /// kept may be from before it moved on.
    pub fn asked_last(&self, claim: Option<&Claim>) -> u32 {
        claim.map(|claim| claim.settler).filter(|settler| *settler != 0).unwrap_or(self.settler)
    }
}

fn take<const N: usize>(rest: &mut &[u8]) -> Option<[u8; N]> {
    let (first, after) = rest.split_first_chunk::<N>()?;
    *rest = after;
    Some(*first)
}

fn part<'a>(rest: &mut &'a [u8]) -> Option<&'a [u8]> {
    let length = usize::from(u16::from_le_bytes(take(rest)?));
    let (first, after) = rest.split_at_checked(length)?;
    *rest = after;
    Some(first)
}

fn text(rest: &mut &[u8]) -> Option<String> {
    std::str::from_utf8(part(rest)?).ok().map(str::to_owned)
}

fn optional<T, const N: usize>(part: &[u8], read: fn([u8; N]) -> T) -> Option<Option<T>> {
    if part.is_empty() {
        return Some(None);
    }
    part.try_into().ok().map(|bytes| Some(read(bytes)))
}

#[cfg(test)]
mod tests;
