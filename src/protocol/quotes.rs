//! Quotes that were rendered, to be used again: no more of them than [`MOST_BYTES`].
//!
//! Once they are that many, keeping begins anew. So whoever asks for every offer of a large table has
//! those that others ask for rendered once more for the hundreds that he has rendered himself.

use std::rc::Rc;

use super::challenge::Challenge;
use crate::map::Map;

/// Bytes of rendered quotes that a worker keeps: some hundreds of them, of a policy's up to 200,000
/// offers. A sandbox's memory never shrinks.
pub const MOST_BYTES: usize = 1024 * 1024;

/// Quotes by their offers' numbers, which are unique and the caller's.
#[derive(Default)]
pub struct Quotes {
    places: Map<u64, u64>,
    kept: Vec<Rc<Challenge>>,
    bytes: usize,
    generation: u64,
}

// === impl Quotes ===

impl Quotes {
    /// Forgets what was rendered in another generation than this one; whether it was another.
    pub fn renew(&mut self, generation: u64) -> bool {
        let other = self.generation != generation;
        if other {
            self.forget();
            self.generation = generation;
        }
        other
    }

    /// The quote of an offer, if it is kept.
    pub fn get(&self, offer: u64) -> Option<Rc<Challenge>> {
        self.kept.get(usize::try_from(*self.places.get(&offer)?).ok()?).map(Rc::clone)
    }

    /// Keeps the quote of an offer that has none.
    pub fn keep(&mut self, offer: u64, challenge: Rc<Challenge>) {
        let bytes = challenge.bytes();
        if self.bytes.saturating_add(bytes) > MOST_BYTES {
            self.forget();
        }
        self.bytes = self.bytes.saturating_add(bytes);
        self.places.insert(offer, self.kept.len() as u64);
        self.kept.push(challenge);
    }

    #[inline(never)]
    fn forget(&mut self) {
        self.places = Map::default();
        self.kept.clear();
        self.bytes = 0;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Settle;
    use crate::protocol::abilities::Unasked;
    use crate::protocol::challenge::Declared;
    use crate::protocol::tests::{offer, vectors};

    fn quote() -> Rc<Challenge> {
        let requirements = &vectors()["eip712_exact_upto"]["base_eip3009"]["requirements"];
        Rc::new(Challenge::new(&offer(requirements, Settle::Before), &Unasked, Declared::default()))
    }

    /// Asks for an offer as a worker does; whether it had to be rendered.
    fn ask(quotes: &mut Quotes, offer: u64, rendered: &Rc<Challenge>) -> bool {
        let new = quotes.get(offer).is_none();
        if new {
            // Each a text of its own.
            quotes.keep(offer, Rc::new(Challenge::clone(rendered)));
        }
        new
    }

    fn kept(quotes: &Quotes) -> usize {
        quotes.kept.iter().map(|quote| quote.bytes()).sum()
    }

    #[test]
    fn whoever_asks_for_every_offer_fills_no_more_than_the_room() {
        let (mut quotes, quote) = (Quotes::default(), quote());
        let mut most = 0;
        for offer in 0..10_000 {
            assert!(ask(&mut quotes, offer, &quote));
            assert!(!ask(&mut quotes, offer, &quote), "asked for twice within a request");
            most = most.max(kept(&quotes));
        }
        assert!(most <= MOST_BYTES, "{most}");
        assert!(most > MOST_BYTES * 9 / 10, "{most}");
    }

    #[test]
    fn what_others_ask_for_is_rendered_little_more_for_it() {
        let (mut quotes, quote) = (Quotes::default(), quote());
        let fit = (MOST_BYTES / quote.bytes()) as u64;
        assert!(fit > 400, "{fit}");
        let favourites = fit / 4;
        let strangers = (1_000_000..).take(10_000);
        let rendered = strangers
            .filter(|stranger| {
                assert!(ask(&mut quotes, *stranger, &quote));
                ask(&mut quotes, stranger % favourites, &quote)
            })
            .count();
        assert!(rendered < 10_000 * 2 / 5, "{rendered}");
    }

    #[test]
    fn another_generation_knows_nothing_of_the_one_before() {
        let (mut quotes, quote) = (Quotes::default(), quote());
        assert!(!quotes.renew(0));
        quotes.keep(7, quote);
        assert!(!quotes.renew(0) && quotes.get(7).is_some());
        assert!(quotes.renew(1) && quotes.get(7).is_none());
        assert_eq!(kept(&quotes), 0);
    }
}
