//! One table of scenarios, run three ways.
//!
//! | rig | what runs |
//! |---|---|
//! | [`sansio`] | the core alone, carried by a second, minimal shell: bytes in, effects out |
//! | [`native`] | the unmodified proxy-wasm shell over hostcalls of our own, in-process |
//! | [`envoy`] | the module in a real Envoy |
//!
//! A scenario ([`table`]) asks for things and looks at what came of it: the answer, what the
//! upstream received, what the facilitator was asked and what its ledger moved. It knows the
//! rig only through [`rig::Rig`]. What needs many clients at once is in [`parallel`].

pub mod envoy;
pub mod harness;
pub mod native;
pub mod parallel;
pub mod rig;
pub mod sansio;
pub mod shop;
pub mod stage;
pub mod table;
mod wire;
