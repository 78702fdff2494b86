//! What stands in the shared data of a process, whoever wrote it: buckets of claims, the index of
//! open ones, demands that are kept.
//!
//! 1. A bucket is read whole or not at all; where it is not, every op is refused.
//! 2. What is read and written again is read as the same.
//! 3. Whatever stands there, nothing larger than its bound comes back.

use std::cell::RefCell;
use std::collections::HashMap;

use x402_proxy_wasm::claims::bucket::{Bucket, Forgotten, Layout};
use x402_proxy_wasm::claims::table::{Shared, StoreDown, Table};
use x402_proxy_wasm::claims::{Attempt, Begin, Binding, Identity, Next, Op, Opening, Outcome};
use x402_proxy_wasm::demand::{ring, Demand};
use x402_proxy_wasm::evm::address::Address;

use crate::cost;

const NOW: u64 = 1_000_000;

/// Shared data in which every key that is not the table's shape holds the same.
struct Planted<'a> {
    value: &'a [u8],
    written: RefCell<HashMap<String, (Vec<u8>, u32)>>,
}

impl Shared for Planted<'_> {
    fn get(&self, key: &str) -> Result<Option<(Vec<u8>, u32)>, StoreDown> {
        if let Some(found) = self.written.borrow().get(key) {
            return Ok(Some(found.clone()));
        }
        Ok((!key.ends_with("meta")).then(|| (self.value.to_vec(), 1)))
    }

    fn set(&self, key: &str, value: &[u8], cas: u32) -> Result<bool, StoreDown> {
        let known = self.get(key)?.map(|(_, cas)| cas);
        if known.is_some_and(|known| cas != 0 && cas != known) {
            return Ok(false);
        }
        let next = known.map_or(1, |known| known + 1);
        self.written.borrow_mut().insert(key.to_owned(), (value.to_vec(), next));
        Ok(true)
    }
}

/// Bytes.
pub fn run(data: &[u8]) {
    bucket(data);
    let shared = Planted { value: data, written: RefCell::default() };
    let table = Table::open(&shared, 32, Layout::Two, [1; 16]).expect("a table");
    let who = Identity {
        chain_id: 8_453,
        verifying_contract: Address::new([1; 20]),
        payer: Address::new([2; 20]),
        nonce: [3; 32],
    };
    let begin = Begin {
        attempt: Attempt(1),
        opening: Opening::Settling,
        binding: Binding([4; 16]),
        valid_before: NOW + 60,
        redeem_for: 3_600,
        lease: NOW + 15,
        settler: 1,
        vouched: false,
    };
    let work = || table.run(&shared, &who, &Op::Begin(begin), NOW);
    let applied = cost::within(16_384, 8, data.len(), work);
    if Bucket::parse(data).is_none() {
        assert_eq!(applied.outcome, Outcome::Unavailable, "granted over bytes of nobody's");
    }
    if applied.outcome == Outcome::Granted {
        let again = table.run(&shared, &who, &Op::Begin(Begin { attempt: Attempt(2), ..begin }), NOW);
        assert_eq!(again.outcome, Outcome::InFlight, "granted twice");
    }
    let _ = table.sweep(&shared, 0, NOW, &mut Forgotten::default());
    open(data, &who);
    demand(data, &who);
}

fn bucket(data: &[u8]) {
    let Some(parsed) = cost::within(1_024, 1, data.len(), || Bucket::parse(data)) else { return };
    let (entries, doubtful) = parsed.load(NOW);
    assert!(doubtful <= entries && entries <= data.len() / 48);
    let kept = cost::within(1_024, 4, data.len(), || parsed.rewrite(&[0; 12], &Next::Keep, NOW));
    assert!(kept.bytes.len() <= data.len());
    let again = Bucket::parse(&kept.bytes).expect("what is written is a bucket");
    assert_eq!(again.load(NOW), (entries, doubtful));
    assert_eq!(again.lapsed(NOW), 0, "it changes without time passing");
    assert_eq!(again.rewrite(&[0; 12], &Next::Keep, NOW).bytes, kept.bytes);
}

fn open(data: &[u8], who: &Identity) {
    let shared = Planted { value: data, written: RefCell::default() };
    // A shape of its own: the buckets of claims are not looked at.
    let empty = Planted { value: &Bucket::empty(Layout::Two), written: RefCell::default() };
    let table = Table::open(&empty, 32, Layout::Two, [1; 16]).expect("a table");
    let wallet = table.wallet(who, Binding([5; 16]));
    let nonces = table.open_claims(&shared, &wallet, NOW).expect("the store answers");
    assert!(nonces.len() <= data.len() / 48);
    let noted = table.note_open(&shared, &wallet, &[9; 32], NOW + 10, NOW);
    let nonces = table.open_claims(&shared, &wallet, NOW).expect("the store answers");
    assert_eq!(nonces.contains(&[9; 32]), noted);
    table.note_closed(&shared, &wallet, &[9; 32], NOW);
    let nonces = table.open_claims(&shared, &wallet, NOW).expect("the store answers");
    assert!(!nonces.contains(&[9; 32]));
    let largest = shared.written.borrow().values().map(|(value, _)| value.len()).max().unwrap_or(0);
    assert!(largest <= 256 * 48 + 48, "{largest}");
}

fn demand(data: &[u8], who: &Identity) {
    let read = cost::within(1_024, 4, data.len(), || Demand::from_bytes(data));
    if let Some(demand) = &read {
        let written = demand.to_bytes();
        assert!(written.is_none_or(|written| written == data));
    }
    let shared = Planted { value: data, written: RefCell::default() };
    let _ = ring::find(&shared, who);
    if let Ok(Some(kept)) = ring::take_due(&shared, 0, NOW, |_| true) {
        assert!(kept.due <= NOW && kept.expires > NOW);
        let again = ring::take_due(&shared, 0, NOW, |_| true);
        assert_eq!(again, Ok(None), "two workers have it");
    }
    ring::postpone(&shared, who, NOW);
    if let Some(demand) = read.filter(|demand| demand.to_bytes().is_some()) {
        if ring::keep(&shared, &demand, NOW, NOW + 100, NOW, false) {
            assert_eq!(ring::find(&shared, &demand.identity), Some(demand.clone()));
            ring::drop(&shared, &demand.identity);
            assert_eq!(ring::find(&shared, &demand.identity), None);
        }
    }
}
