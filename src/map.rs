//! Hash maps whose keys nobody hostile chooses: what we count ourselves, and what operators write.
//!
//! The standard library's own hasher is keyed with random bytes against chosen keys, and brings
//! the code that fetches them. FNV-1a is a few instructions.

use std::collections::HashMap;
use std::hash::{BuildHasherDefault, Hasher};

/// A map for keys that are ours or the operator's; never for a client's or a facilitator's.
pub type Map<K, V> = HashMap<K, V, BuildHasherDefault<Fnv>>;

/// FNV-1a with 64 bits.
#[derive(Clone, Copy, Debug)]
pub struct Fnv(u64);

// === impl Fnv ===

impl Default for Fnv {
    fn default() -> Self {
        Self(0xcbf2_9ce4_8422_2325)
    }
}

impl Hasher for Fnv {
    fn write(&mut self, bytes: &[u8]) {
        let step = |hash: u64, byte: &u8| (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3);
        self.0 = bytes.iter().fold(self.0, step);
    }

    fn finish(&self) -> u64 {
        self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hashes_are_those_of_fnv_1a() {
        let hash = |text: &str| {
            let mut hasher = Fnv::default();
            hasher.write(text.as_bytes());
            hasher.finish()
        };
        assert_eq!(hash(""), 0xcbf2_9ce4_8422_2325);
        assert_eq!(hash("a"), 0xaf63_dc4c_8601_ec8c);
        assert_eq!(hash("foobar"), 0x8594_4171_f739_67e8);
    }

    #[test]
    fn counted_keys_fall_into_different_places() {
        // The low bits choose a place, so they must differ for the keys that are used here.
        for shift in [0, 3, 32] {
            let mut seen = std::collections::HashSet::new();
            for key in 0..1024_u64 {
                let mut hasher = Fnv::default();
                hasher.write(&(key << shift).to_le_bytes());
                seen.insert(hasher.finish() & 0xffff);
            }
            assert!(seen.len() > 900, "{} places for keys shifted by {shift}", seen.len());
        }
    }
}
