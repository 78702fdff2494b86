//! The claim table's store in memory, with Envoy's compare-and-swap.

use std::cell::{Cell, RefCell};
use std::collections::HashMap;

use x402_proxy_wasm::claims::table::{Shared, StoreDown};

type Entry = (Vec<u8>, u32);

/// A store.
#[derive(Default)]
pub(super) struct Memory {
    entries: RefCell<HashMap<String, Entry>>,
    lost: Cell<bool>,
}

impl Memory {
    /// From now on it does not answer.
    pub(super) fn lose(&self) {
        self.lost.set(true);
    }

    fn answers(&self) -> Result<(), StoreDown> {
        if self.lost.get() {
            return Err(StoreDown);
        }
        Ok(())
    }
}

impl Shared for Memory {
    fn get(&self, key: &str) -> Result<Option<Entry>, StoreDown> {
        self.answers()?;
        Ok(self.entries.borrow().get(key).cloned())
    }

    fn set(&self, key: &str, value: &[u8], cas: u32) -> Result<bool, StoreDown> {
        self.answers()?;
        let mut entries = self.entries.borrow_mut();
        let known = entries.get(key).map(|(_, cas)| *cas);
        if known.is_some_and(|known| cas != 0 && cas != known) {
            return Ok(false);
        }
        let next = known.map_or(1, |known| known + 1);
        entries.insert(key.to_owned(), (value.to_vec(), next));
        Ok(true)
    }
}
