//! Hash maps whose keys nobody hostile chooses: what we count ourselves, and what operators write.
//!
//! The standard library's maps are 2 KB of code for every pair of types. Here the search is one
//! function for all of them, and what is particular to a type is a vector.

use std::borrow::Borrow;
use std::hash::{Hash, Hasher};

/// A map for keys that are ours or the operator's; never for a client's or a facilitator's. Holds
/// fewer than 2^32 entries, in no order once something was removed.
pub struct Map<K, V> {
    entries: Vec<(K, V)>,
    index: Index,
}

/// Where entries are, by the hash of their keys: open addressing, at most half full.
#[derive(Default)]
struct Index {
    /// As many as a power of two. A hash and, from 1, the place of an entry; place 0 is free.
    slots: Vec<(u32, u32)>,
    used: usize,
}

/// FNV-1a with 64 bits.
struct Fnv(u64);

// === impl Map ===

impl<K, V> Default for Map<K, V> {
    fn default() -> Self {
        Self { entries: Vec::new(), index: Index::default() }
    }
}

impl<K: Hash + Eq, V> Map<K, V> {
    /// The value of a key.
    pub fn get<Q: Hash + Eq + ?Sized>(&self, key: &Q) -> Option<&V>
    where
        K: Borrow<Q>,
    {
        self.entries.get(self.find(key)?).map(|(_, value)| value)
    }

    /// The value of a key, to be changed.
    pub fn get_mut<Q: Hash + Eq + ?Sized>(&mut self, key: &Q) -> Option<&mut V>
    where
        K: Borrow<Q>,
    {
        let place = self.find(key)?;
        self.entries.get_mut(place).map(|(_, value)| value)
    }

    /// Puts a value in; returns the one that was there.
    pub fn insert(&mut self, key: K, value: V) -> Option<V> {
        if let Some(known) = self.get_mut(&key) {
            return Some(std::mem::replace(known, value));
        }
        self.index.add(hash(&key), self.entries.len());
        self.entries.push((key, value));
        None
    }

    /// Takes a value out.
    pub fn remove<Q: Hash + Eq + ?Sized>(&mut self, key: &Q) -> Option<V>
    where
        K: Borrow<Q>,
    {
        let place = self.find(key)?;
        self.index.remove(hash(key), place);
        // The last entry takes the place.
        let last = self.entries.len().saturating_sub(1);
        if let Some((moved, _)) = self.entries.get(last).filter(|_| last != place) {
            self.index.remove(hash(moved), last);
            self.index.add(hash(moved), place);
        }
        Some(self.entries.swap_remove(place).1)
    }

    /// The entries.
    pub fn iter(&self) -> impl Iterator<Item = (&K, &V)> {
        self.entries.iter().map(|(key, value)| (key, value))
    }

    /// The keys.
    pub fn keys(&self) -> impl Iterator<Item = &K> {
        self.entries.iter().map(|(key, _)| key)
    }

    /// The values.
    pub fn values(&self) -> impl Iterator<Item = &V> {
        self.entries.iter().map(|(_, value)| value)
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    fn find<Q: Hash + Eq + ?Sized>(&self, key: &Q) -> Option<usize>
    where
        K: Borrow<Q>,
    {
        self.index
            .find(hash(key), &|place| self.entries.get(place).is_some_and(|(known, _)| known.borrow() == key))
    }
}

// === impl Index ===

impl Index {
    /// The place of the entry with this hash that is the one.
    #[inline(never)]
    fn find(&self, hash: u32, is: &dyn Fn(usize) -> bool) -> Option<usize> {
        let mut slot = self.home(hash);
        loop {
            let (known, place) = *self.slots.get(slot)?;
            let place = (place as usize).checked_sub(1)?;
            if known == hash && is(place) {
                return Some(place);
            }
            slot = self.after(slot);
        }
    }

    #[inline(never)]
    fn add(&mut self, hash: u32, place: usize) {
        self.used = self.used.saturating_add(1);
        if self.used.saturating_mul(2) > self.slots.len() {
            let size = self.used.saturating_mul(2).next_power_of_two().max(8);
            let old = std::mem::replace(&mut self.slots, vec![(0, 0); size]);
            for (hash, place) in old.into_iter().filter(|(_, place)| *place > 0) {
                self.put(hash, place);
            }
        }
        self.put(hash, u32::try_from(place.saturating_add(1)).unwrap_or(u32::MAX));
    }

    /// Frees the slot of a place, and moves up those after it that it kept from their homes.
    #[inline(never)]
    fn remove(&mut self, hash: u32, place: usize) {
        let mut gap = self.home(hash);
        while self.slots.get(gap).is_some_and(|(_, at)| *at as usize != place.saturating_add(1)) {
            gap = self.after(gap);
        }
        let mut slot = gap;
        loop {
            slot = self.after(slot);
            let Some(&(hash, place @ 1..)) = self.slots.get(slot) else { break };
            // It may move as far back as its home.
            if self.steps(self.home(hash), slot) >= self.steps(gap, slot) {
                self.set(gap, (hash, place));
                gap = slot;
            }
        }
        self.set(gap, (0, 0));
        self.used = self.used.saturating_sub(1);
    }

