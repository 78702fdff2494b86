//! Private keys in DER: PKCS#8 (RFC 5958) and `ECPrivateKey` (RFC 5915).
//!
//! A key is taken if it is DER as the two documents write it and nothing follows it: definite
//! and minimal lengths, the fields in their order. What is optional is passed over, but for a
//! public key, which is given out so that it can be compared.

/// A named elliptic curve.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Curve {
    Ed25519,
    P256,
    Secp256k1,
}

/// What was found: the secret, and the public key beside it, if any.
pub(super) struct Found<'a> {
    pub(super) curve: Curve,
    pub(super) secret: &'a [u8; 32],
    /// Encoded as its curve does: 32 bytes, or an SEC 1 point.
    pub(super) public: Option<&'a [u8]>,
}

const INTEGER: u8 = 0x02;
const BIT_STRING: u8 = 0x03;
const OCTET_STRING: u8 = 0x04;
const OBJECT: u8 = 0x06;
const SEQUENCE: u8 = 0x30;
/// `[0]` and `[1]` of a constructed type, and `[1]` of a primitive one.
const FIELD_0: u8 = 0xa0;
const FIELD_1: u8 = 0xa1;
const FIELD_1_PRIMITIVE: u8 = 0x81;

/// `id-ecPublicKey`, 1.2.840.10045.2.1.
const EC_PUBLIC_KEY: &[u8] = &[0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01];
/// `id-Ed25519`, 1.3.101.112.
const ED25519: &[u8] = &[0x2b, 0x65, 0x70];
/// `prime256v1`, 1.2.840.10045.3.1.7.
const PRIME256V1: &[u8] = &[0x2a, 0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x07];
/// `secp256k1`, 1.3.132.0.10.
const SECP256K1: &[u8] = &[0x2b, 0x81, 0x04, 0x00, 0x0a];

/// What is left of a DER text.
struct Reader<'a>(&'a [u8]);

/// Reads a `PrivateKeyInfo`.
pub(super) fn pkcs8(der: &[u8]) -> Option<Found<'_>> {
    let mut info = Reader(only(der, SEQUENCE)?);
    let version = info.take(INTEGER)?;
    let mut algorithm = Reader(info.take(SEQUENCE)?);
    let name = algorithm.take(OBJECT)?;
    let curve = match name {
        ED25519 => Curve::Ed25519,
        EC_PUBLIC_KEY => curve(algorithm.take(OBJECT)?)?,
        _ => return None,
    };
    algorithm.end()?;
    let key = info.take(OCTET_STRING)?;
    let _attributes = info.take(FIELD_0);
    let public = match (version, info.take(FIELD_1_PRIMITIVE)) {
        ([0] | [1], None) => None,
        ([1], Some(public)) => Some(bits(public)?),
        _ => return None,
    };
    info.end()?;
    if curve == Curve::Ed25519 {
        let secret = only(key, OCTET_STRING)?.try_into().ok()?;
        return Some(Found { curve, secret, public });
    }
    let found = ec_private_key(key, Some(curve))?;
    Some(Found { public: found.public.or(public), ..found })
}

/// Reads an `ECPrivateKey`; its curve is stated in it, outside it, or the same in both.
pub(super) fn ec_private_key(der: &[u8], outside: Option<Curve>) -> Option<Found<'_>> {
    let mut key = Reader(only(der, SEQUENCE)?);
    if key.take(INTEGER)? != [1] {
        return None;
    }
    let secret = key.take(OCTET_STRING)?.try_into().ok()?;
    let inside = match key.take(FIELD_0) {
        Some(parameters) => Some(curve(only(parameters, OBJECT)?)?),
        None => None,
    };
    let public = match key.take(FIELD_1) {
        Some(public) => Some(bits(only(public, BIT_STRING)?)?),
        None => None,
    };
    key.end()?;
    let curve = outside.or(inside)?;
    (inside.is_none() || inside == Some(curve)).then_some(Found { curve, secret, public })
}

fn curve(name: &[u8]) -> Option<Curve> {
    match name {
        PRIME256V1 => Some(Curve::P256),
        SECP256K1 => Some(Curve::Secp256k1),
        _ => None,
    }
}

/// The content of a bit string of whole bytes.
fn bits(content: &[u8]) -> Option<&[u8]> {
    content.strip_prefix(&[0])
}

/// The content of the one element there is.
fn only(der: &[u8], tag: u8) -> Option<&[u8]> {
    let mut reader = Reader(der);
    let content = reader.take(tag)?;
    reader.end()?;
    Some(content)
}

// === impl Reader ===

impl<'a> Reader<'a> {
    /// The content of the next element, if it has this tag; otherwise nothing is taken.
    fn take(&mut self, tag: u8) -> Option<&'a [u8]> {
        let rest = self.0.strip_prefix(&[tag])?;
        let (length, rest) = match rest {
            [length @ 0..=0x7f, rest @ ..] => (usize::from(*length), rest),
            [0x81, length @ 0x80..=0xff, rest @ ..] => (usize::from(*length), rest),
            [0x82, high @ 1..=0xff, low, rest @ ..] => (usize::from(u16::from_be_bytes([*high, *low])), rest),
            _ => return None,
        };
        let (content, rest) = rest.split_at_checked(length)?;
        self.0 = rest;
        Some(content)
    }

    /// Nothing is left.
    fn end(&self) -> Option<()> {
        self.0.is_empty().then_some(())
    }
}
