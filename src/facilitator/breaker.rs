//! Stops asking, and stops quoting, while a facilitator does not answer: a quote is an
//! invitation to sign, and what is signed then cannot be settled.
//!
//! Each worker counts silences for itself, and what the count comes to is everybody's: a breaker
//! that opens or closes is written where all workers of the process look once a second
//! ([`Breaker::shared`], [`Breaker::learn`]), so that all is well as long as nothing is written,
//! and a request costs nothing then.

use crate::protocol::abilities::Standing;

/// Calls without an answer, one after the other, that open the breaker.
const OPENS_AFTER: u8 = 5;

/// Seconds it stays open before one payment is let through to try.
pub const OPEN_SECONDS: u64 = 5;

/// Closed, but one silence is enough: nothing has been settled since.
const ON_PROBATION: u64 = 1;

/// One worker's view of one facilitator.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Breaker {
    failures: u8,
    /// Zero while closed; or [`ON_PROBATION`].
    open_until: u64,
}

// === impl Breaker ===

impl Breaker {
    /// Whether payments may be taken. Once the pause is over the first caller is let through
    /// and everybody else waits for what it learns.
    pub fn admits(&mut self, now: u64) -> bool {
        match self.standing(now) {
            Standing::Ready => true,
            Standing::Shut => false,
            Standing::Trial => {
                self.open_until = now.saturating_add(OPEN_SECONDS);
                true
            }
        }
    }

    /// Whether the time does not matter.
    pub fn is_closed(&self) -> bool {
        self.open_until <= ON_PROBATION
    }

    /// Whether it may be asked, without using up the one trial. A pause that ends later than any
    /// pause does was begun by a clock that has been set back.
    pub fn standing(&self, now: u64) -> Standing {
        if self.is_closed() {
            Standing::Ready
        } else if now < self.open_until && self.open_until <= now.saturating_add(OPEN_SECONDS) {
            Standing::Shut
        } else {
            Standing::Trial
        }
    }

    /// Whether quotes may be given: a quote must not use up the one trial.
    pub fn quotes(&self, now: u64) -> bool {
        self.standing(now) != Standing::Shut
    }

    /// The facilitator answered, whatever it said.
    pub fn answered(&mut self) {
        *self = Self::default();
    }

    /// It did not.
    pub fn failed(&mut self, now: u64) {
        self.failures = self.failures.saturating_add(1);
        if self.failures >= OPENS_AFTER {
            self.open_until = now.saturating_add(OPEN_SECONDS);
        }
    }

    /// It answered where no money is at stake (`/supported`): reason enough to end a pause that
    /// is over, so that no payment has to be the trial.
    pub fn reached(&mut self, now: u64) {
        if self.standing(now) == Standing::Trial {
            self.learn(ON_PROBATION.to_le_bytes());
        }
    }

    /// What all workers share of it.
    pub fn shared(&self) -> [u8; 8] {
        self.open_until.to_le_bytes()
    }

    /// Takes over what another worker shared.
    pub fn learn(&mut self, shared: [u8; 8]) {
        let open_until = u64::from_le_bytes(shared);
        if open_until != self.open_until {
            self.open_until = open_until;
            // Whoever closed it was answered; on probation, not yet by a payment.
            self.failures = if open_until == 0 { 0 } else { OPENS_AFTER.saturating_sub(1) };
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn opened(at: u64) -> Breaker {
        let mut breaker = Breaker::default();
        (0..5).for_each(|_| breaker.failed(at));
        breaker
    }

    #[test]
    fn opens_after_five_silences_and_tries_one_payment_at_a_time() {
        let mut breaker = Breaker::default();
        for _ in 0..4 {
            breaker.failed(100);
            assert!(breaker.admits(100));
        }
        breaker.failed(100);
        assert!(!breaker.admits(101) && !breaker.quotes(104), "open");
        assert!(breaker.quotes(105), "half-open quotes");
        assert!(breaker.admits(105) && !breaker.admits(105), "one trial");
        assert!(!breaker.quotes(105), "and no quotes until it is over");
        breaker.answered();
        assert!(breaker.admits(106) && breaker.quotes(106));
    }

    #[test]
    fn an_answer_between_silences_keeps_it_closed() {
        let mut breaker = Breaker::default();
        for _ in 0..20 {
            breaker.failed(100);
            breaker.failed(100);
            breaker.answered();
        }
        assert!(breaker.admits(100));
    }

    #[test]
    fn a_trial_without_an_answer_begins_another_pause() {
        let mut breaker = opened(100);
        assert!(breaker.admits(105));
        breaker.failed(106);
        assert_eq!((breaker.standing(110), breaker.standing(111)), (Standing::Shut, Standing::Trial));
    }

    #[test]
    fn what_one_worker_learns_all_know() {
        let mut other = Breaker::default();
        other.failed(90);
        other.learn(opened(100).shared());
        assert_eq!((other.standing(104), other.standing(105)), (Standing::Shut, Standing::Trial));
        other.learn(Breaker::default().shared());
        assert_eq!(other, Breaker::default(), "closed, and the silences before are forgotten");
        for _ in 0..4 {
            other.failed(200);
        }
        other.learn(Breaker::default().shared());
        other.failed(200);
        assert!(!other.is_closed(), "what changes nothing resets no count");
    }

    #[test]
    fn an_answer_without_money_closes_it_on_probation() {
        let mut breaker = opened(100);
        breaker.reached(104);
        assert_eq!(breaker.standing(104), Standing::Shut, "not before the pause is over");
        breaker.reached(105);
        assert_eq!(breaker.standing(105), Standing::Ready);
        let mut other = opened(100);
        other.learn(breaker.shared());
        assert_eq!(other, breaker);
        other.failed(106);
        assert_eq!(other.standing(106), Standing::Shut, "one silence is enough");
        breaker.answered();
        assert_eq!(breaker.shared(), [0; 8]);
        let mut well = Breaker::default();
        well.reached(100);
        assert_eq!(well, Breaker::default());
    }

    #[test]
    fn a_pause_begun_by_a_clock_that_was_set_back_is_over() {
        assert_eq!(opened(1_000_000).standing(100), Standing::Trial);
    }
}
