//! What a piece of work allocates: the bound on hostile input that can be asserted.
//!
//! Everything allocated is also written once, so a bound on the sum bounds the time that goes
//! with it. Work that allocates nothing is bounded by libFuzzer's `-timeout`.

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;

/// What was allocated, in bytes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Cost {
    /// In all, whether freed meanwhile or not.
    pub sum: usize,
    /// The most at one time.
    pub peak: usize,
}

struct Counting;

#[global_allocator]
static COUNTING: Counting = Counting;

thread_local! {
    static SUM: Cell<usize> = const { Cell::new(0) };
    static NOW: Cell<isize> = const { Cell::new(0) };
    static PEAK: Cell<isize> = const { Cell::new(0) };
}

/// Runs a piece of work and says what it allocated.
pub fn of<T>(work: impl FnOnce() -> T) -> (T, Cost) {
    SUM.set(0);
    NOW.set(0);
    PEAK.set(0);
    let done = work();
    let peak = usize::try_from(PEAK.get()).unwrap_or_default();
    (done, Cost { sum: SUM.get(), peak })
}

/// Runs a piece of work that may allocate `base` and `factor` for each of `len` bytes, at
/// one time, and a hundred times that in all.
pub fn within<T>(base: usize, factor: usize, len: usize, work: impl FnOnce() -> T) -> T {
    let (done, cost) = of(work);
    let most = base + factor * len;
    assert!(cost.peak <= most, "{cost:?} for {len} bytes");
    assert!(cost.sum <= 100 * most, "{cost:?} for {len} bytes");
    done
}

fn count(taken: usize, given: usize) {
    // Nothing is counted while the thread is torn down.
    let _ = SUM.try_with(|sum| sum.set(sum.get().saturating_add(taken)));
    let _ = NOW.try_with(|now| {
        let taken = isize::try_from(taken).unwrap_or(isize::MAX);
        let given = isize::try_from(given).unwrap_or(isize::MAX);
        now.set(now.get().saturating_add(taken).saturating_sub(given));
        let _ = PEAK.try_with(|peak| peak.set(peak.get().max(now.get())));
    });
}

// SAFETY: every call is the system allocator's; counting touches no memory of the caller's.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        count(layout.size(), 0);
        System.alloc(layout)
    }

    unsafe fn dealloc(&self, memory: *mut u8, layout: Layout) {
        count(0, layout.size());
        System.dealloc(memory, layout);
    }

    unsafe fn realloc(&self, memory: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        count(size, layout.size());
        System.realloc(memory, layout, size)
    }
}
