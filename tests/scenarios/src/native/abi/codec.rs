//! How values cross: bytes and texts in, buffers out, header maps in the ABI's one encoding.

use crate::native::host::Status;
use crate::native::side::Side;
use crate::wire::Pairs;

extern "C" {
    /// The SDK's: room in the filter's memory.
    fn proxy_on_memory_allocate(size: usize) -> *mut u8;
}

// SAFETY: see the module above.

pub(super) unsafe fn bytes(data: *const u8, size: usize) -> Vec<u8> {
    if data.is_null() || size == 0 {
        return Vec::new();
    }
    std::slice::from_raw_parts(data, size).to_vec()
}

pub(super) unsafe fn text(data: *const u8, size: usize) -> String {
    String::from_utf8_lossy(&bytes(data, size)).into_owned()
}

pub(super) unsafe fn give(value: &[u8], data: *mut *mut u8, size: *mut usize) -> Status {
    *size = value.len();
    *data = match value.len() {
        0 => std::ptr::null_mut(),
        size => {
            let room = {
                let _side = Side::filters();
                proxy_on_memory_allocate(size)
            };
            room.copy_from_nonoverlapping(value.as_ptr(), size);
            room
        }
    };
    Status::Ok
}

pub(super) fn write_map(pairs: &Pairs) -> Vec<u8> {
    let number = |n: usize| u32::try_from(n).expect("a small map").to_le_bytes();
    let mut out = number(pairs.len()).to_vec();
    for (name, value) in pairs {
        out.extend_from_slice(&number(name.len()));
        out.extend_from_slice(&number(value.len()));
    }
    for (name, value) in pairs {
        out.extend_from_slice(name.as_bytes());
        out.push(0);
        out.extend_from_slice(value);
        out.push(0);
    }
    out
}

pub(super) fn read_map(map: &[u8]) -> Pairs {
    let number = |at: usize| u32::from_le_bytes(map[at..at + 4].try_into().expect("four bytes")) as usize;
    if map.is_empty() {
        return Pairs::new();
    }
    let count = number(0);
    let mut at = 4 + count * 8;
    let mut part = |size: usize| {
        let part = map[at..at + size].to_vec();
        at += size + 1;
        part
    };
    let pair = |n: usize| {
        let name = String::from_utf8_lossy(&part(number(4 + n * 8))).into_owned();
        (name, part(number(8 + n * 8)))
    };
    (0..count).map(pair).collect()
}
