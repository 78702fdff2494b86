//! Which layout a process's table has, whoever opens it and in whatever order.

use std::cell::Cell;

use super::*;

const ONE: &str = "x402/1/meta";
const TWO: &str = "x402/2/meta";

/// What the first release does when it starts in this process.
fn first_release(store: &Memory) {
    let meta = [&[1, 0][..], &SEED].concat();
    create(store, ONE, &meta).unwrap();
    create(store, "x402/1/0000", &[1, 0, 0, 0, 0, 0, 0, 0]).unwrap();
}

fn open(store: &impl Shared) -> Table {
    Table::open(store, 32, Layout::Two, [6; 16]).unwrap()
}

#[test]
fn a_new_process_has_the_layout_that_is_wanted() {
    for dialect in DIALECTS {
        for wanted in [Layout::One, Layout::Two] {
            let store = Memory::new(dialect);
            let table = Table::open(&store, 32, wanted, SEED).unwrap();
            let prefix = format!("x402/{}/", wanted as u8);
            assert_eq!(table.layout(), wanted);
            assert!(store.keys().iter().all(|key| key.starts_with(&prefix)), "{:?}", store.keys());
            assert_eq!(store.value(&format!("{prefix}meta"))[0], wanted as u8);
            assert_eq!(store.value(&format!("{prefix}0000")), Bucket::empty(wanted));
        }
    }
}

#[test]
fn a_process_keeps_the_layout_it_began_with() {
    for dialect in DIALECTS {
        let store = Memory::new(dialect);
        first_release(&store);
        bring_to(&open(&store), &store, 1, State::Taken);
        for _ in 0..2 {
            let table = open(&store);
            assert_eq!((table.layout(), table.seed), (Layout::One, SEED), "{dialect:?}");
            assert_eq!(run(&table, &store, 1, Op::Peek), Outcome::Present);
        }
        assert_eq!(store.value("x402/1/0000").len(), 8 + 96, "as the first release writes it");
        assert!(!store.keys().iter().any(|key| key.starts_with("x402/2")), "{:?}", store.keys());

        let store = Memory::new(dialect);
        bring_to(&open(&store), &store, 1, State::Taken);
        let again = Table::open(&store, 32, Layout::One, SEED).unwrap();
        assert_eq!((again.layout(), again.seed), (Layout::Two, [6; 16]));
        assert_eq!(run(&again, &store, 1, Op::Peek), Outcome::Present);
        assert!(!store.keys().iter().any(|key| key.starts_with("x402/1")), "{:?}", store.keys());
    }
}

#[test]
fn where_both_are_the_first_release_is_at_work_and_everybody_joins_it() {
    for dialect in DIALECTS {
        // A module was taken back while the process ran, and comes again.
        let store = Memory::new(dialect);
        open(&store);
        first_release(&store);
        assert_eq!(open(&store).layout(), Layout::One, "{dialect:?}");
        let store = Memory::new(dialect);
        first_release(&store);
        create(&store, TWO, &meta_of(Layout::Two, 0, &SEED)).unwrap();
        assert_eq!(open(&store).layout(), Layout::One, "{dialect:?}");
    }
}

/// A store in which somebody else does something before a certain call.
struct Between<'a> {
    store: &'a Memory,
    calls: Cell<usize>,
    at: usize,
    other: &'a dyn Fn(&Memory),
}

impl Between<'_> {
    fn call(&self) {
        if self.calls.replace(self.calls.get() + 1) == self.at {
            (self.other)(self.store);
        }
    }
}

impl Shared for Between<'_> {
    fn get(&self, key: &str) -> Result<Option<(Vec<u8>, u32)>, StoreDown> {
        self.call();
        self.store.get(key)
    }

    fn set(&self, key: &str, value: &[u8], cas: u32) -> Result<bool, StoreDown> {
        self.call();
        self.store.set(key, value, cas)
    }
}

#[test]
fn two_workers_that_open_at_once_have_one_layout() {
    for (dialect, at) in DIALECTS.into_iter().flat_map(|dialect| (0..12).map(move |at| (dialect, at))) {
        let store = Memory::new(dialect);
        let between = Between { store: &store, calls: Cell::new(0), at, other: &|store| _ = open(store) };
        let (one, two) = (open(&between), open(&store));
        assert_eq!((one.layout(), one.seed), (two.layout(), two.seed), "{dialect:?} {at}");
        assert_eq!(one.layout(), Layout::Two);
    }
}

#[test]
fn a_worker_that_opens_while_the_first_release_starts_joins_it() {
    for dialect in DIALECTS {
        // Its calls until the shape is there: two looks, the shape, and a look at what came between.
        for at in 0..4 {
            let store = Memory::new(dialect);
            let between = Between { store: &store, calls: Cell::new(0), at, other: &first_release };
            let table = open(&between);
            assert_eq!((table.layout(), table.seed), (Layout::One, SEED), "{dialect:?} before call {at}");
            assert_eq!(open(&store).layout(), Layout::One, "and so does whoever comes later");
        }
    }
}
