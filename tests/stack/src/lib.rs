//! The development stack: everything around the filter that a test or a demo needs, and
//! nothing the filter itself uses.
//!
//! | module | what it plays |
//! |---|---|
//! | [`facilitator`] | verifies and settles EIP-3009 payments on an in-memory ledger, and fails on command |
//! | [`upstream`] | the application behind the proxy: echoes, delays, streams, breaks |
//! | [`payer`] | quotes in, signed payments out, honest or hostile |
//! | [`client`] | HTTP as a test wants to speak it, down to the byte |
//! | [`envoy`] | a real Envoy on free ports, with a rewritten configuration |
//! | [`redis`] | a real Redis, and the fronts that speak HTTP for it: Webdis, and one like Upstash's |
//! | [`http1`] | the small HTTP/1.1 server under facilitator and upstream, with control of the socket |
//! | [`network`] | a line between two ends that breaks on command, and several addresses behind one |
//! | [`eip3009`] | `TransferWithAuthorization` by alloy: the independent oracle |
//! | [`permit2`] | the same for Permit2's `PermitWitnessTransferFrom` |
//!
//! Servers run on threads of their own, so they can be used from plain and from async tests
//! and outlive the runtime of the test that started them.

pub mod cli;
pub mod client;
pub mod eip3009;
pub mod envoy;
pub mod facilitator;
pub mod http1;
mod listen;
pub mod network;
pub mod payer;
pub mod permit2;
pub mod redis;
pub mod upstream;
