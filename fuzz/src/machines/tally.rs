//! Many inputs of one kind, and what they came to.

use std::collections::BTreeMap;

use super::{play, Outcome};

/// What went wrong: how often, payments booked beside it, and what became of these.
type Fault = (usize, usize, [usize; 5]);

/// The sum of many inputs.
pub(super) struct Tally {
    pub(super) count: u64,
    pub(super) sum: Outcome,
    pub(super) faults: BTreeMap<&'static str, Fault>,
    bytes: usize,
}

// === impl Tally ===

impl Tally {
    /// Plays as many inputs as the environment's `variable` says, made of random bytes.
    ///
    /// # Panics
    /// When a promise is broken: with the input.
    pub(super) fn of(variable: &str, count: u64, make: impl Fn(&mut dyn FnMut() -> u8) -> Vec<u8>) -> Self {
        let number = |name: &str, default: u64| {
            std::env::var(name).ok().and_then(|text| text.parse().ok()).unwrap_or(default)
        };
        let (count, seed) = (number(variable, count), number("MODEL_SEED", 1));
        let mut tally = Self { count, sum: Outcome::default(), faults: BTreeMap::new(), bytes: 0 };
        for sequence in number("MODEL_FROM", 0)..count {
            let mut state = (seed << 32 | sequence).wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
            let data = make(&mut || {
                state ^= state << 13;
                state ^= state >> 7;
                state ^= state << 17;
                (state >> 24) as u8
            });
            let played = std::panic::catch_unwind(|| play(&data));
            let outcome =
                played.unwrap_or_else(|_| panic!("MODEL_SEED={seed}, sequence {sequence}: {data:?}"));
            tally.add(data.len(), &outcome);
        }
        tally
    }

    fn add(&mut self, bytes: usize, outcome: &Outcome) {
        let add = |totals: &mut [usize; 5]| {
            for (total, one) in totals.iter_mut().zip(outcome.accounts) {
                *total += one;
            }
        };
        self.bytes += bytes;
        self.sum.releases += outcome.releases;
        self.sum.booked += outcome.booked;
        add(&mut self.sum.accounts);
        for (fault, times) in &outcome.faults {
            let (injected, booked, accounts) = self.faults.entry(fault).or_default();
            *injected += times;
            *booked += outcome.booked;
            add(accounts);
        }
    }

    /// Says it.
    pub(super) fn show(&self) {
        let [delivered, redeemed, exhausted, open, forgotten] = self.sum.accounts;
        println!(
            "{} sequences, {} bytes of events: {} payments booked, {} times content went out; {delivered} delivered, \
             {redeemed} redeemed in the end, {exhausted} tried too often, {open} open, {forgotten} given up after \
             their time",
            self.count, self.bytes, self.sum.booked, self.sum.releases,
        );
        println!("| what went wrong | times | payments booked beside it | delivered | redeemed in the end | tried too often | open | given up |\n|---|---|---|---|---|---|---|---|");
        for (fault, (times, booked, [delivered, redeemed, exhausted, open, forgotten])) in &self.faults {
            println!("| {fault} | {times} | {booked} | {delivered} | {redeemed} | {exhausted} | {open} | {forgotten} |");
        }
    }
}
