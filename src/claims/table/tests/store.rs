//! A store in memory that speaks either dialect of compare-and-swap, and can fail.

use std::collections::HashMap;
use std::sync::atomic::{AtomicI64, AtomicUsize, Ordering};
use std::sync::Mutex;

use super::super::{Shared, StoreDown};

/// How a store reads a `cas` that is zero, and one that meets a missing key.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Dialect {
    /// Zero overwrites; anything inserts where nothing is.
    Envoy,
    /// Zero inserts where nothing is; anything else mismatches there.
    Nginx,
}

pub(crate) const DIALECTS: [Dialect; 2] = [Dialect::Envoy, Dialect::Nginx];

/// Values with their `cas`, and the last `cas` given out.
type Values = (HashMap<String, (Vec<u8>, u32)>, u32);

pub(crate) struct Memory {
    dialect: Dialect,
    values: Mutex<Values>,
    /// Calls that still succeed.
    lives: AtomicI64,
    /// Writes that still mismatch, as if somebody else had been faster.
    mismatches: AtomicI64,
    pub(crate) writes: AtomicUsize,
}

impl Memory {
    pub(crate) fn new(dialect: Dialect) -> Self {
        Self {
            dialect,
            values: Mutex::default(),
            lives: AtomicI64::new(i64::MAX),
            mismatches: AtomicI64::new(0),
            writes: AtomicUsize::new(0),
        }
    }

    /// From now on only so many calls succeed.
    pub(crate) fn dies_after(&self, calls: i64) {
        self.lives.store(calls, Ordering::SeqCst);
    }

    /// The next so many writes lose their race.
    pub(crate) fn mismatches(&self, writes: i64) {
        self.mismatches.store(writes, Ordering::SeqCst);
    }

    pub(crate) fn put(&self, key: &str, value: &[u8]) {
        self.values.lock().unwrap().0.insert(key.to_owned(), (value.to_vec(), 77));
    }

    pub(crate) fn remove(&self, key: &str) {
        self.values.lock().unwrap().0.remove(key);
    }

    pub(crate) fn value(&self, key: &str) -> Vec<u8> {
        self.values.lock().unwrap().0[key].0.clone()
    }

    pub(crate) fn keys(&self) -> Vec<String> {
        self.values.lock().unwrap().0.keys().cloned().collect()
    }

    /// Every value, for comparing before and after.
    pub(crate) fn image(&self) -> HashMap<String, Vec<u8>> {
        let values = self.values.lock().unwrap();
        values.0.iter().map(|(key, (value, _))| (key.clone(), value.clone())).collect()
    }

    fn alive(&self) -> Result<(), StoreDown> {
        match self.lives.fetch_sub(1, Ordering::SeqCst) {
            ..=0 => Err(StoreDown),
            _ => Ok(()),
        }
    }
}

impl Shared for Memory {
    fn get(&self, key: &str) -> Result<Option<(Vec<u8>, u32)>, StoreDown> {
        self.alive()?;
        Ok(self.values.lock().unwrap().0.get(key).cloned())
    }

    fn set(&self, key: &str, value: &[u8], cas: u32) -> Result<bool, StoreDown> {
        self.alive()?;
        if self.mismatches.fetch_sub(1, Ordering::SeqCst) > 0 {
            return Ok(false);
        }
        let mut guard = self.values.lock().unwrap();
        let (values, next) = &mut *guard;
        let fits = match (self.dialect, values.get(key).map(|(_, current)| *current)) {
            (Dialect::Envoy, None) => true,
            (Dialect::Envoy, Some(current)) => {
                assert_ne!(cas, 0, "an unconditional write of {key} wipes it on Envoy");
                cas == current
            }
            (Dialect::Nginx, None) => cas == 0,
            (Dialect::Nginx, Some(current)) => cas == current,
        };
        if fits {
            *next += 1;
            values.insert(key.to_owned(), (value.to_vec(), *next));
            self.writes.fetch_add(1, Ordering::SeqCst);
        }
        Ok(fits)
    }
}
