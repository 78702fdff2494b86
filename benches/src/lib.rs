//! What the filter costs, measured on a real Envoy.
//!
//! | module | what it owns |
//! |---|---|
//! | [`bed`] | one Envoy with a listener for each stack of filters, and the servers behind it |
//! | [`paths`] | what is measured: a listener, requests, the status they must get, a yardstick |
//! | [`load`] | the load generator |
//! | [`origin`] | the application behind the proxy |
//! | [`cpu`] | processor time, memory and pinning, from `/proc` |
//! | [`rounds`] | interleaved rounds and what they come to |
//! | [`stats`] | medians, bootstrap intervals |
//! | [`still`] | what needs no load: size, start-up, memory, claims |
//! | [`report`] | tables for people |

pub mod bed;
pub mod cpu;
pub mod load;
pub mod origin;
pub mod paths;
pub mod report;
pub mod rounds;
pub mod stats;
pub mod still;

/// Anything that keeps a figure from being had; the text is for a person.
pub type Failure = Box<dyn std::error::Error + Send + Sync>;
