//! An allocator that counts how often it is asked, on each thread.
//!
//! Beyond that it makes what the C library does itself a part of the program: memory that is to be
//! zero is set, and a change of size moves what was there, by `memory`.

#![expect(unsafe_code, reason = "the trait is unsafe; every call goes on to the system's allocator")]

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;

use x402_scenarios::native::filter_runs;

struct Counting;

thread_local! {
    static MADE: Cell<u64> = const { Cell::new(0) };
    static MADE_BY_FILTER: Cell<u64> = const { Cell::new(0) };
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// Allocations made on this thread so far, and changes of size with them.
pub(crate) fn made() -> u64 {
    MADE.get()
}

/// Those among them that the filter made, in callbacks.
pub(crate) fn made_by_filter() -> u64 {
    MADE_BY_FILTER.get()
}

// SAFETY: the system's allocator does everything; `alloc_zeroed` and `realloc` are the trait's own.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        MADE.set(MADE.get() + 1);
        if filter_runs() {
            MADE_BY_FILTER.set(MADE_BY_FILTER.get() + 1);
        }
        System.alloc(layout)
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        System.dealloc(pointer, layout);
    }
}
