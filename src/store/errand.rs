//! One op on a claim that replicas share, as a machine.
//!
//! The local table stands in front. What it refuses never leaves this host: a payment that is at
//! work here or was delivered here. What it would grant, and every
//! later step of an attempt, is decided by [`Claim::apply`] over the value in the store and written
//! by one script if that value still stands; if not, it is decided again over the value that does.
//!
//! | what came | the op's outcome | the local table |
//! |---|---|---|
//! | its lease was over before it could be written | unavailable | as before |
//! | written, and heard after the lease it grants | unavailable; what was written is undone | as before |
//! | written | as decided | takes it over, but for what another replica has under way: that it forgets |
//! | another value, under which nothing is written | as decided over it | likewise |
//! | its signature is another claim's | elsewhere; unavailable where it is open | as before |
//! | certainly not sent | unavailable; what ends an attempt is written later | as before |
//! | nobody knows | unavailable; what may have been written is undone later | as reserved |

use super::{Before, Change, Name, OpenClaim, Reply, Swap};
use crate::claims::bucket::{from_text, to_text};
use crate::claims::{Begin, Binding, Claim, Identity, Next, Op, Outcome, Seal, State, UnixSeconds};

mod ahead;
mod books;

use books::Books;

/// Values a claim may have had in between before it is given up.
const TRIES: u8 = 8;

/// How long at least it is tried to write what became of a claim, in seconds.
const UNDO_SECONDS: u64 = 300;

/// An op on its way.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Errand {
    /// Whose claim.
    pub identity: Identity,
    /// What is bought.
    pub offered: Binding,
    /// The op.
    pub op: Op,
    /// What the local table held before.
    local: Option<Claim>,
    base: Option<Claim>,
    next: Next,
    outcome: Outcome,
    /// What it takes to ask again, as text, where money is about to be asked for.
    payment: Option<String>,
    want_open: bool,
    one_at_a_time: bool,
    /// Nonces of claims of the wallet that are over, as this host knows and the store has yet to hear.
    over: Vec<[u8; 32]>,
    seal: Option<Seal>,
    full: bool,
    tries: u8,
}

/// How an op begins.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Start {
    /// The local table knows.
    Known(Outcome),
    /// The store is asked. A claim that is about to be granted is reserved here meanwhile.
    Away(Box<Errand>),
}

/// What becomes of an op after an answer.
#[derive(Clone, PartialEq, Eq, Debug)]
#[expect(clippy::large_enum_variant, reason = "made and taken apart once per answer")]
pub enum Turn {
    /// The store is asked again.
    Again(Box<Errand>),
    /// It is over.
    Over {
        /// What it came to.
        outcome: Outcome,
        /// What the local table takes over; `None` where it stays as it is.
        adopt: Option<Option<Claim>>,
        /// What has to be done about what may have been written.
        undo: Option<Op>,
    },
}

// === impl Errand ===

impl Errand {
    /// Begins an op over what the local table holds. `payment` is what it takes to ask again;
    /// with `first`, open claims of the same wallet come before a new one is granted. `seal` is the
    /// signature's, which has to be nobody else's.
    pub fn start(
        (identity, offered): (Identity, Binding),
        op: Op,
        local: Option<Claim>,
        payment: Option<String>,
        first: bool,
        seal: Option<Seal>,
        now: UnixSeconds,
    ) -> Start {
        let current = local.and_then(|claim| claim.at(now));
        let (next, outcome) = Claim::apply(current, &op, now);
        let opens = matches!(op, Op::Begin(_) | Op::Mark { .. } | Op::Peek);
        // Another replica may have been told of a redirect that led it here.
        let led = matches!((&op, outcome), (Op::Begin(_), Outcome::Elsewhere(_)));
        if opens && current.is_some() && next == Next::Keep && !led {
            return Start::Known(outcome);
        }
        let want_open = first && matches!(op, Op::Begin(_));
        Start::Away(Box::new(Self {
            identity,
            offered,
            op,
            local,
            base: local,
            next,
            outcome,
            payment,
            want_open,
            one_at_a_time: false,
            over: Vec::new(),
            seal,
            full: false,
            tries: 0,
        }))
    }

    /// The claim that is reserved here while the store is asked.
    pub fn reserves(&self) -> Option<Claim> {
        match (&self.op, self.next) {
            (Op::Begin(_) | Op::Mark { .. }, Next::Put(claim)) => Some(claim),
            _ => None,
        }
    }

    /// Its signature's, once the op is written.
    pub fn seal(&self) -> Option<Seal> {
        self.presses().filter(|seal| seal.takes)
    }

