//! Which claims of a wallet are open.

#![allow(clippy::arithmetic_side_effects, reason = "a test may panic")]

use proptest::prelude::*;

use super::*;
use crate::claims::bucket::Layout;
use crate::claims::table::tests::store::{Memory, DIALECTS};
use crate::evm::address::Address;

const NOW: UnixSeconds = 1_767_225_600;
const LATER: UnixSeconds = NOW + 4_000;
const SEED: [u8; 16] = [5; 16];
const TILES: Binding = Binding([7; 16]);

fn who(payer: u64) -> Identity {
    let mut address = [2; 20];
    address[..8].copy_from_slice(&payer.to_be_bytes());
    Identity {
        chain_id: 8_453,
        verifying_contract: Address::new([1; 20]),
        payer: Address::new(address),
        nonce: [0; 32],
    }
}

fn opened(store: &Memory) -> Table {
    Table::open(store, 32, Layout::Two, SEED).unwrap()
}

fn found(table: &Table, store: &Memory, wallet: &Wallet) -> Vec<[u8; 32]> {
    table.open_claims(store, wallet, NOW).unwrap()
}

#[test]
fn what_was_seen_is_not_fetched_again_unless_it_changed() {
    for dialect in DIALECTS {
        let store = Memory::new(dialect);
        let table = opened(&store);
        let [one, two] = <[Wallet; 2]>::try_from(neighbours(&table, 2)).unwrap();
        // Of a bucket that is not there yet.
        let seen = table.look(&store, &one).unwrap();
        assert!(table.note_open_in(Some(seen), &store, &one, &[1; 32], LATER, NOW), "{dialect:?}");
        // Somebody was faster: nothing of his is lost.
        let stale = table.look(&store, &one).unwrap();
        assert!(table.note_open(&store, &two, &[2; 32], LATER, NOW));
        assert!(table.note_open_in(Some(stale.clone()), &store, &one, &[3; 32], LATER, NOW));
        assert_eq!(found(&table, &store, &one), [[3; 32], [1; 32]]);
        assert_eq!(found(&table, &store, &two), [[2; 32]]);
        // Seen of another bucket, it says nothing of this one.
        let other = (2..).map(|payer| table.wallet(&who(payer), TILES));
        let other = other.into_iter().find(|wallet| wallet.bucket != one.bucket).unwrap();
        assert!(table.note_open_in(Some(stale), &store, &other, &[4; 32], LATER, NOW));
        assert_eq!(found(&table, &store, &other), [[4; 32]]);
        // One that is fresh is enough.
        let fresh = table.look(&store, &one).unwrap();
        store.dies_after(1);
        assert!(table.note_open_in(Some(fresh), &store, &one, &[5; 32], LATER, NOW));
    }
}

/// Payers whose wallets share a bucket.
fn neighbours(table: &Table, many: usize) -> Vec<Wallet> {
    let first = table.wallet(&who(0), TILES);
    let all = (0..).map(|payer| table.wallet(&who(payer), TILES));
    all.filter(|wallet| wallet.bucket == first.bucket).take(many).collect()
}

#[test]
fn what_is_noted_is_found_the_latest_first_and_gone_once_it_is_closed() {
    for dialect in DIALECTS {
        let store = Memory::new(dialect);
        let table = opened(&store);
        let wallet = table.wallet(&who(1), TILES);
        assert_eq!(found(&table, &store, &wallet), Vec::<[u8; 32]>::new());
        for nonce in 1..=3 {
            assert!(table.note_open(&store, &wallet, &[nonce; 32], LATER, NOW), "{dialect:?}");
        }
        assert_eq!(found(&table, &store, &wallet), [[3; 32], [2; 32], [1; 32]]);
        table.note_closed(&store, &wallet, &[2; 32], NOW);
        assert_eq!(found(&table, &store, &wallet), [[3; 32], [1; 32]]);
        // Noted again it is the latest, and stands there once.
        assert!(table.note_open(&store, &wallet, &[1; 32], LATER, NOW));
        assert_eq!(found(&table, &store, &wallet), [[1; 32], [3; 32]]);
        for nonce in [1, 3, 3, 9] {
            table.note_closed(&store, &wallet, &[nonce; 32], NOW);
        }
        assert_eq!(store.value(&key(&wallet)), [0; 0], "nothing is left behind");
    }
}

