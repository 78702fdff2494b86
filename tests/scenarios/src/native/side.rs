//! Who is at work on this thread: the filter, from a callback's entry to its end, or its host, which
//! is all the rest and every hostcall. `make test-guard` counts what the filter does.

use std::cell::Cell;

use super::host::hostcall;

/// What is done first in each callback, which is named.
pub type First = fn(&'static str);

thread_local! {
    static FILTER: Cell<bool> = const { Cell::new(false) };
    static FIRST: Cell<Option<First>> = const { Cell::new(None) };
}

/// Whether the filter is at work. An allocator may ask.
pub fn filter_runs() -> bool {
    FILTER.get()
}

/// Does something in the filter's place, on this thread: a guard plants there what it has to find.
pub fn first_in_callbacks(first: First) {
    FIRST.set(Some(first));
}

/// Who is at work until this is dropped; then it is again who it was.
pub(super) struct Side(bool);

// === impl Side ===

impl Side {
    pub(super) fn filters() -> Self {
        Self(FILTER.replace(true))
    }

    pub(super) fn hosts() -> Self {
        Self(FILTER.replace(false))
    }
}

impl Drop for Side {
    fn drop(&mut self) {
        FILTER.set(self.0);
    }
}

/// A callback's whole: a profiler that counts from this function's entry to its end, without the
/// hostcalls in between, counts the filter. The module's own calls to its exports do not pass here.
#[inline(never)]
pub(super) fn callback<T>(name: &'static str, act: impl FnOnce() -> T) -> T {
    let _side = Side::filters();
    if let Some(first) = FIRST.get() {
        first(name);
    }
    act()
}

/// Counts what the filter asks for that is no hostcall of proxy-wasm: WASI's calls, which here are a
/// process's own. Nothing where the filter is not at work.
pub fn wasi_call(name: &'static str) {
    if filter_runs() {
        tally(name);
    }
}

/// A function of its own, for a profiler to leave out.
#[inline(never)]
fn tally(name: &'static str) {
    drop(hostcall(name));
}
