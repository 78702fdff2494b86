//! Two uses of the proxy-wasm ABI (0.2.1) that the Rust SDK 0.2 has no safe function for.
//!
//! Every line of the filter that is not safe Rust is in this crate. `docs/adr/0019` says what each
//! function saves and why nothing safe does.

use proxy_wasm::hostcalls;
use proxy_wasm::types::MapType;

/// The queue id with which [`as_root`] calls.
pub const HERE: u32 = u32::MAX;

extern "C" {
    /// The SDK's own export, in this module.
    fn proxy_on_queue_ready(context: u32, queue: u32);
}

#[link(wasm_import_module = "env")]
extern "C" {
    /// Zero when it gave something.
    fn proxy_get_header_map_pairs(map: u32, data: *mut *mut u8, size: *mut usize) -> u32;
}

/// Calls the root's `on_queue_ready` with [`HERE`], at once, from a callback of the stream `stream`.
/// What the root calls out for there is answered to the root, whatever becomes of the stream. `false`
/// when the host does not let the root act; nothing was called then.
///
/// The SDK answers a callout to the context whose callback it was made in, and drops the answer when
/// that is gone. To make it in a callback of the root's, one had to wait for one: a shared queue
/// wakes the event loop, at some 17 µs a request.
///
/// `root` is alive, and none of its callbacks is under way: the SDK, which borrows contexts while
/// they are called, panics otherwise.
pub fn as_root(root: u32, stream: u32) -> bool {
    if hostcalls::set_effective_context(root).is_err() {
        return false;
    }
    // SAFETY: a function of this module, of that name and type, which takes two numbers.
    unsafe { proxy_on_queue_ready(root, HERE) };
    let _ = hostcalls::set_effective_context(stream);
    true
}

/// A map of headers as the host wrote it: one buffer for all of them. The SDK makes two vectors of
/// every header, at some 1 µs a dozen.
#[derive(Debug, Default)]
pub struct Headers {
    /// Their number u32 | the sizes of each name and value, u32 each | names and values, each with a
    /// zero behind it.
    bytes: Vec<u8>,
}

// === impl Headers ===

impl Headers {
    /// The host's map as it is now; empty when it gives none.
    pub fn get(map: MapType) -> Self {
        let mut data = std::ptr::null_mut();
        let mut size = 0;
        // SAFETY: the host writes a pointer and a size to the two places.
        let status = unsafe { proxy_get_header_map_pairs(map as u32, &mut data, &mut size) };
        if status != 0 || data.is_null() {
            return Self::default();
        }
        // SAFETY: the host had the SDK's `proxy_on_memory_allocate` make a boxed slice of that size,
        // filled it, and gave it away.
        Self { bytes: unsafe { Vec::from_raw_parts(data, size, size) } }
    }

    /// Reads a map that a host wrote.
    pub fn from_bytes(bytes: Vec<u8>) -> Self {
        Self { bytes }
    }

    /// How many the host says there are.
    pub fn len(&self) -> usize {
        self.bytes.first_chunk().map_or(0, |count| usize::try_from(u32::from_le_bytes(*count)).unwrap_or(0))
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Names and values, in the host's order; none from the first that is not whole.
    pub fn iter(&self) -> impl Iterator<Item = (&[u8], &[u8])> {
        let (_, sizes) = self.bytes.split_first_chunk::<4>().unwrap_or((&[0; 4], &[]));
        let table = self.len().checked_mul(8).and_then(|size| sizes.split_at_checked(size));
        let (sizes, mut rest) = table.unwrap_or_default();
        sizes.as_chunks::<8>().0.iter().map_while(move |sizes| {
            let [a, b, c, d, sizes @ ..] = *sizes;
            let name = part(&mut rest, u32::from_le_bytes([a, b, c, d]))?;
            let value = part(&mut rest, u32::from_le_bytes(sizes))?;
            Some((name, value))
        })
    }
}

/// Takes the next `size` bytes, and the zero behind them.
fn part<'a>(rest: &mut &'a [u8], size: u32) -> Option<&'a [u8]> {
    let (part, after) = rest.split_at_checked(usize::try_from(size).ok()?)?;
    *rest = after.split_first()?.1;
    Some(part)
}