#[test]
fn closing_what_was_never_noted_writes_nothing() {
    for dialect in DIALECTS {
        let store = Memory::new(dialect);
        let table = opened(&store);
        let before = store.image();
        table.note_closed(&store, &table.wallet(&who(1), TILES), &[1; 32], NOW);
        assert_eq!(store.image(), before, "{dialect:?}");
    }
}

#[test]
fn a_claim_is_open_until_its_end_and_makes_room_then() {
    let store = Memory::new(DIALECTS[0]);
    let table = opened(&store);
    let wallet = table.wallet(&who(1), TILES);
    assert!(table.note_open(&store, &wallet, &[1; 32], NOW + 10, NOW));
    assert!(table.note_open(&store, &wallet, &[2; 32], u64::MAX, NOW));
    assert_eq!(table.open_claims(&store, &wallet, NOW + 9).unwrap().len(), 2);
    assert_eq!(table.open_claims(&store, &wallet, NOW + 10).unwrap(), [[2; 32]]);
    assert!(table.note_open(&store, &wallet, &[3; 32], LATER, NOW + 10));
    assert_eq!(store.value(&key(&wallet)).len(), 2 * ENTRY);
}

#[test]
fn a_wallet_is_who_pays_where_for_what_and_no_nonce() {
    let store = Memory::new(DIALECTS[0]);
    let table = opened(&store);
    let own = table.wallet(&who(1), TILES);
    assert_eq!(table.wallet(&Identity { nonce: [9; 32], ..who(1) }, TILES), own);
    let others = [
        table.wallet(&who(2), TILES),
        table.wallet(&Identity { chain_id: 1, ..who(1) }, TILES),
        table.wallet(&Identity { verifying_contract: Address::new([9; 20]), ..who(1) }, TILES),
        table.wallet(&who(1), Binding([8; 16])),
        Table::open(&Memory::new(DIALECTS[0]), 32, Layout::Two, [6; 16]).unwrap().wallet(&who(1), TILES),
    ];
    for other in others {
        assert_ne!(other.tag, own.tag, "{other:?}");
        assert!(other.bucket < BUCKETS);
    }
}

#[test]
fn wallets_that_share_a_bucket_do_not_meet() {
    let store = Memory::new(DIALECTS[0]);
    let table = opened(&store);
    let wallets = neighbours(&table, 2);
    let [one, two] = wallets[..] else { panic!() };
    for wallet in [&one, &two] {
        assert!(table.note_open(&store, wallet, &[1; 32], LATER, NOW));
    }
    assert!(table.note_open(&store, &two, &[2; 32], LATER, NOW));
    assert_eq!(found(&table, &store, &one), [[1; 32]]);
    assert_eq!(found(&table, &store, &two), [[2; 32], [1; 32]]);
    table.note_closed(&store, &one, &[1; 32], NOW);
    assert_eq!(found(&table, &store, &one), [[0; 32]; 0]);
    assert_eq!(found(&table, &store, &two), [[2; 32], [1; 32]], "the same nonce is another's");
}

#[test]
fn a_full_bucket_keeps_what_it_has_and_takes_no_more() {
    let store = Memory::new(DIALECTS[0]);
    let table = opened(&store);
    let wallets = neighbours(&table, ROOM + 1);
    for wallet in &wallets[..ROOM] {
        assert!(table.note_open(&store, wallet, &[1; 32], LATER, NOW));
    }
    let late = &wallets[ROOM];
    assert!(!table.note_open(&store, late, &[1; 32], LATER, NOW));
    assert_eq!(found(&table, &store, late), [[0; 32]; 0]);
    for wallet in &wallets[..ROOM] {
        assert_eq!(found(&table, &store, wallet), [[1; 32]]);
        assert!(
            table.note_open(&store, wallet, &[1; 32], LATER, NOW),
            "what stands there may be noted again"
        );
    }
    assert!(store.value(&key(late)).len() <= 12 * 1_024);
    table.note_closed(&store, &wallets[7], &[1; 32], NOW);
    assert!(table.note_open(&store, late, &[1; 32], LATER, NOW), "there is room again");
}

