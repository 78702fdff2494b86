//! What the filter costs, measured on a real Envoy, beside other projects' servers.
//!
//! | module | what it owns |
//! |---|---|
//! | [`bed`] | one Envoy with a listener for each stack, and the servers behind it |
//! | [`stack`] | what stands between the client and the application |
//! | [`policy`] | what is sold where |
//! | [`peers`] | the other projects' servers |
//! | [`paths`] | what is measured: a stack, requests, the status they must get, a yardstick |
//! | [`load`] | the load generator |
//! | [`origin`] | the application behind the proxy |
//! | [`configure`] | what configuring takes |
//! | [`cpu`] | processor time, memory and pinning, from `/proc` |
//! | [`rounds`] | interleaved rounds and what they come to |
//! | [`recovery`] | recovery of a signer by itself |
//! | [`slow`] | time to a paid answer, where the facilitator takes its time |
//! | [`scale`] | more routes, more workers |
//! | [`stats`] | medians, bootstrap intervals |
//! | [`footprint`] | start-up, memory, what a worker more adds |
//! | [`still`] | what needs no Envoy: the claim table, filled |
//! | [`report`] | tables for people |
//! | [`chart`] | and a picture |

pub mod bed;
pub mod chart;
pub mod configure;
pub mod cpu;
pub mod footprint;
pub mod load;
pub mod origin;
pub mod paths;
pub mod peers;
pub mod policy;
pub mod recovery;
pub mod report;
pub mod rounds;
pub mod scale;
pub mod slow;
pub mod stack;
pub mod stats;
pub mod still;

/// Anything that keeps a figure from being had; the text is for a person.
pub type Failure = Box<dyn std::error::Error + Send + Sync>;
