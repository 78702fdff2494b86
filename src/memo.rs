//! The last results of a pure function, a fixed number of them.
//!
//! A hash costs some two microseconds in the sandbox, and one payment asks for the same few again
//! and again: the spelling of its payer, of the payee and of the asset; where its claim is kept.

/// Results by their arguments; an argument has one place, and the last one there stays.
pub struct Memo<K, V, const PLACES: usize>([Option<(K, V)>; PLACES]);

// === impl Memo ===

impl<K, V, const PLACES: usize> Memo<K, V, PLACES> {
    /// Nothing is known yet.
    pub const fn new() -> Self {
        Self([const { None }; PLACES])
    }
}

impl<K: PartialEq, V: Copy, const PLACES: usize> Memo<K, V, PLACES> {
    /// The result for `key`, whose place `hint` chooses. Whoever chooses keys so that they meet in
    /// one place is served as if there were no memo.
    pub fn get(&mut self, hint: u8, key: K, compute: impl FnOnce(&K) -> V) -> V {
        let known = self.find(hint, |known| *known == key);
        known.unwrap_or_else(|| {
            let value = compute(&key);
            self.keep(hint, key, value);
            value
        })
    }

    /// The result in the place that `hint` chooses, if it is of the key that is meant.
    pub fn find(&self, hint: u8, is: impl FnOnce(&K) -> bool) -> Option<V> {
        let (known, value) = self.0.get(usize::from(hint).checked_rem(PLACES)?)?.as_ref()?;
        is(known).then_some(*value)
    }

    /// Puts a result there, in place of another.
    pub fn keep(&mut self, hint: u8, key: K, value: V) {
        let place = usize::from(hint).checked_rem(PLACES).and_then(|place| self.0.get_mut(place));
        if let Some(place) = place {
            *place = Some((key, value));
        }
    }
}

impl<K, V, const PLACES: usize> Default for Memo<K, V, PLACES> {
    fn default() -> Self {
        Self::new()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn computes_once_until_another_takes_the_place() {
        let mut memo = Memo::<u32, u32, 4>::new();
        let mut computed = 0;
        let mut ask = |hint, key| {
            let before = computed;
            let value = memo.get(hint, key, |key| {
                computed += 1;
                key * 10
            });
            (value, computed > before)
        };
        assert_eq!(ask(1, 7), (70, true));
        assert_eq!(ask(1, 7), (70, false));
        // Another place does not know it.
        assert_eq!(ask(2, 7), (70, true));
        // One of the same place, five being one of four, takes its room.
        assert_eq!(ask(5, 8), (80, true));
        assert_eq!(ask(1, 7), (70, true));
        assert_eq!(ask(2, 7), (70, false));
    }

    #[test]
    fn one_without_places_only_computes() {
        let mut memo = Memo::<u32, u32, 0>::new();
        assert_eq!(memo.get(0, 7, |key| key * 10), 70);
    }
}
