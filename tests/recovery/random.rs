//! Random numbers, some of them with long runs of equal bits.

use super::{inputs, Case, Others, Words};

/// A number of random runs of zeros and ones, which carries far.
fn in_runs(word: [u8; 32]) -> [u8; 32] {
    let mut bytes = [0; 32];
    let mut bit = false;
    let mut left = 0u8;
    let mut runs = word.iter().cycle();
    for place in 0..256 {
        if left == 0 {
            bit = !bit;
            left = runs.next().unwrap() % 96;
        }
        left = left.saturating_sub(1);
        bytes[place / 8] |= u8::from(bit) << (place % 8);
    }
    bytes
}

#[test]
fn random_inputs() {
    let others = Others::new();
    let mut words = Words::of("random");
    let (mut keys, count) = (0, inputs(1_200));
    for round in 0..count {
        let mut word = || words.next();
        let mut case = Case { digest: word(), r: word(), s: word(), y_is_odd: round.is_multiple_of(2) };
        match round % 8 {
            1 => case.r = in_runs(case.r),
            3 => case.s = in_runs(case.s),
            5 => case.digest = in_runs(case.digest),
            7 => case = Case { digest: in_runs(case.digest), r: in_runs(case.r), s: in_runs(case.s), ..case },
            _ => {}
        }
        keys += usize::from(others.agree(&case));
    }
    // Half of all x are on the curve.
    assert!((count * 9 / 20..count * 11 / 20).contains(&keys), "{keys} of {count}");
}

#[test]
fn genuine_signatures() {
    let others = Others::new();
    let mut words = Words::of("genuine");
    for _ in 0..inputs(400) / 8 {
        let key = secp256k1::SecretKey::from_byte_array(words.next()).unwrap();
        let digest = words.next();
        let signed = others.native.sign_ecdsa_recoverable(secp256k1::Message::from_digest(digest), &key);
        let (id, compact) = signed.serialize_compact();
        let (r, s) = (compact[..32].try_into().unwrap(), compact[32..].try_into().unwrap());
        let case = Case { digest, r, s, y_is_odd: i32::from(id) == 1 };
        assert!(others.agree(&case));
        let expected = key.public_key(&others.native).serialize_uncompressed();
        assert_eq!(super::recover(&case).unwrap()[..], expected[1..]);
        assert!(others.agree(&Case { y_is_odd: !case.y_is_odd, ..case }));
    }
}