    /// Its signature's, as it goes along: what is asked about again takes it, or keeps it for longer, and
    /// what was paid is delivered whoever has it since.
    fn presses(&self) -> Option<Seal> {
        match self.outcome {
            Outcome::Redeem(_) => None,
            Outcome::Resolve(_) => {
                let asks = |begin: &Begin| begin.lease.saturating_add(Seal::SECONDS);
                let last = if let Op::Begin(begin) = &self.op { asks(begin) } else { 0 };
                self.seal.map(|seal| Seal { takes: true, expires: seal.expires.max(last), ..seal })
            }
            _ => self.seal,
        }
    }

    /// Whether the local table takes the op over at once, whatever comes of it in the store: what
    /// was delivered here is used here, and what is in doubt is.
    pub fn is_known_here(&self) -> bool {
        matches!(self.op, Op::Delivered { .. } | Op::Suspect { .. })
    }

    /// Until when what it says matters: the end of the claim, as far as it is known here.
    pub fn matters_until(&self, now: UnixSeconds) -> UnixSeconds {
        let next = if let Next::Put(claim) = self.next { Some(claim) } else { None };
        let ends = [self.local, self.base, next].into_iter().flatten().map(|claim| claim.expires);
        ends.max().unwrap_or(0).max(now.saturating_add(UNDO_SECONDS))
    }

    /// Whether an answer that comes now is older than what the local table knows by then: what
    /// was delivered here stays used here, and what was given back is nobody's to renew.
    pub fn is_outdated(op: &Op, answer: Option<&Claim>, known: impl FnOnce() -> Option<Claim>) -> bool {
        let renews = matches!(op, Op::Renew { .. });
        if !(renews || matches!(op, Op::Delivered { .. })) || is_delivered(answer) {
            return false;
        }
        let known = known();
        let given_back = known.is_some_and(|claim| op.attempt() != Some(claim.attempt));
        is_delivered(known.as_ref()) || (renews && given_back)
    }

    /// What of an answer is worth knowing here: what another replica has under way may be over at any
    /// moment, and whoever comes next has to ask. `known` is what the local table holds by then: an
    /// attempt that is in it is of this host.
    pub fn lasting(op: &Op, answer: Option<Claim>, known: impl FnOnce() -> Option<Claim>) -> Option<Claim> {
        answer.filter(|claim| {
            let works = matches!(claim.state, State::Held | State::Settling | State::Redeeming);
            let is_here = || known().is_some_and(|known| known.attempt == claim.attempt);
            !works || op.attempt() == Some(claim.attempt) || is_here()
        })
    }

    /// Whether the script's text goes along.
    pub fn is_full(&self) -> bool {
        self.full
    }

