//! The hostcalls the SDK imports, as symbols of this binary.
//!
//! A status the SDK does not expect makes it panic, as it would in the sandbox; here that
//! aborts the test binary.

mod codec;
mod unused;

use super::host::{host, hostcall, Call, LocalReply, Status};
use crate::shop::STORE;
use crate::wire::Pairs;
use codec::{bytes, give, read_map, text, write_map};

// SAFETY of every function here: the SDK passes pointers with their sizes, and places for
// results that live until the call returns; results are handed over as the SDK's own
// allocator would make them: boxed slices of the global allocator, freed as vectors.

#[no_mangle]
unsafe extern "C" fn proxy_log(_level: u32, data: *const u8, size: usize) -> Status {
    let _side = hostcall("log");
    let line = text(data, size);
    host(|host| host.log.push(line));
    Status::Ok
}

#[no_mangle]
unsafe extern "C" fn proxy_get_current_time_nanoseconds(time: *mut u64) -> Status {
    let _side = hostcall("get_current_time_nanoseconds");
    let now = host(|host| host.now());
    *time = u64::try_from(now.as_nanos()).unwrap_or(u64::MAX);
    Status::Ok
}

#[no_mangle]
extern "C" fn proxy_set_tick_period_milliseconds(_period: u32) -> Status {
    let _side = hostcall("set_tick_period_milliseconds");
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
    let _side = hostcall("get_buffer_bytes");
    let buffer = host(|host| match kind {
        4 => host.delivering.as_ref().map(|(_, body)| body.to_vec()),
        7 => Some(host.config.clone()),
        _ => None,
    });
    let Some(buffer) = buffer else {
        return Status::NotFound;
    };
    let end = start.saturating_add(max).min(buffer.len());
    give(buffer.get(start..end).unwrap_or_default(), data, size)
}

#[no_mangle]
unsafe extern "C" fn proxy_get_header_map_pairs(map: u32, data: *mut *mut u8, size: *mut usize) -> Status {
    let _side = hostcall("get_header_map_pairs");
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
    let _side = hostcall("remove_header_map_value");
    let name = text(key, key_size);
    let before = host(|host| host.map(map, true).map_or(0, |pairs| pairs.len()));
    let status = change(map, &name, |pairs| pairs.retain(|(known, _)| *known != name));
    if host(|host| host.map(map, true).map_or(0, |pairs| pairs.len())) == before {
        host(|host| host.wrong(format!("{name} was removed and was not there: the route is resolved again")));
    }
    status
}

#[no_mangle]
unsafe extern "C" fn proxy_replace_header_map_value(
    map: u32,
    key: *const u8,
    key_size: usize,
    value: *const u8,
    value_size: usize,
) -> Status {
    let _side = hostcall("replace_header_map_value");
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
    let _side = hostcall("add_header_map_value");
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
    let _side = hostcall("get_property");
    let path = text(path, path_size);
    let flags = host(|host| host.stream().map(|stream| stream.flags));
    match (path.as_str(), flags) {
        ("response\0flags", Some(flags)) => give(&flags.to_le_bytes(), data, size),
        ("source\0address", Some(_)) => give(b"127.0.0.1:40000", data, size),
        _ => Status::NotFound,
    }
}

