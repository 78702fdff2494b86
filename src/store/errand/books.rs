//! What is written beside a claim: its place among the open ones, what it takes to ask again, and when.

use super::Change;
use crate::claims::{Claim, Owes, State, UnixSeconds};

/// Seconds after a lapsed lease, and after an open answer, until a claim is first asked about.
const DUE_SECONDS: u64 = 2;

/// What is written beside a claim that goes from one state to another.
pub(super) struct Books {
    pub(super) open: Change<()>,
    pub(super) payment: Change<()>,
    pub(super) due: Change<UnixSeconds>,
}

// === impl Books ===

impl Books {
    pub(super) fn of(before: Option<&Claim>, after: Option<&Claim>, now: UnixSeconds) -> Self {
        let state = |claim: Option<&Claim>| claim.map(|claim| claim.state);
        let asked = matches!(state(before), Some(State::Settling | State::Unknown));
        let left = if asked { Change::Remove } else { Change::Leave };
        let still_due = if asked { Change::Remove } else { Change::Leave };
        // The first ask says when the next one is due. Whoever asks then puts nothing off: a client
        // that tries often enough would have nobody ask.
        let first = |at: UnixSeconds, asks: u8| match asks {
            0 | 1 => Change::Put(at.saturating_add(DUE_SECONDS)),
            _ => Change::Leave,
        };
        match after {
            Some(claim) if claim.state == State::Settling => {
                let due = first(claim.lease, claim.asks);
                Self { open: Change::Put(()), payment: Change::Put(()), due }
            }
            Some(claim) if claim.state == State::Unknown => {
                Self { open: Change::Put(()), payment: Change::Leave, due: first(now, claim.asks) }
            }
            Some(claim) if claim.owes() == Owes::Content => {
                Self { open: Change::Put(()), payment: left, due: still_due }
            }
            // However long the delivery takes, its claim stands among those of its wallet.
            Some(claim) if claim.state == State::Redeeming && state(before) == Some(State::Redeeming) => {
                Self { open: Change::Put(()), payment: left, due: still_due }
            }
            Some(claim) if matches!(claim.state, State::Held | State::Redeeming) => {
                Self { open: Change::Leave, payment: left, due: still_due }
            }
            _ => Self { open: Change::Remove, payment: left, due: still_due },
        }
    }
}
