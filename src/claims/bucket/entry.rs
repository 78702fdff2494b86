//! One claim: as an entry of a bucket, without its tag, and as text.

use super::{Layout, TOMBSTONE};
use crate::claims::{Attempt, Binding, Claim, State, Transaction, UnixSeconds};
use crate::money::Amount;

/// A live entry's longest form without its tag; see [`to_text`].
const LIVE: usize = 88;

pub(super) const HAS_BYTES: u8 = 1;
pub(super) const ORPHAN: u8 = 2;
const FOREIGN: u8 = 4;

/// The same flags in layout 1, of what is open: beside the count of asks, which the first release keeps when
/// it adds to it, and where it takes them for many.
const MARKS_AT: u32 = 5;
const ASKS: u8 = 0x3f;

/// One claim as text, for a store that others can write to: hexadecimal, whole, in the newest layout.
/// Both forms begin with the state, so that neither cut short reads as the other.
///
/// ```text
/// live      as in a bucket, without the tag        88 bytes
/// tombstone state 1 | expires 4 | transaction 32   37 bytes
/// ```
pub fn to_text(claim: &Claim) -> String {
    let mut bytes = Vec::with_capacity(LIVE);
    if is_buried(claim.state, Layout::Two) {
        bytes.push(claim.state as u8);
        push_tombstone(&mut bytes, claim);
    } else {
        push_live(&mut bytes, claim, Layout::Two);
    }
    crate::digits::hex(&bytes)
}

/// The claim of a text that [`to_text`] wrote, to the letter; `None` for any other.
pub fn from_text(text: &str) -> Option<Claim> {
    let bytes = crate::digits::unhexed(text)?;
    let (state, rest) = bytes.split_first()?;
    let claim = match (State::from_byte(*state)?, bytes.len()) {
        (State::Delivered, _) => read_tombstone(rest),
        (_, LIVE) => read_record(&bytes),
        _ => None,
    };
    claim.filter(|claim| to_text(claim) == text)
}

/// Whether all that has to be kept of a claim fits a tombstone.
pub(super) fn is_buried(state: State, layout: Layout) -> bool {
    state == State::Delivered || (state == State::Credited && layout == Layout::One)
}

/// No transaction is known in these states: to learn it is to leave them.
pub(super) fn is_open(state: State) -> bool {
    matches!(state, State::Held | State::Settling | State::Unknown)
}

// The array patterns below are the layout table of this module, field by field.

/// A live entry's state as stored, and as it is at `now`.
pub(super) fn live_passing(entry: &[u8], now: UnixSeconds) -> Option<(State, Option<State>)> {
    let (_, record) = entry.split_first_chunk::<12>()?;
    let ([state, _, _, _], rest) = record.split_first_chunk::<4>()?;
    let (_, rest) = rest.split_first_chunk::<8>()?;
    let (lease, rest) = rest.split_first_chunk::<4>()?;
    let (state, expires) = (State::from_byte(*state)?, rest.first_chunk()?);
    Some((state, state.at(u32::from_le_bytes(*lease).into(), u32::from_le_bytes(*expires).into(), now)))
}

/// The same of a tombstone.
pub(super) fn tombstone_passing(entry: &[u8; TOMBSTONE], now: UnixSeconds) -> Option<(State, Option<State>)> {
    let (_, record) = entry.split_first_chunk::<12>()?;
    let expires = u32::from_le_bytes(*record.first_chunk()?);
    Some((State::Delivered, State::Delivered.at(0, expires.into(), now)))
}