    fn put(&mut self, hash: u32, place: u32) {
        let mut slot = self.home(hash);
        while self.slots.get(slot).is_some_and(|(_, place)| *place > 0) {
            slot = self.after(slot);
        }
        self.set(slot, (hash, place));
    }

    fn set(&mut self, slot: usize, to: (u32, u32)) {
        if let Some(slot) = self.slots.get_mut(slot) {
            *slot = to;
        }
    }

    fn mask(&self) -> usize {
        self.slots.len().saturating_sub(1)
    }

    fn home(&self, hash: u32) -> usize {
        hash as usize & self.mask()
    }

    fn after(&self, slot: usize) -> usize {
        slot.wrapping_add(1) & self.mask()
    }

    /// How many slots from one to another, around the end.
    fn steps(&self, from: usize, to: usize) -> usize {
        to.wrapping_sub(from) & self.mask()
    }
}

// === impl Fnv ===

impl Hasher for Fnv {
    fn write(&mut self, bytes: &[u8]) {
        let step = |hash: u64, byte: &u8| (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3);
        self.0 = bytes.iter().fold(self.0, step);
    }

    fn finish(&self) -> u64 {
        self.0
    }
}

/// Where a key belongs; the same key always the same.
#[inline(never)]
pub(crate) fn hash<Q: Hash + ?Sized>(key: &Q) -> u32 {
    let hash = hash64(key);
    (hash ^ hash >> 32) as u32
}

/// The same in full: FNV-1a over what a key hashes of itself.
pub(crate) fn hash64<Q: Hash + ?Sized>(key: &Q) -> u64 {
    let mut hasher = Fnv(0xcbf2_9ce4_8422_2325);
    key.hash(&mut hasher);
    hasher.finish()
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use super::*;

    #[test]
    fn hashes_are_those_of_fnv_1a() {
        let hash = |text: &str| {
            let mut hasher = Fnv(0xcbf2_9ce4_8422_2325);
            hasher.write(text.as_bytes());
            hasher.finish()
        };
        assert_eq!(hash(""), 0xcbf2_9ce4_8422_2325);
        assert_eq!(hash("a"), 0xaf63_dc4c_8601_ec8c);
        assert_eq!(hash("foobar"), 0x8594_4171_f739_67e8);
    }

    #[test]
    fn counted_keys_fall_into_different_places() {
        for shift in [0, 3, 32] {
            let places: std::collections::HashSet<u32> =
                (0..1024_u64).map(|key| hash(&(key << shift)) & 0xffff).collect();
            assert!(places.len() > 900, "{} places for keys shifted by {shift}", places.len());
        }
    }

    /// What a map must do, step by step, as the standard library's does it.
    fn compare(steps: impl Iterator<Item = (u8, u64)>) {
        let (mut ours, mut theirs) = (Map::<u64, usize>::default(), HashMap::new());
        for (count, (what, key)) in steps.enumerate() {
            match what % 4 {
                0 => assert_eq!(ours.remove(&key), theirs.remove(&key)),
                1 => assert_eq!(ours.get_mut(&key), theirs.get_mut(&key)),
                _ => assert_eq!(ours.insert(key, count), theirs.insert(key, count)),
            }
            assert_eq!((ours.len(), ours.is_empty()), (theirs.len(), theirs.is_empty()));
            assert_eq!(ours.get(&key), theirs.get(&key));
        }
        let collected: HashMap<u64, usize> = ours.iter().map(|(key, value)| (*key, *value)).collect();
        assert_eq!(collected, theirs);
        assert!(theirs.iter().all(|(key, value)| ours.get(key) == Some(value)));
        assert_eq!(ours.keys().count(), ours.values().count());
    }

    #[test]
    fn names_are_found_by_their_text() {
        let names: Vec<String> = (0..1000).map(|number| format!("route-{number}")).collect();
        let mut map: Map<&str, usize> = Map::default();
        for (place, name) in names.iter().enumerate() {
            assert_eq!(map.insert(name, place), None);
        }
        assert!(names.iter().enumerate().all(|(place, name)| map.get(name.as_str()) == Some(&place)));
        assert_eq!(map.get("route-1000"), None);
        assert_eq!(map.insert("route-7", 0), Some(7));
    }

    proptest::proptest! {
        #[test]
        fn it_is_a_map(steps in proptest::collection::vec((0..4_u8, 0..40_u64), 0..400)) {
            compare(steps.into_iter());
        }

        #[test]
        fn it_is_a_large_map(steps in proptest::collection::vec((0..4_u8, 0..2000_u64), 0..4000)) {
            compare(steps.into_iter());
        }
    }
}