    /// Hands the call to `send`: its texts live no longer.
    pub fn with_swap<T>(&self, id: u64, now: UnixSeconds, send: impl FnOnce(&Swap<'_>) -> T) -> T {
        let name = Name::of(&self.identity);
        let base = self.base.as_ref().map(to_text);
        let after = if let Next::Put(claim) = &self.next { Some(claim) } else { None };
        let next = after.map(to_text);
        let before = match (&self.next, &base) {
            (Next::Keep, _) => Before::Never,
            (_, None) => Before::Absent,
            (_, Some(text)) => Before::Value(text),
        };
        let books = Books::of(self.base.and_then(|claim| claim.at(now)).as_ref(), after, now);
        let works = |claim: &Claim| matches!(claim.state, State::Held | State::Settling | State::Redeeming);
        let stays = self.one_at_a_time && after.is_some_and(works);
        // What only the facilitator can read names no wallet.
        let open = match books.open {
            _ if self.identity.chain_id == 0 => Change::Leave,
            _ if stays => Change::Put(()),
            open => open,
        };
        let payment = match (books.payment, &self.payment) {
            (Change::Put(()), Some(text)) => Change::Put(text.as_str()),
            (Change::Remove, _) => Change::Remove,
            _ => Change::Leave,
        };
        // Who asks again with another payment in his hand has not got what it takes.
        let resolves = matches!(self.outcome, Outcome::Resolve(_));
        let want_payment = payment == Change::Leave && resolves;
        send(&Swap {
            id,
            claim: &name,
            binding: &self.offered,
            before,
            next: next.as_deref(),
            expires: after.map_or(now, |claim| claim.expires.max(now)),
            open,
            ahead: self.ahead(now),
            payment,
            want_payment,
            due: books.due,
            lease: self.lease(),
            seal: self.presses(),
        })
    }

    /// One answer, at `now` by the store's clock where it told it.
    #[must_use]
    pub fn on(self, reply: Reply, now: UnixSeconds) -> Turn {
        match reply {
            Reply::Written { now: then, .. } if self.is_overtaken(now.max(then)) => self.unsure(),
            Reply::Written { .. } => self.written(),
            Reply::OpenFirst { open, .. } => self.owed(&open, now),
            Reply::Differs { current, open, .. } => self.differs(current.as_deref(), &open, now),
            Reply::Unscripted if self.full => self.unsure(),
            Reply::Unscripted => Turn::Again(Box::new(Self { full: true, ..self })),
            // Whether the short form was run is the server's word, and servers change.
            Reply::Down if self.full => self.unsure(),
            Reply::Down | Reply::Late { .. } => self.kept_back(Outcome::Unavailable),
            // The money may have moved, and it is not asked with another's signature whether it did.
            Reply::Sealed { .. } if matches!(self.outcome, Outcome::Resolve(_)) => {
                self.kept_back(Outcome::Unavailable)
            }
            Reply::Sealed { .. } => self.kept_back(Outcome::Elsewhere(State::Delivered)),
            Reply::Unsure(_) => self.unsure(),
        }
    }

    /// The end of the lease it grants, if it grants one.
    fn lease(&self) -> Option<UnixSeconds> {
        let Next::Put(Claim { state, lease, .. }) = self.next else { return None };
        let works = matches!(state, State::Held | State::Settling | State::Redeeming);
        (works && self.op.grants()).then_some(lease)
    }

    /// Whether nobody was awake to hear of the lease it grants until that was over: another may have the
    /// claim already.
    fn is_overtaken(&self, now: UnixSeconds) -> bool {
        self.lease().is_some_and(|lease| now >= lease)
    }

    /// Nothing was written of it.
    fn kept_back(self, outcome: Outcome) -> Turn {
        let adopt = self.reserves().map(|_| self.local);
        let undo = if adopt.is_some() { None } else { self.undo() };
        Turn::Over { outcome, adopt, undo }
    }

    fn written(self) -> Turn {
        let claim = if let Next::Put(claim) = self.next { Some(claim) } else { None };
        Turn::Over { outcome: self.outcome, adopt: Some(claim), undo: None }
    }

    fn differs(self, current: Option<&str>, open: &[OpenClaim], now: UnixSeconds) -> Turn {
        let base = match current.map(from_text) {
            None => None,
            Some(Some(claim)) => Some(claim),
            // Nothing of ours: it decides nothing, and nothing is written over it.
            Some(None) => return self.unsure(),
        };
        // An earlier try of this very call was written after all.
        if self.full && base.is_some() && matches!(self.next, Next::Put(claim) if Some(claim) == base) {
            return if self.is_overtaken(now) { self.unsure() } else { self.written() };
        }
        let seen = base.and_then(|claim| claim.at(now));
        if seen.is_none() && self.want_open && !open.is_empty() {
            return Self { base, ..self }.owed(open, now);
        }
        let (next, outcome) = Claim::apply(seen, &self.op, now);
        if next == Next::Keep {
            return Turn::Over { outcome, adopt: Some(seen), undo: None };
        }
        if self.tries >= TRIES {
            return self.unsure();
        }
        Turn::Again(Box::new(Self { base, next, outcome, tries: self.tries.saturating_add(1), ..self }))
    }

    /// It may have been written, and nobody may act on it.
    fn unsure(self) -> Turn {
        Turn::Over { outcome: Outcome::Unavailable, adopt: None, undo: self.undo() }
    }

    /// What leaves nobody at work where the op's owner was told that nothing is known: the claim is
    /// given up, or given back, or what became of it is written after all.
    fn undo(&self) -> Option<Op> {
        match (self.op, self.outcome, self.op.attempt()) {
            (Op::Begin(_), Outcome::Granted, Some(attempt)) => Some(Op::Release { attempt }),
            (Op::Begin(_), Outcome::Redeem(_), Some(attempt)) => Some(Op::Return { attempt }),
            (Op::Begin(_), Outcome::Resolve(_), Some(attempt)) => Some(Op::Unknown { attempt }),
            (Op::Settling { attempt, .. } | Op::Credit { attempt, .. } | Op::Waive { attempt }, _, _) => {
                Some(Op::Release { attempt })
            }
            // Who was not let go to where it leads is owed it here.
            (Op::Lead { attempt, .. }, _, _) => Some(Op::Undelivered { attempt }),
            _ => self.op.ends().then_some(self.op),
        }
    }
}

fn is_delivered(claim: Option<&Claim>) -> bool {
    claim.is_some_and(|claim| claim.state == State::Delivered)
}

#[cfg(test)]
mod tests;
