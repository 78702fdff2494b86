//! Our hashing and recovery against two others: alloy (the field's own stack) and native
//! libsecp256k1 (the C code that Ethereum clients run). Inputs are deterministic.
//!
//! Where ours is stricter (`v` 0 and 1, high `s`) the refusal is asserted to be exactly that.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::string_slice,
    clippy::arithmetic_side_effects,
    reason = "a test may panic"
)]

use alloy_primitives::{keccak256, B256, U256};
use alloy_sol_types::{sol, Eip712Domain, SolStruct};
use secp256k1::ecdsa::{RecoverableSignature, RecoveryId};
use secp256k1::{Message, PublicKey, Scalar, Secp256k1, SecretKey};
use x402_proxy_wasm::evm::address::Address;
use x402_proxy_wasm::evm::eip3009::Authorization;
use x402_proxy_wasm::evm::eip712;
use x402_proxy_wasm::evm::recover::recover;
use x402_proxy_wasm::evm::signature::{Signature, SignatureError};
use x402_proxy_wasm::money::Amount;

sol! {
    struct TransferWithAuthorization {
        address from;
        address to;
        uint256 value;
        uint256 validAfter;
        uint256 validBefore;
        bytes32 nonce;
    }
}

/// The group order and the field's modulus, SEC 2 2.4.1.
const N: &str = "0xfffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364141";
const P: &str = "0xfffffffffffffffffffffffffffffffffffffffffffffffffffffffefffffc2f";

/// A stream of 32-byte words: Keccak in counter mode.
struct Words(u64);

impl Words {
    fn next(&mut self) -> [u8; 32] {
        self.0 += 1;
        *keccak256(self.0.to_be_bytes())
    }
}

fn number(text: &str) -> U256 {
    text.parse().unwrap()
}

fn signature(r: &[u8; 32], s: &[u8; 32], v: u8) -> [u8; 65] {
    let mut bytes = [0; 65];
    bytes[..32].copy_from_slice(r);
    bytes[32..64].copy_from_slice(s);
    bytes[64] = v;
    bytes
}

/// libsecp256k1's answer for `v` 27 or 28, whatever `r` and `s` are.
fn native(digest: &[u8; 32], bytes: &[u8; 65]) -> Option<Address> {
    let id = RecoveryId::try_from(i32::from(bytes[64]) - 27).unwrap();
    let signature = RecoverableSignature::from_compact(&bytes[..64], id).ok()?;
    let key = Secp256k1::new().recover_ecdsa(Message::from_digest(*digest), &signature).ok()?;
    Some(address_of(&key))
}

fn address_of(key: &PublicKey) -> Address {
    let hash = keccak256(&key.serialize_uncompressed()[1..]);
    Address::new(hash[12..].try_into().unwrap())
}

/// alloy's answer.
fn alloy(digest: &[u8; 32], bytes: &[u8; 65]) -> Option<Address> {
    let scalar = |range: std::ops::Range<usize>| U256::from_be_slice(&bytes[range]);
    let signature = alloy_primitives::Signature::new(scalar(0..32), scalar(32..64), bytes[64] == 28);
    let address = signature.recover_address_from_prehash(&B256::from(*digest)).ok()?;
    Some(Address::new(address.into_array()))
}

/// Asserts that all three agree, or that ours refuses by the rule that says so. Returns
/// whether a key came out.
fn agree(digest: &[u8; 32], bytes: &[u8; 65]) -> bool {
    let n = number(N);
    let (r, s) = (U256::from_be_slice(&bytes[..32]), U256::from_be_slice(&bytes[32..64]));
    let in_range = |scalar: U256| !scalar.is_zero() && scalar < n;
    let ours = Signature::from_bytes(bytes);
    if !matches!(bytes[64], 27 | 28) {
        assert_eq!(ours, Err(SignatureError::RecoveryId));
        return false;
    }
    if !in_range(r) || !in_range(s) {
        assert_eq!(ours, Err(SignatureError::OutOfRange));
        assert_eq!(native(digest, bytes), None, "{digest:x?} {bytes:x?}");
        return false;
    }
    if s > n >> 1 {
        assert_eq!(ours, Err(SignatureError::HighS));
        return false;
    }
    let ours = recover(digest, &ours.unwrap());
    assert_eq!(ours, native(digest, bytes), "{digest:x?} {bytes:x?}");
    assert_eq!(ours, alloy(digest, bytes), "{digest:x?} {bytes:x?}");
    ours.is_some()
}

#[test]
fn hashes_are_alloys() {
    let mut words = Words(0);
    for round in 0..2_000usize {
        let mut word = || words.next();
        let address = |word: [u8; 32]| Address::new(word[12..].try_into().unwrap());
        let theirs = |address: &Address| alloy_primitives::Address::from(*address.as_bytes());
        // Numbers of every size, from nothing to all 256 bits.
        let mut amount = || U256::from_be_bytes(word()) >> (round % 257);
        let ours = |number: U256| Amount::parse(&number.to_string()).unwrap();
        let (value, valid_after, valid_before) = (amount(), amount(), amount());
        let (from, to, contract) = (address(word()), address(word()), address(word()));
        let nonce = word();
        let chain_id = u64::from_be_bytes(word()[..8].try_into().unwrap()) >> (round % 64);
        // Texts of every length around Keccak's block of 136 bytes.
        let text = alloy_primitives::hex::encode(word()).repeat(5);
        let (name, version) = (&text[..round % 300], &text[..round % 7]);

        let domain = Eip712Domain::new(
            Some(name.to_owned().into()),
            Some(version.to_owned().into()),
            Some(U256::from(chain_id)),
            Some(theirs(&contract)),
            None,
        );
        let separator = eip712::domain_separator(name, version, chain_id, &contract);
        assert_eq!(separator, *domain.separator());

        let message = TransferWithAuthorization {
            from: theirs(&from),
            to: theirs(&to),
            value,
            validAfter: valid_after,
            validBefore: valid_before,
            nonce: nonce.into(),
        };
        let authorization = Authorization {
            from,
            to,
            value: ours(value),
            valid_after: ours(valid_after),
            valid_before: ours(valid_before),
            nonce,
        };
        assert_eq!(authorization.struct_hash(), *message.eip712_hash_struct());
        assert_eq!(authorization.digest(&separator), *message.eip712_signing_hash(&domain));
    }
}

