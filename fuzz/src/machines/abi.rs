//! The hostcalls that the SDK imports, as symbols of this binary.
//!
//! A status that the SDK does not expect makes it panic, as it would in the sandbox.

use super::host::{host, Pairs, Reply, Status};

// SAFETY of every function here: the SDK passes pointers with their sizes, and places for
// results that live until the call returns; results are handed over as its own allocator would
// make them: boxed slices of the global allocator, freed as vectors.

unsafe fn bytes(data: *const u8, size: usize) -> Vec<u8> {
    if data.is_null() || size == 0 {
        return Vec::new();
    }
    std::slice::from_raw_parts(data, size).to_vec()
}

unsafe fn text(data: *const u8, size: usize) -> String {
    String::from_utf8_lossy(&bytes(data, size)).into_owned()
}

unsafe fn give(value: &[u8], data: *mut *mut u8, size: *mut usize) -> Status {
    *size = value.len();
    *data = match value.len() {
        0 => std::ptr::null_mut(),
        _ => Box::into_raw(value.to_vec().into_boxed_slice()).cast(),
    };
    Status::Ok
}

fn write_map(pairs: &Pairs) -> Vec<u8> {
    let number = |n: usize| u32::try_from(n).expect("a small map").to_le_bytes();
    let mut out = number(pairs.len()).to_vec();
    for (name, value) in pairs {
        out.extend_from_slice(&number(name.len()));
        out.extend_from_slice(&number(value.len()));
    }
    for part in pairs.iter().flat_map(|(name, value)| [name.as_bytes(), value.as_slice()]) {
        out.extend_from_slice(part);
        out.push(0);
    }
    out
}

fn read_map(map: &[u8]) -> Pairs {
    let number = |at: usize| u32::from_le_bytes(map[at..at + 4].try_into().expect("four bytes")) as usize;
    if map.is_empty() {
        return Pairs::new();
    }
    let count = number(0);
    let mut at = 4 + count * 8;
    let mut part = |size: usize| {
        at += size + 1;
        map[at - size - 1..at - 1].to_vec()
    };
    let pair = |n: usize| {
        let name = String::from_utf8_lossy(&part(number(4 + n * 8))).into_owned();
        (name, part(number(8 + n * 8)))
    };
    (0..count).map(pair).collect()
}

#[no_mangle]
extern "C" fn proxy_log(_level: u32, _data: *const u8, _size: usize) -> Status {
    Status::Ok
}

#[no_mangle]
unsafe extern "C" fn proxy_get_current_time_nanoseconds(time: *mut u64) -> Status {
    *time = host(|host| host.now) * 1_000_000;
    Status::Ok
}

#[no_mangle]
extern "C" fn proxy_set_tick_period_milliseconds(_period: u32) -> Status {
    Status::Ok
}

#[no_mangle]
unsafe extern "C" fn proxy_get_buffer_bytes(
    kind: u32,
    start: usize,
    max: usize,
    data: *mut *mut u8,
    size: *mut usize,
) -> Status {
    let buffer = host(|host| match kind {
        4 => host.delivering.as_ref().map(|(_, body)| body.clone()),
        7 => host.roots.get(&host.effective).map(|root| root.config.clone()),
        _ => None,
    });
    let Some(buffer) = buffer else { return Status::NotFound };
    let end = start.saturating_add(max).min(buffer.len());
    give(buffer.get(start..end).unwrap_or_default(), data, size)
}

#[no_mangle]
unsafe extern "C" fn proxy_get_header_map_pairs(map: u32, data: *mut *mut u8, size: *mut usize) -> Status {
    match host(|host| host.map(map, false).map(|pairs| write_map(pairs))) {
        Some(map) => give(&map, data, size),
        None => {
            host(|host| host.wrong(format!("header map {map} is not there now")));
            give(&write_map(&Pairs::new()), data, size)
        }
    }
}

fn change(map: u32, name: &str, act: impl FnOnce(&mut Pairs)) -> Status {
    host(|host| match host.map(map, true) {
        Some(pairs) => act(pairs),
        None => host.wrong(format!("{name} of map {map} cannot be changed now")),
    });
    Status::Ok
}

#[no_mangle]
unsafe extern "C" fn proxy_remove_header_map_value(map: u32, key: *const u8, key_size: usize) -> Status {
    let name = text(key, key_size);
    change(map, &name, |pairs| pairs.retain(|(known, _)| *known != name))
}

#[no_mangle]
unsafe extern "C" fn proxy_replace_header_map_value(
    map: u32,
    key: *const u8,
    key_size: usize,
    value: *const u8,
    value_size: usize,
) -> Status {
    let (name, value) = (text(key, key_size), bytes(value, value_size));
    change(map, &name, |pairs| {
        pairs.retain(|(known, _)| *known != name);
        pairs.push((name.clone(), value));
    })
}

#[no_mangle]
unsafe extern "C" fn proxy_add_header_map_value(
    map: u32,
    key: *const u8,
    key_size: usize,
    value: *const u8,
    value_size: usize,
) -> Status {
    let (name, value) = (text(key, key_size), bytes(value, value_size));
    change(map, &name, |pairs| pairs.push((name.clone(), value)))
}

