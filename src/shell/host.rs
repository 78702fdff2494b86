//! Hostcalls that do not panic on what clients send, and the claim table's store.
//!
//! The SDK's `String` getters panic on a byte that is not UTF-8, and its wrappers on a
//! status they do not expect; the `_bytes` forms below are used only in the phases in which
//! Envoy 1.40 answers them with Ok or NotFound.

use std::cell::Cell;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use proxy_wasm::hostcalls;
use proxy_wasm::types::{BufferType, GrpcStatusCode, MapType, Status};

use crate::admission::head::Field;
use crate::claims::table::{Shared, StoreDown};
use crate::reply::grpc;

/// The host's shared data: per process and vm_id, one mutex, keys never deleted.
pub(super) struct SharedData;

impl Shared for SharedData {
    fn get(&self, key: &str) -> Result<Option<(Vec<u8>, u32)>, StoreDown> {
        let (value, cas) = hostcalls::get_shared_data(key).map_err(|_| StoreDown)?;
        // Envoy gives a value without bytes as none; it still has a cas.
        Ok(cas.map(|cas| (value.unwrap_or_default(), cas)))
    }

    fn set(&self, key: &str, value: &[u8], cas: u32) -> Result<bool, StoreDown> {
        match hostcalls::set_shared_data(key, Some(value), Some(cas)) {
            Ok(()) => Ok(true),
            Err(Status::CasMismatch) => Ok(false),
            Err(_) => Err(StoreDown),
        }
    }
}

/// Headers of one map, as [`fields`] reads them.
pub(super) use x402_abi::Headers;

/// All headers of a map. A name that is not UTF-8 is no name we know.
pub(super) fn fields(headers: &Headers) -> Vec<Field<'_>> {
    // As much room as the host says, within reason, and not as it comes.
    let mut fields = Vec::with_capacity(headers.len().min(64));
    fields
        .extend(headers.iter().map(|(name, value)| (std::str::from_utf8(name).unwrap_or("\u{fffd}"), value)));
    fields
}

/// Sets a header, replacing every value it had.
pub(super) fn set_header(map: MapType, name: &str, value: &str) {
    let _ = hostcalls::set_map_value(map, name, Some(value));
}

/// Adds a header beside those of its name.
pub(super) fn add_header(map: MapType, name: &str, value: &str) {
    let _ = hostcalls::add_map_value(map, name, value);
}

/// Writes the request's cookies anew, which may be any bytes; none at all takes the header off.
pub(super) fn set_cookies(cookies: &[u8]) {
    let cookies = (!cookies.is_empty()).then_some(cookies);
    let _ = hostcalls::set_map_value_bytes(MapType::HttpRequestHeaders, "cookie", cookies);
}

/// Removes a header that is there. Removing an absent one would re-resolve the route
/// (+42 % CPU at 3,000 routes on Envoy 1.40).
pub(super) fn remove_header(map: MapType, name: &str) {
    let _ = hostcalls::remove_map_value(map, name);
}

/// Answers a gRPC call: the host puts the status where calls end. The message goes in a header
/// and not in the body, which would be in the way where the host sees no gRPC in it.
pub(super) fn send_status(status: &grpc::Status) {
    let code = match status.code {
        3 => GrpcStatusCode::InvalidArgument,
        7 => GrpcStatusCode::PermissionDenied,
        8 => GrpcStatusCode::ResourceExhausted,
        9 => GrpcStatusCode::FailedPrecondition,
        12 => GrpcStatusCode::Unimplemented,
        14 => GrpcStatusCode::Unavailable,
        _ => GrpcStatusCode::Unknown,
    };
    let metadata = status.metadata.iter().map(|(name, value)| (*name, value.as_bytes()));
    let metadata = metadata.chain([("grpc-message", status.message.as_bytes())]).collect();
    let _ = hostcalls::send_grpc_response(code, None, metadata);
}

thread_local! {
    /// What the clock said in this callback; nothing where no [`Moment`] lasts.
    static READ: Cell<Option<Option<Duration>>> = const { Cell::new(None) };
}

/// One callback of the host's, in which the clock is read once: a payment asks it a dozen times,
/// and to leave the sandbox costs more than what is asked for. Outside of one it is read anew.
pub(super) struct Moment(());

impl Moment {
    /// Lasts until dropped. One in another ends both, and costs a reading.
    pub(super) fn begin() -> Self {
        READ.set(Some(None));
        Self(())
    }
}

impl Drop for Moment {
    fn drop(&mut self) {
        READ.set(None);
    }
}

/// Seconds since the Unix epoch by the host's clock.
pub(super) fn now() -> u64 {
    since_epoch().as_secs()
}

/// Milliseconds since the Unix epoch by the host's clock.
pub(super) fn now_millis() -> u64 {
    let since = since_epoch();
    since.as_secs().saturating_mul(1000).saturating_add(since.subsec_millis().into())
}

/// The same, read anew: to measure from.
pub(super) fn now_millis_anew() -> u64 {
    if READ.get().is_some() {
        READ.set(Some(None));
    }
    now_millis()
}

#[inline(never)]
fn since_epoch() -> Duration {
    if let Some(Some(read)) = READ.get() {
        return read;
    }
    let now = hostcalls::get_current_time().unwrap_or(UNIX_EPOCH);
    let now = SystemTime::duration_since(&now, UNIX_EPOCH).unwrap_or_default();
    if READ.get().is_some() {
        READ.set(Some(Some(now)));
    }
    now
}

/// The flags of a finished response; `None` on hosts that have none.
pub(super) fn response_flags() -> Option<u64> {
    let bytes = hostcalls::get_property(vec!["response", "flags"]).ok().flatten()?;
    bytes.first_chunk::<8>().copied().map(u64::from_le_bytes)
}

/// The client's address, as the host makes it out; empty where it does not say.
pub(super) fn peer() -> String {
    let bytes = hostcalls::get_property(vec!["source", "address"]).ok().flatten().unwrap_or_default();
    String::from_utf8(bytes).unwrap_or_default()
}

/// A buffer's first `max` bytes; `None` when there is nothing.
pub(super) fn buffer(kind: BufferType, max: usize) -> Option<Vec<u8>> {
    hostcalls::get_buffer(kind, 0, max).ok().flatten()
}

/// Sixteen bytes nobody outside can guess, from the host's `random_get`. Without them nothing
/// here is safe to run: a host that gives none has its module stopped.
pub(super) fn random() -> [u8; 16] {
    let mut bytes = [0; 16];
    if getrandom::fill(&mut bytes).is_err() {
        std::process::abort();
    }
    bytes
}

/// Eight of them.
pub(super) fn random_u64() -> u64 {
    random().first_chunk::<8>().copied().map_or(0, u64::from_le_bytes)
}
