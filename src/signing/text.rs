//! Keys as operators have them: PEM, base64, hexadecimal.

use base64::engine::general_purpose::STANDARD;
use base64::Engine;

use super::der::{self, Curve, Found};
use super::{ed25519, p256, secp256k1, Key, Kind};
use crate::digits::unhex;

/// Longest key read, in bytes of text. An RSA key of 4096 bits is shorter, and none of ours.
const MAX_TEXT: usize = 8192;

/// Why a text is no key. Says nothing of the text.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum KeyError {
    /// None of the three forms.
    #[error(
        "this is no private key: neither one PEM block, nor base64 of 64 bytes, nor 64 hexadecimal digits"
    )]
    Form,
    /// A PEM block under a passphrase.
    #[error("the key is encrypted")]
    Encrypted,
    /// PEM, but not of a key we can use.
    #[error("the PEM block holds no private key of Ed25519, P-256 or secp256k1")]
    Kind,
    /// The public key beside the secret is another one's.
    #[error("the public half of the key does not belong to its secret half")]
    Halves,
    /// Zero, or not below the curve's order.
    #[error("the number is not a key of its curve")]
    Range,
}

/// See [`Key::parse`].
pub(super) fn parse(text: &str) -> Result<Key, KeyError> {
    let text = text.trim();
    if text.len() > MAX_TEXT {
        return Err(KeyError::Form);
    }
    if text.starts_with(BEGIN) {
        return pem(text);
    }
    let digits = text.strip_prefix("0x").unwrap_or(text);
    let mut scalar = [0; 32];
    if unhex(digits, &mut scalar) {
        return secp256k1::Secret::new(&scalar).map(|key| Key(Kind::Secp256k1(key))).ok_or(KeyError::Range);
    }
    let bytes = STANDARD.decode(text).map_err(|_| KeyError::Form)?;
    let (seed, public) = bytes.split_first_chunk::<32>().ok_or(KeyError::Form)?;
    if public.len() != 32 {
        return Err(KeyError::Form);
    }
    key(&Found { curve: Curve::Ed25519, secret: seed, public: Some(public) })
}

const BEGIN: &str = "-----BEGIN ";
const END: &str = "-----END ";
const DASHES: &str = "-----";

/// One PEM block (RFC 7468) without headers, of which only `\n` and `\r` may be left of
/// line breaks.
fn pem(text: &str) -> Result<Key, KeyError> {
    // No byte of a block but a written line break is a backslash, and no label has a dash.
    let mut block = String::with_capacity(text.len());
    let mut rest = text.chars();
    while let Some(char) = rest.next() {
        match char {
            '\\' if matches!(rest.next(), Some('n' | 'r')) => block.push('\n'),
            '\\' => return Err(KeyError::Form),
            other => block.push(other),
        }
    }
    let rest = block.strip_prefix(BEGIN).ok_or(KeyError::Form)?;
    let (label, rest) = rest.split_once('-').ok_or(KeyError::Form)?;
    let body = rest.strip_prefix("----").ok_or(KeyError::Form)?;
    let body = body.trim_end().strip_suffix(DASHES).and_then(|body| body.strip_suffix(label));
    let body = body.and_then(|body| body.strip_suffix(END)).ok_or(KeyError::Form)?;
    // Headers name the cipher of a traditional block: "DEK-Info: AES-128-CBC,...".
    if label == "ENCRYPTED PRIVATE KEY" || body.contains(':') {
        return Err(KeyError::Encrypted);
    }
    let body: Vec<u8> = body.bytes().filter(|byte| !byte.is_ascii_whitespace()).collect();
    let der = STANDARD.decode(body).map_err(|_| KeyError::Form)?;
    let found = match label {
        "PRIVATE KEY" => der::pkcs8(&der),
        "EC PRIVATE KEY" => der::ec_private_key(&der, None),
        _ => None,
    };
    key(&found.ok_or(KeyError::Kind)?)
}

fn key(found: &Found<'_>) -> Result<Key, KeyError> {
    let (kind, public) = match found.curve {
        Curve::Ed25519 => {
            let secret = ed25519::Secret::new(found.secret);
            let public = secret.public().to_vec();
            (Kind::Ed25519(secret), public)
        }
        Curve::P256 => {
            let secret = p256::Secret::new(found.secret).ok_or(KeyError::Range)?;
            let public = secret.public().encode();
            (Kind::P256(secret), public)
        }
        Curve::Secp256k1 => {
            let secret = secp256k1::Secret::new(found.secret).ok_or(KeyError::Range)?;
            let public = secret.public().encode();
            (Kind::Secp256k1(secret), public)
        }
    };
    if found.public.is_some_and(|stated| stated != public) {
        return Err(KeyError::Halves);
    }
    Ok(Key(kind))
}