#[no_mangle]
unsafe extern "C" fn proxy_get_property(
    path: *const u8,
    path_size: usize,
    data: *mut *mut u8,
    size: *mut usize,
) -> Status {
    let path = text(path, path_size);
    let flags = host(|host| host.streams.get(&host.effective).map(|stream| stream.flags));
    match (path.as_str(), flags) {
        ("response\0flags", Some(flags)) => give(&flags.to_le_bytes(), data, size),
        ("source\0address", Some(_)) => give(b"192.0.2.1:5000", data, size),
        _ => Status::NotFound,
    }
}

#[no_mangle]
extern "C" fn proxy_set_property(
    _path: *const u8,
    _path_size: usize,
    _value: *const u8,
    _value_size: usize,
) -> Status {
    Status::Ok
}

#[no_mangle]
unsafe extern "C" fn proxy_get_shared_data(
    key: *const u8,
    key_size: usize,
    data: *mut *mut u8,
    size: *mut usize,
    cas: *mut u32,
) -> Status {
    let key = text(key, key_size);
    match host(|host| host.data().get(&key).cloned()) {
        Some((value, known)) => {
            *cas = known;
            give(&value, data, size)
        }
        None => Status::NotFound,
    }
}

#[no_mangle]
unsafe extern "C" fn proxy_set_shared_data(
    key: *const u8,
    key_size: usize,
    value: *const u8,
    value_size: usize,
    cas: u32,
) -> Status {
    let (key, value) = (text(key, key_size), bytes(value, value_size));
    host(|host| host.set(key, value, cas))
}

#[no_mangle]
unsafe extern "C" fn proxy_register_shared_queue(_name: *const u8, _size: usize, id: *mut u32) -> Status {
    *id = host(|host| {
        let root = host.root();
        host.queues.push((root, Default::default()));
        u32::try_from(host.queues.len() - 1).expect("few queues")
    });
    Status::Ok
}

#[no_mangle]
unsafe extern "C" fn proxy_dequeue_shared_queue(queue: u32, data: *mut *mut u8, size: *mut usize) -> Status {
    match host(|host| Some(host.queues.get_mut(queue as usize)?.1.pop_front())) {
        Some(Some(value)) => give(&value, data, size),
        Some(None) => Status::Empty,
        None => Status::NotFound,
    }
}

#[no_mangle]
unsafe extern "C" fn proxy_enqueue_shared_queue(queue: u32, value: *const u8, size: usize) -> Status {
    let value = bytes(value, size);
    host(|host| host.enqueue(queue, value))
}

#[no_mangle]
extern "C" fn proxy_continue_stream(direction: u32) -> Status {
    host(|host| host.resume(direction))
}

#[no_mangle]
unsafe extern "C" fn proxy_send_local_response(
    status: u32,
    _details: *const u8,
    _details_size: usize,
    body: *const u8,
    body_size: usize,
    headers: *const u8,
    headers_size: usize,
    _grpc_status: i32,
) -> Status {
    let (headers, body) = (read_map(&bytes(headers, headers_size)), bytes(body, body_size));
    host(|host| host.reply(Reply { status, headers, body }))
}

#[no_mangle]
unsafe extern "C" fn proxy_http_call(
    cluster: *const u8,
    cluster_size: usize,
    headers: *const u8,
    headers_size: usize,
    body: *const u8,
    body_size: usize,
    _trailers: *const u8,
    _trailers_size: usize,
    _timeout_millis: u32,
    token: *mut u32,
) -> Status {
    let cluster = text(cluster, cluster_size);
    let (pairs, body) = (read_map(&bytes(headers, headers_size)), bytes(body, body_size));
    match host(|host| host.call(cluster, &pairs, body)) {
        Some(made) => {
            *token = made;
            Status::Ok
        }
        None => Status::BadArgument,
    }
}

#[no_mangle]
extern "C" fn proxy_set_effective_context(context: u32) -> Status {
    host(|host| {
        if !host.roots.contains_key(&context) && !host.streams.contains_key(&context) {
            return Status::BadArgument;
        }
        host.effective = context;
        Status::Ok
    })
}

#[no_mangle]
extern "C" fn proxy_done() -> Status {
    host(|host| {
        let root = host.root();
        if let Some(root) = host.roots.get_mut(&root) {
            root.done = true;
        }
    });
    Status::Ok
}

#[no_mangle]
unsafe extern "C" fn proxy_define_metric(_kind: u32, _name: *const u8, _size: usize, id: *mut u32) -> Status {
    *id = 0;
    Status::Ok
}

#[no_mangle]
extern "C" fn proxy_record_metric(_metric: u32, _value: u64) -> Status {
    Status::Ok
}

#[no_mangle]
extern "C" fn proxy_increment_metric(_metric: u32, _by: i64) -> Status {
    Status::Ok
}

/// Hostcalls that the shell has no use for. The linker wants them all.
macro_rules! unused {
    ($($name:ident)*) => {
        $(
            #[no_mangle]
            extern "C" fn $name() -> u32 {
                panic!(concat!(stringify!($name), " is not modelled: add it to the host"))
            }
        )*
    };
}

unused! {
    proxy_call_foreign_function
    proxy_close_stream
    proxy_get_header_map_value
    proxy_get_log_level
    proxy_get_metric
    proxy_get_status
    proxy_grpc_call
    proxy_grpc_cancel
    proxy_grpc_close
    proxy_grpc_send
    proxy_grpc_stream
    proxy_resolve_shared_queue
    proxy_set_buffer_bytes
    proxy_set_header_map_pairs
}