#[test]
fn whatever_is_garbled_is_nobodys_claim_and_stops_nobody() {
    for dialect in DIALECTS {
        for garbled in [&b"x"[..], &[0xff; 47], &[0xff; 48], &[0xff; 100], &[0; 96], b"{}"] {
            let store = Memory::new(dialect);
            let table = opened(&store);
            let wallet = table.wallet(&who(1), TILES);
            store.put(&key(&wallet), garbled);
            assert_eq!(found(&table, &store, &wallet), [[0; 32]; 0], "{garbled:?}");
            assert!(table.note_open(&store, &wallet, &[1; 32], LATER, NOW), "{garbled:?}");
            assert_eq!(found(&table, &store, &wallet), [[1; 32]]);
            assert_eq!(store.value(&key(&wallet)).len() % ENTRY, 0);
        }
    }
}

#[test]
fn a_store_that_is_down_says_so_and_nothing_is_noted_by_halves() {
    for (dialect, calls) in DIALECTS.into_iter().flat_map(|dialect| (0..6).map(move |calls| (dialect, calls)))
    {
        let store = Memory::new(dialect);
        let table = opened(&store);
        let wallet = table.wallet(&who(1), TILES);
        store.dies_after(calls);
        let noted = table.note_open(&store, &wallet, &[1; 32], LATER, NOW);
        store.dies_after(0);
        assert_eq!(table.open_claims(&store, &wallet, NOW), Err(StoreDown));
        table.note_closed(&store, &wallet, &[1; 32], NOW);
        store.dies_after(i64::MAX);
        let expected: &[[u8; 32]] = if noted { &[[1; 32]] } else { &[] };
        assert_eq!(found(&table, &store, &wallet), expected, "{dialect:?} after {calls}");
    }
}

#[test]
fn a_write_that_always_loses_is_given_up_and_one_that_loses_for_a_while_is_not() {
    for dialect in DIALECTS {
        let store = Memory::new(dialect);
        let table = opened(&store);
        let wallet = table.wallet(&who(1), TILES);
        assert!(table.note_open(&store, &wallet, &[1; 32], LATER, NOW));
        store.mismatches(i64::MAX);
        assert!(!table.note_open(&store, &wallet, &[2; 32], LATER, NOW));
        table.note_closed(&store, &wallet, &[1; 32], NOW);
        store.mismatches(0);
        assert_eq!(found(&table, &store, &wallet), [[1; 32]]);
        store.mismatches(TRIES as i64 - 1);
        assert!(table.note_open(&store, &wallet, &[2; 32], LATER, NOW), "{dialect:?}");
        assert_eq!(found(&table, &store, &wallet), [[2; 32], [1; 32]]);
    }
}

#[test]
fn workers_that_note_at_once_lose_nothing_of_each_other() {
    for dialect in DIALECTS {
        let store = Memory::new(dialect);
        let table = opened(&store);
        let wallet = table.wallet(&who(1), TILES);
        std::thread::scope(|scope| {
            for worker in 0..4u8 {
                let (store, table) = (&store, table.clone());
                scope.spawn(move || {
                    for n in 0..30 {
                        let nonce = [worker * 50 + n; 32];
                        assert!(table.note_open(store, &wallet, &nonce, LATER, NOW));
                        if n % 2 == 0 {
                            table.note_closed(store, &wallet, &nonce, NOW);
                        }
                    }
                });
            }
        });
        let mut nonces = found(&table, &store, &wallet);
        nonces.sort_unstable();
        let odd = (0..4u8).flat_map(|worker| (0..15).map(move |n| [worker * 50 + 2 * n + 1; 32]));
        assert_eq!(nonces, odd.collect::<Vec<_>>(), "{dialect:?}");
    }
}

proptest! {
    #[test]
    fn no_bytes_panic_or_are_taken_for_more_than_they_are(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
        let store = Memory::new(DIALECTS[bytes.len() % 2]);
        let table = opened(&store);
        let wallet = table.wallet(&who(1), TILES);
        store.put(&key(&wallet), &bytes);
        let _ = table.open_claims(&store, &wallet, NOW);
        prop_assert!(table.note_open(&store, &wallet, &[1; 32], LATER, NOW));
        prop_assert_eq!(table.open_claims(&store, &wallet, NOW).unwrap()[0], [1; 32]);
    }
}
