//! What a process asks its system for, the same in every run: the time, random numbers, its id. From
//! these come nonces, keys of hashes, wallets and signatures, and from them what is counted.
//!
//! The symbols stand before the C library's, in the program and in what it loads.

#![expect(unsafe_code, reason = "functions of the C library's, under their names")]

use std::cell::Cell;

use x402_scenarios::native::wasi_call;

/// The vectors' clock, in seconds since the Unix epoch. It stands still.
pub(crate) const NOW: u64 = 1_767_225_600;

thread_local! {
    /// Each thread draws the same numbers, whichever comes first.
    static DRAWN: Cell<u64> = const { Cell::new(0) };
}

/// The next number of a thread's: SplitMix64.
fn draw() -> u64 {
    let state = DRAWN.get().wrapping_add(0x9e37_79b9_7f4a_7c15);
    DRAWN.set(state);
    let mixed = (state ^ (state >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    mixed ^ (mixed >> 31)
}

// SAFETY of both below: the caller passes places that live until the call returns, of the size said.

/// In the module this is WASI's `random_get`, and counted as such.
#[no_mangle]
unsafe extern "C" fn getrandom(buffer: *mut u8, size: usize, _flags: u32) -> isize {
    if size > 0 {
        wasi_call("random_get");
    }
    for at in 0..size {
        let [byte, ..] = draw().to_le_bytes();
        buffer.add(at).write(byte);
    }
    size.cast_signed()
}

#[no_mangle]
unsafe extern "C" fn clock_gettime(clock: libc::clockid_t, time: *mut libc::timespec) -> libc::c_int {
    if clock == libc::CLOCK_REALTIME {
        (*time).tv_sec = NOW.cast_signed();
        (*time).tv_nsec = 0;
        return 0;
    }
    // Threads that wait do so for real.
    libc::syscall(libc::SYS_clock_gettime, clock, time) as libc::c_int
}

#[no_mangle]
extern "C" fn getpid() -> libc::pid_t {
    2
}
