//! The shared claim store against a real Redis, through both of its fronts.
//!
//! Calls and replies are the module's own; what lies between is what an operator runs: Webdis as
//! Debian packages it, and a front that speaks Upstash's dialect. Without redis-server and webdis
//! there is nothing to test: the tests say so, and fail where `CI` is set.

mod due;
mod faults;
mod late;
mod race;
mod rig;
mod seal;
mod swap;
