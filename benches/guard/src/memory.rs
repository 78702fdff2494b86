//! What moves, fills and compares memory, of the program's own: the C library chooses among its
//! routines by processor, and its instructions cannot be on record.
//!
//! Each eight bytes that are moved, filled or compared cost an instruction or a few. An instruction
//! that repeats itself is counted as often as it does.

#![expect(unsafe_code, reason = "functions of the C library's, under their names")]

use std::arch::asm;

// SAFETY of every function here: the caller's promises are those of the C library; nothing beyond
// `size` bytes is touched, and the direction flag is left as it was, clear.

#[no_mangle]
unsafe extern "C" fn memcpy(to: *mut u8, from: *const u8, size: usize) -> *mut u8 {
    asm!(
        "rep movsq",
        "mov rcx, {rest}",
        "rep movsb",
        rest = in(reg) size % 8,
        inout("rcx") size / 8 => _,
        inout("rdi") to => _,
        inout("rsi") from => _,
        options(nostack, preserves_flags),
    );
    to
}

#[no_mangle]
unsafe extern "C" fn memmove(to: *mut u8, from: *const u8, size: usize) -> *mut u8 {
    // Forwards, unless that would overwrite what is still to be read.
    if to.addr().wrapping_sub(from.addr()) >= size {
        return memcpy(to, from, size);
    }
    asm!(
        "std",
        "rep movsb",
        "sub rdi, 7",
        "sub rsi, 7",
        "mov rcx, {words}",
        "rep movsq",
        "cld",
        words = in(reg) size / 8,
        inout("rcx") size % 8 => _,
        inout("rdi") to.wrapping_add(size).wrapping_sub(1) => _,
        inout("rsi") from.wrapping_add(size).wrapping_sub(1) => _,
        options(nostack),
    );
    to
}

#[no_mangle]
unsafe extern "C" fn memset(to: *mut u8, byte: i32, size: usize) -> *mut u8 {
    let [byte, ..] = byte.to_le_bytes();
    asm!(
        "rep stosq",
        "mov rcx, {rest}",
        "rep stosb",
        rest = in(reg) size % 8,
        inout("rcx") size / 8 => _,
        inout("rdi") to => _,
        in("rax") u64::from_le_bytes([byte; 8]),
        options(nostack, preserves_flags),
    );
    to
}

#[no_mangle]
unsafe extern "C" fn memcmp(one: *const u8, other: *const u8, size: usize) -> i32 {
    let mut at = 0;
    while at + 8 <= size {
        let one = one.add(at).cast::<u64>().read_unaligned();
        let other = other.add(at).cast::<u64>().read_unaligned();
        if one != other {
            return if one.swap_bytes() < other.swap_bytes() { -1 } else { 1 };
        }
        at += 8;
    }
    while at < size {
        let (one, other) = (i32::from(one.add(at).read()), i32::from(other.add(at).read()));
        if one != other {
            return one - other;
        }
        at += 1;
    }
    0
}

#[no_mangle]
unsafe extern "C" fn bcmp(one: *const u8, other: *const u8, size: usize) -> i32 {
    memcmp(one, other, size)
}
