//! Wycheproof's vectors of ECDSA on secp256k1: under each signature that is valid its key, and no
//! other's, is recovered; under none that is invalid is it.

use secp256k1::ecdsa::Signature;
use sha2::{Digest, Sha256};
use wycheproof::ecdsa::{TestName, TestSet};
use wycheproof::TestResult;

use super::{recover, Case, Others};

/// `r` and `s` of a signature of 64 bytes, or in DER.
fn numbers(signature: &[u8], is_der: bool) -> Option<([u8; 32], [u8; 32])> {
    let compact: [u8; 64] = if is_der {
        Signature::from_der(signature).ok()?.serialize_compact()
    } else {
        signature.try_into().ok()?
    };
    Some((compact[..32].try_into().ok()?, compact[32..].try_into().ok()?))
}

fn is_high(s: &[u8; 32]) -> bool {
    Signature::from_compact(&[[1; 32], *s].concat()).is_ok_and(|signature| {
        let mut low = signature;
        low.normalize_s();
        low != signature
    })
}

#[test]
fn wycheproof() {
    let others = Others::new();
    let (mut valid, mut invalid, mut above) = (0, 0, 0);
    for (name, is_der) in [
        (TestName::EcdsaSecp256k1Sha256P1363, false),
        (TestName::EcdsaSecp256k1Sha256, true),
        (TestName::EcdsaSecp256k1Sha256Bitcoin, true),
    ] {
        for group in TestSet::load(name).unwrap().test_groups {
            let key: &[u8] = &group.key.key;
            for test in group.tests {
                let digest = Sha256::digest(&test.msg).into();
                let Some((r, s)) = numbers(&test.sig, is_der) else {
                    invalid += 1;
                    assert_ne!(test.result, TestResult::Valid, "{name:?} {}", test.tc_id);
                    continue;
                };
                let cases = [false, true].map(|y_is_odd| Case { digest, r, s, y_is_odd });
                for case in &cases {
                    others.agree(case);
                }
                let is_its = |found: Option<[u8; 64]>| found.is_some_and(|found| found[..] == key[1..]);
                let recovered = cases.iter().filter(|case| is_its(recover(case))).count();
                match test.result {
                    // Invalid in Bitcoin alone, for a high s: that is for our caller to see.
                    TestResult::Invalid if name == TestName::EcdsaSecp256k1Sha256Bitcoin && is_high(&s) => {}
                    TestResult::Invalid => {
                        invalid += 1;
                        assert_eq!(recovered, 0, "{name:?} {}", test.tc_id);
                    }
                    // x may be r + n, which Ethereum has no name for.
                    _ if recovered == 0 => {
                        above += 1;
                        let second = [2, 3].map(|id| others.native(&cases[0], id));
                        assert!(second.into_iter().any(is_its), "{name:?} {}", test.tc_id);
                    }
                    _ => {
                        valid += 1;
                        assert_eq!(recovered, 1, "{name:?} {}", test.tc_id);
                    }
                }
            }
        }
    }
    println!("{valid} valid, {invalid} invalid, {above} above the order");
    assert!(valid > 300 && invalid > 300 && above > 0, "{valid} {invalid} {above}");
}
