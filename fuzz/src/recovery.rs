//! Whose key a signature is.
//!
//! Four words, in hexadecimal digits. `r DIGEST R S`: recovered from these. `k K A B`: from what
//! makes it `A G + B R`, where `R` is `K G`, so that sums on the way may meet.

use k256::ecdsa::{RecoveryId, Signature, VerifyingKey};
use k256::elliptic_curve::ops::Reduce;
use k256::elliptic_curve::sec1::ToEncodedPoint;
use k256::{ProjectivePoint, Scalar, U256};
use x402_proxy_wasm::secp256k1;

use crate::cost;

type Word = [u8; 32];

/// Words of 32 bytes, and which of two things they mean.
pub fn run(data: &[u8]) {
    secp256k1::prepare();
    let text = String::from_utf8_lossy(data);
    let mut words = text.split_ascii_whitespace();
    let kind = words.next();
    let mut number = || words.next().and_then(word);
    let (Some(first), Some(second), Some(third)) = (number(), number(), number()) else { return };
    match kind {
        Some("k") => known(scalar(&first), scalar(&second), scalar(&third)),
        _ => {
            for y_is_odd in [false, true] {
                agree(&first, &second, &third, y_is_odd);
            }
        }
    }
}

/// `R` is a known multiple of the generator, and so is what must come out.
fn known(k: Scalar, of_generator: Scalar, of_ephemeral: Scalar) {
    let point = (ProjectivePoint::GENERATOR * k).to_affine().to_encoded_point(false);
    let (Some(x), Some(y)) = (point.x(), point.y()) else { return };
    let r = scalar(&(*x).into());
    if Word::from(r.to_bytes()) != Word::from(*x) {
        return;
    }
    let digest = (-of_generator * r).to_bytes().into();
    let s = (of_ephemeral * r).to_bytes().into();
    let found = agree(&digest, &(*x).into(), &s, y[31] % 2 == 1);
    let sum = ProjectivePoint::GENERATOR * (of_generator + of_ephemeral * k);
    let expected = if of_ephemeral == Scalar::ZERO { ProjectivePoint::IDENTITY } else { sum };
    let expected = expected.to_affine().to_encoded_point(false);
    assert_eq!(
        found.as_ref().map(|key| &key[..]),
        expected.as_bytes().get(1..).filter(|key| !key.is_empty())
    );
}

/// Ours and k256's, which refuses a high `s`: its twin is of the same key.
fn agree(digest: &Word, r: &Word, s: &Word, y_is_odd: bool) -> Option<[u8; 64]> {
    let ours = cost::within(0, 0, 0, || secp256k1::recover(digest, r, s, y_is_odd));
    let ours = ours.map(|key| <[u8; 64]>::try_from([key.x, key.y].concat()).expect("64 bytes"));
    let stock = Signature::from_scalars(*r, *s).ok().and_then(|signature| {
        let low = signature.normalize_s();
        let id = RecoveryId::new(y_is_odd != low.is_some(), false);
        VerifyingKey::recover_from_prehash(digest, &low.unwrap_or(signature), id).ok()
    });
    let stock = stock.map(|key| key.to_encoded_point(false));
    assert_eq!(ours.as_ref().map(|key| &key[..]), stock.as_ref().map(|key| &key.as_bytes()[1..]));
    ours
}

fn scalar(word: &Word) -> Scalar {
    <Scalar as Reduce<U256>>::reduce_bytes(&(*word).into())
}

/// Up to 64 digits, of which the last one counts least.
fn word(text: &str) -> Option<Word> {
    let mut word = [0; 32];
    if text.len() > 64 {
        return None;
    }
    for (place, digit) in text.bytes().rev().enumerate() {
        let digit = char::from(digit).to_digit(16)?;
        word[31 - place / 2] |= (digit as u8) << (4 * (place % 2));
    }
    Some(word)
}
