//! What lies between two programs: a [`Line`] that breaks on command, and a [`Balancer`] that
//! puts several addresses behind one.
//!
//! Both carry bytes and know nothing of HTTP, so what breaks is a connection, not a request:
//! the caller's pool, its retries and its time-outs are met as a real network meets them.

mod balancer;
mod line;
mod relay;

pub use balancer::Balancer;
pub use line::{Aim, Line, Traffic, Trouble};