pub(super) fn read_record(record: &[u8]) -> Option<Claim> {
    let (&[state, redeems, mut asks, mut flags], rest) = record.split_first_chunk::<4>()?;
    let (attempt, rest) = rest.split_first_chunk::<8>()?;
    let (lease, rest) = rest.split_first_chunk::<4>()?;
    let (expires, rest) = rest.split_first_chunk::<4>()?;
    let (valid_before, rest) = rest.split_first_chunk::<4>()?;
    let (redeem_for, rest) = rest.split_first_chunk::<4>()?;
    let (binding, rest) = rest.split_first_chunk::<16>()?;
    let (bytes, rest) = rest.split_first_chunk::<32>()?;
    let (units, rest) = rest.split_first_chunk::<8>()?;
    let units = u64::from_le_bytes(*units);
    let state = State::from_byte(state)?;
    let settler = rest.first_chunk();
    if settler.is_none() {
        let marks = asks >> MARKS_AT & (ORPHAN | FOREIGN);
        asks &= ASKS;
        if is_open(state) {
            // What the first release added to as many as fit went over.
            (flags, asks) = (flags | marks, if marks != 0 && asks == 0 { ASKS } else { asks });
        }
    }
    let bytes = (flags & HAS_BYTES != 0).then_some(*bytes);
    let (transaction, amount) = if is_open(state) {
        (None, bytes.map(Amount::from_be_bytes))
    } else {
        (bytes.map(Transaction), (units > 0).then(|| Amount::from_u64(units)))
    };
    Some(Claim {
        state,
        attempt: Attempt(u64::from_le_bytes(*attempt)),
        lease: u32::from_le_bytes(*lease).into(),
        expires: u32::from_le_bytes(*expires).into(),
        valid_before: u32::from_le_bytes(*valid_before).into(),
        redeem_for: u32::from_le_bytes(*redeem_for),
        redeems,
        asks,
        binding: Binding(*binding),
        settler: settler.map_or(0, |settler| u32::from_le_bytes(*settler)),
        orphan: flags & ORPHAN != 0,
        foreign: (flags & FOREIGN != 0).then_some(if is_open(state) { units } else { 0 }),
        transaction,
        amount,
    })
}

pub(super) fn push_live(out: &mut Vec<u8>, claim: &Claim, layout: Layout) {
    let (bytes, units) = if is_open(claim.state) {
        let since = claim.foreign.filter(|_| layout == Layout::Two);
        (claim.amount.map(Amount::to_be_bytes), since.unwrap_or(0))
    } else {
        let units = claim.amount.and_then(Amount::to_u64).unwrap_or(0);
        (claim.transaction.map(|transaction| transaction.0), units)
    };
    let mut flags = if bytes.is_some() { HAS_BYTES } else { 0 };
    let marks = if claim.orphan { ORPHAN } else { 0 } | if claim.foreign.is_some() { FOREIGN } else { 0 };
    let mut asks = claim.asks;
    match layout {
        Layout::Two => flags |= marks,
        Layout::One => asks = asks.min(ASKS) | if is_open(claim.state) { marks << MARKS_AT } else { 0 },
    }
    out.extend_from_slice(&[claim.state as u8, claim.redeems, asks, flags]);
    out.extend_from_slice(&claim.attempt.0.to_le_bytes());
    for time in [claim.lease, claim.expires, claim.valid_before, claim.redeem_for.into()] {
        out.extend_from_slice(&seconds(time));
    }
    out.extend_from_slice(&claim.binding.0);
    out.extend_from_slice(&bytes.unwrap_or([0; 32]));
    out.extend_from_slice(&units.to_le_bytes());
    if layout == Layout::Two {
        out.extend_from_slice(&claim.settler.to_le_bytes());
    }
}

pub(super) fn read_tombstone(record: &[u8]) -> Option<Claim> {
    let (expires, rest) = record.split_first_chunk::<4>()?;
    let transaction: [u8; 32] = rest.try_into().ok()?;
    let transaction = (transaction != [0; 32]).then_some(Transaction(transaction));
    Some(Claim::tombstone(u32::from_le_bytes(*expires).into(), transaction))
}

pub(super) fn push_tombstone(out: &mut Vec<u8>, claim: &Claim) {
    let transaction = claim.transaction.filter(|_| claim.state == State::Delivered);
    out.extend_from_slice(&seconds(claim.expires));
    out.extend_from_slice(&transaction.map_or([0; 32], |transaction| transaction.0));
}

fn seconds(time: UnixSeconds) -> [u8; 4] {
    u32::try_from(time).unwrap_or(u32::MAX).to_le_bytes()
}
