//! Other claims of a wallet, which come before a new one.

use super::{Errand, Turn, TRIES};
use crate::claims::bucket::from_text;
use crate::claims::{Outcome, Owes, State, UnixSeconds};
use crate::store::{Ahead, OpenClaim, Reply};

/// How often those at work are looked at again, where one at a time is sold: a replica that has
/// delivered one is as far from the store as this one, and its word may be on its way.
const LOOKS: u8 = 2;

// === impl Errand ===

impl Errand {
    /// The same, where a wallet buys one thing at a time: a claim of its that is at work comes before a
    /// new one as well.
    #[must_use]
    pub fn one_at_a_time(self: Box<Self>, one_at_a_time: bool) -> Box<Self> {
        Box::new(Self { one_at_a_time, ..*self })
    }

    /// Takes in which of the claims that a reply names, by their nonces, are `over` as far as this host knows:
    /// what was delivered here is, although the store has yet to hear of it.
    #[must_use]
    pub fn knowing(mut self: Box<Self>, reply: &Reply, over: impl Fn([u8; 32]) -> bool) -> Box<Self> {
        if let (true, Reply::OpenFirst { open, .. } | Reply::Differs { open, .. }) =
            (self.one_at_a_time, reply)
        {
            self.over.extend(open.iter().map(|claim| claim.nonce).filter(|nonce| over(*nonce)));
        }
        self
    }

    /// Which of them are looked at: none where the claim itself stands.
    pub(super) fn ahead(&self, now: UnixSeconds) -> Ahead<'_> {
        let stands = self.base.and_then(|claim| claim.at(now)).is_some();
        match (self.want_open && !stands, self.one_at_a_time) {
            (false, _) => Ahead::Nothing,
            (true, false) => Ahead::Owing,
            (true, true) => Ahead::Any(&self.over),
        }
    }

    /// What they owe comes first.
    pub(super) fn owed(self, open: &[OpenClaim], now: UnixSeconds) -> Turn {
        let (mut owed, mut works) = (None, false);
        let is_over = |claim: &OpenClaim| self.over.contains(&claim.nonce);
        for claim in open.iter().filter(|claim| !is_over(claim)) {
            let Some(value) = from_text(&claim.value).and_then(|value| value.at(now)) else { continue };
            match value.owes() {
                Owes::Content => {
                    owed = Some(Outcome::Owed(claim.nonce));
                    break;
                }
                Owes::Answer => owed = Some(Outcome::Owed(claim.nonce)),
                Owes::Patience => owed = owed.or(Some(Outcome::Awaited)),
                Owes::Nothing => {
                    works |= matches!(value.state, State::Held | State::Settling | State::Redeeming);
                }
            }
        }
        let looks = self.one_at_a_time && self.tries < LOOKS;
        if owed.is_none() && works && self.one_at_a_time && !looks {
            owed = Some(Outcome::Awaited);
        }
        match owed {
            Some(outcome) => Turn::Over { outcome, adopt: Some(self.local), undo: None },
            None if self.tries >= TRIES => self.unsure(),
            // Those that lapsed meanwhile are not told again, and others may have been begun.
            None => {
                let tries = self.tries.saturating_add(1);
                let want_open = looks || open.iter().any(is_over);
                Turn::Again(Box::new(Self { want_open, tries, ..self }))
            }
        }
    }
}
