//! What following paths takes, counted where tests can ask: a bound that no clock could hold.

use std::cell::Cell;

thread_local! {
    static STEPS: Cell<u32> = const { Cell::new(0) };
}

/// A segment followed, a place left, or a byte taken apart.
pub(super) fn add(steps: usize) {
    STEPS.set(STEPS.get().saturating_add(u32::try_from(steps).unwrap_or(u32::MAX)));
}

/// How many of them a piece of work takes.
pub(crate) fn of<T>(work: impl FnOnce() -> T) -> (T, u32) {
    STEPS.set(0);
    (work(), STEPS.get())
}