#[no_mangle]
unsafe extern "C" fn proxy_set_property(
    path: *const u8,
    path_size: usize,
    value: *const u8,
    value_size: usize,
) -> Status {
    let _side = hostcall("set_property");
    let (path, value) = (text(path, path_size), bytes(value, value_size));
    host(|host| match host.stream() {
        Some(stream) => drop(stream.filter_state.insert(path, value)),
        None => host.wrong("filter state without a stream"),
    });
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
    let _side = hostcall("get_shared_data");
    let key = text(key, key_size);
    match host(|host| host.shared.get(&key).cloned()) {
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
    let _side = hostcall("set_shared_data");
    let (key, value) = (text(key, key_size), bytes(value, value_size));
    host(|host| host.set_shared(key, value, cas))
}

#[no_mangle]
unsafe extern "C" fn proxy_register_shared_queue(name: *const u8, name_size: usize, id: *mut u32) -> Status {
    let _side = hostcall("register_shared_queue");
    let name = text(name, name_size);
    *id = host(|host| {
        let known = host.queues.iter().position(|(known, _)| *known == name);
        let index = known.unwrap_or_else(|| {
            host.queues.push((name, Default::default()));
            host.queues.len() - 1
        });
        u32::try_from(index).expect("few queues")
    });
    Status::Ok
}

#[no_mangle]
unsafe extern "C" fn proxy_dequeue_shared_queue(queue: u32, data: *mut *mut u8, size: *mut usize) -> Status {
    let _side = hostcall("dequeue_shared_queue");
    let value = host(|host| Some(host.queues.get_mut(queue as usize)?.1.pop_front()));
    match value {
        Some(Some(value)) => give(&value, data, size),
        Some(None) => Status::Empty,
        None => Status::NotFound,
    }
}

#[no_mangle]
unsafe extern "C" fn proxy_enqueue_shared_queue(queue: u32, value: *const u8, size: usize) -> Status {
    let _side = hostcall("enqueue_shared_queue");
    let value = bytes(value, size);
    host(|host| host.enqueue(queue, value))
}

#[no_mangle]
extern "C" fn proxy_continue_stream(direction: u32) -> Status {
    let _side = hostcall("continue_stream");
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
    grpc_status: i32,
) -> Status {
    let _side = hostcall("send_local_response");
    let headers = read_map(&bytes(headers, headers_size));
    let body = bytes(body, body_size);
    let reply = LocalReply { status, headers, body };
    host(|host| {
        let reply = if grpc_status < 0 { reply } else { host.in_grpc(reply, grpc_status) };
        host.reply(reply)
    })
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
    timeout_millis: u32,
    token: *mut u32,
) -> Status {
    let _side = hostcall("http_call");
    let cluster = text(cluster, cluster_size);
    if !matches!(cluster.as_str(), "facilitator" | STORE) {
        return Status::BadArgument;
    }
    let (pairs, body) = (read_map(&bytes(headers, headers_size)), bytes(body, body_size));
    *token = host(|host| {
        host.next_token += 1;
        let (token, context) = (host.next_token, host.effective);
        host.calls.push_back(Call { token, context, cluster, pairs, body, timeout_millis });
        token
    });
    Status::Ok
}

#[no_mangle]
extern "C" fn proxy_set_effective_context(context: u32) -> Status {
    let _side = hostcall("set_effective_context");
    host(|host| {
        if context != super::host::ROOT && !host.streams.contains_key(&context) {
            return Status::BadArgument;
        }
        host.effective = context;
        Status::Ok
    })
}

#[no_mangle]
extern "C" fn proxy_done() -> Status {
    let _side = hostcall("done");
    Status::Ok
}

#[no_mangle]
unsafe extern "C" fn proxy_define_metric(_kind: u32, name: *const u8, size: usize, id: *mut u32) -> Status {
    let _side = hostcall("define_metric");
    let name = text(name, size);
    *id = host(|host| {
        let known = host.metrics.iter().position(|(known, _)| *known == name);
        let index = known.unwrap_or_else(|| {
            host.metrics.push((name, 0));
            host.metrics.len() - 1
        });
        u32::try_from(index).expect("few metrics")
    });
    Status::Ok
}

#[no_mangle]
extern "C" fn proxy_record_metric(metric: u32, value: u64) -> Status {
    let _side = hostcall("record_metric");
    host(|host| match host.metrics.get_mut(metric as usize) {
        Some((_, known)) => {
            *known = value.into();
            Status::Ok
        }
        None => Status::NotFound,
    })
}

#[no_mangle]
extern "C" fn proxy_increment_metric(metric: u32, by: i64) -> Status {
    let _side = hostcall("increment_metric");
    host(|host| match host.metrics.get_mut(metric as usize) {
        Some((_, known)) => {
            *known += i128::from(by);
            Status::Ok
        }
        None => Status::NotFound,
    })
}
