//! The store that replicas share, for one replica: what its two scripts write and say, in the dialect
//! of Upstash.
//!
//! Nothing lapses in it, and no other claim of a wallet is told: whoever needs that has the real one,
//! and `fuzz` a whole model of it.

use std::collections::HashMap;

use serde_json::json;

/// Claims, by their keys.
#[derive(Default)]
pub(super) struct Store {
    claims: HashMap<String, String>,
}

// === impl Store ===

impl Store {
    /// Answers a call, at `now` by its own clock.
    ///
    /// # Panics
    /// Where it is not called with one of the two scripts.
    pub(super) fn answer(&mut self, body: &[u8], now: u64) -> Vec<u8> {
        let words: Vec<String> = serde_json::from_slice(body).expect("a list of texts");
        let count: usize = words[2].parse().expect("a number of keys");
        let (keys, arguments) = words[3..].split_at(count);
        let now = now.to_string();
        let result = match (keys, arguments) {
            ([claim, _, _, _, ..], [before, next, _, _, _, _, _, _, _, _, id, ..]) => {
                let value = self.claims.get(claim).cloned().unwrap_or_default();
                if value == *before {
                    self.put(claim, next);
                    vec![id.clone(), "1".to_owned(), now, String::new()]
                } else {
                    vec![id.clone(), "0".to_owned(), now, value]
                }
            }
            // Nothing is ever due.
            ([_], [_, _, id, ..]) => vec![id.clone(), now],
            _ => panic!("{words:?}"),
        };
        json!({ "result": result }).to_string().into_bytes()
    }

    fn put(&mut self, claim: &str, next: &str) {
        match next {
            "" => drop(self.claims.remove(claim)),
            next => drop(self.claims.insert(claim.to_owned(), next.to_owned())),
        }
    }
}
