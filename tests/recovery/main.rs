//! Recovery on secp256k1 against two others, k256 and native libsecp256k1, and against
//! Wycheproof's vectors. Inputs are deterministic.
//!
//! `make test-recovery` takes far more of them, optimised but with every check of a debug build:
//! an overflow in the arithmetic of the field would be seen.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::print_stdout,
    clippy::indexing_slicing,
    clippy::string_slice,
    clippy::arithmetic_side_effects,
    reason = "a test may panic"
)]

mod edges;
mod ladder;
mod random;
mod wycheproof;

use k256::ecdsa::{RecoveryId, Signature, VerifyingKey};
use secp256k1::ecdsa::RecoverableSignature;
use secp256k1::{All, Message, Secp256k1};
use sha3::{Digest, Keccak256};
use x402_proxy_wasm::secp256k1 as ours;

/// A point's coordinates.
type Key = [u8; 64];

/// What to recover from, whatever its range.
#[derive(Clone, Copy, Debug)]
struct Case {
    digest: [u8; 32],
    r: [u8; 32],
    s: [u8; 32],
    y_is_odd: bool,
}

/// The two others.
struct Others {
    native: Secp256k1<All>,
}

impl Others {
    fn new() -> Self {
        Self { native: Secp256k1::new() }
    }

    /// libsecp256k1's answer, for a recovery id from 0 to 3.
    fn native(&self, case: &Case, id: u8) -> Option<Key> {
        let compact = [case.r, case.s].concat();
        let id = secp256k1::ecdsa::RecoveryId::try_from(i32::from(id)).unwrap();
        let signature = RecoverableSignature::from_compact(&compact, id).ok()?;
        let key = self.native.recover_ecdsa(Message::from_digest(case.digest), &signature).ok()?;
        Some(key.serialize_uncompressed()[1..].try_into().unwrap())
    }

    /// Asserts that all three agree; returns whether a key came out.
    fn agree(&self, case: &Case) -> bool {
        let found = recover(case);
        assert_eq!(found, self.native(case, case.y_is_odd.into()), "libsecp256k1 on {case:x?}");
        assert_eq!(found, stock(case), "k256 on {case:x?}");
        found.is_some()
    }
}

fn recover(case: &Case) -> Option<Key> {
    let key = ours::recover(&case.digest, &case.r, &case.s, case.y_is_odd)?;
    Some([key.x, key.y].concat().try_into().unwrap())
}

/// k256's answer. It refuses a high `s`, whose twin names the same key.
fn stock(case: &Case) -> Option<Key> {
    let signature = Signature::from_scalars(case.r, case.s).ok()?;
    let (signature, y_is_odd) = match signature.normalize_s() {
        Some(low) => (low, !case.y_is_odd),
        None => (signature, case.y_is_odd),
    };
    let id = RecoveryId::new(y_is_odd, false);
    let key = VerifyingKey::recover_from_prehash(&case.digest, &signature, id).ok()?;
    Some(key.to_encoded_point(false).as_bytes()[1..].try_into().unwrap())
}

/// A stream of 32-byte words: Keccak in counter mode.
struct Words(&'static str, u64);

impl Words {
    /// `X402_RECOVERY_STREAM` is the number of another one, for a long run in parts.
    fn of(name: &'static str) -> Self {
        let stream = std::env::var("X402_RECOVERY_STREAM").map_or(0, |text| text.parse().expect("a number"));
        Self(name, u64::wrapping_shl(stream, 40))
    }

    fn next(&mut self) -> [u8; 32] {
        self.1 += 1;
        Keccak256::new().chain_update(self.0).chain_update(self.1.to_be_bytes()).finalize().into()
    }
}

/// How many inputs: `X402_RECOVERY` says so for the long form.
fn inputs(short: usize) -> usize {
    let long = std::env::var("X402_RECOVERY").ok();
    long.map_or(short, |number| number.parse().expect("X402_RECOVERY is a number"))
}

/// One in how many of the combinations of edges.
fn step(short: usize) -> usize {
    if std::env::var_os("X402_RECOVERY").is_some() {
        1
    } else {
        short
    }
}
