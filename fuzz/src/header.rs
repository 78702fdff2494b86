//! The base64 of a payment header: one strict alphabet, whole padding or none, one spelling.

use x402_proxy_wasm::protocol::header::{decode, MAX_ENCODED};
use x402_proxy_wasm::protocol::Malformed;

use crate::cost;

/// One header value.
pub fn run(data: &[u8]) {
    let decoded = cost::within(1_024, 2, data.len(), || decode(data));
    if data.len() > MAX_ENCODED {
        assert_eq!(decoded, Err(Malformed::TooLarge));
        return;
    }
    assert_eq!(decoded.clone().ok(), reference(data), "{data:?}");
    let Ok(bytes) = decoded else { return };
    assert!(bytes.len() <= data.len(), "longer than what it was written in");
    crate::payment::run(&bytes);
}

/// RFC 4648, section 4, as the module under test describes what it takes.
fn reference(data: &[u8]) -> Option<Vec<u8>> {
    let blank = |b: &u8| *b == b' ' || *b == b'\t';
    let from = data.iter().position(|b| !blank(b))?;
    let to = data.iter().rposition(|b| !blank(b))? + 1;
    let text = &data[from..to];
    let digits: Vec<u8> = text.iter().copied().take_while(|b| *b != b'=').collect();
    let padding = text.len() - digits.len();
    let whole = (4 - digits.len() % 4) % 4;
    if digits.is_empty() || digits.len() % 4 == 1 || !(padding == 0 || padding == whole) {
        return None;
    }
    if text[digits.len()..].iter().any(|b| *b != b'=') {
        return None;
    }
    let (mut bits, mut held, mut bytes) = (0_u32, 0, Vec::new());
    for digit in digits {
        let value = match digit {
            b'A'..=b'Z' => digit - b'A',
            b'a'..=b'z' => digit - b'a' + 26,
            b'0'..=b'9' => digit - b'0' + 52,
            b'+' => 62,
            b'/' => 63,
            _ => return None,
        };
        bits = bits << 6 | u32::from(value);
        held += 6;
        if held >= 8 {
            held -= 8;
            bytes.push((bits >> held) as u8);
            bits &= (1 << held) - 1;
        }
    }
    (bits == 0).then_some(bytes)
}
