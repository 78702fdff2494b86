//! What must hold for any input, one module for each thing that is read.
//!
//! A module's `run` takes the bytes of one input, which are text wherever that can be, so that
//! a seed is written by hand and a finding is read with the eyes. It panics where a property
//! does not hold. The files in `fuzz_targets` hand it to libFuzzer; built without it they run
//! the inputs that are named on their command line.
//!
//! | module | what is read | held against |
//! |---|---|---|
//! | [`header`] | base64 of a payment header | a decoder written here |
//! | [`payment`] | JSON of a payment, and what becomes of it | `serde_json`, what was really signed |
//! | [`request`] | header fields of a request | what may be free, what may be quoted |
//! | [`config`] | configurations, as JSON and as `Struct` | each other |
//! | [`answer`] | answers to `/verify` and `/settle` | `serde_json` |
//! | [`supported`] | answers to `/supported`, and the shared snapshot | `serde_json`, itself |
//! | [`paths`] | routes and paths | servers in front of and behind us |
//! | [`money`] | prices, amounts, charges | `num-bigint` |
//! | [`sources`] | addresses of clients, token buckets | the standard library, an exact count |
//! | [`store`] | answers of the store that replicas share | `serde_json`, itself |
//! | [`proof`] | answers of a chain's node | `serde_json` |
//! | [`records`] | what stands in the shared data of a process | itself |
//! | [`recovery`] | digests and signatures | k256 |
//! | [`machines`] | sequences of events around the whole module | a simulated chain |

pub mod answer;
pub mod config;
pub mod cost;
pub mod header;
pub mod machines;
pub mod money;
pub mod paths;
pub mod payment;
pub mod proof;
pub mod records;
pub mod recovery;
pub mod request;
pub mod shop;
pub mod sources;
pub mod store;
pub mod supported;

#[cfg(fuzzing)]
pub use libfuzzer_sys;

/// Makes a target of a function of an input.
#[cfg(fuzzing)]
#[macro_export]
macro_rules! target {
    ($run:path) => {
        $crate::libfuzzer_sys::fuzz_target!(|data: &[u8]| $run(data));
    };
}

/// Makes a program of a function of an input: it runs the files it is given.
#[cfg(not(fuzzing))]
#[macro_export]
macro_rules! target {
    ($run:path) => {
        fn main() {
            for file in std::env::args().skip(1) {
                eprintln!("{file}");
                $run(&std::fs::read(file).expect("a file"));
            }
        }
    };
}
