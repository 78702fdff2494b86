//! A small HTTP/1.1 server whose answers may be scripts: bytes, pauses, resets.
//!
//! General servers hide the socket; a facilitator that must reset after booking, or stop in
//! the middle of a body, needs it. Keep-alive and pipelining work, bodies may be chunked.

mod connection;
mod reply;
mod request;
mod server;

pub use crate::listen::Server;
pub(crate) use reply::{write_header, write_status};
pub use reply::{Reply, Response, Script, Step};
pub use request::{Header, Request};
pub use server::{serve, Service};
