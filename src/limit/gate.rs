//! Which requests of one worker are worth a look at their source.
//!
//! A look costs about 3 µs (the address, the slot, a compare-and-swap), where a 402 costs 20. So
//! 1. one request in [`Gate::weight`], by lot, is looked at, and counts for those since the last:
//!    whoever sends a share of the requests is looked at for that share of them;
//! 2. once a look finds a source at its limit, every request is looked at until that source has a
//!    token again.
//!
//! It follows that a source alone is counted exactly, and gets beyond its burst no more than what
//! each worker lets pass until its next look: `2 * weight - 2`, none where the weight is 1. Those
//! are counted too, so that in the long run it gets its rate. Among others it is counted up to
//! chance, `weight * sqrt(looks / 3)` either way. The weight is a 64th of the burst, 16 at most: below
//! a burst of 128 nothing is left to chance. How many workers there are does not matter, and nobody
//! outside can foresee the lot.

use super::Rate;

/// A 64th of a burst may go by unseen.
const PART: u32 = 64;

/// The most requests that one look stands for, on average.
const MAX_WEIGHT: u32 = 16;

/// The state of the lot in one worker.
#[derive(Debug)]
pub struct Gate {
    weight: u32,
    random: u64,
    /// Requests that pass until the next look.
    left: u32,
    /// Requests that passed since the last.
    passed: u32,
    /// Milliseconds since the epoch.
    watched_until: u64,
}

// === impl Gate ===

impl Gate {
    /// A gate for buckets of this rate; the seed is nobody's to know.
    pub fn new(rate: Rate, seed: u64) -> Self {
        let weight = rate.burst.div_euclid(PART).clamp(1, MAX_WEIGHT);
        let mut gate = Self { weight, random: seed.max(1), left: 0, passed: 0, watched_until: 0 };
        gate.draw();
        gate
    }

    /// How many requests a look stands for, on average.
    pub fn weight(&self) -> u32 {
        self.weight
    }

    /// Whether every request is looked at, and [`Gate::look`] has to know the time.
    pub fn watches(&self) -> bool {
        self.watched_until > 0
    }

    /// One request, at `now` (milliseconds since the epoch). `None` if it passes unseen, otherwise
    /// how many did since the last look.
    pub fn look(&mut self, now: u64) -> Option<u32> {
        if self.watched_until <= now {
            self.watched_until = 0;
            if self.left > 0 {
                self.left = self.left.saturating_sub(1);
                self.passed = self.passed.saturating_add(1);
                return None;
            }
            self.draw();
        }
        Some(std::mem::take(&mut self.passed))
    }

    /// A source is at its limit until then.
    pub fn watch(&mut self, until: u64) {
        self.watched_until = self.watched_until.max(until);
    }

    /// Uniform from none to `2 * weight - 2`, so that the next look comes after `weight` on average.
    fn draw(&mut self) {
        // Xorshift: nobody sees enough of it to go on from there.
        self.random ^= self.random << 13;
        self.random ^= self.random >> 7;
        self.random ^= self.random << 17;
        let gaps = u64::from(self.weight).saturating_mul(2).saturating_sub(1);
        let gap = (self.random >> 16).checked_rem(gaps).unwrap_or(0);
        self.left = u32::try_from(gap).unwrap_or(0);
    }
}