#[test]
fn genuine_signatures_and_their_near_misses() {
    let mut words = Words(1 << 32);
    let secp = Secp256k1::new();
    let n = number(N);
    for _ in 0..2_500 {
        let key = SecretKey::from_byte_array(words.next()).unwrap();
        let digest = words.next();
        let signed = secp.sign_ecdsa_recoverable(Message::from_digest(digest), &key);
        let (id, compact) = signed.serialize_compact();
        let v = 27 + u8::try_from(i32::from(id)).unwrap();
        let r: [u8; 32] = compact[..32].try_into().unwrap();
        let s: [u8; 32] = compact[32..].try_into().unwrap();

        let genuine = signature(&r, &s, v);
        assert!(agree(&digest, &genuine));
        let signer = recover(&digest, &Signature::from_bytes(&genuine).unwrap());
        assert_eq!(signer, Some(address_of(&key.public_key(&secp))));

        agree(&digest, &signature(&r, &s, 55 - v));
        agree(&digest, &signature(&r, &s, v - 27));
        let twin = (n - U256::from_be_bytes(s)).to_be_bytes();
        let twin = signature(&r, &twin, 55 - v);
        assert_eq!(Signature::from_bytes(&twin), Err(SignatureError::HighS));
        assert_eq!(native(&digest, &twin), signer, "the others take it for the same payer's");
        agree(&words.next(), &genuine);
        agree(&digest, &signature(&s, &r, v));
    }
}

#[test]
fn random_numbers() {
    let mut words = Words(2 << 32);
    let mut keys = 0;
    for round in 0..4_000u32 {
        let (digest, r) = (words.next(), words.next());
        let s: U256 = U256::from_be_bytes(words.next()) >> 1;
        let v = 27 + (round % 2) as u8;
        keys += u32::from(agree(&digest, &signature(&r, &s.to_be_bytes(), v)));
    }
    // Half of all x are on the curve.
    assert!((1_800..2_200).contains(&keys), "{keys}");
}

#[test]
fn edges_of_every_number() {
    let (n, p, one) = (number(N), number(P), U256::from(1));
    let half = n >> 1;
    let scalars = [
        U256::ZERO,
        one,
        one + one,
        p - n - one,
        p - n,
        p - n + one,
        half - one,
        half,
        half + one,
        n - one - one,
        n - one,
        n,
        n + one,
        p - one,
        p,
        p + one,
        U256::MAX,
    ];
    let digests = [U256::ZERO, one, half, n - one, n, n + one, p, U256::MAX];
    let mut words = Words(3 << 32);
    let mut keys = 0;
    for digest in digests.map(|digest| digest.to_be_bytes()).into_iter().chain([words.next()]) {
        for r in &scalars {
            for s in &scalars {
                for v in [0, 1, 26, 27, 28, 29, 30, 255] {
                    let bytes = signature(&r.to_be_bytes(), &s.to_be_bytes(), v);
                    keys += u32::from(agree(&digest, &bytes));
                }
            }
        }
    }
    assert!(keys > 100, "{keys}");
}

/// Ephemeral points whose discrete logarithm is known, so that `s R` and `z G` collide:
/// equal (a doubling), opposite (infinity), or one of them nothing.
#[test]
fn colliding_terms_and_the_point_at_infinity() {
    let secp = Secp256k1::new();
    let (n, one) = (number(N), U256::from(1));
    let mut words = Words(4 << 32);
    let logarithms = [one, one + one, U256::from(3), n - one, n - one - one, n >> 1]
        .map(|k| k.to_be_bytes())
        .into_iter()
        .chain(std::iter::repeat_with(|| words.next()).take(40));
    let (mut keys, mut infinities) = (0, 0);
    for k in logarithms {
        let k = SecretKey::from_byte_array(k).unwrap();
        let point = k.public_key(&secp).serialize();
        let (r, v): ([u8; 32], u8) = (point[1..].try_into().unwrap(), 25 + point[0]);
        for s in [one, one + one, n >> 1, U256::from(0x1234_5678_u64)] {
            let s: [u8; 32] = s.to_be_bytes();
            let z = k.mul_tweak(&Scalar::from_be_bytes(s).unwrap()).unwrap();
            let collision = z.secret_bytes();
            let at_infinity = signature(&r, &s, v);
            assert!(!agree(&collision, &at_infinity));
            assert_eq!(recover(&collision, &Signature::from_bytes(&at_infinity).unwrap()), None);
            infinities += 1;
            let digests = [z.negate().secret_bytes(), [0; 32], n.to_be_bytes(), s];
            for digest in digests {
                keys += u32::from(agree(&digest, &at_infinity));
            }
            keys += u32::from(agree(&collision, &signature(&r, &s, 55 - v)));
        }
    }
    assert_eq!(infinities, 46 * 4);
    assert!(keys > 800, "{keys}");
}
