//! Stops asking, and stops quoting, while a facilitator does not answer: a quote is an
//! invitation to sign, and what is signed then cannot be settled.

/// Calls without an answer, one after the other, that open the breaker.
const OPENS_AFTER: u8 = 5;

/// Seconds it stays open before one payment is let through to try.
const OPEN_SECONDS: u64 = 5;

/// One worker's view of one facilitator.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Breaker {
    failures: u8,
    /// Zero while closed.
    open_until: u64,
}

// === impl Breaker ===

impl Breaker {
    /// Whether payments may be taken and quotes given. Once the pause is over the first
    /// caller is let through and everybody else waits for what it learns.
    pub fn admits(&mut self, now: u64) -> bool {
        if self.is_closed() {
            return true;
        }
        if now < self.open_until {
            return false;
        }
        self.open_until = now.saturating_add(OPEN_SECONDS);
        true
    }

    /// Whether the time does not matter.
    pub fn is_closed(&self) -> bool {
        self.open_until == 0
    }

    /// Whether quotes may be given: a quote must not use up the one trial.
    pub fn quotes(&self, now: u64) -> bool {
        self.is_closed() || now >= self.open_until
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
}

#[cfg(test)]
mod tests {
    use super::*;

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
}
