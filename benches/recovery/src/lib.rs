//! Three ways from a digest and a signature to an address, over the same signatures.
//!
//! Each export recovers so many signers and returns a sum over their addresses, which is the
//! same for all.

use std::sync::OnceLock;

use k256::ecdsa::{RecoveryId, SigningKey, VerifyingKey};
use sha3::{Digest, Keccak256};
use x402_proxy_wasm::evm::recover;
use x402_proxy_wasm::evm::signature::Signature;

/// How many signatures there are, each of another key.
const SIGNATURES: usize = 64;

struct Signed {
    digest: [u8; 32],
    bytes: [u8; 65],
}

fn signed() -> &'static [Signed] {
    static SIGNED: OnceLock<Vec<Signed>> = OnceLock::new();
    SIGNED.get_or_init(|| {
        let word =
            |name: &str, number: usize| -> [u8; 32] { Keccak256::digest(format!("{name} {number}")).into() };
        let sign = |number| {
            let key = SigningKey::from_slice(&word("key", number)).expect("below the order");
            let digest = word("digest", number);
            let (signature, id) = key.sign_prehash_recoverable(&digest).expect("signs");
            let mut bytes = [0; 65];
            bytes[..64].copy_from_slice(&signature.to_bytes());
            bytes[64] = 27 + id.to_byte();
            Signed { digest, bytes }
        };
        (0..SIGNATURES).map(sign).collect()
    })
}

fn sum(count: u32, recover: impl Fn(&Signed) -> [u8; 20]) -> u32 {
    let signed = signed().iter().cycle().take(count as usize);
    signed.fold(0u32, |sum, signed| {
        let address = recover(signed);
        sum.rotate_left(1) ^ u32::from_be_bytes([address[0], address[7], address[13], address[19]])
    })
}

/// k256 as it comes.
#[no_mangle]
pub extern "C" fn stock(count: u32) -> u32 {
    sum(count, |signed| {
        let signature = k256::ecdsa::Signature::from_slice(&signed.bytes[..64]).expect("in range");
        let id = RecoveryId::from_byte(signed.bytes[64] - 27).expect("0 or 1");
        let key = VerifyingKey::recover_from_prehash(&signed.digest, &signature, id).expect("a key");
        let point = key.to_encoded_point(false);
        let hash = Keccak256::digest(&point.as_bytes()[1..]);
        hash[12..].try_into().expect("20 bytes")
    })
}

/// Ours.
#[no_mangle]
pub extern "C" fn ours(count: u32) -> u32 {
    sum(count, |signed| {
        let signature = Signature::from_bytes(&signed.bytes).expect("well-formed");
        *recover::recover(&signed.digest, &signature).expect("a key").as_bytes()
    })
}

/// k256's arithmetic without its second verification, as ours was before.
#[no_mangle]
pub extern "C" fn lean(count: u32) -> u32 {
    sum(count, lean::recover)
}

mod lean {
    use k256::elliptic_curve::ops::{Invert, LinearCombinationExt, Reduce};
    use k256::elliptic_curve::point::DecompressPoint;
    use k256::elliptic_curve::sec1::ToEncodedPoint;
    use k256::elliptic_curve::subtle::Choice;
    use k256::{AffinePoint, FieldBytes, ProjectivePoint, Scalar, U256};
    use sha3::{Digest, Keccak256};

    use super::Signed;

    pub(super) fn recover(signed: &Signed) -> [u8; 20] {
        let word = |bytes: &[u8]| FieldBytes::from(<[u8; 32]>::try_from(bytes).expect("32 bytes"));
        let scalar = |bytes: &[u8]| <Scalar as Reduce<U256>>::reduce_bytes(&word(bytes));
        let (r, s) = signed.bytes[..64].split_at(32);
        let parity = Choice::from(signed.bytes[64] - 27);
        let ephemeral = AffinePoint::decompress(&word(r), parity).expect("on the curve");
        let inverse = scalar(r).invert_vartime().expect("not zero");
        let key = ProjectivePoint::lincomb_ext(&[
            (ProjectivePoint::GENERATOR, -(inverse * scalar(&signed.digest))),
            (ProjectivePoint::from(ephemeral), inverse * scalar(s)),
        ]);
        let point = key.to_affine().to_encoded_point(false);
        let hash = Keccak256::digest(&point.as_bytes()[1..]);
        hash[12..].try_into().expect("20 bytes")
    }
}
