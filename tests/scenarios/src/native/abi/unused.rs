//! Hostcalls of the ABI that the shell has no use for. The linker wants them all.

/// Defines symbols that end the process: a shell that calls one needs a host that models it.
macro_rules! unused {
    ($($name:ident)*) => {
        $(
            #[no_mangle]
            extern "C" fn $name() -> u32 {
                panic!(concat!(stringify!($name), " is not modelled: add it to the native host"))
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
