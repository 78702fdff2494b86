//! What needs no Envoy: a claim table, filled.

use std::cell::RefCell;
use std::collections::HashMap;
use std::time::Instant;

use x402_proxy_wasm::claims::bucket::{Bucket, Layout};
use x402_proxy_wasm::claims::table::{Shared, StoreDown, Table};
use x402_proxy_wasm::claims::{Attempt, Begin, Binding, Identity, Op, Opening, Outcome, Transaction};
use x402_proxy_wasm::evm::address::Address;

use crate::stats::Spread;
use crate::Failure;

/// The claims a policy holds unless it says otherwise.
pub const CAPACITY: u32 = 131_072;

/// A table filled to its capacity.
#[derive(Clone, Debug)]
pub struct Filled {
    pub what: &'static str,
    pub granted: u32,
    pub refused: u32,
    /// Values in shared data; keys and the host's own overhead come on top.
    pub bytes: usize,
    pub buckets: u32,
    /// How many claims the buckets hold.
    pub spread: Spread,
    /// Nanoseconds for one op, native, on a full table.
    pub op: f64,
}

/// The host's shared data, in this process.
#[derive(Default)]
struct Store(RefCell<HashMap<String, (Vec<u8>, u32)>>);

impl Shared for Store {
    fn get(&self, key: &str) -> Result<Option<(Vec<u8>, u32)>, StoreDown> {
        Ok(self.0.borrow().get(key).cloned())
    }

    fn set(&self, key: &str, value: &[u8], cas: u32) -> Result<bool, StoreDown> {
        let mut entries = self.0.borrow_mut();
        match entries.get_mut(key) {
            Some((_, current)) if *current != cas => Ok(false),
            Some((known, current)) => {
                value.clone_into(known);
                *current += 1;
                Ok(true)
            }
            None => {
                entries.insert(key.to_owned(), (value.to_vec(), 1));
                Ok(true)
            }
        }
    }
}

/// Fills the table with as many purchases as its capacity says: waiting for their upstream,
/// and then delivered.
pub fn claims(capacity: u32) -> Result<Vec<Filled>, Failure> {
    const NOW: u64 = 1_800_000_000;
    let store = Store::default();
    let table = Table::open(&store, capacity, Layout::Two, *b"sixteen bytes of")?;
    let outcomes = |op: &dyn Fn(u32) -> Op| -> (Vec<Outcome>, f64) {
        let begun = Instant::now();
        let all = (0..capacity)
            .map(|number| table.run(&store, &identity(number), &op(number), NOW).outcome)
            .collect();
        (all, begun.elapsed().as_secs_f64() * 1e9 / f64::from(capacity))
    };
    let count =
        |outcomes: &[Outcome], wanted: Outcome| outcomes.iter().filter(|outcome| **outcome == wanted).count();
    let bytes = || store.0.borrow().values().map(|(value, _)| value.len()).sum();
    let spread = || {
        let entries = store.0.borrow();
        let buckets = entries.values().filter_map(|(value, _)| Bucket::parse(value));
        Spread::of(&buckets.map(|bucket| bucket.load(NOW).0).collect::<Vec<_>>())
    };
    let lease = NOW + 15;
    let begin = |number: u32| Begin {
        attempt: Attempt(number.into()),
        opening: Opening::Held,
        binding: Binding([7; 16]),
        valid_before: NOW + 60,
        redeem_for: 3_600,
        lease,
        settler: 1,
        vouched: false,
    };
    let (begun, op) = outcomes(&|number| Op::Begin(begin(number)));
    let granted = u32::try_from(count(&begun, Outcome::Granted))?;
    let refused = u32::try_from(count(&begun, Outcome::Full))?;
    let live = Filled {
        what: "live",
        granted,
        refused,
        bytes: bytes(),
        buckets: table.buckets(),
        spread: spread(),
        op,
    };
    for number in 0..capacity {
        let attempt = Attempt(number.into());
        let settled = Op::Settled {
            attempt,
            transaction: Transaction([9; 32]),
            deliver: Some(lease),
            until: 0,
            otherwise: begin(number),
        };
        table.run(&store, &identity(number), &Op::Settling { attempt, lease, amount: None, settler: 1 }, NOW);
        table.run(&store, &identity(number), &settled, NOW);
    }
    let (ended, op) = outcomes(&|number| Op::Delivered { attempt: Attempt(number.into()) });
    let kept = u32::try_from(count(&ended, Outcome::Done))?;
    Ok(vec![
        live,
        Filled {
            what: "delivered",
            granted: kept,
            refused,
            bytes: bytes(),
            buckets: table.buckets(),
            spread: spread(),
            op,
        },
    ])
}

fn identity(number: u32) -> Identity {
    let mut nonce = [0; 32];
    nonce[..4].copy_from_slice(&number.to_be_bytes());
    Identity {
        chain_id: 84_532,
        verifying_contract: Address::new([1; 20]),
        payer: Address::new([2; 20]),
        nonce,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_small_table_holds_what_it_says() {
        let filled = claims(4_096).unwrap();
        assert_eq!(filled[0].granted + filled[0].refused, 4_096);
        assert!(filled[0].refused <= 4, "{filled:?}");
        let Spread { least, most, mean, deviation } = filled[0].spread;
        assert!(
            least > 0
                && most < 64
                && (mean * f64::from(filled[0].buckets) - f64::from(filled[0].granted)).abs() < 0.5,
            "{filled:?}"
        );
        assert!((0.6..1.4).contains(&(deviation / mean.sqrt())), "not as chance would have it: {filled:?}");
        assert!(filled[1].granted >= filled[0].granted && filled[1].bytes < filled[0].bytes, "{filled:?}");
    }
}
